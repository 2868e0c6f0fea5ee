"""Reading the record."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, select

from portal.audit.models import AuditEvent


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
        query = query.where(AuditEvent.action.startswith(wanted.action, autoescape=True))
    if wanted.since is not None:
        query = query.where(AuditEvent.at >= wanted.since)
    if wanted.until is not None:
        query = query.where(AuditEvent.at < wanted.until)
    return query
