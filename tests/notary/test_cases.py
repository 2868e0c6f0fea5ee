"""A case over HTTP: acceptance, pauses, certificate, refusal, termination, who sees what."""

from __future__ import annotations

from datetime import date

import pytest
from sqlalchemy import select

from portal.accounts.events import ResidentDeletionRequested, ResidentExportRequested
from portal.audit.models import AuditEvent
from portal.core import events
from portal.core.content_files import BrokenFile
from portal.core.db import db
from portal.core.unit_of_work import unit_of_work
from portal.notary import case_settings
from portal.notary.models import (
    NotaryCase,
    NotaryNoShow,
    NotaryParty,
    NotaryPerson,
    TerminationGround,
)
from portal.notifications.models import Message
from portal.supervision.models import Deadline
from tests.factories.people import id_number
from tests.notary.conftest import again, new_key, party
from tests.notary.hall import REASONS, STAFF, Hall, deadline_of, desk_party
from tests.support import ROOT

SUPPLEMENT = {"ground": "supplement", "note": "请补交被继承人的死亡证明。"}
VERIFY = {"ground": "verification", "note": "向房屋登记机构核实产权情况。"}


def told(run_jobs, template: str) -> list[Message]:
    run_jobs()
    of_template = select(Message).where(Message.template == template)
    # The whole message before its short form by SMS.
    return list(db.session.scalars(of_template.order_by(Message.channel, Message.id)))


