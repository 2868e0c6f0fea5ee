"""Writing to the record."""

from __future__ import annotations

import enum
import math
import uuid
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from sqlalchemy import bindparam, insert, select, update

from portal.audit import chain
from portal.audit.models import AuditEvent, AuditHead
from portal.core import clock, locks
from portal.core.actor import Actor
from portal.core.db import db
from portal.core.prepared import Prepared
from portal.core.unit_of_work import collect
from portal.observability.redaction import redact
from portal.web.request_context import request_id

Scalar = str | int | float | bool | None | uuid.UUID | date | datetime
LONGEST_VALUE = 200
MOST_DETAILS = 20


_EVENTS: Any = AuditEvent.__table__
_HEADS: Any = AuditHead.__table__
_ADD = Prepared(lambda _dialect: insert(_EVENTS), writes=True)
_MOVE_HEAD = Prepared(
    lambda _dialect: update(_HEADS).values(
        {name: bindparam(name) for name in ("sequence", "hash", "seal")}
    ),
    writes=True,
)


def record(
    actor: Actor,
    action: str,
    subject_kind: str,
    subject_id: uuid.UUID | None,
    detail: Mapping[str, Scalar] | None = None,
    reference: str | None = None,
) -> None:
    """Record that `actor` did `action` (such as `"consultation.claimed"`) to a subject; inside a unit of work.

    `detail` takes scalars only and no personal data: identifiers, codes, counts. What looks like a number of a person is
    blanked all the same, and texts are cut at 200 characters. Raises RuntimeError outside a unit of work, ValueError for a
    detail that is not a scalar.
    """
    event = {
        "at": clock.now(),
        "actor_kind": actor.kind,
        "actor_id": actor.id,
        "session_id": actor.session_id,
        "action": action,
        "subject_kind": subject_kind,
        "subject_id": subject_id,
        "reference": reference,
        "request_id": request_id(),
        "detail": _clean(detail or {}),
    }
    # Events wait for the end of the unit of work, so that the chain is locked only briefly.
    collect(_append, event)


def _append(events: list[dict[str, Any]]) -> None:
    """Chain the waiting events of this unit of work to the record."""
    locks.serialise("audit-chain")
    head = chain.stored_head()
    last = head or chain.Head(0, chain.GENESIS)
    rows = []
    for event in events:
        row = {**event, "sequence": last.sequence + 1, "previous_hash": last.hash}
        row["hash"] = chain.hash_of(row)
        last = chain.Head(row["sequence"], row["hash"])
        rows.append(row)
    # A head that was turned back makes the insert fail on its key: what cannot be recorded is not done.
    for row in rows:
        _ADD.run(row)
    values = {"sequence": last.sequence, "hash": last.hash, "seal": chain.seal_of(last)}
    if head is None:
        db.session.execute(insert(AuditHead).values(id=1, **values))
    else:
        _MOVE_HEAD.run(values)


def _clean(detail: Mapping[str, Scalar]) -> dict[str, Any]:
    if len(detail) > MOST_DETAILS:
        raise ValueError("too many details for one audit event")
    return {str(key)[:60]: _scalar(value) for key, value in detail.items()}


def _scalar(value: Any) -> Any:
    if isinstance(value, enum.Enum):
        value = value.value
    if isinstance(value, uuid.UUID):
        return str(value)
    if isinstance(value, datetime | date):
        return value.isoformat()
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError("an audit detail must be a finite number")
        return value
    if isinstance(value, str):
        # Redacted before the cut: a cut through a number would leave a part that no pattern knows.
        clean = redact(value.encode("utf-8", "replace").decode())
        return clean.replace("\x00", "")[:LONGEST_VALUE]
    raise ValueError(f"an audit detail must be a scalar, not {type(value).__name__}")


def last_sequence() -> int:
    """Return the number of the last event, 0 for an empty record."""
    return db.session.scalar(select(AuditHead.sequence)) or 0
