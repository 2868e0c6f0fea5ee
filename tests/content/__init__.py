"""What the district edits: FAQ and other content files."""
