"""When a counter is open, as pure functions: weekly hours, exceptions, holidays, and the day's grid of slots.

Order: the office's end, then closures, then extra hours, then holidays and make-up days, then the weekly hours.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from portal.core import clock
from portal.notary.models import (
    MOST_SLOTS,
    ExceptionKind,
    NotaryCounter,
    NotaryException,
    NotaryHours,
    NotaryOffice,
    Quota,
)
from portal.working_days.calendar import Calendar, DayKind, DayStatus

DAY_MINUTES = 24 * 60
Span = tuple[int, int]


class Closed(StrEnum):
    """Why nothing can be booked on a day."""

    OFFICE_CLOSED = "office_closed"
    EXCEPTION = "exception"
    HOLIDAY = "holiday"
    NO_HOURS = "no_hours"
    COUNTER_INACTIVE = "counter_inactive"


@dataclass(frozen=True)
class DayPlan:
    """Minutes of the local day during which a counter is open; when none, why, in words."""

    spans: tuple[Span, ...]
    closed: Closed | None = None
    reason: str = ""


@dataclass(frozen=True)
class Cell:
    """One slot of the grid."""

    ordinal: int
    starts_at: datetime
    ends_at: datetime


@dataclass(frozen=True)
class Schedule:
    """All that decides over one office's opening, loaded once for many days."""

    office: NotaryOffice
    hours: Sequence[NotaryHours]
    exceptions: Sequence[NotaryException]

    def plan(self, counter: NotaryCounter, day: date, status: DayStatus) -> DayPlan:
        """Return when `counter` is open on `day`, which is of the kind `status`."""
        closed = self.closed_for_good(day)
        if closed is not None:
            return closed
        if not counter.in_use(day):
            return DayPlan((), Closed.COUNTER_INACTIVE, "窗口当天不开放")
        today = [e for e in self.exceptions if _applies(e, counter.id, day)]
        base = self._weekly(counter, day, status)
        extra = [span_of(e.opens, e.closes) for e in today if e.kind is ExceptionKind.EXTRA]
        shut = [e for e in today if e.kind is ExceptionKind.CLOSED]
        spans = _without(_merged([*base.spans, *extra]), [span_of(e.opens, e.closes) for e in shut])
        if spans:
            return DayPlan(tuple(spans))
        if shut:
            return DayPlan((), Closed.EXCEPTION, shut[0].reason)
        return base

    def closed_for_good(self, day: date) -> DayPlan | None:
        """Return the plan of a day after the office's end, None before it."""
        last = self.office.closes_on
        if last is None or day <= last:
            return None
        return DayPlan((), Closed.OFFICE_CLOSED, ending(last))

    def why_closed(
        self, counters: Sequence[NotaryCounter], day: date, status: DayStatus
    ) -> DayPlan | None:
        """Return the exception or the holiday that keeps a day closed, None when its hours just leave it out."""
        for exception in self.exceptions:
            if (
                exception.kind is ExceptionKind.CLOSED
                and exception.first_day <= day <= exception.last_day
                and (
                    exception.counter_id is None
                    or any(counter.id == exception.counter_id for counter in counters)
                )
            ):
                return DayPlan((), Closed.EXCEPTION, exception.reason)
        return self._holiday(status)

    def _holiday(self, status: DayStatus) -> DayPlan | None:
        if status.kind not in (DayKind.HOLIDAY, DayKind.MOVED_REST) or self.office.open_on_holidays:
            return None
        return DayPlan((), Closed.HOLIDAY, f"{status.name or status.kind.label}放假")

    def _weekly(self, counter: NotaryCounter, day: date, status: DayStatus) -> DayPlan:
        weekday: int | None = day.weekday()
        holiday = self._holiday(status)
        if holiday is not None:
            return holiday
        if status.kind is DayKind.MOVED_WORK:
            weekday = self.office.make_up_weekday
        valid = [h for h in self.hours if _valid(h, day)]
        own = [h for h in valid if h.counter_id == counter.id]
        rows = own or [h for h in valid if h.counter_id is None]
        spans = _merged([span_of(h.opens, h.closes) for h in rows if h.weekday == weekday])
        if spans:
            return DayPlan(tuple(spans))
        return DayPlan((), Closed.NO_HOURS, "当天不对外办理")


