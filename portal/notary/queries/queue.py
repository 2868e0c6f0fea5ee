"""The desk of a day: who waits in which order, and how long. A constant number of statements."""

from __future__ import annotations

import uuid
from collections.abc import Hashable
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import joinedload

from portal.core import clock
from portal.core.db import db
from portal.notary import queueing
from portal.notary.models import (
    BookingState,
    NotaryBooking,
    NotaryCounter,
    NotaryMatter,
    NotaryOffice,
    NotaryTicket,
    TicketState,
)
from portal.notary.opening import ending
from portal.notary.operations.slots import schedule_of
from portal.working_days.counting import current_calendar

# Whoever sits longer than planned is taken to be done in so many minutes.
LEAST_REST = 5
AT_DESK = (TicketState.CALLED, TicketState.SERVING)
NEW = "new"
# Nothing is open today any more: for who would come now, as drawing a number says it (`tickets.NotServedToday`), and for who
# waits still.
_NOBODY_NEW = "今天没有窗口办理，或者已经停止办理；请换一天再来，或者在网上预约。"
ELSEWHERE = "请到别的公证机构办理。"
_CLOSED = "今天的窗口已经停止办理，请向工作人员询问。"


@dataclass(frozen=True)
class Desk:
    """One office at one moment."""

    office: NotaryOffice
    counters: dict[uuid.UUID, NotaryCounter]
    # Counter -> the minutes from now on after which it opens (0: it is open), and until it closes for the day.
    opens_in: dict[uuid.UUID, float]
    minutes_open: float
    tickets: list[NotaryTicket]
    # Ticket -> when its appointment begins.
    appointments: dict[uuid.UUID, datetime]
    expected: list[queueing.Entry]
    waits: dict[Hashable, queueing.Wait] = field(default_factory=dict)

    @property
    def waiting(self) -> list[NotaryTicket]:
        """Who waits, in the order of their turn as it stands now."""
        found = [t for t in self.tickets if t.state is TicketState.WAITING]
        return sorted(found, key=lambda t: (self._is_early(t), rank(t, self.appointments)))

    def _is_early(self, ticket: NotaryTicket) -> bool:
        starts_at = self.appointments.get(ticket.id)
        return starts_at is not None and starts_at > clock.now()

    def said(self, key: Hashable) -> str:
        """Return the estimated wait of a ticket (or of `NEW`) in words."""
        if not self.opens_in:
            if key != NEW:
                return _CLOSED
            return _NOBODY_NEW if self.ended is None else f"{self.ended}；{ELSEWHERE}"
        return queueing.spoken(self.waits.get(key), self.minutes_open)

    @property
    def ended(self) -> str | None:
        """How the office has closed for good: nothing is open today any more, and no other day will come."""
        last = self.office.closes_on
        if last is None or last > clock.today() or self.opens_in:
            return None
        return ending(last)

    def serves(self, matter: NotaryMatter | None) -> bool:
        """True when a counter that is open today, now or later, does the matter."""
        return any(
            matter is None or self.counters[counter_id].serves(matter.code)
            for counter_id in self.opens_in
        )


def rank(ticket: NotaryTicket, appointments: dict[uuid.UUID, datetime]) -> queueing.Rank:
    """Return the place in the order: appointments by their time, then priority, then the number."""
    starts_at = appointments.get(ticket.id)
    if starts_at is not None:
        return 0, starts_at.timestamp()
    return (1 if ticket.priority else 2), ticket.number


def desk(office: NotaryOffice, new: NotaryMatter | None = None) -> Desk:
    """Return the office's desk of today with everybody's estimated wait, and that of somebody who would come for `new`."""
    now, today = clock.now(), clock.today()
    tickets = list(
        db.session.scalars(
            select(NotaryTicket)
            .where(NotaryTicket.office_id == office.id, NotaryTicket.day == today)
            .options(joinedload(NotaryTicket.matter), joinedload(NotaryTicket.booking))
            .order_by(NotaryTicket.number)
            .execution_options(populate_existing=True)
        )
    )
    booked = db.session.execute(
        select(NotaryBooking.id, NotaryBooking.state, NotaryBooking.starts_at, NotaryMatter)
        .join(NotaryMatter, NotaryMatter.id == NotaryBooking.matter_id)
        .where(
            NotaryBooking.office_id == office.id,
            NotaryBooking.day == today,
            NotaryBooking.state.in_((BookingState.CONFIRMED, BookingState.CHECKED_IN)),
        )
    ).all()
    times = {row.id: row.starts_at for row in booked}
    appointments = {
        ticket.id: times[ticket.booking_id] for ticket in tickets if ticket.booking_id in times
    }
    expected = [
        queueing.Entry(
            row.id,
            row.NotaryMatter.minutes,
            (0, row.starts_at.timestamp()),
            row.NotaryMatter.code,
            max(0.0, _minutes(row.starts_at, now)),
        )
        for row in booked
        if row.state is BookingState.CONFIRMED
    ]
    opens_in, minutes_open, counters = _opening(office, now)
    found = Desk(office, counters, opens_in, minutes_open, tickets, appointments, expected)
    found.waits.update(_estimates(found, now, new))
    return found


def _minutes(moment: datetime, now: datetime) -> float:
    return (moment - now).total_seconds() / 60


def _opening(
    office: NotaryOffice, now: datetime
) -> tuple[dict[uuid.UUID, float], float, dict[uuid.UUID, NotaryCounter]]:
    plan, counters = schedule_of(office)
    local = clock.local(now)
    minute = local.hour * 60 + local.minute
    status = current_calendar().status(local.date())
    opens_in: dict[uuid.UUID, float] = {}
    last = 0.0
    for counter in counters:
        spans = plan.plan(counter, local.date(), status).spans
        ahead = [max(0, opens - minute) for opens, closes in spans if closes > minute]
        if ahead:
            opens_in[counter.id] = min(ahead)
            last = max(last, *(closes - minute for _, closes in spans))
    return opens_in, last, {counter.id: counter for counter in counters}


def _estimates(
    desk: Desk, now: datetime, new: NotaryMatter | None
) -> dict[Hashable, queueing.Wait]:
    waiting = [
        queueing.Entry(
            ticket.id,
            _length(desk.office, ticket.matter),
            rank(ticket, desk.appointments),
            ticket.matter.code if ticket.matter else None,
            max(0.0, _minutes(desk.appointments.get(ticket.id, now), now)),
        )
        for ticket in desk.waiting
    ]
    waiting.append(
        queueing.Entry(
            NEW, _length(desk.office, new), (3, 0), new.code if new is not None else None
        )
    )
    return queueing.ranges(_seats(desk, now), waiting, desk.expected)


def _length(office: NotaryOffice, matter: NotaryMatter | None) -> float:
    return office.slot_minutes if matter is None else matter.minutes


def _seats(desk: Desk, now: datetime) -> list[queueing.Seat]:
    found = []
    for counter_id, opens_in in desk.opens_in.items():
        counter = desk.counters[counter_id]
        busy = [
            max(
                LEAST_REST,
                _length(desk.office, ticket.matter) + _minutes(ticket.started_at or now, now),
            )
            for ticket in desk.tickets
            if ticket.state in AT_DESK and ticket.counter_id == counter_id
        ]
        free_at = sorted([*busy, *[0.0] * counter.capacity])[-counter.capacity :]
        codes = frozenset(counter.matter_codes or [])
        found += [queueing.Seat(max(opens_in, each), codes) for each in free_at]
    return found
