"""A year's table as a value: from a file, from the seed package, or from staff; and what it must
satisfy.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from chinese_calendar import constants as seed
from marshmallow import ValidationError, fields, validate, validates_schema

from portal.core.content_files import BrokenFile, loaded, named, parse, read
from portal.web.schemas import BoundedInteger, CleanString, PlainDate, Schema
from portal.working_days.calendar import (
    FIXED_HOLIDAYS,
    ONE_DAY,
    SATURDAY,
    DayKind,
    Named,
    YearState,
    plain_kind,
)

FIRST_YEAR = 2004
LAST_SEEDED_YEAR = max(day.year for day in seed.holidays)
# From here on the holidays are those of the revision of 2024-11-10 (rules 0.3 and 7.3).
PRESENT_HOLIDAYS_SINCE = 2025
# 全国年节及纪念日放假办法 2 (rules 7.3): 13 days for all.
LEAST_HOLIDAYS = 13
# A notice may move days at the end of the year before, as that for 2019 did.
EARLIEST_DAY = (12, 20)
SEED_SOURCE = "chinesecalendar 1.11（据国务院办公厅历年放假通知整理）"
# A longer stretch of days off is a slip of the pen.
LONGEST_REST = timedelta(days=30)
_SPECIAL = (DayKind.HOLIDAY, DayKind.MOVED_REST, DayKind.MOVED_WORK)


class RestForm(Schema):
    """A stretch of days off, both ends included."""

    name = CleanString(required=True, min_length=1, max_length=40)
    first = PlainDate(required=True, data_key="from")
    last = PlainDate(required=True, data_key="to")

    @validates_schema
    def _check(self, data: dict[str, Any], **_kwargs: object) -> None:
        first, last = data.get("first"), data.get("last")
        if first and last and not first <= last <= first + LONGEST_REST:
            raise ValidationError("应当是同一个假期的第一天和最后一天。", "to")


class MovedWorkForm(Schema):
    """A day at a weekend on which one works, and the holiday that it makes up for."""

    name = CleanString(required=True, min_length=1, max_length=40)
    day = PlainDate(required=True, data_key="date")


class YearFile(Schema):
    """The whole of a file of `content/calendar/`."""

    year = BoundedInteger(required=True, minimum=FIRST_YEAR, maximum=9998)
    source = CleanString(required=True, min_length=1, max_length=200)
    # How well it is founded (rules 0.1).
    evidence = fields.String(
        required=True,
        validate=validate.OneOf(
            ["R", "P"], error="依据等级应当是 R（官方全文）或者 P（转载文本）。"
        ),
    )
    rest = fields.List(fields.Nested(RestForm), required=True)
    moved_rest = fields.List(PlainDate(), load_default=list)
    moved_work = fields.List(fields.Nested(MovedWorkForm), load_default=list)


@dataclass(frozen=True)
class YearTable:
    """The days of a year's notice that differ from the plain week."""

    year: int
    source: str
    days: Mapping[date, Named]
    state: YearState = YearState.PUBLISHED

    def rows(self) -> Iterable[tuple[date, DayKind, str]]:
        """Yield every day of the year, and the days before it that the notice moves."""
        for day in sorted(day for day in self.days if day.year < self.year):
            yield day, *self.days[day]
        day = date(self.year, 1, 1)
        while day.year == self.year:
            yield day, *self.days.get(day, (plain_kind(day), ""))
            day += ONE_DAY


def from_seed(year: int) -> YearTable:
    """Return the table of `year` from the seed package; raises LookupError for a year it does not
    cover.
    """
    days: dict[date, Named] = {}
    for day, name in seed.holidays.items():
        if day.year == year:
            kind = DayKind.MOVED_REST if day in seed.in_lieu_days else DayKind.HOLIDAY
            days[day] = kind, seed.Holiday(name).chinese
    for day, name in seed.workdays.items():
        if day.year == year:
            days[day] = DayKind.MOVED_WORK, seed.Holiday(name).chinese
    if not days:
        raise LookupError(f"no seed for {year}")
    return YearTable(year, SEED_SOURCE, days)


