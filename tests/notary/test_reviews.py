"""Reviews of a certificate over HTTP, and what runs out by itself."""

from __future__ import annotations

import dataclasses

import pytest
from sqlalchemy import select

from portal.accounts.events import ResidentDeletionRequested, ResidentExportRequested
from portal.core import events
from portal.core.actor import SYSTEM
from portal.core.db import db
from portal.core.unit_of_work import unit_of_work
from portal.notary import case_settings
from portal.notifications.models import Message
from portal.supervision import sweep as supervision
from portal.supervision.models import Deadline
from portal.working_days import operations as working_days
from tests.notary.hall import REASONS, STAFF, Hall, deadline_of, desk_party
from tests.supervision.test_recount import table_2027

REQUEST = {
    "error": "公证书上的出生日期写错了。",
    "reasons": "户口簿上是 1990 年 3 月 7 日，公证书写成了 1999 年。",
    "request": "请求更正。",
    "proof": "户口簿复印件一份。",
}
INTERESTED = {**REQUEST, "by": "interested"}
VERIFY = {"ground": "verification", "note": "向户籍机关核实出生日期。"}


def ask(hall: Hall, booking, **changes):
    return hall.api.post(
        f"/notary/appointments/{booking.id}/case/review",
        {**REQUEST, **changes},
        headers=hall.as_resident(booking),
    )


def decided(hall: Hall, path: str, outcome: str, who: str = "colleague"):
    return hall.done(path, "review-decision", {"outcome": outcome, "note": REASONS}, who=who)


def offers_pause(hall: Hall, path: str) -> list[bool]:
    """Whether the review may pause, as the case says and as the list of cases does."""
    listed = hall.api.get(f"{STAFF}/cases?state=review", headers=hall.headers["clerk"]).json[
        "items"
    ]
    found = [hall.case(path), next(each for each in listed if path.endswith(each["id"]))]
    return ["pause_review" in {a["action"] for a in each["allowed_actions"]} for each in found]


def state_of(rule: str) -> list[str]:
    db.session.rollback()
    rows = db.session.scalars(
        select(Deadline.state).where(Deadline.rule_id == rule).order_by(Deadline.id)
    )
    return [state.value for state in rows]


def test_a_party_asks_in_writing_and_the_review_runs_thirty_days(hall: Hall) -> None:
    booking, path = hall.issued()
    offered = hall.mine(booking, "case")["allowed_actions"]
    assert [action["action"] for action in offered] == ["ask_review"]
    answer = ask(hall, booking)
    assert answer.status_code == 200, answer.json
    assert answer.json["state"] == "review"
    assert deadline_of(answer.json, "NO-D5")["due_on"] == "2026-04-01"
    assert state_of("NO-D3") == ["met"]
    (review,) = hall.case(path)["reviews"]
    assert review["request"]["error"] == REQUEST["error"]
    assert (review["late"], review["outcome"]) == (False, None)


def test_the_request_names_error_reasons_and_wish(hall: Hall) -> None:
    booking, _ = hall.issued()
    assert ask(hall, booking, reasons="").status_code == 422


def test_only_a_certificate_can_be_reviewed(hall: Hall) -> None:
    booking, path = hall.accepted()
    assert ask(hall, booking).status_code == 409
    hall.done(path, "refusal", {"ground": "RF4", "note": REASONS})
    assert ask(hall, booking).status_code == 409


def test_maintained_is_told_with_its_reasons_and_may_be_asked_again(
    hall: Hall,
    run_jobs,
) -> None:
    booking, path = hall.issued()
    ask(hall, booking)
    case = decided(hall, path, "maintain")
    assert (case["state"], case["hints"]) == ("maintained", [])
    assert case["reviews"][0]["reviewer"] == "乙公证员"
    mine = hall.mine(booking, "case")
    assert mine["reviews"][0]["note"] == REASONS
    assert mine["reviews"][0]["reviewer"] is None
    assert "民事诉讼" in mine["next_step"]
    assert state_of("NO-D5") == ["met"]
    run_jobs()
    message = db.session.scalars(
        select(Message)
        .where(Message.template == "notary.review_decided")
        # The whole message before its short form by SMS.
        .order_by(Message.channel)
    ).first()
    assert message is not None
    assert message.params == {"outcome": "维持"}
    assert ask(hall, booking).json["state"] == "review"


