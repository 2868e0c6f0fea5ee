"""Who is known as a guardian outlasts a correction of something else, not one by which there never was a minor. HTTP."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from sqlalchemy import select

from portal.core.db import db
from portal.notary.models import NotaryParty
from tests.conftest import SettableClock
from tests.factories.people import id_number, make_staff, resident_headers, staff_headers
from tests.notary.hall import STAFF
from tests.notary.screen import Counter
from tests.notary.test_acting_for_others import child
from tests.notary.test_another_day import TUESDAY, WEDNESDAY, booked, moved

OF_AGE_ON_WEDNESDAY, GROWN_UP = date(2008, 3, 4), date(1990, 3, 7)
GUARDIANS_PAPERS = "监护人的身份证件"


def guardians() -> list[str | None]:
    """The names of the guardians that are kept."""
    found = db.session.scalars(
        select(NotaryParty).order_by(NotaryParty.position).execution_options(populate_existing=True)
    )
    return [each.guardian and each.guardian["name"] for each in found]


def put_right(person: Counter, path: str, who: str, **changes: Any) -> Any:
    """The party corrects it, or a clerk from the document."""
    if who == "party":
        seen = person.api.get(path, headers=person.headers).headers["ETag"]
        body = {"parties": [{"position": 0, **changes}]}
        return person.api.patch(path, body, headers={**person.headers, "If-Match": seen})
    clerk = staff_headers(staff=make_staff(["notary_clerk"], person.desk.office.id))
    at_desk = f"{STAFF}/appointments/{path.rsplit('/', 1)[1]}"
    seen = person.api.get(at_desk, headers=clerk).headers["ETag"]
    return person.api.post(
        f"{at_desk}/parties/0/correction",
        {**changes, "reason": "mistaken"},
        headers={**clerk, "If-Match": seen},
    )


@pytest.fixture
def path(person: Counter) -> str:
    """The appointment of a child that was moved to the eighteenth birthday."""
    born = id_number(OF_AGE_ON_WEDNESDAY)
    found = booked(person, TUESDAY, **child() | {"document_number": born})
    moved(person, found, WEDNESDAY)
    return found


@pytest.mark.parametrize("who", ["party", "clerk"])
class TestOfAgeOnItsDay:
    def test_a_name_put_right_says_nothing_of_the_guardian(
        self, person: Counter, path: str, who: str
    ) -> None:
        answer = put_right(person, path, who, name="赵更正")
        assert answer.status_code == 200, answer.json
        assert answer.json["parties"][0]["guardian"] is None
        assert guardians() == ["李代理"]
        moved(person, path, TUESDAY)
        assert GUARDIANS_PAPERS in person.got(path)["papers"]

    def test_nor_on_the_day_itself(
        self, person: Counter, path: str, who: str, clock: SettableClock
    ) -> None:
        clock.set("2026-03-04 08:30")
        fresh = replace(person, headers=resident_headers(resident=person.resident))
        assert put_right(fresh, path, who, name="赵更正").status_code == 200
        assert guardians() == ["李代理"]

    def test_who_is_still_a_minor_by_the_right_number_keeps_the_guardian(
        self, person: Counter, path: str, who: str
    ) -> None:
        right = id_number(date(2008, 3, 5))
        answer = put_right(person, path, who, document_number=right)
        assert answer.status_code == 200, answer.json
        assert answer.json["parties"][0]["guardian"]["name"] == "李代理"
        assert guardians() == ["李代理"]

    def test_nothing_is_kept_of_the_guardian_of_who_was_never_a_minor(
        self, person: Counter, path: str, who: str
    ) -> None:
        answer = put_right(person, path, who, document_number=id_number(GROWN_UP))
        assert answer.status_code == 200, answer.json
        assert guardians() == [None]
        moved(person, path, TUESDAY)
        assert GUARDIANS_PAPERS not in person.got(path)["papers"]


@pytest.mark.parametrize("who", ["party", "clerk"])
class TestAMinorByMistake:
    def test_the_number_of_an_adult_takes_the_guardian_away(
        self, person: Counter, who: str
    ) -> None:
        path = booked(person, TUESDAY, **child())
        answer = put_right(person, path, who, document_number=id_number(GROWN_UP))
        assert answer.status_code == 200, answer.json
        assert answer.json["parties"][0]["guardian"] is None
        assert guardians() == [None]

    def test_unless_capacity_is_lacking(self, person: Counter, who: str) -> None:
        path = booked(person, TUESDAY, **child() | {"lacks_capacity": True})
        answer = put_right(person, path, who, document_number=id_number(GROWN_UP))
        assert answer.status_code == 200, answer.json
        assert guardians() == ["李代理"]

    def test_who_names_a_guardian_all_the_same_is_told(self, person: Counter, who: str) -> None:
        given = child()
        path = booked(person, TUESDAY, **given)
        both = {"document_number": id_number(GROWN_UP), "guardian": given["guardian"]}
        refused = put_right(person, path, who, **both)
        assert refused.status_code == 422
        assert "已经成年" in str(refused.json["errors"])


def test_another_partys_name_put_right_leaves_every_guardian(person: Counter) -> None:
    first = {"name": "赵测试", "document_type": "resident_id", "document_number": id_number()}
    second = child() | {
        "name": "孙测试",
        "document_type": "resident_id",
        "document_number": id_number(OF_AGE_ON_WEDNESDAY),
    }
    held = person.hold(TUESDAY, party_count=2)
    path = f"/notary/appointments/{person.confirm(held, parties=[first, second])['id']}"
    moved(person, path, WEDNESDAY)
    assert put_right(person, path, "party", name="赵更正").status_code == 200
    assert guardians() == [None, "李代理"]
