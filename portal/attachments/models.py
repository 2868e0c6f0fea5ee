"""The table of uploads. The content lies in a file beside the database, sealed with a key of its
own.
"""

from __future__ import annotations

import uuid
from datetime import datetime

from sqlalchemy import CheckConstraint, Index, String, UniqueConstraint, Uuid
from sqlalchemy.orm import Mapped, mapped_column

from portal.core.actor import ActorKind
from portal.core.db import LabelledEnum, Model, PublicId, Timestamped, UTCDateTime, enum_column
from portal.core.encryption import EncryptedText


class MediaType(LabelledEnum):
    """The types that are accepted, and the only values ever sent as `Content-Type`."""

    JPEG = "image/jpeg", "JPEG 图片"
    PNG = "image/png", "PNG 图片"
    GIF = "image/gif", "GIF 图片"
    WEBP = "image/webp", "WebP 图片"
    PDF = "application/pdf", "PDF 文件"


class ScanState(LabelledEnum):
    """What the virus scanner said; a file found infected has no row at all."""

    NOT_SCANNED = "not_scanned", "未扫描"
    CLEAN = "clean", "未发现病毒"


class Attachment(PublicId, Timestamped, Model):
    """One upload. It hangs on its uploader alone while `subject_id` is empty.

    The content is sealed with `data_key`, and only this key is sealed with the portal's: a rotation
    of the portal's keys rewrites rows and touches no file.
    """

    __tablename__ = "attachment"
    __table_args__ = (
        # The last guard of the number per subject: two requests that attach at once cannot take the
        # same place.
        UniqueConstraint("subject_kind", "subject_id", "position", name="uq_attachment_place"),
        CheckConstraint(
            "(subject_kind IS NULL) = (subject_id IS NULL)"
            " AND (subject_kind IS NULL) = (position IS NULL)"
            " AND (subject_kind IS NULL) = (attached_at IS NULL)",
            name="attached_whole",
        ),
        CheckConstraint("size > 0", name="size_positive"),
        CheckConstraint("position >= 1", name="position_positive"),
        Index("ix_attachment_uploader", "uploader_kind", "uploader_id", "created_at"),
        Index("ix_attachment_unattached", "attached_at", "created_at"),
    )

    uploader_kind: Mapped[ActorKind] = mapped_column(enum_column(ActorKind))
    uploader_id: Mapped[uuid.UUID] = mapped_column(Uuid)
    subject_kind: Mapped[str | None] = mapped_column(String(60))
    subject_id: Mapped[uuid.UUID | None] = mapped_column(Uuid)
    position: Mapped[int | None]
    attached_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    # A name such as 张三身份证.jpg is personal data.
    file_name: Mapped[str] = mapped_column(EncryptedText("attachment.file_name"))
    media_type: Mapped[MediaType] = mapped_column(enum_column(MediaType))
    size: Mapped[int]
    sha256: Mapped[str] = mapped_column(String(64))
    data_key: Mapped[str] = mapped_column(EncryptedText("attachment.data_key"))
    scan_state: Mapped[ScanState] = mapped_column(enum_column(ScanState))

    @property
    def is_attached(self) -> bool:
        """True once the file belongs to a subject."""
        return self.subject_id is not None
