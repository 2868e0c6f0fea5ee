"""People who were there and went away, their way back on the same day, and what is still open once the day is over.

Locks are taken as everywhere: slots, the appointment, its persons; the number comes after its appointment.
"""

from __future__ import annotations

import uuid

from sqlalchemy import select

from portal.core import clock
from portal.core.actor import SYSTEM, Actor
from portal.core.db import db
from portal.core.errors import Conflict, NotFound, StaleVersion, WrongState
from portal.core.unit_of_work import transactional, unit_of_work
from portal.notary import policies
from portal.notary.models import (
    BookingState,
    LateReason,
    NotaryBooking,
    NotaryClaim,
    NotarySlot,
    NotaryTicket,
    TicketState,
)
from portal.notary.operations import confirming, day, persons, seats, steps, tickets
from portal.notary.queries import cases as found_cases
from portal.notary.queries import day as found
from portal.working_days.counting import current_calendar

LABEL = "离开，没有办理"
# Numbers that one run closes.
MOST = 500
# Working days after the visit, or after it was written down, within which the office still says what came of somebody who was
# at the counter (D).
GRACE_WORKDAYS = 1
_OPEN = (
    TicketState.WAITING,
    TicketState.CALLED,
    TicketState.SERVING,
    TicketState.NO_SHOW,
)


@transactional
def leave(actor: Actor, ticket: NotaryTicket) -> NotaryTicket:
    """Write down that somebody went away. An appointment ends with its number; it is no missed one, because they had come."""
    booking = _appointment(ticket)
    if booking is not None and booking.state is BookingState.CHECKED_IN:
        _end_and_tell(actor, booking)
    return tickets.leave(actor, _held_as_seen(ticket))


@transactional
def come_back(actor: Actor, ticket: NotaryTicket) -> NotaryTicket:
    """Let somebody who went away wait again with the same number, on the same day.

    Raises Conflict on another day, when the seats of the appointment went to somebody else meanwhile, or when its account was
    closed; BookedAnew when a party has booked the matter anew.
    """
    if ticket.day != clock.today():
        raise Conflict(
            "只有当天离开的才能恢复排队。",
            code="not_today",
            next_step="请当事人重新取号，或者重新预约。",
        )
    booking = _appointment(ticket)
    if booking is not None and booking.state is BookingState.LEFT:
        stand_again(actor, booking, "come_back", "回来继续等候")
    return tickets.come_back(actor, _held_as_seen(ticket))


@transactional
def arrive(actor: Actor, booking: NotaryBooking) -> NotaryTicket:
    """Check in; whoever was there before, went away and shows the code again waits on with the same number."""
    number = found_cases.ticket_of(booking.id) if booking.state is BookingState.LEFT else None
    return day.check_in(actor, booking) if number is None else come_back(actor, number)


@transactional
def arrive_by_code(actor: Actor, booking: NotaryBooking) -> NotaryTicket:
    """The same for who shows the code: whoever is checked in today gets the same number once more.

    The first answer may have been lost, or another clerk have had it; the code says nothing of what was seen.
    """
    number = _number_of(actor, booking)
    if number is not None:
        return number
    try:
        return arrive(actor, booking)
    except WrongState:
        # Of two clerks who enter it at the same moment the second finds it done; the booking was read anew.
        number = _number_of(actor, booking)
        if number is None:
            raise
        return number


def _number_of(actor: Actor, booking: NotaryBooking) -> NotaryTicket | None:
    """Return the number of whoever is checked in today, for a clerk of the office."""
    is_there = booking.state is BookingState.CHECKED_IN and booking.day == clock.today()
    if not is_there or not policies.can_serve(actor, booking):
        return None
    return found_cases.ticket_of(booking.id)


@transactional
def attend(
    actor: Actor, booking: NotaryBooking, reason: LateReason, *, without_case: bool
) -> NotaryBooking:
    """Write down after the day that somebody had come, which was not done then.

    `without_case`: nothing is to be accepted or refused, so the visit ends at once. Otherwise the office has as long to write
    down what came of it as after any visit. Raises Conflict before the day is over.
    """
    day.was_there(actor, booking, reason)
    if without_case:
        _end(actor, booking)
    steps.tell(booking, "notary.attended", when=clock.spoken(booking.starts_at))
    return booking


def _appointment(ticket: NotaryTicket) -> NotaryBooking | None:
    return None if ticket.booking_id is None else confirming.load(ticket.booking_id)


def _held(ticket_id: uuid.UUID) -> NotaryTicket:
    ticket = found.ticket(ticket_id, lock=True)
    if ticket is None:  # pragma: no cover - rows are never deleted
        raise NotFound("没有找到这个号。")
    return ticket


def _held_as_seen(ticket: NotaryTicket) -> NotaryTicket:
    """Hold a number that was loaded before its appointment; raises StaleVersion when it has changed since."""
    version = ticket.version
    held = _held(ticket.id)
    if held.version != version:
        raise StaleVersion("这个号刚刚有变化（例如叫号、办完或者过号），您的操作没有执行。")
    return held


