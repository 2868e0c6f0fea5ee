"""The sweep: each reminder, alarm and mark once, to the right people, together with what the rooms do."""

from __future__ import annotations

import threading
import uuid
from collections import Counter

import pytest
from sqlalchemy import func, select, update

from portal.accounts.models import ContactSafety, StaffMember, StaffState
from portal.audit.models import AuditEvent
from portal.core import events, jobs
from portal.core.db import db
from portal.core.jobs import queue
from portal.core.unit_of_work import unit_of_work
from portal.notifications.models import Message
from portal.supervision import contacts, messages, operations, sweep, tasks
from portal.supervision.events import DeadlineOverdue
from portal.supervision.models import Deadline, DeadlineState, DeadlineStep
from tests.factories.people import make_office, make_resident, make_staff
from tests.supervision.conftest import ANSWER, CLAIM, KIND, REPLY, REVIEW, SUIT


@pytest.fixture
def overdue_events(monkeypatch):
    """The overdue events that were published."""
    seen: list[DeadlineOverdue] = []
    monkeypatch.setitem(events._subscribers, DeadlineOverdue, [seen.append])
    return seen


@pytest.fixture
def officer(database):
    return make_staff(["legal_aid_officer"])


@pytest.fixture
def chief(database):
    return make_staff(["supervisor"])


def count(model: type) -> int:
    return db.session.scalar(select(func.count()).select_from(model))


def test_each_step_is_taken_once_in_its_time(matter, clock, officer, chief, sent, overdue_events):
    clock.set("2026-09-28 09:00")
    matter.open(REVIEW, reference="FY-2026-00001-A")
    timeline = [
        ("2026-10-02 23:59", {}),
        # Three days before the end of the raw day, 5 October.
        ("2026-10-03 00:00", {"reminded": 1}),
        ("2026-10-04 23:00", {}),
        ("2026-10-05 00:00", {"reminded": 1}),
        # The raw day is over; by law it is not, for the holiday.
        ("2026-10-06 00:00", {"alarm": 1}),
        ("2026-10-08 23:59", {}),
        ("2026-10-09 00:00", {"overdue": 1}),
        ("2026-12-01 00:00", {}),
    ]
    for moment, expected in timeline:
        clock.set(moment)
        assert sweep.sweep() == Counter(expected), moment
        assert sweep.sweep() == Counter(), moment
    assert sent() == [
        (messages.REMINDER, officer.id),
        (messages.REMINDER, officer.id),
        (messages.ALARM, officer.id),
        (messages.ALARM, chief.id),
        (messages.OVERDUE, officer.id),
        (messages.ESCALATED, chief.id),
    ]
    assert [(event.deadline_id, event.rule_id) for event in overdue_events] == [
        (matter.only.id, REVIEW.id)
    ]
    assert [step.step for step in matter.only.steps] == [
        "remind-259200",
        "remind-86400",
        "alarm",
        "overdue",
    ]
    assert matter.only.overdue_at is not None
    assert matter.only.state is DeadlineState.OPEN
    event = db.session.scalar(select(AuditEvent).where(AuditEvent.action == "deadline.overdue"))
    assert (event.subject_id, event.detail["due_on"]) == (matter.id, "2026-10-08")


def test_a_worker_that_was_away_sends_only_the_most_urgent(
    matter, clock, officer, chief, sent, overdue_events
):
    matter.open(REVIEW)
    clock.set("2026-04-01 09:00")
    assert sweep.sweep() == Counter({"overdue": 1})
    assert [template for template, _ in sent()] == [messages.OVERDUE, messages.ESCALATED]
    assert len(matter.only.steps) == 3
    assert len(overdue_events) == 1


def test_a_reminder_before_the_start_is_not_sent(matter, clock, sent):
    make_staff(["lawyer"])
    matter.open(ANSWER, amount=1)
    assert [step.code for step in operations.planned_steps(matter.only)] == [
        "remind-86400",
        "overdue",
    ]


