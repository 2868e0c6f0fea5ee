"""The sweep: uploads that were never attached, files that lost their row."""

from __future__ import annotations

from datetime import timedelta

import structlog

from portal.attachments import operations
from portal.core.jobs import JobRun, job_handler, periodic

SWEEP = "attachments.sweep"
_log = structlog.get_logger(__name__)


def register() -> None:
    """Register the sweep and have it run every hour."""
    job_handler(SWEEP, transactional=False)(_sweep)
    periodic(SWEEP, timedelta(hours=1))


def _sweep(_run: JobRun) -> None:
    expired, orphans = operations.sweep()
    if expired or orphans:
        _log.info("attachments_swept", expired=expired, orphans=orphans)
