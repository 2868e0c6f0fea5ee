"""The one way a seat changes.

A seat is claimed by one guarded statement per slot, in the order (starts_at, id), inside the caller's unit of work; whoever
loses reads it from the row count. Nothing is read first and written on the strength of it. A seat that lapses or is given
back goes through `free`, which offers it to the waiting list before anybody else can see it.

Locks are taken in one order by every step: slots by (starts_at, id), then bookings, then persons, so that PostgreSQL never
finds a circle. Whoever frees seats locks all slots of the counter's day first (`lock_days`), because the offer that follows
may need a neighbour. On SQLite a unit of work that writes is alone.
"""

from __future__ import annotations

import itertools
import secrets
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Integer, and_, bindparam, insert, or_, select, update

from portal.core import clock
from portal.core.db import db, is_sqlite, new_id
from portal.core.prepared import Prepared, Unread
from portal.notary.demand import Demand
from portal.notary.models import NotaryClaim, NotaryCounter, NotarySlot, Quota

_random = secrets.SystemRandom()
CounterDay = tuple[uuid.UUID, date]


@dataclass(frozen=True)
class SlotRow:
    """A slot as it was read."""

    id: uuid.UUID
    counter_id: uuid.UUID
    day: date
    ordinal: int
    quota: Quota
    starts_at: datetime
    ends_at: datetime
    left: int


@dataclass(frozen=True)
class Run:
    """Consecutive slots of one counter and quota."""

    slots: tuple[SlotRow, ...]

    @property
    def first(self) -> SlotRow:
        """The slot it begins with."""
        return self.slots[0]

    @property
    def ends_at(self) -> datetime:
        """When it ends."""
        return self.slots[-1].ends_at


COLUMNS = (
    NotarySlot.id,
    NotarySlot.counter_id,
    NotarySlot.day,
    NotarySlot.ordinal,
    NotarySlot.quota,
    NotarySlot.starts_at,
    NotarySlot.ends_at,
    (NotarySlot.capacity - NotarySlot.claimed).label("left"),
)


def free_slots(demand: Demand, *conditions: Any) -> list[SlotRow]:
    """Return open slots with so many seats left at the office's counters that serve the matter, in order of time."""
    enough = NotarySlot.claimed + demand.seats <= NotarySlot.capacity
    return slots_for(demand, enough, *conditions)


def slots_for(demand: Demand, *conditions: Any) -> list[SlotRow]:
    """Return open slots that can hold so many, full ones too, at the office's counters that serve the matter."""
    return slots_ever_for(demand, NotarySlot.is_open, *conditions)


def slots_ever_for(demand: Demand, *conditions: Any) -> list[SlotRow]:
    """Return what `slots_for` does, and the slots that were closed as well."""
    rows = db.session.execute(
        select(*COLUMNS, NotaryCounter.matter_codes)
        .join(NotaryCounter, NotaryCounter.id == NotarySlot.counter_id)
        .where(
            NotaryCounter.office_id == demand.office.id,
            NotarySlot.capacity >= demand.seats,
            NotarySlot.quota.in_(demand.quotas),
            *conditions,
        )
        .order_by(NotarySlot.starts_at, NotarySlot.id)
    )
    return [
        SlotRow(*row[:-1])
        for row in rows
        if not row.matter_codes or demand.matter.code in row.matter_codes
    ]


