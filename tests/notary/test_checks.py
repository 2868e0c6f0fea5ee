"""Rules 2.9: what is asked before a booking is confirmed."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from tests.factories.notary import make_matter
from tests.factories.people import (
    id_number,
)
from tests.notary.screen import FIRM, Counter

NINE = "2026-03-03T09:00:00+08:00"
TEN = "2026-03-03T10:00:00+08:00"
Headers = dict[str, str]


class TestChecks:
    """Rules 2.9: what is asked before a booking is confirmed."""

    @pytest.mark.parametrize(
        ("changes", "where"),
        [
            ({"immovable": True}, "connection_basis"),
            ({"connection_basis": "property"}, "connection_basis"),
            ({"checklist_read": False}, "checklist_read"),
            ({"foreign_use": True}, "foreign_country"),
            ({"foreign_country": "日本"}, "foreign_country"),
            ({"foreign_use": True, "foreign_country": "\U0001f600"}, "foreign_country"),
            ({"foreign_use": True, "foreign_country": "123"}, "foreign_country"),
            ({"contact_phone": "12"}, "contact_phone"),
            ({"party": {"document_number": "110105194912310021"}}, "parties.0.document_number"),
            ({"party": {"document_type": None}}, "parties.0.document_type"),
            ({"party": {"by_agent": True}}, "agent"),
            ({"party": {"lacks_capacity": True}}, "parties.0.guardian"),
            ({"party": {"document_number": id_number(date(2015, 5, 5))}}, "parties.0.guardian"),
            (
                # Fixed: of a person's numbers one in 31 passes for a credit code.
                {"party": {"kind": "organisation", "document_number": "110105194912310021"}},
                "parties.0.document_number",
            ),
            ({"party": {**FIRM, "lacks_capacity": True}}, "parties.0.lacks_capacity"),
            ({"party": {**FIRM, "document_type": "resident_id"}}, "parties.0.document_type"),
            ({"party": {**FIRM, "birth_date": "1999-01-01"}}, "parties.0.birth_date"),
            (
                {"party": {"document_type": "foreign_passport", "document_number": "X1234567"}},
                "parties.0.birth_date",
            ),
            (
                {"party": {"document_number": id_number(date(1850, 5, 5))}},
                "parties.0.document_number",
            ),
        ],
    )
    def test_what_does_not_fit_is_named(
        self, person: Counter, changes: dict[str, Any], where: str
    ) -> None:
        refused = person.confirm(person.hold(), status=422, **changes)
        assert where in refused["errors"], refused["errors"]

    def test_immovables_go_to_their_place_except_for_what_the_law_excepts(
        self, person: Counter
    ) -> None:
        person.confirm(person.hold(), immovable=True, connection_basis="property")

    def test_what_must_be_done_in_person_takes_no_agent(self, person: Counter) -> None:
        will = make_matter(in_person=True, agency_allowed=False)
        held = person.hold(matter_id=str(will.id))
        agent = {
            "name": "钱代理",
            "phone": "13900001111",
            "document_type": "resident_id",
            "document_number": id_number(),
        }
        refused = person.confirm(held, status=422, agent=agent)
        assert {"agent", "in_person_understood"} <= set(refused["errors"])
        person.confirm(held, in_person_understood=True)

    def test_a_dispute_is_warned_of_and_may_be_understood(self, person: Counter) -> None:
        held = person.hold()
        refused = person.confirm(held, status=409, dispute=True)
        assert refused["code"] == "dispute_declared"
        # Which field says so is for the program that shows the sentence, not for whoever reads it.
        assert set(refused["errors"]) == {"dispute_understood"}
        assert not any(sign.isascii() and sign.isalpha() for sign in refused["next_step"])
        booked = person.confirm(held, dispute=True, dispute_understood=True)
        assert any("第三十一条" in hint for hint in booked["hints"])

    def test_each_party_who_comes_needs_a_seat(self, person: Counter) -> None:
        held = person.hold()
        party = {"name": "孙测试", "document_type": "resident_id"}
        two = [{**party, "document_number": id_number()} for _ in range(2)]
        assert "parties" in person.confirm(held, status=422, parties=two)["errors"]
        same = [two[0], two[0]]
        assert "parties" in person.confirm(held, status=422, parties=same)["errors"]
        agent = {
            "name": "钱代理",
            "phone": "13900001111",
            "document_type": "resident_id",
            "document_number": id_number(),
        }
        two[1]["by_agent"] = True
        booked = person.confirm(held, parties=two, agent=agent)
        assert booked["agent"]["phone"] == "139****1111"

    def test_a_child_comes_with_a_guardian(self, person: Counter) -> None:
        guardian = {
            "name": "李监护",
            "phone": "13900002222",
            "relation": "母亲",
            "document_type": "resident_id",
            "document_number": id_number(),
        }
        child = {"document_number": id_number(date(2015, 5, 5)), "guardian": guardian}
        booked = person.confirm(person.hold(), party=child)
        assert booked["parties"][0]["guardian"]["relation"] == "母亲"

    def test_nobody_is_their_own_guardian(self, person: Counter) -> None:
        number = id_number(date(2015, 5, 5))
        guardian = {
            "name": "赵测试",
            "phone": "13900002222",
            "relation": "本人",
            "document_type": "resident_id",
            "document_number": number,
        }
        child = {"document_number": number, "guardian": guardian}
        refused = person.confirm(person.hold(), 422, party=child)
        assert list(refused["errors"]) == ["parties.0.guardian.document_number"]

    def test_organisations_are_known_by_their_credit_code(self, person: Counter) -> None:
        tender = make_matter(for_organisations=True)
        held = person.hold(matter_id=str(tender.id))
        assert "parties" in person.confirm(held, status=422)["errors"]
        person.confirm(held, party=FIRM)

    def test_and_by_no_kind_of_document(self, person: Counter) -> None:
        firm = {**FIRM, "document_type": "resident_id"}
        refused = person.confirm(person.hold(), 422, party=firm)
        (said,) = refused["errors"]["parties.0.document_type"]
        assert "统一社会信用代码" in said

    def test_what_only_a_person_does_is_not_done_for_an_organisation(self, person: Counter) -> None:
        will = make_matter("N03d", "遗嘱", persons_only=True)
        held = person.hold(matter_id=str(will.id))
        refused = person.confirm(held, 422, party=FIRM)
        assert "个人" in refused["errors"]["parties.0.kind"][0]
        person.confirm(held)

    def test_use_abroad_and_relief_are_explained(self, person: Counter) -> None:
        booked = person.confirm(
            person.hold(), foreign_use=True, foreign_country="日本", fee_relief=True
        )
        text = "".join(booked["hints"])
        assert "认证" in text
        assert "减免" in text
