"""Tables of the consultations room. Whatever a resident wrote is sealed at rest; only publication makes a public text."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    Index,
    String,
    UniqueConstraint,
    Uuid,
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

SUBJECT_KIND = "consultation"


class ConsultationState(LabelledEnum):
    """Where a question stands."""

    SUBMITTED = "submitted", "待审核"
    RETURNED = "returned", "待居民补充"
    REJECTED = "rejected", "未受理"
    QUEUED = "queued", "待律师认领"
    CLAIMED = "claimed", "律师办理中"
    ASKED_BACK = "asked_back", "待居民回复"
    IN_REVIEW = "in_review", "答复待签发"
    ANSWERED = "answered", "已答复"
    CLOSED = "closed", "已办结"
    LAPSED = "lapsed", "逾期未补充"
    WITHDRAWN = "withdrawn", "已撤回"


class RejectionReason(LabelledEnum):
    """Why a moderator does not take a question. Each leads the resident somewhere: see `policies.NEXT_STEPS`."""

    NOT_LEGAL = "not_legal", "不属于法律问题"
    EMERGENCY = "emergency", "情况紧急，需要立即求助"
    MEDIATION = "mediation", "更适合人民调解"
    PETITION = "petition", "属于信访事项"
    RECONSIDERATION = "reconsideration", "应当通过行政复议或行政诉讼解决"
    LEGAL_AID = "legal_aid", "更适合申请法律援助"
    ALREADY_ANSWERED = "already_answered", "已有现成的答复"
    DUPLICATE = "duplicate", "与您的另一条咨询重复"
    ABUSIVE = "abusive", "含有辱骂、威胁或者违法内容"


class MessageKind(LabelledEnum):
    """What a message between resident and staff is."""

    FACTS_REQUEST = "facts_request", "审核员请居民补充"
    SUPPLEMENT = "supplement", "居民补充"
    QUESTION_BACK = "question_back", "律师询问"
    REPLY = "reply", "居民回复"
    FOLLOW_UP = "follow_up", "居民追问"


class AnswerState(LabelledEnum):
    """An answer on its way to being signed."""

    DRAFT = "draft", "草稿"
    SUBMITTED = "submitted", "待签发"
    SENT_BACK = "sent_back", "退回修改"
    SIGNED = "signed", "已签发"


class PublicationState(LabelledEnum):
    """A public text on its way out, and back."""

    PROPOSED = "proposed", "待确认"
    PUBLISHED = "published", "已公开"
    WITHDRAWN = "withdrawn", "已撤下"


class Consultation(PublicId, Timestamped, Versioned, Model):
    """A resident's legal question and its way to an answer."""

    __tablename__ = "consultation"
    __table_args__ = (
        Index("ix_consultation_resident_id_id", "resident_id", "id"),
        Index("ix_consultation_state_id", "state", "id"),
        Index("ix_consultation_lawyer_id_state", "lawyer_id", "state"),
        CheckConstraint(
            "state NOT IN ('claimed', 'asked_back', 'in_review') OR lawyer_id IS NOT NULL",
            name="handled_by_someone",
        ),
        CheckConstraint("rating IS NULL OR rating BETWEEN 1 AND 5", name="rating_in_range"),
        CheckConstraint(
            "state <> 'rejected' OR rejection_reason IS NOT NULL", name="rejected_with_reason"
        ),
    )

    reference: Mapped[str] = mapped_column(String(24), unique=True)
    # Null once the account is deleted: the office keeps the figures, not the person.
    resident_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("resident.id"))
    state: Mapped[ConsultationState] = mapped_column(
        enum_column(ConsultationState), default=ConsultationState.SUBMITTED
    )
    category: Mapped[str] = mapped_column(String(40))
    text: Mapped[str] = mapped_column(EncryptedText("consultation.text"))
    keep_unpublished: Mapped[bool]
    contact_safety: Mapped[ContactSafety] = mapped_column(enum_column(ContactSafety))
    submitted_at: Mapped[datetime] = mapped_column(UTCDateTime)
    rejection_reason: Mapped[RejectionReason | None] = mapped_column(enum_column(RejectionReason))
    rejection_note: Mapped[str | None] = mapped_column(EncryptedText("consultation.rejection_note"))
    lawyer_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("staff_member.id"))
    claimed_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    answered_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    follow_up_used: Mapped[bool] = mapped_column(default=False)
    rating: Mapped[int | None]
    rating_comment: Mapped[str | None] = mapped_column(EncryptedText("consultation.rating_comment"))

    messages: Mapped[list[ConsultationMessage]] = relationship(
        order_by="ConsultationMessage.id", cascade="all, delete-orphan", passive_deletes=True
    )
    answers: Mapped[list[Answer]] = relationship(
        order_by="Answer.id", cascade="all, delete-orphan", passive_deletes=True
    )
    events: Mapped[list[TimelineEvent]] = relationship(
        order_by="TimelineEvent.id", cascade="all, delete-orphan", passive_deletes=True
    )
    publication: Mapped[Publication | None] = relationship(
        back_populates="consultation", passive_deletes=True
    )


