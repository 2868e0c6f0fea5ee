"""Making a public text of an answered question: proposed by rules, decided span by span and confirmed by a person."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any

from portal.accounts import queries as accounts
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
from portal.consultations.notifications import RESIDENT_TEMPLATES
from portal.consultations.operations import steps
from portal.consultations.operations.citing import read_elsewhere
from portal.core import clock
from portal.core.actor import Actor
from portal.core.db import db, new_id
from portal.core.errors import Conflict, Forbidden, Invalid, WrongState
from portal.core.unit_of_work import transactional
from portal.knowledge import operations as knowledge
from portal.knowledge import standing
from portal.notifications import operations as notifications

FIELDS = ("title", "question", "answer")
TITLE_LENGTH = 60


def signed_answers(consultation: Consultation) -> list[Answer]:
    """Return the signed answers, oldest first."""
    return [answer for answer in consultation.answers if answer.state is AnswerState.SIGNED]


def publishable(consultation: Consultation) -> bool:
    """True when a public text could be begun: answered, wished, and none is there."""
    publication = consultation.publication
    return (
        consultation.resident_id is not None
        and consultation.state in (ConsultationState.ANSWERED, ConsultationState.CLOSED)
        and not consultation.keep_unpublished
        and (publication is None or publication.state is PublicationState.WITHDRAWN)
    )


@transactional
def propose_publication(actor: Actor, consultation: Consultation) -> Publication:
    """Make the draft of a public text with everything private-looking proposed for redaction.

    Raises Conflict when the resident wished to stay unpublished (个人信息保护法 25: no publication without consent), or when
    there already is a draft or a public text.
    """
    if not policies.can_publish(actor, consultation):
        raise Forbidden
    answers = signed_answers(consultation)
    if not answers or consultation.state not in (
        ConsultationState.ANSWERED,
        ConsultationState.CLOSED,
    ):
        raise WrongState("只有已经签发答复的咨询可以公开。")
    if consultation.resident_id is None:
        raise Conflict(
            "居民已经注销账号，这条咨询的内容已删除。",
            code="resident_gone",
            next_step="可以另写一条常见问题。",
        )
    if consultation.keep_unpublished:
        raise Conflict(
            "居民希望这条咨询不公开。",
            code="unpublished_wish",
            next_step="请尊重居民的选择；可以另写一条常见问题。",
        )
    publication = consultation.publication
    if publication is not None and publication.state is not PublicationState.WITHDRAWN:
        raise Conflict("这条咨询已经有公开稿。", code="publication_exists")
    known = _known_strings(consultation)
    texts = {
        "title": _title(consultation.text),
        "question": consultation.text,
        "answer": "\n\n".join(_with_what_was_said(answer) for answer in answers),
    }
    # A name that the question gives away is a name in the answer as well.
    known += {
        finding.text
        for text in texts.values()
        for finding in redaction.find(text, known)
        if finding.kind is redaction.RedactionKind.NAME
    }
    redactions = [
        _as_json(field, finding)
        for field, text in texts.items()
        for finding in redaction.find(text, known)
    ]
    if publication is None:
        publication = Publication(id=new_id(), consultation_id=consultation.id)
        consultation.publication = publication
    publication.state = PublicationState.PROPOSED
    publication.category = consultation.category
    publication.title, publication.question, publication.answer = (texts[f] for f in FIELDS)
    publication.redactions = redactions
    publication.proposed_by_id = actor.own_id
    publication.confirmed_by_id = None
    db.session.flush()
    steps.note(consultation, "propose_publication", "准备公开稿", actor, {"found": len(redactions)})
    return publication


def _with_what_was_said(answer: Answer) -> str:
    """An answer and which of its laws are not held: words of a person, so that they are looked through like all others."""
    return "\n\n".join(filter(None, (answer.text, standing.told(read_elsewhere(answer)))))


def _title(text: str) -> str:
    """The question's first line, shortened; never in the middle of something private, half of which nobody would notice."""
    first = text.strip().split("\n", 1)[0]
    if len(first) <= TITLE_LENGTH:
        return first
    cut = TITLE_LENGTH - 1
    for finding in redaction.find(first):
        if finding.start < cut < finding.end:
            cut = finding.start
    return first[:cut] + "…"


def _known_strings(consultation: Consultation) -> list[str]:
    if consultation.resident_id is None:
        return []
    resident = accounts.resident(consultation.resident_id)
    return [
        value
        for value in (
            resident.real_name,
            resident.nickname,
            resident.phone,
            resident.document_number,
        )
        if value
    ]


def _as_json(field: str, finding: redaction.Finding) -> dict[str, Any]:
    return {
        "id": uuid.uuid4().hex[:12],
        "field": field,
        "start": finding.start,
        "end": finding.end,
        "text": finding.text,
        "kind": finding.kind.value,
        # None until a person has decided: True takes it out, False leaves it in.
        "redact": None,
    }


@dataclass(frozen=True)
class RedactionDecision:
    """One proposal's fate."""

    id: str
    redact: bool


@dataclass(frozen=True)
class RedactionAddition:
    """Something the rules missed: every occurrence of `text` in the public text is taken out."""

    text: str
    kind: redaction.RedactionKind


