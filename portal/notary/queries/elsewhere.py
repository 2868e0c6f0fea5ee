"""Who is to be at two offices at a time, for somebody or for themselves, as far as one account has booked it.

Parties who come themselves are refused another appointment at that time (`persons.require_one_place`). Agents and guardians
are not (D): see docs/notary.md.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import joinedload, selectinload

from portal.accounts.models import DocumentType
from portal.core import clock
from portal.core.db import db
from portal.notary.models import AGENT, GUARDIAN, BookingState, NotaryBooking

_Person = tuple[DocumentType, str]


def at_two_places(booking: NotaryBooking) -> list[tuple[str, NotaryBooking]]:
    """Return who of an appointment ahead is to be at which other one then; one statement, and those of what it finds."""
    if not _is_ahead(booking):
        return []
    coming = dict(_coming(booking))
    return [
        (coming[person], other)
        for other in _at_other_offices(booking)
        for person in sorted(coming.keys() & dict(_coming(other)).keys())
    ]


def at_its_time(booking: NotaryBooking) -> tuple[ColumnElement[bool], ...]:
    """Return the conditions for other bookings at the time of this one. A time that the office cannot keep holds nobody."""
    return (
        NotaryBooking.id != booking.id,
        NotaryBooking.affected_at.is_(None),
        NotaryBooking.starts_at < booking.ends_at,
        NotaryBooking.ends_at > booking.starts_at,
    )


def _is_ahead(booking: NotaryBooking) -> bool:
    return (
        booking.state is BookingState.CONFIRMED
        and booking.affected_at is None
        and booking.starts_at > clock.now()
        and booking.account_id is not None
    )


def _at_other_offices(booking: NotaryBooking) -> list[NotaryBooking]:
    return list(
        db.session.scalars(
            select(NotaryBooking)
            .where(
                NotaryBooking.account_id == booking.account_id,
                NotaryBooking.office_id != booking.office_id,
                NotaryBooking.state == BookingState.CONFIRMED,
                *at_its_time(booking),
            )
            .options(joinedload(NotaryBooking.office), selectinload(NotaryBooking.parties))
            .order_by(NotaryBooking.starts_at, NotaryBooking.id)
        )
    )


def _coming(booking: NotaryBooking) -> Iterator[tuple[_Person, str]]:
    """Yield everybody who comes to an appointment, each with what they are called; a guardian not where an agent does."""
    for party in booking.parties:
        if party.by_agent:
            continue
        if party.document_type is not None:
            yield (party.document_type.numbering, party.document_number), party.name
        guardian = party.guardian_on(booking.day)
        if guardian is not None:
            yield _represents(GUARDIAN, guardian)
    if booking.agent is not None:
        yield _represents(AGENT, booking.agent)


def _represents(role: str, person: dict[str, str]) -> tuple[_Person, str]:
    kind = DocumentType(person["document_type"]).numbering
    return (kind, person["document_number"]), f"{role}{person['name']}"
