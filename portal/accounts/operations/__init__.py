"""Use cases of the room, by what they are about."""
