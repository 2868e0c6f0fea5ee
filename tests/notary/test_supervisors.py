"""Supervisors see each office's figures, and close a whole office in an emergency; everything else is the office's."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conftest import SettableClock
from tests.factories.notary import make_notary_office
from tests.notary.caller import booked
from tests.notary.hall import STAFF, Hall

OVERVIEW = f"{STAFF}/overview"
CLOSED = {
    "kind": "closed",
    "first_day": "2026-03-03",
    "last_day": "2026-03-03",
    "reason": "暴雨停办",
}
EXTRA = {**CLOSED, "kind": "extra", "opens": "18:00", "closes": "19:00"}


def overview(hall: Hall, who: str = "supervisor") -> dict[str, dict[str, Any]]:
    answer = hall.api.get(OVERVIEW, headers=hall.headers[who])
    assert answer.status_code == 200, answer.json
    return {each.pop("office"): each for each in answer.json["items"]}


def worklist(hall: Hall, who: str = "supervisor") -> dict[str, int]:
    page = hall.api.get("/staff/worklist", headers=hall.headers[who]).json
    return {each["code"].removeprefix("notary."): each["count"] for each in page["counters"]}


def enter(hall: Hall, body: dict[str, Any], who: str = "supervisor") -> Any:
    return hall.api.post(
        f"{hall.office}/exceptions", {"preview": False, **body}, headers=hall.headers[who]
    )


def take_back(hall: Hall, who: str) -> Any:
    """Take the only closure back."""
    listed = hall.api.get(f"{hall.office}/exceptions", headers=hall.headers[who])
    (row,) = listed.json["items"]
    headers = {**hall.headers[who], "If-Match": row["version"]}
    return hall.api.delete(f"{STAFF}/exceptions/{row['id']}", headers=headers)


def test_the_figures_of_an_office_are_those_of_what_goes_on_there(
    hall: Hall, clock: SettableClock
) -> None:
    hall.accepted(when="2026-03-02 09:30")
    hall.checked_in("2026-03-02 10:00")
    booked(hall)
    hall.booked("2026-03-02 10:30")
    enter(hall, CLOSED)
    clock.set("2026-03-02 10:40")
    found = overview(hall)
    office = found["测试公证处"]
    assert office.pop("office_id") == str(hall.office_id)
    assert {name: count for name, count in office.items() if count} == {
        "appointments": 3,
        "in_queue": 1,
        "not_checked_in": 1,
        "untold": 1,
    }
    assert {count for name, count in found["另一公证处"].items() if name != "office_id"} == {0}


def test_a_case_past_its_end_is_near_it_and_overdue(hall: Hall, clock: SettableClock) -> None:
    hall.accepted()
    for moment, expected in (
        ("2026-03-02 12:00", (0, 0)),
        ("2026-03-20 12:00", (1, 0)),
        ("2026-03-24 12:00", (1, 1)),
    ):
        clock.set(moment)
        office = overview(hall)["测试公证处"]
        assert (office["near_end"], office["overdue"]) == expected


def test_the_worklist_of_a_supervisor_adds_up_the_offices(hall: Hall) -> None:
    booked(hall)
    enter(hall, CLOSED)
    counted = worklist(hall)
    assert counted["untold"] == 1
    own = worklist(hall, "clerk")
    assert {name: counted[name] for name in own} == own
    assert worklist(hall, "stranger")["untold"] == 0


def test_a_clerk_sees_the_figures_of_the_own_office_only(hall: Hall) -> None:
    assert list(overview(hall, "clerk")) == ["测试公证处"]
    assert list(overview(hall, "stranger")) == ["另一公证处"]


def test_more_offices_cost_no_more_statements(hall: Hall, statements: Any) -> None:
    def cost() -> int:
        headers = hall.headers["supervisor"]
        with statements() as seen:
            hall.api.get(OVERVIEW, headers=headers)
        return len(seen)

    few = cost()
    for number in range(5):
        make_notary_office(name=f"第{number}公证处")
    assert cost() == few


class TestClosing:
    """In an emergency nobody may be there who could enter it; people are not to stand before a closed door."""

    def test_a_supervisor_sees_whom_it_strikes_closes_and_opens_again(self, hall: Hall) -> None:
        appointment = hall.booked("2026-03-03 09:30")
        looked = enter(hall, {**CLOSED, "preview": True})
        assert looked.status_code == 200
        assert [each["id"] for each in looked.json["affected"]] == [str(appointment.id)]
        assert enter(hall, CLOSED).status_code == 201
        shown = hall.api.get(hall.at(appointment), headers=hall.headers["clerk"]).json
        assert shown["affected_reason"] == "暴雨停办"
        assert take_back(hall, "supervisor").status_code == 200
        shown = hall.api.get(hall.at(appointment), headers=hall.headers["clerk"]).json
        assert shown["affected_reason"] is None

    def test_clerks_and_supervisors_take_back_each_others(self, hall: Hall) -> None:
        for one, other in (("clerk", "supervisor"), ("supervisor", "clerk")):
            assert enter(hall, CLOSED, one).status_code == 201
            assert take_back(hall, other).status_code == 200

    @pytest.mark.parametrize("body", [EXTRA, {**CLOSED, "counter_id": ...}])
    def test_a_counter_and_extra_hours_are_the_offices_own(
        self, hall: Hall, body: dict[str, Any]
    ) -> None:
        if "counter_id" in body:
            body = {**body, "counter_id": str(hall.counter_id)}
        refused = enter(hall, body)
        assert refused.status_code == 403
        assert "只能登记、撤销整个机构的停办" in refused.json["detail"]
        assert enter(hall, body, "clerk").status_code == 201
        assert take_back(hall, "supervisor").status_code == 403
        assert take_back(hall, "clerk").status_code == 200

    def test_another_offices_clerk_closes_nothing(self, hall: Hall) -> None:
        assert enter(hall, CLOSED, "stranger").status_code == 404
