"""Rules 2.9 hold for the day to which an appointment is moved as for the one on which it was booked. Over HTTP."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from portal.notary.operations import schedule
from tests.conftest import SettableClock
from tests.factories.notary import make_counter
from tests.factories.people import id_number, make_staff, staff_headers
from tests.notary.caller import ASKED
from tests.notary.conftest import Desk
from tests.notary.hall import STAFF
from tests.notary.screen import Counter
from tests.notary.test_acting_for_others import child, guardian, representative

TUESDAY, WEDNESDAY = "2026-03-03T09:00:00+08:00", "2026-03-04T09:00:00+08:00"
COMES_OF_AGE_ON_WEDNESDAY = date(2008, 3, 4)


def booked(person: Counter, when: str, *, hold: Any = None, **party: Any) -> str:
    """An appointment, by its path."""
    made = person.confirm(person.hold(when, **(hold or {})), party=party)
    return f"/notary/appointments/{made['id']}"


def moved(person: Counter, path: str, when: str, status: int = 200) -> dict[str, Any]:
    return person.sent(f"{path}/reschedule", {"starts_at": when}, status)


@pytest.fixture
def grown_up(person: Counter) -> str:
    """Somebody who comes of age on the day of the appointment."""
    return booked(person, WEDNESDAY, document_number=id_number(COMES_OF_AGE_ON_WEDNESDAY))


def test_nobody_is_moved_to_a_day_on_which_they_lack_a_guardian(
    person: Counter, grown_up: str
) -> None:
    refused = moved(person, grown_up, TUESDAY, 409)
    assert refused["code"] == "not_on_that_day"
    assert "2026年3月3日还没有成年" in refused["detail"]
    assert "重新预约" in refused["next_step"]
    assert person.got(grown_up)["starts_at"] == WEDNESDAY
    moved(person, grown_up, "2026-03-05T09:00:00+08:00")


def test_nor_by_a_clerk(person: Counter, grown_up: str, clerk: dict[str, str]) -> None:
    path = f"{STAFF}/appointments/{grown_up.rsplit('/', 1)[1]}"
    seen = person.api.get(path, headers=clerk).headers["ETag"]
    answer = person.api.post(
        f"{path}/reschedule", {"starts_at": TUESDAY, **ASKED}, headers={**clerk, "If-Match": seen}
    )
    assert (answer.status_code, answer.json["code"]) == (409, "not_on_that_day")


def test_no_such_time_is_kept_instead_of_one_that_falls_away(
    person: Counter, grown_up: str, clerk: dict[str, str]
) -> None:
    closure = {
        "kind": "closed",
        "first_day": "2026-03-04",
        "last_day": "2026-03-31",
        "reason": "装修",
    }
    person.api.post(f"{STAFF}/offices/{person.desk.office.id}/exceptions", closure, headers=clerk)
    assert person.got(grown_up)["other_time"] is None
    assert person.sent(f"{grown_up}/other-time", status=404)["code"] == "not_found"


def test_a_child_may_come_of_age_meanwhile(person: Counter) -> None:
    path = booked(person, TUESDAY, **child() | {"document_number": id_number(date(2008, 3, 4))})
    moved(person, path, WEDNESDAY)


def test_a_childs_document_serves_until_sixteen(person: Counter) -> None:
    given = {
        "document_type": "household_register",
        "document_number": id_number(date(2010, 3, 4)),
        "guardian": guardian(),
    }
    path = booked(person, TUESDAY, **given)
    assert moved(person, path, WEDNESDAY, 409)["code"] == "not_on_that_day"


def test_seats_for_the_elderly_are_for_who_is_old_enough_then(person: Counter, desk: Desk) -> None:
    make_counter(desk.office, capacity=1, kept_priority=1)
    schedule.refresh_all()
    path = booked(
        person,
        WEDNESDAY,
        hold={"priority": "elderly"},
        document_number=id_number(date(1966, 3, 4)),
    )
    refused = moved(person, path, TUESDAY, 409)
    assert "满 60 周岁" in refused["detail"]


class TestOfAgeByThen:
    """Who is booked with a guardian and moves to the eighteenth birthday acts alone on that day (公证法 31①)."""

    BORN = date(2008, 3, 4)

    @pytest.fixture
    def path(self, person: Counter) -> str:
        found = booked(person, TUESDAY, **child() | {"document_number": id_number(self.BORN)})
        assert "监护人的身份证件" in person.got(found)["papers"]
        moved(person, found, WEDNESDAY)
        return found

    def at_desk(self, person: Counter, path: str, clerk: dict[str, str]) -> dict[str, Any]:
        """The appointment as the clerk sees it."""
        seen = person.api.get(f"{STAFF}/appointments/{path.rsplit('/', 1)[1]}", headers=clerk)
        assert seen.status_code == 200, seen.json
        found: dict[str, Any] = seen.json
        return found

    def test_no_papers_of_the_guardian_are_asked_for(self, person: Counter, path: str) -> None:
        shown = person.got(path)
        assert not [paper for paper in shown["papers"] if "监护" in paper]
        assert [each["guardian"] for each in shown["parties"]] == [None]

    def test_nor_looked_for_at_the_desk(
        self, person: Counter, path: str, clerk: dict[str, str]
    ) -> None:
        shown = self.at_desk(person, path, clerk)
        assert "监护" not in str([shown["hints"], shown["papers"]])
        assert [each["guardian"] for each in shown["parties"]] == [None]
        sheet = f"{STAFF}/offices/{person.desk.office.id}/sheet"
        for printed in (sheet, f"{sheet}/page"):
            answer = person.api.get(f"{printed}?day=2026-03-04", headers=clerk)
            assert answer.status_code == 200, answer.json
            assert "监护人" not in answer.get_data(as_text=True)
            assert "李代" not in answer.get_data(as_text=True)

    def test_moved_back_the_guardian_acts_again(self, person: Counter, path: str) -> None:
        moved(person, path, TUESDAY)
        assert "监护人的身份证件" in person.got(path)["papers"]

    def test_who_lacks_capacity_keeps_the_guardian(self, person: Counter) -> None:
        grown = child() | {"document_number": id_number(self.BORN), "lacks_capacity": True}
        path = booked(person, TUESDAY, **grown)
        moved(person, path, WEDNESDAY)
        assert "监护人的身份证件" in person.got(path)["papers"]

    def test_what_was_filled_in_can_still_be_put_right(
        self, person: Counter, path: str, clerk: dict[str, str]
    ) -> None:
        change = {"contact_phone": "13900003333"}
        seen = person.api.get(path, headers=person.headers).headers["ETag"]
        answer = person.api.patch(path, change, headers={**person.headers, "If-Match": seen})
        assert answer.status_code == 200, answer.json
        at_desk = f"{STAFF}/appointments/{path.rsplit('/', 1)[1]}"
        seen = person.api.get(at_desk, headers=clerk).headers["ETag"]
        answer = person.api.post(
            f"{at_desk}/parties/0/correction",
            {"name": "赵更正", "reason": "mistaken"},
            headers={**clerk, "If-Match": seen},
        )
        assert answer.status_code == 200, answer.json

    def test_the_register_names_no_guardian(
        self, person: Counter, path: str, clock: SettableClock
    ) -> None:
        clock.set("2026-03-04 09:00")
        clerk = staff_headers(staff=make_staff(["notary_clerk"], person.desk.office.id))
        at_desk = f"{STAFF}/appointments/{path.rsplit('/', 1)[1]}"
        for step in ("check-in", "acceptance"):
            seen = person.api.get(at_desk, headers=clerk).headers["ETag"]
            answer = person.api.post(
                f"{at_desk}/{step}", {} if step == "acceptance" else None,
                headers={**clerk, "If-Match": seen},
            )  # fmt: skip
            assert answer.status_code in (200, 201), answer.json
        assert [each["guardian"] for each in answer.json["parties"]] == [None]


class TestWhoActsForThem:
    """Who acts for another is of age on the day to which the appointment is moved (rules 2.3)."""

    BORN = COMES_OF_AGE_ON_WEDNESDAY

    def test_a_guardian_is(self, person: Counter) -> None:
        given = child(document_number=id_number(self.BORN))
        path = booked(person, WEDNESDAY, **given)
        refused = moved(person, path, TUESDAY, 409)
        assert refused["code"] == "not_on_that_day"
        assert "监护人" in refused["detail"]
        assert "第十八条" in refused["detail"]
        moved(person, path, "2026-03-05T09:00:00+08:00")

    def test_an_agent_is(self, person: Counter) -> None:
        agent = representative(document_number=id_number(self.BORN))
        made = person.confirm(person.hold(WEDNESDAY), party={"by_agent": True}, agent=agent)
        path = f"/notary/appointments/{made['id']}"
        refused = moved(person, path, TUESDAY, 409)
        assert (refused["code"], "代理人" in refused["detail"]) == ("not_on_that_day", True)

    def test_so_is_the_guardian_of_a_grown_up_without_capacity(self, person: Counter) -> None:
        grown = {"document_number": id_number(date(1990, 3, 4)), "lacks_capacity": True}
        young = representative(relation="儿子", document_number=id_number(self.BORN))
        path = booked(person, WEDNESDAY, **grown, guardian=young)
        assert moved(person, path, TUESDAY, 409)["code"] == "not_on_that_day"
