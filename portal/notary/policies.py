"""Who may do what in this room. Pure functions of the actor and the subject; truth tables in the tests."""

from __future__ import annotations

import uuid
from typing import Protocol

from portal.core.actor import Actor, ActorKind

CLERK = "notary_clerk"
SUPERVISOR = "supervisor"
STAFF_ROLES = (CLERK, SUPERVISOR)


class OfOffice(Protocol):
    """Anything that belongs to an office."""

    office_id: uuid.UUID


class OfAccount(Protocol):
    """Anything that belongs to a resident's account."""

    @property
    def account_id(self) -> uuid.UUID | None:
        """Whose it is, None once the account is closed."""


def is_system(actor: Actor, subject: object) -> bool:
    """The portal itself, acting when a time has passed."""
    return actor.kind is ActorKind.SYSTEM


def can_speak_for(actor: Actor, subject: OfAccount) -> bool:
    """Only the resident whose account it is."""
    return actor.is_resident and subject.account_id is not None and subject.account_id == actor.id


def can_serve(actor: Actor, subject: OfOffice) -> bool:
    """Clerks of the office."""
    return works_at(actor, subject.office_id)


def works_at(actor: Actor, office_id: uuid.UUID) -> bool:
    """A clerk of the office, or one whose role holds in all offices."""
    return actor.is_staff and actor.has_role(CLERK, office_id=office_id)


def can_look_at(actor: Actor, office_id: uuid.UUID) -> bool:
    """Clerks of the office and supervisors see its days; of these, supervisors change only that it is closed."""
    return actor.is_staff and actor.has_role(*STAFF_ROLES, office_id=office_id)


def can_close(actor: Actor, office_id: uuid.UUID) -> bool:
    """Who may close the office as a whole, and take it back: in an emergency also a supervisor, when no clerk is there.

    What its counters do, and when it opens beyond its hours, is the office's own affair (公证法 6).
    """
    return can_look_at(actor, office_id)


def can_reassign(actor: Actor, subject: OfOffice) -> bool:
    """Who may give a case to another handler: the office, and who supervises it, where nobody there can any more."""
    return can_look_at(actor, subject.office_id)


def can_edit_matters(actor: Actor, subject: object = None) -> bool:
    """Matters are the same in all offices: who keeps them up holds the role in all of them.

    A single office gives a matter up, or takes it up, at its own counters.
    """
    return actor.is_staff and (CLERK, None) in actor.grants


def can_cancel(actor: Actor, subject: OfAccount) -> bool:
    """The resident, the office, or the portal (an account that is closed)."""
    office_id: uuid.UUID | None = getattr(subject, "office_id", None)
    return (
        can_speak_for(actor, subject)
        or is_system(actor, subject)
        or (office_id is not None and works_at(actor, office_id))
    )


def speaks_or_serves(actor: Actor, subject: OfAccount) -> bool:
    """The person with their account, or a clerk of the office for who calls or stands at the desk."""
    office_id: uuid.UUID | None = getattr(subject, "office_id", None)
    return can_speak_for(actor, subject) or (office_id is not None and works_at(actor, office_id))


def can_confirm(actor: Actor, subject: OfAccount) -> bool:
    """The resident who holds the time; a clerk only what the office itself booked for somebody without an account."""
    return can_speak_for(actor, subject) or (
        getattr(subject, "booked_by_id", None) is not None and speaks_or_serves(actor, subject)
    )


def serves_or_system(actor: Actor, subject: OfOffice) -> bool:
    """Clerks of the office, or the portal once a time is over: a day at the desk, the pauses of a review."""
    return can_serve(actor, subject) or is_system(actor, subject)


def can_read_case(actor: Actor, subject: OfAccount) -> bool:
    """The party, the office, and those who supervise it."""
    office_id: uuid.UUID | None = getattr(subject, "office_id", None)
    return can_speak_for(actor, subject) or (
        office_id is not None and can_look_at(actor, office_id)
    )


def offices_of(actor: Actor, *roles: str) -> frozenset[uuid.UUID] | None:
    """Return the offices in which one of `roles` is held; None means in all."""
    held = {office_id for role, office_id in actor.grants if role in roles}
    return None if None in held else frozenset(office for office in held if office is not None)
