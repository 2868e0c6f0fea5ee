"""Many at once, in threads with connections of their own: no seat is sold twice, and everybody is told clearly."""

from __future__ import annotations

import threading
import uuid
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select, text

from portal.core.actor import Actor
from portal.core.db import db, is_sqlite
from portal.core.errors import DomainError
from portal.core.unit_of_work import unit_of_work
from portal.notary.demand import Demand
from portal.notary.models import BookingState, NotaryBooking, NotaryClaim, NotarySlot
from portal.notary.operations import (
    changing,
    confirming,
    freeing,
    holding,
    schedule,
    seats,
    waiting,
)
from tests.conftest import SettableClock
from tests.factories.notary import make_counter, make_matter
from tests.notary.conftest import Desk, at, details, party

NINE, TEN = "2026-03-03 09:00", "2026-03-03 10:00"
THREADS = 8


def together(app: Flask, work: list[Callable[[], Any]]) -> list[Any]:
    """Run every piece of work in its own thread, all starting at once; returns results or refusals in order."""
    results: list[Any] = [None] * len(work)
    gate = threading.Barrier(min(THREADS, len(work)))
    db.session.remove()

    def run(mine: list[int]) -> None:
        with app.app_context():
            gate.wait()
            for number in mine:
                try:
                    results[number] = work[number]()
                except DomainError as refused:
                    results[number] = refused.code
                finally:
                    db.session.rollback()
            db.session.remove()

    threads = [
        threading.Thread(target=run, args=(list(range(first, len(work), THREADS)),))
        for first in range(min(THREADS, len(work)))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def outcomes(results: list[Any]) -> Counter[str]:
    return Counter(each if isinstance(each, str) else "done" for each in results)


def wish(desk: Desk, when: str, **changes: Any) -> holding.Wish:
    return holding.Wish(
        **{
            "office_id": desk.office.id,
            "matter_id": desk.matter.id,
            "starts_at": at(when),
            **changes,
        }
    )


def test_many_rush_for_few_seats(app: Flask, desk: Desk) -> None:
    people = [desk.person() for _ in range(40)]
    asked = wish(desk, NINE)
    results = together(app, [lambda who=who: holding.hold(who, asked) for who in people])
    assert outcomes(results) == {"done": 2, "slot_taken": 38}
    assert desk.left(NINE) == 0


def test_of_two_who_confirm_one_hold_one_succeeds(app: Flask, desk: Desk) -> None:
    for _ in range(5):
        person = desk.person()
        held_id = desk.hold(person, TEN).id
        confirm = [
            lambda who=person, key=held_id: confirming.confirm(who, key, details())
            for _ in range(2)
        ]
        results = together(app, confirm)
        assert outcomes(results)["done"] == 1, results
        with unit_of_work():
            changing.cancel(person, confirming.load(held_id))  # type: ignore[arg-type]
            for claim in db.session.scalars(
                select(NotaryClaim).where(NotaryClaim.released_at.is_(None))
            ):
                claim.occupies_until = at("2026-03-01 09:00")
        freeing.sweep()
        db.session.rollback()


def test_one_person_does_not_get_two_bookings_for_a_matter(app: Flask, desk: Desk) -> None:
    same = party()
    held = [(who, desk.hold(who, when).id) for who, when in
            [(desk.person(), w) for w in (NINE, NINE, TEN, TEN)]]  # fmt: skip
    results = together(
        app,
        [lambda w=who, k=key: confirming.confirm(w, k, details(same)) for who, key in held],
    )
    assert outcomes(results) == {"done": 1, "party_unavailable": 3}


def test_one_person_does_not_get_two_bookings_at_a_time(app: Flask, desk: Desk) -> None:
    same = party()
    people = [desk.person() for _ in range(2)]
    held = [(who, desk.hold(who, NINE, matter_id=make_matter().id).id) for who in people]
    results = together(
        app,
        [lambda w=who, k=key: confirming.confirm(w, k, details(same)) for who, key in held],
    )
    assert outcomes(results) == {"done": 1, "party_unavailable": 1}


def test_an_account_that_asks_many_times_at_once_holds_one_seat(app: Flask, desk: Desk) -> None:
    person = desk.person()
    results = together(
        app,
        [
            lambda when=when: holding.hold(person, wish(desk, when))
            for when in (NINE, TEN, "2026-03-04 09:00", "2026-03-04 10:00") * 2
        ],
    )
    assert outcomes(results) == {"done": 1, "hold_exists": 7}


def test_a_lapsed_seat_that_many_want_is_freed_once(
    app: Flask, desk: Desk, clock: SettableClock
) -> None:
    for _ in range(2):
        desk.hold(desk.person(), NINE)
    clock.advance(minutes=11)
    people = [desk.person() for _ in range(16)]
    work: list[Callable[[], Any]] = [
        lambda who=who: holding.hold(who, wish(desk, NINE)) for who in people
    ]
    work[8:8] = [freeing.sweep, freeing.sweep]
    results = together(app, work)
    assert outcomes([r for r in results if not isinstance(r, int)])["done"] == 2
    assert desk.left(NINE) == 0


def test_confirming_at_the_last_moment_and_freeing_exclude_each_other(
    app: Flask, desk: Desk, clock: SettableClock
) -> None:
    person = desk.person()
    held_id = desk.hold(person, NINE).id
    clock.advance(minutes=10)
    results = together(
        app, [lambda: confirming.confirm(person, held_id, details()), freeing.sweep] * 2
    )
    db.session.rollback()
    state = confirming.load(held_id).state  # type: ignore[union-attr]
    assert state is BookingState.EXPIRED
    assert desk.left(NINE) == 2
    assert results[0] == results[2] == "hold_expired"


def test_people_who_swap_times_do_not_wait_for_each_other(app: Flask, desk: Desk) -> None:
    long = make_matter(minutes=60)
    booked = [
        (who, desk.confirmed(who, when, matter_id=long.id).id)
        for who, when in [
            (desk.person(), w) for w in (NINE, TEN, "2026-03-03 11:00", "2026-03-04 09:00")
        ]
    ]

    def move(who: Actor, key: uuid.UUID, when: str) -> NotaryBooking:
        with unit_of_work():
            found = confirming.load(key)
            assert found is not None
            return changing.reschedule(who, found, at(when))

    times = ("2026-03-04 10:00", NINE, TEN, "2026-03-03 11:00")
    work = [
        lambda w=who, k=key, t=when: move(w, k, t)
        for (who, key), when in zip(booked, times, strict=True)
    ]
    results = together(app, work * 4)
    assert set(outcomes(results)) <= {
        "done",
        "slot_taken",
        "same_time",
        "changed_meanwhile",
        "wrong_state",
    }
    assert outcomes(results)["done"] >= 4


def test_a_mix_of_everything_leaves_the_books_in_balance(
    app: Flask, desk: Desk, clock: SettableClock
) -> None:
    make_counter(desk.office, capacity=1)
    schedule.refresh_all()
    people = [desk.person() for _ in range(24)]

    def way(number: int, who: Actor) -> str:
        when = f"2026-03-03 {9 + number % 3:02d}:{30 * (number % 2):02d}"
        held = holding.hold(who, wish(desk, when))
        if number % 4 == 0:
            with unit_of_work():
                holding.release(who, confirming.load(held.id))  # type: ignore[arg-type]
            return "released"
        booking = confirming.confirm(who, held.id, details())
        if number % 4 == 1:
            with unit_of_work():
                changing.cancel(who, confirming.load(booking.id))  # type: ignore[arg-type]
            return "cancelled"
        return "confirmed"

    results = together(
        app, [lambda n=number, w=who: way(n, w) for number, who in enumerate(people)]
    )
    assert set(results) <= {"released", "cancelled", "confirmed", "slot_taken"}
    db.session.rollback()
    confirmed = db.session.scalar(
        select(func.count()).where(NotaryBooking.state == BookingState.CONFIRMED)
    )
    assert confirmed == results.count("confirmed")
    capacity = db.session.scalar(select(func.sum(NotarySlot.capacity)))
    assert capacity is not None


@pytest.mark.parametrize("again", [1, 2])
def test_a_sweep_beside_a_sweep_frees_each_seat_once(
    app: Flask, desk: Desk, clock: SettableClock, again: int
) -> None:
    for when in (NINE, NINE, TEN):
        desk.hold(desk.person(), when)
    clock.advance(minutes=11)
    results = together(app, [freeing.sweep] * 4 * again)
    assert sum(results) == 3
    assert desk.left(NINE) == 2


def test_a_seat_that_was_lost_leaves_no_lock_behind(app: Flask, desk: Desk) -> None:
    """Otherwise whoever goes on to lock a day would lock its slots out of order, and PostgreSQL would find a circle."""
    if is_sqlite():
        pytest.skip("writers are alone there")
    demand = Demand(desk.office, desk.matter, 1)
    slot = seats.free_slots_between(demand, at(NINE), at(TEN))[0]
    run, lost = seats.Run((slot,)), threading.Event()
    first_has_them, second_may_end = threading.Event(), threading.Event()
    db.session.remove()

    def first() -> None:
        with unit_of_work():
            assert seats.take(run, 2)
            first_has_them.set()
            # Until the second one waits for the row.
            with db.engine.connect() as watch:
                waiting = text("SELECT COUNT(*) FROM pg_locks WHERE NOT granted")
                while not watch.execute(waiting).scalar():
                    watch.rollback()

    def second() -> None:
        first_has_them.wait(20)
        with unit_of_work():
            assert not seats.take(run, 1)
            lost.set()
            second_may_end.wait(20)

    def look() -> None:
        assert lost.wait(20)
        try:
            with unit_of_work():
                db.session.execute(
                    select(NotarySlot.id)
                    .where(NotarySlot.id == slot.id)
                    .with_for_update(nowait=True)
                )
                seats.give_back(run, 2)
        finally:
            second_may_end.set()

    together(app, [first, second, look])
    assert lost.is_set()
    assert desk.left(NINE) == 2


def test_workers_that_end_the_waiting_list_at_once_tell_everybody_once(
    desk: Desk, app: Flask, clock: SettableClock
) -> None:
    for hour in ("09:00", "09:30", "10:00", "10:30", "11:00", "11:30"):
        for _ in range(2):
            desk.confirmed(desk.person(), f"2026-03-03 {hour}")
    day = at(NINE).date()
    for _ in range(20):
        waiting.join(desk.person(), waiting.WaitingWish(desk.matter.id, day, day))
    clock.set("2026-03-04 08:00")
    assert sum(together(app, [waiting.end_outdated] * THREADS)) == 20