def test_what_is_paused_or_over_is_left_alone(matter, clock, officer, sent, overdue_events):
    matter.open(REVIEW)
    matter.open(ANSWER)
    matter.open(CLAIM)
    matter.pause(REVIEW)
    matter.meet(ANSWER)
    operations.cancel(KIND, matter.id, CLAIM.id, reason="撤回")
    clock.set("2026-06-01 09:00")
    assert sweep.sweep() == Counter()
    matter.resume(REVIEW)
    assert sweep.sweep() == Counter()
    clock.set("2026-06-09 00:00")
    assert sweep.sweep() == Counter({"overdue": 1})


def test_a_reminder_sent_before_a_pause_is_not_sent_again(matter, clock, officer, sent):
    matter.open(REVIEW)
    clock.set("2026-03-07 10:00")
    assert sweep.sweep() == Counter({"reminded": 1})
    matter.pause(REVIEW)
    clock.set("2026-03-17 10:00")
    matter.resume(REVIEW)
    clock.set("2026-03-18 23:00")
    assert sweep.sweep() == Counter()
    clock.set("2026-03-19 00:00")
    assert sweep.sweep() == Counter({"reminded": 1})


def test_the_person_named_is_told_and_the_role_when_they_have_left(matter, clock, chief, sent):
    lawyer, colleague = make_staff(["lawyer"]), make_staff(["lawyer"])
    matter.open(CLAIM, responsible_staff_id=lawyer.id)
    clock.advance(hours=37)
    sweep.sweep()
    assert sent() == [(messages.REMINDER, lawyer.id)]
    with unit_of_work():
        db.session.execute(
            update(StaffMember)
            .where(StaffMember.id == lawyer.id)
            .values(state=StaffState.DEACTIVATED)
        )
    clock.advance(hours=12)
    sweep.sweep()
    assert sent()[1:] == [(messages.OVERDUE, colleague.id), (messages.ESCALATED, chief.id)]
    escalated = db.session.scalar(select(Message).where(Message.template == messages.ESCALATED))
    assert "律师" in escalated.params["responsible"]
    assert escalated.params["due"] == "2026年3月4日09:00"


def test_the_office_decides_who_of_the_role_is_told(matter, clock, sent):
    office, other = make_office(), make_office()
    here, elsewhere = make_staff(["lawyer"], office), make_staff(["lawyer"], other)
    chief_here, chief_elsewhere = (
        make_staff(["supervisor"], office),
        make_staff(["supervisor"], other),
    )
    matter.open(CLAIM, office_id=office.id)
    clock.advance(hours=48)
    sweep.sweep()
    recipients = [recipient for _, recipient in sent()]
    assert recipients == [here.id, chief_here.id]
    assert not {elsewhere.id, chief_elsewhere.id} & set(recipients)


def test_nobody_in_the_role_is_logged_and_does_not_stop_the_mark(matter, clock, overdue_events):
    matter.open(CLAIM)
    clock.advance(hours=48)
    assert sweep.sweep() == Counter({"overdue": 1})
    assert len(overdue_events) == 1


def test_a_resident_is_reminded_by_the_lawful_end_and_through_the_gate(
    matter, clock, sent, monkeypatch, overdue_events
):
    resident = make_resident()
    monkeypatch.setattr(contacts, "_finders", {})
    contacts.register(KIND, lambda _id: contacts.Contact(resident.id, ContactSafety.IN_APP_ONLY))
    clock.set("2026-09-22 09:00")
    matter.open(REPLY)
    assert str(matter.only.due_rolled) == "2026-10-08"
    clock.set("2026-10-05 23:00")
    assert sweep.sweep() == Counter()
    clock.set("2026-10-06 00:00")
    assert sweep.sweep() == Counter({"reminded": 1})
    assert sent() == [(messages.RESIDENT_REMINDER, resident.id)]
    assert (
        db.session.scalar(
            select(Message.safety).where(Message.recipient_id == resident.id).limit(1)
        )
        is ContactSafety.IN_APP_ONLY
    )
    clock.set("2026-10-09 00:00")
    assert sweep.sweep() == Counter({"overdue": 1})
    # What a resident is told about an expiry is the subject's room's to say.
    assert len(sent()) == 1
    assert overdue_events[0].rule_id == REPLY.id


