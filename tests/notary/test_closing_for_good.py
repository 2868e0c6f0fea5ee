"""An office closes for good: what it is told of what is left to do, and that it can still be reached. HTTP."""

from __future__ import annotations

from typing import Any

from tests.conftest import SettableClock
from tests.notary.hall import Hall

LAST = "2026-03-06"


def change(hall: Hall, **settings: Any) -> Any:
    seen = hall.api.get(hall.office, headers=hall.headers["clerk"]).headers["ETag"]
    headers = {**hall.headers["clerk"], "If-Match": seen}
    return hall.api.patch(hall.office, settings, headers=headers)


def test_cases_that_are_not_closed_are_pointed_out(hall: Hall) -> None:
    hall.issued()
    assert change(hall, closes_on=LAST).json["hints"] == []
    assert change(hall, closes_on=None).status_code == 200
    hall.accepted(when="2026-03-02 10:00")
    (hint,) = change(hall, closes_on=LAST).json["hints"]
    assert hint == "还有 1 件公证没有办结，请在停办以前办结或者安排好。"
    assert change(hall, phone="023-43720000").json["hints"] == []


def test_a_closed_office_still_changes_how_it_is_reached(hall: Hall, clock: SettableClock) -> None:
    change(hall, closes_on=LAST)
    clock.set("2026-03-09 09:00")
    answer = change(hall, phone="023-43720000")
    assert answer.status_code == 200, answer.json
    refused = change(hall, closes_on="2026-03-05")
    assert (refused.status_code, list(refused.json["errors"])) == (422, ["closes_on"])
