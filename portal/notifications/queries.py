"""Reads of messages, each with one statement."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, case, func, select

from portal.config import settings
from portal.core.actor import Actor
from portal.core.db import db
from portal.notifications import templates
from portal.notifications.models import RECIPIENTS, Channel, Message, Recipient


@dataclass(frozen=True)
class Shown:
    """A message with its text, as the person reads it."""

    id: uuid.UUID
    template: str
    title: str
    body: str
    subject_kind: str
    subject_id: uuid.UUID | None
    reference: str | None
    silent: bool
    created_at: datetime
    read_at: datetime | None


@dataclass(frozen=True)
class Unread:
    """How many messages wait; `badge` leaves out those that must not show outside the app."""

    unread: int
    badge: int


def common_parameters() -> Mapping[str, str]:
    """Return the parameters that every text may use: the district's name and the office's phone."""
    found = settings()
    return {"district": found.district_name, "office_phone": found.service_phone}


def shown(message: Message) -> Shown:
    """Return a message with its text."""
    text = templates.render(
        message.template, message.params or {}, message.reference, common_parameters()
    )
    return Shown(
        message.id,
        message.template,
        text.title,
        text.body,
        message.subject_kind,
        message.subject_id,
        message.reference,
        message.silent,
        message.created_at,
        message.read_at,
    )


def of_actor(actor: Actor, *, unread: bool = False) -> Select[Any]:
    """Return the query for the actor's in-app messages, only the unread ones on request."""
    query = select(Message).where(
        Message.recipient_kind == RECIPIENTS[actor.kind],
        Message.recipient_id == actor.id,
        Message.channel == Channel.IN_APP,
    )
    return query.where(Message.read_at.is_(None)) if unread else query


def unread_count(actor: Actor) -> Unread:
    """Count the actor's unread messages."""
    waiting = of_actor(actor, unread=True).subquery()
    number, badge = db.session.execute(
        select(
            func.count(), func.coalesce(func.sum(case((waiting.c.silent, 0), else_=1)), 0)
        ).select_from(waiting)
    ).one()
    return Unread(int(number), int(badge))


def has_read(resident_id: uuid.UUID, template: str, subject_id: uuid.UUID) -> bool:
    """True when the resident has read on the portal the last message by this template about a subject."""
    read_at = db.session.scalar(
        select(Message.read_at)
        .where(
            Message.recipient_kind == Recipient.RESIDENT,
            Message.recipient_id == resident_id,
            Message.channel == Channel.IN_APP,
            Message.template == template,
            Message.subject_id == subject_id,
        )
        .order_by(Message.id.desc())
        .limit(1)
    )
    return read_at is not None


def of_resident(resident_id: uuid.UUID) -> list[Message]:
    """Return everything that was to be told to a resident on any channel, oldest first, for the
    export of their data.
    """
    return list(
        db.session.scalars(
            select(Message)
            .where(
                Message.recipient_kind == Recipient.RESIDENT, Message.recipient_id == resident_id
            )
            .order_by(Message.id)
        )
    )
