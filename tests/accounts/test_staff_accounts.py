"""Administrators keep the accounts of staff."""

from __future__ import annotations

import threading
import uuid
from datetime import date

import pytest
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from portal.accounts import queries
from portal.accounts.models import Role, RoleGrant, StaffMember
from portal.accounts.operations import staff_accounts
from portal.accounts.operations.staff_accounts import GrantRequest
from portal.audit.models import AuditEvent
from portal.core.actor import SYSTEM, Actor, ActorKind
from portal.core.db import db
from portal.core.errors import Conflict, DomainError, Forbidden, NotFound
from portal.core.unit_of_work import unit_of_work
from tests.factories.people import (
    TOTP_SECRET,
    make_office,
    make_resident,
    make_staff,
    resident_headers,
    staff_headers,
    totp_code,
)

pytestmark = pytest.mark.usefixtures("database", "clock")


@pytest.fixture
def admin() -> StaffMember:
    return make_staff(["admin"])


@pytest.fixture
def headers(admin) -> dict[str, str]:
    return staff_headers(None, admin)


def as_actor(staff: StaffMember) -> Actor:
    return Actor(
        ActorKind.STAFF,
        staff.id,
        grants=frozenset((grant.role.value, grant.office_id) for grant in staff.grants),
    )


def create(api, headers, **fields):
    body = {"user_name": "zhao.lei", "display_name": "赵磊", **fields}
    return api.post("/staff/accounts", body, headers=headers)


def actions() -> list[str]:
    return list(db.session.scalars(select(AuditEvent.action).order_by(AuditEvent.sequence)))


def test_a_new_account_signs_in_with_its_first_password_and_must_change_it(api, headers):
    office = make_office()
    made = create(
        api,
        headers,
        user_name=" Zhao.Lei ",
        grants=[{"role": "lawyer", "office_id": str(office.id)}, {"role": "reviewer"}],
    )
    assert made.status_code == 201, made.json
    account = made.json["account"]
    assert (account["user_name"], account["needs_setup"]) == ("zhao.lei", True)
    held = {(g["role"], g["office"] and g["office"]["id"]) for g in account["grants"]}
    assert held == {("lawyer", str(office.id)), ("reviewer", None)}
    body = {"user_name": "zhao.lei", "password": made.json["initial_password"]}
    first = api.post("/staff/auth/tokens", body).json
    assert (first["token"], first["setup"]["must_change_password"]) == (None, True)
    assert actions()[:3] == ["staff.created", "staff.role_granted", "staff.role_granted"]


@pytest.mark.parametrize("name", ["ab", "赵磊磊", "-abc", "a b c", "x" * 41])
def test_unusable_user_names_are_refused(api, headers, name):
    refused = create(api, headers, user_name=name)
    assert (refused.status_code, set(refused.json["errors"])) == (422, {"user_name"})


def test_a_name_is_given_once_and_an_unknown_or_closed_office_not_at_all(api, headers):
    assert create(api, headers).status_code == 201
    taken = create(api, headers, user_name="ZHAO.LEI")
    assert (taken.status_code, taken.json["code"]) == (409, "user_name_taken")
    unknown = [{"role": "lawyer", "office_id": str(uuid.uuid4())}]
    assert create(api, headers, user_name="other", grants=unknown).status_code == 404
    closed = make_office(valid_until=date(2021, 1, 1))
    grants = [{"role": "lawyer", "office_id": str(closed.id)}]
    refused = create(api, headers, user_name="other", grants=grants)
    assert set(refused.json["errors"]) == {"office_id"}
    names = db.session.scalars(select(StaffMember.user_name)).all()
    assert "other" not in names


