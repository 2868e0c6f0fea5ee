"""SQLite's write-ahead log stays short although somebody always reads, and no commit fails because of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import text

from portal.core import locks, write_ahead_log
from portal.core.db import db, is_sqlite
from portal.core.unit_of_work import unit_of_work
from tests.core.tables import Counter


@pytest.fixture(autouse=True)
def on_sqlite(database: None, monkeypatch: pytest.MonkeyPatch) -> None:
    if not is_sqlite():
        pytest.skip("PostgreSQL keeps its log by itself")
    # Looked at after every commit, and from the first page on.
    monkeypatch.setattr(write_ahead_log, "EVERY", 1)
    monkeypatch.setattr(write_ahead_log, "LONG", 1)
    monkeypatch.setattr(write_ahead_log, "_not_before", 0.0)


@contextmanager
def another() -> Iterator[Any]:
    """The driver's connection of somebody else."""
    with db.engine.connect() as connection:
        yield connection.connection.driver_connection


@contextmanager
def reading() -> Iterator[None]:
    """Somebody else reads, and goes on reading."""
    with db.engine.connect() as connection:
        connection.execute(text("SELECT count(*) FROM test_counter")).all()
        yield


def add(name: str) -> None:
    with unit_of_work():
        db.session.add(Counter(name=name, value=0))


def pages() -> int:
    """How many pages the log has before the next one is written."""
    with another() as raw:
        return write_ahead_log.pages(raw)


def test_a_long_log_is_begun_anew_by_the_next_commit() -> None:
    add("a")
    add("b")
    # What the last commit wrote, and nothing of the one before.
    after_one = pages()
    for name in "cdefgh":
        add(name)
    assert 0 < pages() <= after_one + 2


def test_whoever_reads_for_long_is_left_alone_and_the_commit_stands() -> None:
    add("a")
    with reading():
        for name in "bcd":
            add(name)
        grown = pages()
        assert write_ahead_log._not_before > 0.0
        add("e")
        assert pages() > grown
        assert db.session.execute(text("PRAGMA busy_timeout")).scalar() == 10_000
    db.session.rollback()
    write_ahead_log._not_before = 0.0
    add("f")
    add("g")
    assert pages() < grown
    assert db.session.query(Counter).count() == 7


def test_a_fault_of_the_log_fails_no_commit(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_raw: Any) -> int:
        raise db.engine.dialect.loaded_dbapi.OperationalError("disk I/O error")

    monkeypatch.setattr(write_ahead_log, "pages", broken)
    add("a")
    assert db.session.query(Counter).count() == 1


def test_a_unit_that_was_rolled_back_within_still_commits_what_came_after() -> None:
    with unit_of_work():
        db.session.add(Counter(name="a", value=0))
        db.session.rollback()
        db.session.add(Counter(name="b", value=0))
    assert [each.name for each in db.session.query(Counter)] == ["b"]


def test_nobody_reads_while_waiting_for_the_turn_to_write(monkeypatch: pytest.MonkeyPatch) -> None:
    add("a")
    found = []
    turn = locks.writers_turn

    @contextmanager
    def waiting() -> Iterator[Any]:
        raw = db.session.connection().connection.driver_connection
        found.append(raw.in_transaction)
        with another() as other:
            found.append(write_ahead_log.begin_anew(other))
        with turn() as give_back:
            yield give_back

    assert db.session.query(Counter).count() == 1
    assert db.session.connection().connection.driver_connection.in_transaction
    monkeypatch.setattr(locks, "writers_turn", waiting)
    add("b")
    assert found == [False, True]
    assert db.session.query(Counter).count() == 2


def test_a_turn_that_never_comes_leaves_a_session_that_works(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    @contextmanager
    def never() -> Iterator[Any]:
        raise OSError("no locks available")
        yield

    assert db.session.query(Counter).count() == 0
    with monkeypatch.context() as patched:
        patched.setattr(locks, "writers_turn", never)
        with pytest.raises(OSError, match="no locks"):
            add("a")
    db.session.rollback()
    add("b")
    assert db.session.query(Counter).count() == 1
