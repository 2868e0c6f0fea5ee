"""gunicorn's worker as the house has it: requests compute one at a time (`portal.web.lanes`), and what gunicorn refuses
before the application sees it is answered like every other refusal.

gunicorn's own answer is English HTML that repeats what was sent, and its log line holds the address
and the query string. See `gunicorn.conf.py`.
"""

from __future__ import annotations

import json
from typing import Any

import structlog
from gunicorn import util
from gunicorn.http.errors import (
    ConfigurationProblem,
    InvalidResponseHeader,
    InvalidResponseHeaderName,
    LimitRequestHeaders,
    LimitRequestLine,
    ParseException,
)
from gunicorn.workers.gthread import ThreadWorker

from portal.core.db import new_id
from portal.web import problems
from portal.web.lanes import Application, Lanes

_log = structlog.get_logger(__name__)
_REASONS = {
    400: "Bad Request",
    414: "URI Too Long",
    431: "Request Header Fields Too Large",
    500: "Internal Server Error",
}


def status_of(error: BaseException) -> int:
    """Return the HTTP status that gunicorn's failure to read or answer a request is told with."""
    if isinstance(error, LimitRequestLine):
        return 414
    if isinstance(error, LimitRequestHeaders):
        return 431
    # A header that the application tried to send, and what gunicorn is set up for, are no fault of the caller.
    ours = (InvalidResponseHeader, InvalidResponseHeaderName, ConfigurationProblem)
    return 400 if isinstance(error, ParseException) and not isinstance(error, ours) else 500


def answer(status: int, request_id: str) -> bytes:
    """Return the whole HTTP answer, after which the connection is closed."""
    body = json.dumps(problems.unread(status, request_id)).encode("ascii")
    head = (
        f"HTTP/1.1 {status} {_REASONS[status]}\r\n"
        f"Connection: close\r\n"
        f"Content-Type: {problems.CONTENT_TYPE}\r\n"
        f"Content-Length: {len(body)}\r\n"
        f"X-Request-ID: {request_id}\r\n"
        f"Cache-Control: no-store\r\n\r\n"
    )
    return head.encode("ascii") + body


class Worker(ThreadWorker):
    """gunicorn's threaded worker with a lane for what computes, and with the house's refusals."""

    wsgi: Application

    def load_wsgi(self) -> None:
        """Load the application; called by gunicorn once in each process."""
        super().load_wsgi()
        self.wsgi = Lanes(self.wsgi)

    def handle_error(self, req: Any, client: Any, addr: Any, exc: BaseException) -> None:
        """Log what was refused without its words, and tell the caller; called by gunicorn."""
        status, request_id = status_of(exc), str(new_id())
        # The thread may have served somebody else before.
        structlog.contextvars.clear_contextvars()
        told = {"request_id": request_id, "status": status, "kind": type(exc).__name__}
        if status >= 500:
            _log.error("unanswered_request", exc_info=exc, **told)
        else:
            _log.warning("unreadable_request", **told)
        try:
            util.write_nonblock(client, answer(status, request_id))
        except OSError:
            _log.debug("caller_is_gone", request_id=request_id)
