"""What a clerk changes about counters and hours waits for who is taking or freeing seats, and nobody waits in a circle."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from portal.core.db import db, is_sqlite
from portal.core.unit_of_work import unit_of_work
from portal.notary.models import (
    BookingState,
    ExceptionKind,
    NotaryBooking,
    NotaryCounter,
    NotaryException,
    NotaryOffice,
)
from portal.notary.operations import cases, freeing, leaving, schedule, seats, waiting
from portal.notary.operations.schedule import Exceptional, Opening
from tests.conftest import SettableClock
from tests.factories.notary import MORNING
from tests.notary.conftest import Desk, again, assert_books_balance
from tests.notary.hall import Hall
from tests.notary.test_cancelling_at_once import SOON, someone_waits
from tests.notary.test_day_races import clerk_of
from tests.notary.test_schedule import clerk

TUESDAY = date(2026, 3, 3)
TIMES = ("09:00", "09:30", "10:00", "10:30", "11:00", "11:30")
Change = Callable[[Desk, NotaryOffice], Any]


@pytest.fixture(autouse=True)
def _writers_are_not_alone(database: None) -> None:
    if is_sqlite():
        pytest.skip("writers are alone there")


def rename(desk: Desk, office: NotaryOffice) -> None:
    counter = db.session.get_one(NotaryCounter, desk.counter.id, populate_existing=True)
    schedule.save_counter(clerk(desk), office, counter, {"name": "改名的窗口"})


def enter_a_closure_of_the_counter(desk: Desk, office: NotaryOffice) -> None:
    day = date(2026, 3, 5)
    given = Exceptional(ExceptionKind.CLOSED, day, day, "设备检修", desk.counter.id)
    schedule.add_exception(clerk(desk), office, given)


def take_a_closure_back(desk: Desk, office: NotaryOffice) -> None:
    row = db.session.scalars(select(NotaryException)).one()
    schedule.remove_exception(clerk(desk), office, row)


def set_hours_of_the_counter(desk: Desk, office: NotaryOffice) -> None:
    week = [Opening(weekday, *MORNING) for weekday in range(5)]
    schedule.set_hours(clerk(desk), office, desk.counter.id, date(2026, 3, 10), week)


def change_the_office(desk: Desk, office: NotaryOffice) -> None:
    schedule.change_office(clerk(desk), office, {"hold_minutes": 15})


def office_of(desk: Desk) -> NotaryOffice:
    return db.session.get_one(NotaryOffice, desk.office.id, populate_existing=True)


def at_once(
    app: Flask, desk: Desk, change: Change, then: Callable[[], Any]
) -> BaseException | None:
    """Let `change` come to where it waits for the seats of Tuesday, then do what needs more than these.

    Returns what the change ended with.
    """

    def office() -> None:
        with app.app_context():
            try:
                with unit_of_work():
                    change(desk, office_of(desk))
            finally:
                db.session.remove()

    with ThreadPoolExecutor(1) as pool, unit_of_work():
        seats.lock_days([(desk.counter.id, TUESDAY)])
        done = pool.submit(office)
        until = time.monotonic() + SOON
        while not someone_waits() and time.monotonic() < until:
            time.sleep(0.01)
        assert not done.done()
        then()
    return done.exception(SOON)


CHANGES: list[Change] = [
    rename,
    enter_a_closure_of_the_counter,
    take_a_closure_back,
    set_hours_of_the_counter,
    change_the_office,
]


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_a_freed_seat_is_offered_while_a_clerk_changes_the_counter(
    app: Flask, desk: Desk, clock: SettableClock, change: Change
) -> None:
    if change is take_a_closure_back:
        with unit_of_work():
            enter_a_closure_of_the_counter(desk, office_of(desk))
    for hour in TIMES:
        while desk.left(f"{TUESDAY} {hour}") > (hour == TIMES[0]):
            desk.confirmed(desk.person(), f"{TUESDAY} {hour}")
    desk.hold(desk.person(), f"{TUESDAY} {TIMES[0]}")
    wish = waiting.WaitingWish(desk.matter.id, TUESDAY, TUESDAY, desk.office.id)
    entry = waiting.join(desk.person(), wish)
    clock.advance(minutes=11)
    ended = at_once(app, desk, change, lambda: freeing.settle([(desk.counter.id, TUESDAY)]))
    assert ended is None
    offered = select(NotaryBooking.state).where(NotaryBooking.waiting_id == entry.id)
    assert db.session.scalars(offered).all() == [BookingState.OFFERED]
    assert_books_balance()


def test_a_clerk_changes_the_office_while_the_portal_makes_the_next_days_slots(
    app: Flask, desk: Desk, clock: SettableClock
) -> None:
    clock.set("2026-03-03 00:05")
    made: list[int] = []
    ended = at_once(
        app, desk, change_the_office, lambda: made.append(schedule.apply(office_of(desk)).added)
    )
    assert made[0] > 0
    # Up to which day there are slots is no setting: what the clerk has seen of the office is good still.
    assert ended is None
    assert office_of(desk).hold_minutes == 15


@pytest.mark.parametrize("change", [rename, enter_a_closure_of_the_counter])
def test_what_the_portal_does_meanwhile_refuses_no_change_of_a_clerk(
    app: Flask, desk: Desk, clock: SettableClock, change: Change
) -> None:
    clock.set("2026-03-03 00:05")
    ended = at_once(app, desk, change, lambda: schedule.apply(office_of(desk)))
    assert ended is None
    assert_books_balance()


def test_a_day_is_closed_while_the_office_writes_down_what_came_of_a_visit(
    app: Flask, hall: Hall, clock: SettableClock
) -> None:
    bookings = [hall.checked_in(time) for time in ("2026-03-02 09:30", "2026-03-02 10:00")]
    clock.set("2026-03-03 08:00")
    clerk_there = clerk_of(hall)

    def close_days() -> int:
        with app.app_context():
            try:
                return leaving.close_days()
            finally:
                db.session.remove()

    with ThreadPoolExecutor(1) as pool, unit_of_work():
        cases.not_accept(clerk_there, again(bookings[0].id), None, "材料不齐，请补齐后再来。")
        done = pool.submit(close_days)
        until = time.monotonic() + SOON
        while not someone_waits() and time.monotonic() < until:
            time.sleep(0.01)
        assert not done.done()
    assert done.result(SOON) == 1 + 1, "the other visit and its number"
    assert [again(booking.id).state for booking in bookings] == [
        BookingState.NOT_ACCEPTED,
        BookingState.LEFT,
    ]
