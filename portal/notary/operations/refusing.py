"""Why somebody gets no seat: taken, or never there. Asked only after a claim failed, so that nobody else pays for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime

from sqlalchemy import select

from portal.core import clock
from portal.core.db import db
from portal.notary.demand import Demand
from portal.notary.errors import ClosedDay, NoSuchTime, NotBookable, SlotTaken, TooManyParties
from portal.notary.models import (
    NotaryCounter,
    NotaryException,
    NotaryOffice,
    NotarySlot,
    Quota,
)
from portal.notary.opening import Schedule, bookable_days, most_seats
from portal.notary.operations import next_free, seats
from portal.working_days.counting import current_calendar

# What to do about a day whose slots are made within half an hour.
SOON = "马上就会放出，请过半小时再看。"


def at(demand: Demand, starts_at: datetime) -> SlotTaken | NotBookable:
    """Return the refusal of a time at which nothing is free, with the nearest free times.

    SlotTaken where somebody else has the seats; NoSuchTime, ClosedDay or TooManyParties where there never were any.
    """
    given = seats.slots_for(
        demand,
        NotarySlot.starts_at >= starts_at,
        NotarySlot.starts_at < demand.until(starts_at),
    )
    if any(run.first.starts_at == starts_at for run in seats.runs_of(given, demand.slots)):
        return _with_times(SlotTaken(), demand, starts_at)
    day = clock.local(starts_at).date()
    refused = never(demand, day, day)
    if refused is None:
        begins = any(slot.starts_at == starts_at for slot in given)
        refused = NoSuchTime(_not_then(demand, starts_at, begins=begins))
    elif not isinstance(refused, (ClosedDay, NoSuchTime)):
        # Another time would not help.
        return refused
    return _with_times(refused, demand, starts_at)


def outside(demand: Demand, starts_at: datetime) -> SlotTaken | NotBookable | None:
    """Return the refusal of a time that has begun, or whose day is not given out, with the nearest free times, else None."""
    refused: NotBookable | None
    if starts_at <= clock.now():
        refused = NotBookable("这个时段已经开始或者过去。")
    else:
        day = clock.local(starts_at).date()
        refused = _not_given_out(demand, day, day)
    return None if refused is None else _with_times(refused, demand, starts_at)


def not_given_out(
    office: NotaryOffice, first: date, last: date, since: date | None = None
) -> NotBookable | None:
    """Return why no day from `first` to `last` can be booked yet or any more, None when one can.

    From `since` on the lead time does not bind, as in `bookable_days`.
    """
    earliest, latest = bookable_days(office, clock.today(), current_calendar(), since)
    if last < earliest:
        said = f"需要提前预约，{clock.spoken_day(earliest)}以前的日期目前不能约。"
        return NotBookable(said, code="too_soon")
    ended = Schedule(office, [], []).closed_for_good(first)
    if ended is not None:
        return ClosedDay(f"{ended.reason}，之后不能预约。")
    if first > latest:
        return NotBookable(f"目前最远可以约到 {clock.spoken_day(latest)}。", code="too_far")
    if office.not_yet_made(first):
        return NotBookable(
            f"{clock.spoken_day(first)}的号还没有放出。", code="too_far", next_step=SOON
        )
    return None


def _not_given_out(demand: Demand, first: date, last: date) -> NotBookable | None:
    """Return the same for who would book: of days that are too soon, with the first one that is open for long enough."""
    refused = not_given_out(demand.office, first, last, demand.since)
    if refused is None or refused.code != "too_soon":
        return refused
    earliest, latest = demand.days()
    open_slots = seats.slots_for(
        demand, NotarySlot.day.between(earliest, latest), NotarySlot.starts_at > clock.now()
    )
    begin = [run.first.day for run in seats.runs_of(open_slots, demand.slots)]
    if not begin:
        return refused
    said = f"需要提前预约，目前最早可以约 {clock.spoken_day(min(begin))}。"
    return NotBookable(said, code="too_soon")


def _not_then(demand: Demand, starts_at: datetime, *, begins: bool) -> str:
    when = clock.spoken(starts_at)
    if begins:
        return f"这个事项要办 {demand.matter.minutes} 分钟，从 {when} 开始的时段不够长。"
    if demand.seats > 1:
        return f"{when} 没有容得下 {demand.seats} 人的时段。"
    return f"没有 {when} 这个时段。"


def _serving(demand: Demand) -> list[NotaryCounter]:
    counters = db.session.scalars(
        select(NotaryCounter)
        .where(NotaryCounter.office_id == demand.office.id)
        .order_by(NotaryCounter.id)
    )
    return [counter for counter in counters if counter.serves(demand.matter.code)]


def never(demand: Demand, first: date, last: date) -> NotBookable | None:
    """Return why no seat can ever become free from `first` to `last`, None when one can."""
    office, counters = demand.office, _serving(demand)
    if not counters:
        return NotBookable(
            f"{office.name}没有办理这个事项的窗口。",
            code="no_counter",
            next_step="请换一个公证机构，或者直接联系公证机构。",
        )
    most = most_seats(counters, demand.quotas, first, last)
    if 0 < most < demand.seats:
        said = f"{office.name}一个时段最多容纳 {most} 人。"
        return TooManyParties(said, errors={"party_count": [said]})
    if not most and most_seats(counters, tuple(Quota), first, last):
        return NotBookable(
            f"{office.name}的号留给老年人、残疾人或者现场取号的人。",
            code="not_online",
            next_step="请到公证机构现场取号，或者直接联系公证机构。",
        )
    beyond = _not_given_out(demand, first, last)
    if beyond is not None:
        return beyond
    earliest, latest = demand.days()
    given = seats.slots_for(
        demand,
        NotarySlot.day >= max(first, earliest),
        NotarySlot.day <= min(last, latest),
        NotarySlot.starts_at > clock.now(),
    )
    if seats.runs_of(given, demand.slots):
        return None
    if given:
        return NoSuchTime(f"这个事项要办 {demand.matter.minutes} 分钟，没有足够长的时段。")
    first, last = max(first, earliest), min(last, latest)
    return _open_in_vain(demand, first, last) or _closed(office, counters, first, last)


def _open_in_vain(demand: Demand, first: date, last: date) -> NoSuchTime | None:
    """Return why what is open on some days is of no use, None where nothing is open."""
    one_day = first == last
    days = clock.spoken_day(first) if one_day else "所选日期"
    found = seats.slots_for(replace(demand, seats=1), NotarySlot.day.between(first, last))
    if any(slot.starts_at > clock.now() for slot in found):
        return NoSuchTime(f"{days}的时段容不下 {demand.seats} 人。")
    # Of several days the others are closed, which says more.
    return NoSuchTime(f"{days}的时段都已经开始或者过去。") if found and one_day else None


def closed_ahead(demand: Demand, day: date) -> ClosedDay | None:
    """Return how nothing of `day` (today, or one that is too near to be booked) is open any more.

    None while something is, and where its times have just passed: of those nobody has to be told that they fall away.
    """
    given = seats.slots_ever_for(demand, NotarySlot.day == day)
    now = clock.now()
    ahead = seats.runs_of((slot for slot in given if slot.starts_at > now), demand.slots)
    if given and not ahead:
        return None
    open_slots = seats.slots_by_id(slot.id for run in ahead for slot in run.slots)
    if seats.runs_of(open_slots, demand.slots):
        return None
    when = "余下的时间" if day == clock.today() else "当天"
    return _closed(demand.office, _serving(demand), day, day, when)


def _closed(
    office: NotaryOffice,
    counters: Sequence[NotaryCounter],
    first: date,
    last: date,
    when: str = "当天",
) -> ClosedDay:
    if first != last:
        span = f"{clock.spoken_day(first)}到{clock.spoken_day(last)}"
        return ClosedDay(f"{span}不办理这个事项。")
    exceptions = db.session.scalars(
        select(NotaryException)
        .where(
            NotaryException.office_id == office.id,
            NotaryException.first_day <= first,
            NotaryException.last_day >= first,
        )
        .order_by(NotaryException.id)
    ).all()
    status = current_calendar().status(first)
    why = Schedule(office, [], exceptions).why_closed(counters, first, status)
    reason = "" if why is None else f"：{why.reason}"
    return ClosedDay(f"{clock.spoken_day(first)}{when}不办理这个事项{reason}。")


def _with_times(
    refused: SlotTaken | NotBookable, demand: Demand, near: datetime
) -> SlotTaken | NotBookable:
    """Add the nearest free times, and the waiting list where it is of use: for a time that exists."""
    times = next_free.times(demand, near)
    said = "、".join(clock.spoken(moment) for moment in times)
    if isinstance(refused, SlotTaken):
        refused.next_step = (
            f"目前还可以约：{said}。也可以加入排队，有号时按先后通知您。"
            if times
            else "目前没有别的空闲时段。您可以加入排队，有号时按先后通知您。"
        )
    elif times:
        refused.next_step = f"目前可以约：{said}。"
    if times:
        refused.errors["next_free"] = [
            clock.local(moment).isoformat(timespec="seconds") for moment in times
        ]
    return refused
