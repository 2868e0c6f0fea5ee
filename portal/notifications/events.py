"""What the room tells others: that an SMS does not go out."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from portal.notifications.models import Message, Reason, Recipient

_WISHES = frozenset({Reason.WISH_NO_SMS, Reason.WISH_NO_CONTACT})


@dataclass(frozen=True)
class SmsNotSent:
    """An SMS was held back, or given up. To somebody without an account nothing else was said.

    `by_wish`: the person wants none. Who has an account then looks on the portal by themselves.
    """

    recipient_kind: Recipient
    recipient_id: uuid.UUID
    template: str
    by_wish: bool
    subject_kind: str
    subject_id: uuid.UUID | None

    @classmethod
    def of(cls, sms: Message) -> SmsNotSent:
        """Tell of an SMS."""
        return cls(
            sms.recipient_kind,
            sms.recipient_id,
            sms.template,
            sms.reason in _WISHES,
            sms.subject_kind,
            sms.subject_id,
        )
