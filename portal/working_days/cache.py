"""The calendar in memory, so that counting costs no query per day.

The tables are read when a revision has changed. Whether one has is asked once per database session
(a request, a job) and, in a session that lives longer, every two seconds: one small statement.
Other processes therefore see a new year at their next request, and the publisher's own process at
its commit.
"""

from __future__ import annotations

import threading
import time
import uuid
from dataclasses import dataclass
from datetime import date

from sqlalchemy import select

from portal.core.db import db
from portal.core.prepared import Prepared
from portal.working_days.calendar import Calendar, DayKind, Named, YearState
from portal.working_days.models import CalendarDay, CalendarYear

RECHECK_SECONDS = 2.0
_CHECKED = "portal.calendar_checked"
PLAIN = (DayKind.WORKDAY, DayKind.WEEKEND)

Stamp = frozenset[tuple[int, uuid.UUID, YearState]]


@dataclass(frozen=True)
class _Copy:
    stamp: Stamp
    calendar: Calendar


@dataclass(frozen=True)
class _Seen:
    """What a session knows: when it last asked, and the copy that was then the right one."""

    at: float
    generation: int
    copy: _Copy


_lock = threading.Lock()
_copy = _Copy(frozenset(), Calendar())
_generation = 0


def current() -> Calendar:
    """Return the calendar as the database has it, at most two seconds old."""
    global _copy
    info = db.session().info
    generation = _generation
    seen: _Seen | None = info.get(_CHECKED)
    if (
        seen is not None
        and seen.generation == generation
        and time.monotonic() - seen.at < RECHECK_SECONDS
    ):
        return seen.copy.calendar
    stamp = _stamp()
    with _lock:
        copy = _copy
    if copy.stamp != stamp:
        copy = _Copy(stamp, _load(stamp))
        with _lock:
            _copy = copy
    info[_CHECKED] = _Seen(time.monotonic(), generation, copy)
    return copy.calendar


def forget() -> None:
    """Have every session of this process look at the revisions again at its next count."""
    global _generation
    with _lock:
        _generation += 1


# Asked with every request that counts days.
_REVISIONS = Prepared(
    lambda _dialect: select(CalendarYear.year, CalendarYear.revision, CalendarYear.state),
    writes=False,
)


def _stamp() -> Stamp:
    return frozenset((year, revision, state) for year, revision, state in _REVISIONS.rows({}))


def _load(stamp: Stamp) -> Calendar:
    # The revisions were read first: when a year is published in between, they no longer match and
    # the copy is read again.
    rows = db.session.execute(
        select(CalendarDay.notice_year, CalendarDay.date, CalendarDay.kind, CalendarDay.name).where(
            CalendarDay.kind.not_in(PLAIN)
        )
    )
    tables: dict[int, dict[date, Named]] = {year: {} for year, _, _ in stamp}
    for year, day, kind, name in rows:
        # A year published since the revisions were read: left out, and read at the next look.
        if year in tables:
            tables[year][day] = kind, name
    return Calendar({year: state for year, _, state in stamp}, tables)
