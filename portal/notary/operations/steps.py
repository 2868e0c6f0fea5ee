"""What every step of a booking does: move the state by a guarded statement, write the history, tell the person."""

from __future__ import annotations

import uuid
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, insert, select, update
from sqlalchemy.orm.attributes import set_committed_value

from portal.audit import operations as audit
from portal.core import clock
from portal.core.actor import Actor
from portal.core.db import db, new_id
from portal.core.errors import DomainError, WrongState
from portal.core.jobs import enqueue
from portal.core.prepared import Prepared
from portal.notary.errors import ChangedMeanwhile, HoldExpired, HoldWithdrawn
from portal.notary.models import SUBJECT_KIND, BookingState, NotaryBooking, NotaryHistory
from portal.notary.workflow import BOOKING
from portal.notifications import operations as notifications

TELL = "notary.tell"
_HISTORY: Any = NotaryHistory.__table__
_ADD_LINE = Prepared(lambda _dialect: insert(_HISTORY), writes=True)
Detail = dict[str, str | int | bool | date | None]


def move(
    booking: NotaryBooking, action: str, actor: Actor, *conditions: Any, **values: Any
) -> None:
    """Carry out `action` by one statement that holds only while the booking is as it was loaded, and so as it was judged.

    Raises `lost` when another step was quicker or one of `conditions` does not hold, WrongState and Forbidden as the workflow
    does for the booking as it was loaded.
    """
    row = BOOKING.find(action, booking.state)
    before = booking.state
    BOOKING.execute(booking, action, actor)
    # Written by the statement below and not by the session, so that its refusal is ours to word.
    set_committed_value(booking, "state", before)
    assert row is not None  # noqa: S101 - execute() has raised otherwise
    if not write(booking, as_loaded(booking), *conditions, state=row.target, **values):
        raise lost(booking)


def as_loaded(booking: NotaryBooking) -> ColumnElement[bool]:
    """Return the condition that nothing of the booking has changed since it was loaded: every write counts its version up."""
    return NotaryBooking.version == booking.version


def hold(booking: NotaryBooking) -> None:
    """Hold a booking until the transaction ends, for a step that reads it anew before it moves it; its slots are locked.

    Raises `lost` when it has changed since it was loaded.
    """
    unchanged = select(NotaryBooking.id).where(NotaryBooking.id == booking.id, as_loaded(booking))
    if db.session.scalar(unchanged.with_for_update(key_share=True)) is None:
        raise lost(booking)


def write(booking: NotaryBooking, *conditions: Any, **values: Any) -> bool:
    """Change the booking by one guarded statement and give the loaded object the same values; False when a guard failed."""
    changed = {**values, "updated_at": clock.now()}
    result = db.session.execute(
        update(NotaryBooking)
        .where(NotaryBooking.id == booking.id, *conditions)
        .values(**changed, version=NotaryBooking.version + 1)
        .returning(NotaryBooking.version)
        .execution_options(synchronize_session=False)
    ).scalar_one_or_none()
    if result is None:
        return False
    for name, value in {**changed, "version": result}.items():
        set_committed_value(booking, name, value)
    return True


def lost(booking: NotaryBooking) -> DomainError:
    """Return the refusal of a step that another one forestalled; the booking is read anew.

    ChangedMeanwhile where the state is the same: its time, its persons or something else are not what was seen.
    """
    state, version = booking.state, booking.version
    db.session.refresh(booking)
    if booking.state is BookingState.EXPIRED:
        return expired(booking)
    if booking.kept_until is not None and booking.kept_until <= clock.now():
        return HoldExpired()
    if booking.state is state and booking.version != version:
        return ChangedMeanwhile()
    return WrongState(f"这个预约目前是“{booking.state.label}”，不能办理这项操作。")


def expired(booking: NotaryBooking) -> HoldExpired:
    """Return the refusal for a hold or an offer that ended: its time is over, or the office gave it up before that."""
    if booking.affected_reason is None:
        return HoldExpired()
    return HoldWithdrawn(f"这个时段因{booking.affected_reason}不再办理，不能为您保留。")


def note(
    booking: NotaryBooking,
    action: str,
    label: str,
    actor: Actor,
    *,
    seats: int = 0,
) -> None:
    """Write one line of the history. `seats` is how many seats of slots the step took (or, negative, gave back)."""
    note_row(
        booking.id, action, label, booking.state, actor, seats=seats, starts_at=booking.starts_at
    )


def note_row(
    booking_id: uuid.UUID,
    action: str,
    label: str,
    state: BookingState,
    actor: Actor,
    *,
    seats: int,
    starts_at: datetime,
) -> None:
    """Write one line of the history of a booking that is not loaded."""
    _ADD_LINE.run(
        {
            "id": new_id(),
            "booking_id": booking_id,
            "case_id": None,
            "action": action,
            "label": label,
            "state": state.value,
            "seats": seats,
            "starts_at": starts_at,
            "actor_kind": actor.kind.value,
            "actor_id": actor.id,
            "at": clock.now(),
        }
    )


def record(booking: NotaryBooking, action: str, actor: Actor, detail: Detail | None = None) -> None:
    """Write the audit row of a step."""
    audit.record(
        actor,
        f"notary_booking.{action}",
        SUBJECT_KIND,
        booking.id,
        {"state": booking.state.value, **(detail or {})},
        reference=booking.reference,
    )


def tell(booking: NotaryBooking, template: str, **params: str | int) -> None:
    """Have the resident told after the commit. A job, so that a rush for seats writes one row here and not five.

    Who has no account gets an SMS where a mobile phone was given; it says no more than the reference.
    """
    if booking.account_id is not None:
        tell_resident(
            booking.account_id,
            template,
            params,
            subject_kind=SUBJECT_KIND,
            subject_id=booking.id,
            reference=booking.reference,
            safety=booking.contact_safety.value,
        )
    elif booking.booked_by_id is not None and booking.reference is not None:
        notifications.notify_without_account(
            template, subject_kind=SUBJECT_KIND, subject_id=booking.id, reference=booking.reference
        )


def tell_resident(
    resident_id: uuid.UUID,
    template: str,
    params: dict[str, str | int],
    *,
    subject_kind: str,
    subject_id: uuid.UUID,
    reference: str | None = None,
    safety: str | None = None,
) -> None:
    """Have a resident told something after the commit."""
    enqueue(
        TELL,
        {
            "resident_id": str(resident_id),
            "template": template,
            "params": params,
            "subject_kind": subject_kind,
            "subject_id": str(subject_id),
            "reference": reference,
            "safety": safety,
        },
    )
