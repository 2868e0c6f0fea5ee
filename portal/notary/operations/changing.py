"""Cancel and reschedule a confirmed booking."""

from __future__ import annotations

import hmac
import uuid
from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import select

from portal.core import clock
from portal.core.actor import Actor, ActorKind
from portal.core.db import db
from portal.core.encryption import blind_index
from portal.core.errors import Conflict, NotFound, WrongState
from portal.core.unit_of_work import transactional
from portal.notary import next_steps
from portal.notary.demand import Demand
from portal.notary.errors import ChangedMeanwhile
from portal.notary.models import BookingState, NotaryBooking, NotaryCounter
from portal.notary.operations import (
    bookings,
    confirming,
    freeing,
    holding,
    on_day,
    persons,
    refusing,
    seats,
    steps,
)
from portal.notary.operations.seats import Run

# As often as a cancellation is tried when something else of the appointment changes at that moment.
TRIES = 3


def link_token(booking: NotaryBooking) -> str | None:
    """Return the secret of the link by which the booking is cancelled without signing in, None when there is none."""
    if booking.link_nonce is None:
        return None
    return blind_index("notary.cancel", f"{booking.id}:{booking.link_nonce}")


def require_before_start(booking: NotaryBooking) -> None:
    """Raise Conflict once the appointment has begun, unless the office could not keep its time."""
    if booking.affected_at is None and booking.starts_at <= clock.now():
        raise Conflict(
            "预约的时间已经到了，不能再改期或者取消。",
            code="already_begun",
            next_step=f"还能到场的请尽快到场；来不了或者要晚到的，请{next_steps.contact(booking.office)}。",
        )


@transactional
def cancel(actor: Actor, booking: NotaryBooking, *, by_link: bool = False) -> NotaryBooking:
    """Cancel; the seat goes to who waits, or cools off for a random while before anybody else sees it.

    Raises ChangedMeanwhile only where the appointment is at another time than the one that was to be cancelled. What else
    changes at the same moment (a closure, another counter, a name put right) takes nothing from the wish, so the step is
    tried again, each time as a unit of work of its own, on what it is now.
    """
    unwanted = booking.starts_at
    for _ in range(TRIES - 1):
        try:
            return _cancelled(actor, booking, by_link=by_link)
        except ChangedMeanwhile:
            # Read anew by the refusal.
            if booking.starts_at != unwanted:
                raise
    return _cancelled(actor, booking, by_link=by_link)


@transactional
def _cancelled(actor: Actor, booking: NotaryBooking, *, by_link: bool) -> NotaryBooking:
    if booking.state is BookingState.CONFIRMED:
        require_before_start(booking)
    label = "本人凭取消链接取消预约" if by_link else "取消预约"
    detail: steps.Detail | None = {"by_link": True} if by_link else None
    _cancel(actor, booking, "cancel", label, detail, untold_since=None)
    _tell_cancelled(booking)
    return booking


@transactional
def withdraw(actor: Actor, booking: NotaryBooking, asked: steps.Detail) -> NotaryBooking:
    """Cancel at the person's wish, as if they had done it themselves; `asked` says in the audit row how they asked for it."""
    if booking.state is BookingState.CONFIRMED:
        require_before_start(booking)
    _cancel(actor, booking, "withdraw", "应当事人要求取消预约", asked, untold_since=None)
    _tell_cancelled(booking)
    return booking


def _tell_cancelled(booking: NotaryBooking) -> None:
    when = clock.spoken(booking.starts_at)
    steps.tell(booking, "notary.cancelled", when=when, office=booking.office.name)


@transactional
def cancel_by_office(actor: Actor, booking: NotaryBooking, reason: str) -> NotaryBooking:
    """Cancel for the office, also once the time has come; the person is told why, and that it does not count against them."""
    _cancel(actor, booking, "cancel", "公证机构取消预约", cancellation_reason=reason)
    steps.tell(
        booking,
        "notary.cancelled_by_office",
        when=clock.spoken(booking.starts_at),
        office=booking.office.name,
        # Its own end of a sentence follows.
        reason=reason.rstrip("。"),
        contact=next_steps.contact(booking.office),
    )
    return booking


def _cancel(
    actor: Actor,
    booking: NotaryBooking,
    action: str,
    label: str,
    detail: steps.Detail | None = None,
    **values: str | None,
) -> None:
    offers = pending_other_times(booking)
    seats.lock_days(
        [
            (booking.counter_id, booking.day),
            *((o.counter_id, o.day) for o in offers),
        ]
    )
    steps.move(booking, action, actor, ended_at=clock.now(), affected_at=None, **values)
    end_other_times(actor, offers)
    persons.end_parties(booking.id)
    holding.give_up_seats(actor, booking, action, label)
    steps.record(booking, action, actor, detail)


