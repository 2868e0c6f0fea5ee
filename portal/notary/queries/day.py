"""The office's day: its appointments and numbers, in a constant number of statements."""

from __future__ import annotations

import re
import unicodedata
import uuid
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, func, select
from sqlalchemy.orm import aliased, joinedload, selectinload

from portal.core import clock
from portal.core.actor import Actor
from portal.core.db import db
from portal.core.references import normalise_reference
from portal.notary.models import (
    AppealState,
    BookingState,
    NotaryBooking,
    NotaryCase,
    NotaryCounter,
    NotaryException,
    NotaryMatter,
    NotaryNoShow,
    NotaryOffice,
    NotaryTicket,
)
from portal.notary.queries.scope import in_own_offices
from portal.web.pagination import Key, Page, paginate

# Bookings that the people at the desk have to do with.
ON_THE_SHEET = (
    BookingState.CONFIRMED,
    BookingState.CHECKED_IN,
    BookingState.ACCEPTED,
    BookingState.NOT_ACCEPTED,
    BookingState.NO_SHOW,
    BookingState.LEFT,
)


def office(office_id: uuid.UUID) -> NotaryOffice | None:
    """Return an office with its settings."""
    return db.session.get(NotaryOffice, office_id, populate_existing=True)


def counter(counter_id: uuid.UUID) -> NotaryCounter | None:
    """Return a counter."""
    return db.session.get(NotaryCounter, counter_id, populate_existing=True)


def exception(exception_id: uuid.UUID) -> NotaryException | None:
    """Return a closure or an extra opening."""
    return db.session.get(NotaryException, exception_id)


def matter(matter_id: uuid.UUID) -> NotaryMatter | None:
    """Return a matter, also one that is not booked any more."""
    return db.session.get(NotaryMatter, matter_id, populate_existing=True)


def _whole(query: Select[Any]) -> Select[Any]:
    return query.options(
        joinedload(NotaryBooking.matter),
        joinedload(NotaryBooking.office),
        selectinload(NotaryBooking.parties),
        selectinload(NotaryBooking.history),
    ).execution_options(populate_existing=True)


def booking(booking_id: uuid.UUID) -> NotaryBooking | None:
    """Return an appointment that was confirmed, with its parties and history."""
    return db.session.scalar(
        _whole(
            select(NotaryBooking).where(
                NotaryBooking.id == booking_id, NotaryBooking.reference.is_not(None)
            )
        )
    )


def booking_by_code(office_id: uuid.UUID, text: str) -> NotaryBooking | None:
    """Return the office's appointment with this reference or check-in code, as people type them."""
    reference = normalise_reference(text)
    code = re.sub(r"[\s\u2010-\u2015\u2212-]+", "", unicodedata.normalize("NFKC", text)).upper()
    wanted = (
        NotaryBooking.reference == reference
        if reference is not None
        else NotaryBooking.check_in_code == code
    )
    return db.session.scalar(
        _whole(select(NotaryBooking).where(NotaryBooking.office_id == office_id, wanted))
    )


def by_reference(actor: Actor, text: str) -> NotaryBooking | None:
    """Return the appointment of the actor's offices with this reference, as people type it."""
    query = select(NotaryBooking).where(
        NotaryBooking.reference == (normalise_reference(text) or ""),
        in_own_offices(actor, NotaryBooking.office_id),
    )
    return db.session.scalar(_whole(query))


def ticket(ticket_id: uuid.UUID, *, lock: bool = False) -> NotaryTicket | None:
    """Return a number; with `lock` held until the transaction ends."""
    query = (
        select(NotaryTicket)
        .where(NotaryTicket.id == ticket_id)
        .execution_options(populate_existing=True)
    )
    return db.session.scalar(query.with_for_update(of=NotaryTicket) if lock else query)


@dataclass(frozen=True)
class Sheet:
    """Everything that an office's day shows."""

    office: NotaryOffice
    day: date
    bookings: list[NotaryBooking]
    tickets: list[NotaryTicket]
    counters: dict[uuid.UUID, str]
    # Number -> the reference of the case it led to.
    cases: dict[uuid.UUID, str]

    def ticket_of(self, booking: NotaryBooking) -> NotaryTicket | None:
        """Return the number of an appointment."""
        return next((t for t in self.tickets if t.booking_id == booking.id), None)


def sheet(office: NotaryOffice, day: date) -> Sheet:
    """Return the sheet of a day; five statements, however many people come."""
    bookings = list(
        db.session.scalars(
            select(NotaryBooking)
            .where(
                NotaryBooking.office_id == office.id,
                NotaryBooking.day == day,
                NotaryBooking.state.in_(ON_THE_SHEET),
            )
            .options(joinedload(NotaryBooking.matter), selectinload(NotaryBooking.parties))
            .order_by(NotaryBooking.starts_at, NotaryBooking.id)
            .execution_options(populate_existing=True)
        )
    )
    tickets = list(
        db.session.scalars(
            select(NotaryTicket)
            .where(NotaryTicket.office_id == office.id, NotaryTicket.day == day)
            .options(joinedload(NotaryTicket.matter))
            .order_by(NotaryTicket.number)
            .execution_options(populate_existing=True)
        )
    )
    counters = db.session.execute(
        select(NotaryCounter.id, NotaryCounter.name).where(NotaryCounter.office_id == office.id)
    )
    cases = db.session.execute(
        select(NotaryCase.ticket_id, NotaryCase.reference)
        .join(NotaryTicket, NotaryTicket.id == NotaryCase.ticket_id)
        .where(NotaryTicket.office_id == office.id, NotaryTicket.day == day)
    )
    return Sheet(
        office,
        day,
        bookings,
        tickets,
        {row.id: row.name for row in counters},
        {row.ticket_id: row.reference for row in cases},
    )


