"""The day at the office: numbers drawn there, and cases from acceptance (受理) to their end."""

from __future__ import annotations

import uuid
from datetime import date, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    CheckConstraint,
    Date,
    ForeignKey,
    Index,
    String,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column, relationship

from portal.accounts.models import ContactSafety
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
from portal.notary.models.bookings import BookingState, NotaryBooking, NotaryHistory
from portal.notary.models.offices import NotaryMatter, NotaryOffice

CASE_KIND = "notary_case"


class TicketState(LabelledEnum):
    """A number on its way through the day."""

    WAITING = "waiting", "等候中"
    CALLED = "called", "已叫号"
    SERVING = "serving", "办理中"
    DONE = "done", "已办完"
    NO_SHOW = "no_show", "过号"
    LEFT = "left", "已离开"
    # Of a check-in by mistake. The appointment stands again and gets another number.
    VOID = "void", "签到有误，已作废"


class CaseState(LabelledEnum):
    """Where an accepted matter stands (rules 2.9)."""

    ACCEPTED = "accepted", "已受理"
    SUPPLEMENT = "supplement", "待补充或核实，期限暂停"
    ISSUED = "issued", "已出证"
    REFUSED = "refused", "不予办理"
    TERMINATED = "terminated", "已终止"
    REVIEW = "review", "复查中"
    MAINTAINED = "maintained", "复查维持"
    CORRECTING = "correcting", "已决定更正，待办理"
    REVOKING = "revoking", "已决定撤销，待办理"
    CORRECTED = "corrected", "已更正"
    REVOKED = "revoked", "已撤销"
    VOIDED = "voided", "误登记受理，已作废"


class RefusalGround(LabelledEnum):
    """Why an office refuses (公证法 31; rules 2.6)."""

    RF1 = "RF1", "无民事行为能力或者限制民事行为能力，没有监护人代理"
    RF2 = "RF2", "与申请公证的事项没有利害关系"
    RF3 = "RF3", "申请公证的事项属专业技术鉴定、评估事项"
    RF4 = "RF4", "当事人之间对申请公证的事项有争议"
    RF5 = "RF5", "虚构、隐瞒事实，或者提供虚假证明材料"
    RF6 = "RF6", "证明材料不充分，或者拒绝补充证明材料"
    RF7 = "RF7", "申请公证的事项不真实、不合法"
    RF8 = "RF8", "申请公证的事项违背社会公德"
    RF9 = "RF9", "拒绝按照规定支付公证费"


class TerminationGround(LabelledEnum):
    """Why a case ends without a certificate (rules 2.5, NO-D7, U)."""

    DELAY = "delay", "因当事人的原因逾期六个月未办结"
    WITHDRAWN = "withdrawn", "当事人撤回申请"
    DEATH = "death", "当事人死亡，不能继续办理或者没有意义"
    POINTLESS = "pointless", "继续办理已经没有意义"


class PauseGround(LabelledEnum):
    """For what the clock of NO-D1 stops (公证法 30; rules NO-D2), and that of a review (rules NO-D5)."""

    FORCE_MAJEURE = "force_majeure", "不可抗力"
    SUPPLEMENT = "supplement", "补充证明材料"
    VERIFICATION = "verification", "核实有关情况"


class ReviewBy(LabelledEnum):
    """Who asks for a review (公证程序规则 61)."""

    PARTY = "party", "当事人"
    INTERESTED = "interested", "利害关系人"


class ReviewOutcome(LabelledEnum):
    """How a review ends (公证法 39)."""

    MAINTAIN = "maintain", "维持"
    CORRECT = "correct", "更正"
    REVOKE = "revoke", "撤销"


class LateReason(LabelledEnum):
    """Why it is written down only afterwards that somebody with an appointment had come. No text: it stays in the audit."""

    FORGOTTEN = "forgotten", "当天忘记登记"
    NOT_MATCHED = "not_matched", "当天没有对上预约"
    OUTAGE = "outage", "当天系统不能使用"


class HandlerChange(LabelledEnum):
    """Why somebody else handles a case, or what a review decided. Nothing of the person: the party reads it as well."""

    ABSENT = "absent", "承办人暂时不能办理"
    LEFT = "left", "承办人不再在本机构办理公证"
    RECUSED = "recused", "承办人回避"
    # Of the one who takes it over, who had been taken off for it.
    NOT_UPHELD = "not_upheld", "回避不成立"
    DIVISION = "division", "调整分工"


