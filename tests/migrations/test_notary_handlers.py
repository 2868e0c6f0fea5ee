"""Who carries out what a review decided, and who is recused from a case, is known of what was before an upgrade."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path

import flask_migrate
import pytest
import sqlalchemy as sa
from flask import Flask

from portal.core.db import db
from tests.migrations.test_notary_reviews import FILLED, add, rows
from tests.support import own_application

DECIDED = {"decided_on": date(2026, 3, 3), "note": b"sealed"}


@pytest.fixture
def old_app(tmp_path: Path) -> Iterator[Flask]:
    """The application on a database of the revision before."""
    with own_application(tmp_path, "handlers") as app, app.app_context():
        flask_migrate.upgrade(revision="0017")
        yield app


def note(connection: sa.Connection, number: int, case: uuid.UUID, detail: dict[str, str]) -> None:
    """Add a row to the audit record: that a case was handed over."""
    table = sa.Table("audit_event", sa.MetaData(), autoload_with=connection)
    sqlite = connection.dialect.name == "sqlite"
    row = {
        "sequence": number,
        "at": FILLED[datetime],
        "actor_kind": "staff",
        "action": "notary_case.reassign",
        "subject_kind": "notary_case",
        "subject_id": case.hex if sqlite else case,
        "request_id": "x",
        "detail": detail,
        "previous_hash": "x",
        "hash": "x",
    }
    connection.execute(sa.insert(table).values(row))


def test_who_decided_carries_it_out_and_who_was_taken_off_for_recusal_stays_off(
    old_app: Flask,
) -> None:
    with db.engine.begin() as connection:
        office = add(connection, "office", kind="notary_office", code="n1")
        add(connection, "notary_office", id=office, slot_minutes=30, lead_workdays=0,
            horizon_workdays=10, hold_minutes=10, offer_minutes=60, move_offer_minutes=60)  # fmt: skip
        matter = add(connection, "notary_matter", minutes=30)
        clerk = add(connection, "staff_member")
        of = {"office_id": office, "matter_id": matter, "notary_id": clerk, "state": "accepted"}
        first, second = (add(connection, "notary_case", reference=name, **of) for name in "ab")
        for case, outcome in ((first, "correct"), (second, "maintain")):
            add(connection, "notary_review", case_id=case, reviewer_id=clerk, outcome=outcome,
                **DECIDED)  # fmt: skip
        for number, (case, reason) in enumerate(((first, "recused"), (second, "absent"))):
            note(connection, number + 1, case, {"reason": reason, "from": str(clerk)})
    flask_migrate.upgrade(revision="0018")
    with db.engine.connect() as connection:
        reviews = rows(connection, "SELECT outcome, handler_id FROM notary_review ORDER BY outcome")
        cases = rows(connection, "SELECT recused FROM notary_case ORDER BY reference")
    assert [each["handler_id"] is not None for each in reviews] == [True, False]
    assert [_read(each["recused"]) for each in cases] == [[str(clerk)], []]
    flask_migrate.downgrade(revision="0017")


def _read(value: object) -> object:
    return json.loads(value) if isinstance(value, str) else value
