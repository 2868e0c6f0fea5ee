"""Reads of the room. Each runs a bounded number of statements."""
