"""From rows to what a schema dumps: allowed actions, deadlines, names. One place, so that no route forgets one of them."""

from __future__ import annotations

import uuid
from typing import Any

from portal.accounts import queries as accounts
from portal.attachments import queries as attachments
from portal.consultations import policies, redaction
from portal.consultations.models import (
    SUBJECT_KIND,
    Answer,
    AnswerState,
    Consultation,
    ConsultationState,
    Publication,
    PublicationState,
)
from portal.consultations.notifications import NEXT_STEP_BY_STATE, STAFF_NEXT_STEP_BY_STATE
from portal.consultations.operations.citing import read_elsewhere
from portal.consultations.operations.publishing import FIELDS, public_text, publishable
from portal.consultations.workflow import CONSULTATION
from portal.core.actor import Actor
from portal.knowledge import standing
from portal.supervision import queries as supervision
from portal.web.conditional import etag_of

EXCERPT = 60
# The office's own preparation of a public text; the resident is told when it is public.
_INTERNAL_STEPS = frozenset({"propose_publication", "edit_publication"})


# Where each step is carried out, below the consultation's own address; a body may be needed (see the API's document).
_RESIDENT_ADDRESSES = {
    "supplement": ("POST", "/messages"),
    "reply": ("POST", "/messages"),
    "follow_up": ("POST", "/follow-up"),
    "close": ("POST", "/closure"),
    "withdraw": ("POST", "/withdrawal"),
    "rate": ("POST", "/rating"),
    "change_wish": ("PATCH", ""),
}
_STAFF_ADDRESSES = {
    "accept": ("POST", "/moderation"),
    "reject": ("POST", "/moderation"),
    "return": ("POST", "/moderation"),
    "reopen": ("POST", "/reopening"),
    "claim": ("POST", "/claim"),
    "release": ("POST", "/release"),
    "ask_back": ("POST", "/questions"),
    "save_draft": ("PUT", "/answer-draft"),
    "submit_answer": ("POST", "/answer"),
    "send_back": ("POST", "/sign-off"),
    "sign_off": ("POST", "/sign-off"),
    "publish": ("POST", "/publication"),
}


def actions(actor: Actor, consultation: Consultation) -> list[dict[str, str]]:
    """What the caller may do now and where: the workflow's steps first, then what changes no state."""
    found = [(row.action, row.label) for row in CONSULTATION.allowed(consultation, actor)]
    if policies.can_speak_for(actor, consultation):
        if consultation.answered_at is not None:
            found.append(("rate", "评价"))
        found.append(("change_wish", "改变公开意愿"))
    if policies.can_handle(actor, consultation) and consultation.state is ConsultationState.CLAIMED:
        found.append(("save_draft", "保存草稿"))
    if policies.can_publish(actor, consultation) and publishable(consultation):
        found.append(("publish", "生成公开稿"))
    addresses = _STAFF_ADDRESSES if actor.is_staff else _RESIDENT_ADDRESSES
    base = "/api/v1/staff/consultations" if actor.is_staff else "/api/v1/consultations"
    result = []
    for action, label in found:
        method, suffix = addresses[action]
        url = f"{base}/{consultation.id}{suffix}"
        result.append({"action": action, "label": label, "method": method, "url": url})
    return result


def _base(actor: Actor, consultation: Consultation, deadlines: list[Any]) -> dict[str, Any]:
    rejection = None
    if consultation.rejection_reason is not None:
        rejection = {
            "reason": consultation.rejection_reason,
            "label": consultation.rejection_reason.label,
            "note": consultation.rejection_note,
            "next_step": policies.NEXT_STEPS[consultation.rejection_reason],
        }
    return {
        "id": consultation.id,
        "reference": consultation.reference,
        "state": consultation.state,
        "category": consultation.category,
        "keep_unpublished": consultation.keep_unpublished,
        "contact_safety": consultation.contact_safety,
        "submitted_at": consultation.submitted_at,
        "answered_at": consultation.answered_at,
        "rating": consultation.rating,
        "follow_up_used": consultation.follow_up_used,
        "rejection": rejection,
        "next_step": NEXT_STEP_BY_STATE[consultation.state],
        "allowed_actions": actions(actor, consultation),
        "deadlines": deadlines,
        "text": consultation.text,
        "messages": consultation.messages,
        "attachments": attachments.of_subject(SUBJECT_KIND, consultation.id),
        "timeline": consultation.events,
    }


def for_resident(actor: Actor, consultation: Consultation) -> dict[str, Any]:
    """The whole consultation as its resident sees it: signed answers only, no staff names."""
    publication = consultation.publication
    public = publication is not None and publication.state is PublicationState.PUBLISHED
    return {
        **_base(actor, consultation, _deadlines([consultation.id])[consultation.id]),
        "timeline": [e for e in consultation.events if e.action not in _INTERNAL_STEPS],
        "rating_comment": consultation.rating_comment,
        "answers": [_answer(a) for a in consultation.answers if a.state is AnswerState.SIGNED],
        "publication_id": publication.id if publication and public else None,
    }


