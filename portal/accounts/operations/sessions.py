"""Tokens: issue, recognise, rotate, end."""

from __future__ import annotations

import hashlib
import secrets
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import bindparam, select, update

from portal.accounts.models import (
    AccountSession,
    Resident,
    ResidentState,
    RoleGrant,
    SessionEnd,
    SessionKind,
    StaffMember,
    StaffState,
)
from portal.audit import operations as audit
from portal.core import clock
from portal.core.actor import Actor, ActorKind
from portal.core.db import db, rows_changed
from portal.core.errors import Unauthenticated
from portal.core.prepared import Prepared
from portal.core.unit_of_work import transactional, unit_of_work

TOKEN_BYTES = 32
# How often a session's last use is written: a write per request would cost more than the exact minute is worth.
TOUCH_EVERY = timedelta(minutes=5)


@dataclass(frozen=True)
class Lifetime:
    """How long a token is good: at all, and without being used."""

    absolute: timedelta
    idle: timedelta


# Choices of the platform (D): a resident's phone is their own, a desk at a counter is not.
LIFETIMES = {
    SessionKind.RESIDENT: Lifetime(timedelta(days=180), timedelta(days=30)),
    SessionKind.STAFF: Lifetime(timedelta(hours=12), timedelta(hours=2)),
    SessionKind.STAFF_SETUP: Lifetime(timedelta(minutes=20), timedelta(minutes=20)),
}


@dataclass(frozen=True)
class IssuedToken:
    """A fresh token; the only moment at which it exists in clear."""

    token: str
    session_id: uuid.UUID
    expires_at: datetime
    idle_seconds: int


def hash_token(token: str) -> str:
    """Return the SHA-256 of a token. A plain hash is enough, because the token itself has 256 random bits."""
    return hashlib.sha256(token.encode()).hexdigest()


def issue(kind: SessionKind, owner_id: uuid.UUID) -> IssuedToken:
    """Make a session for a resident or a member of staff; inside a unit of work."""
    token = secrets.token_urlsafe(TOKEN_BYTES)
    life = LIFETIMES[kind]
    session = AccountSession(
        kind=kind,
        resident_id=owner_id if kind is SessionKind.RESIDENT else None,
        staff_id=None if kind is SessionKind.RESIDENT else owner_id,
        token_hash=hash_token(token),
        expires_at=clock.now() + life.absolute,
    )
    db.session.add(session)
    db.session.flush()
    return IssuedToken(token, session.id, session.expires_at, int(life.idle.total_seconds()))


class _Holder(NamedTuple):
    """Who holds a token, as far as the session tells."""

    id: uuid.UUID
    kind: SessionKind
    resident_id: uuid.UUID
    staff_id: uuid.UUID
    last_used_at: datetime
    resident_state: ResidentState | None
    staff_state: StaffState | None


# Asked with every request.
_HOLDER = Prepared(
    lambda _dialect: (
        select(
            AccountSession.id,
            AccountSession.kind,
            AccountSession.resident_id,
            AccountSession.staff_id,
            AccountSession.last_used_at,
            Resident.state.label("resident_state"),
            StaffMember.state.label("staff_state"),
        )
        .outerjoin(Resident, Resident.id == AccountSession.resident_id)
        .outerjoin(StaffMember, StaffMember.id == AccountSession.staff_id)
        .where(
            AccountSession.token_hash == bindparam("token_hash"),
            AccountSession.revoked_at.is_(None),
            AccountSession.expires_at > bindparam("now"),
        )
    ),
    writes=False,
)


def authenticate(token: str) -> Actor | None:
    """Return who holds `token`, or None when it is unknown, ended, expired, idle too long, or its owner is gone.

    One SELECT for a resident, two for staff; roles are read each time, so a revoked one ends at once.
    """
    now = clock.now()
    found = _HOLDER.row({"token_hash": hash_token(token), "now": now})
    row = None if found is None else _Holder(*found)
    if row is None or row.last_used_at <= now - LIFETIMES[row.kind].idle:
        return None
    if row.kind is SessionKind.RESIDENT and row.resident_state is ResidentState.ACTIVE:
        actor = Actor(ActorKind.RESIDENT, row.resident_id, row.id)
    elif row.kind is SessionKind.STAFF and row.staff_state is StaffState.ACTIVE:
        actor = Actor(ActorKind.STAFF, row.staff_id, row.id, _grants(row.staff_id))
    else:
        return None
    if row.last_used_at <= now - TOUCH_EVERY:
        _touch(row.id, now)
    return actor


