"""Named locks: across threads, across processes, and let go by a process that is killed."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import event

from portal.core.db import db, is_sqlite
from portal.core.locks import serialise, try_lock
from portal.core.unit_of_work import unit_of_work
from tests.core.tables import Counter
from tests.support import ROOT, environment

pytestmark = pytest.mark.usefixtures("database")

HOLDER = """
import sys, time
from portal.app import create_app
from portal.core.locks import try_lock
from portal.core.unit_of_work import unit_of_work

with create_app(rooms=()).app_context(), unit_of_work(), try_lock("shared") as free:
    print(free, flush=True)
    time.sleep(60)
"""


def taken_by_another(app: Flask, name: str) -> bool:
    """Ask from a thread with a session of its own."""
    answers: list[bool] = []

    def ask() -> None:
        with app.app_context():
            # On SQLite no unit of work: it would wait for the writer that holds the lock.
            if is_sqlite():
                with try_lock(name) as free:
                    answers.append(not free)
            else:
                with unit_of_work(), try_lock(name) as free:
                    answers.append(not free)

    thread = threading.Thread(target=ask)
    thread.start()
    thread.join(20)
    return answers == [True]


def test_a_lock_is_held_against_other_threads_until_the_end(app: Flask) -> None:
    with unit_of_work(), try_lock("a") as free:
        assert free
        assert taken_by_another(app, "a")
        assert not taken_by_another(app, "b")
    assert not taken_by_another(app, "a")


def test_a_lock_is_let_go_after_an_exception(app: Flask) -> None:
    with pytest.raises(LookupError), unit_of_work(), try_lock("a"):
        raise LookupError
    assert not taken_by_another(app, "a")


@pytest.fixture
def holder(app: Flask) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds the lock `shared`."""
    url = app.config["SQLALCHEMY_DATABASE_URI"]
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER],
        cwd=ROOT,
        env={**environment(Path(app.instance_path), url), "PATH": ""},
        stdout=subprocess.PIPE,
        text=True,
    )
    yield process
    process.kill()
    process.wait(10)
    assert process.stdout is not None
    process.stdout.close()


def test_a_killed_process_lets_go(app: Flask, holder: subprocess.Popen[str]) -> None:
    assert holder.stdout is not None
    assert holder.stdout.readline() == "True\n"
    assert taken_by_another(app, "shared")
    assert not taken_by_another(app, "other")
    holder.kill()
    holder.wait(10)
    for _ in range(100):
        if not taken_by_another(app, "shared"):
            return
        threading.Event().wait(0.05)
    pytest.fail("the lock of a killed process is still held")


def test_serialised_steps_follow_each_other(app: Flask) -> None:
    overlaps: list[int] = []
    inside = 0

    def step() -> None:
        nonlocal inside
        with app.app_context():
            for _ in range(5):
                with unit_of_work():
                    serialise("chain")
                    inside += 1
                    overlaps.append(inside)
                    threading.Event().wait(0.002)
                    db.session.get(Counter, "x")
                    inside -= 1
            db.session.remove()

    threads = [threading.Thread(target=step) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert overlaps == [1] * 20


def writes_meanwhile(app: Flask, name: str) -> threading.Event:
    """Have another thread write a row as soon as it may; the event tells that it has."""
    done = threading.Event()

    def write() -> None:
        with app.app_context(), unit_of_work():
            db.session.add(Counter(name=name, value=0))
        done.set()

    threading.Thread(target=write, daemon=True).start()
    return done


def test_the_end_of_a_nested_step_gives_no_turn_to_another_writer(app: Flask) -> None:
    if not is_sqlite():
        pytest.skip("writers do not wait for each other there")
    with unit_of_work():
        with unit_of_work():
            db.session.add(Counter(name="mine", value=0))
        written = writes_meanwhile(app, "another")
        assert not written.wait(0.5)
    assert written.wait(20)


def test_the_next_writer_has_its_turn_while_the_session_tidies_up_after_the_commit(
    app: Flask,
) -> None:
    seen: list[bool] = []

    def when_committed(_session: object) -> None:
        seen.append(writes_meanwhile(app, "another").wait(20))

    session = db.session()
    # After the house's own listener, and before the connection goes back.
    event.listen(session, "after_commit", when_committed)
    try:
        with unit_of_work():
            db.session.add(Counter(name="mine", value=0))
    finally:
        event.remove(session, "after_commit", when_committed)
    assert seen == [True]
