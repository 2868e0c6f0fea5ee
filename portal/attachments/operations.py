"""Use cases: receive a file, attach files to a subject, open one, remove one, sweep."""

from __future__ import annotations

import hashlib
import itertools
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

from sqlalchemy import delete, func, select, update

from portal.accounts.operations import sessions
from portal.attachments import access, inspection, names, queries, scanning, storage
from portal.attachments.errors import InfectedFile, QuotaUsedUp, RefusedFile
from portal.attachments.limits import (
    DAILY_BYTES,
    DAILY_FILES,
    MOST_BYTES,
    MOST_ORPHANS,
    MOST_PER_SUBJECT,
    UNATTACHED_FOR,
)
from portal.attachments.models import Attachment, MediaType, ScanState
from portal.audit import operations as audit
from portal.core import clock, locks
from portal.core.actor import Actor, ActorKind
from portal.core.db import db, new_id, rows_changed
from portal.core.errors import Invalid, NotFound, TooLarge, WrongState
from portal.core.unit_of_work import after_commit, transactional, unit_of_work

SUBJECT_KIND = "attachment"
_SWEEP_BATCH = 200
T = TypeVar("T")


class TooManyOrphans(RuntimeError):
    """Most files have no row: somebody must look before anything is removed."""


@dataclass(frozen=True)
class Upload:
    """A file as it came in: the name and the content type are the client's claims."""

    content: bytes
    file_name: str
    declared_type: str


@dataclass(frozen=True)
class Received:
    """A file that passed every check and lies sealed on the disk, but has no row yet."""

    file_name: str
    media_type: MediaType
    size: int
    sha256: str
    scan_state: ScanState
    staged: storage.Staged


@contextmanager
def received(actor: Actor, upload: Upload) -> Iterator[Received]:
    """Check, scan and seal an upload; what `keep` has not taken over by the end of the block is
    removed again.

    Runs outside a transaction, because it waits for the scanner and for the disk. Raises TooLarge,
    RefusedType, RefusedFile, InfectedFile, QuotaUsedUp, ScannerUnavailable or StorageUnavailable.
    """
    if len(upload.content) > MOST_BYTES:
        raise TooLarge(
            f"单个文件不能超过 {MOST_BYTES // 1024 // 1024} MiB。",
            code="file_too_large",
            next_step="请压缩图片或拆分文件后上传。",
        )
    media_type = inspection.check(
        upload.content,
        extension=names.extension_of(upload.file_name),
        declared=upload.declared_type,
    )
    _refuse_over_quota(actor, len(upload.content))
    # Ends the read transaction before waiting for others.
    db.session.rollback()
    scan_state = _scan(actor, upload.content)
    with storage.staged(new_id(), upload.content) as staged:
        yield Received(
            file_name=names.clean(upload.file_name),
            media_type=media_type,
            size=len(upload.content),
            sha256=hashlib.sha256(upload.content).hexdigest(),
            scan_state=scan_state,
            staged=staged,
        )


@transactional
def keep(actor: Actor, file: Received) -> Attachment:
    """Give a received file its row and its place, as an upload that hangs on `actor` alone; raises
    QuotaUsedUp.
    """
    if actor.id is None:
        raise PermissionError("an upload needs a person")
    sessions.require_active(actor)
    locks.serialise(f"attachments:uploader:{actor.id}")
    _refuse_over_quota(actor, file.size)
    attachment = Attachment(
        id=file.staged.attachment_id,
        uploader_kind=actor.kind,
        uploader_id=actor.id,
        file_name=file.file_name,
        media_type=file.media_type,
        size=file.size,
        sha256=file.sha256,
        data_key=file.staged.data_key,
        scan_state=file.scan_state,
    )
    db.session.add(attachment)
    db.session.flush()
    # Not undone when the commit fails: a connection lost during COMMIT leaves open whether it
    # happened, and a file without a row costs an hour of disk, a row without its file a resident's
    # evidence.
    file.staged.put_in_place()
    return attachment


