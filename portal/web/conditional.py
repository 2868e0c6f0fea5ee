"""ETag and If-Match: an edit is refused when it starts from an older copy than the stored one."""

from __future__ import annotations

import uuid
from typing import Protocol

from flask import g, request

from portal.core.errors import PreconditionMissing, StaleVersion


class VersionedSubject(Protocol):
    """A row with a public id and an optimistic version."""

    id: uuid.UUID
    version: int


def etag_of(subject: VersionedSubject) -> str:
    """Return the entity tag (without quotes) of the subject's present version."""
    return f"{subject.id.hex[-12:]}-{subject.version}"


def require_match(subject: VersionedSubject) -> None:
    """Compare `If-Match` with the subject; raises PreconditionMissing or StaleVersion.

    `If-Match: *` names no version, so it proves nothing about what the caller has seen and counts as missing.
    """
    if not request.if_match or request.if_match.star_tag:
        raise PreconditionMissing
    if not request.if_match.contains(etag_of(subject)):
        raise StaleVersion


def tag(subject: VersionedSubject) -> None:
    """Send the subject's version, as it stands at the end of the request, as the answer's ETag."""
    g.etag_subject = subject
