"""One seat, one booking: holds that end, two who confirm, cancelling, moving, waiting."""

from __future__ import annotations

from datetime import date

import pytest
from sqlalchemy import select, update

from portal.core.actor import Actor
from portal.core.db import db
from portal.core.errors import Conflict
from portal.core.jobs import Job
from portal.core.unit_of_work import unit_of_work
from portal.notary.errors import (
    AlreadyBooked,
    HoldExists,
    HoldExpired,
    NoSuchTime,
    NotBookable,
    PartyUnavailable,
    SlotTaken,
)
from portal.notary.models import (
    BookingState,
    NotaryBooking,
    NotaryClaim,
    NotaryOffice,
    NotaryWaiting,
    Priority,
    WaitingState,
)
from portal.notary.operations import (
    changing,
    confirming,
    freeing,
    holding,
    schedule,
    seats,
    waiting,
)
from tests.conftest import SettableClock
from tests.factories.notary import make_counter, make_matter
from tests.notary.conftest import Desk, again, at, details, minutes, party

NINE = "2026-03-03 09:00"
TEN = "2026-03-03 10:00"


def told(template: str) -> list[str]:
    jobs = db.session.scalars(select(Job).where(Job.kind == "notary.tell"))
    return [j.payload["resident_id"] for j in jobs if j.payload["template"] == template]


class TestHolding:
    def test_seats_lost_since_the_look_refuse_nobody_while_another_counter_has_one(
        self, desk: Desk
    ) -> None:
        for _ in range(holding.MOST_TRIED * 2):
            make_counter(desk.office)
        schedule.refresh_all()
        free = desk.left(NINE)
        person, wish = desk.person(), holding.Wish(desk.office.id, desk.matter.id, at(NINE))
        seen = holding.look(person, wish)
        assert len(seen.found) == holding.MOST_TRIED
        # Whatever the look has seen is gone before the hold, and others are left elsewhere.
        with unit_of_work():
            for run in seen.found:
                assert seats.take(run, run.first.left)
        assert 0 < desk.left(NINE) < free
        held = holding.hold(person, wish, seen)
        assert held.counter_id not in {run.first.counter_id for run in seen.found}
        with unit_of_work():
            for run in seen.found:
                seats.give_back(run, run.first.left)

    def test_a_hold_occupies_the_seat_until_it_ends(self, desk: Desk, clock: SettableClock) -> None:
        first, second, third = (desk.person() for _ in range(3))
        held = desk.hold(first, NINE)
        assert held.kept_until == clock() + minutes(10)
        desk.hold(second, NINE)
        assert desk.left(NINE) == 0
        with pytest.raises(SlotTaken) as refused:
            desk.hold(third, NINE)
        assert refused.value.errors["next_free"][0] == "2026-03-03T09:30:00+08:00"
        clock.advance(minutes=10)
        # No job has run: the lapsed hold is freed by whoever asks for the seat.
        desk.hold(third, NINE)
        assert again(held).state is BookingState.EXPIRED

    def test_an_account_holds_one_time_and_keeps_it(self, desk: Desk, clock: SettableClock) -> None:
        person = desk.person()
        held = desk.hold(person, NINE)
        with pytest.raises(HoldExists):
            desk.hold(person, TEN)
        assert again(held).state is BookingState.HELD
        clock.advance(minutes=11)
        desk.hold(person, TEN)
        assert desk.left(NINE) == 2

    def test_a_long_matter_takes_consecutive_slots_or_none(self, desk: Desk) -> None:
        long = make_matter(minutes=75)
        booked = desk.confirmed(desk.person(), NINE, matter_id=long.id)
        assert [desk.left(f"2026-03-03 {t}") for t in ("09:00", "09:30", "10:00", "10:30")] == [
            1,
            1,
            1,
            2,
        ]
        assert booked.ends_at == at("2026-03-03 10:30")
        desk.hold(desk.person(), "2026-03-03 10:00")
        with pytest.raises(SlotTaken):
            desk.hold(desk.person(), "2026-03-03 09:30", matter_id=long.id)
        assert desk.left("2026-03-03 09:30") == 1
        with pytest.raises(NoSuchTime):
            desk.hold(desk.person(), "2026-03-03 11:00", matter_id=long.id)

    def test_parties_take_a_seat_each(self, desk: Desk) -> None:
        desk.hold(desk.person(), NINE)
        with pytest.raises(SlotTaken):
            desk.hold(desk.person(), NINE, party_count=2)
        desk.hold(desk.person(), TEN, party_count=2)
        assert desk.left(TEN) == 0

    def test_kept_seats_are_for_those_they_are_kept_for(self, desk: Desk) -> None:
        counter = make_counter(desk.office, capacity=2, kept_priority=1, kept_walk_in=1)
        with unit_of_work():
            db.session.execute(update(NotaryOffice).values(slots_until=None))
            db.session.get_one(type(desk.counter), desk.counter.id).active_until = date(2026, 3, 1)
        schedule.refresh_all()
        with pytest.raises(NotBookable) as refused:
            desk.hold(desk.person(), NINE)
        assert refused.value.code == "not_online"
        held = desk.hold(desk.person(), NINE, priority=Priority.ELDERLY)
        assert held.counter_id == counter.id

    def test_times_outside_of_the_window_are_refused(
        self, desk: Desk, clock: SettableClock
    ) -> None:
        with pytest.raises(NotBookable, match="已经开始"):
            desk.hold(desk.person(), "2026-03-02 09:00")
        with pytest.raises(NotBookable) as far:
            desk.hold(desk.person(), "2026-03-17 09:00")
        assert far.value.code == "too_far"
        with unit_of_work():
            db.session.get_one(NotaryOffice, desk.office.id).lead_workdays = 2
        with pytest.raises(NotBookable) as near:
            desk.hold(desk.person(), NINE)
        assert near.value.code == "too_soon"

    def test_giving_up_a_hold_frees_the_person_but_cools_the_seat(
        self, desk: Desk, clock: SettableClock
    ) -> None:
        person = desk.person()
        held = desk.hold(person, NINE)
        with unit_of_work():
            holding.release(person, again(held))
        assert desk.left(NINE) == 1
        desk.hold(person, TEN)
        clock.advance(minutes=31)
        freeing.sweep()
        assert desk.left(NINE) == 2


