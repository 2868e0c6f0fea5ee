"""Bookings whose time the office can no longer keep: named, told, and offered another time that is kept for them."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from datetime import timedelta

from sqlalchemy import select

from portal.core import clock
from portal.core.actor import SYSTEM
from portal.core.db import db
from portal.notary.models import (
    PENDING_STATES,
    BookingState,
    NotaryBooking,
    NotaryClaim,
    NotaryOffice,
    NotarySlot,
    WaitingState,
)
from portal.notary.opening import bookable_days
from portal.notary.operations import bookings, changing, freeing, seats, steps
from portal.notary.operations.seats import ClaimRow
from portal.notary.operations.slots import Difference
from portal.working_days.counting import current_calendar

REASON = "机构调整办理时间"


def handle(office: NotaryOffice, found: Difference, reason: str) -> list[NotaryBooking]:
    """Act on closed and overfull slots; returns the confirmed bookings that have to move. The office's slots are locked.

    Holds and offers in them end at once, seats that cool off are given back, and who had a confirmed booking is told why and
    offered the next free time.
    """
    claims = seats.live_claims(NotaryClaim.slot_id.in_([*found.closed, *found.overfull]))
    loaded = _bookings({claim.booking_id for claim in claims})
    moving: dict[uuid.UUID, NotaryBooking] = {}
    for claim in claims:
        booking = loaded[claim.booking_id]
        if booking.state in PENDING_STATES:
            _end_pending(booking)
        elif claim.cooling:
            # Nobody has it: it makes room before anybody is asked to move.
            given = seats.release([claim])
            steps.note(booking, "cooled_off", "时段停办或者减少，号源收回", SYSTEM, seats=-given)
        elif booking.state is BookingState.CONFIRMED and claim.slot_id in found.closed:
            moving[booking.id] = booking
    for booking in _too_many(claims, loaded, found):
        moving[booking.id] = booking
    for booking in sorted(moving.values(), key=lambda b: (b.starts_at, b.id)):
        _must_move(office, booking, reason or REASON)
    return list(moving.values())


def _bookings(ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, NotaryBooking]:
    return {
        booking.id: booking
        for booking in db.session.scalars(
            select(NotaryBooking)
            .where(NotaryBooking.id.in_(list(ids)))
            .order_by(NotaryBooking.id)
            .execution_options(populate_existing=True)
        )
    }


def _end_pending(booking: NotaryBooking) -> None:
    """End a hold or an offer at a time that is no longer given out; an offer's person goes back to their place."""
    now = clock.now()
    if not steps.write(
        booking,
        NotaryBooking.state.in_(PENDING_STATES),
        state=BookingState.EXPIRED,
        kept_until=None,
        ended_at=now,
    ):
        return
    freeing.end_waiting(booking, WaitingState.WAITING, ended_at=None)
    given = seats.release(seats.live_claims(*seats.of_booking(booking.id)))
    steps.note(booking, "expire", "时段停办，保留结束", SYSTEM, seats=-given)


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


def _must_move(office: NotaryOffice, booking: NotaryBooking, reason: str) -> None:
    if booking.affected_at is not None and changing.pending_other_times(booking):
        # Has been told, and another time is kept: once more would only say less.
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
    other = None
    if not changing.pending_other_times(booking):
        other = _keep_other_time(office, booking)
    when = steps.spoken(booking.starts_at)
    if other is None:
        steps.tell(booking, "notary.affected", when=when, reason=reason)
    else:
        steps.tell(
            booking,
            "notary.affected_with_offer",
            when=when,
            reason=reason,
            other=steps.spoken(other.starts_at),
            until=steps.spoken(bookings.end_of_keeping(other)),
        )


def _keep_other_time(office: NotaryOffice, booking: NotaryBooking) -> NotaryBooking | None:
    """Take the next free time for a booking that has to move, and keep it for as long as the office sets."""
    first, last = bookable_days(office, clock.today(), current_calendar())
    quotas = seats.quotas_for(booking.priority)
    need = len(seats.live_claims(*seats.of_booking(booking.id)))
    free = seats.free_slots(
        office.id,
        booking.matter.code,
        quotas,
        booking.seats,
        NotarySlot.day >= first,
        NotarySlot.day <= last,
        NotarySlot.starts_at > clock.now(),
    )
    for run in seats.runs_of(free, need):
        if not seats.take(run, booking.seats):
            continue
        kept = clock.now() + timedelta(minutes=office.move_offer_minutes)
        other = bookings.new(
            account_id=booking.account_id,
            office_id=office.id,
            matter_id=booking.matter_id,
            run=run,
            party_count=booking.party_count,
            seats=booking.seats,
            state=BookingState.OFFERED,
            kept_until=min(kept, run.first.starts_at),
            priority=booking.priority,
            replaces_id=booking.id,
        )
        bookings.insert(other, run, action="offer", label="留出新时段", actor=SYSTEM)
        return other
    return None


def settle_unaffected(office: NotaryOffice) -> list[NotaryBooking]:
    """Tell those whose time is given again after all, and give up what was kept for them. The office's slots are locked."""
    closed = (
        select(NotaryClaim.id)
        .join(NotarySlot, NotarySlot.id == NotaryClaim.slot_id)
        .where(
            NotaryClaim.booking_id == NotaryBooking.id,
            NotaryClaim.released_at.is_(None),
            NotaryClaim.cooling.is_(False),
            NotarySlot.is_open.is_(False),
        )
    )
    found = list(
        db.session.scalars(
            select(NotaryBooking)
            .where(
                NotaryBooking.office_id == office.id,
                NotaryBooking.state == BookingState.CONFIRMED,
                NotaryBooking.affected_at.is_not(None),
                ~closed.exists(),
            )
            .order_by(NotaryBooking.id)
            .execution_options(populate_existing=True)
        )
    )
    for booking in found:
        steps.write(booking, affected_at=None, affected_reason=None)
        steps.note(booking, "unaffected", "时段恢复办理", SYSTEM)
        changing.end_other_times(SYSTEM, changing.pending_other_times(booking))
        steps.tell(booking, "notary.unaffected", when=steps.spoken(booking.starts_at))
    return found