@transactional
def edit_publication(
    actor: Actor,
    publication: Publication,
    *,
    decisions: list[RedactionDecision],
    additions: list[RedactionAddition],
    title: str | None,
) -> Publication:
    """Decide proposals, add what was missed, give a better title. Raises Invalid for an unknown proposal or absent text."""
    consultation = publication.consultation
    if not policies.can_publish(actor, consultation):
        raise Forbidden
    if publication.state is not PublicationState.PROPOSED:
        raise WrongState(f"公开稿目前是“{publication.state.label}”，不能修改。")
    rows = [dict(row) for row in publication.redactions]
    by_id = {row["id"]: row for row in rows}
    unknown = [d.id for d in decisions if d.id not in by_id]
    if unknown:
        raise Invalid(errors={"decisions": [f"没有编号为 {unknown[0]} 的待定内容。"]})
    for decision in decisions:
        by_id[decision.id]["redact"] = decision.redact
    if title is not None and title != publication.title:
        publication.title = title
        names = {row["text"] for row in rows if row["kind"] == redaction.RedactionKind.NAME}
        rows = [row for row in rows if row["field"] != "title"]
        rows += [
            _as_json("title", finding)
            for finding in redaction.find(title, {*_known_strings(consultation), *names})
        ]
    for addition in additions:
        rows += _occurrences(publication, addition, rows)
    publication.redactions = rows
    publication.updated_at = clock.now()
    db.session.flush()
    steps.note(consultation, "edit_publication", "修改公开稿", actor)
    return publication


def _occurrences(
    publication: Publication, addition: RedactionAddition, rows: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    found = []
    for field in FIELDS:
        text = getattr(publication, field)
        start = text.find(addition.text)
        while start >= 0:
            begin, end = start, start + len(addition.text)
            while under := [
                r for r in rows if r["field"] == field and r["start"] < end and begin < r["end"]
            ]:
                for row in under:
                    rows.remove(row)
                    # What reaches further is taken out as a whole, unless somebody decided that it may stay.
                    if row["redact"] is not False:
                        begin, end = min(begin, row["start"]), max(end, row["end"])
            finding = redaction.Finding(begin, end, text[begin:end], addition.kind)
            found.append({**_as_json(field, finding), "redact": True})
            start = text.find(addition.text, end)
    if not found:
        raise Invalid(errors={"additions": ["公开稿里没有这段文字，请核对后再添加。"]})
    return found


def public_text(publication: Publication, field: str) -> str:
    """Return one field of the draft as it would be published with the decisions taken so far."""
    findings = [
        redaction.Finding(
            row["start"], row["end"], row["text"], redaction.RedactionKind(row["kind"])
        )
        for row in publication.redactions
        if row["field"] == field and row["redact"]
    ]
    return redaction.apply(getattr(publication, field), findings)


@transactional
def confirm_publication(actor: Actor, publication: Publication) -> Publication:
    """Publish: every proposal must have been decided; afterwards only the redacted text is kept.

    Raises Invalid while a proposal is open, and Conflict when the resident changed their mind meanwhile.
    """
    consultation = publication.consultation
    if not policies.can_publish(actor, consultation):
        raise Forbidden
    if publication.state is not PublicationState.PROPOSED:
        raise WrongState(f"公开稿目前是“{publication.state.label}”，不能公开。")
    if consultation.keep_unpublished:
        raise Conflict("居民希望这条咨询不公开。", code="unpublished_wish")
    left = [row for row in publication.redactions if row["redact"] is None]
    if left:
        raise Invalid(
            f"还有 {len(left)} 处疑似个人信息没有确认。",
            code="redactions_undecided",
            errors={"decisions": [f"“{row['text']}”（{_label(row)}）" for row in left[:20]]},
            next_step="请逐处确认去掉或保留，然后再公开。",
        )
    texts = {field: public_text(publication, field) for field in FIELDS}
    standing.require_good_citations(
        texts["answer"],
        [each for answer in signed_answers(consultation) for each in read_elsewhere(answer)],
    )
    now = clock.now()
    for field, text in texts.items():
        setattr(publication, field, text)
    # What was taken out is not kept beside the public text; how many there were is.
    publication.redactions = [
        {"field": row["field"], "kind": row["kind"], "redact": row["redact"]}
        for row in publication.redactions
    ]
    publication.state = PublicationState.PUBLISHED
    publication.confirmed_by_id = actor.id
    publication.published_at = now
    publication.withdrawn_at = None
    db.session.flush()
    steps.note(
        consultation, "published", "公开问答", actor, {"redactions": len(publication.redactions)}
    )
    knowledge.schedule_index_update("answer", publication.id)
    if consultation.resident_id is not None:
        notifications.notify_resident(
            consultation.resident_id,
            RESIDENT_TEMPLATES["published"],
            {},
            subject_kind=SUBJECT_KIND,
            subject_id=consultation.id,
            reference=consultation.reference,
            safety=consultation.contact_safety,
        )
    return publication


def _label(row: dict[str, Any]) -> str:
    return redaction.RedactionKind(row["kind"]).label


@transactional
def withdraw_publication(actor: Actor, publication: Publication) -> Publication:
    """Take a public text back; it leaves the index as well. The resident may do so for their own question."""
    consultation = publication.consultation
    if not (
        policies.can_publish(actor, consultation) or policies.can_speak_for(actor, consultation)
    ):
        raise Forbidden
    if publication.state is PublicationState.WITHDRAWN:
        raise WrongState("这条问答已经撤下。")
    was_public = publication.state is PublicationState.PUBLISHED
    publication.state = PublicationState.WITHDRAWN
    publication.withdrawn_at = clock.now()
    if not was_public:
        # A draft holds everything that was to be taken out; a new one is made from the consultation.
        publication.title = publication.question = publication.answer = ""
        publication.redactions = []
    if policies.can_speak_for(actor, consultation):
        consultation.keep_unpublished = True
    db.session.flush()
    steps.note(consultation, "withdraw_publication", "撤下公开问答", actor)
    if was_public:
        knowledge.schedule_index_update("answer", publication.id)
    return publication
