"""The portal's tests; they mirror `portal/` and `search_index/`."""
