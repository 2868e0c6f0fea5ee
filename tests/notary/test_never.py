"""Who asks for what can never be is told so, and not that somebody was quicker; nobody waits for it."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from portal.core.db import db
from portal.core.unit_of_work import unit_of_work
from portal.notary.models import NotaryOffice
from portal.notary.operations import schedule, waiting
from tests.conftest import SettableClock
from tests.factories.notary import make_counter, make_matter, make_notary_office
from tests.factories.people import make_staff, staff_headers
from tests.notary.conftest import Desk
from tests.notary.screen import NINE, Counter

TIMES = ("09:00", "09:30", "10:00", "10:30", "11:00", "11:30")


def at(time: str, day: str = "2026-03-03") -> str:
    return f"{day}T{time}:00+08:00"


def fill(desk: Desk, day: str = "2026-03-03") -> None:
    """Let other people have every seat of the day that is left."""
    for time in TIMES:
        while desk.left(f"{day} {time}"):
            desk.confirmed(desk.person(), f"{day} {time}")


def wait(person: Counter, first: str, last: str, status: int = 409, **changes: Any) -> Any:
    body = {
        "matter_id": str(person.desk.matter.id),
        "from_day": first,
        "until_day": last,
        **changes,
    }
    return person.sent("/notary/waiting-list", body, status)


def day_of(person: Counter, day: str, **query: Any) -> dict[str, Any]:
    asked = {"matter_id": str(person.desk.matter.id), "from": day, "to": day, **query}
    (office,) = person.api.get("/notary/availability", query_string=asked).json["items"]
    (found,) = office["days"]
    return found


class TestTooManyPeople:
    def test_a_day_says_how_many_one_seat_can_hold(self, person: Counter) -> None:
        day = day_of(person, "2026-03-03", parties=3)
        assert day["reason"] == "too_many"
        assert "最多容纳 2 人" in day["reason_text"]
        assert "排队" not in day["reason_text"]

    def test_a_hold_is_refused_and_names_how_many(self, person: Counter) -> None:
        refused = person.hold(NINE, 409, party_count=20)
        assert refused["code"] == "too_many_parties"
        assert "最多容纳 2 人" in refused["detail"]
        assert "排队" not in refused["next_step"]
        assert "next_free" not in refused["errors"]

    def test_nobody_waits_for_it(self, person: Counter) -> None:
        fill(person.desk)
        refused = wait(person, "2026-03-03", "2026-03-03", party_count=3)
        assert refused["code"] == "too_many_parties"
        assert "最多容纳 2 人" in refused["errors"]["party_count"][0]
        wait(person, "2026-03-03", "2026-03-03", 201, party_count=2)

    def test_seats_kept_for_others_do_not_count(self, person: Counter) -> None:
        office = make_notary_office(name="另一公证处")
        make_counter(office, capacity=3, kept_priority=1)
        body = {"party_count": 3, "office_id": str(office.id)}
        assert "最多容纳 2 人" in person.hold(NINE, 409, **body)["detail"]

    def test_where_a_family_takes_one_seat_any_number_may_come(self, person: Counter) -> None:
        office = make_notary_office(name="另一公证处", seat_per_party=False)
        asked = {"parties": 6, "office_id": str(office.id)}
        make_counter(office)
        assert day_of(person, "2026-03-03", **asked)["reason"] != "too_many"


class TestSeatsKeptForOthers:
    def office(self, **kept: int) -> str:
        office = make_notary_office(name="另一公证处")
        make_counter(office, capacity=2, **kept)
        schedule.refresh_all()
        return str(office.id)

    def test_a_day_says_for_whom_they_are_kept_and_not_that_the_office_is_closed(
        self, person: Counter
    ) -> None:
        office = self.office(kept_priority=1, kept_walk_in=1)
        day = day_of(person, "2026-03-03", office_id=office)
        assert (day["free"], day["reason"]) == (0, "kept")
        assert "留给老年人、残疾人或者现场取号的人" in day["reason_text"]
        assert "不办理" not in day["reason_text"]
        assert day_of(person, "2026-03-03", office_id=office, priority="elderly")["free"] > 0

    def test_whom_they_would_be_kept_for_is_told_who_else_has_them(self, person: Counter) -> None:
        asked = {"office_id": self.office(kept_walk_in=2), "priority": "elderly"}
        day = day_of(person, "2026-03-03", **asked)
        assert (day["reason"], "当天的号留给现场取号的人" in day["reason_text"]) == ("kept", True)

    def test_on_a_day_without_hours_it_is_closed_for_everybody(self, person: Counter) -> None:
        office = self.office(kept_walk_in=2)
        assert day_of(person, "2026-03-07", office_id=office)["reason"] == "closed"


class TestNoSuchTime:
    def test_beside_the_grid(self, person: Counter) -> None:
        refused = person.hold(at("09:07"), 409)
        assert refused["code"] == "no_such_time"
        assert "没有 2026年3月3日09:07 这个时段" in refused["detail"]
        assert "约满" not in refused["detail"]

    def test_too_near_the_end_of_the_day(self, person: Counter) -> None:
        long = make_matter(minutes=60)
        refused = person.hold(at("11:30"), 409, matter_id=str(long.id))
        assert refused["code"] == "no_such_time"
        assert "60 分钟" in refused["detail"]
        assert refused["errors"]["next_free"][0] == at("11:00")

    def test_on_a_closed_day(self, person: Counter) -> None:
        refused = person.hold(at("09:00", "2026-03-07"), 409)
        assert refused["code"] == "closed_day"
        assert "2026年3月7日当天不办理这个事项" in refused["detail"]
        assert refused["errors"]["next_free"][0] == at("09:00", "2026-03-09")

    def test_on_a_day_on_which_the_office_does_only_other_matters(self, person: Counter) -> None:
        rare = make_matter(code="X1")
        office = make_notary_office(name="另一公证处")
        make_counter(office, matter_codes=["X2"])
        make_counter(office, matter_codes=[rare.code], active_until=date(2026, 3, 2))
        schedule.refresh_all()
        asked = {"office_id": str(office.id), "matter_id": str(rare.id)}
        refused = person.hold(at("09:00"), 409, **asked)
        assert refused["detail"] == "2026年3月3日当天不办理这个事项。"
        assert day_of(person, "2026-03-03", **asked)["reason_text"] == "当天不办理这个事项"

    def test_after_the_end_of_the_office(self, person: Counter, clerk: dict[str, str]) -> None:
        path = f"/staff/notary/offices/{person.desk.office.id}"
        match = {**clerk, "If-Match": person.api.get(path, headers=clerk).headers["ETag"]}
        assert person.api.patch(path, {"closes_on": "2026-03-05"}, headers=match).status_code == 200
        refused = person.hold(at("09:00", "2026-03-06"), 409)
        assert refused["code"] == "closed_day"
        assert refused["detail"] == "该机构办理到2026年3月5日为止，之后不能预约。"
        assert wait(person, "2026-03-06", "2026-03-06")["detail"] == refused["detail"]

    def test_a_closure_gives_its_reason(self, person: Counter, clerk: dict[str, str]) -> None:
        body = {
            "kind": "closed",
            "first_day": "2026-03-04",
            "last_day": "2026-03-04",
            "reason": "设备检修",
        }
        path = f"/staff/notary/offices/{person.desk.office.id}/exceptions"
        assert person.api.post(path, body, headers=clerk).status_code == 201
        refused = person.hold(at("09:00", "2026-03-04"), 409)
        assert (refused["code"], "设备检修" in refused["detail"]) == ("closed_day", True)

    @pytest.mark.parametrize(
        ("when", "code"),
        [
            (at("09:10"), "no_such_time"),
            (at("09:00", "2026-03-07"), "closed_day"),
        ],
    )
    def test_an_appointment_is_not_moved_there_and_stands(
        self, person: Counter, when: str, code: str
    ) -> None:
        booked = person.booked()
        path = f"/notary/appointments/{booked['id']}"
        assert person.sent(f"{path}/reschedule", {"starts_at": when}, 409)["code"] == code
        assert person.got(path)["starts_at"] == NINE

    def test_what_has_lapsed_elsewhere_on_the_day_makes_no_difference(
        self, person: Counter, other: Counter, clock: Any
    ) -> None:
        other.hold(at("10:00"))
        clock.advance(minutes=11)
        assert person.hold(at("09:07"), 409)["code"] == "no_such_time"


class TestTheNextFreeTimes:
    def test_are_those_near_the_wanted_one(self, person: Counter) -> None:
        for _ in range(2):
            person.desk.confirmed(person.desk.person(), "2026-03-03 10:30")
        refused = person.hold(at("10:30"), 409)
        assert refused["code"] == "slot_taken"
        near = [at("10:00"), at("11:00"), at("09:30")]
        assert refused["errors"]["next_free"] == near

    def test_go_on_with_the_following_days(self, person: Counter) -> None:
        fill(person.desk)
        refused = person.hold(at("10:30"), 409)
        first, *rest = refused["errors"]["next_free"]
        assert first == at("10:30", "2026-03-04")
        assert {each[:10] for each in rest} == {"2026-03-04"}

    def test_are_of_earlier_days_only_where_nothing_else_is_left(self, person: Counter) -> None:
        fill(person.desk, "2026-03-16")
        refused = person.hold(at("10:30", "2026-03-16"), 409)
        assert refused["errors"]["next_free"][0] == at("10:30", "2026-03-13")

    def test_are_those_of_today_that_are_still_to_come_for_one_that_has_begun(
        self, person: Counter, clock: SettableClock
    ) -> None:
        clock.set("2026-03-02 10:05")
        refused = person.hold(at("10:00", "2026-03-02"), 409)
        assert (refused["code"], "已经开始" in refused["detail"]) == ("not_bookable", True)
        today = [at(time, "2026-03-02") for time in ("10:30", "11:00", "11:30")]
        assert refused["errors"]["next_free"] == today
        assert "2026年3月2日10:30" in refused["next_step"]

    def test_are_the_first_that_can_be_had_for_one_that_is_too_soon(self, person: Counter) -> None:
        with unit_of_work():
            db.session.get_one(NotaryOffice, person.desk.office.id).lead_workdays = 2
        refused = person.hold(at("10:00"), 409)
        assert refused["code"] == "too_soon"
        near = [at(time, "2026-03-04") for time in ("10:00", "09:30", "10:30")]
        assert refused["errors"]["next_free"] == near
        assert refused["next_step"].startswith("目前可以约：2026年3月4日10:00、")

    def test_are_the_last_that_are_given_out_for_one_that_is_too_far(self, person: Counter) -> None:
        booked = person.booked()
        far = at("10:00", "2026-04-01")
        path = f"/notary/appointments/{booked['id']}/reschedule"
        for refused in (person.hold(far, 409), person.sent(path, {"starts_at": far}, 409)):
            assert refused["code"] == "too_far"
            near = [at(time, "2026-03-16") for time in ("10:00", "09:30", "10:30")]
            assert refused["errors"]["next_free"] == near
            assert "2026年3月16日10:00" in refused["next_step"]

    def test_are_those_before_its_end_for_an_office_that_closes(self, person: Counter) -> None:
        with unit_of_work():
            db.session.get_one(NotaryOffice, person.desk.office.id).closes_on = date(2026, 3, 5)
        refused = person.hold(at("10:00", "2026-03-06"), 409)
        assert refused["code"] == "closed_day"
        assert refused["errors"]["next_free"][0] == at("10:00", "2026-03-05")

    def test_are_not_made_up_where_nothing_is_free(self, person: Counter) -> None:
        with unit_of_work():
            office = db.session.get_one(NotaryOffice, person.desk.office.id)
            office.lead_workdays, office.closes_on = 1, date(2026, 3, 3)
        fill(person.desk)
        refused = person.hold(at("10:00", "2026-03-04"), 409)
        assert (refused["code"], "next_free" in refused.get("errors", {})) == ("closed_day", False)
        assert refused["next_step"] == "请查看可以预约的日期，换一天再约。"


class TestNobodyWaits:
    def test_for_days_on_which_the_office_is_closed(self, person: Counter) -> None:
        refused = wait(person, "2026-03-07", "2026-03-08")
        assert refused["code"] == "closed_day"
        assert "2026年3月7日到2026年3月8日不办理这个事项" in refused["detail"]

    def test_for_days_beyond_those_that_are_given_out(self, person: Counter) -> None:
        refused = wait(person, "9999-12-30", "9999-12-30")
        assert refused["code"] == "too_far"
        assert "2026年3月16日" in refused["detail"]

    def test_for_a_matter_that_is_longer_than_the_office_is_open(self, person: Counter) -> None:
        long = make_matter(minutes=240)
        refused = wait(person, "2026-03-03", "2026-03-03", matter_id=str(long.id))
        assert refused["code"] == "no_such_time"

    def test_for_a_day_on_which_they_have_the_seat_themselves(
        self, person: Counter, other: Counter
    ) -> None:
        fill(person.desk, "2026-03-04")
        booked = person.booked()
        fill(person.desk)
        refused = wait(person, "2026-03-03", "2026-03-04")
        assert refused["code"] == "already_booked"
        assert "2026年3月3日09:00" in refused["detail"]
        assert refused["errors"]["appointment_id"] == [booked["id"]]
        wait(person, "2026-03-04", "2026-03-04", 201)
        wait(other, "2026-03-03", "2026-03-04", 201)

    def test_for_a_day_on_which_a_time_is_kept_for_them_until_it_lapses(
        self, person: Counter, clock: SettableClock
    ) -> None:
        person.hold()
        fill(person.desk)
        assert wait(person, "2026-03-03", "2026-03-03")["code"] == "already_booked"
        clock.advance(minutes=11)
        wait(person, "2026-03-03", "2026-03-03", 201)

    def test_but_one_day_of_the_span_is_enough(self, person: Counter) -> None:
        fill(person.desk, "2026-03-06")
        assert wait(person, "2026-03-06", "2026-03-08", 201)["state"] == "waiting"

    def test_and_one_office_of_several(self, person: Counter) -> None:
        make_notary_office(name="另一公证处")
        fill(person.desk)
        assert wait(person, "2026-03-03", "2026-03-03", 201)["state"] == "waiting"
        elsewhere = make_matter()
        refused = wait(
            person, "2026-03-03", "2026-03-03", party_count=3, matter_id=str(elsewhere.id)
        )
        assert refused["code"] == "too_many_parties"


class TestNobodyGoesOnWaiting:
    """What makes the list refuse somebody new lets those go who are in it, with a word."""

    def waits(self, person: Counter, first: str, last: str) -> dict[str, Any]:
        fill(person.desk, first)
        office = str(person.desk.office.id)
        return wait(person, first, last, 201, office_id=office)

    def close(self, person: Counter, clerk: dict[str, str], first: str, last: str) -> None:
        days = {"kind": "closed", "first_day": first, "last_day": last, "reason": "设备检修"}
        path = f"/staff/notary/offices/{person.desk.office.id}/exceptions"
        assert person.api.post(path, days, headers=clerk).status_code == 201

    def told(self, person: Counter) -> list[str]:
        """Why no seat can come, as the person reads it before how to go on."""
        bodies = [each["body"] for each in person.got("/me/notifications")["items"]]
        return [
            body.partition("您排队的日期里不会再有空位，排队结束。请选别的日期")[0]
            for body in bodies
        ]

    def state(self, person: Counter) -> str:
        db.session.rollback()
        (entry,) = person.got("/notary/waiting-list")["items"]
        return str(entry["state"])

    def test_when_all_their_days_are_closed(
        self, person: Counter, clerk: dict[str, str], run_jobs: Any
    ) -> None:
        self.waits(person, "2026-03-05", "2026-03-05")
        self.close(person, clerk, "2026-03-04", "2026-03-05")
        assert waiting.end_impossible() == 1
        assert self.state(person) == "left"
        run_jobs()
        assert self.told(person) == ["2026年3月5日当天不办理这个事项：设备检修。"]
        assert waiting.end_impossible() == 0

    def test_when_the_rest_of_their_last_day_is_closed(
        self, person: Counter, clerk: dict[str, str], clock: SettableClock, run_jobs: Any
    ) -> None:
        fill(person.desk, "2026-03-05")
        self.waits(person, "2026-03-02", "2026-03-02")
        clock.set("2026-03-02 10:15")
        assert waiting.end_impossible() == 0
        self.close(person, clerk, "2026-03-02", "2026-03-02")
        assert waiting.end_impossible() == 1
        # How to go on works: another day can be waited for at once.
        wait(person, "2026-03-05", "2026-03-05", 201)
        run_jobs()
        assert self.told(person) == ["2026年3月2日余下的时间不办理这个事项：设备检修。"]

    def test_when_the_day_left_is_closed_is_not_said_of_the_one_that_was_open(
        self, person: Counter, clerk: dict[str, str], clock: SettableClock, run_jobs: Any
    ) -> None:
        fill(person.desk, "2026-03-03")
        self.waits(person, "2026-03-02", "2026-03-03")
        self.close(person, clerk, "2026-03-03", "2026-03-03")
        assert waiting.end_impossible() == 0
        clock.set("2026-03-02 18:00")
        assert waiting.end_impossible() == 1
        run_jobs()
        assert self.told(person) == ["2026年3月3日当天不办理这个事项：设备检修。"]

    def test_when_a_day_that_has_come_too_near_is_closed(
        self, person: Counter, clock: SettableClock, run_jobs: Any
    ) -> None:
        with unit_of_work():
            db.session.get_one(NotaryOffice, person.desk.office.id).lead_workdays = 2
        self.waits(person, "2026-03-05", "2026-03-05")
        clock.set("2026-03-04 09:00")
        clerk = staff_headers(staff=make_staff(["notary_clerk"], person.desk.office.id))
        self.close(person, clerk, "2026-03-05", "2026-03-05")
        assert waiting.end_impossible() == 1
        run_jobs()
        assert self.told(person) == ["2026年3月5日当天不办理这个事项：设备检修。"]

    def test_but_not_when_the_times_of_their_last_day_have_passed(
        self, person: Counter, clock: SettableClock
    ) -> None:
        self.waits(person, "2026-03-02", "2026-03-02")
        clock.set("2026-03-02 11:45")
        assert waiting.end_impossible() == 0
        clock.set("2026-03-02 18:00")
        assert waiting.end_impossible() == 0
        assert self.state(person) == "waiting"

    def test_but_they_keep_the_place_while_one_of_their_days_is_open(
        self, person: Counter, clerk: dict[str, str]
    ) -> None:
        fill(person.desk, "2026-03-06")
        self.waits(person, "2026-03-05", "2026-03-06")
        self.close(person, clerk, "2026-03-05", "2026-03-05")
        assert waiting.end_impossible() == 0
        assert self.state(person) == "waiting"

    def test_and_while_some_of_their_days_are_not_given_out_yet(
        self, person: Counter, clerk: dict[str, str]
    ) -> None:
        self.waits(person, "2026-03-16", "2026-03-18")
        self.close(person, clerk, "2026-03-16", "2026-03-16")
        assert waiting.end_impossible() == 0
        assert self.state(person) == "waiting"

    def test_and_while_another_office_could_have_a_seat(
        self, person: Counter, clerk: dict[str, str]
    ) -> None:
        elsewhere = make_counter(make_notary_office(name="另一公证处"), capacity=1)
        schedule.refresh_all()
        fill(person.desk, "2026-03-05")
        for time in TIMES:
            person.desk.confirmed(
                person.desk.person(), f"2026-03-05 {time}", office_id=elsewhere.office_id
            )
        wait(person, "2026-03-05", "2026-03-05", 201)
        self.close(person, clerk, "2026-03-05", "2026-03-05")
        assert waiting.end_impossible() == 0
        assert self.state(person) == "waiting"

    def test_days_that_have_come_too_near_end_with_their_days(
        self, person: Counter, clock: Any
    ) -> None:
        with unit_of_work():
            office = db.session.get_one(NotaryOffice, person.desk.office.id)
            office.lead_workdays = 2
        self.waits(person, "2026-03-05", "2026-03-05")
        clock.set("2026-03-04 09:00")
        assert waiting.end_impossible() == 0
