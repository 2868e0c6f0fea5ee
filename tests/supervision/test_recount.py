"""A year's table comes or is corrected: what moves, who is told, and what the preview said before."""

from __future__ import annotations

from collections import Counter
from datetime import date

import pytest
from sqlalchemy import select

from portal.audit.models import AuditEvent
from portal.core import events
from portal.core.actor import SYSTEM
from portal.core.db import db
from portal.core.jobs import Job
from portal.supervision import contacts, messages, operations, recount, rules, sweep, tasks
from portal.supervision.events import DeadlineOverdue
from portal.supervision.models import DeadlineState
from portal.working_days import impact
from portal.working_days import operations as calendar
from portal.working_days.calendar import DayKind
from portal.working_days.notice import YearTable
from tests.factories.people import make_resident, make_staff
from tests.supervision.conftest import ANSWER, CLAIM, CONTENT, KIND, REVIEW, SUIT

D = date.fromisoformat
HOLIDAYS = (
    "01-01 01-02 02-05 02-06 02-07 02-08 02-09 04-05 05-01 05-02 06-09 09-15 10-01 10-02 10-03"
)


def table_2027(*more: str) -> YearTable:
    """A made-up table of 2027; `more` days of it are holidays too."""
    days = {D(f"2027-{day}"): (DayKind.HOLIDAY, "节日") for day in [*HOLIDAYS.split(), *more]}
    return YearTable(2027, "放假安排通知（测试）", days)


def recounted() -> list[dict]:
    db.session.rollback()
    rows = db.session.scalars(
        select(AuditEvent)
        .where(AuditEvent.action == "deadline.recounted")
        .order_by(AuditEvent.sequence)
    )
    return [row.detail for row in rows]


def test_the_table_moves_what_leaned_on_it_and_says_so(matter, new_matter, clock, run_jobs, sent):
    lawyer_id = make_staff(["lawyer"]).id
    clock.set("2027-02-03 09:00")
    matter.open(ANSWER)
    # Ends long before the year that comes.
    other = new_matter()
    clock.set("2026-03-02 09:00")
    other.open(ANSWER)
    clock.set("2027-02-03 09:00")
    assert (matter.only.due_rolled, matter.only.provisional) == (D("2027-02-10"), True)
    calendar.publish(SYSTEM, table_2027())
    assert matter.only.provisional is True
    run_jobs()
    # 5, 8 and 9 February were holidays.
    assert (matter.only.due_rolled, matter.only.provisional) == (D("2027-02-15"), False)
    assert recounted() == [
        {
            "rule": ANSWER.id,
            "calendar_year": 2027,
            "due_before": "2027-02-10",
            "due_after": "2027-02-15",
            "provisional": False,
            "overdue_taken_back": False,
        }
    ]
    assert sent() == [(messages.MOVED, lawyer_id)]
    assert other.only.due_rolled == D("2026-03-09")
    # Its reminders follow.
    assert matter.only.next_step_at == operations.planned_steps(matter.only)[0].at
    assert recount.recount(2027) == 0


def test_a_date_that_does_not_move_becomes_certain_without_a_message(matter, clock, run_jobs, sent):
    make_staff(["lawyer"])
    clock.set("2027-03-01 09:00")
    matter.open(ANSWER)
    before = matter.only.due_rolled
    calendar.publish(SYSTEM, table_2027())
    run_jobs()
    assert (matter.only.due_rolled, matter.only.provisional) == (before, False)
    assert len(recounted()) == 1
    assert sent() == []


