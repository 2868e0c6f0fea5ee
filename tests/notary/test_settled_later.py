"""Appointments that nobody settled on their day, over HTTP: found, written down days later, and what their people see."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from portal.audit.models import AuditEvent
from portal.core.db import db
from portal.notary.models import NotaryParty
from portal.notary.operations import leaving
from tests.conftest import SettableClock
from tests.notary.conftest import again, assert_books_balance, party
from tests.notary.hall import REASONS, STAFF, Booked, Hall, deadline_of
from tests.notary.test_schedule import close

FORGOTTEN = {"reason": "forgotten", "without_case": False}


@pytest.fixture
def past(hall: Hall, clock: SettableClock) -> Booked:
    """An appointment of Monday that nobody has touched; now it is Thursday."""
    booking = hall.booked("2026-03-02 09:30")
    clock.set("2026-03-05 09:00")
    return booking


def shown(hall: Hall, booking: Booked) -> dict[str, Any]:
    answer: dict[str, Any] = hall.api.get(hall.at(booking), headers=hall.headers["clerk"]).json
    return answer


def staff_actions(hall: Hall, booking: Booked) -> set[str]:
    return {each["action"] for each in shown(hall, booking)["allowed_actions"]}


def mine(hall: Hall, booking: Booked) -> dict[str, Any]:
    path = f"/notary/appointments/{booking.id}"
    answer: dict[str, Any] = hall.api.get(path, headers=hall.as_resident(booking)).json
    return answer


def unsettled(hall: Hall, who: str = "clerk") -> list[str]:
    listed = hall.api.get(f"{STAFF}/unsettled-appointments", headers=hall.headers[who]).json
    return [each["reference"] for each in listed["items"]]


class TestFound:
    def test_staff_find_them_by_where_the_worklist_counts_them(
        self, hall: Hall, past: Booked
    ) -> None:
        work = hall.api.get("/staff/worklist", headers=hall.headers["clerk"]).json
        (counter,) = (each for each in work["counters"] if each["code"] == "notary.not_checked_in")
        assert counter["count"] == 1
        assert counter["path"].endswith("/staff/notary/unsettled-appointments")
        assert unsettled(hall) == [past.reference]
        assert unsettled(hall, "stranger") == []

    def test_what_is_still_ahead_or_settled_is_not_among_them(
        self, hall: Hall, past: Booked
    ) -> None:
        hall.booked("2026-03-05 11:00")
        hall.done(hall.at(past), "no-show")
        assert unsettled(hall) == []


class TestWhoHadCome:
    def test_without_a_case_the_visit_ends_at_once_and_counts_as_none_missed(
        self, hall: Hall, past: Booked, run_jobs: Any
    ) -> None:
        assert {"attend", "no_show"} <= staff_actions(hall, past)
        body = {"reason": "not_matched", "without_case": True}
        assert hall.done(hall.at(past), "attendance", body)["state"] == "left"
        visit = hall.mine(past, "visit")
        assert (visit["state"], visit["no_show"]) == ("left", None)
        run_jobs()
        told = hall.api.get("/me/notifications", headers=hall.as_resident(past)).json["items"]
        titles = [each["title"] for each in told]
        assert "已补登到场" in titles
        assert "登记为到场后离开" not in titles
        assert db.session.scalars(select(NotaryParty.active)).all() == [False]

    def test_why_it_was_written_down_late_stands_in_the_timeline_and_the_audit(
        self, hall: Hall, past: Booked
    ) -> None:
        timeline = hall.done(hall.at(past), "attendance", FORGOTTEN)["timeline"]
        assert timeline[-1]["label"] == "补登到场：当天忘记登记"
        row = db.session.scalars(
            select(AuditEvent).where(AuditEvent.action == "notary_booking.attend")
        ).one()
        assert row.actor_id == hall.people["clerk"]
        assert row.detail["reason"] == "forgotten"

    def test_an_acceptance_runs_from_the_day_on_which_it_was_made(
        self, hall: Hall, past: Booked
    ) -> None:
        hall.done(hall.at(past), "attendance", FORGOTTEN)
        case = hall.done(hall.at(past), "acceptance", {"accepted_on": "2026-03-03"})
        assert case["accepted_on"] == "2026-03-03"
        deadline = deadline_of(case, "NO-D1")
        assert deadline is not None
        # Fifteen working days from 3 March, as for an acceptance that was written down on that day.
        assert deadline["due_on"] == "2026-03-24"

    @pytest.mark.parametrize("day", ["2026-03-01", "2026-03-06"])
    def test_it_was_made_neither_before_the_appointment_nor_in_the_future(
        self, hall: Hall, past: Booked, day: str
    ) -> None:
        hall.done(hall.at(past), "attendance", FORGOTTEN)
        refused = hall.step(hall.at(past), "acceptance", {"accepted_on": day})
        assert (refused.status_code, set(refused.json["errors"])) == (422, {"accepted_on"})

    def test_or_it_was_not_accepted(self, hall: Hall, past: Booked) -> None:
        hall.done(hall.at(past), "attendance", FORGOTTEN)
        hall.done(hall.at(past), "non-acceptance", {"note": REASONS})
        assert hall.mine(past, "visit")["not_accepted"]["note"] == REASONS

    def test_the_office_has_one_working_day_for_the_result(
        self, hall: Hall, past: Booked, clock: SettableClock
    ) -> None:
        hall.done(hall.at(past), "attendance", FORGOTTEN)
        assert "等候叫号" not in hall.mine(past, "visit")["next_step"]
        clock.set("2026-03-06 20:00")
        leaving.close_days()
        assert again(past.id).state.value == "checked_in"
        clock.set("2026-03-09 08:00")
        leaving.close_days()
        assert again(past.id).state.value == "left"

    def test_nobody_calls_a_number_of_that_day(self, hall: Hall, past: Booked) -> None:
        ticket = hall.done(hall.at(past), "attendance", FORGOTTEN)["ticket"]
        assert (ticket["day"], ticket["state"]) == ("2026-03-02", "done")
        assert hall.next().json["code"] == "nobody_waits"
        assert hall.drawn()["number"] == 1

    def test_also_where_the_office_could_not_keep_the_time(
        self, hall: Hall, clock: SettableClock
    ) -> None:
        booking = hall.booked("2026-03-03 09:30")
        close(hall.desk, again(booking.id).day)
        clock.set("2026-03-04 09:00")
        hall.done(hall.at(booking), "attendance", FORGOTTEN)
        assert_books_balance()

    def test_not_while_the_day_lasts(self, hall: Hall) -> None:
        booking = hall.booked("2026-03-02 09:30")
        refused = hall.step(hall.at(booking), "attendance", FORGOTTEN)
        assert (refused.status_code, refused.json["code"]) == (409, "day_not_over")
        assert "attend" not in staff_actions(hall, booking)

    def test_only_by_the_office_and_once(self, hall: Hall, past: Booked) -> None:
        path = hall.at(past)
        assert hall.step(path, "attendance", FORGOTTEN, "stranger").status_code == 404
        assert hall.step(path, "attendance", FORGOTTEN, "supervisor").status_code == 403
        hall.done(path, "attendance", FORGOTTEN)
        assert hall.step(path, "attendance", FORGOTTEN).status_code == 409


class TestWhoHadNotCome:
    def test_a_mark_made_days_later_can_be_taken_back_on_the_day_it_was_made(
        self, hall: Hall, past: Booked, clock: SettableClock
    ) -> None:
        hall.done(hall.at(past), "no-show")
        assert "revert_no_show" in staff_actions(hall, past)
        assert hall.done(hall.at(past), "no-show-reversal")["state"] == "confirmed"
        hall.done(hall.at(past), "no-show")
        clock.set("2026-03-06 09:00")
        assert "revert_no_show" not in staff_actions(hall, past)
        assert hall.step(hall.at(past), "no-show-reversal").json["code"] == "not_today"


class TestWhatThePersonSees:
    def test_nothing_is_left_to_do_but_to_ask(self, hall: Hall, past: Booked) -> None:
        seen = mine(hall, past)
        assert seen["allowed_actions"] == []
        assert seen["affected"] is False
        assert (seen["check_in_code"], seen["cancellation_token"]) == (None, None)
        assert "没有签到记录" in seen["next_step"]

    def test_once_it_is_settled_the_matter_can_be_booked_anew(
        self, hall: Hall, clock: SettableClock
    ) -> None:
        somebody = party()
        booking = hall.booked("2026-03-02 09:30", parties=(somebody,))
        clock.set("2026-03-03 09:00")
        hall.done(hall.at(booking), "attendance", {**FORGOTTEN, "without_case": True})
        assert hall.booked("2026-03-04 09:30", parties=(somebody,)).reference

    def test_whose_time_the_office_did_not_keep_may_still_move_or_cancel(
        self, hall: Hall, clock: SettableClock
    ) -> None:
        booking = hall.booked("2026-03-03 09:30")
        close(hall.desk, again(booking.id).day)
        clock.set("2026-03-20 09:00")
        offered = {each["action"] for each in mine(hall, booking)["allowed_actions"]}
        assert {"reschedule", "cancel"} <= offered
        path = f"/notary/appointments/{booking.id}/cancellation"
        answer = hall.api.post(path, headers=hall.as_resident(booking))
        assert (answer.status_code, answer.json["state"]) == (200, "cancelled"), answer.json
        assert_books_balance()
