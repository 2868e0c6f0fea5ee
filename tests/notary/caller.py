"""Somebody without an account who rings the office: what the clerk sends for them, and what is seen of it."""

from __future__ import annotations

from datetime import date
from typing import Any

from sqlalchemy import select

from portal.audit.models import AuditEvent
from portal.core.db import db
from portal.notary.models import NotaryBooking
from portal.notifications.models import Message
from tests.notary.hall import STAFF, Hall, desk_party

TUESDAY = "2026-03-03T09:00:00+08:00"
LATER = "2026-03-03T10:00:00+08:00"
ASKED = {"channel": "phone", "identity_checked": True}
MOBILE = "13800000000"
OLD = date(1950, 1, 1)


def body(hall: Hall, **changes: Any) -> dict[str, Any]:
    """What a clerk sends for somebody who rings."""
    return {
        **ASKED,
        "matter_id": str(hall.matter_id),
        "starts_at": TUESDAY,
        "connection_basis": "domicile",
        "parties": [desk_party()],
        "checklist_read": True,
        **changes,
    }


def book(hall: Hall, who: str = "clerk", **changes: Any) -> Any:
    path = f"{hall.office}/appointments"
    return hall.api.post(path, body(hall, **changes), headers=hall.headers[who])


def booked(hall: Hall, **changes: Any) -> str:
    """Somebody without an account has an appointment; returns its path for staff."""
    answer = book(hall, **changes)
    assert answer.status_code == 201, answer.json
    return f"{STAFF}/appointments/{answer.json['id']}"


def shown(hall: Hall, path: str) -> dict[str, Any]:
    found: dict[str, Any] = hall.api.get(path, headers=hall.headers["clerk"]).json
    return found


def actions(hall: Hall, path: str, who: str = "clerk") -> set[str]:
    seen = hall.api.get(path, headers=hall.headers[who]).json
    return {each["action"] for each in seen["allowed_actions"]}


def audited(action: str) -> list[AuditEvent]:
    rows = select(AuditEvent).where(AuditEvent.action == f"notary_booking.{action}")
    return list(db.session.scalars(rows))


def told(template: str) -> list[Message]:
    rows = select(Message).where(Message.template == template).order_by(Message.id)
    return list(db.session.scalars(rows))


def again_by(hall: Hall, path: str) -> NotaryBooking:
    """The appointment of a path, as the database has it."""
    reference = shown(hall, path)["reference"]
    found = db.session.scalar(select(NotaryBooking).where(NotaryBooking.reference == reference))
    assert found is not None
    return found