def ending(last: date) -> str:
    """Say that an office closes for good, after its last day of service."""
    return f"该机构办理到{clock.spoken_day(last)}为止"


def _valid(hours: NotaryHours, day: date) -> bool:
    return hours.valid_from <= day and (hours.valid_until is None or day <= hours.valid_until)


def _applies(exception: NotaryException, counter_id: uuid.UUID, day: date) -> bool:
    return exception.first_day <= day <= exception.last_day and exception.counter_id in (
        None,
        counter_id,
    )


def minute_of(moment: time) -> int:
    """Return the minute of the day."""
    return moment.hour * 60 + moment.minute


def span_of(opens: time | None, closes: time | None) -> Span:
    """Return the minutes of the day between two times; the whole day without them."""
    if opens is None or closes is None:
        return 0, DAY_MINUTES
    return minute_of(opens), minute_of(closes)


def _merged(spans: Iterable[Span]) -> list[Span]:
    merged: list[Span] = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1]:
            merged[-1] = merged[-1][0], max(merged[-1][1], end)
        else:
            merged.append((start, end))
    return merged


def _without(spans: list[Span], cut: list[Span]) -> list[Span]:
    for from_, to in cut:
        left = [(start, min(end, from_)) for start, end in spans]
        right = [(max(start, to), end) for start, end in spans]
        spans = sorted(span for span in {*left, *right} if span[0] < span[1])
    return spans


