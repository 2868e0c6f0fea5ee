"""What the API shows of messages."""

from __future__ import annotations

import marshmallow as ma

from portal.web.pagination import PageArgs
from portal.web.schemas import LocalDateTime, Schema, StrictBoolean


class NotificationSchema(Schema):
    """One in-app message."""

    id = ma.fields.UUID(required=True)
    template = ma.fields.String(required=True, metadata={"description": "消息的种类"})
    title = ma.fields.String(required=True)
    body = ma.fields.String(required=True)
    subject_kind = ma.fields.String(required=True)
    subject_id = ma.fields.UUID(required=True, allow_none=True)
    reference = ma.fields.String(required=True, allow_none=True)
    silent = ma.fields.Boolean(
        required=True,
        metadata={"description": "为真时，客户端不得在应用外显示（横幅、角标、锁屏）"},
    )
    created_at = LocalDateTime(required=True)
    read_at = LocalDateTime(required=True, allow_none=True)


class NotificationQuery(PageArgs):
    """Filter of the list."""

    unread = StrictBoolean(load_default=False, metadata={"description": "只列未读"})


class UnreadSchema(Schema):
    """How much waits."""

    unread = ma.fields.Integer(required=True, metadata={"description": "未读消息数"})
    badge = ma.fields.Integer(
        required=True, metadata={"description": "可以显示在应用外的未读数（角标）"}
    )


class MarkedSchema(Schema):
    """How many were marked."""

    marked = ma.fields.Integer(required=True, metadata={"description": "这次标为已读的条数"})
