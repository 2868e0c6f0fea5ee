"""Bookings: the seats they have, who comes, and everything that happened to them."""

from __future__ import annotations

import uuid
from datetime import date, datetime
from typing import Any

from sqlalchemy import (
    CheckConstraint,
    Date,
    ForeignKey,
    Index,
    String,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column, relationship

from portal.accounts.models import ContactSafety, DocumentType
from portal.accounts.models.residents import ADULT_AGE, age_on
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
from portal.core.encryption import EncryptedJSON, EncryptedText
from portal.notary.models.offices import NotaryMatter, NotaryOffice, NotarySlot, Quota

SUBJECT_KIND = "notary_booking"

# What those are called who act for a party.
GUARDIAN, AGENT = "监护人", "代理人"


class BookingState(LabelledEnum):
    """Where a booking stands (rules 2.9, with the platform's own steps before confirmation)."""

    HELD = "held", "保留中"
    OFFERED = "offered", "待您确认的号源"
    CONFIRMED = "confirmed", "预约成功"
    CHECKED_IN = "checked_in", "已签到"
    ACCEPTED = "accepted", "已受理"
    NOT_ACCEPTED = "not_accepted", "未受理"
    CANCELLED = "cancelled", "已取消"
    NO_SHOW = "no_show", "未到场"
    # They were there and went away before anything was decided: no missed appointment.
    LEFT = "left", "到场后离开"
    EXPIRED = "expired", "保留已过期"
    RELEASED = "released", "已放弃"


class ConnectionBasis(LabelledEnum):
    """Why this office is competent (公证法 25; rules 2.4)."""

    DOMICILE = "domicile", "住所地"
    HABITUAL = "habitual", "经常居住地"
    ACT = "act", "行为地"
    FACT = "fact", "事实发生地"
    PROPERTY = "property", "不动产所在地"


class Priority(LabelledEnum):
    """Why the kept seats may be used."""

    ELDERLY = "elderly", "老年人"
    DISABLED = "disabled", "残疾人"


class PartyKind(LabelledEnum):
    """A person or an organisation."""

    PERSON = "person", "个人"
    ORGANISATION = "organisation", "单位"


class AppealState(LabelledEnum):
    """Whether somebody disputes that they did not come."""

    NONE = "none", "未申诉"
    OPEN = "open", "申诉中"
    GRANTED = "granted", "申诉成立"
    DENIED = "denied", "申诉不成立"


class DeskChannel(LabelledEnum):
    """How somebody asks the office to do a step for them. No text: it stays in the audit record."""

    PHONE = "phone", "来电"
    IN_PERSON = "in_person", "到窗口"


class ToldBy(LabelledEnum):
    """How staff told somebody whom no message could reach. No text: it stays in the audit record."""

    PHONE = "phone", "打电话"
    IN_PERSON = "in_person", "当面"
    REPRESENTATIVE = "representative", "通过代理人或者监护人"
    LETTER = "letter", "寄信"
    VISIT = "visit", "上门"


class CorrectionReason(LabelledEnum):
    """Why something that was written down is put right. No text: the reason stays in the audit record."""

    MISTAKEN = "mistaken", "填写或者操作有误"
    WRONG_PERSON = "wrong_person", "对错了人"
    CHANGED = "changed", "姓名或者证件有变更"
    RECHECKED = "rechecked", "重新核对后情况不同"


# Bookings that stand for somebody who is expected or present; their parties count.
ACTIVE_STATES = (BookingState.CONFIRMED, BookingState.CHECKED_IN)
# Bookings whose seats are kept only until a moment.
PENDING_STATES = (BookingState.HELD, BookingState.OFFERED)


class NotaryBooking(PublicId, Timestamped, Versioned, Model):
    """An appointment, from the first hold of a seat on. It is not yet an acceptance (公证法 27 to 29; rules 2.1)."""

    __tablename__ = "notary_booking"
    __table_args__ = (
        # One hold per account: nobody keeps several seats to choose from.
        Index(
            "one_hold_per_account",
            "account_id",
            unique=True,
            sqlite_where=text("state = 'held'"),
            postgresql_where=text("state = 'held'"),
        ),
        # One offer per waiting entry, and one other time per booking that the office cannot keep.
        Index(
            "one_offer_per_waiting_entry",
            "waiting_id",
            unique=True,
            sqlite_where=text("state = 'offered'"),
            postgresql_where=text("state = 'offered'"),
        ),
        Index(
            "one_other_time_per_booking",
            "replaces_id",
            unique=True,
            sqlite_where=text("state = 'offered'"),
            postgresql_where=text("state = 'offered'"),
        ),
        UniqueConstraint("reference", name="uq_notary_booking_reference"),
        UniqueConstraint("check_in_code", name="uq_notary_booking_check_in_code"),
        Index("ix_notary_booking_account_id_id", "account_id", "id"),
        Index("ix_notary_booking_office_id_day_state", "office_id", "day", "state"),
        # What the sweep looks for.
        Index(
            "ix_notary_booking_kept_until",
            "kept_until",
            sqlite_where=text("kept_until IS NOT NULL"),
            postgresql_where=text("kept_until IS NOT NULL"),
        ),
        Index(
            "ix_notary_booking_untold_since",
            "untold_since",
            sqlite_where=text("untold_since IS NOT NULL"),
            postgresql_where=text("untold_since IS NOT NULL"),
        ),
        CheckConstraint(
            "(state IN ('held', 'offered')) = (kept_until IS NOT NULL)", name="kept_while_pending"
        ),
        CheckConstraint(
            "state IN ('held', 'offered', 'expired', 'released') OR reference IS NOT NULL",
            name="confirmed_has_reference",
        ),
        CheckConstraint("party_count BETWEEN 1 AND 20 AND seats >= 1", name="seats"),
        CheckConstraint("account_id IS NULL OR booked_by_id IS NULL", name="booked_once"),
    )

    reference: Mapped[str | None] = mapped_column(String(24))
    # Shown at the desk; random, of signs that are not mistaken for each other.
    check_in_code: Mapped[str | None] = mapped_column(String(12))
    # Null once the account is deleted: the office keeps the figures, not the person. Null as well where the office booked.
    account_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("resident.id"))
    # Who of the office booked for somebody without an account.
    booked_by_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("staff_member.id"))
    office_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("notary_office.id"))
    matter_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("notary_matter.id"))
    counter_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("notary_counter.id"))
    state: Mapped[BookingState] = mapped_column(enum_column(BookingState, length=20))
    day: Mapped[date] = mapped_column(Date)
    starts_at: Mapped[datetime] = mapped_column(UTCDateTime)
    ends_at: Mapped[datetime] = mapped_column(UTCDateTime)
    quota: Mapped[Quota] = mapped_column(enum_column(Quota, length=10))
    party_count: Mapped[int]
    # How many seats of each of its slots it takes.
    seats: Mapped[int]
    # Until when the seats of a hold or an offer are kept.
    kept_until: Mapped[datetime | None] = mapped_column(UTCDateTime)
    waiting_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("notary_waiting.id"))
    # The booking to which this offer is another time.
    replaces_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("notary_booking.id"))

    priority: Mapped[Priority | None] = mapped_column(enum_column(Priority))
    connection_basis: Mapped[ConnectionBasis | None] = mapped_column(enum_column(ConnectionBasis))
    immovable: Mapped[bool] = mapped_column(default=False)
    foreign_use: Mapped[bool] = mapped_column(default=False)
    foreign_country: Mapped[str | None] = mapped_column(String(60))
    dispute: Mapped[bool] = mapped_column(default=False)
    fee_relief: Mapped[bool] = mapped_column(default=False)
    # Who acts for the party: name, document, telephone (rules 2.3).
    agent: Mapped[Any | None] = mapped_column(EncryptedJSON("notary_booking.agent"))
    contact_phone: Mapped[str | None] = mapped_column(EncryptedText("notary_booking.contact_phone"))
    contact_safety: Mapped[ContactSafety] = mapped_column(
        enum_column(ContactSafety), default=ContactSafety.NORMAL
    )
    checklist_read_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    confirmed_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    checked_in_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    ended_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    reminded_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    # Bound into the link by which a booking is cancelled without signing in; a new one makes old links void.
    link_nonce: Mapped[str | None] = mapped_column(String(32))
    # Set when the office can no longer keep the time.
    affected_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    affected_reason: Mapped[str | None] = mapped_column(String(100))
    # Since when its person has to be told something that no message could tell them (`operations/untold.py`).
    untold_since: Mapped[datetime | None] = mapped_column(UTCDateTime)
    # Why the office has cancelled, for the person to read; None when they did it themselves.
    cancellation_reason: Mapped[str | None] = mapped_column(
        EncryptedText("notary_booking.cancellation_reason")
    )

    office: Mapped[NotaryOffice] = relationship(viewonly=True)
    matter: Mapped[NotaryMatter] = relationship(viewonly=True)
    parties: Mapped[list[NotaryParty]] = relationship(
        order_by="NotaryParty.position", cascade="all, delete-orphan", passive_deletes=True
    )
    claims: Mapped[list[NotaryClaim]] = relationship(viewonly=True)
    history: Mapped[list[NotaryHistory]] = relationship(order_by="NotaryHistory.id", viewonly=True)

    @property
    def account_closed(self) -> bool:
        """True once the account that booked was closed; somebody without an account never had one."""
        return self.account_id is None and self.booked_by_id is None

    @property
    def has_to_move(self) -> bool:
        """True while it stands at a time that the office cannot keep."""
        return self.state is BookingState.CONFIRMED and self.affected_at is not None

    @property
    def guardians(self) -> list[Any]:
        """The guardians who act for its parties on its day."""
        return [person for role, person in self.acting_on(self.day) if role == GUARDIAN]

    def acting_on(self, day: date) -> list[tuple[str, Any]]:
        """Return who would act for its parties on a day, guardians before the agent, each with what they are called."""
        found = [(GUARDIAN, party.guardian_on(day)) for party in self.parties]
        return [(role, person) for role, person in [*found, (AGENT, self.agent)] if person]


