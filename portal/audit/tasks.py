"""The daily note of the chain's head."""

from __future__ import annotations

from datetime import timedelta

import structlog

from portal.audit import chain
from portal.core import jobs
from portal.core.jobs import JobRun

_log = structlog.get_logger(__name__)


def note_head(_run: JobRun) -> None:
    """Write the head to the log, which is kept outside the database, so that it can be compared later."""
    head = chain.stored_head()
    if head is not None:
        _log.info("audit_head", head=head.for_log)


def register() -> None:
    """Have the worker note the head once a day."""
    jobs.job_handler("audit.note_head")(note_head)
    jobs.periodic("audit.note_head", timedelta(days=1))
