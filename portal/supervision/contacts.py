"""How to reach the resident of a subject. Only the subject's room knows; it registers a function.

Asked when a reminder is sent and not when the deadline is opened, so that the contact wish of the
case is the present one and the register holds no residents.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass

from portal.accounts.models import ContactSafety


@dataclass(frozen=True)
class Contact:
    """The resident to tell, and the case's own contact wish if it has one."""

    resident_id: uuid.UUID
    safety: ContactSafety | None = None


Finder = Callable[[uuid.UUID], Contact | None]
_finders: dict[str, Finder] = {}


def register(subject_kind: str, find: Finder) -> None:
    """Register how to find the resident of a subject of this kind; a later registration prevails."""
    _finders[subject_kind] = find


def of(subject_kind: str, subject_id: uuid.UUID) -> Contact | None:
    """Return whom to tell, or None when the room has nobody to name."""
    find = _finders.get(subject_kind)
    return None if find is None else find(subject_id)
