"""Making slots of hours. A slot is never deleted: it is closed, and whoever has a seat in it is named."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from sqlalchemy import insert, or_, select, update
from sqlalchemy.orm.attributes import set_committed_value

from portal.core import clock
from portal.core.db import db, is_sqlite, new_id
from portal.notary.models import (
    NotaryCounter,
    NotaryException,
    NotaryHours,
    NotaryOffice,
    NotarySlot,
    Quota,
)
from portal.notary.opening import Schedule, cells
from portal.working_days.calendar import Calendar
from portal.working_days.counting import current_calendar

BATCH = 2000
_Key = tuple[uuid.UUID, datetime, Quota]


@dataclass
class Difference:
    """What the present slots lack or have too much of."""

    added: list[dict[str, Any]] = field(default_factory=list)
    # Slot id -> its seats and its place on the grid, where either is another.
    reshaped: dict[uuid.UUID, dict[str, Any]] = field(default_factory=dict)
    reopened: list[uuid.UUID] = field(default_factory=list)
    closed: list[uuid.UUID] = field(default_factory=list)
    # Closed before, and somebody still has seats there.
    left: list[uuid.UUID] = field(default_factory=list)
    # Closed because more seats are taken than there will be -> the seats there will be.
    overfull: dict[uuid.UUID, int] = field(default_factory=dict)


def schedule_of(office: NotaryOffice) -> tuple[Schedule, list[NotaryCounter]]:
    """Return the office's hours and exceptions from today on, and its counters; three statements."""
    today = clock.today()
    hours = db.session.scalars(
        select(NotaryHours).where(
            NotaryHours.office_id == office.id,
            or_(NotaryHours.valid_until.is_(None), NotaryHours.valid_until >= today),
        )
    ).all()
    exceptions = db.session.scalars(
        select(NotaryException)
        .where(NotaryException.office_id == office.id, NotaryException.last_day >= today)
        .order_by(NotaryException.id)
    ).all()
    counters = list(
        db.session.scalars(
            select(NotaryCounter)
            .where(NotaryCounter.office_id == office.id)
            .order_by(NotaryCounter.id)
        )
    )
    return Schedule(office, hours, exceptions), counters


def last_day(office: NotaryOffice, calendar: Calendar) -> date:
    """Return up to which day slots are made: the horizon, and never less far than before."""
    end = calendar.add_workdays(clock.today(), office.horizon_workdays).raw
    return end if office.slots_until is None else max(end, office.slots_until)


def are_due(office: NotaryOffice, calendar: Calendar) -> bool:
    """True when the horizon has moved beyond the days that have slots."""
    return office.slots_until is None or last_day(office, calendar) > office.slots_until


def lock(office: NotaryOffice) -> None:
    """Lock the office's slots from today on, in the order that everybody keeps, until the transaction ends.

    Before anything of the office, its counters and its hours is written: whoever has taken a seat writes a booking that
    points at the counter, and the job that makes slots writes the office after them. Those of today that have begun are among
    them, since what has lapsed there is freed as well.
    """
    if is_sqlite():
        return
    db.session.execute(
        select(NotarySlot.id)
        .join(NotaryCounter, NotaryCounter.id == NotarySlot.counter_id)
        .where(NotaryCounter.office_id == office.id, NotarySlot.day >= clock.today())
        .order_by(NotarySlot.starts_at, NotarySlot.id)
        .with_for_update(of=NotarySlot)
    ).all()