def test_a_correction_is_decided_and_then_carried_out_within_ten_days(hall: Hall) -> None:
    booking, path = hall.issued()
    ask(hall, booking)
    case = decided(hall, path, "correct")
    assert case["state"] == "correcting"
    assert deadline_of(case, "NO-D6")["due_on"] == "2026-03-12"
    assert hall.step(path, "revocation").status_code == 409
    assert hall.done(path, "correction")["state"] == "corrected"
    assert state_of("NO-D6") == ["met"]


def test_who_may_ask_for_a_review_is_told_until_when(hall: Hall, clock) -> None:
    booking, path = hall.accepted()
    hall.done(path, "certificate", hall.certificate())
    assert "领取后 1 年内申请复查" in hall.mine(booking, "case")["next_step"]
    hall.done(path, "receipt", {"received_on": "2026-03-02"})
    assert "期限到2027年3月2日为止" in hall.mine(booking, "case")["next_step"]
    ask(hall, booking)
    decided(hall, path, "correct")
    hall.done(path, "correction")
    corrected = hall.mine(booking, "case")["next_step"]
    assert "公证书已更正" in corrected
    assert "期限到2027年3月2日为止" in corrected
    clock.set("2027-03-03 09:00")
    assert "已经届满" in hall.mine(booking, "case")["next_step"]


def test_a_revoked_certificate_is_void_from_the_start(hall: Hall) -> None:
    booking, path = hall.issued()
    ask(hall, booking)
    decided(hall, path, "revoke")
    assert hall.done(path, "revocation")["state"] == "revoked"
    mine = hall.mine(booking, "case")
    assert "自始无效" in mine["next_step"]
    assert mine["allowed_actions"] == []


def test_who_reviews_their_own_case_is_warned_and_not_stopped(hall: Hall) -> None:
    booking, path = hall.issued()
    ask(hall, booking)
    case = decided(hall, path, "maintain", who="clerk")
    assert "承办人" in case["hints"][0]
    before = case_settings.current()
    case_settings.configure(dataclasses.replace(before, warn_same_reviewer=False))
    try:
        ask(hall, booking)
        assert decided(hall, path, "maintain", who="clerk")["hints"] == []
    finally:
        case_settings.configure(before)


def test_a_late_request_is_taken_and_marked(hall: Hall, clock) -> None:
    booking, path = hall.issued()
    clock.set("2027-03-02 23:00")
    assert ask(hall, booking).json["hints"] == []
    hall.done(path, "review-decision", {"outcome": "maintain", "note": REASONS})
    clock.set("2027-03-03 00:00")
    answer = ask(hall, booking)
    assert answer.status_code == 200
    assert "超过期限" in answer.json["hints"][0]
    assert [review["late"] for review in hall.case(path)["reviews"]] == [False, True]


def test_an_interested_person_asks_at_the_desk_within_a_year_of_knowing(
    hall: Hall,
    clock,
) -> None:
    _, path = hall.issued()
    assert hall.step(path, "review", INTERESTED).status_code == 422
    clock.set("2028-05-10 09:00")
    case = hall.done(path, "review", {**INTERESTED, "knew_on": "2027-05-10"})
    assert case["reviews"][-1]["late"] is False
    decided(hall, path, "maintain")
    case = hall.done(path, "review", {**INTERESTED, "knew_on": "2027-05-09"})
    assert case["reviews"][-1]["late"] is True
    assert "超过期限" in case["hints"][0]


def test_twenty_years_after_the_certificate_it_is_late_whenever_one_knew(
    hall: Hall,
    clock,
) -> None:
    _, path = hall.issued()
    clock.set("2046-03-03 09:00")
    case = hall.done(path, "review", {**INTERESTED, "knew_on": "2046-03-01"})
    assert case["reviews"][-1]["late"] is True


@pytest.mark.parametrize("day", ["2026-03-03", "2026-03-01"])
def test_nobody_knew_of_it_in_the_future_or_before_it_was_issued(hall: Hall, day: str) -> None:
    _, path = hall.issued()
    answer = hall.step(path, "review", {**INTERESTED, "knew_on": day})
    assert answer.status_code == 422
    assert answer.json["errors"] == {"knew_on": ["应当不早于出具的日期，也不晚于今天。"]}
    assert hall.case(path)["reviews"] == []