class TestAcceptance:
    def test_the_acceptance_starts_the_clock_and_not_the_booking(
        self,
        hall: Hall,
        clock,
        run_jobs,
    ) -> None:
        booking = hall.booked("2026-03-04 09:30")
        clock.set("2026-03-04 09:30")
        hall.done(hall.at(booking), "check-in")
        case = hall.done(hall.at(booking), "acceptance", {})
        running = deadline_of(case, "NO-D1")
        assert running is not None
        # Fifteen working days after 4 March 2026.
        assert running["due_on"] == "2026-03-25"
        assert case["accepted_on"] == "2026-03-04"
        assert case["notary"] == "甲公证员"
        assert again(booking.id).state.value == "accepted"
        (message, *_) = told(run_jobs, "notary.accepted")
        assert message.params == {"due": "2026年3月25日"}

    def test_the_person_follows_it_through_the_appointment(self, hall: Hall) -> None:
        booking, _ = hall.accepted()
        mine = hall.mine(booking, "case")
        assert mine["state_label"] == "已受理"
        assert deadline_of(mine, "NO-D1")["basis"] == "公证法第三十条"
        assert mine["allowed_actions"] == []
        assert mine["timeline"][0]["label"] == "受理"
        appointment = hall.api.get(
            f"/notary/appointments/{booking.id}", headers=hall.as_resident(booking)
        ).json
        assert appointment["deadlines"] == mine["deadlines"]

    def test_before_acceptance_there_is_nothing_to_follow(self, hall: Hall) -> None:
        booking = hall.checked_in()
        answer = hall.api.get(
            f"/notary/appointments/{booking.id}/case", headers=hall.as_resident(booking)
        )
        assert answer.status_code == 404
        assert "预约不等于受理" in answer.json["next_step"]

    def test_only_who_has_checked_in_is_accepted(self, hall: Hall) -> None:
        booking = hall.booked()
        answer = hall.step(hall.at(booking), "acceptance", {})
        assert (answer.status_code, answer.json["code"]) == (409, "wrong_state")

    def test_it_is_accepted_once(self, hall: Hall) -> None:
        booking = hall.checked_in()
        seen = hall.api.get(hall.at(booking), headers=hall.headers["clerk"]).headers["ETag"]
        answers = [
            hall.api.post(
                f"{hall.at(booking)}/acceptance",
                {},
                headers={**hall.headers["clerk"], "If-Match": seen},
            ).status_code
            for _ in range(2)
        ]
        assert answers == [201, 412]
        assert len(db.session.scalars(select(NotaryCase.id)).all()) == 1

    def test_the_same_request_again_gets_the_same_answer(self, hall: Hall) -> None:
        booking = hall.checked_in()
        seen = hall.api.get(hall.at(booking), headers=hall.headers["clerk"]).headers["ETag"]
        headers = {**hall.headers["clerk"], "If-Match": seen, **new_key()}
        path = f"{hall.at(booking)}/acceptance"
        first, second = (hall.api.post(path, {}, headers=headers) for _ in range(2))
        assert first.json == second.json

    def test_accepted_the_person_may_book_again(self, hall: Hall) -> None:
        somebody = party()
        hall.accepted(parties=(somebody,))
        assert db.session.scalars(select(NotaryPerson.active)).all() == [0]
        hall.booked("2026-03-03 09:30", parties=(somebody,))

    def test_the_notary_works_at_the_office(self, hall: Hall) -> None:
        booking = hall.checked_in()
        body = {"notary_id": str(hall.people["stranger"])}
        answer = hall.step(hall.at(booking), "acceptance", body)
        assert answer.status_code == 422
        assert "notary_id" in answer.json["errors"]
        body = {"notary_id": str(hall.people["colleague"])}
        assert hall.done(hall.at(booking), "acceptance", body)["notary"] == "乙公证员"

    def test_somebody_without_an_appointment_is_accepted_with_parties_that_are_checked(
        self,
        hall: Hall,
    ) -> None:
        path = f"{STAFF}/tickets/{hall.drawn()['id']}"
        hall.next()
        body = {"matter_id": str(hall.matter_id), "parties": [desk_party()]}
        wrong = {**body, "parties": [desk_party(document_number="110105194912310021")]}
        assert hall.step(path, "acceptance", wrong).status_code == 422
        case = hall.done(path, "acceptance", body)
        assert case["parties"][0]["name"] == "钱测试"
        assert case["booking_id"] is None
        again_ = hall.step(path, "acceptance", body)
        assert (again_.status_code, again_.json["code"]) == (409, "already_accepted")

    def test_a_child_at_the_desk_needs_a_guardian(self, hall: Hall) -> None:
        path = f"{STAFF}/tickets/{hall.drawn()['id']}"
        hall.next()
        child = desk_party(document_number=id_number(date(2018, 2, 28)))
        body = {"matter_id": str(hall.matter_id), "parties": [child]}
        answer = hall.step(path, "acceptance", body)
        assert answer.status_code == 422
        assert "公证法第三十一条第一项" in answer.json["errors"]["parties.0.guardian"][0]

    def test_a_number_of_an_appointment_is_accepted_by_the_appointment(self, hall: Hall) -> None:
        booking = hall.checked_in()
        ticket = hall.api.get(hall.at(booking), headers=hall.headers["clerk"]).json["ticket"]
        hall.next()
        body = {"matter_id": str(hall.matter_id), "parties": [desk_party()]}
        answer = hall.step(f"{STAFF}/tickets/{ticket['id']}", "acceptance", body)
        assert (answer.status_code, answer.json["code"]) == (409, "has_appointment")

    def test_nothing_is_accepted_from_somebody_who_was_not_called(self, hall: Hall) -> None:
        path = f"{STAFF}/tickets/{hall.drawn()['id']}"
        body = {"note": REASONS}
        assert hall.step(path, "non-acceptance", body).status_code == 409
        hall.next()
        shown = hall.done(path, "non-acceptance", body)
        assert shown["not_accepted_note"] == REASONS
        assert "accept" not in {a["action"] for a in shown["allowed_actions"]}
        listed = hall.api.get(f"{hall.office}/queue", headers=hall.headers["clerk"]).json
        assert listed["at_desk"][0]["not_accepted_note"] is None, "read one by one, and recorded"


