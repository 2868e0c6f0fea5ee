"""Arriving with an appointment, and the end of the visit."""

from __future__ import annotations

from portal.core import clock
from portal.core.actor import SYSTEM, Actor
from portal.core.errors import Conflict, WrongState
from portal.core.unit_of_work import transactional
from portal.notary.bringing import FROM_ABROAD
from portal.notary.models import BookingState, LateReason, NotaryBooking, NotaryTicket, Priority
from portal.notary.operations import changing, holding, no_shows, seats, steps, tickets
from portal.notary.parties import WILL_WITHOUT_CAPACITY, without_capacity

# What the clerk does with somebody who is there with an appointment that cannot be checked in.
_ON_ANOTHER_DAY = (
    "请在预约当天来；今天就要办的，请现场取号，并问清原来的预约还要不要，不要的应其要求取消。"
)
_AFTER_ITS_DAY = (
    "预约的日期已经过了：当天来过的，请补登到场；没有来过的，请现场取号，或者重新预约。"
)
_NO_RESULT_YET = "当天已经签到，请登记受理或者不予受理；今天另外要办的，请现场取号。"
_MARKED_IN_HASTE = "人已经到了的，请先撤销未到场登记，再签到。"
_MARKED_TODAY = "当天来过的，请先撤销未到场登记，再补登到场；没有来过的，请现场取号，或者重新预约。"
_STILL_WANTED = "今天要办的，请现场取号，或者重新预约。"
_NOT_ANY_MORE = (BookingState.NO_SHOW, BookingState.CANCELLED)


@transactional
def check_in(actor: Actor, booking: NotaryBooking) -> NotaryTicket:
    """The people of an appointment have come; returns the number by which they are called.

    Raises Conflict on another day. Somebody whose time the office had given up, and who comes all the same, is welcome: what
    was kept for them elsewhere is given on.
    """
    # First: of what does not stand any more, no day is the right one.
    if booking.state in _NOT_ANY_MORE:
        raise WrongState(
            f"这个预约目前是“{booking.state.label}”，不能签到。",
            next_step=_instead_of_what_ended(booking),
        )
    if booking.day != clock.today():
        raise Conflict(
            f"这个预约是 {clock.spoken(booking.starts_at)} 的，不是今天的。",
            code="not_today",
            next_step=_instead_of_another_day(booking),
        )
    return _has_come(actor, booking, "check_in", "签到")


def _instead_of_what_ended(booking: NotaryBooking) -> str:
    missed = booking.state is BookingState.NO_SHOW and not booking.account_closed
    if not missed or not no_shows.marked_today(booking):
        return _STILL_WANTED
    return _MARKED_IN_HASTE if booking.day == clock.today() else _MARKED_TODAY


def _instead_of_another_day(booking: NotaryBooking) -> str:
    if booking.day > clock.today():
        return _ON_ANOTHER_DAY
    if booking.state is BookingState.CONFIRMED:
        return _AFTER_ITS_DAY
    return _NO_RESULT_YET if booking.state is BookingState.CHECKED_IN else _STILL_WANTED


def was_there(actor: Actor, booking: NotaryBooking, reason: LateReason) -> None:
    """Write down after the day that the people of an appointment had come; inside a unit of work.

    Their number is of that day and done, so that nobody calls it. Raises Conflict before the day is over.
    """
    if booking.day >= clock.today():
        raise Conflict(
            "预约的当天还没有过去，不能补登。", code="day_not_over", next_step="请在当天直接签到。"
        )
    label = f"补登到场：{reason.label}"
    tickets.settle(actor, _has_come(actor, booking, "attend", label, {"reason": reason.value}))


def _has_come(
    actor: Actor,
    booking: NotaryBooking,
    action: str,
    label: str,
    detail: steps.Detail | None = None,
) -> NotaryTicket:
    offers = changing.pending_other_times(booking)
    if offers:
        seats.lock_days((other.counter_id, other.day) for other in offers)
    steps.move(booking, action, actor, checked_in_at=clock.now(), untold_since=None)
    changing.end_other_times(SYSTEM, offers)
    steps.note(booking, action, label, actor)
    steps.record(booking, action, actor, detail)
    return tickets.issue(
        booking.office,
        matter=booking.matter,
        priority=booking.priority is not None,
        party_count=booking.party_count,
        booking=booking,
    )


def end_visit(actor: Actor, booking: NotaryBooking, action: str, label: str) -> None:
    """Move an appointment that has checked in to its end, and write the line of the history; inside a unit of work.

    Seats whose time is still ahead go to somebody else. Once the time has come they stay, as nobody else could use them.
    """
    ahead = booking.starts_at > clock.now()
    if ahead:
        seats.lock_days([(booking.counter_id, booking.day)])
    steps.move(booking, action, actor, ended_at=clock.now())
    if ahead:
        holding.give_up_seats(actor, booking, action, label)
    else:
        steps.note(booking, action, label, actor)


def hints(booking: NotaryBooking) -> list[str]:
    """Return what the clerk should look at when the people arrive."""
    found = []
    if booking.priority is Priority.DISABLED:
        found.append("预约了留给残疾人的时段，请核对残疾人证。")
    if booking.priority is Priority.ELDERLY:
        found.append("预约了留给老年人的时段，请核对年龄。")
    if booking.matter.in_person:
        found.append("须由当事人本人到场（公证法第二十六条），请核对身份证件。")
    if booking.guardians:
        found.append("有当事人由监护人代理，请核对监护关系（公证法第三十一条第一项）。")
    if without_capacity(booking.matter, booking.guardians):
        found.append(WILL_WITHOUT_CAPACITY)
    if booking.agent is not None:
        found += ["有代理人，请核对授权委托书和代理人身份证件。", FROM_ABROAD]
    if booking.dispute:
        found.append("当事人之间有争议（公证法第三十一条第四项），请先核实。")
    if booking.fee_relief:
        found.append("申请减免公证费，请核对法律援助的有关文书（公证法第三十四条第二款）。")
    if booking.foreign_use:
        found.append(f"在{booking.foreign_country or '境外'}使用，注意翻译和认证要求。")
    return found
