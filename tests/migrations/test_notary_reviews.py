"""What a case kept of its last review is carried over into a review, and back."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any

import flask_migrate
import pytest
import sqlalchemy as sa
from flask import Flask

from portal.core.db import db
from tests.support import own_application

FILLED: dict[type, Any] = {
    bool: False,
    int: 1,
    str: "x",
    bytes: b"x",
    date: date(2026, 3, 2),
    datetime: datetime(2026, 3, 2, tzinfo=UTC),
    time: time(9),
    object: [],
}


@pytest.fixture
def old_app(tmp_path: Path) -> Iterator[Flask]:
    """The application on a database of the revision before."""
    with own_application(tmp_path, "reviews") as app, app.app_context():
        flask_migrate.upgrade(revision="0007")
        yield app


def add(connection: sa.Connection, name: str, **values: Any) -> uuid.UUID:
    """Add a row, with something in every column that has to have it."""
    table = sa.Table(name, sa.MetaData(), autoload_with=connection)
    row_id: uuid.UUID = values.setdefault("id", uuid.uuid4())
    for column in table.columns:
        if not column.nullable and column.name not in values:
            values[column.name] = FILLED[column.type.python_type]
    connection.execute(sa.insert(table).values(_stored(connection, values)))
    return row_id


def _stored(connection: sa.Connection, values: dict[str, Any]) -> dict[str, Any]:
    """SQLite is read back without the type of an identifier, which it keeps as hexadecimal digits."""
    if connection.dialect.name != "sqlite":
        return values
    return {k: v.hex if isinstance(v, uuid.UUID) else v for k, v in values.items()}


def rows(connection: sa.Connection, query: str) -> list[dict[str, Any]]:
    return [dict(row) for row in connection.execute(sa.text(query)).mappings()]


def test_the_last_review_of_a_case_becomes_a_review_and_comes_back(old_app: Flask) -> None:
    asked = {
        "review_by": "party",
        "review_asked_on": date(2026, 3, 3),
        "review_late": True,
        "review_request": b"sealed request",
    }
    with db.engine.begin() as connection:
        office = add(connection, "office", kind="notary_office", code="n1")
        add(
            connection,
            "notary_office",
            id=office,
            slot_minutes=30,
            lead_workdays=0,
            horizon_workdays=10,
            hold_minutes=10,
            offer_minutes=60,
            move_offer_minutes=60,
        )
        matter = add(connection, "notary_matter", minutes=30)
        clerk = add(connection, "staff_member")
        common = {"office_id": office, "matter_id": matter, "notary_id": clerk}
        issued = {"certificate_number": "1", "issued_on": date(2026, 3, 2)}
        decided = {
            "reviewer_id": clerk,
            "reviewed_on": date(2026, 3, 4),
            "review_note": b"sealed note",
        }
        add(connection, "notary_case", reference="a", state="accepted", **common)
        add(
            connection,
            "notary_case",
            reference="b",
            state="review",
            **common,
            **{**issued, "certificate_number": "2"},
            **asked,
        )
        corrected = add(
            connection,
            "notary_case",
            reference="c",
            state="corrected",
            **common,
            **issued,
            **asked,
            **decided,
        )
        add(
            connection,
            "notary_history",
            case_id=corrected,
            action="correct",
            # Nine in the morning of the sixth, on the district's wall clock.
            at=datetime(2026, 3, 6, 1, tzinfo=UTC),
        )
    flask_migrate.upgrade(revision="0008")
    with db.engine.begin() as connection:
        found = rows(
            connection,
            "SELECT c.reference, r.asked_on, r.late, r.request, r.outcome, r.decided_on, r.note, r.closed_on "
            "FROM notary_review r JOIN notary_case c ON c.id = r.case_id ORDER BY c.reference",
        )
    assert [row["reference"] for row in found] == ["b", "c"]
    open_one, closed = found
    assert bytes(open_one["request"]) == b"sealed request"
    assert (open_one["outcome"], open_one["closed_on"]) == (None, None)
    assert (closed["outcome"], bytes(closed["note"])) == ("correct", b"sealed note")
    assert (str(closed["decided_on"]), str(closed["closed_on"])) == ("2026-03-04", "2026-03-06")
    flask_migrate.downgrade(revision="0007")
    with db.engine.begin() as connection:
        before = rows(
            connection,
            "SELECT reference, review_by, review_late, review_request, reviewed_on "
            "FROM notary_case ORDER BY reference",
        )
    assert [row["review_by"] for row in before] == [None, "party", "party"]
    assert [bool(row["review_late"]) for row in before] == [False, True, True]
    assert str(before[2]["reviewed_on"]) == "2026-03-04"
