"""What a new or corrected calendar changes: the preview for staff, and counting again after it is
published.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import date

import structlog
from sqlalchemy import select

from portal.audit import operations as audit
from portal.core import clock
from portal.core.actor import SYSTEM
from portal.core.db import db
from portal.core.unit_of_work import unit_of_work
from portal.supervision import messages, operations, rules, timing
from portal.supervision.models import Deadline
from portal.supervision.queries import RUNNING
from portal.supervision.schemas import name_of
from portal.working_days import notice
from portal.working_days.counting import Calendar, current_calendar
from portal.working_days.impact import Impact, MovedDate

BATCH = 500
_log = structlog.get_logger(__name__)


def add_impact(year: int, calendar: Calendar, impact: Impact) -> None:
    """Add the running deadlines that would end on another day by `calendar`."""
    for deadline in _leaning_on(year):
        due = operations.compute(deadline, calendar)
        if due.rolled != deadline.due_rolled:
            impact.add(
                MovedDate(
                    name_of(deadline),
                    deadline.reference,
                    deadline.subject_kind,
                    deadline.subject_id,
                    deadline.due_rolled,
                    due.rolled,
                )
            )


def recount(year: int) -> int:
    """Count the running deadlines that lean on `year` again; returns how many changed. Safe to
    repeat.

    Each one changes in a unit of work of its own, with an audit row, and with a message when its
    lawful end moved.
    """
    changed = [
        deadline.id
        for deadline in _leaning_on(year)
        if _differs(deadline, operations.compute(deadline, current_calendar()))
    ]
    db.session.rollback()
    return sum(_recount_one(deadline_id, year) for deadline_id in changed)


def _leaning_on(year: int) -> Iterator[Deadline]:
    """Yield the running deadlines whose end the table of `year` can move, in batches."""
    first, last = notice.span(year)
    after: uuid.UUID | None = None
    while True:
        query = select(Deadline).where(
            Deadline.state.in_(RUNNING),
            Deadline.due_rolled >= first,
            Deadline.starts_at <= clock.end_of_day(last),
        )
        if after is not None:
            query = query.where(Deadline.id > after)
        found = list(db.session.scalars(query.order_by(Deadline.id).limit(BATCH)))
        for deadline in found:
            if rules.find(deadline.rule_id) is None:
                # Its room is not installed any more: nobody can say how it is counted.
                _log.warning("deadline_without_rule", rule=deadline.rule_id)
                continue
            yield deadline
        if len(found) < BATCH:
            return
        after = found[-1].id


def _differs(deadline: Deadline, due: timing.Due) -> bool:
    return (deadline.due_raw, deadline.due_rolled, deadline.provisional) != (
        due.raw,
        due.rolled,
        due.provisional,
    )


def _recount_one(deadline_id: uuid.UUID, year: int) -> bool:
    with unit_of_work():
        deadline = db.session.get(
            Deadline,
            deadline_id,
            populate_existing=True,
            with_for_update={"of": Deadline},
        )
        if deadline is None or deadline.state not in RUNNING:
            return False
        due = operations.compute(deadline, current_calendar())
        if not _differs(deadline, due):
            return False
        before: date = deadline.due_rolled
        taken_back = deadline.overdue_at is not None and due.at > clock.now()
        if taken_back:
            _take_back(deadline, due)
        operations.apply(deadline, due)
        audit.record(
            SYSTEM,
            "deadline.recounted",
            deadline.subject_kind,
            deadline.subject_id,
            {
                "rule": deadline.rule_id,
                "calendar_year": year,
                "due_before": before,
                "due_after": due.rolled,
                "provisional": due.provisional,
                "overdue_taken_back": taken_back,
            },
            deadline.reference,
        )
        if before != due.rolled:
            messages.moved(deadline, before)
        return True


def _take_back(deadline: Deadline, due: timing.Due) -> None:
    """Undo an overdue mark whose day turned out to be a rest day; it will be set again if it comes
    to that.
    """
    deadline.overdue_at = None
    undone = {timing.OVERDUE} | ({timing.ALARM} if due.alarm_at > clock.now() else set())
    for step in [step for step in deadline.steps if step.step in undone]:
        deadline.steps.remove(step)
    db.session.flush()