def cells(office: NotaryOffice, day: date, spans: Sequence[Span], zone: ZoneInfo) -> list[Cell]:
    """Return the slots of the office's grid that lie wholly within `spans` of the local day.

    A cell that a change of the clocks makes shorter or longer is left out: nobody could be served in it as promised.
    """
    length, first = office.slot_minutes, minute_of(office.grid_from)
    found = []
    for ordinal in range(min(MOST_SLOTS, (DAY_MINUTES - first) // length)):
        start = first + ordinal * length
        if not any(opens <= start and start + length <= closes for opens, closes in spans):
            continue
        begins, ends = _instant(day, start, zone), _instant(day, start + length, zone)
        if ends - begins == timedelta(minutes=length) and begins.astimezone(zone) == _wall(
            day, start, zone
        ):
            found.append(Cell(ordinal, begins, ends))
    return found


def problems(
    office: NotaryOffice, week: Sequence[tuple[int, time, time]], day: date, zone: ZoneInfo
) -> dict[str, list[str]]:
    """Return what is wrong with weekly hours, each a weekday with its begin and end, by the position and the field.

    Hours may adjoin each other, not overlap; hours in which no whole slot lies would promise what nobody can book.
    """
    found: dict[str, list[str]] = {}
    spans = [span_of(opens, closes) for _, opens, closes in week]
    for at, (weekday, opens, closes) in enumerate(week):
        if closes <= opens:
            found[f"hours.{at}.closes"] = ["结束时间应当晚于开始时间。"]
            continue
        same_day = [n for n, (other, _, _) in enumerate(week) if other == weekday]
        earlier = [n for n in same_day if n < at and _overlap(spans[n], spans[at])]
        if earlier:
            _, begin, end = week[earlier[0]]
            text = f"与同一天的 {begin:%H:%M}–{end:%H:%M} 重叠，请合并成一段。"
            found[f"hours.{at}.opens"] = [text]
        elif not any(
            _overlap(spans[at], cell)
            for cell in _minutes_of_cells(office, day, _merged(spans[n] for n in same_day), zone)
        ):
            found[f"hours.{at}.closes"] = [no_whole_slot(office)]
    return found


def no_whole_slot(office: NotaryOffice) -> str:
    """Return why hours are of no use although they are long enough to be typed."""
    return (
        f"这段时间里没有一个完整的时段，不能预约：时段从 {office.grid_from:%H:%M} 起"
        f"每 {office.slot_minutes} 分钟一个。"
    )


def _overlap(one: Span, other: Span) -> bool:
    return one[0] < other[1] and other[0] < one[1]


def _minutes_of_cells(
    office: NotaryOffice, day: date, spans: Sequence[Span], zone: ZoneInfo
) -> list[Span]:
    first, length = minute_of(office.grid_from), office.slot_minutes
    starts = [first + cell.ordinal * length for cell in cells(office, day, spans, zone)]
    return [(start, start + length) for start in starts]


def beside_slots(
    office: NotaryOffice, spans: Iterable[Span], day: date, zone: ZoneInfo
) -> list[Span]:
    """Return the parts of opening hours of one day in which no whole slot lies: open for who comes, not to be booked."""
    merged = _merged(spans)
    return _without(merged, _minutes_of_cells(office, day, merged, zone))


def beside_slots_of_week(
    office: NotaryOffice, week: Sequence[tuple[int, time, time]], day: date, zone: ZoneInfo
) -> list[str]:
    """Say of weekly hours, each a weekday with its begin and end, which parts of them cannot be booked."""
    lost: dict[Span, list[str]] = {}
    for weekday, name in enumerate("一二三四五六日"):
        today = [span_of(opens, closes) for on, opens, closes in week if on == weekday]
        for part in beside_slots(office, today, day, zone):
            lost.setdefault(part, []).append(f"周{name}")
    return [not_to_be_booked(office, part, "、".join(days)) for part, days in lost.items()]


def not_to_be_booked(office: NotaryOffice, span: Span, when: str) -> str:
    """Say of a part of the opening hours on some days that it cannot be booked, and why."""
    begin, end = (f"{minute // 60:02}:{minute % 60:02}" for minute in span)
    return (
        f"{when} {begin}–{end} 不能预约，只能现场取号：时段从 {office.grid_from:%H:%M} 起"
        f"每 {office.slot_minutes} 分钟一个。"
    )


def _wall(day: date, minute: int, zone: ZoneInfo) -> datetime:
    naive = datetime.combine(day, time.min) + timedelta(minutes=minute)
    return naive.replace(tzinfo=zone)


def _instant(day: date, minute: int, zone: ZoneInfo) -> datetime:
    return _wall(day, minute, zone).astimezone(UTC)


def begins(office: NotaryOffice, day: date, ordinal: int, zone: ZoneInfo) -> datetime:
    """Return when the slot with this number on the office's grid of the day begins, in UTC."""
    return _instant(day, minute_of(office.grid_from) + ordinal * office.slot_minutes, zone)


def bookable_days(
    office: NotaryOffice, today: date, calendar: Calendar, since: date | None = None
) -> tuple[date, date]:
    """Return the first and the last day that can be booked today: lead, horizon, the office's end.

    From `since` on the lead time binds nobody, for who lost a time to the office.
    """
    first = calendar.add_workdays(today, office.lead_workdays).raw
    if since is not None:
        first = min(first, max(since, today))
    last = calendar.add_workdays(today, office.horizon_workdays).raw
    return first, last if office.closes_on is None else min(last, office.closes_on)


def most_seats(
    counters: Iterable[NotaryCounter], quotas: Sequence[Quota], first: date, last: date
) -> int:
    """Return how many seats one slot of these quotas has at most, at the counters that are open some time in the span."""
    return max(
        (
            counter.seats(quota)
            for counter in counters
            for quota in quotas
            if counter.active_from <= last
            and (counter.active_until is None or counter.active_until >= first)
        ),
        default=0,
    )
