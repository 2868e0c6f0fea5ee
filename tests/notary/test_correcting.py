"""Who comes to an appointment, put right over HTTP: by its person before the day, at the desk, in the register."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from sqlalchemy import select

from portal.accounts.models import DocumentType
from portal.core.db import db
from portal.core.unit_of_work import unit_of_work
from portal.notary.models import NotaryCase, NotaryParty, NotaryPerson
from portal.notary.operations import persons, steps
from portal.notary.parties import Agent, Guardian
from portal.web.conditional import etag_of
from tests.factories.notary import make_matter
from tests.factories.people import id_number, make_resident
from tests.notary.conftest import actor_of, again, party
from tests.notary.hall import STAFF, Booked, Hall, desk_party
from tests.notary.test_undoing import actions, detail_of, shown

MISTAKEN = {"reason": "mistaken"}


def counted(*numbers: str) -> list[int]:
    """How many appointments stand for the people with these numbers."""
    db.session.rollback()
    rows = {row.person_index: row.active for row in db.session.scalars(select(NotaryPerson))}
    indexes = [persons.person_index(DocumentType.RESIDENT_ID, number) for number in numbers]
    return [rows.get(index, 0) for index in indexes]


def parties_of(booking: Booked) -> list[NotaryParty]:
    db.session.rollback()
    return list(
        db.session.scalars(
            select(NotaryParty)
            .where(NotaryParty.booking_id == booking.id)
            .order_by(NotaryParty.position)
        )
    )


class TestByTheirPerson:
    """PATCH of a confirmed appointment."""

    def patched(self, hall: Hall, booking: Booked, body: dict[str, Any]) -> Any:
        path, headers = f"/notary/appointments/{booking.id}", hall.as_resident(booking)
        seen = hall.api.get(path, headers=headers).headers["ETag"]
        return hall.api.patch(path, body, headers={**headers, "If-Match": seen})

    def test_a_misspelt_number_is_put_right_and_the_seat_stays(self, hall: Hall) -> None:
        wrong, right = id_number(), id_number()
        booking = hall.booked("2026-03-03 09:30", parties=(party(document_number=wrong),))
        mine = hall.api.get(
            f"/notary/appointments/{booking.id}", headers=hall.as_resident(booking)
        ).json
        assert {
            "action": "correct_details",
            "label": "更正预约信息",
            "method": "PATCH",
            "url": f"/api/v1/notary/appointments/{booking.id}",
        } in mine["allowed_actions"]
        body = {"parties": [{"position": 0, "document_number": right}]}
        answer = self.patched(hall, booking, body)
        assert answer.status_code == 200, answer.json
        assert answer.json["starts_at"] == "2026-03-03T09:30:00+08:00"
        assert answer.json["timeline"][-1]["label"] == "更正预约信息"
        (written,) = parties_of(booking)
        assert (written.name, written.document_number) == ("赵测试", right)
        assert written.birth_date == f"{right[6:10]}-{right[10:12]}-{right[12:14]}"
        assert counted(wrong, right) == [0, 1]
        assert hall.desk.left("2026-03-03 09:30") == 1
        detail = detail_of("notary_booking.correct_persons")
        assert right not in str(detail)

    def test_names_agents_guardians_country_and_telephone_too(self, hall: Hall) -> None:
        child = party(
            document_number=id_number(date(2018, 2, 28)),
            guardian=Guardian(
                "孙测试", "13900001234", "父亲", DocumentType.RESIDENT_ID, id_number()
            ),
        )
        grown = party(by_agent=True)
        agent = Agent("李测试", "13900001234", DocumentType.RESIDENT_ID, id_number())
        booking = hall.booked(
            "2026-03-03 09:30",
            parties=(child, grown),
            party_count=2,
            details={"agent": agent, "foreign_use": True, "foreign_country": "法国"},
        )
        guardian = {
            "name": "孙测验",
            "phone": "13900005678",
            "relation": "父亲",
            "document_type": "resident_id",
            "document_number": id_number(),
        }
        body = {
            "parties": [
                {"position": 0, "guardian": guardian},
                {"position": 1, "name": "赵测验"},
            ],
            "agent": {key: value for key, value in guardian.items() if key != "relation"},
            "foreign_country": "德国",
            "contact_phone": "13900009999",
        }
        answer = self.patched(hall, booking, body)
        assert answer.status_code == 200, answer.json
        assert answer.json["foreign_country"] == "德国"
        assert answer.json["agent"]["name"] == "孙测验"
        assert answer.json["contact_phone"].endswith("9999")
        assert [each["name"] for each in answer.json["parties"]] == ["赵测试", "赵测验"]
        assert answer.json["parties"][0]["guardian"]["name"] == "孙测验"
        assert answer.json["parties"][1]["by_agent"] is True
        removed = self.patched(hall, booking, {"contact_phone": None})
        assert removed.json["contact_phone"] is None

    def test_it_is_checked_as_when_confirming(self, hall: Hall) -> None:
        booking = hall.booked("2026-03-03 09:30")
        bodies: dict[str, dict[str, Any]] = {
            "parties.0.document_number": {
                "parties": [{"position": 0, "document_number": "50011119900101000X"}]
            },
            "parties.0.guardian": {
                "parties": [{"position": 0, "document_number": id_number(date(2018, 2, 28))}]
            },
            "agent": {"agent": {**desk_party(), "phone": "13900001234"}},
            "contact_phone": {"contact_phone": "12"},
            "foreign_country": {"foreign_country": "法国"},
            "parties": {"parties": [{"position": 1, "name": "赵测验"}]},
        }
        for field, body in bodies.items():
            answer = self.patched(hall, booking, body)
            assert (answer.status_code, list(answer.json["errors"])) == (422, [field])
        assert self.patched(hall, booking, {}).status_code == 422
        twice = {"parties": [{"position": 0, "name": "赵测验"}] * 2}
        assert self.patched(hall, booking, twice).status_code == 422

    def test_a_seat_is_not_handed_to_somebody_else(self, hall: Hall) -> None:
        booking = hall.booked("2026-03-03 09:30")
        both = {"parties": [{"position": 0, "name": "钱测试", "document_number": id_number()}]}
        answer = self.patched(hall, booking, both)
        assert (answer.status_code, answer.json["code"]) == (409, "another_person")
        # Nor in two steps.
        first = {"parties": [{"position": 0, "name": "钱测试"}]}
        second = {"parties": [{"position": 0, "document_number": id_number()}]}
        assert self.patched(hall, booking, first).status_code == 200
        answer = self.patched(hall, booking, second)
        assert (answer.status_code, answer.json["code"]) == (409, "already_corrected")
        assert self.patched(hall, booking, {"contact_phone": "13900009999"}).status_code == 200

    def test_the_right_person_is_held_to_the_same_limits(self, hall: Hall) -> None:
        somebody = party()
        hall.booked("2026-03-04 09:30", parties=(somebody,))
        wrong = id_number()
        booking = hall.booked("2026-03-03 09:30", parties=(party(document_number=wrong),))
        body = {"parties": [{"position": 0, "document_number": somebody.document_number}]}
        answer = self.patched(hall, booking, body)
        # Whose number it is does not learn a stranger that they have an appointment.
        assert (answer.status_code, answer.json["code"]) == (409, "party_unavailable")
        assert parties_of(booking)[0].document_number == wrong
        assert counted(wrong, somebody.document_number) == [1, 1]

    def test_nobody_is_put_in_two_places_at_a_time(self, hall: Hall) -> None:
        somebody = party()
        elsewhere = make_matter()
        hall.booked("2026-03-03 09:30", parties=(somebody,), matter_id=elsewhere.id)
        booking = hall.booked("2026-03-03 09:30")
        body = {"parties": [{"position": 0, "document_number": somebody.document_number}]}
        assert self.patched(hall, booking, body).status_code == 409

    def test_before_the_time_and_by_its_person_alone(self, hall: Hall, clock) -> None:
        booking, other = hall.booked(), hall.booked()
        body = {"contact_phone": "13900009999"}
        path, headers = f"/notary/appointments/{booking.id}", hall.as_resident(other)
        answer = hall.api.patch(path, body, headers={**headers, "If-Match": '"x"'})
        assert answer.status_code == 404
        clock.set("2026-03-02 09:30")
        answer = self.patched(hall, booking, body)
        assert (answer.status_code, answer.json["code"]) == (409, "already_begun")

    def test_what_is_only_held_or_was_cancelled_is_not_corrected(self, hall: Hall) -> None:
        resident = make_resident()
        held = hall.desk.hold(actor_of(resident), "2026-03-03 09:30")
        booking = Booked(held.id, "", "", resident.id)
        cancelled = hall.booked()
        hall.done(hall.at(cancelled), "cancellation", {"reason": "机构停电。"})
        for each in (booking, cancelled):
            path, headers = f"/notary/appointments/{each.id}", hall.as_resident(each)
            tag = f'"{etag_of(again(each.id))}"'
            body = {"contact_phone": "13900009999"}
            answer = hall.api.patch(path, body, headers={**headers, "If-Match": tag})
            assert (answer.status_code, answer.json["code"]) == (409, "wrong_state")

    def test_a_stale_copy_corrects_nothing(self, hall: Hall) -> None:
        booking = hall.booked()
        path, headers = f"/notary/appointments/{booking.id}", hall.as_resident(booking)
        seen = hall.api.get(path, headers=headers).headers["ETag"]
        body = {"contact_phone": "13900009999"}
        assert hall.api.patch(path, body, headers=headers).status_code == 428
        stale = {**headers, "If-Match": seen}
        assert [hall.api.patch(path, body, headers=stale).status_code for _ in range(2)] == [
            200,
            412,
        ]

    def test_what_does_not_change_who_comes_asks_no_limit(self, hall: Hall) -> None:
        booking = hall.booked()
        with unit_of_work():
            steps.write(again(booking.id), contact_phone="13900001111")
        before = [each.id for each in parties_of(booking)]
        assert self.patched(hall, booking, {"contact_phone": "13900009999"}).status_code == 200
        assert [each.id for each in parties_of(booking)] == before


class TestAtTheDesk:
    """By the clerk, from the document."""

    @pytest.mark.parametrize("come", [False, True])
    def test_a_party_is_put_right_from_the_document(self, hall: Hall, come: bool) -> None:
        wrong, right = id_number(), id_number()
        given = (party(document_number=wrong),)
        booking = hall.checked_in(parties=given) if come else hall.booked(parties=given)
        path = "parties/0/correction"
        urls = {each["url"] for each in shown(hall, hall.at(booking))["allowed_actions"]}
        assert f"/api/v1{hall.at(booking)}/{path}" in urls
        body = {"name": "赵测验", "document_number": right, **MISTAKEN}
        done = hall.done(hall.at(booking), path, body)
        assert done["parties"][0]["name"] == "赵测验"
        assert done["timeline"][-1]["label"] == "更正当事人信息：填写或者操作有误"
        assert counted(wrong, right) == [0, 1]
        detail = detail_of("notary_booking.correct_party")
        assert (detail["party"], detail["reason"]) == (0, "mistaken")
        assert right not in str(detail)
        if come:
            hall.done(hall.at(booking), "acceptance", {})
            (case,) = db.session.scalars(select(NotaryCase))
            assert case.parties[0]["document_number"] == right
            assert counted(wrong, right) == [0, 0]

    def test_the_others_and_the_guardian_stay(self, hall: Hall) -> None:
        child = party(
            document_number=id_number(date(2018, 2, 28)),
            guardian=Guardian(
                "孙测试", "13900001234", "父亲", DocumentType.RESIDENT_ID, id_number()
            ),
        )
        booking = hall.checked_in(parties=(party(), child), party_count=2)
        body = {"document_number": id_number(date(2018, 2, 27)), **MISTAKEN}
        done = hall.done(hall.at(booking), "parties/1/correction", body)
        assert [each["name"] for each in done["parties"]] == ["赵测试", "赵测试"]
        assert done["parties"][1]["guardian"]["name"] == "孙测试"
        assert [each.birth_date for each in parties_of(booking)][1] == "2018-02-27"

    @pytest.mark.parametrize("accepted", [False, True])
    def test_one_child_is_not_two_parties_by_card_and_by_household_register(
        self, hall: Hall, accepted: bool
    ) -> None:
        mother = Guardian("孙测试", "13900001234", "母亲", DocumentType.RESIDENT_ID, id_number())
        born = date(2018, 2, 28)
        first, second = (party(document_number=id_number(born), guardian=mother) for _ in range(2))
        booking = hall.checked_in(parties=(first, second), party_count=2)
        path = hall.at(booking)
        if accepted:
            path = f"{STAFF}/cases/{hall.done(path, 'acceptance', {})['id']}"
        same = {"document_type": "household_register", "document_number": first.document_number}
        answer = hall.step(path, "parties/1/correction", {**same, **MISTAKEN})
        assert answer.status_code == 422
        assert answer.json["errors"] == {"document_number": ["同一位当事人填写了两次。"]}

    def test_the_right_person_is_held_to_the_same_limits_and_the_clerk_is_told_which(
        self, hall: Hall
    ) -> None:
        somebody = party()
        hall.booked("2026-03-04 09:30", parties=(somebody,))
        booking = hall.checked_in()
        body = {"document_number": somebody.document_number, **MISTAKEN}
        answer = hall.step(hall.at(booking), "parties/0/correction", body)
        assert (answer.status_code, answer.json["code"]) == (409, "already_booked")

    def test_what_cannot_be_is_told_by_field(self, hall: Hall) -> None:
        first = party()
        booking = hall.checked_in(parties=(first, party()), party_count=2)
        path = "parties/1/correction"
        wrong: list[tuple[dict[str, Any], str]] = [
            ({"document_number": "50011119900101000X"}, "document_number"),
            ({"document_number": first.document_number}, "document_number"),
            ({"document_number": id_number(date(2018, 2, 28))}, "guardian"),
            ({"name": "赵"}, "name"),
        ]
        for body, field in wrong:
            answer = hall.step(hall.at(booking), path, {**body, **MISTAKEN})
            assert (answer.status_code, list(answer.json["errors"])) == (422, [field])
        assert hall.step(hall.at(booking), path, {"name": "赵测验"}).status_code == 422
        missing = hall.step(
            hall.at(booking), "parties/2/correction", {"name": "赵测验", **MISTAKEN}
        )
        assert missing.status_code == 404

    def test_not_by_others_and_not_once_it_is_over(self, hall: Hall) -> None:
        booking, body = hall.booked(), {"name": "赵测验", **MISTAKEN}
        path = "parties/0/correction"
        assert hall.step(hall.at(booking), path, body, who="stranger").status_code == 404
        assert hall.step(hall.at(booking), path, body, who="supervisor").status_code == 403
        hall.done(hall.at(booking), "cancellation", {"reason": "机构停电。"})
        assert "correct_party" not in actions(shown(hall, hall.at(booking)))
        answer = hall.step(hall.at(booking), path, body)
        assert (answer.status_code, answer.json["code"]) == (409, "not_active")


class TestInTheRegister:
    def test_the_copy_of_the_register_is_put_right_and_that_is_recorded(self, hall: Hall) -> None:
        booking, path = hall.accepted()
        right = id_number()
        assert "correct_party" in actions(hall.case(path))
        body = {"name": "赵测验", "document_number": right, "reason": "changed"}
        done = hall.done(path, "parties/0/correction", body)
        assert done["parties"][0]["name"] == "赵测验"
        assert done["timeline"][-1]["label"] == "更正登记簿里的当事人信息：姓名或者证件有变更"
        detail = detail_of("notary_case.correct_party")
        assert (detail["party"], detail["reason"]) == (0, "changed")
        (case,) = db.session.scalars(select(NotaryCase))
        assert case.parties[0]["document_number"] == right
        query = "from=2026-03-02&to=2026-03-02"
        (row,) = shown(hall, f"{hall.office}/register?{query}")["items"]
        assert row["parties"] == ["赵测验"]
        assert hall.mine(booking, "case")["timeline"][-1]["action"] == "correct_party"

    def test_of_somebody_without_an_appointment_too_and_after_the_certificate(
        self, hall: Hall
    ) -> None:
        number = f"{STAFF}/tickets/{hall.drawn()['id']}"
        hall.seated()
        given = {"matter_id": str(hall.matter_id), "parties": [desk_party(), desk_party()]}
        path = f"{STAFF}/cases/{hall.done(number, 'acceptance', given)['id']}"
        hall.done(path, "certificate", hall.certificate())
        body = {"name": "钱测验", **MISTAKEN}
        done = hall.done(path, "parties/1/correction", body)
        assert [each["name"] for each in done["parties"]] == ["钱测试", "钱测验"]

    def test_what_cannot_be_is_refused(self, hall: Hall) -> None:
        number = f"{STAFF}/tickets/{hall.drawn()['id']}"
        hall.seated()
        first = desk_party()
        given = {"matter_id": str(hall.matter_id), "parties": [first, desk_party()]}
        path = f"{STAFF}/cases/{hall.done(number, 'acceptance', given)['id']}"
        same = {"document_number": first["document_number"], **MISTAKEN}
        answer = hall.step(path, "parties/1/correction", same)
        assert (answer.status_code, list(answer.json["errors"])) == (422, ["document_number"])
        body = {"name": "钱测验", **MISTAKEN}
        assert hall.step(path, "parties/2/correction", body).status_code == 404
        assert hall.step(path, "parties/1/correction", body, who="stranger").status_code == 404
        assert hall.step(path, "parties/1/correction", body, who="supervisor").status_code == 403


def test_a_correction_of_nothing_leaves_no_trace(hall: Hall) -> None:
    booking, case = hall.accepted()
    standing = hall.booked("2026-03-02 10:30")
    for path in (hall.at(standing), case):
        before = shown(hall, path)["timeline"]
        answer = hall.step(path, "parties/0/correction", MISTAKEN)
        assert (answer.status_code, answer.json["errors"]) == (422, {"_": ["请填写要更正的内容。"]})
        assert shown(hall, path)["timeline"] == before
    assert hall.mine(booking, "case")["state"] == "accepted"
