"""What somebody is offered to do about an appointment can be done: what is sure to be refused is not offered. HTTP."""

from __future__ import annotations

from datetime import date, time
from typing import Any

import pytest

from portal.core.db import db
from portal.core.unit_of_work import unit_of_work
from portal.notary.models import NotaryMatter
from portal.notary.operations import matters
from tests.conftest import SettableClock
from tests.factories.notary import make_matter
from tests.factories.people import id_number
from tests.notary.conftest import Desk
from tests.notary.hall import STAFF
from tests.notary.screen import Counter
from tests.notary.test_acting_for_others import child, representative
from tests.notary.test_affected import ANYWHERE
from tests.notary.test_another_day import TUESDAY, WEDNESDAY, booked
from tests.notary.test_one_place import booked as booked_for
from tests.notary.test_schedule import close

OF_AGE_ON_WEDNESDAY, SEVENTEEN = date(2008, 3, 4), date(2009, 1, 1)
WEDNESDAY_ITSELF, LONG_AFTER = date(2026, 3, 4), date(2026, 4, 30)


def offered(person: Counter, path: str) -> set[str]:
    return {each["action"] for each in person.got(path)["allowed_actions"]}


def at_desk(person: Counter, path: str) -> str:
    """The path of an appointment for staff."""
    return f"{STAFF}/appointments/{path.rsplit('/', 1)[1]}"


def put_right(person: Counter, path: str, clerk: dict[str, str], **changes: Any) -> None:
    """The clerk puts a party right as the document says."""
    own = at_desk(person, path)
    seen = person.api.get(own, headers=clerk).headers["ETag"]
    body = {**changes, "reason": "mistaken"}
    headers = {**clerk, "If-Match": seen}
    answer = person.api.post(f"{own}/parties/0/correction", body, headers=headers)
    assert answer.status_code == 200, answer.json


class TestOtherTimes:
    """Another time that is kept for somebody is one that they can take."""

    def test_of_a_young_guardian_it_is_a_day_on_which_they_may_act(
        self, person: Counter, desk: Desk
    ) -> None:
        path = booked(person, WEDNESDAY, **child(document_number=id_number(OF_AGE_ON_WEDNESDAY)))
        # Only Tuesday would be nearer than Monday week.
        close(desk, WEDNESDAY_ITSELF, date(2026, 3, 6))
        assert person.got(path)["other_time"]["starts_at"] == "2026-03-09T09:00:00+08:00"
        person.sent(f"{path}/other-time")

    def test_where_there_is_none_nobody_is_told_to_accept_one(
        self, person: Counter, desk: Desk
    ) -> None:
        path = booked(person, WEDNESDAY, **child(document_number=id_number(OF_AGE_ON_WEDNESDAY)))
        close(desk, WEDNESDAY_ITSELF, LONG_AFTER)
        assert "accept_other_time" not in offered(person, path)
        assert person.got("/notary/holds")["items"] == []
        assert "目前没有为您留出的新时段" in person.got(path)["next_step"]

    def test_one_that_suits_nobody_any_more_after_a_correction_is_not_offered(
        self, person: Counter, desk: Desk, clerk: dict[str, str]
    ) -> None:
        path = booked(person, WEDNESDAY)
        close(desk, WEDNESDAY_ITSELF, LONG_AFTER)
        own = at_desk(person, path)

        def by_clerk() -> set[str]:
            seen = person.api.get(own, headers=clerk).json
            return {each["action"] for each in seen["allowed_actions"]}

        assert "accept_other_time" in offered(person, path) & by_clerk()
        assert len(person.got("/notary/holds")["items"]) == 1
        put_right(person, path, clerk, document_number=id_number(OF_AGE_ON_WEDNESDAY))
        assert "accept_other_time" not in offered(person, path) | by_clerk()
        assert person.got(path)["other_time"] is None
        assert person.got("/notary/holds")["items"] == []
        refused = person.sent(f"{path}/other-time", status=409)
        assert refused["code"] == "not_on_that_day"

    def test_it_is_none_at_which_they_have_to_be_elsewhere(
        self, person: Counter, desk: Desk
    ) -> None:
        number = id_number()
        first = booked_for(person, TUESDAY, number)
        booked_for(person, WEDNESDAY, number)
        close(desk, date(2026, 3, 3))
        path = f"/notary/appointments/{first['id']}"
        assert person.got(path)["other_time"]["starts_at"] == "2026-03-04T09:30:00+08:00"
        person.sent(f"{path}/other-time")

    def test_nor_at_which_another_time_is_kept_for_them(self, person: Counter, desk: Desk) -> None:
        number = id_number()
        paths = [
            f"/notary/appointments/{booked_for(person, when, number, minutes=60)['id']}"
            for when in (TUESDAY, "2026-03-03T10:00:00+08:00")
        ]
        # Of Wednesday nothing but the first hour is left, at which two may come.
        close(desk, WEDNESDAY_ITSELF, opens=time(10), closes=time(12))
        close(desk, date(2026, 3, 3))
        for path in paths:
            person.sent(f"{path}/other-time")

    def test_of_a_matter_that_is_no_longer_done_none_is_taken(
        self, person: Counter, desk: Desk
    ) -> None:
        path = booked(person, TUESDAY)
        close(desk, date(2026, 3, 3))
        assert "accept_other_time" in offered(person, path)
        stop(desk.matter)
        assert "accept_other_time" not in offered(person, path)
        assert person.sent(f"{path}/other-time", status=422)["errors"].keys() == {"matter_id"}


