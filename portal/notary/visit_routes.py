"""The day over HTTP for residents and for the hall: their number, missed appointments, whom the desk calls."""

from __future__ import annotations

import uuid
from typing import Any

from portal.core import clock
from portal.core.errors import NotFound
from portal.notary import day_presenting as presenting
from portal.notary import day_schemas as schemas
from portal.notary import policies
from portal.notary.models import NotaryBooking
from portal.notary.operations import no_shows
from portal.notary.queries import cases as found_cases
from portal.notary.queries import day as found
from portal.notary.queries import queue
from portal.web.blueprint import PUBLIC, RESIDENT, Blueprint
from portal.web.request_context import current_actor

visits = Blueprint(
    "notary-visits",
    __name__,
    url_prefix="/api/v1/notary",
    description="到场办理：我的号码和等候时间、未到场申诉、大厅叫号。",
)

Dumped = dict[str, Any]


@visits.get("/offices/<uuid:office_id>/queue", audience=PUBLIC, returns=schemas.PublicQueueSchema)
def public_queue(office_id: uuid.UUID) -> Dumped:
    """大厅叫号：正在叫的号码、等候人数、现在取号大约等多久"""
    office = found.office(office_id)
    if office is None:
        raise NotFound("没有找到这个公证机构。")
    return presenting.public_queue(queue.desk(office))


def _mine(booking_id: uuid.UUID) -> NotaryBooking:
    booking = found.booking(booking_id)
    if booking is None or not policies.can_speak_for(current_actor(), booking):
        raise NotFound("没有找到这个预约。")
    return booking


def _dump_visit(booking_id: uuid.UUID) -> Dumped:
    booking = _mine(booking_id)
    number = found_cases.ticket_of(booking.id)
    waits_today = number is not None and number.day == clock.today()
    return presenting.visit(
        current_actor(),
        booking,
        rows=found.no_shows(booking.id),
        number=number,
        desk=queue.desk(booking.office) if waits_today else None,
    )


@visits.get(
    "/appointments/<uuid:appointment_id>/visit", audience=RESIDENT, returns=schemas.VisitSchema
)
def show_visit(appointment_id: uuid.UUID) -> Dumped:
    """预约当天的情况：号码和等候时间、未到场和申诉、没有受理的理由"""
    return _dump_visit(appointment_id)


@visits.post(
    "/appointments/<uuid:appointment_id>/no-show-appeal",
    audience=RESIDENT,
    body=schemas.NoShowAppealIn,
    returns=schemas.VisitSchema,
)
def appeal(appointment_id: uuid.UUID, body: Dumped) -> Dumped:
    """对未到场登记提出申诉，一次"""
    no_shows.appeal(current_actor(), _mine(appointment_id), body["text"])
    return _dump_visit(appointment_id)
