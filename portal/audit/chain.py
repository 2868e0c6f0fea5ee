"""The hash chain: how an event's hash is made, and how the whole chain is checked."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import select

from portal.audit.models import AuditEvent, AuditHead, AuditRemoval
from portal.core.db import db
from portal.core.encryption import blind_index
from portal.core.prepared import Prepared

GENESIS = "0" * 64
BATCH = 1000
_COLUMNS = (
    AuditEvent.sequence,
    AuditEvent.at,
    AuditEvent.actor_kind,
    AuditEvent.actor_id,
    AuditEvent.session_id,
    AuditEvent.action,
    AuditEvent.subject_kind,
    AuditEvent.subject_id,
    AuditEvent.reference,
    AuditEvent.request_id,
    AuditEvent.detail,
    AuditEvent.previous_hash,
    AuditEvent.hash,
)


@dataclass(frozen=True)
class Head:
    """The last event of a chain."""

    sequence: int
    hash: str

    def __str__(self) -> str:
        return f"{self.sequence}:{self.hash}"

    @property
    def for_log(self) -> str:
        """The head in groups of four held apart by `h`, so that no run of digits looks like a phone to the log's filter."""
        groups = [self.hash[at : at + 4] for at in range(0, len(self.hash), 4)]
        return f"{self.sequence}:{'h'.join(groups)}"

    @classmethod
    def parse(cls, text: str) -> Head:
        """Read a head as printed or as logged; raises ValueError."""
        match = re.fullmatch(r"([0-9]{1,15}):([0-9a-f]{64})", text.strip().replace("h", ""))
        if match is None:
            raise ValueError("not a head of the audit chain")
        return cls(int(match[1]), match[2])


@dataclass(frozen=True)
class Verification:
    """What came of a walk over the chain; `problem` is a Chinese sentence, None when the chain is whole."""

    checked: int
    head: Head
    problem: str | None = None
    # The last event that was removed after its time; the walk began behind it.
    anchor: Head | None = None

    @property
    def ok(self) -> bool:
        """True when every link held."""
        return self.problem is None


