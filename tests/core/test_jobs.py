"""The outbox: a job is neither lost nor done twice in effect."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
import redis
from flask import Flask
from sqlalchemy import func, select

from portal.core import encryption, jobs
from portal.core.db import db
from portal.core.encryption import KeyRing
from portal.core.jobs import (
    Job,
    JobRun,
    JobState,
    Lane,
    WorkerHeartbeat,
    enqueue,
    queue,
    wake,
    worker,
)
from portal.core.respite import Respite
from portal.core.unit_of_work import unit_of_work
from tests.conftest import SettableClock
from tests.core.tables import Counter
from tests.support import STRANGE_ANSWERS, answering, redis_url

pytestmark = pytest.mark.usefixtures("database", "clock")


@pytest.fixture(autouse=True)
def own_handlers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the handlers of the test."""
    monkeypatch.setattr(queue, "_handlers", {})
    monkeypatch.setattr(queue, "_periodic", {})


def handle(kind: str = "test.step", *, transactional: bool = True) -> Any:
    return queue.job_handler(kind, transactional=transactional)


def put(kind: str = "test.step", **options: Any) -> Any:
    with unit_of_work():
        return enqueue(kind, **options)


def job() -> Job:
    db.session.rollback()
    return db.session.scalars(select(Job)).one()


def count() -> int:
    db.session.rollback()
    return db.session.scalar(select(Counter.value)) or 0


def write_effect(_run: JobRun) -> None:
    """Count up; inside the handler's unit of work or in one of its own."""
    with unit_of_work():
        row = db.session.get(Counter, "effect", with_for_update=True)
        if row is None:
            db.session.add(Counter(name="effect", value=1))
        else:
            row.value += 1


def test_a_job_lands_with_what_asked_for_it_or_not_at_all() -> None:
    with pytest.raises(LookupError), unit_of_work():
        enqueue("test.step")
        raise LookupError
    assert db.session.scalar(select(func.count()).select_from(Job)) == 0
    with pytest.raises(RuntimeError):
        enqueue("test.step")


def test_a_job_is_done_once_with_its_payload() -> None:
    seen: list[Any] = []
    handle()(lambda run: seen.append((run.kind, run.payload, run.attempt)))
    put(payload={"名": "张三"})
    assert worker.drain() == 1
    assert worker.drain() == 0
    assert seen == [("test.step", {"名": "张三"}, 1)]
    done = job()
    assert (done.state, done.lease_token, done.payload) == (JobState.DONE, None, {})
    assert done.finished_at is not None


def test_effect_and_completion_are_one_commit(monkeypatch: pytest.MonkeyPatch) -> None:
    handle()(write_effect)
    put()

    def lose(_self: JobRun) -> None:
        raise queue.LeaseLost

    with monkeypatch.context() as patch:
        patch.setattr(JobRun, "complete", lose)
        assert worker.run_one("a")
    assert count() == 0
    assert job().state is JobState.PENDING


def test_a_lost_lease_rolls_the_effect_back(clock: SettableClock) -> None:
    def slow(run: JobRun) -> None:
        write_effect(run)

    handle()(slow)
    put()
    first = queue.lease_next("slow")
    assert first is not None
    clock.advance(seconds=31)
    second = queue.lease_next("quick")
    assert second is not None
    assert second.id == first.id
    worker.carry_out(second)
    assert count() == 1
    worker.carry_out(first)
    assert count() == 1
    assert job().state is JobState.DONE


def test_a_failure_of_one_who_lost_the_lease_changes_nothing(clock: SettableClock) -> None:
    handle()(lambda run: None)
    put()
    first = queue.lease_next("slow")
    assert first is not None
    clock.advance(seconds=31)
    second = queue.lease_next("quick")
    assert second is not None
    assert queue.fail(first, ValueError()) is False
    assert job().lease_token == second.lease_token


def test_a_leased_job_is_nobody_elses() -> None:
    put()
    assert queue.lease_next("one") is not None
    assert queue.lease_next("other") is None