class TestPauses:
    def test_a_supplement_stops_the_clock_and_tells_the_person_what(
        self,
        hall: Hall,
        run_jobs,
    ) -> None:
        booking, path = hall.accepted()
        case = hall.done(path, "pauses", SUPPLEMENT)
        assert case["state"] == "supplement"
        assert deadline_of(case, "NO-D1")["paused"] is True
        mine = hall.mine(booking, "case")
        assert mine["pauses"][0]["note"] == SUPPLEMENT["note"]
        messages = told(run_jobs, "notary.supplement_asked")
        assert {m.channel.value for m in messages} == {"in_app", "sms"}
        assert all(m.params == {} for m in messages), "what is missing is read behind the sign-in"

    def test_nothing_is_issued_while_something_is_missing(self, hall: Hall) -> None:
        _, path = hall.accepted()
        hall.done(path, "pauses", SUPPLEMENT)
        answer = hall.step(path, "certificate", hall.certificate())
        assert (answer.status_code, answer.json["code"]) == (409, "wrong_state")

    def test_one_ground_pauses_once_at_a_time(self, hall: Hall) -> None:
        _, path = hall.accepted()
        hall.done(path, "pauses", SUPPLEMENT)
        answer = hall.step(path, "pauses", SUPPLEMENT)
        assert (answer.status_code, answer.json["code"]) == (409, "already_paused")

    def test_once_every_ground_lasts_no_further_pause_is_offered(self, hall: Hall) -> None:
        _, path = hall.accepted()
        hall.done(path, "pauses", SUPPLEMENT)
        case = hall.done(path, "pauses", VERIFY)
        assert "ask_supplement" in {each["action"] for each in case["allowed_actions"]}
        case = hall.done(path, "pauses", {**VERIFY, "ground": "force_majeure"})
        assert "ask_supplement" not in {each["action"] for each in case["allowed_actions"]}

    def test_every_lasting_pause_can_be_ended_at_its_address(self, hall: Hall) -> None:
        _, path = hall.accepted()
        hall.done(path, "pauses", SUPPLEMENT)
        case = hall.done(path, "pauses", VERIFY)
        ends = [a for a in case["allowed_actions"] if a["url"].endswith("/end")]
        assert {a["action"] for a in ends} == {"part_supplemented"}
        first = hall.done(path, ends[0]["url"].removeprefix(f"/api/v1{path}/"))
        assert first["state"] == "supplement"
        assert deadline_of(first, "NO-D1")["paused"] is True
        last = hall.done(path, ends[1]["url"].removeprefix(f"/api/v1{path}/"))
        assert last["state"] == "accepted"
        assert deadline_of(last, "NO-D1")["paused"] is False


class TestEnds:
    def test_issuing_meets_the_clock(self, hall: Hall, run_jobs) -> None:
        booking, path = hall.accepted()
        case = hall.done(path, "certificate", hall.certificate())
        assert (case["state"], case["issued_on"], case["closing_form"]) == (
            "issued",
            "2026-03-02",
            "出具公证书",
        )
        assert case["approver"] == "丙公证员"
        assert case["deadlines"] == []
        (state,) = db.session.scalars(select(Deadline.state).where(Deadline.rule_id == "NO-D1"))
        assert state.value == "met"
        assert told(run_jobs, "notary.issued")
        assert hall.mine(booking, "case")["certificate_number"] == "（2026）渝足证字第1号"

    @pytest.mark.parametrize(
        "typed",
        ["（２０２６）渝足证字第１号", "(2026)渝足证字第1号", " (２０２６) 渝足证字第 1 号"],
    )
    def test_a_number_has_one_form_however_it_is_typed(self, hall: Hall, typed: str) -> None:
        _, first = hall.accepted()
        case = hall.done(first, "certificate", hall.certificate(typed))
        assert case["certificate_number"] == "（2026）渝足证字第1号"
        _, second = hall.accepted()
        answer = hall.step(second, "certificate", hall.certificate())
        assert (answer.status_code, answer.json["code"]) == (409, "number_taken")

    def test_a_number_is_given_once_in_an_office(self, hall: Hall) -> None:
        _, first = hall.accepted()
        hall.done(first, "certificate", hall.certificate())
        _, second = hall.accepted()
        answer = hall.step(second, "certificate", hall.certificate())
        assert (answer.status_code, answer.json["code"]) == (409, "number_taken")
        assert hall.case(second)["state"] == "accepted"

    def test_the_receipt_starts_the_persons_year(self, hall: Hall) -> None:
        booking, path = hall.accepted()
        hall.done(path, "certificate", hall.certificate())
        early = hall.step(path, "receipt", {"received_on": "2026-03-01"})
        assert early.status_code == 422
        hall.done(path, "receipt", {"received_on": "2026-03-02"})
        running = deadline_of(hall.mine(booking, "case"), "NO-D3")
        assert running["due_on"] == "2027-03-02"
        assert running["provisional"] is True, "the table of 2027 is not out"

    @pytest.mark.parametrize("number", range(1, 10))
    def test_every_ground_of_refusal_needs_written_reasons(self, hall: Hall, number: int) -> None:
        _, path = hall.accepted()
        ground = f"RF{number}"
        assert hall.step(path, "refusal", {"ground": ground, "note": ""}).status_code == 422
        case = hall.done(path, "refusal", {"ground": ground, "note": REASONS})
        assert (case["state"], case["refusal_ground"]) == ("refused", ground)
        assert case["closing_note"] == REASONS

    def test_a_refusal_while_paused_ends_everything(self, hall: Hall, run_jobs) -> None:
        booking, path = hall.accepted()
        hall.done(path, "pauses", SUPPLEMENT)
        case = hall.done(path, "refusal", {"ground": "RF6", "note": REASONS})
        assert case["deadlines"] == []
        assert case["pauses"][0]["to_at"] is not None
        assert told(run_jobs, "notary.refused")
        assert hall.mine(booking, "case")["closing_note"] == REASONS

    def test_a_termination_for_delay_that_is_not_long_enough_warns(
        self,
        hall: Hall,
        clock,
    ) -> None:
        body = {"ground": "delay", "note": "当事人一直没有补充材料，多次联系无果。"}
        _, soon = hall.accepted()
        hall.done(soon, "pauses", SUPPLEMENT)
        assert "还不到 6 个月" in hall.done(soon, "termination", body)["hints"][0]
        _, later = hall.accepted()
        hall.done(later, "pauses", SUPPLEMENT)
        clock.set("2026-09-02 09:00")
        case = hall.done(later, "termination", body)
        assert (case["state"], case["hints"]) == ("terminated", [])

    def test_only_grounds_that_the_district_has_set_terminate(self, hall: Hall) -> None:
        before = case_settings.current()
        case_settings.configure(
            case_settings.CaseSettings(termination_grounds=(TerminationGround.WITHDRAWN,))
        )
        try:
            _, path = hall.accepted()
            body = {"ground": "pointless", "note": "标的物已经灭失，没有意义。"}
            assert hall.step(path, "termination", body).status_code == 422
            body = {"ground": "withdrawn", "note": "当事人书面撤回申请。"}
            assert hall.done(path, "termination", body)["closing_form"] == "终止公证"
        finally:
            case_settings.configure(before)

    def test_an_ended_case_takes_no_more_steps_but_its_register_is_put_right(
        self, hall: Hall
    ) -> None:
        _, path = hall.accepted()
        hall.done(path, "refusal", {"ground": "RF5", "note": REASONS})
        allowed = hall.case(path)["allowed_actions"]
        assert [each["action"] for each in allowed] == ["correct_party"]
        assert hall.step(path, "certificate", hall.certificate()).status_code == 409


