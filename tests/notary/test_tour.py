"""The notary part of `make tour` passes at any hour of any day, and plays what the hour allows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from portal.accounts import seeds
from portal.config import settings
from portal.core.db import db
from portal.notary import content
from portal.notary.models import BookingState, NotaryBooking, NotaryCase, NotaryOffice
from portal.working_days import operations as working_days
from tests.conftest import SettableClock
from tests.factories.people import resident_headers, staff_headers
from tests.tour import notary
from tests.tour.guide import PREFIX, Person, Tour

CONTENT = Path(__file__).parents[2] / "content"


@dataclass
class TourInside(Tour):
    """The tour against the application itself: people are signed in already, jobs run when the tour waits."""

    client: FlaskClient = field(kw_only=True)
    run_jobs: Callable[[], int] = field(kw_only=True)

    def send(
        self, method: str, path: str, payload: bytes | None, headers: dict[str, str]
    ) -> tuple[int, bytes, dict[str, str]]:
        answer = self.client.open(PREFIX + path, method=method, data=payload, headers=headers)
        return answer.status_code, answer.data, {k.lower(): v for k, v in answer.headers.items()}

    def pause(self) -> None:
        self.run_jobs()

    def resident(self, label: str = "居民") -> Person:
        return Person(label, _token(resident_headers()))

    def staff(self, role: str, label: str) -> Person:
        return Person(label, _token(staff_headers(roles=[role])))


def _token(headers: dict[str, str]) -> str:
    return headers["Authorization"].removeprefix("Bearer ")


@pytest.fixture
def inside(
    app: Flask, client: FlaskClient, clock: SettableClock, run_jobs: Callable[[], int],
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[[str], Tour]:  # fmt: skip
    """Make a tour at a moment, of a portal that was set up at that moment with demonstration counters."""

    def make(moment: str) -> Tour:
        clock.set(moment)
        config = replace(settings(), content_dir=CONTENT, demo_accounts=True)
        monkeypatch.setitem(app.extensions, "portal_settings", config)
        seeds.seed_offices()
        working_days.load(CONTENT, years=[2026])
        assert content.load_content().problems == []
        return TourInside(config, client=client, run_jobs=run_jobs)

    return make


def all_of(model: Any) -> list[Any]:
    db.session.rollback()
    return list(db.session.scalars(select(model).execution_options(populate_existing=True)))


@pytest.mark.parametrize(
    "moment",
    [
        "2026-11-26 00:00:00",
        "2026-11-26 10:07:00",
        "2026-11-26 13:58:30",
        "2026-11-26 16:45:00",  # after the last slot of the day has begun
        "2026-11-26 22:56:00",  # the last slot that ends before midnight
        "2026-11-28 12:00:00",  # Saturday
        "2026-10-02 09:00:00",  # National Day
        "2026-10-10 09:00:00",  # a Saturday that is worked
        "2026-12-31 09:00:00",  # the rest days of the coming year are not known yet
    ],
)
def test_the_appointment_is_moved_to_today_and_accepted(
    inside: Callable[[str], Tour], moment: str
) -> None:
    notary.play(inside(moment))
    (case,) = all_of(NotaryCase)
    accepted = next(b for b in all_of(NotaryBooking) if b.id == case.booking_id)
    assert accepted.state is BookingState.ACCEPTED
    assert str(accepted.day) == moment[:10]


@pytest.mark.parametrize("moment", ["2026-11-26 22:58:30", "2026-11-26 23:54:59", "2026-11-28 23:30:00"])  # fmt: skip
def test_late_in_the_evening_somebody_comes_to_the_desk_instead(
    inside: Callable[[str], Tour], moment: str, capsys: pytest.CaptureFixture[str]
) -> None:
    notary.play(inside(moment))
    (case,) = all_of(NotaryCase)
    assert case.booking_id is None
    assert "改走现场取号" in capsys.readouterr().out


def test_in_the_last_minutes_of_the_day_the_tour_says_that_it_stops_short(
    inside: Callable[[str], Tour], capsys: pytest.CaptureFixture[str]
) -> None:
    notary.play(inside("2026-11-26 23:55:00"))
    assert all_of(NotaryCase) == []
    assert "这次不演示" in capsys.readouterr().out


@pytest.mark.slow
def test_the_tour_can_be_repeated_until_every_rest_day_has_had_one(
    inside: Callable[[str], Tour],
) -> None:
    tour = inside("2026-11-26 10:07:00")
    for _ in range(10):
        notary.play(tour)
    assert len(all_of(NotaryCase)) == 10


@pytest.mark.parametrize("moment", ["2026-11-26 10:07:00", "2026-11-26 23:30:00"])
def test_the_offices_own_lead_time_comes_back(inside: Callable[[str], Tour], moment: str) -> None:
    notary.play(inside(moment))
    (office,) = all_of(NotaryOffice)
    assert office.lead_workdays == 1
