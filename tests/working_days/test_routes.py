"""The calendar over HTTP: the public range, and how staff enter a year."""

from __future__ import annotations

import uuid
from datetime import date
from typing import Any

import pytest
from sqlalchemy import func, select

from portal.audit.models import AuditEvent
from portal.core.db import db
from portal.working_days import impact, notice
from portal.working_days.calendar import Calendar, DayKind
from portal.working_days.impact import Impact, MovedDate
from portal.working_days.models import CalendarDay, CalendarYear

YEARS = "/staff/working-days/years"
SUBJECT = uuid.UUID(int=5)


def table_2027(**changes: Any) -> dict[str, Any]:
    """A made-up table of 2027 that satisfies every rule, as a body."""
    days = [
        {"date": f"2027-{day}", "kind": "holiday", "name": "节日"}
        for day in (
            "01-01 02-05 02-06 02-07 02-08 04-05 05-01 05-02 06-09 09-15 10-01 10-02 10-03".split()
        )
    ]
    days += [
        {"date": "2027-10-04", "kind": "moved_rest", "name": "国庆节"},
        {"date": "2027-10-09", "kind": "moved_work", "name": "国庆节"},
    ]
    return {"source": "放假安排通知（试录）", "days": days, **changes}


@pytest.fixture
def moved(monkeypatch: pytest.MonkeyPatch) -> list[MovedDate]:
    """Dates that a room above would report as moving; the list may be changed by the test."""
    dates: list[MovedDate] = []

    def provider(year: int, calendar: Calendar, found: Impact) -> None:
        assert calendar.status(date(year, 10, 9)).kind is DayKind.MOVED_WORK
        for one in dates:
            found.add(one)

    monkeypatch.setattr(impact, "_providers", [provider])
    return dates


def put(api: Any, headers: dict[str, str], body: Any, year: int = 2027, query: str = "") -> Any:
    tag = api.get(f"{YEARS}/{year}", headers=headers).headers.get("ETag", '"x"')
    return api.put(f"{YEARS}/{year}{query}", body, headers={**headers, "If-Match": tag})


def test_anyone_can_read_a_range(api, calendar_2026):
    answer = api.get("/working-days?from=2026-09-30&to=2026-10-10")
    assert answer.status_code == 200, answer.json
    assert answer.json["workdays"] == 4
    assert answer.json["provisional"] is False
    assert answer.json["items"][0] == {
        "date": "2026-09-30",
        "is_workday": True,
        "kind": "workday",
        "kind_label": "工作日",
        "name": "",
        "provisional": False,
    }
    assert [item["date"] for item in answer.json["items"] if not item["is_workday"]] == [
        f"2026-10-0{day}" for day in range(1, 8)
    ]
    assert answer.json["items"][-1]["kind_label"] == "调休上班"


def test_a_range_into_a_year_without_a_table_says_so(api, calendar_2026):
    answer = api.get("/working-days?from=2026-12-31&to=2027-01-04").json
    assert answer["provisional"] is True
    assert [item["provisional"] for item in answer["items"]] == [False, True, True, True, True]
    assert [item["is_workday"] for item in answer["items"]] == [True, False, False, False, True]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("", "from"),
        ("?from=2026-01-01", "to"),
        ("?from=2026-01-01&to=2025-12-31", "to"),
        ("?from=2026-01-01&to=2027-01-02", "to"),
        ("?from=1999-01-01&to=2004-01-02", "from"),
        ("?from=2100-12-01&to=2101-01-01", "to"),
        ("?from=2026-02-30&to=2026-03-01", "from"),
        ("?from=2026-01-01&to=%EF%BC%92026-01-02", "to"),
        ("?from=2026-01-01&to=2026-01-02&x=1", "x"),
    ],
)
def test_a_range_that_makes_no_sense_is_refused(api, database, query, field):
    answer = api.get("/working-days" + query)
    assert answer.status_code == 422
    assert field in answer.json["errors"]


def test_only_those_who_keep_the_calendar_get_in(api, calendar_2026, supervisor):
    others = [{"Authorization": f"Bearer {name}"} for name in ("lawyer-token-00000001",)]
    for headers in others:
        assert api.get(YEARS, headers=headers).status_code == 403
        assert api.get(f"{YEARS}/2026", headers=headers).status_code == 403
        assert put(api, headers, table_2027()).status_code == 403
    assert api.get(YEARS).status_code == 401
    resident = {"Authorization": "Bearer resident-token-000001"}
    assert api.get(YEARS, headers=resident).status_code == 403


