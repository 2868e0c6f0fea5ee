"""Several clerks at the same moment: numbers without twins, nobody called twice, one acceptance, no circle of locks."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from portal.core import clock as core_clock
from portal.core.actor import Actor, ActorKind
from portal.core.db import db
from portal.core.errors import Conflict
from portal.core.unit_of_work import unit_of_work
from portal.notary.models import (
    CorrectionReason,
    NotaryCase,
    NotaryReview,
    NotaryTicket,
    TicketState,
)
from portal.notary.operations import (
    cases,
    correcting,
    day,
    leaving,
    no_shows,
    reviews,
    tickets,
    undoing,
)
from portal.notary.queries import cases as found_cases
from portal.notary.queries import day as found
from tests.conftest import SettableClock
from tests.factories.notary import make_counter
from tests.factories.people import id_number
from tests.notary.conftest import Desk, again, party
from tests.notary.hall import Hall

CLERKS = 6


@pytest.fixture
def at_once(app: Flask, database: None) -> Callable[[Callable[[int], Any]], list[Any]]:
    """`at_once(f)` runs `f(number)` for every clerk at the same moment, each with a session of its own."""

    def run(function: Callable[[int], Any]) -> list[Any]:
        together = threading.Barrier(CLERKS)
        db.session.remove()

        def one(number: int) -> Any:
            with app.app_context():
                together.wait(10)
                try:
                    with unit_of_work():
                        return function(number)
                except Conflict as error:
                    return error.code
                finally:
                    db.session.remove()

        with ThreadPoolExecutor(CLERKS) as pool:
            return list(pool.map(one, range(CLERKS)))

    return run


def clerk_of(hall: Hall, name: str = "clerk") -> Actor:
    grants = frozenset({("notary_clerk", hall.office_id)})
    return Actor(ActorKind.STAFF, hall.people[name], grants=grants)


def test_numbers_have_no_twins_and_no_gaps(hall: Hall, at_once) -> None:
    clerk, office = clerk_of(hall), hall.office_id

    def draw(_: int) -> int:
        at = found.office(office)
        assert at is not None
        return tickets.draw(clerk, at, tickets.Draw()).number

    assert sorted(at_once(draw)) == list(range(1, CLERKS + 1))


def test_everybody_is_called_once(hall: Hall, at_once) -> None:
    for _ in range(CLERKS):
        hall.drawn()
    clerk, office = clerk_of(hall), hall.office_id
    counters = [
        make_counter(hall.desk.office, name=f"{number}号窗口").id for number in range(CLERKS)
    ]

    def call(number: int) -> int:
        at, to = found.office(office), found.counter(counters[number])
        assert at is not None
        assert to is not None
        return tickets.call_next(clerk, at, to).number

    assert sorted(at_once(call)) == list(range(1, CLERKS + 1))


def test_one_seat_calls_one_number_however_many_click(hall: Hall, at_once) -> None:
    for _ in range(CLERKS):
        hall.drawn()
    names, office = ("clerk", "colleague", "approver"), hall.office_id
    clerks = [clerk_of(hall, name) for name in names]
    counter = make_counter(hall.desk.office, name="单人窗口", capacity=1).id

    def call(number: int) -> int:
        at, to = found.office(office), found.counter(counter)
        assert at is not None
        assert to is not None
        return tickets.call_next(clerks[number % len(clerks)], at, to).number

    assert at_once(call) == [1] * CLERKS
    db.session.rollback()
    called = db.session.scalars(
        select(NotaryTicket.number).where(NotaryTicket.state == TicketState.CALLED)
    )
    assert list(called) == [1]


def test_a_check_in_is_taken_back_or_its_number_is_served_and_not_both(hall: Hall, at_once) -> None:
    booking, clerk = hall.checked_in(), clerk_of(hall)
    number = found_cases.ticket_of(booking.id)
    assert number is not None
    ticket_id, counter = number.id, hall.counter_id

    def decide(each: int) -> str:
        if each % 2:
            held = found.booking(booking.id)
            assert held is not None
            undoing.revert_check_in(clerk, held)
        else:
            ticket, to = found.ticket(ticket_id, lock=True), found.counter(counter)
            assert ticket is not None
            assert to is not None
            tickets.call(clerk, ticket, to)
            tickets.start(clerk, ticket)
        return "done"

    answers = at_once(decide)
    assert answers.count("done") == 1
    assert set(answers) <= {"done", "wrong_state", "already_started"}
    served = again(booking.id).state.value == "checked_in"
    state = found.ticket(ticket_id)
    assert state is not None
    assert state.state is (TicketState.SERVING if served else TicketState.VOID)


def test_an_appointment_checks_in_once(hall: Hall, at_once) -> None:
    booking, clerk = hall.booked(), clerk_of(hall)

    def arrive(_: int) -> str:
        held = found.booking(booking.id)
        assert held is not None
        day.check_in(clerk, held)
        return "done"

    assert sorted(at_once(arrive)) == ["done", *["wrong_state"] * (CLERKS - 1)]
    assert len(db.session.scalars(select(NotaryTicket.id)).all()) == 1


def test_an_appointment_is_accepted_once(hall: Hall, at_once) -> None:
    booking, clerk = hall.checked_in(), clerk_of(hall)

    def accept(_: int) -> str:
        held = found.booking(booking.id)
        assert held is not None
        cases.accept(clerk, held, None)
        return "done"

    assert sorted(at_once(accept)) == ["done", *["wrong_state"] * (CLERKS - 1)]
    assert len(db.session.scalars(select(NotaryCase.id)).all()) == 1


def test_a_day_is_closed_once_while_others_mark_single_ones(
    hall: Hall,
    desk: Desk,
    clock: SettableClock,
    at_once,
) -> None:
    two = (party(), party())
    booked = [
        hall.booked(f"2026-03-02 {when}", parties=(each,)).id
        for each, when in zip((*two, party(), party()), ("09:30", "09:30", "10:00", "10:00"),
                              strict=True)
    ]  # fmt: skip
    clock.set("2026-03-02 11:00")
    clerk, office, today = clerk_of(hall), hall.office_id, core_clock.today()

    def close(number: int) -> Any:
        if number % 2:
            at = found.office(office)
            assert at is not None
            return len(no_shows.mark_all(clerk, at, today, preview=False))
        held = found.booking(booked[-1 - number // 2])
        assert held is not None
        no_shows.mark(clerk, held)
        return "done"

    assert set(map(str, at_once(close))) <= {"done", "wrong_state", "0", "1", "2", "3", "4"}
    assert {again(each).state.value for each in booked} == {"no_show"}
    rows = [row for each in booked for row in found.no_shows(each)]
    assert len(rows) == len(booked)


def test_who_goes_away_at_the_moment_of_acceptance_is_one_or_the_other(hall: Hall, at_once) -> None:
    # Ahead of its time, so that either way the seats are given on.
    booking, clerk = hall.checked_in("2026-03-02 11:00"), clerk_of(hall)
    number = found_cases.ticket_of(booking.id)
    assert number is not None
    ticket_id = number.id

    def decide(each: int) -> str:
        if each % 2:
            held = found.booking(booking.id)
            assert held is not None
            cases.accept(clerk, held, None)
        else:
            seen = found.ticket(ticket_id)
            assert seen is not None
            leaving.leave(clerk, seen)
        return "done"

    answers = sorted(at_once(decide))
    state = again(booking.id).state.value
    assert state in ("accepted", "left")
    assert answers == ["done", *["wrong_state"] * (CLERKS - 1)]
    made = db.session.scalars(select(NotaryCase.id)).all()
    assert len(made) == (1 if state == "accepted" else 0)


def test_what_is_put_right_at_the_moment_of_acceptance_is_in_the_register_or_refused(
    hall: Hall, at_once
) -> None:
    booking, clerk = hall.checked_in(), clerk_of(hall)
    numbers = [id_number() for _ in range(CLERKS)]

    def decide(each: int) -> str:
        held = found.booking(booking.id)
        assert held is not None
        if each % 2:
            cases.accept(clerk, held, None)
            return "accepted"
        changes = {"document_number": numbers[each]}
        correcting.correct_party(clerk, held, 0, changes, CorrectionReason.MISTAKEN)
        return "corrected"

    answers = at_once(decide)
    refused = {"changed_meanwhile", "wrong_state", "not_active"}
    assert set(answers) <= {"accepted", "corrected"} | refused
    (party_of,) = again(booking.id).parties
    assert (party_of.document_number in numbers) == ("corrected" in answers)
    cases_made = db.session.scalars(select(NotaryCase)).all()
    assert len(cases_made) == answers.count("accepted") <= 1
    assert cases_made or "corrected" in answers, "somebody got through"
    for case in cases_made:
        assert case.parties[0]["document_number"] == party_of.document_number


def test_one_review_is_asked_for_at_a_time(hall: Hall, at_once) -> None:
    booking, _ = hall.issued()
    request = reviews.Request("公证书上的日期写错了。", "户口簿上是另一天。", "请求更正。")

    def ask(_: int) -> str:
        case = found_cases.of_booking(booking.id, lock=True)
        assert case is not None
        reviews.ask(booking.actor, case, request)
        return "done"

    assert sorted(at_once(ask)) == ["done", *["review_open"] * (CLERKS - 1)]
    assert len(db.session.scalars(select(NotaryReview.id)).all()) == 1
