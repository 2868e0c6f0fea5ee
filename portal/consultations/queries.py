"""Reads of the room. Each runs a bounded number of statements."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, case, func, literal, select
from sqlalchemy.orm import selectinload

from portal.consultations import policies
from portal.consultations.models import (
    SUBJECT_KIND,
    Answer,
    Consultation,
    ConsultationState,
    Publication,
    PublicationState,
)
from portal.core.actor import Actor
from portal.core.db import LabelledEnum, UTCDateTime, db
from portal.supervision.queries import office_ends
from portal.web.pagination import Key, Page, paginate


class Worklist(LabelledEnum):
    """The staff's lists."""

    MODERATION = "moderation", "待审核"
    QUEUE = "queue", "待认领"
    MINE = "mine", "我在办的"
    REVIEW = "review", "待签发"
    PUBLICATION = "publication", "可以公开"
    ALL = "all", "全部"


ROLES_OF_LIST: dict[Worklist, tuple[str, ...]] = {
    Worklist.MODERATION: (policies.MODERATOR, policies.SUPERVISOR),
    Worklist.QUEUE: (policies.LAWYER, policies.MODERATOR, policies.SUPERVISOR),
    Worklist.MINE: (policies.LAWYER,),
    Worklist.REVIEW: (policies.REVIEWER, policies.SUPERVISOR),
    Worklist.PUBLICATION: (policies.MODERATOR,),
    Worklist.ALL: (policies.MODERATOR, policies.SUPERVISOR),
}

_NEVER = datetime(9999, 1, 1, tzinfo=UTC)


def first_list(actor: Actor) -> Worklist:
    """Return the list that a member of staff begins with; every role of this room has one."""
    return next(
        (which for which, roles in ROLES_OF_LIST.items() if actor.has_role(*roles)), Worklist.ALL
    )


def _with_everything(query: Any) -> Any:
    return query.options(
        selectinload(Consultation.messages),
        selectinload(Consultation.answers).selectinload(Answer.citations),
        selectinload(Consultation.events),
        selectinload(Consultation.publication),
    )


def find(consultation_id: uuid.UUID) -> Consultation | None:
    """Return one consultation with its conversation."""
    return db.session.scalar(
        _with_everything(select(Consultation).where(Consultation.id == consultation_id))
    )


def for_update(consultation_id: uuid.UUID) -> Consultation | None:
    """Return one consultation, held until the transaction ends, so that two steps at once follow each other."""
    return db.session.scalar(
        _with_everything(select(Consultation).where(Consultation.id == consultation_id))
        .with_for_update(of=Consultation)
        .execution_options(populate_existing=True)
    )


def many_for_update(ids: Iterable[uuid.UUID]) -> list[Consultation]:
    """Return several, held, in a fixed order so that two bulk decisions cannot wait for each other."""
    query = (
        select(Consultation)
        .where(Consultation.id.in_(list(ids)))
        .order_by(Consultation.id)
        .with_for_update(of=Consultation)
        .execution_options(populate_existing=True)
    )
    return list(db.session.scalars(_with_everything(query)))


def for_update_of(resident_id: uuid.UUID) -> list[Consultation]:
    """Return all of a resident, held in the order that bulk decisions keep."""
    query = (
        select(Consultation)
        .where(Consultation.resident_id == resident_id)
        .order_by(Consultation.id)
        .with_for_update(of=Consultation)
        .execution_options(populate_existing=True)
    )
    return list(db.session.scalars(_with_everything(query)))


def of_resident(resident_id: uuid.UUID, cursor: str | None, size: int) -> Page[Consultation]:
    """Return the resident's own, newest first."""
    query = _with_everything(select(Consultation).where(Consultation.resident_id == resident_id))
    return paginate(query, [Key(Consultation.id, descending=True)], cursor, size)