class TestSeveral:
    """Reviews follow one another; none takes the place of another."""

    def test_every_review_keeps_its_dates_its_request_and_its_outcome(
        self, hall: Hall, clock
    ) -> None:
        booking, path = hall.issued()
        ask(hall, booking)
        clock.set("2026-03-10 09:00")
        decided(hall, path, "maintain")
        clock.set("2026-04-01 09:00")
        ask(hall, booking, error="公证书上的地址也写错了。")
        clock.set("2026-04-02 09:00")
        decided(hall, path, "correct")
        clock.set("2026-04-03 09:00")
        hall.done(path, "correction")
        for shown in (hall.case(path), hall.mine(booking, "case")):
            assert [
                (r["asked_on"], r["decided_on"], r["closed_on"], r["outcome"])
                for r in shown["reviews"]
            ] == [
                ("2026-03-02", "2026-03-10", "2026-03-10", "maintain"),
                ("2026-04-01", "2026-04-02", "2026-04-03", "correct"),
            ]
            assert shown["reviews"][0]["request"]["error"] == REQUEST["error"]
            assert shown["reviews"][1]["request"]["error"] == "公证书上的地址也写错了。"

    def test_each_review_has_its_thirty_days_and_its_ten(self, hall: Hall, clock) -> None:
        booking, path = hall.issued()
        ask(hall, booking)
        decided(hall, path, "maintain")
        clock.set("2026-04-01 09:00")
        assert deadline_of(ask(hall, booking).json, "NO-D5")["due_on"] == "2026-05-06"
        clock.set("2026-04-02 09:00")
        case = decided(hall, path, "correct")
        assert deadline_of(case, "NO-D6")["due_on"] == "2026-04-13"
        assert state_of("NO-D5") == ["met", "met"]

    def test_each_review_may_pause_for_six_months(self, hall: Hall, clock, run_jobs) -> None:
        booking, path = hall.issued()
        ask(hall, booking)
        hall.done(path, "pauses", VERIFY)
        clock.set("2026-09-15 09:00")
        supervision.sweep()
        run_jobs()
        assert hall.step(path, "pauses", VERIFY).json["code"] == "pauses_used_up"
        assert offers_pause(hall, path) == [False, False]
        decided(hall, path, "maintain")
        clock.set("2026-09-16 09:00")
        ask(hall, booking)
        assert offers_pause(hall, path) == [True, True]
        assert deadline_of(hall.done(path, "pauses", VERIFY), "NO-D5")["paused"] is True

    @pytest.mark.parametrize("outcome", [None, "correct", "revoke"])
    def test_a_second_request_while_one_is_open_is_refused_in_plain_words(
        self, hall: Hall, outcome: str | None
    ) -> None:
        booking, path = hall.issued()
        ask(hall, booking)
        if outcome:
            decided(hall, path, outcome)
        second = hall.step(path, "review", {**INTERESTED, "knew_on": "2026-03-02"})
        for answer in (ask(hall, booking), second):
            assert (answer.status_code, answer.json["code"]) == (409, "review_open")
            assert "2026年3月2日" in answer.json["detail"]
            assert "办结后可以再次申请" in answer.json["next_step"]
        assert len(hall.case(path)["reviews"]) == 1

    def test_after_a_revocation_there_is_nothing_left_to_review(self, hall: Hall) -> None:
        booking, path = hall.issued()
        ask(hall, booking)
        decided(hall, path, "revoke")
        hall.done(path, "revocation")
        assert ask(hall, booking).json["code"] == "wrong_state"

    def test_the_year_of_the_party_runs_on_after_a_review(self, hall: Hall, clock) -> None:
        booking, path = hall.issued()
        ask(hall, booking)
        assert deadline_of(hall.case(path), "NO-D3") is None
        clock.set("2026-03-10 09:00")
        decided(hall, path, "maintain")
        # Still a year from the receipt, not from the decision.
        assert deadline_of(hall.mine(booking, "case"), "NO-D3")["due_on"] == "2027-03-02"

    def test_so_it_does_for_somebody_without_an_appointment(self, hall: Hall) -> None:
        hall.drawn()
        seat = f"{STAFF}/tickets/{hall.seated()['id']}"
        body = {"matter_id": str(hall.matter_id), "parties": [desk_party()]}
        path = f"{STAFF}/cases/{hall.done(seat, 'acceptance', body)['id']}"
        case = hall.done(path, "certificate", hall.certificate(handed_over=True))
        assert deadline_of(case, "NO-D3")["due_on"] == "2027-03-02"
        hall.done(path, "review", {**REQUEST, "by": "party"})
        case = decided(hall, path, "maintain")
        assert deadline_of(case, "NO-D3")["due_on"] == "2027-03-02"

    def test_the_request_of_somebody_else_does_not_use_up_the_year_of_the_party(
        self, hall: Hall
    ) -> None:
        _, path = hall.issued()
        case = hall.done(path, "review", {**INTERESTED, "knew_on": "2026-03-02"})
        assert deadline_of(case, "NO-D3") is not None
        decided(hall, path, "revoke")
        hall.done(path, "revocation")
        assert state_of("NO-D3") == ["cancelled"]

    def test_the_party_does_not_read_what_somebody_else_has_written(self, hall: Hall) -> None:
        booking, path = hall.issued()
        hall.done(path, "review", {**INTERESTED, "knew_on": "2026-03-02"})
        (mine,) = hall.mine(booking, "case")["reviews"]
        assert (mine["by"], mine["request"]) == ("interested", None)
        data: dict = {}
        with unit_of_work():
            events.publish(ResidentExportRequested(booking.resident_id, data.__setitem__))
        assert data["notary_cases"][0]["reviews"][0]["request"] is None


