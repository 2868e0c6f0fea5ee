"""Why somebody gets no seat: taken, or never there. Asked only after a claim failed, so that nobody else pays for it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta

from sqlalchemy import select

from portal.core import clock
from portal.core.db import db
from portal.notary import runs
from portal.notary.errors import ClosedDay, NoSuchTime, NotBookable, SlotTaken, TooManyParties
from portal.notary.models import (
    NotaryCounter,
    NotaryException,
    NotaryMatter,
    NotaryOffice,
    NotarySlot,
    Quota,
)
from portal.notary.opening import Schedule, bookable_days, most_seats
from portal.notary.operations import next_free, seats
from portal.working_days.counting import current_calendar


def at(
    office: NotaryOffice,
    matter: NotaryMatter,
    wanted: int,
    quotas: Sequence[Quota],
    starts_at: datetime,
    since: date | None = None,
) -> SlotTaken | NotBookable:
    """Return the refusal of a time at which nothing is free, with the nearest free times.

    SlotTaken where somebody else has the seats; NoSuchTime, ClosedDay or TooManyParties where there never were any. From
    `since` on the lead time does not bind, as in `bookable_days`.
    """
    need = runs.slots_needed(matter.minutes, office.slot_minutes)
    given = seats.slots_for(
        office.id,
        matter.code,
        quotas,
        wanted,
        NotarySlot.starts_at >= starts_at,
        NotarySlot.starts_at < starts_at + timedelta(minutes=need * office.slot_minutes),
    )
    if any(run.first.starts_at == starts_at for run in seats.runs_of(given, need)):
        return _with_times(SlotTaken(), office, matter, wanted, quotas, starts_at, since)
    day = clock.local(starts_at).date()
    refused = never(office, matter, wanted, quotas, day, day, since)
    if refused is None:
        begins = any(slot.starts_at == starts_at for slot in given)
        said = _not_then(matter, wanted, starts_at, begins=begins)
        refused = NoSuchTime(said)
    elif not isinstance(refused, (ClosedDay, NoSuchTime)):
        # Another time would not help.
        return refused
    return _with_times(refused, office, matter, wanted, quotas, starts_at, since)


def begun(
    office: NotaryOffice,
    matter: NotaryMatter,
    wanted: int,
    quotas: Sequence[Quota],
    starts_at: datetime,
    since: date | None = None,
) -> SlotTaken | NotBookable:
    """Return the refusal of a time that has begun or is over, with the nearest times that are still to come."""
    refused = NotBookable("这个时段已经开始或者过去。")
    return _with_times(refused, office, matter, wanted, quotas, starts_at, since)


def not_given_out(
    office: NotaryOffice, first: date, last: date, since: date | None = None
) -> NotBookable | None:
    """Return why no day from `first` to `last` can be booked yet or any more, None when one can; `since` as in `at`."""
    earliest, latest = bookable_days(office, clock.today(), current_calendar(), since)
    if last < earliest:
        said = f"需要提前预约，目前最早可以约 {clock.spoken_day(earliest)}。"
        return NotBookable(said, code="too_soon")
    ended = Schedule(office, [], []).closed_for_good(first)
    if ended is not None:
        return ClosedDay(f"{ended.reason}，之后不能预约。")
    if first > latest:
        return NotBookable(f"目前最远可以约到 {clock.spoken_day(latest)}。", code="too_far")
    return None


def _not_then(matter: NotaryMatter, wanted: int, starts_at: datetime, *, begins: bool) -> str:
    when = clock.spoken(starts_at)
    if begins:
        return f"这个事项要办 {matter.minutes} 分钟，从 {when} 开始的时段不够长。"
    if wanted > 1:
        return f"{when} 没有容得下 {wanted} 人的时段。"
    return f"没有 {when} 这个时段。"


def _serving(office: NotaryOffice, matter: NotaryMatter) -> list[NotaryCounter]:
    counters = db.session.scalars(
        select(NotaryCounter).where(NotaryCounter.office_id == office.id).order_by(NotaryCounter.id)
    )
    return [counter for counter in counters if counter.serves(matter.code)]


def never(
    office: NotaryOffice,
    matter: NotaryMatter,
    wanted: int,
    quotas: Sequence[Quota],
    first: date,
    last: date,
    since: date | None = None,
) -> NotBookable | None:
    """Return why no seat can ever become free from `first` to `last`, None when one can; `since` as in `at`."""
    counters = _serving(office, matter)
    if not counters:
        return NotBookable(
            f"{office.name}没有办理这个事项的窗口。",
            code="no_counter",
            next_step="请换一个公证机构，或者直接联系公证机构。",
        )
    most = most_seats(counters, quotas, first, last)
    if 0 < most < wanted:
        said = f"{office.name}一个时段最多容纳 {most} 人。"
        return TooManyParties(said, errors={"party_count": [said]})
    if not most and most_seats(counters, tuple(Quota), first, last):
        return NotBookable(
            f"{office.name}的号留给老年人、残疾人或者现场取号的人。",
            code="not_online",
            next_step="请到公证机构现场取号，或者直接联系公证机构。",
        )
    outside = not_given_out(office, first, last, since)
    if outside is not None:
        return outside
    earliest, latest = bookable_days(office, clock.today(), current_calendar(), since)
    given = seats.slots_for(
        office.id,
        matter.code,
        quotas,
        wanted,
        NotarySlot.day >= max(first, earliest),
        NotarySlot.day <= min(last, latest),
        NotarySlot.starts_at > clock.now(),
    )
    if seats.runs_of(given, runs.slots_needed(matter.minutes, office.slot_minutes)):
        return None
    if given:
        return NoSuchTime(f"这个事项要办 {matter.minutes} 分钟，没有足够长的时段。")
    return _closed(office, counters, max(first, earliest), min(last, latest))


def closed_ahead(
    office: NotaryOffice, matter: NotaryMatter, wanted: int, quotas: Sequence[Quota], day: date
) -> ClosedDay | None:
    """Return how nothing of `day` (today, or one that is too near to be booked) is open any more.

    None while something is, and where its times have just passed: of those nobody has to be told that they fall away.
    """
    need = runs.slots_needed(matter.minutes, office.slot_minutes)
    given = seats.slots_ever_for(office.id, matter.code, quotas, wanted, NotarySlot.day == day)
    now = clock.now()
    ahead = seats.runs_of((slot for slot in given if slot.starts_at > now), need)
    if given and not ahead:
        return None
    open_slots = seats.slots_by_id(slot.id for run in ahead for slot in run.slots)
    if seats.runs_of(open_slots, need):
        return None
    when = "余下的时间" if day == clock.today() else "当天"
    return _closed(office, _serving(office, matter), day, day, when)


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
    refused: SlotTaken | NotBookable,
    office: NotaryOffice,
    matter: NotaryMatter,
    wanted: int,
    quotas: Sequence[Quota],
    near: datetime,
    since: date | None,
) -> SlotTaken | NotBookable:
    """Add the nearest free times, and the waiting list where it is of use: for a time that exists."""
    times = next_free.times(office, matter, wanted, quotas, near, since)
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
