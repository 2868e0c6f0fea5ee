"""A week of an office at one look: figures by day and counter, seats by whom they are for, and why a day is closed."""

from __future__ import annotations

from datetime import date, time
from typing import Any

import pytest

from portal.core.db import db
from portal.core.unit_of_work import unit_of_work
from portal.notary.models import NotaryOffice
from portal.notary.operations import schedule
from tests.conftest import SettableClock
from tests.factories.notary import make_counter
from tests.notary.hall import STAFF, Hall
from tests.notary.test_schedule import close

MONDAY = "2026-03-02"


def week(hall: Hall, who: str = "clerk", **asked: Any) -> Any:
    return hall.api.get(f"{hall.office}/week", query_string=asked, headers=hall.headers[who])


def days(hall: Hall, **asked: Any) -> dict[str, dict[str, Any]]:
    answer = week(hall, **asked)
    assert answer.status_code == 200, answer.json
    return {each["day"]: each for each in answer.json["days"]}


def seats(shown: dict[str, Any]) -> dict[str, tuple[int, int, int]]:
    """Total, taken and free by quota."""
    return {each["quota"]: (each["total"], each["taken"], each["free"]) for each in shown["seats"]}


def test_it_begins_today_and_has_seven_days(hall: Hall) -> None:
    found = days(hall)
    assert min(found) == MONDAY
    assert len(found) == 7


@pytest.mark.parametrize(("count", "status"), [(1, 200), (14, 200), (0, 422), (15, 422)])
def test_up_to_fourteen_days_from_any_day(hall: Hall, count: int, status: int) -> None:
    answer = week(hall, **{"from": "2026-03-04", "days": count})
    assert answer.status_code == status
    if status == 200:
        assert answer.json["days"][0]["day"] == "2026-03-04"
        assert len(answer.json["days"]) == count


def test_the_end_of_the_calendar_is_no_error(hall: Hall) -> None:
    assert list(days(hall, **{"from": "9999-12-30"})) == ["9999-12-30", "9999-12-31"]


def test_appointments_are_counted_by_counter_and_state(hall: Hall) -> None:
    other = make_counter(hall.desk.office, capacity=1, name="乙窗口")
    hall.checked_in()
    hall.booked("2026-03-02 09:30")
    cancelled = hall.booked("2026-03-02 10:00")
    hall.done(hall.at(cancelled), "cancellation", {"reason": "承办公证员请假"})
    schedule.refresh_all()
    hall.booked("2026-03-03 09:00")
    found = days(hall)
    today, tuesday = found[MONDAY], found["2026-03-03"]
    assert (today["appointments"], today["counts"]) == (2, {"checked_in": 1, "confirmed": 1})
    by_counter = {each["counter_id"]: each["counts"] for each in today["counters"]}
    assert by_counter == {
        str(hall.counter_id): {"checked_in": 1, "confirmed": 1},
        str(other.id): {},
    }
    assert sum(each["appointments"] for each in tuesday["counters"]) == 1


def test_seats_are_told_by_whom_they_are_for(hall: Hall) -> None:
    make_counter(hall.desk.office, capacity=4, kept_priority=1, kept_walk_in=2, name="丙窗口")
    schedule.refresh_all()
    (row,) = [each for each in days(hall)["2026-03-03"]["counters"] if each["counter"] == "丙窗口"]
    # From nine to twelve there are six slots of half an hour.
    assert seats(row) == {"open": (6, 0, 6), "priority": (6, 0, 6), "walk_in": (12, 0, 12)}
    assert [each["quota_label"] for each in row["seats"]][2] == "留给现场取号"


def test_a_hold_takes_a_seat_and_what_has_begun_is_not_free(
    hall: Hall, clock: SettableClock
) -> None:
    hall.desk.hold(hall.desk.person(), "2026-03-02 11:00")
    # The slot of nine o'clock has begun, and was never given out.
    total, taken, free = seats(days(hall)[MONDAY])["open"]
    assert (taken, free) == (1, total - 1)
    clock.set("2026-03-02 10:10")
    assert seats(days(hall)[MONDAY])["open"] == (total, 1, 5)


def test_a_closed_day_names_its_reason(hall: Hall) -> None:
    close(hall.desk, date(2026, 3, 3), counter_id=hall.counter_id, reason="窗口检修")
    found = days(hall, days=14)
    assert found["2026-03-03"]["closed_reason"] == "窗口检修"
    assert found["2026-03-03"]["counters"][0]["closed_reason"] == "窗口检修"
    assert found["2026-03-04"]["closed_reason"] is None
    assert found["2026-03-07"]["closed_reason"] == "当天不对外办理"


def test_a_holiday_and_the_end_of_the_office_are_reasons(hall: Hall) -> None:
    assert days(hall, **{"from": "2026-04-04"})["2026-04-05"]["closed_reason"] == "清明节放假"
    with unit_of_work():
        db.session.get_one(NotaryOffice, hall.office_id).closes_on = date(2026, 3, 4)
    found = days(hall)
    assert found["2026-03-04"]["closed_reason"] is None
    assert "2026年3月4日" in found["2026-03-05"]["closed_reason"]


def test_a_counter_closes_while_the_office_is_open(hall: Hall) -> None:
    make_counter(hall.desk.office, name="丁窗口", active_until=date(2026, 3, 3))
    schedule.refresh_all()
    found = days(hall)
    assert len(found["2026-03-03"]["counters"]) == 2
    assert [each["counter"] for each in found["2026-03-04"]["counters"]] == [hall.counter]
    assert found["2026-03-04"]["closed_reason"] is None


def test_who_has_to_move_is_counted(hall: Hall) -> None:
    hall.booked("2026-03-03 09:30")
    close(hall.desk, date(2026, 3, 3))
    tuesday = days(hall)["2026-03-03"]
    assert (tuesday["appointments"], tuesday["affected"]) == (1, 1)
    assert seats(tuesday)["open"] == (0, 0, 0)


def test_who_came_without_an_appointment_is_counted(hall: Hall) -> None:
    hall.drawn()
    hall.checked_in()
    assert days(hall)[MONDAY]["walk_ins"] == 1


def test_no_person_is_named(hall: Hall) -> None:
    booking = hall.booked("2026-03-03 09:30")
    text = week(hall).text
    assert booking.reference not in text
    assert "测试" not in text.replace("测试公证处", "")


def test_a_past_day_is_shown_as_it_was(hall: Hall, clock: SettableClock) -> None:
    booking = hall.booked()
    clock.set("2026-03-10 09:00")
    hall.done(hall.at(booking), "no-show")
    found = days(hall, **{"from": MONDAY, "days": 1})[MONDAY]
    assert (found["counts"], found["closed_reason"]) == ({"no_show": 1}, None)
    assert seats(found)["open"][2] == 0


def test_who_sees_the_sheet_sees_the_week_and_nobody_else(hall: Hall) -> None:
    assert week(hall, "supervisor").status_code == 200
    assert week(hall, "stranger").status_code == 404


def test_more_days_and_counters_cost_no_more_statements(hall: Hall, statements: Any) -> None:
    def cost(count: int) -> int:
        hall.api.get(f"{STAFF}/offices", headers=(headers := hall.headers["clerk"]))
        with statements() as seen:
            hall.api.get(f"{hall.office}/week?days={count}", headers=headers)
        return len(seen)

    hall.booked("2026-03-03 09:30")
    one = cost(1)
    for _ in range(3):
        make_counter(hall.desk.office)
    schedule.refresh_all()
    for hour in (9, 10, 11):
        hall.booked(f"2026-03-04 {time(hour):%H:%M}")
    assert cost(14) == one
    assert one <= 10
