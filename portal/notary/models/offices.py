"""What can be booked and where: offices, matters, counters, and when they are open."""

from __future__ import annotations

import uuid
from datetime import date, datetime, time

from sqlalchemy import (
    JSON,
    CheckConstraint,
    Date,
    ForeignKey,
    Index,
    String,
    Text,
    Time,
    UniqueConstraint,
    Uuid,
    false,
)
from sqlalchemy.orm import Mapped, mapped_column, relationship

from portal.accounts.models import Office
from portal.core import clock
from portal.core.db import (
    LabelledEnum,
    Model,
    PublicId,
    Timestamped,
    UTCDateTime,
    Versioned,
    enum_column,
)

# A day's slots fit the bits of a signed 64-bit number, by which availability is computed.
MOST_SLOTS = 63


class Origin(LabelledEnum):
    """Where a matter's text comes from; what staff have edited is not overwritten by a file."""

    CONTENT = "content", "内容文件"
    STAFF = "staff", "工作人员编辑"


class Quota(LabelledEnum):
    """Whom a seat is kept for."""

    OPEN = "open", "面向所有人"
    PRIORITY = "priority", "留给老年人和残疾人"
    WALK_IN = "walk_in", "留给现场取号"


class ExceptionKind(LabelledEnum):
    """What is different on some days."""

    CLOSED = "closed", "停止办理"
    EXTRA = "extra", "加开时段"


class NotaryOffice(Timestamped, Versioned, Model):
    """An office of the district as a place where notarial matters are booked. Its id is that of the office.

    All figures are the office's own settings (D). Times are the district's wall clock.
    """

    __tablename__ = "notary_office"
    __table_args__ = (
        CheckConstraint("slot_minutes BETWEEN 10 AND 240", name="slot_length"),
        CheckConstraint(
            "lead_workdays >= 0 AND horizon_workdays BETWEEN 1 AND 120 "
            "AND horizon_workdays > lead_workdays",
            name="lead_before_horizon",
        ),
        CheckConstraint("hold_minutes BETWEEN 1 AND 60", name="hold_length"),
        CheckConstraint(
            "offer_minutes BETWEEN 5 AND 2880 AND move_offer_minutes BETWEEN 5 AND 20160",
            name="offer_length",
        ),
        CheckConstraint(
            "cool_off_least_minutes >= 0 AND cool_off_most_minutes >= cool_off_least_minutes "
            "AND cool_off_most_minutes <= 1440",
            name="cool_off_range",
        ),
        CheckConstraint(
            "person_limit >= 1 AND no_show_limit >= 1 AND no_show_months >= 1",
            name="limits",
        ),
        CheckConstraint(
            "make_up_weekday IS NULL OR make_up_weekday BETWEEN 0 AND 6", name="make_up_weekday"
        ),
    )

    id: Mapped[uuid.UUID] = mapped_column(ForeignKey("office.id"), primary_key=True)
    address: Mapped[str] = mapped_column(String(200))
    # The office's public telephone, empty while none was entered.
    phone: Mapped[str] = mapped_column(String(40), default="")
    # Where the day's grid of slots begins. Slots are counted from here, so that a change of hours moves none.
    grid_from: Mapped[time] = mapped_column(Time)
    slot_minutes: Mapped[int]
    # The first day that can be booked is this many working days after today; 0 means today.
    lead_workdays: Mapped[int]
    horizon_workdays: Mapped[int]
    open_on_holidays: Mapped[bool] = mapped_column(default=False)
    # Whose hours a make-up working day has (0 is Monday); None means that it stays closed.
    make_up_weekday: Mapped[int | None]
    # The last day of service of an office that closes for good.
    closes_on: Mapped[date | None] = mapped_column(Date)
    hold_minutes: Mapped[int]
    # How long an offer from the waiting list stands, and one made because the office changed its hours.
    offer_minutes: Mapped[int]
    move_offer_minutes: Mapped[int]
    cool_off_least_minutes: Mapped[int]
    cool_off_most_minutes: Mapped[int]
    person_limit: Mapped[int]
    no_show_limit: Mapped[int]
    no_show_months: Mapped[int]
    # How long after its time an appointment can first be marked as missed.
    no_show_grace_minutes: Mapped[int] = mapped_column(default=15, server_default="15")
    # True: each party needs a seat of its own; False: one booking takes one seat.
    seat_per_party: Mapped[bool] = mapped_column(default=True)
    # Up to which day slots have been made.
    slots_until: Mapped[date | None] = mapped_column(Date)

    office: Mapped[Office] = relationship(lazy="joined", viewonly=True)

    def not_yet_made(self, day: date) -> bool:
        """True for a day that has no slots yet: the job that makes them, and offers them first to who waits, is due."""
        return self.slots_until is not None and day > self.slots_until

    def seats_for(self, party_count: int) -> int:
        """How many seats of a time so many parties take."""
        return party_count if self.seat_per_party else 1

    @property
    def name(self) -> str:
        """The office's name."""
        return self.office.name


