"""Codes by SMS: sent under limits, guessed at most five times, used once."""

from __future__ import annotations

import hmac
import secrets
import uuid
from datetime import timedelta

from sqlalchemy import select, update

from portal.accounts.models import SmsCode, SmsPurpose
from portal.core import clock, jobs, locks
from portal.core.db import db, new_id, rows_changed
from portal.core.encryption import blind_index
from portal.core.errors import Conflict, Invalid, TooManyRequests
from portal.core.unit_of_work import current, transactional, unit_of_work

# Choices of the platform (D).
VALID_FOR = timedelta(minutes=5)
MOST_ATTEMPTS = 5
RESEND_AFTER = timedelta(seconds=60)
MOST_PER_HOUR = 5
MOST_PER_DAY = 10
# A code that arrives after it expired only confuses.
SEND_ATTEMPTS = 3
JOB = "notifications.sms_code"


class CodeWrong(Invalid):
    """Wrong, expired, used, guessed too often, or never sent: one answer for all of them."""

    code = "sms_code_wrong"
    message = "验证码不对，或者已经过期。"
    next_step = "请核对短信里的 6 位数字；连续输错 5 次或超过 5 分钟后，请重新获取验证码。"


def phone_index(phone: str) -> str:
    """Return the fingerprint by which a phone is found without being readable."""
    return blind_index("phone", phone)


def _mac(code_id: uuid.UUID, code: str) -> str:
    return blind_index("sms_code", f"{code_id}:{code}")


@transactional
def send(phone: str, purpose: SmsPurpose) -> None:
    """Send a fresh code to `phone` (normal form); an older one for the same purpose stops working.

    Does the same whether or not the phone belongs to anyone. Raises TooManyRequests over the limits by phone, which are
    counted here, under a lock, so that they hold across workers and without the general limiter.
    """
    index, now = phone_index(phone), clock.now()
    locks.serialise(f"sms:{index}")
    _respect_limits(index)
    db.session.execute(
        update(SmsCode)
        .where(
            SmsCode.phone_index == index, SmsCode.purpose == purpose, SmsCode.closed_at.is_(None)
        )
        .values(closed_at=now)
    )
    code, code_id = f"{secrets.randbelow(10**6):06d}", new_id()
    db.session.add(
        SmsCode(
            id=code_id,
            purpose=purpose,
            phone_index=index,
            code_mac=_mac(code_id, code),
            created_at=now,
            expires_at=now + VALID_FOR,
        )
    )
    jobs.enqueue(JOB, {"phone": phone, "code": code}, max_attempts=SEND_ATTEMPTS)


def _respect_limits(index: str) -> None:
    now = clock.now()
    rows = db.session.scalars(
        select(SmsCode.created_at)
        .where(SmsCode.phone_index == index, SmsCode.created_at > now - timedelta(days=1))
        .order_by(SmsCode.created_at.desc())
    ).all()
    for window, most in (
        (RESEND_AFTER, 1),
        (timedelta(hours=1), MOST_PER_HOUR),
        (timedelta(days=1), MOST_PER_DAY),
    ):
        inside = [sent for sent in rows if sent > now - window]
        if len(inside) >= most:
            free_at = inside[most - 1] + window
            raise TooManyRequests(
                "验证码获取太频繁了。",
                retry_after=int((free_at - now).total_seconds()) + 1,
                code="sms_code_limit",
                next_step="请稍等后再获取；如果一直收不到短信，请检查手机是否拦截了短信。",
            )


def check(phone: str, purpose: SmsPurpose, code: str, *, field: str = "code") -> uuid.UUID:
    """Count one attempt on the phone's code and compare; returns the code's id for `consume`. Raises CodeWrong.

    Must be called outside any unit of work: the attempt is committed before the refusal, or it would not count. The
    counter is a guarded UPDATE, so that parallel guesses together get five tries.
    """
    if current() is not None:
        raise RuntimeError("a refusal would take back the count of the attempt")
    with unit_of_work():
        found = _counted_attempt(phone, purpose, code)
    if found is None:
        raise CodeWrong(errors={field: [CodeWrong.message]})
    return found


def _counted_attempt(phone: str, purpose: SmsPurpose, code: str) -> uuid.UUID | None:
    now = clock.now()
    row = db.session.execute(
        update(SmsCode)
        .where(
            SmsCode.phone_index == phone_index(phone),
            SmsCode.purpose == purpose,
            SmsCode.closed_at.is_(None),
            SmsCode.expires_at > now,
            SmsCode.attempts < MOST_ATTEMPTS,
        )
        .values(attempts=SmsCode.attempts + 1)
        .returning(SmsCode.id, SmsCode.code_mac)
        .execution_options(synchronize_session=False)
    ).first()
    # The work is the same without a code, so that time tells nothing about the phone.
    code_id, expected = (row.id, row.code_mac) if row else (uuid.UUID(int=0), "0" * 64)
    same = hmac.compare_digest(_mac(code_id, code), expected)
    return code_id if row is not None and same else None


def consume(code_id: uuid.UUID) -> None:
    """Use up a checked code in the unit of work of what it allows; raises Conflict when another request was first."""
    result = db.session.execute(
        update(SmsCode)
        .where(SmsCode.id == code_id, SmsCode.closed_at.is_(None))
        .values(closed_at=clock.now())
    )
    if rows_changed(result) != 1:
        raise Conflict(
            "这个验证码刚刚已经用过了。",
            code="sms_code_used",
            next_step="如果不是您本人操作，请重新获取验证码。",
        )
