"""The waiting list: take a place, leave it. Offers are made where seats are freed (`freeing`)."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import joinedload

from portal.accounts.operations import sessions
from portal.audit import operations as audit
from portal.core import clock
from portal.core.actor import SYSTEM, Actor
from portal.core.db import db, is_sqlite, new_id
from portal.core.errors import Conflict, Forbidden, Invalid, NotFound, WrongState
from portal.core.unit_of_work import transactional, unit_of_work
from portal.notary.demand import Demand
from portal.notary.errors import ClosedDay, NoSuchTime, NotBookable
from portal.notary.models import (
    ACTIVE_STATES,
    PENDING_STATES,
    BookingState,
    NotaryBooking,
    NotaryMatter,
    NotaryOffice,
    NotarySlot,
    NotaryWaiting,
    Priority,
    WaitingState,
)
from portal.notary.opening import bookable_days
from portal.notary.operations import bookings, holding, refusing, seats, steps
from portal.notary.workflow import WAITING
from portal.working_days.counting import current_calendar

SUBJECT_KIND = "notary_waiting"
LONGEST_DAYS = 92
_OTHER_DAYS = ("too_soon", "too_far", "closed_day")
# How near an office comes to what somebody waits for, by the code of its refusal.
_NEAREST_LAST = ("no_counter", "not_online", "too_many_parties", "no_such_time", *_OTHER_DAYS)


@dataclass(frozen=True)
class WaitingWish:
    """For what somebody waits. `office_id` None: any office."""

    matter_id: uuid.UUID
    from_day: date
    until_day: date
    office_id: uuid.UUID | None = None
    party_count: int = 1
    priority: Priority | None = None


@transactional
def join(actor: Actor, wish: WaitingWish) -> NotaryWaiting:
    """Take a place at the end of the list.

    Raises Invalid for a span that is over or too long, NotBookable when no seat can ever become free for it, Conflict while
    there are free seats or the account has one there already, or for a second place.
    """
    if not actor.is_resident:
        raise Forbidden("只有居民可以加入排队。")
    sessions.require_active(actor)
    matter = db.session.get(NotaryMatter, wish.matter_id)
    if matter is None:
        raise NotFound("没有找到这个公证事项。")
    holding.require_active(matter)
    _require_span(wish)
    _require_nothing_kept(actor, matter, wish)
    offices = _offices(wish)
    if not offices:
        raise NotFound("没有找到这个公证机构，或者它已经停止办理。")
    for office in offices:
        _require_full(Demand.of(wish, office, matter), wish)
    refused = _impossible(offices, matter, wish)
    if refused is not None:
        raise refused
    dialect = sqlite if is_sqlite() else postgresql
    now = clock.now()
    entry_id = db.session.execute(
        dialect.insert(NotaryWaiting)
        .values(
            id=new_id(),
            account_id=actor.id,
            office_id=wish.office_id,
            matter_id=matter.id,
            party_count=wish.party_count,
            priority=wish.priority,
            from_day=wish.from_day,
            until_day=wish.until_day,
            state=WaitingState.WAITING,
            version=1,
            created_at=now,
            updated_at=now,
        )
        .on_conflict_do_nothing()
        .returning(NotaryWaiting.id)
    ).scalar_one_or_none()
    if entry_id is None:
        raise _waits_already(actor, matter)
    audit.record(actor, "notary_waiting.join", SUBJECT_KIND, entry_id)
    return db.session.get_one(NotaryWaiting, entry_id)


def _waits_already(actor: Actor, matter: NotaryMatter) -> Conflict:
    """Return the refusal of a second place: what can be done about the first depends on whether a seat is offered there."""
    said = "您已经在为这个公证事项排队。"
    next_step = "请留意通知；要换日期，可以先退出再重新排队。"
    offered = db.session.scalar(
        select(NotaryBooking)
        .join(NotaryWaiting, NotaryWaiting.id == NotaryBooking.waiting_id)
        .where(
            NotaryWaiting.account_id == actor.id,
            NotaryWaiting.matter_id == matter.id,
            NotaryBooking.state == BookingState.OFFERED,
        )
    )
    if offered is not None:
        said = f"您为这个公证事项排队已经等到 {clock.spoken(offered.starts_at)} 的时段。"
        next_step = "请先确认或者谢绝这个时段，再为别的日期排队。"
        if bookings.end_of_keeping(offered) <= clock.now():
            # It passes on with the next sweep, and only then the place is free.
            said = "您排队等到的时段没有在时限内确认，正在转给下一位。"
            next_step = "请稍后再排队。"
    return Conflict(said, code="already_waiting", next_step=next_step)


def _require_span(wish: WaitingWish) -> None:
    if wish.until_day < wish.from_day or wish.until_day < clock.today():
        raise Invalid(errors={"until_day": ["结束日期应当不早于开始日期，也不早于今天。"]})
    if (wish.until_day - max(wish.from_day, clock.today())).days > LONGEST_DAYS:
        raise Invalid(errors={"until_day": [f"排队的日期最长 {LONGEST_DAYS} 天。"]})


def _require_nothing_kept(actor: Actor, matter: NotaryMatter, wish: WaitingWish) -> None:
    """Raise Conflict where the account has a time for the matter within the span, firmly or kept for now.

    A time that the office cannot keep does not count: for another one they may well wait.
    """
    mine = db.session.scalar(
        select(NotaryBooking)
        .where(
            NotaryBooking.account_id == actor.id,
            NotaryBooking.matter_id == matter.id,
            NotaryBooking.day >= wish.from_day,
            NotaryBooking.day <= wish.until_day,
            NotaryBooking.state.in_((*ACTIVE_STATES, *PENDING_STATES)),
            NotaryBooking.affected_at.is_(None),
            or_(NotaryBooking.kept_until.is_(None), NotaryBooking.kept_until > clock.now()),
        )
        .order_by(NotaryBooking.starts_at)
        .limit(1)
    )
    if mine is not None:
        raise Conflict(
            f"您在 {clock.spoken(mine.starts_at)} 已经有办理这个公证事项的时段，这一天不用排队。",
            code="already_booked",
            next_step="要换时间的，请在“我的预约”里改期；替别人办理的，请选您没有预约的日期排队。",
            errors={"appointment_id": [str(mine.id)]},
        )


def _offices(wish: WaitingWish) -> list[NotaryOffice]:
    query = select(NotaryOffice)
    if wish.office_id is not None:
        query = query.where(NotaryOffice.id == wish.office_id)
    today = clock.today()
    return list(
        db.session.scalars(
            query.where(or_(NotaryOffice.closes_on.is_(None), NotaryOffice.closes_on >= today))
        )
    )


def _require_full(demand: Demand, wish: WaitingWish) -> None:
    first, last = demand.days()
    free = seats.free_slots(
        demand,
        NotarySlot.day >= max(first, wish.from_day),
        NotarySlot.day <= min(last, wish.until_day),
        NotarySlot.starts_at > clock.now(),
    )
    found = seats.runs_of(free, demand.slots)
    if found:
        raise Conflict(
            f"{demand.office.name}在 {clock.spoken(found[0].first.starts_at)} 还有空位，不用排队。",
            code="seats_free",
            next_step="请直接预约。",
        )


def _impossible(
    offices: list[NotaryOffice], matter: NotaryMatter, wish: WaitingWish
) -> NotBookable | None:
    """Return why none of the offices will ever have such a seat in the span, None when one will."""
    refusals = []
    for office in offices:
        demand = Demand.of(wish, office, matter)
        refused = refusing.never(demand, wish.from_day, wish.until_day)
        if refused is None:
            return None
        refusals.append(refused)
    # Of several offices the one that comes nearest to it says why.
    nearest = max(refusals, key=lambda refused: _NEAREST_LAST.index(refused.code))
    if nearest.code in _OTHER_DAYS:
        nearest.next_step = "请换能预约的日期；约满的日子才需要排队。"
    return nearest


@transactional
def leave(actor: Actor, entry: NotaryWaiting) -> NotaryWaiting:
    """Give up the place. An offer is declined at the booking that it made."""
    try:
        row = WAITING.execute(entry, "leave", actor)
    except WrongState as refused:
        if entry.state is WaitingState.OFFERED:
            refused.next_step = "请先确认或者谢绝为您留出的时段；谢绝的，排队随之结束。"
        raise
    entry.ended_at = clock.now()
    db.session.flush()
    audit.record(actor, f"notary_waiting.{row.action}", SUBJECT_KIND, entry.id)
    return entry


@transactional
def end_outdated() -> int:
    """Let those go whose days have passed without a seat, and tell them; returns how many."""
    return _end(_waiting(NotaryWaiting.until_day < clock.today()), "notary.waiting_over")


@transactional
def end_stopped() -> int:
    """Let those go who wait for a matter that is no longer done, or at an office that has closed; returns how many."""
    stopped = select(NotaryMatter.id).where(NotaryMatter.active.is_(False))
    closed = select(NotaryOffice.id).where(NotaryOffice.closes_on < clock.today())
    ended = or_(NotaryWaiting.matter_id.in_(stopped), NotaryWaiting.office_id.in_(closed))
    return _end(_waiting(ended), "notary.waiting_stopped")


def end_impossible() -> int:
    """Let those go for whom no seat can become free any more, by the rule that lets nobody wait for it; returns how many.

    Looked for outside a transaction, as everybody who waits is looked at.
    """
    refused: dict[WaitingWish, NotBookable | None] = {}
    ended: dict[uuid.UUID, NotBookable] = {}
    for entry in db.session.scalars(
        select(NotaryWaiting)
        .where(
            NotaryWaiting.state == WaitingState.WAITING, NotaryWaiting.until_day >= clock.today()
        )
        .options(joinedload(NotaryWaiting.matter))
    ).all():
        wish = WaitingWish(
            entry.matter_id,
            entry.from_day,
            entry.until_day,
            entry.office_id,
            entry.party_count,
            entry.priority,
        )
        if wish not in refused:
            refused[wish] = _closed_meanwhile(entry.matter, wish)
        why = refused[wish]
        if why is not None:
            ended[entry.id] = why
    if not ended:
        return 0
    with unit_of_work():
        return sum(
            _tell_impossible(entry, ended[entry.id])
            for entry in _waiting(NotaryWaiting.id.in_(ended))
        )


def _tell_impossible(entry: NotaryWaiting, why: NotBookable) -> int:
    """End a wait that is in vain; whoever waits for one office is told why none of their days is left."""
    if isinstance(why, ClosedDay) and entry.office_id is not None:
        return _end([entry], "notary.waiting_closed", {"why": why.message})
    return _end([entry], "notary.waiting_impossible")


def _closed_meanwhile(matter: NotaryMatter, wish: WaitingWish) -> NotBookable | None:
    """Return why what somebody waits for was given up by every office, None while one may have a seat for them.

    Days that are not given out yet may still come. Today, and days that are too near by now, pass on their own unless they
    were closed: only then their person has to look for other days at once.
    """
    offices, calendar = _offices(wish), current_calendar()
    for office in offices:
        _, last = bookable_days(office, clock.today(), calendar)
        if office.not_yet_made(wish.until_day) or (
            last < wish.until_day and last != office.closes_on
        ):
            return None
    refused = _impossible(offices, matter, wish) if offices else None
    if refused is None:
        return None
    days_pass = wish.until_day == clock.today() and isinstance(refused, (ClosedDay, NoSuchTime))
    if refused.code == "too_soon" or days_pass:
        return _closed_ahead(offices, matter, wish)
    if isinstance(refused, ClosedDay):
        # Of today, which may have been open, nothing is said.
        later = max(wish.from_day, clock.today() + timedelta(days=1))
        return _impossible(offices, matter, replace(wish, from_day=later)) or refused
    return refused


def _closed_ahead(
    offices: Sequence[NotaryOffice], matter: NotaryMatter, wish: WaitingWish
) -> NotBookable | None:
    """Return how all offices have closed the last day, None where it just passes at one of them."""
    closed = None
    for office in offices:
        closed = refusing.closed_ahead(Demand.of(wish, office, matter), wish.until_day)
        if closed is None:
            return None
    return closed


def _waiting(condition: ColumnElement[bool]) -> Sequence[NotaryWaiting]:
    """Return who waits and fulfils the condition; held, in the order of the list, so that no two jobs wait for each other."""
    return db.session.scalars(
        select(NotaryWaiting)
        .where(NotaryWaiting.state == WaitingState.WAITING, condition)
        .options(joinedload(NotaryWaiting.matter))
        .order_by(NotaryWaiting.id)
        .with_for_update(of=NotaryWaiting)
        .execution_options(populate_existing=True)
    ).all()


def _end(
    entries: Sequence[NotaryWaiting], template: str, params: dict[str, str | int] | None = None
) -> int:
    for entry in entries:
        leave(SYSTEM, entry)
        steps.tell_resident(
            entry.account_id,
            template,
            params or {},
            subject_kind=SUBJECT_KIND,
            subject_id=entry.id,
        )
    return len(entries)
