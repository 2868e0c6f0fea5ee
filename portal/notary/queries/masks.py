"""The open slots of all counters, folded into masks and kept up to date in memory: which are free, and which would do.

Bit n of a mask is the slot with ordinal n of one counter, day and quota. Folding a month of two hundred counters takes the
database longer than a person wants to wait, so each process folds them once and then asks only for the slots that changed
since it last looked: one small statement by index, and every answer is as fresh as that statement. The look goes back
`OVERLAP`, because a change becomes visible when its transaction ends and not when it was stamped; after `KEPT` all is folded
anew, which bounds what an even longer transaction could hide.
"""

from __future__ import annotations

import threading
import uuid
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Select,
    String,
    bindparam,
    case,
    cast,
    func,
    literal,
    select,
    type_coerce,
)
from sqlalchemy.dialects import sqlite

from portal.core import clock
from portal.core.db import db, is_sqlite
from portal.core.prepared import Prepared
from portal.notary.models import NotarySlot, Quota

OVERLAP = timedelta(seconds=30)
KEPT = timedelta(seconds=60)
# How many numbers of seats are kept apart; more than anybody asks for at a time.
MOST_KEPT = 20
MOST_CHANGES = 2000

Key = tuple[str, date]


class Mask(NamedTuple):
    """One counter, day and quota: the open slots, those that hold so many seats at all, and those that have them left."""

    opened: int = 0
    whole: int = 0
    free: int = 0

    def without(self, bits: int) -> Mask:
        """Return the mask without some slots."""
        return Mask(self.opened & ~bits, self.whole & ~bits, self.free & ~bits)


Masks = dict[Key, Mask]


@dataclass
class _Folded:
    """The masks for one number of seats: by quota, then by counter and day."""

    folded_at: datetime
    looked_at: datetime
    masks: dict[str, Masks] = field(default_factory=lambda: defaultdict(dict))


_lock = threading.Lock()
_kept: dict[tuple[str, int], _Folded] = {}


def counter_key() -> tuple[ColumnElement[str], Callable[[uuid.UUID], str]]:
    """Return the counter's id as text, and how to write an id so.

    Thousands of rows: making a UUID of each would take as long as the database takes to fold them, and one as a key of a
    mapping is compared in Python.
    """
    if is_sqlite():
        return type_coerce(NotarySlot.counter_id, String), lambda each: each.hex
    return cast(NotarySlot.counter_id, String), str


def of_open(seats: int, quotas: list[Quota]) -> list[Masks]:
    """Return the masks of the open slots for so many seats, one mapping per quota, as of now.

    The mappings are copies. A counter's day without an open slot may be missing or have an empty mask.
    """
    now = clock.now()
    # A test process has several databases.
    place = (str(db.engine.url), seats)
    with _lock:
        folded = _kept.get(place)
        # A clock that was set back would hide what was stamped since.
        if folded is None or not folded.looked_at <= now < folded.folded_at + KEPT:
            if len(_kept) >= MOST_KEPT:
                _kept.clear()
            folded = _kept[place] = _fold(seats, now)
        elif not _catch_up(folded, seats, now):
            folded = _kept[place] = _fold(seats, now)
        return [dict(folded.masks[quota.value]) for quota in quotas]


def _open_masks(dialect: Any) -> Select[Any]:
    bit = literal(1, BigInteger).op("<<")(NotarySlot.ordinal)
    # Each ordinal stands once per counter, day and quota, so the sum of the bits is their union.
    union = func.sum if dialect is sqlite else func.bit_or

    def mask(seats: Any) -> Any:
        return union(case((seats >= bindparam("seats"), bit), else_=literal(0, BigInteger)))

    return (
        select(
            counter_key()[0],
            NotarySlot.day,
            type_coerce(NotarySlot.quota, String),
            union(bit),
            mask(NotarySlot.capacity),
            mask(NotarySlot.capacity - NotarySlot.claimed),
        )
        .where(NotarySlot.day >= bindparam("today"), NotarySlot.is_open)
        .group_by(NotarySlot.day, NotarySlot.counter_id, NotarySlot.quota)
    )


# Thousands of rows: the session's way of reading them would take longer than the database.
_FOLD = Prepared(_open_masks, writes=False)
_CHANGED = Prepared(
    lambda _dialect: (
        select(
            counter_key()[0],
            NotarySlot.day,
            type_coerce(NotarySlot.quota, String),
            NotarySlot.ordinal,
            NotarySlot.is_open,
            NotarySlot.capacity,
            NotarySlot.capacity - NotarySlot.claimed,
        )
        .where(NotarySlot.changed_at >= bindparam("since"))
        .limit(MOST_CHANGES)
    ),
    writes=False,
)


def _fold(seats: int, now: datetime) -> _Folded:
    found = _Folded(now, now)
    rows = _FOLD.rows({"seats": seats, "today": clock.today()})
    for counter, day, quota, *bits in rows:
        found.masks[quota][counter, day] = Mask(*bits)
    return found


def _catch_up(folded: _Folded, seats: int, now: datetime) -> bool:
    """Bring the masks up to date; False when so much has changed that folding anew is quicker."""
    rows = _CHANGED.rows({"since": folded.looked_at - OVERLAP})
    if len(rows) == MOST_CHANGES:
        return False
    for counter, day, quota, ordinal, is_open, capacity, left in rows:
        masks, bit = folded.masks[quota], 1 << ordinal
        others = masks.get((counter, day), Mask()).without(bit)
        masks[counter, day] = others
        if is_open:
            masks[counter, day] = Mask(
                others.opened | bit,
                others.whole | (bit if capacity >= seats else 0),
                others.free | (bit if left >= seats else 0),
            )
    folded.looked_at = now
    return True
