"""A day at the office, over HTTP: arriving, numbers, missed appointments and appeals, the sheet."""

from __future__ import annotations

from datetime import date

import pytest
from sqlalchemy import select

from portal.accounts.models import DocumentType
from portal.audit.models import AuditEvent
from portal.core.db import db
from portal.core.unit_of_work import unit_of_work
from portal.notary import sheet_page
from portal.notary.errors import PartyUnavailable
from portal.notary.models import NotaryParty, NotaryTicket
from portal.notary.operations import persons, steps
from portal.notary.operations.no_shows import expires_on
from portal.notary.parties import Guardian
from portal.notifications.models import Message
from tests.factories.notary import make_counter, make_matter, make_notary_office
from tests.factories.people import id_number
from tests.notary.conftest import again, new_key, party
from tests.notary.hall import REASONS, STAFF, Hall, desk_party


def audited(action: str) -> list[AuditEvent]:
    db.session.rollback()
    return list(db.session.scalars(select(AuditEvent).where(AuditEvent.action == action)))


class TestArriving:
    def test_a_reference_or_the_code_checks_in_however_it_is_typed(self, hall: Hall) -> None:
        first, second = hall.booked(), hall.booked()
        typed = [
            first.reference.lower().replace("-", " "),
            f" {second.code[:4]}-{second.code[4:].lower()} ",
        ]
        for text, number in zip(typed, (1, 2), strict=True):
            answer = hall.api.post(
                f"{hall.office}/check-ins", {"code": text}, headers=hall.headers["clerk"]
            )
            assert answer.status_code == 200, answer.json
            assert answer.json["state"] == "checked_in"
            assert answer.json["ticket"]["number"] == number

    def test_a_repeated_request_gives_the_same_number(self, hall: Hall) -> None:
        booking = hall.booked()
        headers = {**hall.headers["clerk"], **new_key()}
        body = {"code": booking.reference}
        answers = [
            hall.api.post(f"{hall.office}/check-ins", body, headers=headers) for _ in range(2)
        ]
        assert answers[0].json == answers[1].json
        assert answers[1].headers["Idempotency-Replayed"] == "true"

    def test_another_day_is_refused_with_the_day(self, hall: Hall) -> None:
        booking = hall.booked("2026-03-03 09:30")
        answer = hall.step(hall.at(booking), "check-in")
        assert answer.status_code == 409
        assert answer.json["code"] == "not_today"
        assert "3月3日" in answer.json["detail"]

    def test_checking_in_twice_is_told(self, hall: Hall) -> None:
        booking = hall.checked_in()
        answer = hall.step(hall.at(booking), "check-in")
        assert (answer.status_code, answer.json["code"]) == (409, "wrong_state")

    def test_a_stale_copy_checks_nobody_in(self, hall: Hall) -> None:
        booking = hall.booked()
        seen = hall.api.get(hall.at(booking), headers=hall.headers["clerk"]).headers["ETag"]
        hall.done(hall.at(booking), "check-in")
        stale = {**hall.headers["clerk"], "If-Match": seen}
        answer = hall.api.post(f"{hall.at(booking)}/check-in", headers=stale)
        assert answer.status_code == 412

    def test_another_office_does_not_know_of_it(self, hall: Hall) -> None:
        booking = hall.booked()
        assert hall.step(hall.at(booking), "check-in", who="stranger").status_code == 404
        answer = hall.api.post(
            f"{hall.office}/check-ins",
            {"code": booking.reference},
            headers=hall.headers["stranger"],
        )
        assert answer.status_code == 404

    def test_a_supervisor_looks_and_does_nothing(self, hall: Hall) -> None:
        booking = hall.booked()
        seen = hall.api.get(hall.at(booking), headers=hall.headers["supervisor"])
        assert seen.status_code == 200
        assert seen.json["allowed_actions"] == []
        assert hall.step(hall.at(booking), "check-in", who="supervisor").status_code == 403

    def test_the_clerk_is_told_what_to_look_at(self, hall: Hall) -> None:
        child = party(document_number=id_number(date(2018, 2, 28)), guardian=_guardian())
        booking = hall.booked(parties=(child,))
        shown = hall.done(hall.at(booking), "check-in")
        assert any("监护" in hint for hint in shown["hints"])


