"""A resident signs in by phone and code: what is sent, counted, refused and recorded."""

from __future__ import annotations

import json
import threading
from datetime import timedelta

import pytest
from sqlalchemy import func, select, text

from portal.accounts import privacy_notice
from portal.accounts.models import ConsentRecord, Resident, SmsCode, SmsPurpose
from portal.accounts.operations import sign_in, sms_codes
from portal.audit.models import AuditEvent
from portal.core.db import db
from portal.core.errors import DomainError, TooManyRequests
from portal.core.jobs import Job
from portal.core.unit_of_work import unit_of_work
from tests.factories.people import (
    last_sms_code,
    make_resident,
    phone,
    resident_headers,
    staff_headers,
)

PHONE = "13912345678"
pytestmark = pytest.mark.usefixtures("database")


@pytest.fixture
def version(app) -> str:
    return privacy_notice.current_version()


def ask(api, number=PHONE):
    return api.post("/auth/sms-codes", {"phone": number})


def enter(api, code, number=PHONE, **more):
    return api.post("/auth/tokens", {"phone": number, "code": code, **more})


def wrong(code: str) -> str:
    return f"{(int(code) + 1) % 10**6:06d}"


def actions() -> list[str]:
    return list(db.session.scalars(select(AuditEvent.action).order_by(AuditEvent.sequence)))


def test_the_first_sign_in_makes_an_account_and_keeps_the_acceptance(api, clock, version):
    sent = ask(api, "+86 139-1234-5678")
    assert (sent.status_code, sent.json) == (202, {"expires_in": 300, "resend_after": 60})
    answer = enter(api, last_sms_code(PHONE), accepted_notice=version)
    assert answer.status_code == 201, answer.json
    assert answer.json["is_new"] is True
    assert answer.json["other_accounts"] == []
    headers = {"Authorization": f"Bearer {answer.json['token']}"}
    me = api.get("/me", headers=headers).json
    assert (me["id"], me["phone"]) == (answer.json["resident_id"], "139****5678")
    assert me["notice"] == {
        "accepted_version": version,
        "current_version": version,
        "must_accept": False,
    }
    consent = db.session.scalars(select(ConsentRecord)).one()
    assert (consent.version_text, consent.given_at) == (version, clock.instant)
    assert actions() == ["resident.created", "resident.consented", "resident.signed_in"]


def test_the_notice_is_public_and_names_what_the_law_wants(api, version):
    notice = api.get("/privacy-notice").json
    assert notice["version"] == version
    text_of_it = json.dumps(notice, ensure_ascii=False)
    for word in ("个人信息处理者", "联系方式", "purpose", "retention", "注销账号", "撤回同意"):
        assert word in text_of_it
    assert "{district}" not in text_of_it


def test_without_acceptance_the_code_stays_good(api, version):
    ask(api)
    code = last_sms_code(PHONE)
    for accepted in ({}, {"accepted_notice": "1999-01"}, {"accepted_notice": None}):
        refused = enter(api, code, **accepted)
        assert (refused.status_code, refused.json["code"]) == (422, "notice_not_accepted")
    assert db.session.scalar(select(func.count()).select_from(Resident)) == 0
    assert enter(api, code, accepted_notice=version).status_code == 201


def test_a_second_sign_in_finds_the_account_and_asks_nothing_again(api, clock, version):
    resident = make_resident(phone_number=PHONE)
    ask(api)
    answer = enter(api, last_sms_code(PHONE))
    assert (answer.status_code, answer.json["is_new"]) == (201, False)
    assert answer.json["resident_id"] == str(resident.id)


def test_a_changed_notice_is_asked_for_again(api, monkeypatch):
    make_resident(phone_number=PHONE)
    monkeypatch.setattr(privacy_notice, "current_version", lambda: "2030-01")
    ask(api)
    code = last_sms_code(PHONE)
    assert enter(api, code).json["code"] == "notice_not_accepted"
    assert enter(api, code, accepted_notice="2030-01").status_code == 201


def test_known_and_unknown_phones_get_the_same_answer(api):
    make_resident(phone_number=PHONE)
    known, unknown = ask(api, PHONE), ask(api, "13800000000")
    assert (known.status_code, known.json) == (unknown.status_code, unknown.json)
    bad_known, bad_unknown = enter(api, "x"), enter(api, "x", "13811111111")
    assert bad_known.status_code == bad_unknown.status_code == 422
    assert {**bad_known.json, "request_id": ""} == {**bad_unknown.json, "request_id": ""}