class TestConfirming:
    def test_a_hold_is_confirmed_in_time(self, desk: Desk, clock: SettableClock) -> None:
        person = desk.person()
        booked = desk.confirmed(person, NINE)
        assert booked.state is BookingState.CONFIRMED
        assert booked.reference.startswith("GZ-2026-")
        clock.advance(hours=2)
        assert freeing.sweep() == 0
        assert again(booked).state is BookingState.CONFIRMED
        assert told("notary.confirmed") == [str(person.id)]

    @pytest.mark.parametrize("swept", [False, True])
    def test_a_hold_that_is_over_is_not_confirmed(
        self, desk: Desk, clock: SettableClock, swept: bool
    ) -> None:
        person = desk.person()
        held = desk.hold(person, NINE)
        clock.advance(minutes=10)
        if swept:
            freeing.sweep()
        with pytest.raises(HoldExpired):
            confirming.confirm(person, held.id, details())

    def test_of_two_confirmations_one_succeeds(self, desk: Desk) -> None:
        person = desk.person()
        held = desk.hold(person, NINE)
        confirming.confirm(person, held.id, details())
        with pytest.raises(Conflict):
            confirming.confirm(person, held.id, details())

    def test_a_person_has_one_booking_for_a_matter(self, desk: Desk) -> None:
        same = party()
        person = desk.person()
        desk.confirmed(person, NINE, same)
        with pytest.raises(AlreadyBooked):
            desk.confirmed(person, TEN, same)
        assert desk.left(TEN) == 1, "the hold stands; only its confirmation was refused"

    def test_a_person_has_so_many_bookings_whatever_the_account(self, desk: Desk) -> None:
        same = party()
        for when in (NINE, TEN):
            desk.confirmed(desk.person(), when, same, matter_id=make_matter().id)
        with pytest.raises(PartyUnavailable):
            desk.confirmed(desk.person(), "2026-03-03 11:00", same)

    def test_a_cancelled_booking_no_longer_counts(self, desk: Desk) -> None:
        same, person = party(), desk.person()
        for _ in range(3):
            desk.cancel(person, desk.confirmed(person, NINE, same))
            with unit_of_work():
                db.session.execute(
                    update(NotaryClaim).values(occupies_until=at("2026-03-01 09:00"))
                )
            freeing.sweep()