class TestWhoSees:
    def test_another_office_does_not_know_the_case(self, hall: Hall) -> None:
        _, path = hall.accepted()
        assert hall.api.get(path, headers=hall.headers["stranger"]).status_code == 404
        listed = hall.api.get(f"{STAFF}/cases", headers=hall.headers["stranger"]).json
        assert listed["items"] == []

    def test_a_supervisor_sees_and_changes_nothing_but_who_handles_it(self, hall: Hall) -> None:
        _, path = hall.accepted()
        seen = hall.api.get(path, headers=hall.headers["supervisor"])
        assert [each["action"] for each in seen.json["allowed_actions"]] == ["reassign"]
        answer = hall.step(path, "certificate", hall.certificate(), who="supervisor")
        assert answer.status_code == 403

    def test_another_person_does_not_know_it(self, hall: Hall) -> None:
        booking, _ = hall.accepted()
        other = hall.booked("2026-03-03 09:30")
        answer = hall.api.get(
            f"/notary/appointments/{booking.id}/case", headers=hall.as_resident(other)
        )
        assert answer.status_code == 404

    def test_opening_a_case_is_recorded_and_numbers_are_masked(self, hall: Hall) -> None:
        _, path = hall.accepted()
        shown = hall.case(path)
        assert shown["parties"][0]["name"] == "赵测试"
        assert "*" in shown["parties"][0]["document_number"]
        db.session.rollback()
        assert db.session.scalar(
            select(AuditEvent).where(AuditEvent.action == "notary_case.viewed")
        )

    def test_the_list_has_the_least_time_first_and_people_masked(
        self,
        hall: Hall,
        clock,
    ) -> None:
        _, first = hall.accepted()
        clock.set("2026-03-04 09:00")
        booking = hall.checked_in("2026-03-04 09:30")
        hall.done(hall.at(booking), "acceptance", {})
        page = hall.api.get(f"{STAFF}/cases?size=1", headers=hall.headers["clerk"]).json
        assert [f"{STAFF}/cases/{item['id']}" for item in page["items"]] == [first]
        assert page["items"][0]["parties"] == ["赵**"]
        cursor = page["page"]["next"]
        rest = hall.api.get(
            f"{STAFF}/cases?size=1&cursor={cursor}", headers=hall.headers["clerk"]
        ).json
        assert len(rest["items"]) == 1
        assert rest["page"]["next"] is None

    def test_staff_decisions_name_the_version_they_rest_on(self, hall: Hall) -> None:
        _, path = hall.accepted()
        bare = hall.api.post(f"{path}/pauses", SUPPLEMENT, headers=hall.headers["clerk"])
        assert bare.status_code == 428
        seen = hall.api.get(path, headers=hall.headers["clerk"]).headers["ETag"]
        hall.done(path, "pauses", SUPPLEMENT)
        stale = {**hall.headers["clerk"], "If-Match": seen}
        assert hall.api.post(f"{path}/pauses", VERIFY, headers=stale).status_code == 412


