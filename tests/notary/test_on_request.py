"""Who calls or stands at the desk: a clerk books, moves and cancels for them, under the same rules as for everybody."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError

from portal.core.actor import Actor, ActorKind
from portal.core.db import db
from portal.core.jobs import worker
from portal.core.unit_of_work import unit_of_work
from portal.notary.models import (
    DeskChannel,
    NotaryBooking,
    NotaryClaim,
    NotaryCounter,
    NotaryMatter,
    NotaryOffice,
    NotaryPerson,
    Quota,
)
from portal.notary.operations import confirming, holding, on_request, schedule
from tests.conftest import SettableClock
from tests.factories.notary import make_counter
from tests.factories.people import id_number
from tests.notary.caller import (
    ASKED,
    LATER,
    MOBILE,
    OLD,
    TUESDAY,
    actions,
    again_by,
    audited,
    body,
    book,
    booked,
    shown,
    told,
)
from tests.notary.conftest import at, details, new_key, party
from tests.notary.hall import STAFF, Hall, desk_party
from tests.notary.test_races import NINE, outcomes, together, wish
from tests.notary.test_schedule import close


class TestBooking:
    """An appointment for somebody without an account."""

    def test_who_rings_gets_an_appointment_with_its_number_and_what_to_bring(
        self, hall: Hall
    ) -> None:
        answer = book(hall)
        assert answer.status_code == 201, answer.json
        seen = answer.json
        assert answer.headers["Location"].endswith(f"{STAFF}/appointments/{seen['id']}")
        assert (seen["state"], seen["starts_at"]) == ("confirmed", TUESDAY)
        assert seen["reference"].startswith("GZ-")
        assert (seen["with_account"], seen["papers"]) == (False, ["身份证件"])
        assert hall.desk.left(NINE) == 1
        assert [line["by"] for line in seen["timeline"]] == ["staff", "staff"]

    def test_it_is_written_down_who_booked_and_how_it_was_asked_for(self, hall: Hall) -> None:
        booked(hall, channel="in_person")
        (row,) = audited("confirm")
        assert row.actor_id == hall.people["clerk"]
        assert (row.detail["channel"], row.detail["parties"]) == ("in_person", 1)
        assert "钱测试" not in str(row.detail)

    @pytest.mark.parametrize("missing", ["channel", "identity_checked"])
    def test_not_before_the_clerk_knows_who_asks(self, hall: Hall, missing: str) -> None:
        without = {name: value for name, value in body(hall).items() if name != missing}
        path = f"{hall.office}/appointments"
        answer = hall.api.post(path, without, headers=hall.headers["clerk"])
        assert (answer.status_code, list(answer.json["errors"])) == (422, [missing])
        assert list(book(hall, identity_checked=False).json["errors"]) == ["identity_checked"]
        assert hall.desk.left(NINE) == 2

    def test_only_clerks_of_the_office_book_there(self, hall: Hall) -> None:
        assert book(hall, "supervisor").status_code == 403
        assert book(hall, "stranger").status_code == 404

    def test_a_repeated_request_books_once(self, hall: Hall) -> None:
        path, sent, key = f"{hall.office}/appointments", body(hall), new_key()
        answers = [
            hall.api.post(path, sent, headers={**hall.headers["clerk"], **key}) for _ in range(2)
        ]
        assert [each.status_code for each in answers] == [201, 201]
        assert answers[0].json["id"] == answers[1].json["id"]
        assert hall.desk.left(NINE) == 1

    def test_they_come_on_the_day_and_the_matter_is_accepted(
        self, hall: Hall, clock: SettableClock
    ) -> None:
        path = booked(hall)
        clock.set("2026-03-03 08:50")
        hall.done(path, "check-in")
        case = hall.done(path, "acceptance", {})
        assert shown(hall, path)["state"] == "accepted"
        assert hall.case(f"{STAFF}/cases/{case['id']}")["parties"][0]["name"] == "钱测试"
        assert shown(hall, path)["parties"][0]["name"] == "钱测试"

    def test_who_was_mistakenly_marked_as_missing_stands_again(
        self, hall: Hall, clock: SettableClock
    ) -> None:
        path = booked(hall)
        clock.set("2026-03-03 09:30")
        hall.done(path, "no-show")
        seen = hall.done(path, "no-show-reversal")
        assert (seen["state"], seen["parties"][0]["name"]) == ("confirmed", "钱测试")


class TestTheSameRules:
    """Nothing is easier, and nothing harder, than for who books by themselves."""

    @pytest.mark.parametrize(
        ("change", "field"),
        [
            ({"checklist_read": False}, "checklist_read"),
            ({"connection_basis": "property"}, "connection_basis"),
            ({"immovable": True}, "connection_basis"),
            ({"foreign_use": True}, "foreign_country"),
            ({"contact_phone": "12"}, "contact_phone"),
            (
                {"parties": [desk_party(document_number="110105194912310021")]},
                "parties.0.document_number",
            ),
            (
                {"parties": [desk_party(document_number=id_number(date(2015, 5, 5)))]},
                "parties.0.guardian",
            ),
            ({"matter_id": "00000000-0000-7000-8000-000000000000"}, "matter_id"),
        ],
    )
    def test_what_does_not_fit_is_refused_by_field_and_takes_no_seat(
        self, hall: Hall, change: dict[str, Any], field: str
    ) -> None:
        answer = book(hall, **change)
        assert (answer.status_code, list(answer.json["errors"])) == (422, [field])
        assert hall.desk.left(NINE) == 2
        assert db.session.scalar(select(func.count()).select_from(NotaryBooking)) == 0

    def test_a_declared_dispute_has_to_be_understood(self, hall: Hall) -> None:
        assert book(hall, dispute=True).json["code"] == "dispute_declared"
        assert book(hall, dispute=True, dispute_understood=True).status_code == 201

    def test_a_matter_that_is_stopped_is_not_booked(self, hall: Hall) -> None:
        with unit_of_work():
            db.session.get_one(NotaryMatter, hall.matter_id).active = False
        assert list(book(hall).json["errors"]) == ["matter_id"]

    def test_a_person_books_a_matter_once_and_the_clerk_is_told_which_limit_it_is(
        self, hall: Hall
    ) -> None:
        same = party()
        hall.booked("2026-03-03 10:00", parties=(same,))
        given = desk_party(name=same.name, document_number=same.document_number)
        answer = book(hall, parties=[given])
        assert (answer.status_code, answer.json["code"]) == (409, "already_booked")
        assert hall.desk.left(NINE) == 2

    def test_lead_time_and_closed_days_hold_at_the_desk_too(self, hall: Hall) -> None:
        with unit_of_work():
            db.session.get_one(NotaryOffice, hall.office_id).lead_workdays = 2
        assert book(hall).json["code"] == "too_soon"
        assert book(hall, starts_at="2026-03-08T09:00:00+08:00").json["code"] == "closed_day"
        assert book(hall, starts_at="2026-03-05T07:00:00+08:00").json["code"] == "no_such_time"

    def test_a_full_time_is_refused_with_the_nearest_free_ones_and_no_waiting_list(
        self, hall: Hall
    ) -> None:
        for _ in range(2):
            hall.booked(NINE)
        answer = book(hall)
        assert (answer.status_code, answer.json["code"]) == (409, "slot_taken")
        assert answer.json["errors"]["next_free"]
        assert "排队" not in answer.json["next_step"]

    def test_for_a_time_that_has_begun_the_clerk_reads_those_that_are_still_to_come(
        self, hall: Hall, clock: SettableClock
    ) -> None:
        clock.set("2026-03-02 10:05")
        answer = book(hall, starts_at="2026-03-02T10:00:00+08:00")
        assert (answer.status_code, answer.json["code"]) == (409, "not_bookable")
        assert answer.json["errors"]["next_free"][0] == "2026-03-02T10:30:00+08:00"

    def test_what_has_lapsed_is_free_for_them_at_once(
        self, hall: Hall, clock: SettableClock
    ) -> None:
        for _ in range(2):
            hall.desk.hold(hall.desk.person(), NINE)
        assert book(hall).json["code"] == "slot_taken"
        clock.advance(minutes=11)
        assert book(hall).status_code == 201

    def test_the_kept_seats_are_for_the_elderly(self, hall: Hall) -> None:
        with unit_of_work():
            counter = db.session.get_one(NotaryCounter, hall.counter_id)
            counter.kept_priority = 1
            db.session.flush()
        schedule.refresh_all()
        assert list(book(hall, priority="elderly").json["errors"]) == ["parties"]
        old = [desk_party(document_number=id_number(OLD))]
        path = booked(hall, priority="elderly", parties=old)
        found = again_by(hall, path)
        assert found.quota is Quota.PRIORITY

    def test_of_many_clerks_and_people_at_once_only_as_many_win_as_there_are_seats(
        self, app: Flask, hall: Hall
    ) -> None:
        clerk = Actor(
            ActorKind.STAFF,
            hall.people["clerk"],
            grants=frozenset({("notary_clerk", hall.office_id)}),
        )
        asked = wish(hall.desk, NINE)

        def at_the_desk() -> object:
            with unit_of_work():
                office = db.session.get_one(NotaryOffice, hall.office_id)
                return on_request.book(clerk, office, asked, details(), DeskChannel.PHONE)

        def by_oneself(who: Actor) -> object:
            held = holding.hold(who, asked)
            return confirming.confirm(who, held.id, details())

        people = [hall.desk.person() for _ in range(6)]
        work = [lambda who=who: by_oneself(who) for who in people]
        results = together(app, [*work, *[at_the_desk] * 6])
        assert outcomes(results) == {"done": 2, "slot_taken": 10}
        assert hall.desk.left(NINE) == 0


class TestMoving:
    """Another time at the person's wish: the new seat first."""

    def test_an_appointment_from_the_portal_is_moved_and_its_person_told(self, hall: Hall) -> None:
        booking = hall.booked(NINE)
        seen = hall.done(hall.at(booking), "reschedule", {**ASKED, "starts_at": LATER})
        assert (seen["state"], seen["starts_at"]) == ("confirmed", LATER)
        last = seen["timeline"][-1]
        assert (last["by"], last["label"]) == ("staff", "应当事人要求改期")
        (row,) = audited("reschedule")
        assert (row.actor_id, row.detail["channel"]) == (hall.people["clerk"], "phone")
        worker.drain()
        headers = hall.as_resident(booking)
        titles = [
            m["title"] for m in hall.api.get("/me/notifications", headers=headers).json["items"]
        ]
        assert "预约已改期" in titles

    def test_who_loses_the_new_seat_keeps_the_old_one(self, hall: Hall) -> None:
        for _ in range(2):
            hall.booked("2026-03-03 10:00")
        path = booked(hall)
        answer = hall.step(path, "reschedule", {**ASKED, "starts_at": LATER})
        assert (answer.status_code, answer.json["code"]) == (409, "slot_taken")
        assert shown(hall, path)["starts_at"] == TUESDAY
        assert hall.desk.left(NINE) == 1

    def test_the_old_seat_cools_off_as_when_they_move_by_themselves(self, hall: Hall) -> None:
        path = booked(hall)
        hall.done(path, "reschedule", {**ASKED, "starts_at": LATER})
        assert cooling() == [at(NINE)]

    def test_not_once_the_time_has_come(self, hall: Hall, clock: SettableClock) -> None:
        path = booked(hall)
        clock.set("2026-03-03 09:10")
        for step, more in (("reschedule", {"starts_at": LATER}), ("withdrawal", {})):
            answer = hall.step(path, step, {**ASKED, **more})
            assert (answer.status_code, answer.json["code"]) == (409, "already_begun")
            assert "登记" in answer.json["next_step"]
        assert not {"reschedule", "withdraw"} & actions(hall, path)

    def test_a_stale_view_moves_and_cancels_nothing(self, hall: Hall) -> None:
        path = booked(hall)
        for step, more in (("reschedule", {"starts_at": LATER}), ("withdrawal", {})):
            bare = hall.api.post(f"{path}/{step}", {**ASKED, **more}, headers=hall.headers["clerk"])
            assert bare.status_code == 428
            stale = {**hall.headers["clerk"], "If-Match": '"0"'}
            answer = hall.api.post(f"{path}/{step}", {**ASKED, **more}, headers=stale)
            assert answer.status_code == 412
        assert shown(hall, path)["starts_at"] == TUESDAY

    def test_only_the_offices_own_clerks(self, hall: Hall) -> None:
        path = booked(hall)
        for step, more in (("reschedule", {"starts_at": LATER}), ("withdrawal", {})):
            sent = {**ASKED, **more}
            assert hall.step(path, step, sent, "supervisor").status_code == 403
            assert hall.step(path, step, sent, "stranger").status_code == 404
        assert {"reschedule", "withdraw", "cancel"} <= actions(hall, path)
        assert not {"reschedule", "withdraw", "cancel"} & actions(hall, path, "supervisor")

    def test_who_has_no_account_takes_the_kept_time_through_the_desk(self, hall: Hall) -> None:
        path = booked(hall, contact_phone=MOBILE)
        close(hall.desk, date(2026, 3, 3))
        (row,) = hall.api.get(f"{hall.office}/affected", headers=hall.headers["clerk"]).json[
            "items"
        ]
        assert (row["to_be_rung"], row["other_time"]["starts_at"][:10]) == (True, "2026-03-04")
        assert {"accept_other_time", "show_phone"} <= actions(hall, path)
        number = hall.api.post(f"{path}/phone", headers=hall.headers["clerk"])
        assert number.json["phone"] == MOBILE
        kept = shown(hall, path)["other_time"]["starts_at"]
        seen = hall.done(path, "other-time", ASKED)
        assert (seen["starts_at"], seen["affected_reason"]) == (kept, None)
        assert seen["timeline"][-1]["label"] == "应当事人要求改到新时段"
        assert hall.step(path, "other-time", ASKED).status_code == 404


