"""The ground floor alone: these tests hold whatever the rooms above do."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask import Flask

from tests.support import GROUND_FLOOR, create_schema, own_application


@pytest.fixture(scope="session")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    """The application without feature rooms."""
    with own_application(tmp_path_factory.mktemp("ground"), "web", GROUND_FLOOR) as application:
        create_schema(application)
        yield application
