"""How much waits at each office, as figures: for the worklist over all of an actor's offices, and office by office.

One statement for any number of offices. No person is named.
"""

from __future__ import annotations

import uuid
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, func, literal, select, union_all

from portal.core import clock
from portal.core.actor import Actor
from portal.core.db import db
from portal.notary import policies
from portal.notary.models import (
    AppealState,
    NotaryBooking,
    NotaryCase,
    NotaryNoShow,
    NotaryTicket,
    TicketState,
)
from portal.notary.queries.cases import near_end, overdue, to_hand_over, without_handler
from portal.notary.queries.day import (
    ON_THE_SHEET,
    without_check_in,
    without_result,
    without_time,
)
from portal.notary.queries.scope import in_own_offices

Figures = Counter[str]
_Counted = dict[str, Select[uuid.UUID, int]]


@dataclass(frozen=True)
class Waiting:
    """How much waits for the office's clerks.

    Appointments whose time has come without a check-in, visits of past days without a result, appointments that cannot be
    kept and have no other time, people whom no message could tell, cases whose end is near or past, or whose handler
    has left, open appeals, certificates that were not received.
    """

    not_checked_in: int
    no_result: int
    without_time: int
    untold: int
    near_end: int
    without_handler: int
    appeals: int
    to_hand_over: int


@dataclass(frozen=True)
class Today(Waiting):
    """The same of one office, with its day: today's appointments, who waits to be called, and cases past their end."""

    appointments: int
    in_queue: int
    overdue: int


def worklist_counts(actor: Actor) -> Waiting | None:
    """Return what waits in the offices that the actor works at or supervises; None for somebody without either."""
    if not actor.has_role(*policies.STAFF_ROLES):
        return None
    queries = _waiting()
    found = _by_office(queries, lambda column: in_own_offices(actor, column))
    total = sum(found.values(), Figures())
    return Waiting(**{name: total[name] for name in queries})


def today(offices: Iterable[uuid.UUID]) -> dict[uuid.UUID, Today]:
    """Return the figures of each of these offices."""
    ids = list(offices)
    queries = {**_waiting(), **_of_the_day()}
    found = _by_office(queries, lambda column: column.in_(ids))
    return {each: Today(**{name: found[each][name] for name in queries}) for each in ids}


def _by_office(
    queries: _Counted, within: Callable[[Any], ColumnElement[bool]]
) -> defaultdict[uuid.UUID, Figures]:
    """Carry out queries that begin with the column of the office, in one statement; what is not there counts 0."""
    parts = []
    for name, query in queries.items():
        office = query.selected_columns[0]
        parts.append(query.add_columns(literal(name)).where(within(office)).group_by(office))
    found: defaultdict[uuid.UUID, Figures] = defaultdict(Figures)
    for office_id, number, name in db.session.execute(union_all(*parts)):
        found[office_id][name] = number
    return found


def _bookings(*conditions: ColumnElement[bool]) -> Select[uuid.UUID, int]:
    return select(NotaryBooking.office_id, func.count()).where(*conditions)


def _cases(*conditions: ColumnElement[bool]) -> Select[uuid.UUID, int]:
    return select(NotaryCase.office_id, func.count()).where(*conditions)


def _waiting() -> _Counted:
    return {
        "not_checked_in": _bookings(without_check_in()),
        "no_result": _bookings(without_result()),
        "without_time": _bookings(without_time()),
        "untold": _bookings(NotaryBooking.untold_since.is_not(None)),
        "near_end": _cases(near_end()),
        "without_handler": _cases(without_handler()),
        "appeals": select(
            NotaryBooking.office_id, func.count(func.distinct(NotaryNoShow.booking_id))
        )
        .join(NotaryNoShow, NotaryBooking.id == NotaryNoShow.booking_id)
        .where(NotaryNoShow.appeal == AppealState.OPEN),
        "to_hand_over": _cases(to_hand_over()),
    }


def _of_the_day() -> _Counted:
    return {
        "appointments": _bookings(
            NotaryBooking.day == clock.today(), NotaryBooking.state.in_(ON_THE_SHEET)
        ),
        "in_queue": select(NotaryTicket.office_id, func.count()).where(
            NotaryTicket.day == clock.today(), NotaryTicket.state == TicketState.WAITING
        ),
        "overdue": _cases(overdue()),
    }
