"""Tables of the outbox."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from portal.core.db import (
    LabelledEnum,
    Model,
    PublicId,
    Timestamped,
    UTCDateTime,
    enum_column,
)
from portal.core.encryption import EncryptedJSON


class JobState(LabelledEnum):
    """Waiting (or leased), carried out, or given up."""

    PENDING = "pending", "待执行"
    DONE = "done", "已完成"
    DEAD = "dead", "多次失败，已停止"


class Job(PublicId, Timestamped, Model):
    """One piece of work. It is being worked on while `leased_until` lies ahead; there is no separate state for it."""

    __tablename__ = "job"
    __table_args__ = (
        Index("ix_job_due", "state", "run_at"),
        # At most one waiting job per key: "re-index article 7" asked for twice is done once.
        Index(
            "uq_job_waiting_key",
            "dedup_key",
            unique=True,
            sqlite_where=text("state = 'pending' AND dedup_key IS NOT NULL"),
            postgresql_where=text("state = 'pending' AND dedup_key IS NOT NULL"),
        ),
    )

    kind: Mapped[str] = mapped_column(String(80))
    payload: Mapped[Any] = mapped_column(EncryptedJSON("job.payload"), default=dict)
    dedup_key: Mapped[str | None] = mapped_column(String(200))
    state: Mapped[JobState] = mapped_column(enum_column(JobState), default=JobState.PENDING)
    run_at: Mapped[datetime] = mapped_column(UTCDateTime)
    attempts: Mapped[int] = mapped_column(default=0)
    max_attempts: Mapped[int] = mapped_column(default=10)
    # How often a worker died over it. Counted apart: a restart of the portal is not the job's failure.
    interruptions: Mapped[int] = mapped_column(default=0)
    leased_until: Mapped[datetime | None] = mapped_column(UTCDateTime)
    lease_owner: Mapped[str | None] = mapped_column(String(200))
    lease_token: Mapped[str | None] = mapped_column(String(32))
    last_error: Mapped[str | None] = mapped_column(Text)
    finished_at: Mapped[datetime | None] = mapped_column(UTCDateTime)


class WorkerHeartbeat(Model):
    """A running worker and when it last gave a sign."""

    __tablename__ = "worker_heartbeat"

    owner: Mapped[str] = mapped_column(String(200), primary_key=True)
    started_at: Mapped[datetime] = mapped_column(UTCDateTime)
    beat_at: Mapped[datetime] = mapped_column(UTCDateTime)
