"""Weekly hours in which nothing can be booked are refused with the field named; extra ones say so. Over HTTP."""

from __future__ import annotations

from typing import Any

import pytest

from portal.notary.operations import schedule
from tests.conftest import SettableClock
from tests.notary.hall import STAFF, Hall, Headers

MONDAY = "2026-03-09"


def hours(*spans: tuple[int, str, str]) -> dict[str, Any]:
    """Weekly hours as staff send them."""
    rows = [{"weekday": day, "opens": opens, "closes": closes} for day, opens, closes in spans]
    return {"valid_from": MONDAY, "hours": rows}


def version(hall: Hall) -> Headers:
    """The version of the hours as the clerk sees them."""
    seen = hall.api.get(f"{hall.office}/hours", headers=hall.headers["clerk"])
    return {"If-Match": seen.headers["ETag"]}


def put(hall: Hall, body: dict[str, Any], seen: Headers | None = None) -> Any:
    """The clerk sets the hours, as they are seen now or were seen before."""
    headers = {**hall.headers["clerk"], **(seen or version(hall))}
    return hall.api.put(f"{hall.office}/hours", body, headers=headers)


def extra(hall: Hall, opens: str, closes: str, **changes: Any) -> Any:
    """The clerk opens for some more hours on a Tuesday."""
    body = {
        "kind": "extra",
        "first_day": "2026-03-03",
        "last_day": "2026-03-03",
        "opens": opens,
        "closes": closes,
        "reason": "加开",
        **changes,
    }
    return hall.api.post(f"{hall.office}/exceptions", body, headers=hall.headers["clerk"])


class TestWeeklyHours:
    @pytest.mark.parametrize(
        ("spans", "where"),
        [
            ([(0, "09:00", "12:00"), (0, "11:00", "13:00")], "hours.1.opens"),
            ([(0, "11:00", "13:00"), (0, "09:00", "12:00")], "hours.1.opens"),
            ([(0, "09:00", "12:00"), (0, "09:00", "12:00")], "hours.1.opens"),
            ([(0, "09:00", "12:00"), (1, "12:00", "09:00")], "hours.1.closes"),
            ([(0, "09:00", "12:00"), (0, "17:10", "17:20")], "hours.1.closes"),
            ([(0, "10:07", "10:50")], "hours.0.closes"),
        ],
    )
    @pytest.mark.parametrize("preview", [True, False])
    def test_what_is_wrong_is_named_and_nothing_is_kept(
        self, hall: Hall, spans: list[tuple[int, str, str]], where: str, preview: bool
    ) -> None:
        before = hall.api.get(f"{hall.office}/hours", headers=hall.headers["clerk"]).json
        answer = put(hall, {**hours(*spans), "preview": preview})
        assert answer.status_code == 422
        assert list(answer.json["errors"]) == [where]
        after = hall.api.get(f"{hall.office}/hours", headers=hall.headers["clerk"]).json
        assert after == before

    def test_hours_may_adjoin_and_lie_on_different_days(self, hall: Hall) -> None:
        spans = [(0, "09:00", "12:00"), (0, "12:00", "12:30"), (1, "11:00", "13:00")]
        assert put(hall, hours(*spans)).status_code == 200

    def test_a_slot_may_lie_across_hours_that_adjoin(self, hall: Hall) -> None:
        spans = [(0, "09:00", "12:10"), (0, "12:10", "12:30")]
        answer = put(hall, hours(*spans))
        assert (answer.status_code, answer.json["hints"]) == (200, [])

    @pytest.mark.parametrize("preview", [True, False])
    def test_what_lies_beside_the_slots_is_said(self, hall: Hall, preview: bool) -> None:
        spans = [(0, "09:10", "12:00"), (1, "09:10", "12:00"), (2, "07:00", "10:20")]
        answer = put(hall, {**hours(*spans), "preview": preview})
        assert answer.status_code == 200
        said = [hint.split(" 不能预约")[0] for hint in answer.json["hints"]]
        assert said == ["周一、周二 09:10–09:30", "周三 07:00–08:00", "周三 10:00–10:20"]

    @pytest.mark.parametrize("preview", [True, False])
    def test_of_two_clerks_who_saw_the_same_hours_the_second_does_not_win_silently(
        self, hall: Hall, preview: bool
    ) -> None:
        seen = version(hall)
        first = put(hall, {**hours((0, "09:00", "11:00")), "preview": preview}, seen)
        assert first.status_code == 200
        second = put(hall, hours((0, "10:00", "12:00")), seen)
        assert second.status_code == (200 if preview else 412)
        assert put(hall, hours((0, "10:00", "12:00"))).status_code == 200