def test_a_name_taken_at_the_same_moment_is_told_as_taken(monkeypatch):
    make_staff(user_name="taken")
    monkeypatch.setattr(db.session, "scalar", lambda *_: None)
    with pytest.raises(Conflict) as refusal:
        staff_accounts.create(SYSTEM, "taken", "某人")
    assert refusal.value.code == "user_name_taken"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/staff/accounts"),
        ("POST", "/staff/accounts"),
        ("GET", "/staff/accounts/{id}"),
        ("PATCH", "/staff/accounts/{id}"),
        ("POST", "/staff/accounts/{id}/deactivation"),
        ("POST", "/staff/accounts/{id}/reactivation"),
        ("POST", "/staff/accounts/{id}/reset"),
        ("POST", "/staff/accounts/{id}/grants"),
        ("DELETE", "/staff/accounts/{id}/grants/{id}"),
    ],
)
def test_only_administrators_come_in(api, method, path):
    path = path.replace("{id}", str(uuid.uuid4()))
    others = [role.value for role in Role if role is not Role.ADMIN]
    assert api.call(method, path).status_code == 401
    assert api.call(method, path, headers=resident_headers()).status_code == 403
    assert api.call(method, path, headers=staff_headers(roles=others)).status_code == 403


def test_an_administrator_of_one_office_from_before_keeps_no_accounts(api, headers):
    office = make_office()
    staff = make_staff(["lawyer"], office)
    limited = staff_headers(roles=["admin"], office=office)
    path = f"/staff/accounts/{staff.id}"
    match = {**limited, "If-Match": api.get(path, headers=headers).headers["ETag"]}
    role = {"role": "moderator", "office_id": str(office.id)}
    answers = [
        api.get("/staff/accounts", headers=limited),
        api.get(f"/staff/accounts?office_id={office.id}", headers=limited),
        create(api, limited),
        api.get(path, headers=limited),
        api.patch(path, {"display_name": "新名"}, headers=match),
        api.post(f"{path}/deactivation", headers=limited),
        api.post(f"{path}/reset", headers=limited),
        api.post(f"{path}/grants", role, headers=limited),
        api.delete(f"{path}/grants/{staff.grants[0].id}", headers=limited),
    ]
    api.post(f"{path}/deactivation", headers=headers)
    answers.append(api.post(f"{path}/reactivation", headers=limited))
    codes = [(answer.status_code, answer.json.get("code")) for answer in answers]
    assert codes == [(403, "not_account_keeper")] * len(answers)
    seen = api.get(path, headers=headers).json
    assert (seen["display_name"], len(seen["grants"])) == (staff.display_name, 1)
    assert seen["state"] == "deactivated"


def test_the_list_filters_and_pages(api, headers, admin):
    office, other = make_office(), make_office()
    for number in range(3):
        make_staff(["lawyer"], office, user_name=f"lawyer{number}")
    make_staff(["reviewer"], other, user_name="reviewer0")
    closed = make_staff(["lawyer"], other, user_name="closed")
    with unit_of_work():
        staff_accounts.deactivate(as_actor(admin), closed.id)

    def names(query: str) -> list[str]:
        answer = api.get(f"/staff/accounts?{query}", headers=headers)
        assert answer.status_code == 200, answer.json
        return [item["user_name"] for item in answer.json["items"]]

    assert names("role=lawyer") == ["closed", "lawyer0", "lawyer1", "lawyer2"]
    assert names("role=lawyer&state=active") == ["lawyer0", "lawyer1", "lawyer2"]
    assert names(f"office_id={other.id}") == ["closed", "reviewer0"]
    assert names(f"office_id={office.id}&role=reviewer") == []
    page = api.get("/staff/accounts?size=2", headers=headers).json
    cursor, seen = page["page"]["next"], [item["user_name"] for item in page["items"]]
    while cursor:
        page = api.get(f"/staff/accounts?size=2&cursor={cursor}", headers=headers).json
        seen += [item["user_name"] for item in page["items"]]
        cursor = page["page"]["next"]
    assert seen == sorted(seen)
    assert len(seen) == 6


def test_the_list_takes_the_same_number_of_statements_for_two_and_for_twenty(api, headers):
    from sqlalchemy import event

    counted: list[int] = []
    statements: list[str] = []

    def count(*arguments):
        statements.append(arguments[2])

    for _ in range(2):
        for _ in range(9):
            make_staff(["lawyer", "reviewer"], make_office())
        statements.clear()
        event.listen(db.engine, "before_cursor_execute", count)
        api.get("/staff/accounts?size=100", headers=headers)
        event.remove(db.engine, "before_cursor_execute", count)
        counted.append(len(statements))
    assert counted[0] == counted[1] <= 6


