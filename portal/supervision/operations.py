"""What a room does with its deadlines, in the same unit of work as the step that starts, stops or
ends them.
"""

from __future__ import annotations

import uuid
from datetime import datetime

from sqlalchemy import Select, select
from sqlalchemy.exc import IntegrityError

from portal.core import clock
from portal.core.db import db
from portal.core.errors import Conflict, WrongState
from portal.core.unit_of_work import transactional
from portal.supervision import rules, timing
from portal.supervision.models import Deadline, DeadlinePause, DeadlineState
from portal.working_days.counting import Calendar, current_calendar


class AlreadyRunning(Conflict):
    """The subject has a running deadline of this rule."""

    code = "deadline_already_running"
    message = "这一事项的同一期限已经在计时。"


class NotRunning(WrongState):
    """There is no running deadline of this rule, or it is not in the state the step needs."""

    code = "deadline_not_running"
    message = "这一事项没有可以这样处理的期限。"


@transactional
def open_deadline(
    rule_id: str,
    subject_kind: str,
    subject_id: uuid.UUID,
    *,
    starts_at: datetime,
    responsible_role: str | None = None,
    responsible_staff_id: uuid.UUID | None = None,
    office_id: uuid.UUID | None = None,
    reference: str | None = None,
    amount: int | None = None,
) -> Deadline:
    """Start a deadline and return it.

    `responsible_role` defaults to the rule's. `amount` replaces the rule's where the rule is
    configurable (a period set in a notice). Raises AlreadyRunning when the subject has one of this
    rule running, LookupError for an unknown rule, ValueError for an amount that may not be given or
    a role that does not exist.
    """
    rule = rules.get(rule_id)
    if amount is not None and (amount < 0 or not (rule.configurable or amount == rule.amount)):
        raise ValueError(f"rule {rule_id} takes no other amount")
    role = responsible_role or rule.responsible
    rules.require_role(role)
    deadline = Deadline(
        rule_id=rule_id,
        subject_kind=subject_kind,
        subject_id=subject_id,
        reference=reference,
        office_id=office_id,
        responsible_role=role,
        responsible_staff_id=responsible_staff_id,
        amount=rule.amount if amount is None else amount,
        starts_at=starts_at,
        state=DeadlineState.OPEN,
        pauses=[],
        steps=[],
    )
    count(deadline, current_calendar())
    try:
        # A savepoint, so that losing the race leaves the caller's unit of work usable.
        with db.session.begin_nested():
            db.session.add(deadline)
    except IntegrityError as error:
        if _locked(subject_kind, subject_id, rule_id) is None:
            # Not the race: an office or a member of staff that does not exist, a caller's mistake.
            raise
        raise AlreadyRunning from error
    return deadline


@transactional
def pause(
    subject_kind: str,
    subject_id: uuid.UUID,
    rule_id: str,
    *,
    reason: str,
    basis: str,
    at: datetime | None = None,
) -> Deadline:
    """Stop the clock from `at` (now) on, for a lawful `reason` on a `basis`; raises NotRunning
    unless it is running.
    """
    deadline = _locked(subject_kind, subject_id, rule_id)
    if deadline is None or deadline.state is not DeadlineState.OPEN:
        raise NotRunning("期限没有在计时，不能暂停。")
    moment = max(at or clock.now(), deadline.starts_at)
    deadline.pauses.append(DeadlinePause(from_at=moment, reason=reason, basis=basis))
    deadline.state = DeadlineState.PAUSED
    deadline.next_step_at = None
    db.session.flush()
    return deadline


@transactional
def resume(
    subject_kind: str, subject_id: uuid.UUID, rule_id: str, *, at: datetime | None = None
) -> Deadline:
    """Let the clock run again from `at` (now) on, with what was left; raises NotRunning unless it
    is paused.
    """
    deadline = _locked(subject_kind, subject_id, rule_id)
    if deadline is None or deadline.state is not DeadlineState.PAUSED:
        raise NotRunning("期限没有暂停，不能恢复计时。")
    _end_pause(deadline, at or clock.now())
    deadline.state = DeadlineState.OPEN
    count(deadline, current_calendar())
    db.session.flush()
    return deadline


@transactional
def meet(subject_kind: str, subject_id: uuid.UUID, rule_id: str) -> Deadline | None:
    """Mark the running deadline as met now; returns it, or None when none is running."""
    deadline = _locked(subject_kind, subject_id, rule_id)
    if deadline is None:
        return None
    now = clock.now()
    if deadline.state is DeadlineState.PAUSED:
        _end_pause(deadline, now)
        count(deadline, current_calendar())
    deadline.state = DeadlineState.MET
    deadline.met_at = now
    deadline.next_step_at = None
    db.session.flush()
    return deadline


@transactional
def cancel(
    subject_kind: str, subject_id: uuid.UUID, rule_id: str, *, reason: str
) -> Deadline | None:
    """End the running deadline without its having been met; returns it, or None when none is
    running.
    """
    deadline = _locked(subject_kind, subject_id, rule_id)
    if deadline is not None:
        _cancel(deadline, reason)
        db.session.flush()
    return deadline


