"""What the API shows of a file."""

from __future__ import annotations

import marshmallow as ma

from portal.attachments.models import MediaType
from portal.web.schemas import Choice, Label, LocalDateTime, Schema


class AttachmentSchema(Schema):
    """A file without its content: fetch that from `/attachments/{id}/content`."""

    id = ma.fields.UUID(required=True)
    file_name = ma.fields.String(required=True)
    media_type = Choice(MediaType, required=True)
    media_type_label = Label(attribute="media_type")
    size = ma.fields.Integer(required=True, metadata={"description": "字节数"})
    sha256 = ma.fields.String(required=True, metadata={"description": "内容的 SHA-256，十六进制"})
    attached = ma.fields.Boolean(
        required=True,
        attribute="is_attached",
        metadata={"description": "是否已经附到某件事项上；没有附上的文件 24 小时后自动删除"},
    )
    created_at = LocalDateTime(required=True)
