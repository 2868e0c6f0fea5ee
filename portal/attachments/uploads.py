"""Reading the multipart form without putting a person's papers on the disk unsealed."""

from __future__ import annotations

import io
from typing import IO

from flask import Flask, Request

from portal.attachments.operations import Upload, read_upload
from portal.core.errors import Invalid


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
    """Let `app` keep uploads in memory."""
    app.request_class = InMemoryUploads


def single_file(request: Request) -> Upload:
    """Return the one file of the form; raises Invalid for several, RefusedFile for none."""
    files = request.files.getlist("file")
    if len(files) != 1:
        raise Invalid(
            errors={"file": ["一次只能上传一个文件。"]}, next_step="请把多个文件分几次上传。"
        )
    return read_upload(files[0].read(), files[0].filename, files[0].content_type)
