"""Residents, and what they agreed to."""

from __future__ import annotations

import uuid
from datetime import date, datetime

from sqlalchemy import CheckConstraint, Date, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

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
from portal.core.encryption import EncryptedText

ADULT_AGE = 18
# Who is younger lawfully has no identity card; other lawful proof must be accepted (居民身份证法 2, 14(2); rules 8.1).
CARD_AGE = 16
# 个人信息保护法 31: personal data of a child under 14 needs a guardian's consent (rules 5.3).
CHILD_AGE = 14


class ContactSafety(LabelledEnum):
    """How this person may be contacted without putting them at risk."""

    NORMAL = "normal", "可以正常联系"
    IN_APP_ONLY = "in_app_only", "只在应用内通知"
    NEUTRAL_SMS = "neutral_sms", "短信不写具体内容"
    NO_CONTACT = "no_contact", "不要主动联系"


class ResidentState(LabelledEnum):
    """In use, or closed by the person."""

    ACTIVE = "active", "正常"
    DELETED = "deleted", "已注销"


class DocumentType(LabelledEnum):
    """Documents a person may prove their name with (rules 8.1 to 8.4)."""

    RESIDENT_ID = "resident_id", "居民身份证"
    RESIDENCE_PERMIT = "residence_permit", "港澳台居民居住证"
    PERMANENT_RESIDENCE = "permanent_residence", "外国人永久居留身份证"
    CHINESE_PASSPORT = "chinese_passport", "中国护照"
    FOREIGN_PASSPORT = "foreign_passport", "外国护照"
    HK_MACAO_PERMIT = "hk_macao_permit", "港澳居民来往内地通行证"
    TAIWAN_PERMIT = "taiwan_permit", "台湾居民来往大陆通行证"
    MILITARY_CARD = "military_card", "军人或武警身份证件"
    HOUSEHOLD_REGISTER = "household_register", "户口簿"
    BIRTH_CERTIFICATE = "birth_certificate", "出生医学证明"

    @property
    def numbering(self) -> DocumentType:
        """Whose numbers these are: a person's page of the household register shows the number of the identity card."""
        return DocumentType.RESIDENT_ID if self is DocumentType.HOUSEHOLD_REGISTER else self


class Resident(PublicId, Timestamped, Versioned, Model):
    """A person who uses the portal. After deletion the row stays as an empty shell that kept records point to.

    A phone is not unique: several people may share one (rules 8.5).
    """

    __tablename__ = "resident"
    __table_args__ = (
        Index("ix_resident_phone", "phone_index"),
        Index("ix_resident_document", "document_index"),
        # The last guard of deletion: a closed account holds nothing that names the person.
        CheckConstraint(
            "state != 'deleted' OR (phone IS NULL AND phone_index IS NULL AND nickname IS NULL "
            "AND real_name IS NULL AND real_name_raw IS NULL AND document_number IS NULL "
            "AND document_index IS NULL AND birth_date IS NULL "
            "AND guardian_name IS NULL AND guardian_phone IS NULL)",
            name="deleted_is_empty",
        ),
        CheckConstraint("state = 'deleted' OR phone IS NOT NULL", name="active_has_phone"),
    )

    state: Mapped[ResidentState] = mapped_column(
        enum_column(ResidentState), default=ResidentState.ACTIVE
    )
    phone: Mapped[str | None] = mapped_column(EncryptedText("resident.phone"))
    phone_index: Mapped[str | None] = mapped_column(String(64))
    nickname: Mapped[str | None] = mapped_column(EncryptedText("resident.nickname"))
    contact_safety: Mapped[ContactSafety] = mapped_column(
        enum_column(ContactSafety), default=ContactSafety.NORMAL
    )
    # The normal form; what the person typed is kept beside it (rules 8.7).
    real_name: Mapped[str | None] = mapped_column(EncryptedText("resident.real_name"))
    real_name_raw: Mapped[str | None] = mapped_column(EncryptedText("resident.real_name_raw"))
    document_type: Mapped[DocumentType | None] = mapped_column(enum_column(DocumentType))
    document_number: Mapped[str | None] = mapped_column(EncryptedText("resident.document_number"))
    document_index: Mapped[str | None] = mapped_column(String(64))
    birth_date: Mapped[str | None] = mapped_column(EncryptedText("resident.birth_date"))
    guardian_name: Mapped[str | None] = mapped_column(EncryptedText("resident.guardian_name"))
    guardian_phone: Mapped[str | None] = mapped_column(EncryptedText("resident.guardian_phone"))
    real_named_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    last_sign_in_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    deleted_at: Mapped[datetime | None] = mapped_column(UTCDateTime)

    consents: Mapped[list[ConsentRecord]] = relationship(
        back_populates="resident", order_by="ConsentRecord.given_at", lazy="select"
    )

    @property
    def is_active(self) -> bool:
        """True until the account is closed."""
        return self.state is ResidentState.ACTIVE

    @property
    def has_real_name(self) -> bool:
        """True once name and document were given and found well-formed."""
        return self.real_named_at is not None and self.document_number is not None

    @property
    def birthday(self) -> date | None:
        """The date of birth as far as it is known."""
        return None if self.birth_date is None else date.fromisoformat(self.birth_date)

    @property
    def age(self) -> int | None:
        """Completed years of life today; None while the date of birth is unknown."""
        return None if self.birthday is None else age_on(self.birthday, clock.today())

    @property
    def is_minor(self) -> bool | None:
        """True under 18; None while the date of birth is unknown."""
        return None if self.age is None else self.age < ADULT_AGE

    @property
    def is_under_14(self) -> bool | None:
        """True under 14 (rules 5.3); None while the date of birth is unknown."""
        return None if self.age is None else self.age < CHILD_AGE


def age_on(birthday: date, day: date) -> int:
    """Return the completed years of life on `day`."""
    return day.year - birthday.year - ((day.month, day.day) < (birthday.month, birthday.day))


class ConsentKind(LabelledEnum):
    """What was agreed to."""

    PRIVACY_NOTICE = "privacy_notice", "个人信息处理告知"
    REAL_NAME = "real_name", "提供实名信息"
    GUARDIAN = "guardian", "监护人同意"


class ConsentRecord(PublicId, Model):
    """That a person agreed to something, in which version and when. Kept for the life of the account and 3 years (rules 5.5).

    Holds no name and no number, so it can outlive the account.
    """

    __tablename__ = "consent_record"
    __table_args__ = (Index("ix_consent_record_resident", "resident_id", "kind", "version_text"),)

    resident_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("resident.id"))
    kind: Mapped[ConsentKind] = mapped_column(enum_column(ConsentKind))
    version_text: Mapped[str] = mapped_column(String(40))
    given_at: Mapped[datetime] = mapped_column(UTCDateTime, default=clock.now)
    withdrawn_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    keep_until: Mapped[date | None] = mapped_column(Date)

    resident: Mapped[Resident] = relationship(back_populates="consents")
