"""The one timer of the portal: reminders, alarms and overdue marks, each exactly once.

Each deadline is taken in a unit of work of its own: the guarded statement that claims the step, the
record of it, the messages, the audit row and what the rooms do about it land together or not at
all. One that fails is logged and taken again by the next sweep, and holds up no other.
"""

from __future__ import annotations

import uuid
from collections import Counter
from datetime import datetime, timedelta

import structlog
from sqlalchemy import select, tuple_, update
from sqlalchemy.orm.attributes import set_committed_value

from portal.audit import operations as audit
from portal.core import clock, events
from portal.core.actor import SYSTEM
from portal.core.db import db, rows_changed
from portal.core.unit_of_work import unit_of_work
from portal.supervision import messages, operations, timing
from portal.supervision.events import DeadlineOverdue
from portal.supervision.models import Deadline, DeadlineState, DeadlineStep

BATCH = 50
# What one sweep takes at most, so that a backlog does not keep the worker from its other jobs.
MOST = 100
AGAIN = timedelta(minutes=5)

_log = structlog.get_logger(__name__)


def sweep(most: int = MOST) -> Counter[str]:
    """Take the steps that are due; returns how many of each: reminded, alarm, overdue, passed,
    failed.

    `passed` counts deadlines that another process or a room's step was quicker with.
    """
    outcome: Counter[str] = Counter()
    now = clock.now()
    after: tuple[datetime, uuid.UUID] | None = None
    while outcome.total() < most:
        found = _due(now, after, min(BATCH, most - outcome.total()))
        if not found:
            break
        for deadline_id, next_step_at in found:
            after = (next_step_at, deadline_id)
            try:
                outcome[_take(deadline_id, now)] += 1
            except Exception:  # noqa: BLE001 - one room's failure must not stop everyone's reminders
                outcome["failed"] += 1
                _log.exception("deadline_step_failed", deadline_id=str(deadline_id))
                _postpone(deadline_id, next_step_at, now)
    return outcome


def _due(
    now: datetime, after: tuple[datetime, uuid.UUID] | None, size: int
) -> list[tuple[uuid.UUID, datetime]]:
    query = select(Deadline.id, Deadline.next_step_at).where(
        Deadline.state == DeadlineState.OPEN, Deadline.next_step_at <= now
    )
    if after is not None:
        query = query.where(tuple_(Deadline.next_step_at, Deadline.id) > after)
    rows = db.session.execute(query.order_by(Deadline.next_step_at, Deadline.id).limit(size)).all()
    # Ends the read, so that every unit of work sees the present.
    db.session.rollback()
    return [(deadline_id, at) for deadline_id, at in rows if at is not None]


def _postpone(deadline_id: uuid.UUID, seen: datetime, now: datetime) -> None:
    """Put a deadline whose step failed behind the others, so that many such do not fill every sweep."""
    with unit_of_work():
        db.session.execute(
            update(Deadline)
            .where(Deadline.id == deadline_id, Deadline.next_step_at == seen)
            .values(next_step_at=now + AGAIN)
            .execution_options(synchronize_session=False)
        )


def _take(deadline_id: uuid.UUID, now: datetime) -> str:
    """Take the most urgent step of one deadline that is due; the ones before it are passed over."""
    with unit_of_work():
        deadline = db.session.get(Deadline, deadline_id, populate_existing=True)
        if deadline is None or deadline.state is not DeadlineState.OPEN:
            return "passed"
        seen = deadline.next_step_at
        done = {step.step for step in deadline.steps}
        planned = operations.planned_steps(deadline)
        due = [step for step in planned if step.code not in done and step.at <= now]
        overdue = any(step.code == timing.OVERDUE for step in due)
        following = timing.next_step_at(planned, done | {step.code for step in due})
        claimed = db.session.execute(
            update(Deadline)
            .where(
                Deadline.id == deadline_id,
                Deadline.state == DeadlineState.OPEN,
                Deadline.next_step_at == seen,
            )
            .values(
                next_step_at=following,
                overdue_at=now if overdue else deadline.overdue_at,
                updated_at=now,
            )
            .execution_options(synchronize_session=False)
        )
        if rows_changed(claimed) != 1:
            return "passed"
        if not due:
            # The rule's reminders have changed since it was planned; it is planned anew by now.
            return "passed"
        deadline.steps.extend(DeadlineStep(step=step.code, done_at=now) for step in due)
        # What the statement wrote, without reading it again: a room may go on with this object.
        set_committed_value(deadline, "next_step_at", following)
        if overdue:
            set_committed_value(deadline, "overdue_at", now)
        db.session.flush()
        return _act(deadline, due[-1])


def _act(deadline: Deadline, step: timing.Step) -> str:
    if step.code == timing.ALARM:
        messages.alarm(deadline)
        return "alarm"
    if step.code != timing.OVERDUE:
        messages.remind(deadline)
        return "reminded"
    audit.record(
        SYSTEM,
        "deadline.overdue",
        deadline.subject_kind,
        deadline.subject_id,
        {"rule": deadline.rule_id, "due_on": deadline.due_rolled, "deadline_id": deadline.id},
        deadline.reference,
    )
    messages.overdue(deadline)
    events.publish(
        DeadlineOverdue(deadline.id, deadline.rule_id, deadline.subject_kind, deadline.subject_id)
    )
    return "overdue"
