"""The calendar in memory, so that counting costs no query per day.

The tables are read when a revision has changed. Whether one has is asked every two seconds, with one
small statement: once in a process for all who only read, and by each unit of work for itself, because
it may have published a year that nobody else may see before its commit. Other processes therefore see a
new year within two seconds, and the publisher's own process at its commit or, where somebody was reading
at that moment, as late as the others.
"""

from __future__ import annotations

import threading
import time
import uuid
from dataclasses import dataclass
from datetime import date

from sqlalchemy import Engine, select

from portal.core import unit_of_work
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
    """What a session or the process knows: when and where it last asked, and the copy that was then the right one."""

    at: float
    generation: int
    engine: Engine
    copy: _Copy


_lock = threading.Lock()
_copy = _Copy(frozenset(), Calendar())
_seen: _Seen | None = None
_generation = 0


def current() -> Calendar:
    """Return the calendar as the database has it, at most two seconds old."""
    global _seen
    session, generation = db.session(), _generation
    writing = unit_of_work.of(session) is not None
    seen: _Seen | None = session.info.get(_CHECKED) if writing else _seen
    if (
        seen is None
        or seen.generation != generation
        or seen.engine is not db.engine
        or time.monotonic() - seen.at >= RECHECK_SECONDS
    ):
        seen = _Seen(time.monotonic(), generation, db.engine, _read())
        if writing:
            session.info[_CHECKED] = seen
        else:
            _seen = seen
    return seen.copy.calendar


def _read() -> _Copy:
    """Return the copy in memory when the database still has its revisions, otherwise a new one."""
    global _copy
    stamp = _stamp()
    with _lock:
        copy = _copy
    if copy.stamp != stamp:
        copy = _Copy(stamp, _load(stamp))
        with _lock:
            _copy = copy
    return copy


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