def test_a_residents_withheld_consequence_comes_once_the_table_is_there(
    matter, clock, run_jobs, sent, monkeypatch
):
    resident_id = make_resident().id
    monkeypatch.setattr(contacts, "_finders", {KIND: lambda _id: contacts.Contact(resident_id)})
    seen: list[DeadlineOverdue] = []
    monkeypatch.setitem(events._subscribers, DeadlineOverdue, [seen.append])
    clock.set("2026-08-31 09:00")
    matter.open(SUIT)
    assert matter.only.due_rolled == D("2027-03-01")
    clock.set("2027-03-02 09:00")
    assert sweep.sweep() == Counter()
    calendar.publish(SYSTEM, table_2027("03-01"))
    run_jobs()
    assert matter.only.due_rolled == D("2027-03-02")
    assert sent() == [(messages.RESIDENT_MOVED, resident_id)]
    assert (sweep.sweep(), seen) == (Counter(), [])
    clock.set("2027-03-03 00:00")
    assert sweep.sweep() == Counter({"overdue": 1})
    assert len(seen) == 1


def test_an_office_marked_too_early_gets_its_mark_taken_back(matter, clock, run_jobs):
    make_staff(["legal_aid_officer"])
    clock.set("2027-02-01 09:00")
    matter.open(REVIEW)
    clock.set("2027-02-09 09:00")
    assert sweep.sweep() == Counter({"overdue": 1})
    calendar.publish(SYSTEM, table_2027())
    run_jobs()
    assert matter.only.overdue_at is None
    assert matter.only.due_rolled == D("2027-02-10")
    assert recounted()[0]["overdue_taken_back"] is True
    # The raw end has passed: the alarm comes, and the mark again when the lawful end passes.
    assert sweep.sweep() == Counter({"alarm": 1})
    clock.set("2027-02-11 09:00")
    assert sweep.sweep() == Counter({"overdue": 1})


def test_an_alarm_in_the_future_is_due_again(matter, clock, run_jobs):
    make_staff(["lawyer"])
    clock.set("2027-02-01 09:00")
    matter.open(ANSWER)
    clock.set("2027-02-09 09:00")
    assert sweep.sweep() == Counter({"overdue": 1})
    calendar.publish(SYSTEM, table_2027())
    run_jobs()
    assert matter.only.overdue_at is None
    assert [step.step for step in matter.only.steps] == ["remind-172800", "remind-86400"]


def test_an_alarm_whose_day_moves_ahead_is_taken_back_with_the_mark(matter, clock, run_jobs):
    make_staff(["lawyer"])
    clock.set("2027-02-03 09:00")
    matter.open(ANSWER)
    clock.set("2027-02-10 09:00")
    matter.pause(ANSWER)
    clock.set("2027-02-13 09:00")
    matter.resume(ANSWER)
    # Nothing was left: it ends with the Saturday, by law with Monday.
    assert (matter.only.due_raw, matter.only.due_rolled) == (D("2027-02-13"), D("2027-02-15"))
    clock.set("2027-02-14 09:00")
    assert sweep.sweep() == Counter({"alarm": 1})
    clock.set("2027-02-16 09:00")
    assert sweep.sweep() == Counter({"overdue": 1})
    calendar.publish(SYSTEM, table_2027())
    run_jobs()
    # With the holidays known, three working days were left on the 10th.
    assert (matter.only.due_raw, matter.only.overdue_at) == (D("2027-02-17"), None)
    assert not {"alarm", "overdue"} & {step.step for step in matter.only.steps}


def test_hours_and_ended_deadlines_do_not_move(matter, new_matter, clock, run_jobs):
    make_staff(["lawyer"])
    clock.set("2027-02-03 09:00")
    matter.open(CLAIM)
    met = new_matter()
    met.open(ANSWER)
    met.meet(ANSWER)
    calendar.publish(SYSTEM, table_2027())
    run_jobs()
    assert recounted() == []
    assert (met.only.state, met.only.provisional) == (DeadlineState.MET, True)


def test_a_paused_deadline_moves_too_and_stays_paused(matter, clock, run_jobs):
    make_staff(["lawyer"])
    clock.set("2027-02-03 09:00")
    matter.open(ANSWER)
    matter.pause(ANSWER)
    calendar.publish(SYSTEM, table_2027())
    run_jobs()
    assert (matter.only.state, matter.only.due_rolled) == (DeadlineState.PAUSED, D("2027-02-15"))
    assert matter.only.next_step_at is None