# Where `_BETWEEN` has them.
_QUOTA, _MATTER_CODES = COLUMNS.index(NotarySlot.quota), len(COLUMNS)
_SLOTS: Any = NotarySlot.__table__
_CLAIMS: Any = NotaryClaim.__table__
_BETWEEN = Prepared(
    lambda _dialect: (
        select(*COLUMNS, NotaryCounter.matter_codes)
        .join(NotaryCounter, NotaryCounter.id == NotarySlot.counter_id)
        .where(
            NotaryCounter.office_id == bindparam("office_id"),
            NotarySlot.is_open,
            NotarySlot.claimed + bindparam("seats", type_=Integer) <= NotarySlot.capacity,
            NotarySlot.quota.in_(
                [bindparam(name, type_=NotarySlot.quota.type) for name in ("quota", "other_quota")]
            ),
            # Not by the day as well, or else the slots of all offices on that day are gone through.
            NotarySlot.starts_at >= bindparam("first"),
            NotarySlot.starts_at < bindparam("until"),
        )
        .order_by(NotarySlot.starts_at, NotarySlot.id)
    ),
    writes=False,
)
_TAKE = Prepared(
    lambda _dialect: (
        update(_SLOTS)
        .where(
            _SLOTS.c.id == bindparam("slot_id"),
            _SLOTS.c.is_open,
            _SLOTS.c.claimed + bindparam("seats", type_=Integer) <= _SLOTS.c.capacity,
        )
        .values(
            claimed=_SLOTS.c.claimed + bindparam("seats", type_=Integer),
            changed_at=bindparam("now"),
        )
    ),
    writes=True,
)
_CLAIM = Prepared(lambda _dialect: insert(_CLAIMS), writes=True)
_MAKE_FIRM = Prepared(
    lambda _dialect: (
        update(_CLAIMS)
        .where(_CLAIMS.c.booking_id == bindparam("booking"), _CLAIMS.c.released_at.is_(None))
        .values(occupies_until=None)
    ),
    writes=True,
)


def free_slots_between(
    demand: Demand, first: datetime, until: datetime, *, most: int | None = None
) -> list[SlotRow]:
    """Return what `free_slots` does, for the slots that begin from `first` on and before `until`.

    With `most`, no more than so many of them, chosen by chance: where one will do, nobody reads those of all counters.
    """
    matter_code, quotas = demand.matter.code, demand.quotas
    rows = _BETWEEN.unread(
        {
            "office_id": demand.office.id,
            "seats": demand.seats,
            "quota": quotas[0],
            "other_quota": quotas[-1],
            "first": first,
            "until": until,
        }
    )
    if most is not None and len(rows) > most:
        rows = _few_of(rows, matter_code, quotas, most)
    return [
        SlotRow(*row[:-1])
        for row in (unread.values() for unread in rows)
        if not row[-1] or matter_code in row[-1]
    ]


def _few_of(
    rows: list[Unread], matter_code: str, quotas: Sequence[Quota], most: int
) -> list[Unread]:
    """Return up to `most` rows whose counter serves the matter, of the first quota as long as there are any."""
    _random.shuffle(rows)
    if len(quotas) > 1:
        rows.sort(key=lambda row: quotas.index(row.value(_QUOTA)))
    serving = (
        row for row in rows if not (codes := row.value(_MATTER_CODES)) or matter_code in codes
    )
    return list(itertools.islice(serving, most))


def slots_by_id(ids: Iterable[uuid.UUID]) -> list[SlotRow]:
    """Return the open ones among these slots."""
    return open_slots(NotarySlot.id.in_(list(ids)))


def open_slots(*conditions: Any) -> list[SlotRow]:
    """Return open slots, full ones too, in order of time."""
    rows = db.session.execute(
        select(*COLUMNS)
        .where(NotarySlot.is_open, *conditions)
        .order_by(NotarySlot.starts_at, NotarySlot.id)
    )
    return [SlotRow(*row) for row in rows]


def runs_of(slots: Iterable[SlotRow], need: int) -> list[Run]:
    """Return every run of `need` consecutive slots, in order of time."""
    by_place = {(s.counter_id, s.day, s.quota, s.ordinal): s for s in slots}
    found = []
    for (counter_id, day, quota, ordinal), slot in by_place.items():
        run = [slot]
        for step in range(1, need):
            following = by_place.get((counter_id, day, quota, ordinal + step))
            if following is None or following.starts_at != run[-1].ends_at:
                break
            run.append(following)
        if len(run) == need:
            found.append(Run(tuple(run)))
    return found


