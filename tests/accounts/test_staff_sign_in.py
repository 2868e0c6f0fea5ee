"""Staff sign in: three secrets, one answer for every refusal, and waits that grow."""

from __future__ import annotations

import threading
from datetime import timedelta

import pyotp
import pytest
from sqlalchemy import select, text

from portal.accounts import passwords
from portal.accounts.models import (
    AccountSession,
    SessionKind,
    SignInThrottle,
    StaffMember,
    StaffState,
)
from portal.accounts.operations import staff_sign_in
from portal.audit.models import AuditEvent
from portal.core.db import db
from portal.core.errors import DomainError, Unauthenticated
from portal.core.unit_of_work import unit_of_work
from tests.factories.people import PASSWORD, TOTP_SECRET, make_staff, staff_headers, totp_code

NEW = "three-words-of-mine"
pytestmark = pytest.mark.usefixtures("database", "clock")


@pytest.fixture
def staff() -> StaffMember:
    return make_staff(["moderator"], user_name="wang")


def enter(api, name="wang", password=PASSWORD, code=None):
    body = {"user_name": name, "password": password, "totp_code": code or totp_code()}
    return api.post("/staff/auth/tokens", body)


def actions() -> list[str]:
    return list(db.session.scalars(select(AuditEvent.action).order_by(AuditEvent.sequence)))


def test_all_three_right_open_a_session(api, staff):
    answer = enter(api, " WANG ")
    assert answer.status_code == 200, answer.json
    assert (answer.json["setup"], answer.json["staff_id"]) == (None, str(staff.id))
    headers = {"Authorization": f"Bearer {answer.json['token']['token']}"}
    me = api.get("/staff/me", headers=headers).json
    assert [grant["role"] for grant in me["grants"]] == ["moderator"]
    assert "password_hash" not in me
    assert actions() == ["staff.signed_in"]


def test_every_refusal_reads_the_same(api, staff):
    closed = make_staff(user_name="closed")
    with unit_of_work():
        closed.state = StaffState.DEACTIVATED
    answers = [
        enter(api, "wang", "wrong-password-entirely"),
        enter(api, "nobody"),
        enter(api, "closed"),
        enter(api, "wang", code="000000" if totp_code() != "000000" else "111111"),
        enter(api, "wang", code="x"),
    ]
    bodies = [{**answer.json, "request_id": ""} for answer in answers]
    assert {answer.status_code for answer in answers} == {422}
    assert all(body == bodies[0] for body in bodies)
    assert bodies[0]["code"] == "sign_in_refused"
    details = db.session.scalars(
        select(AuditEvent.detail).where(AuditEvent.action == "staff.sign_in_failed")
    ).all()
    assert [detail["reason"] for detail in details] == [
        "password",
        "password",
        "password",
        "totp",
        "totp",
    ]


def test_a_code_opens_once_and_older_ones_no_more(api, staff, clock):
    first = totp_code()
    assert enter(api, code=first).status_code == 200
    assert enter(api, code=first).status_code == 422
    clock.advance(seconds=30)
    assert enter(api, code=first).status_code == 422
    assert enter(api).status_code == 200


def test_a_neighbouring_step_is_tolerated_and_no_more(api, staff, clock):
    totp, now = pyotp.TOTP(TOTP_SECRET), int(clock.instant.timestamp())
    assert enter(api, code=totp.at(now - 60)).status_code == 422
    assert enter(api, code=totp.at(now - 30)).status_code == 200
    assert enter(api, code=totp.at(now + 30)).status_code == 200
    assert enter(api, code=totp.at(now + 60)).status_code == 422


@pytest.mark.parametrize("name", ["wang", "nobody"])
def test_a_name_is_locked_for_growing_times_known_or_not(api, staff, clock, name):
    for _ in range(5):
        assert enter(api, name, "wrong-password-entirely").status_code == 422
    locked = enter(api, name)
    assert (locked.status_code, locked.json["code"]) == (429, "sign_in_locked")
    assert 0 < int(locked.headers["Retry-After"]) <= 61
    clock.advance(seconds=61)
    assert enter(api, name, "wrong-password-entirely").status_code == 422
    assert 61 < int(enter(api, name).headers["Retry-After"]) <= 121
    clock.advance(seconds=121)
    if name == "wang":
        assert enter(api, name).status_code == 200
        assert db.session.scalars(select(SignInThrottle)).all() == []


def test_failures_are_forgotten_after_a_day(api, staff, clock):
    for _ in range(4):
        enter(api, password="wrong-password-entirely")
    clock.advance(hours=25)
    enter(api, password="wrong-password-entirely")
    assert db.session.scalars(select(SignInThrottle.failures)).one() == 1