class TestReceipt:
    """The receipt is written down whether or not a review is under way."""

    def issued(self, hall: Hall):
        booking, path = hall.accepted()
        hall.done(path, "certificate", hall.certificate())
        return booking, path

    def test_the_certificate_is_handed_over_while_it_is_under_review(
        self, hall: Hall, clock
    ) -> None:
        booking, path = self.issued(hall)
        ask(hall, booking)
        clock.set("2026-03-04 09:00")
        assert "hand_over" in {a["action"] for a in hall.case(path)["allowed_actions"]}
        case = hall.done(path, "receipt", {"received_on": "2026-03-03"})
        assert (case["state"], case["received_on"]) == ("review", "2026-03-03")
        assert deadline_of(case, "NO-D3") is None, "the party has asked"
        case = decided(hall, path, "maintain")
        assert deadline_of(case, "NO-D3")["due_on"] == "2027-03-03"

    @pytest.mark.parametrize("outcome", ["maintain", "correct"])
    def test_and_after_the_decision(self, hall: Hall, outcome: str) -> None:
        booking, path = self.issued(hall)
        ask(hall, booking)
        decided(hall, path, outcome)
        case = hall.done(path, "receipt", {"received_on": "2026-03-02"})
        if outcome == "correct":
            case = hall.done(path, "correction")
        assert deadline_of(case, "NO-D3")["due_on"] == "2027-03-02"
        assert hall.step(path, "receipt", {"received_on": "2026-03-02"}).status_code == 409

    def test_nothing_runs_for_whoever_closed_the_account_before(self, hall: Hall) -> None:
        booking, path = self.issued(hall)
        with unit_of_work():
            events.publish(ResidentDeletionRequested(booking.resident_id))
        case = hall.done(path, "receipt", {"received_on": "2026-03-02"})
        assert (case["received_on"], case["deadlines"]) == ("2026-03-02", [])

    def test_what_is_to_be_revoked_is_not_handed_out_but_an_earlier_receipt_is_noted(
        self, hall: Hall, clock
    ) -> None:
        booking, path = self.issued(hall)
        ask(hall, booking)
        clock.set("2026-03-04 09:00")
        decided(hall, path, "revoke")
        clock.set("2026-03-05 09:00")
        answer = hall.step(path, "receipt", {"received_on": "2026-03-05"})
        assert answer.status_code == 422
        assert "撤销" in answer.json["errors"]["received_on"][0]
        case = hall.done(path, "receipt", {"received_on": "2026-03-03"})
        assert (case["state"], case["received_on"]) == ("revoking", "2026-03-03")
        assert deadline_of(case, "NO-D3") is None

    def test_a_receipt_written_down_later_tells_that_the_request_was_late(
        self, hall: Hall, clock
    ) -> None:
        booking, path = self.issued(hall)
        clock.set("2027-05-10 09:00")
        assert ask(hall, booking).json["reviews"][0]["late"] is False
        case = hall.done(path, "receipt", {"received_on": "2026-03-03"})
        assert case["reviews"][0]["late"] is True