class TestAccount:
    def test_the_export_holds_the_case(self, hall: Hall) -> None:
        booking, path = hall.accepted()
        hall.done(path, "pauses", SUPPLEMENT)
        data: dict = {}
        with unit_of_work():
            events.publish(ResidentExportRequested(booking.resident_id, data.__setitem__))
        assert data["notary_cases"][0]["parties"][0]["name"] == "赵测试"
        assert data["notary_cases"][0]["pauses"] == [f"补充证明材料：{SUPPLEMENT['note']}"]

    def test_a_closed_account_leaves_the_register(self, hall: Hall) -> None:
        booking, path = hall.issued()
        event = ResidentDeletionRequested(booking.resident_id)
        with unit_of_work():
            events.publish(event)
        assert any("登记簿" in row.what for row in event.retention)
        case = hall.case(path)
        assert case["parties"][0]["name"] == "赵测试"
        assert case["deadlines"] == [], "nobody is reminded any more"

    @pytest.mark.parametrize("accepted", [True, False])
    def test_who_closes_the_account_while_at_the_desk_is_forgotten_when_the_office_is_done(
        self,
        hall: Hall,
        accepted: bool,
    ) -> None:
        booking = hall.checked_in()
        with unit_of_work():
            events.publish(ResidentDeletionRequested(booking.resident_id))
        (waiting,) = db.session.scalars(select(NotaryParty))
        assert waiting.name == "赵测试", "the office finishes the day first"
        hall.next()
        if accepted:
            made = hall.done(hall.at(booking), "acceptance", {})
            case = hall.case(f"{STAFF}/cases/{made['id']}")
            assert case["parties"][0]["name"] == "赵测试"
        else:
            hall.done(hall.at(booking), "non-acceptance", {"note": REASONS})
        db.session.expire_all()
        (left,) = db.session.scalars(select(NotaryParty))
        assert (left.name, left.person_index, left.guardian) == ("（账号已注销）", "", None)

    def test_the_words_of_an_appeal_go_with_the_account(self, hall: Hall, clock) -> None:
        booking = hall.booked()
        clock.set("2026-03-02 09:30")
        hall.done(hall.at(booking), "no-show")
        hall.api.post(
            f"/notary/appointments/{booking.id}/no-show-appeal",
            {"text": "我九点就到了。"},
            headers=hall.as_resident(booking),
        )
        with unit_of_work():
            events.publish(ResidentDeletionRequested(booking.resident_id))
        assert db.session.scalars(select(NotaryNoShow.appeal_text)).all() == [None]


def test_the_settings_that_the_district_ships_are_read() -> None:
    found = case_settings.load(ROOT / "content" / "notary" / "cases.yaml")
    assert found.watch_party_delay is False
    assert set(found.termination_grounds) == set(TerminationGround)


@pytest.mark.parametrize(
    "text",
    ["termination_grounds: [boredom]", "termination_grounds: []", "watch_party_delay: 3", "x: 1"],
)
def test_settings_that_nobody_understands_stop_the_start(text, tmp_path) -> None:
    path = tmp_path / "cases.yaml"
    path.write_text(text)
    with pytest.raises(BrokenFile, match=r"notary/cases\.yaml"):
        case_settings.load(path)
    assert case_settings.load(tmp_path / "none.yaml") == case_settings.CaseSettings()
