"""Whoever types somebody's identity number does not learn of their appointments; who made them is told why."""

from __future__ import annotations

from typing import Any

import pytest

from portal.accounts import queries as accounts
from portal.accounts.models import Resident
from portal.core.unit_of_work import unit_of_work
from tests.conftest import SettableClock
from tests.factories.notary import make_matter
from tests.factories.people import id_number, make_resident, resident_headers
from tests.notary.conftest import actor_of, party
from tests.notary.hall import Hall
from tests.notary.screen import Counter

REASONS = ("already_booked", "person_limit", "too_many_no_shows")
NAME = "赵测试"


@pytest.fixture(params=REASONS)
def reason(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def given_reason(
    reason: str, hall: Hall, clock: SettableClock, owner: Resident, number: str
) -> None:
    """Let `owner` book for somebody until the next appointment is refused for the reason."""
    who, somebody = actor_of(owner), party(name=NAME, document_number=number)
    if reason == "already_booked":
        hall.desk.confirmed(who, "2026-03-03 09:30", somebody)
        return
    for when in ("2026-03-02 09:30", "2026-03-03 09:30"):
        booking = hall.desk.confirmed(who, when, somebody, matter_id=make_matter().id)
        if reason == "too_many_no_shows":
            clock.set(when)
            path = f"/staff/notary/appointments/{booking.id}"
            hall.done(path, "no-show")


def refusal(hall: Hall, asker: Resident, number: str, name: str = NAME) -> dict[str, Any]:
    """What somebody is told who books for the number."""
    screen = Counter(hall.api, hall.desk, resident_headers(resident=asker), asker)
    held = screen.hold("2026-03-04T09:00:00+08:00")
    return screen.confirm(held, 409, party={"name": name, "document_number": number})


def owned(number: str) -> Resident:
    """An account that has declared this number, and its owner's name, as its own."""
    resident = make_resident(real_name=NAME)
    with unit_of_work():
        found = accounts.resident(resident.id)
        found.document_number = number
    return resident


def test_others_are_told_one_and_the_same_whatever_the_reason(
    reason: str, hall: Hall, clock: SettableClock
) -> None:
    number = id_number()
    given_reason(reason, hall, clock, make_resident(), number)
    told = refusal(hall, make_resident(), number, name="钱测试")
    assert told["code"] == "party_unavailable"
    assert told["detail"] == "有当事人现在不能再预约。"
    assert not told["errors"]
    for word in ("上限", "未到场", "没有到场", "同一公证事项", "已经预约", "测试事项"):
        assert word not in told["detail"] + told["next_step"]


def test_who_made_the_appointments_is_told_why(
    reason: str, hall: Hall, clock: SettableClock
) -> None:
    number, owner = id_number(), make_resident()
    given_reason(reason, hall, clock, owner, number)
    assert refusal(hall, owner, number)["code"] == reason


def test_a_name_and_number_declared_as_ones_own_open_nothing_but_the_way_to_the_office(
    reason: str, hall: Hall, clock: SettableClock
) -> None:
    number = id_number()
    given_reason(reason, hall, clock, make_resident(), number)
    told = refusal(hall, owned(number), number)
    assert told["code"] == "party_unavailable"
    assert "联系公证机构" in told["next_step"]
