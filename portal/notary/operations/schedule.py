"""What staff change about an office's hours. Every change makes the slots anew and returns who is affected by it."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, time, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm.attributes import flag_modified

from portal.audit import operations as audit
from portal.core import clock, locks
from portal.core.actor import Actor
from portal.core.db import db, new_id
from portal.core.errors import Conflict, Forbidden, Invalid
from portal.core.unit_of_work import transactional, unit_of_work
from portal.notary import opening, policies
from portal.notary.models import (
    ExceptionKind,
    NotaryBooking,
    NotaryClaim,
    NotaryCounter,
    NotaryException,
    NotaryHours,
    NotaryMatter,
    NotaryOffice,
    NotarySlot,
)
from portal.notary.opening import Span
from portal.notary.operations import affected, changing, freeing, refusing, slots
from portal.notary.queries import cases, zone_of_slots
from portal.working_days.counting import current_calendar

SUBJECT_KIND = "notary_office"
# What the grid of slots is made of; it may not change under bookings.
GRID = ("grid_from", "slot_minutes")
# A closure beyond this is more likely a slip of the year.
LONG_CLOSURE_DAYS = 366
_LONG_CLOSURE = "停办超过一年，请核对日期；机构不再办理的，请在机构设置里填写办理的最后一天。"


@dataclass(frozen=True)
class Applied:
    """What a change did to the slots, the confirmed bookings that have to move, and the other times kept for them.

    `hints` tells staff in words what the figures do not; `id` is that of the counter or the exception that was written.
    """

    added: int
    closed: int
    affected: list[NotaryBooking]
    kept: dict[uuid.UUID, NotaryBooking]
    hints: tuple[str, ...] = ()
    id: uuid.UUID | None = None


@dataclass(frozen=True)
class Opening:
    """Hours of one weekday (0 is Monday)."""

    weekday: int
    opens: time
    closes: time


@dataclass(frozen=True)
class Exceptional:
    """A closure or extra hours, as entered."""

    kind: ExceptionKind
    first_day: date
    last_day: date
    reason: str
    counter_id: uuid.UUID | None = None
    opens: time | None = None
    closes: time | None = None


class _Preview(Exception):
    """Ends the savepoint of a preview."""

    def __init__(self, applied: Applied) -> None:
        self.applied = applied
        super().__init__("preview")


def preview(change: Callable[[], Applied]) -> Applied:
    """Return what `change` would do, and undo it; inside a unit of work."""
    try:
        with unit_of_work():
            applied = change()
            # Read now: the rows themselves are undone with the savepoint.
            for booking in (*applied.affected, *applied.kept.values()):
                db.session.expunge(booking)
            raise _Preview(applied)
    except _Preview as end:
        return end.applied


def apply(office: NotaryOffice, reason: str = "") -> Applied:
    """Make the slots of the office anew, act on the bookings that no longer fit, and offer new seats to who waits."""
    found = slots.materialise(office)
    # First, so that nobody whose own time is given again is told that the one kept meanwhile is gone.
    affected.settle_unaffected(office)
    handled = affected.handle(office, found, reason)
    freeing.match(office)
    kept = changing.other_times_of(handled.moving)
    stay = handled.at_other_counters
    return Applied(
        len(found.added) + len(found.reopened),
        len(found.closed),
        handled.moving,
        kept,
        (f"{stay} 个预约换到同一时间的另一个窗口，时间不变，不用告知当事人。",) if stay else (),
    )


def _require_clerk(actor: Actor, office_id: uuid.UUID) -> None:
    if not policies.works_at(actor, office_id):
        raise Forbidden("您没有管理这个公证机构的权限。")
    # Here and not in `apply`, which looks at slots whose grid may just have been changed.
    zone_of_slots.require()


def _require_may_enter(
    actor: Actor, office_id: uuid.UUID, row: Exceptional | NotaryException
) -> None:
    """Raise Forbidden for who may not enter, or take back, what is different on some days."""
    of_the_whole = row.kind is ExceptionKind.CLOSED and row.counter_id is None
    if of_the_whole and policies.can_close(actor, office_id):
        zone_of_slots.require()
    elif policies.can_look_at(actor, office_id) and not policies.works_at(actor, office_id):
        raise Forbidden(
            "督办人员只能登记、撤销整个机构的停办。",
            next_step="单个窗口停办和加开时段，请由机构的工作人员办理。",
        )
    else:
        _require_clerk(actor, office_id)


def _require_counter(office: NotaryOffice, counter_id: uuid.UUID | None) -> None:
    if counter_id is None:
        return
    counter = db.session.get(NotaryCounter, counter_id)
    if counter is None or counter.office_id != office.id:
        raise Invalid(errors={"counter_id": ["这个机构没有这个窗口。"]})


@transactional
def add_exception(
    actor: Actor, office: NotaryOffice, given: Exceptional
) -> tuple[NotaryException, Applied]:
    """Close for some days or hours, or open beyond the hours; `given.reason` is what people are told."""
    _require_may_enter(actor, office.id, given)
    _require_counter(office, given.counter_id)
    if given.last_day < given.first_day or given.last_day < clock.today():
        raise Invalid(errors={"last_day": ["应当不早于第一天，也不早于今天。"]})
    if (given.opens is None) != (given.closes is None) or (
        given.opens is not None and given.closes is not None and given.closes <= given.opens
    ):
        raise Invalid(errors={"closes": ["请同时填写开始和结束时间，结束晚于开始。"]})
    if given.kind is ExceptionKind.EXTRA and given.opens is None:
        raise Invalid(errors={"opens": ["加开时段请填写开始和结束时间。"]})
    _require_new(office, given)
    slots.lock(office)
    row = NotaryException(
        id=new_id(),
        office_id=office.id,
        counter_id=given.counter_id,
        kind=given.kind,
        first_day=given.first_day,
        last_day=given.last_day,
        opens=given.opens,
        closes=given.closes,
        reason=given.reason,
        entered_by=actor.id,
    )
    db.session.add(row)
    db.session.flush()
    _record(actor, "exception_added", office, {"kind": given.kind, "first": given.first_day})
    applied = replace(apply(office, given.reason), id=row.id)
    if given.kind is ExceptionKind.EXTRA:
        return row, replace(applied, hints=(*applied.hints, *_hints_of_extra(office, given)))
    if (given.last_day - given.first_day).days > LONG_CLOSURE_DAYS:
        return row, replace(applied, hints=(*applied.hints, _LONG_CLOSURE))
    return row, applied


def _require_new(office: NotaryOffice, given: Exceptional) -> None:
    """Raise Conflict for what is entered already: a second row would keep the day closed when the first is taken back."""
    locks.serialise(f"notary-exceptions:{office.id}")
    same = select(NotaryException.id).where(
        NotaryException.office_id == office.id,
        *(
            getattr(NotaryException, name).is_not_distinct_from(getattr(given, name))
            for name in ("kind", "counter_id", "first_day", "last_day", "opens", "closes")
        ),
    )
    if db.session.scalar(same.limit(1)) is not None:
        raise Conflict(
            f"相同的{given.kind.label}已经登记过，没有重复登记。",
            code="exception_exists",
            next_step="请在停办和加开的列表里查看；原因写错的，请先撤销再重新登记。",
        )


def _hints_of_extra(office: NotaryOffice, given: Exceptional) -> Iterator[str]:
    """Say what of extra hours cannot be booked, or not yet. Beside the usual hours they may complete a slot of these."""
    schedule, counters = slots.schedule_of(office)
    day, calendar = given.first_day, current_calendar()
    begin, end = opening.span_of(given.opens, given.closes)
    lost: set[Span] = set()
    for counter in counters:
        if given.counter_id in (None, counter.id):
            spans = schedule.plan(counter, day, calendar.status(day)).spans
            parts = opening.beside_slots(office, spans, day, clock.zone())
            lost |= {(max(a, begin), min(b, end)) for a, b in parts if a < end and b > begin}
    if (begin, end) in lost:
        yield f"{opening.no_whole_slot(office)}已加开，但只能现场取号。"
    else:
        for part in sorted(lost):
            yield opening.not_to_be_booked(office, part, "加开的")
    outside = refusing.not_given_out(office, day, given.last_day)
    if outside is not None:
        yield f"加开的日期目前不能在网上预约：{outside.message}"


@transactional
def remove_exception(actor: Actor, office: NotaryOffice, row: NotaryException) -> Applied:
    """Take an exception back; who was told to move is told that the time stands again."""
    _require_may_enter(actor, office.id, row)
    reason = row.reason
    slots.lock(office)
    db.session.delete(row)
    db.session.flush()
    _record(actor, "exception_removed", office, {"first": row.first_day})
    return apply(office, f"取消“{reason}”")


@transactional
def set_hours(
    actor: Actor,
    office: NotaryOffice,
    counter_id: uuid.UUID | None,
    valid_from: date,
    openings: Sequence[Opening],
) -> Applied:
    """Replace the weekly hours of the office, or of one counter, from a day on."""
    _require_clerk(actor, office.id)
    _require_counter(office, counter_id)
    if valid_from < clock.today():
        raise Invalid(errors={"valid_from": ["应当不早于今天。"]})
    week = [(each.weekday, each.opens, each.closes) for each in openings]
    day, zone = valid_from, clock.zone()
    problems = opening.problems(office, week, day, zone)
    if problems:
        raise Invalid(errors=problems)
    slots.lock(office)
    present = select(NotaryHours).where(
        NotaryHours.office_id == office.id,
        NotaryHours.counter_id.is_(None)
        if counter_id is None
        else NotaryHours.counter_id == counter_id,
    )
    for row in db.session.scalars(present):
        if row.valid_from >= valid_from:
            db.session.delete(row)
        elif row.valid_until is None or row.valid_until >= valid_from:
            row.valid_until = valid_from - timedelta(days=1)
    db.session.add_all(
        NotaryHours(
            office_id=office.id,
            counter_id=counter_id,
            weekday=each.weekday,
            opens=each.opens,
            closes=each.closes,
            valid_from=valid_from,
        )
        for each in openings
    )
    db.session.flush()
    _record(actor, "hours_set", office, {"from": valid_from, "openings": len(openings)})
    hints = opening.beside_slots_of_week(office, week, day, zone)
    applied = apply(office)
    applied = replace(applied, hints=(*applied.hints, *hints))
    # Hours have no version of their own: they are changed as a whole, at the office's version. After the slots were locked,
    # as everybody does.
    office.updated_at = clock.now()
    flag_modified(office, "updated_at")
    db.session.flush()
    return applied


@transactional
def save_counter(
    actor: Actor, office: NotaryOffice, counter: NotaryCounter | None, values: dict[str, Any]
) -> tuple[NotaryCounter, Applied]:
    """Add a counter, or change one; fewer seats, an earlier end or fewer matters may affect bookings."""
    _require_clerk(actor, office.id)
    slots.lock(office)
    if counter is None:
        counter = NotaryCounter(id=new_id(), office_id=office.id, kept_priority=0, kept_walk_in=0)
        db.session.add(counter)
        action = "counter_added"
    else:
        action = "counter_changed"
    for name, value in values.items():
        setattr(counter, name, value)
    if counter.kept_priority + counter.kept_walk_in > counter.capacity:
        raise Invalid(errors={"capacity": ["留出的号不能多于窗口同时办理的人数。"]})
    if counter.active_until is not None and counter.active_until < counter.active_from:
        raise Invalid(errors={"active_until": ["应当不早于启用日期。"]})
    _require_codes(counter.matter_codes or [])
    twin = select(NotaryCounter.id).where(
        NotaryCounter.office_id == office.id,
        NotaryCounter.name == counter.name,
        NotaryCounter.id != counter.id,
    )
    with db.session.no_autoflush:
        if db.session.scalar(twin) is not None:
            raise Conflict(
                "这个机构已经有同名的窗口，停用的也算。",
                code="counter_exists",
                next_step="请换一个名称，或者修改原来的窗口。",
            )
    db.session.flush()
    _record(actor, action, office, {"counter": counter.id})
    return counter, replace(apply(office), id=counter.id)


def _require_codes(codes: Sequence[str]) -> None:
    with db.session.no_autoflush:
        known = set(
            db.session.scalars(select(NotaryMatter.code).where(NotaryMatter.code.in_(codes)))
        )
    unknown = [code for code in codes if code not in known]
    if unknown:
        raise Invalid(errors={"matter_codes": [f"没有编号为 {unknown[0]} 的公证事项。"]})


@transactional
def change_office(actor: Actor, office: NotaryOffice, values: dict[str, Any]) -> Applied:
    """Change how the office gives appointments, its closing for good (`closes_on`) among them.

    Raises Conflict when the grid of slots would change under bookings.
    """
    _require_clerk(actor, office.id)
    slots.lock(office)
    changed = {name: value for name, value in values.items() if getattr(office, name) != value}
    if any(name in changed for name in GRID) and _has_bookings(office):
        raise Conflict(
            "还有未办的预约，不能改变时段的长度或者起点。",
            code="grid_in_use",
            next_step="请先停办要改的日期并处理好预约，或者等已有预约办完。",
        )
    last = changed.get("closes_on")
    if last is not None and last < clock.today():
        raise Invalid(errors={"closes_on": ["应当不早于今天。"]})
    for name, value in changed.items():
        setattr(office, name, value)
    _require_sensible(office)
    db.session.flush()
    _record(actor, "settings_changed", office, {"fields": ",".join(sorted(changed))})
    if last is None:
        return apply(office)
    applied = apply(office, opening.ending(last))
    left = cases.under_way(office.id)
    said = (f"还有 {left} 件公证没有办结，请在停办以前办结或者安排好。",) if left else ()
    return replace(applied, hints=(*applied.hints, *said))


def _require_sensible(office: NotaryOffice) -> None:
    if office.lead_workdays >= office.horizon_workdays:
        raise Invalid(errors={"lead_workdays": ["提前的天数应当少于可以预约的天数。"]})
    if office.cool_off_least_minutes > office.cool_off_most_minutes:
        raise Invalid(errors={"cool_off_most_minutes": ["最长应当不短于最短。"]})


def _has_bookings(office: NotaryOffice) -> bool:
    query = (
        select(NotaryClaim.id)
        .join(NotarySlot, NotarySlot.id == NotaryClaim.slot_id)
        .join(NotaryCounter, NotaryCounter.id == NotarySlot.counter_id)
        .where(
            NotaryCounter.office_id == office.id,
            NotaryClaim.released_at.is_(None),
            NotarySlot.starts_at > clock.now(),
        )
        .limit(1)
    )
    return db.session.scalar(query) is not None


def refresh_all(reason: str = "", *, only_when_due: bool = False) -> int:
    """Make the slots of every office anew, one transaction each; returns how many offices were looked at.

    With `only_when_due`, only of those whose horizon has moved on since, or where somebody has to be told something.
    """
    looked = 0
    zone_of_slots.require()
    for office_id in list(db.session.scalars(select(NotaryOffice.id))):
        with unit_of_work():
            office = db.session.get_one(NotaryOffice, office_id, populate_existing=True)
            due = slots.are_due(office, current_calendar()) or affected.is_due(office)
            if due or not only_when_due:
                apply(office, reason)
                looked += 1
    return looked


def _record(actor: Actor, action: str, office: NotaryOffice, detail: dict[str, Any]) -> None:
    audit.record(actor, f"notary_office.{action}", SUBJECT_KIND, office.id, detail)
