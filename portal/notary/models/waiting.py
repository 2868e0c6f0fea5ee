"""The waiting list: who would like a seat that is not there yet."""

from __future__ import annotations

import uuid
from datetime import date, datetime

from sqlalchemy import CheckConstraint, Date, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from portal.core.db import (
    LabelledEnum,
    Model,
    PublicId,
    Timestamped,
    UTCDateTime,
    Versioned,
    enum_column,
)
from portal.notary.models.bookings import Priority
from portal.notary.models.offices import NotaryMatter


class WaitingState(LabelledEnum):
    """Where somebody on the list stands."""

    WAITING = "waiting", "排队中"
    OFFERED = "offered", "有号待确认"
    TAKEN = "taken", "已预约"
    DECLINED = "declined", "已谢绝"
    PASSED = "passed", "逾期未确认"
    LEFT = "left", "已退出"


class NotaryWaiting(PublicId, Timestamped, Versioned, Model):
    """A wish for a seat. The order of the list is the order of the ids, which grow with time."""

    __tablename__ = "notary_waiting"
    __table_args__ = (
        # Nobody stands in the list twice for one matter.
        Index(
            "one_place_in_the_list",
            "account_id",
            "matter_id",
            unique=True,
            sqlite_where=text("state IN ('waiting', 'offered')"),
            postgresql_where=text("state IN ('waiting', 'offered')"),
        ),
        Index(
            "ix_notary_waiting_waiting",
            "id",
            sqlite_where=text("state = 'waiting'"),
            postgresql_where=text("state = 'waiting'"),
        ),
        CheckConstraint("until_day >= from_day", name="range"),
        CheckConstraint("party_count BETWEEN 1 AND 20", name="parties"),
    )

    account_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("resident.id"))
    # None: any office.
    office_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("notary_office.id"))
    matter_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("notary_matter.id"))
    party_count: Mapped[int]
    priority: Mapped[Priority | None] = mapped_column(enum_column(Priority))
    from_day: Mapped[date] = mapped_column(Date)
    until_day: Mapped[date] = mapped_column(Date)
    state: Mapped[WaitingState] = mapped_column(
        enum_column(WaitingState, length=20), default=WaitingState.WAITING
    )
    offered_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    ended_at: Mapped[datetime | None] = mapped_column(UTCDateTime)

    matter: Mapped[NotaryMatter] = relationship(viewonly=True)
