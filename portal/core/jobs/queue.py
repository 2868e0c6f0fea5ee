"""Enqueue, lease, complete, fail: the statements that keep a job from being lost or done twice."""

from __future__ import annotations

import enum
import secrets
import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import ColumnElement, Select, or_, select, update
from sqlalchemy.orm import defer

from portal.core import clock
from portal.core.db import db, new_id, rows_changed
from portal.core.encryption import DecryptionFailed
from portal.core.jobs import wake
from portal.core.jobs.models import Job, JobState
from portal.core.prepared import Prepared
from portal.core.unit_of_work import after_commit, unit_of_work

# How often to look again when another worker was quicker; after that the poll interval is soon enough.
LOOKS = 5
LEASE = timedelta(seconds=30)
BACKOFF_FIRST = timedelta(seconds=5)
BACKOFF_MOST = timedelta(hours=1)
# A job over which so many workers died is taken to be what kills them, and is given up.
MOST_INTERRUPTIONS = 50


_log = structlog.get_logger(__name__)


class LeaseLost(Exception):
    """Another worker has taken the job over; what this one wrote is rolled back."""


class Stopped(Exception):
    """The process was told to stop in the middle of a job, which is given back as if it had not been taken."""


@dataclass
class JobRun:
    """What a handler is given: the job's identity and payload, and the way to complete it in the handler's own commit."""

    id: uuid.UUID
    kind: str
    payload: dict[str, Any]
    attempt: int
    lease_token: str
    completed: bool = False
    stopping: threading.Event = field(default_factory=threading.Event, repr=False)

    def go_on(self, *_: object) -> None:
        """Raise Stopped when the process was told to stop; for long handlers, as a receiver of progress."""
        if self.stopping.is_set():
            raise Stopped(str(self.id))

    def complete(self) -> None:
        """Mark the job done inside the current unit of work; raises LeaseLost when the lease is no longer ours."""
        statement = (
            update(Job)
            .where(
                Job.id == self.id,
                Job.state == JobState.PENDING,
                Job.lease_token == self.lease_token,
            )
            .values(
                state=JobState.DONE,
                finished_at=clock.now(),
                leased_until=None,
                lease_token=None,
                dedup_key=None,
                # The payload may name a person; the record that the job was done needs none of it.
                payload={},
            )
        )
        if rows_changed(db.session.execute(statement)) != 1:
            raise LeaseLost(str(self.id))
        every = _periodic.get(self.kind)
        if every is not None:
            enqueue(self.kind, dedup_key=self.kind, run_at=clock.now() + every)
        self.completed = True


Handler = Callable[[JobRun], None]


class Lane(enum.Enum):
    """Which jobs are carried out one after the other."""

    SHORT = "short"
    LONG = "long"


@dataclass(frozen=True)
class Registration:
    """A handler and how it wants to be run."""

    handler: Handler
    transactional: bool
    lane: Lane


_handlers: dict[str, Registration] = {}
_periodic: dict[str, timedelta] = {}
_at_start: set[str] = set()


def job_handler(
    kind: str, *, transactional: bool = True, lane: Lane = Lane.SHORT
) -> Callable[[Handler], Handler]:
    """Register the decorated function for jobs of `kind`.

    A transactional handler runs inside the unit of work that completes the job. One that talks to the outside passes
    `transactional=False`, must be safe to repeat, and may call `run.complete()` in its own unit of work. What takes longer
    than a few seconds goes into the long lane, so that messages and deadlines need not wait for it.
    """

    def register(handler: Handler) -> Handler:
        _handlers[kind] = Registration(handler, transactional, lane)
        return handler

    return register


def at_start(kind: str) -> None:
    """Have every worker that starts ask for one job of `kind`."""
    _at_start.add(kind)


def periodic(kind: str, every: timedelta) -> None:
    """Have the worker keep one job of `kind` waiting, `every` after the last one finished."""
    _periodic[kind] = every


def registration(kind: str) -> Registration | None:
    """Return the handler registered for `kind`."""
    return _handlers.get(kind)


def enqueue(
    kind: str,
    payload: dict[str, Any] | None = None,
    *,
    run_at: datetime | None = None,
    dedup_key: str | None = None,
    max_attempts: int = 10,
) -> uuid.UUID | None:
    """Add a job in the current unit of work; returns its id, or None when one with `dedup_key` is already waiting.

    A waiting job that is being worked on right now does not count as waiting: what was changed since it began would
    otherwise be missed, so its key is freed when it is leased.
    """
    now = clock.now()
    job_id = new_id()
    added = _ADD.run(
        {
            **_FRESH,
            "id": job_id,
            "kind": kind,
            "payload": payload or {},
            "dedup_key": dedup_key,
            "run_at": run_at or now,
            "max_attempts": max_attempts,
            "created_at": now,
            "updated_at": now,
        }
    )
    if not added:
        return None
    if run_at is None:
        after_commit(wake.signal)
    return job_id


_JOBS: Any = Job.__table__
_FRESH = {column.name: None for column in _JOBS.columns} | {
    "state": JobState.PENDING,
    "attempts": 0,
    "interruptions": 0,
}
_ADD = Prepared(lambda dialect: dialect.insert(_JOBS).on_conflict_do_nothing(), writes=True)


def request_at_start() -> None:
    """Ask for the jobs that follow every start of a worker."""
    with unit_of_work():
        for kind in sorted(_at_start):
            enqueue(kind, dedup_key=kind)


