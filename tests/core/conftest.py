"""The ground floor alone, with tables of these tests: they hold whatever the rooms above do."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from flask import Flask

from portal.core.db import db
from tests.core.tables import TABLES
from tests.support import GROUND_FLOOR, create_schema, own_application


@pytest.fixture(scope="session")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    """The application without feature rooms."""
    with own_application(tmp_path_factory.mktemp("ground"), "core", GROUND_FLOOR) as application:
        create_schema(application)
        with application.app_context(), db.engine.begin() as connection:
            for table in TABLES:
                table.create(connection)
        yield application


@pytest.fixture
def database(database: None) -> None:
    """An empty database, these tables too."""
    with db.engine.begin() as connection:
        for table in TABLES:
            connection.execute(table.delete())


@pytest.fixture
def in_threads(app: Flask, database: None) -> Callable[..., list[Any]]:
    """`in_threads(n, f)` runs `f(index)` in n threads that begin together, each with a session of its own."""

    def run(count: int, function: Callable[[int], Any]) -> list[Any]:
        together = threading.Barrier(count)

        def one(index: int) -> Any:
            with app.app_context():
                together.wait(10)
                try:
                    return function(index)
                finally:
                    db.session.remove()

        with ThreadPoolExecutor(count) as pool:
            return list(pool.map(one, range(count)))

    return run
