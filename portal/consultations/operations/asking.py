"""What a resident does: ask, add, withdraw, follow up, rate, close."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field

from portal.accounts.models import ContactSafety
from portal.accounts.operations import sessions
from portal.attachments import operations as attachments
from portal.consultations import deadlines, policies
from portal.consultations.models import (
    SUBJECT_KIND,
    Consultation,
    ConsultationState,
    MessageKind,
    PublicationState,
)
from portal.consultations.operations import steps
from portal.consultations.operations.publishing import withdraw_publication
from portal.core import clock
from portal.core.actor import SYSTEM, Actor
from portal.core.db import db, new_id
from portal.core.errors import Conflict, Forbidden, WrongState
from portal.core.references import next_reference
from portal.core.unit_of_work import transactional
from portal.knowledge import queries as knowledge
from portal.notifications import operations as notifications
from portal.supervision import operations as supervision

REFERENCE_PREFIX = "ZX"
MAX_ATTACHMENTS = 9


@dataclass(frozen=True)
class Question:
    """What a resident submits. `text` is in plain words; attachments were uploaded before."""

    category: str
    text: str
    keep_unpublished: bool
    contact_safety: ContactSafety = ContactSafety.NORMAL
    attachment_ids: list[uuid.UUID] = field(default_factory=list)


@transactional
def ask(actor: Actor, question: Question) -> Consultation:
    """Submit a question; starts the moderation clock (CO-D1). Raises Invalid for an unknown category or attachment."""
    if not actor.is_resident:
        raise Forbidden("只有居民可以提交咨询。")
    sessions.require_active(actor)
    knowledge.require_category(question.category)
    now = clock.now()
    consultation = Consultation(
        id=new_id(),
        reference=next_reference(REFERENCE_PREFIX),
        resident_id=actor.id,
        state=ConsultationState.SUBMITTED,
        category=question.category,
        text=question.text,
        keep_unpublished=question.keep_unpublished,
        contact_safety=question.contact_safety,
        submitted_at=now,
    )
    db.session.add(consultation)
    db.session.flush()
    attachments.attach(
        actor, question.attachment_ids, SUBJECT_KIND, consultation.id, limit=MAX_ATTACHMENTS
    )
    steps.start_clock(consultation, deadlines.MODERATE)
    steps.note(consultation, "submit", "提交咨询", actor)
    notifications.notify_resident(
        actor.own_id,
        "consultation.submitted",
        {},
        subject_kind=SUBJECT_KIND,
        subject_id=consultation.id,
        reference=consultation.reference,
        safety=consultation.contact_safety,
    )
    return consultation


@transactional
def say(
    actor: Actor, consultation: Consultation, text: str, attachment_ids: list[uuid.UUID]
) -> Consultation:
    """Answer what was asked of the resident: facts for the moderator, or a reply to the lawyer.

    Resumes the clock that the question had stopped. Raises WrongState when nothing was asked.
    """
    state = consultation.state
    if state in (ConsultationState.RETURNED, ConsultationState.LAPSED):
        _back_to_work(actor, consultation, "supplement", MessageKind.SUPPLEMENT, text)
    elif state is ConsultationState.ASKED_BACK:
        _back_to_work(actor, consultation, "reply", MessageKind.REPLY, text)
    else:
        raise WrongState(f"这条咨询目前是“{state.label}”，不需要补充。")
    attachments.attach(actor, attachment_ids, SUBJECT_KIND, consultation.id, limit=MAX_ATTACHMENTS)
    return consultation


def _back_to_work(
    actor: Actor, consultation: Consultation, action: str, kind: MessageKind, text: str
) -> None:
    lapsed = consultation.state is ConsultationState.LAPSED
    steps.move(consultation, action, actor)
    steps.add_message(consultation, kind, text, actor)
    if not lapsed:
        supervision.meet(SUBJECT_KIND, consultation.id, deadlines.RESIDENT_REPLY)
    if action == "reply":
        supervision.resume(SUBJECT_KIND, consultation.id, deadlines.ANSWER)
        steps.start_silence(consultation)
        if consultation.lawyer_id is not None:
            steps.tell_staff(consultation, consultation.lawyer_id, "consultation.staff.replied")
        return
    if lapsed:
        # The lapse ended the old clocks; the question starts over, without the lawyer who had it.
        consultation.lawyer_id = None
        steps.start_clock(consultation, deadlines.MODERATE)
    else:
        supervision.resume(SUBJECT_KIND, consultation.id, deadlines.MODERATE)


@transactional
def withdraw(actor: Actor, consultation: Consultation) -> Consultation:
    """Take the question back, as long as no answer is being signed; ends all its clocks and tells the lawyer."""
    _take_back(actor, consultation, "withdraw", "居民撤回")
    return consultation


@transactional
def erase(consultation: Consultation) -> None:
    """End the question of somebody who closes their account, whatever is under way."""
    _take_back(SYSTEM, consultation, "erase", "账号注销")


def _take_back(actor: Actor, consultation: Consultation, action: str, reason: str) -> None:
    steps.move(consultation, action, actor)
    supervision.cancel_all(SUBJECT_KIND, consultation.id, reason=reason)
    if consultation.lawyer_id is not None:
        steps.tell_staff(consultation, consultation.lawyer_id, "consultation.staff.withdrawn")


@transactional
def follow_up(actor: Actor, consultation: Consultation, text: str) -> Consultation:
    """Ask once more about the answer; the same lawyer goes on with a new answer clock."""
    steps.move(consultation, "follow_up", actor)
    consultation.follow_up_used = True
    steps.add_message(consultation, MessageKind.FOLLOW_UP, text, actor)
    supervision.meet(SUBJECT_KIND, consultation.id, deadlines.FOLLOW_UP)
    steps.start_clock(consultation, deadlines.ANSWER, staff_id=consultation.lawyer_id)
    steps.start_silence(consultation)
    steps.tell_staff(consultation, consultation.lawyer_id, "consultation.staff.follow_up")
    return consultation


@transactional
def rate(
    actor: Actor, consultation: Consultation, rating: int, comment: str | None
) -> Consultation:
    """Rate the answer, 1 to 5; a later rating replaces the earlier one. Raises Conflict before there is an answer."""
    if not policies.can_speak_for(actor, consultation):
        raise Forbidden
    if consultation.answered_at is None:
        raise Conflict("这条咨询还没有答复，暂时不能评价。", code="not_answered_yet")
    consultation.rating = rating
    consultation.rating_comment = comment or None
    steps.note(consultation, "rate", "评价", actor, {"rating": rating})
    return consultation


@transactional
def close(actor: Actor, consultation: Consultation) -> Consultation:
    """Finish: by the resident, who needs no follow-up, or by the portal when the time for one is over."""
    steps.move(consultation, "close", actor)
    supervision.meet(SUBJECT_KIND, consultation.id, deadlines.FOLLOW_UP)
    return consultation


@transactional
def change_wish(actor: Actor, consultation: Consultation, keep_unpublished: bool) -> Consultation:
    """Change the wish to stay unpublished; a text that is public already is taken back at once."""
    if not policies.can_speak_for(actor, consultation):
        raise Forbidden
    consultation.keep_unpublished = keep_unpublished
    publication = consultation.publication
    if keep_unpublished and publication is not None:
        if publication.state is not PublicationState.WITHDRAWN:
            withdraw_publication(actor, publication)
    else:
        steps.note(consultation, "change_wish", "改变公开意愿", actor, {"keep": keep_unpublished})
    return consultation
