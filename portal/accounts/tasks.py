"""What is no longer needed goes away by itself (个人信息保护法 19 and 47; rules 5.3 and 5.5)."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import delete, or_

from portal.accounts.models import AccountSession, ConsentRecord, SignInThrottle, SmsCode
from portal.accounts.operations.staff_sign_in import FORGET_AFTER
from portal.core import clock, jobs
from portal.core.db import db
from portal.core.jobs import JobRun

# The limit by day looks back 24 hours; after that a code's row serves nothing.
KEEP_CODES = timedelta(days=1)
# An ended session still tells its owner where they were signed in; the audit record keeps the rest.
KEEP_SESSIONS = timedelta(days=90)


def sweep(_run: JobRun | None = None) -> None:
    """Delete old codes, long-ended sessions, forgotten failures and consents past their time; inside a unit of work."""
    now = clock.now()
    db.session.execute(delete(SmsCode).where(SmsCode.created_at < now - KEEP_CODES))
    db.session.execute(
        delete(AccountSession).where(
            or_(
                AccountSession.expires_at < now - KEEP_SESSIONS,
                AccountSession.revoked_at < now - KEEP_SESSIONS,
            )
        )
    )
    db.session.execute(
        delete(SignInThrottle).where(
            SignInThrottle.updated_at < now - FORGET_AFTER,
            or_(SignInThrottle.locked_until.is_(None), SignInThrottle.locked_until < now),
        )
    )
    db.session.execute(delete(ConsentRecord).where(ConsentRecord.keep_until < clock.today()))


def register() -> None:
    """Have the worker sweep every hour."""
    jobs.job_handler("accounts.sweep")(sweep)
    jobs.periodic("accounts.sweep", timedelta(hours=1))
