"""The only source of time.

Instants are aware `datetime` values in UTC; dates are those of the district's wall clock. Tests replace the source
with `use`, so that a deadline can be reached without waiting for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

_source: Callable[[], datetime] = lambda: datetime.now(UTC)  # noqa: E731 - a replaceable default
_zone = ZoneInfo("Asia/Shanghai")


def configure_zone(name: str) -> None:
    """Set the district's time zone by its IANA name; raises `ZoneInfoNotFoundError` for an unknown one."""
    global _zone
    _zone = ZoneInfo(name)


def zone() -> ZoneInfo:
    """Return the district's time zone."""
    return _zone


def now() -> datetime:
    """Return the current instant, aware, in UTC."""
    return _source()


def today() -> date:
    """Return the current date on the district's wall clock."""
    return now().astimezone(_zone).date()


def local(instant: datetime) -> datetime:
    """Return `instant` on the district's wall clock, with its offset."""
    return instant.astimezone(_zone)


def start_of_day(day: date) -> datetime:
    """Return the first instant of `day` in the district, in UTC."""
    return datetime.combine(day, time.min, tzinfo=_zone).astimezone(UTC)


def end_of_day(day: date) -> datetime:
    """Return the last microsecond of `day` in the district, in UTC (a period ends at 24:00: 民法典 203(2))."""
    return datetime.combine(day, time.max, tzinfo=_zone).astimezone(UTC)


def spoken_day(day: date) -> str:
    """Return a day as a person says it: 2026年3月7日."""
    return f"{day.year}年{day.month}月{day.day}日"


def spoken(instant: datetime) -> str:
    """Return `instant` as a person says it, on the district's wall clock: 2026年3月7日09:30."""
    wall = local(instant)
    return f"{spoken_day(wall)}{wall:%H:%M}"


@contextmanager
def use(source: Callable[[], datetime]) -> Iterator[None]:
    """Take the time from `source` until the block ends; for tests and for replaying."""
    global _source
    before, _source = _source, source
    try:
        yield
    finally:
        _source = before
