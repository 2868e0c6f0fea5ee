"""Reads of the calendar for its pages."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import select

from portal.accounts import queries as accounts
from portal.core import clock
from portal.core.db import db
from portal.core.errors import NotFound
from portal.working_days import cache, notice
from portal.working_days.calendar import FIXED_HOLIDAYS, Calendar, DayKind, DayStatus, YearState
from portal.working_days.models import CalendarYear, year_id

LAST_YEAR = 2100


@dataclass
class YearView:
    """A year as staff see it; `id` and `version` make its ETag. Version 0: no table yet."""

    id: uuid.UUID
    year: int
    version: int
    state: YearState
    source: str | None
    published_at: datetime | None
    published_by: str | None
    workdays: int
    rest_days: int
    special: list[DayView]


@dataclass(frozen=True)
class DayView:
    """A day with its date."""

    date: date
    status: DayStatus

    @property
    def kind(self) -> DayKind:
        """Why it is worked or not."""
        return self.status.kind

    @property
    def is_workday(self) -> bool:
        """True when offices work."""
        return self.status.is_workday

    @property
    def name(self) -> str:
        """The holiday's name, or empty."""
        return self.status.name

    @property
    def provisional(self) -> bool:
        """True while the year's table is not published."""
        return self.status.provisional


def years() -> list[YearView]:
    """Return every year with a table, and this and the next one without; the latest first. Three
    statements.
    """
    rows = {row.year: row for row in db.session.scalars(select(CalendarYear))}
    this_year = clock.today().year
    names = accounts.staff_names(row.published_by for row in rows.values())
    calendar = cache.current()
    return [
        _view(year, rows.get(year), calendar, names)
        for year in sorted({*rows, this_year, this_year + 1}, reverse=True)
    ]


def year(number: int) -> YearView:
    """Return one year, with or without a table; raises NotFound outside the years that can have
    one.
    """
    if not notice.FIRST_YEAR <= number <= LAST_YEAR:
        raise NotFound("没有这一年的日历。")
    row = db.session.get(CalendarYear, number)
    names = accounts.staff_names([row.published_by] if row else [])
    return _view(number, row, cache.current(), names)


def days(first: date, last: date) -> list[DayView]:
    """Return every day from `first` to `last`, both included."""
    return [DayView(day, status) for day, status in cache.current().days(first, last)]


def _view(
    number: int, row: CalendarYear | None, calendar: Calendar, names: Mapping[uuid.UUID, str]
) -> YearView:
    every = list(calendar.days(date(number, 1, 1), date(number, 12, 31)))
    worked = sum(status.is_workday for _, status in every)
    if row is None:
        special = [date(number, month, day) for month, day in FIXED_HOLIDAYS]
    else:
        special = sorted(calendar.tables.get(number, {}))
    return YearView(
        id=year_id(number),
        year=number,
        version=row.version if row else 0,
        state=row.state if row else YearState.PROVISIONAL,
        source=row.source if row else None,
        published_at=row.published_at if row else None,
        published_by=names.get(row.published_by) if row and row.published_by else None,
        workdays=worked,
        rest_days=len(every) - worked,
        special=[DayView(day, calendar.status(day)) for day in special],
    )
