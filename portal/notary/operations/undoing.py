"""Mistakes at the desk, taken back on the same day: a check-in, a completed number, a refusal, an acceptance.

Locks are taken as everywhere: slots, the appointment, its persons; the number comes after its appointment.
"""

from __future__ import annotations

from datetime import date

from portal.core import clock
from portal.core.actor import Actor
from portal.core.errors import Conflict, Forbidden, NotFound, StaleVersion
from portal.core.unit_of_work import transactional
from portal.notary import policies
from portal.notary.errors import BookedAnew
from portal.notary.models import (
    BookingState,
    CorrectionReason,
    NotaryBooking,
    NotaryCase,
    NotaryTicket,
    TicketState,
)
from portal.notary.operations import (
    affected,
    cases,
    confirming,
    leaving,
    matters,
    persons,
    seats,
    steps,
    tickets,
)
from portal.notary.queries import cases as found_cases
from portal.notary.queries import day as found_day

# What a clerk does with an acceptance by mistake of somebody who has another appointment for the matter by now.
_BEFORE_VOIDING = (
    "要作废受理的，请先应当事人要求取消另外的那个预约，时间已到的先登记结果；在别的公证机构约的，请当事人自己取消，"
    "或者联系那个机构。要保留那个预约的，这件公证请按实际情况不予办理或者终止。"
)


def _require_today(day: date) -> None:
    if day != clock.today():
        raise Conflict(
            "只能在当天撤销。",
            code="not_today",
            next_step="请按实际情况登记结果；需要时请当事人现场取号，或者重新预约。",
        )


def _number_of(booking: NotaryBooking) -> NotaryTicket:
    number = found_cases.ticket_of(booking.id, lock=True)
    if number is None:  # pragma: no cover - checking in gives a number
        raise NotFound("没有找到这个预约的号。")
    return number


@transactional
def revert_check_in(actor: Actor, booking: NotaryBooking) -> NotaryBooking:
    """Take a check-in of the wrong appointment back: it stands as before with its seats, and its number is void.

    Where its time fell out meanwhile, its person is told after the commit, and another time is kept, as for everybody else.
    Raises Conflict on another day, once somebody is or was served with the number, and when its seats were given on: of an
    acceptance that was voided they are not asked back before.
    """
    # Before the step: a change of hours that is being written is waited for, and seen below.
    seats.lock_days([(booking.counter_id, booking.day)])
    steps.move(booking, "revert_check_in", actor, checked_in_at=None)
    _require_today(booking.day)
    number = _number_of(booking)
    if not tickets.may_be_called(number):
        raise Conflict(
            f"这个号目前是“{number.state.label}”，不能撤销签到。",
            code="already_started",
            next_step="当事人没有办理就走了的，请登记离开。",
        )
    taken = leaving.take_seats_again(booking, "不用撤销：当事人到场以后，直接按这个号办理。")
    tickets.void(actor, number)
    steps.note(booking, "revert_check_in", "撤销签到", actor, seats=taken)
    steps.record(booking, "revert_check_in", actor, {"number": number.number})
    if number.calls:
        # That it was checked in, nobody was told; that it was called, they were.
        steps.tell(booking, "notary.check_in_reverted", when=clock.spoken(booking.starts_at))
    if affected.may_be_untold(booking):
        matters.refresh_offices()
    return booking


@transactional
def reopen(actor: Actor, ticket: NotaryTicket) -> NotaryTicket:
    """Take back that somebody has been served. `ticket` was loaded for update.

    Raises Conflict on another day, and once what they came for is decided.
    """
    _require_today(ticket.day)
    if ticket.not_accepted_note is not None or found_cases.case_of_ticket(ticket.id) is not None:
        raise Conflict("这个号已经有结果，不能恢复办理。", code="already_decided")
    return tickets.reopen(actor, ticket)


@transactional
def revert_not_accept(
    actor: Actor, booking: NotaryBooking, reason: CorrectionReason
) -> NotaryBooking:
    """Take a mistaken refusal of an appointment back, on the day on which it was written down; the person is told.

    Raises Conflict on another day, when its seats went to somebody else or its account was closed; BookedAnew when a party
    has booked the matter anew.
    """
    if booking.state is BookingState.NOT_ACCEPTED and booking.ended_at is not None:
        _require_today(clock.local(booking.ended_at).date())
    label = f"撤销不予受理：{reason.label}"
    leaving.stand_again(actor, booking, "revert_not_accept", label, {"reason": reason.value})
    _take_reasons_back(actor, _number_of(booking))
    steps.tell(booking, "notary.not_accepted_reverted")
    return booking


@transactional
def revert_accept(actor: Actor, case: NotaryCase, reason: CorrectionReason) -> NotaryCase:
    """Void an acceptance that was written down by mistake, on the same day; whom it was for is at the desk as before.

    Seats that were given on are not asked back, as nobody waits for a time any more. Where the account was closed meanwhile,
    the case still knows who they are. Raises WrongState later or once something was done with the case, StaleVersion when it
    has changed since it was loaded, BookedAnew when a party has booked the matter anew.
    """
    version, booking = case.version, None
    if case.booking_id is not None:
        booking = confirming.load(case.booking_id)
    if booking is not None:
        steps.move(booking, "revert_accept", actor, ended_at=None, agent=case.agent)
        if booking.account_closed:
            persons.restore(booking, case.parties)
        try:
            persons.count_again(actor, booking.id)
        except BookedAnew as refused:
            refused.next_step = _BEFORE_VOIDING
            raise
        label = f"撤销误登记的受理：{reason.label}"
        steps.note(booking, "revert_accept", label, actor)
        steps.record(booking, "revert_accept", actor, {"reason": reason.value})
    ticket_id = case.ticket_id
    number = found_day.ticket(ticket_id, lock=True) if ticket_id is not None else None
    held = found_cases.for_update(case.id)
    if held is None or held.version != version:
        raise StaleVersion
    cases.void(actor, held, reason)
    if number is not None:
        _back_to_the_desk(actor, number)
    if booking is not None:
        steps.tell(booking, "notary.acceptance_reverted")
    return held


@transactional
def revert_not_accept_at_desk(
    actor: Actor, ticket: NotaryTicket, reason: CorrectionReason
) -> NotaryTicket:
    """The same for somebody who came without an appointment. `ticket` was loaded for update."""
    if not policies.can_serve(actor, ticket):
        raise Forbidden("您没有在这个公证机构撤销不予受理的权限。")
    if ticket.booking_id is not None or ticket.not_accepted_note is None:
        raise Conflict("这个号没有登记为不予受理。", code="not_refused")
    _require_today(ticket.day)
    _take_reasons_back(actor, ticket)
    tickets.record(actor, ticket, "revert_not_accept", {"reason": reason.value})
    return ticket


def _take_reasons_back(actor: Actor, ticket: NotaryTicket) -> None:
    ticket.not_accepted_ground = ticket.not_accepted_note = None
    ticket.updated_at = clock.now()
    _back_to_the_desk(actor, ticket)


def _back_to_the_desk(actor: Actor, ticket: NotaryTicket) -> None:
    """Let somebody whose number was done with the decision wait, or be served, on."""
    if ticket.state is not TicketState.DONE or ticket.day != clock.today():
        return
    if ticket.started_at is None:
        tickets.requeue(actor, ticket)
    else:
        tickets.reopen(actor, ticket)