def test_the_name_is_edited_from_the_version_that_was_read(api, headers):
    staff = make_staff()
    path = f"/staff/accounts/{staff.id}"
    seen = api.get(path, headers=headers)
    match = {**headers, "If-Match": seen.headers["ETag"]}
    edited = api.patch(path, {"display_name": "新名"}, headers=match)
    assert (edited.status_code, edited.json["display_name"]) == (200, "新名")
    assert api.patch(path, {"display_name": "旧名"}, headers=match).status_code == 412
    assert api.patch(path, {"display_name": "旧名"}, headers=headers).status_code == 428


def test_a_closed_account_is_out_at_once_and_comes_back_with_its_roles(api, headers):
    staff = make_staff(["lawyer"])
    theirs = staff_headers(None, staff)
    path = f"/staff/accounts/{staff.id}"
    closed = api.post(f"{path}/deactivation", headers=headers)
    assert (closed.status_code, closed.json["state"]) == (200, "deactivated")
    allowed = {item["action"] for item in closed.json["allowed_actions"]}
    assert allowed == {"reactivation", "reset", "grants"}
    assert api.get("/staff/me", headers=theirs).status_code == 401
    assert api.post(f"{path}/deactivation", headers=headers).status_code == 409
    opened = api.post(f"{path}/reactivation", headers=headers)
    assert (opened.json["state"], len(opened.json["grants"])) == ("active", 1)
    assert api.post(f"{path}/reactivation", headers=headers).status_code == 409
    assert actions() == ["staff.deactivated", "staff.reactivated"]


def test_a_reset_ends_everything_that_was(api, headers):
    staff = make_staff(["lawyer"], user_name="li")
    theirs = staff_headers(None, staff)
    for _ in range(5):
        body = {"user_name": "li", "password": "wrong-password-entirely"}
        api.post("/staff/auth/tokens", body)
    fresh = api.post(f"/staff/accounts/{staff.id}/reset", headers=headers)
    assert fresh.status_code == 200, fresh.json
    assert api.get("/staff/me", headers=theirs).status_code == 401
    body = {"user_name": "li", "password": fresh.json["initial_password"]}
    setup = api.post("/staff/auth/tokens", body).json["setup"]
    assert setup["must_enrol_totp"] is True
    assert setup["totp_secret"] != TOTP_SECRET
    assert totp_code(setup["totp_secret"])


def test_roles_are_given_and_taken_and_end_with_the_next_request(api, headers):
    staff = make_staff(["lawyer"])
    theirs = staff_headers(None, staff)
    path = f"/staff/accounts/{staff.id}/grants"
    wanted = {"role": "admin", "office_id": None}
    given = api.post(path, wanted, headers=headers)
    assert given.status_code == 201, given.json
    assert api.get("/staff/accounts", headers=theirs).status_code == 200
    assert api.post(path, wanted, headers=headers).json["code"] == "role_held"
    grant = next(g for g in given.json["grants"] if g["role"] == "admin")
    taken = api.delete(f"{path}/{grant['id']}", headers=headers)
    assert [g["role"] for g in taken.json["grants"]] == ["lawyer"]
    assert api.get("/staff/accounts", headers=theirs).status_code == 403
    assert api.delete(f"{path}/{grant['id']}", headers=headers).status_code == 404
    # What was taken may be given again.
    assert api.post(path, wanted, headers=headers).status_code == 201


def test_an_administrator_is_one_of_all_offices_or_none(api, headers):
    staff, office = make_staff(["lawyer"]), make_office()
    wanted = {"role": "admin", "office_id": str(office.id)}
    refused = api.post(f"/staff/accounts/{staff.id}/grants", wanted, headers=headers)
    assert refused.status_code == 422
    assert list(refused.json["errors"]) == ["office_id"]


def test_the_same_role_is_held_once_by_constraint():
    staff, office = make_staff(["lawyer"]), make_office()
    for office_id in (None, office.id):
        with pytest.raises(IntegrityError), unit_of_work():
            db.session.add_all(
                RoleGrant(staff_id=staff.id, role=Role.LAWYER, office_id=office_id)
                for _ in range(2)
            )


