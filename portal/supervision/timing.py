"""From a rule, a start and the pauses to the end of a deadline, and to the steps on the way there.
Pure: no database, no clock.

Pauses (docs/decisions/deadline-pauses.md): what was left when the pause began is left when it ends.
The day on which a pause begins still counts, the day on which it ends does not, as with the day a
period starts on (民法典 201(1)).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from portal.core import clock
from portal.supervision.rules import Unit
from portal.working_days.counting import Calendar, Counted

ALARM = "alarm"
OVERDUE = "overdue"
REMIND = "remind-"

Pause = tuple[datetime, datetime]


@dataclass(frozen=True)
class Due:
    """The end of a deadline; see `models.Deadline` for the fields."""

    raw: date
    rolled: date
    at: datetime
    alarm_at: datetime
    provisional: bool


@dataclass(frozen=True)
class Step:
    """Something the sweep does at `at`."""

    code: str
    at: datetime


def due(
    calendar: Calendar,
    unit: Unit,
    amount: int,
    starts_at: datetime,
    pauses: Sequence[Pause] = (),
    *,
    for_resident: bool = False,
) -> Due:
    """Return the end of `amount` `unit` from `starts_at`, with the ended `pauses` (in order of
    time) taken out.
    """
    if unit is Unit.H:
        return _due_in_hours(amount, starts_at, pauses)
    start = _day(starts_at)
    counted = _base(calendar, unit, start, amount)
    for begins_at, ends_at in pauses:
        counted = _extended(calendar, unit, counted, _day(begins_at), _day(ends_at))
    end = clock.end_of_day(counted.rolled)
    return Due(
        raw=counted.raw,
        rolled=counted.rolled,
        at=end,
        alarm_at=end if for_resident else clock.end_of_day(counted.raw),
        provisional=counted.provisional,
    )


def _due_in_hours(amount: int, starts_at: datetime, pauses: Sequence[Pause]) -> Due:
    # Hours run from the moment (民法典 201(2)) and know no rest days.
    at = starts_at + timedelta(hours=amount)
    for begins_at, ends_at in pauses:
        if begins_at <= at:
            at += ends_at - begins_at
    return Due(raw=_day(at), rolled=_day(at), at=at, alarm_at=at, provisional=False)


def _base(calendar: Calendar, unit: Unit, start: date, amount: int) -> Counted:
    if unit is Unit.WD:
        return calendar.add_workdays(start, amount)
    if unit is Unit.CD:
        return calendar.add_caldays(start, amount)
    return calendar.add_months(start, amount * (12 if unit is Unit.Y else 1))


def _extended(
    calendar: Calendar, unit: Unit, counted: Counted, begins: date, ends: date
) -> Counted:
    if begins > counted.rolled:
        # Begun after the end: a pause does not heal what is already late.
        return counted
    if begins > counted.raw:
        # Begun on the rest days behind the end: still in time by law, so the lawful end waits and
        # the alarm does not.
        later = calendar.roll_forward(ends)
        return Counted(counted.raw, later.rolled, counted.provisional or later.provisional)
    if unit is Unit.WD:
        left = calendar.workdays_between(begins, counted.raw)
        later = calendar.add_workdays(ends, left)
    else:
        later = calendar.roll_forward(ends + (counted.raw - begins))
    # What was counted before the pause may have leaned on a year without a table, too.
    return Counted(later.raw, later.rolled, counted.provisional or later.provisional)


def steps(
    due: Due, remind_before: Iterable[timedelta], starts_at: datetime, *, for_resident: bool
) -> list[Step]:
    """Return the steps of a deadline in order of time: reminders, the alarm of staff, the overdue
    mark.

    A reminder that would lie before the start is left out. The alarm exists only where the raw end
    lies before the lawful one; elsewhere it is the overdue mark itself. A resident's deadline that
    leans on a year without a table has no overdue mark: a consequence for a citizen never rests on
    a date that may still move.
    """
    planned = [
        Step(f"{REMIND}{int(before.total_seconds())}", due.alarm_at - before)
        for before in remind_before
        if due.alarm_at - before > starts_at
    ]
    if due.alarm_at < due.at:
        planned.append(Step(ALARM, due.alarm_at))
    if not (for_resident and due.provisional):
        planned.append(Step(OVERDUE, due.at))
    return sorted(planned, key=lambda step: step.at)


def next_step_at(planned: Iterable[Step], done: Iterable[str]) -> datetime | None:
    """Return when the first step that is not done falls due."""
    finished = set(done)
    return min((step.at for step in planned if step.code not in finished), default=None)


def _day(instant: datetime) -> date:
    return clock.local(instant).date()
