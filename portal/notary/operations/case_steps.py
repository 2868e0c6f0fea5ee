"""What every step of a case does: move the state, write the history and the audit row, tell the party, run its clocks."""

from __future__ import annotations

import uuid
from datetime import datetime

from sqlalchemy import insert

from portal.audit import operations as audit
from portal.core import clock
from portal.core.actor import Actor
from portal.core.db import db, new_id
from portal.notary import policies
from portal.notary.case_workflow import CASE
from portal.notary.models import CASE_KIND, NotaryCase, NotaryHistory
from portal.notary.operations import steps
from portal.notifications import operations as notifications
from portal.supervision import operations as supervision
from portal.supervision.models import Deadline


def move(
    case: NotaryCase,
    action: str,
    actor: Actor,
    detail: steps.Detail | None = None,
    *,
    label: str | None = None,
) -> None:
    """Carry out the transition of a case that was loaded for update, and record it; raises what the workflow raises.

    `label` says in the history what happened where the name of the action leaves it open.
    """
    row = CASE.execute(case, action, actor)
    note(case, action, label or row.label, actor, detail)


def note(
    case: NotaryCase, action: str, label: str, actor: Actor, detail: steps.Detail | None = None
) -> None:
    """Write one line of the history and of the audit record."""
    # The row itself changes with every step, so that its version tells one step from the next.
    case.updated_at = clock.now()
    db.session.flush()
    db.session.execute(
        insert(NotaryHistory).values(
            id=new_id(),
            case_id=case.id,
            action=action,
            label=label,
            state=case.state.value,
            seats=0,
            actor_kind=actor.kind.value,
            actor_id=actor.id,
            at=clock.now(),
        )
    )
    audit.record(
        actor,
        f"notary_case.{action}",
        CASE_KIND,
        case.id,
        {"state": case.state.value, **(detail or {})},
        reference=case.reference,
    )


def tell(case: NotaryCase, template: str, **params: str | int) -> None:
    """Have the resident told after the commit."""
    if case.account_id is not None:
        steps.tell_resident(
            case.account_id,
            template,
            params,
            subject_kind=CASE_KIND,
            subject_id=case.id,
            reference=case.reference,
            safety=case.contact_safety.value,
        )


def tell_staff(
    case: NotaryCase, template: str, *, staff_id: uuid.UUID | None = None, **params: str | int
) -> None:
    """Tell the clerks of the office, or one of them."""
    notifications.notify_staff(
        staff_id,
        template,
        params,
        role=policies.CLERK if staff_id is None else None,
        office_id=case.office_id,
        subject_kind=CASE_KIND,
        subject_id=case.id,
        reference=case.reference,
    )


def start_clock(
    case: NotaryCase,
    rule_id: str,
    *,
    staff_id: uuid.UUID | None = None,
    starts_at: datetime | None = None,
) -> Deadline:
    """Start a clock of the case (now); whose it is stands in the rule."""
    return supervision.open_deadline(
        rule_id,
        CASE_KIND,
        case.id,
        starts_at=starts_at or clock.now(),
        responsible_staff_id=staff_id,
        office_id=case.office_id,
        reference=case.reference,
    )


def spoken_end(deadline: Deadline) -> str:
    """Return the lawful last day as a person says it."""
    said = clock.spoken_day(deadline.due_rolled)
    return f"{said}（暂定，放假安排公布后可能调整）" if deadline.provisional else said
