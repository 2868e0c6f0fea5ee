"""An account is closed at the very moment of a step of the office: both are done, one after the other, and nobody is kept."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from portal.core.db import db
from portal.notary.models import ACTIVE_STATES, NotaryBooking, NotaryCase, NotaryParty
from portal.notary.operations.persons import ERASED
from tests.conftest import JsonClient, SettableClock
from tests.notary.conftest import assert_books_balance
from tests.notary.hall import REASONS, Booked, Hall
from tests.notary.test_closed_accounts import CAME, close_account
from tests.notary.test_undoing import MISTAKEN

Step = tuple[Booked, str, str, Any]


def checked_in(hall: Hall, _clock: SettableClock) -> tuple[Booked, str]:
    booking = hall.checked_in()
    return booking, hall.at(booking)


def accepted(hall: Hall, _clock: SettableClock) -> tuple[Booked, str]:
    return hall.accepted()


def appealed(hall: Hall, clock: SettableClock) -> tuple[Booked, str]:
    booking = hall.booked()
    clock.set("2026-03-02 11:00")
    hall.done(hall.at(booking), "no-show")
    path = f"/notary/appointments/{booking.id}/no-show-appeal"
    hall.api.post(path, CAME, headers=hall.as_resident(booking))
    return booking, hall.at(booking)


@pytest.mark.parametrize("round_", range(3))
@pytest.mark.parametrize(
    ("before", "step", "body"),
    [
        (checked_in, "acceptance", {}),
        (checked_in, "non-acceptance", {"note": REASONS}),
        (accepted, "acceptance-reversal", MISTAKEN),
        (accepted, "pauses", {"ground": "verification", "note": "到登记机构核实。"}),
        (appealed, "no-show-appeal-decision", {"granted": False, "note": "查无签到记录。"}),
        (appealed, "no-show-reversal", None),
    ],
)
def test_the_step_and_the_closing_are_both_whole(
    app: Flask,
    hall: Hall,
    clock: SettableClock,
    before: Callable[[Hall, SettableClock], tuple[Booked, str]],
    step: str,
    body: Any,
    round_: int,
) -> None:
    booking, path = before(hall, clock)
    clerk = hall.headers["clerk"]
    headers = {**clerk, "If-Match": hall.api.get(path, headers=clerk).headers["ETag"]}
    together = threading.Barrier(2)
    db.session.remove()

    def by_the_clerk() -> Any:
        api = JsonClient(app.test_client())
        together.wait(10)
        return api.post(f"{path}/{step}", body, headers=headers)

    def by_the_person() -> None:
        with app.app_context():
            together.wait(10)
            try:
                close_account(booking)
            finally:
                db.session.remove()

    with ThreadPoolExecutor(2) as pool:
        answer, closed = pool.submit(by_the_clerk), pool.submit(by_the_person)
        closed.result()
    assert answer.result().status_code in (200, 201, 409, 412), answer.result().json
    assert_books_balance()
    assert db.session.scalars(select(NotaryCase.account_id)).all() in ([], [None])
    (kept,) = db.session.scalars(select(NotaryBooking))
    assert kept.account_id is None
    (party,) = db.session.scalars(select(NotaryParty))
    assert party.active == (kept.state in ACTIVE_STATES)
    assert party.active or party.name == ERASED
