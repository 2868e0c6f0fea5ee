"""Bookings and places in the waiting list, as their people see them."""

from __future__ import annotations

import uuid
from typing import Any

from sqlalchemy import func, or_, select
from sqlalchemy.orm import joinedload, selectinload

from portal.core.db import db
from portal.notary.models import (
    PENDING_STATES,
    BookingState,
    NotaryBooking,
    NotaryMatter,
    NotaryOffice,
    NotaryWaiting,
    WaitingState,
)
from portal.web.pagination import Key, Page, paginate

# What never became an appointment is not listed among them.
_NOT_LISTED = (*PENDING_STATES, BookingState.EXPIRED, BookingState.RELEASED)


def _with_everything(query: Any) -> Any:
    return query.options(
        joinedload(NotaryBooking.matter),
        joinedload(NotaryBooking.office),
        selectinload(NotaryBooking.parties),
        selectinload(NotaryBooking.history),
    )


def find(booking_id: uuid.UUID) -> NotaryBooking | None:
    """Return one booking with parties and history, as the database has it now."""
    return db.session.scalar(
        _with_everything(
            select(NotaryBooking).where(NotaryBooking.id == booking_id)
        ).execution_options(populate_existing=True)
    )


def pending_of(account_id: uuid.UUID) -> list[NotaryBooking]:
    """Return what is being kept for an account: its hold, and what it was offered."""
    return list(
        db.session.scalars(
            select(NotaryBooking)
            .where(NotaryBooking.account_id == account_id, NotaryBooking.state.in_(PENDING_STATES))
            .options(joinedload(NotaryBooking.matter), joinedload(NotaryBooking.office))
            .order_by(NotaryBooking.kept_until, NotaryBooking.id)
        )
    )


def of_account(account_id: uuid.UUID, cursor: str | None, size: int) -> Page[NotaryBooking]:
    """Return the account's appointments, newest first."""
    query = (
        select(NotaryBooking)
        .where(NotaryBooking.account_id == account_id, NotaryBooking.state.not_in(_NOT_LISTED))
        .options(joinedload(NotaryBooking.matter), joinedload(NotaryBooking.office))
    )
    return paginate(query, [Key(NotaryBooking.id, descending=True)], cursor, size)


def waiting_of(account_id: uuid.UUID, cursor: str | None, size: int) -> Page[NotaryWaiting]:
    """Return the account's places in the list, newest first."""
    query = (
        select(NotaryWaiting)
        .where(NotaryWaiting.account_id == account_id)
        .options(joinedload(NotaryWaiting.matter))
    )
    return paginate(query, [Key(NotaryWaiting.id, descending=True)], cursor, size)


def waiting_entry(entry_id: uuid.UUID) -> NotaryWaiting | None:
    """Return one place in the list, held until the transaction ends."""
    return db.session.scalar(
        select(NotaryWaiting)
        .where(NotaryWaiting.id == entry_id)
        .options(joinedload(NotaryWaiting.matter))
        .with_for_update(of=NotaryWaiting)
        .execution_options(populate_existing=True)
    )


def ahead_of(entry: NotaryWaiting) -> int:
    """Return how many came earlier and wait for days, and an office, in common."""
    if entry.state is not WaitingState.WAITING:
        return 0
    conditions = [
        NotaryWaiting.state == WaitingState.WAITING,
        NotaryWaiting.id < entry.id,
        NotaryWaiting.from_day <= entry.until_day,
        NotaryWaiting.until_day >= entry.from_day,
    ]
    if entry.office_id is not None:
        conditions.append(
            or_(NotaryWaiting.office_id.is_(None), NotaryWaiting.office_id == entry.office_id)
        )
    return db.session.scalar(select(func.count()).where(*conditions)) or 0


def offices() -> list[NotaryOffice]:
    """Return the offices in the order of their codes."""
    found = db.session.scalars(select(NotaryOffice))
    return sorted(found, key=lambda office: (office.office.code, office.id))


def matters() -> list[NotaryMatter]:
    """Return the matters that can be booked, in the order of the content."""
    return list(
        db.session.scalars(
            select(NotaryMatter)
            .where(NotaryMatter.active)
            .order_by(NotaryMatter.position, NotaryMatter.code)
        )
    )
