"""Whoever confirms a time at the very moment at which the office gives it up is told, and does not come to a closed door."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from typing import Any

from flask import Flask
from sqlalchemy import update

from portal.core.actor import Actor
from portal.core.db import db, is_sqlite
from portal.core.unit_of_work import unit_of_work
from portal.notary.models import BookingState, NotaryBooking, NotaryCounter, NotaryOffice
from portal.notary.operations import confirming, schedule
from tests.conftest import JsonClient
from tests.notary.conftest import Desk, again, assert_books_balance, details
from tests.notary.hall import Hall
from tests.notary.test_cancelling_at_once import SOON, someone_waits
from tests.notary.test_schedule import clerk, close, told

TUESDAY = date(2026, 3, 3)
TIME = "2026-03-03 09:30"


def confirmed_while(app: Flask, desk: Desk, what: Any) -> NotaryBooking:
    """Somebody confirms the hold of a time; `what` happens to it before that is committed, and waits for it."""
    person: Actor = desk.person()
    held = desk.hold(person, TIME).id
    written = threading.Event()

    def office() -> None:
        written.wait(SOON)
        with app.app_context():
            try:
                what()
            finally:
                db.session.remove()

    db.session.remove()
    with ThreadPoolExecutor(1) as pool:
        done = pool.submit(office)
        with unit_of_work():
            confirming.confirm(person, held, details())
            written.set()
            until = time.monotonic() + SOON
            # SQLite's writers queue outside of it.
            while not is_sqlite() and not someone_waits() and time.monotonic() < until:
                time.sleep(0.01)
            assert not done.done()
        db.session.remove()
        done.result(SOON)
    return again(held)


def test_who_confirms_while_the_office_closes_the_day_is_told_and_has_another_time_kept(
    app: Flask, desk: Desk
) -> None:
    booking = confirmed_while(app, desk, lambda: close(desk, TUESDAY))
    assert booking.state is BookingState.CONFIRMED
    assert booking.has_to_move
    (message,) = told("notary.affected_with_offer")
    assert message["subject_id"] == str(booking.id)
    assert_books_balance()


def test_what_an_earlier_version_left_at_a_closed_time_is_found_and_told(desk: Desk) -> None:
    booking = desk.confirmed(desk.person(), TIME)
    close(desk, TUESDAY)
    # As if the closure had passed them by.
    with unit_of_work():
        db.session.execute(
            update(NotaryBooking)
            .where(NotaryBooking.replaces_id == booking.id)
            .values(replaces_id=None)
        )
        db.session.execute(
            update(NotaryBooking)
            .where(NotaryBooking.id == booking.id)
            .values(affected_at=None, affected_reason=None)
        )
    assert not again(booking.id).has_to_move
    before = len(told("notary.affected_with_offer"))
    schedule.refresh_all()
    assert again(booking.id).has_to_move
    assert len(told("notary.affected_with_offer")) == before + 1
    # And only once.
    schedule.refresh_all()
    assert len(told("notary.affected_with_offer")) == before + 1


def test_who_keeps_a_seat_where_there_are_fewer_now_is_not_asked_to_move(desk: Desk) -> None:
    """A time with more people than seats is closed to others until there is room; that is no closure for who stays."""
    stays, moves = (desk.confirmed(desk.person(), TIME) for _ in range(2))
    with unit_of_work():
        office = db.session.get_one(NotaryOffice, desk.office.id, populate_existing=True)
        counter = db.session.get_one(NotaryCounter, desk.counter.id, populate_existing=True)
        schedule.save_counter(clerk(desk), office, counter, {"capacity": 1})
    for _ in range(2):
        schedule.refresh_all()
        assert not again(stays.id).has_to_move
        assert again(moves.id).has_to_move


def test_two_clerks_who_enter_one_code_at_once_give_one_number(app: Flask, hall: Hall) -> None:
    booking = hall.booked()
    together = threading.Barrier(4)
    headers = [hall.headers["clerk"], hall.headers["colleague"]] * 2
    db.session.remove()

    def enter(place: int) -> Any:
        api = JsonClient(app.test_client())
        together.wait(SOON)
        return api.post(f"{hall.office}/check-ins", {"code": booking.code}, headers=headers[place])

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(enter, range(4)))
    assert [each.status_code for each in answers] == [200] * 4
    assert {each.json["ticket"]["number"] for each in answers} == {1}
