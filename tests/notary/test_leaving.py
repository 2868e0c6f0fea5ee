"""People who were there and went away, over HTTP; their way back; and the end of the day for what is still open."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from portal.accounts.events import ResidentDeletionRequested
from portal.core import events
from portal.core.db import db
from portal.core.jobs.queue import ensure_periodic
from portal.core.unit_of_work import unit_of_work
from portal.notary.models import NotaryNoShow, NotaryParty, NotaryTicket
from portal.notary.operations import freeing, leaving, waiting
from portal.notifications.models import Message
from tests.factories.people import make_resident
from tests.notary.conftest import actor_of, again, assert_books_balance, party
from tests.notary.hall import REASONS, STAFF, Booked, Hall, desk_party

LATER = "2026-03-02 11:00"


def number_of(hall: Hall, booking: Booked) -> str:
    """The path of the number of an appointment."""
    shown = hall.api.get(hall.at(booking), headers=hall.headers["clerk"]).json
    return f"{STAFF}/tickets/{shown['ticket']['id']}"


def state_of(booking: Booked) -> str:
    db.session.rollback()
    return again(booking.id).state.value


def ticket_states() -> list[str]:
    db.session.rollback()
    states = db.session.scalars(select(NotaryTicket.state).order_by(NotaryTicket.number))
    return [state.value for state in states]


class TestGoingAway:
    def test_who_checked_in_and_went_away_ends_without_a_missed_appointment(
        self, hall: Hall, clock, run_jobs
    ) -> None:
        somebody = party()
        booking = hall.checked_in(parties=(somebody,))
        clock.set("2026-03-02 10:00")
        number = number_of(hall, booking)
        offered = hall.api.get(number, headers=hall.headers["clerk"]).json["allowed_actions"]
        assert "leave" in {action["action"] for action in offered}
        assert hall.done(number, "leaving")["state"] == "left"
        assert state_of(booking) == "left"
        visit = hall.mine(booking, "visit")
        assert (visit["state_label"], visit["no_show"]) == ("到场后离开", None)
        assert "不计入未到场" in visit["next_step"]
        assert db.session.scalars(select(NotaryNoShow)).all() == []
        shown = hall.api.get(hall.at(booking), headers=hall.headers["clerk"]).json
        assert shown["timeline"][-1]["action"] == "leave"
        assert "accept" not in {action["action"] for action in shown["allowed_actions"]}
        # Nobody waits any more, and the matter can be booked anew.
        assert hall.next().json["code"] == "nobody_waits"
        hall.booked("2026-03-03 09:30", parties=(somebody,))
        run_jobs()
        told = db.session.scalars(select(Message).where(Message.template == "notary.left")).all()
        assert {message.recipient_id for message in told} == {booking.resident_id}

    def test_the_sheet_of_the_day_goes_on_showing_them(self, hall: Hall) -> None:
        booking = hall.checked_in()
        hall.done(number_of(hall, booking), "leaving")
        shown = hall.api.get(f"{hall.office}/sheet", headers=hall.headers["clerk"]).json
        assert [row["state"] for row in shown["appointments"]] == ["left"]

    @pytest.mark.parametrize("steps", [(), ("next",), ("next", "start"), ("next", "pass")])
    def test_whatever_stood_with_the_number_they_may_go_away(
        self, hall: Hall, steps: tuple[str, ...]
    ) -> None:
        path = f"{STAFF}/tickets/{hall.drawn()['id']}"
        for step in steps:
            if step == "next":
                hall.next()
            else:
                hall.done(path, step)
        assert hall.done(path, "leaving")["state"] == "left"

    def test_seats_whose_time_is_ahead_go_to_somebody_else(self, hall: Hall) -> None:
        booking = hall.checked_in(LATER)
        other = hall.booked(LATER)
        desk = hall.desk
        waits = desk.person()
        day = again(other.id).day
        for taken in ("09:30", "10:00", "10:30", "11:30"):
            for _ in range(2):
                desk.confirmed(actor_of(make_resident()), f"2026-03-02 {taken}")
        wish = waiting.WaitingWish(hall.matter_id, day, day, hall.office_id)
        entry = waiting.join(waits, wish)
        hall.done(number_of(hall, booking), "leaving")
        db.session.rollback()
        db.session.refresh(entry)
        assert entry.state.value == "offered"
        assert_books_balance()

    def test_seats_whose_time_has_come_stay_as_nobody_else_could_use_them(
        self, hall: Hall, clock
    ) -> None:
        booking = hall.checked_in("2026-03-02 09:30")
        clock.set("2026-03-02 09:30")
        left = hall.desk.left("2026-03-02 09:30")
        hall.done(number_of(hall, booking), "leaving")
        db.session.rollback()
        assert hall.desk.left("2026-03-02 09:30") == left

    @pytest.mark.parametrize("outcome", ["acceptance", "non-acceptance"])
    def test_who_is_served_before_their_time_leaves_the_seat_to_others(
        self, hall: Hall, clock, outcome: str
    ) -> None:
        booking = hall.checked_in(LATER)
        body = {} if outcome == "acceptance" else {"note": REASONS}
        hall.done(hall.at(booking), outcome, body)
        clock.set("2026-03-02 10:30")
        freeing.sweep()
        db.session.rollback()
        assert hall.desk.left(LATER) == 2

    @pytest.mark.parametrize("outcome", ["acceptance", "non-acceptance"])
    def test_who_is_decided_before_being_called_is_not_called_any_more(
        self, hall: Hall, clock, outcome: str
    ) -> None:
        booking = hall.checked_in()
        clock.set("2026-03-02 09:31")
        body = {} if outcome == "acceptance" else {"note": REASONS}
        hall.done(hall.at(booking), outcome, body)
        assert ticket_states() == ["done"]
        assert hall.next().json["code"] == "nobody_waits"

    def test_another_office_and_a_supervisor_send_nobody_away(self, hall: Hall) -> None:
        booking = hall.checked_in()
        number = number_of(hall, booking)
        assert hall.step(number, "leaving", who="stranger").status_code == 404
        assert hall.step(number, "leaving", who="supervisor").status_code == 403
        assert state_of(booking) == "checked_in"

    def test_a_stale_copy_sends_nobody_away(self, hall: Hall) -> None:
        booking = hall.checked_in()
        number = number_of(hall, booking)
        seen = hall.api.get(number, headers=hall.headers["clerk"]).headers["ETag"]
        hall.next()
        stale = {**hall.headers["clerk"], "If-Match": seen}
        assert hall.api.post(f"{number}/leaving", headers=stale).status_code == 412
        assert state_of(booking) == "checked_in"


class TestComingBack:
    def test_who_comes_back_on_the_day_waits_with_the_same_number(self, hall: Hall, clock) -> None:
        booking = hall.checked_in()
        clock.set("2026-03-02 10:00")
        number = number_of(hall, booking)
        left = hall.done(number, "leaving")
        assert [a["action"] for a in left["allowed_actions"]] == ["come_back"]
        back = hall.done(number, "return")
        assert (back["number"], back["state"]) == (left["number"], "waiting")
        assert state_of(booking) == "checked_in"
        assert db.session.scalars(select(NotaryParty.active)).all() == [True]
        assert hall.next().json["id"] == left["id"]
        hall.done(hall.at(booking), "acceptance", {})

    def test_the_code_brings_them_back_as_it_brought_them_in(self, hall: Hall, clock) -> None:
        booking = hall.checked_in()
        clock.set("2026-03-02 10:00")
        number = number_of(hall, booking)
        hall.done(number, "leaving")
        shown = hall.api.get(hall.at(booking), headers=hall.headers["clerk"]).json
        assert [a["action"] for a in shown["allowed_actions"]] == ["come_back"]
        answer = hall.api.post(
            f"{hall.office}/check-ins", {"code": booking.code}, headers=hall.headers["clerk"]
        )
        assert answer.status_code == 200, answer.json
        assert (answer.json["state"], answer.json["ticket"]["number"]) == ("checked_in", 1)
        hall.done(number, "leaving")
        assert hall.done(hall.at(booking), "check-in")["state"] == "checked_in"

    def test_without_an_appointment_too(self, hall: Hall) -> None:
        path = f"{STAFF}/tickets/{hall.drawn()['id']}"
        hall.done(path, "leaving")
        assert hall.done(path, "return")["state"] == "waiting"

    def test_before_their_time_they_get_their_own_seats_back(self, hall: Hall) -> None:
        booking = hall.checked_in(LATER)
        number = number_of(hall, booking)
        hall.done(number, "leaving")
        hall.done(number, "return")
        db.session.rollback()
        assert hall.desk.left(LATER) == 1
        assert_books_balance()
        # And once more: nothing is counted twice.
        hall.done(number, "leaving")
        hall.done(number, "return")
        db.session.rollback()
        assert hall.desk.left(LATER) == 1

    def test_unless_somebody_else_has_them(self, hall: Hall, clock) -> None:
        booking = hall.checked_in(LATER)
        number = number_of(hall, booking)
        hall.done(number, "leaving")
        clock.set("2026-03-02 10:30")
        for _ in range(2):
            hall.booked(LATER)
        answer = hall.step(number, "return")
        assert (answer.status_code, answer.json["code"]) == (409, "seats_given_on")
        assert "现场取号" in answer.json["next_step"]
        assert state_of(booking) == "left"
        assert ticket_states() == ["left"]

    def test_not_on_another_day(self, hall: Hall, clock) -> None:
        booking = hall.checked_in()
        number = number_of(hall, booking)
        hall.done(number, "leaving")
        clock.set("2026-03-03 09:00")
        assert hall.api.get(number, headers=hall.headers["clerk"]).json["allowed_actions"] == []
        answer = hall.step(number, "return")
        assert (answer.status_code, answer.json["code"]) == (409, "not_today")

    def test_not_once_the_matter_is_booked_anew(self, hall: Hall, clock) -> None:
        somebody = party()
        booking = hall.checked_in(parties=(somebody,))
        clock.set("2026-03-02 10:00")
        number = number_of(hall, booking)
        hall.done(number, "leaving")
        hall.booked("2026-03-03 09:30", parties=(somebody,))
        answer = hall.step(number, "return")
        assert (answer.status_code, answer.json["code"]) == (409, "already_booked")
        assert state_of(booking) == "left"

    def test_not_once_the_account_is_closed_as_nobody_knows_who_they_were(
        self, hall: Hall, clock
    ) -> None:
        booking = hall.checked_in()
        clock.set("2026-03-02 10:00")
        number = number_of(hall, booking)
        with unit_of_work():
            events.publish(ResidentDeletionRequested(booking.resident_id))
        hall.done(number, "leaving")
        answer = hall.step(number, "return")
        assert (answer.status_code, answer.json["code"]) == (409, "account_closed")

    def test_a_missed_appointment_of_a_closed_account_does_not_stand_again_either(
        self, hall: Hall, clock
    ) -> None:
        booking = hall.booked()
        clock.set("2026-03-02 09:30")
        with unit_of_work():
            events.publish(ResidentDeletionRequested(booking.resident_id))
        hall.done(hall.at(booking), "no-show")
        answer = hall.step(hall.at(booking), "no-show-reversal")
        assert (answer.status_code, answer.json["code"]) == (409, "account_closed")


class TestEndOfTheDay:
    def test_what_is_still_open_is_closed_and_nobody_counts_as_missing(
        self, hall: Hall, clock, run_jobs
    ) -> None:
        booking = hall.checked_in()
        called = hall.checked_in("2026-03-02 10:00")
        hall.drawn()
        clock.set("2026-03-02 10:00")
        hall.next()
        clock.set("2026-03-02 23:59")
        assert leaving.close_days() == 0
        clock.set("2026-03-03 00:00")
        assert leaving.close_days() == 2 + 3, "two appointments, three numbers"
        assert (state_of(booking), state_of(called)) == ("left", "left")
        assert ticket_states() == ["left", "left", "left"]
        assert db.session.scalars(select(NotaryNoShow)).all() == []
        shown = hall.api.get(hall.at(booking), headers=hall.headers["clerk"]).json
        assert (shown["timeline"][-1]["action"], shown["timeline"][-1]["by"]) == ("leave", "system")
        assert leaving.close_days() == 0
        run_jobs()
        told = db.session.scalars(select(Message).where(Message.template == "notary.left")).all()
        assert len({message.recipient_id for message in told}) == 2

    def test_who_was_at_the_counter_is_done_and_the_office_has_a_day_for_the_result(
        self, hall: Hall, clock
    ) -> None:
        first, second = hall.checked_in(), hall.checked_in()
        clock.set("2026-03-02 09:30")
        for booking in (first, second):
            hall.next()
            hall.done(number_of(hall, booking), "start")
        clock.set("2026-03-03 08:00")
        leaving.close_days()
        assert ticket_states() == ["done", "done"]
        assert (state_of(first), state_of(second)) == ("checked_in", "checked_in")
        page = hall.api.get("/staff/worklist", headers=hall.headers["clerk"]).json
        counters = {item["code"]: item["count"] for item in page["counters"]}
        assert counters["notary.no_result"] == 2
        assert hall.done(hall.at(first), "acceptance", {})["state"] == "accepted"
        clock.set("2026-03-03 23:59")
        leaving.close_days()
        assert state_of(second) == "checked_in"
        clock.set("2026-03-04 00:00")
        leaving.close_days()
        assert (state_of(first), state_of(second)) == ("accepted", "left")

    def test_somebody_without_an_appointment_who_was_accepted_is_done(
        self, hall: Hall, clock
    ) -> None:
        path = f"{STAFF}/tickets/{hall.drawn()['id']}"
        hall.next()
        body = {"matter_id": str(hall.matter_id), "parties": [desk_party()]}
        hall.done(path, "acceptance", body)
        clock.set("2026-03-03 00:00")
        leaving.close_days()
        assert ticket_states() == ["done"]

    def test_the_worker_does_it(self, hall: Hall, clock, run_jobs) -> None:
        booking = hall.checked_in()
        ensure_periodic()
        clock.set("2026-03-03 00:30")
        run_jobs()
        assert state_of(booking) == "left"