@transactional
def attach(
    actor: Actor,
    ids: Sequence[uuid.UUID],
    subject_kind: str,
    subject_id: uuid.UUID,
    limit: int = MOST_PER_SUBJECT,
    *,
    field: str = "attachment_ids",
) -> list[Attachment]:
    """Attach the actor's own uploads to a subject, after those it has; returns all of the subject's
    files in order.

    `limit` is the most the subject may have, `field` the name under which problems are reported.
    Raises Invalid when an id stands twice, is not the actor's, has expired or is attached already,
    or when there would be too many; then none is attached. Raises LookupError when no room has
    registered who may read files of `subject_kind`.
    """
    access.require_rule(subject_kind)
    if not ids:
        return queries.of_subject(subject_kind, subject_id)
    if len(set(ids)) != len(ids):
        raise Invalid(errors={field: ["同一个文件列了两次。"]})
    locks.serialise(f"attachments:{subject_kind}:{subject_id}")
    highest, number = db.session.execute(
        select(func.max(Attachment.position), func.count()).where(
            Attachment.subject_kind == subject_kind, Attachment.subject_id == subject_id
        )
    ).one()
    last = highest or 0
    if number + len(ids) > limit:
        already = f"，已经有 {number} 个" if number else ""
        raise Invalid(errors={field: [f"最多可以附 {limit} 个文件{already}。"]})
    now = clock.now()
    problems: dict[str, list[str]] = {}
    for place, attachment_id in enumerate(ids):
        # One guarded statement each: of two requests that attach the same upload, one finds it
        # taken.
        taken = db.session.execute(
            update(Attachment)
            .where(
                Attachment.id == attachment_id,
                Attachment.uploader_kind == actor.kind,
                Attachment.uploader_id == actor.id,
                Attachment.subject_id.is_(None),
                Attachment.created_at > now - UNATTACHED_FOR,
            )
            .values(
                subject_kind=subject_kind,
                subject_id=subject_id,
                position=last + place + 1,
                attached_at=now,
                updated_at=now,
            )
            .execution_options(synchronize_session="fetch")
        )
        if rows_changed(taken) != 1:
            problems[f"{field}.{place}"] = [
                "没有找到这个文件，或者它已经过期、已经用在别处，请重新上传。"
            ]
    if problems:
        raise Invalid(errors=problems)
    return queries.of_subject(subject_kind, subject_id)


def look(actor: Actor, attachment_id: uuid.UUID) -> Attachment:
    """Return what is known of a file; staff who look at a file of a case leave an audit row, for
    its name can tell much.

    Raises NotFound for who may not know of it.
    """
    attachment = queries.readable(actor, attachment_id)
    if actor.is_staff and attachment.is_attached:
        _note(actor, "attachment.viewed", attachment)
    return attachment


def open_content(actor: Actor, attachment_id: uuid.UUID) -> tuple[Attachment, bytes]:
    """Return a file and its verified content; a member of staff leaves an audit row before seeing a
    byte.

    Raises NotFound for who may not know of it, DamagedFile when the content is not what was
    uploaded.
    """
    attachment = queries.readable(actor, attachment_id)
    content = storage.read(attachment.id, attachment.data_key, attachment.sha256)
    if actor.is_staff:
        _note(actor, "attachment.downloaded", attachment)
    return attachment, content


@transactional
def _note(actor: Actor, action: str, attachment: Attachment) -> None:
    case = attachment.subject_id
    audit.record(
        actor,
        action,
        SUBJECT_KIND,
        attachment.id,
        detail={
            "belongs_to": attachment.subject_kind,
            "belongs_to_id": str(case) if case else None,
        },
    )


@transactional
def remove_own(actor: Actor, attachment_id: uuid.UUID) -> None:
    """Remove the actor's own upload; raises WrongState once it is attached, NotFound when it is not
    theirs.
    """
    attachment = db.session.get(Attachment, attachment_id)
    if attachment is None or not access.is_uploader(actor, attachment):
        raise NotFound
    gone = _remove(Attachment.id == attachment_id, Attachment.subject_id.is_(None))
    if not gone:
        raise WrongState(
            "这个文件已经附在办理的事项上，不能单独删除。",
            code="attachment_in_use",
            next_step="如需撤回材料，请在事项里操作或联系工作人员。",
        )