@transactional
def cancel_by_link(booking_id: uuid.UUID, token: str) -> NotaryBooking:
    """Cancel with the secret of the link; once it is cancelled, a second tap changes nothing.

    Raises NotFound for a wrong secret, which tells nothing about the booking.
    """
    booking = confirming.load(booking_id)
    known = None if booking is None else link_token(booking)
    if booking is None or known is None or not hmac.compare_digest(known.encode(), token.encode()):
        raise NotFound("这个取消链接无效。", next_step="请登录后在“我的预约”里取消。")
    if _is_cancelled(booking):
        return booking
    if booking.state is not BookingState.CONFIRMED:
        raise WrongState(
            "这个预约已经不能取消。",
            next_step=f"请登录查看办理情况，或者{next_steps.contact(booking.office)}。",
        )
    # Whoever has the secret speaks for the person, to whom alone it is shown.
    person = Actor(ActorKind.RESIDENT, booking.account_id)
    try:
        cancel(person, booking, by_link=True)
    except WrongState:
        # Of two taps at the same moment the second finds it done.
        if not _is_cancelled(booking):
            raise
    return booking


def _is_cancelled(booking: NotaryBooking) -> bool:
    return booking.state is BookingState.CANCELLED


@transactional
def reschedule(
    actor: Actor,
    booking: NotaryBooking,
    starts_at: datetime,
    asked: steps.Detail | None = None,
) -> NotaryBooking:
    """Move to another time at the same office: the new seat is won first, then the old one given on, in one transaction.

    Whoever loses the new seat keeps the old one. `asked` says how a clerk was asked for it, None where the person does it.
    Raises SlotTaken, NotBookable, NotOnThatDay, ElsewhereThen, and Conflict once the time has come.
    """
    if booking.state is not BookingState.CONFIRMED:
        raise steps.lost(booking)
    matter, office = booking.matter, booking.office
    holding.require_active(matter)
    if starts_at == booking.starts_at and booking.affected_at is None:
        raise Conflict(
            "新的时间与原来的相同。",
            code="same_time",
            next_step="不想改的，不用再操作；要改期的，请选别的时间。",
        )
    require_before_start(booking)
    day = clock.local(starts_at).date()
    on_day.require_fits(booking, day)
    # Whoever lost a time to the office may have one sooner than it gives out: from their own day on, on which they were
    # expected, by themselves; before that day by a clerk who has asked them.
    since = None
    if booking.has_to_move:
        since = clock.today() if actor.is_staff else booking.day
    demand = Demand.of_booking(booking, since)
    holding.require_bookable(demand, starts_at)
    counters = dict(
        db.session.execute(
            select(NotaryCounter.id, NotaryCounter.matter_codes).where(
                NotaryCounter.office_id == office.id
            )
        ).all()
    )
    offers = pending_other_times(booking)
    days = {(booking.counter_id, booking.day), *((counter, day) for counter in counters)}
    seats.lock_days({*days, *((o.counter_id, o.day) for o in offers)})
    # What has lapsed may be its own, and is read anew with it.
    steps.hold(booking)
    freeing.settle((counter, on) for counter, on in days if on == day)
    free = seats.free_slots_between(demand, starts_at, demand.until(starts_at))
    old = seats.live_claims(*seats.of_booking(booking.id))
    # Its own seats count as free: a longer matter may be moved by half of its length. Not where it is no longer done.
    codes = counters[booking.counter_id]
    own = (
        seats.slots_by_id(claim.slot_id for claim in old)
        if not codes or matter.code in codes
        else []
    )
    whole = seats.runs_of([*free, *own], demand.slots)
    found = [run for run in whole if run.first.starts_at == starts_at]
    for run in seats.shuffled(found, demand.quotas):
        kept = {slot.id for slot in own} & {slot.id for slot in run.slots}
        new = Run(tuple(slot for slot in run.slots if slot.id not in kept))
        if not new.slots or seats.take(new, booking.seats):
            given_up = [claim for claim in old if claim.slot_id not in kept]
            # Bookings before persons, whom moving locks.
            end_other_times(actor, offers)
            _move_to(actor, booking, run, new, given_up, asked)
            return booking
    # The old time is kept, and what had lapsed at the new one stays freed.
    raise refusing.at(demand, starts_at).keeping()


