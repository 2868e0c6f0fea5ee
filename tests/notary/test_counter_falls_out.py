"""A counter that falls out in the middle of a day: who can be served at its time stays, for the rest a clerk finds a way."""

from __future__ import annotations

from datetime import date, time
from typing import Any

import pytest

from portal.notary.models import NotaryBooking
from portal.notary.operations import schedule
from tests.conftest import SettableClock
from tests.factories.notary import make_counter, make_matter
from tests.notary.caller import ASKED, actions, booked, shown
from tests.notary.conftest import again, at
from tests.notary.hall import STAFF, Booked, Hall
from tests.notary.test_schedule import close, told

MONDAY, TUESDAY = date(2026, 3, 2), date(2026, 3, 3)
FROM_TEN = {"opens": time(10, 0), "closes": time(12, 0)}


def counter_of(booking: NotaryBooking | Booked) -> Any:
    return again(booking.id).counter_id


class TestTheSameTimeAtAnotherCounter:
    """Nothing changes for the person, so nobody is told, and nothing has to be accepted."""

    def second(self, hall: Hall, **changes: Any) -> Any:
        """Another counter, with one seat, that is new: whoever has an appointment has it at the first."""
        counter = make_counter(hall.desk.office, **changes)
        schedule.refresh_all()
        return counter.id

    def test_is_taken_on_the_day_itself_within_the_lead_time(
        self, hall: Hall, clock: SettableClock
    ) -> None:
        booking = hall.booked("2026-03-03 10:30")
        second = self.second(hall)
        clock.set("2026-03-03 09:50")
        applied = close(hall.desk, TUESDAY, counter_id=hall.counter_id, **FROM_TEN)
        assert applied.affected == []
        assert counter_of(booking) == second
        assert told("notary.affected_with_offer") == told("notary.affected") == []
        clock.set("2026-03-03 10:30")
        assert hall.done(hall.at(booking), "check-in")["state"] == "checked_in"

    def test_is_given_once_and_whoever_finds_it_taken_has_to_move(self, hall: Hall) -> None:
        when = "2026-03-03 10:30"
        two = [hall.booked(when) for _ in range(2)]
        second = self.second(hall)
        applied = close(hall.desk, TUESDAY, counter_id=hall.counter_id, **FROM_TEN)
        assert len(applied.affected) == 1
        assert sorted(counter_of(each) == second for each in two) == [False, True]

    def test_a_preview_names_only_who_has_to_move_and_changes_nothing(self, hall: Hall) -> None:
        booking = hall.booked("2026-03-03 10:30")
        self.second(hall)
        body = {"kind": "closed", "first_day": "2026-03-03", "last_day": "2026-03-03",
                "counter_id": str(hall.counter_id), "reason": "设备故障", "preview": True}  # fmt: skip
        answer = hall.api.post(f"{hall.office}/exceptions", body, headers=hall.headers["clerk"])
        assert answer.json["affected"] == []
        assert "不用告知当事人" in answer.json["hints"][0]
        assert counter_of(booking) == hall.counter_id

    def test_is_not_taken_where_the_matter_is_not_done(self, hall: Hall) -> None:
        booking = hall.booked("2026-03-03 10:30")
        self.second(hall, matter_codes=[make_matter().code])
        applied = close(hall.desk, TUESDAY, counter_id=hall.counter_id, **FROM_TEN)
        assert [each.id for each in applied.affected] == [booking.id]


