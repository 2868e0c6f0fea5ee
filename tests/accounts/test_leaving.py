"""Taking a copy, and closing the account."""

from __future__ import annotations

from datetime import date

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError

from portal.accounts.events import ResidentDeletionRequested, ResidentExportRequested
from portal.accounts.models import ConsentRecord, Resident, SmsCode, SmsPurpose
from portal.accounts.operations import leaving
from portal.accounts.operations.leaving import years_later
from portal.audit.models import AuditEvent
from portal.core import events
from portal.core.actor import Actor, ActorKind
from portal.core.db import db
from portal.core.errors import Conflict, WrongState
from portal.core.unit_of_work import unit_of_work
from portal.web.idempotency import IdempotencyRecord
from tests.factories.people import last_sms_code, make_resident, resident_headers

pytestmark = pytest.mark.usefixtures("database")


@pytest.fixture
def subscribed():
    """Let a test subscribe without leaving its handler behind."""
    before = {kind: list(handlers) for kind, handlers in events._subscribers.items()}
    yield events.subscribe
    events._subscribers.clear()
    events._subscribers.update(before)


@pytest.fixture
def me() -> Resident:
    return make_resident(real_name="陈小云", born=date(1990, 3, 7))


@pytest.fixture
def headers(me) -> dict[str, str]:
    return resident_headers(None, me)


def close(api, me, headers):
    sent = api.post("/me/deletion-codes", headers=headers)
    assert sent.status_code == 202, sent.json
    return api.delete("/me", headers=headers, json={"code": last_sms_code(me.phone)})


def test_the_copy_holds_all_sections_and_those_of_other_rooms(api, me, headers, subscribed):
    @subscribed(ResidentExportRequested)
    def add(event):
        assert event.resident_id == me.id
        event.collect("questions", [{"text": "房东不退押金"}])
        event.collect("questions", [{"text": "第二个"}])

    answer = api.get("/me/export", headers=headers)
    assert answer.status_code == 200
    sections = answer.json["sections"]
    assert set(sections) >= {"account", "consents", "sessions", "questions"}
    account = sections["account"][0]
    assert (account["phone"], account["real_name"]) == (me.phone, "陈小云")
    assert "*" in account["document_number"]
    assert [row["text"] for row in sections["questions"]] == ["房东不退押金", "第二个"]
    assert sections["consents"][0]["kind"] == "个人信息处理告知"
    assert sections["sessions"][0]["ended_at"] is None
    assert "resident.exported" in db.session.scalars(select(AuditEvent.action)).all()


def test_closing_wipes_the_person_and_names_what_is_kept(api, clock, me, headers, subscribed):
    seen = []

    @subscribed(ResidentDeletionRequested)
    def keep(event):
        seen.append(event.resident_id)
        event.keep("法律援助案卷", "法律援助档案按规定保存", date(2036, 1, 1))

    other = resident_headers(None, me)
    keyed = {**headers, "Idempotency-Key": "k"}
    asked = api.post("/me/phone-change/codes", {"new_phone": "13900000001"}, headers=keyed)
    assert asked.status_code < 300, asked.json
    clock.advance(minutes=2)
    answer = close(api, me, headers)
    assert answer.status_code == 200, answer.json
    assert seen == [me.id]
    kept = answer.json["kept"]
    assert kept[0] == {
        "what": "法律援助案卷",
        "basis": "法律援助档案按规定保存",
        "until": "2036-01-01",
    }
    assert len(kept) == 3
    assert kept[1]["until"] == "2029-03-02"
    db.session.expire_all()
    row = db.session.execute(text("SELECT * FROM resident")).mappings().one()
    assert row["state"] == "deleted"
    left = {name for name, value in row.items() if value is not None}
    assert left == {
        "id",
        "state",
        "contact_safety",
        "created_at",
        "updated_at",
        "version",
        "deleted_at",
        "last_sign_in_at",
    } - ({"last_sign_in_at"} if row["last_sign_in_at"] is None else set())
    assert db.session.scalars(select(IdempotencyRecord)).all() == []
    assert db.session.scalars(select(SmsCode.purpose)).all() == [SmsPurpose.PHONE_CHANGE_NEW]
    assert db.session.scalars(select(ConsentRecord.keep_until)).all() == [date(2029, 3, 2)]
    for token in (headers, other):
        assert api.get("/me", headers=token).status_code == 401


def test_a_wrong_code_closes_nothing_and_counts(api, me, headers):
    api.post("/me/deletion-codes", headers=headers)
    refused = api.delete("/me", headers=headers, json={"code": "x"})
    assert (refused.status_code, refused.json["code"]) == (422, "sms_code_wrong")
    assert db.session.scalars(select(SmsCode.attempts)).one() == 1
    assert api.get("/me", headers=headers).status_code == 200


def test_a_room_may_refuse_and_then_nothing_is_wiped(api, me, headers, subscribed):
    @subscribed(ResidentDeletionRequested)
    def refuse(event):
        raise Conflict("您还有一件正在办理的申请。", next_step="请先撤回申请。")

    refused = close(api, me, headers)
    assert (refused.status_code, refused.json["detail"]) == (409, "您还有一件正在办理的申请。")
    db.session.expire_all()
    assert db.session.get(Resident, me.id).real_name == "陈小云"


def test_after_closing_the_phone_opens_a_new_account(api, clock, me, headers):
    old = me.phone
    close(api, me, headers)
    api.post("/auth/sms-codes", {"phone": old})
    from portal.accounts import privacy_notice

    fresh = api.post(
        "/auth/tokens",
        {
            "phone": old,
            "code": last_sms_code(old),
            "accepted_notice": privacy_notice.current_version(),
        },
    )
    assert fresh.json["is_new"] is True
    assert fresh.json["resident_id"] != str(me.id)


def test_a_closed_account_can_hold_nothing_by_constraint(api, me, headers):
    close(api, me, headers)
    with pytest.raises(IntegrityError), unit_of_work():
        db.session.execute(text("UPDATE resident SET phone_index = 'x'"))


def test_an_account_is_closed_once(api, me, headers):
    actor = Actor(ActorKind.RESIDENT, me.id)
    assert close(api, me, headers).status_code == 200
    db.session.expire_all()
    assert not me.is_active
    with pytest.raises(WrongState):
        leaving.delete_account(actor, "123456")


def test_years_later_knows_leap_days():
    assert years_later(date(2024, 2, 29), 3) == date(2027, 2, 28)
    assert years_later(date(2026, 3, 2), 3) == date(2029, 3, 2)