class TestChanging:
    def test_a_cancelled_seat_cools_off_for_a_while_nobody_knows(
        self, desk: Desk, clock: SettableClock
    ) -> None:
        person = desk.person()
        desk.cancel(person, desk.confirmed(person, NINE))
        assert desk.left(NINE) == 1
        clock.advance(minutes=4)
        freeing.sweep()
        assert desk.left(NINE) == 1
        clock.advance(minutes=27)
        freeing.sweep()
        assert desk.left(NINE) == 2

    def test_moving_wins_the_new_seat_before_the_old_one_goes(self, desk: Desk) -> None:
        person = desk.person()
        booked = desk.confirmed(person, NINE)
        moved = desk.move(person, booked, TEN)
        assert moved.reference == booked.reference
        assert moved.starts_at == at(TEN)
        assert desk.left(TEN) == 1

    def test_who_loses_the_new_seat_keeps_the_old_one(self, desk: Desk) -> None:
        person = desk.person()
        booked = desk.confirmed(person, NINE)
        for _ in range(2):
            desk.hold(desk.person(), TEN)
        with pytest.raises(SlotTaken):
            desk.move(person, booked, TEN)
        assert again(booked).starts_at == at(NINE)
        assert desk.left(NINE) == 1

    def test_a_long_booking_moves_by_half_of_its_length(self, desk: Desk) -> None:
        long, person = make_matter(minutes=60), desk.person()
        booked = desk.confirmed(person, NINE, matter_id=long.id, party_count=2)
        assert desk.left("2026-03-03 09:30") == 0
        moved = desk.move(person, booked, "2026-03-03 09:30")
        assert moved.ends_at == at("2026-03-03 10:30")

    def test_what_has_begun_is_neither_moved_nor_cancelled(
        self, desk: Desk, clock: SettableClock
    ) -> None:
        person = desk.person()
        booked = desk.confirmed(person, NINE)
        clock.set(NINE)
        with pytest.raises(Conflict) as refused:
            desk.cancel(person, booked)
        assert refused.value.code == "already_begun"
        with pytest.raises(Conflict):
            desk.move(person, booked, TEN)

    def test_a_link_cancels_without_signing_in(self, desk: Desk) -> None:
        booked = desk.confirmed(desk.person(), NINE)
        token = changing.link_token(booked)
        assert token
        with pytest.raises(Conflict.__mro__[1]):
            changing.cancel_by_link(booked.id, "0" * 64)
        assert changing.cancel_by_link(booked.id, token).state is BookingState.CANCELLED