def shuffled(runs: list[Run], quotas: Sequence[Quota]) -> list[Run]:
    """Return the runs in a random order within each quota, so that a rush spreads over the counters."""
    _random.shuffle(runs)
    return sorted(runs, key=lambda run: quotas.index(run.first.quota))


def take(run: Run, seats: int) -> bool:
    """Take the seats of every slot of the run, or none: one guarded statement per slot, in order.

    When one is lost, everything goes back to a savepoint: the seats of the slots before it, and on PostgreSQL the lock of
    the row itself, which a guarded statement that had to wait keeps although its guard failed. With it in hand, other slots
    would be locked out of order.
    """
    if len(run.slots) == 1 and is_sqlite():
        return take_one(run.first.id, seats)
    connection = db.session.connection()
    connection.exec_driver_sql("SAVEPOINT before_seats")
    if all(take_one(slot.id, seats) for slot in run.slots):
        # It ends with the transaction, and costs nothing until then.
        return True
    connection.exec_driver_sql("ROLLBACK TO SAVEPOINT before_seats")
    return False


def take_one(slot_id: uuid.UUID, seats: int) -> bool:
    """Take seats of one slot; False when it is closed or has not so many left."""
    return _TAKE.run({"slot_id": slot_id, "seats": seats, "now": clock.now()}) > 0


def give_back(run: Run, seats: int) -> None:
    """Undo `take` before anything was written about it."""
    for slot in run.slots:
        db.session.execute(
            update(NotarySlot)
            .where(NotarySlot.id == slot.id)
            .values(claimed=NotarySlot.claimed - seats, changed_at=clock.now())
            .execution_options(synchronize_session=False)
        )


def add_claims(
    booking_id: uuid.UUID,
    slot_ids: Iterable[uuid.UUID],
    seats: int,
    until: datetime | None,
    *,
    cooling: bool = False,
) -> list[uuid.UUID]:
    """Write down whose the seats are that `take` took; returns the claims' ids."""
    now = clock.now()
    made = []
    for slot_id in slot_ids:
        made.append(new_id())
        _CLAIM.run(
            {
                "id": made[-1],
                "slot_id": slot_id,
                "booking_id": booking_id,
                "seats": seats,
                "occupies_until": until,
                "cooling": cooling,
                "created_at": now,
                "released_at": None,
            }
        )
    return made


def make_firm(booking_id: uuid.UUID) -> None:
    """Let a booking keep its seats without an end."""
    _MAKE_FIRM.run({"booking": booking_id})


def keep_longer(booking_id: uuid.UUID, until: datetime) -> None:
    """Let a booking keep its seats until a later moment than before."""
    db.session.execute(
        update(NotaryClaim)
        .where(NotaryClaim.booking_id == booking_id, NotaryClaim.released_at.is_(None))
        .values(occupies_until=until)
        .execution_options(synchronize_session=False)
    )


def lock_days(days: Iterable[CounterDay]) -> None:
    """Lock all slots of these counters' days, in the order that everybody keeps."""
    wanted = set(days)
    if is_sqlite() or not wanted:
        return
    db.session.execute(
        select(NotarySlot.id)
        .where(
            or_(
                *(
                    and_(NotarySlot.counter_id == counter_id, NotarySlot.day == day)
                    for counter_id, day in wanted
                )
            )
        )
        .order_by(NotarySlot.starts_at, NotarySlot.id)
        .with_for_update()
    ).all()


@dataclass(frozen=True)
class ClaimRow:
    """A live claim with its slot."""

    id: uuid.UUID
    booking_id: uuid.UUID
    seats: int
    slot_id: uuid.UUID
    counter_id: uuid.UUID
    day: date
    starts_at: datetime
    is_open: bool
    cooling: bool


