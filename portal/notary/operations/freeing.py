"""What becomes of a seat that lapses or is given back: the waiting list first, then a cool-off, then everybody.

All of it happens in the transaction that frees the seat, with the counter's day locked, so that neither a job nor a client
in a hurry can get between the seat and the person whose turn it is.
"""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import date, datetime

from sqlalchemy import and_, or_, select, true, update

from portal.core import clock
from portal.core.actor import SYSTEM
from portal.core.db import db, rows_changed
from portal.core.unit_of_work import unit_of_work
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
    NotaryWaiting,
    Quota,
    WaitingState,
)
from portal.notary.opening import bookable_days
from portal.notary.operations import bookings, seats, steps
from portal.notary.operations.seats import ClaimRow, CounterDay, Run, SlotRow
from portal.working_days.counting import current_calendar

# Counter days that one sweep settles; each is a transaction of its own.
MOST_DAYS = 200
# How many of the line are read at a time: mostly the first one takes what is freed.
IN_LINE = 20
Waiter = tuple[NotaryWaiting, NotaryMatter]
_WAITS = NotaryWaiting.state == WaitingState.WAITING


def free(
    booking: NotaryBooking, office: NotaryOffice, claims: Sequence[ClaimRow], *, cool: bool
) -> int:
    """Give the claims' seats on; returns how many seats left the booking. Their counter's day is locked by the caller.

    `cool` keeps what nobody waits for occupied for a random while, so that a seat cannot be handed to a friend.
    """
    claims = [claim for claim in claims if claim.booking_id == booking.id]
    if not claims:
        return 0
    usable = [claim for claim in claims if claim.is_open and claim.starts_at > clock.now()]
    until = None
    if cool and usable:
        until = seats.cool_off_end(
            office.cool_off_least_minutes, office.cool_off_most_minutes, usable[0].starts_at
        )
    days = [claim.day for claim in usable]
    waiting = waiters(office.id, days, most=IN_LINE)
    if not waiting and until is not None:
        seats.cool_off(claims, until)
        return 0
    given = seats.release(claims)
    offered: dict[uuid.UUID, int] = defaultdict(int)
    while waiting:
        left = {c.slot_id for c in usable if offered[c.slot_id] < c.seats}
        for slot_id, count in offer(office, waiting, left).items():
            offered[slot_id] += count
        if len(waiting) < IN_LINE or not left:
            break
        waiting = waiters(office.id, days, most=IN_LINE, after=waiting[-1][0].id)
    if until is not None:
        for claim in usable:
            rest = claim.seats - offered.get(claim.slot_id, 0)
            if rest > 0 and seats.take_one(claim.slot_id, rest):
                seats.add_claims(booking.id, [claim.slot_id], rest, until, cooling=True)
                given -= rest
    return given


def waiters(
    office_id: uuid.UUID,
    days: Iterable[date],
    *,
    most: int | None = None,
    after: uuid.UUID | None = None,
) -> list[Waiter]:
    """Return who waits for the office in a span that touches `days`, with their matters, in the order of the list.

    At most so many, from the entry after `after` on.
    """
    wanted = list(days)
    if not wanted:
        return []
    return [
        (row.NotaryWaiting, row.NotaryMatter)
        for row in db.session.execute(
            select(NotaryWaiting, NotaryMatter)
            .join(NotaryMatter, NotaryMatter.id == NotaryWaiting.matter_id)
            .where(
                NotaryWaiting.state == WaitingState.WAITING,
                NotaryMatter.active,
                or_(NotaryWaiting.office_id.is_(None), NotaryWaiting.office_id == office_id),
                NotaryWaiting.from_day <= max(wanted),
                NotaryWaiting.until_day >= min(wanted),
                true() if after is None else NotaryWaiting.id > after,
            )
            .order_by(NotaryWaiting.id)
            .limit(most)
            .execution_options(populate_existing=True)
        )
    ]


def offer(
    office: NotaryOffice, waiting: Sequence[Waiter], slot_ids: set[uuid.UUID]
) -> dict[uuid.UUID, int]:
    """Offer the seats of `slot_ids`, with free neighbours where a matter needs them, down the list.

    Returns how many seats of each slot were offered. The counters' days are locked by the caller.
    """
    taken: dict[uuid.UUID, int] = defaultdict(int)
    if not waiting or not slot_ids:
        return taken
    pool = _pool(slot_ids)
    first, last = bookable_days(office, clock.today(), current_calendar())
    left = {slot.id: slot.left for slot, _ in pool if slot.id in slot_ids}
    for entry, matter in waiting:
        if all(left[slot_id] <= taken[slot_id] for slot_id in left):
            break
        demand = Demand.of(entry, office, matter)
        wanted, quotas = demand.seats, demand.quotas
        fitting = [
            slot
            for slot, codes in pool
            if slot.left - taken[slot.id] >= wanted
            and slot.quota in quotas
            and max(first, entry.from_day) <= slot.day <= min(last, entry.until_day)
            and (not codes or matter.code in codes)
        ]
        found = [
            run
            for run in seats.runs_of(fitting, demand.slots)
            if any(slot.id in slot_ids for slot in run.slots)
        ]
        if not found:
            continue
        run = min(found, key=lambda r: (quotas.index(r.first.quota), r.first.starts_at))
        if seats.take(run, wanted):
            if _offer_to(entry, matter, office, run, wanted):
                for slot in run.slots:
                    taken[slot.id] += wanted
            else:
                seats.give_back(run, wanted)
    return taken