@transactional
def remove_of_subject(subject_kind: str, subject_id: uuid.UUID) -> int:
    """Remove all files of a subject that its room deletes for good; returns how many."""
    return _remove(Attachment.subject_kind == subject_kind, Attachment.subject_id == subject_id)


@transactional
def remove_unattached_of(resident_id: uuid.UUID) -> int:
    """Remove what a resident uploaded and never attached; returns how many."""
    return _remove(
        Attachment.uploader_kind == ActorKind.RESIDENT,
        Attachment.uploader_id == resident_id,
        Attachment.subject_id.is_(None),
    )


def expire() -> int:
    """Remove uploads that waited too long for their subject; returns how many. Safe to repeat."""
    expired = 0
    while removed := _expire_batch():
        expired += removed
    return expired


def remove_orphans() -> int:
    """Remove old files without a row, and half-written ones; returns how many. Safe to repeat.

    Raises TooManyOrphans, and removes nothing, when most files have no row: then it is the database
    that is wrong (an empty one, an old backup), and not the files.
    """
    orphans: list[Path] = []
    known = 0
    for batch in _batches(storage.old_files(), _SWEEP_BATCH):
        ids = [attachment_id for _, attachment_id in batch if attachment_id is not None]
        found = set(db.session.scalars(select(Attachment.id).where(Attachment.id.in_(ids))))
        db.session.rollback()
        known += len(found)
        orphans += [path for path, attachment_id in batch if attachment_id not in found]
    if len(orphans) > MOST_ORPHANS and len(orphans) > known:
        raise TooManyOrphans(f"{len(orphans)} files without a row, {known} with one")
    for path in orphans:
        path.unlink(missing_ok=True)
    return len(orphans)


@transactional
def _expire_batch() -> int:
    waiting = (
        select(Attachment.id)
        .where(
            Attachment.attached_at.is_(None),
            Attachment.created_at <= clock.now() - UNATTACHED_FOR,
        )
        .order_by(Attachment.created_at)
        .limit(_SWEEP_BATCH)
    )
    return _remove(Attachment.id.in_(waiting), Attachment.subject_id.is_(None))


def _remove(*conditions: object) -> int:
    """Delete the rows, and their files once that is committed; a crash in between leaves them to
    the sweep.
    """
    gone = list(
        db.session.scalars(
            delete(Attachment)
            .where(*conditions)  # type: ignore[arg-type]
            .returning(Attachment.id)
            .execution_options(synchronize_session="fetch")
        )
    )
    if gone:
        after_commit(_remover(gone))
    return len(gone)


def _batches(items: Iterable[T], size: int) -> Iterator[list[T]]:
    waiting = iter(items)
    while batch := list(itertools.islice(waiting, size)):
        yield batch


def _remover(ids: list[uuid.UUID]) -> Callable[[], None]:
    def remove_files() -> None:
        for attachment_id in ids:
            storage.remove(attachment_id)

    return remove_files


def _scan(actor: Actor, content: bytes) -> ScanState:
    if not scanning.is_on():
        return ScanState.NOT_SCANNED
    found = scanning.scan(content)
    if found is None:
        return ScanState.CLEAN
    with unit_of_work():
        audit.record(
            actor,
            "attachment.infected",
            SUBJECT_KIND,
            None,
            detail={
                "found": found,
                "sha256": hashlib.sha256(content).hexdigest(),
                "size": len(content),
            },
        )
    raise InfectedFile


def _refuse_over_quota(actor: Actor, size: int) -> None:
    if not actor.is_resident or actor.id is None:
        return
    number, volume = queries.used_since(actor.id, clock.start_of_day(clock.today()))
    if number >= DAILY_FILES or volume + size > DAILY_BYTES:
        tomorrow = clock.start_of_day(clock.today() + timedelta(days=1))
        raise QuotaUsedUp(retry_after=int((tomorrow - clock.now()).total_seconds()) + 1)


def read_upload(content: bytes, file_name: str | None, declared_type: str | None) -> Upload:
    """Build an Upload from the parts of a form; raises RefusedFile without a file name."""
    if not file_name:
        raise RefusedFile("请选择要上传的文件。", code="file_missing")
    return Upload(content, file_name, (declared_type or "").partition(";")[0].strip().lower())
