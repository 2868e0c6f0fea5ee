"""Counting periods on the district's calendar. The only place in the portal where days are counted.

Every function is that of `domain/rules.md` 7.5 on the calendar in the database; all take and give
local dates. A result is marked provisional when it leans on a year whose table has not been
published.
"""

from __future__ import annotations

from datetime import date

from portal.working_days import cache
from portal.working_days.calendar import Calendar, Counted, DayKind, DayStatus, YearState

__all__ = [
    "Calendar",
    "Counted",
    "DayKind",
    "DayStatus",
    "YearState",
    "add_caldays",
    "add_months",
    "add_workdays",
    "before_days",
    "current_calendar",
    "is_workday",
    "min_open",
    "workdays_between",
]


def current_calendar() -> Calendar:
    """Return the calendar itself, for who counts many periods at once."""
    return cache.current()


def is_workday(day: date) -> DayStatus:
    """Return what `day` is."""
    return cache.current().status(day)


def add_workdays(start: date, n: int) -> Counted:
    """Return the `n`-th working day after `start` (`WD n`); the start day is not counted."""
    return cache.current().add_workdays(start, n)


def add_caldays(start: date, n: int) -> Counted:
    """Return `start` plus `n` calendar days (`CD n`), raw and rolled off rest days."""
    return cache.current().add_caldays(start, n)


def add_months(start: date, n: int) -> Counted:
    """Return the day `n` months after `start` (`M n`; `Y n` is 12 n), raw and rolled."""
    return cache.current().add_months(start, n)


def before_days(event: date, n: int) -> Counted:
    """Return the latest lawful day for what is due `n` days before `event`; `rolled` lies earlier,
    never later.
    """
    return cache.current().before_days(event, n)


def min_open(start: date, n: int) -> Counted:
    """Return the day (`raw`) before whose end something opened on `start` for at least `n` days may
    not close.
    """
    return cache.current().min_open(start, n)


def workdays_between(a: date, b: date) -> int:
    """Return how many working days follow `a` up to and including `b`; negative when `b` lies
    before `a`.
    """
    return cache.current().workdays_between(a, b)
