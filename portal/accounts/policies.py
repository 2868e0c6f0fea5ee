"""Who may do what with accounts; pure, so that the tests can write the whole table."""

from __future__ import annotations

import uuid

from portal.core.actor import Actor, ActorKind


def can_manage_staff(actor: Actor) -> bool:
    """Accounts of staff are the administrators' business, of those for all offices."""
    return actor.is_staff and ("admin", None) in actor.grants


def can_open_accounts(actor: Actor) -> bool:
    """As above; and the command line of the server, which opens the first administrator's account."""
    return actor.kind is ActorKind.SYSTEM or can_manage_staff(actor)


def can_deactivate(actor: Actor, staff_id: uuid.UUID) -> bool:
    """Nobody locks themselves out."""
    return can_manage_staff(actor) and actor.id != staff_id


def can_reset(actor: Actor, staff_id: uuid.UUID) -> bool:
    """A reset by oneself would let a stolen session set a new password without the old one."""
    return can_manage_staff(actor) and actor.id != staff_id


def can_change_roles(actor: Actor, staff_id: uuid.UUID) -> bool:
    """Nobody changes their own roles: another administrator must agree."""
    return can_manage_staff(actor) and actor.id != staff_id
