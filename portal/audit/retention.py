"""Events go when their time is over (个人信息保护法 19; rules 5.3 and 5.5), and the chain still proves what is left.

The only way by which events are removed: the oldest ones, without a gap, under a sealed row that says up to where. The guards
of the database ask for the same (`models`). See docs/decisions/audit-retention.md.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, delete, func, select, true

from portal.audit import chain, operations
from portal.audit.chain import Head
from portal.audit.models import AuditEvent, AuditRemoval
from portal.config import settings
from portal.core import clock, locks
from portal.core.actor import SYSTEM
from portal.core.db import db
from portal.core.prepared import Prepared
from portal.core.unit_of_work import transactional

# A removal holds up writers on SQLite; so many rows are gone in a moment.
BATCH = 2000

_EVENTS: Any = AuditEvent.__table__
# Past the session, which refuses every deletion of events.
_REMOVE = Prepared(
    lambda _dialect: delete(_EVENTS).where(_EVENTS.c.sequence <= bindparam("through")), writes=True
)


def kept_since() -> datetime:
    """Return the moment from which on events are kept."""
    now = clock.now()
    year = now.year - settings().audit_years
    try:
        return now.replace(year=year)
    except ValueError:
        # 29 February: a day later rather than earlier than promised.
        return now.replace(year=year, day=28)


def remove_expired(batch: int = BATCH) -> int:
    """Remove all events whose time is over, a transaction for each batch; returns how many. Safe to stop and to repeat."""
    older_than, total = kept_since(), 0
    while removed := _remove_batch(older_than, batch):
        total += removed
    return total


@transactional
def _remove_batch(older_than: datetime, most: int) -> int:
    locks.serialise("audit-removal")
    before = chain.anchor() or Head(0, chain.GENESIS)
    through = _last_expired(before, older_than, most)
    if through is None:
        return 0
    removed = through.sequence - before.sequence
    db.session.add(
        AuditRemoval(
            through_sequence=through.sequence,
            through_hash=through.hash,
            removed=removed,
            older_than=older_than,
            at=clock.now(),
            seal=chain.seal_of_removal(through, removed, older_than),
        )
    )
    db.session.flush()
    gone = _REMOVE.run({"through": through.sequence})
    if gone != removed:
        raise RuntimeError(f"{removed} audit events were to be removed, {gone} were there")
    operations.record(
        SYSTEM,
        "audit.expired",
        "audit",
        None,
        {"removed": removed, "through": through.sequence, "older_than": older_than},
    )
    return removed


def _last_expired(before: Head, older_than: datetime, most: int) -> Head | None:
    """Return the last event of the next batch: whatever comes before a younger event goes, and nothing behind one."""
    batch = AuditEvent.sequence.between(before.sequence + 1, before.sequence + most)
    younger = db.session.scalar(
        select(func.min(AuditEvent.sequence)).where(batch, AuditEvent.at >= older_than)
    )
    row = db.session.execute(
        select(AuditEvent.sequence, AuditEvent.hash)
        .where(batch, true() if younger is None else AuditEvent.sequence < younger)
        .order_by(AuditEvent.sequence.desc())
        .limit(1)
    ).first()
    return None if row is None else Head(*row)
