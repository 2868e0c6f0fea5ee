"""The worker's own loop, in this process: work, heartbeat, trouble with the database, and a clean stop."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, text, update
from sqlalchemy.exc import OperationalError

from portal.core import clock, encryption, failures, jobs, schema_version
from portal.core.db import db, is_sqlite
from portal.core.jobs import Job, JobRun, JobState, Lane, WorkerHeartbeat, enqueue, queue, worker
from portal.core.unit_of_work import unit_of_work

pytestmark = pytest.mark.usefixtures("database")


@pytest.fixture
def hired(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Iterator[worker.Worker]:
    """A worker with the handlers of the test, that beats often; stopped in any case."""
    monkeypatch.setattr(queue, "_handlers", {})
    monkeypatch.setattr(queue, "_periodic", {})
    monkeypatch.setattr(queue, "_at_start", set())
    monkeypatch.setattr(worker, "HEARTBEAT", timedelta(milliseconds=50))
    made = worker.Worker(app)
    guard = threading.Timer(30, made.stop)
    guard.start()
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield made
    guard.cancel()
    for number, handler in handlers.items():
        signal.signal(number, handler)


def lease_of(run: JobRun) -> object:
    with db.engine.connect() as connection:
        return connection.scalar(select(Job.leased_until).where(Job.id == run.id))


def put(kind: str) -> None:
    with unit_of_work():
        enqueue(kind)


def test_it_works_until_it_is_stopped_and_leaves_no_heartbeat(hired: worker.Worker) -> None:
    done: list[str] = []

    @jobs.job_handler("test.first")
    def first(run: JobRun) -> None:
        done.append(run.kind)

    @jobs.job_handler("test.last")
    def last(run: JobRun) -> None:
        done.append(run.kind)
        os.kill(os.getpid(), signal.SIGTERM)

    put("test.first")
    put("test.last")
    hired.run()
    assert done == ["test.first", "test.last"]
    db.session.rollback()
    assert set(db.session.scalars(select(Job.state))) == {JobState.DONE}
    assert db.session.scalars(select(WorkerHeartbeat)).all() == []


def test_a_long_job_keeps_its_lease_by_the_heartbeat(hired: worker.Worker) -> None:
    leases: list[object] = []
    beats: list[object] = []

    @jobs.job_handler("test.long", transactional=False)
    def long(run: JobRun) -> None:
        for _ in range(2):
            leases.append(lease_of(run))
            with db.engine.connect() as connection:
                beats.append(connection.scalar(select(WorkerHeartbeat.beat_at)))
            time.sleep(0.5)
        hired.stop()

    put("test.long")
    hired.run()
    assert leases[0] != leases[1]
    assert beats[0] != beats[1]


def test_short_jobs_do_not_wait_for_a_long_one(hired: worker.Worker) -> None:
    told, seen, leases = threading.Event(), [], []

    @jobs.job_handler("test.build", transactional=False, lane=Lane.LONG)
    def build(run: JobRun) -> None:
        put("test.message")
        leases.append(lease_of(run))
        seen.append(("the message came meanwhile", told.wait(10)))
        time.sleep(0.3)
        leases.append(lease_of(run))
        hired.stop()

    @jobs.job_handler("test.message")
    def message(_run: JobRun) -> None:
        told.set()

    put("test.build")
    hired.run()
    assert seen == [("the message came meanwhile", True)]
    # The heartbeat keeps the long one's lease too.
    assert leases[0] != leases[1]
    db.session.rollback()
    assert set(db.session.scalars(select(Job.state))) == {JobState.DONE}


def test_long_jobs_are_carried_out_one_after_the_other(hired: worker.Worker) -> None:
    running, most = [], []

    @jobs.job_handler("test.build", transactional=False, lane=Lane.LONG)
    def build(run: JobRun) -> None:
        running.append(run.id)
        most.append(len(running))
        time.sleep(0.2)
        running.remove(run.id)
        if len(most) == 3:
            hired.stop()

    for _ in range(3):
        put("test.build")
    hired.run()
    assert most == [1, 1, 1]


def test_a_stop_waits_for_the_long_job(hired: worker.Worker) -> None:
    @jobs.job_handler("test.build", transactional=False, lane=Lane.LONG)
    def build(_run: JobRun) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(1)

    put("test.build")
    hired.run()
    db.session.rollback()
    assert db.session.scalars(select(Job.state)).one() is JobState.DONE


def test_a_long_job_that_asks_is_left_at_a_stop_and_is_due_again_at_once(
    hired: worker.Worker,
) -> None:
    @jobs.job_handler("test.build", transactional=False, lane=Lane.LONG)
    def build(run: JobRun) -> None:
        run.go_on("first step", 0, 2)
        os.kill(os.getpid(), signal.SIGTERM)
        for _ in range(400):
            time.sleep(0.05)
            run.go_on("next step", 1, 2)

    put("test.build")
    began = time.monotonic()
    hired.run()
    assert time.monotonic() - began < 10
    db.session.rollback()
    job = db.session.scalars(select(Job)).one()
    assert (job.state, job.attempts, job.interruptions) == (JobState.PENDING, 0, 0)
    assert job.last_error is None
    db.session.rollback()
    again = queue.lease_next("the next worker", lane=Lane.LONG)
    assert again is not None
    assert (again.id, again.attempt) == (job.id, 1)


def test_a_start_asks_once_for_what_follows_every_start(hired: worker.Worker) -> None:
    done: list[str] = []

    @jobs.job_handler("test.look", transactional=False, lane=Lane.LONG)
    def look(run: JobRun) -> None:
        done.append(run.kind)
        hired.stop()

    jobs.at_start("test.look")
    queue.request_at_start()
    hired.run()
    assert done == ["test.look"]
    db.session.rollback()
    assert db.session.scalars(select(Job.kind)).all() == ["test.look"]


def test_it_outlives_a_database_that_goes_away(
    hired: worker.Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    lease, beat, troubles = queue.lease_next, hired._beat, iter(range(2))

    def away(owner: str, *, lane: Lane) -> JobRun | None:
        if next(troubles, None) is not None:
            raise OperationalError("SELECT", {}, Exception("gone"))
        return lease(owner, lane=lane)

    def no_beat() -> None:
        beat()
        monkeypatch.setattr(hired, "_beat", failing)

    def failing() -> None:
        raise OperationalError("UPDATE", {}, Exception("gone"))

    @jobs.job_handler("test.after")
    def after(_run: JobRun) -> None:
        hired.stop()

    monkeypatch.setattr(queue, "lease_next", away)
    monkeypatch.setattr(hired, "_beat", no_beat)
    put("test.after")
    hired.run()
    db.session.rollback()
    assert db.session.scalars(select(Job.state)).one() is JobState.DONE


def test_a_job_whose_connection_is_lost_is_given_back_and_the_worker_goes_on(
    hired: worker.Worker,
) -> None:
    if is_sqlite():
        pytest.skip("a file closes no connection")

    @jobs.job_handler("test.reads", transactional=False)
    def reads(run: JobRun) -> None:
        if run.attempt > 1:
            hired.stop()
            return
        mine = db.session.scalar(text("SELECT pg_backend_pid()"))
        with db.engine.connect() as administrator:
            administrator.execute(text("SELECT pg_terminate_backend(:n)"), {"n": mine})
        db.session.execute(select(Job))

    def soon(run: JobRun, error: BaseException) -> bool:
        given_back(run, error)
        with unit_of_work():
            db.session.execute(update(Job).values(run_at=clock.now()))
        return False

    put("test.reads")
    given_back = queue.fail
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(queue, "fail", soon)
        hired.run()
    db.session.rollback()
    job = db.session.scalars(select(Job)).one()
    assert (job.state, job.attempts, job.interruptions) == (JobState.DONE, 2, 0)


def test_a_trouble_of_the_database_is_logged_as_what_to_do_and_once_a_minute(
    hired: worker.Worker, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    trouble = OperationalError("SELECT", {}, Exception("database or disk is full"))
    for _ in range(3):
        hired._tell("loop", trouble)
    monkeypatch.setattr(failures.Telling, "AGAIN_AFTER", 0.0)
    hired._tell("heartbeat", trouble)
    lines: list[Any] = [record.msg for record in caplog.records]
    assert [line["part"] for line in lines] == ["loop", "heartbeat"]
    assert all("磁盘已满" in line["advice"] and "exception" not in line for line in lines)


def test_a_clock_that_is_set_back_puts_no_timed_job_to_sleep(hired: worker.Worker) -> None:
    ahead = [timedelta(hours=8)]
    done: list[str] = []
    jobs.periodic("test.often", timedelta(seconds=20))

    @jobs.job_handler("test.often")
    def often(run: JobRun) -> None:
        done.append(run.kind)
        if len(done) == 1:
            threading.Timer(0.5, ahead.append, [timedelta(0)]).start()
        else:
            hired.stop()

    with clock.use(lambda: datetime.now(UTC) + ahead[-1]):
        hired.run()
    assert done == ["test.often"] * 2


def test_a_clock_that_was_set_back_before_the_start_puts_no_timed_job_to_sleep(
    hired: worker.Worker,
) -> None:
    jobs.periodic("test.often", timedelta(seconds=20))
    jobs.job_handler("test.often")(lambda run: hired.stop())
    with clock.use(lambda: datetime.now(UTC) + timedelta(hours=8)):
        queue.ensure_periodic()
    hired.run()
    assert db.session.scalars(select(Job.state).where(Job.state == JobState.DONE)).all()


def test_a_sign_from_a_time_that_has_not_come_is_no_sign_of_life(database: None) -> None:
    with unit_of_work():
        later = clock.now() + timedelta(hours=1)
        db.session.add(WorkerHeartbeat(owner="gone:1", started_at=later, beat_at=later))
    assert worker.last_beat_age() is None


def test_it_does_not_work_on_tables_of_another_version(
    app: Flask, database: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs.job_handler("test.never")(lambda run: None)
    put("test.never")
    monkeypatch.setattr(schema_version, "present", lambda _connection: "9999")
    refused = app.test_cli_runner().invoke(args=["worker", "--once"])
    assert refused.exit_code == 1
    assert "版本 9999 比程序新" in refused.output
    db.session.rollback()
    assert db.session.scalars(select(Job.state)).one() is JobState.PENDING


def test_the_commands_of_the_ground_floor(app: Flask, hired: worker.Worker) -> None:
    runner = app.test_cli_runner()
    made = runner.invoke(args=["encryption", "new-key"]).output.strip()
    assert encryption.KeyRing.parse(f"1:{made}", made).current == 1
    jobs.job_handler("test.once")(lambda run: None)
    put("test.once")
    assert runner.invoke(args=["worker", "--once"]).output == "办理了 1 项任务。\n"
    rotated = runner.invoke(args=["encryption", "rotate"])
    assert rotated.exit_code == 0
    assert "共重新加密 0 项，当前密钥版本 1" in rotated.output
    assert "job.payload" in rotated.output


def test_a_forked_process_opens_connections_of_its_own(app: Flask) -> None:
    """gunicorn loads the application before it forks; a shared connection would corrupt both sides' answers."""
    with db.engine.connect() as connection:
        connection.execute(text("SELECT 1"))
    before = db.engine.pool
    assert before.checkedin() > 0  # type: ignore[attr-defined]
    child = os.fork()
    if child == 0:
        fresh = db.engine.pool is not before and db.engine.pool.checkedin() == 0  # type: ignore[attr-defined]
        os._exit(0 if fresh else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert db.engine.pool is before
