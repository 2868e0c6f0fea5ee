"""Somebody stands at the desk and something is not as expected: the clerk is told what to do."""

from __future__ import annotations

from typing import Any

import pytest

from portal.accounts.models import ContactSafety
from tests.conftest import SettableClock
from tests.notary.caller import booked, shown
from tests.notary.hall import STAFF, Booked, Hall, desk_party


def arrive(hall: Hall, booking: Booked, who: str = "clerk") -> Any:
    path = f"{hall.office}/check-ins"
    return hall.api.post(path, {"code": booking.code}, headers=hall.headers[who])


class TestCheckingIn:
    def test_a_second_clerk_or_click_gets_the_same_number(self, hall: Hall) -> None:
        booking = hall.booked()
        first, second = arrive(hall, booking), arrive(hall, booking, "colleague")
        assert first.status_code == second.status_code == 200
        assert first.json["ticket"]["number"] == second.json["ticket"]["number"]
        assert [line["action"] for line in second.json["timeline"]].count("check_in") == 1

    def test_but_not_on_the_next_day(self, hall: Hall, clock: SettableClock) -> None:
        booking = hall.checked_in()
        clock.set("2026-03-03 09:00")
        assert arrive(hall, booking).json["code"] == "not_today"

    def test_whom_a_clerk_has_marked_as_missed_in_haste_is_taken_back_first(
        self, hall: Hall, clock: SettableClock
    ) -> None:
        booking = hall.booked()
        clock.set("2026-03-02 09:50")
        hall.done(hall.at(booking), "no-show")
        refused = arrive(hall, booking)
        assert refused.status_code == 409
        assert "先撤销未到场登记，再签到" in refused.json["next_step"]
        hall.done(hall.at(booking), "no-show-reversal")
        assert arrive(hall, booking).json["state"] == "checked_in"

    def test_who_has_cancelled_draws_a_number(self, hall: Hall) -> None:
        booking = hall.booked()
        hall.done(hall.at(booking), "cancellation", {"reason": "设备故障"})
        assert "现场取号" in arrive(hall, booking).json["next_step"]

    def test_who_comes_too_early_or_too_late_by_days_is_told_which(
        self, hall: Hall, clock: SettableClock
    ) -> None:
        ahead, past = hall.booked("2026-03-04 09:30"), hall.booked("2026-03-02 09:30")
        clock.set("2026-03-03 09:00")
        assert "预约当天来" in arrive(hall, ahead).json["next_step"]
        assert "日期已经过了" in arrive(hall, past).json["next_step"]

    @pytest.mark.parametrize("now", ["2026-03-02 09:00", "2026-03-03 09:00", "2026-03-04 09:00"])
    def test_nobody_is_asked_to_come_for_what_is_cancelled_or_to_have_been_there(
        self, hall: Hall, clock: SettableClock, now: str
    ) -> None:
        booking = hall.booked("2026-03-03 09:30")
        hall.done(hall.at(booking), "cancellation", {"reason": "设备故障"})
        clock.set(now)
        refused = arrive(hall, booking).json
        assert "已取消" in refused["detail"]
        assert refused["next_step"] == "今天要办的，请现场取号，或者重新预约。"

    def test_whoever_was_marked_as_missed_after_the_day_is_taken_back_before_they_had_come(
        self, hall: Hall, clock: SettableClock
    ) -> None:
        booking = hall.booked()
        clock.set("2026-03-03 09:00")
        hall.done(hall.at(booking), "no-show")
        said = arrive(hall, booking).json["next_step"]
        assert "当天来过的，请先撤销未到场登记，再补登到场" in said
        hall.done(hall.at(booking), "no-show-reversal")
        body = {"reason": "forgotten", "without_case": True}
        came = hall.done(hall.at(booking), "attendance", body)
        assert came["state"] == "left"

    def test_what_was_marked_on_an_earlier_day_is_not_taken_back_at_the_desk(
        self, hall: Hall, clock: SettableClock
    ) -> None:
        booking = hall.booked()
        clock.set("2026-03-02 10:00")
        hall.done(hall.at(booking), "no-show")
        clock.set("2026-03-03 09:00")
        refused = arrive(hall, booking).json
        assert refused["next_step"] == "今天要办的，请现场取号，或者重新预约。"

    def test_whose_visit_has_no_result_yet_had_come_already(
        self, hall: Hall, clock: SettableClock
    ) -> None:
        booking = hall.checked_in()
        clock.set("2026-03-03 09:00")
        said = arrive(hall, booking).json["next_step"]
        assert "补登" not in said
        assert "请登记受理或者不予受理" in said
        assert hall.done(hall.at(booking), "acceptance", {})["state"] == "accepted"
        assert "补登" not in arrive(hall, booking).json["next_step"]


class TestWithAnAppointmentOnAnotherDay:
    """Whoever comes early and is accepted all the same must not be missed later."""

    def test_the_clerk_is_told_of_it_with_the_acceptance(self, hall: Hall) -> None:
        who = desk_party()
        path = booked(hall, parties=[who])
        hall.drawn()
        seat = hall.seated()
        body = {"matter_id": str(hall.matter_id), "parties": [who]}
        case = hall.done(f"{STAFF}/tickets/{seat['id']}", "acceptance", body)
        (hint,) = case["hints"]
        assert shown(hall, path)["reference"] in hint
        assert "取消" in hint

    def test_of_nobody_elses(self, hall: Hall) -> None:
        booked(hall)
        hall.drawn()
        seat = hall.seated()
        body = {"matter_id": str(hall.matter_id), "parties": [desk_party()]}
        assert hall.done(f"{STAFF}/tickets/{seat['id']}", "acceptance", body)["hints"] == []


def test_visits_without_a_result_are_listed_where_the_worklist_leads(
    hall: Hall, clock: SettableClock
) -> None:
    booking = hall.checked_in()
    number = hall.next().json["id"]
    hall.done(f"{STAFF}/tickets/{number}", "start")
    path = f"{STAFF}/unfinished-visits"
    assert hall.api.get(path, headers=hall.headers["clerk"]).json["items"] == []
    clock.set("2026-03-03 08:00")
    (row,) = hall.api.get(path, headers=hall.headers["clerk"]).json["items"]
    assert row["reference"] == booking.reference
    assert hall.api.get(path, headers=hall.headers["stranger"]).json["items"] == []
    listed = hall.api.get("/staff/worklist", headers=hall.headers["clerk"]).json["counters"]
    (found,) = [each for each in listed if each["code"] == "notary.no_result"]
    assert (found["count"], found["path"]) == (1, f"/api/v1{path}")


@pytest.mark.parametrize("safety", ["in_app_only", "no_contact"])
def test_of_who_has_no_account_it_is_not_said_that_the_portal_tells_them(
    hall: Hall, safety: str
) -> None:
    path = booked(hall, contact_phone="13800000000", contact_safety=safety)
    (hint,) = [each for each in shown(hall, path)["hints"] if "不要打电话" in each]
    assert "没有账号" in hint
    assert "平台" not in hint
    with_account = hall.booked(
        "2026-03-03 09:30", details={"contact_safety": ContactSafety(safety)}
    )
    (hint,) = [each for each in shown(hall, hall.at(with_account))["hints"] if "打电话" in each]
    assert "平台会按其意愿发消息" in hint
