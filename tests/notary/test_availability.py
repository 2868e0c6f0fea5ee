"""The month is as fresh as the last commit, and costs the same number of statements however many offices there are."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import date
from typing import Any

from portal.core.db import db
from portal.notary.demand import quotas_for
from portal.notary.models import Priority, Quota
from portal.notary.operations import schedule
from portal.notary.queries import masks
from portal.notary.queries.availability import OfficeAvailability, availability
from tests.conftest import SettableClock
from tests.factories.notary import make_counter, make_matter, make_notary_office
from tests.factories.people import make_resident
from tests.notary.conftest import Desk, actor_of

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
