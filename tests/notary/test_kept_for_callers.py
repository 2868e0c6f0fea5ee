"""A time that is kept for somebody without an account: its limit leaves the office, which tells them, time to do so. HTTP."""

from __future__ import annotations

from datetime import date, time
from typing import Any

import pytest

from portal.notary.operations import freeing, schedule
from tests.conftest import SettableClock
from tests.notary.caller import ASKED, MOBILE, booked, shown
from tests.notary.conftest import again, at
from tests.notary.hall import Hall
from tests.notary.test_affected import other_of
from tests.notary.test_grace import settings
from tests.notary.test_schedule import close

# The office is open from 09:00 to 12:00 on working days, and an offer stands for a day.
FRIDAY_NOON = "2026-03-06 11:30"


def kept(
    hall: Hall, clock: SettableClock, now: str, lost: date, *closed: date, **changes: Any
) -> tuple[str, str]:
    """Until when another time is kept for a caller whose day the office closes now; and the path of their appointment."""
    clock.set(f"{now[:10]} 08:00")
    schedule.refresh_all()
    clock.set(now)
    path = booked(hall, starts_at=f"{lost}T09:00:00+08:00", contact_phone=MOBILE, **changes)
    for day in (*closed, lost):
        close(hall.desk, day)
    return shown(hall, path)["other_time"]["kept_until"], path


def test_it_does_not_end_over_the_weekend(hall: Hall, clock: SettableClock) -> None:
    until, path = kept(hall, clock, FRIDAY_NOON, date(2026, 3, 13))
    # Half an hour on Friday, three on Monday, half an hour on Tuesday.
    assert until == "2026-03-10T09:30:00+08:00"
    clock.set("2026-03-09 11:00")
    freeing.sweep()
    hall.done(path, "other-time", ASKED)


def test_it_ends_then(hall: Hall, clock: SettableClock) -> None:
    _, path = kept(hall, clock, FRIDAY_NOON, date(2026, 3, 13))
    clock.set("2026-03-10 09:30")
    freeing.sweep()
    assert shown(hall, path)["other_time"] is None
    assert hall.step(path, "other-time", ASKED).status_code == 404


@pytest.mark.parametrize(
    ("now", "lost", "closed", "until"),
    [
        # 清明: the fourth to the sixth of April.
        ("2026-04-03 11:30", date(2026, 4, 13), (), "2026-04-08T09:30:00+08:00"),
        # At night nobody is rung, and the next morning is not long enough.
        ("2026-03-04 22:00", date(2026, 3, 13), (), "2026-03-06T10:00:00+08:00"),
        # Days on which the office is closed are none on which it can ring.
        (FRIDAY_NOON, date(2026, 3, 16), (date(2026, 3, 9),), "2026-03-11T09:30:00+08:00"),
    ],
)
def test_nor_on_holidays_at_night_or_while_the_office_is_closed(
    hall: Hall,
    clock: SettableClock,
    now: str,
    lost: date,
    closed: tuple[date, ...],
    until: str,
) -> None:
    assert kept(hall, clock, now, lost, *closed)[0] == until


def test_hours_in_which_nobody_is_rung_do_not_count(hall: Hall, clock: SettableClock) -> None:
    early = {"kind": "extra", "first_day": "2026-03-09", "last_day": "2026-03-09", "reason": "加开"}
    body = {**early, "opens": "06:00", "closes": "08:30", "preview": False}
    settings(hall, grid_from=time(6))
    answer = hall.api.post(f"{hall.office}/exceptions", body, headers=hall.headers["clerk"])
    assert answer.status_code == 201, answer.json
    # Half an hour on Friday, half an hour from 08:00 and three from 09:00 on Monday.
    assert kept(hall, clock, FRIDAY_NOON, date(2026, 3, 13))[0] == "2026-03-09T12:00:00+08:00"


@pytest.mark.parametrize(
    ("minutes", "until"),
    [(60, "2026-03-09T09:30:00+08:00"), (5 * 1440, "2026-03-11T11:30:00+08:00")],
)
def test_the_office_says_how_long_it_stands(
    hall: Hall, clock: SettableClock, minutes: int, until: str
) -> None:
    settings(hall, move_offer_minutes=minutes)
    assert kept(hall, clock, FRIDAY_NOON, date(2026, 3, 13))[0] == until


def test_what_is_closed_later_does_not_count_either(hall: Hall, clock: SettableClock) -> None:
    until, path = kept(hall, clock, FRIDAY_NOON, date(2026, 3, 13))
    clock.set("2026-03-08 20:00")
    close(hall.desk, date(2026, 3, 9), date(2026, 3, 10))
    # Half an hour on Friday, three on Wednesday, half an hour on Thursday.
    assert shown(hall, path)["other_time"]["kept_until"] == "2026-03-12T09:30:00+08:00" > until
    clock.set("2026-03-11 09:00")
    freeing.sweep()
    hall.done(path, "other-time", ASKED)


def test_it_never_lasts_beyond_its_own_time(hall: Hall, clock: SettableClock) -> None:
    clock.set(FRIDAY_NOON)
    close(hall.desk, date(2026, 3, 11), date(2026, 4, 30))
    # Of its hours nothing but Monday's is left.
    until, path = kept(hall, clock, FRIDAY_NOON, date(2026, 3, 10))
    assert until == shown(hall, path)["other_time"]["starts_at"] == "2026-03-09T11:30:00+08:00"


def test_who_has_an_account_answers_at_any_hour(hall: Hall, clock: SettableClock) -> None:
    clock.set(FRIDAY_NOON)
    booking = hall.booked("2026-03-13 09:00")
    close(hall.desk, date(2026, 3, 13))
    assert other_of(again(booking.id)).kept_until == at("2026-03-07 11:30")
