"""The whole table of who may do what with accounts."""

from __future__ import annotations

import uuid

import pytest

from portal.accounts import policies
from portal.accounts.models import Role
from portal.core.actor import ANONYMOUS, SYSTEM, Actor, ActorKind

ME, OTHER, OFFICE = uuid.UUID(int=1), uuid.UUID(int=2), uuid.UUID(int=3)


def staff(*roles: str) -> Actor:
    return Actor(ActorKind.STAFF, ME, grants=frozenset((role, None) for role in roles))


ADMIN = staff("admin")
OFFICE_ADMIN = Actor(ActorKind.STAFF, ME, grants=frozenset({("admin", OFFICE)}))
RESIDENT = Actor(ActorKind.RESIDENT, ME)
# Grants on a resident cannot come from the authenticator; the policy does not rely on it.
ODD_RESIDENT = Actor(ActorKind.RESIDENT, ME, grants=frozenset({("admin", None)}))
EVERYONE_ELSE = [ANONYMOUS, SYSTEM, RESIDENT, ODD_RESIDENT, OFFICE_ADMIN, staff()] + [
    staff(role.value) for role in Role if role is not Role.ADMIN
]


@pytest.mark.parametrize("actor", [ADMIN, staff("admin", "lawyer")])
def test_administrators_manage_others_but_never_themselves(actor):
    assert policies.can_manage_staff(actor)
    for policy in (policies.can_deactivate, policies.can_reset, policies.can_change_roles):
        assert policy(actor, OTHER)
        assert not policy(actor, ME)


@pytest.mark.parametrize("actor", EVERYONE_ELSE)
def test_nobody_else_manages_staff(actor):
    assert not policies.can_manage_staff(actor)
    for policy in (policies.can_deactivate, policies.can_reset, policies.can_change_roles):
        assert not policy(actor, OTHER)


@pytest.mark.parametrize("actor", [ADMIN, SYSTEM])
def test_administrators_and_the_command_line_open_accounts(actor):
    assert policies.can_open_accounts(actor)


@pytest.mark.parametrize("actor", [each for each in EVERYONE_ELSE if each is not SYSTEM])
def test_nobody_else_opens_accounts(actor):
    assert not policies.can_open_accounts(actor)
