"""What the portal does by itself: sweep, remind, tell, and the truth tables of who may do what."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from sqlalchemy import select

from portal.core.actor import ANONYMOUS, SYSTEM, Actor, ActorKind
from portal.core.db import db
from portal.core.jobs import Job, worker
from portal.core.jobs.queue import ensure_periodic
from portal.core.unit_of_work import unit_of_work
from portal.notary import policies, tasks
from portal.notary.models import BookingState, NotaryBooking
from portal.notary.operations import changing
from portal.notifications.models import Message
from tests.conftest import SettableClock
from tests.notary.conftest import Desk, again, at

NINE = "2026-03-03 09:00"
OFFICE = uuid.uuid4()


def messages(template: str) -> list[Message]:
    db.session.rollback()
    of_template = select(Message).where(Message.template == template)
    # The whole message before its short form by SMS.
    return list(db.session.scalars(of_template.order_by(Message.channel, Message.id)))


def test_the_worker_frees_what_nobody_touches(desk: Desk, clock: SettableClock) -> None:
    held = desk.hold(desk.person(), NINE).id
    ensure_periodic()
    clock.advance(minutes=11)
    worker.drain()
    assert again(held).state is BookingState.EXPIRED


def test_a_reminder_comes_once_the_working_day_before_with_what_to_bring(
    desk: Desk, clock: SettableClock
) -> None:
    desk.confirmed(desk.person(), "2026-03-09 09:00")
    worker.drain()
    clock.set("2026-03-05 10:00")
    with unit_of_work():
        assert tasks.remind() == 0
    # Friday: the next working day is the Monday.
    clock.set("2026-03-06 10:00")
    with unit_of_work():
        assert tasks.remind() == 1
    with unit_of_work():
        assert tasks.remind() == 0
    worker.drain()
    told = [m for m in messages("notary.reminder") if m.params]
    assert "身份证件" in str(told[0].params["checklist"])


def test_a_reminder_is_no_change_that_another_step_could_stumble_over(
    desk: Desk, clock: SettableClock
) -> None:
    booking = desk.confirmed(desk.person(), NINE)
    before = again(booking.id).version
    with unit_of_work():
        assert tasks.remind() == 1
    assert again(booking.id).reminded_at is not None
    assert again(booking.id).version == before


def test_whoever_moves_while_reminders_are_made_is_not_reminded_of_the_old_time(
    desk: Desk, clock: SettableClock
) -> None:
    person = desk.person()
    read = again(desk.confirmed(person, NINE).id)
    db.session.expunge(read)
    changing.reschedule(person, again(read.id), at("2026-03-03 10:00"))
    with unit_of_work():
        assert not tasks._mark_reminded(read)
        assert tasks.remind() == 1


def test_an_sms_names_the_reference_and_nothing_of_the_matter(
    desk: Desk, clock: SettableClock
) -> None:
    desk.confirmed(desk.person(), NINE)
    worker.drain()
    sent = messages("notary.confirmed")
    assert {m.channel.value for m in sent} == {"in_app", "sms"}
    assert [m.params for m in sent if m.channel.value == "sms"] == [{}]


def test_a_person_who_was_told_is_not_told_about_anothers(desk: Desk) -> None:
    desk.confirmed(person := desk.person(), NINE)
    worker.drain()
    assert {m.recipient_id for m in messages("notary.confirmed")} == {person.id}
    assert (
        db.session.scalar(select(Job).where(Job.kind == "notary.tell", Job.state == "dead")) is None
    )


ACCOUNT = uuid.uuid4()
BOOKING = NotaryBooking(account_id=ACCOUNT, office_id=OFFICE)
ERASED = NotaryBooking(account_id=None, office_id=OFFICE)
RESIDENT = Actor(ActorKind.RESIDENT, ACCOUNT)
STRANGER = Actor(ActorKind.RESIDENT, uuid.uuid4())
CLERK = Actor(ActorKind.STAFF, uuid.uuid4(), grants=frozenset({("notary_clerk", OFFICE)}))
ANYWHERE = Actor(ActorKind.STAFF, uuid.uuid4(), grants=frozenset({("notary_clerk", None)}))
ELSEWHERE = Actor(ActorKind.STAFF, uuid.uuid4(), grants=frozenset({("notary_clerk", uuid.uuid4())}))
SUPERVISOR = Actor(ActorKind.STAFF, uuid.uuid4(), grants=frozenset({("supervisor", None)}))
EVERYBODY = {
    "resident": RESIDENT,
    "stranger": STRANGER,
    "clerk": CLERK,
    "anywhere": ANYWHERE,
    "elsewhere": ELSEWHERE,
    "supervisor": SUPERVISOR,
    "system": SYSTEM,
    "anonymous": ANONYMOUS,
}


@pytest.mark.parametrize(
    ("policy", "those"),
    [
        (lambda actor: policies.can_speak_for(actor, BOOKING), {"resident"}),
        (lambda actor: policies.can_speak_for(actor, ERASED), set()),
        (lambda actor: policies.can_serve(actor, BOOKING), {"clerk", "anywhere"}),
        (
            lambda actor: policies.can_cancel(actor, BOOKING),
            {"resident", "clerk", "anywhere", "system"},
        ),
        (
            lambda actor: policies.can_look_at(actor, OFFICE),
            {"clerk", "anywhere", "supervisor"},
        ),
        (lambda actor: policies.can_close(actor, OFFICE), {"clerk", "anywhere", "supervisor"}),
        (lambda actor: policies.is_system(actor, BOOKING), {"system"}),
        (
            lambda actor: policies.can_edit_matters(actor),
            {"anywhere"},
        ),
        (
            lambda actor: policies.speaks_or_serves(actor, BOOKING),
            {"resident", "clerk", "anywhere"},
        ),
    ],
)
def test_who_may(policy: Any, those: set[str]) -> None:
    assert {name for name, actor in EVERYBODY.items() if policy(actor)} == those
