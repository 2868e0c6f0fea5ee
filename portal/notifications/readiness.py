"""What `/readyz` says about SMS: which sender is in use, and how many messages wait longer than
they should.
"""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import func, select

from portal.config import settings
from portal.core import clock
from portal.core.db import db
from portal.core.jobs import Job, JobState
from portal.notifications.delivery import SMS_CODE
from portal.notifications.operations import DELIVER
from portal.observability import health

_LATE = timedelta(minutes=10)


def register() -> None:
    """Add the entry. Optional: without SMS the portal still serves."""
    health.readiness.register("sms", check, required=False)


def check() -> health.Report:
    """Report the sender and what is overdue. Postponed messages are not: their job is due later."""
    late = db.session.scalar(
        select(func.count())
        .select_from(Job)
        .where(
            Job.kind.in_([DELIVER, SMS_CODE]),
            Job.state == JobState.PENDING,
            Job.created_at < clock.now() - _LATE,
            Job.run_at < clock.now(),
        )
    )
    name = "短信网关" if settings().sms_sender == "http" else "替身（写入日志，不发送）"
    if late:
        return health.Report(ok=False, detail=f"短信通道：{name}；有 {late} 条超过十分钟没有发出。")
    return health.Report(ok=True, detail=f"短信通道：{name}；没有积压。")