def no_shows(booking_id: uuid.UUID) -> list[NotaryNoShow]:
    """Return what is written down about a missed appointment."""
    return list(
        db.session.scalars(
            select(NotaryNoShow)
            .where(NotaryNoShow.booking_id == booking_id)
            .order_by(NotaryNoShow.id)
            .execution_options(populate_existing=True)
        )
    )


def without_check_in() -> ColumnElement[bool]:
    """Return the condition for appointments whose time has come and that nobody has settled: neither there nor missed."""
    return and_(
        NotaryBooking.state == BookingState.CONFIRMED,
        NotaryBooking.affected_at.is_(None),
        NotaryBooking.day <= clock.today(),
        NotaryBooking.starts_at <= clock.now(),
    )


def unsettled(actor: Actor, cursor: str | None, size: int) -> Page[NotaryBooking]:
    """Return the appointments of the actor's offices that are `without_check_in`, the earliest first."""
    return _in_own_offices(
        actor,
        without_check_in(),
        [Key(NotaryBooking.starts_at), Key(NotaryBooking.id)],
        cursor,
        size,
    )


def without_result() -> ColumnElement[bool]:
    """Return the condition for visits of days that are over of which nobody has written down what came of them."""
    return and_(NotaryBooking.state == BookingState.CHECKED_IN, NotaryBooking.day < clock.today())


def unfinished(actor: Actor, cursor: str | None, size: int) -> Page[NotaryBooking]:
    """Return the appointments of the actor's offices that are `without_result`, the earliest first."""
    return _in_own_offices(
        actor,
        without_result(),
        [Key(NotaryBooking.starts_at), Key(NotaryBooking.id)],
        cursor,
        size,
    )


def has_to_move() -> ColumnElement[bool]:
    """Return the condition for appointments whose time the office cannot keep and that have no new one yet."""
    return and_(
        NotaryBooking.state == BookingState.CONFIRMED, NotaryBooking.affected_at.is_not(None)
    )


def without_time() -> ColumnElement[bool]:
    """Return the condition for those of `has_to_move` for whom no other time is kept."""
    other = aliased(NotaryBooking)
    kept = select(other.id).where(
        other.replaces_id == NotaryBooking.id,
        other.state == BookingState.OFFERED,
        other.kept_until > clock.now(),
    )
    return and_(has_to_move(), ~kept.exists())


def affected(actor: Actor, cursor: str | None, size: int, *, lost: bool) -> Page[NotaryBooking]:
    """Return who has to move at the actor's offices, the earliest first; with `lost` only those `without_time`."""
    return _in_own_offices(
        actor,
        without_time() if lost else has_to_move(),
        [Key(NotaryBooking.starts_at), Key(NotaryBooking.id)],
        cursor,
        size,
    )


def untold(actor: Actor, cursor: str | None, size: int) -> Page[NotaryBooking]:
    """Return the appointments of the actor's offices whose people have to be told in another way, the earliest first."""
    return _in_own_offices(
        actor,
        NotaryBooking.untold_since.is_not(None),
        [Key(NotaryBooking.starts_at), Key(NotaryBooking.id)],
        cursor,
        size,
    )


def appeals(actor: Actor, cursor: str | None, size: int) -> Page[NotaryBooking]:
    """Return the appointments of the actor's offices with an open appeal, the one that was made first at the top."""
    open_ones = (
        select(NotaryNoShow.booking_id, func.min(NotaryNoShow.appealed_at).label("since"))
        .where(NotaryNoShow.appeal == AppealState.OPEN)
        .group_by(NotaryNoShow.booking_id)
        .subquery()
    )
    query = (
        select(NotaryBooking, open_ones.c.since, open_ones.c.booking_id)
        .join(open_ones, open_ones.c.booking_id == NotaryBooking.id)
        .where(in_own_offices(actor, NotaryBooking.office_id))
    )
    page = paginate(
        _whole(query), [Key(open_ones.c.since), Key(open_ones.c.booking_id)], cursor, size
    )
    return Page([row.NotaryBooking for row in page.items], page.next, page.size)


def _in_own_offices(
    actor: Actor, condition: ColumnElement[bool], order: list[Key], cursor: str | None, size: int
) -> Page[NotaryBooking]:
    query = select(NotaryBooking).where(condition, in_own_offices(actor, NotaryBooking.office_id))
    return paginate(_whole(query), order, cursor, size)
