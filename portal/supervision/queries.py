"""Reads of the register, each with a bounded number of statements."""

from __future__ import annotations

import uuid
from collections.abc import Collection

from sqlalchemy import select

from portal.core.db import db
from portal.supervision.models import Deadline, DeadlineState

RUNNING = (DeadlineState.OPEN, DeadlineState.PAUSED)


def deadlines_of(
    subject_kind: str, subject_ids: Collection[uuid.UUID], *, include_ended: bool = False
) -> dict[uuid.UUID, list[Deadline]]:
    """Return the running deadlines of each subject, the soonest first; with `include_ended` the
    ended ones too.

    Every id asked for has an entry. Three statements, however many subjects there are.
    """
    result: dict[uuid.UUID, list[Deadline]] = {subject_id: [] for subject_id in subject_ids}
    if not result:
        return result
    query = select(Deadline).where(
        Deadline.subject_kind == subject_kind, Deadline.subject_id.in_(list(result))
    )
    if not include_ended:
        query = query.where(Deadline.state.in_(RUNNING))
    for deadline in db.session.scalars(query.order_by(Deadline.due_at, Deadline.id)):
        result[deadline.subject_id].append(deadline)
    return result
