"""Appointments are locked before their persons by everybody, so that nobody waits in a circle when two meet at a person."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Select, select, text

from portal.accounts.events import ResidentDeletionRequested
from portal.core.db import db, is_sqlite
from portal.core.errors import DomainError
from portal.core.events import publish
from portal.core.references import ReferenceCounter
from portal.core.unit_of_work import unit_of_work
from portal.notary.errors import AlreadyBooked, BookedAnew, ElsewhereThen
from portal.notary.models import BookingState, CorrectionReason, NotaryParty, NotaryPerson
from portal.notary.operations import changing, confirming, correcting, no_shows
from portal.notary.parties import Party
from tests.conftest import SettableClock
from tests.factories.notary import make_matter
from tests.factories.people import id_number
from tests.notary.conftest import again, assert_books_balance, at, details, party
from tests.notary.hall import Hall
from tests.notary.test_cancelling_at_once import SOON
from tests.notary.test_day_races import clerk_of
from tests.notary.test_two_writers import seen

NINE, TEN = "2026-03-03 09:00", "2026-03-03 10:00"
Act = Callable[[], Any]


@pytest.fixture(autouse=True)
def _writers_are_not_alone(database: None) -> None:
    if is_sqlite():
        pytest.skip("writers are alone there")


def _wait_for(waiting: int) -> None:
    """Return once so many transactions wait for another one."""
    ungranted = text(
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    until = time.monotonic() + SOON
    with db.engine.connect() as watch:
        while watch.scalar(ungranted) < waiting:
            watch.rollback()
            assert time.monotonic() < until, "nobody waits"
            time.sleep(0.01)


def persons_of(booking_id: uuid.UUID) -> Select[Any]:
    """Whom those wait for who count the persons of an appointment."""
    theirs = select(NotaryParty.person_index).where(NotaryParty.booking_id == booking_id)
    return select(NotaryPerson.person_index).where(NotaryPerson.person_index.in_(theirs))


def met(app: Flask, rows: Select[Any], *acts: Act, between: Act = lambda: None) -> list[Any]:
    """Let each act come to where it waits for some rows or for an act before it, one by one, then let go of the rows.

    Returns what became of each: its result or its refusal. A circle that PostgreSQL broke is raised.
    """

    def run(act: Act) -> Any:
        with app.app_context():
            try:
                with unit_of_work():
                    return act()
            except DomainError as refused:
                return refused
            finally:
                db.session.remove()

    begun: list[Future[Any]] = []
    with ThreadPoolExecutor(len(acts)) as pool:
        with db.engine.begin() as held:
            held.execute(rows.with_for_update())
            for act in acts:
                begun.append(pool.submit(run, act))
                _wait_for(len(begun))
                between()
        return [each.result(SOON) for each in begun]


def test_a_time_is_confirmed_as_it_lapses_while_its_person_moves_another_appointment_there(
    app: Flask, hall: Hall, clock: SettableClock
) -> None:
    somebody = party()
    moved = hall.booked(TEN, parties=(somebody,))
    held = hall.desk.hold(moved.actor, NINE, matter_id=make_matter().id)
    confirmation, move = met(
        app,
        # Everybody who confirms waits for it, last of all.
        select(ReferenceCounter),
        lambda: confirming.confirm(moved.actor, held.id, details(somebody)),
        lambda: changing.reschedule(moved.actor, seen(moved.id), at(NINE)),
        between=lambda: clock.advance(minutes=10),
    )
    assert (confirmation.state, confirmation.starts_at) == (BookingState.CONFIRMED, at(NINE))
    assert isinstance(move, ElsewhereThen)
    assert again(moved.id).starts_at == at(TEN)
    assert_books_balance()


def test_an_appointment_is_cancelled_while_its_person_confirms_another_one_for_the_matter(
    app: Flask, hall: Hall
) -> None:
    somebody = party()
    first = hall.booked(TEN, parties=(somebody,))
    held = hall.desk.hold(first.actor, NINE)
    confirmation, cancelled = met(
        app,
        persons_of(first.id),
        lambda: confirming.confirm(first.actor, held.id, details(somebody)),
        lambda: changing.cancel(first.actor, seen(first.id)),
    )
    assert isinstance(confirmation, AlreadyBooked)
    assert cancelled.state is BookingState.CANCELLED
    assert_books_balance()


def test_a_mark_is_taken_back_while_its_person_books_the_matter_anew(
    app: Flask, hall: Hall, clock: SettableClock
) -> None:
    somebody = party()
    missed = hall.booked(parties=(somebody,))
    clock.set("2026-03-02 10:30")
    no_shows.mark(clerk_of(hall), seen(missed.id))
    held = hall.desk.hold(missed.actor, TEN)
    confirmation, revert = met(
        app,
        persons_of(missed.id),
        lambda: confirming.confirm(missed.actor, held.id, details(somebody)),
        lambda: no_shows.revert(clerk_of(hall), seen(missed.id)),
    )
    assert confirmation.state is BookingState.CONFIRMED
    assert isinstance(revert, BookedAnew)
    assert again(missed.id).state is BookingState.NO_SHOW
    assert_books_balance()


def _of_one_account(hall: Hall, somebody: Party) -> Any:
    """Two appointments of an account with the same person."""
    first = hall.booked(NINE, parties=(somebody,))
    second = hall.desk.confirmed(first.actor, TEN, somebody, matter_id=make_matter().id)
    return first, second


def test_an_account_is_closed_while_a_clerk_puts_one_of_its_appointments_right(
    app: Flask, hall: Hall
) -> None:
    first, second = _of_one_account(hall, party())
    right = {"document_number": id_number()}
    deletion, correction = met(
        app,
        persons_of(first.id),
        lambda: publish(ResidentDeletionRequested(first.resident_id)),
        lambda: correcting.correct_party(
            clerk_of(hall), seen(second.id), 0, right, CorrectionReason.WRONG_PERSON
        ),
    )
    assert deletion is None
    assert isinstance(correction, DomainError)
    for each in (first, second):
        assert again(each.id).state is BookingState.CANCELLED
    assert_books_balance()