def read_file(path: Path) -> YearTable:
    """Read a file of `content/calendar/`; raises BrokenFile."""
    with named(f"calendar/{path.name}"):
        stated = loaded(parse(read(path)), YearFile())
        table = YearTable(stated["year"], stated["source"], _days_of(stated))
        if path.stem != str(table.year):
            raise BrokenFile([f"文件名与其中的年份 {table.year} 不一致。"])
        problems = [text for texts in check(table).values() for text in texts]
        if problems:
            raise BrokenFile(problems)
    return table


def _days_of(stated: dict[str, Any]) -> dict[date, Named]:
    """Return the days of a file by date; raises BrokenFile where it contradicts itself."""
    days: dict[date, Named] = {}
    for block in stated["rest"]:
        for ordinal in range(block["first"].toordinal(), block["last"].toordinal() + 1):
            days[date.fromordinal(ordinal)] = DayKind.HOLIDAY, block["name"]
    for day in stated["moved_rest"]:
        if day not in days:
            raise BrokenFile([f"moved_rest 里的 {day} 不在 rest 的任何一段里。"])
        days[day] = DayKind.MOVED_REST, days[day][1]
    for entry in stated["moved_work"]:
        if entry["day"] in days:
            raise BrokenFile([f"moved_work 里的 {entry['day']} 又在 rest 里。"])
        days[entry["day"]] = DayKind.MOVED_WORK, entry["name"]
    return days


def check(table: YearTable) -> dict[str, list[str]]:
    """Return what is wrong with a table, by `YYYY-MM-DD` or `days`, in Chinese; empty when it may
    be published.
    """
    problems: dict[str, list[str]] = {}

    def refuse(where: str, text: str) -> None:
        problems.setdefault(where, []).append(text)

    first, last = date(table.year - 1, *EARLIEST_DAY), date(table.year, 12, 31)
    for day, (kind, _) in sorted(table.days.items()):
        weekend = day.weekday() >= SATURDAY
        if not first <= day <= last:
            refuse(day.isoformat(), f"{day} 不属于 {table.year} 年的放假安排。")
        elif kind not in _SPECIAL:
            refuse(day.isoformat(), "只需列出放假、调休放假和调休上班的日子，其余按周末计算。")
        elif kind is DayKind.MOVED_WORK and not weekend:
            refuse(day.isoformat(), f"{day} 本来就是工作日，不能是调休上班。")
        elif kind is DayKind.MOVED_REST and weekend:
            refuse(day.isoformat(), f"{day} 本来就是周末，不能是调休放假。")
    if table.year >= PRESENT_HOLIDAYS_SINCE:
        for (month, number), name in FIXED_HOLIDAYS.items():
            day = date(table.year, month, number)
            if table.days.get(day, (None, ""))[0] is not DayKind.HOLIDAY:
                refuse("days", f"{day} 是法定节假日（{name}），必须列为放假。")
    if table.year >= PRESENT_HOLIDAYS_SINCE and table.state is YearState.PUBLISHED:
        holidays = sum(kind is DayKind.HOLIDAY for kind, _ in table.days.values())
        if holidays < LEAST_HOLIDAYS:
            refuse(
                "days",
                f"只列了 {holidays} 天放假；法定节假日共 {LEAST_HOLIDAYS} 天"
                "（全国年节及纪念日放假办法第二条），请把落在周末的也列出。",
            )
    return problems


def span(year: int) -> tuple[date, date]:
    """Return the first and last day that the notice for `year` may set."""
    return date(year - 1, *EARLIEST_DAY), date(year, 12, 31)


def horizon(today: date) -> int:
    """Return the last year whose table may be entered: notices come in the autumn before."""
    return (today + timedelta(days=366)).year
