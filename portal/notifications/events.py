"""What the room tells others: that an SMS does not go out."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from portal.notifications.models import Message, Recipient


@dataclass(frozen=True)
class SmsNotSent:
    """An SMS was held back, or given up. To somebody without an account nothing else was said."""

    recipient_kind: Recipient
    template: str
    subject_kind: str
    subject_id: uuid.UUID | None

    @classmethod
    def of(cls, sms: Message) -> SmsNotSent:
        """Tell of an SMS."""
        return cls(sms.recipient_kind, sms.template, sms.subject_kind, sms.subject_id)