def test_the_years_are_listed_with_the_missing_one(api, calendar_2026, supervisor, clock):
    clock.set("2026-11-23 09:00")
    answer = api.get(YEARS, headers=supervisor).json
    assert [(item["year"], item["state"]) for item in answer["items"]] == [
        (2027, "provisional"),
        (2026, "published"),
    ]
    assert answer["page"] == {"next": None, "size": 2}
    assert answer["items"][1]["rest_days"] + answer["items"][1]["workdays"] == 365
    assert answer["items"][0]["source"] is None


def test_a_year_shows_its_special_days(api, calendar_2026, supervisor):
    known = api.get(f"{YEARS}/2026", headers=supervisor)
    assert len(known.json["days"]) == 33 + 6
    assert known.json["state_label"] == "已公布"
    unknown = api.get(f"{YEARS}/2027", headers=supervisor)
    assert [day["date"] for day in unknown.json["days"]] == [
        f"2027-{day}" for day in ("01-01", "05-01", "05-02", "10-01", "10-02", "10-03")
    ]
    assert unknown.json["state_label"] == "暂定"
    assert known.headers["ETag"] != unknown.headers["ETag"]
    for year in (2003, 2101, 99999999999999999999):
        assert api.get(f"{YEARS}/{year}", headers=supervisor).status_code == 404


def test_the_document_names_the_years_that_are_answered(api, app, calendar_2026, supervisor):
    document = app.test_client().get("/api/v1/openapi.json").json
    path = document["paths"][f"/api/v1{YEARS}/{{year}}"]
    operations = (path, path["get"], path["put"])
    (bounds,) = [
        given["schema"]
        for operation in operations
        for given in operation.get("parameters", [])
        if given.get("name") == "year"
    ]
    assert (bounds["minimum"], bounds["maximum"]) == (2004, 2100)
    for year, status in ((2003, 404), (2004, 200), (2100, 200), (2101, 404), ("02026", 404)):
        assert api.get(f"{YEARS}/{year}", headers=supervisor).status_code == status, year
        if status == 404:
            # Not 405: no other method has such an address either.
            headers = {**supervisor, "If-Match": '"x"'}
            assert api.put(f"{YEARS}/{year}", table_2027(), headers=headers).status_code == 404


def test_a_preview_shows_what_would_move_and_keeps_nothing(
    api, calendar_2026, supervisor, clock, moved
):
    clock.set("2026-11-23 09:00")
    moved.append(
        MovedDate(
            "审核", "ZX-2026-00001-A", "consultation", SUBJECT, date(2027, 2, 5), date(2027, 2, 9)
        )
    )
    answer = put(api, supervisor, table_2027(), query="?preview=true")
    assert answer.status_code == 200, answer.json
    assert answer.json["preview"] is True
    assert answer.json["state"] == "provisional"
    assert answer.json["moved_count"] == 1
    assert answer.json["moved_deadlines"][0]["due_after"] == "2027-02-09"
    assert "2027-02-05" in answer.json["changed_days"]
    assert "2027-01-01" not in answer.json["changed_days"]
    assert db.session.get(CalendarYear, 2027) is None
    assert api.get("/working-days?from=2027-02-05&to=2027-02-05").json["provisional"] is True


def test_publishing_makes_the_year_certain_and_leaves_a_record(
    api, calendar_2026, supervisor, clock, moved
):
    clock.set("2026-11-23 09:00")
    answer = put(api, supervisor, table_2027())
    assert answer.status_code == 200, answer.json
    assert (answer.json["preview"], answer.json["state"]) == (False, "published")
    assert answer.json["published_at"] == "2026-11-23T09:00:00+08:00"
    shown = api.get("/working-days?from=2027-02-05&to=2027-02-05").json
    assert (shown["provisional"], shown["workdays"]) == (False, 0)
    days = select(func.count()).select_from(CalendarDay).where(CalendarDay.notice_year == 2027)
    assert db.session.scalar(days) == 365
    event = db.session.scalar(
        select(AuditEvent).where(AuditEvent.action == "working_days.year_published")
    )
    assert (event.detail["year"], event.detail["days"]) == (2027, 15)


def test_a_correction_needs_the_version_it_started_from(
    api, calendar_2026, supervisor, clock, moved
):
    clock.set("2026-11-23 09:00")
    assert api.put(f"{YEARS}/2027", table_2027(), headers=supervisor).status_code == 428
    tag = api.get(f"{YEARS}/2027", headers=supervisor).headers["ETag"]
    match = {**supervisor, "If-Match": tag}
    first = api.put(f"{YEARS}/2027", table_2027(), headers=match)
    assert first.status_code == 200
    assert first.headers["ETag"] != tag
    assert api.put(f"{YEARS}/2027", table_2027(), headers=match).status_code == 412
    again = put(api, supervisor, table_2027(source="更正后的放假安排通知"))
    assert again.status_code == 200
    assert again.json["source"] == "更正后的放假安排通知"