class TestExtraHours:
    @pytest.mark.parametrize("preview", [True, False])
    def test_those_without_a_whole_slot_only_open_the_hall_and_say_so(
        self, hall: Hall, preview: bool
    ) -> None:
        answer = extra(hall, "13:07", "13:50", preview=preview)
        assert (answer.status_code, answer.json["added"]) == (200 if preview else 201, 0)
        (hint,) = answer.json["hints"]
        for word in ("08:00", "30 分钟", "不能预约", "现场取号"):
            assert word in hint

    def test_those_of_today_let_people_draw_a_number(self, hall: Hall, clock) -> None:
        clock.set("2026-03-02 13:10")
        closed = hall.api.post(f"{hall.office}/tickets", {}, headers=hall.headers["clerk"])
        assert closed.status_code == 409
        today = {"first_day": "2026-03-02", "last_day": "2026-03-02"}
        assert extra(hall, "13:07", "13:50", **today).json["hints"]
        assert hall.drawn()["number"] == 1

    def test_those_that_complete_a_slot_of_the_usual_hours_are_taken(self, hall: Hall) -> None:
        assert put(hall, {**hours((1, "09:00", "12:10")), "valid_from": "2026-03-02"}).json
        answer = extra(hall, "12:10", "12:30")
        assert (answer.status_code, answer.json["added"], answer.json["hints"]) == (201, 1, [])

    def test_those_beyond_the_days_that_can_be_booked_yet_are_taken_and_it_is_said(
        self, hall: Hall
    ) -> None:
        later = {"first_day": "2026-06-02", "last_day": "2026-06-02"}
        answer = extra(hall, "13:00", "14:00", **later)
        assert answer.status_code == 201
        (hint,) = answer.json["hints"]
        assert "最远可以约到 2026年3月16日" in hint

    def test_those_after_the_end_of_the_office_are_never_given_out(self, hall: Hall) -> None:
        path, headers = hall.office, hall.headers["clerk"]
        match = {"If-Match": hall.api.get(path, headers=headers).headers["ETag"]}
        assert hall.api.patch(path, {"closes_on": "2026-03-06"}, headers={**headers, **match}).json
        later = {"first_day": "2026-03-09", "last_day": "2026-03-09"}
        (hint,) = extra(hall, "13:00", "14:00", **later).json["hints"]
        assert "该机构办理到2026年3月6日为止" in hint

    def test_what_of_them_lies_beside_the_slots_is_said(self, hall: Hall) -> None:
        answer = extra(hall, "13:10", "14:30")
        assert answer.json["added"] == 2
        (hint,) = answer.json["hints"]
        assert hint.startswith("加开的 13:10–13:30 不能预约")