def test_five_wrong_codes_close_the_code_even_for_the_right_one(api, version):
    ask(api)
    code = last_sms_code(PHONE)
    for _ in range(5):
        refused = enter(api, wrong(code), accepted_notice=version)
        assert (refused.status_code, refused.json["code"]) == (422, "sms_code_wrong")
    assert enter(api, code, accepted_notice=version).json["code"] == "sms_code_wrong"
    assert db.session.scalars(select(SmsCode.attempts)).one() == 5


def test_a_code_ends_after_five_minutes_after_use_and_when_a_newer_one_is_sent(api, clock, version):
    ask(api)
    first = last_sms_code(PHONE)
    clock.advance(seconds=61)
    ask(api)
    second = last_sms_code(PHONE)
    if first != second:
        assert enter(api, first, accepted_notice=version).status_code == 422
    assert enter(api, second, accepted_notice=version).status_code == 201
    assert enter(api, second).status_code == 422
    clock.advance(seconds=61)
    ask(api)
    third = last_sms_code(PHONE)
    clock.advance(seconds=300)
    assert enter(api, third).status_code == 422


def test_a_code_opens_only_the_phone_and_the_purpose_it_was_sent_for(api, version):
    ask(api)
    code = last_sms_code(PHONE)
    ask(api, "13800000000")
    if last_sms_code("13800000000") != code:
        assert enter(api, code, "13800000000", accepted_notice=version).status_code == 422
    with pytest.raises(sms_codes.CodeWrong):
        sms_codes.check(PHONE, SmsPurpose.ACCOUNT_DELETION, code)


def test_sending_is_limited_by_phone(api, clock):
    assert ask(api).status_code == 202
    soon = ask(api)
    assert (soon.status_code, soon.json["code"]) == (429, "sms_code_limit")
    assert 1 <= int(soon.headers["Retry-After"]) <= 61


def test_the_limit_by_phone_holds_by_hour_and_by_day(clock):
    def sent() -> bool:
        try:
            sms_codes.send(PHONE, SmsPurpose.SIGN_IN)
        except TooManyRequests:
            return False
        return True

    start, passed = clock.instant, []
    for minute in range(0, 24 * 60, 2):
        clock.instant = start + timedelta(minutes=minute)
        if sent():
            passed.append(minute)
    # Five within an hour; each of them leaves the hour after sixty minutes; ten within the day.
    assert passed == [0, 2, 4, 6, 8, 60, 62, 64, 66, 68]
    clock.instant = start + timedelta(hours=24)
    assert sent()
    clock.advance(minutes=1)
    assert not sent()


def test_sending_is_limited_by_address(api):
    statuses = [ask(api, phone()).status_code for _ in range(122)]
    # The limit on all writes of one caller is the same number, so either may speak first.
    assert statuses[:119] == [202] * 119
    assert statuses[-1] == 429


@pytest.mark.parametrize(
    "number", ["12348", "023-43722148", "1391234567", "", "12912345678", "abc"]
)
def test_what_is_no_mobile_number_is_refused(api, number):
    refused = ask(api, number)
    assert (refused.status_code, list(refused.json["errors"])) == (422, ["phone"])
    assert db.session.scalar(select(func.count()).select_from(Job)) == 0


def test_neither_phone_nor_code_is_readable_in_the_database(api):
    ask(api)
    code = last_sms_code(PHONE)
    make_resident(phone_number=PHONE)
    for table in ("sms_code", "job", "resident"):
        for row in db.session.execute(text(f"SELECT * FROM {table}")):  # noqa: S608 - a fixed name
            for value in row:
                stored = bytes(value) if isinstance(value, memoryview | bytes) else str(value)
                if isinstance(stored, bytes):
                    assert PHONE.encode() not in stored
                else:
                    assert PHONE not in stored
                    assert stored != code


def guess_in_threads(app, guesses: list[str], number: str) -> list[str]:
    """Enter all guesses at once; returns the code of each refusal, or "in"."""
    results: list[str] = []
    ready = threading.Barrier(len(guesses))
    version = privacy_notice.current_version()

    def work(guess: str) -> None:
        with app.app_context():
            ready.wait()
            try:
                sign_in.sign_in(number, guess, accepted_notice=version)
                results.append("in")
            except DomainError as error:
                results.append(error.code)
            finally:
                db.session.remove()

    threads = [threading.Thread(target=work, args=(guess,)) for guess in guesses]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return results


