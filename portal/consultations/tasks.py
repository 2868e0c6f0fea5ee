"""What the portal does by itself when a deadline of this room passes. The timing is supervision's."""

from __future__ import annotations

from portal.consultations import deadlines, operations
from portal.consultations.models import SUBJECT_KIND, Consultation, ConsultationState
from portal.consultations.operations import steps
from portal.consultations.queries import for_update
from portal.core.actor import SYSTEM
from portal.core.events import subscribe
from portal.supervision import operations as supervision
from portal.supervision.events import DeadlineOverdue


@subscribe(DeadlineOverdue)
def act_on_overdue(event: DeadlineOverdue) -> None:
    """Release a silent claim, let an unanswered request lapse, close what had no follow-up. Safe to repeat."""
    if event.subject_kind != SUBJECT_KIND:
        return
    consultation = for_update(event.subject_id)
    if consultation is None:
        return
    if event.rule_id == deadlines.CLAIM_SILENCE:
        if consultation.state is ConsultationState.CLAIMED:
            operations.release(SYSTEM, consultation)
    elif event.rule_id == deadlines.RESIDENT_REPLY:
        _lapse(consultation)
    elif event.rule_id == deadlines.FOLLOW_UP and consultation.state is ConsultationState.ANSWERED:
        operations.close(SYSTEM, consultation)


def _lapse(consultation: Consultation) -> None:
    if consultation.state not in (ConsultationState.RETURNED, ConsultationState.ASKED_BACK):
        return
    steps.move(consultation, "lapse", SYSTEM)
    supervision.cancel_all(SUBJECT_KIND, consultation.id, reason="居民逾期未补充")