def _guardian() -> Guardian:
    return Guardian("孙测试", "13900001234", "父亲", DocumentType.RESIDENT_ID, id_number())


class TestNumbers:
    def test_numbers_of_a_day_begin_at_one_and_have_no_gaps(self, hall: Hall, clock) -> None:
        assert [hall.drawn()["number"] for _ in range(3)] == [1, 2, 3]
        clock.set("2026-03-03 09:00")
        assert hall.drawn()["number"] == 1

    def test_the_wait_is_said_as_a_range(self, hall: Hall) -> None:
        matter = str(hall.matter_id)
        waits = [hall.drawn(matter_id=matter) for _ in range(4)]
        # Two seats and half an hour each: the third begins when the first is done.
        assert waits[0]["wait_text"] == waits[1]["wait_text"] == "很快就到，大约 5 分钟以内。"
        assert (waits[2]["wait_low_minutes"], waits[2]["wait_high_minutes"]) == (20, 40)
        assert waits[2]["wait_text"] == "大约 20 分钟到 40 分钟。"

    def test_an_appointment_still_to_come_makes_the_wait_longer_at_most(self, hall: Hall) -> None:
        for _ in range(2):
            hall.booked("2026-03-02 09:30")
        for _ in range(2):
            hall.drawn()
        third = hall.drawn()
        assert third["wait_low_minutes"] == 20
        assert third["wait_high_minutes"] > 60

    def test_nobody_draws_a_number_when_the_office_has_closed(self, hall: Hall, clock) -> None:
        clock.set("2026-03-02 12:00")
        answer = hall.api.post(f"{hall.office}/tickets", {}, headers=hall.headers["clerk"])
        assert (answer.status_code, answer.json["code"]) == (409, "not_served_today")

    def test_a_number_near_the_end_of_the_day_is_told_that_it_may_be_too_late(
        self,
        hall: Hall,
        clock,
    ) -> None:
        clock.set("2026-03-02 11:50")
        for _ in range(2):
            hall.drawn()
        assert hall.drawn()["wait_text"] == "今天可能排不到，请向工作人员询问。"

    def test_appointments_first_then_priority_then_the_numbers(
        self,
        hall: Hall,
        clock,
    ) -> None:
        plain, elderly = hall.drawn(), hall.drawn(priority=True)
        booking = hall.checked_in("2026-03-02 09:30")
        # Before its time an appointment does not push anybody aside.
        assert hall.seated()["id"] == elderly["id"]
        clock.set("2026-03-02 09:31")
        assert hall.seated()["booking_id"] == str(booking.id)
        assert hall.seated()["id"] == plain["id"]
        answer = hall.next()
        assert (answer.status_code, answer.json["code"]) == (404, "nobody_waits")

    def test_who_is_called_is_told_unless_they_came_without_an_account(
        self,
        hall: Hall,
        clock,
        run_jobs,
    ) -> None:
        booking = hall.checked_in()
        clock.set("2026-03-02 09:30")
        hall.next()
        run_jobs()
        told = db.session.scalars(
            select(Message).where(
                Message.template == "notary.called", Message.subject_id == booking.id
            )
        ).all()
        assert {message.channel.value for message in told} == {"in_app", "sms"}
        shown = next(m for m in told if m.channel.value == "in_app")
        assert shown.params == {"number": 1, "counter": hall.counter}

    def test_the_way_of_a_number(self, hall: Hall) -> None:
        path = f"{STAFF}/tickets/{hall.drawn()['id']}"
        called = hall.next().json
        assert called["state"] == "called"
        assert hall.done(path, "pass")["state"] == "no_show"
        again_called = hall.done(path, "call", {"counter_id": str(hall.counter_id)})
        assert again_called["calls"] == 2
        assert hall.done(path, "start")["state"] == "serving"
        assert hall.done(path, "completion")["state"] == "done"
        assert hall.step(path, "leaving").status_code == 409

    def test_a_counter_that_does_not_do_the_matter_calls_somebody_else(self, hall: Hall) -> None:
        other = make_matter()
        only = make_counter(hall.desk.office, matter_codes=[other.code])
        hall.drawn(matter_id=str(hall.matter_id))
        fitting = hall.drawn(matter_id=str(other.id))
        answer = hall.api.post(
            f"{hall.office}/queue/next",
            {"counter_id": str(only.id)},
            headers=hall.headers["clerk"],
        )
        assert answer.json["id"] == fitting["id"]

    def test_a_second_click_calls_nobody(self, hall: Hall) -> None:
        first, second = hall.drawn(), hall.drawn()
        assert [hall.next().json["id"] for _ in range(2)] == [first["id"]] * 2
        assert hall.next().json["calls"] == 1
        # The counter has two seats, and a colleague at the other one.
        assert hall.next("colleague").json["id"] == second["id"]
        # Both seats are called for: whoever clicks now calls nobody.
        hall.drawn()
        assert hall.next("approver").json["id"] == first["id"]

    def test_who_has_come_or_was_passed_over_makes_room_for_the_next(self, hall: Hall) -> None:
        numbers = [hall.drawn()["id"] for _ in range(3)]
        hall.next()
        hall.done(f"{STAFF}/tickets/{numbers[0]}", "start")
        assert hall.next().json["id"] == numbers[1]
        hall.done(f"{STAFF}/tickets/{numbers[1]}", "pass")
        assert hall.next().json["id"] == numbers[2]

    def test_who_is_decided_without_a_start_makes_room_too(self, hall: Hall) -> None:
        first, second, third = (hall.drawn()["id"] for _ in range(3))
        hall.next()
        hall.done(f"{STAFF}/tickets/{first}", "non-acceptance", {"note": REASONS})
        assert hall.next().json["id"] == second
        body = {"matter_id": str(hall.matter_id), "parties": [desk_party()]}
        hall.done(f"{STAFF}/tickets/{second}", "acceptance", body)
        assert hall.next().json["id"] == third

    def test_who_is_decided_without_a_start_has_come_and_is_called_no_more(
        self, hall: Hall
    ) -> None:
        first, second = (hall.drawn()["id"] for _ in range(2))
        hall.next()
        hall.done(f"{STAFF}/tickets/{first}", "non-acceptance", {"note": REASONS})
        hall.next()
        body = {"matter_id": str(hall.matter_id), "parties": [desk_party()]}
        hall.done(f"{STAFF}/tickets/{second}", "acceptance", body)
        shown = hall.api.get(f"{hall.office}/queue", headers=hall.headers["clerk"]).json
        offered = {
            row["id"]: {action["action"] for action in row["allowed_actions"]}
            for row in shown["at_desk"]
        }
        assert [row["state"] for row in shown["at_desk"]] == ["serving", "serving"]
        assert offered[first] == {"done", "leave", "revert_not_accept"}
        assert offered[second] == {"done", "leave"}

    def test_the_hall_sees_numbers_and_no_person(self, hall: Hall) -> None:
        hall.drawn()
        hall.drawn()
        hall.next()
        shown = hall.api.get(f"/notary/offices/{hall.office_id}/queue").json
        assert shown["called"] == [{"number": 1, "counter": hall.counter}]
        assert shown["waiting"] == 1

    def test_a_person_sees_their_own_number_and_how_many_are_before_them(
        self,
        hall: Hall,
        clock,
    ) -> None:
        hall.drawn()
        booking = hall.checked_in()
        visit = hall.mine(booking, "visit")
        assert (visit["ticket"]["number"], visit["ticket"]["ahead"]) == (2, 1)
        clock.set("2026-03-02 09:30")
        assert hall.mine(booking, "visit")["ticket"]["ahead"] == 0

    def test_a_counter_of_another_office_is_refused(self, hall: Hall) -> None:
        hall.drawn()
        elsewhere = make_counter(make_notary_office(name="第三公证处"))
        answer = hall.api.post(
            f"{hall.office}/queue/next",
            {"counter_id": str(elsewhere.id)},
            headers=hall.headers["clerk"],
        )
        assert answer.status_code == 422