def _pool(slot_ids: set[uuid.UUID]) -> list[tuple[SlotRow, list[str]]]:
    """Return the open slots of the counters' days that `slot_ids` belong to, with the codes served there."""
    days = (
        select(NotarySlot.counter_id, NotarySlot.day)
        .where(NotarySlot.id.in_(slot_ids))
        .distinct()
        .subquery()
    )
    rows = db.session.execute(
        select(*seats.COLUMNS, NotaryCounter.matter_codes)
        .join(NotaryCounter, NotaryCounter.id == NotarySlot.counter_id)
        .join(
            days,
            and_(days.c.counter_id == NotarySlot.counter_id, days.c.day == NotarySlot.day),
        )
        .where(NotarySlot.is_open, NotarySlot.starts_at > clock.now())
        .order_by(NotarySlot.starts_at, NotarySlot.id)
    )
    return [(SlotRow(*row[:-1]), row.matter_codes) for row in rows]


def _offer_to(
    entry: NotaryWaiting, matter: NotaryMatter, office: NotaryOffice, run: Run, wanted: int
) -> bool:
    """Make the offer; False when the entry was offered something elsewhere, or leaves the list, at the same moment.

    Passed over and not waited for: whoever leaves with their account has the entry and waits for the slots.
    """
    now = clock.now()
    still_waits = (
        select(NotaryWaiting.id)
        .where(NotaryWaiting.id == entry.id, NotaryWaiting.state == WaitingState.WAITING)
        .with_for_update(skip_locked=True)
    )
    moved = db.session.execute(
        update(NotaryWaiting)
        .where(NotaryWaiting.id == still_waits.scalar_subquery())
        .values(
            state=WaitingState.OFFERED,
            offered_at=now,
            updated_at=now,
            version=NotaryWaiting.version + 1,
        )
        .execution_options(synchronize_session=False)
    )
    if not rows_changed(moved):
        return False
    booking = bookings.new(
        account_id=entry.account_id,
        office_id=office.id,
        matter_id=matter.id,
        run=run,
        party_count=entry.party_count,
        seats=wanted,
        state=BookingState.OFFERED,
        kept_until=bookings.kept_for(office.offer_minutes, run.first.starts_at),
        priority=entry.priority,
        waiting_id=entry.id,
    )
    bookings.insert(booking, run, action="offer", label="排队有号", actor=SYSTEM)
    steps.tell(
        booking,
        "notary.offered",
        office=office.name,
        when=clock.spoken(booking.starts_at),
        until=clock.spoken(bookings.end_of_keeping(booking)),
    )
    return True


def end_waiting(booking: NotaryBooking, state: WaitingState, *, ended_at: datetime | None) -> None:
    """Move the waiting entry whose offer `booking` was."""
    if booking.waiting_id is None:
        return
    db.session.execute(
        update(NotaryWaiting)
        .where(NotaryWaiting.id == booking.waiting_id, NotaryWaiting.state == WaitingState.OFFERED)
        .values(
            state=state,
            ended_at=ended_at,
            updated_at=clock.now(),
            version=NotaryWaiting.version + 1,
        )
        .execution_options(synchronize_session=False)
    )


def all_counters_on(office_id: uuid.UUID, day: date) -> list[CounterDay]:
    """Return the day of every counter of an office."""
    counters = select(NotaryCounter.id).where(NotaryCounter.office_id == office_id)
    return [(counter_id, day) for counter_id in db.session.scalars(counters)]


def settle(days: Iterable[CounterDay]) -> int:
    """Free what has lapsed on these counters' days; returns how many bookings lost seats. Inside a unit of work.

    Called on use, when somebody finds a slot full, and by the sweep for what nobody touched.
    """
    wanted = set(days)
    if not wanted:
        return 0
    seats.lock_days(wanted)
    now = clock.now()
    claims = seats.live_claims(
        NotaryClaim.occupies_until <= now,
        or_(
            *(
                and_(NotarySlot.counter_id == counter_id, NotarySlot.day == day)
                for counter_id, day in wanted
            )
        ),
    )
    by_booking: dict[uuid.UUID, list[ClaimRow]] = defaultdict(list)
    for claim in claims:
        by_booking[claim.booking_id].append(claim)
    settled = 0
    for booking in _load(sorted(by_booking)):
        settled += _lapse(booking, by_booking[booking.id], now)
    return settled