def materialise(office: NotaryOffice) -> Difference:
    """Bring the slots from now to the horizon in line with the hours; returns what was changed. Inside a unit of work.

    All slots of the office are locked first.
    """
    lock(office)
    calendar = current_calendar()
    schedule, counters = schedule_of(office)
    # As it is now: whoever had the slots before may have gone further.
    made = db.session.scalar(select(NotaryOffice.slots_until).where(NotaryOffice.id == office.id))
    set_committed_value(office, "slots_until", made)
    end = last_day(office, calendar)
    present = _present([counter.id for counter in counters])
    found = _compare(present, list(_wanted(schedule, counters, end, calendar)))
    for at in range(0, len(found.added), BATCH):
        db.session.execute(insert(NotarySlot), found.added[at : at + BATCH])
    _set_open([*found.closed, *found.overfull], is_open=False)
    _set_open(found.reopened, is_open=True)
    for slot_id, shape in found.reshaped.items():
        db.session.execute(
            update(NotarySlot)
            .where(NotarySlot.id == slot_id)
            .values(**shape, changed_at=clock.now())
            .execution_options(synchronize_session=False)
        )
    if made != end:
        _made_until(office, end)
    db.session.flush()
    return found


def _made_until(office: NotaryOffice, end: date) -> None:
    """Write up to which day there are slots. No setting, so the version that a clerk has seen is good still."""
    db.session.execute(
        update(NotaryOffice)
        .where(NotaryOffice.id == office.id)
        .values(slots_until=end, updated_at=NotaryOffice.updated_at)
        .execution_options(synchronize_session=False)
    )
    set_committed_value(office, "slots_until", end)


def _set_open(ids: Sequence[uuid.UUID], *, is_open: bool) -> None:
    for at in range(0, len(ids), BATCH):
        db.session.execute(
            update(NotarySlot)
            .where(NotarySlot.id.in_(ids[at : at + BATCH]))
            .values(is_open=is_open, changed_at=clock.now())
            .execution_options(synchronize_session=False)
        )


def _present(counter_ids: list[uuid.UUID]) -> list[Any]:
    return list(
        db.session.execute(
            select(
                NotarySlot.id,
                NotarySlot.counter_id,
                NotarySlot.starts_at,
                NotarySlot.quota,
                NotarySlot.ordinal,
                NotarySlot.ends_at,
                NotarySlot.capacity,
                NotarySlot.claimed,
                NotarySlot.is_open,
            )
            .where(
                NotarySlot.counter_id.in_(counter_ids),
                NotarySlot.starts_at > clock.now(),
            )
            .order_by(NotarySlot.starts_at, NotarySlot.id)
            .with_for_update()
        )
    )


def _wanted(
    schedule: Schedule, counters: Sequence[NotaryCounter], end: date, calendar: Calendar
) -> Iterator[dict[str, Any]]:
    now = clock.now()
    for day, status in calendar.days(clock.today(), end):
        for counter in counters:
            spans = schedule.plan(counter, day, status).spans
            for cell in cells(schedule.office, day, spans, clock.zone()):
                if cell.starts_at <= now:
                    continue
                for quota in Quota:
                    if counter.seats(quota):
                        yield {
                            "counter_id": counter.id,
                            "day": day,
                            "ordinal": cell.ordinal,
                            "quota": quota,
                            "starts_at": cell.starts_at,
                            "ends_at": cell.ends_at,
                            "capacity": counter.seats(quota),
                            "claimed": 0,
                            "is_open": True,
                            "changed_at": now,
                        }


def _compare(present: list[Any], wanted: list[dict[str, Any]]) -> Difference:
    found = Difference()
    by_key: dict[_Key, Any] = {(r.counter_id, r.starts_at, r.quota): r for r in present}
    for slot in wanted:
        row = by_key.pop((slot["counter_id"], slot["starts_at"], slot["quota"]), None)
        if row is None:
            found.added.append({"id": new_id(), **slot})
        elif row.claimed > slot["capacity"]:
            # Nobody more comes in; who came last is asked to move. It opens again once there is room.
            found.overfull[row.id] = slot["capacity"]
        else:
            shape = {name: slot[name] for name in ("capacity", "ordinal", "ends_at")}
            if any(getattr(row, name) != value for name, value in shape.items()):
                found.reshaped[row.id] = shape
            if not row.is_open:
                found.reopened.append(row.id)
    found.closed = [row.id for row in by_key.values() if row.is_open]
    found.left = [row.id for row in by_key.values() if not row.is_open and row.claimed]
    return found