def hash_of(event: Mapping[str, Any]) -> str:
    """Return the SHA-256 (hex) of the event's canonical JSON, which includes the hash before it."""
    plain = {
        "sequence": event["sequence"],
        "previous_hash": event["previous_hash"],
        "at": event["at"].astimezone(UTC).isoformat(timespec="microseconds"),
        "actor_kind": str(event["actor_kind"]),
        "actor_id": _text(event["actor_id"]),
        "session_id": _text(event["session_id"]),
        "action": event["action"],
        "subject_kind": event["subject_kind"],
        "subject_id": _text(event["subject_id"]),
        "reference": event["reference"],
        "request_id": event["request_id"],
        "detail": event["detail"],
    }
    canonical = json.dumps(plain, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(canonical.encode()).hexdigest()


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def seal_of(head: Head) -> str:
    """Return the keyed seal of a head, which cannot be made without the index key."""
    return blind_index("audit.head", str(head))


def seal_of_removal(through: Head, removed: int, older_than: datetime) -> str:
    """Return the keyed seal of a removal, which cannot be made without the index key."""
    until = older_than.astimezone(UTC).isoformat(timespec="microseconds")
    return blind_index("audit.removal", f"{through}:{removed}:{until}")


def anchor() -> Head | None:
    """Return the last event that was removed because its time was over, None when none was; the seal is not checked."""
    row = db.session.execute(
        select(AuditRemoval.through_sequence, AuditRemoval.through_hash)
        .order_by(AuditRemoval.through_sequence.desc())
        .limit(1)
    ).first()
    return None if row is None else Head(*row)


def stored_head() -> Head | None:
    """Return the head as stored, without checking its seal; None for an empty record."""
    row = _HEAD.row({})
    return None if row is None else Head(*row)


_HEAD = Prepared(lambda _dialect: select(AuditHead.sequence, AuditHead.hash), writes=False)


def verify(
    *,
    batch: int = BATCH,
    progress: Callable[[int], None] | None = None,
    expect: Head | None = None,
) -> Verification:
    """Walk the chain from its first event and say where it breaks first; events may be appended and removed meanwhile.

    Where the oldest events were removed after their time, it begins behind the last of them, as the sealed removals say.
    `expect` is a head noted earlier (from this command or the log): the chain must still contain it.
    """
    start, problem = _removals()
    last, checked, met = start or Head(0, GENESIS), 0, start is not None and start == expect
    if problem is not None:
        return Verification(checked, last, problem, start)
    while True:
        rows = db.session.execute(
            select(*_COLUMNS)
            .where(AuditEvent.sequence > last.sequence)
            .order_by(AuditEvent.sequence)
            .limit(batch)
        ).all()
        for row in rows:
            problem = _broken_link(row._mapping, last)
            if problem is not None:
                removed = anchor()
                if removed is not None and removed.sequence > last.sequence:
                    # What came next was removed meanwhile.
                    return verify(batch=batch, progress=progress, expect=expect)
                return Verification(checked, last, problem, start)
            last = Head(row.sequence, row.hash)
            checked += 1
            met = met or last == expect
        # Ends the read transaction, so that a long walk holds no old picture of the database open.
        db.session.rollback()
        if rows:
            if progress is not None:
                progress(checked)
            continue
        if (ahead := stored_head()) is not None and ahead.sequence > last.sequence:
            later = select(AuditEvent.sequence).where(AuditEvent.sequence > last.sequence)
            if db.session.scalar(later.limit(1)) is not None:
                continue
        problem = _broken_end(last)
        if problem is None and expect is not None and not met:
            problem = f"记录里没有先前记下的第 {expect.sequence} 条，或者它已经被替换。"
        return Verification(checked, last, problem, start)


def _removals() -> tuple[Head | None, str | None]:
    """Return where the removals end, and what is wrong with them."""
    end: Head | None = None
    rows = db.session.scalars(select(AuditRemoval).order_by(AuditRemoval.through_sequence))
    for row in rows:
        before = 0 if end is None else end.sequence
        through = Head(row.through_sequence, row.through_hash)
        seal = seal_of_removal(through, row.removed, row.older_than)
        if not hmac.compare_digest(seal, row.seal):
            return end, f"清除到第 {through.sequence} 条的记载被改动过（印记不符）。"
        if through.sequence - row.removed != before:
            return (
                end,
                f"第 {before + 1} 条起的清除没有记载，下一次记载清除到第 {through.sequence} 条。",
            )
        end = through
    if end is not None:
        left = select(AuditEvent.sequence).where(AuditEvent.sequence <= end.sequence)
        found = db.session.scalar(left.order_by(AuditEvent.sequence).limit(1))
        if found is not None:
            return end, f"第 {found} 条按记载已经清除，却还在记录里。"
    return end, None


def _broken_link(event: Mapping[Any, Any], last: Head) -> str | None:
    number = event["sequence"]
    if number != last.sequence + 1:
        return f"第 {last.sequence + 1} 条缺失（下一条是第 {number} 条）。"
    if event["previous_hash"] != last.hash:
        return f"第 {number} 条与前一条的校验值对不上，前一条可能被替换。"
    if not hmac.compare_digest(hash_of(event), event["hash"]):
        return f"第 {number} 条的内容被改动过。"
    return None


def _broken_end(last: Head) -> str | None:
    row = db.session.execute(select(AuditHead.sequence, AuditHead.hash, AuditHead.seal)).first()
    if row is None:
        return None if last.sequence == 0 else "记录的末尾标记不见了，无法确认最后几条是否被删除。"
    if not hmac.compare_digest(seal_of(Head(row.sequence, row.hash)), row.seal):
        return "记录的末尾标记被改动过（印记不符）。"
    if (row.sequence, row.hash) != (last.sequence, last.hash):
        return (
            f"末尾标记指向第 {row.sequence} 条，实际最后一条是第 {last.sequence} 条：末尾被删改。"
        )
    return None
