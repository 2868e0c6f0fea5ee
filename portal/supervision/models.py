"""Tables of the register: deadlines, their lawful pauses, and the steps already taken for them."""

from __future__ import annotations

import uuid
from datetime import date, datetime

from sqlalchemy import CheckConstraint, Date, ForeignKey, Index, String, Uuid, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from portal.accounts.models import StaffMember
from portal.core.db import LabelledEnum, Model, PublicId, Timestamped, UTCDateTime, enum_column

_OPEN = text("state IN ('open', 'paused')")


class DeadlineState(LabelledEnum):
    """Running, stopped for a lawful reason, or over."""

    OPEN = "open", "计时中"
    PAUSED = "paused", "已暂停"
    MET = "met", "已完成"
    CANCELLED = "cancelled", "已取消"


class Deadline(PublicId, Timestamped, Model):
    """Something that must be done by a day or an hour.

    `due_raw` and `due_rolled` are local dates; for rules in hours both are the date of `due_at`.
    `due_at` is the lawful end: the moment for hours, else the last instant of `due_rolled`.
    `alarm_at` is the end that the responsible are warned by: that of `due_raw` for staff, `due_at`
    for residents. `next_step_at` is when the sweep has to look at it again.

    The subject is named without a foreign key: the register lies below the rooms whose subjects it
    watches.
    """

    __tablename__ = "deadline"
    __table_args__ = (
        Index(
            "uq_deadline_running",
            "subject_kind",
            "subject_id",
            "rule_id",
            unique=True,
            sqlite_where=_OPEN,
            postgresql_where=_OPEN,
        ),
        Index("ix_deadline_subject", "subject_kind", "subject_id"),
        Index("ix_deadline_sweep", "state", "next_step_at"),
        Index("ix_deadline_time_left", "state", "due_at", "id"),
        Index("ix_deadline_rule_met", "rule_id", "met_at"),
        Index("ix_deadline_responsible_staff", "responsible_staff_id"),
        CheckConstraint("due_rolled >= due_raw", name="rolled_after_raw"),
        CheckConstraint("(state = 'met') = (met_at IS NOT NULL)", name="met_has_time"),
        CheckConstraint("amount >= 0", name="amount_not_negative"),
    )

    rule_id: Mapped[str] = mapped_column(String(20))
    subject_kind: Mapped[str] = mapped_column(String(40))
    subject_id: Mapped[uuid.UUID] = mapped_column(Uuid)
    reference: Mapped[str | None] = mapped_column(String(40))
    office_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("office.id"))
    responsible_role: Mapped[str] = mapped_column(String(40))
    responsible_staff_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("staff_member.id"))
    amount: Mapped[int]
    starts_at: Mapped[datetime] = mapped_column(UTCDateTime)
    due_raw: Mapped[date] = mapped_column(Date)
    due_rolled: Mapped[date] = mapped_column(Date)
    due_at: Mapped[datetime] = mapped_column(UTCDateTime)
    alarm_at: Mapped[datetime] = mapped_column(UTCDateTime)
    provisional: Mapped[bool]
    state: Mapped[DeadlineState] = mapped_column(
        enum_column(DeadlineState), default=DeadlineState.OPEN
    )
    next_step_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    overdue_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    met_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    cancelled_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    cancel_reason: Mapped[str | None] = mapped_column(String(200))

    pauses: Mapped[list[DeadlinePause]] = relationship(
        back_populates="deadline",
        order_by="DeadlinePause.from_at",
        lazy="selectin",
        cascade="all, delete-orphan",
    )
    responsible_staff: Mapped[StaffMember | None] = relationship(lazy="select")
    steps: Mapped[list[DeadlineStep]] = relationship(
        order_by="DeadlineStep.done_at", lazy="selectin", cascade="all, delete-orphan"
    )

    @property
    def is_running(self) -> bool:
        """True while it is open or paused."""
        return self.state in (DeadlineState.OPEN, DeadlineState.PAUSED)


class DeadlinePause(PublicId, Model):
    """A time that does not count, with the reason and the basis for it. `to_at` is None while it
    lasts.
    """

    __tablename__ = "deadline_pause"
    __table_args__ = (
        CheckConstraint("to_at IS NULL OR to_at >= from_at", name="ends_after_start"),
        Index(
            "uq_deadline_pause_lasting",
            "deadline_id",
            unique=True,
            sqlite_where=text("to_at IS NULL"),
            postgresql_where=text("to_at IS NULL"),
        ),
    )

    deadline_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("deadline.id", ondelete="CASCADE"), index=True
    )
    from_at: Mapped[datetime] = mapped_column(UTCDateTime)
    to_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    reason: Mapped[str] = mapped_column(String(200))
    basis: Mapped[str] = mapped_column(String(200))

    deadline: Mapped[Deadline] = relationship(back_populates="pauses")


class DeadlineStep(Model):
    """A reminder, the alarm or the overdue mark, taken. The primary key lets each be taken once
    only.
    """

    __tablename__ = "deadline_step"

    deadline_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("deadline.id", ondelete="CASCADE"), primary_key=True
    )
    step: Mapped[str] = mapped_column(String(40), primary_key=True)
    done_at: Mapped[datetime] = mapped_column(UTCDateTime)
