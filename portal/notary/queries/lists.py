"""Lists for staff, page by page: offices and what is set up at them, who has to move, the numbers of a day."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from datetime import date
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import joinedload, selectinload

from portal.accounts.models import Office
from portal.core import clock
from portal.core.actor import Actor
from portal.core.db import db
from portal.notary.models import (
    NotaryBooking,
    NotaryCase,
    NotaryCounter,
    NotaryException,
    NotaryMatter,
    NotaryOffice,
    NotaryTicket,
    TicketState,
)
from portal.notary.queries.day import has_to_move
from portal.notary.queries.scope import in_own_offices
from portal.web.pagination import Key, Page, paginate


def offices(actor: Actor, cursor: str | None, size: int) -> Page[NotaryOffice]:
    """Return the offices that the actor may look at, in the order of their codes."""
    query: Any = (
        select(NotaryOffice, Office.code.label("code"), NotaryOffice.id.label("office_id"))
        .join(Office, Office.id == NotaryOffice.id)
        .where(in_own_offices(actor, NotaryOffice.id))
    )
    keys = [Key(Office.code, name="code"), Key(NotaryOffice.id, name="office_id")]
    page = paginate(query, keys, cursor, size)
    return Page([row.NotaryOffice for row in page.items], page.next, page.size)


def counters(office_id: uuid.UUID, cursor: str | None, size: int) -> Page[NotaryCounter]:
    """Return an office's counters, those no longer in use included, in the order in which they were added."""
    query = select(NotaryCounter).where(NotaryCounter.office_id == office_id)
    return paginate(query, [Key(NotaryCounter.id)], cursor, size)


def exceptions(office_id: uuid.UUID, cursor: str | None, size: int) -> Page[NotaryException]:
    """Return an office's closures and extra hours that are not over, in the order in which they were entered."""
    query = select(NotaryException).where(
        NotaryException.office_id == office_id, NotaryException.last_day >= clock.today()
    )
    return paginate(query, [Key(NotaryException.id)], cursor, size)


def matters(cursor: str | None, size: int) -> Page[NotaryMatter]:
    """Return all matters, those no longer booked included, in the order of the content."""
    keys = [Key(NotaryMatter.position), Key(NotaryMatter.code)]
    return paginate(select(NotaryMatter), keys, cursor, size)


def affected(office_id: uuid.UUID, cursor: str | None, size: int) -> Page[NotaryBooking]:
    """Return the office's appointments that still have to move, the earliest first."""
    query = (
        select(NotaryBooking)
        .where(NotaryBooking.office_id == office_id, has_to_move())
        .options(joinedload(NotaryBooking.matter), selectinload(NotaryBooking.parties))
    )
    return paginate(query, [Key(NotaryBooking.starts_at), Key(NotaryBooking.id)], cursor, size)


def tickets(
    office_id: uuid.UUID, day: date, booked: bool | None, cursor: str | None, size: int
) -> Page[NotaryTicket]:
    """Return the numbers of an office's day in their order, without void ones; `booked` asks for those with or without an
    appointment only.
    """
    query = (
        select(NotaryTicket)
        .where(
            NotaryTicket.office_id == office_id,
            NotaryTicket.day == day,
            NotaryTicket.state != TicketState.VOID,
        )
        .options(joinedload(NotaryTicket.matter), joinedload(NotaryTicket.booking))
    )
    if booked is not None:
        has = NotaryTicket.booking_id
        query = query.where(has.is_not(None) if booked else has.is_(None))
    return paginate(query, [Key(NotaryTicket.number), Key(NotaryTicket.id)], cursor, size)


def counter_names(office_id: uuid.UUID) -> dict[uuid.UUID, str]:
    """Return the names of an office's counters by id."""
    rows: Any = db.session.execute(
        select(NotaryCounter.id, NotaryCounter.name).where(NotaryCounter.office_id == office_id)
    )
    return {row.id: row.name for row in rows}


def case_references(ticket_ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, str]:
    """Return the references of the cases that numbers have led to, by the number's id."""
    rows: Any = db.session.execute(
        select(NotaryCase.ticket_id, NotaryCase.reference).where(
            NotaryCase.ticket_id.in_(list(ticket_ids))
        )
    )
    return {row.ticket_id: row.reference for row in rows}
