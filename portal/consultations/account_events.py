"""What this room gives to a person's export, and what becomes of it when they delete their account."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import selectinload

from portal.accounts.events import ResidentDeletionRequested, ResidentExportRequested
from portal.attachments import operations as attachments
from portal.attachments import queries as attachment_queries
from portal.attachments.models import Attachment
from portal.consultations.models import (
    SUBJECT_KIND,
    AnswerState,
    Consultation,
    ConsultationState,
    PublicationState,
)
from portal.consultations.operations.asking import close, erase
from portal.consultations.queries import for_update_of
from portal.consultations.workflow import CONSULTATION
from portal.core import clock
from portal.core.actor import SYSTEM
from portal.core.db import db
from portal.core.events import subscribe
from portal.supervision import operations as supervision

ERASED = "（账号已注销，内容已删除）"


@subscribe(ResidentExportRequested)
def add_to_export(event: ResidentExportRequested) -> None:
    """Add the resident's consultations with the whole conversation (个人信息保护法 45)."""
    found = _of(event.resident_id)
    files = attachment_queries.of_subjects(SUBJECT_KIND, [each.id for each in found])
    event.collect("consultations", [_exported(each, files.get(each.id, [])) for each in found])


def _of(resident_id: object) -> list[Consultation]:
    return list(
        db.session.scalars(
            select(Consultation)
            .where(Consultation.resident_id == resident_id)
            .order_by(Consultation.id)
            .options(selectinload(Consultation.messages), selectinload(Consultation.answers))
        )
    )


def _text(moment: datetime | None) -> str | None:
    return clock.local(moment).isoformat(timespec="seconds") if moment is not None else None


def _exported(consultation: Consultation, files: list[Attachment]) -> dict[str, object]:
    return {
        "reference": consultation.reference,
        "state": consultation.state.label,
        "category": consultation.category,
        "text": consultation.text,
        "submitted_at": _text(consultation.submitted_at),
        "contact_safety": consultation.contact_safety.label,
        "keep_unpublished": consultation.keep_unpublished,
        "rejection_reason": consultation.rejection_reason.label
        if consultation.rejection_reason
        else None,
        "rejection_note": consultation.rejection_note,
        "attachments": [{"id": str(file.id), "file_name": file.file_name} for file in files],
        "messages": [
            {"kind": message.kind.label, "text": message.text, "at": _text(message.created_at)}
            for message in consultation.messages
        ],
        "answers": [
            {"text": answer.text, "at": _text(answer.signed_at)}
            for answer in consultation.answers
            if answer.state is AnswerState.SIGNED
        ],
        "rating": consultation.rating,
        "rating_comment": consultation.rating_comment,
    }


@subscribe(ResidentDeletionRequested)
def forget(event: ResidentDeletionRequested) -> None:
    """End what is under way and erase the conversation and its files; figures and public text (which names nobody) stay.

    A consultation is a service by the platform and no statutory case file, so nothing obliges the office to keep the text
    (个人信息保护法 47). What was made anonymous is no longer personal information (个人信息保护法 4).
    """
    found = for_update_of(event.resident_id)
    for consultation in found:
        if CONSULTATION.find("erase", consultation.state) is not None:
            erase(consultation)
        elif consultation.state is ConsultationState.ANSWERED:
            close(SYSTEM, consultation)
        supervision.cancel_all(SUBJECT_KIND, consultation.id, reason="账号注销")
        _erase_texts(consultation)
        attachments.remove_of_subject(SUBJECT_KIND, consultation.id)
        consultation.resident_id = None
    if found:
        event.keep("咨询的编号、类别和办理时间", "只用于统计，不含您写的内容，也不再与您关联")
    if any(_is_public(consultation) for consultation in found):
        event.keep("已公开的问答", "公开时已去掉个人信息（个人信息保护法第四条）")


def _erase_texts(consultation: Consultation) -> None:
    consultation.text = ERASED
    consultation.rating_comment = None
    consultation.rejection_note = None
    for message in consultation.messages:
        message.text = ERASED
    for answer in consultation.answers:
        # An answer addresses the person and repeats the story.
        answer.text = ERASED
        answer.review_note = None
        answer.checked_elsewhere = None
    publication = consultation.publication
    if publication is not None and publication.state is not PublicationState.PUBLISHED:
        # A draft still holds everything that was to be taken out.
        db.session.delete(publication)


def _is_public(consultation: Consultation) -> bool:
    publication = consultation.publication
    return publication is not None and publication.state is PublicationState.PUBLISHED
