"""How to reach the person of a subject who has no account. Only the subject's room knows; it registers a function.

Asked when the SMS goes out and not when it is written, so that the phone is kept in one place, is the present one, and is
forgotten with the subject.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass

from portal.accounts.models import ContactSafety


@dataclass(frozen=True)
class Contact:
    """The mobile phone that was given, None where there is none, and the person's contact wish."""

    phone: str | None
    safety: ContactSafety


NOBODY = Contact(None, ContactSafety.NO_CONTACT)
Finder = Callable[[uuid.UUID], Contact | None]
_finders: dict[str, Finder] = {}


def register(subject_kind: str, find: Finder) -> None:
    """Register how to find the contact of a subject of this kind; a later registration prevails."""
    _finders[subject_kind] = find


def of(subject_kind: str, subject_id: uuid.UUID | None) -> Contact:
    """Return the contact; NOBODY where the subject's room knows nobody, or nobody any more."""
    find = _finders.get(subject_kind)
    found = None if find is None or subject_id is None else find(subject_id)
    return found or NOBODY
