"""Reads of attachments, each with one statement."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Collection
from datetime import datetime

from sqlalchemy import func, select

from portal.attachments import access
from portal.attachments.models import Attachment
from portal.core.actor import Actor, ActorKind
from portal.core.db import db
from portal.core.errors import NotFound


def of_subject(subject_kind: str, subject_id: uuid.UUID) -> list[Attachment]:
    """Return the files of one subject in the order in which they were attached."""
    return of_subjects(subject_kind, [subject_id]).get(subject_id, [])


def of_subjects(
    subject_kind: str, subject_ids: Collection[uuid.UUID]
) -> dict[uuid.UUID, list[Attachment]]:
    """Return the files of many subjects by subject id, for lists; subjects without files are
    missing.
    """
    found: dict[uuid.UUID, list[Attachment]] = defaultdict(list)
    if subject_ids:
        rows = db.session.scalars(
            select(Attachment)
            .where(
                Attachment.subject_kind == subject_kind,
                Attachment.subject_id.in_(set(subject_ids)),
            )
            .order_by(Attachment.subject_id, Attachment.position)
        )
        for row in rows:
            if row.subject_id is not None:
                found[row.subject_id].append(row)
    return dict(found)


def readable(actor: Actor, attachment_id: uuid.UUID) -> Attachment:
    """Return a file that `actor` may see; raises NotFound for the others, which they need not know
    of.
    """
    attachment = db.session.get(Attachment, attachment_id)
    if attachment is None or not access.may_read(actor, attachment):
        raise NotFound("没有找到这个文件。", next_step="文件可能已经删除，或者不属于您的事项。")
    return attachment


def used_since(resident_id: uuid.UUID, since: datetime) -> tuple[int, int]:
    """Return how many files, and how many bytes, a resident has uploaded since an instant (files
    removed again not counted).
    """
    number, volume = db.session.execute(
        select(func.count(), func.coalesce(func.sum(Attachment.size), 0)).where(
            Attachment.uploader_kind == ActorKind.RESIDENT,
            Attachment.uploader_id == resident_id,
            Attachment.created_at >= since,
        )
    ).one()
    return int(number), int(volume)


def of_uploader(resident_id: uuid.UUID) -> list[Attachment]:
    """Return everything a resident has uploaded, oldest first, for the export of their data."""
    return list(
        db.session.scalars(
            select(Attachment)
            .where(
                Attachment.uploader_kind == ActorKind.RESIDENT,
                Attachment.uploader_id == resident_id,
            )
            .order_by(Attachment.id)
        )
    )
