"""Hold a seat, and give a hold up. The path of a rush: few statements, one commit."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy.orm.attributes import set_committed_value

from portal.accounts.operations import sessions
from portal.core import clock
from portal.core.actor import Actor
from portal.core.db import db
from portal.core.errors import Forbidden, Invalid, NotFound, WrongState
from portal.core.unit_of_work import joining, transactional
from portal.notary.demand import Demand
from portal.notary.errors import AlreadyConfirmed, HoldExists, HoldExpired
from portal.notary.models import (
    ACTIVE_STATES,
    BookingState,
    NotaryBooking,
    NotaryMatter,
    NotaryOffice,
    Priority,
    WaitingState,
)
from portal.notary.operations import bookings, freeing, known, refusing, seats, steps
from portal.notary.operations.known import OtherHold
from portal.notary.operations.seats import Run
from portal.notary.queries import zone_of_slots

# How many counters' seats are looked at before one is tried.
MOST_TRIED = 3


@dataclass(frozen=True)
class Wish:
    """What somebody would like to hold. `priority` claims the kept seats; it is checked when they come."""

    office_id: uuid.UUID
    matter_id: uuid.UUID
    starts_at: datetime
    party_count: int = 1
    priority: Priority | None = None


@dataclass(frozen=True)
class Look:
    """What was read about a wish before anything is written: all that refuses it, and where seats seem to be free."""

    demand: Demand
    # The account's earlier hold, which has lapsed.
    other: OtherHold | None
    day: date
    found: list[Run]


def require_active(matter: NotaryMatter) -> None:
    """Raise Invalid for a matter that is not booked any more."""
    if not matter.active:
        raise Invalid(errors={"matter_id": ["这个公证事项目前不能预约。"]})


def require_bookable(demand: Demand, starts_at: datetime) -> None:
    """Raise NotBookable for a time that has begun, lies before the lead time or beyond the horizon; OtherTimeZone."""
    zone_of_slots.require()
    refused = refusing.outside(demand, starts_at)
    if refused is not None:
        raise refused


def look(actor: Actor, wish: Wish) -> Look:
    """Read what a hold needs to know; writes nothing, so it may come before the unit of work.

    Raises what `hold` does. SlotTaken only when the time is full and nothing in it has lapsed: most of a rush ends here,
    without waiting for a turn to write. What never was a time ends here as well.
    """
    if not actor.is_resident:
        raise Forbidden("只有居民可以在网上预约。")
    asked = known.of(wish.office_id, wish.matter_id, actor.id)
    if asked is None:
        raise NotFound("没有找到这个公证机构或者公证事项。")
    require_active(asked.matter)
    demand, other = Demand.of(wish, asked.office, asked.matter), asked.other
    require_bookable(demand, wish.starts_at)
    if other is not None and other.kept_until > clock.now():
        raise HoldExists(
            f"您已经保留了 {clock.spoken(other.starts_at)} 的时段，"
            f"保留到 {clock.spoken(other.kept_until)}。"
        )
    day = clock.local(wish.starts_at).date()
    found = candidates(demand, wish.starts_at)
    if not found and other is None and not freeing.lapsed_days_of(wish.office_id, day):
        raise refusing.at(demand, wish.starts_at)
    return Look(demand, other, day, found)


@joining
def hold(actor: Actor, wish: Wish, seen: Look | None = None) -> NotaryBooking:
    """Take the seats of a time for some minutes and return the hold.

    Raises HoldExists while the account holds another time, NotBookable for a time that is not given out, SlotTaken when the
    seats are gone, with the nearest free times. `seen` is what `look` has read: what it found free is tried, and whatever
    has changed since is told by the guarded statements.
    """
    sessions.require_active(actor)
    seen = seen or look(actor, wish)
    demand, office, day = seen.demand, seen.demand.office, seen.day
    if seen.other is not None:
        _end_other_hold(seen.other, office, day)
    run = take_first(seen.found, demand.seats)
    while run is None:
        found = candidates(demand, wish.starts_at)
        if not found:
            break
        # Whatever is lost now is full and not found again, so that this comes to an end.
        run = take_first(found, demand.seats)
    if run is None:
        # Full, as far as can be seen: whatever has lapsed there is freed now, and not when a job comes by.
        lapsed = freeing.lapsed_days_of(office.id, day)
        if freeing.settle(lapsed):
            found = candidates(demand, wish.starts_at, most=None)
            # Only where the locks are held: another counter's would be taken out of order.
            locked = [run for run in found if (run.first.counter_id, day) in lapsed]
            run = take_first(locked, demand.seats)
    if run is None:
        # What has lapsed stays freed, and with whom it was offered to: otherwise everybody in a rush would do it again.
        raise refusing.at(demand, wish.starts_at).keeping()
    booking = new(office, wish, run, account_id=actor.id)
    if not bookings.write_row(booking):
        # Another hold of the same account, at this very moment; the rollback gives the seats back.
        raise HoldExists
    bookings.write_claims(booking, run, action="hold", label="保留时段", actor=actor)
    set_committed_value(booking, "matter", demand.matter)
    set_committed_value(booking, "office", office)
    return booking


def new(
    office: NotaryOffice, wish: Wish, run: Run, *, account_id: uuid.UUID | None, **fields: Any
) -> NotaryBooking:
    """Return a hold of `run`, whose seats are taken, that is not in the database yet."""
    until = clock.now() + timedelta(minutes=office.hold_minutes)
    return bookings.new(
        account_id=account_id,
        office_id=office.id,
        matter_id=wish.matter_id,
        run=run,
        party_count=wish.party_count,
        seats=office.seats_for(wish.party_count),
        state=BookingState.HELD,
        kept_until=min(until, run.first.starts_at),
        priority=wish.priority,
        **fields,
    )


def take_first(found: list[Run], wanted: int) -> Run | None:
    """Take the first run whose seats are still there."""
    return next((run for run in found if seats.take(run, wanted)), None)


def candidates(demand: Demand, starts_at: datetime, *, most: int | None = MOST_TRIED) -> list[Run]:
    """Return what seems free at the wished time, in the order of trying; at most so many where one slot will do."""
    need = demand.slots
    free = seats.free_slots_between(
        demand, starts_at, demand.until(starts_at), most=most if need == 1 else None
    )
    found = [run for run in seats.runs_of(free, need) if run.first.starts_at == starts_at]
    return seats.shuffled(found, demand.quotas)


def _end_other_hold(other: OtherHold, office: NotaryOffice, day: date) -> None:
    """Free the account's earlier hold, which has lapsed."""
    # The day of the new hold is locked with it, so that all locks are taken in one order.
    freeing.settle([(other.counter_id, other.day), *freeing.all_counters_on(office.id, day)])