class ConsultationMessage(PublicId, Model):
    """A question back, or what the resident adds."""

    __tablename__ = "consultation_message"

    consultation_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("consultation.id", ondelete="CASCADE"), index=True
    )
    kind: Mapped[MessageKind] = mapped_column(enum_column(MessageKind))
    text: Mapped[str] = mapped_column(EncryptedText("consultation_message.text"))
    author_staff_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("staff_member.id"))
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)


class Answer(PublicId, Timestamped, Versioned, Model):
    """An answer: written by one person, signed off by another. A follow-up has an answer of its own."""

    __tablename__ = "consultation_answer"
    __table_args__ = (
        # One answer per consultation is being worked on; signed ones stay.
        Index(
            "uq_consultation_answer_open",
            "consultation_id",
            unique=True,
            sqlite_where=text("state <> 'signed'"),
            postgresql_where=text("state <> 'signed'"),
        ),
        CheckConstraint(
            "signed_by_id IS NULL OR signed_by_id <> author_id", name="signed_by_second_person"
        ),
        CheckConstraint("state <> 'signed' OR signed_by_id IS NOT NULL", name="signed_by_someone"),
    )

    consultation_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("consultation.id", ondelete="CASCADE"), index=True
    )
    state: Mapped[AnswerState] = mapped_column(enum_column(AnswerState), default=AnswerState.DRAFT)
    text: Mapped[str] = mapped_column(EncryptedText("consultation_answer.text"))
    author_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("staff_member.id"))
    submitted_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    review_note: Mapped[str | None] = mapped_column(
        EncryptedText("consultation_answer.review_note")
    )
    signed_by_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("staff_member.id"))
    signed_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    # What the author said of laws that the portal does not hold: [{law, source}], in the order of the list handed in.
    checked_elsewhere: Mapped[Any] = mapped_column(
        EncryptedJSON("consultation_answer.checked_elsewhere"), nullable=True
    )

    citations: Mapped[list[AnswerCitation]] = relationship(
        order_by="AnswerCitation.position", cascade="all, delete-orphan", passive_deletes=True
    )


class AnswerCitation(PublicId, Model):
    """An article the answer rests on, as it was resolved when it was entered; without an id where its law is not held."""

    __tablename__ = "consultation_answer_citation"
    __table_args__ = (
        UniqueConstraint("answer_id", "position", name="uq_answer_citation_answer_position"),
    )

    answer_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("consultation_answer.id", ondelete="CASCADE"), index=True
    )
    position: Mapped[int]
    law: Mapped[str] = mapped_column(String(200))
    article: Mapped[str] = mapped_column(String(40))
    article_id: Mapped[uuid.UUID | None] = mapped_column(Uuid)


class TimelineEvent(PublicId, Model):
    """One step as the resident sees it. It holds no text of anybody's: a label, and what comes next."""

    __tablename__ = "consultation_event"

    consultation_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("consultation.id", ondelete="CASCADE"), index=True
    )
    action: Mapped[str] = mapped_column(String(40))
    label: Mapped[str] = mapped_column(String(60))
    actor_kind: Mapped[str] = mapped_column(String(20))
    next_step: Mapped[str] = mapped_column(String(300))
    at: Mapped[datetime] = mapped_column(UTCDateTime)


class Publication(PublicId, Timestamped, Versioned, Model):
    """The public text of an answered question. Sealed until published, because a draft may still name people."""

    __tablename__ = "consultation_publication"
    __table_args__ = (
        CheckConstraint(
            "state <> 'published' OR (confirmed_by_id IS NOT NULL AND published_at IS NOT NULL)",
            name="confirmed_by_a_person",
        ),
        Index("ix_consultation_publication_state_published_at", "state", "published_at"),
    )

    consultation_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("consultation.id", ondelete="CASCADE"), unique=True
    )
    state: Mapped[PublicationState] = mapped_column(
        enum_column(PublicationState), default=PublicationState.PROPOSED
    )
    category: Mapped[str] = mapped_column(String(40))
    title: Mapped[str] = mapped_column(EncryptedText("consultation_publication.title"))
    question: Mapped[str] = mapped_column(EncryptedText("consultation_publication.question"))
    answer: Mapped[str] = mapped_column(EncryptedText("consultation_publication.answer"))
    # What was proposed for redaction and how a person decided: [{field, kind, text, decision}].
    redactions: Mapped[Any] = mapped_column(
        EncryptedJSON("consultation_publication.redactions"), default=list
    )
    proposed_by_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("staff_member.id"))
    confirmed_by_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("staff_member.id"))
    published_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    withdrawn_at: Mapped[datetime | None] = mapped_column(UTCDateTime)

    consultation: Mapped[Consultation] = relationship(back_populates="publication")
