"""What rooms do with deadlines, and what the database refuses."""

from __future__ import annotations

import uuid
from datetime import date, timedelta

import pytest
from sqlalchemy import insert, update
from sqlalchemy.exc import IntegrityError

from portal.core import clock as core_clock
from portal.core.content_files import BrokenFile
from portal.core.db import db, new_id
from portal.core.unit_of_work import unit_of_work
from portal.supervision import operations, queries, rules
from portal.supervision.models import Deadline, DeadlineState
from portal.supervision.operations import AlreadyRunning, NotRunning
from portal.supervision.rules import RESIDENT, DeadlineRule, Unit
from portal.supervision.schemas import DeadlineSchema
from tests.factories.people import make_office, make_staff
from tests.supervision.conftest import ANSWER, CLAIM, CONTENT, KIND, REPLY, REVIEW, SUIT

D = date.fromisoformat


def shown(deadline: Deadline) -> dict:
    return DeadlineSchema().dump(deadline)


def test_a_deadline_is_shown_with_its_name_its_end_and_its_basis(matter, clock):
    clock.set("2026-09-28 09:00")
    matter.open(REVIEW)
    assert shown(matter.only) == {
        "name": "审查并决定",
        "rule": "T-CD7",
        "due_on": "2026-10-08",
        "due_at": "2026-10-08T23:59:59+08:00",
        "working_days_left": 3,
        "paused": False,
        "overdue": False,
        "provisional": False,
        "basis": "法律援助法第四十三条",
    }
    assert (matter.only.due_raw, matter.only.due_rolled) == (D("2026-10-05"), D("2026-10-08"))
    clock.set("2026-10-08 23:59")
    assert (shown(matter.only)["working_days_left"], shown(matter.only)["overdue"]) == (0, False)
    clock.set("2026-10-09 00:00")
    assert (shown(matter.only)["working_days_left"], shown(matter.only)["overdue"]) == (-1, True)


def test_a_deadline_into_a_year_without_a_table_says_so(matter, clock):
    clock.set("2026-08-31 09:00")
    matter.open(SUIT)
    assert shown(matter.only)["provisional"] is True
    assert shown(matter.only)["due_on"] == "2027-03-01"


def test_hours_end_at_the_moment(matter, clock):
    clock.set("2026-03-06 17:30")
    matter.open(CLAIM)
    assert shown(matter.only)["due_at"] == "2026-03-08T17:30:00+08:00"
    assert shown(matter.only)["due_on"] == "2026-03-08"


def test_a_subject_has_one_running_deadline_of_a_rule(matter):
    with unit_of_work():
        matter.open(ANSWER)
        with pytest.raises(AlreadyRunning):
            matter.open(ANSWER)
        # The refusal leaves the unit of work usable.
        matter.open(CLAIM)
    assert len(matter.all) == 2
    matter.meet(ANSWER)
    matter.open(ANSWER)
    assert [one.state for one in matter.all if one.rule_id == ANSWER.id] == [
        DeadlineState.MET,
        DeadlineState.OPEN,
    ]


def test_the_database_keeps_it_so(matter):
    row = matter.open(ANSWER)
    values = {column.key: getattr(row, column.key) for column in Deadline.__mapper__.column_attrs}
    for change in ({}, {"state": DeadlineState.PAUSED}):
        with pytest.raises(IntegrityError), db.engine.begin() as connection:
            connection.execute(insert(Deadline).values({**values, "id": new_id(), **change}))


@pytest.mark.parametrize(
    "change",
    [
        {"due_rolled": D("2026-03-01")},
        {"met_at": "now"},
        {"state": DeadlineState.MET},
        {"amount": -1},
    ],
)
def test_the_database_refuses_a_deadline_that_contradicts_itself(matter, change):
    row = matter.open(ANSWER)
    values = {key: core_clock.now() if value == "now" else value for key, value in change.items()}
    with pytest.raises(IntegrityError), db.engine.begin() as connection:
        connection.execute(update(Deadline).where(Deadline.id == row.id).values(values))


def test_a_pause_gives_back_what_was_left(matter, clock):
    matter.open(REVIEW)
    clock.set("2026-03-04 15:00")
    matter.pause(REVIEW)
    clock.set("2026-03-20 10:00")
    paused = shown(matter.only)
    assert (paused["paused"], paused["overdue"]) == (True, False)
    # Thursday, Friday, Monday: what was left on Wednesday.
    assert paused["working_days_left"] == 3
    matter.resume(REVIEW)
    assert shown(matter.only)["due_on"] == "2026-03-25"
    assert shown(matter.only)["paused"] is False
    (pause,) = matter.only.pauses
    assert (pause.reason, pause.basis) == ("等待补充", "测试依据")
    assert pause.to_at == core_clock.now()


def test_pausing_and_resuming_fit_the_state_or_are_refused(matter):
    for step in (matter.pause, matter.resume):
        with pytest.raises(NotRunning):
            step(REVIEW)
    matter.open(REVIEW)
    with pytest.raises(NotRunning, match="没有暂停"):
        matter.resume(REVIEW)
    matter.pause(REVIEW)
    with pytest.raises(NotRunning, match="没有在计时"):
        matter.pause(REVIEW)


