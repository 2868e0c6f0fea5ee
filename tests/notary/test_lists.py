"""What staff list comes page by page, in a fixed order, and every row once."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from portal.core.unit_of_work import unit_of_work
from portal.notary.models import ExceptionKind
from portal.notary.operations import changing, schedule
from tests.conftest import SettableClock
from tests.factories.notary import make_counter, make_matter
from tests.factories.people import make_staff, staff_headers
from tests.notary.conftest import again, party
from tests.notary.hall import STAFF, Hall
from tests.notary.test_schedule import clerk, close

MONDAY = date(2026, 3, 2)


def pages(hall: Hall, path: str, size: int, who: str = "clerk", **asked: Any) -> list[list[Any]]:
    """Every page of a list, as far as the cursors lead."""
    found, cursor = [], None
    while True:
        query = {**asked, "size": size, **({"cursor": cursor} if cursor else {})}
        answer = hall.api.get(path, query_string=query, headers=hall.headers[who])
        assert answer.status_code == 200, answer.json
        assert answer.json["page"]["size"] == size
        found.append(answer.json["items"])
        cursor = answer.json["page"]["next"]
        if cursor is None:
            return found


def rows(hall: Hall, path: str, size: int = 2, **asked: Any) -> list[Any]:
    """The rows of all pages, each of which is full but the last."""
    found = pages(hall, path, size, **asked)
    assert all(len(page) == size for page in found[:-1])
    assert len(found) > 1
    return [row for page in found for row in page]


def test_who_has_to_move_is_listed_by_time(hall: Hall) -> None:
    later = [hall.booked(f"2026-03-03 {hour}:00") for hour in (11, 10)]
    first = hall.booked("2026-03-03 09:00")
    close(hall.desk, MONDAY, MONDAY + timedelta(days=60))
    listed = rows(hall, f"{hall.office}/affected")
    assert [each["id"] for each in listed] == [str(first.id), str(later[1].id), str(later[0].id)]
    assert [each["to_be_rung"] for each in listed] == [True] * 3


def test_a_page_of_them_costs_as_many_statements_as_another(hall: Hall, statements: Any) -> None:
    for hour in (9, 10, 11):
        hall.booked(f"2026-03-03 {hour:02}:00")
    close(hall.desk, date(2026, 3, 3))

    def cost(size: int) -> int:
        headers = hall.headers["clerk"]
        hall.api.get(f"{STAFF}/offices", headers=headers)
        with statements() as seen:
            hall.api.get(f"{hall.office}/affected?size={size}", headers=headers)
        return len(seen)

    assert cost(1) == cost(3)


def test_who_came_without_an_appointment_is_listed_by_number(hall: Hall) -> None:
    drawn = [hall.drawn() for _ in range(3)]
    booked = hall.checked_in()
    path = f"{hall.office}/tickets"
    listed = rows(hall, path, booked="false")
    assert [each["number"] for each in listed] == [each["number"] for each in drawn]
    assert all(not each["booked"] for each in listed)
    (with_appointment,) = pages(hall, path, 100, booked="true")[0]
    assert with_appointment["booking_id"] == str(booked.id)
    assert len(rows(hall, path)) == 4


def test_they_show_the_case_that_followed_and_no_person(hall: Hall) -> None:
    hall.checked_in(parties=(party(name="孙测试"),))
    number = hall.seated()
    case = hall.done(f"{STAFF}/appointments/{number['booking_id']}", "acceptance", {})
    answer = hall.api.get(f"{hall.office}/tickets", headers=hall.headers["clerk"])
    (row,) = answer.json["items"]
    assert row["case_reference"] == case["reference"]
    assert "孙" not in answer.text


def test_the_numbers_are_those_of_the_day_that_is_asked_for(
    hall: Hall, clock: SettableClock
) -> None:
    hall.drawn()
    clock.set("2026-03-03 09:00")
    path = f"{hall.office}/tickets"
    assert pages(hall, path, 100) == [[]]
    assert len(pages(hall, path, 100, day="2026-03-02")[0]) == 1


def test_a_void_number_is_not_listed(hall: Hall) -> None:
    booking = hall.checked_in()
    hall.done(hall.at(booking), "check-in-reversal")
    assert pages(hall, f"{hall.office}/tickets", 100) == [[]]


def test_only_who_may_look_at_the_office_sees_its_numbers(hall: Hall) -> None:
    answers = {
        who: hall.api.get(f"{hall.office}/tickets", headers=hall.headers[who]).status_code
        for who in ("clerk", "supervisor", "stranger")
    }
    assert answers == {"clerk": 200, "supervisor": 200, "stranger": 404}


def test_counters_matters_closures_and_staff_come_in_pages(hall: Hall) -> None:
    for _ in range(2):
        make_counter(hall.desk.office)
    matters = [make_matter(name=name, position=place) for place, name in ((2, "乙"), (1, "甲"))]
    for day in range(3, 6):
        close(hall.desk, date(2026, 3, day), kind=ExceptionKind.CLOSED)
    schedule.refresh_all()
    assert len(rows(hall, f"{hall.office}/counters")) == 3
    assert [each["name"] for each in rows(hall, f"{STAFF}/matters")][1:] == ["甲", "乙"]
    assert {each["id"] for each in rows(hall, f"{STAFF}/matters")} >= {str(m.id) for m in matters}
    closures = rows(hall, f"{hall.office}/exceptions")
    assert [each["first_day"] for each in closures] == ["2026-03-03", "2026-03-04", "2026-03-05"]
    assert all(each["version"] for each in closures)
    names = [each["name"] for each in rows(hall, f"{hall.office}/staff")]
    assert names == ["甲公证员", "乙公证员", "丙公证员"]


def test_offices_come_in_pages_and_only_ones_own(hall: Hall) -> None:
    everywhere = rows(hall, f"{STAFF}/offices", 1, who="supervisor")
    assert len(everywhere) == 2
    assert [each["id"] for each in pages(hall, f"{STAFF}/offices", 1)[0]] == [str(hall.office_id)]


@pytest.mark.parametrize("path", ["affected", "counters", "exceptions", "staff", "tickets"])
def test_a_cursor_of_another_list_leads_nowhere(hall: Hall, path: str) -> None:
    for _ in range(2):
        make_counter(hall.desk.office)
    headers = hall.headers["clerk"]
    foreign = hall.api.get(f"{hall.office}/counters?size=1", headers=headers).json["page"]["next"]
    answer = hall.api.get(f"{hall.office}/{path}?size=1&cursor={foreign}", headers=headers)
    if path == "counters":
        assert answer.status_code == 200
    else:
        assert (answer.status_code, answer.json["code"]) == (422, "bad_cursor")


def waiting(hall: Hall, who: str = "clerk") -> dict[str, tuple[int, str]]:
    """How much waits in the worklist, and where its list is, by the name of the count."""
    page = hall.api.get("/staff/worklist", headers=hall.headers[who]).json
    return {each["code"]: (each["count"], each["path"]) for each in page["counters"]}


def lines(hall: Hall, path: str, who: str = "clerk") -> list[Any]:
    """The lines of a short list."""
    answer = hall.api.get(path.removeprefix("/api/v1"), headers=hall.headers[who])
    assert answer.status_code == 200, answer.json
    found: list[Any] = answer.json["items"]
    return found


def test_each_count_of_the_worklist_leads_to_as_many_lines(
    hall: Hall, clock: SettableClock
) -> None:
    moving, lost = hall.booked("2026-03-03 09:30"), hall.booked("2026-03-03 10:00")
    hall.checked_in("2026-03-02 10:00")
    hall.booked("2026-03-02 10:30")
    close(hall.desk, date(2026, 3, 3))
    # For one of the two nothing is free any more.
    other_time = changing.other_times_of([again(lost.id)])[lost.id]
    with unit_of_work():
        changing.end_other_times(clerk(hall.desk), [other_time])
    # As long as the time for the other is kept.
    clock.set("2026-03-03 08:55")
    for who in ("clerk", "supervisor"):
        found = waiting(hall, who)
        assert {code: count for code, (count, _) in found.items() if count} == {
            "notary.not_checked_in": 1,
            "notary.no_result": 1,
            "notary.without_time": 1,
        }
        for count, path in found.values():
            assert len(lines(hall, path, who)) == count
    (line,) = lines(hall, waiting(hall)["notary.without_time"][1])
    assert (line["reference"], line["other_time"]) == (lost.reference, None)
    assert line["office_id"] == str(hall.office_id)
    all_of_them = lines(hall, f"{STAFF}/affected-appointments")
    assert [each["reference"] for each in all_of_them] == [moving.reference, lost.reference]


def test_nobody_lists_whom_another_office_has_to_move(hall: Hall) -> None:
    hall.booked("2026-03-03 09:30")
    close(hall.desk, date(2026, 3, 3))
    assert lines(hall, f"{STAFF}/affected-appointments", "stranger") == []


def test_somebody_who_works_at_no_office_lists_none(hall: Hall) -> None:
    nobody = staff_headers(staff=make_staff(["content_editor"]))
    for path in (f"{STAFF}/offices", f"{STAFF}/matters", f"{hall.office}/tickets"):
        assert hall.api.get(path, headers=nobody).status_code == 403
