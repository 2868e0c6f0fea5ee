"""The resolver for names of laws, kept per process and renewed when a law is added or renamed."""

from __future__ import annotations

import threading
from collections import defaultdict
from typing import Any

from sqlalchemy import func, select

from portal.config import settings
from portal.core.db import db
from portal.core.unit_of_work import transactional
from portal.knowledge.models import Law
from portal.knowledge.thesaurus import FILE, thesaurus
from search_index import LawNames, is_document_number

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


def not_held(name: str) -> str:
    """Say that no law of this name is held, or whose number it is not known, without the full stop."""
    if is_document_number(name):
        return f"没有登记文号“{name}”是哪一部"
    return f"没有收录《{short(name)}》"


@transactional
def refresh_aliases() -> int:
    """Give each law the short names of `content/thesaurus.yaml`; returns how many changed."""
    if not (settings().content_dir / FILE).exists():
        return 0
    aliases: dict[str, list[str]] = defaultdict(list)
    for alias, name in thesaurus().law_names.items():
        aliases[name].append(alias)
    changed = 0
    for law in db.session.scalars(select(Law)):
        if law.aliases != aliases.get(law.name, []):
            law.aliases = aliases.get(law.name, [])
            changed += 1
    return changed
