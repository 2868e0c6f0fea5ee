"""The calendar as a value: which days are worked, and how periods are counted on it. No database,
no clock.

Rules: `domain/rules.md` 7.1 (base rules, 民法典 200–204), 7.3 (rest days), 7.5 (functions). A year
whose table has not been published is counted with Saturdays, Sundays and the holidays that stand on
fixed dates, and everything that leaned on such a year is marked provisional. The moon's holidays
(春节、清明、端午、中秋) are left out of such a year: guessing them would look like knowing them.
"""

from __future__ import annotations

import calendar as months
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta

from portal.core.db import LabelledEnum

ONE_DAY = timedelta(days=1)
# Some years of start days for a handful of periods; beyond, counting begins anew.
MOST_COUNTED = 10_000
SATURDAY = 5

# Holidays for all on fixed dates (全国年节及纪念日放假办法 2, rules 7.3): New Year 1 day, Labour
# Day 2, National Day 3.
FIXED_HOLIDAYS: Mapping[tuple[int, int], str] = {
    (1, 1): "元旦",
    (5, 1): "劳动节",
    (5, 2): "劳动节",
    (10, 1): "国庆节",
    (10, 2): "国庆节",
    (10, 3): "国庆节",
}


class DayKind(LabelledEnum):
    """Why a day is worked or not."""

    WORKDAY = "workday", "工作日"
    WEEKEND = "weekend", "周末"
    HOLIDAY = "holiday", "法定节假日"
    MOVED_REST = "moved_rest", "调休放假"
    MOVED_WORK = "moved_work", "调休上班"

    @property
    def is_workday(self) -> bool:
        """True for days on which offices work."""
        return self in (DayKind.WORKDAY, DayKind.MOVED_WORK)


class YearState(LabelledEnum):
    """Whether the yearly notice has been entered."""

    PUBLISHED = "published", "已公布"
    PROVISIONAL = "provisional", "暂定"


@dataclass(frozen=True, slots=True)
class DayStatus:
    """What a day is. `provisional` is true while the table of its year has not been published."""

    is_workday: bool
    kind: DayKind
    provisional: bool
    name: str = ""


@dataclass(frozen=True, slots=True)
class Counted:
    """The end of a period, as a date (the period ends at 24:00 of it, 民法典 203(2)).

    `raw` is the day reached by counting alone, for the alarms of staff. `rolled` is the day on
    which the period lawfully ends, after rolling off rest days (民法典 203(1)), for consequences to
    citizens. `provisional` is true when a day was looked at whose year has no published table, so
    that either may still move.
    """

    raw: date
    rolled: date
    provisional: bool


def plain_kind(day: date) -> DayKind:
    """Return what a day is by the week alone (国务院关于职工工作时间的规定 7)."""
    return DayKind.WEEKEND if day.weekday() >= SATURDAY else DayKind.WORKDAY


def end_of_months(start: date, n: int) -> date:
    """Return the corresponding day `n` months later, or that month's last day when it has none
    (民法典 202).
    """
    index = start.year * 12 + start.month - 1 + n
    year, month = divmod(index, 12)
    month += 1
    return date(year, month, min(start.day, months.monthrange(year, month)[1]))


Named = tuple[DayKind, str]