def cooling() -> list[Any]:
    """When the seats are that cool off."""
    rows = select(NotaryClaim).where(NotaryClaim.cooling, NotaryClaim.released_at.is_(None))
    return [claim.slot.starts_at for claim in db.session.scalars(rows)]


class TestCancelling:
    """At the person's wish it is their own step; by the office it is another, with a reason."""

    def test_it_is_as_if_they_had_cancelled_themselves(self, hall: Hall) -> None:
        booking = hall.booked(NINE)
        seen = hall.done(hall.at(booking), "withdrawal", ASKED)
        assert (seen["state"], seen["cancellation_reason"]) == ("cancelled", None)
        last = seen["timeline"][-1]
        assert (last["action"], last["label"]) == ("withdraw", "应当事人要求取消预约")
        assert cooling() == [at(NINE)]
        (row,) = audited("withdraw")
        assert row.detail["channel"] == "phone"
        worker.drain()
        assert told("notary.cancelled")
        assert not told("notary.cancelled_by_office")
        mine = hall.api.get(
            f"/notary/appointments/{booking.id}", headers=hall.as_resident(booking)
        ).json
        assert "公证机构取消" not in mine["next_step"]

    def test_they_may_book_again_at_once(self, hall: Hall) -> None:
        given = [desk_party()]
        path = booked(hall, parties=given)
        assert book(hall, parties=given, starts_at=LATER).json["code"] == "already_booked"
        hall.done(path, "withdrawal", ASKED)
        assert book(hall, parties=given, starts_at=LATER).status_code == 201
        assert db.session.scalars(select(NotaryPerson.active)).all() == [1]

    def test_what_has_ended_is_not_cancelled_again(self, hall: Hall) -> None:
        path = booked(hall)
        hall.done(path, "withdrawal", ASKED)
        assert hall.step(path, "withdrawal", ASKED).status_code == 409

    def test_the_office_cancels_with_its_reason_as_before(self, hall: Hall) -> None:
        path = booked(hall)
        seen = hall.done(path, "cancellation", {"reason": "承办公证员临时有庭审"})
        assert seen["cancellation_reason"] == "承办公证员临时有庭审"
        assert seen["parties"][0]["name"] == "钱测试"


def test_an_account_and_a_clerk_do_not_book_the_same_appointment(hall: Hall) -> None:
    booking = hall.booked(NINE)
    with pytest.raises(IntegrityError, match="booked_once"), unit_of_work():
        found = db.session.get_one(NotaryBooking, booking.id)
        found.booked_by_id = hall.people["clerk"]
        db.session.flush()


def test_a_seat_at_another_counter_is_taken_where_the_first_is_full(hall: Hall) -> None:
    other = make_counter(hall.desk.office, capacity=1)
    schedule.refresh_all()
    counters = {again_by(hall, booked(hall)).counter_id for _ in range(3)}
    assert counters == {hall.counter_id, other.id}