@pytest.mark.parametrize("finders", [{}, {KIND: lambda _id: None}])
def test_a_resident_nobody_can_name_stops_nothing(
    matter, clock, sent, monkeypatch, overdue_events, finders
):
    monkeypatch.setattr(contacts, "_finders", finders)
    matter.open(REPLY)
    clock.set("2026-03-15 00:00")
    assert sweep.sweep() == Counter({"reminded": 1})
    assert sent() == []


def test_no_consequence_for_a_citizen_rests_on_a_provisional_date(matter, clock, overdue_events):
    clock.set("2026-08-31 09:00")
    matter.open(SUIT)
    clock.set("2027-06-01 09:00")
    assert sweep.sweep() == Counter()
    assert overdue_events == []
    assert matter.only.overdue_at is None


def test_a_room_that_fails_is_tried_again_and_holds_up_no_other(
    matter, new_matter, clock, sent, monkeypatch
):
    make_staff(["lawyer"])
    other = new_matter()
    matter.open(CLAIM)
    clock.advance(seconds=1)
    other.open(CLAIM)
    broken = [True]
    seen: list[uuid.UUID] = []

    def subscriber(event: DeadlineOverdue) -> None:
        if event.subject_id == matter.id and broken[0]:
            raise RuntimeError("a room's mistake")
        seen.append(event.subject_id)

    monkeypatch.setitem(events._subscribers, DeadlineOverdue, [subscriber])
    clock.advance(hours=49)
    assert sweep.sweep() == Counter({"failed": 1, "overdue": 1})
    assert matter.only.overdue_at is None
    assert matter.only.steps == []
    assert len(sent()) == 1
    # It waits behind the others for a while, so that many such cannot fill every sweep.
    assert sweep.sweep() == Counter()
    broken[0] = False
    clock.advance(minutes=5)
    assert sweep.sweep() == Counter({"overdue": 1})
    assert seen == [other.id, matter.id]


def test_a_room_may_end_its_deadline_when_told(matter, clock, monkeypatch):
    monkeypatch.setitem(
        events._subscribers,
        DeadlineOverdue,
        [
            lambda event: operations.cancel(
                event.subject_kind, event.subject_id, event.rule_id, reason="退回待认领"
            )
        ],
    )
    matter.open(CLAIM)
    clock.advance(hours=48)
    sweep.sweep()
    assert matter.only.state is DeadlineState.CANCELLED
    assert matter.only.overdue_at is not None


def test_a_backlog_is_worked_off_in_bounded_sweeps(new_matter, clock, monkeypatch):
    monkeypatch.setattr(sweep, "BATCH", 3)
    with unit_of_work():
        for _ in range(8):
            new_matter().open(CLAIM)
    clock.advance(hours=49)
    assert sweep.sweep(most=5) == Counter({"overdue": 5})
    assert sweep.sweep(most=5) == Counter({"overdue": 3})


