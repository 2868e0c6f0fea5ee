"""HTTP of attachments."""

from __future__ import annotations

import uuid
from typing import Any
from urllib.parse import quote

from flask import Response

from portal.attachments import names, operations
from portal.attachments.models import Attachment, MediaType
from portal.attachments.schemas import AttachmentSchema
from portal.attachments.uploads import UploadFiles, UploadForm
from portal.web.blueprint import SIGNED_IN, Blueprint
from portal.web.request_context import current_actor

blp = Blueprint(
    "attachments",
    __name__,
    url_prefix="/api/v1/attachments",
    description="附件：先上传，再在提问或申请里引用编号",
)


@blp.post(
    "",
    audience=SIGNED_IN,
    files=UploadFiles,
    form=UploadForm,
    returns=AttachmentSchema,
    status=201,
    limit="40 per 10 minutes",
)
def upload(files: dict[str, Any], form: dict[str, Any]) -> Attachment:
    """上传一个文件（图片或 PDF）"""
    return operations.keep(current_actor(), files["file"])


@blp.get("/<uuid:attachment_id>", audience=SIGNED_IN, returns=AttachmentSchema)
def show(attachment_id: uuid.UUID) -> Attachment:
    """查看文件的信息"""
    return operations.look(current_actor(), attachment_id)


@blp.get(
    "/<uuid:attachment_id>/content",
    audience=SIGNED_IN,
    produces=tuple(kind.value for kind in MediaType),
    limit="300 per 10 minutes",
)
def content(attachment_id: uuid.UUID) -> Response:
    """下载文件的内容"""
    attachment, data = operations.open_content(current_actor(), attachment_id)
    # The type is ours, from the bytes; the browser neither guesses another nor shows the file in
    # our origin.
    response = Response(data, content_type=attachment.media_type.value)
    response.headers["Content-Disposition"] = _disposition(attachment)
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
    response.headers["Cross-Origin-Resource-Policy"] = "same-site"
    response.headers["Cache-Control"] = "private, no-store"
    return response


@blp.delete("/<uuid:attachment_id>", audience=SIGNED_IN)
def remove(attachment_id: uuid.UUID) -> None:
    """删除自己上传、还没有用到事项里的文件"""
    operations.remove_own(current_actor(), attachment_id)


def _disposition(attachment: Attachment) -> str:
    """Return the header that saves the file under its name, in RFC 5987 form with an ASCII
    stand-in.
    """
    extension = names.extension_of(attachment.file_name)
    quoted = quote(attachment.file_name, safe="")
    return f"attachment; filename=\"attachment.{extension}\"; filename*=UTF-8''{quoted}"
