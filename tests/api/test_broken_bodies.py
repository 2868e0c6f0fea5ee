"""A body that breaks off, or is far too large, is refused in words."""

from __future__ import annotations

import io

import pytest

from portal.web import parsing


class Torn(io.RawIOBase):
    """A connection that goes away in mid-body, as a bad chunk does in gunicorn."""

    def readable(self) -> bool:
        return True

    def seek(self, _offset: int, _whence: int = 0) -> int:
        return 0

    def readinto(self, _buffer: object) -> int:
        raise OSError("invalid chunk size")


@pytest.mark.parametrize(
    ("path", "content_type"),
    [
        ("/auth/sms-codes", "application/json"),
        ("/citations/check", "application/json"),
    ],
)
def test_a_body_that_breaks_off_is_said_so(api, path, content_type):
    answer = api.client.post(
        f"/api/v1{path}",
        input_stream=Torn(),
        content_type=content_type,
        content_length=100,
        environ_overrides={"wsgi.input_terminated": True},
    )
    assert (answer.status_code, answer.json["code"]) == (400, "malformed")


def test_a_json_body_has_a_limit_far_below_that_of_uploads(api):
    body = b'{"phone": "' + b"1" * parsing.MAX_JSON + b'"}'
    answer = api.client.post("/api/v1/auth/sms-codes", data=body, content_type="application/json")
    assert (answer.status_code, answer.json["code"]) == (413, "too_large")