def stop(matter: NotaryMatter) -> None:
    """Stop a matter; the job that acts on what was booked of it has not run yet."""
    with unit_of_work():
        found = db.session.get_one(NotaryMatter, matter.id, populate_existing=True)
        matters.change(ANYWHERE, found, {"active": False})


def test_a_hold_of_a_matter_that_was_stopped_meanwhile_cannot_be_confirmed(
    person: Counter,
) -> None:
    matter = make_matter()
    held = person.hold(matter_id=str(matter.id))
    assert {each["action"] for each in held["allowed_actions"]} == {"confirm", "release"}
    stop(matter)
    (listed,) = person.got("/notary/holds")["items"]
    assert [each["action"] for each in listed["allowed_actions"]] == ["release"]
    person.confirm(held, 422)


class TestCorrecting:
    """Whoever is offered to put an appointment right can."""

    CHANGE = {"contact_phone": "13900003333"}

    def change(self, person: Counter, path: str) -> Any:
        seen = person.api.get(path, headers=person.headers).headers["ETag"]
        return person.api.patch(path, self.CHANGE, headers={**person.headers, "If-Match": seen})

    def test_also_where_the_desk_has_found_a_young_guardian_able_to_act(
        self, person: Counter, clerk: dict[str, str]
    ) -> None:
        given = child()
        path = booked(person, TUESDAY, **given)
        young = {**given["guardian"], "document_number": id_number(SEVENTEEN)}
        put_right(person, path, clerk, guardian=young)
        assert "correct_details" in offered(person, path)
        assert self.change(person, path).status_code == 200

    def test_but_names_no_other_one_of_that_age(self, person: Counter) -> None:
        path = booked(person, TUESDAY, **child())
        young = representative(relation="姐姐", document_number=id_number(SEVENTEEN))
        seen = person.api.get(path, headers=person.headers).headers["ETag"]
        body = {"parties": [{"position": 0, "guardian": young}]}
        refused = person.api.patch(path, body, headers={**person.headers, "If-Match": seen})
        assert refused.status_code == 422
        assert "第十八条" in str(refused.json["errors"])

    @pytest.mark.parametrize("lost", [True, False])
    def test_after_its_time_only_of_one_that_the_office_could_not_keep(
        self, person: Counter, desk: Desk, clock: SettableClock, *, lost: bool
    ) -> None:
        clock.set("2026-03-03 08:30")
        path = booked(person, TUESDAY)
        if lost:
            close(desk, date(2026, 3, 3))
        clock.set("2026-03-03 09:30")
        assert ("correct_details" in offered(person, path)) is lost
        assert self.change(person, path).status_code == (200 if lost else 409)
