"""What staff's routes load, and for whom it exists: what somebody may not look at is not known to them."""

from __future__ import annotations

import uuid

from portal.core.errors import Forbidden, NotFound
from portal.notary import policies
from portal.notary.models import (
    NotaryBooking,
    NotaryCounter,
    NotaryException,
    NotaryMatter,
    NotaryOffice,
    NotaryTicket,
)
from portal.notary.queries import bookings
from portal.notary.queries import day as found
from portal.web import conditional
from portal.web.request_context import current_actor


def office_of(office_id: uuid.UUID) -> NotaryOffice:
    """Load an office that the caller may look at."""
    office = found.office(office_id)
    if office is None or not policies.can_look_at(current_actor(), office_id):
        raise NotFound("没有找到这个公证机构。")
    return office


def own_offices() -> list[NotaryOffice]:
    """Return the offices that the caller may look at; raises Forbidden for whom none can ever be there.

    The role may be held in an office of another kind, which gives nothing to do in this room.
    """
    actor = current_actor()
    own = [each for each in bookings.offices() if policies.can_look_at(actor, each.id)]
    if not own and policies.offices_of(actor, *policies.STAFF_ROLES) is not None:
        raise Forbidden(
            "您不在任何公证机构工作，不能使用公证预约的工作台。",
            next_step="如果应当能使用，请平台管理员核对您的角色是授予在哪个机构的。",
        )
    return own


def counter_of(counter_id: uuid.UUID) -> NotaryCounter:
    """Load a counter, of whichever office."""
    counter = found.counter(counter_id)
    if counter is None:
        raise NotFound("没有找到这个窗口。")
    return counter


def exception_of(exception_id: uuid.UUID) -> NotaryException:
    """Load a closure or an extra opening, of whichever office."""
    exception = found.exception(exception_id)
    if exception is None:
        raise NotFound("没有找到这条停办或者加开。")
    return exception


def matter_of(matter_id: uuid.UUID) -> NotaryMatter:
    """Load a matter, also one that is not booked any more."""
    matter = found.matter(matter_id)
    if matter is None:
        raise NotFound("没有找到这个公证事项。")
    return matter


def booking_of(booking_id: uuid.UUID) -> NotaryBooking:
    """Load an appointment that was confirmed, at an office that the caller may look at."""
    booking = found.booking(booking_id)
    if booking is None or not policies.can_look_at(current_actor(), booking.office_id):
        raise NotFound("没有找到这个预约。")
    return booking


def booking_for_step(booking_id: uuid.UUID) -> NotaryBooking:
    """Load an appointment for a step, at the version that the caller saw."""
    booking = booking_of(booking_id)
    conditional.require_match(booking)
    return booking


def ticket_of(ticket_id: uuid.UUID, *, lock: bool = False) -> NotaryTicket:
    """Load a number of an office that the caller may look at; with `lock` held until the transaction ends."""
    ticket = found.ticket(ticket_id, lock=lock)
    if ticket is None or not policies.can_look_at(current_actor(), ticket.office_id):
        raise NotFound("没有找到这个号。")
    return ticket


def ticket_seen(ticket_id: uuid.UUID) -> NotaryTicket:
    """Load a number at the version that the caller saw, for a step that locks its appointment before it."""
    ticket = ticket_of(ticket_id)
    conditional.require_match(ticket)
    return ticket


def ticket_for_step(ticket_id: uuid.UUID) -> NotaryTicket:
    """Load a number for a step: held, and at the version that the caller saw."""
    ticket = ticket_of(ticket_id, lock=True)
    conditional.require_match(ticket)
    return ticket
