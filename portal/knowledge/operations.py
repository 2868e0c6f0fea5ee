"""What other rooms and the set-up ask of this room. Staff's own edits are in `editing`."""

from __future__ import annotations

import uuid

from portal.core.unit_of_work import transactional
from portal.knowledge import index


@transactional
def schedule_index_update(kind: str, subject_id: uuid.UUID) -> None:
    """Bring a document of `kind` up to date in the search index after the caller's commit.

    It is findable on every worker within two seconds; gone when its provider returns it no more.
    """
    index.schedule_update(kind, subject_id)
