"""Fixtures: a real application on a real database, a clock that can be set, and a small JSON client.

`TEST_DATABASE_URL` chooses the database (a SQLite file by default); every process of a parallel run has its own.
Rows are deleted between tests, so a test may commit as the portal does.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url

from portal.app import create_app
from portal.config import load_settings
from portal.core import clock as core_clock
from portal.core import schema_guards
from portal.core.db import Base, db
from portal.core.jobs import worker
from portal.web import rate_limits

API = "/api/v1"


class SettableClock:
    """Time that moves only when a test says so."""

    def __init__(self, start: datetime) -> None:
        self.instant = start

    def __call__(self) -> datetime:
        return self.instant

    def set(self, local: str) -> None:
        """Set the district's wall clock, for example `"2026-03-02 09:00"`."""
        naive = datetime.fromisoformat(local)
        self.instant = naive.replace(tzinfo=core_clock.zone()).astimezone(UTC)

    def advance(self, **amount: float) -> None:
        """Move forward, for example `hours=25`."""
        self.instant += timedelta(**amount)


class JsonClient:
    """The HTTP face as a test reads it: `api.post("/consultations", body, headers=resident)`."""

    def __init__(self, client: FlaskClient) -> None:
        self.client = client

    def call(self, method: str, path: str, body: Any = None, **kwargs: Any) -> Any:
        """Send one request; `path` is relative to the API's base path."""
        if body is not None:
            kwargs["json"] = body
        return self.client.open(f"{API}{path}", method=method, **kwargs)

    def get(self, path: str, **kwargs: Any) -> Any:
        """GET."""
        return self.call("GET", path, **kwargs)

    def post(self, path: str, body: Any = None, **kwargs: Any) -> Any:
        """POST."""
        return self.call("POST", path, body, **kwargs)

    def patch(self, path: str, body: Any = None, **kwargs: Any) -> Any:
        """PATCH."""
        return self.call("PATCH", path, body, **kwargs)

    def put(self, path: str, body: Any = None, **kwargs: Any) -> Any:
        """PUT."""
        return self.call("PUT", path, body, **kwargs)

    def delete(self, path: str, **kwargs: Any) -> Any:
        """DELETE."""
        return self.call("DELETE", path, **kwargs)


def _worker_database(url: str, name: str) -> tuple[str, Callable[[], None]]:
    """Create a database of this process's own on the server of `url`; returns its URL and how to drop it."""
    parsed = make_url(url.replace("postgresql://", "postgresql+psycopg://", 1))
    admin = create_engine(parsed, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'))
        connection.execute(text(f'CREATE DATABASE "{name}"'))

    def drop() -> None:
        with admin.connect() as connection:
            connection.execute(text(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'))
        admin.dispose()

    return parsed.set(database=name).render_as_string(hide_password=False), drop


@pytest.fixture(scope="session")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    """The application in test mode, with the schema created from the models."""
    instance: Path = tmp_path_factory.mktemp("instance")
    server = os.environ.get("TEST_DATABASE_URL", "")
    url, drop = "", lambda: None
    if server.startswith("postgresql"):
        suffix = os.environ.get("PYTEST_XDIST_WORKER", "main")
        url, drop = _worker_database(server, f"portal_test_{suffix}_{uuid.uuid4().hex[:8]}")
    settings = load_settings(
        {
            "PORTAL_MODE": "test",
            "PORTAL_INSTANCE_DIR": str(instance),
            "DATABASE_URL": url,
            "REDIS_URL": os.environ.get("TEST_REDIS_URL", ""),
        }
    )
    application = create_app(settings)
    with application.app_context():
        db.create_all()
        with db.engine.begin() as connection:
            schema_guards.install(connection)
        db.session.remove()
    yield application
    with application.app_context():
        db.session.remove()
        db.engine.dispose()
    drop()


def _empty_tables() -> None:
    with db.engine.connect() as connection:
        if connection.dialect.name == "sqlite":
            connection.exec_driver_sql("PRAGMA foreign_keys=OFF")
            # Append-only tables refuse the deletion; their guards come back below.
            triggers = "SELECT name FROM sqlite_master WHERE type = 'trigger'"
            for (name,) in connection.exec_driver_sql(triggers).all():
                connection.exec_driver_sql(f'DROP TRIGGER "{name}"')
            for table in Base.metadata.sorted_tables:
                connection.execute(table.delete())
            schema_guards.install(connection)
            connection.commit()
            connection.exec_driver_sql("PRAGMA foreign_keys=ON")
        else:
            names = ", ".join(f'"{table.name}"' for table in Base.metadata.sorted_tables)
            connection.exec_driver_sql("SET session_replication_role = replica")
            connection.exec_driver_sql(f"TRUNCATE {names} CASCADE")
            connection.exec_driver_sql("SET session_replication_role = DEFAULT")
            connection.commit()


@pytest.fixture
def database(app: Flask) -> Iterator[None]:
    """An application context on an empty database."""
    with app.app_context():
        _empty_tables()
        rate_limits.reset()
        yield
        db.session.rollback()
        db.session.remove()


@pytest.fixture
def clock() -> Iterator[SettableClock]:
    """Monday 2 March 2026, 09:00 in the district, until the test moves it."""
    source = SettableClock(datetime(2026, 3, 2, 1, 0, tzinfo=UTC))
    with core_clock.use(source):
        yield source


@pytest.fixture
def client(app: Flask, database: None) -> FlaskClient:
    """A client on an empty database."""
    return app.test_client()


@pytest.fixture
def api(client: FlaskClient) -> JsonClient:
    """The JSON client."""
    return JsonClient(client)


@pytest.fixture
def run_jobs(database: None) -> Callable[[], int]:
    """Carry out all due jobs, as the worker would."""
    return worker.drain