class NotaryTicket(PublicId, Timestamped, Versioned, Model):
    """A number of the day: of somebody who came without a booking, or of a booking that has checked in."""

    __tablename__ = "notary_ticket"
    __table_args__ = (
        UniqueConstraint("office_id", "day", "number", name="uq_notary_ticket_office_day_number"),
        UniqueConstraint("booking_id", name="uq_notary_ticket_booking_id"),
        Index("ix_notary_ticket_office_id_day_state", "office_id", "day", "state"),
        CheckConstraint("number >= 1", name="number"),
        CheckConstraint(
            "not_accepted_ground IS NULL OR not_accepted_note IS NOT NULL",
            name="not_accepted_with_reasons",
        ),
    )

    office_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("notary_office.id"))
    counter_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("notary_counter.id"))
    matter_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("notary_matter.id"))
    # None for somebody who came without one.
    booking_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("notary_booking.id"))
    day: Mapped[date] = mapped_column(Date)
    number: Mapped[int]
    priority: Mapped[bool] = mapped_column(default=False)
    party_count: Mapped[int] = mapped_column(default=1)
    state: Mapped[TicketState] = mapped_column(
        enum_column(TicketState, length=20), default=TicketState.WAITING
    )
    issued_at: Mapped[datetime] = mapped_column(UTCDateTime)
    called_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    calls: Mapped[int] = mapped_column(default=0)
    started_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    ended_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    # Who has called it, and then who serves.
    served_by_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("staff_member.id"))
    # Why nothing was accepted: the written reasons, and the ground of 公证法 31 where one applies.
    not_accepted_ground: Mapped[RefusalGround | None] = mapped_column(enum_column(RefusalGround))
    not_accepted_note: Mapped[str | None] = mapped_column(
        EncryptedText("notary_ticket.not_accepted_note")
    )

    matter: Mapped[NotaryMatter | None] = relationship(viewonly=True)
    booking: Mapped[NotaryBooking | None] = relationship(viewonly=True)

    @property
    def of_forgotten(self) -> bool:
        """True where its appointment has ended without a result, and who they were is forgotten as the account was closed."""
        booking = self.booking
        return booking is not None and booking.state is BookingState.LEFT and booking.account_closed


class NotaryCase(PublicId, Timestamped, Versioned, Model):
    """An accepted matter: what the register names (公证程序规则 57; rules 2.9), kept permanently."""

    __tablename__ = "notary_case"
    __table_args__ = (
        UniqueConstraint("reference", name="uq_notary_case_reference"),
        UniqueConstraint("booking_id", name="uq_notary_case_booking_id"),
        UniqueConstraint("ticket_id", name="uq_notary_case_ticket_id"),
        UniqueConstraint(
            "office_id", "certificate_number", name="uq_notary_case_certificate_number"
        ),
        Index("ix_notary_case_office_id_state", "office_id", "state"),
        Index("ix_notary_case_account_id", "account_id"),
        CheckConstraint(
            "state <> 'refused' OR refusal_ground IS NOT NULL", name="refused_with_ground"
        ),
        CheckConstraint(
            "state <> 'terminated' OR termination_ground IS NOT NULL",
            name="terminated_with_ground",
        ),
        CheckConstraint(
            "state NOT IN ('issued', 'review', 'maintained', 'correcting', 'revoking', "
            "'corrected', 'revoked') OR (certificate_number IS NOT NULL AND issued_on IS NOT NULL)",
            name="issued_with_number",
        ),
        CheckConstraint(
            "state NOT IN ('issued', 'refused', 'terminated') "
            "OR (closed_on IS NOT NULL AND closing_form IS NOT NULL)",
            name="closed_with_form",
        ),
    )

    reference: Mapped[str] = mapped_column(String(24))
    booking_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("notary_booking.id"))
    ticket_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("notary_ticket.id"))
    account_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("resident.id"))
    office_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("notary_office.id"))
    matter_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("notary_matter.id"))
    state: Mapped[CaseState] = mapped_column(
        enum_column(CaseState, length=20), default=CaseState.ACCEPTED
    )
    # As they stood at acceptance: [{kind, name, document_type, document_number, ...}].
    parties: Mapped[Any] = mapped_column(EncryptedJSON("notary_case.parties"))
    agent: Mapped[Any | None] = mapped_column(EncryptedJSON("notary_case.agent"))
    contact_safety: Mapped[ContactSafety] = mapped_column(
        enum_column(ContactSafety), default=ContactSafety.NORMAL
    )
    # The acceptance starts NO-D1, the booking does not.
    accepted_on: Mapped[date] = mapped_column(Date)
    notary_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("staff_member.id"))
    # Who was taken off it for recusal (回避), by id: it is not given back to them (`operations/handlers.py`).
    recused: Mapped[list[str]] = mapped_column(JSON, default=list, server_default="[]")
    approver_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("staff_member.id"))
    closing_form: Mapped[str | None] = mapped_column(String(60))
    closed_on: Mapped[date | None] = mapped_column(Date)
    certificate_number: Mapped[str | None] = mapped_column(String(60))
    issued_on: Mapped[date | None] = mapped_column(Date)
    # NO-D3 counts from here.
    received_on: Mapped[date | None] = mapped_column(Date)
    refusal_ground: Mapped[RefusalGround | None] = mapped_column(enum_column(RefusalGround))
    termination_ground: Mapped[TerminationGround | None] = mapped_column(
        enum_column(TerminationGround)
    )
    closing_note: Mapped[str | None] = mapped_column(EncryptedText("notary_case.closing_note"))

    office: Mapped[NotaryOffice] = relationship(viewonly=True)
    matter: Mapped[NotaryMatter] = relationship(viewonly=True)
    history: Mapped[list[NotaryHistory]] = relationship(order_by="NotaryHistory.id", viewonly=True)
    pauses: Mapped[list[NotaryCasePause]] = relationship(
        order_by="NotaryCasePause.id", back_populates="case"
    )
    reviews: Mapped[list[NotaryReview]] = relationship(
        order_by="NotaryReview.id", back_populates="case"
    )

    @property
    def open_review(self) -> NotaryReview | None:
        """The review that is not decided, or whose decision is not carried out."""
        return next((review for review in self.reviews if review.closed_on is None), None)

    @property
    def handler_id(self) -> uuid.UUID | None:
        """Who has to act by name: who handles the case, then who carries out what a review decided.

        None while one is being decided, which is the whole office's affair.
        """
        review = self.open_review
        return self.notary_id if review is None else review.handler_id

    @property
    def to_revoke_since(self) -> date | None:
        """The day on which it was decided to revoke the certificate."""
        ended = (row.decided_on for row in self.reviews if row.outcome is ReviewOutcome.REVOKE)
        return next(ended, None)

    @property
    def lasting(self) -> list[NotaryCasePause]:
        """The pauses that have not ended."""
        return [pause for pause in self.pauses if pause.to_at is None]


