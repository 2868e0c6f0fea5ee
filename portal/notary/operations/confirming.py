"""Confirm a hold or an offer. Everything is asked first; then the booking is held, and persons, parties, the booking itself
and its claims are written.

The order is chosen for the rush: what is shared by all (the counter of references, the audit chain) is locked last.
"""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import joinedload

from portal.accounts.operations import sessions
from portal.core import clock
from portal.core.actor import Actor
from portal.core.db import db, new_id
from portal.core.errors import Conflict, NotFound
from portal.core.references import CHECK_ALPHABET, next_reference
from portal.core.unit_of_work import transactional
from portal.notary import bringing, checks, policies
from portal.notary.checks import Details
from portal.notary.models import NotaryBooking, WaitingState
from portal.notary.operations import freeing, holding, persons, seats, steps
from portal.notary.parties import CheckedParty

REFERENCE_PREFIX = "GZ"
CODE_LENGTH = 8


def load(booking_id: uuid.UUID) -> NotaryBooking | None:
    """Return the booking with its matter and office in one statement, as it is now."""
    return db.session.scalar(
        select(NotaryBooking)
        .where(NotaryBooking.id == booking_id)
        .options(joinedload(NotaryBooking.matter), joinedload(NotaryBooking.office))
        .execution_options(populate_existing=True)
    )


@transactional
def confirm(actor: Actor, hold_id: uuid.UUID, details: Details) -> NotaryBooking:
    """Make an appointment of a hold or of an offer from the waiting list.

    Raises HoldExpired (410) after its time, Invalid for details that do not fit (rules 2.9); for the parties AlreadyBooked,
    LimitReached, TooManyNoShows and ElsewhereThen, or PartyUnavailable where the actor is not to know which. Of two
    confirmations of one hold, one succeeds.
    """
    sessions.require_active(actor)
    booking = load(hold_id)
    if booking is None or not policies.can_speak_for(actor, booking):
        raise NotFound("没有找到您保留的时段。")
    if booking.replaces_id is not None:
        raise Conflict(
            "这是因原时段不能办理而为您留的新时段。",
            code="is_other_time",
            next_step="请在原来的预约上接受新时段。",
        )
    return carry_out(actor, booking, details)


def carry_out(
    actor: Actor, booking: NotaryBooking, details: Details, detail: steps.Detail | None = None
) -> NotaryBooking:
    """Confirm a hold or an offer that was loaded, inside a unit of work; `detail` goes into the audit row.

    The same for everybody, whoever holds the time. Raises what `confirm` raises.
    """
    holding.require_held(booking)
    matter, office = booking.matter, booking.office
    holding.require_active(matter)
    checked = checks.check(details, matter, office, booking)
    coming = _coming(checked.parties, booking)
    held, wanted = booking.seats, office.seats_for(coming)
    fewer = {"party_count": coming, "seats": wanted} if wanted < held else {}
    if fewer:
        # Before every other lock, and only where somebody may be offered what is left over.
        seats.lock_days([(booking.counter_id, booking.day)])
    # Before its persons, as everybody does: whoever frees what has lapsed may move an appointment of theirs next.
    steps.hold(booking)
    rows = party_rows(booking, checked.parties)
    indexes = [row["person_index"] for row in rows]
    persons.require_few_no_shows(actor, office, indexes)
    persons.count_up(actor, office, indexes)
    persons.add_parties(actor, rows)
    persons.require_one_place(actor, booking)
    now = clock.now()
    steps.move(
        booking,
        "confirm",
        actor,
        NotaryBooking.kept_until > now,
        reference=next_reference(REFERENCE_PREFIX),
        check_in_code="".join(secrets.choice(CHECK_ALPHABET) for _ in range(CODE_LENGTH)),
        # Who has no account is shown no link.
        link_nonce=secrets.token_hex(16) if booking.account_id is not None else None,
        kept_until=None,
        confirmed_at=now,
        checklist_read_at=now,
        connection_basis=details.connection_basis,
        immovable=details.immovable,
        foreign_use=details.foreign_use,
        foreign_country=details.foreign_country or None,
        dispute=details.dispute,
        fee_relief=details.fee_relief,
        agent=checked.agent,
        contact_phone=checked.contact_phone,
        contact_safety=details.contact_safety,
        **fewer,
    )
    seats.make_firm(booking.id)
    freeing.end_waiting(booking, WaitingState.TAKEN, ended_at=now)
    given = 0
    if fewer:
        kept = seats.live_claims(*seats.of_booking(booking.id))
        given = freeing.free(booking, office, seats.split(kept, wanted), cool=True)
    label = f"预约成功，多留的 {held - wanted} 个号退回" if fewer else "预约成功"
    steps.note(booking, "confirm", label, actor, seats=-given)
    steps.record(booking, "confirm", actor, {"parties": len(rows), **(detail or {})})
    steps.tell(
        booking,
        "notary.confirmed",
        when=clock.spoken(booking.starts_at),
        office=office.name,
        checklist="；".join(bringing.papers(booking)),
    )
    return booking


def _coming(checked: Sequence[CheckedParty], booking: NotaryBooking) -> int:
    """How many of those whom the time was held for will come; an agent comes for all for whom they act."""
    present = sum(not party.by_agent for party in checked)
    return min(booking.party_count, present + any(party.by_agent for party in checked))


def party_rows(booking: NotaryBooking, checked: Sequence[CheckedParty]) -> list[dict[str, Any]]:
    """Return the parties of a booking that stands as they are written."""
    return [
        {
            "id": new_id(),
            "booking_id": booking.id,
            "matter_id": booking.matter_id,
            "position": position,
            "kind": party.kind,
            "active": True,
            "person_index": persons.person_index(party.document_type, party.document_number),
            "name": party.name,
            "document_type": party.document_type,
            "document_number": party.document_number,
            "birth_date": party.birth_date.isoformat() if party.birth_date else None,
            "lacks_capacity": party.lacks_capacity,
            "by_agent": party.by_agent,
            "guardian": party.guardian,
        }
        for position, party in enumerate(checked)
    ]
