"""The month is as fresh as the last commit, and costs the same number of statements however many offices there are."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import date
from typing import Any

import pytest

from portal.core.db import db
from portal.core.unit_of_work import unit_of_work
from portal.notary.demand import quotas_for
from portal.notary.errors import NoSuchTime, NotBookable
from portal.notary.models import ExceptionKind, Priority, Quota
from portal.notary.operations import schedule, waiting
from portal.notary.operations.schedule import Exceptional
from portal.notary.queries import masks
from portal.notary.queries.availability import OfficeAvailability, availability
from tests.conftest import SettableClock
from tests.factories.notary import make_counter, make_matter, make_notary_office
from tests.factories.people import make_resident
from tests.notary.conftest import Desk, actor_of
from tests.notary.test_never import fill
from tests.notary.test_schedule import clerk

DAY = date(2026, 3, 3)


def look(desk: Desk, **changes: Any) -> list[OfficeAvailability]:
    db.session.rollback()
    asked = {
        "first": date(2026, 3, 1),
        "last": date(2026, 3, 31),
        "parties": 1,
        "quotas": (Quota.OPEN,),
        **changes,
    }
    return availability(desk.matter, **asked)


def free(found: list[OfficeAvailability], day: date = DAY) -> list[int]:
    return [next(each.free for each in office.days if each.day == day) for office in found]


def test_the_number_of_statements_does_not_grow_with_offices_and_counters(
    desk: Desk, statements: Callable[[], AbstractContextManager[list[str]]]
) -> None:
    def taken() -> int:
        look(desk)
        db.session.remove()
        with statements() as seen:
            look(desk)
        return len(seen)

    few = taken()
    for number in range(5):
        office = make_notary_office(name=f"测试公证处{number}")
        for _ in range(4):
            make_counter(office)
    schedule.refresh_all()
    assert len(look(desk)) == 6
    assert taken() == few
    assert few <= 8


def test_every_commit_shows_at_once_without_folding_anew(
    desk: Desk, clock: SettableClock, monkeypatch: Any
) -> None:
    people = [actor_of(make_resident()) for _ in range(3)]
    make_counter(desk.office)
    schedule.refresh_all()
    clock.advance(seconds=45)
    assert free(look(desk)) == [6]

    def never(*_args: Any) -> Any:
        raise AssertionError("folded anew")

    monkeypatch.setattr(masks, "_fold", never)
    booked = [desk.confirmed(who, "2026-03-03 09:00") for who in people]
    assert free(look(desk)) == [5]
    desk.move(people[0], booked[0], "2026-03-03 10:00")
    clock.advance(seconds=5)
    assert free(look(desk)) == [5], "the old seat cools off"
    make_counter(desk.office, name="加开")
    schedule.refresh_all()
    assert free(look(desk)) == [6]


def test_what_changed_much_is_folded_anew(desk: Desk, monkeypatch: Any) -> None:
    monkeypatch.setattr(masks, "MOST_CHANGES", 1)
    assert free(look(desk)) == [6]
    desk.hold(desk.person(), "2026-03-03 09:00", party_count=2)
    assert free(look(desk)) == [5]


def test_kept_seats_show_only_to_those_they_are_kept_for(desk: Desk) -> None:
    office = make_notary_office(name="另一公证处")
    make_counter(office, capacity=1, kept_priority=1)
    schedule.refresh_all()
    assert sorted(free(look(desk))) == [0, 6]
    assert free(look(desk, quotas=quotas_for(Priority.DISABLED))) == [6, 6]


def test_an_office_where_a_booking_takes_one_seat_serves_a_family_at_one_counter(
    desk: Desk,
) -> None:
    office = make_notary_office(name="另一公证处", seat_per_party=False)
    make_counter(office, capacity=1)
    schedule.refresh_all()
    found = {each.office.id: each for each in look(desk, parties=2)}
    assert free([found[office.id]]) == [6]
    assert free(look(desk, parties=3)).count(6) == 1


def test_an_office_without_a_counter_for_the_matter_says_so(desk: Desk) -> None:
    matter = make_matter(code="X1")
    office = make_notary_office(name="另一公证处")
    make_counter(office, matter_codes=[matter.code])
    schedule.refresh_all()
    found = next(each for each in look(desk) if each.office.id == office.id)
    assert {day.reason for day in found.days if day.day == DAY} == {"no_counter"}
    assert found.next_free_day is None


def test_the_next_free_day_may_lie_beyond_what_was_asked(desk: Desk) -> None:
    (found,) = look(desk, first=date(2026, 3, 7), last=date(2026, 3, 8))
    assert found.next_free_day == date(2026, 3, 9)


def said(found: list[OfficeAvailability], day: date = DAY) -> tuple[str, str]:
    """What one office says of a day on which nothing is free."""
    shown = next(each for each in found[0].days if each.day == day)
    assert shown.free == 0
    assert shown.reason is not None
    return shown.reason.value, shown.reason_text


def waits(desk: Desk, **changes: Any) -> str:
    """How somebody who would wait for the day is answered."""
    wish = waiting.WaitingWish(desk.matter.id, DAY, DAY, desk.office.id, **changes)
    with pytest.raises(NotBookable) as refused:
        waiting.join(desk.person(), wish)
    return refused.value.message


class TestWaitingIsNamedOnlyWhereItHelps:
    """Who reads that a day is full may wait for it; where nobody could ever get a seat, it says what is in the way."""

    @pytest.fixture
    def one_seat(self, desk: Desk) -> None:
        """The counter of two seats is away on the day; another one has a single seat."""
        make_counter(desk.office, capacity=1)
        schedule.refresh_all()
        with unit_of_work():
            away = Exceptional(ExceptionKind.CLOSED, DAY, DAY, "设备检修", desk.counter.id)
            schedule.add_exception(clerk(desk), desk.office, away)

    def test_not_for_more_people_than_any_time_of_the_day_holds(
        self, desk: Desk, one_seat: None
    ) -> None:
        assert said(look(desk, parties=2)) == (
            "too_many",
            "当天的时段容不下 2 人，请换一天，或者分开预约",
        )
        assert waits(desk, party_count=2) == "2026年3月3日的时段容不下 2 人。"
        with pytest.raises(NoSuchTime, match="容不下 2 人") as refused:
            desk.hold(desk.person(), "2026-03-03 09:00", party_count=2)
        assert refused.value.errors["next_free"][0].startswith("2026-03-04")

    def test_for_one_person_the_full_day_may_be_waited_for(
        self, desk: Desk, one_seat: None
    ) -> None:
        fill(desk, str(DAY))
        assert said(look(desk)) == ("full", "当天已约满，可以加入排队")

    def test_not_for_a_matter_that_is_longer_than_the_day(self, desk: Desk) -> None:
        fill(desk, str(DAY))
        desk.matter = make_matter(minutes=240)
        assert said(look(desk)) == ("no_run", "当天的时段不够长，办不完这个事项")
        assert waits(desk) == "这个事项要办 240 分钟，没有足够长的时段。"

    def test_not_once_all_times_of_today_have_begun(self, desk: Desk, clock: SettableClock) -> None:
        clock.set("2026-03-03 11:45")
        assert said(look(desk)) == ("past", "今天的时段都已经开始或者过去")
        assert waits(desk) == "2026年3月3日的时段都已经开始或者过去。"

    def test_not_for_a_day_that_has_just_been_closed(self, desk: Desk) -> None:
        assert free(look(desk)) == [6]
        with unit_of_work():
            closure = Exceptional(ExceptionKind.CLOSED, DAY, DAY, "设备检修")
            schedule.add_exception(clerk(desk), desk.office, closure)
        assert said(look(desk)) == ("closed", "设备检修")


def test_a_day_whose_slots_are_made_within_the_half_hour_is_not_called_closed(
    desk: Desk, clock: SettableClock
) -> None:
    clock.set("2026-03-03 00:05")
    last = date(2026, 3, 17)
    assert said(look(desk), last) == ("too_far", "还没有放号，马上就会放出，请过半小时再看")
    with pytest.raises(NotBookable, match="2026年3月17日的号还没有放出") as refused:
        desk.hold(desk.person(), "2026-03-17 09:00")
    assert refused.value.code == "too_far"
    wish = waiting.WaitingWish(desk.matter.id, last, last, desk.office.id)
    with pytest.raises(NotBookable, match="还没有放出"):
        waiting.join(desk.person(), wish)
    schedule.refresh_all(only_when_due=True)
    assert free(look(desk), last) == [6]
    assert desk.hold(desk.person(), "2026-03-17 09:00").day == last
