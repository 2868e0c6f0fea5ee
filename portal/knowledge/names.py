"""The resolver for names of laws, kept per process and renewed when a law is added or renamed."""

from __future__ import annotations

import threading
from typing import Any

from sqlalchemy import func, select

from portal.core.db import db
from portal.knowledge.models import Law
from search_index import LawNames

_lock = threading.Lock()
_cached: tuple[tuple[Any, ...], LawNames] | None = None


def law_names() -> LawNames:
    """Return the resolver over all loaded laws; one cheap statement when nothing changed."""
    global _cached
    newest = select(Law.id).order_by(Law.id.desc()).limit(1).scalar_subquery()
    stamp = tuple(
        db.session.execute(select(func.count(Law.id), func.max(Law.updated_at), newest)).one()
    )
    known = _cached
    if known is not None and known[0] == stamp:
        return known[1]
    rows = db.session.execute(select(Law.name, Law.aliases)).all()
    names = LawNames(
        [name for name, _ in rows],
        {alias: name for name, aliases in rows for alias in aliases},
    )
    with _lock:
        _cached = (stamp, names)
    return names


def short(name: str) -> str:
    """A law's name as people say it: without 中华人民共和国 at its beginning."""
    return name.removeprefix("中华人民共和国") or name