@pytest.mark.parametrize(
    ("failures", "minutes"), [(0, 0), (4, 0), (5, 1), (6, 2), (8, 8), (11, 60), (500, 60)]
)
def test_the_wait_doubles_up_to_an_hour(failures, minutes):
    assert staff_sign_in.wait_after(failures) == timedelta(minutes=minutes)


def test_parallel_guesses_get_no_extra_tries(app, staff):
    db.session.remove()
    results: list[str] = []
    ready = threading.Barrier(10)

    def work() -> None:
        with app.app_context():
            ready.wait()
            try:
                staff_sign_in.sign_in("wang", "wrong-password-entirely", "000000")
            except DomainError as error:
                results.append(error.code)
            finally:
                db.session.remove()

    threads = [threading.Thread(target=work) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(results) == ["sign_in_locked"] * 5 + ["sign_in_refused"] * 5


def test_one_code_entered_many_times_at_once_opens_once(app, staff):
    code = totp_code()
    db.session.remove()
    results: list[str] = []
    ready = threading.Barrier(4)

    def work() -> None:
        with app.app_context():
            ready.wait()
            try:
                staff_sign_in.sign_in("wang", PASSWORD, code)
                results.append("in")
            except DomainError as error:
                results.append(error.code)
            finally:
                db.session.remove()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(results) == ["in"] + ["sign_in_refused"] * 3


def begin(api):
    answer = api.post("/staff/auth/tokens", {"user_name": "new", "password": PASSWORD})
    assert answer.status_code == 200, answer.json
    assert answer.json["token"] is None
    return answer.json["setup"]


def finish(api, setup, **fields):
    body = {
        "setup_token": setup["setup_token"],
        "new_password": NEW,
        "totp_code": totp_code(setup["totp_secret"]),
        **fields,
    }
    return api.post("/staff/auth/setup", body)


def test_the_first_sign_in_asks_for_an_own_password_and_a_second_factor(api, clock):
    make_staff(["lawyer"], user_name="new", enrolled=False)
    setup = begin(api)
    assert (setup["must_change_password"], setup["must_enrol_totp"]) == (True, True)
    assert setup["provisioning_uri"].startswith("otpauth://totp/")
    assert setup["totp_secret"] in setup["provisioning_uri"]
    as_token = {"Authorization": f"Bearer {setup['setup_token']}"}
    assert api.get("/staff/me", headers=as_token).status_code == 401
    for wrong, field in (
        ({"totp_code": "x"}, "totp_code"),
        ({"new_password": PASSWORD}, "new_password"),
        ({"new_password": "short"}, "new_password"),
    ):
        refused = finish(api, setup, **wrong)
        assert (refused.status_code, set(refused.json["errors"])) == (422, {field})
    done = finish(api, setup)
    assert done.status_code == 200, done.json
    headers = {"Authorization": f"Bearer {done.json['token']['token']}"}
    assert api.get("/staff/me", headers=headers).json["needs_setup"] is False
    assert finish(api, setup).status_code == 401
    # The code that enrolled has been used up.
    assert enter(api, "new", NEW, totp_code(setup["totp_secret"])).status_code == 422
    clock.advance(seconds=30)
    assert enter(api, "new", NEW, totp_code(setup["totp_secret"])).status_code == 200
    assert enter(api, "new", PASSWORD).status_code == 422


def test_a_setup_token_ends_with_time_and_with_the_next_one(api, clock):
    make_staff(user_name="new", enrolled=False)
    first, second = begin(api), begin(api)
    assert first["totp_secret"] == second["totp_secret"]
    assert finish(api, first).status_code == 401
    clock.advance(minutes=21)
    assert finish(api, second).status_code == 401


def test_only_the_password_is_asked_for_when_the_second_factor_stands(api, clock):
    staff = make_staff(user_name="new")
    with unit_of_work():
        staff.must_change_password = True
    answer = enter(api, "new")
    setup = answer.json["setup"]
    assert (setup["must_enrol_totp"], setup["totp_secret"], setup["provisioning_uri"]) == (
        False,
        None,
        None,
    )
    body = {"setup_token": setup["setup_token"], "new_password": NEW}
    assert api.post("/staff/auth/setup", body).status_code == 200


def test_setup_in_two_places_at_once_is_completed_once(monkeypatch):
    staff = make_staff(user_name="new", enrolled=False)
    begun = staff_sign_in.sign_in("new", PASSWORD, None)
    hash_password = passwords.hash_password

    def other_was_first(password: str) -> str:
        with unit_of_work():
            session = db.session.get(AccountSession, begun.setup.session_id)
            session.revoked_at = session.created_at
        return hash_password(password)

    monkeypatch.setattr(passwords, "hash_password", other_was_first)
    with pytest.raises(Unauthenticated):
        staff_sign_in.complete_setup(begun.setup.token, NEW, totp_code(begun.totp_secret))
    db.session.expire_all()
    assert db.session.get(StaffMember, staff.id).must_change_password is True


def test_an_account_closed_during_sign_in_stays_closed(staff, monkeypatch):
    verify = passwords.verify

    def closed_meanwhile(stored: str | None, password: str) -> bool:
        with unit_of_work():
            db.session.execute(text("UPDATE staff_member SET state = 'deactivated'"))
        return verify(stored, password)

    monkeypatch.setattr(passwords, "verify", closed_meanwhile)
    with pytest.raises(staff_sign_in.SignInRefused):
        staff_sign_in.sign_in("wang", PASSWORD, totp_code())
    kinds = db.session.scalars(select(AccountSession.kind)).all()
    assert SessionKind.STAFF not in kinds


def test_a_password_that_is_reset_during_sign_in_opens_nothing(staff, monkeypatch):
    verify = passwords.verify

    def reset_meanwhile(stored, password):
        fine = verify(stored, password)
        with unit_of_work():
            known = db.session.get(StaffMember, staff.id)
            known.password_hash = passwords.hash_password("first-password-again")
            known.must_change_password = True
        return fine

    monkeypatch.setattr(passwords, "verify", reset_meanwhile)
    with pytest.raises(DomainError) as refused:
        staff_sign_in.sign_in("wang", PASSWORD, totp_code())
    assert refused.value.code == "sign_in_refused"
    assert db.session.scalars(select(AccountSession)).all() == []


def test_a_password_that_cannot_be_written_down_is_a_wrong_field(api, staff):
    body = '{"user_name": "wang", "password": "\\ud800abc", "totp_code": "123456"}'
    answer = api.client.post(
        "/api/v1/staff/auth/tokens", data=body, content_type="application/json"
    )
    assert answer.status_code == 422
    assert "password" in answer.json["errors"]


def test_a_hash_of_older_parameters_is_renewed_at_sign_in(staff, monkeypatch):
    before = staff.password_hash
    monkeypatch.setattr(passwords, "needs_rehash", lambda stored: True)
    staff_sign_in.sign_in("wang", PASSWORD, totp_code())
    assert staff.password_hash != before
    assert passwords.verify(staff.password_hash, PASSWORD)


def change(api, headers, current=PASSWORD, new=NEW):
    body = {"current_password": current, "new_password": new}
    return api.post("/staff/auth/password", body, headers=headers)


def test_a_changed_password_ends_the_other_sessions(api, staff):
    headers, other = staff_headers(None, staff), staff_headers(None, staff)
    assert change(api, headers).status_code == 204
    assert api.get("/staff/me", headers=headers).status_code == 200
    assert api.get("/staff/me", headers=other).status_code == 401
    assert enter(api, password=NEW).status_code == 200


def test_the_present_password_cannot_be_guessed_with_a_stolen_token(api, staff):
    headers = staff_headers(None, staff)
    for _ in range(5):
        refused = change(api, headers, current="wrong-password-entirely")
        assert (refused.status_code, refused.json["code"]) == (422, "wrong_password")
    assert change(api, headers).status_code == 429


def test_weak_or_unchanged_new_passwords_are_refused(api, staff):
    headers = staff_headers(None, staff)
    for weak in ("short", "wang-is-my-name", "aaaaaaaaaaaaaaa", "password12345", PASSWORD):
        refused = change(api, headers, new=weak)
        assert (refused.status_code, refused.json["code"]) == (422, "weak_password"), weak
        assert refused.json["errors"]["new_password"][0].endswith("。")


def test_staff_tokens_rotate_and_end(api, staff):
    headers = staff_headers(None, staff)
    rotated = api.post("/staff/auth/tokens/rotation", headers=headers).json["token"]
    assert api.get("/staff/me", headers=headers).status_code == 401
    headers = {"Authorization": f"Bearer {rotated}"}
    other, third = staff_headers(None, staff), staff_headers(None, staff)
    assert api.delete("/staff/auth/tokens/current", headers=headers).status_code == 204
    assert api.get("/staff/me", headers=headers).status_code == 401
    assert api.delete("/staff/auth/tokens", headers=other).status_code == 204
    assert api.get("/staff/me", headers=third).status_code == 401


def test_the_secret_and_the_password_are_not_readable_in_the_database(staff):
    row = db.session.execute(text("SELECT totp_secret, password_hash FROM staff_member")).one()
    assert TOTP_SECRET.encode() not in bytes(row.totp_secret)
    assert row.password_hash.startswith("$argon2id$")
    names = db.session.execute(text("SELECT * FROM sign_in_throttle")).all()
    assert "wang" not in str(names)


def test_none_of_it_runs_inside_a_transaction(staff):
    for call in (
        lambda: staff_sign_in.sign_in("wang", PASSWORD, None),
        lambda: staff_sign_in.complete_setup("x", NEW, None),
    ):
        with pytest.raises(RuntimeError), unit_of_work():
            call()