def _load(ids: Sequence[uuid.UUID]) -> list[NotaryBooking]:
    return list(
        db.session.scalars(
            select(NotaryBooking)
            .where(NotaryBooking.id.in_(ids))
            .order_by(NotaryBooking.id)
            .execution_options(populate_existing=True)
        )
    )


def _lapse(booking: NotaryBooking, claims: Sequence[ClaimRow], now: datetime) -> bool:
    office = db.session.get_one(NotaryOffice, booking.office_id)
    action, label = "cooled_off", "号源冷却期满"
    if booking.state in PENDING_STATES:
        action, label = "expire", "保留到期"
        if not steps.write(
            booking,
            NotaryBooking.state.in_(PENDING_STATES),
            NotaryBooking.kept_until <= now,
            state=BookingState.EXPIRED,
            kept_until=None,
            ended_at=now,
        ):
            # Confirmed or released at this moment.
            return False
        end_waiting(booking, WaitingState.PASSED, ended_at=now)
        if booking.waiting_id is not None:
            steps.tell(booking, "notary.offer_passed")
        _tell_that_other_time_passed(booking)
    given = free(booking, office, claims, cool=False)
    steps.note(booking, action, label, SYSTEM, seats=-given)
    return True


def _tell_that_other_time_passed(other: NotaryBooking) -> None:
    """Whoever has to move and did not take the time kept for them has to choose one; it is not given up unsaid."""
    if other.replaces_id is None:
        return
    booking = db.session.get_one(NotaryBooking, other.replaces_id, populate_existing=True)
    if booking.has_to_move:
        steps.tell(booking, "notary.other_time_passed", other=clock.spoken(other.starts_at))


def match(office: NotaryOffice) -> int:
    """Offer seats that are free although somebody waits for them (new hours, a place taken as a seat was freed).

    Returns how many offers were made. Inside a unit of work.
    """
    first, last = bookable_days(office, clock.today(), current_calendar())
    waiting = waiters(office.id, [first, last])
    if not waiting:
        return 0
    free = db.session.execute(
        select(NotarySlot.id, NotarySlot.counter_id, NotarySlot.day)
        .join(NotaryCounter, NotaryCounter.id == NotarySlot.counter_id)
        .where(
            NotaryCounter.office_id == office.id,
            NotarySlot.is_open,
            NotarySlot.claimed < NotarySlot.capacity,
            NotarySlot.quota != Quota.WALK_IN,
            NotarySlot.day >= max(first, min(entry.from_day for entry, _ in waiting)),
            NotarySlot.day <= min(last, max(entry.until_day for entry, _ in waiting)),
        )
    ).all()
    if not free:
        return 0
    seats.lock_days((row.counter_id, row.day) for row in free)
    taken = offer(office, waiting, {row.id for row in free})
    return len(taken)


def lapsed_days(most: int = MOST_DAYS) -> list[CounterDay]:
    """Return counters' days on which claims have lapsed."""
    rows = db.session.execute(
        select(NotarySlot.counter_id, NotarySlot.day)
        .join(NotaryClaim, NotaryClaim.slot_id == NotarySlot.id)
        .where(NotaryClaim.released_at.is_(None), NotaryClaim.occupies_until <= clock.now())
        .distinct()
        .limit(most)
    )
    return [(row.counter_id, row.day) for row in rows]


def lapsed_days_of(office_id: uuid.UUID, day: date) -> list[CounterDay]:
    """Return the office's counters that have claims that lapsed on `day`."""
    rows = db.session.execute(
        select(NotarySlot.counter_id)
        .join(NotaryClaim, NotaryClaim.slot_id == NotarySlot.id)
        .join(NotaryCounter, NotaryCounter.id == NotarySlot.counter_id)
        .where(
            NotaryClaim.released_at.is_(None),
            NotaryClaim.occupies_until <= clock.now(),
            NotarySlot.day == day,
            NotaryCounter.office_id == office_id,
        )
        .distinct()
    )
    return [(row.counter_id, day) for row in rows]


def sweep() -> int:
    """Free everything that has lapsed, one transaction per counter and day; returns how many bookings lost seats.

    Then offers what is free to who waits, one transaction per office. Safe to repeat, and to stop at any moment.
    """
    settled = 0
    for day in lapsed_days():
        with unit_of_work():
            settled += settle([day])
    if db.session.scalar(select(NotaryWaiting.id).where(_WAITS).limit(1)) is not None:
        for office_id in list(db.session.scalars(select(NotaryOffice.id))):
            with unit_of_work():
                match(db.session.get_one(NotaryOffice, office_id, populate_existing=True))
    return settled
