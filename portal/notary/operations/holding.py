"""Hold a seat, and give a hold up. The path of a rush: few statements, one commit."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Row, Uuid, and_, bindparam, select
from sqlalchemy.orm.attributes import set_committed_value

from portal.core import clock
from portal.core.actor import Actor
from portal.core.db import db
from portal.core.errors import Forbidden, Invalid, NotFound, WrongState
from portal.core.unit_of_work import transactional
from portal.notary import runs
from portal.notary.errors import HoldExists, HoldExpired, NotBookable, SlotTaken
from portal.notary.models import (
    BookingState,
    NotaryBooking,
    NotaryCounter,
    NotaryMatter,
    NotaryOffice,
    Priority,
    WaitingState,
)
from portal.notary.opening import bookable_days
from portal.notary.operations import bookings, freeing, next_free, seats, steps
from portal.notary.operations.seats import Run
from portal.working_days.counting import current_calendar


@dataclass(frozen=True)
class Wish:
    """What somebody would like to hold. `priority` claims the kept seats; it is checked when they come."""

    office_id: uuid.UUID
    matter_id: uuid.UUID
    starts_at: datetime
    party_count: int = 1
    priority: Priority | None = None


@dataclass(frozen=True)
class _Context:
    """What a hold needs to know first, in one statement."""

    matter: NotaryMatter
    office: NotaryOffice
    # The hold that the account has, if any: where it is and until when.
    other: Row[Any] | None


# Built once: in a rush, putting a statement together costs more than carrying it out.
_CONTEXT = (
    select(
        NotaryMatter,
        NotaryOffice,
        NotaryBooking.id,
        NotaryBooking.counter_id,
        NotaryBooking.day,
        NotaryBooking.starts_at,
        NotaryBooking.kept_until,
    )
    .select_from(NotaryMatter)
    .join(NotaryOffice, NotaryOffice.id == bindparam("office_id", type_=Uuid()))
    .outerjoin(
        NotaryBooking,
        and_(
            NotaryBooking.account_id == bindparam("account_id", type_=Uuid()),
            NotaryBooking.state == BookingState.HELD,
        ),
    )
    .where(NotaryMatter.id == bindparam("matter_id", type_=Uuid()))
)


def _context(actor: Actor, wish: Wish) -> _Context:
    asked = {
        "office_id": wish.office_id,
        "matter_id": wish.matter_id,
        "account_id": actor.id,
    }
    row: Any = db.session.execute(_CONTEXT, asked).first()
    if row is None:
        raise NotFound("没有找到这个公证机构或者公证事项。")
    require_active(row.NotaryMatter)
    return _Context(row.NotaryMatter, row.NotaryOffice, row if row.id is not None else None)


def require_active(matter: NotaryMatter) -> None:
    """Raise Invalid for a matter that is not booked any more."""
    if not matter.active:
        raise Invalid(errors={"matter_id": ["这个公证事项目前不能预约。"]})


def require_bookable(office: NotaryOffice, day: date, starts_at: datetime) -> None:
    """Raise NotBookable for a time that has begun, lies before the lead time or beyond the horizon."""
    first, last = bookable_days(office, clock.today(), current_calendar())
    if starts_at <= clock.now():
        raise NotBookable("这个时段已经开始或者过去。")
    if day < first:
        raise NotBookable(f"需要提前预约，目前最早可以约 {first:%Y-%m-%d}。", code="too_soon")
    if day > last:
        raise NotBookable(f"目前最远可以约到 {last:%Y-%m-%d}。", code="too_far")


@transactional
def hold(actor: Actor, wish: Wish) -> NotaryBooking:
    """Take the seats of a time for some minutes and return the hold.

    Raises HoldExists while the account holds another time, NotBookable for a time that is not given out, SlotTaken when the
    seats are gone, with the next free times.
    """
    if not actor.is_resident:
        raise Forbidden("只有居民可以在网上预约。")
    context = _context(actor, wish)
    matter, office = context.matter, context.office
    day = clock.local(wish.starts_at).date()
    require_bookable(office, day, wish.starts_at)
    wanted = wish.party_count if office.seat_per_party else 1
    if context.other is not None:
        _end_other_hold(context.other, office, day)
    found = _candidates(office, matter, wish, day, wanted)
    if not found:
        # Full, as far as can be seen: whatever has lapsed there is freed now, and not when a job comes by.
        lapsed = freeing.lapsed_days_of(office.id, day)
        if freeing.settle(lapsed):
            found = [
                run
                for run in _candidates(office, matter, wish, day, wanted)
                # Only where the locks are held: another counter's would be taken out of order.
                if (run.first.counter_id, day) in lapsed
            ]
    for run in found:
        if not seats.take(run, wanted):
            continue
        booking = bookings.new(
            account_id=actor.id,
            office_id=office.id,
            matter_id=matter.id,
            run=run,
            party_count=wish.party_count,
            seats=wanted,
            state=BookingState.HELD,
            kept_until=min(
                clock.now() + timedelta(minutes=office.hold_minutes), run.first.starts_at
            ),
            priority=wish.priority,
        )
        if not bookings.write_row(booking):
            # Another hold of the same account, at this very moment; the rollback gives the seats back.
            raise HoldExists
        bookings.write_claims(booking, run, action="hold", label="保留时段", actor=actor)
        set_committed_value(booking, "matter", matter)
        set_committed_value(booking, "office", office)
        return booking
    raise taken(office, matter, wanted, wish.priority)


def _candidates(
    office: NotaryOffice, matter: NotaryMatter, wish: Wish, day: date, wanted: int
) -> list[Run]:
    need = runs.slots_needed(matter.minutes, office.slot_minutes)
    quotas = seats.quotas_for(wish.priority)
    until = wish.starts_at + timedelta(minutes=need * office.slot_minutes)
    free = seats.free_slots_between(
        office.id, matter.code, quotas, wanted, day, wish.starts_at, until
    )
    found = [run for run in seats.runs_of(free, need) if run.first.starts_at == wish.starts_at]
    return seats.shuffled(found, quotas)


def _end_other_hold(other: Row[Any], office: NotaryOffice, day: date) -> None:
    """Free the account's earlier hold when it has lapsed; raises HoldExists while it stands."""
    if other.kept_until > clock.now():
        raise HoldExists(
            f"您已经保留了 {steps.spoken(other.starts_at)} 的时段，"
            f"保留到 {steps.spoken(other.kept_until)}。"
        )
    counters = db.session.scalars(
        select(NotaryCounter.id).where(NotaryCounter.office_id == office.id)
    )
    # The day of the new hold is locked with it, so that all locks are taken in one order.
    freeing.settle([(other.counter_id, other.day), *((counter_id, day) for counter_id in counters)])


