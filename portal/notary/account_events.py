"""What this room gives to a person's export, and what becomes of it when they close their account."""

from __future__ import annotations

import uuid
from typing import Any

from sqlalchemy import Select, select, update
from sqlalchemy.orm import selectinload

from portal.accounts.events import ResidentDeletionRequested, ResidentExportRequested
from portal.core import clock
from portal.core.actor import SYSTEM
from portal.core.db import db
from portal.core.events import subscribe
from portal.notary import case_events
from portal.notary.models import (
    BookingState,
    NotaryBooking,
    NotaryNoShow,
    NotaryParty,
    NotaryWaiting,
    WaitingState,
)
from portal.notary.operations import (
    changing,
    confirming,
    feeds,
    freeing,
    holding,
    persons,
    seats,
    steps,
)
from portal.notary.queries import bookings


def _of(resident_id: uuid.UUID) -> Select[NotaryBooking]:
    return (
        select(NotaryBooking)
        .where(NotaryBooking.account_id == resident_id)
        .order_by(NotaryBooking.id)
    )


@subscribe(ResidentExportRequested)
def add_to_export(event: ResidentExportRequested) -> None:
    """Add the resident's appointments with their parties, and their places in the waiting list (个人信息保护法 45)."""
    found = db.session.scalars(
        _of(event.resident_id).options(
            selectinload(NotaryBooking.office),
            selectinload(NotaryBooking.matter),
            selectinload(NotaryBooking.parties),
        )
    )
    event.collect("notary_appointments", [_exported(each) for each in found])
    entries = db.session.scalars(
        select(NotaryWaiting)
        .where(NotaryWaiting.account_id == event.resident_id)
        .options(selectinload(NotaryWaiting.matter))
    )
    event.collect(
        "notary_waiting",
        [
            {
                "matter": entry.matter.name,
                "from": entry.from_day.isoformat(),
                "until": entry.until_day.isoformat(),
                "state": entry.state.label,
            }
            for entry in entries
        ],
    )


def _exported(booking: NotaryBooking) -> dict[str, Any]:
    return {
        "reference": booking.reference,
        "state": booking.state.label,
        "office": booking.office.name,
        "matter": booking.matter.name,
        "starts_at": clock.local(booking.starts_at).isoformat(timespec="seconds"),
        "cancellation_reason": booking.cancellation_reason,
        "contact_phone": booking.contact_phone,
        "agent": persons.masked(booking.agent),
        "parties": [
            {
                "name": party.name,
                "document_number": persons.shown_number(party),
                "birth_date": party.birth_date,
                "guardian": persons.masked(party.guardian),
            }
            for party in booking.parties
        ],
    }


@subscribe(ResidentDeletionRequested)
def forget(event: ResidentDeletionRequested) -> None:
    """Cancel what is ahead, give up what is kept, leave the list, and erase who the parties were.

    The register of an accepted case (公证程序规则 57) is another record and is kept with the case.
    """
    # First, or a seat that is freed next would be offered to them.
    _leave_the_list(event.resident_id)
    found = list(db.session.scalars(_of(event.resident_id)))
    _lock_days(found)
    _hold(event.resident_id)
    for known in found:
        booking = confirming.load(known.id)
        if booking is None:  # pragma: no cover - rows are never deleted
            continue
        _end(booking)
    for known in found:
        booking = bookings.find(known.id)
        if booking is not None:
            _erase(booking)
    # A case comes after its appointment, as in every step, so that what was accepted at this moment is among them.
    case_events.take_off(event)
    feeds.forget(event.resident_id)
    if found:
        event.keep("公证预约的编号、时间和办理结果", "只用于统计，不含姓名和证件，也不再与您关联")


def _lock_days(found: list[NotaryBooking]) -> None:
    """Lock all days on which seats are given up, at once and so in the order that everybody keeps."""
    ahead = [
        booking
        for booking in found
        if booking.kept_until is not None or booking.state is BookingState.CONFIRMED
    ]
    others = [other for booking in ahead for other in changing.pending_other_times(booking)]
    seats.lock_days((booking.counter_id, booking.day) for booking in [*ahead, *others])


def _hold(resident_id: uuid.UUID) -> None:
    """Hold all appointments at once, also those that have ended, before the persons of any: they may be the same."""
    db.session.execute(
        select(NotaryBooking.id)
        .where(NotaryBooking.account_id == resident_id)
        .order_by(NotaryBooking.id)
        .with_for_update(key_share=True)
    ).all()


def _end(booking: NotaryBooking) -> None:
    if booking.kept_until is not None:
        seats.lock_days([(booking.counter_id, booking.day)])
        now = clock.now()
        if steps.write(booking, state=BookingState.RELEASED, kept_until=None, ended_at=now):
            freeing.end_waiting(booking, WaitingState.DECLINED, ended_at=now)
            holding.give_up_seats(SYSTEM, booking, "release", "账号注销")
    elif booking.state is BookingState.CONFIRMED and booking.starts_at > clock.now():
        changing.cancel(SYSTEM, booking)


def _leave_the_list(resident_id: uuid.UUID) -> None:
    # Held, so that an offer made at this moment is either seen with the bookings or not made. Whoever frees a seat does not
    # wait for an entry (`freeing`), so this may come before the days of the slots.
    for entry in db.session.scalars(
        select(NotaryWaiting)
        .where(NotaryWaiting.account_id == resident_id, NotaryWaiting.state == WaitingState.WAITING)
        .order_by(NotaryWaiting.id)
        .with_for_update(of=NotaryWaiting)
        .execution_options(populate_existing=True)
    ):
        entry.state, entry.ended_at = WaitingState.LEFT, clock.now()
    db.session.flush()


def _erase(booking: NotaryBooking) -> None:
    # First, as it holds the appointment: a step of the office at this moment is over by then, or knows of a closed account.
    steps.write(
        booking,
        account_id=None,
        contact_phone=None,
        cancellation_reason=None,
        link_nonce=None,
        # Nobody is left who could be told.
        untold_since=None,
    )
    standing = select(NotaryParty.id).where(
        NotaryParty.booking_id == booking.id, NotaryParty.active
    )
    # Somebody may be at the desk with it right now: the office finishes the day first (`persons.end_parties`).
    if db.session.scalar(standing.limit(1)) is None:
        persons.forget(booking)
    db.session.execute(
        update(NotaryNoShow)
        .where(NotaryNoShow.booking_id == booking.id)
        .values(appeal_text=None)
        .execution_options(synchronize_session=False)
    )
