"""An office over some days at one look: figures of appointments and seats, and why a day is closed. No person is named.

A constant number of statements, however many days and counters there are.
"""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta

from sqlalchemy import case, func, or_, select

from portal.core import clock
from portal.core.db import db
from portal.notary.models import (
    BookingState,
    NotaryBooking,
    NotaryCounter,
    NotaryException,
    NotaryHours,
    NotaryOffice,
    NotarySlot,
    NotaryTicket,
    Quota,
    TicketState,
)
from portal.notary.opening import Closed, DayPlan, Schedule
from portal.notary.queries.day import ON_THE_SHEET
from portal.working_days.calendar import DayStatus
from portal.working_days.counting import current_calendar

# The longest span, in days.
MOST_DAYS = 14
_Place = tuple[date, uuid.UUID]


@dataclass
class Seats:
    """Seats of one quota, one for each slot and place at the counter. `free` leaves out what has begun."""

    quota: Quota
    total: int = 0
    taken: int = 0
    free: int = 0

    def add(self, other: Seats) -> None:
        """Count another's in."""
        self.total += other.total
        self.taken += other.taken
        self.free += other.free


def _no_seats() -> list[Seats]:
    return [Seats(quota) for quota in Quota]


@dataclass
class Figures:
    """Appointments by state, those that have to move, and seats by quota."""

    counts: dict[BookingState, int] = field(default_factory=lambda: defaultdict(int))
    affected: int = 0
    seats: list[Seats] = field(default_factory=_no_seats)

    @property
    def appointments(self) -> int:
        """How many there are."""
        return sum(self.counts.values())

    def add(self, other: Figures) -> None:
        """Count another's in."""
        for state, count in other.counts.items():
            self.counts[state] += count
        self.affected += other.affected
        for mine, theirs in zip(self.seats, other.seats, strict=True):
            mine.add(theirs)


@dataclass
class CounterDay:
    """One counter on one day; `closed` says why it is not open, None while it is."""

    counter: NotaryCounter
    closed: str | None
    figures: Figures


@dataclass
class Day:
    """One day of the office. `provisional`: the year's holidays are not published yet."""

    day: date
    closed: str | None
    provisional: bool
    walk_ins: int
    counters: list[CounterDay]
    figures: Figures = field(default_factory=Figures)


def of(office: NotaryOffice, first: date, days: int) -> list[Day]:
    """Return `days` days of the office from `first` on; six statements.

    Appointments are those of the day's sheet, so without cancelled ones.
    """
    # The calendar ends, too.
    last = first + min(timedelta(days=days - 1), date.max - first)
    counters = list(
        db.session.scalars(
            select(NotaryCounter)
            .where(NotaryCounter.office_id == office.id)
            .order_by(NotaryCounter.name, NotaryCounter.id)
        )
    )
    schedule = _schedule(office, first, last)
    figures = _figures(office, first, last)
    walk_ins = _walk_ins(office, first, last)
    found = []
    for day, status in current_calendar().days(first, last):
        here = [
            _at_counter(schedule, counter, day, status, figures.get((day, counter.id), Figures()))
            for counter in counters
        ]
        # A counter that is not there on a day, and has nothing to do on it, is left out.
        plans = [plan for _, plan in here]
        shown = [
            row
            for row, plan in here
            if plan.closed is not Closed.COUNTER_INACTIVE or row.figures.appointments
        ]
        result = Day(
            day, _why_closed(schedule, plans, day), status.provisional, walk_ins.get(day, 0), shown
        )
        for row in shown:
            result.figures.add(row.figures)
        found.append(result)
    return found


def _at_counter(
    schedule: Schedule, counter: NotaryCounter, day: date, status: DayStatus, figures: Figures
) -> tuple[CounterDay, DayPlan]:
    plan = schedule.plan(counter, day, status)
    return CounterDay(counter, None if plan.spans else plan.reason, figures), plan


def _why_closed(schedule: Schedule, plans: Sequence[DayPlan], day: date) -> str | None:
    """Return why nobody is served on a day, None when some counter is open."""
    if any(plan.spans for plan in plans):
        return None
    ended = schedule.closed_for_good(day)
    if ended is not None:
        return ended.reason
    # What closes the counters that are there says more than that others are not.
    reasons = [plan.reason for plan in plans if plan.closed is not Closed.COUNTER_INACTIVE]
    if reasons:
        return "；".join(dict.fromkeys(reasons))
    return "当天没有开放的窗口"


def _schedule(office: NotaryOffice, first: date, last: date) -> Schedule:
    hours = db.session.scalars(
        select(NotaryHours).where(
            NotaryHours.office_id == office.id,
            NotaryHours.valid_from <= last,
            or_(NotaryHours.valid_until.is_(None), NotaryHours.valid_until >= first),
        )
    ).all()
    exceptions = db.session.scalars(
        select(NotaryException)
        .where(
            NotaryException.office_id == office.id,
            NotaryException.last_day >= first,
            NotaryException.first_day <= last,
        )
        .order_by(NotaryException.id)
    ).all()
    return Schedule(office, hours, exceptions)


def _figures(office: NotaryOffice, first: date, last: date) -> dict[_Place, Figures]:
    found: dict[_Place, Figures] = defaultdict(Figures)
    waits = (NotaryBooking.state == BookingState.CONFIRMED) & NotaryBooking.affected_at.is_not(None)
    rows = db.session.execute(
        select(
            NotaryBooking.day,
            NotaryBooking.counter_id,
            NotaryBooking.state,
            func.count().label("number"),
            func.sum(case((waits, 1), else_=0)).label("affected"),
        )
        .where(
            NotaryBooking.office_id == office.id,
            NotaryBooking.day.between(first, last),
            NotaryBooking.state.in_(ON_THE_SHEET),
        )
        .group_by(NotaryBooking.day, NotaryBooking.counter_id, NotaryBooking.state)
    )
    for row in rows:
        figures = found[row.day, row.counter_id]
        figures.counts[row.state] += row.number
        figures.affected += row.affected
    ahead = NotarySlot.starts_at > clock.now()
    rows = db.session.execute(
        select(
            NotarySlot.day,
            NotarySlot.counter_id,
            NotarySlot.quota,
            func.sum(NotarySlot.capacity).label("total"),
            func.sum(NotarySlot.claimed).label("taken"),
            func.sum(case((ahead, NotarySlot.capacity - NotarySlot.claimed), else_=0)).label(
                "free"
            ),
        )
        .join(NotaryCounter, NotaryCounter.id == NotarySlot.counter_id)
        .where(
            NotaryCounter.office_id == office.id,
            NotarySlot.day.between(first, last),
            NotarySlot.is_open,
        )
        .group_by(NotarySlot.day, NotarySlot.counter_id, NotarySlot.quota)
    )
    places = list(Quota)
    for row in rows:
        own = found[row.day, row.counter_id].seats[places.index(row.quota)]
        own.add(Seats(row.quota, int(row.total), int(row.taken), int(row.free)))
    return found


def _walk_ins(office: NotaryOffice, first: date, last: date) -> dict[date, int]:
    rows = db.session.execute(
        select(NotaryTicket.day, func.count().label("number"))
        .where(
            NotaryTicket.office_id == office.id,
            NotaryTicket.day.between(first, last),
            NotaryTicket.booking_id.is_(None),
            NotaryTicket.state != TicketState.VOID,
        )
        .group_by(NotaryTicket.day)
    )
    return {row.day: row.number for row in rows}