def test_parallel_guesses_together_get_five_tries(app):
    with unit_of_work():
        sms_codes.send(PHONE, SmsPurpose.SIGN_IN)
    code = last_sms_code(PHONE)
    db.session.remove()
    results = guess_in_threads(app, [wrong(code)] * 12, PHONE)
    assert results == ["sms_code_wrong"] * 12
    assert db.session.scalars(select(SmsCode.attempts)).one() == 5
    db.session.remove()
    assert guess_in_threads(app, [code], PHONE) == ["sms_code_wrong"]


def test_a_right_code_entered_many_times_at_once_opens_once(app):
    with unit_of_work():
        sms_codes.send(PHONE, SmsPurpose.SIGN_IN)
    code = last_sms_code(PHONE)
    db.session.remove()
    results = guess_in_threads(app, [code] * 8, PHONE)
    assert results.count("in") == 1
    assert set(results) <= {"in", "sms_code_wrong", "sms_code_used"}
    assert db.session.scalar(select(func.count()).select_from(Resident)) == 1


def test_checking_a_code_inside_a_transaction_is_refused():
    with pytest.raises(RuntimeError), unit_of_work():
        sms_codes.check(PHONE, SmsPurpose.SIGN_IN, "123456")


def test_a_token_can_be_rotated_and_ended_over_http(api):
    headers = resident_headers()
    rotated = api.post("/auth/tokens/rotation", headers=headers)
    assert rotated.status_code == 200
    assert api.get("/me", headers=headers).status_code == 401
    fresh = {"Authorization": f"Bearer {rotated.json['token']}"}
    assert api.get("/me", headers=fresh).status_code == 200
    assert api.delete("/auth/tokens/current", headers=fresh).status_code == 204
    assert api.get("/me", headers=fresh).status_code == 401
    resident = make_resident()
    first, second = resident_headers(None, resident), resident_headers(None, resident)
    assert api.delete("/auth/tokens", headers=first).status_code == 204
    assert api.get("/me", headers=second).status_code == 401


def test_staff_have_no_business_on_residents_pages_and_the_other_way_round(api):
    assert api.get("/me", headers=staff_headers()).status_code == 403
    assert api.get("/staff/me", headers=resident_headers()).status_code == 403


def test_several_people_may_share_a_phone(api, clock):
    elder = make_resident(phone_number=PHONE, nickname="爷爷", real_name="陈大明")
    ask(api)
    made = enter(
        api,
        last_sms_code(PHONE),
        new_account=True,
        accepted_notice=privacy_notice.current_version(),
    )
    assert made.status_code == 201, made.json
    assert made.json["is_new"] is True
    assert made.json["other_accounts"] == [
        {"id": str(elder.id), "nickname": "爷爷", "real_name": "陈**"}
    ]
    headers = {"Authorization": f"Bearer {made.json['token']}"}
    switched = api.post("/auth/tokens/switch", {"resident_id": str(elder.id)}, headers=headers)
    assert (switched.status_code, switched.json["resident_id"]) == (201, str(elder.id))
    assert api.get("/me", headers=headers).status_code == 401
    headers = {"Authorization": f"Bearer {switched.json['token']}"}
    for other in (make_resident().id, elder.id):
        refused = api.post("/auth/tokens/switch", {"resident_id": str(other)}, headers=headers)
        assert refused.status_code == 404
    clock.advance(minutes=11)
    late = {"resident_id": made.json["resident_id"]}
    refused = api.post("/auth/tokens/switch", late, headers=headers)
    assert (refused.status_code, refused.json["code"]) == (409, "sign_in_too_old")


def test_a_phone_has_five_accounts_at_most(api):
    for _ in range(5):
        make_resident(phone_number=PHONE)
    ask(api)
    code = last_sms_code(PHONE)
    full = enter(api, code, new_account=True, accepted_notice=privacy_notice.current_version())
    assert (full.status_code, full.json["code"]) == (409, "too_many_accounts")
    assert len(enter(api, code).json["other_accounts"]) == 4


def test_a_long_unused_account_with_a_real_name_is_not_opened_by_the_phone_alone(api, clock):
    former = make_resident(phone_number=PHONE, real_name="陈大明")
    with unit_of_work():
        former.last_sign_in_at = clock.instant
    clock.advance(days=91)
    ask(api)
    code = last_sms_code(PHONE)
    ending = former.document_number[-4:]
    wrong_ending = "0000" if ending != "0000" else "1111"
    for given in ({}, {"document_ending": wrong_ending}):
        refused = enter(api, code, **given)
        assert (refused.status_code, refused.json["code"]) == (422, "confirm_document")
    opened = enter(api, code, document_ending=ending.lower())
    assert (opened.status_code, opened.json["resident_id"]) == (201, str(former.id))
    clock.advance(minutes=2)
    ask(api)
    assert enter(api, last_sms_code(PHONE)).status_code == 201


