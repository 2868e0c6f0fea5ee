"""What is kept lapses at its time and not when a job comes by: until then nobody is shown it as something they can have."""

from __future__ import annotations

import uuid
from datetime import date
from typing import Any

import pytest

from portal.notary.operations import changing
from tests.conftest import SettableClock
from tests.factories.people import make_resident, resident_headers
from tests.notary.caller import ASKED, booked, shown
from tests.notary.conftest import actor_of, again
from tests.notary.hall import STAFF, Booked, Hall
from tests.notary.test_schedule import close

WEDNESDAY = date(2026, 3, 4)


def actions(shown: dict[str, Any]) -> set[str]:
    return {each["action"] for each in shown["allowed_actions"]}


def lapse(hall: Hall, clock: SettableClock, booking_id: uuid.UUID) -> None:
    """Let the time pass for which another one is kept for an appointment."""
    booking = again(booking_id)
    (other,) = changing.pending_other_times(booking)
    assert booking.affected_at is not None
    assert other.kept_until is not None
    clock.advance(seconds=(other.kept_until - booking.affected_at).total_seconds())


@pytest.fixture
def lost(hall: Hall, clock: SettableClock) -> Booked:
    """An appointment whose time fell away, and whose other time was not taken in time."""
    booking = hall.booked(f"{WEDNESDAY} 09:30")
    close(hall.desk, WEDNESDAY)
    lapse(hall, clock, booking.id)
    return booking


def test_its_person_is_not_asked_to_take_another_time_that_has_lapsed(
    hall: Hall, lost: Booked
) -> None:
    path = f"/notary/appointments/{lost.id}"
    seen = hall.api.get(path, headers=hall.as_resident(lost)).json
    assert seen["other_time"] is None
    assert "accept_other_time" not in actions(seen)
    assert "目前没有为您留出的新时段" in seen["next_step"]
    assert hall.api.post(f"{path}/other-time", headers=hall.as_resident(lost)).status_code == 410


def test_nor_does_a_clerk_see_it(hall: Hall, lost: Booked) -> None:
    seen = shown(hall, hall.at(lost))
    assert seen["other_time"] is None
    assert "accept_other_time" not in actions(seen)
    (row,) = hall.api.get(f"{hall.office}/affected", headers=hall.headers["clerk"]).json["items"]
    assert row["other_time"] is None


def test_a_clerk_finds_them_among_those_without_a_time(hall: Hall, lost: Booked) -> None:
    work = hall.api.get("/staff/worklist", headers=hall.headers["clerk"]).json
    (counter,) = (each for each in work["counters"] if each["code"] == "notary.without_time")
    assert counter["count"] == 1
    path = f"{STAFF}/affected-appointments?without_time=true"
    listed = hall.api.get(path, headers=hall.headers["clerk"]).json
    assert [each["reference"] for each in listed["items"]] == [lost.reference]


def test_who_has_no_account_cannot_be_given_it(hall: Hall, clock: SettableClock) -> None:
    path = booked(hall, contact_phone="13800000000")
    close(hall.desk, date(2026, 3, 3))
    assert "accept_other_time" in actions(shown(hall, path))
    lapse(hall, clock, uuid.UUID(shown(hall, path)["id"]))
    assert "accept_other_time" not in actions(shown(hall, path))
    assert hall.step(path, "other-time", ASKED).status_code == 410


def test_who_has_held_a_time_for_too_long_is_not_asked_to_confirm_it(
    hall: Hall, clock: SettableClock
) -> None:
    person = make_resident()
    held = hall.desk.hold(actor_of(person), f"{WEDNESDAY} 09:30")
    clock.advance(minutes=11)
    seen = hall.api.get(
        f"/notary/appointments/{held.id}", headers=resident_headers(resident=person)
    ).json
    assert seen["next_step"] == "这个时段不再为您保留，请重新选择时段。"
    assert seen["allowed_actions"] == []
