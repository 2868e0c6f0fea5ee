"""What residents type lies sealed in the database: nothing of it can be read from the tables."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select, type_coerce
from sqlalchemy.types import LargeBinary

from portal.core.db import Base, db
from portal.core.encryption import EncryptedText
from portal.core.jobs import worker
from portal.core.unit_of_work import unit_of_work
from tests.factories import people
from tests.privacy.people import Person
from tests.privacy.walk import Walk


def stored() -> str:
    """Every row of every table, one per line, sealed columns as the bytes they are."""
    lines = []
    db.session.rollback()
    for table in Base.metadata.sorted_tables:
        columns = [
            type_coerce(column, LargeBinary) if isinstance(column.type, EncryptedText) else column
            for column in table.columns
        ]
        lines += [f"{table.name} {tuple(row)!r}" for row in db.session.execute(select(*columns))]
    db.session.rollback()
    return "\n".join(lines)


@pytest.mark.parametrize("way", ["plain", "separated", "wide"])
@pytest.mark.parametrize("hostile", [False, True])
def test_nothing_that_a_resident_typed_is_readable(
    app: Any, database: None, monkeypatch, way, hostile
):
    monkeypatch.setitem(app.config, "RATE_LIMITS", False)
    person = Person()
    # Keys and request ids in headers are a client's own and no text of a person's.
    walk = Walk(app, person, way, hostile, headers=False)
    for operation in walk.operations():
        if "工作人员" not in operation.audience or "居民" in operation.audience:
            walk.call(operation)
    worker.drain()
    assert not person.found_in(stored())
    assert walk.planted > 30


def test_a_readable_column_would_be_seen(app: Any, database: None) -> None:
    person = Person()
    with unit_of_work():
        people.make_office(name=f"{person.name}调解室 {person.phone}")
    assert set(person.found_in(stored())) == {"name", "phone"}
