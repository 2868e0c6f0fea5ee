"""What a moderator does: accept, reject with a reason, return for facts, undo, and the same for many at once."""

from __future__ import annotations

from dataclasses import dataclass

from portal.consultations import deadlines
from portal.consultations.models import (
    SUBJECT_KIND,
    Consultation,
    MessageKind,
    RejectionReason,
)
from portal.consultations.operations import steps
from portal.core.actor import Actor
from portal.core.errors import DomainError
from portal.core.unit_of_work import transactional
from portal.knowledge import queries as knowledge
from portal.supervision import operations as supervision
from portal.supervision.rules import PLATFORM_PROMISE


@transactional
def accept(actor: Actor, consultation: Consultation, category: str | None = None) -> Consultation:
    """Let the question through to the lawyers' queue, under another category if it was misplaced; starts CO-D2."""
    if category is not None:
        knowledge.require_category(category)
    steps.move(consultation, "accept", actor, {"category": category})
    if category is not None:
        consultation.category = category
    supervision.meet(SUBJECT_KIND, consultation.id, deadlines.MODERATE)
    steps.start_clock(consultation, deadlines.ANSWER)
    return consultation


@transactional
def reject(
    actor: Actor, consultation: Consultation, reason: RejectionReason, note: str | None = None
) -> Consultation:
    """Refuse the question with a reason code, which tells the resident where to go instead."""
    consultation.rejection_reason = reason
    consultation.rejection_note = note or None
    steps.move(consultation, "reject", actor, {"reason": reason.value})
    supervision.meet(SUBJECT_KIND, consultation.id, deadlines.MODERATE)
    return consultation


@transactional
def return_for_facts(actor: Actor, consultation: Consultation, request: str) -> Consultation:
    """Ask the resident for what is missing; the moderation clock stops until they answer (CO-D4)."""
    steps.move(consultation, "return", actor)
    steps.add_message(consultation, MessageKind.FACTS_REQUEST, request, actor)
    pause_for_resident(consultation, deadlines.MODERATE, "等待居民补充情况")
    return consultation


def pause_for_resident(consultation: Consultation, rule_id: str, reason: str) -> None:
    """Stop the office's clock and start the resident's."""
    supervision.pause(SUBJECT_KIND, consultation.id, rule_id, reason=reason, basis=PLATFORM_PROMISE)
    steps.start_clock(consultation, deadlines.RESIDENT_REPLY)


@transactional
def reopen(actor: Actor, consultation: Consultation) -> Consultation:
    """Undo a rejection: the question is moderated again under a fresh clock."""
    steps.move(consultation, "reopen", actor)
    consultation.rejection_reason = None
    consultation.rejection_note = None
    steps.start_clock(consultation, deadlines.MODERATE)
    return consultation


@dataclass(frozen=True)
class BulkOutcome:
    """What happened, or would happen, to one question of a bulk decision."""

    consultation: Consultation
    done: bool
    message: str


@transactional
def moderate_many(
    actor: Actor,
    consultations: list[Consultation],
    decision: str,
    reason: RejectionReason | None,
    *,
    preview: bool,
) -> list[BulkOutcome]:
    """Accept or reject many questions. With `preview` nothing is changed; otherwise what cannot be moved is left and told."""
    outcomes = []
    for consultation in consultations:
        try:
            _check(actor, consultation, decision)
            if not preview:
                if decision == "accept":
                    accept(actor, consultation)
                elif reason is not None:
                    reject(actor, consultation, reason)
        except DomainError as error:
            outcomes.append(BulkOutcome(consultation, done=False, message=error.message))
            continue
        verb = "将受理" if decision == "accept" else "将不予受理"
        done = "已受理" if decision == "accept" else "已不予受理"
        outcomes.append(BulkOutcome(consultation, done=True, message=verb if preview else done))
    return outcomes


def _check(actor: Actor, consultation: Consultation, decision: str) -> None:
    from portal.consultations.workflow import CONSULTATION
    from portal.core.errors import WrongState

    if not any(row.action == decision for row in CONSULTATION.allowed(consultation, actor)):
        raise WrongState(f"目前是“{consultation.state.label}”，不能这样处理。")
