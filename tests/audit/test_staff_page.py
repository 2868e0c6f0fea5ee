"""The auditors' page."""

from __future__ import annotations

import uuid
from urllib.parse import urlencode

import pytest
from sqlalchemy import event, select

from portal.accounts.models import Role
from portal.audit import chain, operations
from portal.audit.models import AuditEvent
from portal.core.actor import Actor, ActorKind
from portal.core.db import db
from portal.core.unit_of_work import unit_of_work
from tests.factories.people import make_staff, resident_headers, staff_headers

WHO, SUBJECT = uuid.UUID(int=7), uuid.UUID(int=8)
pytestmark = pytest.mark.usefixtures("database")


@pytest.fixture
def headers(database, clock) -> dict[str, str]:
    return staff_headers(None, make_staff(["auditor"]))


@pytest.fixture
def events(clock, headers) -> None:
    actor = Actor(ActorKind.STAFF, WHO)
    with unit_of_work():
        operations.record(actor, "consultation.claimed", "consultation", SUBJECT, {"n": 1})
        operations.record(actor, "consultation.answered", "consultation", uuid.uuid4())
    clock.advance(hours=1)
    with unit_of_work():
        operations.record(Actor(ActorKind.SYSTEM), "office.added", "office", SUBJECT)


def actions(api, headers, **query):
    answer = api.get(f"/staff/audit-events?{urlencode(query)}", headers=headers)
    assert answer.status_code == 200, answer.json
    return [item["action"] for item in answer.json["items"] if item["action"] != "audit.viewed"]


@pytest.mark.usefixtures("events")
def test_filters(api, headers):
    assert actions(api, headers) == [
        "office.added",
        "consultation.answered",
        "consultation.claimed",
    ]
    assert len(actions(api, headers, actor_id=WHO)) == 2
    assert actions(api, headers, subject_kind="office") == ["office.added"]
    assert actions(api, headers, subject_kind="consultation", subject_id=SUBJECT) == [
        "consultation.claimed"
    ]
    assert len(actions(api, headers, action="consultation.")) == 2
    assert actions(api, headers, action="consultation.answered") == ["consultation.answered"]
    for other in ("consultation%", "Consultation.", "onsultation", "zzz", "consultation.answered."):
        assert actions(api, headers, action=other) == [], other
    later = {"from": "2026-03-02T10:00:00+08:00"}
    assert actions(api, headers, **later) == ["office.added"]
    assert len(actions(api, headers, to="2026-03-02T10:00:00+08:00")) == 2


@pytest.mark.usefixtures("events")
def test_an_action_is_looked_for_by_index(api, headers):
    """Neither database has an index for how a text begins, and the record grows by hundreds of thousands a year."""
    seen: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        seen.append(statement)

    event.listen(db.engine, "before_cursor_execute", note)
    try:
        actions(api, headers, action="consultation.")
    finally:
        event.remove(db.engine, "before_cursor_execute", note)
    assert any("audit_event.action IN" in statement for statement in seen)
    assert not any("LIKE" in statement for statement in seen)


@pytest.mark.usefixtures("events")
def test_pages_from_the_newest_to_the_oldest(api, headers):
    first = api.get("/staff/audit-events?size=2", headers=headers).json
    cursor = first["page"]["next"]
    second = api.get(f"/staff/audit-events?size=2&cursor={cursor}", headers=headers).json
    assert [item["sequence"] for item in first["items"] + second["items"]] == [3, 2, 1]


@pytest.mark.usefixtures("events")
def test_looking_is_recorded_with_what_was_looked_for(api, headers):
    api.get(f"/staff/audit-events?actor_id={WHO}", headers=headers)
    last = db.session.scalars(select(AuditEvent).order_by(AuditEvent.sequence.desc())).first()
    assert (last.action, last.subject_kind) == ("audit.viewed", "audit")
    assert last.detail == {"actor_id": str(WHO), "shown": 2}
    assert last.request_id != "-"
    assert chain.verify().ok


@pytest.mark.parametrize(
    "query",
    [
        "subject_id=00000000-0000-0000-0000-000000000001",
        "actor_id=x",
        "from=yesterday",
        "colour=red",
        "size=0",
    ],
)
def test_wrong_filters_are_refused(api, headers, query):
    assert api.get(f"/staff/audit-events?{query}", headers=headers).status_code == 422


def test_only_auditors_and_administrators_look(api, clock):
    for role in Role:
        answer = api.get("/staff/audit-events", headers=staff_headers(roles=[role]))
        expected = 200 if role in (Role.AUDITOR, Role.ADMIN) else 403
        assert answer.status_code == expected, role
    assert api.get("/staff/audit-events").status_code == 401
    assert api.get("/staff/audit-events", headers=resident_headers()).status_code == 403