def taken(
    office: NotaryOffice, matter: NotaryMatter, wanted: int, priority: Priority | None
) -> SlotTaken:
    """Return the refusal with the next free times."""
    times = next_free.times(office, matter, wanted, seats.quotas_for(priority))
    if not times:
        return SlotTaken(next_step="目前没有别的空闲时段。您可以加入排队，有号时按先后通知您。")
    said = "、".join(steps.spoken(moment) for moment in times)
    return SlotTaken(
        next_step=f"目前还可以约：{said}。也可以加入排队，有号时按先后通知您。",
        errors={
            "next_free": [clock.local(moment).isoformat(timespec="seconds") for moment in times]
        },
    )


@transactional
def release(actor: Actor, booking: NotaryBooking) -> NotaryBooking:
    """Give up a hold or decline an offer; the seats go to who waits, or cool off. Raises HoldExpired after its time."""
    seats.lock_days([(booking.counter_id, booking.day)])
    now = clock.now()
    if booking.kept_until is not None and booking.kept_until <= now:
        raise HoldExpired
    if not steps.move(
        booking,
        "release",
        actor,
        NotaryBooking.kept_until > now,
        kept_until=None,
        ended_at=now,
    ):
        raise steps.lost(booking)
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
    """Raise HoldExpired or WrongState unless the seats are kept at this moment."""
    if booking.state is BookingState.EXPIRED:
        raise HoldExpired
    if booking.kept_until is None:
        raise WrongState(f"这个预约目前是“{booking.state.label}”，不能确认。")
    if booking.kept_until <= clock.now():
        raise HoldExpired
