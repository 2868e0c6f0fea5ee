"""Making a booking with its seats. The seats themselves were taken before (`seats.take`)."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select

from portal.accounts.models import ContactSafety
from portal.core import clock
from portal.core.actor import Actor
from portal.core.db import db, new_id
from portal.core.prepared import Prepared
from portal.notary.models import BookingState, NotaryBooking, NotaryCounter, NotarySlot
from portal.notary.operations import seats as seat_counts
from portal.notary.operations import steps
from portal.notary.operations.seats import Run
from portal.notifications import quiet_hours

_BOOKINGS: Any = NotaryBooking.__table__
_COLUMNS = tuple(column.name for column in _BOOKINGS.columns)
_ADD = Prepared(lambda dialect: dialect.insert(_BOOKINGS).on_conflict_do_nothing(), writes=True)
# How long an office is open at least before an offer ends of which its clerks have to tell (D): half a day's work.
TO_REACH = timedelta(hours=4)


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


def answered_by(
    minutes: int, *, told_by: uuid.UUID | None = None, offered_at: datetime | None = None
) -> datetime:
    """Return until when an answer may take that is given so long from when its person can have read of the offer (of now).

    `told_by` is the office of somebody without an account, who reads nothing on the portal and answers nothing there: it does
    not end before the office has been open for that long, or `TO_REACH` where that is less.
    """
    offered = offered_at or clock.now()
    since = quiet_hours.current().postponed(offered) or offered
    length = timedelta(minutes=minutes)
    if told_by is None:
        return since + length
    return max(since + length, _open_for(told_by, since, min(length, TO_REACH)))


def _open_for(office_id: uuid.UUID, since: datetime, length: timedelta) -> datetime:
    """Return when an office will have been open for so long since then, outside the hours in which nobody is rung.

    The end of its last hours where they do not add up to it.
    """
    hours = db.session.execute(
        select(NotarySlot.starts_at, NotarySlot.ends_at)
        .join(NotaryCounter, NotaryCounter.id == NotarySlot.counter_id)
        .where(
            NotaryCounter.office_id == office_id,
            # Spares the past, for which the end of a slot has no index.
            NotarySlot.day >= clock.local(since).date(),
            NotarySlot.ends_at > since,
            NotarySlot.is_open,
        )
        .distinct()
        .order_by(NotarySlot.starts_at, NotarySlot.ends_at)
    )
    reached = since
    for opens, closes in hours:
        begins = max(opens, reached)
        if begins >= closes or quiet_hours.current().postponed(begins):
            continue
        if closes - begins >= length:
            return begins + length
        length -= closes - begins
        reached = closes
    return reached


def kept_for(minutes: int, starts_at: datetime) -> datetime:
    """Return until when an offer is kept: as long as the answer may take, at most until its time."""
    return min(answered_by(minutes), starts_at)


def end_of_keeping(booking: NotaryBooking) -> datetime:
    """Return until when the seats of a hold or an offer are kept."""
    if booking.kept_until is None:
        raise ValueError("neither a hold nor an offer")
    return booking.kept_until
