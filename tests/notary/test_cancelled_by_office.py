"""An appointment that the office cancels: why, by whom, that it does not count, and what to do next."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from portal.core.db import db
from portal.core.jobs import worker
from portal.notary.models import NotaryNoShow
from portal.notifications.models import Message
from tests.notary.hall import Booked, Hall

WHY = "承办公证员临时有庭审，当天无人替换。"


def mine(hall: Hall, booking: Booked) -> dict[str, Any]:
    path = f"/notary/appointments/{booking.id}"
    found: dict[str, Any] = hall.api.get(path, headers=hall.as_resident(booking)).json
    return found


def calendar(hall: Hall, booking: Booked) -> str:
    path = f"/notary/appointments/{booking.id}/calendar"
    text = hall.api.get(path, headers=hall.as_resident(booking)).text
    return text.replace("\r\n ", "")


def test_without_a_reason_it_is_not_done(hall: Hall) -> None:
    booking = hall.booked("2026-03-03 09:30")
    for body in (None, {}, {"reason": " "}):
        answer = hall.step(hall.at(booking), "cancellation", body)
        assert answer.status_code in (400, 422), answer.json
    assert mine(hall, booking)["state"] == "confirmed"


def test_the_person_reads_who_why_and_what_next(hall: Hall) -> None:
    booking = hall.booked("2026-03-03 09:30")
    shown = hall.done(hall.at(booking), "cancellation", {"reason": WHY})
    assert (shown["state"], shown["cancellation_reason"]) == ("cancelled", WHY)
    seen = mine(hall, booking)
    assert seen["cancellation_reason"] == WHY
    for said in ("公证机构取消", "不计入", "重新预约", "直接联系测试公证处"):
        assert said in seen["next_step"]
    last = seen["timeline"][-1]
    assert (last["by"], last["label"]) == ("staff", "公证机构取消预约")
    assert hall.mine(booking, "visit")["next_step"] == seen["next_step"]


def test_the_message_says_it_and_the_sms_nothing_of_it(hall: Hall) -> None:
    booking = hall.booked("2026-03-03 09:30")
    hall.done(hall.at(booking), "cancellation", {"reason": WHY})
    worker.drain()
    (message,) = [
        each
        for each in hall.api.get("/me/notifications", headers=hall.as_resident(booking)).json[
            "items"
        ]
        if each["title"] == "公证机构取消了预约"
    ]
    assert WHY in message["body"]
    assert "不计入您的未到场次数" in message["body"]
    sms = [
        each
        for each in db.session.scalars(select(Message))
        if each.template == "notary.cancelled_by_office" and each.channel.value == "sms"
    ]
    assert [each.params for each in sms] == [{}]


def test_the_calendar_says_that_it_is_off_and_not_to_cancel_it(hall: Hall) -> None:
    by_office, by_person = hall.booked("2026-03-03 09:30"), hall.booked("2026-03-03 10:00")
    assert "提前取消" in calendar(hall, by_office)
    hall.done(hall.at(by_office), "cancellation", {"reason": WHY})
    path = f"/notary/appointments/{by_person.id}/cancellation"
    assert hall.api.post(path, headers=hall.as_resident(by_person)).status_code == 200
    for booking, said in ((by_office, "公证机构取消了这个预约"), (by_person, "这个预约已取消")):
        text = calendar(hall, booking)
        assert "STATUS:CANCELLED" in text
        assert "提前取消" not in text
        assert said in text
        assert WHY not in text


def test_who_cancels_for_themselves_has_no_reason_and_is_told_as_before(hall: Hall) -> None:
    booking = hall.booked("2026-03-03 09:30")
    path = f"/notary/appointments/{booking.id}/cancellation"
    seen = hall.api.post(path, headers=hall.as_resident(booking)).json
    assert seen["cancellation_reason"] is None
    assert "公证机构" not in seen["next_step"]
    assert seen["timeline"][-1]["label"] == "取消预约"


def test_it_counts_against_nobody(hall: Hall) -> None:
    booking = hall.booked("2026-03-03 09:30")
    hall.done(hall.at(booking), "cancellation", {"reason": WHY})
    assert db.session.scalars(select(NotaryNoShow)).all() == []


def test_the_export_has_the_reason(hall: Hall) -> None:
    booking = hall.booked("2026-03-03 09:30")
    hall.done(hall.at(booking), "cancellation", {"reason": WHY})
    assert WHY in str(hall.api.get("/me/export", headers=hall.as_resident(booking)).json)
