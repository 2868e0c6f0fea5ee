"""What can be booked in a month, over all offices, in a constant number of statements.

The free slots come as masks (`masks`), in which consecutive slots are found by shifting. Claims that have lapsed and that
nobody has freed yet count as free, because whoever asks for the seat frees them.
"""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from sqlalchemy import String, func, select, type_coerce

from portal.core import clock
from portal.core.db import LabelledEnum, db
from portal.notary import runs
from portal.notary.models import (
    MOST_SLOTS,
    NotaryClaim,
    NotaryCounter,
    NotaryException,
    NotaryMatter,
    NotaryOffice,
    NotarySlot,
    Quota,
)
from portal.notary.opening import Schedule, begins, bookable_days, minute_of, most_seats
from portal.notary.queries import zone_of_slots
from portal.notary.queries.masks import Key, Mask, counter_key, of_open
from portal.working_days.calendar import Calendar, DayStatus
from portal.working_days.counting import current_calendar

LONGEST_SPAN = 62


class NothingFree(LabelledEnum):
    """Why nothing can be booked on a day."""

    PAST = "past", "已过"
    TOO_SOON = "too_soon", "需要提前预约"
    TOO_FAR = "too_far", "还没有放号"
    CLOSED = "closed", "不办理"
    KEPT = "kept", "号都留给老年人、残疾人或者现场取号的人"
    FULL = "full", "已约满"
    NO_COUNTER = "no_counter", "没有办理这个事项的窗口"
    TOO_MANY = "too_many", "人数超过一个时段的容量"
    NO_RUN = "no_run", "没有足够长的连续时段"


@dataclass
class DayAvailability:
    """One office on one day. `free` counts the times at which one may begin."""

    day: date
    free: int
    times: list[datetime]
    reason: NothingFree | None
    reason_text: str
    provisional: bool


@dataclass
class OfficeAvailability:
    """One office over the days that were asked for, and the next free day on or after the first of them."""

    office: NotaryOffice
    days: list[DayAvailability] = field(default_factory=list)
    next_free_day: date | None = None


@dataclass
class _Masks:
    """What one office has on one day: where one may begin, and what is there that is full, too short or too small."""

    starts: int = 0
    any_free: bool = False
    # Whether any slot is open that has not begun, and whether one has begun.
    is_open: bool = False
    has_begun: bool = False
    # By counter and quota, the slots that hold so many, full ones too.
    whole: list[int] = field(default_factory=list)


@dataclass(frozen=True)
class _Query:
    """What is asked, with what follows from it for each office."""

    matter: NotaryMatter
    first: date
    last: date
    quotas: Sequence[Quota]
    offices: Sequence[NotaryOffice]
    counters: dict[uuid.UUID, list[NotaryCounter]]
    windows: dict[uuid.UUID, tuple[date, date]]
    seats: dict[uuid.UUID, int]
    calendar: Calendar
    # Counters' days with seats for other people than those who ask.
    for_others: set[Key] = field(default_factory=set)

    @property
    def until(self) -> date:
        """The last day that is looked at, for the next free day may lie beyond the span."""
        return max([self.last, *(window[1] for window in self.windows.values())])


def availability(
    matter: NotaryMatter,
    *,
    first: date,
    last: date,
    parties: int,
    quotas: Sequence[Quota],
    office_id: uuid.UUID | None = None,
) -> list[OfficeAvailability]:
    """Return the offices, each with every day from `first` to `last`; times of day are given for a single office."""
    zone_of_slots.require()
    calendar = current_calendar()
    offices = _offices(office_id)
    today = clock.today()
    asked = _Query(
        matter,
        first,
        last,
        quotas,
        offices,
        _counters(offices, matter),
        {office.id: bookable_days(office, today, calendar) for office in offices},
        {office.id: office.seats_for(parties) for office in offices},
        calendar,
    )
    masks = _fold(asked)
    exceptions = _exceptions(asked)
    days = [(day, calendar.status(day)) for day in _span(first, last)]
    return [
        _of_office(asked, office, masks.get(office.id, {}), exceptions[office.id], days,
                   with_times=office_id is not None)
        for office in offices
    ]  # fmt: skip


def _span(first: date, last: date) -> list[date]:
    return [first + timedelta(days=offset) for offset in range((last - first).days + 1)]


def _offices(office_id: uuid.UUID | None) -> list[NotaryOffice]:
    query = select(NotaryOffice)
    if office_id is not None:
        query = query.where(NotaryOffice.id == office_id)
    return sorted(db.session.scalars(query), key=lambda office: (office.office.code, office.id))