def ensure_periodic(*, longest: timedelta = BACKOFF_MOST) -> None:
    """Make sure that one job of every periodic kind is waiting or being worked on, and is due in time.

    One that would wait for longer than its period, and than `longest` (after failures), was put there by a clock that has
    been set back since: a server may start hours ahead, until it is told the time.
    """
    with unit_of_work():
        now = clock.now()
        for kind, every in _periodic.items():
            of_kind = (Job.kind == kind, Job.state == JobState.PENDING)
            if db.session.scalar(select(Job.id).where(*of_kind).limit(1)) is None:
                enqueue(kind, dedup_key=kind)
            else:
                late = Job.run_at > now + max(every, longest)
                db.session.execute(update(Job).where(*of_kind, late).values(run_at=now))


def lease_next(owner: str, *, lane: Lane | None = None) -> JobRun | None:
    """Lease the job that is due longest, of one lane or of all; returns None when nothing is due.

    A job whose payload does not open (a key is missing from the ring) is given back like a failed one, so that it never
    stands in the way of the others.
    """
    for _ in range(LOOKS):
        if not _is_due(lane):
            return None
        with unit_of_work():
            job = db.session.scalar(
                _due(lane)
                .order_by(Job.run_at, Job.id)
                .limit(1)
                .with_for_update(skip_locked=True)
                .options(defer(Job.payload))
                .execution_options(populate_existing=True)
            )
            run = None if job is None else _lease(job, owner)
        if run is not None:
            return run
        # Another worker was quicker with the row that PostgreSQL had chosen; the next look finds another one.
    return None


def _due(lane: Lane | None) -> Select[Job]:
    now = clock.now()
    due = select(Job).where(
        Job.state == JobState.PENDING,
        Job.run_at <= now,
        or_(Job.leased_until.is_(None), Job.leased_until < now),
    )
    if lane is None:
        return due
    long = [kind for kind, known in _handlers.items() if known.lane is Lane.LONG]
    # A kind that nobody knows is in the short lane, where it fails and is seen.
    return due.where(Job.kind.in_(long) if lane is Lane.LONG else Job.kind.not_in(long))


def _is_due(lane: Lane | None) -> bool:
    if db.session.scalar(_due(lane).with_only_columns(Job.id).limit(1)) is not None:
        return True
    # Ends the read transaction, so that an idle worker never sees an old picture.
    db.session.rollback()
    return False


def _lease(job: Job, owner: str) -> JobRun | None:
    """Lease a due job; returns None for one that was given up or back instead."""
    if job.lease_token is not None:
        # The lease ran out: its worker died. The attempt is counted as an interruption instead.
        job.interruptions += 1
        job.attempts -= 1
    if job.interruptions >= MOST_INTERRUPTIONS and job.kind not in _periodic:
        _give_up(job, "interrupted")
        return None
    job.attempts += 1
    job.dedup_key = None
    try:
        payload = job.payload or {}
    except DecryptionFailed as error:
        _log.error("job_payload_sealed", job_id=str(job.id), kind=job.kind)
        _give_back(job, error)
        return None
    job.leased_until = clock.now() + LEASE
    job.lease_owner = owner
    job.lease_token = secrets.token_hex(16)
    return JobRun(job.id, job.kind, payload, job.attempts, job.lease_token)


def extend_lease(run: JobRun) -> None:
    """Keep the lease of a long job alive; inside a unit of work."""
    db.session.execute(
        update(Job)
        .where(Job.id == run.id, Job.lease_token == run.lease_token)
        .values(leased_until=clock.now() + LEASE)
    )


def fail(run: JobRun, error: BaseException) -> bool:
    """Give the job back with a growing pause, or give it up after its last attempt; returns True when given up."""
    with unit_of_work():
        job = db.session.scalar(
            select(Job)
            .where(
                Job.id == run.id,
                Job.state == JobState.PENDING,
                Job.lease_token == run.lease_token,
            )
            .with_for_update()
            .options(defer(Job.payload))
            .execution_options(populate_existing=True)
        )
        return job is not None and _give_back(job, error)


def _give_back(job: Job, error: BaseException) -> bool:
    # The class and not the text: an error's text can carry personal data.
    name = f"{type(error).__module__}.{type(error).__name__}"
    if job.attempts >= job.max_attempts and job.kind not in _periodic:
        _give_up(job, name)
        return True
    job.last_error = name
    job.leased_until = job.lease_token = None
    exponent = min(job.attempts - 1, 20)
    job.run_at = clock.now() + min(BACKOFF_FIRST * 2**exponent, BACKOFF_MOST)
    return False


def _give_up(job: Job, reason: str) -> None:
    job.last_error = reason
    job.leased_until = job.lease_token = None
    job.state = JobState.DEAD
    job.finished_at = clock.now()
    # As for a job that is done: what is left is the record, not the person.
    job.payload = {}


def release_leases(owner: str) -> int:
    """Free the leases of a worker that is known to be gone; returns how many."""
    held = (Job.lease_owner == owner, Job.lease_token.is_not(None))
    return _release(*held, interruptions=Job.interruptions + 1)


def hand_back(run: JobRun) -> None:
    """Free a job that was left in the middle on purpose: it is due at once, and neither its failure nor a worker's death."""
    _release(Job.id == run.id, Job.lease_token == run.lease_token)


def _release(*held: ColumnElement[bool], **values: Any) -> int:
    with unit_of_work():
        result = db.session.execute(
            update(Job)
            .where(Job.state == JobState.PENDING, *held)
            .values(
                leased_until=None,
                lease_token=None,
                lease_owner=None,
                attempts=Job.attempts - 1,
                **values,
            )
        )
        return rows_changed(result)
