"""The outbox of messages: what was to be told to whom, and what became of it."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, Index, String, Uuid
from sqlalchemy.orm import Mapped, mapped_column

from portal.accounts.models import ContactSafety
from portal.core.actor import ActorKind
from portal.core.db import LabelledEnum, Model, PublicId, Timestamped, UTCDateTime, enum_column
from portal.core.encryption import EncryptedJSON


class Recipient(LabelledEnum):
    """Whom a message is for."""

    RESIDENT = "resident", "居民"
    STAFF = "staff", "工作人员"
    # Who has no account: the subject's own phone, asked for when the SMS goes out (`without_account`).
    SUBJECT = "subject", "没有账号的当事人"


RECIPIENTS = {ActorKind.RESIDENT: Recipient.RESIDENT, ActorKind.STAFF: Recipient.STAFF}


class Channel(LabelledEnum):
    """The way a message takes."""

    IN_APP = "in_app", "站内消息"
    SMS = "sms", "短信"


class MessageState(LabelledEnum):
    """What became of it. An in-app message is sent by being there."""

    QUEUED = "queued", "待发送"
    SENT = "sent", "已发送"
    FAILED = "failed", "发送失败"
    SUPPRESSED = "suppressed", "按规则未发送"


class Reason(LabelledEnum):
    """Why a message was not sent, or was sent in another form."""

    WISH_NO_SMS = "wish_no_sms", "本人或事项选择不发短信"
    WISH_NO_CONTACT = "wish_no_contact", "本人或事项选择不主动联系"
    WISH_NEUTRAL = "wish_neutral", "本人或事项选择只发不含内容的短信"
    NO_PHONE = "no_phone", "没有手机号码"
    REFUSED = "refused", "短信网关拒绝"
    GAVE_UP = "gave_up", "多次发送没有成功"
    TOO_OLD = "too_old", "超过时限，不再发送"
    UNKNOWN_TEMPLATE = "unknown_template", "消息模板已停用"


class Message(PublicId, Timestamped, Model):
    """One message on one channel. Its id is what the SMS gateway knows it by, so that a repeated
    call sends once.
    """

    __tablename__ = "message"
    __table_args__ = (
        Index("ix_message_recipient", "recipient_kind", "recipient_id", "channel", "id"),
        Index("ix_message_subject", "subject_kind", "subject_id"),
        CheckConstraint("state <> 'suppressed' OR reason IS NOT NULL", name="suppressed_reason"),
        CheckConstraint("state <> 'failed' OR reason IS NOT NULL", name="failed_reason"),
        CheckConstraint("state <> 'sent' OR sent_at IS NOT NULL", name="sent_at_set"),
    )

    recipient_kind: Mapped[Recipient] = mapped_column(enum_column(Recipient))
    recipient_id: Mapped[uuid.UUID] = mapped_column(Uuid)
    template: Mapped[str] = mapped_column(String(80))
    params: Mapped[Any] = mapped_column(EncryptedJSON("message.params"), default=dict)
    channel: Mapped[Channel] = mapped_column(enum_column(Channel))
    subject_kind: Mapped[str] = mapped_column(String(60))
    subject_id: Mapped[uuid.UUID | None] = mapped_column(Uuid)
    reference: Mapped[str | None] = mapped_column(String(40))
    # The case's own wish, kept to be asked again when the SMS goes out hours later.
    safety: Mapped[ContactSafety | None] = mapped_column(enum_column(ContactSafety))
    # True: the app shows it when it is opened, and raises no banner and no badge before.
    silent: Mapped[bool] = mapped_column(default=False)
    state: Mapped[MessageState] = mapped_column(enum_column(MessageState))
    reason: Mapped[Reason | None] = mapped_column(enum_column(Reason))
    attempts: Mapped[int] = mapped_column(default=0)
    gateway_id: Mapped[str | None] = mapped_column(String(120))
    sent_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    read_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
