"""Whom the desk has to check, and whether it may ring them, as staff see it over HTTP."""

from __future__ import annotations

from typing import Any

import pytest

from portal.accounts.models import ContactSafety, DocumentType, Resident
from portal.notary.operations import confirming
from portal.notary.parties import Agent, Guardian
from tests.factories.people import id_number, make_resident
from tests.notary.conftest import actor_of, details, party
from tests.notary.hall import Booked, Hall

NINE = "2026-03-02 09:30"


def booked(hall: Hall, resident: Resident | None = None, **changes: Any) -> Booked:
    """Somebody has an appointment, confirmed with what `changes` say."""
    person = resident or make_resident()
    given = changes.pop("parties", (party(),))
    held = hall.desk.hold(actor_of(person), NINE, party_count=len(given))
    booking = confirming.confirm(actor_of(person), held.id, details(*given, **changes))
    assert booking.reference
    assert booking.check_in_code
    return Booked(booking.id, booking.reference, booking.check_in_code, person.id)


def represented(hall: Hall) -> Booked:
    """A child with a guardian, and a grown-up for whom an agent comes."""
    mother = Guardian("李监护", "13900002222", "母亲", DocumentType.RESIDENT_ID, id_number())
    agent = Agent("周代理", "13900003333", DocumentType.CHINESE_PASSPORT, "E12345678")
    parties = (party(lacks_capacity=True, guardian=mother), party(by_agent=True))
    return booked(hall, parties=parties, agent=agent)


def seen(hall: Hall, path: str, who: str = "clerk") -> Any:
    """What staff see."""
    answer = hall.api.get(path, headers=hall.headers[who])
    assert answer.status_code == 200, answer.json
    return answer.json


class TestWhoActs:
    def test_the_appointment_shows_guardian_and_agent_with_their_documents(
        self, hall: Hall
    ) -> None:
        shown = seen(hall, hall.at(represented(hall)))
        guardian = shown["parties"][0]["guardian"]
        assert (guardian["name"], guardian["relation"]) == ("李监护", "母亲")
        assert guardian["document_type_label"] == "居民身份证"
        assert guardian["document_number"].startswith("500")
        assert "*" in guardian["document_number"]
        assert guardian["phone"] == "139****2222"
        assert shown["parties"][1]["guardian"] is None
        assert shown["parties"][1]["document_type"] == "resident_id"
        agent = shown["agent"]
        assert (agent["name"], agent["document_type"]) == ("周代理", "chinese_passport")
        assert "*" in agent["document_number"]
        assert agent["phone"] == "139****3333"

    def test_the_sheet_and_its_page_show_them_masked(self, hall: Hall) -> None:
        represented(hall)
        (row,) = seen(hall, f"{hall.office}/sheet")["appointments"]
        assert row["parties"][0]["guardian"]["name"] == "李**"
        assert row["agent"]["name"] == "周**"
        page = hall.api.get(f"{hall.office}/sheet/page", headers=hall.headers["clerk"])
        text = page.get_data(as_text=True)
        assert "监护人 李**" in text
        assert "代理人 周**" in text
        assert f"中国护照 {row['agent']['document_number']}" in text
        assert "E12345678" not in text

    def test_the_case_keeps_showing_them(self, hall: Hall) -> None:
        booking = represented(hall)
        hall.done(hall.at(booking), "check-in")
        case = hall.done(hall.at(booking), "acceptance", {})
        assert case["agent"]["phone"] == "139****3333"
        assert case["parties"][0]["guardian"]["document_type"] == "resident_id"
        assert "*" in case["parties"][0]["guardian"]["document_number"]
        assert case["contact_phone"].startswith("139")

    def test_nobody_acts_for_who_comes_alone(self, hall: Hall) -> None:
        shown = seen(hall, hall.at(booked(hall)))
        assert shown["agent"] is None
        assert shown["parties"][0]["guardian"] is None


class TestPhone:
    def test_without_a_number_for_the_appointment_it_is_the_accounts(self, hall: Hall) -> None:
        resident = make_resident(phone_number="13711112222")
        booking = booked(hall, resident)
        assert seen(hall, hall.at(booking))["contact_phone"] == "137****2222"
        (row,) = seen(hall, f"{hall.office}/sheet")["appointments"]
        assert row["contact_phone"] == "137****2222"

    def test_the_number_for_the_appointment_goes_before(self, hall: Hall) -> None:
        booking = booked(hall, contact_phone="13633334444")
        assert seen(hall, hall.at(booking))["contact_phone"] == "136****4444"

    @pytest.mark.parametrize("of_account", [True, False])
    @pytest.mark.parametrize("wish", [ContactSafety.NO_CONTACT, ContactSafety.IN_APP_ONLY])
    def test_who_must_not_be_rung_is_shown_without_a_number(
        self, hall: Hall, wish: ContactSafety, of_account: bool
    ) -> None:
        resident = make_resident(contact_safety=wish if of_account else ContactSafety.NORMAL)
        given = {} if of_account else {"contact_safety": wish}
        booking = booked(hall, resident, contact_phone="13633334444", **given)
        hall.done(hall.at(booking), "check-in")
        (row,) = seen(hall, f"{hall.office}/sheet")["appointments"]
        page = hall.api.get(f"{hall.office}/sheet/page", headers=hall.headers["clerk"])
        case = hall.done(hall.at(booking), "acceptance", {})
        for shown in (seen(hall, hall.at(booking)), row, case):
            assert shown["contact_phone"] is None
            assert shown["contact_safety"] == wish.value
            assert any("不要拨打" in each for each in shown.get("notes", shown.get("hints")))
        assert "不要拨打" in page.get_data(as_text=True)
        # Neither masked nor whole; four digits alone may stand in an address by chance.
        assert "****4444" not in page.get_data(as_text=True)
        assert "33334444" not in page.get_data(as_text=True)

    def test_who_shares_a_phone_may_be_rung_with_care(self, hall: Hall) -> None:
        booking = booked(hall, make_resident(contact_safety=ContactSafety.NEUTRAL_SMS))
        shown = seen(hall, hall.at(booking))
        assert shown["contact_phone"]
        assert any("不要说出" in each for each in shown["hints"])
