"""What the auditors' page takes and gives."""

from __future__ import annotations

from typing import Any

import marshmallow as ma

from portal.web.pagination import PageArgs
from portal.web.schemas import CleanString, LocalDateTime, Schema


class AuditQuery(PageArgs):
    """Filters; all given ones must match."""

    actor_id = ma.fields.UUID(load_default=None, metadata={"description": "操作人的编号"})
    subject_kind = CleanString(
        load_default=None, min_length=1, max_length=60, metadata={"description": "对象的种类"}
    )
    subject_id = ma.fields.UUID(load_default=None, metadata={"description": "对象的编号"})
    action = CleanString(
        load_default=None, min_length=1, max_length=80, metadata={"description": "操作名称的开头"}
    )
    since = LocalDateTime(
        data_key="from", load_default=None, metadata={"description": "从这个时间起（含）"}
    )
    until = LocalDateTime(
        data_key="to", load_default=None, metadata={"description": "到这个时间止（不含）"}
    )

    @ma.validates_schema
    def _kind_with_id(self, data: dict[str, Any], **_: Any) -> None:
        if data.get("subject_id") and not data.get("subject_kind"):
            raise ma.ValidationError("按对象编号查找时，请同时填写对象的种类。", "subject_kind")


class AuditEventSchema(Schema):
    """One event."""

    sequence = ma.fields.Integer()
    at = LocalDateTime()
    actor_kind = ma.fields.String()
    actor_id = ma.fields.UUID(allow_none=True)
    session_id = ma.fields.UUID(allow_none=True)
    action = ma.fields.String()
    subject_kind = ma.fields.String()
    subject_id = ma.fields.UUID(allow_none=True)
    reference = ma.fields.String(allow_none=True)
    request_id = ma.fields.String()
    detail = ma.fields.Dict(keys=ma.fields.String())
    hash = ma.fields.String()