def worklist(
    actor: Actor,
    which: Worklist,
    *,
    category: str | None,
    state: ConsultationState | None,
    cursor: str | None,
    size: int,
) -> Page[Consultation]:
    """Return one of the staff's lists, the one with the least time left first; what has no clock comes last, oldest first."""
    conditions = list(_conditions(actor, which))
    if category is not None:
        conditions.append(Consultation.category == category)
    if state is not None:
        conditions.append(Consultation.state == state)
    # Several clocks may run (answer and silence); the earliest open one counts.
    due = office_ends(SUBJECT_KIND)
    # What has no clock of the office's comes last, oldest first.
    order = func.coalesce(due.c.due_at, literal(_NEVER, UTCDateTime())).label("due")
    query = _with_everything(
        select(Consultation, order, Consultation.id.label("id"))
        .outerjoin(due, due.c.subject_id == Consultation.id)
        .where(*conditions)
    )
    page = paginate(query, [Key(order, name="due"), Key(Consultation.id, name="id")], cursor, size)
    return Page([row.Consultation for row in page.items], page.next, page.size)


def _conditions(actor: Actor, which: Worklist) -> Sequence[ColumnElement[bool]]:
    state = Consultation.state
    if which is Worklist.MODERATION:
        return [state == ConsultationState.SUBMITTED]
    if which is Worklist.QUEUE:
        return [state == ConsultationState.QUEUED]
    if which is Worklist.MINE:
        working = (
            ConsultationState.CLAIMED,
            ConsultationState.ASKED_BACK,
            ConsultationState.IN_REVIEW,
        )
        return [Consultation.lawyer_id == actor.id, state.in_(working)]
    if which is Worklist.REVIEW:
        # A reviewer never signs their own answer, so it is not in their list.
        return [state == ConsultationState.IN_REVIEW, Consultation.lawyer_id != actor.id]
    if which is Worklist.PUBLICATION:
        return [
            state.in_((ConsultationState.ANSWERED, ConsultationState.CLOSED)),
            Consultation.keep_unpublished.is_(False),
            ~select(Publication.id)
            .where(
                and_(
                    Publication.consultation_id == Consultation.id,
                    Publication.state == PublicationState.PUBLISHED,
                )
            )
            .exists(),
        ]
    return []


def publication_of(consultation_id: uuid.UUID) -> Publication | None:
    """Return a consultation's publication, held until the transaction ends."""
    return db.session.scalar(
        _public(select(Publication))
        .where(Publication.consultation_id == consultation_id)
        .with_for_update(of=Publication)
        .execution_options(populate_existing=True)
    )


def _public(query: Any) -> Any:
    return query.options(
        selectinload(Publication.consultation)
        .selectinload(Consultation.answers)
        .selectinload(Answer.citations)
    )


def published(publication_id: uuid.UUID) -> Publication | None:
    """Return a public question and answer, or None when it is not public."""
    return db.session.scalar(
        _public(select(Publication)).where(
            Publication.id == publication_id, Publication.state == PublicationState.PUBLISHED
        )
    )


def published_by_ids(ids: Iterable[uuid.UUID] | None) -> list[Publication]:
    """Return public questions by id, or all of them; for the search index."""
    query = _public(select(Publication)).where(Publication.state == PublicationState.PUBLISHED)
    if ids is not None:
        query = query.where(Publication.id.in_(list(ids)))
    return list(db.session.scalars(query.order_by(Publication.id)))


def published_page(category: str | None, cursor: str | None, size: int) -> Page[Publication]:
    """Return the public questions, newest first."""
    query = _public(select(Publication)).where(Publication.state == PublicationState.PUBLISHED)
    if category is not None:
        query = query.where(Publication.category == category)
    keys = [Key(Publication.published_at, descending=True), Key(Publication.id, descending=True)]
    return paginate(query, keys, cursor, size)


def worklist_counts(actor: Actor) -> dict[Worklist, int]:
    """Return how many consultations stand in each list that `actor` may see; one statement."""
    lists = [
        which
        for which, roles in ROLES_OF_LIST.items()
        if which is not Worklist.ALL and actor.has_role(*roles)
    ]
    if not lists:
        return {}
    columns = [
        func.count(case((and_(*_conditions(actor, which)), 1))).label(which.value)
        for which in lists
    ]
    row = db.session.execute(select(*columns)).one()
    return {which: getattr(row, which.value) for which in lists}
