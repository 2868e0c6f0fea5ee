"""Who came to an appointment is forgotten when its time is over; what counts, is open or is registered stays."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import pytest
from flask import Flask
from sqlalchemy import func, select

from portal.accounts.models import DocumentType
from portal.core.actor import Actor, ActorKind
from portal.core.db import db
from portal.core.errors import Conflict
from portal.core.jobs import worker
from portal.core.jobs.queue import ensure_periodic
from portal.core.unit_of_work import unit_of_work
from portal.notary import retention
from portal.notary.checks import Agent
from portal.notary.models import (
    BookingState,
    NotaryBooking,
    NotaryNoShow,
    NotaryParty,
    NotaryPerson,
)
from portal.notary.operations import changing, confirming, no_shows, persons
from portal.notary.queries import bookings
from tests.conftest import SettableClock
from tests.factories.people import id_number, make_staff
from tests.notary.caller import actions, shown
from tests.notary.conftest import Desk, again, details, party
from tests.notary.hall import STAFF, Hall

NINE = "2026-03-03 09:00"
ATTENDED = {"reason": "forgotten", "without_case": False}


@pytest.fixture
def clerk_of(desk: Desk) -> Actor:
    staff = make_staff(["notary_clerk"], desk.office.id)
    return Actor(ActorKind.STAFF, staff.id, grants=frozenset({("notary_clerk", desk.office.id)}))


@pytest.fixture
def ten_days(app: Flask) -> Iterator[None]:
    """The least period that can be set is longer; what counts is that it is the setting's."""
    before = app.extensions["portal_settings"]
    app.extensions["portal_settings"] = dataclasses.replace(before, notary_days=10)
    yield
    app.extensions["portal_settings"] = before


def parties() -> list[NotaryParty]:
    db.session.rollback()
    return list(
        db.session.scalars(
            select(NotaryParty).order_by(NotaryParty.id).execution_options(populate_existing=True)
        )
    )


def count(model: type) -> int:
    db.session.rollback()
    return db.session.scalar(select(func.count()).select_from(model)) or 0


def missed(desk: Desk, clock: SettableClock, clerk: Actor, who: Actor) -> NotaryBooking:
    """An appointment to which nobody came."""
    booking = desk.confirmed(who, NINE)
    clock.set("2026-03-03 12:00")
    with unit_of_work():
        return no_shows.mark(clerk, again(booking))


def test_a_year_after_a_cancellation_the_persons_are_forgotten_and_the_figures_stay(
    desk: Desk, clock: SettableClock
) -> None:
    person = desk.person()
    held = desk.hold(person, NINE)
    agent = Agent("钱代理", "13900001111", DocumentType.RESIDENT_ID, id_number())
    given = details(party(by_agent=True), agent=agent, contact_phone="13900002222")
    booking = confirming.confirm(person, held.id, given)
    desk.cancel(person, booking)
    clock.advance(days=365)
    assert retention.forget_persons() == 0
    clock.advance(seconds=1)
    assert retention.forget_persons() == 1
    assert retention.forget_persons() == 0
    [left] = parties()
    assert (left.name, left.document_number, left.person_index) == (
        retention.OUTDATED,
        retention.OUTDATED,
        "",
    )
    assert (left.birth_date, left.guardian, left.active) == (None, None, False)
    found = bookings.find(booking.id)
    assert found is not None
    assert (found.contact_phone, found.agent, found.link_nonce) == (None, None, None)
    # Its account still has it in the list, and is told why the names are gone.
    assert (found.account_id, found.state) == (person.id, BookingState.CANCELLED)
    assert found.history[-1].label == "已过保存期限，当事人信息已清除"


def test_what_the_office_wrote_about_a_cancellation_is_forgotten_with_the_persons(
    desk: Desk, clock: SettableClock, clerk_of: Actor
) -> None:
    booking = desk.confirmed(desk.person(), NINE)
    changing.cancel_by_office(clerk_of, booking, "赵测试的公证员生病了。")
    clock.advance(days=366)
    assert retention.forget_persons() == 1
    assert again(booking).cancellation_reason is None


def test_the_period_is_a_setting(desk: Desk, clock: SettableClock, ten_days: None) -> None:
    person = desk.person()
    desk.cancel(person, desk.confirmed(person, NINE))
    clock.advance(days=11)
    assert retention.forget_persons() == 1


def test_an_appointment_that_the_office_never_settled_counts_from_its_time_and_ends(
    desk: Desk, clock: SettableClock
) -> None:
    booking = desk.confirmed(desk.person(), NINE)
    clock.set("2027-03-03 09:00")
    assert retention.forget_persons() == 0
    clock.set("2027-03-03 12:00")
    assert retention.forget_persons() == 1
    assert again(booking).state is BookingState.CANCELLED
    assert [left.active for left in parties()] == [False]
    assert retention.forget_persons() == 0