# Shared, so that a resident's own requests do not wait for each other. Weaker than FOR UPDATE it leaves the foreign keys of
# other people's steps alone, which come upon a resident while they hold locks of their own.
_HELD_ACTIVE = Prepared(
    lambda _dialect: (
        select(Resident.state)
        .where(Resident.id == bindparam("resident_id"))
        .with_for_update(read=True)
    ),
    writes=True,
)


def hold_active(resident_id: uuid.UUID) -> bool:
    """Return whether the account is open, and keep it so until the transaction ends; waits for a deletion that is under way.

    The first lock of its transaction: a deletion has the account before everything else. Raises RuntimeError outside a unit
    of work.
    """
    row = _HELD_ACTIVE.row({"resident_id": resident_id})
    return row is not None and row[0] is ResidentState.ACTIVE


def require_active(actor: Actor) -> None:
    """Refuse a resident whose account was closed after the request was let in, and hold the account open until the commit.

    For whatever writes personal data of the caller: what was written beside a deletion would outlive it. Comes before every
    other lock (`hold_active`). Does nothing for staff. Raises Unauthenticated.
    """
    if actor.is_resident and not hold_active(actor.own_id):
        raise Unauthenticated(
            "这个账号已经注销。",
            code="account_closed",
            next_step="如果还需要办理，请重新登录，开一个新账号。",
        )


def _grants(staff_id: uuid.UUID) -> frozenset[tuple[str, uuid.UUID | None]]:
    rows = db.session.execute(
        select(RoleGrant.role, RoleGrant.office_id).where(
            RoleGrant.staff_id == staff_id, RoleGrant.revoked_at.is_(None)
        )
    )
    return frozenset((row.role.value, row.office_id) for row in rows)


def _touch(session_id: uuid.UUID, now: datetime) -> None:
    with unit_of_work():
        db.session.execute(
            update(AccountSession)
            .where(AccountSession.id == session_id, AccountSession.last_used_at < now)
            .values(last_used_at=now)
        )


@transactional
def rotate(actor: Actor, token: str) -> IssuedToken:
    """Give the session a new token; the old one is dead at once. Its end does not move.

    Raises Unauthenticated when the old token was rotated or ended by another request meanwhile.
    """
    fresh = secrets.token_urlsafe(TOKEN_BYTES)
    row = db.session.execute(
        update(AccountSession)
        .where(
            AccountSession.id == actor.session_id,
            AccountSession.token_hash == hash_token(token),
            AccountSession.revoked_at.is_(None),
        )
        .values(token_hash=hash_token(fresh), last_used_at=clock.now())
        .returning(AccountSession.id, AccountSession.kind, AccountSession.expires_at)
    ).one_or_none()
    if row is None:
        raise Unauthenticated
    audit.record(actor, "session.rotated", "session", row.id)
    return IssuedToken(fresh, row.id, row.expires_at, int(LIFETIMES[row.kind].idle.total_seconds()))


@transactional
def sign_out(actor: Actor) -> None:
    """End the caller's own session."""
    _end(AccountSession.id == actor.session_id, SessionEnd.SIGNED_OUT)
    audit.record(actor, "session.signed_out", "session", actor.session_id)


@transactional
def sign_out_everywhere(actor: Actor) -> int:
    """End every session of the caller; returns how many there were."""
    owner = AccountSession.resident_id if actor.is_resident else AccountSession.staff_id
    ended = _end(owner == actor.id, SessionEnd.EVERYWHERE)
    audit.record(actor, "session.signed_out_everywhere", actor.kind, actor.id, {"sessions": ended})
    return ended


def end_resident_sessions(
    resident_id: uuid.UUID, reason: SessionEnd, *, keep: uuid.UUID | None = None
) -> int:
    """End every session of a resident, except `keep`; inside a unit of work."""
    condition = AccountSession.resident_id == resident_id
    return _end(condition if keep is None else condition & (AccountSession.id != keep), reason)


def end_staff_sessions(
    staff_id: uuid.UUID, reason: SessionEnd, *, keep: uuid.UUID | None = None
) -> int:
    """End every session and setup token of a member of staff, except `keep`; inside a unit of work."""
    condition = AccountSession.staff_id == staff_id
    return _end(condition if keep is None else condition & (AccountSession.id != keep), reason)


def _end(condition: object, reason: SessionEnd) -> int:
    result = db.session.execute(
        update(AccountSession)
        .where(condition, AccountSession.revoked_at.is_(None))  # type: ignore[arg-type]
        .values(revoked_at=clock.now(), revoke_reason=reason)
    )
    return rows_changed(result)