def test_two_sweeps_at_once_take_each_step_once(app, new_matter, clock, overdue_events):
    with unit_of_work():
        for _ in range(12):
            new_matter().open(CLAIM)
    clock.advance(hours=49)
    outcomes: list[Counter[str]] = []
    barrier = threading.Barrier(3)

    def run() -> None:
        with app.app_context():
            barrier.wait()
            outcomes.append(sweep.sweep())
            db.session.remove()

    threads = [threading.Thread(target=run) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    total = sum(outcomes, Counter())
    assert total["overdue"] == 12
    assert total["failed"] == 0
    assert Counter(event.deadline_id for event in overdue_events).most_common(1)[0][1] == 1
    db.session.rollback()
    assert count(DeadlineStep) == 24


def test_losing_the_race_for_a_step_does_nothing(matter, clock, sent, monkeypatch, overdue_events):
    make_staff(["lawyer"])
    matter.open(CLAIM)
    clock.advance(hours=49)
    real = operations.planned_steps

    def overtaken(deadline: Deadline) -> list:
        db.session.execute(
            update(Deadline)
            .where(Deadline.id == deadline.id)
            .values(next_step_at=None)
            .execution_options(synchronize_session=False)
        )
        return real(deadline)

    monkeypatch.setattr(operations, "planned_steps", overtaken)
    assert sweep.sweep() == Counter({"passed": 1})
    assert (sent(), overdue_events) == ([], [])


def test_a_deadline_met_between_the_look_and_the_step_is_passed(matter, clock, monkeypatch):
    matter.open(CLAIM)
    clock.advance(hours=49)
    real = sweep._due

    def look(*args: object) -> list:
        found = real(*args)
        matter.meet(CLAIM)
        return found

    monkeypatch.setattr(sweep, "_due", look)
    assert sweep.sweep(most=1) == Counter({"passed": 1})
    assert matter.only.overdue_at is None


def test_a_plan_made_by_older_rules_is_made_anew(matter, clock):
    matter.open(REVIEW)
    with unit_of_work():
        db.session.execute(
            update(Deadline)
            .values(next_step_at=clock())
            .execution_options(synchronize_session=False)
        )
    clock.advance(minutes=1)
    assert sweep.sweep() == Counter({"passed": 1})
    assert matter.only.next_step_at == operations.planned_steps(matter.only)[0].at
    assert sweep.sweep() == Counter()


def test_the_job_sweeps_and_comes_again_in_a_minute(matter, clock, run_jobs):
    make_staff(["lawyer"])
    matter.open(CLAIM)
    clock.advance(hours=49)
    queue.ensure_periodic()
    run_jobs()
    assert matter.only.overdue_at is not None
    waiting = db.session.scalar(
        select(jobs.Job).where(
            jobs.Job.kind == tasks.SWEEP, jobs.Job.state == jobs.JobState.PENDING
        )
    )
    assert waiting.run_at == clock() + tasks.EVERY


def test_a_backlog_is_gone_on_with_at_once(new_matter, clock, run_jobs, monkeypatch):
    monkeypatch.setattr(sweep, "MOST", 4)
    monkeypatch.setattr(sweep.sweep, "__defaults__", (4,))
    with unit_of_work():
        for _ in range(10):
            new_matter().open(CLAIM)
    clock.advance(hours=49)
    queue.ensure_periodic()
    run_jobs()
    left = select(func.count()).select_from(Deadline).where(Deadline.overdue_at.is_(None))
    assert db.session.scalar(left) == 0
    waiting = db.session.scalars(
        select(jobs.Job).where(
            jobs.Job.kind == tasks.SWEEP, jobs.Job.state == jobs.JobState.PENDING
        )
    ).all()
    assert [job.run_at for job in waiting] == [clock() + tasks.EVERY]


def test_the_command_says_what_it_did(app, matter, new_matter, clock, monkeypatch):
    runner = app.test_cli_runner()
    assert "没有到点的期限" in runner.invoke(args=["supervision", "sweep"]).output
    matter.open(CLAIM)
    clock.advance(hours=49)
    result = runner.invoke(args=["supervision", "sweep"])
    assert (result.exit_code, "逾期：1 项" in result.output) == (0, True), result.output
    new_matter().open(CLAIM)
    clock.advance(hours=49)

    def broken(_event: DeadlineOverdue) -> None:
        raise RuntimeError("a room's mistake")

    monkeypatch.setitem(events._subscribers, DeadlineOverdue, [broken])
    result = runner.invoke(args=["supervision", "sweep", "--most", "10"])
    assert (result.exit_code, "出错：1 项" in result.output) == (1, True)
