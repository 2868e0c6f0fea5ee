"""Bookings whose time the office can no longer keep: named, told, and offered another time that is kept for them."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, or_, select
from sqlalchemy.orm import aliased

from portal.core import clock
from portal.core.actor import SYSTEM
from portal.core.db import db
from portal.notary.demand import Demand
from portal.notary.models import (
    PENDING_STATES,
    BookingState,
    NotaryBooking,
    NotaryClaim,
    NotaryCounter,
    NotaryMatter,
    NotaryOffice,
    NotarySlot,
    WaitingState,
)
from portal.notary.operations import (
    bookings,
    changing,
    freeing,
    on_day,
    persons,
    seats,
    steps,
    untold,
)
from portal.notary.operations.seats import ClaimRow
from portal.notary.operations.slots import Difference

REASON = "机构调整办理时间"
NOT_SERVED = "窗口不再办理这个事项"
STOPPED = "这个公证事项停止办理"


@dataclass(frozen=True)
class Handled:
    """The confirmed bookings that have to move or lose the other time kept for them, and how many changed the counter."""

    moving: list[NotaryBooking]
    at_other_counters: int


def handle(office: NotaryOffice, found: Difference, reason: str) -> Handled:
    """Act on closed and overfull slots, on counters that no longer do a matter, and on matters that are no longer done.

    The office's slots are locked. Holds and offers end at once, seats that cool off are given back. A confirmed booking keeps
    its time where another counter has it free; everybody else is told why and offered the next free time.
    """
    reason = reason or REASON
    there = NotaryClaim.slot_id.in_([*found.closed, *found.overfull])
    # Held first and read then: whoever confirms at this moment stands here as confirmed, and is told.
    loaded = _bookings({claim.booking_id for claim in seats.live_claims(there)})
    claims = seats.live_claims(there)
    moving: dict[uuid.UUID, tuple[NotaryBooking, str]] = {}
    ended: list[NotaryBooking] = []
    for claim in claims:
        booking = loaded[claim.booking_id]
        if booking.state in PENDING_STATES:
            ended += _end_pending(booking, reason)
        elif claim.cooling:
            # Nobody has it: it makes room before anybody is asked to move.
            given = seats.release([claim])
            steps.note(booking, "cooled_off", "时段停办或者减少，号源收回", SYSTEM, seats=-given)
        elif booking.state is BookingState.CONFIRMED and claim.slot_id in found.closed:
            moving[booking.id] = booking, reason
    for booking in _too_many(claims, loaded, found):
        moving[booking.id] = booking, reason
    unserved = not_served(office)
    for booking in _bookings(unserved | _stranded(found.left)).values():
        why = _why(booking) if booking.id in unserved else REASON
        if booking.state in PENDING_STATES:
            ended += _end_pending(booking, why)
        elif booking.affected_at is None and booking.id not in moving:
            moving[booking.id] = booking, why
    stay: set[uuid.UUID] = set()
    for booking, why in sorted(moving.values(), key=lambda pair: (pair[0].starts_at, pair[0].id)):
        if _keeps_its_time(office, booking):
            stay.add(booking.id)
        else:
            _must_move(office, booking, why)
    lost = {other.replaces_id: other for other in ended if other.replaces_id is not None}
    again = [each for each in _bookings(lost.keys() - moving.keys()).values() if each.has_to_move]
    for booking in again:
        _lost_other_time(office, booking, lost[booking.id])
    have_to = [booking for booking, _ in moving.values() if booking.id not in stay]
    _leave_time_to_ring(office)
    return Handled([*have_to, *again], len(stay))


def _why(booking: NotaryBooking) -> str:
    return NOT_SERVED if booking.matter.active else STOPPED


def not_served(office: NotaryOffice) -> set[uuid.UUID]:
    """Return the bookings to come at counters that do not do their matter, and those of matters that are no longer done."""
    rows = db.session.execute(
        select(
            NotaryBooking.id,
            NotaryMatter.active,
            NotaryMatter.code,
            NotaryCounter.matter_codes,
        )
        .join(NotaryMatter, NotaryMatter.id == NotaryBooking.matter_id)
        .join(NotaryCounter, NotaryCounter.id == NotaryBooking.counter_id)
        .where(
            NotaryBooking.office_id == office.id,
            NotaryBooking.state.in_((BookingState.CONFIRMED, *PENDING_STATES)),
            NotaryBooking.starts_at > clock.now(),
        )
    )
    return {
        row.id
        for row in rows
        if not row.active or (row.matter_codes and row.code not in row.matter_codes)
    }


def _stranded(slots: Sequence[uuid.UUID]) -> set[uuid.UUID]:
    """Return the appointments that stand at times closed before and whose people were told nothing.

    None should: whoever confirms while a closure is written is waited for. What an earlier version left is found here.
    """
    query = (
        select(NotaryBooking.id)
        .join(NotaryClaim, NotaryClaim.booking_id == NotaryBooking.id)
        .where(
            NotaryBooking.state == BookingState.CONFIRMED,
            NotaryBooking.affected_at.is_(None),
            NotaryClaim.released_at.is_(None),
            NotaryClaim.slot_id.in_(slots),
        )
    )
    return set(db.session.scalars(query))


def _at_closed_times(booking_id: Any) -> Select[Any]:
    """Return the query for the seats that a booking (an id, or the column of one) has at times that are closed."""
    return (
        select(NotaryClaim.id)
        .join(NotarySlot, NotarySlot.id == NotaryClaim.slot_id)
        .where(
            *seats.of_booking(booking_id),
            NotaryClaim.released_at.is_(None),
            NotarySlot.is_open.is_(False),
        )
    )


def may_be_untold(booking: NotaryBooking) -> bool:
    """True when an appointment that is expected again may stand at a time that fell out while its person was at the desk.

    Nobody was told then, as whoever is at the desk is served. Only `schedule.apply` knows for sure: a slot is closed too
    while it has more claims than seats.
    """
    if booking.affected_at is not None:
        return False
    closed = _at_closed_times(booking.id).limit(1)
    return booking.id in not_served(booking.office) or db.session.scalar(closed) is not None


def is_due(office: NotaryOffice) -> bool:
    """True when somebody got a seat at a counter at the very moment at which it gave the matter up, and was not told yet."""
    untold = select(NotaryBooking.id).where(
        NotaryBooking.id.in_(not_served(office)),
        or_(
            NotaryBooking.affected_at.is_(None),
            NotaryBooking.state.in_(PENDING_STATES),
        ),
    )
    return db.session.scalar(untold.limit(1)) is not None


def _bookings(ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, NotaryBooking]:
    """Load bookings as they are, and hold them until the transaction ends: a step that is being committed is waited for."""
    return {
        booking.id: booking
        for booking in db.session.scalars(
            select(NotaryBooking)
            .where(NotaryBooking.id.in_(list(ids)))
            .order_by(NotaryBooking.id)
            .with_for_update(of=NotaryBooking, key_share=True)
            .execution_options(populate_existing=True)
        )
    }


def _end_pending(booking: NotaryBooking, reason: str) -> list[NotaryBooking]:
    """End a hold or an offer at a time that is no longer given out; an offer's person goes back to their place, and is told.

    Returns the booking, and nothing when it was not pending any more.
    """
    now = clock.now()
    if not steps.write(
        booking,
        NotaryBooking.state.in_(PENDING_STATES),
        state=BookingState.EXPIRED,
        kept_until=None,
        ended_at=now,
        # Whoever was about to confirm is told this, and not that they were too slow.
        affected_reason=reason[:100],
    ):
        return []
    freeing.end_waiting(booking, WaitingState.WAITING, ended_at=None)
    given = seats.release(seats.live_claims(*seats.of_booking(booking.id)))
    steps.note(booking, "expire", "时段停办，保留结束", SYSTEM, seats=-given)
    if booking.waiting_id is not None:
        steps.tell(
            booking,
            "notary.offer_withdrawn",
            when=clock.spoken(booking.starts_at),
            reason=reason,
        )
    return [booking]


def _too_many(
    claims: Sequence[ClaimRow], loaded: dict[uuid.UUID, NotaryBooking], found: Difference
) -> list[NotaryBooking]:
    """Return who came last to slots that have fewer seats now, until the rest fits."""
    chosen: list[NotaryBooking] = []
    for slot_id, capacity in found.overfull.items():
        here = [claim for claim in claims if claim.slot_id == slot_id and not claim.cooling]
        kept = sum(c.seats for c in here if loaded[c.booking_id].state not in PENDING_STATES)
        latest_first = sorted(
            (
                (loaded[c.booking_id], c.seats)
                for c in here
                if loaded[c.booking_id].state is BookingState.CONFIRMED
            ),
            key=lambda pair: (pair[0].confirmed_at or clock.now(), pair[0].id),
            reverse=True,
        )
        for booking, count in latest_first:
            if kept <= capacity:
                break
            chosen.append(booking)
            kept -= count
    return chosen


def _keeps_its_time(office: NotaryOffice, booking: NotaryBooking) -> bool:
    """Give a booking the same time at another counter, where it is free; False where it is not.

    Nothing changes for its person, who was never told of a counter, so nothing is to be told or accepted. Not for somebody
    who has been told already that the time falls away.
    """
    if booking.affected_at is not None or not booking.matter.active:
        return False
    old = seats.live_claims(*seats.of_booking(booking.id))
    demand = Demand.of_booking(booking)
    free = seats.free_slots_between(demand, booking.starts_at, booking.ends_at)
    for run in seats.runs_of(free, len(old)):
        if run.first.counter_id == booking.counter_id or not seats.take(run, booking.seats):
            continue
        if not steps.write(
            booking, NotaryBooking.state == BookingState.CONFIRMED, **bookings.time_of(run)
        ):
            seats.give_back(run, booking.seats)
            return False
        seats.add_claims(booking.id, [slot.id for slot in run.slots], booking.seats, None)
        given = freeing.free(booking, office, old, cool=False)
        taken = booking.seats * len(run.slots)
        label = "换到另一个窗口，时间不变"
        steps.note(booking, "other_counter", label, SYSTEM, seats=taken - given)
        steps.record(booking, "other_counter", SYSTEM)
        return True
    return False


def _must_move(office: NotaryOffice, booking: NotaryBooking, reason: str) -> None:
    told = booking.affected_at is not None
    if told and changing.pending_other_times(booking):
        # Another time is kept: once more would only say less.
        return
    if not steps.write(
        booking,
        NotaryBooking.state == BookingState.CONFIRMED,
        affected_at=booking.affected_at or clock.now(),
        affected_reason=reason[:100],
    ):
        return
    steps.note(booking, "affected", "时段停办，请改期", SYSTEM)
    steps.record(booking, "affected", SYSTEM)
    _tell_what_is_kept(
        office,
        booking,
        "notary.affected_with_offer",
        None if told else "notary.affected",
        when=clock.spoken(booking.starts_at),
        reason=reason,
    )


def _lost_other_time(office: NotaryOffice, booking: NotaryBooking, lost: NotaryBooking) -> None:
    """Tell whoever has to move that the time kept for them is gone too, and keep another one if there is any."""
    steps.note(booking, "other_time_lost", "留出的新时段也停办", SYSTEM)
    steps.record(booking, "other_time_lost", SYSTEM)
    _tell_what_is_kept(
        office,
        booking,
        "notary.other_time_replaced",
        "notary.other_time_lost",
        lost=clock.spoken(lost.starts_at),
    )


def _tell_what_is_kept(
    office: NotaryOffice, booking: NotaryBooking, kept: str, nothing: str | None, **said: str
) -> None:
    """Keep another time and tell of it by the template `kept`, or by `nothing` where none is free."""
    other = _keep_other_time(office, booking)
    if other is not None:
        until = clock.spoken(bookings.end_of_keeping(other))
        steps.tell(booking, kept, other=clock.spoken(other.starts_at), until=until, **said)
    elif not booking.matter.active:
        steps.tell(booking, "notary.matter_stopped", when=clock.spoken(booking.starts_at))
    elif nothing is not None:
        steps.tell(booking, nothing, **said)


def _keep_other_time(office: NotaryOffice, booking: NotaryBooking) -> NotaryBooking | None:
    """Take a free time for a booking that has to move, and keep it for as long as the office sets.

    The same time at another counter before any other; then one that leaves the whole time for an answer, and of those one on
    the nearest day, the later before the earlier, at the nearest hour: who planned that week should not have to come today.
    From their own day on they may come sooner than the office gives out: it had expected them then. Never one that they could
    not accept: on a day for which they could not have booked, or while they have to be elsewhere.
    """
    if not booking.matter.active:
        return None
    demand = Demand.of_booking(booking, since=booking.day)
    first, last = demand.days()
    need = len(seats.live_claims(*seats.of_booking(booking.id)))
    free = seats.free_slots(
        demand,
        NotarySlot.day >= first,
        NotarySlot.day <= last,
        NotarySlot.starts_at > clock.now(),
    )
    busy = persons.times_elsewhere(booking)
    suits = {day: on_day.fits(booking, day) for day in {slot.day for slot in free}}
    found = [
        run
        for run in seats.runs_of(free, need)
        if suits[run.first.day]
        and not any(begins < run.ends_at and run.first.starts_at < ends for begins, ends in busy)
    ]
    # Who has no account answers through the office, which has to reach them first.
    told_by = None if booking.booked_by_id is None else office.id
    answered_by = bookings.answered_by(office.move_offer_minutes, told_by=told_by)
    found.sort(
        key=lambda run: (
            run.first.starts_at != booking.starts_at,
            run.first.starts_at < answered_by,
            abs(run.first.day - booking.day),
            run.first.day < booking.day,
            abs(run.first.starts_at - booking.starts_at),
        )
    )
    for run in found:
        if not seats.take(run, booking.seats):
            continue
        other = bookings.new(
            account_id=booking.account_id,
            office_id=office.id,
            matter_id=booking.matter_id,
            run=run,
            party_count=booking.party_count,
            seats=booking.seats,
            state=BookingState.OFFERED,
            kept_until=min(answered_by, run.first.starts_at),
            priority=booking.priority,
            replaces_id=booking.id,
        )
        bookings.insert(other, run, action="offer", label="留出新时段", actor=SYSTEM)
        return other
    return None


def _leave_time_to_ring(office: NotaryOffice) -> None:
    """Keep the times of those without an account for longer, where the office has closed the hours in which it would ring."""
    moving = aliased(NotaryBooking)
    kept = db.session.scalars(
        select(NotaryBooking)
        .join(moving, moving.id == NotaryBooking.replaces_id)
        .where(
            NotaryBooking.office_id == office.id,
            NotaryBooking.state == BookingState.OFFERED,
            NotaryBooking.kept_until > clock.now(),
            moving.booked_by_id.is_not(None),
        )
        .order_by(NotaryBooking.id)
        .execution_options(populate_existing=True)
    )
    for other in kept.all():
        answered_by = bookings.answered_by(
            office.move_offer_minutes, told_by=office.id, offered_at=other.created_at
        )
        until = min(answered_by, other.starts_at)
        is_kept = NotaryBooking.state == BookingState.OFFERED
        if until > bookings.end_of_keeping(other) and steps.write(other, is_kept, kept_until=until):
            seats.keep_longer(other.id, until)


def settle_unaffected(office: NotaryOffice) -> list[NotaryBooking]:
    """Tell those whose time is given again after all, and give up what was kept for them. The office's slots are locked."""
    closed = _at_closed_times(NotaryBooking.id)
    found = list(
        db.session.scalars(
            select(NotaryBooking)
            .where(
                NotaryBooking.office_id == office.id,
                NotaryBooking.state == BookingState.CONFIRMED,
                NotaryBooking.affected_at.is_not(None),
                NotaryBooking.starts_at > clock.now(),
                NotaryBooking.id.not_in(not_served(office)),
                ~closed.exists(),
            )
            .order_by(NotaryBooking.id)
            .execution_options(populate_existing=True)
        )
    )
    for booking in found:
        never_learned = untold.never_learned(booking)
        # Who has an account finds on the portal what is told now, which takes the place of what they were to be told.
        with_account = booking.account_id is not None
        since = None if never_learned or with_account else booking.untold_since
        steps.write(booking, affected_at=None, affected_reason=None, untold_since=since)
        steps.note(booking, "unaffected", "时段恢复办理", SYSTEM)
        changing.end_other_times(SYSTEM, changing.pending_other_times(booking))
        if not never_learned:
            steps.tell(booking, "notary.unaffected", when=clock.spoken(booking.starts_at))
    return found
