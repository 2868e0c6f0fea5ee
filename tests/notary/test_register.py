"""The register of cases (公证程序规则 57) over HTTP: what it names, and its file."""

from __future__ import annotations

import csv
import io

from sqlalchemy import select

from portal.audit.models import AuditEvent
from portal.core.db import db
from portal.notary.case_presenting import REGISTER_COLUMNS
from tests.conftest import SettableClock
from tests.notary.hall import Hall
from tests.notary.test_reviews import INTERESTED, ask, decided


class TestRegister:
    def test_it_names_what_the_rules_ask_for(self, hall: Hall) -> None:
        hall.issued()
        hall.accepted()
        query = "from=2026-01-01&to=2026-12-31"
        page = hall.api.get(f"{hall.office}/register?{query}", headers=hall.headers["clerk"]).json
        issued, running = page["items"]
        assert set(issued) == set(REGISTER_COLUMNS)
        assert issued == {
            "reference": issued["reference"],
            "matter": "测试事项",
            "parties": ["赵测试"],
            "agent": None,
            "accepted_on": "2026-03-02",
            "notary": "甲公证员",
            "approver": "丙公证员",
            "closing_form": "出具公证书",
            "closed_on": "2026-03-02",
            "certificate_number": "（2026）渝足证字第1号",
            "reviews": [],
        }
        assert running["closing_form"] is None

    def test_the_file_opens_in_a_spreadsheet_and_runs_nothing(self, hall: Hall) -> None:
        _, path = hall.accepted()
        hall.done(path, "certificate", hall.certificate("=1+1"))
        query = "from=2026-01-01&to=2026-12-31"
        answer = hall.api.get(f"{hall.office}/register/file?{query}", headers=hall.headers["clerk"])
        text = answer.get_data().decode("utf-8-sig")
        header, row = list(csv.reader(io.StringIO(text)))
        assert header == list(REGISTER_COLUMNS.values())
        assert dict(zip(header, row, strict=True))["公证书编号"] == "'=1+1"
        assert "attachment" in answer.headers["Content-Disposition"]
        db.session.rollback()
        assert db.session.scalar(
            select(AuditEvent).where(AuditEvent.action == "notary_office.register_exported")
        )

    def test_more_than_a_year_at_once_is_refused(self, hall: Hall) -> None:
        query = "from=2025-01-01&to=2026-12-31"
        answer = hall.api.get(f"{hall.office}/register?{query}", headers=hall.headers["clerk"])
        assert answer.status_code == 422


def registered(hall: Hall) -> list[str]:
    """What the register says of the reviews of the only case."""
    query = "from=2026-01-01&to=2026-12-31"
    answer = hall.api.get(f"{hall.office}/register?{query}", headers=hall.headers["clerk"])
    (row,) = answer.json["items"]
    return row["reviews"]


def test_the_register_says_that_a_certificate_was_revoked(hall: Hall, clock: SettableClock) -> None:
    _, path = hall.issued()
    hall.done(path, "review", INTERESTED | {"knew_on": "2026-03-02"})
    decided(hall, path, "revoke")
    # Still in force until it is carried out.
    assert registered(hall) == []
    clock.set("2026-03-05 09:00")
    hall.done(path, "revocation")
    assert registered(hall) == ["撤销（2026-03-05）"]
    query = "from=2026-01-01&to=2026-12-31"
    answer = hall.api.get(f"{hall.office}/register/file?{query}", headers=hall.headers["clerk"])
    header, row = csv.reader(io.StringIO(answer.get_data().decode("utf-8-sig")))
    assert dict(zip(header, row, strict=True))["复查结果"] == "撤销（2026-03-05）"


def test_the_register_keeps_what_an_earlier_review_came_to(
    hall: Hall, clock: SettableClock
) -> None:
    booking, path = hall.issued()
    ask(hall, booking)
    decided(hall, path, "correct")
    hall.done(path, "correction")
    clock.set("2026-03-09 09:00")
    ask(hall, booking)
    assert registered(hall) == ["更正（2026-03-02）"]
    decided(hall, path, "maintain")
    assert registered(hall) == ["更正（2026-03-02）", "维持（2026-03-09）"]
