"""What people are told fits what is the case: links tapped twice, papers, certificates, pauses, counters."""

from __future__ import annotations

from datetime import date

import pytest

from portal.accounts import queries as accounts
from portal.core.jobs import worker
from portal.notary.operations import freeing, waiting
from tests.conftest import SettableClock
from tests.factories.people import resident_headers
from tests.notary.hall import Booked, Hall
from tests.notary.test_never import fill

SUPPLEMENT = {"ground": "supplement", "note": "请补交户口簿原件。"}
VERIFY = {"ground": "verification", "note": "向有关单位核实学历。"}
FLOOD = {"ground": "force_majeure", "note": "暴雨停电，无法办理。"}


def titles(hall: Hall, booking: Booked) -> dict[str, str]:
    worker.drain()
    listed = hall.api.get("/me/notifications", headers=hall.as_resident(booking)).json["items"]
    return {each["title"]: each["body"] for each in listed}


def test_a_cancelled_appointment_is_not_moved_even_to_its_own_time(hall: Hall) -> None:
    booking = hall.booked("2026-03-03 09:30")
    path, headers = f"/notary/appointments/{booking.id}", hall.as_resident(booking)
    seen = hall.api.post(f"{path}/cancellation", headers=headers).json
    for when in (seen["starts_at"], "2026-03-03T10:00:00+08:00", "2026-03-07T09:00:00+08:00"):
        answer = hall.api.post(f"{path}/reschedule", {"starts_at": when}, headers=headers)
        assert (answer.status_code, answer.json["code"]) == (409, "wrong_state")


def test_a_link_that_comes_too_late_says_what_can_be_done_without_an_account(
    hall: Hall, clock: SettableClock
) -> None:
    booking = hall.booked("2026-03-02 09:30")
    path = f"/notary/appointments/{booking.id}"
    token = hall.api.get(path, headers=hall.as_resident(booking)).json["cancellation_token"]
    hall.done(hall.at(booking), "check-in")
    body = {"appointment_id": str(booking.id), "token": token}
    answer = hall.api.post("/notary/cancellations", body)
    assert (answer.status_code, answer.json["code"]) == (409, "wrong_state")
    assert "直接联系测试公证处" in answer.json["next_step"]
    assert "刷新" not in answer.json["next_step"]


def test_who_is_called_reads_the_name_of_the_counter_without_a_gap(hall: Hall) -> None:
    booking = hall.checked_in()
    hall.next()
    assert f"请到“{hall.counter}”办理" in titles(hall, booking)["请到窗口办理"]


def test_who_let_an_offer_pass_is_not_told_of_a_next_person_who_may_not_be_there(
    hall: Hall, clock: SettableClock
) -> None:
    desk, day = hall.desk, date(2026, 3, 3)
    holder, waits = desk.person(), desk.person()
    booked = desk.confirmed(holder, "2026-03-03 09:00")
    fill(desk)
    waiting.join(waits, waiting.WaitingWish(desk.matter.id, day, day, desk.office.id))
    desk.cancel(holder, booked)
    clock.advance(minutes=desk.office.offer_minutes + 1)
    freeing.sweep()
    worker.drain()
    headers = resident_headers(resident=accounts.resident(waits.id))
    told, *_ = hall.api.get("/me/notifications", headers=headers).json["items"]
    assert "不再为您保留" in told["body"]
    assert "下一位" not in f"{told['title']}{told['body']}"


class TestCertificate:
    def test_who_has_not_collected_it_is_told_to(self, hall: Hall) -> None:
        booking, path = hall.accepted()
        hall.done(path, "certificate", hall.certificate())
        assert "带身份证件领取" in hall.mine(booking, "case")["next_step"]
        assert "带身份证件领取" in titles(hall, booking)["公证书已出具"]

    def test_who_has_it_is_not(self, hall: Hall) -> None:
        booking, path = hall.issued()
        said = hall.mine(booking, "case")["next_step"]
        assert "带身份证件领取" not in said
        assert "已经领取" in said
        assert "复查" in said
        assert "带身份证件领取" not in titles(hall, booking)["公证书已出具"]
        assert hall.case(path)["next_step"] == "公证书已经领取。"


class TestPauses:
    def test_who_has_to_bring_papers_is_told_where(self, hall: Hall) -> None:
        booking, path = hall.accepted()
        hall.done(path, "pauses", SUPPLEMENT)
        said = hall.mine(booking, "case")["next_step"]
        assert "测试公证处（测试路 1 号）" in said
        assert "电话" not in said, "none was entered"

    @pytest.mark.parametrize("ground", [VERIFY, FLOOD])
    def test_who_has_nothing_to_bring_is_not_asked_for_papers(
        self, hall: Hall, ground: dict[str, str]
    ) -> None:
        booking, path = hall.accepted()
        hall.done(path, "pauses", ground)
        said = hall.mine(booking, "case")["next_step"]
        assert "不用您补充" in said
        assert "尽快" not in said

    @pytest.mark.parametrize(
        ("ground", "said"),
        [(SUPPLEMENT, "补充证明材料"), (VERIFY, "核实有关情况"), (FLOOD, "不可抗力")],
    )
    def test_the_timeline_names_the_ground_and_no_other(
        self, hall: Hall, ground: dict[str, str], said: str
    ) -> None:
        booking, path = hall.accepted()
        case = hall.done(path, "pauses", ground)
        (pause,) = case["pauses"]
        hall.done(path, f"pauses/{pause['id']}/end")
        labels = [each["label"] for each in hall.mine(booking, "case")["timeline"]]
        assert labels[-2:] == [f"期限暂停：{said}", f"暂停原因结束：{said}"]
