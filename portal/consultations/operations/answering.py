"""What lawyers and reviewers do: claim, ask back, write with checked citations, sign off."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select

from portal.consultations import deadlines, policies
from portal.consultations.models import (
    SUBJECT_KIND,
    Answer,
    AnswerState,
    Consultation,
    ConsultationState,
    MessageKind,
)
from portal.consultations.operations import citing, steps
from portal.consultations.operations.citing import CitationEntry
from portal.consultations.operations.moderating import pause_for_resident
from portal.core import clock
from portal.core.actor import SYSTEM, Actor
from portal.core.db import db
from portal.core.errors import Conflict, Forbidden, Invalid, WrongState
from portal.core.unit_of_work import transactional
from portal.knowledge import standing
from portal.knowledge.standing import Elsewhere
from portal.supervision import operations as supervision

# While it is with a lawyer.
HANDLED = (ConsultationState.CLAIMED, ConsultationState.ASKED_BACK, ConsultationState.IN_REVIEW)


def refuse_if_taken(actor: Actor, consultation: Consultation) -> None:
    """Raise WrongState when another lawyer was faster, or when the actor has it already."""
    if consultation.state not in HANDLED:
        return
    if consultation.lawyer_id == actor.id:
        raise WrongState(
            "您已经认领了这条咨询。",
            code="already_yours",
            next_step="请在“我在办的”列表中继续办理。",
        )
    raise WrongState(
        "这条咨询刚刚被别人认领了。",
        code="already_claimed",
        next_step="请从待认领列表中另选一条。",
    )


@transactional
def claim(actor: Actor, consultation: Consultation) -> Consultation:
    """Take a question from the queue; it goes back if nothing happens for a while (CO-D3)."""
    refuse_if_taken(actor, consultation)
    if not policies.can_claim(actor, consultation):
        raise Forbidden
    # The handler is set before the step, because a claimed question without one cannot be stored.
    consultation.lawyer_id = actor.id
    consultation.claimed_at = clock.now()
    steps.move(consultation, "claim", actor)
    supervision.reassign(
        SUBJECT_KIND,
        consultation.id,
        deadlines.ANSWER,
        responsible_role=policies.LAWYER,
        responsible_staff_id=actor.id,
    )
    steps.start_silence(consultation)
    return consultation


def _end_silence(consultation: Consultation) -> None:
    supervision.meet(SUBJECT_KIND, consultation.id, deadlines.CLAIM_SILENCE)


@transactional
def release(actor: Actor, consultation: Consultation) -> Consultation:
    """Put a claimed question back into the queue; the draft stays for whoever takes it next."""
    steps.move(consultation, "release", actor)
    former, consultation.lawyer_id = consultation.lawyer_id, None
    consultation.claimed_at = None
    supervision.cancel(SUBJECT_KIND, consultation.id, deadlines.CLAIM_SILENCE, reason="退回待认领")
    supervision.reassign(
        SUBJECT_KIND,
        consultation.id,
        deadlines.ANSWER,
        responsible_role=policies.LAWYER,
        responsible_staff_id=None,
    )
    if actor is SYSTEM and former is not None:
        steps.tell_staff(consultation, former, "consultation.staff.released")
    return consultation


@transactional
def ask_back(actor: Actor, consultation: Consultation, question: str) -> Consultation:
    """Ask the resident something; the answer clock stops until they reply."""
    steps.move(consultation, "ask_back", actor)
    steps.add_message(consultation, MessageKind.QUESTION_BACK, question, actor)
    _end_silence(consultation)
    pause_for_resident(consultation, deadlines.ANSWER, "等待居民回复律师")
    return consultation


def open_answer(consultation: Consultation) -> Answer | None:
    """Return the answer that is being worked on."""
    return db.session.scalar(
        select(Answer).where(
            Answer.consultation_id == consultation.id, Answer.state != AnswerState.SIGNED
        )
    )


@transactional
def save_draft(
    actor: Actor,
    consultation: Consultation,
    text: str,
    entries: list[CitationEntry],
    elsewhere: Sequence[Elsewhere] = (),
) -> Answer:
    """Keep the lawyer's draft; every citation is checked as it is entered. Counts as progress for CO-D3.

    `elsewhere` says of laws that are not held where the lawyer read them.
    """
    if not policies.can_handle(actor, consultation):
        raise Forbidden("只有承办律师可以写答复。")
    if consultation.state is not ConsultationState.CLAIMED:
        raise WrongState(f"这条咨询目前是“{consultation.state.label}”，不能修改答复。")
    answer = open_answer(consultation)
    if answer is None:
        answer = Answer(author_id=actor.id, text=text, state=AnswerState.DRAFT)
        consultation.answers.append(answer)
    answer.author_id = actor.own_id
    answer.text = text
    citing.replace(answer, entries, elsewhere)
    answer.updated_at = clock.now()
    db.session.flush()
    supervision.restart(SUBJECT_KIND, consultation.id, deadlines.CLAIM_SILENCE)
    return answer


@transactional
def submit_answer(
    actor: Actor,
    consultation: Consultation,
    text: str,
    entries: list[CitationEntry],
    elsewhere: Sequence[Elsewhere] = (),
) -> Consultation:
    """Hand the answer to a second person.

    At least one citation is needed, and every citation in the running text must be an article in force. Of a law that is
    not held the lawyer says in `elsewhere` where it was read; who said so of which law stands in the record.
    """
    if not entries:
        raise Invalid(errors={"citations": ["请至少引用一条法律条文。"]})
    answer = save_draft(actor, consultation, text, entries, elsewhere)
    standing.require_needed(elsewhere, citing.require_good(answer))
    answer.state = AnswerState.SUBMITTED
    answer.submitted_at = clock.now()
    answer.review_note = None
    detail: steps.Detail = {"citations": len(entries)}
    if elsewhere:
        detail["checked_elsewhere"] = "、".join(standing.plain_name(each.law) for each in elsewhere)
    steps.move(consultation, "submit_answer", actor, detail)
    _end_silence(consultation)
    steps.start_clock(consultation, deadlines.SIGN_OFF)
    return consultation


@transactional
def send_back(actor: Actor, consultation: Consultation, note: str) -> Consultation:
    """Return the answer to its author with the reason."""
    answer = open_answer(consultation)
    steps.move(consultation, "send_back", actor)
    if answer is None:
        raise Conflict("没有待签发的答复。")
    answer.state = AnswerState.SENT_BACK
    answer.review_note = note
    supervision.meet(SUBJECT_KIND, consultation.id, deadlines.SIGN_OFF)
    steps.start_silence(consultation)
    steps.tell_staff(consultation, answer.author_id, "consultation.staff.sent_back")
    return consultation


@transactional
def sign_off(actor: Actor, consultation: Consultation) -> Consultation:
    """Sign the answer and give it to the resident.

    The law may have changed since it was written, and what was not held may be held now, so everything is checked again.
    """
    answer = open_answer(consultation)
    if answer is not None and answer.author_id == actor.id:
        raise Forbidden("答复须由另一人签发，您不能签发自己写的答复。")
    steps.move(consultation, "sign_off", actor)
    if answer is None:
        raise Conflict("没有待签发的答复。")
    citing.look_again(answer)
    now = clock.now()
    answer.state = AnswerState.SIGNED
    answer.signed_by_id = actor.id
    answer.signed_at = now
    consultation.answered_at = now
    supervision.meet(SUBJECT_KIND, consultation.id, deadlines.SIGN_OFF)
    supervision.meet(SUBJECT_KIND, consultation.id, deadlines.ANSWER)
    if not consultation.follow_up_used:
        steps.start_clock(consultation, deadlines.FOLLOW_UP)
    return consultation
