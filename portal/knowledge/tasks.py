"""Jobs of the room. All are safe to repeat."""

from __future__ import annotations

from datetime import timedelta

import structlog

from portal.core import clock
from portal.core.jobs import JobRun, Lane, at_start, enqueue, job_handler, periodic
from portal.core.unit_of_work import unit_of_work
from portal.knowledge import index, lineage, misses, reviews, validity
from search_index import BuildInProgress

DAILY_JOB = "knowledge.daily"
CHECK_JOB = "knowledge.check_index"
CALENDAR_JOB = "knowledge.follow_calendar"
# Hours of the district's clock in which a build disturbs nobody.
NIGHT = range(2, 5)

_log = structlog.get_logger(__name__)


def register() -> None:
    """Register the handlers and the daily round."""
    job_handler(index.UPDATE_JOB, transactional=False)(update_index)
    job_handler(index.REBUILD_JOB, transactional=False, lane=Lane.LONG)(rebuild_index)
    # After a new version of the program, the index of the old one is rebuilt without waiting for a change.
    at_start(index.REBUILD_JOB)
    job_handler(CHECK_JOB, transactional=False)(check_index)
    periodic(CHECK_JOB, timedelta(minutes=10))
    job_handler(CALENDAR_JOB, transactional=False)(follow_calendar)
    periodic(CALENDAR_JOB, timedelta(minutes=10))
    job_handler(DAILY_JOB, transactional=False, lane=Lane.LONG)(daily)
    periodic(DAILY_JOB, timedelta(hours=6))


def update_index(_run: JobRun) -> None:
    """Write the announced changes into the index."""
    _log.info("index_updated", documents=index.apply_changes())


def rebuild_index(run: JobRun) -> None:
    """Build the index anew, unless it needs it no more and nobody wanted it anyway.

    A build left in the middle, because the worker stops, leaves nothing behind and is begun anew after the next start.
    """
    if index.why_rebuild(thoroughly=True) is None and not run.payload.get("anyway"):
        return
    try:
        _log.info("index_rebuilt", documents=index.rebuild(run.go_on))
    except BuildInProgress:
        # That build may have begun before this change: the job is tried again after a pause.
        _log.info("index_build_in_progress")
        raise


def check_index(_run: JobRun) -> None:
    """Ask for a build when there is no index that fits, or at night for one of what has changed since the last."""
    # Somebody may have removed the folder, or put another database in place.
    misfit = index.why_rebuild(thoroughly=True) is not None
    if misfit or (clock.local(clock.now()).hour in NIGHT and index.has_grown()):
        # The files are looked at before: opening them takes a while, in which nobody could write.
        with unit_of_work():
            index.request_rebuild(anyway=not misfit)


def follow_calendar(_run: JobRun) -> None:
    """Ask for the daily round once a day begins or ends a law, so that it takes effect within minutes of midnight."""
    today = clock.today()
    if validity.is_due(today):
        with unit_of_work():
            enqueue(DAILY_JOB, dedup_key=f"{DAILY_JOB}.{today}")


def daily(run: JobRun) -> None:
    """Let statuses follow the calendar, list what must be read again, forget old misses.

    Four times a day, and when the calendar changes what a law is worth (`follow_calendar`).
    """
    today = clock.today()
    # Here for what an interrupted import left, and for a database from before articles were matched.
    matched = lineage.refresh(run.go_on)
    with unit_of_work():
        changed = validity.refresh(today)
        if changed:
            index.schedule_rebuild()
        report = reviews.refresh()
        forgotten = misses.forget(today)
    _log.info(
        "knowledge_daily",
        laws_changed=changed,
        versions_matched=matched,
        reviews_opened=report.opened,
        misses_forgotten=forgotten,
    )