class NotaryMatter(PublicId, Timestamped, Versioned, Model):
    """A kind of notarial matter (rules 2.2). The checklist is a starting list until the office confirms it (rules 2.8, U)."""

    __tablename__ = "notary_matter"
    __table_args__ = (
        UniqueConstraint("code", name="uq_notary_matter_code"),
        CheckConstraint("minutes BETWEEN 5 AND 480", name="length"),
    )

    code: Mapped[str] = mapped_column(String(10))
    name: Mapped[str] = mapped_column(String(100))
    description: Mapped[str] = mapped_column(Text, default="")
    minutes: Mapped[int]
    # 公证法 26, 公证程序规则 11: the party must come in person, so nobody may act for them.
    in_person: Mapped[bool]
    agency_allowed: Mapped[bool]
    # 公证法 25(2): what concerns immovables goes to the place of the property, these matters excepted.
    general_place_for_immovables: Mapped[bool]
    for_organisations: Mapped[bool] = mapped_column(default=False)
    # What only a person can do or be, such as a will or being alive: no organisation is a party.
    persons_only: Mapped[bool] = mapped_column(default=False, server_default=false())
    checklist: Mapped[list[str]] = mapped_column(JSON)
    checklist_confirmed: Mapped[bool] = mapped_column(default=False)
    fee_note: Mapped[str] = mapped_column(Text, default="")
    position: Mapped[int] = mapped_column(default=0)
    active: Mapped[bool] = mapped_column(default=True)
    origin: Mapped[Origin] = mapped_column(enum_column(Origin), default=Origin.CONTENT)
    # Of the entry it was last loaded from, so that an unchanged file changes nothing.
    content_hash: Mapped[str] = mapped_column(String(64), default="")


class NotaryCounter(PublicId, Timestamped, Versioned, Model):
    """A place in an office where parties are served; `capacity` of them at the same time."""

    __tablename__ = "notary_counter"
    __table_args__ = (
        UniqueConstraint("office_id", "name", name="uq_notary_counter_office_name"),
        CheckConstraint("capacity BETWEEN 1 AND 50", name="capacity"),
        CheckConstraint(
            "kept_priority >= 0 AND kept_walk_in >= 0 AND kept_priority + kept_walk_in <= capacity",
            name="kept_within_capacity",
        ),
        CheckConstraint("active_until IS NULL OR active_until >= active_from", name="active_range"),
    )

    office_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("notary_office.id"))
    name: Mapped[str] = mapped_column(String(60))
    capacity: Mapped[int]
    # How many of the seats are kept, for elderly and disabled people and for those who come without a booking.
    kept_priority: Mapped[int] = mapped_column(default=0)
    kept_walk_in: Mapped[int] = mapped_column(default=0)
    # Codes of the matters served here; empty means all.
    matter_codes: Mapped[list[str]] = mapped_column(JSON, default=list)
    active_from: Mapped[date] = mapped_column(Date)
    active_until: Mapped[date | None] = mapped_column(Date)

    def in_use(self, day: date) -> bool:
        """True while the counter is set up: no longer once it is given up, whatever its hours."""
        return self.active_from <= day and (self.active_until is None or day <= self.active_until)

    def serves(self, code: str) -> bool:
        """True when the matter with this code is done here."""
        return not self.matter_codes or code in self.matter_codes

    def seats(self, quota: Quota) -> int:
        """Return how many of the seats belong to `quota`."""
        if quota is Quota.PRIORITY:
            return self.kept_priority
        if quota is Quota.WALK_IN:
            return self.kept_walk_in
        return self.capacity - self.kept_priority - self.kept_walk_in