def test_a_lease_can_be_kept_alive(clock: SettableClock) -> None:
    put()
    run = queue.lease_next("one")
    assert run is not None
    for _ in range(3):
        clock.advance(seconds=20)
        with unit_of_work():
            queue.extend_lease(run)
        assert queue.lease_next("other") is None
    clock.advance(seconds=31)
    assert queue.lease_next("other") is not None


def test_workers_at_once_never_share_a_job(in_threads: Callable[..., list[Any]]) -> None:
    with unit_of_work():
        # There from the start: four handlers that each find no row would each add one.
        db.session.add(Counter(name="effect", value=0))
        for number in range(40):
            enqueue("test.step", {"n": number})
    handle()(write_effect)

    def work(index: int) -> list[Any]:
        mine = []
        # A worker may look just when every due row is in others' hands; like a real one it looks again.
        while db.session.scalar(select(Job.id).where(Job.state == JobState.PENDING).limit(1)):
            run = queue.lease_next(f"w{index}")
            if run is not None:
                mine.append(run.id)
                worker.carry_out(run)
        return mine

    shares = in_threads(4, work)
    everything = [identifier for share in shares for identifier in share]
    assert len(everything) == len(set(everything)) == 40
    assert count() == 40
    states = db.session.scalars(select(Job.state).distinct()).all()
    assert states == [JobState.DONE]


def test_a_failing_job_waits_longer_each_time_and_is_then_given_up(clock: SettableClock) -> None:
    handle()(lambda run: 1 / 0)
    put(max_attempts=4)
    pauses = []
    while job().state is JobState.PENDING:
        assert worker.run_one("w")
        found = job()
        pauses.append((found.run_at - clock()).total_seconds())
        assert found.last_error == "builtins.ZeroDivisionError"
        assert worker.run_one("w") is False
        clock.set_to(found.run_at)
    assert pauses[:3] == [5, 10, 20]
    assert (job().state, job().attempts) == (JobState.DEAD, 4)
    clock.advance(days=1)
    assert worker.drain() == 0


def test_the_pause_has_an_end(clock: SettableClock) -> None:
    handle()(lambda run: 1 / 0)
    put(max_attempts=40)
    for _ in range(30):
        assert worker.run_one("w")
        clock.set_to(job().run_at)
    worker.run_one("w")
    assert job().run_at - clock() == timedelta(hours=1)


def test_the_error_text_is_not_stored() -> None:
    def fail(_run: JobRun) -> None:
        raise ValueError("张三 13800000000")

    handle()(fail)
    put()
    worker.run_one("w")
    assert job().last_error == "builtins.ValueError"


def test_a_kind_without_a_handler_fails_like_any_other() -> None:
    put()
    assert worker.run_one("w")
    assert job().last_error == "builtins.LookupError"


def test_one_waiting_job_per_key() -> None:
    first = put(dedup_key="article 7")
    assert put(dedup_key="article 7") is None
    assert put(dedup_key="article 8") is not None
    run = queue.lease_next("w")
    assert run is not None
    assert run.id == first
    # What changed since the work began would be missed, so asking again counts.
    assert put(dedup_key="article 7") is not None


def test_a_key_is_free_again_once_its_job_is_done() -> None:
    handle()(lambda run: None)
    assert put(dedup_key="k") is not None
    worker.drain()
    assert put(dedup_key="k") is not None


def test_jobs_are_taken_in_the_order_they_fall_due(clock: SettableClock) -> None:
    seen: list[int] = []
    handle()(lambda run: seen.append(run.payload["n"]))
    put(payload={"n": 2}, run_at=clock() + timedelta(minutes=2))
    put(payload={"n": 1}, run_at=clock() + timedelta(minutes=1))
    assert worker.drain() == 0
    clock.advance(minutes=3)
    assert worker.drain() == 2
    assert seen == [1, 2]


def test_each_lane_takes_its_own_jobs_and_the_short_one_those_nobody_knows() -> None:
    jobs.job_handler("test.long", lane=Lane.LONG)(lambda run: None)
    put("test.long")
    put("test.nobody")
    for lane, kind in ((Lane.LONG, "test.long"), (Lane.SHORT, "test.nobody")):
        run = queue.lease_next("w", lane=lane)
        assert run is not None
        assert run.kind == kind
        assert queue.lease_next("w", lane=lane) is None


