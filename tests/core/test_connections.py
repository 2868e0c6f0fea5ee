"""A connection whose server has closed it, or whose file is no longer in its place, serves nobody."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pysqlite3.dbapi2 as sqlite
import pytest
from sqlalchemy import create_engine, select, text
from sqlalchemy.exc import DBAPIError, InternalError, OperationalError

from portal.core import clock, failures
from portal.core import db as core_db
from portal.core.db import db, is_sqlite
from portal.core.jobs import WorkerHeartbeat
from portal.core.unit_of_work import unit_of_work
from tests.support import GROUND_FLOOR, create_schema, own_application

_WHICH = text("SELECT pg_backend_pid()")


@pytest.fixture
def of_a_server(database: None) -> None:
    """Skip where connections belong to a file, which closes none."""
    if is_sqlite():
        pytest.skip("a file closes no connection")


def test_a_connection_that_was_closed_while_it_lay_is_replaced(of_a_server, monkeypatch):
    monkeypatch.setattr(core_db, "ASKED_AFTER", 0.0)
    db.session.remove()
    db.engine.dispose()
    administrator, asking = db.engine.connect(), db.engine.connect()
    closed = asking.scalar(_WHICH)
    asking.close()
    administrator.scalar(text("SELECT pg_terminate_backend(:n)"), {"n": closed})
    with db.engine.connect() as fresh:
        assert fresh.scalar(_WHICH) != closed
    administrator.close()


def test_a_connection_that_was_in_use_a_moment_ago_is_not_asked(of_a_server, monkeypatch):
    monkeypatch.setattr(core_db, "ASKED_AFTER", 60.0)
    asked = []
    monkeypatch.setattr(db.engine.dialect, "do_ping", asked.append)
    for _ in range(3):
        with db.engine.connect() as connection:
            connection.scalar(_WHICH)
    assert asked == []
    monkeypatch.setattr(core_db, "ASKED_AFTER", 0.0)
    db.engine.connect().close()
    assert len(asked) == 1


def test_a_session_whose_connection_was_closed_in_its_transaction_still_ends(of_a_server):
    mine = db.session.scalar(_WHICH)
    with db.engine.connect() as administrator:
        administrator.scalar(text("SELECT pg_terminate_backend(:n)"), {"n": mine})
    db.session.remove()
    assert db.session.scalar(_WHICH) != mine


def test_a_connection_that_the_server_ends_for_its_idleness_is_no_mistake_of_ours(of_a_server):
    db.session.execute(
        text("SELECT set_config('idle_in_transaction_session_timeout', '20ms', true)")
    )
    time.sleep(0.2)
    with pytest.raises(DBAPIError) as refused:
        db.session.scalar(_WHICH)
    assert failures.of_its_state(refused.value)
    db.session.remove()
    assert db.session.scalar(_WHICH)


def test_a_server_that_lets_nobody_write_is_left_for_the_one_that_does(of_a_server):
    write("before")
    db.session.remove()
    # Only one lies in the pool from here on.
    db.engine.dispose()
    mine = db.session.scalar(_WHICH)
    db.session.execute(text("SELECT set_config('default_transaction_read_only', 'on', false)"))
    db.session.commit()
    with pytest.raises(InternalError) as refused:
        write("lost")
    assert "指向主库" in str(failures.sentence(refused.value))
    db.session.remove()
    write("after")
    assert db.session.scalar(_WHICH) != mine
    assert names() == ["after", "before"]


def test_nobody_waits_forever_for_a_lock_and_the_operators_own_limit_stands(of_a_server):
    shown = text("SHOW lock_timeout")
    assert db.session.scalar(shown) == "10s"
    with db.engine.connect() as other:
        other.execute(text("LOCK TABLE worker_heartbeat"))
        db.session.execute(text("SELECT set_config('lock_timeout', '30ms', true)"))
        with pytest.raises(OperationalError) as refused:
            db.session.scalars(select(WorkerHeartbeat.owner)).all()
    assert "被别的程序占用" in str(failures.sentence(refused.value))
    db.session.remove()
    theirs = create_engine(db.engine.url, connect_args={"options": "-c lock_timeout=2s"})
    core_db.configure_engine(theirs)
    with theirs.connect() as connection:
        assert connection.scalar(shown) == "2s"
    theirs.dispose()


@pytest.fixture
def own_file(tmp_path: Path) -> Iterator[Path]:
    """The path of a SQLite database of one's own that somebody has written into, with its application in use."""
    with own_application(tmp_path, "file", GROUND_FLOOR) as app:
        if app.config["SQLALCHEMY_DATABASE_URI"].startswith("postgresql"):
            pytest.skip("a server keeps its files")
        create_schema(app)
        with app.app_context():
            write("before")
            db.session.remove()
            yield tmp_path / "portal.db"


def write(name: str) -> None:
    with unit_of_work():
        now = clock.now()
        db.session.add(WorkerHeartbeat(owner=name, started_at=now, beat_at=now))


def names() -> list[str]:
    db.session.remove()
    return sorted(db.session.scalars(select(WorkerHeartbeat.owner)))


def put_away(file: Path) -> Path:
    """Take a database out of its place with what belongs to it, as who restores a backup does."""
    away = file.parent / "away"
    away.mkdir()
    for part in file.parent.glob(f"{file.name}*"):
        part.rename(away / part.name)
    return away / file.name


def test_a_database_file_that_was_taken_away_takes_in_nothing_and_is_not_made_anew(own_file: Path):
    away = put_away(own_file)
    for _ in range(2):
        with pytest.raises(OperationalError, match="unable to open database file") as refused:
            write("lost")
        assert "打不开数据库文件" in str(failures.sentence(refused.value))
        db.session.remove()
    assert not own_file.exists()
    for part in away.parent.iterdir():
        part.rename(own_file.parent / part.name)
    write("after")
    assert names() == ["after", "before"]


def test_a_database_file_that_was_exchanged_is_the_one_that_is_written_into(own_file: Path):
    source, target = sqlite.connect(own_file), sqlite.connect(own_file.parent / "restored")
    source.backup(target)
    source.close()
    target.close()
    write("lost with the old file")
    db.session.remove()
    put_away(own_file)
    (own_file.parent / "restored").rename(own_file)
    write("after")
    assert names() == ["after", "before"]
