"""Limits hold exactly, whichever store counts and however many processes ask."""

from __future__ import annotations

import multiprocessing
import socket
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from flask import Flask
from limits import parse
from limits.errors import StorageError
from limits.storage import RedisStorage, Storage
from limits.strategies import FixedWindowRateLimiter
from sqlalchemy import event, text

from portal.core.db import is_sqlite
from portal.core.errors import TooManyRequests
from portal.core.respite import LONGEST, Respite
from portal.web import rate_limits
from portal.web.rate_limits import DatabaseStorage, _database_engine, network_of
from tests.support import STRANGE_ANSWERS, answering, own_database, redis_url

pytestmark = pytest.mark.usefixtures("database")

# Forked processes would share what the parent has open; each of these starts from nothing.
SPAWN = multiprocessing.get_context("spawn")


def make_store(kind: str, where: str) -> Storage:
    """Return a store as `init_app` makes it."""
    if kind == "redis":
        return RedisStorage(where, wrap_exceptions=True, socket_timeout=5)
    url = "sqlite://" if kind == "sqlite" else where
    return DatabaseStorage(_database_engine(url, Path(where) if kind == "sqlite" else Path()))


def knock(kind: str, where: str, name: str, times: int, results: Any) -> None:
    """Ask `times` times and report how often it was let through (in a process of its own)."""
    limiter = rate_limits._FixedWindow(make_store(kind, where))
    item = parse("25 per minute")
    results.put(sum(limiter.hit(item, name) for _ in range(times)))


@pytest.fixture(params=["sqlite", "postgresql", "redis"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, str]]:
    """Each kind of store and where it is."""
    if request.param == "sqlite":
        if not is_sqlite():
            pytest.skip("the run on SQLite tests this store")
        yield "sqlite", str(tmp_path)
    elif request.param == "redis":
        url = redis_url()
        yield "redis", url
        with redis.Redis.from_url(url) as client:
            for key in client.scan_iter("LIMIT*"):
                client.delete(key)
    else:
        url, drop = own_database("limits")
        if not url:
            pytest.skip("the run on PostgreSQL tests this store")
        yield "postgresql", url
        drop()


@pytest.fixture
def store(place: tuple[str, str]) -> Iterator[Storage]:
    """A store of each kind."""
    made = make_store(*place)
    yield made
    if isinstance(made, DatabaseStorage):
        made.engine.dispose()


def test_the_limit_is_exact_under_four_processes(place: tuple[str, str]) -> None:
    results: Any = SPAWN.Queue()
    name = uuid.uuid4().hex
    processes = [
        SPAWN.Process(target=knock, args=(*place, name, 20, results), daemon=True) for _ in range(4)
    ]
    for process in processes:
        process.start()
    passed = [results.get(timeout=60) for _ in processes]
    for process in processes:
        process.join(20)
    assert sum(passed) == 25


def test_a_window_ends_and_the_next_one_starts_at_nothing(store: Storage) -> None:
    limiter, item = FixedWindowRateLimiter(store), parse("2 per second")
    name = uuid.uuid4().hex
    assert [limiter.hit(item, name) for _ in range(3)] == [True, True, False]
    stats = limiter.get_window_stats(item, name)
    assert stats.remaining == 0
    assert -0.1 < stats.reset_time - time.time() <= 1.1
    time.sleep(max(0, stats.reset_time - time.time()) + 0.1)
    assert limiter.hit(item, name)


def test_a_window_of_a_clock_that_was_set_back_is_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = make_store("sqlite", str(tmp_path))
    limiter, item = FixedWindowRateLimiter(store), parse("1 per minute")
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + 3600)
    assert [limiter.hit(item, "one") for _ in range(2)] == [True, False]
    monkeypatch.setattr(time, "time", real)
    assert [limiter.hit(item, "one") for _ in range(2)] == [True, False]
    assert limiter.get_window_stats(item, "one").reset_time - real() < 61


def test_counters_are_apart_and_can_be_forgotten(store: Storage) -> None:
    limiter, item = FixedWindowRateLimiter(store), parse("1 per minute")
    one, other = uuid.uuid4().hex, uuid.uuid4().hex
    assert limiter.hit(item, one)
    assert limiter.hit(item, other)
    assert not limiter.hit(item, one)
    limiter.clear(item, one)
    assert limiter.hit(item, one)
    assert store.check()
    store.reset()
    assert limiter.hit(item, other)


def test_old_counters_are_swept(tmp_path: Path) -> None:
    made = make_store("sqlite", str(tmp_path))
    assert isinstance(made, DatabaseStorage)
    made.incr("old", 0.01)
    time.sleep(0.05)
    made._swept -= 601
    made.incr("new", 60)
    with made.engine.connect() as connection:
        names = connection.execute(text("SELECT name FROM rate_limit_counter")).scalars().all()
    assert names == ["new"]
    assert made.get("old") == 0
    assert made.get_expiry("nobody") <= time.time()
    made.engine.dispose()


