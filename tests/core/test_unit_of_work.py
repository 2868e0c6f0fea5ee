"""One owner of the transaction: one commit, or nothing."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import delete, event, func, insert, select, text, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm.exc import StaleDataError

from portal.core import unit_of_work as uow
from portal.core.db import db, is_sqlite
from portal.core.errors import Conflict
from portal.core.unit_of_work import (
    after_commit,
    before_commit,
    collect,
    current,
    transactional,
    unit_of_work,
)
from tests.core.tables import Counter, Document

pytestmark = pytest.mark.usefixtures("database")


class Refused(Exception):
    """The step is refused."""


def add(name: str, value: int = 0) -> None:
    db.session.add(Counter(name=name, value=value))


def names() -> list[str]:
    """Return what another connection sees."""
    with db.engine.connect() as connection:
        return list(connection.scalars(select(Counter.name).order_by(Counter.name)))


@pytest.fixture
def course() -> Any:
    """The transaction statements and commits of the test."""
    seen: list[str] = []

    def executed(_c: Any, _cursor: Any, statement: str, *_: Any) -> None:
        seen.append(statement.split()[0] + ("" if "IMMEDIATE" not in statement else " IMMEDIATE"))

    def committed(_c: Any) -> None:
        seen.append("COMMIT")

    event.listen(db.engine, "before_cursor_execute", executed)
    event.listen(db.engine, "commit", committed)
    yield seen
    event.remove(db.engine, "before_cursor_execute", executed)
    event.remove(db.engine, "commit", committed)


def test_nested_units_end_in_one_commit(course: list[str]) -> None:
    with unit_of_work() as outer:
        add("a")
        with unit_of_work() as inner:
            add("b")
            assert inner is outer
        assert names() == []
        add("c")
    assert names() == ["a", "b", "c"]
    # The last COMMITs are those of `names`; inside the unit there was exactly one.
    begin = course.index("BEGIN IMMEDIATE") if is_sqlite() else 0
    inside = course[begin : course.index("COMMIT") + 1]
    assert inside.count("COMMIT") == 1
    assert inside.count("INSERT") >= 1


def test_a_unit_that_writes_begins_immediate_on_sqlite(course: list[str]) -> None:
    with unit_of_work():
        pass
    if is_sqlite():
        assert "BEGIN IMMEDIATE" in course
    course.clear()
    db.session.scalar(select(func.count()).select_from(Counter))
    assert "BEGIN IMMEDIATE" not in course


def test_an_exception_leaves_nothing() -> None:
    with pytest.raises(Refused), unit_of_work():
        add("a")
        db.session.flush()
        raise Refused
    assert names() == []
    assert current() is None


def test_an_exception_before_the_commit_leaves_nothing() -> None:
    def refuse() -> None:
        raise Refused

    with pytest.raises(Refused), unit_of_work():
        add("a")
        before_commit(refuse)
    assert names() == []


def test_a_refused_nested_step_is_undone_when_the_caller_goes_on() -> None:
    done: list[str] = []
    collected: list[list[str]] = []
    with unit_of_work():
        add("kept")
        collect(collected.append, "kept")
        with pytest.raises(Refused), unit_of_work():
            add("refused")
            before_commit(lambda: done.append("before refused"))
            after_commit(lambda: done.append("after refused"))
            collect(collected.append, "refused")
            raise Refused
        after_commit(lambda: done.append("after kept"))
        with unit_of_work():
            add("also kept")
            collect(collected.append, "also kept")
    assert names() == ["also kept", "kept"]
    assert done == ["after kept"]
    assert collected == [["kept", "also kept"]]


def test_a_nested_clash_does_not_end_the_transaction() -> None:
    with unit_of_work():
        add("a")
        db.session.flush()
        with pytest.raises(IntegrityError), unit_of_work():
            db.session.execute(insert(Counter).values(name="a", value=1))
        add("b")
    assert names() == ["a", "b"]


def test_before_commit_may_write_and_ask_for_more() -> None:
    order: list[str] = []

    def first() -> None:
        order.append("first")
        add("from the hook")
        before_commit(lambda: order.append("second"))
        collect(lambda items: order.append(f"items {items}"), 1)

    with unit_of_work():
        before_commit(first)
    assert order == ["first", "items [1]", "second"]
    assert names() == ["from the hook"]


def test_after_commit_runs_after_it_and_only_then() -> None:
    seen: list[list[str]] = []
    with unit_of_work():
        add("a")
        after_commit(lambda: seen.append(names()))
        assert seen == []
    assert seen == [["a"]]
    with pytest.raises(Refused), unit_of_work():
        after_commit(lambda: seen.append(["never"]))
        raise Refused
    assert seen == [["a"]]


def test_a_failing_hint_neither_undoes_the_commit_nor_stops_the_others() -> None:
    seen: list[str] = []

    def fail() -> None:
        raise Refused

    with unit_of_work():
        add("a")
        after_commit(fail)
        after_commit(lambda: seen.append("ran"))
    assert names() == ["a"]
    assert seen == ["ran"]


def test_a_hint_may_open_a_unit_of_its_own() -> None:
    with unit_of_work():
        after_commit(transactional(lambda: add("second")))
    assert names() == ["second"]


@pytest.mark.parametrize("hook", [before_commit, after_commit])
def test_hooks_outside_a_unit_are_refused(hook: Callable[..., None]) -> None:
    with pytest.raises(RuntimeError):
        hook(lambda: None)
    with pytest.raises(RuntimeError):
        collect(lambda items: None, 1)


@pytest.mark.parametrize(
    "statement",
    [
        insert(Counter).values(name="x", value=1),
        update(Counter).values(value=2),
        delete(Counter),
        text("INSERT INTO test_counter (name, value) VALUES ('x', 1)"),
        text("  update test_counter SET value = 2"),
        text("WITH gone AS (SELECT 1) DELETE FROM test_counter"),
    ],
)
def test_stray_statements_are_refused(statement: Any) -> None:
    with pytest.raises(RuntimeError, match="outside a unit of work"):
        db.session.execute(statement)
    assert names() == []


def test_stray_objects_are_refused() -> None:
    add("x")
    with pytest.raises(RuntimeError, match="outside a unit of work"):
        db.session.flush()
    with pytest.raises(RuntimeError, match="before the unit of work began"), unit_of_work():
        pytest.fail("must not begin")
    db.session.rollback()
    assert names() == []


def test_stray_change_of_a_loaded_object_is_refused() -> None:
    with unit_of_work():
        add("x", 1)
    found = db.session.get(Counter, "x")
    assert found is not None
    found.value = 2
    with pytest.raises(RuntimeError):
        db.session.commit()
    db.session.rollback()
    assert db.session.scalar(select(Counter.value)) == 1


def test_reading_outside_is_allowed() -> None:
    assert db.session.execute(text("SELECT 1")).scalar() == 1
    assert db.session.scalars(select(Counter)).all() == []


def change_from_outside(app: Flask, work: Callable[[], None]) -> None:
    """Run `work` in another session while this one keeps its objects."""
    failed: list[BaseException] = []

    def run() -> None:
        try:
            with app.app_context(), unit_of_work():
                work()
        except BaseException as error:  # noqa: BLE001 - handed to the test below
            failed.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(15)
    assert failed == []


def test_an_unversioned_object_is_read_again_when_the_unit_begins(app: Flask) -> None:
    with unit_of_work():
        add("x", 1)
    mine = db.session.get(Counter, "x")
    assert mine is not None
    assert mine.value == 1
    db.session.rollback()
    mine = db.session.get(Counter, "x")

    def theirs() -> None:
        found = db.session.get(Counter, "x")
        assert found is not None
        found.value += 10

    change_from_outside(app, theirs)
    with unit_of_work():
        again = db.session.get(Counter, "x")
        assert again is mine
        again.value += 1
    assert db.session.scalar(select(Counter.value)) == 12


def test_a_versioned_object_from_an_old_picture_is_refused(app: Flask) -> None:
    with unit_of_work():
        db.session.add(Document(title="one"))
    mine = db.session.scalars(select(Document)).one()

    def theirs() -> None:
        db.session.scalars(select(Document)).one().title = "theirs"

    change_from_outside(app, theirs)
    with pytest.raises(StaleDataError), unit_of_work():
        mine.title = "mine"
    assert db.session.scalar(select(Document.title)) == "theirs"


def test_transactional_keeps_name_and_result() -> None:
    @transactional
    def named(value: int) -> int:
        """Say what."""
        assert current() is not None
        return value + 1

    assert named(1) == 2
    assert named.__name__ == "named"
    assert named.__doc__ == "Say what."
    assert uow.current() is None


def test_two_writers_at_once_lose_no_update_and_meet_no_lock(
    in_threads: Callable[..., list[Any]],
) -> None:
    with unit_of_work():
        add("shared")

    def count(_index: int) -> int:
        for _ in range(10):
            with unit_of_work():
                # Read, then write: what fails at once with a deferred BEGIN on SQLite.
                query = select(Counter).where(Counter.name == "shared").with_for_update()
                row = db.session.scalars(query).one()
                row.value += 1
        return 10

    assert in_threads(8, count) == [10] * 8
    assert db.session.scalar(select(Counter.value)) == 80


def test_a_refusal_that_keeps_what_was_written_is_raised_after_the_commit() -> None:
    done: list[str] = []

    @transactional
    def step() -> None:
        add("found out")
        after_commit(lambda: done.append("hint"))
        raise Conflict().keeping()

    with pytest.raises(Conflict):
        step()
    assert names() == ["found out"]
    with unit_of_work():
        db.session.execute(delete(Counter))
    with pytest.raises(Conflict), unit_of_work():
        step()
    assert names() == ["found out"]
    assert done == ["hint", "hint"]