class NotaryClaim(PublicId, Model):
    """Seats of one slot that a booking has. `occupies_until` None: firmly; a time: until a hold, an offer or a cool-off ends.

    The claimed seats of a slot are the sum of its claims that are not released.
    """

    __tablename__ = "notary_claim"
    __table_args__ = (
        Index(
            "one_live_claim_per_slot_and_booking",
            "slot_id",
            "booking_id",
            unique=True,
            sqlite_where=text("released_at IS NULL AND NOT cooling"),
            postgresql_where=text("released_at IS NULL AND NOT cooling"),
        ),
        Index("ix_notary_claim_booking_id", "booking_id"),
        Index(
            "ix_notary_claim_occupies_until",
            "occupies_until",
            "slot_id",
            "seats",
            sqlite_where=text("released_at IS NULL AND occupies_until IS NOT NULL"),
            postgresql_where=text("released_at IS NULL AND occupies_until IS NOT NULL"),
        ),
        CheckConstraint("seats >= 1", name="seats"),
        CheckConstraint(
            "NOT cooling OR occupies_until IS NOT NULL OR released_at IS NOT NULL",
            name="cooling_ends",
        ),
    )

    slot_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("notary_slot.id"))
    booking_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("notary_booking.id"))
    seats: Mapped[int]
    occupies_until: Mapped[datetime | None] = mapped_column(UTCDateTime)
    # Given up, and kept from everybody until `occupies_until`; no longer the booking's to use.
    cooling: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)
    released_at: Mapped[datetime | None] = mapped_column(UTCDateTime)

    slot: Mapped[NotarySlot] = relationship(viewonly=True)


