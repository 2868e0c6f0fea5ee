"""Administrators keep the accounts of staff.

Every step is audited; what opens a door is shown once and never stored in clear.
"""

from __future__ import annotations

import re
import secrets
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.exc import IntegrityError

from portal.accounts import passwords, policies, queries
from portal.accounts.models import (
    Role,
    RoleGrant,
    SessionEnd,
    StaffMember,
    StaffState,
)
from portal.accounts.operations import sessions
from portal.accounts.operations.staff_sign_in import normalise_user_name, unlock
from portal.audit import operations as audit
from portal.core import clock, locks
from portal.core.actor import Actor
from portal.core.db import db
from portal.core.errors import Conflict, Forbidden, Invalid, NotFound, WrongState
from portal.core.unit_of_work import current, transactional, unit_of_work

# As long as its column.
LONGEST_DISPLAY_NAME = 60
_USER_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{2,39}", re.ASCII)


@dataclass(frozen=True)
class GrantRequest:
    """A role, in one office or (None) in all."""

    role: Role
    office_id: uuid.UUID | None = None


@dataclass(frozen=True)
class NewAccess:
    """An account with its first password, which must be changed at the first sign-in."""

    staff: StaffMember
    initial_password: str


def listed(actor: Actor, **filters: Any) -> Select[Any]:
    """Return the query for the accounts that fit (`queries.staff_list`); raises Forbidden."""
    _require_keeper(policies.can_manage_staff(actor))
    return queries.staff_list(**filters)


def show(actor: Actor, staff_id: uuid.UUID) -> StaffMember:
    """Return one account; raises NotFound, Forbidden."""
    staff = queries.staff_member(staff_id)
    _require_keeper(policies.can_manage_staff(actor))
    return staff


def create(
    actor: Actor, user_name: str, display_name: str, grants: Iterable[GrantRequest] = ()
) -> NewAccess:
    """Open an account; outside any unit of work, because the password is hashed before the transaction begins.

    Raises Forbidden, Invalid for an unusable name, Conflict when it is taken, NotFound for an unknown office.
    """
    _require_no_unit_of_work()
    _require_keeper(policies.can_open_accounts(actor))
    name, shown = check_user_name(user_name), check_display_name(display_name)
    password = initial_password()
    hashed = passwords.hash_password(password)
    with unit_of_work():
        staff = add_staff(actor, name, shown, hashed, grants)
    return NewAccess(staff, password)


def add_staff(
    actor: Actor,
    user_name: str,
    display_name: str,
    password_hash: str,
    grants: Iterable[GrantRequest],
) -> StaffMember:
    """Add the account and its roles; inside a unit of work."""
    _require_keeper(policies.can_open_accounts(actor))
    if db.session.scalar(select(StaffMember.id).where(StaffMember.user_name == user_name)):
        raise _taken()
    staff = StaffMember(user_name=user_name, display_name=display_name, password_hash=password_hash)
    db.session.add(staff)
    try:
        db.session.flush()
    except IntegrityError as error:
        raise _taken() from error
    audit.record(actor, "staff.created", "staff", staff.id)
    for wanted in dict.fromkeys(grants):
        _add_grant(actor, staff, wanted)
    db.session.refresh(staff, ["grants"])
    return staff


def _taken() -> Conflict:
    return Conflict(
        "这个用户名已经有人用了。", code="user_name_taken", next_step="请换一个用户名。"
    )


def check_user_name(text: str) -> str:
    """Return the user name in its stored form; raises Invalid."""
    name = normalise_user_name(text)
    if not _USER_NAME.fullmatch(name):
        raise Invalid(
            errors={
                "user_name": ["用户名用 3 到 40 个小写字母、数字、点、横线，以字母或数字开头。"]
            }
        )
    return name


def check_display_name(text: str) -> str:
    """Return the name that residents read, trimmed; raises Invalid."""
    name = text.strip()
    if not 1 <= len(name) <= LONGEST_DISPLAY_NAME:
        raise Invalid(errors={"display_name": [f"姓名用 1 到 {LONGEST_DISPLAY_NAME} 个字。"]})
    return name


def initial_password() -> str:
    """Return a random first password of 16 signs (96 bits)."""
    return secrets.token_urlsafe(12)


@transactional
def rename(actor: Actor, staff: StaffMember, display_name: str) -> None:
    """Change the name the person works under; raises Forbidden."""
    _require_keeper(policies.can_manage_staff(actor))
    staff.display_name = display_name
    audit.record(actor, "staff.renamed", "staff", staff.id)


@transactional
def deactivate(actor: Actor, staff_id: uuid.UUID) -> StaffMember:
    """Close the account to its holder at once; the record of what they did stays.

    Raises Forbidden for one's own account, Conflict for the last administrator, WrongState when already closed.
    """
    staff = show(actor, staff_id)
    _require(policies.can_deactivate(actor, staff_id), "不能停用自己的账号。")
    if not staff.is_active:
        raise WrongState("这个账号已经停用。")
    _keep_an_administrator(without=staff_id)
    staff.state = StaffState.DEACTIVATED
    ended = sessions.end_staff_sessions(staff_id, SessionEnd.DEACTIVATED)
    audit.record(actor, "staff.deactivated", "staff", staff_id, {"sessions_ended": ended})
    return staff