def test_a_handler_without_transaction_completes_in_its_own_commit() -> None:
    def send(run: JobRun) -> None:
        with unit_of_work():
            write_effect(run)
            run.complete()

    handle(transactional=False)(send)
    put()
    worker.drain()
    assert count() == 1
    assert job().state is JobState.DONE


def test_a_handler_without_transaction_is_completed_for_it() -> None:
    handle(transactional=False)(lambda run: None)
    put()
    worker.drain()
    assert job().state is JobState.DONE


def test_a_job_whose_worker_died_is_taken_over_and_not_blamed(clock: SettableClock) -> None:
    put(max_attempts=1)
    assert queue.lease_next("dies") is not None
    clock.advance(seconds=31)
    run = queue.lease_next("lives")
    assert run is not None
    assert run.attempt == 1
    assert job().interruptions == 1


def test_a_job_that_kills_every_worker_is_given_up(
    clock: SettableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue, "MOST_INTERRUPTIONS", 3)
    put()
    for _ in range(3):
        assert queue.lease_next("dies") is not None
        clock.advance(seconds=31)
    assert queue.lease_next("dies") is None
    assert (job().state, job().last_error) == (JobState.DEAD, "interrupted")


def test_a_payload_that_does_not_open_stops_nobody_else() -> None:
    put(payload={"n": 1})
    mine = encryption.ring()
    encryption.configure(KeyRing.parse(f"9:{encryption.generate_key()}", encryption.generate_key()))
    try:
        put("test.other")
        run = queue.lease_next("w")
        assert run is not None
        assert run.kind == "test.other"
    finally:
        encryption.configure(mine)
    db.session.rollback()
    sealed = db.session.scalars(select(Job).where(Job.kind == "test.step")).one()
    assert sealed.last_error == "portal.core.encryption.DecryptionFailed"
    assert (sealed.state, sealed.lease_token) == (JobState.PENDING, None)


class TestPeriodic:
    """Jobs that come back."""

    def test_one_is_always_waiting(self, clock: SettableClock) -> None:
        seen: list[int] = []
        handle("test.tick")(lambda run: seen.append(1))
        queue.periodic("test.tick", timedelta(minutes=10))
        queue.ensure_periodic()
        queue.ensure_periodic()
        assert worker.drain() == 1
        assert worker.drain() == 0
        queue.ensure_periodic()
        for _ in range(3):
            clock.advance(minutes=10)
            assert worker.drain() == 1
        assert len(seen) == 4
        waiting = select(func.count()).select_from(Job).where(Job.state == JobState.PENDING)
        assert db.session.scalar(waiting) == 1

    def test_it_is_never_given_up(self, clock: SettableClock) -> None:
        handle("test.tick")(lambda run: 1 / 0)
        queue.periodic("test.tick", timedelta(minutes=10))
        queue.ensure_periodic()
        for _ in range(15):
            assert worker.run_one("w")
            clock.advance(hours=2)
        assert job().state is JobState.PENDING

    def test_workers_that_start_together_make_one(
        self, in_threads: Callable[..., list[Any]]
    ) -> None:
        queue.periodic("test.tick", timedelta(minutes=10))
        in_threads(4, lambda index: queue.ensure_periodic())
        assert job().kind == "test.tick"