class NotaryParty(PublicId, Model):
    """Somebody for whom the matter is done. `active` while the booking counts against their limits."""

    __tablename__ = "notary_party"
    __table_args__ = (
        Index(
            "one_active_booking_per_person_and_matter",
            "person_index",
            "matter_id",
            unique=True,
            sqlite_where=text("active"),
            postgresql_where=text("active"),
        ),
        UniqueConstraint("booking_id", "position", name="uq_notary_party_booking_position"),
    )

    booking_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("notary_booking.id", ondelete="CASCADE")
    )
    matter_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("notary_matter.id"))
    position: Mapped[int]
    kind: Mapped[PartyKind] = mapped_column(enum_column(PartyKind))
    active: Mapped[bool]
    # Fingerprint of the document's number; limits are counted by it.
    person_index: Mapped[str] = mapped_column(String(64))
    name: Mapped[str] = mapped_column(EncryptedText("notary_party.name"))
    # None for an organisation, whose number is its unified social credit code.
    document_type: Mapped[DocumentType | None] = mapped_column(enum_column(DocumentType))
    document_number: Mapped[str] = mapped_column(EncryptedText("notary_party.document_number"))
    birth_date: Mapped[str | None] = mapped_column(EncryptedText("notary_party.birth_date"))
    # Told by the person who books: no or limited capacity for civil acts, beside minors (公证法 31①).
    lacks_capacity: Mapped[bool] = mapped_column(default=False)
    # Represented by the booking's agent, so without a seat (公证程序规则 15).
    by_agent: Mapped[bool] = mapped_column(default=False)
    # Name, document, telephone and relation of the guardian, as given; who acts on a day says `guardian_on`.
    guardian: Mapped[Any | None] = mapped_column(EncryptedJSON("notary_party.guardian"))

    @property
    def forgotten(self) -> bool:
        """True once who it was is erased; name and number say why instead."""
        return not self.person_index

    @property
    def born(self) -> date | None:
        """The day of birth, where it is known."""
        return date.fromisoformat(self.birth_date) if self.birth_date else None

    def guardian_on(self, day: date) -> Any | None:
        """Return who acts for them on a day: nobody any more for who has come of age by then (公证法 31①)."""
        born = self.born
        of_age = born is not None and age_on(born, day) >= ADULT_AGE
        return None if of_age and not self.lacks_capacity else self.guardian


