"""Random days at an office: people come, go away, come back, are accepted; times close, counters give matters up.

No model here: what must hold at every moment is asked of the tables themselves.
"""

from __future__ import annotations

import os
import random
import uuid
from collections.abc import Callable, Sequence
from datetime import date, time
from typing import Any

import pytest
from sqlalchemy import select

from portal.core import clock as core_clock
from portal.core.actor import Actor, ActorKind
from portal.core.db import db
from portal.core.errors import DomainError
from portal.core.unit_of_work import unit_of_work
from portal.notary.models import (
    ACTIVE_STATES,
    BookingState,
    CorrectionReason,
    DeskChannel,
    ExceptionKind,
    NotaryBooking,
    NotaryClaim,
    NotaryCounter,
    NotaryException,
    NotaryMatter,
    NotaryOffice,
    NotaryParty,
    NotaryTicket,
    NotaryWaiting,
    TicketState,
    WaitingState,
)
from portal.notary.operations import (
    affected,
    cases,
    changing,
    confirming,
    correcting,
    day,
    freeing,
    holding,
    leaving,
    matters,
    on_request,
    schedule,
    slots,
    undoing,
    waiting,
)
from portal.notary.operations.schedule import Exceptional
from tests.conftest import SettableClock
from tests.factories.notary import make_counter, make_matter
from tests.factories.people import id_number, make_resident, make_staff
from tests.notary.conftest import Desk, actor_of, assert_books_balance, at, details, undone
from tests.notary.test_affected import ANYWHERE

SEEDS = int(os.environ.get("NOTARY_DAY_SEEDS", "6"))
STEPS = 60
TIMES = ("09:00", "09:30", "10:00", "10:30", "11:00", "11:30")
DAYS = ("2026-03-02", "2026-03-03", "2026-03-04")