def for_staff(actor: Actor, consultation: Consultation) -> dict[str, Any]:
    """The whole consultation for the staff who handle it; the resident's name is masked, the phone left out."""
    people = {a.author_id for a in consultation.answers}
    people |= {a.signed_by_id for a in consultation.answers if a.signed_by_id}
    people |= {consultation.lawyer_id} if consultation.lawyer_id else set()
    names = accounts.staff_names(people)
    publication = consultation.publication
    return {
        **_base(actor, consultation, _deadlines([consultation.id])[consultation.id]),
        "next_step": STAFF_NEXT_STEP_BY_STATE[consultation.state],
        "resident_name": _masked_name(consultation),
        "lawyer_id": consultation.lawyer_id,
        "lawyer_name": names.get(consultation.lawyer_id) if consultation.lawyer_id else None,
        "answers": [_staff_answer(answer, names) for answer in consultation.answers],
        "publication_id": publication.id if publication else None,
        "publication_state": publication.state if publication else None,
    }


def _masked_name(consultation: Consultation) -> str | None:
    if consultation.resident_id is None:
        return None
    name = accounts.resident(consultation.resident_id).real_name
    # rules.md 8.7: the first character stays, the rest is replaced.
    return name[0] + "＊" * (len(name) - 1) if name else None


def _answer(answer: Answer) -> dict[str, Any]:
    elsewhere = read_elsewhere(answer)
    return {
        "id": answer.id,
        "text": answer.text,
        "citations": answer.citations,
        "checked_elsewhere": elsewhere,
        "checked_elsewhere_note": standing.told(elsewhere) or None,
        "signed_at": answer.signed_at,
    }


def _staff_answer(answer: Answer, names: dict[uuid.UUID, str]) -> dict[str, Any]:
    return {
        **_answer(answer),
        "state": answer.state,
        "author_id": answer.author_id,
        "author_name": names.get(answer.author_id),
        "review_note": answer.review_note,
        "signed_by_name": names.get(answer.signed_by_id) if answer.signed_by_id else None,
        "updated_at": answer.updated_at,
    }


def _deadlines(ids: list[uuid.UUID]) -> dict[uuid.UUID, list[Any]]:
    found = supervision.deadlines_of(SUBJECT_KIND, ids)
    return {subject_id: found.get(subject_id, []) for subject_id in ids}


def resident_summary(consultation: Consultation) -> dict[str, Any]:
    """One line of the resident's own list."""
    return {
        "id": consultation.id,
        "reference": consultation.reference,
        "state": consultation.state,
        "category": consultation.category,
        "excerpt": _excerpt(consultation.text),
        "submitted_at": consultation.submitted_at,
        "next_step": NEXT_STEP_BY_STATE[consultation.state],
    }


def staff_summaries(actor: Actor, consultations: list[Consultation]) -> list[dict[str, Any]]:
    """A page of a staff list, with deadlines and names fetched once for all."""
    deadlines = _deadlines([c.id for c in consultations])
    names = accounts.staff_names({c.lawyer_id for c in consultations if c.lawyer_id})
    return [
        {
            **resident_summary(consultation),
            "next_step": STAFF_NEXT_STEP_BY_STATE[consultation.state],
            # In lists private details are masked (rules.md 5.3): the text is opened one by one, and each view is recorded.
            "excerpt": _excerpt(
                redaction.apply(consultation.text, redaction.find(consultation.text))
            ),
            "lawyer_name": names.get(consultation.lawyer_id) if consultation.lawyer_id else None,
            "keep_unpublished": consultation.keep_unpublished,
            "deadlines": deadlines[consultation.id],
            "allowed_actions": actions(actor, consultation),
            "version": f'"{etag_of(consultation)}"',
        }
        for consultation in consultations
    ]


def _excerpt(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= EXCERPT else line[: EXCERPT - 1] + "…"


def publication_draft(publication: Publication) -> dict[str, Any]:
    """A publication for staff: the text, the proposals, and how it would read with the decisions so far."""
    proposed = publication.state is PublicationState.PROPOSED
    return {
        "id": publication.id,
        "consultation_id": publication.consultation_id,
        "state": publication.state,
        "category": publication.category,
        "title": publication.title,
        "question": publication.question,
        "answer": publication.answer,
        "preview": {
            field: public_text(publication, field) if proposed else getattr(publication, field)
            for field in FIELDS
        },
        "redactions": publication.redactions if proposed else [],
        "undecided": sum(1 for row in publication.redactions if row["redact"] is None),
        "published_at": publication.published_at,
    }


def public_question(publication: Publication) -> dict[str, Any]:
    """A public question and answer."""
    citations = [
        citation
        for answer in publication.consultation.answers
        if answer.state is AnswerState.SIGNED
        for citation in answer.citations
        # What is not held leads nowhere; the text says where it was read, as far as it may be public.
        if citation.article_id is not None
    ]
    return {
        "id": publication.id,
        "category": publication.category,
        "title": publication.title,
        "published_at": publication.published_at,
        "question": publication.question,
        "answer": publication.answer,
        "citations": citations,
    }