def test_a_pause_dated_before_the_start_begins_with_the_start(matter, clock):
    matter.open(REVIEW)
    start = core_clock.now()
    operations.pause(
        KIND, matter.id, REVIEW.id, reason="r", basis="b", at=start - timedelta(days=3)
    )
    operations.resume(KIND, matter.id, REVIEW.id, at=start - timedelta(days=1))
    (pause,) = matter.only.pauses
    assert pause.from_at == pause.to_at == start
    assert matter.only.due_raw == D("2026-03-09")


def test_meeting_ends_it_in_time_or_late(matter, new_matter, clock):
    matter.open(REVIEW)
    assert matter.meet(REVIEW).met_at == core_clock.now()
    assert matter.meet(REVIEW) is None
    assert shown(matter.only)["overdue"] is False
    assert shown(matter.only)["working_days_left"] is None
    late = new_matter()
    late.open(REVIEW)
    clock.set("2026-03-10 00:00")
    late.meet(REVIEW)
    assert shown(late.only)["overdue"] is True


def test_meeting_while_paused_counts_the_pause_first(matter, clock):
    matter.open(REVIEW)
    clock.set("2026-03-04 15:00")
    matter.pause(REVIEW)
    clock.set("2026-04-01 15:00")
    matter.meet(REVIEW)
    assert matter.only.state is DeadlineState.MET
    assert matter.only.pauses[0].to_at == core_clock.now()
    assert shown(matter.only)["overdue"] is False


def test_cancelling_one_or_all(matter):
    assert operations.cancel(KIND, matter.id, REVIEW.id, reason="撤回") is None
    matter.open(REVIEW)
    matter.open(CLAIM)
    matter.open(ANSWER)
    matter.pause(CLAIM)
    operations.cancel(KIND, matter.id, REVIEW.id, reason="撤回")
    assert len(operations.cancel_all(KIND, matter.id, reason="注销")) == 2
    assert operations.cancel_all(KIND, matter.id, reason="注销") == []
    assert {one.rule_id: one.cancel_reason for one in matter.all} == {
        REVIEW.id: "撤回",
        CLAIM.id: "注销",
        ANSWER.id: "注销",
    }
    assert all(one.next_step_at is None and one.cancelled_at for one in matter.all)
    assert all(pause.to_at for one in matter.all for pause in one.pauses)
    assert queries.deadlines_of(KIND, [matter.id]) == {matter.id: []}
    assert not any(shown(one)["overdue"] for one in matter.all)


def test_restarting_keeps_who_and_what_and_begins_anew(matter, clock):
    staff, office = make_staff(["lawyer"]), make_office()
    with pytest.raises(NotRunning):
        operations.restart(KIND, matter.id, ANSWER.id)
    matter.open(
        ANSWER,
        responsible_staff_id=staff.id,
        office_id=office.id,
        reference="ZX-2026-00001-A",
        amount=10,
    )
    clock.advance(days=2)
    again = operations.restart(KIND, matter.id, ANSWER.id)
    assert again.starts_at == core_clock.now()
    assert (again.responsible_staff_id, again.office_id) == (staff.id, office.id)
    assert (again.reference, again.amount) == ("ZX-2026-00001-A", 10)
    matter.open(CLAIM)
    clock.advance(hours=5)
    assert operations.restart(KIND, matter.id, CLAIM.id).amount == CLAIM.amount
    assert len(matter.all) == 4


def test_giving_it_to_somebody_else(matter):
    staff, office = make_staff(["lawyer"]), make_office()
    assert operations.reassign(KIND, matter.id, ANSWER.id, responsible_staff_id=staff.id) is None
    matter.open(ANSWER)
    operations.reassign(
        KIND, matter.id, ANSWER.id, responsible_staff_id=staff.id, office_id=office.id
    )
    assert matter.only.responsible_staff.display_name == "测试工作人员"
    operations.reassign(
        KIND, matter.id, ANSWER.id, responsible_role="reviewer", responsible_staff_id=None
    )
    assert matter.only.responsible_staff_id is None
    assert (matter.only.responsible_role, matter.only.office_id) == ("reviewer", office.id)
    with pytest.raises(ValueError, match="no such role"):
        operations.reassign(KIND, matter.id, ANSWER.id, responsible_role="king")


def test_another_amount_only_where_the_rule_allows_it(matter):
    assert matter.open(ANSWER, amount=3).due_raw == D("2026-03-05")
    with pytest.raises(ValueError, match="no other amount"):
        matter.open(REVIEW, amount=8)
    with pytest.raises(ValueError, match="no other amount"):
        matter.open(ANSWER, amount=-1)
    assert matter.open(REVIEW, amount=7).amount == 7


