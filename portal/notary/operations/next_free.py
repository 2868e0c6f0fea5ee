"""The free times of an office that are nearest to one that cannot be had, or are left on a day on which one was lost."""

from __future__ import annotations

import time
import uuid
from collections import defaultdict
from datetime import date, datetime

from portal.core import clock
from portal.notary.demand import Demand
from portal.notary.models import NotaryBooking, NotarySlot, Quota
from portal.notary.operations import seats

SHOWN = 3
# In a rush thousands ask for the same within a second; a suggestion may be that old.
KEPT_SECONDS = 1.0
_Key = tuple[uuid.UUID, uuid.UUID, int, tuple[Quota, ...], date | None]
_Days = dict[date, list[datetime]]
_kept: dict[_Key, tuple[float, datetime, _Days]] = {}


def times(demand: Demand, near: datetime) -> list[datetime]:
    """Return up to three times at which the matter can be booked, at most a second old.

    Those of the same day come first, then those of the days after it, and the nearest time of each day first; days before it
    only where nothing else is left.
    """
    # By their numbers: office and matter are read anew with each request.
    key = demand.office.id, demand.matter.id, demand.seats, demand.quotas, demand.since
    now = clock.now()
    kept = _kept.get(key)
    if kept is not None and time.monotonic() - kept[0] < KEPT_SECONDS and kept[1] <= now:
        return _nearest(kept[2], near)
    if len(_kept) > 1000:
        _kept.clear()
    found = _look(demand)
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


def _look(demand: Demand) -> _Days:
    first, last = demand.days()
    free = seats.free_slots(
        demand,
        NotarySlot.day >= first,
        NotarySlot.day <= last,
        NotarySlot.starts_at > clock.now(),
    )
    found: _Days = defaultdict(list)
    for run in seats.runs_of(free, demand.slots):
        if run.first.starts_at not in found[run.first.day]:
            found[run.first.day].append(run.first.starts_at)
    return dict(found)


def on_lost_day(booking: NotaryBooking) -> list[datetime]:
    """Return the times that are still free on the own day of a booking that has to move, however soon that is."""
    if not booking.matter.active:
        return []
    demand = Demand.of_booking(booking)
    free = seats.free_slots(
        demand, NotarySlot.day == booking.day, NotarySlot.starts_at > clock.now()
    )
    return sorted({run.first.starts_at for run in seats.runs_of(free, demand.slots)})
