"""Reading the record."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.orm import aliased

from portal.audit.models import AuditEvent
from portal.core.db import db


@dataclass(frozen=True)
class EventFilter:
    """What an auditor looks for; None leaves a field open. `until` is exclusive."""

    actor_id: uuid.UUID | None = None
    subject_kind: str | None = None
    subject_id: uuid.UUID | None = None
    action: str | None = None
    since: datetime | None = None
    until: datetime | None = None


def events(wanted: EventFilter) -> Select[Any]:
    """Return the query for the events that match; `action` matches as a prefix."""
    query = select(AuditEvent)
    if wanted.actor_id is not None:
        query = query.where(AuditEvent.actor_id == wanted.actor_id)
    if wanted.subject_kind is not None:
        query = query.where(AuditEvent.subject_kind == wanted.subject_kind)
    if wanted.subject_id is not None:
        query = query.where(AuditEvent.subject_id == wanted.subject_id)
    if wanted.action is not None:
        query = query.where(AuditEvent.action.in_(_actions(wanted.action)))
    if wanted.since is not None:
        query = query.where(AuditEvent.at >= wanted.since)
    if wanted.until is not None:
        query = query.where(AuditEvent.at < wanted.until)
    return query


def _actions(prefix: str) -> list[str]:
    """Return the actions of the record that begin with `prefix`, by one step of the index for each action that there is.

    Looking for the beginning itself goes through the whole record: neither database has an index for it, PostgreSQL
    because its order follows the language.
    """
    first = select(func.min(AuditEvent.action).label("action")).cte("found", recursive=True)
    later = aliased(AuditEvent)
    following = (
        select(func.min(later.action)).where(later.action > first.c.action).scalar_subquery()
    )
    every = first.union_all(select(following).where(first.c.action.is_not(None)))
    return [
        action
        for action in db.session.scalars(select(every.c.action).where(every.c.action.is_not(None)))
        if action.startswith(prefix)
    ]
