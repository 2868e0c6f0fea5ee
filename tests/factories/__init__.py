"""Makes the people and things that tests are about."""