class TestLeftOpen:
    """An appointment that nobody settled ends with its persons: no case is opened for a name that is gone."""

    def unsettled(self, hall: Hall) -> int:
        path = f"{STAFF}/unsettled-appointments"
        return len(hall.api.get(path, headers=hall.headers["clerk"]).json["items"])

    def test_nothing_is_offered_any_more_nor_possible_and_nobody_missed_it(
        self, hall: Hall, clock: SettableClock
    ) -> None:
        booking = hall.booked(NINE)
        clock.set("2027-03-03 12:00")
        assert "attend" in actions(hall, hall.at(booking))
        assert self.unsettled(hall) == 1
        assert retention.forget_persons() == 1
        seen = shown(hall, hall.at(booking))
        assert (seen["state"], seen["allowed_actions"], seen["no_show"]) == ("cancelled", [], None)
        assert [each["label"] for each in seen["timeline"]][-2:] == [
            "到保存期限仍没有登记结果，自动结束",
            "已过保存期限，当事人信息已清除",
        ]
        assert self.unsettled(hall) == 0
        for step, body in (("attendance", ATTENDED), ("no-show", None)):
            answer = hall.step(hall.at(booking), step, body)
            assert (answer.status_code, answer.json["code"]) == (409, "wrong_state")
        mine = hall.api.get(f"/notary/appointments/{booking.id}", headers=hall.as_resident(booking))
        assert mine.json["next_step"] == "需要时可以重新预约。"

    def test_one_whose_persons_were_forgotten_before_ends_as_well(
        self, hall: Hall, clock: SettableClock
    ) -> None:
        booking = hall.booked(NINE)
        clock.set("2027-03-04 09:00")
        with unit_of_work():
            persons.end_parties(booking.id)
            persons.forget(again(booking.id), retention.OUTDATED)
        assert retention.forget_persons() == 1
        assert self.unsettled(hall) == 0

    def test_who_is_written_down_as_there_on_the_last_day_is_known_until_the_office_is_done(
        self, hall: Hall, clock: SettableClock
    ) -> None:
        booking = hall.booked(NINE)
        clock.set("2027-03-03 09:00")
        hall.done(hall.at(booking), "attendance", ATTENDED)
        clock.set("2027-03-04 09:00")
        assert retention.forget_persons() == 0
        case = hall.done(hall.at(booking), "acceptance", {})
        assert [party["name"] for party in case["parties"]] == ["赵测试"]


def test_an_appointment_ahead_keeps_its_persons(
    desk: Desk, clock: SettableClock, ten_days: None
) -> None:
    desk.confirmed(desk.person(), "2026-03-16 09:00")
    clock.advance(days=13)
    assert retention.forget_persons() == 0
    assert retention.remove_fingerprints() == 0
    assert [left.name for left in parties()] == ["赵测试"]


def test_a_missed_appointment_is_removed_when_it_no_longer_counts(
    desk: Desk, clock: SettableClock, clerk_of: Actor
) -> None:
    person = desk.person()
    booking = missed(desk, clock, clerk_of, person)
    clock.set("2026-06-03 12:00")
    assert retention.remove_no_shows() == 0
    clock.set("2026-06-04 00:00")
    assert retention.remove_no_shows() == 1
    with pytest.raises(Conflict) as refused, unit_of_work():
        no_shows.appeal(person, again(booking), "我当天到了。")
    assert refused.value.code == "no_show_expired"


def test_an_open_appeal_keeps_what_it_is_about_until_its_decision_could_be_read(
    desk: Desk, clock: SettableClock, clerk_of: Actor
) -> None:
    person = desk.person()
    booking = missed(desk, clock, clerk_of, person)
    with unit_of_work():
        no_shows.appeal(person, again(booking), "我当天到了。")
    clock.set("2027-06-01 09:00")
    assert (retention.remove_no_shows(), retention.forget_persons()) == (0, 0)
    with unit_of_work():
        no_shows.decide(clerk_of, again(booking), granted=False, note="监控没有看到。")
    assert (retention.remove_no_shows(), retention.forget_persons()) == (0, 1)
    clock.advance(days=31)
    assert retention.remove_no_shows() == 1


def test_the_daily_job_does_all_of_it(desk: Desk, clock: SettableClock, clerk_of: Actor) -> None:
    missed(desk, clock, clerk_of, desk.person())
    assert (count(NotaryPerson), count(NotaryNoShow)) == (1, 1)
    clock.set("2027-06-01 09:00")
    ensure_periodic()
    clock.advance(days=1)
    worker.drain()
    assert (count(NotaryPerson), count(NotaryNoShow)) == (0, 0)
    assert [left.name for left in parties()] == [retention.OUTDATED]


def test_who_was_forgotten_may_book_again(desk: Desk, clock: SettableClock) -> None:
    person, same = desk.person(), party()
    desk.cancel(person, desk.confirmed(person, NINE, same))
    assert retention.remove_fingerprints() == 1
    desk.confirmed(person, NINE, same)
    assert count(NotaryPerson) == 1