def _move_to(
    actor: Actor,
    booking: NotaryBooking,
    run: Run,
    new: Run,
    old: list[seats.ClaimRow],
    asked: steps.Detail | None,
) -> None:
    """Give a booking the time of `run`: with the seats of `new`, which are taken already, and without those of `old`."""
    steps.move(
        booking,
        "reschedule",
        actor,
        **bookings.time_of(run),
        affected_at=None,
        affected_reason=None,
        reminded_at=None,
        untold_since=None,
    )
    _require_one_place(actor, booking)
    if new.slots:
        seats.add_claims(booking.id, [slot.id for slot in new.slots], booking.seats, None)
    given = freeing.free(booking, booking.office, old, cool=True)
    moved = booking.seats * len(new.slots) - given
    label = "改期" if asked is None else "应当事人要求改期"
    steps.note(booking, "reschedule", label, actor, seats=moved)
    _told_of_new_time(actor, booking, asked)


def _require_one_place(actor: Actor, booking: NotaryBooking) -> None:
    """Raise ElsewhereThen for a new time at which somebody who comes has another appointment."""
    persons.lock([booking.id])
    persons.require_one_place(actor, booking)


def _told_of_new_time(actor: Actor, booking: NotaryBooking, asked: steps.Detail | None) -> None:
    """Write the audit row of a new time and tell the person."""
    steps.record(booking, "reschedule", actor, asked)
    steps.tell(
        booking,
        "notary.rescheduled",
        office=booking.office.name,
        when=clock.spoken(booking.starts_at),
    )


def pending_other_times(booking: NotaryBooking) -> list[NotaryBooking]:
    """Return the other time that the office offers for this booking, also one that has lapsed and holds its seats still."""
    return list(
        db.session.scalars(
            select(NotaryBooking).where(
                NotaryBooking.replaces_id == booking.id,
                NotaryBooking.state == BookingState.OFFERED,
            )
        )
    )


def other_times_of(found: Iterable[NotaryBooking]) -> dict[uuid.UUID, NotaryBooking]:
    """Return the other times that can be accepted now, by the booking for which they are kept.

    Not one whose day no longer suits who comes, since they were corrected: it lapses, and they choose another one.
    """
    moving = {booking.id: booking for booking in found}
    rows = db.session.scalars(
        select(NotaryBooking).where(
            NotaryBooking.replaces_id.in_(list(moving)),
            NotaryBooking.state == BookingState.OFFERED,
            NotaryBooking.kept_until > clock.now(),
        )
    )
    kept = {other.replaces_id: other for other in rows if other.replaces_id is not None}
    return {
        booking_id: other
        for booking_id, other in kept.items()
        if moving[booking_id].matter.active and on_day.fits(moving[booking_id], other.day)
    }


def end_other_times(actor: Actor, offers: list[NotaryBooking]) -> None:
    """Give up other times that are no longer needed; their days are locked."""
    for other in offers:
        now = clock.now()
        if steps.write(
            other,
            NotaryBooking.state == BookingState.OFFERED,
            state=BookingState.RELEASED,
            kept_until=None,
            ended_at=now,
        ):
            holding.give_up_seats(actor, other, "release", "不再需要")


@transactional
def accept_other_time(
    actor: Actor, booking: NotaryBooking, asked: steps.Detail | None = None
) -> NotaryBooking:
    """Take the other time that the office keeps for a booking whose time it cannot keep; `asked` as in `reschedule`.

    Raises NotFound when none is kept, HoldExpired after its time, Invalid for a matter that is no longer done, NotOnThatDay,
    ElsewhereThen.
    """
    holding.require_active(booking.matter)
    offers = pending_other_times(booking)
    if not offers:
        raise NotFound("目前没有为您留的新时段。", next_step="请自己选择新的时间改期。")
    other = offers[0]
    on_day.require_fits(booking, other.day)
    seats.lock_days([(booking.counter_id, booking.day), (other.counter_id, other.day)])
    holding.require_held(other)
    now = clock.now()
    if not steps.write(
        other,
        NotaryBooking.state == BookingState.OFFERED,
        NotaryBooking.kept_until > now,
        state=BookingState.RELEASED,
        kept_until=None,
        ended_at=now,
    ):
        raise steps.lost(other)
    old = seats.live_claims(*seats.of_booking(booking.id))
    new = seats.live_claims(*seats.of_booking(other.id))
    steps.move(
        booking,
        "reschedule",
        actor,
        counter_id=other.counter_id,
        day=other.day,
        starts_at=other.starts_at,
        ends_at=other.ends_at,
        quota=other.quota,
        affected_at=None,
        affected_reason=None,
        reminded_at=None,
        untold_since=None,
    )
    _require_one_place(actor, booking)
    seats.hand_over(new, booking.id)
    moved = sum(claim.seats for claim in new)
    steps.note(other, "hand_over", "转入原预约", actor, seats=-moved)
    given = freeing.free(booking, booking.office, old, cool=True)
    label = "改到新时段" if asked is None else "应当事人要求改到新时段"
    steps.note(booking, "reschedule", label, actor, seats=moved - given)
    _told_of_new_time(actor, booking, asked)
    return booking