def _counters(
    offices: Sequence[NotaryOffice], matter: NotaryMatter
) -> dict[uuid.UUID, list[NotaryCounter]]:
    found: dict[uuid.UUID, list[NotaryCounter]] = {office.id: [] for office in offices}
    for counter in db.session.scalars(
        select(NotaryCounter).where(NotaryCounter.office_id.in_(found)).order_by(NotaryCounter.id)
    ):
        if counter.serves(matter.code):
            found[counter.office_id].append(counter)
    return found


def _exceptions(asked: _Query) -> dict[uuid.UUID, list[NotaryException]]:
    found: dict[uuid.UUID, list[NotaryException]] = {office.id: [] for office in asked.offices}
    for row in db.session.scalars(
        select(NotaryException)
        .where(
            NotaryException.office_id.in_(found),
            NotaryException.last_day >= asked.first,
            NotaryException.first_day <= asked.last,
        )
        .order_by(NotaryException.id)
    ):
        found[row.office_id].append(row)
    return found


def _fold(asked: _Query) -> dict[uuid.UUID, dict[date, _Masks]]:
    """Return per office and day what is free; one statement, and one for what has lapsed, per number of seats asked for.

    That number is one or two: offices where each party needs a seat, and offices where a booking needs one.
    """
    found: dict[uuid.UUID, dict[date, _Masks]] = defaultdict(dict)
    _, written = counter_key()
    for seats in sorted(set(asked.seats.values())):
        offices = {
            written(counter.id): (
                found[office.id],
                runs.slots_needed(asked.matter.minutes, office.slot_minutes),
                _begun(office),
            )
            for office in asked.offices
            if asked.seats[office.id] == seats
            for counter in asked.counters[office.id]
        }
        _fold_for(asked, seats, offices)
    return found


def _fold_for(
    asked: _Query,
    seats: int,
    offices: dict[str, tuple[dict[date, _Masks], int, int]],
) -> None:
    today, first, until = clock.today(), asked.first, asked.until
    lapsed = _lapsed(asked, seats)
    for quota, masks in zip(Quota, of_open(seats, list(Quota)), strict=True):
        if quota not in asked.quotas:
            asked.for_others.update(key for key, mask in masks.items() if mask.opened)
            continue
        for (counter, day), bits in lapsed[quota.value].items():
            known = masks.get((counter, day), Mask())
            masks[counter, day] = known._replace(free=known.free | bits)
        for (counter, day), mask in masks.items():
            office = offices.get(counter)
            if office is None or not first <= day <= until:
                continue
            days, need, begun = office
            here = days.get(day)
            if here is None:
                here = days[day] = _Masks()
            if day == today:
                here.has_begun |= mask.opened & begun > 0
                mask = mask.without(begun)
            if mask.opened:
                here.is_open = True
                here.whole.append(mask.whole)
            if mask.free:
                here.any_free = True
                here.starts |= mask.free if need == 1 else runs.starts_of(mask.free, need)


def _lapsed(asked: _Query, seats: int) -> dict[str, dict[tuple[str, date], int]]:
    """Return, by quota, the masks of slots that have seats enough once what has lapsed in them is freed."""
    left = NotarySlot.capacity - NotarySlot.claimed + func.sum(NotaryClaim.seats)
    rows = db.session.execute(
        select(
            counter_key()[0],
            NotarySlot.day,
            type_coerce(NotarySlot.quota, String),
            NotarySlot.ordinal,
        )
        .join(NotaryClaim, NotaryClaim.slot_id == NotarySlot.id)
        .where(
            NotaryClaim.released_at.is_(None),
            NotaryClaim.occupies_until <= clock.now(),
            NotarySlot.day >= asked.first,
            NotarySlot.day <= asked.until,
            NotarySlot.is_open,
        )
        .group_by(NotarySlot.id)
        .having(left >= seats)
    )
    found: dict[str, dict[tuple[str, date], int]] = defaultdict(lambda: defaultdict(int))
    for counter, day, quota, ordinal in rows:
        found[quota][counter, day] |= 1 << ordinal
    return found


