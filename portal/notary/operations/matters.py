"""Matters as staff keep them up."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from portal.audit import operations as audit
from portal.core import clock
from portal.core.actor import Actor
from portal.core.db import db
from portal.core.errors import Forbidden, Invalid
from portal.core.jobs import enqueue
from portal.core.unit_of_work import transactional
from portal.notary import policies
from portal.notary.models import BookingState, NotaryBooking, NotaryMatter, Origin

REFRESH = "notary.refresh"


class MatterIsShared(Forbidden):
    """A matter is the same for all offices, and no single one may change it for the others."""

    code = "matter_is_shared"
    message = "公证事项由所有公证机构共用，只有管理所有公证机构的工作人员可以修改。"
    next_step = (
        "只是本机构不再办理的，请在本机构的窗口里去掉这个事项；要改内容的，请联系平台管理员。"
    )


def require_editor(actor: Actor) -> None:
    """Raise MatterIsShared for who does not keep up the matters of all offices."""
    if not policies.can_edit_matters(actor):
        raise MatterIsShared


def _require_sensible(matter: NotaryMatter, values: dict[str, Any]) -> None:
    if values.get("persons_only") and matter.for_organisations:
        raise Invalid(errors={"persons_only": [f"“{matter.name}”由单位申请，不能只由个人办理。"]})


def affected_by(actor: Actor, matter: NotaryMatter, values: dict[str, Any]) -> list[NotaryBooking]:
    """Return the appointments, in all offices, that a change of the matter would leave without anybody to do it.

    Raises MatterIsShared for who does not keep up the matters of all offices, Invalid as `change` does.
    """
    require_editor(actor)
    _require_sensible(matter, values)
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
    """Change texts, length, checklist, whether only persons have it done or it is booked; no file overwrites it from then on.

    When it is stopped or taken up again, every office's appointments for it are told, one office after the other. Raises
    Invalid for a matter of organisations that is to be for persons only.
    """
    require_editor(actor)
    _require_sensible(matter, values)
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
    """Have every office's appointments compared with its hours, its counters and the matters after the commit.

    A job with a transaction for each office: whoever locked the slots of all of them at once would wait in a circle.
    """
    enqueue(REFRESH, dedup_key=REFRESH)
