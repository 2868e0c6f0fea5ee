"""An acceptance that was written down by mistake is voided on the same day, and its people are at the desk as before."""

from __future__ import annotations

from typing import Any

from portal.core.jobs import worker
from portal.notary.operations import freeing
from tests.conftest import SettableClock
from tests.notary.conftest import again
from tests.notary.hall import STAFF, Booked, Hall, deadline_of, desk_party
from tests.notary.test_undoing import MISTAKEN, actions, detail_of, shown


def voided(hall: Hall, path: str) -> Any:
    return hall.step(path, "acceptance-reversal", MISTAKEN)


def test_the_deadline_ends_and_the_appointment_waits_as_before(hall: Hall) -> None:
    booking, path = hall.accepted()
    assert "revert_accept" in actions(hall.case(path))
    answer = voided(hall, path)
    assert answer.status_code == 200, answer.json
    case = answer.json
    assert (case["state"], case["closing_form"]) == ("voided", "误登记受理，已作废")
    assert deadline_of(case, "NO-D1") is None
    assert case["allowed_actions"] == []
    assert case["timeline"][-1]["label"] == "误登记受理，作废：填写或者操作有误"
    assert detail_of("notary_case.revert_accept")["reason"] == "mistaken"
    appointment = shown(hall, hall.at(booking))
    assert (appointment["state"], appointment["case_id"]) == ("checked_in", None)
    assert appointment["ticket"]["state"] == "waiting"
    assert {"accept", "not_accept"} <= actions(appointment)


def test_the_right_decision_follows_under_another_reference(hall: Hall) -> None:
    booking, path = hall.accepted()
    first = voided(hall, path).json["reference"]
    case = hall.done(hall.at(booking), "acceptance", {})
    assert case["reference"] != first
    assert deadline_of(case, "NO-D1") is not None
    register = hall.api.get(
        f"{STAFF}/offices/{hall.office_id}/register?from=2026-03-02&to=2026-03-02",
        headers=hall.headers["clerk"],
    )
    assert [row["closing_form"] for row in register.json["items"]] == ["误登记受理，已作废", None]


def test_its_person_is_told_and_sees_no_case_any_more(hall: Hall) -> None:
    booking, path = hall.accepted()
    voided(hall, path)
    worker.drain()
    mine = hall.as_resident(booking)
    titles = [
        each["title"] for each in hall.api.get("/me/notifications", headers=mine).json["items"]
    ]
    assert "受理的登记已作废" in titles
    assert hall.api.get(f"/notary/appointments/{booking.id}/case", headers=mine).status_code == 404


def test_somebody_without_an_appointment_is_served_on(hall: Hall) -> None:
    hall.drawn()
    seat = f"{STAFF}/tickets/{hall.seated()['id']}"
    body = {"matter_id": str(hall.matter_id), "parties": [desk_party()]}
    case = hall.done(seat, "acceptance", body)
    assert voided(hall, f"{STAFF}/cases/{case['id']}").status_code == 200
    number = shown(hall, seat)
    assert number["state"] == "serving"
    assert {"accept", "not_accept"} <= actions(number)


def test_not_on_another_day_and_not_once_papers_were_asked_for(
    hall: Hall, clock: SettableClock
) -> None:
    _, other = hall.accepted(when="2026-03-02 10:00")
    booking, path = hall.accepted()
    hall.done(path, "pauses", {"ground": "supplement", "note": "户口簿复印件"})
    refused = voided(hall, path)
    assert (refused.status_code, refused.json["code"]) == (409, "wrong_state")
    assert again(booking.id).state.value == "accepted"
    clock.set("2026-03-03 09:00")
    assert "revert_accept" not in actions(hall.case(other))
    refused = voided(hall, other)
    assert refused.status_code == 409
    assert "终止" in refused.json["next_step"]


def test_only_the_offices_own_clerks(hall: Hall) -> None:
    _, path = hall.accepted()
    assert voided_by(hall, path, "supervisor").status_code == 403
    assert voided_by(hall, path, "stranger").status_code == 404


def voided_by(hall: Hall, path: str, who: str) -> Any:
    return hall.step(path, "acceptance-reversal", MISTAKEN, who)


def test_seats_that_were_given_on_are_not_asked_back(hall: Hall) -> None:
    booking: Booked = hall.checked_in("2026-03-02 11:00")
    case = hall.done(hall.at(booking), "acceptance", {})
    assert voided(hall, f"{STAFF}/cases/{case['id']}").status_code == 200
    assert again(booking.id).state.value == "checked_in"


def given_on(hall: Hall, clock: SettableClock) -> Booked:
    """Somebody whose seats went back as they were accepted before their time, which was an error."""
    booking = hall.checked_in("2026-03-02 11:00")
    case = hall.done(hall.at(booking), "acceptance", {})
    clock.set("2026-03-02 10:00")
    freeing.sweep()
    assert hall.desk.left("2026-03-02 11:00") == 2
    assert voided(hall, f"{STAFF}/cases/{case['id']}").status_code == 200
    return booking


def test_a_check_in_taken_back_afterwards_has_seats_for_its_time_again(
    hall: Hall, clock: SettableClock
) -> None:
    booking = given_on(hall, clock)
    appointment = hall.done(hall.at(booking), "check-in-reversal")
    assert appointment["state"] == "confirmed"
    assert hall.desk.left("2026-03-02 11:00") == 1, "whoever is expected has a seat"


def test_nor_is_the_check_in_taken_back_once_somebody_else_has_the_seats(
    hall: Hall, clock: SettableClock
) -> None:
    booking = given_on(hall, clock)
    for _ in range(2):
        hall.booked("2026-03-02 11:00")
    refused = hall.step(hall.at(booking), "check-in-reversal")
    assert (refused.status_code, refused.json["code"]) == (409, "seats_given_on")
    assert "按这个号" in refused.json["next_step"]
    assert again(booking.id).state.value == "checked_in"
