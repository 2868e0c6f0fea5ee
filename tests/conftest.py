"""Fixtures: a real application on a real database, a clock that can be set, and a small JSON client.

`TEST_DATABASE_URL` chooses the database (a SQLite file by default); every process of a parallel run has its own.
Rows are deleted between tests, so a test may commit as the portal does.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Dialect, String, event, exists, literal, select, union_all

from portal.core import clock as core_clock
from portal.core import schema_guards
from portal.core.db import Base, db
from portal.core.jobs import worker
from portal.knowledge import categories, search_content
from portal.web import rate_limits
from portal.working_days import cache as calendar_cache
from portal.working_days import operations as working_days
from portal.working_days.notice import YearTable
from tests.support import create_schema, own_application

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

    def set_to(self, instant: datetime) -> None:
        """Go to an instant."""
        self.instant = instant

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


@pytest.fixture(scope="session")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    """The application in test mode, with the schema created from the models."""
    with own_application(tmp_path_factory.mktemp("instance"), "portal") as application:
        create_schema(application)
        yield application


@functools.cache
def _which_are_filled(dialect: Dialect) -> str:
    """Return the statement that names the tables with rows. Putting it together takes longer than carrying it out."""
    tables = Base.metadata.sorted_tables
    filled = union_all(*(select(literal(t.name, String)).where(exists(select(t))) for t in tables))
    return str(filled.compile(dialect=dialect, compile_kwargs={"literal_binds": True}))


@functools.cache
def _deletions() -> dict[str, str]:
    """Return what empties each table, children before their parents."""
    tables = reversed(Base.metadata.sorted_tables)
    return {table.name: str(table.delete()) for table in tables}


def _empty_tables() -> None:
    """Delete the rows of every table that has any. Emptying them all took a second of each test on PostgreSQL."""
    with db.engine.connect() as connection:
        statement = _which_are_filled(connection.dialect)
        names = set(connection.exec_driver_sql(statement).scalars())
        if not names:
            return
        sqlite = connection.dialect.name == "sqlite"
        # Append-only tables refuse the deletion; their guards come back below.
        if sqlite:
            triggers = "SELECT name, tbl_name FROM sqlite_master WHERE type = 'trigger'"
            for name, table in connection.exec_driver_sql(triggers).all():
                if table in names:
                    connection.exec_driver_sql(f'DROP TRIGGER "{name}"')
        else:
            connection.exec_driver_sql("SET session_replication_role = replica")
        for name, deletion in _deletions().items():
            if name in names:
                connection.exec_driver_sql(deletion)
        if sqlite:
            schema_guards.install(connection)
        else:
            connection.exec_driver_sql("SET session_replication_role = DEFAULT")
        connection.commit()


@pytest.fixture
def database(app: Flask) -> Iterator[None]:
    """An application context on an empty database."""
    with app.app_context():
        _empty_tables()
        rate_limits.reset()
        # What a process remembers of a table that has just been emptied.
        categories.forget()
        calendar_cache.forget()
        yield
        db.session.rollback()
        db.session.remove()


@pytest.fixture(scope="session", autouse=True)
def look_at_content_at_once() -> None:
    """An edit of the files of `content/search` counts at the next search, so that tests need not wait.

    Set for good: `monkeypatch` in a fixture of every test would be undone after all others, and bring back what they had
    put right.
    """
    search_content.CHECK_SECONDS = -1.0


@pytest.fixture(scope="session", autouse=True)
def read_unchanged_calendars_once() -> None:
    """The tables of the years are worked out again only where a file of them has changed.

    Most tests begin with loading one, and reading the files took a tenth of the time of a test.
    """
    work_out = working_days._shipped
    known: dict[tuple[tuple[str, bytes], ...], dict[int, YearTable]] = {}

    def shipped(content_dir: Path) -> dict[int, YearTable]:
        files = sorted((content_dir / "calendar").glob("*.yaml"))
        key = tuple((path.name, path.read_bytes()) for path in files)
        if key not in known:
            known[key] = work_out(content_dir)
        return dict(known[key])

    working_days._shipped = shipped


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


@pytest.fixture
def statements(
    database: None, monkeypatch: pytest.MonkeyPatch
) -> Callable[[], AbstractContextManager[list[str]]]:
    """Collect the statements that read and write the database inside a `with` block.

    The calendar, which is looked up when seconds have gone by, is known before.
    """
    monkeypatch.setattr(calendar_cache, "RECHECK_SECONDS", 3600.0)
    calendar_cache.current()
    db.session.rollback()

    @contextmanager
    def watch() -> Iterator[list[str]]:
        seen: list[str] = []

        def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
            if statement.startswith(("SELECT", "INSERT", "UPDATE", "DELETE")):
                seen.append(statement)

        event.listen(db.engine, "before_cursor_execute", note)
        try:
            yield seen
        finally:
            event.remove(db.engine, "before_cursor_execute", note)

    return watch