class TestMissed:
    def missed(self, hall: Hall, clock, when: str = "2026-03-02 09:30", **changes):
        booking = hall.booked(when, **changes)
        clock.set(when)
        hall.done(hall.at(booking), "no-show")
        return booking

    def test_nobody_is_late_before_the_time(self, hall: Hall) -> None:
        answer = hall.step(hall.at(hall.booked()), "no-show")
        assert (answer.status_code, answer.json["code"]) == (409, "too_early")

    def test_it_counts_for_the_months_that_the_office_sets(self, hall: Hall, clock) -> None:
        booking = self.missed(hall, clock)
        visit = hall.mine(booking, "visit")
        assert visit["no_show"]["expires_on"] == "2026-06-02"
        assert visit["no_show"]["counts"] is True

    def test_the_limit_stops_the_next_booking_until_it_expires(self, hall: Hall, clock) -> None:
        somebody = party()
        for when in ("2026-03-02 09:30", "2026-03-03 09:30"):
            self.missed(hall, clock, when, parties=(somebody,))
        index = persons.person_index(somebody.document_type, somebody.document_number)
        who = hall.desk.person()
        with pytest.raises(PartyUnavailable):
            persons.require_few_no_shows(who, hall.desk.office, [index])
        clock.set("2026-06-02 23:59")
        with pytest.raises(PartyUnavailable):
            persons.require_few_no_shows(who, hall.desk.office, [index])
        clock.set("2026-06-03 00:00")
        persons.require_few_no_shows(who, hall.desk.office, [index])
        db.session.rollback()

    def test_what_the_office_could_not_keep_is_nobodys_fault(self, hall: Hall, clock) -> None:
        booking = hall.booked()
        clock.set("2026-03-02 09:30")
        with unit_of_work():
            steps.write(again(booking.id), affected_at=clock(), affected_reason="停电")
        answer = hall.step(hall.at(booking), "no-show")
        assert (answer.status_code, answer.json["code"]) == (409, "office_cannot_keep")
        # Who comes all the same is served.
        assert hall.done(hall.at(booking), "check-in")["state"] == "checked_in"

    def test_a_mistake_is_taken_back_on_the_day_and_the_person_is_served(
        self,
        hall: Hall,
        clock,
    ) -> None:
        booking = self.missed(hall, clock)
        assert hall.done(hall.at(booking), "no-show-reversal")["state"] == "confirmed"
        db.session.rollback()
        assert db.session.scalars(select(NotaryParty.active)).all() == [True]
        assert hall.done(hall.at(booking), "check-in")["state"] == "checked_in"
        assert hall.mine(booking, "visit")["no_show"] is None

    def test_not_on_another_day(self, hall: Hall, clock) -> None:
        booking = self.missed(hall, clock)
        clock.set("2026-03-03 09:00")
        answer = hall.step(hall.at(booking), "no-show-reversal")
        assert (answer.status_code, answer.json["code"]) == (409, "not_today")

    def test_not_once_the_matter_is_booked_anew(self, hall: Hall, clock) -> None:
        somebody = party()
        booking = self.missed(hall, clock, parties=(somebody,))
        hall.booked("2026-03-03 09:30", parties=(somebody,))
        answer = hall.step(hall.at(booking), "no-show-reversal")
        assert (answer.status_code, answer.json["code"]) == (409, "already_booked")
        assert again(booking.id).state.value == "no_show"

    @pytest.mark.parametrize("text", ["\U0001f600" * 6, "。。。。。。", "12345678"])
    def test_an_appeal_is_made_in_words(self, hall: Hall, clock, text: str) -> None:
        booking = self.missed(hall, clock)
        path = f"/notary/appointments/{booking.id}/no-show-appeal"
        answer = hall.api.post(path, {"text": text}, headers=hall.as_resident(booking))
        assert answer.status_code == 422
        assert list(answer.json["errors"]) == ["text"]
        assert hall.mine(booking, "visit")["no_show"]["appeal"] == "none"

    def test_an_appeal_that_is_granted_no_longer_counts(self, hall: Hall, clock, run_jobs) -> None:
        somebody = party()
        booking = self.missed(hall, clock, parties=(somebody,))
        assert [a["action"] for a in hall.mine(booking, "visit")["allowed_actions"]] == ["appeal"]
        path = f"/notary/appointments/{booking.id}/no-show-appeal"
        text = {"text": "我九点就到了，窗口说系统故障。"}
        answer = hall.api.post(path, text, headers=hall.as_resident(booking))
        assert answer.json["no_show"]["appeal"] == "open"
        listed = hall.api.get(f"{STAFF}/no-show-appeals", headers=hall.headers["clerk"]).json
        assert [item["reference"] for item in listed["items"]] == [booking.reference]
        elsewhere = hall.api.get(f"{STAFF}/no-show-appeals", headers=hall.headers["stranger"])
        assert elsewhere.json["items"] == []
        body = {"granted": True, "note": "核对了当天的取号记录，属实。"}
        shown = hall.done(hall.at(booking), "no-show-appeal-decision", body)
        assert shown["no_show"]["counts"] is False
        run_jobs()
        assert "notary.appeal_granted" in set(db.session.scalars(select(Message.template)))
        second = hall.api.post(path, text, headers=hall.as_resident(booking))
        assert (second.status_code, second.json["code"]) == (409, "already_appealed")

    def test_an_appeal_that_is_denied_tells_why_and_goes_on_counting(
        self,
        hall: Hall,
        clock,
    ) -> None:
        booking = self.missed(hall, clock)
        path = f"/notary/appointments/{booking.id}/no-show-appeal"
        hall.api.post(path, {"text": "我忘记了预约的时间。"}, headers=hall.as_resident(booking))
        body = {"granted": False, "note": "忘记时间不是不计入的理由。"}
        hall.done(hall.at(booking), "no-show-appeal-decision", body)
        visit = hall.mine(booking, "visit")
        assert visit["no_show"]["counts"] is True
        assert visit["no_show"]["decision_note"] == body["note"]

    def test_somebody_elses_mark_is_not_known(self, hall: Hall, clock) -> None:
        booking = self.missed(hall, clock)
        other = hall.booked("2026-03-03 09:30")
        path = f"/notary/appointments/{booking.id}/no-show-appeal"
        answer = hall.api.post(path, {"text": "这是我的预约。"}, headers=hall.as_resident(other))
        assert answer.status_code == 404

    def test_the_end_of_the_day_is_previewed_and_then_done_at_once(
        self,
        hall: Hall,
        clock,
    ) -> None:
        missed = [hall.booked(), hall.booked()]
        hall.checked_in("2026-03-02 10:00")
        later = hall.booked("2026-03-02 11:30")
        clock.set("2026-03-02 11:00")
        for preview in (True, False):
            answer = hall.api.post(
                f"{hall.office}/no-shows", {"preview": preview}, headers=hall.headers["clerk"]
            )
            assert sorted(answer.json["references"]) == sorted(b.reference for b in missed)
        assert {again(b.id).state.value for b in missed} == {"no_show"}
        assert again(later.id).state.value == "confirmed"


