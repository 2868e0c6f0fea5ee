"""Appointments that the office can no longer keep: other times that are lost, counters and matters that are given up."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from portal.core import clock as core_clock
from portal.core.actor import Actor, ActorKind
from portal.core.db import db
from portal.core.errors import Invalid
from portal.core.unit_of_work import unit_of_work
from portal.notary import calendar_files
from portal.notary.errors import HoldExpired, NotBookable
from portal.notary.models import (
    BookingState,
    NotaryBooking,
    NotaryCounter,
    NotaryMatter,
    NotaryOffice,
    NotaryWaiting,
    WaitingState,
)
from portal.notary.operations import (
    changing,
    confirming,
    freeing,
    holding,
    matters,
    schedule,
    waiting,
)
from portal.notary.operations.schedule import Applied
from portal.notary.queries.counts import worklist_counts
from tests.conftest import SettableClock
from tests.factories.notary import make_counter, make_matter, make_notary_office
from tests.factories.people import make_staff, staff_headers
from tests.notary.conftest import Desk, again, assert_books_balance, at, details
from tests.notary.hall import STAFF, Hall
from tests.notary.test_schedule import NINE, clerk, close, still_to_move, told

TUESDAY = date(2026, 3, 3)
ANYWHERE = Actor(ActorKind.STAFF, None, grants=frozenset({("notary_clerk", None)}))


def other_of(booking: NotaryBooking) -> NotaryBooking:
    """The other time that is kept for a booking."""
    (other,) = changing.pending_other_times(again(booking))
    return other


def only_tuesday_and_full(desk: Desk) -> None:
    """Let the office be open on Tuesday alone, and other people have its seats."""
    close(desk, date(2026, 3, 2))
    close(desk, date(2026, 3, 4), date(2026, 4, 30))
    for hour in ("09:00", "09:30", "10:00", "10:30", "11:00", "11:30"):
        for _ in range(2):
            desk.confirmed(desk.person(), f"2026-03-03 {hour}")


def serve(desk: Desk, counter: NotaryCounter, *codes: str, **changes: Any) -> Applied:
    """Let a counter do only these matters."""
    with unit_of_work():
        office = db.session.get_one(NotaryOffice, desk.office.id, populate_existing=True)
        found = db.session.get_one(NotaryCounter, counter.id, populate_existing=True)
        values = {"matter_codes": list(codes), **changes}
        return schedule.save_counter(clerk(desk), office, found, values)[1]


def set_active(desk: Desk, *, active: bool) -> None:
    """Stop the matter, or take it up again, and let what follows be done."""
    with unit_of_work():
        found = db.session.get_one(NotaryMatter, desk.matter.id, populate_existing=True)
        matters.change(ANYWHERE, found, {"active": active})
    # What the job does that the change has left (`test_staff_see_who_is_affected_before_a_matter_is_stopped`).
    schedule.refresh_all()
    waiting.end_stopped()


def without_time(desk: Desk) -> int:
    """How many appointments the clerk sees that cannot be kept and have no other time."""
    counts = worklist_counts(clerk(desk))
    assert counts is not None
    return counts.without_time


class TestLostOtherTime:
    """A time that is kept for somebody who has to move may fall away too; they are never left without a word."""

    def test_another_one_is_kept_and_told(self, desk: Desk) -> None:
        person = desk.person()
        booked = desk.confirmed(person, NINE)
        close(desk, TUESDAY)
        first = other_of(booked)
        applied = close(desk, first.day)
        assert [b.id for b in applied.affected] == [booked.id]
        second = other_of(booked)
        assert again(first).state is BookingState.EXPIRED
        assert second.day not in (TUESDAY, first.day)
        assert applied.kept[booked.id].id == second.id
        (message,) = told("notary.other_time_replaced")
        assert message["resident_id"] == str(person.id)
        assert message["params"]["lost"] == core_clock.spoken(first.starts_at)
        assert again(booked).history[-1].action == "other_time_lost"
        with unit_of_work():
            moved = changing.accept_other_time(person, again(booked))
        assert moved.day == second.day

    def test_the_one_kept_is_near_the_booked_one_and_leaves_the_time_for_an_answer(
        self, desk: Desk
    ) -> None:
        booked = desk.confirmed(desk.person(), "2026-03-10 09:00")
        close(desk, date(2026, 3, 10))
        other = other_of(booked)
        # The day after rather than the day before, and not today's first free one.
        assert core_clock.spoken(other.starts_at) == "2026年3月11日09:00"
        assert other.kept_until == core_clock.now() + timedelta(
            minutes=desk.office.move_offer_minutes
        )

    def test_when_only_early_times_are_free_one_of_them_is_kept_until_it_begins(
        self, desk: Desk
    ) -> None:
        booked = desk.confirmed(desk.person(), NINE)
        close(desk, TUESDAY, date(2026, 4, 30))
        other = other_of(booked)
        assert other.day == date(2026, 3, 2)
        assert other.kept_until == other.starts_at

    def test_when_nothing_is_free_that_is_told_and_staff_see_it(self, desk: Desk) -> None:
        booked = desk.confirmed(desk.person(), NINE)
        close(desk, TUESDAY)
        assert without_time(desk) == 0
        applied = close(desk, date(2026, 3, 2), date(2026, 4, 30))
        assert [b.id for b in applied.affected] == [booked.id]
        assert applied.kept == {}
        assert len(told("notary.other_time_lost")) == 1
        assert without_time(desk) == 1
        assert still_to_move(desk) == [booked.id]

    def test_the_preview_of_the_second_closure_names_them(self, desk: Desk) -> None:
        booked = desk.confirmed(desk.person(), NINE)
        close(desk, TUESDAY)
        first = other_of(booked)
        with unit_of_work():
            seen = schedule.preview(lambda: close(desk, first.day))
        assert [b.id for b in seen.affected] == [booked.id]
        assert seen.kept[booked.id].day != first.day
        assert other_of(booked).id == first.id
        assert told("notary.other_time_replaced") == []

    def test_one_that_is_not_taken_in_time_is_told(self, desk: Desk, clock: SettableClock) -> None:
        booked = desk.confirmed(desk.person(), NINE)
        close(desk, TUESDAY)
        clock.set_to(other_of(booked).kept_until)
        freeing.sweep()
        (message,) = told("notary.other_time_passed")
        assert message["subject_id"] == str(booked.id)
        assert without_time(desk) == 1

    def test_the_time_that_somebody_took_is_kept_like_any_other(self, desk: Desk) -> None:
        person = desk.person()
        booked = desk.confirmed(person, NINE)
        close(desk, TUESDAY)
        with unit_of_work():
            moved = changing.accept_other_time(person, again(booked))
        applied = close(desk, moved.day)
        assert [b.id for b in applied.affected] == [booked.id]
        assert len(told("notary.affected_with_offer")) == 2
        assert other_of(booked).day not in (TUESDAY, moved.day)

    def test_whoever_is_offered_a_seat_from_the_list_is_told_when_it_is_taken_back(
        self, desk: Desk
    ) -> None:
        holder = desk.person()
        first = desk.confirmed(holder, NINE)
        close(desk, date(2026, 3, 2))
        close(desk, date(2026, 3, 4), date(2026, 4, 30))
        for when in ("09:00", "09:30", "09:30", "10:00", "10:00", "10:30", "10:30"):
            desk.confirmed(desk.person(), f"2026-03-03 {when}")
        for when in ("11:00", "11:00", "11:30", "11:30"):
            desk.confirmed(desk.person(), f"2026-03-03 {when}")
        waits = desk.person()
        wish = waiting.WaitingWish(desk.matter.id, TUESDAY, TUESDAY, desk.office.id)
        entry_id = waiting.join(waits, wish).id
        desk.cancel(holder, first)
        close(desk, TUESDAY)
        (message,) = told("notary.offer_withdrawn")
        assert message["resident_id"] == str(waits.id)
        entry = db.session.get_one(NotaryWaiting, entry_id, populate_existing=True)
        assert entry.state is WaitingState.WAITING


class TestTellingInTime:
    def test_at_night_the_kept_time_counts_from_when_the_message_can_be_read(
        self, desk: Desk, clock: SettableClock
    ) -> None:
        with unit_of_work():
            office = db.session.get_one(NotaryOffice, desk.office.id, populate_existing=True)
            office.move_offer_minutes = 60
        booked = desk.confirmed(desk.person(), "2026-03-05 09:00")
        clock.set("2026-03-03 22:00")
        close(desk, date(2026, 3, 5))
        # The quiet hours end at eight.
        assert other_of(booked).kept_until == at("2026-03-04 09:00")

    def test_the_calendar_of_the_person_does_not_confirm_what_cannot_be_kept(
        self, desk: Desk
    ) -> None:
        booked = desk.confirmed(desk.person(), NINE)
        assert "STATUS:CONFIRMED" in calendar_files.calendar([again(booked)], {})
        close(desk, TUESDAY)
        shown = calendar_files.calendar([again(booked)], {})
        assert "STATUS:TENTATIVE" in shown
        assert "STATUS:CONFIRMED" not in shown


class TestCounterGivesUpAMatter:
    def test_who_can_have_the_same_time_at_another_counter_keeps_it_and_need_not_know(
        self, desk: Desk
    ) -> None:
        make_counter(desk.office)
        schedule.refresh_all()
        booked = desk.confirmed(desk.person(), "2026-03-05 10:00")
        left = db.session.get_one(NotaryCounter, again(booked).counter_id)
        applied = serve(desk, left, make_matter().code)
        assert (applied.affected, applied.kept) == ([], {})
        assert "1 个预约换到同一时间的另一个窗口" in applied.hints[0]
        now = again(booked)
        assert (now.starts_at, now.affected_at) == (booked.starts_at, None)
        assert now.counter_id != left.id
        assert now.history[-1].action == "other_counter"
        assert told("notary.affected_with_offer") == []
        assert changing.pending_other_times(now) == []

    def test_whose_matter_is_still_done_stays(self, desk: Desk) -> None:
        booked = desk.confirmed(desk.person(), NINE)
        assert serve(desk, desk.counter, desk.matter.code, make_matter().code).affected == []
        assert again(booked).affected_at is None

    def test_a_preview_names_them_and_changes_nothing(self, desk: Desk) -> None:
        booked = desk.confirmed(desk.person(), NINE)
        code = make_matter().code
        with unit_of_work():
            seen = schedule.preview(lambda: serve(desk, desk.counter, code))
        assert [b.id for b in seen.affected] == [booked.id]
        assert again(booked).affected_at is None
        assert told("notary.affected") == []

    def test_with_nothing_free_they_are_told_once_and_staff_see_it(self, desk: Desk) -> None:
        desk.confirmed(desk.person(), NINE)
        serve(desk, desk.counter, make_matter().code)
        with unit_of_work():
            schedule.refresh_all()
        assert len(told("notary.affected")) == 1
        assert without_time(desk) == 1

    def test_nobody_moves_back_to_the_counter_that_gave_the_matter_up(self, desk: Desk) -> None:
        booked = desk.confirmed(person := desk.person(), NINE)
        serve(desk, desk.counter, make_matter().code)
        with pytest.raises(NotBookable, match="没有办理这个事项的窗口"):
            desk.move(person, booked, NINE)
        assert again(booked).affected_at is not None

    def test_taken_up_again_the_time_stands(self, desk: Desk) -> None:
        booked = desk.confirmed(desk.person(), NINE)
        serve(desk, desk.counter, make_matter().code)
        serve(desk, desk.counter)
        assert again(booked).affected_at is None
        assert len(told("notary.unaffected")) == 1

    def test_holds_and_offers_there_end(self, desk: Desk) -> None:
        held = desk.hold(person := desk.person(), NINE)
        serve(desk, desk.counter, make_matter().code)
        assert again(held).state is BookingState.EXPIRED
        with pytest.raises(HoldExpired):
            confirming.confirm(person, held.id, details())

    def test_another_time_at_such_a_counter_is_lost_and_told(self, desk: Desk) -> None:
        second = make_counter(desk.office)
        schedule.refresh_all()
        code = make_matter().code
        person = desk.person()
        booked = desk.confirmed(person, NINE)
        while desk.left(NINE):
            desk.confirmed(desk.person(), NINE)
        first = db.session.get_one(NotaryCounter, again(booked).counter_id)
        rest = second if first.id == desk.counter.id else desk.counter
        serve(desk, first, code)
        other = other_of(booked)
        assert (other.counter_id, other.starts_at != booked.starts_at) == (rest.id, True)
        applied = serve(desk, rest, code)
        assert booked.id in {each.id for each in applied.affected}
        lost = [each["resident_id"] for each in told("notary.other_time_lost")]
        assert lost.count(str(person.id)) == 1

    def test_a_seat_taken_at_the_very_moment_of_the_change_is_found_by_the_job(
        self, desk: Desk
    ) -> None:
        person = desk.person()
        wish = holding.Wish(desk.office.id, desk.matter.id, at(NINE))
        # Read before the change, taken after it.
        seen = holding.look(person, wish)
        serve(desk, desk.counter, make_matter().code)
        booked = holding.hold(person, wish, seen)
        confirming.confirm(person, booked.id, details())
        assert again(booked).affected_at is None
        assert schedule.refresh_all(only_when_due=True) == 1
        assert again(booked).affected_at is not None
        assert schedule.refresh_all(only_when_due=True) == 0

    def test_what_has_begun_is_left_alone(self, desk: Desk, clock: SettableClock) -> None:
        booked = desk.confirmed(desk.person(), NINE)
        serve(desk, desk.counter, make_matter().code)
        clock.set_to(booked.starts_at + timedelta(minutes=1))
        serve(desk, desk.counter, make_matter().code)
        assert again(booked).affected_at is not None
        assert told("notary.unaffected") == []


class TestMatterIsStopped:
    def test_everybody_with_an_appointment_for_it_is_told(self, desk: Desk) -> None:
        person = desk.person()
        booked = desk.confirmed(person, NINE)
        set_active(desk, active=False)
        assert again(booked).affected_reason == "这个公证事项停止办理"
        (message,) = told("notary.matter_stopped")
        assert message["resident_id"] == str(person.id)
        assert changing.pending_other_times(booked) == []
        assert without_time(desk) == 1
        with pytest.raises(Invalid):
            desk.move(person, booked, "2026-03-04 09:00")
        desk.cancel(person, booked)
        assert without_time(desk) == 0

    def test_taken_up_again_they_are_told_that_the_time_stands(self, desk: Desk) -> None:
        booked = desk.confirmed(desk.person(), NINE)
        set_active(desk, active=False)
        set_active(desk, active=True)
        assert again(booked).affected_at is None

    def test_who_waits_for_it_is_let_go_with_a_word(self, desk: Desk) -> None:
        only_tuesday_and_full(desk)
        waits = desk.person()
        wish = waiting.WaitingWish(desk.matter.id, TUESDAY, TUESDAY)
        entry_id = waiting.join(waits, wish).id
        set_active(desk, active=False)
        entry = db.session.get_one(NotaryWaiting, entry_id, populate_existing=True)
        assert entry.state is WaitingState.LEFT
        (message,) = told("notary.waiting_stopped")
        assert message["resident_id"] == str(waits.id)

    def test_who_waits_at_an_office_that_has_closed_is_let_go_with_a_word(
        self, desk: Desk, clock: SettableClock
    ) -> None:
        only_tuesday_and_full(desk)
        waits = desk.person()
        wish = waiting.WaitingWish(desk.matter.id, TUESDAY, date(2026, 3, 31), desk.office.id)
        entry_id = waiting.join(waits, wish).id
        with unit_of_work():
            office = db.session.get_one(NotaryOffice, desk.office.id, populate_existing=True)
            schedule.change_office(clerk(desk), office, {"closes_on": date(2026, 3, 6)})
        assert waiting.end_stopped() == 0
        clock.set("2026-03-07 09:00")
        assert waiting.end_stopped() == 1
        entry = db.session.get_one(NotaryWaiting, entry_id, populate_existing=True)
        assert entry.state is WaitingState.LEFT
        assert len(told("notary.waiting_stopped")) == 1

    def test_it_is_stopped_in_every_office(self, desk: Desk) -> None:
        elsewhere = make_notary_office(name="另一公证处")
        there = Desk(elsewhere, make_counter(elsewhere), desk.matter)
        schedule.refresh_all()
        booked = there.confirmed(there.person(), NINE)
        set_active(desk, active=False)
        assert again(booked).affected_at is not None


class TestOverHttp:
    def test_the_clerk_sees_who_is_affected_before_the_counter_changes(self, hall: Hall) -> None:
        booking = hall.booked("2026-03-03 09:30")
        code = make_matter().code
        listed = hall.api.get(f"{hall.office}/counters", headers=hall.headers["clerk"]).json
        match = {"If-Match": listed["items"][0]["version"]}
        path = f"{STAFF}/counters/{hall.counter_id}"
        for preview in (True, False):
            body = {"matter_codes": [code], "preview": preview}
            answer = hall.api.patch(path, body, headers={**hall.headers["clerk"], **match})
            assert answer.status_code == 200, answer.json
            assert [row["reference"] for row in answer.json["affected"]] == [booking.reference]
            assert answer.json["affected"][0]["other_time"] is None
        answer = hall.api.get(f"{hall.office}/affected", headers=hall.headers["clerk"])
        assert [row["affected_reason"] for row in answer.json["items"]] == ["窗口不再办理这个事项"]
        mine = hall.api.get(
            f"/notary/appointments/{booking.id}", headers=hall.as_resident(booking)
        ).json
        assert (mine["affected"], mine["affected_reason"]) == (True, "窗口不再办理这个事项")

    def test_the_list_of_staff_shows_the_other_time_that_is_kept(self, hall: Hall) -> None:
        hall.booked("2026-03-03 09:30")
        body = {
            "kind": "closed",
            "first_day": "2026-03-03",
            "last_day": "2026-03-03",
            "reason": "设备检修",
            "preview": True,
        }
        answer = hall.api.post(f"{hall.office}/exceptions", body, headers=hall.headers["clerk"])
        (row,) = answer.json["affected"]
        assert row["other_time"]["starts_at"].startswith("2026-03-04T09:00")
        body["preview"] = False
        hall.api.post(f"{hall.office}/exceptions", body, headers=hall.headers["clerk"])
        answer = hall.api.get(f"{hall.office}/affected", headers=hall.headers["clerk"])
        assert answer.json["items"][0]["other_time"]["kept_until"]

    def test_who_has_to_move_reads_of_the_kept_time_what_can_be_done_with_it(
        self, hall: Hall
    ) -> None:
        booking = hall.booked("2026-03-03 09:30")
        close(hall.desk, TUESDAY)
        mine = hall.as_resident(booking)
        (kept,) = hall.api.get("/notary/holds", headers=mine).json["items"]
        assert "为您留出的新时段" in kept["next_step"]
        assert "转给下一位" not in kept["next_step"]
        (take,) = [step for step in kept["allowed_actions"] if step["action"] == "confirm"]
        taken = hall.api.post(take["url"].removeprefix("/api/v1"), headers=mine)
        assert (taken.status_code, taken.json["affected"]) == (200, False)

    def test_staff_see_who_is_affected_before_a_matter_is_stopped(
        self, hall: Hall, run_jobs
    ) -> None:
        booking = hall.booked("2026-03-03 09:30")
        path = f"{STAFF}/matters/{hall.matter_id}"
        keeper = staff_headers(staff=make_staff(["notary_clerk"]))
        listed = hall.api.get(f"{STAFF}/matters", headers=keeper).json
        match = {"If-Match": listed["items"][0]["version"]}
        for preview in (True, False):
            body = {"active": False, "preview": preview}
            answer = hall.api.patch(path, body, headers={**keeper, **match})
            assert answer.status_code == 200, answer.json
            assert answer.json["active"] is preview
            assert [row["reference"] for row in answer.json["affected"]] == [booking.reference]
        run_jobs()
        mine = hall.api.get(
            f"/notary/appointments/{booking.id}", headers=hall.as_resident(booking)
        ).json
        assert "停止办理" in mine["next_step"]
        assert [action["action"] for action in mine["allowed_actions"]] == ["cancel"]
        assert_books_balance()


def test_an_offer_for_nobody_is_never_left_behind(desk: Desk) -> None:
    booked = desk.confirmed(desk.person(), NINE)
    close(desk, TUESDAY)
    close(desk, other_of(booked).day)
    db.session.rollback()
    rows = db.session.scalars(
        select(NotaryBooking.state).where(NotaryBooking.replaces_id == booked.id)
    ).all()
    assert sorted(state.value for state in rows) == ["expired", "offered"]
