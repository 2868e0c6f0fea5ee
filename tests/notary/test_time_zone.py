"""The district's time zone is not changed once slots were made: nothing is given out or closed, and the operator is told."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import func, select

from portal.core import clock as core_clock
from portal.core.db import db
from portal.notary.models import NotarySlot
from portal.notary.operations import schedule
from portal.notary.queries import zone_of_slots
from portal.notary.queries.zone_of_slots import OtherTimeZone
from tests.notary.screen import Counter

THERE = "2026-03-04T09:00:00+08:00"
CHECK = "notary_time_zone"


@contextmanager
def an_hour_ahead() -> Iterator[None]:
    """The zone is set to another one."""
    before = core_clock.zone().key
    core_clock.configure_zone("Asia/Tokyo")
    try:
        yield
    finally:
        core_clock.configure_zone(before)


@pytest.fixture
def elsewhere(person: Counter) -> Iterator[None]:
    """Slots were made, and then the zone was changed."""
    with an_hour_ahead():
        yield


def check(person: Counter) -> Any:
    # Outside of `/api`, where no client of the tests goes.
    return person.api.client.get("/readyz").json["checks"][CHECK]


def open_slots() -> int:
    return db.session.scalar(select(func.count()).where(NotarySlot.is_open)) or 0


@pytest.mark.usefixtures("elsewhere")
class TestAnotherZone:
    def test_the_operator_is_told_what_to_put_right(self, person: Counter) -> None:
        told = check(person)
        assert (told["ok"], told["required"]) == (False, True)
        assert "PORTAL_TIME_ZONE" in told["detail"]

    def test_nothing_is_shown_or_given_out(self, person: Counter) -> None:
        asked = {"matter_id": str(person.desk.matter.id), "from": "2026-03-04", "to": "2026-03-04"}
        answer = person.api.get("/notary/availability", query_string=asked)
        assert (answer.status_code, answer.json["code"]) == (503, "other_time_zone")
        assert person.hold(THERE, 503)["code"] == "other_time_zone"

    def test_no_slot_is_made_or_closed(self, person: Counter, clerk: dict[str, str]) -> None:
        before = open_slots()
        with pytest.raises(OtherTimeZone):
            schedule.refresh_all()
        path = f"/staff/notary/offices/{person.desk.office.id}/exceptions"
        days = {"first_day": "2026-03-05", "last_day": "2026-03-05"}
        body = {"kind": "closed", **days, "reason": "设备检修"}
        assert person.api.post(path, body, headers=clerk).status_code == 503
        db.session.rollback()
        assert open_slots() == before > 0


def test_put_right_it_goes_on(person: Counter) -> None:
    with an_hour_ahead():
        person.hold(THERE, 503)
    person.hold(THERE)
    assert check(person)["ok"] is True


@pytest.mark.usefixtures("database")
def test_before_any_slot_was_made_every_zone_fits(api: Any) -> None:
    with an_hour_ahead():
        assert api.client.get("/readyz").json["checks"][CHECK]["ok"] is True


def test_the_grid_may_be_changed_where_nobody_has_booked(
    person: Counter, clerk: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = f"/staff/notary/offices/{person.desk.office.id}"
    seen = person.api.get(path, headers=clerk).headers["ETag"]
    headers = {**clerk, "If-Match": seen}
    changed = person.api.patch(path, {"slot_minutes": 20}, headers=headers)
    assert changed.status_code == 200, changed.json
    # As a process that has not looked yet.
    monkeypatch.setattr(zone_of_slots, "_fitting", set())
    assert check(person)["ok"] is True
