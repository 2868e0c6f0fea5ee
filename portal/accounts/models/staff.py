"""Offices, staff and the roles they hold."""

from __future__ import annotations

import uuid
from datetime import date, datetime

from sqlalchemy import CheckConstraint, Date, ForeignKey, Index, String, UniqueConstraint, text
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


class Role(LabelledEnum):
    """What a member of staff may be trusted with; held in one office or in all."""

    ADMIN = "admin", "系统管理员"
    MODERATOR = "moderator", "审核员"
    LAWYER = "lawyer", "律师"
    REVIEWER = "reviewer", "答复签发人"
    LEGAL_AID_OFFICER = "legal_aid_officer", "法律援助机构工作人员"
    NOTARY_CLERK = "notary_clerk", "公证机构工作人员"
    DEPARTMENT_OFFICER = "department_officer", "承办单位工作人员"
    SUPERVISOR = "supervisor", "督办人员"
    CONTENT_EDITOR = "content_editor", "内容编辑"
    AUDITOR = "auditor", "审计员"


class OfficeKind(LabelledEnum):
    """What an office is."""

    JUSTICE_BUREAU = "justice_bureau", "司法局"
    JUSTICE_STATION = "justice_station", "司法所"
    SERVICE_CENTRE = "service_centre", "公共法律服务中心"
    LEGAL_AID_CENTRE = "legal_aid_centre", "法律援助机构"
    NOTARY_OFFICE = "notary_office", "公证机构"
    LAW_FIRM = "law_firm", "律师事务所"
    MEDIATION_COMMITTEE = "mediation_committee", "人民调解委员会"
    DEPARTMENT = "department", "政府部门或镇街"


class Office(PublicId, Timestamped, Versioned, Model):
    """An office of the district; comes from the district's data, never from code."""

    __tablename__ = "office"
    __table_args__ = (
        UniqueConstraint("code", name="uq_office_code"),
        CheckConstraint("valid_until IS NULL OR valid_until >= valid_from", name="validity"),
    )

    code: Mapped[str] = mapped_column(String(40))
    name: Mapped[str] = mapped_column(String(100))
    kind: Mapped[OfficeKind] = mapped_column(enum_column(OfficeKind))
    valid_from: Mapped[date] = mapped_column(Date)
    valid_until: Mapped[date | None] = mapped_column(Date)

    @property
    def is_open(self) -> bool:
        """True when today lies within the office's validity."""
        today = clock.today()
        return self.valid_from <= today and (self.valid_until is None or today <= self.valid_until)


class StaffState(LabelledEnum):
    """In service, or no longer."""

    ACTIVE = "active", "在用"
    DEACTIVATED = "deactivated", "已停用"


class StaffMember(PublicId, Timestamped, Versioned, Model):
    """A member of staff. `display_name` is the name they work under."""

    __tablename__ = "staff_member"
    __table_args__ = (UniqueConstraint("user_name", name="uq_staff_member_user_name"),)

    user_name: Mapped[str] = mapped_column(String(40))
    display_name: Mapped[str] = mapped_column(String(60))
    state: Mapped[StaffState] = mapped_column(enum_column(StaffState), default=StaffState.ACTIVE)
    password_hash: Mapped[str] = mapped_column(String(200))
    must_change_password: Mapped[bool] = mapped_column(default=True)
    password_changed_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    totp_secret: Mapped[str | None] = mapped_column(EncryptedText("staff_member.totp_secret"))
    totp_enrolled_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    # Number of the last 30-second step whose code was accepted: each code opens once.
    totp_last_step: Mapped[int | None]
    last_sign_in_at: Mapped[datetime | None] = mapped_column(UTCDateTime)

    grants: Mapped[list[RoleGrant]] = relationship(
        primaryjoin="and_(StaffMember.id == RoleGrant.staff_id, RoleGrant.revoked_at.is_(None))",
        order_by="RoleGrant.granted_at, RoleGrant.id",
        lazy="selectin",
        viewonly=True,
    )

    @property
    def is_active(self) -> bool:
        """True while the account may sign in."""
        return self.state is StaffState.ACTIVE

    @property
    def needs_setup(self) -> bool:
        """True until the password was changed and the one-time password enrolled."""
        return self.must_change_password or self.totp_enrolled_at is None


class RoleGrant(PublicId, Model):
    """That a member of staff holds a role, in one office (or in all when `office_id` is None), from when to when."""

    __tablename__ = "role_grant"
    __table_args__ = (
        # Two indexes, because NULL differs from NULL in a unique index.
        Index(
            "uq_role_grant_in_office",
            "staff_id",
            "role",
            "office_id",
            unique=True,
            sqlite_where=text("revoked_at IS NULL AND office_id IS NOT NULL"),
            postgresql_where=text("revoked_at IS NULL AND office_id IS NOT NULL"),
        ),
        Index(
            "uq_role_grant_everywhere",
            "staff_id",
            "role",
            unique=True,
            sqlite_where=text("revoked_at IS NULL AND office_id IS NULL"),
            postgresql_where=text("revoked_at IS NULL AND office_id IS NULL"),
        ),
        Index("ix_role_grant_role", "role", "office_id"),
    )

    staff_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("staff_member.id"))
    role: Mapped[Role] = mapped_column(enum_column(Role))
    office_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("office.id"))
    granted_at: Mapped[datetime] = mapped_column(UTCDateTime, default=clock.now)
    granted_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("staff_member.id"))
    revoked_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    revoked_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("staff_member.id"))

    office: Mapped[Office | None] = relationship(lazy="joined")