def test_the_new_holder_of_a_number_opens_their_own_account(api, clock):
    former = make_resident(phone_number=PHONE, real_name="陈大明")
    with unit_of_work():
        former.last_sign_in_at = clock.instant
    clock.advance(days=91)
    ask(api)
    mine = enter(
        api,
        last_sms_code(PHONE),
        new_account=True,
        accepted_notice=privacy_notice.current_version(),
    ).json
    assert mine["other_accounts"] == [{"id": str(former.id), "nickname": None, "real_name": None}]
    headers = {"Authorization": f"Bearer {mine['token']}"}
    body = {"resident_id": str(former.id)}
    refused = api.post("/auth/tokens/switch", body, headers=headers)
    assert (refused.status_code, refused.json["code"]) == (422, "confirm_document")
    body["document_ending"] = former.document_number[-4:]
    assert api.post("/auth/tokens/switch", body, headers=headers).status_code == 201


def test_the_ending_of_a_number_cannot_be_guessed_from_a_new_account_of_the_same_phone(api, clock):
    former = make_resident(phone_number=PHONE, real_name="陈大明")
    with unit_of_work():
        former.last_sign_in_at = clock.instant
    clock.advance(days=91)
    notice = privacy_notice.current_version()
    right = former.document_number[-4:]
    wrong = "0000" if right != "0000" else "1111"
    ask(api)
    mine = enter(api, last_sms_code(PHONE), new_account=True, accepted_notice=notice).json
    headers = {"Authorization": f"Bearer {mine['token']}"}
    body = {"resident_id": str(former.id)}

    def switch(ending):
        return api.post("/auth/tokens/switch", {**body, "document_ending": ending}, headers=headers)

    assert [switch(wrong).status_code for _ in range(5)] == [422] * 5
    locked = switch(right)
    assert (locked.status_code, locked.json["code"]) == (429, "document_locked")
    # A session of another new account does not open it either; the next day it may be tried again.
    for passed, status in ((timedelta(minutes=2), 429), (timedelta(days=1), 201)):
        clock.set_to(clock.instant + passed)
        ask(api)
        mine = enter(api, last_sms_code(PHONE)).json
        headers = {"Authorization": f"Bearer {mine['token']}"}
        assert switch(right).status_code == status


@pytest.mark.parametrize(
    ("passed", "said", "seconds"),
    [
        (timedelta(minutes=1), "24 小时后", 86_340),
        (timedelta(hours=20, minutes=30), "4 小时后", 12_600),
        (timedelta(hours=23), "60 分钟后", 3_600),
        (timedelta(hours=23, minutes=50, seconds=30), "10 分钟后", 570),
        (timedelta(hours=23, minutes=59, seconds=59), "1 分钟后", 1),
    ],
)
def test_whoever_guessed_too_often_is_told_how_long_is_left(api, clock, passed, said, seconds):
    former = make_resident(phone_number=PHONE, real_name="陈大明")
    with unit_of_work():
        former.last_sign_in_at = clock.instant
    clock.advance(days=91)
    right = former.document_number[-4:]
    wrong = "0000" if right != "0000" else "1111"
    ask(api)
    for _ in range(5):
        assert enter(api, last_sms_code(PHONE), document_ending=wrong).status_code == 422
    clock.set_to(clock.instant + passed)
    ask(api)
    locked = enter(api, last_sms_code(PHONE), document_ending=right)
    assert (locked.status_code, locked.json["code"]) == (429, "document_locked")
    assert said in locked.json["next_step"]
    assert locked.headers["Retry-After"] == str(seconds)


def test_a_later_notice_can_be_accepted_on_the_own_page(api, monkeypatch):
    headers = resident_headers()
    monkeypatch.setattr(privacy_notice, "current_version", lambda: "2030-01")
    assert api.get("/me", headers=headers).json["notice"]["must_accept"] is True
    refused = api.post("/me/privacy-notice", {"version": "2026-11"}, headers=headers)
    assert refused.status_code == 422
    for _ in range(2):
        done = api.post("/me/privacy-notice", {"version": "2030-01"}, headers=headers)
        assert done.json["notice"]["must_accept"] is False
    assert db.session.scalar(select(func.count()).select_from(ConsentRecord)) == 2
