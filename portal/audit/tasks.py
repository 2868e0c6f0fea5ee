"""What runs once a day: the note of the chain's head, and the removal of events whose time is over."""

from __future__ import annotations

from datetime import timedelta

import structlog

from portal.audit import chain, retention
from portal.core import jobs
from portal.core.jobs import JobRun

_log = structlog.get_logger(__name__)


def note_head(_run: JobRun) -> None:
    """Write the head to the log, which is kept outside the database, so that it can be compared later."""
    head = chain.stored_head()
    if head is not None:
        _log.info("audit_head", head=head.for_log)


def expire(_run: JobRun) -> None:
    """Remove the events whose time is over."""
    removed = retention.remove_expired()
    if removed:
        _log.info("audit_expired", count=removed)


def register() -> None:
    """Have the worker do both once a day."""
    jobs.job_handler("audit.expire", transactional=False)(expire)
    jobs.periodic("audit.expire", timedelta(days=1))
    jobs.job_handler("audit.note_head")(note_head)
    jobs.periodic("audit.note_head", timedelta(days=1))