def live_claims(*conditions: Any) -> list[ClaimRow]:
    """Return claims that occupy seats, in the order of their slots."""
    rows = db.session.execute(
        select(
            NotaryClaim.id,
            NotaryClaim.booking_id,
            NotaryClaim.seats,
            NotaryClaim.slot_id,
            NotarySlot.counter_id,
            NotarySlot.day,
            NotarySlot.starts_at,
            NotarySlot.is_open,
            NotaryClaim.cooling,
        )
        .join(NotarySlot, NotarySlot.id == NotaryClaim.slot_id)
        .where(NotaryClaim.released_at.is_(None), *conditions)
        .order_by(NotarySlot.starts_at, NotarySlot.id)
    )
    return [ClaimRow(*row) for row in rows]


def of_booking(booking_id: uuid.UUID) -> tuple[Any, ...]:
    """Return the conditions for the claims that a booking has, without what it has given up."""
    return NotaryClaim.booking_id == booking_id, NotaryClaim.cooling.is_(False)


def release(claims: Sequence[ClaimRow]) -> int:
    """End the claims and give their seats back; returns how many seats. A claim that was ended before counts for nothing."""
    ended = set(
        db.session.scalars(
            update(NotaryClaim)
            .where(
                NotaryClaim.id.in_([claim.id for claim in claims]),
                NotaryClaim.released_at.is_(None),
            )
            .values(released_at=clock.now(), occupies_until=None)
            .returning(NotaryClaim.id)
            .execution_options(synchronize_session=False)
        )
    )
    given_back = 0
    for claim in claims:
        if claim.id not in ended:
            continue
        db.session.execute(
            update(NotarySlot)
            .where(NotarySlot.id == claim.slot_id)
            .values(claimed=NotarySlot.claimed - claim.seats, changed_at=clock.now())
            .execution_options(synchronize_session=False)
        )
        given_back += claim.seats
    return given_back


def split(claims: Sequence[ClaimRow], keep: int) -> list[ClaimRow]:
    """Leave each claim `keep` of its seats; return the others as claims of their own, which cool off from now on.

    They occupy their seats until somebody ends them (`freeing.free`). Their day is locked by the caller.
    """
    parted = []
    for claim in claims:
        db.session.execute(
            update(NotaryClaim)
            .where(NotaryClaim.id == claim.id, NotaryClaim.released_at.is_(None))
            .values(seats=keep)
            .execution_options(synchronize_session=False)
        )
        rest = claim.seats - keep
        (made,) = add_claims(claim.booking_id, [claim.slot_id], rest, clock.now(), cooling=True)
        parted.append(replace(claim, id=made, seats=rest, cooling=True))
    return parted


def hand_over(claims: Sequence[ClaimRow], booking_id: uuid.UUID) -> None:
    """Let another booking have the seats, firmly."""
    db.session.execute(
        update(NotaryClaim)
        .where(NotaryClaim.id.in_([claim.id for claim in claims]))
        .values(booking_id=booking_id, occupies_until=None)
        .execution_options(synchronize_session=False)
    )


def cool_off(claims: Sequence[ClaimRow], until: datetime) -> None:
    """Keep the seats of a booking that ended occupied until `until`."""
    db.session.execute(
        update(NotaryClaim)
        .where(
            NotaryClaim.id.in_([claim.id for claim in claims]), NotaryClaim.released_at.is_(None)
        )
        .values(occupies_until=until, cooling=True)
        .execution_options(synchronize_session=False)
    )


def cool_off_end(least_minutes: int, most_minutes: int, starts_at: datetime) -> datetime | None:
    """Return a random moment within the office's range, None when it has none; at most half of the time left."""
    seconds = _random.randint(least_minutes * 60, most_minutes * 60)
    now = clock.now()
    left = (starts_at - now) / 2
    wait = min(timedelta(seconds=seconds), left)
    return now + wait if wait > timedelta(0) else None
