"""What a clerk does for somebody who calls or stands at the desk: book, move, cancel, dispute a mark.

The same rules and the same seats as for who does it by themselves: a seat is taken by the guarded statements of `seats`, an
appointment made by `confirming.carry_out`, moved and ended by `changing`. What differs is who is written down as the actor,
and that whoever has no account is reached by the phone they leave.
"""

from __future__ import annotations

from datetime import datetime

from portal.core import clock
from portal.core.actor import Actor
from portal.core.db import db
from portal.core.errors import Conflict, Forbidden, Invalid
from portal.core.unit_of_work import transactional
from portal.notary import policies
from portal.notary.checks import Details
from portal.notary.demand import Demand
from portal.notary.errors import NotBookable, SlotTaken
from portal.notary.models import (
    BookingState,
    DeskChannel,
    NotaryBooking,
    NotaryMatter,
    NotaryOffice,
)
from portal.notary.operations import (
    bookings,
    changing,
    confirming,
    freeing,
    holding,
    no_shows,
    refusing,
    steps,
)
from portal.notary.operations.holding import Wish
from portal.notary.operations.seats import Run


def asked(channel: DeskChannel) -> steps.Detail:
    """Return how somebody asked for a step, for the audit row."""
    return {"channel": channel.value}


@transactional
def book(
    actor: Actor, office: NotaryOffice, wish: Wish, details: Details, channel: DeskChannel
) -> NotaryBooking:
    """Make an appointment for somebody without an account: hold and confirm in one transaction.

    Raises what `holding.hold` and `confirming.confirm` raise; which limit of a person it is, a clerk is told in full.
    """
    if not policies.works_at(actor, office.id):
        raise Forbidden("您没有在这个公证机构代为预约的权限。")
    matter = db.session.get(NotaryMatter, wish.matter_id)
    if matter is None:
        raise Invalid(errors={"matter_id": ["没有这个公证事项。"]})
    holding.require_active(matter)
    demand = Demand.of(wish, office, matter)
    holding.require_bookable(demand, wish.starts_at)
    run = _take(demand, wish.starts_at)
    # Confirmed at once, or not at all.
    held = holding.new(office, wish, run, account_id=None, booked_by_id=actor.id)
    bookings.insert(held, run, action="hold", label="保留时段", actor=actor)
    booking = confirming.load(held.id)
    assert booking is not None  # noqa: S101 - written above
    return confirming.carry_out(actor, booking, details, asked(channel))


def _take(demand: Demand, starts_at: datetime) -> Run:
    """Take the seats of a time; raises SlotTaken or NotBookable with the nearest free times."""
    # Locks the days of all counters at once, so that what is taken next is taken in the order that everybody keeps.
    freeing.settle(freeing.all_counters_on(demand.office.id, clock.local(starts_at).date()))
    found = holding.candidates(demand, starts_at, most=None)
    run = holding.take_first(found, demand.seats)
    if run is None:
        # What had lapsed stays freed, and with whom it was offered to.
        raise _for_the_desk(refusing.at(demand, starts_at)).keeping()
    return run


def _for_the_desk(refused: SlotTaken | NotBookable) -> SlotTaken | NotBookable:
    """Say what the clerk can do: without an account nobody stands in the waiting list."""
    if isinstance(refused, SlotTaken):
        refused.next_step = (
            "请换一个时段，最近的空闲时间已经列出。"
            if "next_free" in refused.errors
            else "目前没有别的空闲时段，请看以后放出的日子，或者请当事人现场取号。"
        )
    return refused


def _require_before_start(booking: NotaryBooking) -> None:
    try:
        changing.require_before_start(booking)
    except Conflict as refused:
        refused.next_step = "时间已到的，请登记签到、未到场，或者由公证机构取消并写明原因。"
        raise


@transactional
def move(
    actor: Actor, booking: NotaryBooking, starts_at: datetime, channel: DeskChannel
) -> NotaryBooking:
    """Move an appointment of the office to another time; raises what `changing.reschedule` raises."""
    if booking.state is BookingState.CONFIRMED:
        _require_before_start(booking)
    try:
        return changing.reschedule(actor, booking, starts_at, asked(channel))
    except SlotTaken as refused:
        raise _for_the_desk(refused) from None


@transactional
def accept_other_time(actor: Actor, booking: NotaryBooking, channel: DeskChannel) -> NotaryBooking:
    """Take the time that the office keeps instead of one that it cannot; raises what `changing.accept_other_time` raises."""
    return changing.accept_other_time(actor, booking, asked(channel))


@transactional
def withdraw(actor: Actor, booking: NotaryBooking, channel: DeskChannel) -> NotaryBooking:
    """Cancel an appointment at its person's wish; the seats go on as when they cancel themselves."""
    if booking.state is BookingState.CONFIRMED:
        _require_before_start(booking)
    return changing.withdraw(actor, booking, asked(channel))


@transactional
def appeal(actor: Actor, booking: NotaryBooking, text: str, channel: DeskChannel) -> NotaryBooking:
    """Write down that somebody disputes a missed appointment; raises what `no_shows.appeal` raises."""
    return no_shows.appeal(actor, booking, text, asked(channel))