def _end(actor: Actor, booking: NotaryBooking) -> None:
    day.end_visit(actor, booking, "leave", LABEL)
    persons.end_parties(booking.id)
    steps.record(booking, "leave", actor)


def _end_and_tell(actor: Actor, booking: NotaryBooking) -> None:
    _end(actor, booking)
    steps.tell(booking, "notary.left", when=clock.spoken(booking.starts_at))


def stand_again(
    actor: Actor,
    booking: NotaryBooking,
    action: str,
    label: str,
    detail: steps.Detail | None = None,
) -> None:
    """Let an appointment whose visit has ended wait on the day again, with its persons and seats; inside a unit of work.

    Raises Conflict when its seats went to somebody else or its account was closed; BookedAnew when a party has booked the
    matter anew.
    """
    persons.require_known(booking)
    seats.lock_days([(booking.counter_id, booking.day)])
    steps.move(booking, action, actor, ended_at=None)
    persons.count_again(actor, booking.id)
    taken = take_seats_again(booking)
    steps.note(booking, action, label, actor, seats=taken)
    steps.record(booking, action, actor, detail)


def take_seats_again(
    booking: NotaryBooking, otherwise: str = "请当事人现场取号，或者重新预约。"
) -> int:
    """Return how many seats were taken for an appointment that gave up its own, as its visit had ended before its time.

    Inside a unit of work that has locked its day. Raises Conflict, with what to do `otherwise`, when they are not to be had.
    """
    if seats.live_claims(*seats.of_booking(booking.id)):
        return 0
    place = (
        NotarySlot.counter_id == booking.counter_id,
        NotarySlot.quota == booking.quota,
        NotarySlot.starts_at >= booking.starts_at,
        NotarySlot.starts_at < booking.ends_at,
    )
    # What only cools off has gone to nobody.
    cooling = seats.live_claims(NotaryClaim.booking_id == booking.id, NotaryClaim.cooling, *place)
    given = seats.release(cooling)
    slots = seats.open_slots(*place)
    whole = [run for run in seats.runs_of(slots, len(slots)) if run.ends_at == booking.ends_at]
    if not whole or not seats.take(whole[0], booking.seats):
        raise Conflict(
            "原来的时段让出以后，已经给了别人或者不再办理。",
            code="seats_given_on",
            next_step=otherwise,
        )
    seats.add_claims(booking.id, [slot.id for slot in slots], booking.seats, None)
    return booking.seats * len(slots) - given


def close_days() -> int:
    """Close what is still open of days that are over, one transaction each; returns how much. Safe to repeat.

    Who waited and was never served has left. Who was at the counter is done; what came of an appointment there is the
    office's to write down, for which it has one more working day before the appointment counts as left.
    """
    closed = 0
    for booking_id in _visits_without_result():
        with unit_of_work():
            booking = _held_visit(booking_id)
            if booking is not None:
                _end_and_tell(SYSTEM, booking)
                closed += 1
    open_numbers = select(NotaryTicket.id).where(
        NotaryTicket.day < clock.today(), NotaryTicket.state.in_(_OPEN)
    )
    for ticket_id in list(db.session.scalars(open_numbers.limit(MOST))):
        with unit_of_work():
            closed += _close(_held(ticket_id))
    return closed


def _held_visit(booking_id: uuid.UUID) -> NotaryBooking | None:
    """Hold a visit of a day that is over; None where the office has just written down what came of it."""
    visit = NotaryBooking.id == booking_id, NotaryBooking.state == BookingState.CHECKED_IN
    held = select(NotaryBooking.id).where(*visit).with_for_update(key_share=True)
    return None if db.session.scalar(held) is None else confirming.load(booking_id)


def _visits_without_result() -> list[uuid.UUID]:
    today, calendar = clock.today(), current_calendar()
    rows = db.session.execute(
        select(
            NotaryBooking.id,
            NotaryBooking.checked_in_at,
            NotaryTicket.state,
            NotaryTicket.started_at,
        )
        .join(NotaryTicket, NotaryTicket.booking_id == NotaryBooking.id)
        .where(NotaryBooking.state == BookingState.CHECKED_IN, NotaryBooking.day < today)
        .order_by(NotaryBooking.id)
    )
    return [
        row.id
        for row in rows
        # Of somebody for whom it was written down afterwards the number is done without ever having been called.
        if (row.started_at is None and row.state is not TicketState.DONE)
        or calendar.add_workdays(clock.local(row.checked_in_at).date(), GRACE_WORKDAYS).raw < today
    ]


def _close(ticket: NotaryTicket) -> bool:
    if ticket.state is TicketState.SERVING:
        tickets.done(SYSTEM, ticket)
    elif ticket.state not in _OPEN:
        return False
    elif ticket.not_accepted_note is not None or found_cases.case_of_ticket(ticket.id) is not None:
        tickets.settle(SYSTEM, ticket)
    else:
        tickets.leave(SYSTEM, ticket)
    return True
