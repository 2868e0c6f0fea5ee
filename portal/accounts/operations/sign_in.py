"""Residents sign in with a phone and a code.

Several people may share one phone (rules 8.5), so a phone may have several accounts.
"""

from __future__ import annotations

import hmac
import math
import uuid
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import case, delete, or_, select
from sqlalchemy.dialects import postgresql, sqlite

from portal.accounts import privacy_notice, queries
from portal.accounts.identity.documents import normalise_number
from portal.accounts.models import (
    AccountSession,
    ConsentKind,
    ConsentRecord,
    Resident,
    ResidentState,
    SessionEnd,
    SessionKind,
    SignInThrottle,
    SmsPurpose,
)
from portal.accounts.operations import sessions, sms_codes
from portal.accounts.operations.sessions import IssuedToken
from portal.audit import operations as audit
from portal.core import clock
from portal.core.actor import Actor, ActorKind
from portal.core.db import db, is_sqlite
from portal.core.encryption import blind_index
from portal.core.errors import Conflict, Invalid, NotFound, TooManyRequests, WrongState
from portal.core.unit_of_work import transactional, unit_of_work

MOST_ACCOUNTS_PER_PHONE = 5
# The code has proved the phone; for this long the same proof opens the phone's other accounts (D).
SWITCH_WITHIN = timedelta(minutes=10)
# Operators give the number of a closed contract to somebody else. An account that was left alone for so long asks for more
# than the phone before it shows what the former holder wrote (D).
DORMANT_AFTER = timedelta(days=90)
ENDING_LENGTH = 4
# So many wrong endings a day, whichever way they were given (D).
MOST_ENDINGS = 5
ENDINGS_FORGOTTEN_AFTER = timedelta(days=1)


@dataclass(frozen=True)
class SignedIn:
    """A fresh session, and the other accounts of the phone among which the person may choose."""

    token: IssuedToken
    resident: Resident
    others: list[Resident]
    is_new: bool = False


def sign_in(
    phone: str,
    code: str,
    *,
    accepted_notice: str | None,
    new_account: bool = False,
    document_ending: str | None = None,
) -> SignedIn:
    """Check the code, then sign in to the phone's account last used, or make one.

    Raises CodeWrong (the attempt counts), Invalid `notice_not_accepted` or `confirm_document` (the code stays good, so that
    the person can send it again with what was missing), Conflict when the code was used meanwhile.
    """
    code_id = sms_codes.check(phone, SmsPurpose.SIGN_IN, code)
    with unit_of_work():
        accounts = accounts_of(phone)
        is_new = new_account or not accounts
        if is_new and len(accounts) >= MOST_ACCOUNTS_PER_PHONE:
            raise Conflict(
                f"一个手机号最多开 {MOST_ACCOUNTS_PER_PHONE} 个账号。",
                code="too_many_accounts",
                next_step="请登录已有的账号，或换一个手机号。",
            )
        resident = Resident(phone=phone, phone_index=sms_codes.phone_index(phone))
        if not is_new:
            resident = accounts[0]
            _confirm_holder(resident, document_ending)
        accepted = None if is_new else queries.accepted_notice_version(resident.id)
        if accepted != privacy_notice.current_version():
            _require_current(accepted_notice)
        sms_codes.consume(code_id)
        if is_new:
            db.session.add(resident)
            db.session.flush()
        token, actor = _open_session(resident)
        if is_new:
            audit.record(actor, "resident.created", "resident", resident.id)
        if accepted != privacy_notice.current_version():
            record_consent(actor, resident.id, ConsentKind.PRIVACY_NOTICE)
        audit.record(actor, "resident.signed_in", "resident", resident.id)
    others = [account for account in accounts if account.id != resident.id]
    return SignedIn(token, resident, others, is_new)


def is_dormant(resident: Resident) -> bool:
    """True when nobody has signed in for so long that the phone may have another holder."""
    last = resident.last_sign_in_at
    return last is not None and last <= clock.now() - DORMANT_AFTER


def _confirm_holder(resident: Resident, document_ending: str | None) -> None:
    """Refuse to open a long unused account with a real name by the phone alone.

    A wrong ending counts against the account, whichever way it was given, and the count outlives the refusal: four
    characters are soon guessed. Raises Invalid, and TooManyRequests after MOST_ENDINGS wrong ones in a day.
    """
    if not (is_dormant(resident) and resident.has_real_name):
        return
    refusal = Invalid(
        "这个账号很久没有登录了，请再确认一下是您本人。",
        code="confirm_document",
        next_step="请填写实名证件号码的最后四位；如果这个账号不是您的，请选择“新开账号”。",
        errors={"document_ending": ["请填写实名证件号码的最后四位。"]},
    )
    given = normalise_number(document_ending or "")
    if not given:
        raise refusal
    index = blind_index("resident.document_ending", str(resident.id))
    _count_ending(index)
    expected = (resident.document_number or "")[-ENDING_LENGTH:]
    if not hmac.compare_digest(expected.encode(), given.encode()):
        raise refusal.keeping()
    db.session.execute(delete(SignInThrottle).where(SignInThrottle.name_index == index))


