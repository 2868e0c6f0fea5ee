"""Mistakes at the desk taken back over HTTP: check-in, completion, refusal, a denied appeal, a day of receipt."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import pytest
from sqlalchemy import select

from portal.accounts.events import ResidentDeletionRequested
from portal.audit.models import AuditEvent
from portal.core import events
from portal.core.db import db
from portal.core.unit_of_work import unit_of_work
from portal.notary.models import NotaryParty, NotaryTicket
from portal.notary.operations import freeing
from portal.notifications.models import Message
from tests.factories.notary import make_matter
from tests.notary.conftest import again, assert_books_balance, party
from tests.notary.hall import REASONS, STAFF, Booked, Hall, deadline_of, desk_party
from tests.notary.test_affected import serve, set_active
from tests.notary.test_schedule import close

MONDAY = date(2026, 3, 2)
LATER = "2026-03-02 11:00"
MISTAKEN = {"reason": "mistaken"}


def told(run_jobs, template: str) -> list[Message]:
    run_jobs()
    of_template = select(Message).where(Message.template == template)
    # The whole message before its short form by SMS.
    return list(db.session.scalars(of_template.order_by(Message.channel, Message.id)))


def detail_of(action: str) -> dict[str, object]:
    db.session.rollback()
    (event,) = db.session.scalars(select(AuditEvent).where(AuditEvent.action == action))
    return event.detail


def shown(hall: Hall, path: str) -> dict:
    answer = hall.api.get(path, headers=hall.headers["clerk"])
    assert answer.status_code == 200
    return answer.json


def actions(subject: dict) -> set[str]:
    return {each["action"] for each in subject["allowed_actions"]}


def number_of(hall: Hall, booking: Booked) -> str:
    return f"{STAFF}/tickets/{shown(hall, hall.at(booking))['ticket']['id']}"


class TestCheckIn:
    def test_the_appointment_stands_as_before_and_its_number_is_void(
        self, hall: Hall, run_jobs
    ) -> None:
        booking = hall.checked_in(LATER)
        number = number_of(hall, booking)
        assert "revert_check_in" in actions(shown(hall, hall.at(booking)))
        back = hall.done(hall.at(booking), "check-in-reversal")
        assert (back["state"], back["ticket"]) == ("confirmed", None)
        assert back["timeline"][-1]["label"] == "撤销签到"
        assert shown(hall, number)["state"] == "void"
        assert actions(shown(hall, number)) == set()
        db.session.rollback()
        assert hall.desk.left(LATER) == 1, "the seat is still theirs"
        assert db.session.scalars(select(NotaryParty.active)).all() == [True]
        assert detail_of("notary_booking.revert_check_in")["number"] == 1
        assert told(run_jobs, "notary.check_in_reverted") == []

    def test_who_comes_in_the_end_gets_another_number(self, hall: Hall) -> None:
        booking = hall.checked_in()
        hall.done(hall.at(booking), "check-in-reversal")
        assert hall.mine(booking, "visit")["ticket"] is None
        sheet = shown(hall, f"{hall.office}/sheet")
        assert sheet["counts"] == {"confirmed": 1, "walk_ins": 0}
        assert sheet["appointments"][0]["ticket_number"] is None
        assert hall.next().json["code"] == "nobody_waits"
        assert hall.done(hall.at(booking), "check-in")["ticket"]["number"] == 2
        hall.done(hall.at(booking), "acceptance", {})

    def test_who_was_called_meanwhile_is_told(self, hall: Hall, clock, run_jobs) -> None:
        booking = hall.checked_in()
        clock.set("2026-03-02 09:30")
        hall.next()
        hall.done(hall.at(booking), "check-in-reversal")
        messages = told(run_jobs, "notary.check_in_reverted")
        assert {message.recipient_id for message in messages} == {booking.resident_id}

    def test_not_once_somebody_is_served(self, hall: Hall, clock) -> None:
        booking = hall.checked_in()
        clock.set("2026-03-02 09:30")
        hall.seated()
        assert "revert_check_in" not in actions(shown(hall, hall.at(booking)))
        answer = hall.step(hall.at(booking), "check-in-reversal")
        assert (answer.status_code, answer.json["code"]) == (409, "already_started")
        assert again(booking.id).state.value == "checked_in"
        hall.done(hall.at(booking), "acceptance", {})
        answer = hall.step(hall.at(booking), "check-in-reversal")
        assert (answer.status_code, answer.json["code"]) == (409, "wrong_state")

    def test_not_on_another_day(self, hall: Hall, clock) -> None:
        booking = hall.checked_in()
        clock.set("2026-03-03 00:00")
        assert "revert_check_in" not in actions(shown(hall, hall.at(booking)))
        answer = hall.step(hall.at(booking), "check-in-reversal")
        assert (answer.status_code, answer.json["code"]) == (409, "not_today")
        assert again(booking.id).state.value == "checked_in"

    @pytest.mark.parametrize(
        "fall_out",
        [
            pytest.param(lambda hall: close(hall.desk, MONDAY), id="the office closes"),
            pytest.param(
                lambda hall: close(hall.desk, MONDAY, counter_id=hall.counter_id),
                id="the counter closes",
            ),
            pytest.param(
                lambda hall: serve(hall.desk, hall.desk.counter, make_matter().code),
                id="the counter gives the matter up",
            ),
            pytest.param(
                lambda hall: set_active(hall.desk, active=False), id="the matter is stopped"
            ),
        ],
    )
    def test_what_fell_out_meanwhile_is_told_once_its_person_is_expected_again(
        self, hall: Hall, run_jobs, fall_out: Callable[[Hall], object]
    ) -> None:
        booking = hall.checked_in(LATER)
        fall_out(hall)
        run_jobs()
        assert again(booking.id).affected_at is None, "whoever is at the desk is served"
        hall.done(hall.at(booking), "check-in-reversal")
        run_jobs()
        assert again(booking.id).has_to_move
        ways = ("notary.affected", "notary.affected_with_offer", "notary.matter_stopped")
        whom = {message.recipient_id for way in ways for message in told(run_jobs, way)}
        assert whom == {booking.resident_id}

    def test_another_office_and_a_supervisor_take_nothing_back(self, hall: Hall) -> None:
        booking = hall.checked_in()
        assert hall.step(hall.at(booking), "check-in-reversal", who="stranger").status_code == 404
        assert hall.step(hall.at(booking), "check-in-reversal", who="supervisor").status_code == 403


class TestCompletion:
    def test_who_was_not_served_yet_is_served_on(self, hall: Hall) -> None:
        path = f"{STAFF}/tickets/{hall.drawn()['id']}"
        hall.seated()
        assert actions(hall.done(path, "completion")) == {"reopen"}
        back = hall.done(path, "reopening")
        assert (back["state"], back["ended_at"]) == ("serving", None)
        body = {"matter_id": str(hall.matter_id), "parties": [desk_party()]}
        hall.done(path, "acceptance", body)

    def test_not_once_it_is_decided(self, hall: Hall) -> None:
        accepted, refused = (f"{STAFF}/tickets/{hall.drawn()['id']}" for _ in range(2))
        hall.seated()
        body = {"matter_id": str(hall.matter_id), "parties": [desk_party()]}
        hall.done(accepted, "acceptance", body)
        hall.seated()
        hall.done(refused, "non-acceptance", {"note": REASONS})
        for path in (accepted, refused):
            assert "reopen" not in actions(hall.done(path, "completion"))
            answer = hall.step(path, "reopening")
            assert (answer.status_code, answer.json["code"]) == (409, "already_decided")
        rows = shown(hall, f"{hall.office}/sheet")["walk_ins"]
        assert actions(rows[0]) == set(), "the sheet knows of the case too"

    def test_not_on_another_day(self, hall: Hall, clock) -> None:
        path = f"{STAFF}/tickets/{hall.drawn()['id']}"
        hall.seated()
        hall.done(path, "completion")
        clock.set("2026-03-03 09:00")
        assert actions(shown(hall, path)) == set()
        answer = hall.step(path, "reopening")
        assert (answer.status_code, answer.json["code"]) == (409, "not_today")


class TestRefusal:
    def refused(self, hall: Hall, when: str = LATER, **changes) -> Booked:
        booking = hall.checked_in(when, **changes)
        hall.done(hall.at(booking), "non-acceptance", {"ground": "RF6", "note": REASONS})
        return booking

    def test_it_is_taken_back_on_the_day_with_the_seats_and_the_person_is_told(
        self, hall: Hall, run_jobs
    ) -> None:
        booking = self.refused(hall)
        assert "revert_not_accept" in actions(shown(hall, hall.at(booking)))
        back = hall.done(hall.at(booking), "non-acceptance-reversal", MISTAKEN)
        assert (back["state"], back["ticket"]["state"]) == ("checked_in", "waiting")
        assert back["timeline"][-1]["label"] == "撤销不予受理：填写或者操作有误"
        assert detail_of("notary_booking.revert_not_accept")["reason"] == "mistaken"
        assert db.session.scalars(select(NotaryTicket.not_accepted_note)).all() == [None]
        assert hall.mine(booking, "visit")["not_accepted"] is None
        db.session.rollback()
        assert hall.desk.left(LATER) == 1
        assert_books_balance()
        assert told(run_jobs, "notary.not_accepted_reverted") != []
        hall.done(hall.at(booking), "acceptance", {})

    def test_who_was_at_the_counter_is_there_again(self, hall: Hall, clock) -> None:
        booking = hall.checked_in()
        clock.set("2026-03-02 09:30")
        hall.seated()
        hall.done(hall.at(booking), "non-acceptance", {"note": REASONS})
        hall.done(number_of(hall, booking), "completion")
        back = hall.done(hall.at(booking), "non-acceptance-reversal", MISTAKEN)
        assert (back["state"], back["ticket"]["state"]) == ("checked_in", "serving")

    def test_not_once_somebody_else_has_the_seats(self, hall: Hall, clock) -> None:
        booking = self.refused(hall)
        clock.set("2026-03-02 10:30")
        freeing.sweep()
        for _ in range(2):
            hall.booked(LATER)
        answer = hall.step(hall.at(booking), "non-acceptance-reversal", MISTAKEN)
        assert (answer.status_code, answer.json["code"]) == (409, "seats_given_on")
        assert hall.mine(booking, "visit")["not_accepted"]["note"] == REASONS

    def test_not_once_the_matter_is_booked_anew(self, hall: Hall) -> None:
        somebody = party()
        booking = self.refused(hall, parties=(somebody,))
        hall.booked("2026-03-03 09:30", parties=(somebody,))
        answer = hall.step(hall.at(booking), "non-acceptance-reversal", MISTAKEN)
        assert (answer.status_code, answer.json["code"]) == (409, "already_booked")

    def test_not_on_another_day(self, hall: Hall, clock) -> None:
        booking = self.refused(hall)
        clock.set("2026-03-03 09:00")
        assert "revert_not_accept" not in actions(shown(hall, hall.at(booking)))
        answer = hall.step(hall.at(booking), "non-acceptance-reversal", MISTAKEN)
        assert (answer.status_code, answer.json["code"]) == (409, "not_today")

    def test_not_of_a_closed_account(self, hall: Hall) -> None:
        booking = self.refused(hall)
        assert "revert_not_accept" in actions(shown(hall, hall.at(booking)))
        with unit_of_work():
            events.publish(ResidentDeletionRequested(booking.resident_id))
        assert "revert_not_accept" not in actions(shown(hall, hall.at(booking)))
        answer = hall.step(hall.at(booking), "non-acceptance-reversal", MISTAKEN)
        assert (answer.status_code, answer.json["code"]) == (409, "account_closed")

    def test_a_reason_is_given(self, hall: Hall) -> None:
        booking = self.refused(hall)
        assert hall.step(hall.at(booking), "non-acceptance-reversal", {}).status_code == 422

    @pytest.mark.parametrize("completed", [False, True])
    def test_of_somebody_without_an_appointment_too(self, hall: Hall, completed: bool) -> None:
        path = f"{STAFF}/tickets/{hall.drawn()['id']}"
        hall.seated()
        assert hall.step(path, "non-acceptance-reversal", MISTAKEN).json["code"] == "not_refused"
        hall.done(path, "non-acceptance", {"note": REASONS})
        if completed:
            hall.done(path, "completion")
        assert "revert_not_accept" in actions(shown(hall, path))
        back = hall.done(path, "non-acceptance-reversal", MISTAKEN)
        assert (back["state"], back["not_accepted_note"]) == ("serving", None)
        assert detail_of("notary_ticket.revert_not_accept")["reason"] == "mistaken"
        body = {"matter_id": str(hall.matter_id), "parties": [desk_party()]}
        hall.done(path, "acceptance", body)


class TestAppeal:
    def denied(self, hall: Hall, clock) -> Booked:
        booking = hall.booked()
        clock.set("2026-03-02 10:00")
        hall.done(hall.at(booking), "no-show")
        path = f"/notary/appointments/{booking.id}/no-show-appeal"
        text = {"text": "我九点就到了，窗口说系统故障。"}
        hall.api.post(path, text, headers=hall.as_resident(booking))
        self.decide(hall, booking, granted=False)
        return booking

    def decide(self, hall: Hall, booking: Booked, *, granted: bool) -> dict:
        body = {"granted": granted, "note": "核对了当天的取号记录。"}
        return hall.done(hall.at(booking), "no-show-appeal-decision", body)

    def test_what_was_denied_in_error_is_taken_up_again_and_decided_anew(
        self, hall: Hall, clock, run_jobs
    ) -> None:
        booking = self.denied(hall, clock)
        assert "reopen_appeal" in actions(shown(hall, hall.at(booking)))
        open_again = hall.done(hall.at(booking), "no-show-appeal-reopening")
        assert open_again["no_show"]["appeal"] == "open"
        assert open_again["no_show"]["decision_note"] is None
        assert open_again["no_show"]["counts"] is True
        assert told(run_jobs, "notary.appeal_reopened") != []
        listed = shown(hall, f"{STAFF}/no-show-appeals")["items"]
        assert [each["reference"] for each in listed] == [booking.reference]
        assert self.decide(hall, booking, granted=True)["no_show"]["counts"] is False
        answer = hall.step(hall.at(booking), "no-show-appeal-reopening")
        assert (answer.status_code, answer.json["code"]) == (409, "no_appeal")

    def test_not_once_the_mark_no_longer_counts(self, hall: Hall, clock) -> None:
        booking = self.denied(hall, clock)
        clock.set("2026-06-03 09:00")
        assert "reopen_appeal" not in actions(shown(hall, hall.at(booking)))
        answer = hall.step(hall.at(booking), "no-show-appeal-reopening")
        assert (answer.status_code, answer.json["code"]) == (409, "no_show_expired")


class TestReceipt:
    def test_the_year_counts_from_the_right_day_and_the_party_is_told(
        self, hall: Hall, clock, run_jobs
    ) -> None:
        _, path = hall.accepted()
        hall.done(path, "certificate", hall.certificate())
        clock.set("2026-03-10 09:00")
        hall.done(path, "receipt", {"received_on": "2026-03-10"})
        body = {"received_on": "2026-03-04", **MISTAKEN}
        right = hall.done(path, "receipt-correction", body)
        assert right["received_on"] == "2026-03-04"
        assert right["timeline"][-1]["label"] == "更正领取日期：填写或者操作有误"
        running = deadline_of(right, "NO-D3")
        assert running is not None
        assert running["due_on"] == "2027-03-04"
        found = detail_of("notary_case.correct_receipt")
        assert (found["from"], found["to"]) == ("2026-03-10", "2026-03-04")
        assert told(run_jobs, "notary.receipt_corrected") != []

    def test_a_day_that_cannot_be_is_refused(self, hall: Hall) -> None:
        _, path = hall.issued()
        for day in ("2026-03-01", "2026-03-03"):
            answer = hall.step(path, "receipt-correction", {"received_on": day, **MISTAKEN})
            assert answer.status_code == 422
            assert list(answer.json["errors"]) == ["received_on"]
        same = hall.step(path, "receipt-correction", {"received_on": "2026-03-02", **MISTAKEN})
        assert (same.status_code, same.json["code"]) == (409, "same_day")

    def test_what_was_not_handed_over_is_not_corrected(self, hall: Hall) -> None:
        _, path = hall.accepted()
        shown_case = hall.done(path, "certificate", hall.certificate())
        assert "correct_receipt" not in actions(shown_case)
        answer = hall.step(path, "receipt-correction", {"received_on": "2026-03-02", **MISTAKEN})
        assert (answer.status_code, answer.json["code"]) == (409, "wrong_state")

    def corrected(self, hall: Hall, path: str, day: str) -> int:
        """Whether the day can be put right, and that it is offered then and only then."""
        offered = "correct_receipt" in actions(hall.case(path))
        answer = hall.step(path, "receipt-correction", {"received_on": day, **MISTAKEN})
        assert offered == (answer.status_code == 200), answer.json
        return offered

    def test_it_is_offered_while_another_day_is_possible(self, hall: Hall, clock) -> None:
        _, path = hall.issued()
        assert not self.corrected(hall, path, "2026-03-02"), "issued and received today"
        clock.set("2026-03-03 09:00")
        assert self.corrected(hall, path, "2026-03-03")
        assert self.corrected(hall, path, "2026-03-02")
        clock.set("2027-03-02 09:00")
        assert self.corrected(hall, path, "2026-03-03"), "the last day of the year"
        assert self.corrected(hall, path, "2026-03-04")
        clock.set("2027-03-03 09:00")
        assert self.corrected(hall, path, "2026-03-03")
        clock.set("2027-03-04 09:00")
        assert not self.corrected(hall, path, "2026-03-02")
        assert not self.corrected(hall, path, "2026-03-04")

    def test_what_was_to_be_revoked_on_the_day_of_its_receipt_has_no_other(
        self, hall: Hall, clock
    ) -> None:
        _, path = hall.issued()
        request = {
            "by": "party",
            "error": "公证书上的日期写错了。",
            "reasons": "户口簿上是另一天。",
            "request": "请求撤销。",
        }
        hall.done(path, "review", request)
        hall.done(
            path, "review-decision", {"outcome": "revoke", "note": "日期确有错误，应当撤销。"}
        )
        clock.set("2026-03-04 09:00")
        assert "correct_receipt" not in actions(hall.case(path))
        body = {"received_on": "2026-03-03", **MISTAKEN}
        assert hall.step(path, "receipt-correction", body).status_code == 422

    @pytest.mark.parametrize(
        ("written", "right"), [("2026-03-02", "2026-03-09"), ("2026-03-09", "2026-03-02")]
    )
    def test_not_once_the_year_is_over_by_either_day(
        self, hall: Hall, clock, written: str, right: str
    ) -> None:
        _, path = hall.accepted()
        hall.done(path, "certificate", hall.certificate())
        clock.set("2026-03-09 09:00")
        hall.done(path, "receipt", {"received_on": written})
        clock.set("2027-03-03 09:00")
        body = {"received_on": right, **MISTAKEN}
        answer = hall.step(path, "receipt-correction", body)
        assert (answer.status_code, answer.json["code"]) == (409, "period_over")

    def test_whether_a_review_was_late_follows(self, hall: Hall, clock) -> None:
        _, path = hall.accepted()
        hall.done(path, "certificate", hall.certificate())
        request = {
            "by": "party",
            "error": "公证书上的日期写错了。",
            "reasons": "户口簿上是另一天。",
            "request": "请求更正。",
        }
        clock.set("2026-03-09 09:00")
        hall.done(path, "receipt", {"received_on": "2026-03-09"})
        assert hall.done(path, "review", request)["reviews"][0]["late"] is False
        body = {"received_on": date(2026, 3, 3).isoformat(), **MISTAKEN}
        right = hall.done(path, "receipt-correction", body)
        assert right["reviews"][0]["late"] is False
        assert deadline_of(right, "NO-D3") is None, "the request has met it"
