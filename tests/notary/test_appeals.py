"""A missed appointment from the mark to the decision over its appeal: what counts, who is told what, and what ends when."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from portal.core.jobs import worker
from portal.notary import retention
from portal.notary.parties import Party
from tests.conftest import SettableClock
from tests.notary.caller import ASKED, MOBILE
from tests.notary.caller import booked as rung
from tests.notary.conftest import party
from tests.notary.hall import STAFF, Booked, Hall
from tests.notary.test_undoing import actions, shown, told
from tests.notary.test_visit_wording import offered, said

TEXT = {"text": "我九点就到了，窗口说系统故障。"}
LAST_DAY, AFTER = "2026-06-02 09:00", "2026-06-03 09:00"
GRANTED = {"granted": True, "note": "核对了当天的取号记录，属实。"}
DENIED = {"granted": False, "note": "叫号记录显示已经叫过三次。"}


def missed(hall: Hall, clock: SettableClock, *parties: Party) -> Booked:
    booking = hall.booked(parties=parties or (party(),))
    clock.set("2026-03-02 11:30")
    hall.done(hall.at(booking), "no-show")
    return booking


def appeal(hall: Hall, booking: Booked) -> Any:
    path = f"/notary/appointments/{booking.id}/no-show-appeal"
    return hall.api.post(path, TEXT, headers=hall.as_resident(booking))


def decide(hall: Hall, booking: Booked, body: dict[str, Any]) -> dict[str, Any]:
    return hall.done(hall.at(booking), "no-show-appeal-decision", body)


def at_desk(hall: Hall, booking: Booked) -> Any:
    return hall.step(hall.at(booking), "no-show-appeal", {**ASKED, **TEXT})


def may_book(hall: Hall, somebody: Party) -> bool:
    """Whether the office still lets somebody book, without doing it."""
    path = f"{hall.office}/appointments"
    body = {
        **ASKED,
        "matter_id": str(hall.matter_id),
        "starts_at": "2026-03-04T09:00:00+08:00",
        "connection_basis": "domicile",
        "parties": [
            {
                "name": somebody.name,
                "document_type": "resident_id",
                "document_number": somebody.document_number,
            }
        ],
        "checklist_read": True,
    }
    answer = hall.api.post(path, body, headers=hall.headers["clerk"])
    if answer.status_code == 201:
        hall.done(f"{STAFF}/appointments/{answer.json['id']}", "withdrawal", ASKED)
        return True
    assert (answer.status_code, answer.json["code"]) == (409, "too_many_no_shows")
    return False


def test_what_counts_follows_the_mark_the_appeal_and_its_decision(
    hall: Hall, clock: SettableClock
) -> None:
    somebody = party()
    first = missed(hall, clock, somebody)
    clock.set("2026-03-03 08:00")
    second = hall.booked("2026-03-03 09:30", parties=(somebody,))
    assert may_book(hall, party())
    clock.set("2026-03-03 10:00")
    hall.done(hall.at(second), "no-show")
    assert not may_book(hall, somebody), "two marks are as many as the office allows"
    assert appeal(hall, first).status_code == 200
    assert not may_book(hall, somebody), "a mark counts until its appeal is decided"
    decide(hall, first, DENIED)
    assert not may_book(hall, somebody)
    hall.done(hall.at(first), "no-show-appeal-reopening")
    assert not may_book(hall, somebody)
    decide(hall, first, GRANTED)
    assert may_book(hall, somebody)
    assert hall.done(hall.at(second), "no-show-reversal")["state"] == "confirmed"


def test_whoever_disputes_first_is_decided_first(hall: Hall, clock: SettableClock) -> None:
    early, late = hall.booked("2026-03-02 09:30"), hall.booked("2026-03-02 10:00")
    clock.set("2026-03-02 11:00")
    for booking in (early, late):
        hall.done(hall.at(booking), "no-show")
    appeal(hall, late)
    clock.advance(minutes=5)
    appeal(hall, early)
    path, found = f"{STAFF}/no-show-appeals?size=1", []
    while path:
        page = shown(hall, path)
        found += [each["reference"] for each in page["items"]]
        following = page["page"]["next"]
        path = following and f"{STAFF}/no-show-appeals?size=1&cursor={following}"
    assert found == [late.reference, early.reference]


class TestOnceOnly:
    """The second appeal is refused, with what can be done instead."""

    @pytest.mark.parametrize("decision", [None, GRANTED, DENIED])
    def test_the_person_sees_the_result_or_asks_the_office(
        self, hall: Hall, clock: SettableClock, decision: dict[str, Any] | None
    ) -> None:
        booking = missed(hall, clock)
        appeal(hall, booking)
        if decision is not None:
            decide(hall, booking, decision)
        assert offered(hall, booking) == []
        refused = appeal(hall, booking)
        assert (refused.status_code, refused.json["code"]) == (409, "already_appealed")
        assert "联系公证机构" in refused.json["next_step"]

    def test_the_clerk_decides_it_or_takes_it_up_again(
        self, hall: Hall, clock: SettableClock
    ) -> None:
        booking = missed(hall, clock)
        appeal(hall, booking)
        refused = at_desk(hall, booking)
        assert (refused.status_code, refused.json["code"]) == (409, "already_appealed")
        assert "重新处理" in refused.json["next_step"]
        decide(hall, booking, DENIED)
        assert at_desk(hall, booking).status_code == 409
        hall.done(hall.at(booking), "no-show-appeal-reopening")


class TestOnceItCountsNoMore:
    """There is nothing to dispute any more, whether or not the mark was removed yet."""

    @pytest.mark.parametrize("removed", [False, True])
    def test_no_appeal_is_offered_or_taken(
        self, hall: Hall, clock: SettableClock, removed: bool
    ) -> None:
        booking = missed(hall, clock)
        clock.set(LAST_DAY)
        assert len(offered(hall, booking)) == 1
        assert "appeal" in actions(shown(hall, hall.at(booking)))
        clock.set(AFTER)
        assert retention.remove_no_shows() == 1 if removed else True
        assert offered(hall, booking) == []
        assert "appeal" not in actions(shown(hall, hall.at(booking)))
        assert "不再计入次数" in said(hall, booking)
        for answer in (appeal(hall, booking), at_desk(hall, booking)):
            assert (answer.status_code, answer.json["code"]) == (409, "no_show_expired")
            assert "重新预约" in answer.json["next_step"]

    def test_what_was_disputed_in_time_is_decided_and_its_reasons_can_be_read(
        self, hall: Hall, clock: SettableClock
    ) -> None:
        booking = missed(hall, clock)
        clock.set(LAST_DAY)
        appeal(hall, booking)
        clock.set(AFTER)
        assert retention.remove_no_shows() == 0
        assert decide(hall, booking, DENIED)["no_show"]["counts"] is False
        assert retention.remove_no_shows() == 0, "they were told to look at the reasons"
        assert hall.mine(booking, "visit")["no_show"]["decision_note"] == DENIED["note"]
        assert "不再计入次数" in said(hall, booking)
        clock.advance(seconds=retention.READABLE // timedelta(seconds=1) + 1)
        assert retention.remove_no_shows() == 1

    def test_a_denial_that_counts_does_not_say_so(self, hall: Hall, clock: SettableClock) -> None:
        booking = missed(hall, clock)
        appeal(hall, booking)
        decide(hall, booking, DENIED)
        assert "不再计入" not in said(hall, booking)


def test_the_mark_is_told_with_its_last_day(hall: Hall, clock: SettableClock) -> None:
    booking = missed(hall, clock)
    worker.drain()
    mine = hall.api.get("/me/notifications", headers=hall.as_resident(booking)).json["items"]
    (text,) = [each["body"] for each in mine if each["title"] == "登记为未到场"]
    assert "到 2026年6月2日 为止计入" in text


def test_a_mark_taken_back_takes_its_appeal_along(hall: Hall, clock: SettableClock) -> None:
    booking = missed(hall, clock)
    appeal(hall, booking)
    hall.done(hall.at(booking), "no-show-reversal")
    assert shown(hall, f"{STAFF}/no-show-appeals")["items"] == []
    refused = hall.step(hall.at(booking), "no-show-appeal-decision", GRANTED)
    assert (refused.status_code, refused.json["code"]) == (409, "no_appeal")
    hall.done(hall.at(booking), "no-show")
    assert appeal(hall, booking).status_code == 200, "another mark is disputed anew"


class TestWithoutAccount:
    """Who has no account was not at the desk either: an SMS asks them to ask."""

    @pytest.mark.parametrize(
        ("decision", "template"),
        [(GRANTED, "notary.appeal_granted"), (DENIED, "notary.appeal_denied")],
    )
    def test_they_hear_of_the_mark_and_of_the_decision(
        self,
        hall: Hall,
        clock: SettableClock,
        run_jobs,
        decision: dict[str, Any],
        template: str,
    ) -> None:
        path = rung(hall, contact_phone=MOBILE)
        clock.set("2026-03-03 10:00")
        hall.done(path, "no-show")
        assert len(told(run_jobs, "notary.no_show")) == 1
        hall.done(path, "no-show-appeal", {**ASKED, **TEXT})
        hall.done(path, "no-show-appeal-decision", decision)
        (message,) = told(run_jobs, template)
        assert (message.channel.value, message.state.value) == ("sms", "sent")

    def test_and_that_it_was_taken_back_or_taken_up_again(
        self, hall: Hall, clock: SettableClock, run_jobs
    ) -> None:
        path = rung(hall, contact_phone=MOBILE)
        clock.set("2026-03-03 10:00")
        hall.done(path, "no-show")
        hall.done(path, "no-show-appeal", {**ASKED, **TEXT})
        hall.done(path, "no-show-appeal-decision", DENIED)
        hall.done(path, "no-show-appeal-reopening")
        assert len(told(run_jobs, "notary.appeal_reopened")) == 1
        hall.done(path, "no-show-reversal")
        assert len(told(run_jobs, "notary.no_show_reverted")) == 1
