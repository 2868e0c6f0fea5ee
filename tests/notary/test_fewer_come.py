"""A time held for several people and confirmed for fewer: the seats of those who do not come go to others."""

from __future__ import annotations

from datetime import date

import pytest

from portal.accounts.models import DocumentType
from portal.core.actor import Actor
from portal.core.db import db
from portal.core.errors import Invalid
from portal.core.unit_of_work import unit_of_work
from portal.notary.models import NotaryBooking, NotaryOffice, NotaryWaiting, WaitingState
from portal.notary.operations import confirming, freeing, waiting
from portal.notary.parties import Agent, Party
from tests.conftest import SettableClock
from tests.factories.notary import make_matter
from tests.factories.people import id_number
from tests.notary.conftest import Desk, again, details, party
from tests.notary.screen import Counter

DAY = date(2026, 3, 3)
NINE = "2026-03-03 09:00"
HALF_PAST = "2026-03-03 09:30"
TEN = "2026-03-03 10:00"


def settle(desk: Desk) -> None:
    """Let what has lapsed or cooled off be freed, as the job does."""
    with unit_of_work():
        freeing.settle(freeing.all_counters_on(desk.office.id, DAY))


def wait(desk: Desk, who: Actor) -> NotaryWaiting:
    wish = waiting.WaitingWish(
        office_id=desk.office.id, matter_id=desk.matter.id, from_day=DAY, until_day=DAY
    )
    return waiting.join(who, wish)


def fill_the_rest(desk: Desk) -> None:
    for hour in ("09:00", "09:30", "10:00", "10:30", "11:00", "11:30"):
        while desk.left(f"{DAY} {hour}"):
            desk.confirmed(desk.person(), f"{DAY} {hour}")


def acting() -> Agent:
    return Agent("李测试", "13900001234", DocumentType.RESIDENT_ID, id_number())


def test_the_seat_cools_off_and_is_free_then(desk: Desk, clock: SettableClock) -> None:
    booked = again(desk.confirmed(desk.person(), NINE, party_count=2))
    assert (booked.party_count, booked.seats) == (1, 1)
    # Nobody gives it to a friend.
    assert desk.left(NINE) == 0
    clock.advance(hours=1)
    settle(desk)
    assert desk.left(NINE) == 1


def test_whoever_waits_is_offered_it_at_once(desk: Desk) -> None:
    who = desk.person()
    held = desk.hold(who, NINE, party_count=2)
    fill_the_rest(desk)
    entry = wait(desk, desk.person())
    confirming.confirm(who, held.id, details())
    found = db.session.get(NotaryWaiting, entry.id, populate_existing=True)
    assert found is not None
    assert found.state is WaitingState.OFFERED
    assert desk.left(NINE) == 0


def test_every_slot_of_a_long_matter_gives_its_seat_back(desk: Desk, clock: SettableClock) -> None:
    long = make_matter(minutes=60)
    desk.confirmed(desk.person(), NINE, matter_id=long.id, party_count=2)
    clock.advance(hours=1)
    settle(desk)
    assert [desk.left(NINE), desk.left(HALF_PAST)] == [1, 1]


@pytest.mark.parametrize(
    ("parties", "kept"),
    [
        ((party(), party()), 2),
        ((party(), party(by_agent=True)), 2),
        ((party(by_agent=True), party(by_agent=True)), 1),
    ],
)
def test_an_agent_needs_one_seat_for_all_for_whom_they_act(
    desk: Desk, parties: tuple[Party, ...], kept: int
) -> None:
    agent = acting() if any(each.by_agent for each in parties) else None
    booked = desk.confirmed(desk.person(), NINE, *parties, party_count=2, details={"agent": agent})
    assert again(booked).seats == kept


def test_a_matter_moved_or_given_up_afterwards_takes_its_own_seat_along(
    desk: Desk, clock: SettableClock
) -> None:
    who = desk.person()
    booked = desk.confirmed(who, NINE, party_count=2)
    desk.move(who, booked, TEN)
    assert desk.left(TEN) == 1
    clock.advance(hours=1)
    settle(desk)
    assert desk.left(NINE) == 2
    desk.cancel(who, booked)
    clock.advance(hours=1)
    settle(desk)
    assert desk.left(TEN) == 2


def test_an_office_that_gives_one_seat_to_all_keeps_what_was_said(desk: Desk) -> None:
    with unit_of_work():
        office = db.session.get_one(NotaryOffice, desk.office.id)
        office.seat_per_party = False
    booked: NotaryBooking = again(desk.confirmed(desk.person(), NINE, party_count=2))
    assert (booked.party_count, booked.seats, desk.left(NINE)) == (2, 1, 1)


def test_a_refused_confirmation_gives_nothing_back(desk: Desk, clock: SettableClock) -> None:
    who = desk.person()
    held = desk.hold(who, NINE, party_count=2)
    with pytest.raises(Invalid):
        confirming.confirm(who, held.id, details(checklist_read=False))
    clock.advance(minutes=5)
    settle(desk)
    assert (again(held).seats, desk.left(NINE)) == (2, 0)


def test_the_person_reads_how_many_were_given_back(person: Counter) -> None:
    held = person.hold(party_count=2)
    booked = person.confirm(held)
    assert booked["party_count"] == 1
    shown = person.got(f"/notary/appointments/{booked['id']}")
    assert "预约成功，多留的 1 个号退回" in [line["label"] for line in shown["timeline"]]
