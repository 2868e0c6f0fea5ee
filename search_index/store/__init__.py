"""Generations and deltas on disk: written completely, synced, then switched to by one rename."""
