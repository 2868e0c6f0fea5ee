"""Reads of cases and of the register. Each runs a bounded number of statements."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import ColumnElement, ScalarSelect, Select, and_, func, literal, or_, select
from sqlalchemy.orm import selectinload

from portal.accounts import queries as accounts
from portal.core import clock
from portal.core.actor import Actor
from portal.core.db import UTCDateTime, db
from portal.core.references import normalise_reference
from portal.notary import policies
from portal.notary.case_workflow import CERTIFIED, TO_BE_CARRIED_OUT, TO_BE_HANDLED
from portal.notary.models import (
    CASE_KIND,
    CaseState,
    NotaryCase,
    NotaryReview,
    NotaryTicket,
)
from portal.notary.queries.scope import in_own_offices
from portal.supervision.models import Deadline, DeadlineState
from portal.supervision.queries import SOON, office_ends
from portal.supervision.rules import RESIDENT
from portal.web.pagination import Key, Page, paginate
from portal.working_days.counting import add_workdays

UNDER_WAY = (
    CaseState.ACCEPTED,
    CaseState.SUPPLEMENT,
    CaseState.REVIEW,
    CaseState.CORRECTING,
    CaseState.REVOKING,
)
_HANDED_OUT = [each for each in CERTIFIED if each not in (CaseState.REVOKING, CaseState.REVOKED)]
_NEVER = datetime(9999, 1, 1, tzinfo=UTC)


def _whole(query: Select[Any]) -> Select[Any]:
    return query.options(
        selectinload(NotaryCase.pauses),
        selectinload(NotaryCase.reviews),
        selectinload(NotaryCase.history),
        selectinload(NotaryCase.matter),
    ).execution_options(populate_existing=True)


def find(case_id: uuid.UUID) -> NotaryCase | None:
    """Return a case with its pauses and history."""
    return db.session.scalar(_whole(select(NotaryCase).where(NotaryCase.id == case_id)))


def for_update(case_id: uuid.UUID) -> NotaryCase | None:
    """Return a case, held until the transaction ends, so that two steps at once follow each other."""
    return db.session.scalar(
        _whole(select(NotaryCase).where(NotaryCase.id == case_id)).with_for_update(of=NotaryCase)
    )


def of_booking(booking_id: uuid.UUID, *, lock: bool = False) -> NotaryCase | None:
    """Return the case that an appointment led to."""
    query = _whole(select(NotaryCase).where(NotaryCase.booking_id == booking_id))
    return db.session.scalar(query.with_for_update(of=NotaryCase) if lock else query)


def case_of_ticket(ticket_id: uuid.UUID) -> NotaryCase | None:
    """Return the case that a number led to."""
    return db.session.scalar(_whole(select(NotaryCase).where(NotaryCase.ticket_id == ticket_id)))


def ticket_of(booking_id: uuid.UUID, *, lock: bool = False) -> NotaryTicket | None:
    """Return the number of an appointment that has checked in; with `lock` held until the transaction ends."""
    query = (
        select(NotaryTicket)
        .where(NotaryTicket.booking_id == booking_id)
        .execution_options(populate_existing=True)
    )
    return db.session.scalar(query.with_for_update(of=NotaryTicket) if lock else query)


@dataclass(frozen=True)
class CaseFilter:
    """What a list is narrowed to; None leaves a filter out.

    With neither `state` nor `reference` (as it was typed) nor what is counted in the worklist the cases under way.
    """

    state: CaseState | None = None
    office: uuid.UUID | None = None
    reference: str | None = None
    to_hand_over: bool = False
    near_end: bool = False
    without_handler: bool = False
    notary_id: uuid.UUID | None = None

    def conditions(self) -> list[ColumnElement[bool]]:
        """Return what a case has to meet."""
        found: list[ColumnElement[bool]] = []
        if self.office is not None:
            found.append(NotaryCase.office_id == self.office)
        if self.state is not None:
            found.append(NotaryCase.state == self.state)
        if self.reference is not None:
            # What is no reference is that of no case.
            found.append(NotaryCase.reference == (normalise_reference(self.reference) or ""))
        if self.notary_id is not None:
            found.append(
                or_(NotaryCase.notary_id == self.notary_id, _carries_out() == self.notary_id)
            )
        counted = {
            to_hand_over: self.to_hand_over,
            near_end: self.near_end,
            without_handler: self.without_handler,
        }
        found += [condition() for condition, wanted in counted.items() if wanted]
        if self.state is None and self.reference is None and not any(counted.values()):
            found.append(NotaryCase.state.in_(UNDER_WAY))
        return found


def to_hand_over() -> ColumnElement[bool]:
    """Certificates that nobody has received yet; what is revoked is not handed out (公证法 39)."""
    return and_(NotaryCase.state.in_(_HANDED_OUT), NotaryCase.received_on.is_(None))


def under_way(office_id: uuid.UUID) -> int:
    """Return how many cases an office has under way."""
    wanted = NotaryCase.office_id == office_id, NotaryCase.state.in_(UNDER_WAY)
    return db.session.scalar(select(func.count(NotaryCase.id)).where(*wanted)) or 0


def _carries_out() -> ScalarSelect[uuid.UUID | None]:
    """Return who carries out what the open review of a case has decided."""
    return (
        select(NotaryReview.handler_id)
        .where(NotaryReview.case_id == NotaryCase.id, NotaryReview.closed_on.is_(None))
        .correlate(NotaryCase)
        .scalar_subquery()
    )


def without_handler() -> ColumnElement[bool]:
    """Cases that somebody has in hand who does not work at the office any more; another one has to take them over.

    Under way, or corrected or revoked after a review.
    """

    def left(staff_id: Any) -> ColumnElement[bool]:
        return ~accounts.holds_role(policies.CLERK, staff_id, NotaryCase.office_id)

    return or_(
        and_(NotaryCase.state.in_(TO_BE_HANDLED), left(NotaryCase.notary_id)),
        and_(NotaryCase.state.in_(TO_BE_CARRIED_OUT), left(_carries_out())),
    )


def is_without_handler(case: NotaryCase) -> bool:
    """True where one of them is this case."""
    wanted = select(NotaryCase.id).where(NotaryCase.id == case.id, without_handler())
    return db.session.scalar(wanted) is not None


def near_end() -> ColumnElement[bool]:
    """Cases whose office has little time left, or none."""
    return _due_by(clock.end_of_day(add_workdays(clock.today(), SOON).rolled))


def overdue() -> ColumnElement[bool]:
    """Cases past their end."""
    return _due_by(clock.now())


def _due_by(moment: datetime) -> ColumnElement[bool]:
    """Cases with a deadline of the office that runs, and ends by then."""
    return NotaryCase.id.in_(
        select(Deadline.subject_id).where(
            Deadline.subject_kind == CASE_KIND,
            Deadline.state == DeadlineState.OPEN,
            Deadline.responsible_role != RESIDENT,
            Deadline.due_at <= moment,
        )
    )


def worklist(actor: Actor, wanted: CaseFilter, cursor: str | None, size: int) -> Page[Any]:
    """Return cases of the actor's offices, the one with the least time left first; rows with the case and `due`."""
    in_office = in_own_offices(actor, NotaryCase.office_id)
    due = office_ends(CASE_KIND)
    order = func.coalesce(due.c.due_at, literal(_NEVER, UTCDateTime())).label("due")
    query: Any = (
        select(NotaryCase, NotaryCase.id.label("case_id"), order)
        .outerjoin(due, due.c.subject_id == NotaryCase.id)
        .where(in_office, *wanted.conditions())
        .options(
            selectinload(NotaryCase.pauses),
            selectinload(NotaryCase.reviews),
            selectinload(NotaryCase.matter),
        )
    )
    keys = [Key(order, name="due"), Key(NotaryCase.id, name="case_id")]
    page = paginate(query, keys, cursor, size)
    return Page([row.NotaryCase for row in page.items], page.next, page.size)


def register_page(
    office_id: uuid.UUID, first: date, last: date, cursor: str | None, size: int
) -> Page[NotaryCase]:
    """Return a page of the register (公证程序规则 57): the office's cases accepted in a span, in order of acceptance."""
    return paginate(_register(office_id, first, last), [Key(NotaryCase.id)], cursor, size)


def register_all(office_id: uuid.UUID, first: date, last: date) -> Sequence[NotaryCase]:
    """Return the same without pages, for the file."""
    return db.session.scalars(_register(office_id, first, last).order_by(NotaryCase.id)).all()


def _register(office_id: uuid.UUID, first: date, last: date) -> Select[Any]:
    return (
        select(NotaryCase)
        .where(
            NotaryCase.office_id == office_id,
            NotaryCase.accepted_on >= first,
            NotaryCase.accepted_on <= last,
        )
        .options(selectinload(NotaryCase.matter), selectinload(NotaryCase.reviews))
    )