def test_a_mark_of_a_leap_day_expires_on_the_last_day_of_february(database: None) -> None:
    office = make_notary_office(no_show_months=12)
    assert expires_on(office, date(2028, 2, 29)) == date(2029, 2, 28)


class TestSheet:
    def test_it_shows_the_day_with_people_masked_and_is_recorded(self, hall: Hall) -> None:
        hall.checked_in()
        hall.booked("2026-03-02 10:00")
        hall.drawn()
        shown = hall.api.get(f"{hall.office}/sheet", headers=hall.headers["clerk"]).json
        assert shown["counts"] == {"checked_in": 1, "confirmed": 1, "walk_ins": 1}
        first = shown["appointments"][0]
        assert first["ticket_number"] == 1
        assert first["parties"][0]["name"] == "赵**"
        assert "*" in first["parties"][0]["document_number"]
        (seen,) = audited("notary_office.sheet_viewed")
        assert seen.actor_id == hall.people["clerk"]
        assert seen.detail == {"day": "2026-03-02", "appointments": 2}

    def test_the_page_to_print_says_the_same_and_runs_nothing(self, hall: Hall) -> None:
        booking = hall.checked_in()
        page = hall.api.get(f"{hall.office}/sheet/page", headers=hall.headers["clerk"])
        assert page.headers["Content-Type"] == "text/html; charset=utf-8"
        assert "script-src" not in page.headers["Content-Security-Policy"]
        assert "default-src 'none'" in page.headers["Content-Security-Policy"]
        text = page.get_data(as_text=True)
        assert booking.reference in text
        assert "@media print" in text
        assert "赵**" in text
        assert "赵测试" not in text
        assert audited("notary_office.sheet_printed")

    def test_who_came_without_an_appointment_has_the_reference_of_the_case(
        self, hall: Hall
    ) -> None:
        ticket = hall.drawn()
        hall.drawn()
        hall.next()
        body = {"matter_id": str(hall.matter_id), "parties": [desk_party()]}
        case = hall.done(f"{STAFF}/tickets/{ticket['id']}", "acceptance", body)
        shown = hall.api.get(f"{hall.office}/sheet", headers=hall.headers["clerk"]).json
        assert [row["case_reference"] for row in shown["walk_ins"]] == [case["reference"], None]
        page = hall.api.get(f"{hall.office}/sheet/page", headers=hall.headers["clerk"])
        assert case["reference"] in page.get_data(as_text=True)

    def test_an_empty_table_of_the_page_is_as_wide_as_its_head(self) -> None:
        sheet = {"office": "x", "day": date(2026, 3, 2), "appointments": [], "walk_ins": []}
        for table in sheet_page.page(sheet).split("<table>")[1:]:
            assert f'colspan="{table.count("<th>")}"' in table

    def test_what_people_typed_stays_text_on_the_page(self) -> None:
        sheet = {
            "office": "<b>x</b>", "day": date(2026, 3, 2), "appointments": [], "walk_ins": [],
        }  # fmt: skip
        assert "<b>x</b>" not in sheet_page.page(sheet)

    def test_another_office_does_not_see_it(self, hall: Hall) -> None:
        for path in ("sheet", "sheet/page", "queue"):
            answer = hall.api.get(f"{hall.office}/{path}", headers=hall.headers["stranger"])
            assert answer.status_code == 404

    def test_the_number_of_statements_does_not_grow_with_the_people(
        self, hall: Hall, statements
    ) -> None:
        def taken() -> int:
            with statements() as seen:
                answer = hall.api.get(f"{hall.office}/sheet", headers=hall.headers["clerk"])
            assert answer.status_code == 200
            return len(seen)

        hall.checked_in()
        hall.drawn()
        few = taken()
        for when in ("09:30", "10:00", "10:00", "10:30", "10:30"):
            hall.booked(f"2026-03-02 {when}")
            hall.drawn(matter_id=str(hall.matter_id))
        assert taken() == few


def test_a_refusal_at_the_door_ends_the_appointment_with_its_reasons(hall: Hall) -> None:
    booking = hall.checked_in()
    body = {"ground": "RF6", "note": REASONS}
    shown = hall.done(hall.at(booking), "non-acceptance", body)
    assert shown["state"] == "not_accepted"
    visit = hall.mine(booking, "visit")
    assert visit["not_accepted"]["note"] == REASONS
    assert visit["not_accepted"]["ground_label"].startswith("证明材料不充分")
    assert db.session.scalars(select(NotaryTicket.not_accepted_note)).all() == [REASONS]
