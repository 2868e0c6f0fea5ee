"""What runs by itself: uploads that were never attached, and files that lost their row, are
removed.
"""

from __future__ import annotations

from datetime import timedelta

import structlog

from portal.attachments import operations
from portal.core.jobs import JobRun, job_handler, periodic

EXPIRE = "attachments.expire"
ORPHANS = "attachments.remove_orphans"
_log = structlog.get_logger(__name__)


def register() -> None:
    """Register the jobs: uploads every hour, files once a day, since that one looks at every file."""
    job_handler(EXPIRE, transactional=False)(_expire)
    job_handler(ORPHANS, transactional=False)(_remove_orphans)
    periodic(EXPIRE, timedelta(hours=1))
    periodic(ORPHANS, timedelta(days=1))


def _expire(_run: JobRun) -> None:
    expired = operations.expire()
    if expired:
        _log.info("attachments_expired", count=expired)


def _remove_orphans(_run: JobRun) -> None:
    try:
        removed = operations.remove_orphans()
    except operations.TooManyOrphans as error:
        # Not tried again at once: nothing changes until somebody looks.
        _log.error("attachment_orphans_not_removed", cause=str(error))
        return
    if removed:
        _log.info("attachment_orphans_removed", count=removed)
