"""Matters as staff keep them up."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from portal.audit import operations as audit
from portal.core import clock
from portal.core.actor import Actor
from portal.core.db import db
from portal.core.errors import Conflict, Forbidden
from portal.core.jobs import enqueue
from portal.core.unit_of_work import transactional
from portal.notary import policies
from portal.notary.models import BookingState, NotaryBooking, NotaryMatter, Origin

REFRESH = "notary.refresh"


def affected_by(actor: Actor, matter: NotaryMatter, values: dict[str, Any]) -> list[NotaryBooking]:
    """Return the appointments, in all offices, that a change of the matter would leave without anybody to do it.

    Raises Conflict when some are at offices where the actor does not work: texts are everybody's, appointments are not.
    """
    if not matter.active or values.get("active") is not False:
        return []
    found = list(
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
    if any(not policies.works_at(actor, booking.office_id) for booking in found):
        raise Conflict(
            "别的公证机构还有这个事项的预约，不能由本机构停办。",
            code="booked_elsewhere",
            next_step="只是本机构不再办理的，请在窗口里去掉这个事项；都不再办理的，请由管理所有公证机构的工作人员停办。",
        )
    return found


@transactional
def change(actor: Actor, matter: NotaryMatter, values: dict[str, Any]) -> NotaryMatter:
    """Change texts, length, checklist or whether the matter is booked; from then on no file overwrites it.

    When it is stopped or taken up again, every office's appointments for it are told, one office after the other.
    """
    if not policies.can_edit_matters(actor):
        raise Forbidden
    affected_by(actor, matter, values)
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
