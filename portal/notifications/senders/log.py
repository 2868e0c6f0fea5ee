"""The stand-in: writes what would be sent into the log. For development and tests; it shows sign-in
codes.
"""

from __future__ import annotations

import json
import os
from collections import deque
from pathlib import Path

import structlog

from portal.core import clock
from portal.notifications.senders import Receipt

MOST_BYTES = 1_000_000

_log = structlog.get_logger(__name__)


class LogSender:
    """Keeps the last hundred messages in memory for tests, and in `file` for whoever plays a resident
    on this machine (`make tour`, a front-end developer): the log has the phone masked.
    """

    def __init__(self, *, production: bool, file: Path | None = None) -> None:
        if production:
            # The settings refuse this too; a code in a production log would open other people's
            # accounts.
            raise RuntimeError("the SMS stand-in must not run in production")
        self.file = file
        self.sent: deque[tuple[str, str, str]] = deque(maxlen=100)

    def send(self, message_id: str, phone: str, text: str) -> Receipt:
        """Write the SMS to the log, the phone masked."""
        self.sent.append((message_id, phone, text))
        self._write(phone, text)
        _log.info("sms_stand_in", sms=text, recipient=f"{phone[:3]}****{phone[-4:]}")
        return Receipt(f"log-{message_id}")

    def _write(self, phone: str, text: str) -> None:
        if self.file is None:
            return
        if self.file.exists() and self.file.stat().st_size > MOST_BYTES:
            self.file.unlink()
        line = json.dumps(
            {"at": clock.now().isoformat(), "phone": phone, "text": text}, ensure_ascii=False
        )
        descriptor = os.open(self.file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        with os.fdopen(descriptor, "a", encoding="utf-8") as file:
            file.write(line + "\n")
