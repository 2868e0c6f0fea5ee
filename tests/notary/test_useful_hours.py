"""Weekly hours in which nothing can be booked are refused with the field named; extra ones say so. Over HTTP."""

from __future__ import annotations

from typing import Any

import pytest

from tests.notary.hall import Hall

MONDAY = "2026-03-09"


def hours(*spans: tuple[int, str, str]) -> dict[str, Any]:
    """Weekly hours as staff send them."""
    rows = [{"weekday": day, "opens": opens, "closes": closes} for day, opens, closes in spans]
    return {"valid_from": MONDAY, "hours": rows}


def put(hall: Hall, body: dict[str, Any]) -> Any:
    """The clerk sets the hours."""
    return hall.api.put(f"{hall.office}/hours", body, headers=hall.headers["clerk"])


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
        assert put(hall, hours(*spans)).status_code == 200


class TestExtraHours:
    @pytest.mark.parametrize("preview", [True, False])
    def test_those_without_a_whole_slot_only_open_the_hall_and_say_so(
        self, hall: Hall, preview: bool
    ) -> None:
        answer = extra(hall, "13:07", "13:50", preview=preview)
        assert (answer.status_code, answer.json["added"]) == (201, 0)
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

    def test_those_beyond_the_days_that_can_be_booked_yet_are_taken(self, hall: Hall) -> None:
        later = {"first_day": "2026-06-02", "last_day": "2026-06-02"}
        answer = extra(hall, "13:00", "14:00", **later)
        assert (answer.status_code, answer.json["hints"]) == (201, [])
