"""Who may read an attached file: the room that owns the subject decides, and registers its rule
here.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable

from portal.attachments.models import Attachment
from portal.core.actor import Actor

CanRead = Callable[[Actor, uuid.UUID], bool]

_rules: dict[str, CanRead] = {}


def register(subject_kind: str, can_read: CanRead) -> None:
    """Let `can_read(actor, subject_id)` decide over the files of subjects of `subject_kind`; the
    last one registered holds.
    """
    _rules[subject_kind] = can_read


def require_rule(subject_kind: str) -> None:
    """Raise LookupError when nobody could ever read what is attached to `subject_kind`: a mistake
    in the calling room.
    """
    if subject_kind not in _rules:
        raise LookupError(f"no access rule registered for subjects of kind {subject_kind}")


def is_uploader(actor: Actor, attachment: Attachment) -> bool:
    """True when `actor` uploaded the file."""
    return (
        actor.id is not None
        and attachment.uploader_id == actor.id
        and attachment.uploader_kind is actor.kind
    )


def may_read(actor: Actor, attachment: Attachment) -> bool:
    """True when `actor` may see the file: its uploader while it hangs on nothing, afterwards by the
    subject's rule.

    A kind without a rule is closed to everybody.
    """
    if attachment.subject_kind is None or attachment.subject_id is None:
        return is_uploader(actor, attachment)
    rule = _rules.get(attachment.subject_kind)
    return rule is not None and rule(actor, attachment.subject_id)
