"""The resident's own page: preferences, real name, phone."""

from __future__ import annotations

import re
from datetime import date

import pytest
from sqlalchemy import select, text

from portal.accounts.models import ConsentKind, ConsentRecord, Resident
from portal.accounts.operations import profile
from portal.audit.models import AuditEvent
from portal.core.db import db
from tests.factories.people import (
    id_number,
    last_sms_code,
    make_resident,
    phone,
    resident_headers,
)

pytestmark = pytest.mark.usefixtures("database")


@pytest.fixture
def me() -> Resident:
    return make_resident()


@pytest.fixture
def headers(me) -> dict[str, str]:
    return resident_headers(None, me)


def real_name(api, headers, **fields):
    body = {
        "name": "李小明",
        "document_type": "resident_id",
        "document_number": "500111199003070017",
        "consent": True,
        **fields,
    }
    return api.post("/me/real-name", body, headers=headers)


def stored(me) -> Resident:
    db.session.expire_all()
    return db.session.get(Resident, me.id)


def test_preferences_are_edited_from_the_version_that_was_read(api, headers):
    seen = api.get("/me", headers=headers)
    match = {**headers, "If-Match": seen.headers["ETag"]}
    assert api.patch("/me", {"nickname": "阿明"}, headers=headers).status_code == 428
    edited = api.patch("/me", {"nickname": "阿明", "contact_safety": "in_app_only"}, headers=match)
    assert edited.status_code == 200, edited.json
    assert (edited.json["nickname"], edited.json["contact_safety_label"]) == (
        "阿明",
        "只在应用内通知",
    )
    assert api.patch("/me", {"nickname": "x"}, headers=match).status_code == 412
    again = {**headers, "If-Match": edited.headers["ETag"]}
    assert api.patch("/me", {"nickname": "阿明"}, headers=again).status_code == 200
    details = db.session.scalars(
        select(AuditEvent.detail).where(AuditEvent.action == "resident.profile_changed")
    ).all()
    assert details == [{"fields": "nickname,contact_safety"}]


@pytest.mark.parametrize(
    "body",
    [
        {"phone": "13900000000"},
        {"contact_safety": "loud"},
        {"nickname": "x" * 31},
        {"nickname": "\u202e"},
        {"nickname": ""},
    ],
)
def test_what_cannot_be_edited_is_refused_by_name(api, headers, body):
    match = {**headers, "If-Match": api.get("/me", headers=headers).headers["ETag"]}
    refused = api.patch("/me", body, headers=match)
    assert (refused.status_code, set(refused.json["errors"])) == (422, set(body))


def test_a_real_name_is_kept_sealed_and_shown_masked(api, me, headers):
    answer = real_name(api, headers, name=" 阿依古丽•买买提 ", document_number="11010519491231002x")
    assert answer.status_code == 200, answer.json
    assert answer.json["real_name"] == "阿*******"
    assert answer.json["document_number"] == "110*************2X"
    assert (answer.json["has_real_name"], answer.json["is_minor"]) == (True, False)
    assert answer.json["warnings"] == []
    person = stored(me)
    assert person.real_name == "阿依古丽·买买提"
    assert person.real_name_raw == "阿依古丽•买买提"
    assert person.document_number == "11010519491231002X"
    assert person.birth_date == "1949-12-31"
    row = db.session.execute(text("SELECT document_number, real_name FROM resident")).one()
    assert b"110105" not in bytes(row[0])
    assert "阿依".encode() not in bytes(row[1])
    kinds = set(db.session.scalars(select(ConsentRecord.kind)))
    assert kinds == {ConsentKind.PRIVACY_NOTICE, ConsentKind.REAL_NAME}
    for detail in db.session.scalars(select(AuditEvent.detail)):
        assert "110105" not in str(detail)