@pytest.mark.parametrize(
    ("entry", "field"),
    [
        ({"date": "2027-03-03", "kind": "moved_work", "name": ""}, "days.15.date"),
        ({"date": "2027-03-06", "kind": "moved_rest", "name": ""}, "days.15.date"),
        ({"date": "2027-03-03", "kind": "workday", "name": ""}, "days.15.date"),
        ({"date": "2026-12-19", "kind": "moved_work", "name": ""}, "days.15.date"),
        ({"date": "2028-01-01", "kind": "holiday", "name": ""}, "days.15.date"),
        ({"date": "2027-01-01", "kind": "holiday", "name": ""}, "days"),
        ({"date": "2027-13-01", "kind": "holiday", "name": ""}, "days.15.date"),
        ({"date": "2027-03-03", "kind": "party", "name": ""}, "days.15.kind"),
        ({"date": "2027-03-03", "kind": "holiday", "colour": ""}, "days.15.colour"),
        ({"date": "2027-03-03", "kind": "holiday", "name": "节" * 41}, "days.15.name"),
        ("2027-03-03", "days.15"),
    ],
)
def test_a_wrong_day_is_refused_by_its_place(
    api, calendar_2026, supervisor, clock, moved, entry, field
):
    clock.set("2026-11-23 09:00")
    body = table_2027()
    body["days"].append(entry)
    answer = put(api, supervisor, body)
    assert answer.status_code == 422, answer.json
    assert field in answer.json["errors"]
    assert db.session.get(CalendarYear, 2027) is None


@pytest.mark.parametrize(
    ("left_out", "state", "said"),
    [
        ("2027-10-01", "published", "法定节假日"),
        ("2027-10-01", "provisional", "法定节假日"),
        ("2027-02-05", "published", "12 天放假"),
    ],
)
def test_a_table_that_lacks_a_holiday_is_refused(
    api, calendar_2026, supervisor, clock, moved, left_out, state, said
):
    clock.set("2026-11-23 09:00")
    days = [day for day in table_2027()["days"] if day["date"] != left_out]
    answer = put(api, supervisor, table_2027(days=days, state=state))
    assert answer.status_code == 422
    assert any(said in text for text in answer.json["errors"]["days"])


def test_a_draft_may_still_lack_the_moons_holidays_and_stays_provisional(
    api, calendar_2026, supervisor, clock, moved
):
    clock.set("2026-11-23 09:00")
    days = [day for day in table_2027()["days"] if day["date"] != "2027-02-05"]
    answer = put(api, supervisor, table_2027(days=days, state="provisional"))
    assert (answer.status_code, answer.json["state"]) == (200, "provisional")
    shown = api.get("/working-days?from=2027-02-08&to=2027-02-08").json
    assert (shown["provisional"], shown["workdays"]) == (True, 0)


@pytest.mark.parametrize("year", [2029, 2100])
def test_a_year_too_far_ahead_is_refused(api, calendar_2026, supervisor, clock, moved, year):
    clock.set("2026-11-23 09:00")
    answer = put(api, supervisor, table_2027(), year=year)
    assert (answer.status_code, answer.json["code"]) == (422, "invalid")
    assert "2027" in answer.json["next_step"]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"source": "通知"},
        {"source": "x", "days": []},
        [],
        table_2027(days="x"),
        table_2027(x=1),
    ],
)
def test_a_body_of_another_shape_is_refused(api, calendar_2026, supervisor, moved, body):
    answer = put(api, supervisor, body)
    assert answer.status_code == 422
    assert answer.json["errors"] or answer.json["detail"]


def test_the_count_of_moved_dates_goes_beyond_what_is_shown():
    found = Impact()
    one = MovedDate("审核", None, "x", SUBJECT, date(2027, 1, 4), date(2027, 1, 5))
    for _ in range(impact.MOST_SHOWN + 5):
        found.add(one)
    assert (found.count, len(found.shown)) == (impact.MOST_SHOWN + 5, impact.MOST_SHOWN)


def test_a_provider_registered_twice_counts_once(monkeypatch):
    monkeypatch.setattr(impact, "_providers", [])

    @impact.register
    def provider(_year: int, _calendar: Calendar, found: Impact) -> None:
        found.add(MovedDate("审核", None, "x", SUBJECT, date(2027, 1, 4), date(2027, 1, 5)))

    impact.register(provider)
    assert impact.of(2027, Calendar()).count == 1
    assert notice.horizon(date(2026, 11, 23)) == 2027
