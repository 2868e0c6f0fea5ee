"""Staff sign in with user name, password and one-time password; failures are counted by name before anything is compared.

None of these functions may run inside a caller's unit of work: a refusal must not take back the count that led to it.
"""

from __future__ import annotations

import unicodedata
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NoReturn

from sqlalchemy import case, delete, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from portal.accounts import passwords, queries, totp
from portal.accounts.models import (
    AccountSession,
    SessionEnd,
    SessionKind,
    SignInThrottle,
    StaffMember,
)
from portal.accounts.operations import sessions
from portal.accounts.operations.sessions import IssuedToken
from portal.audit import operations as audit
from portal.core import clock
from portal.core.actor import ANONYMOUS, Actor, ActorKind
from portal.core.db import db, is_sqlite, rows_changed
from portal.core.encryption import blind_index
from portal.core.errors import Invalid, TooManyRequests, Unauthenticated
from portal.core.unit_of_work import current, unit_of_work

# Choices of the platform (D): five free tries, then a wait that doubles with each further one.
FREE_FAILURES = 5
FIRST_WAIT = timedelta(minutes=1)
LONGEST_WAIT = timedelta(hours=1)
FORGET_AFTER = timedelta(days=1)


class SignInRefused(Invalid):
    """Unknown name, wrong password, wrong or used one-time password, closed account: one answer for all of them."""

    code = "sign_in_refused"
    message = "用户名、密码或动态口令不对。"
    next_step = (
        "请核对后重试；动态口令每 30 秒更换，用过的不能再用。忘记密码请联系本单位的管理员重置。"
    )


@dataclass(frozen=True)
class StaffSignIn:
    """A session, or, at the first sign-in, a setup token with what is still to be done."""

    staff: StaffMember
    token: IssuedToken | None = None
    setup: IssuedToken | None = None
    must_change_password: bool = False
    must_enrol_totp: bool = False
    provisioning_uri: str | None = None
    totp_secret: str | None = None


def normalise_user_name(text: str) -> str:
    """Return the form in which user names are stored and compared."""
    return unicodedata.normalize("NFKC", text).strip().casefold()


def sign_in(user_name: str, password: str, code: str | None) -> StaffSignIn:
    """Check all three and open a session.

    An account that still has its first password, or no one-time password yet, gets a setup token instead, which opens
    nothing but `complete_setup`. Raises SignInRefused, TooManyRequests while the name is locked, Unavailable when too many
    sign-ins wait.
    """
    _require_no_unit_of_work()
    name = normalise_user_name(user_name)
    failures = _count_attempt(name)
    staff = db.session.scalar(select(StaffMember).where(StaffMember.user_name == name))
    stored = staff.password_hash if staff is not None and staff.is_active else None
    if not passwords.verify(stored, password) or staff is None:
        _refuse(staff, "password", failures)
    if staff.totp_enrolled_at is not None and not _use_totp(staff, code):
        _refuse(staff, "totp", failures)
    fresh = passwords.hash_password(password) if passwords.needs_rehash(stored or "") else None
    with unit_of_work():
        _forget(name)
        _still_in_service(staff, stored)
        if fresh is not None:
            staff.password_hash = fresh
        if staff.needs_setup:
            return _begin_setup(staff)
        return StaffSignIn(staff, token=_open_session(staff, "staff.signed_in"))


def _still_in_service(staff: StaffMember, verified: str | None) -> None:
    """Raise SignInRefused when the account was deactivated, or given another password than the one that was `verified`.

    Verifying takes a good part of a second, in which an administrator may have reset what was stolen.
    """
    db.session.refresh(staff, with_for_update=True)
    if not staff.is_active or staff.password_hash != verified:
        raise SignInRefused


