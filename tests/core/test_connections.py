"""A connection that the server has closed while it lay in the pool fails no request."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from portal.core import db as core_db
from portal.core.db import db, is_sqlite

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
