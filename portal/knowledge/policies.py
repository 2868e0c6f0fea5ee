"""Who may change what residents read."""

from __future__ import annotations

from typing import Any

from portal.core.actor import Actor

# Moderators are not among them: their work is the queue of consultations. What was missed and what must be
# read again is there to be written about, and a list without that step would only show residents' words to
# more people. A small office gives one person both roles.
EDITORS = ("content_editor", "admin")


def can_edit(actor: Actor, _subject: Any = None) -> bool:
    """True for content editors and administrators."""
    return actor.is_staff and actor.has_role(*EDITORS)