def _begin_setup(staff: StaffMember) -> StaffSignIn:
    enrol = staff.totp_enrolled_at is None
    if enrol and staff.totp_secret is None:
        staff.totp_secret = totp.new_secret()
    # One setup at a time: a second first sign-in replaces the first.
    db.session.execute(
        update(AccountSession)
        .where(
            AccountSession.staff_id == staff.id,
            AccountSession.kind == SessionKind.STAFF_SETUP,
            AccountSession.revoked_at.is_(None),
        )
        .values(revoked_at=clock.now(), revoke_reason=SessionEnd.SIGNED_OUT)
    )
    ticket = sessions.issue(SessionKind.STAFF_SETUP, staff.id)
    audit.record(_as(staff), "staff.setup_begun", "staff", staff.id)
    secret = staff.totp_secret if enrol else None
    return StaffSignIn(
        staff,
        setup=ticket,
        must_change_password=staff.must_change_password,
        must_enrol_totp=enrol,
        totp_secret=secret,
        provisioning_uri=totp.provisioning_uri(secret, staff.user_name) if secret else None,
    )


def complete_setup(setup_token: str, new_password: str, code: str | None) -> StaffSignIn:
    """Set the person's own password and enrol the one-time password; returns a session.

    Raises Unauthenticated for a setup token that is unknown, used or expired; Invalid for a weak or unchanged password or a
    wrong code.
    """
    _require_no_unit_of_work()
    ticket = db.session.scalar(
        select(AccountSession).where(
            AccountSession.token_hash == sessions.hash_token(setup_token),
            AccountSession.kind == SessionKind.STAFF_SETUP,
            AccountSession.revoked_at.is_(None),
            AccountSession.expires_at > clock.now(),
        )
    )
    if ticket is None or ticket.staff_id is None:
        raise Unauthenticated("首次登录的设置已经过期。", next_step="请重新用用户名和密码登录。")
    staff = queries.staff_member(ticket.staff_id)
    present = staff.password_hash
    _require_new_password(staff, new_password)
    step = None
    if staff.totp_enrolled_at is None:
        step = totp.matching_step(staff.totp_secret or "", code or "")
        if step is None:
            raise Invalid(
                code="totp_wrong",
                errors={"totp_code": ["动态口令不对，请用认证器应用扫描后显示的 6 位数字。"]},
            )
    fresh = passwords.hash_password(new_password)
    with unit_of_work():
        _still_in_service(staff, present)
        used = db.session.execute(
            update(AccountSession)
            .where(AccountSession.id == ticket.id, AccountSession.revoked_at.is_(None))
            .values(revoked_at=clock.now(), revoke_reason=SessionEnd.USED)
        )
        if rows_changed(used) != 1:
            raise Unauthenticated("首次登录的设置已经完成或过期。", next_step="请重新登录。")
        staff.password_hash, staff.must_change_password = fresh, False
        staff.password_changed_at = clock.now()
        if step is not None:
            staff.totp_enrolled_at, staff.totp_last_step = clock.now(), step
        sessions.end_staff_sessions(staff.id, SessionEnd.PASSWORD_CHANGED)
        token = _open_session(staff, "staff.setup_completed")
    return StaffSignIn(staff, token=token)


def change_password(actor: Actor, current_password: str, new_password: str) -> int:
    """Change the caller's password; all their other sessions end. Returns how many ended.

    The present password counts as a sign-in attempt, so that a stolen token cannot be used to guess it.
    """
    _require_no_unit_of_work()
    staff = queries.staff_member(actor.own_id)
    passwords.check_rules(new_password, staff.user_name)
    failures = _count_attempt(staff.user_name)
    present = staff.password_hash
    if not passwords.verify(present, current_password):
        _record_failure(staff, "password", failures)
        raise Invalid(
            code="wrong_password", errors={"current_password": ["现在的密码不对，请核对。"]}
        )
    _require_new_password(staff, new_password)
    fresh = passwords.hash_password(new_password)
    with unit_of_work():
        _forget(staff.user_name)
        _still_in_service(staff, present)
        staff.password_hash, staff.password_changed_at = fresh, clock.now()
        ended = sessions.end_staff_sessions(
            staff.id, SessionEnd.PASSWORD_CHANGED, keep=actor.session_id
        )
        audit.record(actor, "staff.password_changed", "staff", staff.id, {"sessions_ended": ended})
    return ended