@transactional
def cancel_all(subject_kind: str, subject_id: uuid.UUID, *, reason: str) -> list[Deadline]:
    """End every running deadline of the subject (withdrawn, deleted); returns them."""
    found = list(
        db.session.scalars(
            _running(subject_kind, subject_id)
            .with_for_update(of=Deadline)
            .execution_options(populate_existing=True)
        )
    )
    for deadline in found:
        _cancel(deadline, reason)
    db.session.flush()
    return found


@transactional
def restart(
    subject_kind: str, subject_id: uuid.UUID, rule_id: str, *, starts_at: datetime | None = None
) -> Deadline:
    """Begin the running deadline anew from `starts_at` (now), for promises that count from the last
    sign of life.

    Its pauses end with the old clock and its reminders will be sent again. Raises NotRunning when
    none is running.
    """
    deadline = _locked(subject_kind, subject_id, rule_id)
    if deadline is None:
        raise NotRunning
    _cancel(deadline, "重新计时")
    db.session.flush()
    return open_deadline(
        rule_id,
        subject_kind,
        subject_id,
        starts_at=starts_at or clock.now(),
        responsible_role=deadline.responsible_role,
        responsible_staff_id=deadline.responsible_staff_id,
        office_id=deadline.office_id,
        reference=deadline.reference,
        amount=deadline.amount if rules.get(rule_id).configurable else None,
    )


@transactional
def reassign(
    subject_kind: str,
    subject_id: uuid.UUID,
    rule_id: str,
    *,
    responsible_role: str | None = None,
    responsible_staff_id: uuid.UUID | None = None,
    office_id: uuid.UUID | None = None,
) -> Deadline | None:
    """Give the running deadline to somebody else; returns it, or None when none is running.

    `responsible_staff_id` None means the role as a whole. A role or office that is not given stays.
    """
    deadline = _locked(subject_kind, subject_id, rule_id)
    if responsible_role is not None:
        rules.require_role(responsible_role)
    if deadline is None:
        return None
    deadline.responsible_staff_id = responsible_staff_id
    deadline.responsible_role = responsible_role or deadline.responsible_role
    deadline.office_id = office_id or deadline.office_id
    db.session.flush()
    return deadline


def is_residents(deadline: Deadline) -> bool:
    """True when the resident, and not an office, has to act."""
    return deadline.responsible_role == rules.RESIDENT


def compute(deadline: Deadline, calendar: Calendar) -> timing.Due:
    """Return the end of `deadline` on `calendar`, with its ended pauses taken out."""
    rule = rules.get(deadline.rule_id)
    return timing.due(
        calendar,
        rule.unit,
        deadline.amount,
        deadline.starts_at,
        [(pause.from_at, pause.to_at) for pause in deadline.pauses if pause.to_at is not None],
        for_resident=is_residents(deadline),
    )


def apply(deadline: Deadline, due: timing.Due) -> None:
    """Write an end that was computed, and when the sweep has to come next."""
    deadline.due_raw, deadline.due_rolled = due.raw, due.rolled
    deadline.due_at, deadline.alarm_at = due.at, due.alarm_at
    deadline.provisional = due.provisional
    plan_next_step(deadline)


def plan_next_step(deadline: Deadline) -> None:
    """Set when the sweep has to look at `deadline` next; never while it is not open."""
    deadline.next_step_at = (
        timing.next_step_at(planned_steps(deadline), [step.step for step in deadline.steps])
        if deadline.state is DeadlineState.OPEN
        else None
    )


def planned_steps(deadline: Deadline) -> list[timing.Step]:
    """Return the reminders, alarm and overdue mark of `deadline`, done or not, in order of time."""
    rule = rules.find(deadline.rule_id)
    return timing.steps(
        timing.Due(
            deadline.due_raw,
            deadline.due_rolled,
            deadline.due_at,
            deadline.alarm_at,
            deadline.provisional,
        ),
        rule.remind_before if rule else (),
        deadline.starts_at,
        for_resident=is_residents(deadline),
    )


def count(deadline: Deadline, calendar: Calendar) -> None:
    """Compute and write the end of `deadline`."""
    apply(deadline, compute(deadline, calendar))


def _running(subject_kind: str, subject_id: uuid.UUID) -> Select[Deadline]:
    return select(Deadline).where(
        Deadline.subject_kind == subject_kind,
        Deadline.subject_id == subject_id,
        Deadline.state.in_((DeadlineState.OPEN, DeadlineState.PAUSED)),
    )


def _locked(subject_kind: str, subject_id: uuid.UUID, rule_id: str) -> Deadline | None:
    """Load the running deadline and keep the sweep and other requests off it until the commit."""
    found: Deadline | None = db.session.scalar(
        _running(subject_kind, subject_id)
        .where(Deadline.rule_id == rule_id)
        .with_for_update(of=Deadline)
        .execution_options(populate_existing=True)
    )
    return found


def _end_pause(deadline: Deadline, at: datetime) -> None:
    lasting = next(pause for pause in deadline.pauses if pause.to_at is None)
    lasting.to_at = max(at, lasting.from_at)


def _cancel(deadline: Deadline, reason: str) -> None:
    now = clock.now()
    if deadline.state is DeadlineState.PAUSED:
        _end_pause(deadline, now)
    deadline.state = DeadlineState.CANCELLED
    deadline.cancelled_at = now
    deadline.cancel_reason = reason
    deadline.next_step_at = None
