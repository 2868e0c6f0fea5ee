"""Tables: one row per year whose notice is known, and one per day of it."""

from __future__ import annotations

import uuid
from datetime import date, datetime

from sqlalchemy import CheckConstraint, Date, ForeignKey, String, Uuid
from sqlalchemy.orm import Mapped, mapped_column

from portal.core.db import Model, Timestamped, UTCDateTime, Versioned, enum_column, new_id
from portal.working_days.calendar import DayKind, YearState


class CalendarYear(Versioned, Timestamped, Model):
    """A year's table: where it comes from, and who published it when (None: loaded with the
    portal).
    """

    __tablename__ = "calendar_year"

    year: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    state: Mapped[YearState] = mapped_column(enum_column(YearState))
    source: Mapped[str] = mapped_column(String(200))
    # New with every change of the table: by it the other processes see that their copy is old.
    revision: Mapped[uuid.UUID] = mapped_column(Uuid, default=new_id)
    published_by: Mapped[uuid.UUID | None] = mapped_column(Uuid)
    published_at: Mapped[datetime | None] = mapped_column(UTCDateTime)

    @property
    def id(self) -> uuid.UUID:
        """The year as a public id, for the ETag and the audit record."""
        return year_id(self.year)


class CalendarDay(Model):
    """One day as the notice for `notice_year` sets it.

    A notice has every day of its year, and may move days of the December before; there the later
    notice prevails.
    """

    __tablename__ = "calendar_day"
    __table_args__ = (
        CheckConstraint("is_workday = (kind IN ('workday', 'moved_work'))", name="workday_by_kind"),
    )

    date: Mapped[date] = mapped_column(Date, primary_key=True)
    is_workday: Mapped[bool]
    kind: Mapped[DayKind] = mapped_column(enum_column(DayKind))
    name: Mapped[str] = mapped_column(String(40), default="")
    source: Mapped[str] = mapped_column(String(200))
    notice_year: Mapped[int] = mapped_column(
        ForeignKey("calendar_year.year", ondelete="CASCADE"), primary_key=True, index=True
    )


def year_id(year: int) -> uuid.UUID:
    """Return the public id of a calendar year."""
    return uuid.UUID(int=year)