class TestTakeOver:
    """What a killed worker held is freed when its successor starts."""

    def test_only_the_dead_of_this_host_are_taken_over(
        self, app: Flask, clock: SettableClock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(worker.socket, "gethostname", lambda: "web_1")
        new = worker.Worker(app)
        alive = {f"web_1:{process}" for process in (2, 3)}
        monkeypatch.setattr(worker, "_alive", lambda owner: owner in alive)
        # "web-1" would match the name as a LIKE pattern; its process 7 is no business of ours.
        owners = ["web_1:1", "web_1:2", "web-1:7", new.owner]
        with unit_of_work():
            for owner in owners:
                enqueue("test.step", {"owner": owner})
                now = clock()
                db.session.add(WorkerHeartbeat(owner=owner, started_at=now, beat_at=now))
        for owner in owners:
            assert queue.lease_next(owner) is not None
        new._take_over_dead_workers()
        held = db.session.scalars(select(Job.lease_owner).where(Job.lease_owner.is_not(None)))
        assert sorted(held) == ["web-1:7", "web_1:2"]
        beats = db.session.scalars(select(WorkerHeartbeat.owner).order_by(WorkerHeartbeat.owner))
        assert beats.all() == ["web-1:7", "web_1:2"]
        freed = select(Job.interruptions).where(Job.lease_owner.is_(None))
        assert db.session.scalars(freed).all() == [1, 1]

    @pytest.mark.parametrize(
        ("owner", "alive"), [("h:0x", False), (f"h:{2**22 + 1}", False), ("h:1", True)]
    )
    def test_alive(self, owner: str, alive: bool) -> None:
        assert worker._alive(owner) is alive


def test_the_observer_hears_of_each_outcome(monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[tuple[str, str]] = []
    monkeypatch.setattr(
        worker.observer, "finished", lambda kind, outcome, seconds: heard.append((kind, outcome))
    )
    handle("test.good")(lambda run: None)
    handle("test.bad")(lambda run: 1 / 0)
    put("test.good")
    put("test.bad")
    put("test.bad", max_attempts=1)
    worker.drain()
    assert sorted(heard) == [("test.bad", "dead"), ("test.bad", "failed"), ("test.good", "done")]


def test_the_age_of_the_last_beat(clock: SettableClock) -> None:
    assert worker.last_beat_age() is None
    with unit_of_work():
        db.session.add(WorkerHeartbeat(owner="h:1", started_at=clock(), beat_at=clock()))
    clock.advance(seconds=12)
    assert worker.last_beat_age() == timedelta(seconds=12)


class TestWaking:
    """The hint that there is something to do."""

    @pytest.fixture
    def waker(self) -> Iterator[wake.RedisWaker]:
        """One on a Redis that answers."""
        url = redis_url()
        client = redis.Redis.from_url(url)
        client.delete(wake._CHANNEL)
        yield wake.RedisWaker(url)
        client.delete(wake._CHANNEL)
        client.close()

    def test_a_signal_ends_the_wait(self, waker: wake.RedisWaker) -> None:
        for _ in range(5):
            waker.signal()
        started = time.monotonic()
        waker.wait(1.5)
        assert time.monotonic() - started < 1
        # Any number of signals means one look at the table.
        waker.wait(0.2)
        assert time.monotonic() - started >= 0.2

    def test_without_redis_the_hint_is_lost_and_nothing_else(self) -> None:
        waker = wake.RedisWaker("redis://127.0.0.1:1/0")
        waker.signal()
        started = time.monotonic()
        waker.wait(0.1)
        assert time.monotonic() - started >= 0.1

    def test_a_redis_that_hangs_holds_neither_client_nor_worker_up(self) -> None:
        # It takes the connection in and says nothing.
        with socket.create_server(("127.0.0.1", 0)) as silent:
            waker = wake.RedisWaker(f"redis://127.0.0.1:{silent.getsockname()[1]}/0")
            started = time.monotonic()
            for _ in range(10):
                waker.signal()
            assert time.monotonic() - started < 5
            for _ in range(5):
                waker.wait(0.02)
            assert 0.1 <= time.monotonic() - started < 8

    @pytest.mark.parametrize("answer", STRANGE_ANSWERS)
    def test_what_is_no_redis_is_told_once_and_costs_only_the_hint(
        self, answer: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        with answering(answer) as url:
            waker = wake.RedisWaker(url)
            for _ in range(5):
                waker._respite = Respite()
                waker.signal()
                waker.wait(0.01)
        lines: list[Any] = [record.msg for record in caplog.records]
        assert 1 <= len(lines) <= 2
        assert all("REDIS_URL" in line["advice"] for line in lines)

    def test_enqueueing_signals_after_the_commit(self, monkeypatch: pytest.MonkeyPatch) -> None:
        signals: list[bool] = []
        monkeypatch.setattr(wake._waker, "signal", lambda: signals.append(True), raising=False)
        with unit_of_work():
            enqueue("test.step")
            assert signals == []
        assert signals == [True]
