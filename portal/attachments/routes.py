"""HTTP of attachments."""

from __future__ import annotations

import uuid
from typing import Any

from flask import Response, jsonify, request

from portal.attachments import operations, queries, uploads
from portal.attachments.models import Attachment
from portal.attachments.schemas import AttachmentSchema, UploadFiles, UploadForm
from portal.core.unit_of_work import unit_of_work
from portal.web import idempotency
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
    # The view waits for the scanner and the disk first, and then runs the house's unit of work with
    # the key itself.
    transaction=False,
    idempotent=True,
    limit="40 per 10 minutes",
)
def upload(files: dict[str, Any], form: dict[str, Any]) -> Response:
    """上传一个文件（图片或 PDF）"""
    actor = current_actor()
    key = idempotency.requested_key()
    with operations.received(actor, uploads.single_file(request)) as file:

        def keep() -> Response:
            made = operations.keep(actor, file)
            answer = jsonify(AttachmentSchema().dump(made))
            answer.status_code = 201
            return answer

        if key is not None:
            return idempotency.run(actor, key, keep)
        with unit_of_work():
            return keep()


@blp.get("/<uuid:attachment_id>", audience=SIGNED_IN, returns=AttachmentSchema)
def show(attachment_id: uuid.UUID) -> Attachment:
    """查看文件的信息"""
    return queries.readable(current_actor(), attachment_id)


@blp.get(
    "/<uuid:attachment_id>/content",
    audience=SIGNED_IN,
    produces="application/octet-stream",
    limit="300 per 10 minutes",
)
def content(attachment_id: uuid.UUID) -> Response:
    """下载文件的内容"""
    attachment, data = operations.open_content(current_actor(), attachment_id)
    # The type is ours, from the bytes; the browser neither guesses another nor shows the file in
    # our origin.
    response = Response(data, content_type=attachment.media_type.value)
    response.headers.set("Content-Disposition", "attachment", filename=attachment.file_name)
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
    response.headers["Cross-Origin-Resource-Policy"] = "same-site"
    response.headers["Cache-Control"] = "private, no-store"
    return response


@blp.delete("/<uuid:attachment_id>", audience=SIGNED_IN)
def remove(attachment_id: uuid.UUID) -> None:
    """删除自己上传、还没有用到事项里的文件"""
    operations.remove_own(current_actor(), attachment_id)
