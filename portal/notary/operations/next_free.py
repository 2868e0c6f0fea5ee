"""The free times of an office that are nearest to one that cannot be had, or are left on a day on which one was lost."""

from __future__ import annotations

import time
import uuid
from collections import defaultdict
from collections.abc import Sequence
from datetime import date, datetime

from portal.core import clock
from portal.notary import runs
from portal.notary.models import NotaryBooking, NotaryMatter, NotaryOffice, NotarySlot, Quota
from portal.notary.opening import bookable_days
from portal.notary.operations import seats as seat_counts
from portal.working_days.counting import current_calendar

SHOWN = 3
# In a rush thousands ask for the same within a second; a suggestion may be that old.
KEPT_SECONDS = 1.0
_Key = tuple[uuid.UUID, uuid.UUID, int, tuple[Quota, ...], date | None]
_Days = dict[date, list[datetime]]
_kept: dict[_Key, tuple[float, datetime, _Days]] = {}


def times(
    office: NotaryOffice,
    matter: NotaryMatter,
    wanted: int,
    quotas: Sequence[Quota],
    near: datetime,
    since: date | None = None,
) -> list[datetime]:
    """Return up to three times at which the matter can be booked, at most a second old; `since` as in `bookable_days`.

    Those of the same day come first, then those of the days after it, and the nearest time of each day first; days before it
    only where nothing else is left.
    """
    key = (office.id, matter.id, wanted, tuple(quotas), since)
    now = clock.now()
    kept = _kept.get(key)
    if kept is not None and time.monotonic() - kept[0] < KEPT_SECONDS and kept[1] <= now:
        return _nearest(kept[2], near)
    if len(_kept) > 1000:
        _kept.clear()
    found = _look(office, matter, wanted, quotas, since)
    _kept[key] = time.monotonic(), now, found
    return _nearest(found, near)


def _nearest(days: _Days, near: datetime) -> list[datetime]:
    wished = clock.local(near).date()
    found: list[datetime] = []
    for day in sorted(days, key=lambda day: (day < wished, abs(day - wished))):
        same_time = near + (day - wished)
        found += sorted(days[day], key=lambda start: (abs(start - same_time), start))
        if len(found) >= SHOWN:
            break
    return found[:SHOWN]


def _look(
    office: NotaryOffice,
    matter: NotaryMatter,
    wanted: int,
    quotas: Sequence[Quota],
    since: date | None,
) -> _Days:
    first, last = bookable_days(office, clock.today(), current_calendar(), since)
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
    found: _Days = defaultdict(list)
    for run in seat_counts.runs_of(free, need):
        if run.first.starts_at not in found[run.first.day]:
            found[run.first.day].append(run.first.starts_at)
    return dict(found)


def on_lost_day(booking: NotaryBooking) -> list[datetime]:
    """Return the times that are still free on the own day of a booking that has to move, however soon that is."""
    if not booking.matter.active:
        return []
    office = booking.office
    free = seat_counts.free_slots(
        office.id,
        booking.matter.code,
        seat_counts.quotas_for(booking.priority),
        booking.seats,
        NotarySlot.day == booking.day,
        NotarySlot.starts_at > clock.now(),
    )
    need = runs.slots_needed(booking.matter.minutes, office.slot_minutes)
    return sorted({run.first.starts_at for run in seat_counts.runs_of(free, need)})