def _require_new_password(staff: StaffMember, password: str) -> None:
    passwords.check_rules(password, staff.user_name)
    if passwords.verify(staff.password_hash, password):
        raise Invalid(
            code="weak_password", errors={"new_password": ["新密码不能与现在的密码相同。"]}
        )


def _open_session(staff: StaffMember, action: str) -> IssuedToken:
    staff.last_sign_in_at = clock.now()
    token = sessions.issue(SessionKind.STAFF, staff.id)
    audit.record(_as(staff, token.session_id), action, "staff", staff.id)
    return token


def _as(staff: StaffMember, session_id: uuid.UUID | None = None) -> Actor:
    return Actor(ActorKind.STAFF, staff.id, session_id)


def _use_totp(staff: StaffMember, code: str | None) -> bool:
    """Use up the code's step; a code that was accepted once, or an older one, is refused by the guard."""
    step = totp.matching_step(staff.totp_secret or "", code or "")
    if step is None:
        return False
    with unit_of_work():
        used = db.session.execute(
            update(StaffMember)
            .where(
                StaffMember.id == staff.id,
                or_(StaffMember.totp_last_step.is_(None), StaffMember.totp_last_step < step),
            )
            .values(totp_last_step=step, updated_at=StaffMember.updated_at)
            .execution_options(synchronize_session=False)
        )
    return rows_changed(used) == 1


def _index(name: str) -> str:
    return blind_index("staff.user_name", name)


def _count_attempt(name: str) -> int:
    """Count one attempt as failed in advance and commit; returns how many in a row. Raises TooManyRequests while locked.

    One guarded statement, so that parallel guesses get no more tries than one after the other.
    """
    now, index = clock.now(), _index(name)
    dialect = sqlite if is_sqlite() else postgresql
    table = SignInThrottle
    counted = case((table.updated_at < now - FORGET_AFTER, 1), else_=table.failures + 1)
    statement = (
        dialect.insert(table)
        .values(name_index=index, failures=1, updated_at=now)
        .on_conflict_do_update(
            index_elements=["name_index"],
            set_={"failures": counted, "updated_at": now},
            where=or_(table.locked_until.is_(None), table.locked_until <= now),
        )
        .returning(table.failures)
    )
    locked_until: datetime | None = None
    with unit_of_work():
        failures = db.session.execute(statement).scalar_one_or_none()
        if failures is None:
            locked_until = db.session.scalar(
                select(table.locked_until).where(table.name_index == index)
            )
        elif failures >= FREE_FAILURES:
            db.session.execute(
                update(table)
                .where(table.name_index == index)
                .values(locked_until=now + wait_after(failures))
            )
    if failures is None:
        rest = (locked_until or now) - now
        raise TooManyRequests(
            "登录失败次数太多，暂时不能登录。",
            retry_after=int(rest.total_seconds()) + 1,
            code="sign_in_locked",
            next_step="请等待后再试；忘记密码请联系本单位的管理员重置。",
        )
    return int(failures)


def wait_after(failures: int) -> timedelta:
    """Return how long a name is locked after so many failures in a row."""
    if failures < FREE_FAILURES:
        return timedelta(0)
    return min(FIRST_WAIT * 2 ** min(failures - FREE_FAILURES, 20), LONGEST_WAIT)


def _forget(name: str) -> None:
    db.session.execute(delete(SignInThrottle).where(SignInThrottle.name_index == _index(name)))


def unlock(name: str) -> None:
    """Forget the failures of a user name; inside a unit of work (an administrator's reset)."""
    _forget(name)


def _record_failure(staff: StaffMember | None, reason: str, failures: int) -> None:
    with unit_of_work():
        audit.record(
            ANONYMOUS,
            "staff.sign_in_failed",
            "staff",
            None if staff is None else staff.id,
            {"reason": reason, "failures": failures, "locked": failures >= FREE_FAILURES},
        )


def _refuse(staff: StaffMember | None, reason: str, failures: int) -> NoReturn:
    _record_failure(staff, reason, failures)
    raise SignInRefused


def _require_no_unit_of_work() -> None:
    if current() is not None:
        raise RuntimeError("a refusal would take back the count of the attempt")
