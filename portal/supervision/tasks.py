"""The register's jobs: the sweep every minute, and counting again when a year's table comes."""

from __future__ import annotations

from datetime import timedelta

from portal.core import clock, events, jobs
from portal.core.jobs import JobRun
from portal.core.unit_of_work import unit_of_work
from portal.supervision import recount, sweep
from portal.working_days import impact
from portal.working_days.events import CalendarYearPublished

SWEEP = "supervision.sweep"
RECOUNT = "supervision.recount"
EVERY = timedelta(seconds=60)


def register() -> None:
    """Register the jobs, the subscriber and what a preview of the calendar shows."""
    # Not transactional: each deadline is a unit of work of its own, and each is safe to repeat.
    jobs.job_handler(SWEEP, transactional=False)(_sweep)
    jobs.job_handler(RECOUNT, transactional=False)(_recount)
    jobs.periodic(SWEEP, EVERY)
    events.subscribe(CalendarYearPublished)(_on_calendar_year)
    impact.register(recount.add_impact)


def _sweep(_run: JobRun) -> None:
    outcome = sweep.sweep()
    if outcome.total() >= sweep.MOST:
        # More is waiting: go on at once, but behind the jobs that are due by now.
        with unit_of_work():
            jobs.enqueue(SWEEP)


def _recount(run: JobRun) -> None:
    recount.recount(int(run.payload["year"]))


def _on_calendar_year(event: CalendarYearPublished) -> None:
    # No running deadline leans on years long past; loading twenty of them asks for no twenty jobs.
    if event.year >= clock.today().year - 1:
        jobs.enqueue(RECOUNT, {"year": event.year}, dedup_key=f"{RECOUNT}:{event.year}")