def test_the_same_document_has_the_same_fingerprint_however_it_is_typed(api):
    first, second = make_resident(), make_resident()
    for person, number in ((first, "11010519491231002X"), (second, "１１０１０５ 19491231 002x")):
        assert (
            real_name(api, resident_headers(None, person), document_number=number).status_code
            == 200
        )
    assert stored(first).document_index == stored(second).document_index


def test_everything_wrong_is_told_at_once_and_nothing_is_stored(api, me, headers):
    refused = real_name(api, headers, name="·", document_number="110105194912310021", consent=False)
    assert refused.status_code == 422
    assert set(refused.json["errors"]) == {"name", "document_number", "consent"}
    assert not stored(me).has_real_name


def test_a_name_of_one_character_needs_a_second_look(api, headers):
    refused = real_name(api, headers, name="王")
    assert (refused.status_code, refused.json["code"]) == (422, "one_character_name")
    assert real_name(api, headers, name="王", one_character_confirmed=True).status_code == 200


def test_a_child_without_a_card_proves_the_name_by_the_household_register(api, clock, me, headers):
    clock.set("2026-03-02 09:00")
    number = id_number(date(2010, 3, 3))
    register = {"document_number": number, "document_type": "household_register"}
    assert real_name(api, headers, **register).status_code == 200
    by_register = stored(me).document_index
    assert real_name(api, headers, document_number=number).status_code == 200
    assert stored(me).document_index == by_register, "the number is that of the identity card"
    clock.set("2026-03-03 09:00")
    headers = resident_headers(None, me)
    refused = real_name(api, headers, **register)
    assert (refused.status_code, list(refused.json["errors"])) == (422, ["document_type"])


def test_a_child_under_14_needs_a_guardian(api, clock, me, headers):
    clock.set("2026-03-02 09:00")
    child = {"document_number": id_number(date(2012, 3, 3))}
    refused = real_name(api, headers, **child)
    assert (refused.status_code, refused.json["code"]) == (422, "guardian_needed")
    assert "监护人" in refused.json["errors"]["guardian"][0]
    bad = {"name": "李大明", "phone": "123", "consent": False}
    refused = real_name(api, headers, **child, guardian=bad)
    assert set(refused.json["errors"]) == {"guardian.phone", "guardian.consent"}
    good = {"name": "李大明", "phone": "023-43722148", "consent": True}
    done = real_name(api, headers, **child, guardian=good)
    assert (done.status_code, done.json["is_under_14"], done.json["has_guardian"]) == (
        200,
        True,
        True,
    )
    kinds = list(db.session.scalars(select(ConsentRecord.kind)))
    assert ConsentKind.GUARDIAN in kinds
    assert (stored(me).guardian_name, stored(me).guardian_phone) == ("李大明", "02343722148")
    clock.set("2026-03-03 09:00")
    page = api.get("/me", headers=headers).json
    assert (page["is_under_14"], page["is_minor"]) == (False, True)
    again = real_name(api, headers, **child)
    assert (again.status_code, again.json["has_guardian"]) == (200, False)


def test_documents_without_a_date_of_birth_ask_for_it(api, clock, headers):
    passport = {"document_type": "foreign_passport", "document_number": "AB1234567"}
    refused = real_name(api, headers, name="J. O'Neil", **passport)
    assert set(refused.json["errors"]) == {"birth_date"}
    future = real_name(api, headers, name="J. O'Neil", **passport, birth_date="2030-01-01")
    assert set(future.json["errors"]) == {"birth_date"}
    done = real_name(api, headers, name="J. O'Neil", **passport, birth_date="1980-02-29")
    assert (done.status_code, done.json["warnings"]) == (200, [])
    odd = real_name(
        api,
        headers,
        document_type="chinese_passport",
        document_number="X1",
        birth_date="1980-01-01",
    )
    assert (odd.status_code, len(odd.json["warnings"])) == (200, 1)


