"""The background worker: lease, carry out, complete; with a heartbeat that also keeps long leases alive."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import structlog
from flask import Flask
from sqlalchemy import Connection, delete, select
from sqlalchemy.exc import DBAPIError

from portal.core import clock, failures
from portal.core.db import db
from portal.core.jobs import queue, wake
from portal.core.jobs.models import Job, JobState, WorkerHeartbeat
from portal.core.jobs.queue import JobRun, Lane, LeaseLost, Stopped
from portal.core.unit_of_work import unit_of_work

HEARTBEAT = timedelta(seconds=8)
STALE_AFTER = timedelta(seconds=30)
_log = structlog.get_logger(__name__)


@dataclass
class Observer:
    """Callbacks for metrics; core knows no metrics library."""

    finished: Callable[[str, str, float], None] = lambda kind, outcome, seconds: None


observer = Observer()


def run_one(owner: str) -> bool:
    """Lease and carry out one due job; returns False when there was none."""
    run = queue.lease_next(owner)
    if run is None:
        return False
    carry_out(run)
    return True


def carry_out(run: JobRun) -> None:
    """Carry out a leased job; a failure gives it back or gives it up, and never stops the worker."""
    registration = queue.registration(run.kind)
    started = time.monotonic()
    outcome = "done"
    try:
        if registration is None:
            raise LookupError(f"no handler for job kind {run.kind}")
        if registration.transactional:
            with unit_of_work():
                registration.handler(run)
                run.complete()
        else:
            registration.handler(run)
            if not run.completed:
                with unit_of_work():
                    run.complete()
    except LeaseLost:
        outcome = "lease_lost"
        _log.warning("job_lease_lost", job_id=str(run.id), kind=run.kind)
    except Stopped:
        outcome = "stopped"
        queue.hand_back(run)
        _log.info("job_stopped", job_id=str(run.id), kind=run.kind)
    except Exception as error:  # noqa: BLE001 - whatever a handler raises is its job's failure
        # What the handler read with may be broken, or lost.
        db.session.remove()
        dead = queue.fail(run, error)
        outcome = "dead" if dead else "failed"
        about = {"job_id": str(run.id), "kind": run.kind, "attempt": run.attempt, "dead": dead}
        if isinstance(error, DBAPIError) and failures.of_its_state(error):
            _log.error("job_failed", advice=failures.sentence(error), **about)
        else:
            _log.exception("job_failed", **about)
    finally:
        db.session.remove()
    observer.finished(run.kind, outcome, time.monotonic() - started)


def drain(limit: int = 1000) -> int:
    """Carry out due jobs until none is left; returns how many. For tests and for `flask worker --once`."""
    done = 0
    while done < limit and run_one("drain"):
        done += 1
    return done


class Worker:
    """One worker process. `stop` lets the current jobs finish, except those that ask (`JobRun.go_on`).

    Long jobs have a thread of their own: a message that is due must not wait until the search index is built.
    """

    def __init__(self, app: Flask) -> None:
        self.app = app
        self.owner = f"{socket.gethostname()}:{os.getpid()}"
        self.stopping = threading.Event()
        self.current: dict[Lane, JobRun] = {}
        self._told = failures.Telling()
        self._last_beat = datetime.min.replace(tzinfo=UTC)

    def stop(self, *_: object) -> None:
        """Stop after the current jobs."""
        self.stopping.set()
        wake.signal()

    def run(self) -> None:
        """Work until stopped by SIGTERM or SIGINT."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self.stop)
        with self.app.app_context():
            self._take_over_dead_workers()
            queue.ensure_periodic()
            queue.request_at_start()
            self._beat()
            db.session.remove()
            threading.Thread(target=self._heartbeat, daemon=True).start()
            long = threading.Thread(target=self._work_apart)
            long.start()
            _log.info("worker_started", owner=self.owner)
            self._work(Lane.SHORT, wake.wait)
            long.join()
            with unit_of_work():
                db.session.execute(
                    delete(WorkerHeartbeat).where(WorkerHeartbeat.owner == self.owner)
                )
            _log.info("worker_stopped", owner=self.owner)

    def _work_apart(self) -> None:
        """Carry out the long jobs. They are not woken for, so that no signal is lost to the short ones."""
        with self.app.app_context():
            self._work(Lane.LONG, lambda: self.stopping.wait(wake.POLL_SECONDS))

    def _work(self, lane: Lane, wait: Callable[[], object]) -> None:
        while not self.stopping.is_set():
            try:
                run = queue.lease_next(self.owner, lane=lane)
                if run is not None:
                    run.stopping = self.stopping
                    self.current[lane] = run
                    carry_out(run)
                    continue
            except Exception as error:  # noqa: BLE001 - the worker outlives anything
                # The database is away, perhaps: say so, wait, look again.
                self._tell("loop", error)
            finally:
                # Otherwise the heartbeat would keep the lease of a job that nobody works on.
                self.current.pop(lane, None)
                db.session.remove()
            wait()

    def _heartbeat(self) -> None:
        while not self.stopping.wait(HEARTBEAT.total_seconds()):
            with self.app.app_context():
                try:
                    self._beat()
                except Exception as error:  # noqa: BLE001 - the next beat tries again
                    self._tell("heartbeat", error)
                finally:
                    db.session.remove()

    def _tell(self, part: str, error: Exception) -> None:
        """Log a failure: what the operator can mend in a sentence, once a minute and not at every look; else in full."""
        told = failures.sentence(error)
        if told is None:
            _log.exception("worker_failed", part=part)
        elif self._told.is_due(told):
            _log.error("worker_failed", part=part, advice=told)

    def _beat(self) -> None:
        with unit_of_work():
            now = clock.now()
            if now < self._last_beat:
                queue.ensure_periodic(longest=timedelta(0))
            self._last_beat = now
            row = db.session.get(WorkerHeartbeat, self.owner)
            if row is None:
                db.session.add(WorkerHeartbeat(owner=self.owner, started_at=now, beat_at=now))
            else:
                row.beat_at = now
            for run in list(self.current.values()):
                queue.extend_lease(run)

    def _take_over_dead_workers(self) -> None:
        """Free at once what a worker of this host held when it was killed, instead of waiting for the lease to end."""
        host = host_of(self.owner)
        owners = db.session.scalars(
            select(Job.lease_owner)
            .where(
                Job.state == JobState.PENDING,
                Job.lease_token.is_not(None),
                Job.lease_owner.startswith(f"{host}:", autoescape=True),
            )
            .distinct()
        ).all()
        beats = db.session.scalars(
            select(WorkerHeartbeat.owner).where(
                WorkerHeartbeat.owner.startswith(f"{host}:", autoescape=True)
            )
        ).all()
        for owner in {*owners, *beats}:
            if owner is None or (_alive(owner) and owner != self.owner):
                continue
            queue.release_leases(owner)
            with unit_of_work():
                db.session.execute(delete(WorkerHeartbeat).where(WorkerHeartbeat.owner == owner))


