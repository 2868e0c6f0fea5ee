"""An SMS gateway behind HTTP: one JSON POST per message, a bearer token, and the message's id
against doubles.

Contract, fixed by tests/notifications/test_http_sender.py against a local server:

    POST <url>   Authorization: Bearer <token>   Idempotency-Key: <message id>
    {"id": "<message id>", "to": "<phone>", "text": "<text>"}

    2xx {"id": "<gateway's id>"}   taken; 409 with the same body: taken before, under that id
    4xx                            refused for good, except those that say nothing about the message
    itself 5xx, no answer, no JSON        unknown or not taken: tried again under the same id
"""

from __future__ import annotations

import http.client
import json
import re
import threading
import time
from typing import Any
from urllib.parse import urlsplit

import structlog

from portal.notifications.senders import CircuitOpen, Permanent, Receipt, Transient

_log = structlog.get_logger(__name__)
_TIMEOUT_SECONDS = 5.0
_MOST_ANSWER = 64 * 1024
# After this many failures in a row the gateway is left alone for a while: it has enough to do.
_FAILURES_TO_OPEN = 5
_OPEN_SECONDS = 60.0
# Our token, our speed, a timeout: nothing that another message would not meet as well.
_NOT_ABOUT_THE_MESSAGE = frozenset({401, 403, 408, 425, 429})
_GATEWAY_ID = re.compile(r"[\x21-\x7e]{1,120}")


class Circuit:
    """Counts failures in a row; opens after too many, and lets one try through when its time is
    over.
    """

    def __init__(self, failures: int = _FAILURES_TO_OPEN, seconds: float = _OPEN_SECONDS) -> None:
        self._most = failures
        self._seconds = seconds
        self._failures = 0
        self._open_until = 0.0
        self._lock = threading.Lock()

    def enter(self) -> None:
        """Raise CircuitOpen while the gateway is left alone."""
        with self._lock:
            left = self._open_until - time.monotonic()
            if left > 0:
                raise CircuitOpen(left)
            if self._failures >= self._most:
                # One try; the others wait for what becomes of it.
                self._open_until = time.monotonic() + self._seconds

    def succeeded(self) -> None:
        """Close the circuit."""
        with self._lock:
            self._failures, self._open_until = 0, 0.0

    def failed(self) -> None:
        """Count a failure, and open after too many."""
        with self._lock:
            self._failures += 1
            if self._failures >= self._most:
                self._open_until = time.monotonic() + self._seconds
                _log.warning("sms_circuit_open", failures=self._failures)


class HttpSender:
    """Sends through the gateway at `url`; raises ValueError for an address that is none."""

    def __init__(
        self,
        url: str,
        token: str | None,
        *,
        timeout: float = _TIMEOUT_SECONDS,
        circuit: Circuit | None = None,
    ) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username:
            raise ValueError("PORTAL_SMS_HTTP_URL must be a plain http or https address")
        self._https = parts.scheme == "https"
        self._host, self._port = parts.hostname, parts.port
        self._target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        self._token = token
        self._timeout = timeout
        self._circuit = circuit or Circuit()

    def send(self, message_id: str, phone: str, text: str) -> Receipt:
        """Hand over one SMS; raises CircuitOpen, Transient or Permanent."""
        self._circuit.enter()
        try:
            status, answer = self._post(message_id, {"id": message_id, "to": phone, "text": text})
            receipt = self._judge(status, answer)
        except Permanent:
            # The gateway works; it does not want this message.
            self._circuit.succeeded()
            raise
        except Transient:
            self._circuit.failed()
            raise
        self._circuit.succeeded()
        return receipt

    def _post(self, message_id: str, body: dict[str, str]) -> tuple[int, bytes]:
        kind = http.client.HTTPSConnection if self._https else http.client.HTTPConnection
        connection = kind(self._host, self._port, timeout=self._timeout)
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "Accept": "application/json",
            "Idempotency-Key": message_id,
        }
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        try:
            connection.request(
                "POST", self._target, json.dumps(body, ensure_ascii=False).encode(), headers
            )
            response = connection.getresponse()
            return response.status, response.read(_MOST_ANSWER)
        except (OSError, http.client.HTTPException) as error:
            # The class only: the text of some errors repeats what was sent.
            raise Transient(type(error).__name__) from None
        finally:
            connection.close()

    def _judge(self, status: int, answer: bytes) -> Receipt:
        if 200 <= status < 300 or status == 409:
            return Receipt(_gateway_id(answer))
        if 400 <= status < 500 and status not in _NOT_ABOUT_THE_MESSAGE:
            raise Permanent(f"status {status}")
        # Redirects as well: a message is not carried to another address.
        raise Transient(f"status {status}")


def _gateway_id(answer: bytes) -> str:
    """Return the id in the gateway's answer; raises Transient when it cannot be understood.

    Whether the message was taken is then unknown; trying again under the same id finds out.
    """
    try:
        parsed: Any = json.loads(answer)
        found = parsed["id"]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise Transient("malformed answer") from None
    if not isinstance(found, str) or not _GATEWAY_ID.fullmatch(found):
        raise Transient("malformed answer")
    return found
