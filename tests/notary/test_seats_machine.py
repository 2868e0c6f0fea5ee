"""The service and a small model of it are driven by the same random steps, and always agree.

The model knows nothing of statements and locks: seats by slot, bookings with an end, a list of who waits. Cool-offs have one
length here, so that the model knows when they end.
"""

from __future__ import annotations

import os
import uuid
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import func, select

from portal.core import clock as core_clock
from portal.core.actor import Actor
from portal.core.db import db
from portal.core.errors import Conflict
from portal.core.unit_of_work import unit_of_work
from portal.notary.errors import HoldExists, HoldExpired, NoSuchTime, SlotTaken
from portal.notary.models import (
    BookingState,
    NotaryBooking,
    NotaryClaim,
    NotarySlot,
    NotaryWaiting,
    Quota,
)
from portal.notary.operations import changing, confirming, freeing, holding, schedule, waiting
from tests.conftest import SettableClock, _empty_tables
from tests.factories.notary import make_counter, make_matter, make_notary_office
from tests.factories.people import make_resident
from tests.notary.conftest import actor_of, assert_books_balance, at, details

DAY = date(2026, 3, 3)
TIMES = tuple(at(f"2026-03-03 {hour}") for hour in ("09:00", "09:30", "10:00", "10:30"))
CAPACITY = 2
HOLD, OFFER, COOL = timedelta(minutes=10), timedelta(minutes=60), timedelta(minutes=20)
PEOPLE = 6
EXAMPLES = int(os.environ.get("NOTARY_MACHINE_EXAMPLES", "25"))
STEPS = int(os.environ.get("NOTARY_MACHINE_STEPS", "40"))


@dataclass
class Seat:
    """What a booking has in the model: its slots, and until when (None: firmly)."""

    slots: tuple[int, ...]
    until: datetime | None


@dataclass
class Booked:
    """A booking in the model."""

    person: int
    state: str
    need: int
    seats: list[Seat] = field(default_factory=list)
    waiting: uuid.UUID | None = None


@dataclass
class Waits:
    """A place in the list."""

    person: int
    need: int
    state: str = "waiting"


class Model:
    """The rules in plain words."""

    def __init__(self) -> None:
        self.bookings: dict[uuid.UUID, Booked] = {}
        self.list: dict[uuid.UUID, Waits] = {}

    def left(self, slot: int) -> int:
        """Seats of a slot that nobody has."""
        taken = sum(
            slot in seat.slots for booked in self.bookings.values() for seat in booked.seats
        )
        return CAPACITY - taken

    def fits(self, slots: tuple[int, ...], wanted: int = 1) -> bool:
        """True when each of the slots has so many seats left."""
        return all(self.left(slot) >= wanted for slot in slots)

    def runs(self, need: int) -> list[tuple[int, ...]]:
        """Every run of so many slots with seats left."""
        found = [tuple(range(s, s + need)) for s in range(len(TIMES) - need + 1)]
        return [run for run in found if self.fits(run)]

    def own(self, key: uuid.UUID) -> list[Seat]:
        """Seats that a booking may use: what it has given up has an end, beside one that is confirmed."""
        booked = self.bookings[key]
        return [s for s in booked.seats if booked.state != "confirmed" or s.until is None]

    def lapsed(self, now: datetime) -> list[uuid.UUID]:
        """Bookings with seats whose time is over."""
        return sorted(
            key
            for key, booked in self.bookings.items()
            if any(seat.until is not None and seat.until <= now for seat in booked.seats)
        )

    def has_time(self, person: int, need: int, now: datetime) -> bool:
        """True when a person has a time for the matter, firmly or kept for now."""
        return any(
            booked.state == "confirmed"
            or (booked.state in ("held", "offered") and (booked.seats[0].until or now) > now)
            for booked in self.bookings.values()
            if (booked.person, booked.need) == (person, need)
        )

    def pending(self, person: int) -> uuid.UUID | None:
        """The hold of a person."""
        return next(
            (k for k, b in self.bookings.items() if b.person == person and b.state == "held"),
            None,
        )