def _count_ending(index: str) -> None:
    """Count one ending as wrong in advance, in one guarded statement; raises TooManyRequests when there were too many."""
    now, table = clock.now(), SignInThrottle
    old = table.updated_at <= now - ENDINGS_FORGOTTEN_AFTER
    dialect = sqlite if is_sqlite() else postgresql
    counted = db.session.execute(
        dialect.insert(table)
        .values(name_index=index, failures=1, updated_at=now)
        .on_conflict_do_update(
            index_elements=["name_index"],
            set_={"failures": case((old, 1), else_=table.failures + 1), "updated_at": now},
            where=or_(old, table.failures < MOST_ENDINGS),
        )
        .returning(table.failures)
    ).scalar_one_or_none()
    if counted is None:
        last = db.session.scalar(select(table.updated_at).where(table.name_index == index)) or now
        rest = last + ENDINGS_FORGOTTEN_AFTER - now
        raise TooManyRequests(
            "证件号码填错的次数太多，这个账号暂时不能再试。",
            retry_after=math.ceil(rest.total_seconds()),
            code="document_locked",
            next_step=f"请 {_said(rest)}后再试，或者带身份证件到服务窗口办理；"
            "如果这个账号不是您的，请选择“新开账号”。",
        )


def _said(rest: timedelta) -> str:
    """Return a span as a person says it, rounded up so that nobody comes back too early."""
    minutes = max(1, math.ceil(rest / timedelta(minutes=1)))
    return f"{minutes} 分钟" if minutes <= 60 else f"{math.ceil(minutes / 60)} 小时"


@transactional
def switch(actor: Actor, resident_id: uuid.UUID, document_ending: str | None = None) -> SignedIn:
    """Go on as another account of the same phone, shortly after signing in; the caller's session ends.

    Raises NotFound for an account of another phone, WrongState when the proof of the phone is too old.
    """
    me = queries.resident(actor.own_id)
    session = db.session.get(AccountSession, actor.session_id)
    accounts = accounts_of(me.phone) if me.phone else []
    chosen = next((account for account in accounts if account.id == resident_id), None)
    if chosen is None or chosen.id == me.id:
        raise NotFound("没有找到这个手机号下的另一个账号。")
    if session is None or session.created_at <= clock.now() - SWITCH_WITHIN:
        raise WrongState(
            "登录已经超过 10 分钟，不能直接切换账号。",
            code="sign_in_too_old",
            next_step="请用验证码重新登录后再切换。",
        )
    _confirm_holder(chosen, document_ending)
    token, new_actor = _open_session(chosen)
    session.revoked_at, session.revoke_reason = clock.now(), SessionEnd.SIGNED_OUT
    audit.record(new_actor, "resident.switched", "resident", chosen.id, {"from": me.id})
    return SignedIn(token, chosen, others=[a for a in accounts if a.id != chosen.id])


def accounts_of(phone: str) -> list[Resident]:
    """Return the open accounts of a phone, the one last used first."""
    return list(
        db.session.scalars(
            select(Resident)
            .where(
                Resident.phone_index == sms_codes.phone_index(phone),
                Resident.state == ResidentState.ACTIVE,
            )
            .order_by(Resident.last_sign_in_at.desc().nulls_last(), Resident.id)
        )
    )


def record_consent(actor: Actor, resident_id: uuid.UUID, kind: ConsentKind) -> None:
    """Record that the resident agreed to `kind` under the present notice, now; inside a unit of work."""
    version = privacy_notice.current_version()
    db.session.add(ConsentRecord(resident_id=resident_id, kind=kind, version_text=version))
    audit.record(
        actor,
        "resident.consented",
        "resident",
        resident_id,
        {"kind": kind.value, "version": version},
    )


@transactional
def accept_notice(actor: Actor, version: str) -> None:
    """Record acceptance of the present notice; raises Invalid when `version` is not the present one."""
    _require_current(version)
    sessions.require_active(actor)
    resident = queries.resident(actor.own_id)
    if queries.accepted_notice_version(resident.id) != version:
        record_consent(actor, resident.id, ConsentKind.PRIVACY_NOTICE)


def _require_current(version: str | None) -> None:
    if version != privacy_notice.current_version():
        raise Invalid(
            "请先阅读并同意现行的个人信息处理告知。",
            code="notice_not_accepted",
            next_step="请打开告知（/api/v1/privacy-notice）阅读，同意后带上它的版本号重新提交；验证码还可以用。",
            errors={"accepted_notice": ["请填写您同意的告知的版本号。"]},
        )


def _open_session(resident: Resident) -> tuple[IssuedToken, Actor]:
    resident.last_sign_in_at = clock.now()
    token = sessions.issue(SessionKind.RESIDENT, resident.id)
    return token, Actor(ActorKind.RESIDENT, resident.id, token.session_id)