@transactional
def reactivate(actor: Actor, staff_id: uuid.UUID) -> StaffMember:
    """Open a closed account again, with its roles; raises WrongState when it is open."""
    staff = show(actor, staff_id)
    if staff.is_active:
        raise WrongState("这个账号正在使用，不需要恢复。")
    staff.state = StaffState.ACTIVE
    audit.record(actor, "staff.reactivated", "staff", staff_id)
    return staff


def reset(actor: Actor, staff_id: uuid.UUID) -> NewAccess:
    """Give a new first password and have the one-time password enrolled anew; all sessions end.

    Outside any unit of work, like `create`.
    """
    _require_no_unit_of_work()
    password = initial_password()
    hashed = passwords.hash_password(password)
    with unit_of_work():
        staff = show(actor, staff_id)
        _require(policies.can_reset(actor, staff_id), "不能重置自己的账号，请用“修改密码”。")
        staff.password_hash, staff.must_change_password = hashed, True
        staff.totp_secret = staff.totp_enrolled_at = staff.totp_last_step = None
        sessions.end_staff_sessions(staff_id, SessionEnd.RESET)
        unlock(staff.user_name)
        audit.record(actor, "staff.reset", "staff", staff_id)
    return NewAccess(staff, password)


@transactional
def grant(actor: Actor, staff_id: uuid.UUID, wanted: GrantRequest) -> StaffMember:
    """Give a role; raises Conflict when it is held already, Forbidden for one's own account."""
    staff = show(actor, staff_id)
    _require(policies.can_change_roles(actor, staff_id), "不能更改自己的角色。")
    if any((g.role, g.office_id) == (wanted.role, wanted.office_id) for g in staff.grants):
        raise Conflict("这个账号已经有这个角色了。", code="role_held")
    _add_grant(actor, staff, wanted)
    db.session.refresh(staff, ["grants"])
    return staff


@transactional
def revoke(actor: Actor, staff_id: uuid.UUID, grant_id: uuid.UUID) -> StaffMember:
    """Take a role away; it ends with the holder's next request. Raises Conflict for the last administrator."""
    staff = show(actor, staff_id)
    _require(policies.can_change_roles(actor, staff_id), "不能更改自己的角色。")
    held = next((g for g in staff.grants if g.id == grant_id), None)
    if held is None:
        raise NotFound("没有找到这项角色，可能已经撤销。")
    if held.role is Role.ADMIN:
        _keep_an_administrator(without_grant=grant_id)
    held.revoked_at, held.revoked_by = clock.now(), actor.id
    audit.record(
        actor,
        "staff.role_revoked",
        "staff",
        staff_id,
        {"role": held.role.value, "office_id": held.office_id},
    )
    db.session.flush()
    db.session.refresh(staff, ["grants"])
    return staff


def _require_keeper(allowed: bool) -> None:
    """Refuse whoever does not keep all accounts, those among them whose old role is limited to one office."""
    if not allowed:
        raise Forbidden(
            "工作人员账号只由不限机构的系统管理员管理。",
            code="not_account_keeper",
            next_step="您的系统管理员角色如果限定在一个机构，请联系不限机构的系统管理员办理。",
        )


def _require(allowed: bool, message: str) -> None:
    if not allowed:
        raise Forbidden(message)


def _add_grant(actor: Actor, staff: StaffMember, wanted: GrantRequest) -> None:
    if wanted.role is Role.ADMIN and wanted.office_id is not None:
        # Whoever keeps accounts can make any other: a limit to one office would be none.
        raise Invalid(errors={"office_id": ["系统管理员管理全部账号，不能限定在一个机构。"]})
    if wanted.office_id is not None and not queries.office(wanted.office_id).is_open:
        raise Invalid(errors={"office_id": ["这个机构目前不在使用。"]})
    db.session.add(
        RoleGrant(
            staff_id=staff.id,
            role=wanted.role,
            office_id=wanted.office_id,
            granted_by=actor.id if actor.is_staff else None,
        )
    )
    db.session.flush()
    audit.record(
        actor,
        "staff.role_granted",
        "staff",
        staff.id,
        {"role": wanted.role.value, "office_id": wanted.office_id},
    )


def _keep_an_administrator(
    *, without: uuid.UUID | None = None, without_grant: uuid.UUID | None = None
) -> None:
    """Refuse what would leave nobody who can manage accounts; serialised, so that two cannot remove each other."""
    locks.serialise("staff-administrators")
    query = (
        select(func.count(func.distinct(StaffMember.id)))
        .join(RoleGrant, RoleGrant.staff_id == StaffMember.id)
        .where(
            StaffMember.state == StaffState.ACTIVE,
            RoleGrant.role == Role.ADMIN,
            RoleGrant.office_id.is_(None),
            RoleGrant.revoked_at.is_(None),
        )
    )
    if without is not None:
        query = query.where(StaffMember.id != without)
    if without_grant is not None:
        query = query.where(RoleGrant.id != without_grant)
    if not db.session.scalar(query):
        raise Conflict(
            "这是最后一个系统管理员，不能停用或撤销。",
            code="last_administrator",
            next_step="请先设立另一个系统管理员。",
        )


def _require_no_unit_of_work() -> None:
    if current() is not None:
        raise RuntimeError("hashing a password must not hold a transaction")