class TestClosures:
    @pytest.mark.parametrize(("last", "hinted"), [("2027-03-04", False), ("2027-03-05", True)])
    def test_one_for_more_than_a_year_may_be_a_slip(
        self, hall: Hall, last: str, hinted: bool
    ) -> None:
        body = {"kind": "closed", "first_day": "2026-03-03", "last_day": last, "reason": "装修"}
        path, headers = f"{hall.office}/exceptions", hall.headers["clerk"]
        answer = hall.api.post(path, {**body, "preview": True}, headers=headers)
        assert (answer.status_code, answer.json["id"]) == (200, None)
        assert any("核对日期" in hint for hint in answer.json["hints"]) is hinted

    def test_to_take_one_back_can_be_looked_at_first(self, hall: Hall) -> None:
        """Whoever was to move and may stay after all is not told before it is so."""
        path, headers = f"{hall.office}/exceptions", hall.headers["clerk"]
        day = {"first_day": "2026-03-03", "last_day": "2026-03-03"}
        body = {"kind": "closed", **day, "reason": "检修"}
        made = hall.api.post(path, body, headers=headers).json
        (row,) = hall.api.get(path, headers=headers).json["items"]
        assert row["id"] == made["id"]
        own = f"{STAFF}/exceptions/{row['id']}"
        assert hall.api.delete(own, headers=headers).status_code == 428
        match = {**headers, "If-Match": row["version"]}
        seen = hall.api.delete(f"{own}?preview=true", headers=match)
        assert (seen.status_code, seen.json["preview"], seen.json["added"]) == (200, True, 6)
        assert hall.api.get(path, headers=headers).json["items"] == [row]
        done = hall.api.delete(own, headers=match)
        assert (done.status_code, done.json["preview"], done.json["added"]) == (200, False, 6)
        assert hall.api.get(path, headers=headers).json["items"] == []

    def test_who_is_to_move_because_extra_hours_are_taken_back_is_named_before(
        self, hall: Hall
    ) -> None:
        made = extra(hall, "13:00", "14:00").json["id"]
        booking = hall.booked("2026-03-03 13:00")
        path, headers = f"{hall.office}/exceptions", hall.headers["clerk"]
        (row,) = hall.api.get(path, headers=headers).json["items"]
        match = {**headers, "If-Match": row["version"]}
        seen = hall.api.delete(f"{STAFF}/exceptions/{made}?preview=true", headers=match).json
        assert [each["reference"] for each in seen["affected"]] == [booking.reference]
        mine = hall.api.get(f"/notary/appointments/{booking.id}", headers=hall.as_resident(booking))
        assert not mine.json["affected"]


def test_what_a_clerk_has_seen_is_good_still_after_the_next_days_slots_were_made(
    hall: Hall, clock: SettableClock
) -> None:
    clock.set("2026-03-02 23:55")
    seen = version(hall)
    clock.set("2026-03-03 00:05")
    assert schedule.refresh_all(only_when_due=True) == 2, "this office and another one"
    answer = put(hall, hours((0, "09:00", "12:00")), seen)
    assert answer.status_code == 200, answer.json


class TestPreviews:
    BODIES = {
        "counters": {"name": "新窗口", "capacity": 1, "active_from": "2026-03-02"},
        "exceptions": {
            "kind": "closed",
            "first_day": "2026-03-03",
            "last_day": "2026-03-03",
            "reason": "装修",
        },
    }

    @pytest.mark.parametrize("what", list(BODIES))
    def test_what_is_only_looked_at_is_not_answered_as_created_and_both_answers_are_documented(
        self, hall: Hall, what: str
    ) -> None:
        path, headers = f"{hall.office}/{what}", hall.headers["clerk"]
        before = hall.api.get(path, headers=headers).json["items"]
        looked = hall.api.post(path, {**self.BODIES[what], "preview": True}, headers=headers)
        assert (looked.status_code, looked.json["id"]) == (200, None)
        assert hall.api.get(path, headers=headers).json["items"] == before
        done = hall.api.post(path, self.BODIES[what], headers=headers)
        assert done.status_code == 201
        assert done.json["id"] not in (None, *(each["id"] for each in before))
        told = hall.api.get("/openapi.json").json["paths"][
            f"/api/v1{STAFF}/offices/{{office_id}}/{what}"
        ]["post"]["responses"]
        bodies = [told[code]["content"]["application/json"]["schema"] for code in ("200", "201")]
        assert bodies[0] == bodies[1]
        assert "预览" in told["200"]["description"]
