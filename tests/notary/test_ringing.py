"""Staff see a phone in full only where the office has to ring, only when they may, and it is written down."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from sqlalchemy import select

from portal.accounts import queries as accounts
from portal.accounts.models import ContactSafety
from portal.audit.models import AuditEvent
from portal.core.db import db
from portal.core.unit_of_work import unit_of_work
from portal.notary.models import NotaryBooking
from tests.conftest import SettableClock
from tests.notary.conftest import again
from tests.notary.hall import Booked, Hall
from tests.notary.test_schedule import close

TUESDAY = date(2026, 3, 3)


@pytest.fixture
def left_without(hall: Hall) -> Booked:
    """An appointment on Tuesday, on which and after which the office is closed: no other time is kept."""
    booking = hall.booked("2026-03-03 09:30")
    close(hall.desk, date(2026, 3, 2), date(2026, 4, 30))
    return booking


@pytest.fixture
def moved(hall: Hall) -> Booked:
    """An appointment on Tuesday, which is closed; another time is kept."""
    booking = hall.booked("2026-03-03 09:30")
    close(hall.desk, TUESDAY)
    return booking


def asked(hall: Hall, booking: Booked, who: str = "clerk") -> Any:
    return hall.api.post(f"{hall.at(booking)}/phone", headers=hall.headers[who])


def shown(hall: Hall, booking: Booked) -> dict[str, Any]:
    answer: dict[str, Any] = hall.api.get(hall.at(booking), headers=hall.headers["clerk"]).json
    return answer


def offered(hall: Hall, booking: Booked) -> bool:
    return "show_phone" in {each["action"] for each in shown(hall, booking)["allowed_actions"]}


def listed(hall: Hall) -> list[bool]:
    answer = hall.api.get(f"{hall.office}/affected", headers=hall.headers["clerk"]).json
    return [each["to_be_rung"] for each in answer["items"]]


def wishes(booking: Booked, safety: ContactSafety) -> None:
    with unit_of_work():
        accounts.resident(booking.resident_id).contact_safety = safety


def test_who_has_no_other_time_is_rung_by_the_whole_number_and_that_is_written_down(
    hall: Hall, left_without: Booked
) -> None:
    phone = accounts.resident(left_without.resident_id).phone
    assert listed(hall) == [True]
    assert offered(hall, left_without)
    assert shown(hall, left_without)["contact_phone"] != phone
    answer = asked(hall, left_without)
    assert (answer.status_code, answer.json["phone"]) == (200, phone)
    assert answer.json["warning"] is None
    rows = select(AuditEvent).where(AuditEvent.action == "notary_booking.phone_shown")
    (row,) = db.session.scalars(rows).all()
    assert (row.actor_id, row.subject_id) == (hall.people["clerk"], left_without.id)
    assert str(phone) not in str(row.detail)


def test_whom_an_sms_has_told_of_another_time_is_not_rung(hall: Hall, moved: Booked) -> None:
    assert listed(hall) == [False]
    assert not offered(hall, moved)
    assert asked(hall, moved).json["code"] == "not_to_be_rung"


def test_the_phone_given_for_the_appointment_comes_before_the_accounts(
    hall: Hall, left_without: Booked
) -> None:
    with unit_of_work():
        found = db.session.get_one(NotaryBooking, left_without.id, populate_existing=True)
        found.contact_phone = "13900000000"
    assert asked(hall, left_without).json["phone"] == "13900000000"


@pytest.mark.parametrize("wish", [ContactSafety.IN_APP_ONLY, ContactSafety.NO_CONTACT])
def test_nobody_is_rung_against_their_wish(
    hall: Hall, left_without: Booked, wish: ContactSafety
) -> None:
    wishes(left_without, wish)
    assert listed(hall) == [False]
    assert not offered(hall, left_without)
    refused = asked(hall, left_without)
    assert (refused.status_code, refused.json["code"]) == (409, "no_phone_to_ring")
    assert "不要打电话" in refused.json["detail"]


def test_whoever_may_answer_does_not_learn_of_the_matter(hall: Hall, left_without: Booked) -> None:
    wishes(left_without, ContactSafety.NEUTRAL_SMS)
    assert "不要说出办理的事项" in asked(hall, left_without).json["warning"]


def test_nobody_is_rung_in_the_quiet_hours(
    hall: Hall, left_without: Booked, clock: SettableClock
) -> None:
    clock.set("2026-03-02 21:30")
    refused = asked(hall, left_without)
    assert (refused.status_code, refused.json["code"]) == (409, "quiet_hours")
    assert "2026年3月3日08:00" in refused.json["next_step"]
    assert listed(hall) == [True]
    assert not offered(hall, left_without)
    assert "2026年3月3日08:00" in str(shown(hall, left_without)["hints"])


def test_once_they_are_over_it_is_offered_again(
    hall: Hall, left_without: Booked, clock: SettableClock
) -> None:
    clock.set("2026-03-03 08:00")
    assert offered(hall, left_without)
    assert "不打扰" not in str(shown(hall, left_without)["hints"])
    assert asked(hall, left_without).status_code == 200


def test_of_the_quiet_hours_nothing_is_said_where_nobody_has_to_be_rung(
    hall: Hall, moved: Booked, clock: SettableClock
) -> None:
    clock.set("2026-03-02 21:30")
    assert "不打扰" not in str(shown(hall, moved)["hints"])


def test_an_appointment_that_stands_is_no_reason(hall: Hall) -> None:
    booking = hall.booked("2026-03-03 09:30")
    assert not offered(hall, booking)
    assert asked(hall, booking).json["code"] == "not_to_be_rung"


def test_nor_is_one_that_has_ended(hall: Hall, left_without: Booked) -> None:
    hall.done(hall.at(left_without), "cancellation", {"reason": "机构停办"})
    assert again(left_without.id).state.value == "cancelled"
    assert asked(hall, left_without).json["code"] == "not_to_be_rung"


def test_only_the_offices_own_clerks_see_it(hall: Hall, left_without: Booked) -> None:
    assert asked(hall, left_without, "supervisor").status_code == 403
    assert asked(hall, left_without, "stranger").status_code == 404
