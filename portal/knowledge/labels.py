"""The categories' labels in memory: every search shows them, and they hardly ever change."""

from __future__ import annotations

import time
from weakref import WeakKeyDictionary

from sqlalchemy import Engine

from portal.core.db import db
from portal.knowledge import queries

# A label that was changed shows in every process after this long.
KEPT_SECONDS = 2.0

_kept: WeakKeyDictionary[Engine, tuple[float, dict[str, str]]] = WeakKeyDictionary()


def category_labels() -> dict[str, str]:
    """Return the Chinese label of each category by code, at most two seconds old."""
    now = time.monotonic()
    kept = _kept.get(db.engine)
    if kept is None or now - kept[0] > KEPT_SECONDS:
        kept = now, queries.category_labels()
        _kept[db.engine] = kept
    return kept[1]