@dataclass(frozen=True)
class Calendar:
    """The tables of the years: their states, and by the year of the notice the days that differ
    from the plain week. A later notice prevails, since it may reach into December before its year.
    """

    states: Mapping[int, YearState] = field(default_factory=dict)
    tables: Mapping[int, Mapping[date, Named]] = field(default_factory=dict)
    _exceptions: Mapping[date, Named] = field(init=False, repr=False, compare=False)
    # What was counted before: a busy hour asks for the same lead and horizon thousands of times.
    _counted: dict[tuple[date, int], Counted] = field(
        init=False, repr=False, compare=False, default_factory=dict
    )

    def __post_init__(self) -> None:
        """Merge the tables for look-ups."""
        merged: dict[date, Named] = {}
        for year in sorted(self.tables):
            merged.update(self.tables[year])
        object.__setattr__(self, "_exceptions", merged)

    def with_table(self, year: int, state: YearState, days: Mapping[date, Named]) -> Calendar:
        """Return this calendar with the table of one year replaced."""
        return Calendar({**self.states, year: state}, {**self.tables, year: days})

    def status(self, day: date) -> DayStatus:
        """Return what `day` is."""
        state = self.states.get(day.year)
        kind: DayKind | None
        kind, name = self._exceptions.get(day, (None, ""))
        if kind is None and state is None and (day.month, day.day) in FIXED_HOLIDAYS:
            kind, name = DayKind.HOLIDAY, FIXED_HOLIDAYS[day.month, day.day]
        if kind is None:
            kind = plain_kind(day)
        return DayStatus(kind.is_workday, kind, state is not YearState.PUBLISHED, name)

    def days(self, first: date, last: date) -> Iterator[tuple[date, DayStatus]]:
        """Yield every day from `first` to `last`, both included."""
        for ordinal in range(first.toordinal(), last.toordinal() + 1):
            day = date.fromordinal(ordinal)
            yield day, self.status(day)

    def roll_forward(self, day: date) -> Counted:
        """Return `day`, rolled to the first working day on or after it (民法典 203(1))."""
        rolled, status = day, self.status(day)
        provisional = status.provisional
        while not status.is_workday:
            rolled += ONE_DAY
            status = self.status(rolled)
            provisional = provisional or status.provisional
        return Counted(day, rolled, provisional)

    def add_workdays(self, start: date, n: int) -> Counted:
        """Return the `n`-th working day after `start`; the start day is not counted (rules 7.5).

        For n = 0 the raw day is `start` itself and only the rolled day is moved. Raises ValueError
        for a negative n.
        """
        _not_negative(n)
        if n == 0:
            return self.roll_forward(start)
        known = self._counted.get((start, n))
        if known is not None:
            return known
        day, provisional, left = start, False, n
        while left:
            day += ONE_DAY
            status = self.status(day)
            provisional = provisional or status.provisional
            left -= status.is_workday
        if len(self._counted) >= MOST_COUNTED:
            self._counted.clear()
        counted = self._counted[start, n] = Counted(day, day, provisional)
        return counted

    def add_caldays(self, start: date, n: int) -> Counted:
        """Return `start` plus `n` calendar days, start day not counted, and rolled (rules 7.5).

        Raises ValueError for a negative n.
        """
        _not_negative(n)
        return self.roll_forward(start + n * ONE_DAY)

    def add_months(self, start: date, n: int) -> Counted:
        """Return the corresponding day `n` months after `start`, and rolled (民法典 202, 203). 12 n
        for years.

        Raises ValueError for a negative n.
        """
        _not_negative(n)
        return self.roll_forward(end_of_months(start, n))

    def before_days(self, event: date, n: int) -> Counted:
        """Return the latest lawful day for what must be done `n` calendar days before `event`.

        Never rolled forward: on a rest day it moves earlier, which `rolled` shows (rules 7.5).
        Raises ValueError for a negative n.
        """
        _not_negative(n)
        raw = event - n * ONE_DAY
        rolled, status = raw, self.status(raw)
        provisional = status.provisional
        while not status.is_workday:
            rolled -= ONE_DAY
            status = self.status(rolled)
            provisional = provisional or status.provisional
        return Counted(raw, rolled, provisional)

    def min_open(self, start: date, n: int) -> Counted:
        """Return the day before whose end something opened on `start` for at least `n` calendar
        days may not close.

        `raw` is that day; it need not be rolled, `rolled` is the first working day from it on for
        who wants to (rules 7.5).
        """
        return self.add_caldays(start, n)

    def workdays_between(self, a: date, b: date) -> int:
        """Return how many working days follow `a` up to and including `b`; negative when `b` lies
        before `a`.
        """
        if b < a:
            return -self.workdays_between(b, a)
        return sum(status.is_workday for _, status in self.days(a + ONE_DAY, b))

    def is_provisional(self, first: date, last: date) -> bool:
        """True when any year touched from `first` to `last` has no published table."""
        return any(
            self.states.get(year) is not YearState.PUBLISHED
            for year in range(first.year, last.year + 1)
        )


def _not_negative(n: int) -> None:
    if n < 0:
        raise ValueError("a period cannot be negative")
