"""Who was decided on at the desk before an upgrade in the middle of a day is not called on after it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import flask_migrate
import pytest
from flask import Flask

from portal.core.db import db
from tests.migrations.test_notary_reviews import add, rows
from tests.support import own_application

CALLED_AT = datetime(2026, 3, 2, 1, 30, tzinfo=UTC)


@pytest.fixture
def old_app(tmp_path: Path) -> Iterator[Flask]:
    """The application on a database of the revision before."""
    with own_application(tmp_path, "decided") as app, app.app_context():
        flask_migrate.upgrade(revision="0016")
        yield app


def test_a_called_number_that_is_decided_on_is_at_the_counter_and_every_other_stays(
    old_app: Flask,
) -> None:
    with db.engine.begin() as connection:
        office = add(connection, "office", kind="notary_office", code="n1")
        add(connection, "notary_office", id=office, slot_minutes=30, lead_workdays=0,
            horizon_workdays=10, hold_minutes=10, offer_minutes=60, move_offer_minutes=60)  # fmt: skip
        matter, clerk = (
            add(connection, "notary_matter", minutes=30),
            add(connection, "staff_member"),
        )
        called = {"office_id": office, "state": "called", "called_at": CALLED_AT, "calls": 1}
        accepted, _, _ = (
            add(connection, "notary_ticket", number=1, **called),
            add(connection, "notary_ticket", number=2, not_accepted_note=b"sealed", **called),
            add(connection, "notary_ticket", number=3, **called),
        )
        add(connection, "notary_ticket", number=4, **{**called, "state": "done"},
            not_accepted_note=b"sealed")  # fmt: skip
        add(connection, "notary_case", reference="a", state="accepted", ticket_id=accepted,
            office_id=office, matter_id=matter, notary_id=clerk)  # fmt: skip
    flask_migrate.upgrade(revision="0017")
    with db.engine.connect() as connection:
        found = rows(connection, "SELECT * FROM notary_ticket ORDER BY number")
    assert [row["state"] for row in found] == ["serving", "serving", "called", "done"]
    assert [row["version"] for row in found] == [2, 2, 1, 1]
    assert [row["started_at"] is not None for row in found] == [True, True, False, False]
    flask_migrate.downgrade(revision="0016")
