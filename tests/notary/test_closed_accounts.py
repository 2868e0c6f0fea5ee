"""An account is closed in the middle of things: the office finishes what it has begun, and is offered only what works."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import select

from portal.accounts.events import ResidentDeletionRequested
from portal.accounts.models import DocumentType
from portal.core import events
from portal.core.db import db
from portal.core.unit_of_work import unit_of_work
from portal.notary import case_settings
from portal.notary.models import NotaryBooking, NotaryParty
from portal.notary.parties import Agent
from portal.supervision import sweep as supervision
from tests.conftest import SettableClock
from tests.factories.people import id_number
from tests.notary.conftest import assert_books_balance, party
from tests.notary.hall import REASONS, STAFF, Booked, Hall, deadline_of, desk_party
from tests.notary.test_undoing import MISTAKEN, actions, number_of, shown, told

ERASED = "（账号已注销）"
PAPERS = {"ground": "supplement", "note": "请补交被继承人的死亡证明。"}
CAME = {"text": "我九点就到了，窗口说系统故障。"}


def close_account(booking: Booked) -> None:
    with unit_of_work():
        events.publish(ResidentDeletionRequested(booking.resident_id))


def names() -> list[str]:
    db.session.rollback()
    order = NotaryParty.booking_id, NotaryParty.position
    return list(db.session.scalars(select(NotaryParty.name).order_by(*order)))


def represented() -> dict[str, Any]:
    """What an appointment is made with to which an agent comes."""
    agent = Agent("李测试", "13900001234", DocumentType.RESIDENT_ID, id_number())
    return {"parties": (party(by_agent=True),), "details": {"agent": agent}}


class TestVoidedAcceptance:
    """What was accepted by mistake is voided, whether or not its person still has an account."""

    def voided(self, hall: Hall, **changes: Any) -> Booked:
        booking, path = hall.accepted(**changes)
        close_account(booking)
        assert names() == [ERASED]
        assert "revert_accept" in actions(hall.case(path))
        case = hall.done(path, "acceptance-reversal", MISTAKEN)
        assert case["state"] == "voided"
        return booking

    def test_they_are_at_the_desk_as_before(self, hall: Hall, run_jobs) -> None:
        booking = self.voided(hall)
        appointment = shown(hall, hall.at(booking))
        assert (appointment["state"], appointment["ticket"]["state"]) == ("checked_in", "waiting")
        assert [each["name"] for each in appointment["parties"]] == ["赵测试"]
        assert_books_balance()
        assert told(run_jobs, "notary.acceptance_reverted") == []

    def test_the_right_acceptance_follows_and_then_they_are_forgotten_again(
        self, hall: Hall
    ) -> None:
        booking = self.voided(hall, **represented())
        case = hall.done(hall.at(booking), "acceptance", {})
        assert [each["name"] for each in case["parties"]] == ["赵测试"]
        assert case["agent"]["name"] == "李测试"
        assert names() == [ERASED]
        assert db.session.scalars(select(NotaryBooking.agent)).all() == [None]
        assert_books_balance()

    def test_what_was_put_right_in_the_register_stays_right(self, hall: Hall) -> None:
        booking, path = hall.accepted()
        hall.done(path, "parties/0/correction", {"name": "赵测验", **MISTAKEN})
        close_account(booking)
        hall.done(path, "acceptance-reversal", MISTAKEN)
        assert names() == ["赵测验"]

    def test_a_refusal_may_be_what_was_right(self, hall: Hall) -> None:
        booking = self.voided(hall)
        hall.done(hall.at(booking), "non-acceptance", {"note": REASONS})
        assert names() == [ERASED]

    def test_not_once_the_matter_is_booked_anew(self, hall: Hall) -> None:
        somebody = party()
        booking, path = hall.accepted(parties=(somebody,))
        close_account(booking)
        hall.booked("2026-03-03 09:30", parties=(somebody,))
        refused = hall.step(path, "acceptance-reversal", MISTAKEN)
        assert (refused.status_code, refused.json["code"]) == (409, "already_booked")
        assert names() == [ERASED, "赵测试"]


def test_the_agent_is_known_until_the_office_is_done(hall: Hall) -> None:
    booking = hall.checked_in(**represented())
    close_account(booking)
    appointment = shown(hall, hall.at(booking))
    assert appointment["agent"]["name"] == "李测试"
    assert any("授权委托书" in each for each in appointment["hints"])
    right = {"document_number": id_number(), **MISTAKEN}
    hall.done(hall.at(booking), "parties/0/correction", right)
    case = hall.done(hall.at(booking), "acceptance", {})
    assert case["agent"]["name"] == "李测试", "the register names the agent"
    assert db.session.scalars(select(NotaryBooking.agent)).all() == [None]


def test_the_agent_is_forgotten_with_who_goes_away(hall: Hall) -> None:
    booking = hall.checked_in(**represented())
    close_account(booking)
    hall.done(number_of(hall, booking), "leaving")
    assert names() == [ERASED]
    assert db.session.scalars(select(NotaryBooking.agent)).all() == [None]


def test_that_somebody_is_forgotten_is_said_in_full_and_not_hidden_like_a_name(hall: Hall) -> None:
    booking, _ = hall.accepted()
    close_account(booking)
    sheet = hall.api.get(f"{hall.office}/sheet", headers=hall.headers["clerk"]).json
    for (there,) in (sheet["appointments"][0]["parties"], shown(hall, hall.at(booking))["parties"]):
        assert (there["name"], there["document_number"]) == (ERASED, ERASED)


class TestComingBack:
    """Who went away and comes back draws a number where nobody knows any more who they were."""

    @pytest.mark.parametrize("before", [True, False])
    def test_their_number_is_not_offered_to_wait_again(self, hall: Hall, before: bool) -> None:
        booking = hall.checked_in()
        number = number_of(hall, booking)
        if before:
            close_account(booking)
        hall.done(number, "leaving")
        if not before:
            assert "come_back" in actions(shown(hall, number))
            close_account(booking)
        assert actions(shown(hall, number)) == set()
        assert "come_back" not in actions(shown(hall, hall.at(booking)))
        (listed,) = shown(hall, f"{hall.office}/tickets?day=2026-03-02")["items"]
        assert actions(listed) == set()
        refused = hall.step(number, "return")
        assert (refused.status_code, refused.json["code"]) == (409, "account_closed")
        assert refused.json["next_step"] == "请当事人现场取号。"
        hall.drawn()
        seat = f"{STAFF}/tickets/{hall.seated()['id']}"
        body = {"matter_id": str(hall.matter_id), "parties": [desk_party()]}
        hall.done(seat, "acceptance", body)

    def test_whoever_waits_or_is_called_is_served_on(self, hall: Hall) -> None:
        booking = hall.checked_in()
        close_account(booking)
        number = f"{STAFF}/tickets/{hall.next().json['id']}"
        hall.done(number, "pass")
        assert "call" in actions(shown(hall, number))
        hall.done(number, "call", {"counter_id": str(hall.counter_id)})
        hall.done(number, "start")
        hall.done(hall.at(booking), "acceptance", {})


class TestMissed:
    """A mark is no appointment any more: it is disputed, not taken back, where nobody knows who they were."""

    def missed(self, hall: Hall, clock: SettableClock) -> Booked:
        booking = hall.booked()
        clock.set("2026-03-02 09:30")
        close_account(booking)
        hall.done(hall.at(booking), "no-show")
        return booking

    def test_a_mark_by_mistake_no_longer_counts_once_it_is_disputed(
        self, hall: Hall, clock: SettableClock
    ) -> None:
        booking = self.missed(hall, clock)
        assert "revert_no_show" not in actions(shown(hall, hall.at(booking)))
        refused = hall.step(hall.at(booking), "no-show-reversal")
        assert (refused.status_code, refused.json["code"]) == (409, "account_closed")
        assert "提出申诉" in refused.json["next_step"]
        asked = {"channel": "in_person", "identity_checked": True, **CAME}
        hall.done(hall.at(booking), "no-show-appeal", asked)
        body = {"granted": True, "note": "登记有误。"}
        decided = hall.done(hall.at(booking), "no-show-appeal-decision", body)
        assert decided["no_show"]["counts"] is False

    def test_who_comes_after_all_draws_a_number(self, hall: Hall, clock: SettableClock) -> None:
        booking = self.missed(hall, clock)
        refused = hall.step(hall.at(booking), "check-in")
        assert (refused.status_code, refused.json["code"]) == (409, "wrong_state")
        assert "现场取号" in refused.json["next_step"]
        assert "撤销" not in refused.json["next_step"]

    def test_an_open_appeal_is_decided_without_its_words(
        self, hall: Hall, clock: SettableClock, run_jobs
    ) -> None:
        booking = hall.booked()
        clock.set("2026-03-02 09:30")
        hall.done(hall.at(booking), "no-show")
        path = f"/notary/appointments/{booking.id}/no-show-appeal"
        hall.api.post(path, CAME, headers=hall.as_resident(booking))
        assert not any("申诉" in each for each in shown(hall, hall.at(booking))["hints"])
        close_account(booking)
        waiting = shown(hall, hall.at(booking))
        assert waiting["no_show"]["appeal_text"] is None
        assert any("申诉的内容随之清除" in each for each in waiting["hints"])
        body = {"granted": True, "note": "核对了当天的取号记录。"}
        decided = hall.done(hall.at(booking), "no-show-appeal-decision", body)
        assert decided["no_show"]["counts"] is False
        assert not any("申诉" in each for each in decided["hints"])
        assert told(run_jobs, "notary.appeal_granted") == []


class TestWatchOfDelay:
    """Whether papers come within half a year (NO-D7) is watched for the office, with or without an account."""

    @pytest.fixture(autouse=True)
    def watched(self) -> Iterator[None]:
        before = case_settings.current()
        case_settings.configure(dataclasses.replace(before, watch_party_delay=True))
        yield
        case_settings.configure(before)

    def test_it_goes_on_and_the_office_is_told(
        self, hall: Hall, clock: SettableClock, run_jobs
    ) -> None:
        booking, path = hall.accepted()
        hall.done(path, "pauses", PAPERS)
        close_account(booking)
        watch = deadline_of(hall.case(path), "NO-D7")
        assert watch is not None
        assert watch["due_on"] == "2026-09-02"
        clock.set("2026-08-25 09:00")
        supervision.sweep()
        assert told(run_jobs, "supervision.resident_reminder") == [], "nobody is reminded"
        clock.set("2026-09-03 09:00")
        supervision.sweep()
        assert len(told(run_jobs, "notary.staff.delayed")) == 3

    def test_it_begins_with_a_later_pause_too(self, hall: Hall) -> None:
        booking, path = hall.accepted()
        close_account(booking)
        case = hall.done(path, "pauses", PAPERS)
        assert deadline_of(case, "NO-D7") is not None
        case = hall.done(path, f"pauses/{case['pauses'][0]['id']}/end")
        assert deadline_of(case, "NO-D7") is None