def _alive(owner: str) -> bool:
    try:
        os.kill(int(owner.rsplit(":", 1)[1]), 0)
    except (ProcessLookupError, ValueError):
        return False
    except PermissionError:
        return True
    return True


def living(connection: Connection) -> list[str]:
    """Return the owners that gave a sign lately, without those of this host whose process is gone."""
    since = clock.now() - STALE_AFTER
    owners = connection.scalars(
        select(WorkerHeartbeat.owner)
        .where(WorkerHeartbeat.beat_at >= since)
        .order_by(WorkerHeartbeat.owner)
    )
    here = socket.gethostname()
    return [owner for owner in owners if host_of(owner) != here or _alive(owner)]


def host_of(owner: str) -> str:
    """Return the name of the host on which the owner of a lease or a heartbeat works."""
    return owner.rsplit(":", 1)[0]


def last_beat_age() -> timedelta | None:
    """Return how long ago any worker gave a sign; None when none is known.

    One from a time that has not come is of a worker that ended before the clock was set back.
    """
    now = clock.now()
    latest = db.session.scalar(
        select(WorkerHeartbeat.beat_at)
        .where(WorkerHeartbeat.beat_at <= now + STALE_AFTER)
        .order_by(WorkerHeartbeat.beat_at.desc())
        .limit(1)
    )
    return None if latest is None else now - latest
