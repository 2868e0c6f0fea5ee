"""The next free times of an office, for who was too late."""

from __future__ import annotations

import time
import uuid
from collections.abc import Sequence
from datetime import datetime

from portal.core import clock
from portal.notary import runs
from portal.notary.models import NotaryMatter, NotaryOffice, NotarySlot, Quota
from portal.notary.opening import bookable_days
from portal.notary.operations import seats as seat_counts
from portal.working_days.counting import current_calendar

SHOWN = 3
# In a rush thousands ask for the same within a second; a suggestion may be that old.
KEPT_SECONDS = 1.0
_Key = tuple[uuid.UUID, uuid.UUID, int, tuple[Quota, ...]]
_kept: dict[_Key, tuple[float, datetime, list[datetime]]] = {}


def times(
    office: NotaryOffice, matter: NotaryMatter, wanted: int, quotas: Sequence[Quota]
) -> list[datetime]:
    """Return up to three times at which the matter can be booked, at most a second old."""
    key = (office.id, matter.id, wanted, tuple(quotas))
    now = clock.now()
    kept = _kept.get(key)
    if kept is not None and time.monotonic() - kept[0] < KEPT_SECONDS and kept[1] <= now:
        return kept[2]
    if len(_kept) > 1000:
        _kept.clear()
    found = _look(office, matter, wanted, quotas)
    _kept[key] = time.monotonic(), now, found
    return found


def _look(
    office: NotaryOffice, matter: NotaryMatter, wanted: int, quotas: Sequence[Quota]
) -> list[datetime]:
    first, last = bookable_days(office, clock.today(), current_calendar())
    free = seat_counts.free_slots(
        office.id,
        matter.code,
        quotas,
        wanted,
        NotarySlot.day >= first,
        NotarySlot.day <= last,
        NotarySlot.starts_at > clock.now(),
    )
    need = runs.slots_needed(matter.minutes, office.slot_minutes)
    starts = dict.fromkeys(run.first.starts_at for run in seat_counts.runs_of(free, need))
    return list(starts)[:SHOWN]
