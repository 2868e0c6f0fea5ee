"""A resident's own data: the messages given out for the export, and removed with the account."""

from __future__ import annotations

from typing import Any

from portal.accounts.events import ResidentDeletionRequested, ResidentExportRequested
from portal.core import clock
from portal.core.events import subscribe
from portal.core.unit_of_work import before_commit
from portal.notifications import operations, queries
from portal.notifications.models import Channel, Message


def register() -> None:
    """Subscribe to the requests."""
    subscribe(ResidentExportRequested)(_export)
    subscribe(ResidentDeletionRequested)(_delete)


def _export(event: ResidentExportRequested) -> None:
    rows = [_row(message) for message in queries.of_resident(event.resident_id)]
    event.collect("notifications", rows)


def _delete(event: ResidentDeletionRequested) -> None:
    def forget() -> None:
        operations.forget_resident(event.resident_id)

    # What was said stands in the cases; the messages serve no purpose without their reader. Last, when the rooms have their
    # cases to themselves: a step of staff that was under way may have said something more.
    before_commit(forget)


def _row(message: Message) -> dict[str, Any]:
    shown = queries.shown(message)
    in_app = message.channel is Channel.IN_APP
    return {
        "id": str(message.id),
        "channel": message.channel.label,
        "title": shown.title,
        "body": shown.body if in_app else None,
        "reference": message.reference,
        "state": message.state.label,
        "reason": message.reason.label if message.reason else None,
        "created_at": clock.local(message.created_at).isoformat(timespec="seconds"),
        "read_at": (
            clock.local(message.read_at).isoformat(timespec="seconds") if message.read_at else None
        ),
    }