def test_nobody_closes_resets_or_promotes_themselves(api, headers, admin):
    make_staff(["admin"])
    path = f"/staff/accounts/{admin.id}"
    grant = admin.grants[0].id
    assert api.post(f"{path}/deactivation", headers=headers).status_code == 403
    assert api.post(f"{path}/reset", headers=headers).status_code == 403
    assert api.post(f"{path}/grants", {"role": "auditor"}, headers=headers).status_code == 403
    assert api.delete(f"{path}/grants/{grant}", headers=headers).status_code == 403
    allowed = api.get(path, headers=headers).json["allowed_actions"]
    assert allowed == []


def test_the_last_administrator_stays(admin):
    office_admin = Actor(ActorKind.STAFF, uuid.uuid4(), grants=frozenset({("admin", None)}))
    for step in (
        lambda: staff_accounts.deactivate(office_admin, admin.id),
        lambda: staff_accounts.revoke(office_admin, admin.id, admin.grants[0].id),
    ):
        with pytest.raises(Conflict) as refusal:
            step()
        assert refusal.value.code == "last_administrator"


def test_two_administrators_cannot_remove_each_other_at_once(app):
    first, second = make_staff(["admin"]), make_staff(["admin"])
    actors = [as_actor(first), as_actor(second)]
    targets = [second.id, first.id]
    db.session.remove()
    results: list[str] = []
    ready = threading.Barrier(2)

    def work(number: int) -> None:
        with app.app_context():
            ready.wait()
            try:
                staff_accounts.deactivate(actors[number], targets[number])
                results.append("done")
            except DomainError as error:
                results.append(error.code)
            finally:
                db.session.remove()

    threads = [threading.Thread(target=work, args=(n,)) for n in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(results) == ["done", "last_administrator"]


def test_operations_check_the_actor_themselves():
    staff, outsider = make_staff(["lawyer"]), as_actor(make_staff(["moderator"]))
    with pytest.raises(Forbidden):
        staff_accounts.reset(outsider, staff.id)
    with pytest.raises(Forbidden):
        staff_accounts.grant(outsider, staff.id, GrantRequest(Role.ADMIN))
    with pytest.raises(Forbidden):
        staff_accounts.reactivate(outsider, staff.id)
    with pytest.raises(Forbidden):
        staff_accounts.rename(outsider, staff, "新名")
    with pytest.raises(Forbidden):
        staff_accounts.create(outsider, "somebody", "某人")
    with pytest.raises(NotFound):
        staff_accounts.deactivate(outsider, uuid.uuid4())
    for call in (
        lambda: staff_accounts.create(SYSTEM, "abc", "某人"),
        lambda: staff_accounts.reset(SYSTEM, staff.id),
    ):
        with pytest.raises(RuntimeError), unit_of_work():
            call()


def test_queries_that_other_rooms_use():
    office, other = make_office(), make_office()
    here, everywhere = make_staff(["lawyer"], office), make_staff(["lawyer"])
    there, closed = make_staff(["lawyer"], other), make_staff(["lawyer"], office)
    with unit_of_work():
        make = as_actor(make_staff(["admin"]))
        staff_accounts.deactivate(make, closed.id)

    def ids(found: list[StaffMember]) -> set[uuid.UUID]:
        return {staff.id for staff in found}

    assert ids(queries.staff_with_role("lawyer")) == {here.id, everywhere.id, there.id}
    assert ids(queries.staff_with_role("lawyer", office.id)) == {here.id, everywhere.id}
    assert queries.staff_with_role("notary_clerk") == []
    names = queries.staff_names([here.id, None, uuid.uuid4()])
    assert names == {here.id: "测试工作人员"}
    assert queries.staff_names([]) == {}
    resident = make_resident()
    assert queries.residents([resident.id]) == {resident.id: resident}
    assert queries.residents([]) == {}
    assert queries.resident(resident.id) is resident
    for query in (queries.resident, queries.staff_member, queries.office):
        with pytest.raises(NotFound):
            query(uuid.uuid4())
    closed_office = make_office(valid_until=date(2021, 1, 1))
    assert closed_office in queries.offices()
    assert closed_office not in queries.offices(open_only=True)


def test_staff_see_the_offices_of_the_district(api):
    make_office("code-1", "某司法所")
    answer = api.get("/staff/offices", headers=staff_headers())
    assert [(o["code"], o["kind_label"], o["is_open"]) for o in answer.json["items"]] == [
        ("code-1", "司法所", True)
    ]
