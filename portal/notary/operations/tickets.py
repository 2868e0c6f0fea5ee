"""Numbers of the day: drawing one, calling it, serving, and who is not there when called."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select, update

from portal.audit import operations as audit
from portal.core import clock, locks
from portal.core.actor import Actor
from portal.core.db import db, new_id, rows_changed
from portal.core.errors import Conflict, Forbidden, Invalid, NotFound
from portal.core.unit_of_work import transactional
from portal.notary import policies
from portal.notary.case_notifications import CALLED
from portal.notary.models import (
    NotaryBooking,
    NotaryCounter,
    NotaryMatter,
    NotaryOffice,
    NotaryTicket,
    TicketState,
)
from portal.notary.operations import steps
from portal.notary.queries import queue
from portal.notary.workflow import TICKET

SUBJECT_KIND = "notary_ticket"


class NotServedToday(Conflict):
    """No counter that is open today does the matter any more."""

    code = "not_served_today"
    message = "今天没有办理这个事项的窗口，或者已经停止办理。"
    next_step = "请换一天再来，或者在网上预约。"


@dataclass(frozen=True)
class Draw:
    """What somebody comes for without an appointment."""

    matter_id: uuid.UUID | None = None
    priority: bool = False
    party_count: int = 1


@transactional
def draw(actor: Actor, office: NotaryOffice, wish: Draw) -> NotaryTicket:
    """Give a number to somebody who came without an appointment; raises NotServedToday when nobody could call it."""
    if not policies.works_at(actor, office.id):
        raise Forbidden("您没有在这个公证机构取号的权限。")
    matter = None
    if wish.matter_id is not None:
        matter = db.session.get(NotaryMatter, wish.matter_id)
        if matter is None or not matter.active:
            raise Invalid(errors={"matter_id": ["没有这个公证事项，或者它目前不办理。"]})
    desk = queue.desk(office)
    if not desk.serves(matter):
        if desk.ended is None:
            raise NotServedToday
        raise NotServedToday(f"{desk.ended}，不再取号。", next_step=queue.ELSEWHERE)
    ticket = issue(
        office, matter=matter, priority=wish.priority, party_count=wish.party_count, booking=None
    )
    record(actor, ticket, "drawn")
    return ticket


def issue(
    office: NotaryOffice,
    *,
    matter: NotaryMatter | None,
    priority: bool,
    party_count: int,
    booking: NotaryBooking | None,
) -> NotaryTicket:
    """Write the next number of today or, of an appointment, of its day; inside a unit of work."""
    day = booking.day if booking is not None else clock.today()
    # Numbers have no gaps and no twins: one at a time per office, and the unique constraint behind it.
    locks.serialise(f"notary-ticket:{office.id}:{day}")
    last = db.session.scalar(
        select(func.max(NotaryTicket.number)).where(
            NotaryTicket.office_id == office.id, NotaryTicket.day == day
        )
    )
    ticket = NotaryTicket(
        id=new_id(),
        office_id=office.id,
        matter_id=matter.id if matter else None,
        booking_id=booking.id if booking else None,
        day=day,
        number=(last or 0) + 1,
        priority=priority,
        party_count=party_count,
        state=TicketState.WAITING,
        issued_at=clock.now(),
        calls=0,
    )
    db.session.add(ticket)
    db.session.flush()
    return ticket


@transactional
def call(actor: Actor, ticket: NotaryTicket, counter: NotaryCounter) -> NotaryTicket:
    """Call a number to a counter, again or after it was passed over; whoever has an account is told."""
    _require_counter(ticket.office_id, counter)
    if ticket.day != clock.today():
        raise Conflict("这是别的日子的号。", code="not_today", next_step="请当事人重新取号。")
    _move(
        actor,
        ticket,
        "call",
        counter_id=counter.id,
        called_at=clock.now(),
        calls=ticket.calls + 1,
        served_by_id=actor.id,
        ended_at=None,
    )
    _tell_called(ticket, counter)
    return ticket


@transactional
def call_next(actor: Actor, office: NotaryOffice, counter: NotaryCounter) -> NotaryTicket:
    """Call whose turn it is. Of two clerks at once each gets somebody else; raises NotFound when nobody waits.

    Whoever has called somebody to the counter who has not come yet gets the same number back, and so does everybody once as
    many are called as there are seats: a second click calls nobody.
    """
    if not policies.works_at(actor, office.id):
        raise Forbidden("您没有在这个公证机构叫号的权限。")
    _require_counter(office.id, counter)
    # One at a time per counter, so that what is called there is known when the next one is.
    locks.serialise(f"notary-counter:{counter.id}")
    called = _called_to(counter)
    own = [ticket for ticket in called if ticket.served_by_id == actor.id]
    if own or len(called) >= counter.capacity:
        return (own or called)[0]
    for ticket in queue.desk(office).waiting:
        if ticket.matter is not None and not counter.serves(ticket.matter.code):
            continue
        now = clock.now()
        taken = db.session.execute(
            update(NotaryTicket)
            .where(NotaryTicket.id == ticket.id, NotaryTicket.state == TicketState.WAITING)
            .values(
                state=TicketState.CALLED,
                counter_id=counter.id,
                called_at=now,
                calls=NotaryTicket.calls + 1,
                served_by_id=actor.id,
                updated_at=now,
                version=NotaryTicket.version + 1,
            )
            .execution_options(synchronize_session=False)
        )
        if not rows_changed(taken):
            continue
        db.session.refresh(ticket)
        record(actor, ticket, "call")
        _tell_called(ticket, counter)
        return ticket
    raise NotFound("目前没有人在等候这个窗口。", code="nobody_waits", next_step="请稍后再叫号。")


def _called_to(counter: NotaryCounter) -> list[NotaryTicket]:
    """Return who is called to a counter and has not come yet, the first called first."""
    return list(
        db.session.scalars(
            select(NotaryTicket)
            .where(
                NotaryTicket.counter_id == counter.id,
                NotaryTicket.day == clock.today(),
                NotaryTicket.state == TicketState.CALLED,
            )
            .order_by(NotaryTicket.called_at, NotaryTicket.id)
            .execution_options(populate_existing=True)
        )
    )


@transactional
def start(actor: Actor, ticket: NotaryTicket) -> NotaryTicket:
    """The person is at the counter."""
    return _move(actor, ticket, "start", started_at=clock.now(), served_by_id=actor.id)


@transactional
def done(actor: Actor, ticket: NotaryTicket) -> NotaryTicket:
    """The person has been served."""
    return _move(actor, ticket, "done", ended_at=clock.now())


@transactional
def pass_over(actor: Actor, ticket: NotaryTicket) -> NotaryTicket:
    """The person did not come when called; the number can be called again."""
    return _move(actor, ticket, "no_show", ended_at=clock.now())


@transactional
def settle(actor: Actor, ticket: NotaryTicket) -> NotaryTicket:
    """What the person came for is decided, whether or not the number was called: nobody calls it any more."""
    return _move(actor, ticket, "settle", ended_at=clock.now())


@transactional
def leave(actor: Actor, ticket: NotaryTicket) -> NotaryTicket:
    """The person has gone away. An appointment ends with its number: see `leaving.leave`."""
    return _move(actor, ticket, "leave", ended_at=clock.now())


@transactional
def come_back(actor: Actor, ticket: NotaryTicket) -> NotaryTicket:
    """The person is there again and keeps the number; see `leaving.come_back`."""
    return _move(actor, ticket, "come_back", started_at=None, ended_at=None)


@transactional
def reopen(actor: Actor, ticket: NotaryTicket) -> NotaryTicket:
    """The person is at the counter still, or again; see `undoing`."""
    return _move(actor, ticket, "reopen", ended_at=None)


@transactional
def requeue(actor: Actor, ticket: NotaryTicket) -> NotaryTicket:
    """The person waits after all; see `undoing.revert_not_accept`."""
    return _move(actor, ticket, "requeue", ended_at=None)


@transactional
def void(actor: Actor, ticket: NotaryTicket) -> NotaryTicket:
    """Nobody has come with the number; its appointment gets another one. See `undoing.revert_check_in`."""
    return _move(actor, ticket, "void", booking_id=None, ended_at=clock.now())


def may_be_called(ticket: NotaryTicket) -> bool:
    """True while the number may still be called, or was called and nobody has come."""
    return TICKET.find("settle", ticket.state) is not None


def _move(actor: Actor, ticket: NotaryTicket, action: str, **values: Any) -> NotaryTicket:
    """Carry out a step of a number that was loaded for update."""
    TICKET.execute(ticket, action, actor)
    for name, value in values.items():
        setattr(ticket, name, value)
    # The row changes with every step, so that its version tells one step from the next.
    ticket.updated_at = clock.now()
    db.session.flush()
    record(actor, ticket, action)
    return ticket


def _require_counter(office_id: uuid.UUID, counter: NotaryCounter) -> None:
    if counter.office_id != office_id:
        raise Invalid(errors={"counter_id": ["这个机构没有这个窗口。"]})
    if not counter.in_use(clock.today()):
        # Closed for a while it may still serve who waits; one that is given up nobody finds.
        raise Invalid(
            errors={
                "counter_id": ["这个窗口已经停用或者还没有启用，不能叫号到这里，请换一个窗口。"]
            }
        )


def _tell_called(ticket: NotaryTicket, counter: NotaryCounter) -> None:
    if ticket.booking_id is None:
        return
    booking = db.session.get(NotaryBooking, ticket.booking_id)
    if booking is not None:
        steps.tell(booking, CALLED, number=ticket.number, counter=counter.name)


def record(
    actor: Actor, ticket: NotaryTicket, action: str, detail: steps.Detail | None = None
) -> None:
    """Write the audit row of a step of a number."""
    audit.record(
        actor,
        f"notary_ticket.{action}",
        SUBJECT_KIND,
        ticket.id,
        {"number": ticket.number, "state": ticket.state, "day": ticket.day, **(detail or {})},
    )
