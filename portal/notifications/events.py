"""What the room tells others: that an SMS does not go out."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from portal.notifications.models import Recipient


@dataclass(frozen=True)
class SmsNotSent:
    """An SMS was held back, or given up. To somebody without an account nothing else was said."""

    recipient_kind: Recipient
    template: str
    subject_kind: str
    subject_id: uuid.UUID | None
