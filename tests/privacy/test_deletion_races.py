"""What somebody writes at the moment in which they close their account is erased with it or refused; nothing outlives it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from portal.accounts import privacy_notice
from portal.accounts.events import ResidentDeletionRequested
from portal.accounts.models import ConsentRecord, Resident
from portal.accounts.operations import leaving, sessions, sign_in
from portal.attachments import operations as attachments
from portal.attachments.models import Attachment
from portal.consultations import operations as consultations
from portal.consultations.account_events import ERASED
from portal.consultations.models import Consultation, ConsultationMessage
from portal.consultations.operations.asking import Question
from portal.consultations.queries import for_update
from portal.core import clock, events
from portal.core.actor import Actor, ActorKind
from portal.core.db import db
from portal.core.errors import DomainError
from portal.core.unit_of_work import unit_of_work
from portal.notary.models import (
    BookingState,
    NotaryBooking,
    NotaryFeed,
    NotaryParty,
    NotarySlot,
    NotaryWaiting,
)
from portal.notary.operations import changing, confirming, feeds, holding, waiting
from portal.notifications.models import Message
from tests.consultations.conftest import PIXEL, QUESTION
from tests.factories.laws import make_category
from tests.factories.notary import make_matter
from tests.factories.people import last_sms_code, make_resident, make_staff
from tests.notary.conftest import Desk, actor_of, at, desk, details

__all__ = ["desk"]

NINE = "2026-03-03 09:00"
# Long enough for the other side to be done, if nothing kept it waiting.
A_MOMENT = 0.5
Step = Callable[[], Any]


@pytest.fixture(autouse=True)
def _handlers_of_this_test() -> Iterator[None]:
    before = {kind: list(handlers) for kind, handlers in events._subscribers.items()}
    yield
    events._subscribers.clear()
    events._subscribers.update(before)


@pytest.fixture
def leaver(desk: Desk) -> Resident:
    make_category()
    return make_resident()


def deletion_of(resident: Resident) -> Step:
    actor = actor_of(resident)
    leaving.send_deletion_code(actor)
    code = last_sms_code(resident.phone or "")
    return lambda: leaving.delete_account(actor, code)


def ask(actor: Actor) -> Step:
    return lambda: consultations.ask(actor, Question("labour", QUESTION, keep_unpublished=False))


def upload(actor: Actor) -> Step:
    def run() -> None:
        given = attachments.Upload(PIXEL, "工资条.png", "image/png")
        with attachments.received(actor, given) as file:
            attachments.keep(actor, file)

    return run


def run_both(app: Flask, *steps: Step) -> list[str]:
    """Run the steps in threads with connections of their own; returns how each ended."""
    results = ["hung"] * len(steps)
    db.session.remove()

    def run(number: int) -> None:
        with app.app_context():
            try:
                steps[number]()
                results[number] = "done"
            except DomainError as refused:
                results[number] = refused.code
            finally:
                db.session.remove()

    threads = [threading.Thread(target=run, args=(n,), daemon=True) for n in range(len(steps))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    return results


def while_deleting(app: Flask, deletion: Step, step: Step) -> list[str]:
    """Begin `step` when the deletion has been through all rooms, and give it a moment to overtake the commit."""
    inside, overtaken = threading.Barrier(2), threading.Event()

    @events.subscribe(ResidentDeletionRequested)
    def wait(_event: object) -> None:
        inside.wait(30)
        overtaken.wait(A_MOMENT)

    def write() -> None:
        inside.wait(30)
        try:
            step()
        finally:
            overtaken.set()

    return run_both(app, deletion, write)


def before_deleting(app: Flask, deletion: Step, step: Step) -> list[str]:
    """Begin the deletion when `step` is done and not committed, and give it a moment to overtake the commit."""
    written, overtaken = threading.Barrier(2), threading.Event()

    def write() -> None:
        with unit_of_work():
            step()
            written.wait(30)
            overtaken.wait(A_MOMENT)

    def delete() -> None:
        written.wait(30)
        try:
            deletion()
        finally:
            overtaken.set()

    return run_both(app, delete, write)


def left_of(resident: Resident) -> list[Any]:
    """What still belongs to the account."""
    owned = (
        (Consultation, Consultation.resident_id),
        (Attachment, Attachment.uploader_id),
        (NotaryBooking, NotaryBooking.account_id),
        (NotaryFeed, NotaryFeed.resident_id),
    )
    return [
        row for model, owner in owned
        for row in db.session.scalars(select(model).where(owner == resident.id))
    ]  # fmt: skip


def fill(desk: Desk) -> None:
    """Hold every seat that is left on the day."""
    free = db.session.scalars(
        select(NotarySlot).where(NotarySlot.day == at(NINE).date(), NotarySlot.is_open)
    ).all()
    for when in {clock.local(slot.starts_at).strftime("%Y-%m-%d %H:%M") for slot in free}:
        while desk.left(when):
            desk.hold(desk.person(), when)


WRITES: dict[str, Callable[[Actor, Desk], Step]] = {
    "ask": lambda actor, _desk: ask(actor),
    "upload": lambda actor, _desk: upload(actor),
    "hold": lambda actor, desk: lambda: desk.hold(actor, NINE),
    "feed": lambda actor, _desk: lambda: feeds.open_feed(actor),
}


@pytest.mark.parametrize("name", WRITES)
def test_what_is_written_while_the_account_is_being_closed_is_refused(
    app: Flask, desk: Desk, leaver: Resident, name: str
) -> None:
    step = WRITES[name](actor_of(leaver), desk)
    assert while_deleting(app, deletion_of(leaver), step) == ["done", "account_closed"]
    assert left_of(leaver) == []


@pytest.mark.parametrize("name", [name for name in WRITES if name != "upload"])
def test_what_was_written_a_moment_before_is_erased_with_the_account(
    app: Flask, desk: Desk, leaver: Resident, name: str
) -> None:
    step = WRITES[name](actor_of(leaver), desk)
    assert before_deleting(app, deletion_of(leaver), step) == ["done", "done"]
    assert left_of(leaver) == []
    assert {row.text for row in db.session.scalars(select(Consultation))} <= {ERASED}


def test_a_hold_confirmed_while_the_account_is_being_closed_leaves_nobody_written_down(
    app: Flask, desk: Desk, leaver: Resident
) -> None:
    actor = actor_of(leaver)
    held_id = desk.hold(actor, NINE).id

    def confirm() -> None:
        confirming.confirm(actor, held_id, details())

    assert while_deleting(app, deletion_of(leaver), confirm) == ["done", "account_closed"]
    assert list(db.session.scalars(select(NotaryParty))) == []


def test_a_hold_confirmed_a_moment_before_is_cancelled_and_its_party_erased(
    app: Flask, desk: Desk, leaver: Resident
) -> None:
    actor = actor_of(leaver)
    held_id = desk.hold(actor, NINE).id

    def confirm() -> None:
        confirming.confirm(actor, held_id, details())

    assert before_deleting(app, deletion_of(leaver), confirm) == ["done", "done"]
    booking = db.session.get_one(NotaryBooking, held_id)
    assert (booking.state, booking.account_id) == (BookingState.CANCELLED, None)
    assert {party.person_index for party in db.session.scalars(select(NotaryParty))} == {""}


def test_nobody_joins_the_waiting_list_while_the_account_is_being_closed(
    app: Flask, desk: Desk, leaver: Resident
) -> None:
    fill(desk)
    day = at(NINE).date()
    wish = waiting.WaitingWish(desk.matter.id, day, day, desk.office.id)

    def join() -> None:
        waiting.join(actor_of(leaver), wish)

    results = while_deleting(app, deletion_of(leaver), join)
    assert results == ["done", "account_closed"]
    assert list(db.session.scalars(select(NotaryWaiting))) == []


def test_a_notice_is_not_accepted_for_a_closed_account(
    app: Flask, desk: Desk, leaver: Resident, monkeypatch: pytest.MonkeyPatch
) -> None:
    deletion = deletion_of(leaver)
    monkeypatch.setattr(privacy_notice, "current_version", lambda: "2030-01")

    def accept() -> None:
        sign_in.accept_notice(actor_of(leaver), "2030-01")

    assert while_deleting(app, deletion, accept) == ["done", "account_closed"]
    kept = db.session.scalars(select(ConsentRecord.keep_until)).all()
    assert None not in kept


def test_what_staff_said_in_a_step_that_was_under_way_does_not_stay_in_the_messages(
    app: Flask, desk: Desk, leaver: Resident
) -> None:
    asked = consultations.ask(actor_of(leaver), Question("labour", QUESTION, False))
    moderator = Actor(
        ActorKind.STAFF, make_staff(["moderator"]).id, grants=frozenset({("moderator", None)})
    )

    def return_it() -> None:
        found = for_update(asked.id)
        assert found is not None
        consultations.return_for_facts(moderator, found, "请补充欠薪的月份。")

    assert before_deleting(app, deletion_of(leaver), return_it) == ["done", "done"]
    told = select(Message.template).where(Message.recipient_id == leaver.id)
    assert list(db.session.scalars(told)) == []
    assert {row.text for row in db.session.scalars(select(ConsultationMessage))} == {ERASED}


def test_an_account_is_held_only_inside_a_transaction(leaver: Resident) -> None:
    with pytest.raises(RuntimeError):
        sessions.hold_active(leaver.id)


def test_of_two_deletions_at_once_one_finds_the_account_closed(
    app: Flask, desk: Desk, leaver: Resident
) -> None:
    deletion = deletion_of(leaver)
    results = run_both(app, deletion, deletion)
    assert sorted(results)[-1] != "hung"
    assert results.count("done") == 1


def test_a_seat_that_is_freed_while_somebody_leaves_goes_to_the_next_in_line(
    app: Flask, desk: Desk, leaver: Resident
) -> None:
    # The one who leaves has a seat on the day and a place in the line, and so has the seat that is freed: both want both.
    other_matter = make_matter()
    holder, second = desk.person(), desk.person()
    booked = desk.confirmed(holder, NINE)
    desk.confirmed(actor_of(leaver), NINE)
    day = at(NINE).date()
    fill(desk)
    wish = waiting.WaitingWish(other_matter.id, day, day, desk.office.id)
    for who in (actor_of(leaver), second):
        waiting.join(who, wish)
    deletion = deletion_of(leaver)

    def cancel() -> None:
        with unit_of_work():
            found = confirming.load(booked.id)
            assert found is not None
            changing.cancel(holder, found)

    assert run_both(app, deletion, cancel) == ["done", "done"]
    offered = db.session.scalars(
        select(NotaryBooking.account_id).where(NotaryBooking.state == BookingState.OFFERED)
    ).all()
    assert set(offered) == {second.id}
    assert left_of(leaver) == []


def test_a_hold_by_an_account_that_is_gone_is_refused_without_a_race(
    app: Flask, desk: Desk, leaver: Resident
) -> None:
    deletion_of(leaver)()
    wish = holding.Wish(desk.office.id, desk.matter.id, at(NINE))
    with pytest.raises(DomainError) as refused:
        holding.hold(actor_of(leaver), wish)
    assert refused.value.code == "account_closed"
