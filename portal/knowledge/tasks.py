"""Jobs of the room. All are safe to repeat."""

from __future__ import annotations

from datetime import timedelta

import structlog

from portal.core import clock
from portal.core.jobs import JobRun, job_handler, periodic
from portal.core.unit_of_work import unit_of_work
from portal.knowledge import index, lineage, misses, reviews, validity
from search_index import BuildInProgress

DAILY_JOB = "knowledge.daily"

_log = structlog.get_logger(__name__)


def register() -> None:
    """Register the handlers and the daily round."""
    job_handler(index.UPDATE_JOB, transactional=False)(update_index)
    job_handler(index.REBUILD_JOB, transactional=False)(rebuild_index)
    job_handler(DAILY_JOB, transactional=False)(daily)
    periodic(DAILY_JOB, timedelta(hours=6))


def update_index(_run: JobRun) -> None:
    """Write the announced changes into the index."""
    _log.info("index_updated", documents=index.apply_changes())


def rebuild_index(_run: JobRun) -> None:
    """Build the index anew, unless somebody did so already."""
    if index.why_rebuild() is None:
        return
    try:
        _log.info("index_rebuilt", documents=index.rebuild())
    except BuildInProgress:
        # That build may have begun before this change: the job is tried again after a pause.
        _log.info("index_build_in_progress")
        raise


def daily(_run: JobRun) -> None:
    """Let statuses follow the calendar, list what must be read again, forget old misses.

    Four times a day, so that a law takes effect here within its first morning at the latest.
    """
    today = clock.today()
    # Here for what an interrupted import left, and for a database from before articles were matched.
    matched = lineage.refresh()
    with unit_of_work():
        changed = validity.refresh(today)
        if changed:
            index.schedule_rebuild()
        report = reviews.refresh()
        forgotten = misses.forget(today)
    if index.why_rebuild() is not None:
        # Somebody removed the folder, or a new program reads another format.
        with unit_of_work():
            index.request_rebuild()
    _log.info(
        "knowledge_daily",
        laws_changed=changed,
        versions_matched=matched,
        reviews_opened=report.opened,
        misses_forgotten=forgotten,
    )