class NotaryHours(PublicId, Model):
    """Weekly hours of an office, or of one counter; a counter with hours of its own does not keep the office's."""

    __tablename__ = "notary_hours"
    __table_args__ = (
        Index("ix_notary_hours_office_id", "office_id"),
        CheckConstraint("weekday BETWEEN 0 AND 6", name="weekday"),
        CheckConstraint("closes > opens", name="range"),
        CheckConstraint("valid_until IS NULL OR valid_until >= valid_from", name="validity"),
    )

    office_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("notary_office.id"))
    counter_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("notary_counter.id"))
    weekday: Mapped[int]
    opens: Mapped[time] = mapped_column(Time)
    closes: Mapped[time] = mapped_column(Time)
    valid_from: Mapped[date] = mapped_column(Date)
    valid_until: Mapped[date | None] = mapped_column(Date)


class NotaryException(PublicId, Timestamped, Versioned, Model):
    """Days on which an office or a counter is closed (wholly or for some hours), or open beyond its hours."""

    __tablename__ = "notary_exception"
    __table_args__ = (
        Index("ix_notary_exception_office_id_last_day", "office_id", "last_day"),
        CheckConstraint("last_day >= first_day", name="range"),
        CheckConstraint(
            "(opens IS NULL AND closes IS NULL) OR (opens IS NOT NULL AND closes > opens)",
            name="hours",
        ),
        CheckConstraint("kind <> 'extra' OR opens IS NOT NULL", name="extra_has_hours"),
    )

    office_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("notary_office.id"))
    counter_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("notary_counter.id"))
    kind: Mapped[ExceptionKind] = mapped_column(enum_column(ExceptionKind))
    first_day: Mapped[date] = mapped_column(Date)
    last_day: Mapped[date] = mapped_column(Date)
    opens: Mapped[time | None] = mapped_column(Time)
    closes: Mapped[time | None] = mapped_column(Time)
    # Shown to people.
    reason: Mapped[str] = mapped_column(String(100))
    entered_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("staff_member.id"))


class NotarySlot(Model):
    """The seats of one quota at one counter for one stretch of time. `claimed` counts the seats taken, held or cooling off.

    The check constraint is the last guard against selling a seat twice; the seats themselves are taken by one guarded
    statement (`operations/seats.py`).
    """

    __tablename__ = "notary_slot"
    __table_args__ = (
        UniqueConstraint(
            "counter_id", "starts_at", "quota", name="uq_notary_slot_counter_start_quota"
        ),
        CheckConstraint("claimed >= 0 AND claimed <= capacity", name="seats_within_capacity"),
        CheckConstraint(f"ordinal BETWEEN 0 AND {MOST_SLOTS - 1}", name="ordinal"),
        CheckConstraint("ends_at > starts_at", name="range"),
        Index("ix_notary_slot_day", "day"),
        # By which every process learns what has changed since it last looked (`queries/masks.py`).
        Index("ix_notary_slot_changed_at", "changed_at"),
    )

    id: Mapped[uuid.UUID] = mapped_column(Uuid, primary_key=True)
    counter_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("notary_counter.id"))
    # The local day, and the number of the slot on the office's grid of that day.
    day: Mapped[date] = mapped_column(Date)
    ordinal: Mapped[int]
    quota: Mapped[Quota] = mapped_column(enum_column(Quota, length=10))
    starts_at: Mapped[datetime] = mapped_column(UTCDateTime)
    ends_at: Mapped[datetime] = mapped_column(UTCDateTime)
    capacity: Mapped[int]
    claimed: Mapped[int] = mapped_column(default=0)
    is_open: Mapped[bool] = mapped_column(default=True)
    # Written by every statement that changes the row.
    changed_at: Mapped[datetime] = mapped_column(UTCDateTime, default=clock.now)

    counter: Mapped[NotaryCounter] = relationship(viewonly=True)
