"""Receiving a file by HTTP: never on the disk unsealed, and checked before the route's transaction
begins.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from contextlib import ExitStack
from typing import IO, Any

import marshmallow as ma
from flask import Flask, Request, g, request

from portal.attachments import operations
from portal.core.errors import Invalid
from portal.web.request_context import current_actor
from portal.web.schemas import Schema

_STACK = "portal_received_uploads"


class InMemoryUploads(Request):
    """A request that keeps uploaded files in memory.

    Werkzeug writes files over 500 KB to a temporary file, in the clear. Memory is bounded by
    `MAX_CONTENT_LENGTH` per request and by the server's number of threads.
    """

    def _get_file_stream(
        self,
        total_content_length: int | None,
        content_type: str | None,
        filename: str | None = None,
        content_length: int | None = None,
    ) -> IO[bytes]:
        return io.BytesIO()


def init_app(app: Flask) -> None:
    """Let `app` keep uploads in memory, and remove what a request received and did not keep."""
    app.request_class = InMemoryUploads
    app.teardown_request(_discard)


def _discard(_error: BaseException | None) -> None:
    stack: ExitStack | None = g.pop(_STACK, None)
    if stack is not None:
        stack.close()


class UploadedFile(ma.fields.Raw):
    """The one file of a form, as an `operations.Received`.

    Checked, scanned and sealed while the form is parsed: that is before the route's transaction,
    where waiting for the scanner and the disk holds nobody up. The view gives it a row, or the end
    of the request removes it: after a refusal, and when an idempotency key gives back an older
    answer.
    """

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> operations.Received:
        if len(request.files.getlist("file")) != 1:
            raise Invalid(
                errors={"file": ["一次只能上传一个文件。"]}, next_step="请把多个文件分几次上传。"
            )
        upload = operations.read_upload(value.read(), value.filename, value.content_type)
        # Read again by the fingerprint of the idempotency key.
        value.stream.seek(0)
        stack = ExitStack()
        received = stack.enter_context(operations.received(current_actor(), upload))
        setattr(g, _STACK, stack)
        return received


class UploadFiles(Schema):
    """The parts of an upload: exactly one file."""

    file = UploadedFile(
        required=True,
        metadata={
            "type": "string",
            "format": "binary",
            "description": "图片（JPG、PNG、GIF、WebP）或 PDF，最大 10 MiB",
        },
    )


class UploadForm(Schema):
    """No form fields beside the file."""
