"""Who does not want their time any more is rid of it, whatever else the office changes about it at that very moment."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import date
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import text

from portal.core.db import db, is_sqlite
from portal.core.errors import Conflict
from portal.core.unit_of_work import unit_of_work
from portal.notary.errors import ChangedMeanwhile
from portal.notary.models import BookingState, CorrectionReason, NotaryCounter
from portal.notary.operations import changing, correcting, schedule
from tests.conftest import JsonClient
from tests.factories.people import id_number
from tests.notary.conftest import again, assert_books_balance, at
from tests.notary.hall import Booked, Hall
from tests.notary.test_day_races import clerk_of
from tests.notary.test_schedule import close, told
from tests.notary.test_two_writers import elsewhere, seen

TUESDAY = date(2026, 3, 3)
TIME = "2026-03-03 09:30"
# Far more than a request takes to come to where it waits, and than it waits for.
SOON = 10


def shut(hall: Hall) -> None:
    close(hall.desk, TUESDAY)


def put_right(hall: Hall, booking: Booked) -> None:
    """A clerk corrects the number of whoever comes."""
    right = {"document_number": id_number()}
    clerk, reason = clerk_of(hall), CorrectionReason.WRONG_PERSON
    correcting.correct_party(clerk, seen(booking.id), 0, right, reason)


def without_its_matter(hall: Hall) -> None:
    """The counter of the appointment does nothing but another matter from now on."""
    counter = db.session.get_one(NotaryCounter, hall.counter_id, populate_existing=True)
    office = seen_office(hall)
    schedule.save_counter(clerk_of(hall), office, counter, {"active_until": date(2026, 3, 2)})


def seen_office(hall: Hall) -> Any:
    return db.session.get_one(type(hall.desk.office), hall.office_id, populate_existing=True)


CHANGES: dict[str, Callable[[Hall, Booked], None]] = {
    "a closure": lambda hall, _: shut(hall),
    "a name put right": put_right,
    "a counter that falls out": lambda hall, _: without_its_matter(hall),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_cancellation_stands_whatever_else_changed_meanwhile(
    app: Flask, hall: Hall, change: str
) -> None:
    booking = hall.booked(TIME)
    held = seen(booking.id)
    elsewhere(app, lambda: CHANGES[change](hall, booking))
    changing.cancel(booking.actor, held)
    now = again(booking.id)
    assert (now.state, now.affected_at, now.untold_since) == (BookingState.CANCELLED, None, None)
    # Of a time that was kept instead, nothing stays behind.
    assert changing.pending_other_times(now) == []
    assert len(told("notary.cancelled")) == 1
    assert_books_balance()


def test_a_time_that_the_person_did_not_mean_is_not_cancelled(app: Flask, hall: Hall) -> None:
    booking = hall.booked(TIME)
    held = seen(booking.id)
    elsewhere(
        app,
        lambda: changing.reschedule(booking.actor, seen(booking.id), at("2026-03-04 10:00")),
    )
    with pytest.raises(ChangedMeanwhile):
        changing.cancel(booking.actor, held)
    now = again(booking.id)
    assert (now.state, now.starts_at) == (BookingState.CONFIRMED, at("2026-03-04 10:00"))


def test_what_is_cancelled_already_is_not_cancelled_twice(app: Flask, hall: Hall) -> None:
    booking = hall.booked(TIME)
    held = seen(booking.id)
    elsewhere(app, lambda: changing.cancel(booking.actor, seen(booking.id)))
    with pytest.raises(Conflict) as refused:
        changing.cancel(booking.actor, held)
    assert refused.value.code == "wrong_state"
    assert len(told("notary.cancelled")) == 1


# --- the race itself, over HTTP --------------------------------------------------------------------------------------


def someone_waits() -> bool:
    """True once somebody waits for a lock that another transaction has."""
    waiting = text("SELECT count(*) FROM pg_locks WHERE NOT granted")
    with db.engine.connect() as connection:
        return bool(connection.scalar(waiting))


def _met(app: Flask, hall: Hall, request: Callable[[JsonClient], Any]) -> Any:
    """Send a request while a closure is written and not yet committed; the closure commits while the request waits for it."""
    begun = threading.Event()

    def cancel() -> Any:
        begun.wait(SOON)
        return request(JsonClient(app.test_client()))

    db.session.remove()
    with ThreadPoolExecutor(1) as pool:
        answer: Future[Any] = pool.submit(cancel)
        with app.app_context():
            with unit_of_work():
                shut(hall)
                begun.set()
                until = time.monotonic() + SOON
                while not is_sqlite() and not someone_waits() and time.monotonic() < until:
                    time.sleep(0.01)
                # SQLite's writers queue outside of it: the request has not even begun to read.
                assert not answer.done()
            db.session.remove()
        return answer.result(SOON)


def test_a_closure_that_commits_at_the_moment_of_a_cancellation_does_not_refuse_it(
    app: Flask, hall: Hall
) -> None:
    booking = hall.booked(TIME)
    person = hall.as_resident(booking)
    path = f"/notary/appointments/{booking.id}/cancellation"
    answer = _met(app, hall, lambda api: api.post(path, headers=person))
    assert (answer.status_code, answer.json["state"]) == (200, "cancelled"), answer.json
    assert_books_balance()


def test_nor_one_by_link(app: Flask, hall: Hall) -> None:
    booking = hall.booked(TIME)
    body = {"appointment_id": str(booking.id), "token": changing.link_token(again(booking.id))}
    answer = _met(app, hall, lambda api: api.post("/notary/cancellations", body))
    assert (answer.status_code, answer.json["state"]) == (200, "cancelled"), answer.json
    assert again(booking.id).state is BookingState.CANCELLED


def test_of_two_taps_on_the_link_at_once_both_hear_that_it_is_cancelled(
    app: Flask, hall: Hall
) -> None:
    booking = hall.booked(TIME)
    body = {"appointment_id": str(booking.id), "token": changing.link_token(again(booking.id))}
    together = threading.Barrier(4)
    db.session.remove()

    def tap(_: int) -> Any:
        api = JsonClient(app.test_client())
        together.wait(SOON)
        return api.post("/notary/cancellations", body)

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(tap, range(4)))
    assert [(each.status_code, each.json["state"]) for each in answers] == [(200, "cancelled")] * 4
    assert len(told("notary.cancelled")) == 1
