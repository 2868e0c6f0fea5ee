"""Who waits in the hall, and who was marked as missed, reads what is to be done now, wherever they look."""

from __future__ import annotations

from datetime import date

import pytest

from portal.notary.errors import HoldExpired
from portal.notary.operations import confirming, freeing
from tests.conftest import SettableClock
from tests.factories.people import make_resident
from tests.notary.conftest import actor_of, details
from tests.notary.hall import STAFF, Booked, Hall
from tests.notary.test_schedule import close

CAME = {"text": "我按时到了，窗口没有叫到我的号。"}


def said(hall: Hall, booking: Booked) -> str:
    """The next step, the same in the appointment and in what became of it on its day."""
    whole = hall.api.get(f"/notary/appointments/{booking.id}", headers=hall.as_resident(booking))
    visit = hall.mine(booking, "visit")
    assert whole.json["next_step"] == visit["next_step"]
    text: str = visit["next_step"]
    return text


def offered(hall: Hall, booking: Booked) -> list[str]:
    whole = hall.api.get(f"/notary/appointments/{booking.id}", headers=hall.as_resident(booking))
    return [each["url"] for each in whole.json["allowed_actions"] if each["action"] == "appeal"]


def test_who_is_called_is_not_told_to_wait_and_who_was_passed_over_hears_of_it(hall: Hall) -> None:
    booking = hall.checked_in()
    assert said(hall, booking) == "您已签到，请等候叫号。"
    number = f"{STAFF}/tickets/{hall.next().json['id']}"
    assert said(hall, booking) == "已经叫到您的号，请马上到窗口办理。"
    hall.done(number, "pass")
    assert "已经过号；请找窗口的工作人员" in said(hall, booking)
    hall.done(number, "call", {"counter_id": str(hall.counter_id)})
    hall.done(number, "start")
    assert said(hall, booking) == "窗口正在为您办理。"
    hall.done(number, "completion")
    assert "结果由公证机构登记" in said(hall, booking)


def test_who_was_marked_as_missed_finds_where_to_appeal_in_the_appointment(
    hall: Hall, clock: SettableClock
) -> None:
    booking = hall.booked()
    clock.set("2026-03-02 11:00")
    hall.done(hall.at(booking), "no-show")
    assert "可以申诉一次" in said(hall, booking)
    (url,) = offered(hall, booking)
    answer = hall.api.post(url.removeprefix("/api/v1"), CAME, headers=hall.as_resident(booking))
    assert answer.status_code == 200, answer.json
    assert said(hall, booking) == "申诉已收到，公证机构处理后会通知您。"
    assert offered(hall, booking) == []
    decision = {"granted": False, "note": "叫号记录显示已经叫过三次。"}
    hall.done(hall.at(booking), "no-show-appeal-decision", decision)
    assert said(hall, booking).startswith("申诉不成立，理由见到场情况")


def test_who_loses_a_held_time_to_a_closure_is_not_told_that_they_were_too_slow(hall: Hall) -> None:
    resident = make_resident()
    person = actor_of(resident)
    held = hall.desk.hold(person, "2026-03-03 09:30")
    close(hall.desk, date(2026, 3, 3), reason="停电检修")
    with pytest.raises(HoldExpired) as refused:
        confirming.confirm(person, held.id, details())
    assert refused.value.message == "这个时段因停电检修不再办理，不能为您保留。"
    assert "换一个时段" in refused.value.next_step


def test_who_was_too_slow_is_told_so(hall: Hall, clock: SettableClock) -> None:
    resident = make_resident()
    person = actor_of(resident)
    held = hall.desk.hold(person, "2026-03-03 09:30")
    clock.advance(hours=1)
    for _ in ("before the job", "after it"):
        with pytest.raises(HoldExpired) as refused:
            confirming.confirm(person, held.id, details())
        assert refused.value.message == "保留时间已过，这个时段不再为您保留。"
        freeing.sweep()


def test_nobody_is_asked_to_accept_a_time_that_is_not_kept(hall: Hall) -> None:
    booking = hall.booked("2026-03-03 09:30")
    path, headers = f"/notary/appointments/{booking.id}", hall.as_resident(booking)
    close(hall.desk, date(2026, 3, 3))
    kept = hall.api.get(path, headers=headers).json
    assert kept["other_time"] is not None
    assert kept["next_step"].startswith("原时段不能办理，请接受为您留出的新时段")
    close(hall.desk, date(2026, 3, 2), date(2026, 4, 30))
    lost = hall.api.get(path, headers=headers).json
    assert lost["other_time"] is None
    assert "没有为您留出的新时段；请自己选择新的时间改期" in lost["next_step"]


@pytest.mark.parametrize("when", ["2026-03-02 20:00", "2026-03-07 10:00"])
def test_who_looks_while_nothing_is_open_is_told_to_come_another_day(
    hall: Hall, clock: SettableClock, when: str
) -> None:
    clock.set(when)
    shown = hall.api.get(f"/notary/offices/{hall.office_id}/queue").json
    assert (
        shown["wait_text"] == "今天没有窗口办理，或者已经停止办理；请换一天再来，或者在网上预约。"
    )


@pytest.mark.parametrize("when", ["2026-03-06 20:00", "2026-03-09 10:00"])
def test_of_an_office_that_has_closed_for_good_nobody_is_told_to_come_another_day(
    hall: Hall, clock: SettableClock, when: str
) -> None:
    seen = hall.api.get(hall.office, headers=hall.headers["clerk"]).headers["ETag"]
    headers = {**hall.headers["clerk"], "If-Match": seen}
    closes = hall.api.patch(hall.office, {"closes_on": "2026-03-06"}, headers=headers)
    assert closes.status_code == 200, closes.json
    clock.set(when)
    shown = hall.api.get(f"/notary/offices/{hall.office_id}/queue").json
    assert shown["wait_text"] == "该机构办理到2026年3月6日为止；请到别的公证机构办理。"
    refused = hall.api.post(f"{hall.office}/tickets", {}, headers=hall.headers["clerk"])
    assert (refused.status_code, refused.json["code"]) == (409, "not_served_today")
    assert refused.json["detail"] == "该机构办理到2026年3月6日为止，不再取号。"
    assert refused.json["next_step"] == "请到别的公证机构办理。"


def test_who_waits_still_when_all_have_closed_asks_the_staff(
    hall: Hall, clock: SettableClock
) -> None:
    booking = hall.checked_in()
    clock.set("2026-03-02 12:05")
    shown = hall.mine(booking, "visit")["ticket"]["wait_text"]
    assert shown == "今天的窗口已经停止办理，请向工作人员询问。"
