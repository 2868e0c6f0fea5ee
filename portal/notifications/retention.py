"""Old messages go: they were said, the matter itself keeps what counts (rules 5.3: no longer than needed)."""

from __future__ import annotations

from datetime import timedelta

import structlog

from portal.core.jobs import JobRun, job_handler, periodic
from portal.notifications import operations

EXPIRE = "notifications.expire"
# A choice of the platform (D), as long as its staff look back on how somebody was told.
KEPT = timedelta(days=730)
_log = structlog.get_logger(__name__)


def register() -> None:
    """Register the job and have it run once a day."""
    job_handler(EXPIRE, transactional=False)(_expire)
    periodic(EXPIRE, timedelta(days=1))


def _expire(_run: JobRun) -> None:
    removed = 0
    while batch := operations.forget_older_than(KEPT):
        removed += batch
    if removed:
        _log.info("messages_expired", count=removed)