class TestHit:
    """What a route calls."""

    @pytest.fixture(autouse=True)
    def own_store(
        self, app: Flask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> Iterator[DatabaseStorage]:
        """Count in a file of the test."""
        made = make_store("sqlite", str(tmp_path))
        assert isinstance(made, DatabaseStorage)
        monkeypatch.setitem(app.extensions, "portal_limiter", FixedWindowRateLimiter(made))
        monkeypatch.setitem(app.extensions, "portal_limiter_respite", Respite())
        yield made
        made.engine.dispose()

    def test_each_of_several_limits_holds(self) -> None:
        limit = "3 per minute; 2 per hour"
        rate_limits.hit(limit, "test", "a")
        rate_limits.hit(limit, "test", "a")
        with pytest.raises(TooManyRequests) as refused:
            rate_limits.hit(limit, "test", "a")
        assert 3500 < refused.value.retry_after <= 3601
        rate_limits.hit(limit, "test", "b")
        rate_limits.hit(limit, "other", "a")

    def test_who_is_counted_cannot_be_read(self, own_store: DatabaseStorage) -> None:
        rate_limits.hit("5 per minute", "sms", "13800000000")
        with own_store.engine.connect() as connection:
            (name,) = connection.execute(text("SELECT name FROM rate_limit_counter")).scalars()
        assert "sms" in name
        assert "138000" not in name

    @pytest.mark.parametrize("key", ["x" * 5000, "a\x00b", "\ud800", "/", ""])
    def test_no_key_slips_past_the_limit(self, key: str) -> None:
        rate_limits.hit("1 per minute", "test", key)
        with pytest.raises(TooManyRequests):
            rate_limits.hit("1 per minute", "test", key)

    def test_a_store_that_is_away_lets_through(
        self, app: Flask, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        away = RedisStorage("redis://127.0.0.1:1", wrap_exceptions=True, socket_connect_timeout=0.2)
        with pytest.raises(StorageError):
            away.incr("x", 60)
        monkeypatch.setitem(app.extensions, "portal_limiter", FixedWindowRateLimiter(away))
        for _ in range(3):
            rate_limits.hit("1 per minute", "test", "a")

    def test_a_redis_that_hangs_holds_nobody_up_for_long(
        self, app: Flask, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(app, "extensions", dict(app.extensions))
        # It takes the connection in and says nothing.
        with socket.create_server(("127.0.0.1", 0)) as silent:
            url = f"redis://127.0.0.1:{silent.getsockname()[1]}"
            rate_limits.init_app(app, redis_url=url, database_url="", folder=Path())
            started = time.monotonic()
            for _ in range(20):
                rate_limits.hit("1 per minute", "test", "a")
            assert time.monotonic() - started < 5

    @pytest.mark.parametrize(
        ("answer", "said"),
        [
            ("-OOM command not allowed when used memory > 'maxmemory'.", "maxmemory"),
            ("-READONLY You can't write against a read only replica.", "主节点"),
            ("-LOADING Redis is loading the dataset in memory", "正在装入数据"),
            ("-NOAUTH Authentication required.", "用户名和密码"),
            ("-NOPERM this user has no permissions to run the 'evalsha' command", "ACL"),
            ("-MISCONF Redis is configured to save RDB snapshots, but it's not", "磁盘"),
            *((answer, "REDIS_URL") for answer in STRANGE_ANSWERS),
        ],
    )
    def test_a_redis_that_refuses_lets_through_and_is_told_once_with_what_to_do(
        self,
        app: Flask,
        monkeypatch: pytest.MonkeyPatch,
        caplog: pytest.LogCaptureFixture,
        answer: str,
        said: str,
    ) -> None:
        monkeypatch.setattr(app, "extensions", dict(app.extensions))
        with answering(answer) as url:
            rate_limits.init_app(app, redis_url=url, database_url="", folder=Path())
            for _ in range(5):
                app.extensions["portal_limiter_respite"] = Respite()
                rate_limits.hit("1 per minute", "test", "a")
            assert said in str(rate_limits.why_not_counting())
        lines: list[Any] = [record.msg for record in caplog.records]
        assert 1 <= len(lines) <= 2
        assert said in lines[-1]["advice"]
        assert all("exception" not in line for line in lines)

    def test_after_a_rest_it_is_asked_again(
        self, app: Flask, own_store: DatabaseStorage, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        respite = app.extensions["portal_limiter_respite"]
        with pytest.raises(StorageError), respite.watched():
            time.sleep(0.05)
            raise StorageError(TimeoutError())
        rate_limits.hit("1 per minute", "test", "a")
        rate_limits.hit("1 per minute", "test", "a")
        real = time.monotonic
        monkeypatch.setattr(time, "monotonic", lambda: real() + LONGEST)
        rate_limits.hit("1 per minute", "test", "a")
        with pytest.raises(TooManyRequests):
            rate_limits.hit("1 per minute", "test", "a")

    def test_a_store_that_takes_nothing_in_does_not_count(self, own_store: DatabaseStorage) -> None:
        assert rate_limits.why_not_counting() is None

        def only_read(connection: Any, _record: Any) -> None:
            connection.execute("PRAGMA query_only=ON")

        event.listen(own_store.engine, "connect", only_read)
        own_store.engine.dispose()
        assert own_store.check()
        assert "数据库文件" in str(rate_limits.why_not_counting())

    def test_switched_off_it_counts_nothing(
        self, app: Flask, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(app.config, "RATE_LIMITS", False)
        for _ in range(5):
            rate_limits.hit("1 per minute", "test", "a")


@pytest.mark.parametrize(
    ("address", "counted"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::1", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("unknown", "unknown"),
    ],
)
def test_what_counts_as_one_address(address: str, counted: str) -> None:
    assert network_of(address) == counted
