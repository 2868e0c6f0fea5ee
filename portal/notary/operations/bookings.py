"""Making a booking with its seats. The seats themselves were taken before (`seats.take`)."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from typing import Any

from portal.accounts.models import ContactSafety
from portal.core import clock
from portal.core.actor import Actor
from portal.core.db import new_id
from portal.core.prepared import Prepared
from portal.notary.models import BookingState, NotaryBooking
from portal.notary.operations import seats as seat_counts
from portal.notary.operations import steps
from portal.notary.operations.seats import Run
from portal.notifications import quiet_hours

_BOOKINGS: Any = NotaryBooking.__table__
_COLUMNS = tuple(column.name for column in _BOOKINGS.columns)
_ADD = Prepared(lambda dialect: dialect.insert(_BOOKINGS).on_conflict_do_nothing(), writes=True)


def new(
    *,
    account_id: uuid.UUID | None,
    office_id: uuid.UUID,
    matter_id: uuid.UUID,
    run: Run,
    party_count: int,
    seats: int,
    state: BookingState,
    kept_until: datetime,
    **fields: Any,
) -> NotaryBooking:
    """Return a booking for `run` that is not in the database yet."""
    now = clock.now()
    values: dict[str, Any] = {
        "id": new_id(),
        "version": 1,
        "created_at": now,
        "updated_at": now,
        "immovable": False,
        "foreign_use": False,
        "dispute": False,
        "fee_relief": False,
        "contact_safety": ContactSafety.NORMAL,
        "account_id": account_id,
        "office_id": office_id,
        "matter_id": matter_id,
        "party_count": party_count,
        "seats": seats,
        "state": state,
        "kept_until": kept_until,
        **time_of(run),
        **fields,
    }
    booking = NotaryBooking()
    # Not one by one: it never comes into a session, so nobody asks which of them have changed.
    booking.__dict__.update(values)
    return booking


def time_of(run: Run) -> dict[str, Any]:
    """Return the values by which a booking says where and when it is."""
    return {
        "counter_id": run.first.counter_id,
        "day": run.first.day,
        "starts_at": run.first.starts_at,
        "ends_at": run.ends_at,
        "quota": run.first.quota,
    }


def write_row(booking: NotaryBooking) -> bool:
    """Write the booking itself; False when the account has a hold already, or the entry an offer (the unique indexes say so).

    One statement, without the session, which would turn the clash into a broken transaction on PostgreSQL.
    """
    given = booking.__dict__
    return _ADD.run({name: given.get(name) for name in _COLUMNS}) > 0


def write_claims(
    booking: NotaryBooking, run: Run, *, action: str, label: str, actor: Actor
) -> None:
    """Write whose the seats of `run` now are, and the first line of the history."""
    seat_counts.add_claims(
        booking.id, [slot.id for slot in run.slots], booking.seats, booking.kept_until
    )
    steps.note(booking, action, label, actor, seats=booking.seats * len(run.slots))


def insert(booking: NotaryBooking, run: Run, *, action: str, label: str, actor: Actor) -> None:
    """Write the booking, its claims and the first line of its history."""
    if not write_row(booking):  # pragma: no cover - the entry was moved by a guarded statement
        raise RuntimeError("a second offer for one entry")
    write_claims(booking, run, action=action, label=label, actor=actor)


def answered_by(minutes: int) -> datetime:
    """Return until when an answer may take that is given so long from when its person can have read of the offer."""
    now = clock.now()
    return (quiet_hours.current().postponed(now) or now) + timedelta(minutes=minutes)


def kept_for(minutes: int, starts_at: datetime) -> datetime:
    """Return until when an offer is kept: as long as the answer may take, at most until its time."""
    return min(answered_by(minutes), starts_at)


def end_of_keeping(booking: NotaryBooking) -> datetime:
    """Return until when the seats of a hold or an offer are kept."""
    if booking.kept_until is None:
        raise ValueError("neither a hold nor an offer")
    return booking.kept_until