class NotaryCasePause(PublicId, Model):
    """One lawful reason for which the case's clock stands. Several may overlap: the clock runs again after the last."""

    __tablename__ = "notary_case_pause"
    __table_args__ = (
        Index(
            "one_lasting_pause_per_case_and_ground",
            "case_id",
            "ground",
            unique=True,
            sqlite_where=text("to_at IS NULL"),
            postgresql_where=text("to_at IS NULL"),
        ),
        Index("ix_notary_case_pause_case_id", "case_id"),
        CheckConstraint("to_at IS NULL OR to_at >= from_at", name="ends_after_start"),
    )

    case_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("notary_case.id"))
    ground: Mapped[PauseGround] = mapped_column(enum_column(PauseGround))
    # What has to be supplied or verified, as the party is told.
    note: Mapped[str] = mapped_column(EncryptedText("notary_case_pause.note"))
    from_at: Mapped[datetime] = mapped_column(UTCDateTime)
    to_at: Mapped[datetime | None] = mapped_column(UTCDateTime)

    case: Mapped[NotaryCase] = relationship(back_populates="pauses")


class NotaryReview(PublicId, Model):
    """One review (复查) of a case's certificate, from its request to the end; there may be several, one after another."""

    __tablename__ = "notary_review"
    __table_args__ = (
        Index(
            "one_open_review_per_case",
            "case_id",
            unique=True,
            sqlite_where=text("closed_on IS NULL"),
            postgresql_where=text("closed_on IS NULL"),
        ),
        Index("ix_notary_review_case_id", "case_id"),
        CheckConstraint(
            "(outcome IS NULL AND decided_on IS NULL AND reviewer_id IS NULL AND note IS NULL) OR "
            "(outcome IS NOT NULL AND decided_on IS NOT NULL AND reviewer_id IS NOT NULL "
            "AND note IS NOT NULL)",
            name="decided_with_reasons",
        ),
        CheckConstraint(
            "closed_on IS NULL OR (decided_on IS NOT NULL AND closed_on >= decided_on)",
            name="closed_after_decision",
        ),
        CheckConstraint(
            "(outcome IS NOT NULL AND outcome <> 'maintain') = (handler_id IS NOT NULL)",
            name="carried_out_by_somebody",
        ),
    )

    case_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("notary_case.id"))
    by: Mapped[ReviewBy] = mapped_column(enum_column(ReviewBy))
    asked_on: Mapped[date] = mapped_column(Date)
    # Asked after NO-D3 or NO-D4; the office decides what follows (rules 2.5, P: never refused by the portal).
    late: Mapped[bool] = mapped_column(default=False)
    # The error, the reasons, the request and the proof (rules NO-D8). The sealed values were moved here from the case,
    # where they were columns, and open only under the name they were sealed with.
    request: Mapped[Any] = mapped_column(EncryptedJSON("notary_case.review_request"))
    outcome: Mapped[ReviewOutcome | None] = mapped_column(enum_column(ReviewOutcome))
    reviewer_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("staff_member.id"))
    decided_on: Mapped[date | None] = mapped_column(Date)
    note: Mapped[str | None] = mapped_column(EncryptedText("notary_case.review_note"))
    # Who carries a correction or a revocation out: who decided on it, until it is handed over.
    handler_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("staff_member.id"))
    # When nothing was left to do: maintained, or the correction or revocation carried out.
    closed_on: Mapped[date | None] = mapped_column(Date)

    case: Mapped[NotaryCase] = relationship(back_populates="reviews")