class TestPauses:
    def test_a_review_stands_still_while_something_is_verified(self, hall: Hall, clock) -> None:
        booking, path = hall.issued()
        ask(hall, booking)
        clock.set("2026-03-12 09:00")
        case = hall.done(path, "pauses", VERIFY)
        assert case["state"] == "review"
        assert deadline_of(case, "NO-D5")["paused"] is True
        (end,) = [a for a in case["allowed_actions"] if a["action"] == "resume_review"]
        clock.set("2026-03-22 09:00")
        case = hall.done(path, end["url"].removeprefix(f"/api/v1{path}/"))
        # Twenty days were left on 12 March.
        assert deadline_of(case, "NO-D5")["due_on"] == "2026-04-13"
        assert deadline_of(case, "NO-D5")["paused"] is False

    def test_all_pauses_together_last_six_months_at_most(
        self,
        hall: Hall,
        clock,
        run_jobs,
    ) -> None:
        booking, path = hall.issued()
        ask(hall, booking)
        hall.done(path, "pauses", VERIFY)
        clock.set("2026-05-02 09:00")
        (pause,) = hall.case(path)["pauses"]
        hall.done(path, f"pauses/{pause['id']}/end")
        clock.set("2026-05-12 09:00")
        hall.done(path, "pauses", VERIFY)
        # Six months from 2 March and the ten days in between end on a Saturday.
        clock.set("2026-09-15 09:00")
        supervision.sweep()
        run_jobs()
        case = hall.case(path)
        assert deadline_of(case, "NO-D5")["paused"] is False
        assert case["timeline"][-1]["by"] == "system"
        assert all(pause["to_at"] for pause in case["pauses"])
        answer = hall.step(path, "pauses", VERIFY)
        assert (answer.status_code, answer.json["code"]) == (409, "pauses_used_up")
        assert hall.case(path)["state"] == "review"

    def test_a_decision_while_paused_ends_every_clock(self, hall: Hall) -> None:
        booking, path = hall.issued()
        ask(hall, booking)
        hall.done(path, "pauses", VERIFY)
        case = decided(hall, path, "maintain")
        assert [d["rule"] for d in case["deadlines"]] == ["NO-D3"], "the party may ask again"
        assert case["pauses"][0]["to_at"] is not None


def test_a_year_without_a_request_is_nobodys_delay(hall: Hall, clock, run_jobs) -> None:
    hall.issued()
    working_days.publish(SYSTEM, table_2027())
    run_jobs()
    clock.set("2027-03-03 09:00")
    supervision.sweep()
    run_jobs()
    assert state_of("NO-D3") == ["cancelled"]


def test_a_party_who_supplies_nothing_is_watched_only_where_the_district_wants_it(
    hall: Hall,
    clock,
    run_jobs,
) -> None:
    ask_for = {"ground": "supplement", "note": "请补交被继承人的死亡证明。"}
    _, plain = hall.accepted()
    hall.done(plain, "pauses", ask_for)
    assert state_of("NO-D7") == []
    before = case_settings.current()
    case_settings.configure(dataclasses.replace(before, watch_party_delay=True))
    try:
        booking, path = hall.accepted()
        hall.done(path, "pauses", ask_for)
        running = deadline_of(hall.mine(booking, "case"), "NO-D7")
        assert running["due_on"] == "2026-09-02"
        clock.set("2026-09-03 09:00")
        assert supervision.sweep()["overdue"] == 1
        run_jobs()
        told = db.session.scalars(
            select(Message.recipient_id).where(Message.template == "notary.staff.delayed")
        ).all()
        assert set(told) == {hall.people[name] for name in ("clerk", "colleague", "approver")}
        assert hall.case(path)["state"] == "supplement", "only the office ends a case"
    finally:
        case_settings.configure(before)
