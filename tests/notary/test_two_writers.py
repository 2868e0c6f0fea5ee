"""Two who write one appointment at the same moment: a step holds only for what its clerk has seen, and says so in Chinese."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from flask import Flask

from portal.core.db import db
from portal.core.errors import Conflict, DomainError, StaleVersion
from portal.core.unit_of_work import unit_of_work
from portal.notary.errors import ChangedMeanwhile
from portal.notary.models import CorrectionReason, DeskChannel, NotaryBooking
from portal.notary.operations import (
    cases,
    changing,
    correcting,
    day,
    leaving,
    no_shows,
    on_request,
    tickets,
)
from portal.notary.queries import cases as found_cases
from portal.notary.queries import day as found
from tests.conftest import JsonClient, SettableClock
from tests.factories.people import id_number
from tests.notary.conftest import again, at
from tests.notary.hall import Booked, Hall
from tests.notary.test_day_races import clerk_of

ELSEWHEN = "2026-03-04 10:00"


def elsewhere(app: Flask, act: Callable[[], Any]) -> None:
    """Let somebody else carry out and commit `act`, in a session of their own."""

    def run() -> None:
        with app.app_context():
            try:
                with unit_of_work():
                    act()
            finally:
                db.session.remove()

    with ThreadPoolExecutor(1) as pool:
        pool.submit(run).result()


def seen(booking_id: Any) -> NotaryBooking:
    """The appointment as a clerk has it before them."""
    held = found.booking(booking_id)
    assert held is not None
    return held


def refused(act: Callable[[], Any]) -> type[DomainError]:
    """How a step was refused; nothing of it stays."""
    with pytest.raises((Conflict, StaleVersion)) as caught, unit_of_work():
        act()
    return caught.type


@pytest.mark.parametrize("step", ["cancel", "withdraw", "reschedule"])
def test_a_step_for_a_time_that_its_person_has_left_meanwhile_is_refused(
    app: Flask, hall: Hall, step: str
) -> None:
    booking, clerk = hall.booked("2026-03-03 09:30"), clerk_of(hall)
    held = seen(booking.id)
    elsewhere(app, lambda: changing.reschedule(booking.actor, seen(booking.id), at(ELSEWHEN)))
    steps: dict[str, Callable[[], Any]] = {
        "cancel": lambda: changing.cancel_by_office(clerk, held, "窗口设备故障"),
        "withdraw": lambda: on_request.withdraw(clerk, held, DeskChannel.PHONE),
        "reschedule": lambda: on_request.move(
            clerk, held, at("2026-03-05 09:00"), DeskChannel.PHONE
        ),
    }
    assert refused(steps[step]) is ChangedMeanwhile
    now = again(booking.id)
    assert (now.state.value, now.starts_at) == ("confirmed", at(ELSEWHEN))


def test_a_visit_is_not_written_down_for_a_day_that_was_left_meanwhile(
    app: Flask, hall: Hall
) -> None:
    booking, clerk = hall.booked(), clerk_of(hall)
    held = seen(booking.id)
    elsewhere(app, lambda: changing.reschedule(booking.actor, seen(booking.id), at(ELSEWHEN)))
    assert refused(lambda: day.check_in(clerk, held)) is ChangedMeanwhile
    assert found_cases.ticket_of(booking.id) is None


@pytest.mark.parametrize("step", ["no_show", "accept"])
def test_a_step_for_persons_who_were_put_right_meanwhile_is_refused(
    app: Flask, hall: Hall, clock: SettableClock, step: str
) -> None:
    booking, clerk = (hall.checked_in if step == "accept" else hall.booked)(), clerk_of(hall)
    clock.set("2026-03-02 11:00")
    held = seen(booking.id)
    right = {"document_number": id_number()}

    def put_right() -> None:
        colleague = clerk_of(hall, "colleague")
        correcting.correct_party(
            colleague, seen(booking.id), 0, right, CorrectionReason.WRONG_PERSON
        )

    elsewhere(app, put_right)
    steps: dict[str, Callable[[], Any]] = {
        "no_show": lambda: no_shows.mark(clerk, held),
        "accept": lambda: cases.accept(clerk, held, None),
    }
    assert refused(steps[step]) is ChangedMeanwhile
    assert found.no_shows(booking.id) == []
    assert found_cases.of_booking(booking.id) is None


def test_an_appeal_is_not_decided_on_what_was_withdrawn_meanwhile(
    app: Flask, hall: Hall, clock: SettableClock
) -> None:
    booking, clerk = hall.booked(), clerk_of(hall)
    clock.set("2026-03-02 11:00")
    hall.done(hall.at(booking), "no-show")
    held = seen(booking.id)
    elsewhere(app, lambda: no_shows.appeal(booking.actor, seen(booking.id), "我到了。"))
    assert refused(lambda: no_shows.decide(clerk, held, granted=False, note="查无签到")) is (
        ChangedMeanwhile
    )


def test_who_is_called_meanwhile_has_not_left(app: Flask, hall: Hall) -> None:
    ticket = found.ticket(uuid.UUID(hall.drawn()["id"]))
    assert ticket is not None
    clerk, ticket_id, counter = clerk_of(hall), ticket.id, hall.counter_id

    def call() -> None:
        held, to = found.ticket(ticket_id, lock=True), found.counter(counter)
        assert held is not None
        assert to is not None
        tickets.call(clerk_of(hall, "colleague"), held, to)

    elsewhere(app, call)
    assert refused(lambda: leaving.leave(clerk, ticket)) is StaleVersion
    called = found.ticket(ticket_id)
    assert called is not None
    assert called.state.value == "called"


# --- over HTTP, at once ----------------------------------------------------------------------------------------------


def _at_once(app: Flask, *calls: Callable[[JsonClient], Any]) -> list[Any]:
    """Send every request from a thread of its own, all at the same moment."""
    together = threading.Barrier(len(calls))
    db.session.remove()

    def one(call: Callable[[JsonClient], Any]) -> Any:
        api = JsonClient(app.test_client())
        together.wait(10)
        return call(api)

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(one, calls))


@pytest.mark.parametrize("round_", range(5))
def test_the_office_cancels_or_its_person_moves_and_never_both(
    app: Flask, hall: Hall, round_: int
) -> None:
    booking = hall.booked("2026-03-03 09:30")
    path, person = hall.at(booking), hall.as_resident(booking)
    clerk = hall.headers["clerk"]
    etag = hall.api.get(path, headers=clerk).headers["ETag"]

    def cancel(api: JsonClient) -> Any:
        body = {"reason": "窗口设备故障"}
        return api.post(f"{path}/cancellation", body, headers={**clerk, "If-Match": etag})

    def move(api: JsonClient) -> Any:
        body = {"starts_at": at(ELSEWHEN).isoformat()}
        return api.post(f"/notary/appointments/{booking.id}/reschedule", body, headers=person)

    cancelled, moved = _at_once(app, cancel, move)
    assert sorted((cancelled.status_code, moved.status_code))[0] == 200
    lost = moved if cancelled.status_code == 200 else cancelled
    assert lost.status_code in (409, 412)
    assert lost.json["code"] in ("changed_meanwhile", "wrong_state", "stale_version")
    assert "刷新" in lost.json["next_step"]
    kept = _state(hall, booking)
    assert kept == ("cancelled" if cancelled.status_code == 200 else "confirmed")


def _state(hall: Hall, booking: Booked) -> str:
    state: str = hall.api.get(hall.at(booking), headers=hall.headers["clerk"]).json["state"]
    return state


@pytest.mark.parametrize("round_", range(5))
def test_a_mark_is_taken_back_or_its_appeal_is_decided_and_neither_blocks_the_other(
    app: Flask, hall: Hall, clock: SettableClock, round_: int
) -> None:
    booking = hall.booked()
    clock.set("2026-03-02 11:00")
    path = hall.at(booking)
    hall.done(path, "no-show")
    with unit_of_work():
        no_shows.appeal(booking.actor, seen(booking.id), "我到了。")
    clerk = hall.headers["clerk"]
    etag = hall.api.get(path, headers=clerk).headers["ETag"]
    headers = {**clerk, "If-Match": etag}

    def revert(api: JsonClient) -> Any:
        return api.post(f"{path}/no-show-reversal", headers=headers)

    def decide(api: JsonClient) -> Any:
        body = {"granted": False, "note": "查无签到记录。"}
        return api.post(f"{path}/no-show-appeal-decision", body, headers=headers)

    answers = _at_once(app, revert, decide)
    codes = sorted(answer.status_code for answer in answers)
    assert codes in ([200, 409], [200, 412]), [answer.json for answer in answers]
    assert _state(hall, booking) == ("confirmed" if answers[0].status_code == 200 else "no_show")
