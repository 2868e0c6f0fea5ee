"""Somebody can be in one place at a time, whatever the matters; over HTTP."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from portal.notary.operations import schedule
from tests.factories.notary import make_counter, make_matter, make_notary_office
from tests.factories.people import id_number
from tests.notary.conftest import Desk, party
from tests.notary.hall import Hall
from tests.notary.screen import NINE, TEN, Counter

HALF_PAST_NINE = "2026-03-03T09:30:00+08:00"


@pytest.fixture
def number() -> str:
    return id_number()


def booked(who: Counter, when: str, number: str, status: int = 201, **changes: Any) -> Any:
    """An appointment for a matter of its own, or the refusal."""
    minutes = changes.pop("minutes", 30)
    held = who.hold(when, matter_id=str(make_matter(minutes=minutes).id))
    given = {"document_number": number, **changes.pop("party", {})}
    return who.confirm(held, status, party=given, **changes)


def test_nobody_has_two_appointments_at_a_time(person: Counter, number: str) -> None:
    booked(person, NINE, number)
    refused = booked(person, NINE, number, 409)
    assert refused["code"] == "elsewhere_then"
    assert "换一个时间" in refused["next_step"]


def test_a_long_appointment_takes_the_whole_of_its_time(person: Counter, number: str) -> None:
    booked(person, NINE, number, minutes=60)
    assert booked(person, HALF_PAST_NINE, number, 409)["code"] == "elsewhere_then"


def test_one_appointment_may_follow_on_another(person: Counter, number: str) -> None:
    booked(person, NINE, number)
    booked(person, HALF_PAST_NINE, number)


def test_others_are_not_told_where_somebody_is(
    person: Counter, other: Counter, number: str
) -> None:
    booked(person, NINE, number)
    assert booked(other, NINE, number, 409)["code"] == "party_unavailable"


def test_the_other_appointment_may_be_at_another_office(
    person: Counter, number: str, desk: Desk
) -> None:
    office = make_notary_office(name="另一公证处")
    elsewhere = Desk(office, make_counter(office), desk.matter)
    schedule.refresh_all()
    booked(person, NINE, number)
    there = Counter(person.api, elsewhere, person.headers, person.resident)
    assert booked(there, NINE, number, 409)["code"] == "elsewhere_then"


def test_nobody_moves_into_another_appointment(person: Counter, number: str) -> None:
    booked(person, NINE, number)
    later = booked(person, TEN, number)
    path = f"/notary/appointments/{later['id']}"
    refused = person.sent(f"{path}/reschedule", {"starts_at": NINE}, 409)
    assert refused["code"] == "elsewhere_then"
    assert person.got(path)["starts_at"] == later["starts_at"]


def test_who_is_represented_is_nowhere(person: Counter, number: str) -> None:
    agent = {
        "name": "钱代理",
        "phone": "13900001111",
        "document_type": "resident_id",
        "document_number": id_number(),
    }
    booked(person, NINE, number)
    booked(person, NINE, number, party={"by_agent": True}, agent=agent)


def test_an_organisation_may_send_two_people(person: Counter) -> None:
    firm = {"kind": "organisation", "name": "测试有限公司", "document_type": None}
    for _ in range(2):
        booked(person, NINE, "91350100M000100Y43", party=firm)


def test_the_other_time_that_is_kept_is_not_taken_into_another_appointment(hall: Hall) -> None:
    somebody = party()
    booking = hall.booked("2026-03-03 09:30", parties=(somebody,))
    closure = {
        "kind": "closed",
        "first_day": "2026-03-03",
        "last_day": "2026-03-03",
        "reason": "设备检修",
    }
    hall.api.post(f"{hall.office}/exceptions", closure, headers=hall.headers["clerk"])
    path = f"/notary/appointments/{booking.id}"
    headers = hall.as_resident(booking)
    kept = hall.api.get(path, headers=headers).json["other_time"]["starts_at"]
    when = kept[:16].replace("T", " ")
    hall.desk.confirmed(booking.actor, when, somebody, matter_id=make_matter().id)
    answer = hall.api.post(f"{path}/other-time", headers=headers)
    assert (answer.status_code, answer.json["code"]) == (409, "elsewhere_then")
    assert hall.api.get(path, headers=headers).json["other_time"]["starts_at"] == kept


class TestWhoActsForOthers:
    """Agents and guardians are not refused, but who has booked both appointments reads that they are to be at two places."""

    @pytest.fixture
    def there(self, person: Counter, desk: Desk) -> Counter:
        """The same person at another office."""
        office = make_notary_office(name="另一公证处")
        elsewhere = Desk(office, make_counter(office), desk.matter)
        schedule.refresh_all()
        return Counter(person.api, elsewhere, person.headers, person.resident)

    @pytest.fixture
    def acting(self, number: str) -> dict[str, Any]:
        """Somebody who acts for others."""
        return {
            "name": "钱代理",
            "phone": "13900001111",
            "document_type": "resident_id",
            "document_number": number,
        }

    def by_agent(
        self, who: Counter, when: str, acting: dict[str, Any], **changes: Any
    ) -> dict[str, Any]:
        made: dict[str, Any] = booked(
            who, when, id_number(), party={"by_agent": True}, agent=acting, **changes
        )
        return made

    def hints(self, who: Counter, made: dict[str, Any]) -> list[str]:
        told = who.got(f"/notary/appointments/{made['id']}")["hints"]
        return [each for each in told if "不能同时到两处" in each]

    def test_an_agent_at_two_offices_is_pointed_out_at_both(
        self, person: Counter, there: Counter, acting: dict[str, Any]
    ) -> None:
        first = self.by_agent(person, NINE, acting, minutes=60)
        assert self.hints(person, first) == []
        second = self.by_agent(there, HALF_PAST_NINE, acting)
        (said,) = self.hints(person, first)
        assert said.startswith("代理人钱代理在同一时间还要到另一公证处办理")
        assert second["reference"] in said
        assert first["reference"] in "".join(second["hints"])

    def test_a_guardian_who_comes_for_themselves_elsewhere_is_pointed_out(
        self, person: Counter, there: Counter, acting: dict[str, Any], number: str
    ) -> None:
        child = {"guardian": {**acting, "relation": "母亲"}}
        first = booked(person, NINE, id_number(date(2015, 5, 5)), party=child)
        booked(there, NINE, number)
        (said,) = self.hints(person, first)
        assert said.startswith("监护人钱代理")

    def test_not_at_one_office_nor_at_another_time_nor_once_the_other_is_cancelled(
        self, person: Counter, there: Counter, acting: dict[str, Any]
    ) -> None:
        first = self.by_agent(person, NINE, acting)
        self.by_agent(person, NINE, acting)
        self.by_agent(there, TEN, acting)
        assert self.hints(person, first) == []
        clash = self.by_agent(there, NINE, acting)
        assert len(self.hints(person, first)) == 1
        person.sent(f"/notary/appointments/{clash['id']}/cancellation")
        assert self.hints(person, first) == []

    def test_nobody_learns_where_somebody_acts_for_strangers(
        self, person: Counter, other: Counter, there: Counter, acting: dict[str, Any]
    ) -> None:
        first = self.by_agent(person, NINE, acting)
        stranger = Counter(other.api, there.desk, other.headers, other.resident)
        second = self.by_agent(stranger, NINE, acting)
        assert self.hints(person, first) == []
        assert "不能同时到两处" not in "".join(second["hints"])
