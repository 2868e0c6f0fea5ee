"""Hours become slots; a change names who is affected; holidays, make-up days, leap day, year end and clock changes."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import date, time
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select

from portal.core import clock as core_clock
from portal.core.actor import SYSTEM, Actor, ActorKind
from portal.core.db import db
from portal.core.errors import Conflict, Forbidden, Invalid
from portal.core.jobs import Job, worker
from portal.core.unit_of_work import unit_of_work
from portal.notary import opening, runs
from portal.notary.errors import NotBookable
from portal.notary.models import (
    BookingState,
    ExceptionKind,
    NotaryCounter,
    NotaryException,
    NotaryOffice,
    NotarySlot,
)
from portal.notary.operations import changing, freeing, schedule
from portal.notary.operations.schedule import Applied, Exceptional, Opening
from portal.notary.queries import lists
from portal.working_days import impact
from portal.working_days import operations as working_days
from portal.working_days.calendar import DayKind, DayStatus, YearState
from portal.working_days.counting import current_calendar
from portal.working_days.notice import YearTable
from tests.conftest import SettableClock
from tests.factories.notary import make_counter, make_matter, make_notary_office
from tests.notary.conftest import Desk, again, assert_books_balance, at

NINE = "2026-03-03 09:00"
WEDNESDAY = date(2026, 3, 4)
ZONE = ZoneInfo("Asia/Shanghai")


def clerk(desk: Desk) -> Actor:
    return Actor(ActorKind.STAFF, None, grants=frozenset({("notary_clerk", desk.office.id)}))


def open_times(day: date) -> list[str]:
    db.session.rollback()
    found = db.session.scalars(
        select(NotarySlot.starts_at).where(NotarySlot.day == day, NotarySlot.is_open)
    )
    return sorted({f"{core_clock.local(moment):%H:%M}" for moment in found})


def still_to_move(desk: Desk) -> list[uuid.UUID]:
    """The appointments that the office still has to find another time for."""
    return [booking.id for booking in lists.affected(desk.office.id, None, 100).items]


def close(desk: Desk, first: date, last: date | None = None, **changes: Any) -> Applied:
    given = Exceptional(
        **{
            "kind": ExceptionKind.CLOSED,
            "first_day": first,
            "last_day": last or first,
            "reason": "设备检修",
            **changes,
        }
    )
    with unit_of_work():
        office = db.session.get_one(NotaryOffice, desk.office.id, populate_existing=True)
        return schedule.add_exception(clerk(desk), office, given)[1]


def told(template: str) -> list[dict[str, Any]]:
    jobs = db.session.scalars(select(Job).where(Job.kind == "notary.tell"))
    return [job.payload for job in jobs if job.payload["template"] == template]


class TestHours:
    def test_slots_follow_the_week_out_to_the_horizon(self, desk: Desk) -> None:
        assert open_times(date(2026, 3, 3)) == [
            "09:00",
            "09:30",
            "10:00",
            "10:30",
            "11:00",
            "11:30",
        ]
        assert open_times(date(2026, 3, 7)) == []
        assert open_times(date(2026, 3, 16)) != [], "the tenth working day"
        assert open_times(date(2026, 3, 17)) == []

    def test_the_horizon_moves_with_the_days(self, desk: Desk, clock: SettableClock) -> None:
        clock.set("2026-03-03 08:00")
        assert schedule.refresh_all(only_when_due=True) == 1
        assert open_times(date(2026, 3, 17)) != []
        assert schedule.refresh_all(only_when_due=True) == 0

    def test_a_make_up_day_has_the_hours_that_the_office_chose(
        self, desk: Desk, clock: SettableClock
    ) -> None:
        # 2026-05-09, a Saturday, is worked (rules 7.4).
        clock.set("2026-05-06 08:00")
        schedule.refresh_all()
        assert open_times(date(2026, 5, 9)) != []
        with unit_of_work():
            office = db.session.get_one(NotaryOffice, desk.office.id)
            schedule.change_office(clerk(desk), office, {"make_up_weekday": None})
        assert open_times(date(2026, 5, 9)) == []

    def test_a_holiday_closes_unless_the_office_works_or_opens_specially(
        self, desk: Desk, clock: SettableClock
    ) -> None:
        clock.set("2026-04-28 08:00")
        schedule.refresh_all()
        labour_day = date(2026, 5, 1)
        assert open_times(labour_day) == []
        close(desk, labour_day, kind=ExceptionKind.EXTRA, opens=time(9), closes=time(10))
        assert open_times(labour_day) == ["09:00", "09:30"]
        with unit_of_work():
            office = db.session.get_one(NotaryOffice, desk.office.id)
            schedule.change_office(clerk(desk), office, {"open_on_holidays": True})
        assert len(open_times(labour_day)) == 6

    def test_a_closure_of_hours_leaves_the_rest(self, desk: Desk) -> None:
        close(desk, WEDNESDAY, opens=time(10), closes=time(11))
        assert open_times(WEDNESDAY) == ["09:00", "09:30", "11:00", "11:30"]

    def test_new_hours_count_from_their_day(self, desk: Desk) -> None:
        with unit_of_work():
            office = db.session.get_one(NotaryOffice, desk.office.id)
            schedule.set_hours(
                clerk(desk), office, None, date(2026, 3, 9), [Opening(0, time(14), time(15))]
            )
        assert len(open_times(date(2026, 3, 6))) == 6
        assert open_times(date(2026, 3, 9)) == ["14:00", "14:30"]
        assert open_times(date(2026, 3, 10)) == []

    def test_a_counter_with_hours_of_its_own_does_not_keep_the_offices(self, desk: Desk) -> None:
        with unit_of_work():
            office = db.session.get_one(NotaryOffice, desk.office.id)
            schedule.set_hours(
                clerk(desk),
                office,
                desk.counter.id,
                date(2026, 3, 3),
                [Opening(2, time(8), time(9))],
            )
        assert open_times(date(2026, 3, 3)) == []
        assert open_times(WEDNESDAY) == ["08:00", "08:30"]

    def test_the_grid_is_not_changed_under_bookings(self, desk: Desk) -> None:
        booked = desk.confirmed(person := desk.person(), NINE)

        def finer() -> None:
            with unit_of_work():
                office = db.session.get_one(NotaryOffice, desk.office.id, populate_existing=True)
                schedule.change_office(clerk(desk), office, {"slot_minutes": 20})

        with pytest.raises(Conflict) as refused:
            finer()
        assert refused.value.code == "grid_in_use"
        desk.cancel(person, booked)
        with unit_of_work():
            from portal.notary.models import NotaryClaim

            for claim in db.session.scalars(select(NotaryClaim)):
                claim.occupies_until = at("2026-03-01 09:00")
        freeing.sweep()
        finer()
        assert open_times(date(2026, 3, 3))[:4] == ["09:00", "09:20", "09:40", "10:00"]

    def test_only_the_offices_own_clerks_change_it(self, desk: Desk) -> None:
        stranger = Actor(ActorKind.STAFF, None, grants=frozenset({("notary_clerk", uuid.uuid4())}))
        with pytest.raises(Forbidden), unit_of_work():
            schedule.change_office(stranger, desk.office, {"phone": "1"})

    @pytest.mark.parametrize(
        "given",
        [
            {"last_day": date(2026, 3, 1), "first_day": date(2026, 3, 2)},
            {"last_day": date(2026, 2, 1), "first_day": date(2026, 2, 1)},
            {"opens": time(9)},
            {"opens": time(10), "closes": time(9)},
            {"kind": ExceptionKind.EXTRA},
            {"counter_id": uuid.uuid4()},
        ],
    )
    def test_a_senseless_exception_is_refused(self, desk: Desk, given: dict[str, Any]) -> None:
        with pytest.raises(Invalid):
            close(desk, given.pop("first_day", WEDNESDAY), given.pop("last_day", None), **given)


class TestAffected:
    def test_who_must_move_is_named_told_and_offered_another_time(self, desk: Desk) -> None:
        person = desk.person()
        booked = desk.confirmed(person, NINE)
        applied = close(desk, date(2026, 3, 3))
        assert [b.id for b in applied.affected] == [booked.id]
        assert still_to_move(desk) == [booked.id]
        (message,) = told("notary.affected_with_offer")
        assert message["resident_id"] == str(person.id)
        assert message["params"]["reason"] == "设备检修"
        with unit_of_work():
            moved = changing.accept_other_time(person, again(booked))
        assert moved.reference == booked.reference
        assert moved.affected_at is None
        assert moved.day != date(2026, 3, 3)
        assert still_to_move(desk) == []

    def test_another_time_that_nobody_takes_is_given_back(
        self, desk: Desk, clock: SettableClock
    ) -> None:
        booked = desk.confirmed(desk.person(), NINE)
        close(desk, date(2026, 3, 3))
        (other,) = changing.pending_other_times(booked)
        assert desk.left(f"{core_clock.local(other.starts_at):%Y-%m-%d %H:%M}") == 1
        clock.set_to(other.kept_until)
        freeing.sweep()
        assert again(other).state is BookingState.EXPIRED
        assert again(booked).affected_at is not None

    def test_one_may_choose_a_time_oneself(self, desk: Desk) -> None:
        person = desk.person()
        booked = desk.confirmed(person, NINE)
        close(desk, date(2026, 3, 3))
        moved = desk.move(person, booked, "2026-03-05 09:00")
        assert moved.affected_at is None
        assert changing.pending_other_times(moved) == []

    def test_a_closure_taken_back_gives_the_time_back(self, desk: Desk) -> None:
        booked = desk.confirmed(desk.person(), NINE)
        close(desk, date(2026, 3, 3))
        with unit_of_work():
            row = db.session.scalars(select(NotaryException)).one()
            office = db.session.get_one(NotaryOffice, desk.office.id)
            schedule.remove_exception(clerk(desk), office, row)
        assert again(booked).affected_at is None
        assert changing.pending_other_times(booked) == []
        assert len(told("notary.unaffected")) == 1

    def test_holds_in_a_closed_time_end(self, desk: Desk) -> None:
        held = desk.hold(desk.person(), NINE)
        assert close(desk, date(2026, 3, 3)).affected == []
        assert again(held).state is BookingState.EXPIRED

    def test_fewer_seats_move_who_came_last(self, desk: Desk) -> None:
        first = desk.confirmed(desk.person(), NINE)
        last = desk.confirmed(desk.person(), NINE)
        with unit_of_work():
            office = db.session.get_one(NotaryOffice, desk.office.id)
            counter = db.session.get_one(NotaryCounter, desk.counter.id)
            _, applied = schedule.save_counter(clerk(desk), office, counter, {"capacity": 1})
        assert [b.id for b in applied.affected] == [last.id]
        assert again(first).affected_at is None
        # The next time after the one that was booked is kept, with a day for the answer.
        assert (
            core_clock.local(applied.kept[last.id].starts_at).isoformat()[:16] == "2026-03-03T09:30"
        )
        assert desk.left("2026-03-03 09:30") == 0

    def test_a_seat_that_cools_off_makes_room_before_anybody_has_to_move(self, desk: Desk) -> None:
        stays, leaves = desk.person(), desk.person()
        booked = desk.confirmed(stays, NINE)
        desk.cancel(leaves, desk.confirmed(leaves, NINE))
        assert desk.left(NINE) == 0
        with unit_of_work():
            office = db.session.get_one(NotaryOffice, desk.office.id)
            counter = db.session.get_one(NotaryCounter, desk.counter.id)
            _, applied = schedule.save_counter(clerk(desk), office, counter, {"capacity": 1})
        assert applied.affected == []
        assert again(booked).affected_at is None
        assert_books_balance()

    def test_whoever_has_been_told_and_has_another_time_is_not_told_again(self, desk: Desk) -> None:
        desk.confirmed(desk.person(), NINE)
        close(desk, date(2026, 3, 3))
        with unit_of_work():
            schedule.refresh_all()
        assert len(told("notary.affected_with_offer")) == 1
        assert told("notary.affected") == []

    def test_a_preview_changes_nothing(self, desk: Desk) -> None:
        booked = desk.confirmed(desk.person(), NINE)
        office = db.session.get_one(NotaryOffice, desk.office.id)
        given = Exceptional(ExceptionKind.CLOSED, date(2026, 3, 3), date(2026, 3, 3), "检修")
        with unit_of_work():
            seen = schedule.preview(lambda: schedule.add_exception(clerk(desk), office, given)[1])
        assert [b.id for b in seen.affected] == [booked.id]
        assert again(booked).affected_at is None
        assert told("notary.affected_with_offer") == []
        assert len(open_times(date(2026, 3, 3))) == 6

    def test_an_office_that_closes_for_good_moves_its_people(self, desk: Desk) -> None:
        early = desk.confirmed(desk.person(), NINE)
        late = desk.confirmed(desk.person(), "2026-03-10 09:00")
        with unit_of_work():
            office = db.session.get_one(NotaryOffice, desk.office.id)
            applied = schedule.change_office(clerk(desk), office, {"closes_on": date(2026, 3, 6)})
        assert [b.id for b in applied.affected] == [late.id]
        assert again(early).affected_at is None
        with pytest.raises(NotBookable):
            desk.hold(desk.person(), "2026-03-10 09:00")


class TestCalendar:
    def publish(self, *rest: date, work: Sequence[date] = ()) -> None:
        present = current_calendar()
        days = {
            **{day: row for day, row in present.tables[2026].items() if day not in work},
            **dict.fromkeys(rest, (DayKind.MOVED_REST, "调休")),
        }
        table = YearTable(year=2026, days=days, source="测试通知", state=YearState.PUBLISHED)
        with unit_of_work():
            working_days._write(table, SYSTEM)

    def test_a_holiday_declared_later_moves_who_has_booked(
        self, desk: Desk, clock: SettableClock
    ) -> None:
        booked = desk.confirmed(desk.person(), "2026-03-04 09:00")
        present = current_calendar()
        days = {**present.tables[2026], WEDNESDAY: (DayKind.MOVED_REST, "调休")}
        found = impact.of(2026, present.with_table(2026, YearState.PUBLISHED, days))
        assert [(m.reference, m.due_before) for m in found.shown if m.name == "公证预约"] == [
            (booked.reference, WEDNESDAY)
        ]
        self.publish(WEDNESDAY)
        booking_id = booked.id
        worker.drain()
        moved = again(booking_id)
        assert moved.affected_at is not None
        assert moved.affected_reason == "2026年放假安排调整"
        assert len(changing.pending_other_times(moved)) == 1
        assert open_times(WEDNESDAY) == []

    def test_a_holiday_that_moves_to_another_day_is_told_as_one_thing(self, desk: Desk) -> None:
        booking_id = desk.confirmed(desk.person(), "2026-03-04 09:00").id
        self.publish(WEDNESDAY)
        schedule.refresh_all()
        (other,) = changing.pending_other_times(again(booking_id))
        self.publish(other.day, work=[WEDNESDAY])
        schedule.refresh_all()
        stands = again(booking_id)
        assert stands.affected_at is None
        assert changing.pending_other_times(stands) == []
        assert len(told("notary.unaffected")) == 1
        assert told("notary.other_time_replaced") == []

    def test_a_leap_day_and_the_end_of_a_year_are_days_like_others(
        self, database: None, clock: SettableClock
    ) -> None:
        # 2028 is a leap year, 29 February a Tuesday; no notice is known, so the days are provisional and bookable.
        clock.set("2028-02-25 08:00")
        office = make_notary_office()
        desk = Desk(office, make_counter(office), make_matter())
        schedule.refresh_all()
        assert len(open_times(date(2028, 2, 29))) == 6
        booked = desk.confirmed(desk.person(), "2028-02-29 09:00")
        assert booked.day == date(2028, 2, 29)
        clock.set("2028-12-28 08:00")
        schedule.refresh_all()
        assert open_times(date(2029, 1, 1)) == []
        moved = desk.confirmed(desk.person(), "2029-01-02 09:00")
        assert moved.reference.startswith("GZ-2028-")


class TestGrid:
    def plan(self, day: date, zone: str, opens: time, closes: time) -> list[opening.Cell]:
        office = NotaryOffice(grid_from=time(0), slot_minutes=30)
        span = (opening.minute_of(opens), opening.minute_of(closes))
        return opening.cells(office, day, [span], ZoneInfo(zone))

    def test_a_cell_lies_wholly_within_the_hours(self) -> None:
        found = self.plan(date(2026, 3, 3), "Asia/Shanghai", time(9, 10), time(10, 40))
        assert [f"{c.starts_at.astimezone(ZONE):%H:%M}" for c in found] == ["09:30", "10:00"]

    def test_an_hour_that_the_clocks_skip_has_no_slots(self) -> None:
        found = self.plan(date(2026, 3, 29), "Europe/Berlin", time(1), time(4))
        local = [f"{c.starts_at.astimezone(ZoneInfo('Europe/Berlin')):%H:%M}" for c in found]
        assert local == ["01:00", "01:30", "03:00", "03:30"]
        assert all((c.ends_at - c.starts_at).seconds == 1800 for c in found)

    def test_an_hour_that_the_clocks_repeat_is_served_once(self) -> None:
        found = self.plan(date(2026, 10, 25), "Europe/Berlin", time(1), time(4))
        assert len({c.starts_at for c in found}) == len(found)
        assert all((c.ends_at - c.starts_at).seconds == 1800 for c in found)

    def test_masks_find_consecutive_slots(self) -> None:
        assert list(runs.ordinals(runs.starts_of(0b11101111, 3))) == [0, 1, 5]
        assert runs.starts_of(0b1011, 1) == 0b1011
        assert runs.starts_of((1 << 63) - 1, 63) == 1
        assert [runs.slots_needed(m, 30) for m in (5, 30, 31, 60)] == [1, 1, 2, 2]

    def test_no_plan_is_made_of_what_has_ended(self) -> None:
        office = NotaryOffice(
            grid_from=time(8), slot_minutes=30, closes_on=date(2026, 3, 3), open_on_holidays=False
        )
        counter = NotaryCounter(active_from=date(2026, 1, 1), active_until=None)
        status = DayStatus(is_workday=True, kind=DayKind.WORKDAY, provisional=False)
        plan = opening.Schedule(office, [], [])
        assert plan.plan(counter, date(2026, 3, 4), status).closed is opening.Closed.OFFICE_CLOSED
        assert plan.plan(counter, date(2026, 3, 3), status).closed is opening.Closed.NO_HOURS
        assert (
            plan.plan(counter, date(2025, 12, 31), status).closed is opening.Closed.COUNTER_INACTIVE
        )