class TestWaiting:
    def wait(self, desk: Desk, **changes: object) -> tuple[Actor, NotaryWaiting]:
        person = desk.person()
        wish = {
            "matter_id": desk.matter.id,
            "office_id": desk.office.id,
            "from_day": date(2026, 3, 3),
            "until_day": date(2026, 3, 3),
            **changes,
        }
        return person, waiting.join(person, waiting.WaitingWish(**wish))  # type: ignore[arg-type]

    def full(self, desk: Desk) -> list[tuple[Actor, NotaryBooking]]:
        found = []
        for hour in ("09:00", "09:30", "10:00", "10:30", "11:00", "11:30"):
            for _ in range(2):
                person = desk.person()
                found.append((person, desk.confirmed(person, f"2026-03-03 {hour}")))
        return found

    def offer_of(self, entry: NotaryWaiting) -> NotaryBooking | None:
        return db.session.scalar(
            select(NotaryBooking).where(
                NotaryBooking.waiting_id == entry.id, NotaryBooking.state == BookingState.OFFERED
            )
        )

    def state(self, entry: NotaryWaiting) -> WaitingState:
        db.session.rollback()
        return db.session.get_one(NotaryWaiting, entry.id, populate_existing=True).state

    def test_while_there_are_seats_nobody_waits(self, desk: Desk) -> None:
        with pytest.raises(Conflict) as refused:
            self.wait(desk)
        assert refused.value.code == "seats_free"
        assert refused.value.message.startswith("测试公证处在 2026年3月")

    def test_an_offer_made_at_night_runs_from_the_morning_on_which_its_message_goes_out(
        self, desk: Desk, clock: SettableClock
    ) -> None:
        booked = self.full(desk)
        _, entry = self.wait(desk)
        clock.set("2026-03-02 21:30")
        desk.cancel(*booked[0])
        offered = self.offer_of(entry)
        assert offered is not None
        assert offered.kept_until == at("2026-03-03 09:00")

    def test_a_seat_goes_down_the_list_and_never_past_it(
        self, desk: Desk, clock: SettableClock
    ) -> None:
        booked = self.full(desk)
        (first, one), (_, two), (third, three) = (self.wait(desk) for _ in range(3))
        desk.cancel(*booked[0])
        assert self.state(one) is WaitingState.OFFERED
        assert desk.left(NINE) == 0
        with pytest.raises(SlotTaken):
            desk.hold(desk.person(), NINE)
        # Declined: the next one gets it at once.
        offered = self.offer_of(one)
        assert offered is not None
        with unit_of_work():
            holding.release(first, offered)
        assert self.state(one) is WaitingState.DECLINED
        assert self.state(two) is WaitingState.OFFERED
        # Silent: passed on when the time is over, also by a client in a hurry and without any job.
        clock.advance(minutes=60)
        with pytest.raises(SlotTaken):
            desk.hold(desk.person(), NINE)
        freeing.sweep()
        assert self.state(two) is WaitingState.PASSED
        last = self.offer_of(three)
        assert last is not None
        taken = confirming.confirm(third, last.id, details())
        assert taken.state is BookingState.CONFIRMED
        assert self.state(three) is WaitingState.TAKEN
        assert len(told("notary.offered")) == 3

    def test_who_needs_more_than_was_freed_is_not_in_the_way(self, desk: Desk) -> None:
        booked = self.full(desk)
        _, long = self.wait(desk, matter_id=make_matter(minutes=60).id)
        _, short = self.wait(desk)
        desk.cancel(*booked[0])
        assert self.state(long) is WaitingState.WAITING
        assert self.state(short) is WaitingState.OFFERED

    def test_a_freed_neighbour_makes_room_for_a_long_matter(
        self, desk: Desk, clock: SettableClock
    ) -> None:
        booked = self.full(desk)
        desk.cancel(*booked[0])
        clock.advance(minutes=31)
        freeing.sweep()
        _, long = self.wait(desk, matter_id=make_matter(minutes=60).id)
        desk.cancel(*booked[2])
        offered = self.offer_of(long)
        assert offered is not None
        assert (offered.starts_at, offered.ends_at) == (at(NINE), at(TEN))

    def test_new_hours_are_offered_to_who_waits(self, desk: Desk) -> None:
        self.full(desk)
        _, entry = self.wait(desk)
        make_counter(desk.office)
        schedule.refresh_all()
        assert self.state(entry) is WaitingState.OFFERED

    def test_nobody_stands_in_the_list_twice(self, desk: Desk) -> None:
        self.full(desk)
        person, _ = self.wait(desk)
        wish = waiting.WaitingWish(
            matter_id=desk.matter.id, from_day=date(2026, 3, 3), until_day=date(2026, 3, 3)
        )
        with pytest.raises(Conflict) as refused:
            waiting.join(person, wish)
        assert refused.value.code == "already_waiting"
        assert "先退出再重新排队" in refused.value.next_step

    def test_who_was_offered_a_seat_answers_before_they_wait_for_another_day(
        self, desk: Desk, clock: SettableClock
    ) -> None:
        booked = self.full(desk)
        person, entry = self.wait(desk)
        desk.cancel(*booked[0])
        again = waiting.WaitingWish(desk.matter.id, date(2026, 3, 16), date(2026, 3, 16))
        for hour in ("09:00", "09:30", "10:00", "10:30", "11:00", "11:30"):
            for _ in range(2):
                desk.confirmed(desk.person(), f"2026-03-16 {hour}")
        with pytest.raises(Conflict) as refused:
            waiting.join(person, again)
        assert "2026年3月3日09:00" in refused.value.message
        assert refused.value.next_step == "请先确认或者谢绝这个时段，再为别的日期排队。"
        offered = self.offer_of(entry)
        assert offered is not None
        clock.advance(hours=2)
        with pytest.raises(Conflict) as refused:
            waiting.join(person, again)
        # Neither can be done with it any more.
        assert "确认" not in refused.value.next_step
        assert "稍后" in refused.value.next_step
        freeing.sweep()
        assert self.state(entry) is WaitingState.PASSED
        assert waiting.join(person, again).state is WaitingState.WAITING

    def test_the_list_ends_with_its_days(self, desk: Desk, clock: SettableClock) -> None:
        self.full(desk)
        person, entry = self.wait(desk)
        clock.set("2026-03-04 08:00")
        assert waiting.end_outdated() == 1
        assert self.state(entry) is WaitingState.LEFT
        assert told("notary.waiting_over") == [str(person.id)]  # type: ignore[attr-defined]
