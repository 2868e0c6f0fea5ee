"""A resident's own data: what this room gives out for the export, and what it removes with an
account.
"""

from __future__ import annotations

from portal.accounts.events import ResidentDeletionRequested, ResidentExportRequested
from portal.attachments import operations, queries
from portal.attachments.schemas import AttachmentSchema
from portal.core.events import subscribe


def register() -> None:
    """Subscribe to the requests."""
    subscribe(ResidentExportRequested)(_export)
    subscribe(ResidentDeletionRequested)(_delete)


def _export(event: ResidentExportRequested) -> None:
    rows = queries.of_uploader(event.resident_id)
    event.collect("attachments", AttachmentSchema(many=True).dump(rows))


def _delete(event: ResidentDeletionRequested) -> None:
    # What is attached belongs to its case, whose room decides how long the law makes the office
    # keep it (rules 5.3).
    operations.remove_unattached_of(event.resident_id)
