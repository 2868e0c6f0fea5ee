"""Rules 2.3 and 2.9: who may act for another, and what somebody without full capacity cannot do."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from portal.accounts.models import DocumentType
from portal.notary.parties import Guardian
from tests.factories.notary import make_matter
from tests.factories.people import id_number
from tests.notary.conftest import party
from tests.notary.hall import STAFF, Hall, desk_party
from tests.notary.screen import FIRM, TEN, Counter

# The appointment is on 3 March 2026.
ADULT_THAT_DAY, ADULT_THE_NEXT = date(2008, 3, 3), date(2008, 3, 4)
CHILD = date(2015, 5, 5)


def representative(**changes: Any) -> dict[str, Any]:
    """A grown-up who acts for another."""
    return {
        "name": "李代理",
        "phone": "13900002222",
        "document_type": "resident_id",
        "document_number": id_number(),
        **changes,
    }


def guardian(**changes: Any) -> dict[str, Any]:
    """A mother."""
    return representative(relation="母亲", **changes)


def child(**changes: Any) -> dict[str, Any]:
    """A child with a guardian."""
    return {"document_number": id_number(CHILD), "guardian": guardian(**changes)}


class TestGuardiansAndAgents:
    def test_a_guardian_is_of_age_on_the_day(self, person: Counter) -> None:
        held = person.hold()
        young = child(document_number=id_number(ADULT_THE_NEXT))
        refused = person.confirm(held, 422, party=young)
        (said,) = refused["errors"]["parties.0.guardian.document_number"]
        assert "第十八条" in said
        person.confirm(held, party=child(document_number=id_number(ADULT_THAT_DAY)))

    def test_an_agent_is_of_age_on_the_day(self, person: Counter) -> None:
        held = person.hold()
        refused = person.confirm(
            held,
            422,
            party={"by_agent": True},
            agent=representative(document_number=id_number(ADULT_THE_NEXT)),
        )
        (said,) = refused["errors"]["agent.document_number"]
        assert "16 周岁" in said
        assert "直接到公证机构" in said
        adult = representative(document_number=id_number(ADULT_THAT_DAY))
        person.confirm(held, party={"by_agent": True}, agent=adult)

    @pytest.mark.parametrize(
        ("kind", "number"),
        [("chinese_passport", "E12345678"), ("permanent_residence", "911124201501010024")],
    )
    def test_a_document_that_does_not_surely_tell_the_age_is_left_to_the_desk(
        self, person: Counter, kind: str, number: str
    ) -> None:
        agent = representative(document_type=kind, document_number=number)
        person.confirm(person.hold(), party={"by_agent": True}, agent=agent)

    def test_nobody_is_their_own_agent(self, person: Counter) -> None:
        number = id_number()
        refused = person.confirm(
            person.hold(),
            422,
            party={"document_number": number, "by_agent": True},
            agent=representative(document_number=f" {number}"),
        )
        assert list(refused["errors"]) == ["agent.document_number"]

    def test_a_party_who_comes_may_act_for_another_party(self, person: Counter) -> None:
        wife, husband = id_number(), id_number()
        parties = [
            {"name": "李代理", "document_type": "resident_id", "document_number": wife},
            {
                "name": "孙测试",
                "document_type": "resident_id",
                "document_number": husband,
                "by_agent": True,
            },
        ]
        agent = representative(document_number=wife)
        person.confirm(person.hold(), parties=parties, agent=agent)

    def test_who_is_of_age_has_no_guardian_unless_capacity_is_lacking(
        self, person: Counter
    ) -> None:
        held = person.hold()
        adult = {"guardian": guardian()}
        refused = person.confirm(held, 422, party=adult)
        (said,) = refused["errors"]["parties.0.guardian"]
        assert "无民事行为能力或者限制民事行为能力" in said
        booked = person.confirm(held, party={**adult, "lacks_capacity": True})
        assert booked["parties"][0]["guardian"]["relation"] == "母亲"

    def test_an_organisation_has_no_guardian(self, person: Counter) -> None:
        firm = {**FIRM, "guardian": guardian()}
        refused = person.confirm(person.hold(), 422, party=firm)
        assert list(refused["errors"]) == ["parties.0.guardian"]

    def test_an_agent_acts_for_somebody(self, person: Counter) -> None:
        refused = person.confirm(person.hold(), 422, agent=representative())
        (said,) = refused["errors"]["agent"]
        assert "没有当事人选择由代理人办理" in said

    @pytest.mark.parametrize(("born", "status"), [(CHILD, 422), (date(2009, 1, 1), 201)])
    def test_the_desk_sees_whether_somebody_of_sixteen_lives_by_the_own_work(
        self, hall: Hall, born: date, status: int
    ) -> None:
        ticket = hall.drawn()
        hall.next()
        body = {
            "matter_id": str(hall.matter_id),
            "parties": [desk_party(by_agent=True)],
            "agent": representative(document_number=id_number(born)),
        }
        answer = hall.step(f"{STAFF}/tickets/{ticket['id']}", "acceptance", body)
        assert answer.status_code == status, answer.json
        assert status == 201 or list(answer.json["errors"]) == ["agent.document_number"]


class TestChildrenWithoutACard:
    """Rules 8.1: under 16 having no identity card is lawful, and other lawful proof must be accepted."""

    def test_the_household_register_shows_the_same_number_as_the_card(
        self, person: Counter
    ) -> None:
        by_register = {**child(), "document_type": "household_register"}
        booked = person.confirm(person.hold(), party=by_register)
        assert booked["parties"][0]["document_type"] == "household_register"
        assert "没有居民身份证的，带户口簿" in booked["papers"]
        by_card = {**by_register, "document_type": "resident_id"}
        again = person.confirm(person.hold(TEN), 409, party=by_card)
        assert again["code"] == "already_booked"

    def test_the_number_of_the_household_is_not_that_of_a_person(self, person: Counter) -> None:
        household = {**child(), "document_type": "household_register", "document_number": "123456"}
        refused = person.confirm(person.hold(), 422, party=household)
        assert "户号" in refused["errors"]["parties.0.document_number"][0]

    def test_a_certificate_of_birth_needs_the_date_beside_it(self, person: Counter) -> None:
        held = person.hold()
        born = {
            **child(),
            "document_type": "birth_certificate",
            "document_number": "T123456789",
        }
        refused = person.confirm(held, 422, party=born)
        assert list(refused["errors"]) == ["parties.0.birth_date"]
        person.confirm(held, party={**born, "birth_date": str(CHILD)})

    @pytest.mark.parametrize(("born", "status"), [("2010-03-03", 422), ("2010-03-04", 201)])
    def test_they_are_for_who_is_under_sixteen_on_the_day(
        self, person: Counter, born: str, status: int
    ) -> None:
        number = id_number(date.fromisoformat(born))
        given = {**child(), "document_type": "household_register", "document_number": number}
        answer = person.confirm(person.hold(), status, party=given)
        assert status == 201 or list(answer["errors"]) == ["parties.0.document_type"]

    @pytest.mark.parametrize("kind", ["household_register", "birth_certificate"])
    def test_nobody_who_acts_for_another_shows_them(self, person: Counter, kind: str) -> None:
        refused = person.confirm(person.hold(), 422, party=child(document_type=kind))
        assert list(refused["errors"]) == ["parties.0.guardian.document_type"]


def test_a_will_is_not_accepted_for_an_organisation_at_the_desk(hall: Hall) -> None:
    will = make_matter(code="N03d", name="遗嘱", agency_allowed=False, persons_only=True)
    ticket = hall.drawn()
    hall.next()
    path = f"{STAFF}/tickets/{ticket['id']}"
    body = {"matter_id": str(will.id), "parties": [FIRM]}
    refused = hall.step(path, "acceptance", body)
    assert (refused.status_code, list(refused.json["errors"])) == (422, ["parties.0.kind"])
    hall.done(path, "acceptance", {**body, "parties": [desk_party()]})


def test_the_desk_accepts_a_matter_of_organisations_for_an_organisation(hall: Hall) -> None:
    tender = make_matter(for_organisations=True)
    ticket = hall.drawn()
    hall.next()
    path = f"{STAFF}/tickets/{ticket['id']}"
    body = {"matter_id": str(tender.id), "parties": [desk_party()]}
    refused = hall.step(path, "acceptance", body)
    assert (refused.status_code, list(refused.json["errors"])) == (422, ["parties"])
    hall.done(path, "acceptance", {**body, "parties": [desk_party(), FIRM]})


class TestWills:
    """民法典 1143(1): a will by somebody without full capacity is void. The office decides, so that all are told."""

    def test_who_books_it_is_told(self, person: Counter) -> None:
        will = make_matter(code="N03d", name="遗嘱", agency_allowed=False)
        for when, given in (("09:00", child()), ("09:30", {})):
            held = person.hold(f"2026-03-03T{when}:00+08:00", matter_id=str(will.id))
            booked = person.confirm(held, party=given)
            warned = any("一千一百四十三条" in hint for hint in booked["hints"])
            assert warned is bool(given)

    def test_the_desk_is_told_before_and_after_the_acceptance(self, hall: Hall) -> None:
        will = make_matter(code="N03d", name="遗嘱", agency_allowed=False)
        confused = party(lacks_capacity=True, guardian=_guardian())
        booking = hall.checked_in(parties=(confused,), matter_id=will.id)
        seen = hall.api.get(hall.at(booking), headers=hall.headers["clerk"]).json
        assert any("一千一百四十三条" in hint for hint in seen["hints"])
        case = hall.done(hall.at(booking), "acceptance", {})
        assert any("一千一百四十三条" in hint for hint in case["hints"])

    def test_the_desk_is_told_of_somebody_without_an_appointment(self, hall: Hall) -> None:
        will = make_matter(code="N03d", name="遗嘱", agency_allowed=False)
        ticket = hall.drawn()
        hall.next()
        body = {"matter_id": str(will.id), "parties": [desk_party(**child())]}
        case = hall.done(f"{STAFF}/tickets/{ticket['id']}", "acceptance", body)
        assert any("一千一百四十三条" in hint for hint in case["hints"])


def _guardian() -> Guardian:
    return Guardian("李监护", "13900002222", "配偶", DocumentType.RESIDENT_ID, id_number())