def _begun(office: NotaryOffice) -> int:
    """Return the mask of the slots of today's grid that have begun."""
    minutes = minute_of(clock.local(clock.now()).time()) - minute_of(office.grid_from)
    return (1 << min(MOST_SLOTS, minutes // office.slot_minutes + 1)) - 1 if minutes >= 0 else 0


def _of_office(
    asked: _Query,
    office: NotaryOffice,
    masks: dict[date, _Masks],
    exceptions: list[NotaryException],
    days: Sequence[tuple[date, DayStatus]],
    *,
    with_times: bool,
) -> OfficeAvailability:
    earliest, latest = asked.windows[office.id]
    result, zone = OfficeAvailability(office), clock.zone()
    for day, status in days:
        here = masks.get(day)
        starts = here.starts if here is not None and earliest <= day <= latest else 0
        reason, text = None, ""
        if not starts:
            reason, text = _why(asked, office, day, status, masks, exceptions)
        times = (
            [begins(office, day, ordinal, zone) for ordinal in runs.ordinals(starts)]
            if with_times
            else []
        )
        result.days.append(
            DayAvailability(day, starts.bit_count(), times, reason, text, status.provisional)
        )
    result.next_free_day = next(
        (day for day in sorted(masks) if masks[day].starts and earliest <= day <= latest), None
    )
    return result


def _why(
    asked: _Query,
    office: NotaryOffice,
    day: date,
    status: DayStatus,
    masks: dict[date, _Masks],
    exceptions: list[NotaryException],
) -> tuple[NothingFree, str]:
    """Return why one cannot begin anywhere on `day`, the reason first that a person can do least about."""
    here = masks.get(day)
    earliest, latest = asked.windows[office.id]
    counters = asked.counters[office.id]
    if day < clock.today():
        return NothingFree.PAST, "这一天已经过去"
    schedule = Schedule(office, [], exceptions)
    ended = schedule.closed_for_good(day)
    if ended is not None:
        return NothingFree.CLOSED, ended.reason
    if not counters:
        return NothingFree.NO_COUNTER, "这个机构没有办理这个事项的窗口"
    most, wanted = most_seats(counters, asked.quotas, day, day), asked.seats[office.id]
    if 0 < most < wanted:
        return NothingFree.TOO_MANY, f"一个时段最多容纳 {most} 人，请分开预约，或者直接联系公证机构"
    if day < earliest:
        return NothingFree.TOO_SOON, _first_day(asked, office, masks)
    if here is not None and here.is_open:
        return _why_none_of(asked, office, here)
    if here is not None and here.has_begun:
        return NothingFree.PAST, "今天的时段都已经开始或者过去"
    closed = schedule.why_closed(counters, day, status)
    if closed is not None:
        return NothingFree.CLOSED, closed.reason
    if day > latest:
        return NothingFree.TOO_FAR, f"还没有放号，目前最远可以约到 {clock.spoken_day(latest)}"
    if office.not_yet_made(day):
        return NothingFree.TOO_FAR, "还没有放号，马上就会放出，请过半小时再看"
    _, written = counter_key()
    if any((written(counter.id), day) in asked.for_others for counter in counters):
        others = (
            "现场取号的人" if Quota.PRIORITY in asked.quotas else "老年人、残疾人或者现场取号的人"
        )
        return NothingFree.KEPT, f"当天的号留给{others}，请到现场取号，或者直接联系公证机构"
    return NothingFree.CLOSED, "当天不办理这个事项"


def _first_day(asked: _Query, office: NotaryOffice, masks: dict[date, _Masks]) -> str:
    """Say which is the first day that is not too soon and open for long enough, also where it is full by now."""
    earliest, latest = asked.windows[office.id]
    for day in sorted(masks):
        if earliest <= day <= latest and _may_begin(asked, office, masks[day]):
            return f"需要提前预约，最早可以约 {clock.spoken_day(day)}"
    return "需要提前预约，这一天不能再约"


def _may_begin(asked: _Query, office: NotaryOffice, masks: _Masks) -> bool:
    """True where there is a time at which one might begin, taken or not."""
    need = runs.slots_needed(asked.matter.minutes, office.slot_minutes)
    return any(runs.starts_of(mask, need) for mask in masks.whole)


def _why_none_of(asked: _Query, office: NotaryOffice, masks: _Masks) -> tuple[NothingFree, str]:
    """Return why one cannot begin on a day with open slots. Waiting is named only where a seat may become free."""
    if masks.any_free:
        return NothingFree.NO_RUN, "剩下的时段不够长，办不完这个事项"
    if _may_begin(asked, office, masks):
        return NothingFree.FULL, "当天已约满，可以加入排队"
    if any(masks.whole):
        return NothingFree.NO_RUN, "当天的时段不够长，办不完这个事项"
    return (
        NothingFree.TOO_MANY,
        f"当天的时段容不下 {asked.seats[office.id]} 人，请换一天，或者分开预约",
    )
