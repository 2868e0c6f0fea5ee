"""Entering a year: load what comes with the portal, preview and publish what staff enter."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from sqlalchemy import delete, insert, select

from portal.audit import operations as audit
from portal.core import clock, events
from portal.core.actor import SYSTEM, Actor
from portal.core.db import db, new_id
from portal.core.errors import Invalid
from portal.core.unit_of_work import after_commit, transactional, unit_of_work
from portal.working_days import cache, impact, notice
from portal.working_days.events import CalendarYearPublished
from portal.working_days.models import CalendarDay, CalendarYear, year_id
from portal.working_days.notice import YearTable

SUBJECT_KIND = "calendar_year"


@dataclass(frozen=True)
class Preview:
    """What publishing a table would do: the days that would change, and the deadlines that would
    move.
    """

    table: YearTable
    changed_days: list[date]
    impact: impact.Impact


def preview(table: YearTable) -> Preview:
    """Return what publishing `table` would do, without doing it; raises Invalid for a table that
    may not be.
    """
    _require_publishable(table)
    present = cache.current()
    calendar = present.with_table(table.year, table.state, table.days)
    changed = [
        day
        for day, status in calendar.days(*notice.span(table.year))
        if status.is_workday != present.status(day).is_workday
    ]
    return Preview(table, changed, impact.of(table.year, calendar))


@transactional
def publish(actor: Actor, table: YearTable) -> CalendarYear:
    """Publish or correct the table of a year; deadlines that lean on it are counted again after the
    commit.

    Raises Invalid for a table that may not be published. Two first publications at once: one is
    refused by the primary key.
    """
    _require_publishable(table)
    row = _write(table, actor)
    audit.record(
        actor,
        "working_days.year_published",
        SUBJECT_KIND,
        row.id,
        {
            "year": table.year,
            "state": table.state,
            "days": len(table.days),
            "source": table.source,
        },
    )
    return row


def load(
    content_dir: Path,
    years: Iterable[int] | None = None,
    progress: Callable[[str], None] = lambda _text: None,
) -> list[int]:
    """Load the tables that come with the portal; returns the years that were new or had changed.

    The seed package gives 2004 to 2026; a file `content/calendar/YYYY.yaml` takes its place. A year
    that staff have entered is never touched. `years` limits the years. Raises BrokenFile.
    """
    tables = _shipped(content_dir)
    wanted = sorted(set(tables) & set(years)) if years is not None else sorted(tables)
    loaded = []
    with unit_of_work():
        known = {row.year: row for row in db.session.scalars(select(CalendarYear))}
        present = cache.current()
        for year in wanted:
            row = known.get(year)
            if row is not None and (
                row.published_by is not None
                or (row.source, present.tables.get(year))
                == (tables[year].source, tables[year].days)
            ):
                continue
            _write(tables[year], SYSTEM)
            audit.record(
                SYSTEM,
                "working_days.year_loaded",
                SUBJECT_KIND,
                year_id(year),
                {"year": year, "source": tables[year].source},
            )
            loaded.append(year)
            progress(f"  {year} 年：{tables[year].source}")
    return loaded


def _require_publishable(table: YearTable) -> None:
    if not notice.FIRST_YEAR <= table.year <= notice.horizon(clock.today()):
        raise Invalid(
            f"{table.year} 年的放假安排还不能录入。",
            next_step=f"可以录入 {notice.FIRST_YEAR} 年到 {notice.horizon(clock.today())} 年。",
        )
    problems = notice.check(table)
    if problems:
        raise Invalid(errors=problems)


def _write(table: YearTable, actor: Actor) -> CalendarYear:
    row = db.session.get(CalendarYear, table.year, with_for_update=True, populate_existing=True)
    if row is None:
        row = CalendarYear(year=table.year)
        db.session.add(row)
    row.state = table.state
    row.source = table.source
    row.revision = new_id()
    row.published_by = actor.id
    row.published_at = clock.now()
    db.session.flush()
    db.session.execute(delete(CalendarDay).where(CalendarDay.notice_year == table.year))
    db.session.execute(
        insert(CalendarDay),
        [
            {
                "date": day,
                "notice_year": table.year,
                "kind": kind,
                "is_workday": kind.is_workday,
                "name": name,
                "source": table.source,
            }
            for day, kind, name in table.rows()
        ],
    )
    cache.forget()
    # Again after the commit: until then another session of this process reads, and keeps, the old
    # table.
    after_commit(cache.forget)
    events.publish(CalendarYearPublished(table.year))
    return row


def _shipped(content_dir: Path) -> dict[int, YearTable]:
    tables = {
        year: notice.from_seed(year)
        for year in range(notice.FIRST_YEAR, notice.LAST_SEEDED_YEAR + 1)
    }
    for path in sorted((content_dir / "calendar").glob("*.yaml")):
        table = notice.read_file(path)
        tables[table.year] = table
    return tables
