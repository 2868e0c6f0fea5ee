"""The fields of residents' questions, shared by FAQ, guides and consultations."""

from __future__ import annotations

from sqlalchemy import select

from portal.core.db import db
from portal.knowledge.models import Category


def codes() -> frozenset[str]:
    """Return the codes of all categories; one statement."""
    return frozenset(db.session.scalars(select(Category.code)))
