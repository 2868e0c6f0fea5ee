"""Reviews of a certificate over HTTP, and what runs out by itself."""

from __future__ import annotations

import dataclasses

from sqlalchemy import select

from portal.core.actor import SYSTEM
from portal.core.db import db
from portal.notary import case_settings
from portal.notifications.models import Message
from portal.supervision import sweep as supervision
from portal.supervision.models import Deadline
from portal.working_days import operations as working_days
from tests.notary.hall import REASONS, Hall, deadline_of
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
    assert hall.case(path)["review_request"]["error"] == REQUEST["error"]
    assert hall.case(path)["review_late"] is False


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
    assert (case["state"], case["reviewer"], case["hints"]) == ("maintained", "乙公证员", [])
    mine = hall.mine(booking, "case")
    assert mine["review_note"] == REASONS
    assert "民事诉讼" in mine["next_step"]
    assert state_of("NO-D5") == ["met"]
    run_jobs()
    message = db.session.scalars(
        select(Message).where(Message.template == "notary.review_decided")
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
    assert hall.case(path)["review_late"] is True


def test_an_interested_person_asks_at_the_desk_within_a_year_of_knowing(
    hall: Hall,
    clock,
) -> None:
    _, path = hall.issued()
    assert hall.step(path, "review", INTERESTED).status_code == 422
    clock.set("2028-05-10 09:00")
    case = hall.done(path, "review", {**INTERESTED, "knew_on": "2027-05-10"})
    assert case["review_late"] is False
    decided(hall, path, "maintain")
    case = hall.done(path, "review", {**INTERESTED, "knew_on": "2027-05-09"})
    assert case["review_late"] is True
    assert "超过期限" in case["hints"][0]


def test_twenty_years_after_the_certificate_it_is_late_whenever_one_knew(
    hall: Hall,
    clock,
) -> None:
    _, path = hall.issued()
    clock.set("2046-03-03 09:00")
    case = hall.done(path, "review", {**INTERESTED, "knew_on": "2046-03-01"})
    assert case["review_late"] is True


def test_nobody_knew_of_it_in_the_future(hall: Hall) -> None:
    _, path = hall.issued()
    answer = hall.step(path, "review", {**INTERESTED, "knew_on": "2026-03-03"})
    assert answer.status_code == 422


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
        assert case["deadlines"] == []
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
