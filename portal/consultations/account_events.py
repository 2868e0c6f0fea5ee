"""What this room gives to a person's export, and what becomes of it when they delete their account."""

from __future__ import annotations

from sqlalchemy import select

from portal.accounts.events import ResidentDeletionRequested, ResidentExportRequested
from portal.consultations.models import SUBJECT_KIND, AnswerState, Consultation
from portal.consultations.operations.asking import withdraw
from portal.consultations.workflow import CONSULTATION
from portal.core import clock
from portal.core.actor import Actor, ActorKind
from portal.core.db import db
from portal.core.events import subscribe
from portal.supervision import operations as supervision

ERASED = "（账号已注销，内容已删除）"


@subscribe(ResidentExportRequested)
def add_to_export(event: ResidentExportRequested) -> None:
    """Add the resident's consultations with the whole conversation (个人信息保护法 45)."""
    event.collect("consultations", [_exported(each) for each in _of(event.resident_id)])


def _of(resident_id: object) -> list[Consultation]:
    return list(
        db.session.scalars(
            select(Consultation)
            .where(Consultation.resident_id == resident_id)
            .order_by(Consultation.id)
        )
    )


def _exported(consultation: Consultation) -> dict[str, object]:
    return {
        "reference": consultation.reference,
        "state": consultation.state.label,
        "category": consultation.category,
        "text": consultation.text,
        "submitted_at": clock.local(consultation.submitted_at).isoformat(timespec="seconds"),
        "messages": [
            {"kind": message.kind.label, "text": message.text} for message in consultation.messages
        ],
        "answers": [
            answer.text for answer in consultation.answers if answer.state is AnswerState.SIGNED
        ],
        "rating": consultation.rating,
        "rating_comment": consultation.rating_comment,
    }


@subscribe(ResidentDeletionRequested)
def forget(event: ResidentDeletionRequested) -> None:
    """Withdraw what is under way and erase what the person wrote; the figures and the public text (which names nobody) stay.

    A consultation is a service by the platform and no statutory case file, so nothing obliges the office to keep the text
    (个人信息保护法 47).
    """
    actor = Actor(ActorKind.RESIDENT, event.resident_id)
    for consultation in _of(event.resident_id):
        if any(row.action == "withdraw" for row in CONSULTATION.allowed(consultation, actor)):
            withdraw(actor, consultation)
        supervision.cancel_all(SUBJECT_KIND, consultation.id, reason="账号注销")
        consultation.text = ERASED
        consultation.rating_comment = None
        consultation.rejection_note = None
        for message in consultation.messages:
            message.text = ERASED
        consultation.resident_id = None
