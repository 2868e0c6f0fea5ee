"""Matters as staff keep them up."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from portal.audit import operations as audit
from portal.core import clock
from portal.core.actor import Actor
from portal.core.db import db
from portal.core.errors import Forbidden
from portal.core.jobs import enqueue
from portal.core.unit_of_work import transactional
from portal.notary import policies
from portal.notary.models import BookingState, NotaryBooking, NotaryMatter, Origin

REFRESH = "notary.refresh"


def affected_by(matter: NotaryMatter, values: dict[str, Any]) -> list[NotaryBooking]:
    """Return the appointments, in all offices, that a change of the matter would leave without anybody to do it."""
    if not matter.active or values.get("active") is not False:
        return []
    return list(
        db.session.scalars(
            select(NotaryBooking)
            .where(
                NotaryBooking.matter_id == matter.id,
                NotaryBooking.state == BookingState.CONFIRMED,
                NotaryBooking.starts_at > clock.now(),
            )
            .order_by(NotaryBooking.starts_at, NotaryBooking.id)
        )
    )


@transactional
def change(actor: Actor, matter: NotaryMatter, values: dict[str, Any]) -> NotaryMatter:
    """Change texts, length, checklist or whether the matter is booked; from then on no file overwrites it.

    When it is stopped or taken up again, every office's appointments for it are told, one office after the other.
    """
    if not policies.can_edit_matters(actor):
        raise Forbidden
    was_active = matter.active
    for name, value in values.items():
        setattr(matter, name, value)
    matter.origin = Origin.STAFF
    db.session.flush()
    audit.record(
        actor,
        "notary_matter.changed",
        "notary_matter",
        matter.id,
        {"fields": ",".join(sorted(values))},
    )
    if matter.active is not was_active:
        refresh_offices()
    return matter


def refresh_offices() -> None:
    """Have every office's appointments compared with the matters after the commit.

    A job with a transaction for each office: whoever locked the slots of all of them at once would wait in a circle.
    """
    enqueue(REFRESH, dedup_key=REFRESH)
