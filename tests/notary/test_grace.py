"""Who is late is waited for, by one rule for all, and what the person is told to do is possible."""

from __future__ import annotations

from typing import Any

import pytest

from portal.core.db import db
from portal.core.unit_of_work import unit_of_work
from portal.notary.models import NotaryOffice
from tests.conftest import SettableClock
from tests.notary.conftest import again
from tests.notary.hall import Booked, Hall


def settings(hall: Hall, **values: Any) -> None:
    with unit_of_work():
        office = db.session.get_one(NotaryOffice, hall.office_id)
        for name, value in values.items():
            setattr(office, name, value)


@pytest.fixture
def patient(hall: Hall) -> Hall:
    """An office that waits for a quarter of an hour."""
    settings(hall, no_show_grace_minutes=15)
    return hall


def day_end(hall: Hall, *, preview: bool) -> list[str]:
    answer = hall.api.post(
        f"{hall.office}/no-shows", {"preview": preview}, headers=hall.headers["clerk"]
    )
    assert answer.status_code == 200, answer.json
    references: list[str] = answer.json["references"]
    return references


def actions(hall: Hall, booking: Booked) -> set[str]:
    shown = hall.api.get(hall.at(booking), headers=hall.headers["clerk"]).json
    return {each["action"] for each in shown["allowed_actions"]}


class TestTheGrace:
    def test_nobody_is_marked_before_it_is_over_and_the_refusal_says_from_when(
        self, patient: Hall, clock: SettableClock
    ) -> None:
        booking = patient.booked("2026-03-02 09:30")
        clock.set("2026-03-02 09:44:59")
        answer = patient.step(patient.at(booking), "no-show")
        assert (answer.status_code, answer.json["code"]) == (409, "too_early")
        assert "2026年3月2日09:45" in answer.json["detail"]
        assert "no_show" not in actions(patient, booking)
        assert day_end(patient, preview=True) == []
        assert day_end(patient, preview=False) == []
        assert again(booking.id).state.value == "confirmed"

    def test_afterwards_one_by_one_and_all_at_once_agree(
        self, patient: Hall, clock: SettableClock
    ) -> None:
        first, second = patient.booked("2026-03-02 09:30"), patient.booked("2026-03-02 09:30")
        clock.set("2026-03-02 09:45")
        assert "no_show" in actions(patient, first)
        both = sorted([first.reference, second.reference])
        assert sorted(day_end(patient, preview=True)) == both
        assert patient.done(patient.at(first), "no-show")["state"] == "no_show"
        assert day_end(patient, preview=False) == [second.reference]

    def test_the_office_sets_it(self, patient: Hall) -> None:
        path, headers = patient.office, patient.headers["clerk"]
        seen = patient.api.get(path, headers=headers)
        assert seen.json["no_show_grace_minutes"] == 15
        changed = patient.api.patch(
            path,
            {"no_show_grace_minutes": 30},
            headers={**headers, "If-Match": seen.headers["ETag"]},
        )
        assert changed.status_code == 200, changed.json
        shown = patient.api.get(path, headers=headers).json
        assert shown["no_show_grace_minutes"] == 30


class TestOnceTheTimeHasCome:
    def test_the_person_is_told_what_can_still_be_done(
        self, hall: Hall, clock: SettableClock
    ) -> None:
        settings(hall, phone="023-40000000")
        booking = hall.booked("2026-03-02 09:30")
        assert "改期" in hall.mine(booking, "visit")["next_step"]
        clock.set("2026-03-02 09:30")
        said = hall.mine(booking, "visit")["next_step"]
        assert "提前取消" not in said
        assert "尽快到场" in said
        assert "023-40000000" in said
        path = f"/notary/appointments/{booking.id}"
        mine = hall.api.get(path, headers=hall.as_resident(booking)).json
        assert (mine["next_step"], mine["allowed_actions"]) == (said, [])

    def test_no_telephone_is_named_where_there_is_none(
        self, hall: Hall, clock: SettableClock
    ) -> None:
        booking = hall.booked("2026-03-02 09:30")
        clock.set("2026-03-02 09:31")
        said = hall.mine(booking, "visit")["next_step"]
        assert "电话" not in said
        assert "直接联系测试公证处" in said
        path = f"/notary/appointments/{booking.id}/cancellation"
        refused = hall.api.post(path, headers=hall.as_resident(booking))
        assert (refused.status_code, refused.json["code"]) == (409, "already_begun")
        assert "电话" not in refused.json["next_step"]

    def test_on_later_days_it_is_over(self, hall: Hall, clock: SettableClock) -> None:
        booking = hall.booked("2026-03-02 09:30")
        clock.set("2026-03-03 09:00")
        said = hall.mine(booking, "visit")["next_step"]
        assert "已经过去" in said
        assert "尽快到场" not in said
