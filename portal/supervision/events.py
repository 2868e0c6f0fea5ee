"""What the register tells the rooms above, inside the unit of work that marks the deadline."""

from __future__ import annotations

import uuid
from dataclasses import dataclass


@dataclass(frozen=True)
class DeadlineOverdue:
    """A deadline has lawfully ended without having been met. Published once for each deadline."""

    deadline_id: uuid.UUID
    rule_id: str
    subject_kind: str
    subject_id: uuid.UUID
