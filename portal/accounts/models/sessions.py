"""Sessions, SMS codes, and the counters that hold back guessing."""

from __future__ import annotations

import uuid
from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from portal.core import clock
from portal.core.db import LabelledEnum, Model, PublicId, UTCDateTime, enum_column


class SessionKind(LabelledEnum):
    """Whose token it is. A setup token opens nothing but the first-sign-in step."""

    RESIDENT = "resident", "居民"
    STAFF = "staff", "工作人员"
    STAFF_SETUP = "staff_setup", "工作人员首次登录设置"


class SessionEnd(LabelledEnum):
    """Why a session was ended before its time."""

    SIGNED_OUT = "signed_out", "退出登录"
    EVERYWHERE = "everywhere", "退出所有设备"
    PASSWORD_CHANGED = "password_changed", "修改了密码"
    PHONE_CHANGED = "phone_changed", "更换了手机号"
    RESET = "reset", "账号被重置"
    DEACTIVATED = "deactivated", "账号被停用"
    DELETED = "deleted", "账号已注销"
    USED = "used", "设置已完成"


class AccountSession(PublicId, Model):
    """An opaque token, kept only as its SHA-256. Good until `expires_at` and while used within the kind's idle time."""

    __tablename__ = "account_session"
    __table_args__ = (
        UniqueConstraint("token_hash", name="uq_account_session_token_hash"),
        CheckConstraint(
            "(kind = 'resident' AND resident_id IS NOT NULL AND staff_id IS NULL) OR "
            "(kind IN ('staff', 'staff_setup') AND staff_id IS NOT NULL AND resident_id IS NULL)",
            name="one_owner",
        ),
        Index("ix_account_session_resident", "resident_id"),
        Index("ix_account_session_staff", "staff_id"),
        Index("ix_account_session_expires", "expires_at"),
    )

    kind: Mapped[SessionKind] = mapped_column(enum_column(SessionKind))
    resident_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("resident.id"))
    staff_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("staff_member.id"))
    token_hash: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime] = mapped_column(UTCDateTime, default=clock.now)
    last_used_at: Mapped[datetime] = mapped_column(UTCDateTime, default=clock.now)
    expires_at: Mapped[datetime] = mapped_column(UTCDateTime)
    revoked_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    revoke_reason: Mapped[SessionEnd | None] = mapped_column(enum_column(SessionEnd))


class SmsPurpose(LabelledEnum):
    """What a code is for; a code for one purpose opens no other."""

    SIGN_IN = "sign_in", "登录"
    PHONE_CHANGE_OLD = "phone_change_old", "更换手机号（原号码）"
    PHONE_CHANGE_NEW = "phone_change_new", "更换手机号（新号码）"
    ACCOUNT_DELETION = "account_deletion", "注销账号"


class SmsCode(PublicId, Model):
    """A six-digit code sent to a phone, kept only as a keyed fingerprint."""

    __tablename__ = "sms_code"
    __table_args__ = (
        Index("ix_sms_code_phone", "phone_index", "created_at"),
        Index("ix_sms_code_created", "created_at"),
    )

    purpose: Mapped[SmsPurpose] = mapped_column(enum_column(SmsPurpose))
    phone_index: Mapped[str] = mapped_column(String(64))
    code_mac: Mapped[str] = mapped_column(String(64))
    attempts: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime] = mapped_column(UTCDateTime, default=clock.now)
    expires_at: Mapped[datetime] = mapped_column(UTCDateTime)
    # Used, or replaced by a newer code.
    closed_at: Mapped[datetime | None] = mapped_column(UTCDateTime)


class SignInThrottle(Model):
    """Failed staff sign-ins by user name, known or not, so that a lock tells nobody which names exist."""

    __tablename__ = "sign_in_throttle"

    name_index: Mapped[str] = mapped_column(String(64), primary_key=True)
    failures: Mapped[int] = mapped_column(default=0)
    locked_until: Mapped[datetime | None] = mapped_column(UTCDateTime)
    updated_at: Mapped[datetime] = mapped_column(UTCDateTime, default=clock.now)
