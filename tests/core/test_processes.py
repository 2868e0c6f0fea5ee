"""Real processes: workers that are killed, and many that write to one database at once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import func, select

from portal.core.db import db
from portal.core.jobs import Job, JobState, WorkerHeartbeat, enqueue
from portal.core.unit_of_work import unit_of_work
from tests.core.tables import Counter
from tests.support import GROUND_FLOOR, ROOT, create_schema, environment, own_application

pytestmark = [pytest.mark.usefixtures("database"), pytest.mark.slow]

# A worker whose handler counts up in the database and then takes its time before the commit.
WORKER = """
import time
from portal.app import create_app
from portal.core.db import db
from portal.core.jobs import job_handler
from portal.core.jobs.worker import Worker
from tests.core.tables import Counter

@job_handler("test.slow")
def slow(run):
    row = db.session.get(Counter, "effect", with_for_update=True)
    row.value += 1
    db.session.flush()
    print("begun", flush=True)
    time.sleep(run.payload["seconds"])

Worker(create_app(rooms=())).run()
"""

WRITER = """
import sys
from portal.app import create_app
from portal.core.db import db
from portal.core.unit_of_work import unit_of_work
from tests.core.tables import Counter

app = create_app(rooms=())
with app.app_context():
    for _ in range(int(sys.argv[1])):
        with unit_of_work():
            row = db.session.get(Counter, "effect", with_for_update=True)
            row.value += 1
"""

Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def start(app: Flask) -> Iterator[Start]:
    """`start(source, *arguments)` runs a script against this test's database."""
    running: list[subprocess.Popen[str]] = []
    variables = environment(Path(app.instance_path), app.config["SQLALCHEMY_DATABASE_URI"])

    def begin(source: str, *arguments: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", source, *arguments],
            cwd=ROOT,
            env={**variables, "PATH": os.environ["PATH"]},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        running.append(process)
        return process

    yield begin
    for process in running:
        process.kill()
        process.communicate(timeout=20)


@pytest.fixture
def counter(database: None) -> None:
    """The row that the processes count in."""
    with unit_of_work():
        db.session.add(Counter(name="effect", value=0))


def effect() -> int:
    db.session.rollback()
    return db.session.scalar(select(Counter.value).where(Counter.name == "effect")) or 0


def until(what: Callable[[], bool], seconds: float = 40) -> None:
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "it did not come about in time"
        time.sleep(0.1)


def pending() -> int:
    db.session.rollback()
    query = select(func.count()).select_from(Job).where(Job.state == JobState.PENDING)
    return db.session.scalar(query.where(Job.kind == "test.slow")) or 0


def test_a_worker_killed_in_mid_job_leaves_it_to_the_next(start: Start, counter: None) -> None:
    with unit_of_work():
        enqueue("test.slow", {"seconds": 30})
        enqueue("test.slow", {"seconds": 0})
    first = start(WORKER)
    assert first.stdout is not None
    until(lambda: first.stdout is not None and "begun" in first.stdout.readline())
    os.kill(first.pid, signal.SIGKILL)
    first.wait(10)
    # Nothing of the half-done job is there.
    assert effect() == 0
    with unit_of_work():
        held = db.session.scalars(select(Job).where(Job.lease_token.is_not(None))).one()
        held.payload = {"seconds": 0}
    second = start(WORKER)
    until(lambda: pending() == 0)
    assert effect() == 2
    interrupted = select(func.sum(Job.interruptions)).where(Job.kind == "test.slow")
    assert db.session.scalar(interrupted) == 1
    second.send_signal(signal.SIGTERM)
    assert second.wait(15) == 0
    db.session.rollback()
    # The killed worker's heartbeat went with the take-over, the stopped one's with its stop.
    assert db.session.scalars(select(WorkerHeartbeat)).all() == []


def test_many_writing_processes_meet_no_lock_and_lose_no_update(
    start: Start, counter: None
) -> None:
    writers = [start(WRITER, "40") for _ in range(4)]
    for writer in writers:
        _out, errors = writer.communicate(timeout=120)
        assert writer.returncode == 0, errors
    assert effect() == 160


def test_32_threads_writing_meet_no_lock(
    in_threads: Callable[..., list[int]], counter: None
) -> None:
    def write(_index: int) -> int:
        for _ in range(3):
            with unit_of_work():
                row = db.session.get(Counter, "effect", with_for_update=True)
                assert row is not None
                row.value += 1
        return 3

    # More than the pool has connections: some wait for one, none is refused.
    assert sum(in_threads(32, write)) == 96
    assert effect() == 96


def test_processes_that_open_a_new_database_at_once(tmp_path: Path) -> None:
    """Switching to the write-ahead log needs the file alone; all of them must get through."""
    script = (
        "from portal.app import create_app\n"
        "from portal.core.db import db\n"
        "from sqlalchemy import text\n"
        "with create_app(rooms=()).app_context():\n"
        "    db.session.execute(text('SELECT 1'))\n"
    )
    with own_application(tmp_path, "fresh", GROUND_FLOOR) as fresh:
        url = fresh.config["SQLALCHEMY_DATABASE_URI"]
        variables = {**environment(tmp_path, url), "PATH": os.environ["PATH"]}
        opened = [
            subprocess.Popen(
                [sys.executable, "-c", script],
                cwd=ROOT,
                env=variables,
                stderr=subprocess.PIPE,
                text=True,
            )
            for _ in range(4)
        ]
        for process in opened:
            _out, errors = process.communicate(timeout=60)
            assert process.returncode == 0, errors
        create_schema(fresh)