class NotaryPerson(Model):
    """How many bookings stand for one person (by fingerprint). Counted up by one guarded statement."""

    __tablename__ = "notary_person"
    __table_args__ = (CheckConstraint("active >= 0", name="active"),)

    person_index: Mapped[str] = mapped_column(String(64), primary_key=True)
    active: Mapped[int] = mapped_column(default=0)


class NotaryNoShow(PublicId, Timestamped, Versioned, Model):
    """That a person did not come and had not cancelled. Counts until it expires or an appeal is granted."""

    __tablename__ = "notary_no_show"
    __table_args__ = (
        UniqueConstraint("booking_id", "person_index", name="uq_notary_no_show_booking_person"),
        Index("ix_notary_no_show_person_index_expires_on", "person_index", "expires_on"),
        Index("ix_notary_no_show_appeal", "appeal"),
    )

    booking_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("notary_booking.id"))
    person_index: Mapped[str] = mapped_column(String(64))
    day: Mapped[date] = mapped_column(Date)
    expires_on: Mapped[date] = mapped_column(Date)
    appeal: Mapped[AppealState] = mapped_column(enum_column(AppealState), default=AppealState.NONE)
    appeal_text: Mapped[str | None] = mapped_column(EncryptedText("notary_no_show.appeal_text"))
    appealed_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    decision_note: Mapped[str | None] = mapped_column(EncryptedText("notary_no_show.decision_note"))
    decided_by_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("staff_member.id"))
    decided_at: Mapped[datetime | None] = mapped_column(UTCDateTime)

    @property
    def expired(self) -> bool:
        """True once its time is over."""
        return self.expires_on < clock.today()

    @property
    def counts(self) -> bool:
        """True while it counts against the person."""
        return self.appeal is not AppealState.GRANTED and not self.expired

    @property
    def may_be_disputed(self) -> bool:
        """True while it counts and nobody has disputed it yet."""
        return self.appeal is AppealState.NONE and not self.expired


class NotaryHistory(PublicId, Model):
    """One step of a booking or a case. Over a booking's steps, `seats` adds up to the seats it has now."""

    __tablename__ = "notary_history"
    __table_args__ = (
        Index("ix_notary_history_booking_id", "booking_id"),
        Index(
            "ix_notary_history_case_id",
            "case_id",
            sqlite_where=text("case_id IS NOT NULL"),
            postgresql_where=text("case_id IS NOT NULL"),
        ),
        CheckConstraint("booking_id IS NOT NULL OR case_id IS NOT NULL", name="about_something"),
    )

    booking_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("notary_booking.id"))
    case_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("notary_case.id"))
    action: Mapped[str] = mapped_column(String(40))
    label: Mapped[str] = mapped_column(String(60))
    # The state after the step.
    state: Mapped[str] = mapped_column(String(20))
    # Seats of slots taken (positive) or given back by the step, over all slots.
    seats: Mapped[int] = mapped_column(default=0)
    # The booking's time after the step.
    starts_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    actor_kind: Mapped[str] = mapped_column(String(20))
    actor_id: Mapped[uuid.UUID | None]
    at: Mapped[datetime] = mapped_column(UTCDateTime)


class NotaryFeed(PublicId, Model):
    """The unguessable address of a resident's calendar, kept only as a hash; a new one replaces it."""

    __tablename__ = "notary_feed"
    __table_args__ = (
        UniqueConstraint("resident_id", name="uq_notary_feed_resident_id"),
        UniqueConstraint("token_hash", name="uq_notary_feed_token_hash"),
    )

    resident_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("resident.id"))
    token_hash: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)
