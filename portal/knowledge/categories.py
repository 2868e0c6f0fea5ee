"""The categories' labels and keywords in memory: searches show and compare them, and they hardly ever change."""

from __future__ import annotations

import time
from dataclasses import dataclass
from weakref import WeakKeyDictionary

from sqlalchemy import Engine

from portal.core.db import db
from portal.knowledge import queries

# What was changed shows in every process after this long.
KEPT_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class _Kept:
    read_at: float
    labels: dict[str, str]
    keywords: tuple[tuple[str, tuple[str, ...]], ...]


_kept: WeakKeyDictionary[Engine, _Kept] = WeakKeyDictionary()


def category_labels() -> dict[str, str]:
    """Return the Chinese label of each category by code, at most two seconds old."""
    return _read().labels


def require_known(*codes: str | None) -> None:
    """Raise Invalid (field `category`) for a code that is none; None, for no filter, is let pass."""
    wanted = set(codes) - {None}
    if wanted <= set(category_labels()):
        return
    # It may be younger than what is kept.
    known = {each.code: each.label for each in queries.categories()}
    if not wanted <= set(known):
        raise queries.no_such_category(known)


def category_keywords() -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Return each category's code and keywords, in the order of display, at most two seconds old."""
    return _read().keywords


def forget() -> None:
    """Read them anew next time: for who has just changed them in this process."""
    _kept.pop(db.engine, None)


def _read() -> _Kept:
    now = time.monotonic()
    kept = _kept.get(db.engine)
    if kept is None or now - kept.read_at > KEPT_SECONDS:
        categories = queries.categories()
        kept = _Kept(
            now,
            {each.code: each.label for each in categories},
            tuple((each.code, tuple(each.keywords)) for each in categories),
        )
        _kept[db.engine] = kept
    return kept