def test_more_than_one_batch_is_counted(new_matter, clock, run_jobs, monkeypatch):
    monkeypatch.setattr(recount, "BATCH", 2)
    make_staff(["lawyer"])
    clock.set("2027-02-03 09:00")
    matters = [new_matter() for _ in range(5)]
    for one in matters:
        one.open(ANSWER)
    calendar.publish(SYSTEM, table_2027())
    run_jobs()
    assert {one.only.due_rolled for one in matters} == {D("2027-02-15")}


def test_a_deadline_that_ends_while_others_are_counted_is_passed(
    matter, clock, run_jobs, monkeypatch
):
    clock.set("2027-02-03 09:00")
    matter.open(ANSWER)
    calendar.publish(SYSTEM, table_2027())
    real = recount._recount_one

    def met_meanwhile(deadline_id, year):
        matter.meet(ANSWER)
        return real(deadline_id, year)

    monkeypatch.setattr(recount, "_recount_one", met_meanwhile)
    assert recount.recount(2027) == 0
    assert matter.only.due_rolled == D("2027-02-10")


def test_two_recounts_at_once_leave_one_record(matter, clock, monkeypatch):
    make_staff(["lawyer"])
    clock.set("2027-02-03 09:00")
    matter.open(ANSWER)
    calendar.publish(SYSTEM, table_2027())
    real = recount._recount_one

    def twice(deadline_id, year):
        return real(deadline_id, year) + real(deadline_id, year)

    monkeypatch.setattr(recount, "_recount_one", twice)
    assert recount.recount(2027) == 1
    assert len(recounted()) == 1


def test_a_rule_whose_room_is_gone_is_left_as_it_is(matter, clock, monkeypatch):
    clock.set("2027-02-03 09:00")
    matter.open(ANSWER)
    calendar.publish(SYSTEM, table_2027())
    monkeypatch.setattr(rules, "_rules", {})
    assert recount.recount(2027) == 0
    assert matter.only.due_rolled == D("2027-02-10")


def test_loading_years_long_past_asks_for_no_recount(database, clock):
    calendar.load(CONTENT)
    kinds = db.session.scalars(select(Job).where(Job.kind == tasks.RECOUNT)).all()
    assert sorted(job.payload["year"] for job in kinds) == [2025, 2026]


def test_the_preview_names_the_deadlines_that_would_move(api, matter, new_matter, clock, chief):
    make_staff(["lawyer"])
    clock.set("2027-02-03 09:00")
    matter.open(ANSWER, reference="ZX-2027-00001-A")
    new_matter().open(CLAIM)
    path = "/staff/working-days/years/2027"
    tag = api.get(path, headers=chief).headers["ETag"]
    body = {
        "source": "放假安排通知（测试）",
        "days": [
            {"date": day.isoformat(), "kind": kind.value, "name": name}
            for day, (kind, name) in table_2027().days.items()
        ],
    }
    answer = api.put(f"{path}?preview=true", body, headers={**chief, "If-Match": tag})
    assert answer.status_code == 200, answer.json
    assert answer.json["moved_count"] == 1
    assert answer.json["moved_deadlines"] == [
        {
            "name": "答复",
            "reference": "ZX-2027-00001-A",
            "subject_kind": KIND,
            "subject_id": str(matter.id),
            "due_before": "2027-02-10",
            "due_after": "2027-02-15",
        }
    ]
    assert matter.only.due_rolled == D("2027-02-10")
    assert recount.add_impact in impact._providers


@pytest.mark.parametrize("year", [2024, 2028])
def test_a_year_that_touches_nothing_moves_nothing(matter, clock, year):
    clock.set("2026-03-02 09:00")
    matter.open(ANSWER)
    assert recount.recount(year) == 0
