"""What every step of a consultation does: move the state, write the timeline and the audit record, tell the resident."""

from __future__ import annotations

import uuid

from portal.audit import operations as audit
from portal.consultations import deadlines
from portal.consultations.models import (
    SUBJECT_KIND,
    Consultation,
    ConsultationMessage,
    MessageKind,
    TimelineEvent,
)
from portal.consultations.notifications import NEXT_STEP_BY_STATE, RESIDENT_TEMPLATES
from portal.consultations.workflow import CONSULTATION
from portal.core import clock
from portal.core.actor import Actor
from portal.core.db import db
from portal.notifications import operations as notifications
from portal.supervision import operations as supervision

Detail = dict[str, str | int | bool | None]


def move(
    consultation: Consultation, action: str, actor: Actor, detail: Detail | None = None
) -> None:
    """Carry out the transition and record it; raises what the workflow raises."""
    row = CONSULTATION.execute(consultation, action, actor)
    note(consultation, action, row.label, actor, detail)
    template = RESIDENT_TEMPLATES.get(action)
    if template and consultation.resident_id is not None:
        notifications.notify_resident(
            consultation.resident_id,
            template,
            {},
            subject_kind=SUBJECT_KIND,
            subject_id=consultation.id,
            reference=consultation.reference,
            safety=consultation.contact_safety,
        )


def note(
    consultation: Consultation,
    action: str,
    label: str,
    actor: Actor,
    detail: Detail | None = None,
) -> None:
    """Write one line of the timeline and of the audit record."""
    consultation.events.append(
        TimelineEvent(
            action=action,
            label=label,
            actor_kind=actor.kind.value,
            next_step=NEXT_STEP_BY_STATE[consultation.state],
            at=clock.now(),
        )
    )
    # The row itself changes with every step, so that its version tells one step from the next.
    consultation.updated_at = clock.now()
    db.session.flush()
    audit.record(
        actor,
        f"consultation.{action}",
        SUBJECT_KIND,
        consultation.id,
        {"state": consultation.state.value, **(detail or {})},
        reference=consultation.reference,
    )


def add_message(
    consultation: Consultation, kind: MessageKind, text: str, actor: Actor
) -> ConsultationMessage:
    """Add a message to the conversation."""
    message = ConsultationMessage(
        kind=kind,
        text=text,
        author_staff_id=actor.id if actor.is_staff else None,
        created_at=clock.now(),
    )
    consultation.messages.append(message)
    db.session.flush()
    return message


def start_clock(
    consultation: Consultation, rule_id: str, *, staff_id: uuid.UUID | None = None
) -> None:
    """Start a clock of the room now; whose it is stands in the rule, `staff_id` names the one person."""
    supervision.open_deadline(
        rule_id,
        SUBJECT_KIND,
        consultation.id,
        starts_at=clock.now(),
        responsible_staff_id=staff_id,
        reference=consultation.reference,
    )


def start_silence(consultation: Consultation) -> None:
    """Start the clock after which a claimed question without progress goes back to the queue (CO-D3)."""
    start_clock(consultation, deadlines.CLAIM_SILENCE, staff_id=consultation.lawyer_id)


def tell_staff(consultation: Consultation, staff_id: uuid.UUID | None, template: str) -> None:
    """Tell one member of staff something about the consultation."""
    notifications.notify_staff(
        staff_id,
        template,
        {},
        subject_kind=SUBJECT_KIND,
        subject_id=consultation.id,
        reference=consultation.reference,
    )
