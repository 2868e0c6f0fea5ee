"""Who may change what residents read."""

from __future__ import annotations

from typing import Any

from portal.core.actor import Actor

EDITORS = ("content_editor", "admin")


def can_edit(actor: Actor, _subject: Any = None) -> bool:
    """True for content editors and administrators."""
    return actor.is_staff and actor.has_role(*EDITORS)