def test_unknown_rules_and_roles_are_mistakes(matter):
    with pytest.raises(LookupError):
        operations.open_deadline("X-1", KIND, matter.id, starts_at=core_clock.now())
    with pytest.raises(ValueError, match="no such role"):
        matter.open(ANSWER, responsible_role="king")
    assert matter.open(REPLY).responsible_role == RESIDENT


def test_the_deadlines_of_many_subjects_take_a_fixed_number_of_statements(new_matter, statements):
    matters = [new_matter() for _ in range(12)]
    with unit_of_work():
        for one in matters:
            one.open(REVIEW)
            one.open(CLAIM)
            one.pause(REVIEW)
    db.session.remove()
    ids = [one.id for one in matters] + [uuid.uuid4()]
    with statements() as seen:
        found = queries.deadlines_of(KIND, ids)
    assert len(seen) == 3
    assert [len(found[one]) for one in ids] == [2] * 12 + [0]
    assert [one.rule_id for one in found[ids[0]]] == [CLAIM.id, REVIEW.id]
    assert queries.deadlines_of(KIND, []) == {}


@pytest.mark.parametrize(
    "change",
    [
        {"id": ""},
        {"id": "x" * 21},
        {"label": ""},
        {"basis": ""},
        {"amount": -1},
        {"evidence": "Z"},
        {"evidence": "U"},
        {"responsible": "king"},
        {"remind_before": (timedelta(0),)},
    ],
)
def test_a_rule_that_could_not_be_carried_out_is_refused(change):
    good = {
        "id": "T-X",
        "label": "名称",
        "unit": Unit.CD,
        "amount": 1,
        "basis": "依据",
        "evidence": "R",
        "responsible": "lawyer",
    }
    assert DeadlineRule(**good).text == "1 日"
    with pytest.raises(ValueError, match=r"rule|role"):
        DeadlineRule(**{**good, **change})


def test_a_rule_id_stands_for_one_rule():
    assert rules.register(REVIEW) is REVIEW
    assert rules.get(REVIEW.id) is REVIEW
    assert REVIEW in rules.everything()
    with pytest.raises(ValueError, match="two rules"):
        rules.register(
            DeadlineRule(REVIEW.id, "另一个", Unit.CD, 8, "依据", "R", "legal_aid_officer")
        )
    assert rules.find("X-1") is None
    assert DeadlineRule("T-U", "名称", Unit.CD, 1, "依据", "U", "lawyer", configurable=True)


def test_a_rule_whose_room_is_gone_still_shows(matter, monkeypatch):
    matter.open(REVIEW)
    monkeypatch.setattr(rules, "_rules", {})
    entry = shown(matter.only)
    assert (entry["name"], entry["basis"]) == ("T-CD7", "本平台服务承诺")


def test_the_district_sets_its_own_promises_but_no_statute(matter, monkeypatch, tmp_path):
    monkeypatch.setattr(rules, "_amounts", {})
    file = tmp_path / "deadlines.yaml"
    assert rules.load_amounts(file) == {}
    file.write_text("# nothing yet\n")
    assert rules.load_amounts(file) == {}
    file.write_text(f"amounts: {{{ANSWER.id}: 3}}\n")
    rules.configure(rules.load_amounts(file))
    assert rules.get(ANSWER.id).text == "3 个工作日"
    assert matter.open(ANSWER).due_raw == D("2026-03-05")
    assert rules.register(ANSWER) is ANSWER
    with pytest.raises(BrokenFile, match=f"{REVIEW.id}.*不能在这里改"):
        rules.configure({REVIEW.id: 9})
    # A room that comes later brings a rule that the file has changed already.
    monkeypatch.setitem(rules._amounts, REVIEW.id, 9)
    with pytest.raises(BrokenFile, match=f"{REVIEW.id}.*不能在这里改"):
        rules.register(REVIEW)


def test_an_amount_for_a_rule_that_nobody_has_is_refused(monkeypatch):
    monkeypatch.setattr(rules, "_amounts", {})
    rules.configure({"T-NONE": 3})
    with pytest.raises(BrokenFile, match=r"deadlines\.yaml：没有编号为 T-NONE 的期限"):
        rules.require_known()


@pytest.mark.parametrize(
    "text",
    [
        "[",
        "amounts: 3",
        "- 1",
        "amounts: {T-WD5: 0}",
        "amounts: {T-WD5: x}",
        "amounts: {T-WD5: true}",
        "amounts: {1: 2}",
        "amounts: {T-WD5: 1.5}",
    ],
)
def test_a_wrong_file_of_amounts_is_refused(tmp_path, text):
    file = tmp_path / "deadlines.yaml"
    file.write_text(text)
    with pytest.raises(BrokenFile, match=r"deadlines\.yaml"):
        rules.load_amounts(file)


def test_the_shipped_file_of_amounts_can_be_read():
    assert isinstance(rules.load_amounts(CONTENT / "deadlines.yaml"), dict)


def test_an_office_that_does_not_exist_is_not_taken_for_a_running_deadline(matter):
    with pytest.raises(IntegrityError):
        matter.open(ANSWER, office_id=uuid.uuid4())
    assert matter.all == []