class Office:
    """One office and the people around it, who do something at random."""

    def __init__(self, desk: Desk, clock: SettableClock, chance: random.Random) -> None:
        self.clock, self.chance = clock, chance
        with unit_of_work():
            settings = db.session.get_one(NotaryOffice, desk.office.id, populate_existing=True)
            settings.person_limit = 20
        self.office_id = desk.office.id
        self.matters = [desk.matter.id, make_matter(minutes=60).id]
        self.counters = [desk.counter.id]
        self.small = chance.random() < 0.5
        if not self.small:
            self.counters.append(make_counter(desk.office).id)
        clerk = make_staff(["notary_clerk"], desk.office.id)
        grants = frozenset({("notary_clerk", self.office_id)})
        self.clerk = Actor(ActorKind.STAFF, clerk.id, grants=grants)
        self.people = [actor_of(make_resident()) for _ in range(8)]
        schedule.refresh_all()
        # Few times are soon full, many leave room to go to; and one day much is closed, another day much is cancelled. With
        # the same of everything every day, what follows on three rare things would be seen once in a thousand days.
        self.days: Sequence[str] = DAYS
        self.times = chance.sample(TIMES, chance.randint(2, len(TIMES)))
        if self.small:
            self.open_an_hour()
        self.steps: list[Callable[[], object]] = [
            *(self.book, self.book_at_desk, self.move_on_request, self.withdraw, self.check_in),
            *(self.leave, self.come_back, self.revert_check_in, self.refuse, self.revert_refusal),
            *(self.correct, self.accept, self.cancel, self.move, self.take_other_time),
            *(self.wait, self.answer),
            *(self.close, self.reopen, self.change_counter, self.stop_matter, self.time_passes),
            *(freeing.sweep, leaving.close_days),
        ]
        usual = {
            self.book: 10,
            self.book_at_desk: 4,
            self.check_in: 4,
            self.wait: 3,
            self.answer: 3,
        }
        usual |= {self.time_passes: 2, self.stop_matter: 0.5, self.change_counter: 0.5}
        self.often = [usual.get(step, 1) * chance.choice((0.2, 1, 1, 4)) for step in self.steps]

    def open_an_hour(self) -> None:
        """A small office is full at once, so that people wait for a time."""
        self.days, self.times = DAYS[1:2], list(TIMES[:2])
        on = date.fromisoformat(self.days[0])
        afterwards = {"opens": time(10), "closes": time(12)}
        given = Exceptional(ExceptionKind.CLOSED, on, on, "人手不足", **afterwards)
        with unit_of_work():
            schedule.add_exception(self.clerk, self._office(), given)
            counter = db.session.get_one(NotaryCounter, self.counters[0], populate_existing=True)
            schedule.save_counter(self.clerk, self._office(), counter, {"capacity": 1})

    def one(self, model: Any, *conditions: Any) -> Any:
        """Somebody or something of this kind, None when there is none."""
        rows = list(db.session.scalars(select(model).where(*conditions).order_by(model.id)))
        return self.chance.choice(rows) if rows else None

    def step(self) -> None:
        """Do one thing; a refusal is an answer like any other."""
        db.session.rollback()
        (step,) = self.chance.choices(self.steps, self.often)
        try:
            step()
        except DomainError:
            db.session.rollback()

    def time_passes(self) -> None:
        self.clock.advance(minutes=self.chance.choice([5, 20, 60, 60, 400]))

    def book(self) -> None:
        who = self.chance.choice(self.people)
        when = at(f"{self.chance.choice(self.days)} {self.chance.choice(self.times)}")
        wish = holding.Wish(self.office_id, self.chance.choice(self.matters), when)
        held = holding.hold(who, wish)
        if self.chance.random() < 0.9:
            confirming.confirm(who, held.id, details())

    def book_at_desk(self) -> None:
        when = at(f"{self.chance.choice(self.days)} {self.chance.choice(self.times)}")
        wish = holding.Wish(self.office_id, self.chance.choice(self.matters), when)
        with unit_of_work():
            on_request.book(self.clerk, self._office(), wish, details(), DeskChannel.IN_PERSON)

    def move_on_request(self) -> None:
        when = at(f"{self.chance.choice(self.days)} {self.chance.choice(self.times)}")
        with unit_of_work():
            booking = self.booking(BookingState.CONFIRMED)
            if booking is not None and changing.pending_other_times(booking):
                on_request.accept_other_time(self.clerk, booking, DeskChannel.PHONE)
            elif booking is not None:
                on_request.move(self.clerk, booking, when, DeskChannel.PHONE)

    def withdraw(self) -> None:
        with unit_of_work():
            booking = self.booking(BookingState.CONFIRMED)
            if booking is not None:
                on_request.withdraw(self.clerk, booking, DeskChannel.PHONE)

    def booking(self, *states: BookingState) -> NotaryBooking | None:
        row = self.one(NotaryBooking, NotaryBooking.state.in_(states))
        return None if row is None else confirming.load(row.id)

    def ticket(self, *states: TicketState) -> NotaryTicket | None:
        found_one: NotaryTicket | None = self.one(NotaryTicket, NotaryTicket.state.in_(states))
        return found_one

    def check_in(self) -> None:
        with unit_of_work():
            today = NotaryBooking.day == core_clock.today()
            row = self.one(NotaryBooking, NotaryBooking.state == BookingState.CONFIRMED, today)
            booking = None if row is None else confirming.load(row.id)
            if booking is not None:
                day.check_in(self.clerk, booking)

    def leave(self) -> None:
        with unit_of_work():
            ticket = self.ticket(TicketState.WAITING, TicketState.CALLED)
            if ticket is not None:
                leaving.leave(self.clerk, ticket)

    def come_back(self) -> None:
        with unit_of_work():
            ticket = self.ticket(TicketState.LEFT)
            if ticket is not None:
                leaving.come_back(self.clerk, ticket)

    def revert_check_in(self) -> None:
        with unit_of_work():
            booking = self.booking(BookingState.CHECKED_IN)
            if booking is not None:
                undoing.revert_check_in(self.clerk, booking)
        # As the job does that the step leaves where the time fell out meanwhile (`test_undoing`).
        schedule.refresh_all()

    def refuse(self) -> None:
        with unit_of_work():
            booking = self.booking(BookingState.CHECKED_IN)
            if booking is not None:
                cases.not_accept(self.clerk, booking, None, "材料不全，请补齐后再来。")

    def revert_refusal(self) -> None:
        with unit_of_work():
            booking = self.booking(BookingState.NOT_ACCEPTED)
            if booking is not None:
                undoing.revert_not_accept(self.clerk, booking, CorrectionReason.MISTAKEN)

    def correct(self) -> None:
        with unit_of_work():
            booking = self.booking(*ACTIVE_STATES)
            if booking is not None:
                changes = {"document_number": id_number()}
                correcting.correct_party(self.clerk, booking, 0, changes, CorrectionReason.MISTAKEN)

    def accept(self) -> None:
        with unit_of_work():
            booking = self.booking(BookingState.CHECKED_IN)
            if booking is not None:
                cases.accept(self.clerk, booking, None)

    def cancel(self) -> None:
        with unit_of_work():
            booking = self.booking(BookingState.CONFIRMED)
            if booking is not None:
                changing.cancel(self.clerk, booking)

    def move(self) -> None:
        when = at(f"{self.chance.choice(self.days)} {self.chance.choice(self.times)}")
        with unit_of_work():
            booking = self.booking(BookingState.CONFIRMED)
            if booking is not None and booking.account_id is not None:
                changing.reschedule(Actor(ActorKind.RESIDENT, booking.account_id), booking, when)

    def take_other_time(self) -> None:
        with unit_of_work():
            booking = self.booking(BookingState.CONFIRMED)
            if booking is not None and booking.account_id is not None:
                who = Actor(ActorKind.RESIDENT, booking.account_id)
                changing.accept_other_time(who, booking)

    def wait(self) -> None:
        matter = self.chance.choice(self.matters)
        first, last = sorted(date.fromisoformat(self.chance.choice(self.days)) for _ in range(2))
        wish = waiting.WaitingWish(matter, first, last, self.office_id)
        waiting.join(self.chance.choice(self.people), wish)

    def answer(self) -> None:
        """Whoever waited takes what is offered, declines it, or goes home before that."""
        waits = NotaryBooking.waiting_id.is_not(None)
        offer = self.one(NotaryBooking, NotaryBooking.state == BookingState.OFFERED, waits)
        if offer is None:
            with unit_of_work():
                entry = self.one(NotaryWaiting, NotaryWaiting.state == WaitingState.WAITING)
                if entry is not None:
                    waiting.leave(Actor(ActorKind.RESIDENT, entry.account_id), entry)
            return
        who = Actor(ActorKind.RESIDENT, offer.account_id)
        if self.chance.random() < 0.5:
            confirming.confirm(who, offer.id, details())
        else:
            with unit_of_work():
                found = confirming.load(offer.id)
                assert found is not None
                holding.release(who, found)

    def _office(self) -> NotaryOffice:
        return db.session.get_one(NotaryOffice, self.office_id, populate_existing=True)

    def close(self) -> None:
        on = date.fromisoformat(self.chance.choice(self.days))
        counter = self.chance.choice([None, *self.counters])
        given = Exceptional(ExceptionKind.CLOSED, on, on, "检修", counter_id=counter)
        with unit_of_work():
            schedule.add_exception(self.clerk, self._office(), given)

    def reopen(self) -> None:
        with unit_of_work():
            row = self.one(NotaryException)
            if row is not None:
                schedule.remove_exception(self.clerk, self._office(), row)

    def change_counter(self) -> None:
        with unit_of_work():
            counter = db.session.get_one(
                NotaryCounter, self.chance.choice(self.counters), populate_existing=True
            )
            codes = list(db.session.scalars(select(NotaryMatter.code)))
            values = self.chance.choice(
                [{"matter_codes": []}, {"matter_codes": [self.chance.choice(codes)]},
                 {"capacity": 1}, {"capacity": 2}]
            )  # fmt: skip
            schedule.save_counter(self.clerk, self._office(), counter, values)

    def stop_matter(self) -> None:
        with unit_of_work():
            matter = db.session.get_one(
                NotaryMatter, self.chance.choice(self.matters), populate_existing=True
            )
            matters.change(ANYWHERE, matter, {"active": not matter.active})
        schedule.refresh_all()
        waiting.end_stopped()

    # --- what always holds --------------------------------------------------------------------------------------------

    def holds(self) -> None:
        assert_books_balance()
        unkept = affected.not_served(self._office()) | self._where_it_is_closed(self._office())
        bookings = list(
            db.session.scalars(select(NotaryBooking).execution_options(populate_existing=True))
        )
        by_id = {booking.id: booking for booking in bookings}
        for booking in bookings:
            if booking.id in unkept:
                assert booking.state is BookingState.CONFIRMED, (
                    "nothing is kept where it is not done"
                )
                assert booking.affected_at is not None, "whoever cannot be served knows it"
            if booking.replaces_id is not None and booking.state is BookingState.OFFERED:
                replaced = by_id[booking.replaces_id]
                assert replaced.state is BookingState.CONFIRMED
                assert replaced.affected_at is not None, "another time is for who has to move"
        self._seats_hold(by_id)
        tickets = list(
            db.session.scalars(select(NotaryTicket).execution_options(populate_existing=True))
        )
        for ticket in tickets:
            if ticket.booking_id is None:
                continue
            state = by_id[ticket.booking_id].state
            waits = ticket.state in (TicketState.WAITING, TicketState.CALLED)
            if waits and ticket.day == core_clock.today():
                assert state is BookingState.CHECKED_IN, "nobody is called who is not there"
            if ticket.state is TicketState.LEFT:
                assert state is not BookingState.CHECKED_IN
        offers = [
            b.waiting_id for b in bookings if b.state is BookingState.OFFERED and b.waiting_id
        ]
        offered = NotaryWaiting.state == WaitingState.OFFERED
        assert sorted(offers) == sorted(db.session.scalars(select(NotaryWaiting.id).where(offered)))
        active = set(db.session.scalars(select(NotaryParty.booking_id).where(NotaryParty.active)))
        assert active == {b.id for b in bookings if b.state in ACTIVE_STATES}
        db.session.rollback()

    def _where_it_is_closed(self, office: NotaryOffice) -> set[uuid.UUID]:
        """The appointments to come in slots that the hours no longer have; those of whoever is at the desk are kept."""
        found = slots.Difference()
        with undone():
            found = slots.materialise(office)
        claims = select(NotaryClaim.booking_id).where(
            NotaryClaim.released_at.is_(None),
            NotaryClaim.cooling.is_(False),
            NotaryClaim.slot_id.in_([*found.closed, *found.left]),
        )
        expected = NotaryBooking.state == BookingState.CONFIRMED
        at_closed = select(NotaryBooking.id).where(NotaryBooking.id.in_(claims), expected)
        return set(db.session.scalars(at_closed))

    def _seats_hold(self, by_id: dict[uuid.UUID, NotaryBooking]) -> None:
        now = core_clock.now()
        for claim in db.session.scalars(
            select(NotaryClaim)
            .where(NotaryClaim.released_at.is_(None), NotaryClaim.cooling.is_(False))
            .execution_options(populate_existing=True)
        ):
            booking = by_id[claim.booking_id]
            ended = booking.ended_at is not None
            # A visit that ended before its time has given its seats on.
            assert not (ended and booking.starts_at > now), booking.state
        # Whoever is expected has seats for their time.
        with_seats = set(
            db.session.scalars(
                select(NotaryClaim.booking_id).where(
                    NotaryClaim.released_at.is_(None), NotaryClaim.cooling.is_(False)
                )
            )
        )
        for booking in by_id.values():
            if booking.state in ACTIVE_STATES:
                assert booking.id in with_seats


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(SEEDS))
def test_whatever_happens_on_a_day_the_books_hold(
    desk: Desk, clock: SettableClock, seed: int
) -> None:
    office = Office(desk, clock, random.Random(seed))
    for _ in range(STEPS):
        office.step()
        office.holds()
    # The days end, and with them what is open.
    clock.set("2026-03-09 08:00")
    leaving.close_days()
    freeing.sweep()
    office.holds()
    states = set(db.session.scalars(select(NotaryBooking.state)))
    assert BookingState.CHECKED_IN not in states
    assert set(db.session.scalars(select(NotaryTicket.state))) <= {
        TicketState.DONE,
        TicketState.LEFT,
        TicketState.VOID,
    }
    db.session.rollback()