def test_the_real_name_can_be_taken_back(api, clock, me, headers):
    assert api.delete("/me/real-name", headers=headers).status_code == 409
    real_name(api, headers)
    done = api.delete("/me/real-name", headers=headers)
    assert (done.status_code, done.json["has_real_name"]) == (200, False)
    row = db.session.execute(text("SELECT * FROM resident")).mappings().one()
    assert all(row[name] is None for name in profile.REAL_NAME_FIELDS)
    withdrawn = dict(
        db.session.execute(select(ConsentRecord.kind, ConsentRecord.withdrawn_at)).all()
    )
    assert withdrawn == {ConsentKind.PRIVACY_NOTICE: None, ConsentKind.REAL_NAME: clock.instant}
    assert real_name(api, headers).json["has_real_name"] is True


def test_a_date_of_birth_that_contradicts_the_number_is_refused(api, headers):
    assert set(real_name(api, headers, birth_date="1990-03-08").json["errors"]) == {"birth_date"}
    assert real_name(api, headers, birth_date="1990-03-07").status_code == 200


def test_the_phone_moves_with_both_codes_and_other_sessions_end(api, me, headers):
    old, new = me.phone, phone()
    other = resident_headers(None, me)
    sent = api.post("/me/phone-change/codes", {"new_phone": new}, headers=headers)
    assert sent.status_code == 202
    codes = {"old_code": last_sms_code(old), "new_code": last_sms_code(new)}
    wrong = api.post(
        "/me/phone-change", {"new_phone": new, **codes, "old_code": "x"}, headers=headers
    )
    assert (wrong.status_code, set(wrong.json["errors"])) == (422, {"old_code"})
    wrong = api.post(
        "/me/phone-change", {"new_phone": new, **codes, "new_code": "x"}, headers=headers
    )
    assert set(wrong.json["errors"]) == {"new_code"}
    done = api.post("/me/phone-change", {"new_phone": new, **codes}, headers=headers)
    assert done.status_code == 200, done.json
    assert stored(me).phone == new
    assert api.get("/me", headers=headers).status_code == 200
    assert api.get("/me", headers=other).status_code == 401
    again = api.post("/me/phone-change", {"new_phone": new, **codes}, headers=headers)
    assert again.status_code == 422


def test_the_phone_does_not_move_to_itself_or_to_a_full_one(api, me, headers):
    same = api.post("/me/phone-change/codes", {"new_phone": me.phone}, headers=headers)
    assert same.status_code == 409
    full = phone()
    for _ in range(5):
        make_resident(phone_number=full)
    api.post("/me/phone-change/codes", {"new_phone": full}, headers=headers)
    codes = {"old_code": last_sms_code(me.phone), "new_code": last_sms_code(full)}
    refused = api.post("/me/phone-change", {"new_phone": full, **codes}, headers=headers)
    assert refused.status_code == 409


def test_nothing_of_the_person_reaches_the_log(api, me, headers, caplog, capfd):
    secrets = {"阿依古丽·买买提", "500111199003070017", me.phone, "李大明", "13700000001"}
    new = "13700000001"
    guardian = {"name": "李大明", "phone": new, "consent": True}
    with caplog.at_level("DEBUG"):
        real_name(api, headers, name="阿依古丽·买买提", guardian=guardian)
        real_name(api, headers, name="阿依古丽·买买提", document_number="50011119900307001")
        api.post("/auth/sms-codes", {"phone": me.phone})
        secrets.add(last_sms_code(me.phone))
        api.post("/auth/tokens", {"phone": me.phone, "code": last_sms_code(me.phone)})
        api.post("/me/phone-change/codes", {"new_phone": new}, headers=headers)
    out, err = capfd.readouterr()
    written = caplog.text + out + err
    assert "/api/v1/auth/tokens" in written
    # Six digits may also stand inside a time or an id; a code would stand alone.
    words = set(re.findall(r"[\w·]+", written))
    assert not secrets & words
    assert not any(
        secret in written for secret in secrets if len(secret) > 6 or not secret.isdigit()
    )