class TestSoonerThanTheOfficeGivesOut:
    """Whoever lost a time to the office may come later that day all the same, and sooner by a clerk; others may not."""

    LATER_TODAY = at("2026-03-03 11:00").isoformat()

    @pytest.fixture
    def lost(self, hall: Hall, clock: SettableClock) -> str:
        """An appointment of today, whose time the office cannot keep; its office gives out nothing before tomorrow."""
        path = booked(hall, starts_at=at("2026-03-03 09:30").isoformat())
        self.falls_out(hall, clock)
        return path

    def falls_out(self, hall: Hall, clock: SettableClock) -> None:
        change = {"lead_workdays": 1}
        seen = hall.api.get(hall.office, headers=hall.headers["clerk"])
        headers = {**hall.headers["clerk"], "If-Match": seen.headers["ETag"]}
        assert hall.api.patch(hall.office, change, headers=headers).status_code == 200
        clock.set("2026-03-03 09:00")
        close(hall.desk, TUESDAY, opens=time(9, 0), closes=time(10, 0))

    def move(self, hall: Hall, booking: Booked, starts_at: str) -> Any:
        """The person moves the appointment."""
        headers, path = hall.as_resident(booking), f"/notary/appointments/{booking.id}"
        seen = hall.api.get(path, headers=headers)
        match = {**headers, "If-Match": seen.headers["ETag"]}
        return hall.api.post(f"{path}/reschedule", {"starts_at": starts_at}, headers=match)

    def test_the_person_reads_what_is_free_that_day_and_moves_there(
        self, hall: Hall, clock: SettableClock
    ) -> None:
        own, full = hall.booked("2026-03-03 09:30"), at("2026-03-03 10:30")
        for _ in range(2):
            hall.booked("2026-03-03 10:30")
        self.falls_out(hall, clock)
        seen = hall.api.get(f"/notary/appointments/{own.id}", headers=hall.as_resident(own)).json
        assert seen["times_that_day"][0] == at("2026-03-03 10:00").isoformat()
        assert self.LATER_TODAY in seen["times_that_day"]
        assert full.isoformat() not in seen["times_that_day"]
        assert "原定当天还有空：2026年3月3日10:00、" in seen["hints"][-1]
        moved = self.move(hall, own, self.LATER_TODAY)
        assert (moved.status_code, moved.json["starts_at"]) == (200, self.LATER_TODAY)
        assert moved.json["times_that_day"] == []

    def test_a_time_of_that_day_is_kept_where_nothing_else_is_free(
        self, hall: Hall, clock: SettableClock
    ) -> None:
        booking = hall.booked("2026-03-03 09:30")
        close(hall.desk, date(2026, 3, 4), date(2026, 4, 30))
        self.falls_out(hall, clock)
        seen = hall.api.get(hall.at(booking), headers=hall.headers["clerk"]).json
        assert seen["other_time"]["starts_at"] == at("2026-03-03 10:00").isoformat()

    def test_before_the_own_day_the_person_chooses_as_everybody(
        self, hall: Hall, clock: SettableClock
    ) -> None:
        booking = hall.booked("2026-03-04 09:30")
        self.falls_out(hall, clock)
        close(hall.desk, date(2026, 3, 4))
        assert self.move(hall, booking, self.LATER_TODAY).json["code"] == "too_soon"

    def test_a_clerk_moves_them_to_a_free_time_of_the_day(self, hall: Hall, lost: str) -> None:
        assert "reschedule" in actions(hall, lost)
        body = {**ASKED, "starts_at": self.LATER_TODAY}
        assert hall.done(lost, "reschedule", body)["starts_at"] == self.LATER_TODAY

    @pytest.mark.parametrize(
        ("when", "code"), [("09:00", "not_bookable"), ("10:30", "slot_taken"), ("10:07", "no_such_time")]
    )  # fmt: skip
    def test_for_a_time_that_cannot_be_had_those_of_the_day_are_named(
        self, hall: Hall, clock: SettableClock, when: str, code: str
    ) -> None:
        own = hall.booked("2026-03-03 09:30")
        for _ in range(2):
            hall.booked("2026-03-03 10:30")
        self.falls_out(hall, clock)
        refused = self.move(hall, own, at(f"2026-03-03 {when}").isoformat())
        assert (refused.status_code, refused.json["code"]) == (409, code)
        assert at("2026-03-03 10:00").isoformat() in refused.json["errors"]["next_free"]

    def test_nobody_else_is_moved_there(self, hall: Hall, lost: str) -> None:
        tomorrow = booked(hall, starts_at=at("2026-03-04 09:30").isoformat())
        body = {**ASKED, "starts_at": self.LATER_TODAY}
        assert hall.step(tomorrow, "reschedule", body).json["code"] == "too_soon"
        assert shown(hall, lost)["affected_reason"]


class TestTwice:
    """Two clerks enter one closure: a second row would keep the day closed when the first is taken back."""

    BODY = {"kind": "closed", "first_day": "2026-03-03", "last_day": "2026-03-03", "reason": "培训"}

    def entered(self, hall: Hall, who: str, **changes: Any) -> Any:
        path = f"{hall.office}/exceptions"
        return hall.api.post(path, {**self.BODY, **changes}, headers=hall.headers[who])

    def test_the_second_is_refused_and_says_where_to_look(self, hall: Hall) -> None:
        assert self.entered(hall, "clerk").status_code == 201
        refused = self.entered(hall, "colleague", reason="机构培训")
        assert (refused.status_code, refused.json["code"]) == (409, "exception_exists")
        assert "列表" in refused.json["next_step"]

    def test_another_counter_or_other_hours_are_another_closure(self, hall: Hall) -> None:
        assert self.entered(hall, "clerk").status_code == 201
        only = self.entered(hall, "clerk", counter_id=str(hall.counter_id))
        part = self.entered(hall, "clerk", opens="09:00", closes="10:00")
        assert (only.status_code, part.status_code) == (201, 201)

    def test_once_taken_back_it_may_be_entered_anew(self, hall: Hall) -> None:
        made = self.entered(hall, "clerk").json["id"]
        (row,) = hall.api.get(f"{hall.office}/exceptions", headers=hall.headers["clerk"]).json[
            "items"
        ]
        headers = {**hall.headers["clerk"], "If-Match": row["version"]}
        assert hall.api.delete(f"{STAFF}/exceptions/{made}", headers=headers).status_code == 200
        assert self.entered(hall, "clerk").status_code == 201


def test_nobody_is_called_to_a_counter_that_is_given_up_or_not_yet_there(hall: Hall) -> None:
    gone = make_counter(hall.desk.office, active_until=date(2026, 3, 1))
    ahead = make_counter(hall.desk.office, active_from=date(2026, 3, 3))
    number = hall.drawn()
    for counter in (gone, ahead):
        body = {"counter_id": str(counter.id)}
        path = f"{hall.office}/queue/next"
        refused = hall.api.post(path, body, headers=hall.headers["clerk"])
        assert (refused.status_code, list(refused.json["errors"])) == (422, ["counter_id"])
        refused = hall.step(f"{STAFF}/tickets/{number['id']}", "call", body)
        assert (refused.status_code, list(refused.json["errors"])) == (422, ["counter_id"])
    assert hall.next().json["id"] == number["id"]
