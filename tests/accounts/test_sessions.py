"""Tokens: who they belong to, how long they live, and how they end."""

from __future__ import annotations

import uuid
from datetime import timedelta

import pytest
from sqlalchemy import event, select

from portal.accounts.models import AccountSession, RoleGrant, SessionKind, StaffState
from portal.accounts.operations import sessions
from portal.core.actor import ActorKind
from portal.core.db import db
from portal.core.errors import Unauthenticated
from portal.core.unit_of_work import unit_of_work
from tests.factories.people import (
    make_office,
    make_resident,
    make_staff,
    resident_headers,
    staff_headers,
)

pytestmark = pytest.mark.usefixtures("database")


def token_of(headers: dict[str, str]) -> str:
    return headers["Authorization"].removeprefix("Bearer ")


def test_a_resident_token_names_its_resident():
    resident = make_resident()
    token = token_of(resident_headers(None, resident))
    actor = sessions.authenticate(token)
    assert (actor.kind, actor.id, actor.grants) == (ActorKind.RESIDENT, resident.id, frozenset())
    assert len(token) >= 43
    stored = db.session.scalars(select(AccountSession.token_hash)).one()
    assert stored == sessions.hash_token(token) != token


def test_a_staff_token_carries_the_roles_of_this_moment():
    office = make_office()
    staff = make_staff(["lawyer", "reviewer"], office)
    token = token_of(staff_headers(None, staff))
    assert sessions.authenticate(token).grants == {("lawyer", office.id), ("reviewer", office.id)}
    with unit_of_work():
        grant = db.session.scalars(select(RoleGrant).where(RoleGrant.role == "lawyer")).one()
        grant.revoked_at = grant.granted_at
    assert sessions.authenticate(token).grants == {("reviewer", office.id)}
    with unit_of_work():
        staff.state = StaffState.DEACTIVATED
    assert sessions.authenticate(token) is None


def test_an_unknown_or_a_setup_token_is_nobody():
    staff = make_staff()
    with unit_of_work():
        setup = sessions.issue(SessionKind.STAFF_SETUP, staff.id)
    assert sessions.authenticate("x" * 43) is None
    assert sessions.authenticate(setup.token) is None


@pytest.mark.parametrize("kind", [SessionKind.RESIDENT, SessionKind.STAFF])
def test_a_token_ends_when_unused_and_at_its_end_even_when_used(clock, kind):
    owner = make_resident() if kind is SessionKind.RESIDENT else make_staff()
    life = sessions.LIFETIMES[kind]

    def fresh() -> str:
        with unit_of_work():
            return sessions.issue(kind, owner.id).token

    idle = fresh()
    clock.advance(seconds=life.idle.total_seconds() - 1)
    assert sessions.authenticate(idle) is not None
    clock.advance(seconds=life.idle.total_seconds())
    assert sessions.authenticate(idle) is None
    used, start = fresh(), clock.instant
    while clock.instant - start < life.absolute - life.idle / 2:
        assert sessions.authenticate(used) is not None
        clock.advance(seconds=life.idle.total_seconds() / 2)
    clock.instant = start + life.absolute
    assert sessions.authenticate(used) is None


def test_recognising_a_token_takes_two_statements_at_most_and_seldom_writes(clock):
    resident, staff = (
        token_of(resident_headers(None, make_resident())),
        token_of(staff_headers(None, make_staff(["lawyer", "reviewer", "moderator"]))),
    )
    statements: list[str] = []

    def count(_c, _cursor, statement, *_):
        if not statement.startswith(("BEGIN", "COMMIT")):
            statements.append(statement)

    event.listen(db.engine, "before_cursor_execute", count)
    try:
        for token, most in ((resident, 1), (staff, 2)):
            statements.clear()
            sessions.authenticate(token)
            assert len(statements) == most
        clock.advance(minutes=6)
        statements.clear()
        sessions.authenticate(resident)
        assert [s.split()[0] for s in statements] == ["SELECT", "UPDATE"]
        statements.clear()
        sessions.authenticate(resident)
        assert [s.split()[0] for s in statements] == ["SELECT"]
    finally:
        event.remove(db.engine, "before_cursor_execute", count)
    last = db.session.scalars(
        select(AccountSession.last_used_at).where(AccountSession.resident_id.is_not(None))
    ).one()
    assert last == clock.instant


def test_rotation_replaces_the_token_once():
    token = token_of(resident_headers(None, make_resident()))
    actor = sessions.authenticate(token)
    fresh = sessions.rotate(actor, token)
    assert sessions.authenticate(token) is None
    assert sessions.authenticate(fresh.token).session_id == actor.session_id
    with pytest.raises(Unauthenticated):
        sessions.rotate(actor, token)


def test_signing_out_ends_this_session_and_everywhere_all_of_them():
    resident, other = make_resident(), make_resident()
    first, second, third = (token_of(resident_headers(None, resident)) for _ in range(3))
    stranger = token_of(resident_headers(None, other))
    sessions.sign_out(sessions.authenticate(first))
    assert sessions.authenticate(first) is None
    assert sessions.sign_out_everywhere(sessions.authenticate(second)) == 2
    assert sessions.authenticate(third) is None
    assert sessions.authenticate(stranger) is not None


def test_a_session_has_one_owner_by_constraint():
    from sqlalchemy.exc import IntegrityError

    resident, staff = make_resident(), make_staff()
    with pytest.raises(IntegrityError), unit_of_work():
        db.session.add(
            AccountSession(
                kind=SessionKind.RESIDENT,
                resident_id=resident.id,
                staff_id=staff.id,
                token_hash=uuid.uuid4().hex,
                expires_at=resident.created_at + timedelta(days=1),
            )
        )