class SeatsMachine(RuleBasedStateMachine):
    """Random people at a counter of two seats and four times."""

    app: Flask
    clock: SettableClock

    @initialize()
    def open_the_office(self) -> None:
        """A fresh office."""
        db.session.rollback()
        _empty_tables()
        db.session.remove()
        self.clock.set("2026-03-02 09:00")
        self.model = Model()
        self.ids: dict[uuid.UUID, uuid.UUID] = {}
        with_hours = ((TIMES[0].time(), (TIMES[-1] + timedelta(minutes=30)).time()),)
        self.office = make_notary_office(
            hours=with_hours,
            weekdays=(1,),
            horizon_workdays=1,
            cool_off_least_minutes=20,
            cool_off_most_minutes=20,
            person_limit=50,
        )
        make_counter(self.office, capacity=CAPACITY)
        self.matters = {1: make_matter(minutes=30), 2: make_matter(minutes=60)}
        self.people: list[Actor] = [actor_of(make_resident()) for _ in range(PEOPLE)]
        schedule.refresh_all()
        assert len(self.slots()) == len(TIMES)

    def slots(self) -> list[NotarySlot]:
        """The slots as they are."""
        db.session.rollback()
        return list(
            db.session.scalars(
                select(NotarySlot)
                .where(NotarySlot.day == DAY, NotarySlot.quota == Quota.OPEN)
                .order_by(NotarySlot.starts_at)
                .execution_options(populate_existing=True)
            )
        )

    def booking(self, key: uuid.UUID) -> NotaryBooking:
        """The booking as it is."""
        found = confirming.load(key)
        assert found is not None
        return found

    # --- what the model expects of a freed seat -----------------------------------------------------------------------

    def give(self, key: uuid.UUID, seats: list[Seat], *, cool: bool) -> None:
        """Free seats in the model: the list first, then a cool-off."""
        booked = self.model.bookings[key]
        for seat in seats:
            booked.seats.remove(seat)
        freed = {slot for seat in seats for slot in seat.slots}
        count = {slot: sum(slot in seat.slots for seat in seats) for slot in freed}
        offered = self.offer(freed)
        if cool:
            rest = {slot: count[slot] - offered.get(slot, 0) for slot in sorted(freed)}
            for layer in range(CAPACITY):
                kept = tuple(slot for slot, number in rest.items() if number > layer)
                if kept:
                    booked.seats.append(Seat(kept, self.clock() + COOL))

    def offer(self, freed: set[int]) -> dict[int, int]:
        """Go down the list in the model, and find the offers that the service made."""
        offered: dict[int, int] = {}
        for key in sorted(k for k, w in self.model.list.items() if w.state == "waiting"):
            entry = self.model.list[key]
            runs = [run for run in self.model.runs(entry.need) if freed & set(run)]
            if not runs:
                continue
            run = runs[0]
            made = db.session.scalar(
                select(NotaryBooking).where(
                    NotaryBooking.waiting_id == key, NotaryBooking.state == BookingState.OFFERED
                )
            )
            assert made is not None, "whose turn it was got no offer"
            assert made.starts_at == TIMES[run[0]]
            entry.state = "offered"
            self.model.bookings[made.id] = Booked(
                entry.person,
                "offered",
                entry.need,
                [Seat(run, self.clock() + OFFER)],
                key,
            )
            for slot in run:
                offered[slot] = offered.get(slot, 0) + 1
        return offered

    def settle(self) -> None:
        """Free in the model everything that has lapsed, in the service's order."""
        now = self.clock()
        for key in self.model.lapsed(now):
            booked = self.model.bookings[key]
            over = [s for s in booked.seats if s.until is not None and s.until <= now]
            if booked.state in ("held", "offered"):
                booked.state = "expired"
                if booked.waiting is not None:
                    self.model.list[booked.waiting].state = "passed"
            self.give(key, over, cool=False)

    # --- steps --------------------------------------------------------------------------------------------------------

    @rule(minutes=st.sampled_from([1, 9, 10, 20, 61]))
    def time_passes(self, minutes: int) -> None:
        """Nothing else happens."""
        if self.clock() + timedelta(minutes=minutes) < at("2026-03-02 23:00"):
            self.clock.advance(minutes=minutes)

    @rule()
    def the_job_sweeps(self) -> None:
        """What has lapsed is freed; all of it by one call."""
        freeing.sweep()
        db.session.rollback()
        self.settle()

    @rule(
        person=st.integers(0, PEOPLE - 1),
        slot=st.integers(0, len(TIMES) - 1),
        need=st.sampled_from([1, 1, 2]),
        people=st.sampled_from([1, 1, 2]),
    )
    def hold(self, person: int, slot: int, need: int, people: int) -> None:
        """Somebody tries to hold a time, for one or for two."""
        wish = holding.Wish(self.office.id, self.matters[need].id, TIMES[slot], people)
        run = tuple(range(slot, slot + need))
        possible = slot + need <= len(TIMES)
        try:
            held = holding.hold(self.people[person], wish)
        except HoldExists:
            key = self.model.pending(person)
            assert key is not None
            until = self.model.bookings[key].seats[0].until
            assert until is not None
            assert until > self.clock()
            return
        except NoSuchTime:
            assert not possible
            self.settle()
            return
        except SlotTaken:
            # What had lapsed was freed all the same, and left no seat.
            assert possible
            assert not self.would_fit(run, people)
            self.settle()
            return
        before = self.model.pending(person)
        if before is not None or not self.model.fits(run, people):
            # Either way the whole day was settled on the way.
            self.settle()
        assert possible
        assert self.model.fits(run, people)
        kept = [Seat(run, self.clock() + HOLD) for _ in range(people)]
        self.model.bookings[held.id] = Booked(person, "held", need, kept)

    def would_fit(self, run: tuple[int, ...], wanted: int = 1) -> bool:
        """True when there are seats once all that has lapsed is freed and has gone down the list."""
        now = self.clock()
        left = [self.model.left(number) for number in range(len(TIMES))]
        listed = sorted(k for k, w in self.model.list.items() if w.state == "waiting")
        for key in self.model.lapsed(now):
            freed = set()
            for seat in self.model.bookings[key].seats:
                if seat.until is not None and seat.until <= now:
                    freed |= set(seat.slots)
                    for slot in seat.slots:
                        left[slot] += 1
            for waits in list(listed):
                need = self.model.list[waits].need
                starts = range(len(TIMES) - need + 1)
                runs = [tuple(range(start, start + need)) for start in starts]
                fitting = [r for r in runs if freed & set(r) and all(left[x] > 0 for x in r)]
                if fitting:
                    listed.remove(waits)
                    for slot in fitting[0]:
                        left[slot] -= 1
        return all(left[slot] >= wanted for slot in run)

    def keys(self, *states: str) -> list[uuid.UUID]:
        """Bookings in one of the states, in a fixed order."""
        return sorted(k for k, b in self.model.bookings.items() if b.state in states)

    @precondition(lambda self: self.keys("held", "offered"))
    @rule(data=st.data())
    def confirm(self, data: Any) -> None:
        """Somebody confirms what is kept for them, in time or too late, and comes alone."""
        key = data.draw(st.sampled_from(self.keys("held", "offered")))
        booked = self.model.bookings[key]
        until = booked.seats[0].until
        assert until is not None
        try:
            confirming.confirm(self.people[booked.person], key, details())
        except HoldExpired:
            assert until <= self.clock()
            return
        assert until > self.clock()
        booked.state = "confirmed"
        booked.seats[0].until = None
        if booked.waiting is not None:
            self.model.list[booked.waiting].state = "taken"
        self.give(key, booked.seats[1:], cool=True)

    @precondition(lambda self: self.keys("held", "offered"))
    @rule(data=st.data())
    def release(self, data: Any) -> None:
        """Somebody gives up what is kept for them."""
        key = data.draw(st.sampled_from(self.keys("held", "offered")))
        booked = self.model.bookings[key]
        until = booked.seats[0].until
        assert until is not None
        try:
            with unit_of_work():
                holding.release(self.people[booked.person], self.booking(key))
        except HoldExpired:
            assert until <= self.clock()
            return
        assert until > self.clock()
        booked.state = "released"
        if booked.waiting is not None:
            self.model.list[booked.waiting].state = "declined"
        self.give(key, list(booked.seats), cool=True)

    @precondition(lambda self: self.keys("confirmed"))
    @rule(data=st.data())
    def cancel(self, data: Any) -> None:
        """Somebody cancels."""
        key = data.draw(st.sampled_from(self.keys("confirmed")))
        booked = self.model.bookings[key]
        with unit_of_work():
            changing.cancel(self.people[booked.person], self.booking(key))
        booked.state = "cancelled"
        # Seats of an earlier time go on cooling off by themselves.
        self.give(key, [seat for seat in booked.seats if seat.until is None], cool=True)

    @precondition(lambda self: self.keys("confirmed"))
    @rule(data=st.data(), slot=st.integers(0, len(TIMES) - 1))
    def reschedule(self, data: Any, slot: int) -> None:
        """Somebody moves to another time."""
        key = data.draw(st.sampled_from(self.keys("confirmed")))
        booked = self.model.bookings[key]
        run = tuple(range(slot, slot + booked.need))
        firm = next(s for s in booked.seats if s.until is None)
        if run == firm.slots:
            with pytest.raises(Conflict, match="相同"), unit_of_work():
                changing.reschedule(self.people[booked.person], self.booking(key), TIMES[slot])
            return
        try:
            with unit_of_work():
                changing.reschedule(self.people[booked.person], self.booking(key), TIMES[slot])
        except NoSuchTime:
            assert slot + booked.need > len(TIMES)
            self.settle()
            return
        except SlotTaken:
            new = tuple(number for number in run if number not in firm.slots)
            assert slot + booked.need <= len(TIMES)
            assert not self.would_fit(new)
            self.settle()
            return
        self.settle()
        kept = set(firm.slots) & set(run)
        assert self.model.fits(tuple(slot for slot in run if slot not in kept))
        assert run != firm.slots
        firm.slots, left = run, tuple(slot for slot in firm.slots if slot not in kept)
        if left:
            leaving = Seat(left, None)
            booked.seats.append(leaving)
            self.give(key, [leaving], cool=True)

    @rule(person=st.integers(0, PEOPLE - 1), need=st.sampled_from([1, 1, 2]))
    def join(self, person: int, need: int) -> None:
        """Somebody takes a place in the list."""
        wish = waiting.WaitingWish(self.matters[need].id, DAY, DAY, self.office.id)
        waits = any(
            w.person == person and w.need == need and w.state in ("waiting", "offered")
            for w in self.model.list.values()
        )
        kept = self.model.has_time(person, need, self.clock())
        if kept or self.model.runs(need) or waits:
            expected = "已经在" if not (kept or self.model.runs(need)) else "不用排队"
            with pytest.raises(Conflict, match=expected):
                waiting.join(self.people[person], wish)
            return
        entry = waiting.join(self.people[person], wish)
        self.model.list[entry.id] = Waits(person, need)

    @precondition(lambda self: any(w.state == "waiting" for w in self.model.list.values()))
    @rule(data=st.data())
    def leave(self, data: Any) -> None:
        """Somebody leaves the list."""
        key = data.draw(
            st.sampled_from(sorted(k for k, w in self.model.list.items() if w.state == "waiting"))
        )
        entry = db.session.get_one(NotaryWaiting, key, populate_existing=True)
        with unit_of_work():
            waiting.leave(self.people[self.model.list[key].person], entry)
        self.model.list[key].state = "left"

    # --- what always holds --------------------------------------------------------------------------------------------

    @invariant()
    def the_service_and_the_model_agree(self) -> None:
        """Seats, bookings and the list."""
        if not hasattr(self, "model"):
            return
        assert_books_balance()
        assert [slot.capacity - slot.claimed for slot in self.slots()] == [
            self.model.left(number) for number in range(len(TIMES))
        ]
        states = {
            row.id: row.state.value
            for row in db.session.execute(select(NotaryBooking.id, NotaryBooking.state))
        }
        assert states == {key: booked.state for key, booked in self.model.bookings.items()}
        had = dict(
            db.session.execute(
                select(NotaryClaim.booking_id, func.sum(NotaryClaim.seats))
                .where(NotaryClaim.released_at.is_(None), NotaryClaim.cooling.is_(False))
                .group_by(NotaryClaim.booking_id)
            ).all()
        )
        assert had == {
            key: sum(len(seat.slots) for seat in self.model.own(key))
            for key in self.keys("held", "offered", "confirmed")
        }
        listed = {
            row.id: row.state.value
            for row in db.session.execute(select(NotaryWaiting.id, NotaryWaiting.state))
        }
        assert listed == {key: entry.state for key, entry in self.model.list.items()}
        db.session.rollback()

    @invariant()
    def nobody_who_fits_waits_beside_a_free_seat(self) -> None:
        """A seat that is free is one that nobody waits for."""
        if hasattr(self, "model"):
            for entry in self.model.list.values():
                if entry.state == "waiting":
                    assert not self.model.runs(entry.need)


@pytest.mark.slow
def test_the_service_does_what_the_model_does(
    app: Flask, database: None, clock: SettableClock
) -> None:
    SeatsMachine.app, SeatsMachine.clock = app, clock
    run_state_machine_as_test(
        SeatsMachine,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            deadline=None,
            # The same in every run of the suite; a longer one looks elsewhere each time.
            derandomize="NOTARY_MACHINE_EXAMPLES" not in os.environ,
            suppress_health_check=list(HealthCheck),
        ),
    )
    assert core_clock.now() == clock()
