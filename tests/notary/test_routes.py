"""The way of a person over HTTP: look, hold, confirm, move, cancel, wait; and what staff change."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select

from portal.accounts.events import ResidentDeletionRequested
from portal.accounts.models import ContactSafety
from portal.core.db import db
from portal.core.events import publish
from portal.core.jobs import worker
from portal.core.unit_of_work import unit_of_work
from portal.notary import calendar_files
from portal.notary.models import NotaryParty
from portal.notary.operations import freeing
from portal.notifications.models import Message
from tests.conftest import SettableClock
from tests.factories.notary import make_matter, make_notary_office
from tests.factories.people import (
    id_number,
    last_sms_code,
    make_staff,
    staff_headers,
)
from tests.notary.screen import Counter

NINE = "2026-03-03T09:00:00+08:00"
TEN = "2026-03-03T10:00:00+08:00"
Headers = dict[str, str]


def days_of(person: Counter, **query: Any) -> dict[str, dict[str, Any]]:
    query = {
        "matter_id": str(person.desk.matter.id),
        "from": "2026-03-01",
        "to": "2026-03-31",
        **query,
    }
    (office,) = person.api.get("/notary/availability", query_string=query).json["items"]
    return {day["date"]: day for day in office["days"]}


class TestLooking:
    def test_offices_and_matters_are_public(self, person: Counter) -> None:
        (office,) = person.api.get("/notary/offices").json["items"]
        assert office["name"] == "测试公证处"
        (matter,) = person.api.get("/notary/matters").json["items"]
        assert matter["checklist"] == ["身份证件"]
        assert matter["checklist_confirmed"] is False

    def test_a_month_says_what_is_free_and_why_nothing_is(self, person: Counter) -> None:
        days = days_of(person)
        assert days["2026-03-01"]["reason"] == "past"
        # It is nine: the first slot of today has begun.
        assert days["2026-03-02"]["free"] == 5
        assert days["2026-03-03"]["free"] == 6
        assert days["2026-03-07"]["reason"] == "closed"
        assert days["2026-03-17"]["reason"] == "too_far"
        assert all(day["free"] or day["reason_text"] for day in days.values())
        assert days["2026-03-03"]["times"] == []
        single = days_of(person, office_id=str(person.desk.office.id))
        assert single["2026-03-03"]["times"][0] == NINE

    def test_what_is_held_is_not_free_until_it_lapses(
        self, person: Counter, other: Counter, clock: SettableClock
    ) -> None:
        person.hold()
        other.hold()
        assert days_of(person)["2026-03-03"]["free"] == 5
        clock.advance(minutes=10)
        assert days_of(person)["2026-03-03"]["free"] == 6

    def test_consecutive_slots_parties_and_full_days(self, person: Counter) -> None:
        for number in range(12):
            hour = f"2026-03-03 {9 + number // 4:02d}:{30 * (number % 2):02d}"
            person.desk.confirmed(person.desk.person(), hour)
        day = days_of(person)["2026-03-03"]
        assert (day["free"], day["reason"]) == (0, "full")
        assert days_of(person, parties=2)["2026-03-04"]["free"] == 6
        assert days_of(person, parties=3)["2026-03-04"]["reason"] == "too_many"
        long = make_matter(minutes=150)
        assert days_of(person, matter_id=str(long.id))["2026-03-04"]["free"] == 2
        person.desk.confirmed(person.desk.person(), "2026-03-04 10:00", party_count=2)
        assert days_of(person, matter_id=str(long.id))["2026-03-04"]["reason"] == "no_run"

    def test_closures_holidays_and_lead_time_are_told(
        self, person: Counter, clerk: Headers, clock: SettableClock
    ) -> None:
        office = person.desk.office.id
        body = {
            "kind": "closed",
            "first_day": "2026-03-04",
            "last_day": "2026-03-04",
            "reason": "设备检修",
        }
        answer = person.api.post(f"/staff/notary/offices/{office}/exceptions", body, headers=clerk)
        assert answer.status_code == 201, answer.json
        assert days_of(person)["2026-03-04"]["reason_text"] == "设备检修"
        seen = person.api.get(f"/staff/notary/offices/{office}", headers=clerk)
        answer = person.api.patch(
            f"/staff/notary/offices/{office}",
            {"lead_workdays": 3},
            headers={**clerk, "If-Match": seen.headers["ETag"]},
        )
        assert answer.status_code == 200, answer.json
        assert days_of(person)["2026-03-03"]["reason"] == "too_soon"
        months = {"from": "2026-05-01", "to": "2026-05-05"}
        assert days_of(person, **months)["2026-05-01"]["reason_text"] == "劳动节放假"

    def test_a_year_without_a_notice_is_provisional(
        self, person: Counter, clock: SettableClock
    ) -> None:
        assert days_of(person)["2026-03-03"]["provisional"] is False
        assert days_of(person, **{"from": "2027-01-04", "to": "2027-01-04"})["2027-01-04"][
            "provisional"
        ]

    def test_a_span_that_is_too_long_or_turned_round_is_refused(self, person: Counter) -> None:
        for last, said in (("2026-02-01", "不早于开始日期"), ("2026-12-31", "最多 62 天")):
            answer = person.api.get(
                "/notary/availability",
                query_string={
                    "matter_id": str(person.desk.matter.id),
                    "from": "2026-03-01",
                    "to": last,
                },
            )
            assert answer.status_code == 422
            assert said in str(answer.json["errors"]["to"])


class TestBooking:
    def test_hold_then_confirm(self, person: Counter) -> None:
        held = person.hold()
        assert held["state"] == "held"
        assert held["kept_until"] == "2026-03-02T09:10:00+08:00"
        assert {a["action"] for a in held["allowed_actions"]} == {"confirm", "release"}
        assert [h["id"] for h in person.got("/notary/holds")["items"]] == [held["id"]]
        booked = person.confirm(held)
        assert booked["state"] == "confirmed"
        assert booked["parties"][0]["document_number"].startswith("500***")
        assert {a["action"] for a in booked["allowed_actions"]} == {
            "reschedule",
            "cancel",
            "correct_details",
        }
        assert [step["action"] for step in booked["timeline"]] == ["hold", "confirm"]
        assert person.got("/notary/holds")["items"] == []
        assert [b["id"] for b in person.got("/notary/appointments")["items"]] == [booked["id"]]
        assert worker.drain() >= 1
        titles = [m["title"] for m in person.got("/me/notifications")["items"]]
        assert titles == ["预约成功"]

    def test_the_same_key_books_once(self, person: Counter) -> None:
        key = {"Idempotency-Key": str(uuid.uuid4()), **person.headers}
        body = {
            "office_id": str(person.desk.office.id),
            "matter_id": str(person.desk.matter.id),
            "starts_at": NINE,
        }
        first = person.api.post("/notary/holds", body, headers=key)
        again = person.api.post("/notary/holds", body, headers=key)
        assert first.json == again.json
        assert person.desk.left("2026-03-03 09:00") == 1

    def test_a_full_time_is_told_with_the_next_ones(self, person: Counter, other: Counter) -> None:
        for _ in range(2):
            person.desk.hold(person.desk.person(), "2026-03-03 09:00")
        refused = other.hold(status=409)
        assert refused["code"] == "slot_taken"
        assert refused["errors"]["next_free"][0] == "2026-03-03T09:30:00+08:00"
        assert "2026年3月3日09:30" in refused["next_step"]

    def test_an_expired_hold_is_gone(self, person: Counter, clock: SettableClock) -> None:
        held = person.hold()
        clock.advance(minutes=10)
        assert person.confirm(held, status=410)["code"] == "hold_expired"
        answer = person.api.delete(f"/notary/holds/{held['id']}", headers=person.headers)
        assert answer.status_code == 410

    def test_a_hold_is_given_up(self, person: Counter) -> None:
        held = person.hold()
        answer = person.api.delete(f"/notary/holds/{held['id']}", headers=person.headers)
        assert answer.status_code == 204
        person.hold(TEN)

    def test_nobody_elses_is_known(self, person: Counter, other: Counter) -> None:
        held = person.hold()
        assert other.confirm(held, status=404)
        assert (
            other.api.delete(f"/notary/holds/{held['id']}", headers=other.headers).status_code
            == 404
        )
        booked = person.confirm(held)
        path = f"/notary/appointments/{booked['id']}"
        assert other.api.get(path, headers=other.headers).status_code == 404
        for step in ("cancellation", "reschedule", "other-time"):
            body = {"starts_at": TEN} if step == "reschedule" else None
            assert other.api.post(f"{path}/{step}", body, headers=other.headers).status_code == 404

    def test_move_and_cancel(self, person: Counter) -> None:
        booked = person.booked()
        moved = person.sent(f"/notary/appointments/{booked['id']}/reschedule", {"starts_at": TEN})
        assert (moved["starts_at"], moved["reference"]) == (TEN, booked["reference"])
        ended = person.sent(f"/notary/appointments/{booked['id']}/cancellation")
        assert ended["state"] == "cancelled"
        assert ended["allowed_actions"] == []

    def test_the_link_cancels_once_and_tells_nothing_to_who_guesses(self, person: Counter) -> None:
        booked = person.booked()
        body = {"appointment_id": booked["id"]}
        for guess in ("0", "é", "零"):
            body["token"] = guess * 64
            assert person.api.post("/notary/cancellations", body).status_code == 404
        body["token"] = booked["cancellation_token"]
        answer = person.api.post("/notary/cancellations", body)
        assert (answer.status_code, answer.json["state"]) == (200, "cancelled")
        again = person.api.post("/notary/cancellations", body)
        assert (again.status_code, again.json) == (200, answer.json)
        *_, step = person.got(f"/notary/appointments/{booked['id']}")["timeline"]
        assert (step["by"], step["label"]) == ("resident", "本人凭取消链接取消预约")

    def test_who_confirms_again_is_led_to_the_appointment(self, person: Counter) -> None:
        held = person.hold()
        booked = person.confirm(held)
        again = person.confirm(held, 409)
        assert booked["reference"] in again["detail"]
        assert again["errors"]["appointment_id"] == [booked["id"]]


class TestWaitingOverHttp:
    def test_join_be_offered_and_take_it(
        self, person: Counter, other: Counter, clock: SettableClock
    ) -> None:
        booked = person.booked()
        for hour in range(9, 12):
            for minute in ("00", "30"):
                for _ in range(2):
                    if person.desk.left(f"2026-03-03 {hour:02d}:{minute}"):
                        who = person.desk.person()
                        person.desk.confirmed(who, f"2026-03-03 {hour:02d}:{minute}")
        wish = {
            "matter_id": str(person.desk.matter.id),
            "from_day": "2026-03-03",
            "until_day": "2026-03-03",
        }
        entry = other.sent("/notary/waiting-list", wish, 201)
        assert (entry["state"], entry["ahead"]) == ("waiting", 0)
        person.sent(f"/notary/appointments/{booked['id']}/cancellation")
        (offer,) = other.got("/notary/holds")["items"]
        assert offer["state"] == "offered"
        path = f"/notary/waiting-list/{entry['id']}"
        refused = other.api.delete(path, headers=other.headers).json
        assert (refused["code"], "谢绝" in refused["next_step"]) == ("wrong_state", True)
        assert refused["detail"] == "这次排队目前是“有号待确认”，不能退出排队。"
        taken = other.confirm(offer)
        assert taken["starts_at"] == NINE
        (listed,) = other.got("/notary/waiting-list")["items"]
        assert listed["state"] == "taken"

    def test_leave(self, person: Counter, other: Counter) -> None:
        for time in ("09:00", "09:30", "10:00", "10:30", "11:00", "11:30"):
            for _ in range(2):
                person.desk.confirmed(person.desk.person(), f"2026-03-03 {time}")
        wish = {
            "matter_id": str(person.desk.matter.id),
            "from_day": "2026-03-03",
            "until_day": "2026-03-03",
        }
        entry = person.sent("/notary/waiting-list", wish, 201)
        path = f"/notary/waiting-list/{entry['id']}"
        assert other.api.delete(path, headers=other.headers).status_code == 404
        assert person.api.delete(path, headers=person.headers).status_code == 204
        assert person.api.delete(path, headers=person.headers).status_code == 409


class TestCalendars:
    def test_an_appointment_as_a_file(self, person: Counter) -> None:
        booked = person.booked()
        answer = person.api.get(
            f"/notary/appointments/{booked['id']}/calendar", headers=person.headers
        )
        assert answer.mimetype == "text/calendar"
        lines = answer.text.replace("\r\n ", "").split("\r\n")
        assert "DTSTART:20260303T010000Z" in lines
        assert "DTEND:20260303T013000Z" in lines
        assert f"SUMMARY:公证预约 {booked['reference']}" in lines
        assert "测试事项" not in answer.text, "no matter lands in somebody's calendar"

    def test_a_feed_under_a_secret_address_that_can_be_taken_back(self, person: Counter) -> None:
        person.booked()
        url = person.sent("/notary/calendar-feed", status=201)["url"].removeprefix("/api/v1")
        assert person.api.get(url).text.count("BEGIN:VEVENT") == 1
        newer = person.sent("/notary/calendar-feed", status=201)["url"].removeprefix("/api/v1")
        assert person.api.get(url).status_code == 404
        assert person.api.get(newer).status_code == 200
        answer = person.api.delete("/notary/calendar-feed", headers=person.headers)
        assert answer.status_code == 204
        assert person.api.get(newer).status_code == 404

    def test_a_person_who_must_be_careful_has_a_neutral_entry(self, person: Counter) -> None:
        booked = person.confirm(person.hold(), contact_safety="neutral_sms")
        answer = person.api.get(
            f"/notary/appointments/{booked['id']}/calendar", headers=person.headers
        )
        assert "公证" not in answer.text
        assert "SUMMARY:预约" in answer.text

    def test_the_wish_of_the_account_counts_as_much_as_that_of_the_booking(
        self, person: Counter
    ) -> None:
        booked = person.booked()
        with unit_of_work():
            person.resident.contact_safety = ContactSafety.IN_APP_ONLY
        url = person.sent("/notary/calendar-feed", status=201)["url"].removeprefix("/api/v1")
        for path in (f"/notary/appointments/{booked['id']}/calendar", url):
            answer = person.api.get(path, headers=person.headers)
            assert "公证" not in answer.text
            assert "SUMMARY:预约" in answer.text

    def test_lines_are_folded_between_characters_and_text_is_escaped(self) -> None:
        line = "SUMMARY:" + "公证" * 60
        folded = calendar_files.fold(line)
        assert all(len(piece.encode()) <= 75 for piece in folded.split("\r\n"))
        assert folded.replace("\r\n ", "") == line
        assert calendar_files.escape("a,b;c\\d\ne") == "a\\,b\\;c\\\\d\\ne"
        assert calendar_files.fold("X" * 75) == "X" * 75


class TestStaff:
    def test_a_preview_names_who_would_have_to_move(self, person: Counter, clerk: Headers) -> None:
        booked = person.booked()
        office = person.desk.office.id
        body = {
            "kind": "closed",
            "first_day": "2026-03-03",
            "last_day": "2026-03-03",
            "reason": "检修",
            "preview": True,
        }
        path = f"/staff/notary/offices/{office}"
        seen = person.api.post(f"{path}/exceptions", body, headers=clerk).json
        assert [a["reference"] for a in seen["affected"]] == [booked["reference"]]
        assert person.api.get(f"{path}/exceptions", headers=clerk).json["items"] == []
        done = person.api.post(f"{path}/exceptions", {**body, "preview": False}, headers=clerk).json
        assert [a["reference"] for a in done["affected"]] == [booked["reference"]]
        (listed,) = person.api.get(f"{path}/affected", headers=clerk).json["items"]
        assert listed["affected_reason"] == "检修"
        mine = person.got(f"/notary/appointments/{booked['id']}")
        assert mine["affected"]
        moved = person.sent(f"/notary/appointments/{booked['id']}/other-time")
        assert moved["starts_at"] == mine["other_time"]["starts_at"]
        assert person.got("/notary/holds")["items"] == []

    def test_a_closure_is_taken_back(self, person: Counter, clerk: Headers) -> None:
        path = f"/staff/notary/offices/{person.desk.office.id}/exceptions"
        body = {
            "kind": "closed",
            "first_day": "2026-03-03",
            "last_day": "2026-03-03",
            "reason": "x",
        }
        person.api.post(path, body, headers=clerk)
        (row,) = person.api.get(path, headers=clerk).json["items"]
        match = {**clerk, "If-Match": row["version"]}
        answer = person.api.delete(f"/staff/notary/exceptions/{row['id']}", headers=match)
        assert answer.json["added"] == 6

    def test_counters_and_hours(self, person: Counter, clerk: Headers) -> None:
        path = f"/staff/notary/offices/{person.desk.office.id}"
        body = {"name": "新窗口", "capacity": 3, "active_from": "2026-03-02"}
        made = person.api.post(f"{path}/counters", body, headers=clerk)
        assert made.status_code == 201
        twin = person.api.post(f"{path}/counters", body, headers=clerk)
        assert (twin.status_code, "换一个名称" in twin.json["next_step"]) == (409, True)
        items = person.api.get(f"{path}/counters", headers=clerk).json["items"]
        new = next(each for each in items if each["name"] == "新窗口")
        assert made.json["id"] == new["id"]
        answer = person.api.patch(
            f"/staff/notary/counters/{new['id']}",
            {"kept_priority": 4},
            headers={**clerk, "If-Match": new["version"]},
        )
        assert answer.status_code == 422
        hours = {
            "valid_from": "2026-03-09",
            "hours": [{"weekday": 0, "opens": "14:00", "closes": "16:00"}],
        }
        seen = person.api.get(f"{path}/hours", headers=clerk)
        match = {**clerk, "If-Match": seen.headers["ETag"]}
        answer = person.api.put(f"{path}/hours", hours, headers=match)
        assert answer.status_code == 200, answer.json
        items = person.api.get(f"{path}/hours", headers=clerk).json["items"]
        assert {row["valid_until"] for row in items} == {"2026-03-08", None}

    def test_matters_are_kept_up_at_the_version_seen(self, person: Counter) -> None:
        clerk = staff_headers(staff=make_staff(["notary_clerk"]))
        (matter,) = person.api.get("/staff/notary/matters", headers=clerk).json["items"]
        path = f"/staff/notary/matters/{matter['id']}"
        change = {"checklist": ["身份证件", "户口簿"], "checklist_confirmed": True}
        headers = {**clerk, "If-Match": matter["version"]}
        assert person.api.patch(path, change, headers=headers).status_code == 200
        assert person.api.patch(path, change, headers=headers).status_code == 412
        (shown,) = person.api.get("/notary/matters").json["items"]
        assert shown["checklist_confirmed"]

    @pytest.mark.parametrize("preview", [True, False])
    def test_a_matter_of_organisations_is_not_made_one_for_persons_only(
        self, person: Counter, preview: bool
    ) -> None:
        clerk = staff_headers(staff=make_staff(["notary_clerk"]))
        tender = make_matter(for_organisations=True)
        change = {"persons_only": True}
        for matter, status in ((tender, 422), (person.desk.matter, 200)):
            path = f"/staff/notary/matters/{matter.id}"
            rows = person.api.get("/staff/notary/matters", headers=clerk).json["items"]
            version = next(row["version"] for row in rows if row["id"] == str(matter.id))
            headers = {**clerk, "If-Match": version}
            answer = person.api.patch(path, {**change, "preview": preview}, headers=headers)
            assert answer.status_code == status, answer.json
        assert answer.json["persons_only"] is not preview

    @pytest.mark.parametrize(
        ("phone", "status"), [("abc", 422), ("12345", 422), ("023-43722148", 200), ("", 200)]
    )
    def test_an_offices_telephone_can_be_called(
        self, person: Counter, clerk: Headers, phone: str, status: int
    ) -> None:
        path = f"/staff/notary/offices/{person.desk.office.id}"
        seen = person.api.get(path, headers=clerk)
        match = {**clerk, "If-Match": seen.headers["ETag"]}
        answer = person.api.patch(path, {"phone": phone}, headers=match)
        assert answer.status_code == status
        assert status == 200 or list(answer.json["errors"]) == ["phone"]

    def test_another_offices_clerk_sees_nothing(self, person: Counter) -> None:
        stranger = staff_headers(
            staff=make_staff(["notary_clerk"], make_notary_office(name="另一公证处").id)
        )
        office = person.desk.office.id
        assert (
            person.api.get(f"/staff/notary/offices/{office}", headers=stranger).status_code == 404
        )
        seen = person.api.get("/staff/notary/offices", headers=stranger).json["items"]
        assert [each["name"] for each in seen] == ["另一公证处"]

    def test_supervisors_look_and_change_nothing(self, person: Counter) -> None:
        supervisor = staff_headers(staff=make_staff(["supervisor"]))
        office = person.desk.office.id
        path = f"/staff/notary/offices/{office}"
        assert person.api.get(path, headers=supervisor).status_code == 200
        hours = {"valid_from": "2026-03-09", "hours": []}
        assert person.api.put(f"{path}/hours", hours, headers=supervisor).status_code == 403


class TestAccount:
    def test_the_export_has_the_appointments_and_hides_the_numbers_of_documents(
        self, person: Counter
    ) -> None:
        number = id_number()
        booked = person.confirm(person.hold(), party={"document_number": number})
        text = str(person.got("/me/export"))
        assert booked["reference"] in text
        assert number not in text
        assert number[:3] in text

    def test_nobody_writes_to_an_account_that_was_closed(
        self, person: Counter, run_jobs: Callable[[], int]
    ) -> None:
        person.booked()
        person.api.post("/me/deletion-codes", headers=person.headers)
        code = last_sms_code(person.resident.phone)
        gone = person.api.delete("/me", headers=person.headers, json={"code": code})
        assert gone.status_code == 200, gone.json
        run_jobs()
        assert db.session.query(Message).count() == 0

    def test_a_closed_account_frees_its_seats_and_forgets_its_people(
        self, person: Counter, clock: SettableClock
    ) -> None:

        person.booked()
        person.hold(TEN)
        event = ResidentDeletionRequested(person.resident.id)
        with unit_of_work():
            publish(event)
        clock.advance(hours=1)
        freeing.sweep()
        assert person.desk.left("2026-03-03 09:00") == 2
        assert person.desk.left("2026-03-03 10:00") == 2
        assert {party.name for party in db.session.scalars(select(NotaryParty))} == {
            "（账号已注销）"
        }
        assert event.retention