@transactional
def release(actor: Actor, booking: NotaryBooking) -> NotaryBooking:
    """Give up a hold or decline an offer; the seats go to who waits, or cool off. Raises HoldExpired after its time."""
    seats.lock_days([(booking.counter_id, booking.day)])
    now = clock.now()
    if booking.kept_until is not None and booking.kept_until <= now:
        raise HoldExpired
    steps.move(
        booking,
        "release",
        actor,
        NotaryBooking.kept_until > now,
        kept_until=None,
        ended_at=now,
    )
    freeing.end_waiting(booking, WaitingState.DECLINED, ended_at=now)
    give_up_seats(actor, booking, "release", "放弃")
    return booking


def give_up_seats(actor: Actor, booking: NotaryBooking, action: str, label: str) -> None:
    """Free all seats of a booking that has just ended, with a cool-off, and write the line of the history."""
    office = db.session.get_one(NotaryOffice, booking.office_id)
    claims = seats.live_claims(*seats.of_booking(booking.id))
    given = freeing.free(booking, office, claims, cool=True)
    steps.note(booking, action, label, actor, seats=-given)


def require_held(booking: NotaryBooking) -> None:
    """Raise HoldExpired, AlreadyConfirmed or WrongState unless the seats are kept at this moment."""
    if booking.state is BookingState.EXPIRED:
        raise steps.expired(booking)
    if booking.state in ACTIVE_STATES:
        raise AlreadyConfirmed(
            f"这个时段已经预约成功，编号 {booking.reference}，不用再确认。",
            errors={"appointment_id": [str(booking.id)]},
        )
    if booking.kept_until is None:
        raise WrongState(f"这个预约目前是“{booking.state.label}”，不能确认。")
    if booking.kept_until <= clock.now():
        raise HoldExpired
