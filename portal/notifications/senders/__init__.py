"""Ways to get an SMS out. A sender is a small file that fulfils `Sender`; `current` gives the one
that is configured.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from flask import current_app

from portal.config import ConfigurationError, settings

_KEY = "portal_sms_sender"


class SendFailed(Exception):
    """The gateway did not take the message. The text of the error never holds a phone or a message."""


class Transient(SendFailed):
    """It may work later: the job tries again under the same id."""


class Permanent(SendFailed):
    """The gateway refuses this message for good."""


class CircuitOpen(Transient):
    """The gateway failed so often that it is left alone until `seconds` from now."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        super().__init__("circuit open")


@dataclass(frozen=True)
class Receipt:
    """The gateway has the message, under `gateway_id`."""

    gateway_id: str


class Sender(Protocol):
    """Hands one SMS to a gateway."""

    def send(self, message_id: str, phone: str, text: str) -> Receipt:
        """Hand over `text` for `phone`; the same `message_id` twice is one SMS. Raises Transient or
        Permanent.
        """
        ...


def build() -> Sender:
    """Return a new sender of the configured kind; raises ConfigurationError."""
    from portal.notifications.senders.http import HttpSender
    from portal.notifications.senders.log import LogSender

    found = settings()
    if found.sms_sender == "http":
        try:
            return HttpSender(found.sms_http_url or "", found.sms_http_token)
        except ValueError as error:
            raise ConfigurationError(
                ["PORTAL_SMS_HTTP_URL 应当是完整的 http 或 https 网址，不能带用户名和密码。"]
            ) from error
    return LogSender(production=found.is_production, file=found.instance_dir / "sms-stand-in.jsonl")


def current() -> Sender:
    """Return this application's sender; one per process, so that its circuit counts across jobs."""
    sender: Sender | None = current_app.extensions.get(_KEY)
    if sender is None:
        sender = current_app.extensions[_KEY] = build()
    return sender


def use(sender: Sender | None) -> None:
    """Replace this application's sender; None goes back to the configured one. For tests."""
    current_app.extensions[_KEY] = sender
