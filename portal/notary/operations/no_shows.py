"""Appointments that were missed: written down, taken back, appealed against, decided.

The seats of a missed appointment stay with it: its time has come, so nobody else could use them.
"""

from __future__ import annotations

import uuid
from datetime import date, datetime, timedelta

from sqlalchemy import delete, select

from portal.accounts.operations import sessions
from portal.core import clock
from portal.core.actor import Actor
from portal.core.db import db
from portal.core.errors import Conflict, Forbidden, NotFound
from portal.core.unit_of_work import transactional
from portal.notary import policies
from portal.notary.models import (
    SUBJECT_KIND,
    AppealState,
    BookingState,
    NotaryBooking,
    NotaryNoShow,
    NotaryOffice,
)
from portal.notary.operations import persons, steps
from portal.notifications import operations as notifications
from portal.working_days.counting import add_months

# Somebody disputes what was disputed before: what the person does then, and what a clerk does for them.
_SEE_THE_RESULT = "请等待或者查看处理结果；仍有异议的，请直接联系公证机构。"
_TAKE_IT_UP = "还没有处理的，请处理；申诉不成立而当事人仍有异议的，可以重新处理。"


def expires_on(office: NotaryOffice, day: date) -> date:
    """Return the last day on which a missed appointment of `day` counts."""
    return add_months(day, office.no_show_months).raw


def possible_from(booking: NotaryBooking) -> datetime:
    """Return from when on the appointment can be marked as missed: its time and the office's grace."""
    return booking.starts_at + timedelta(minutes=booking.office.no_show_grace_minutes)


@transactional
def mark(actor: Actor, booking: NotaryBooking) -> NotaryBooking:
    """Write down that nobody came. Counts for every party until it expires or an appeal is granted.

    Raises Conflict before the time and its grace are over, and where the office itself could not keep the time, or could not
    tell that it keeps it after all.
    """
    if booking.affected_at is not None:
        raise Conflict(
            "这个时段是公证机构停办的，不能登记为未到场。",
            code="office_cannot_keep",
            next_step="请当事人改到别的时段，或者由机构取消这个预约。",
        )
    if booking.untold_since is not None:
        raise Conflict(
            "还没有告知当事人这个时段恢复办理，不能登记未到场。",
            code="not_told",
            next_step="没有来的，请由机构取消这个预约，不计入未到场。",
        )
    if possible_from(booking) > clock.now():
        since = clock.spoken(possible_from(booking))
        raise Conflict(
            f"{since} 起才能登记未到场。",
            code="too_early",
            next_step=f"当事人可能还在路上，{since} 以后还没有到的再登记。",
        )
    steps.move(booking, "no_show", actor, ended_at=clock.now())
    until = expires_on(booking.office, booking.day)
    persons.add_no_shows(booking, persons.end_parties(booking.id), until)
    steps.note(booking, "no_show", "登记未到场", actor)
    steps.record(booking, "no_show", actor, {"expires_on": until.isoformat()})
    steps.tell(
        booking,
        "notary.no_show",
        when=clock.spoken(booking.starts_at),
        until=clock.spoken_day(until),
    )
    return booking


@transactional
def mark_all(
    actor: Actor, office: NotaryOffice, day: date, *, preview: bool
) -> list[NotaryBooking]:
    """Mark every appointment of `day` whose time and grace are over without a check-in; returns them.

    `preview` changes nothing.
    """
    if not policies.works_at(actor, office.id):
        raise Forbidden("您没有管理这个公证机构的权限。")
    query = (
        select(NotaryBooking)
        .where(
            NotaryBooking.office_id == office.id,
            NotaryBooking.day == day,
            NotaryBooking.state == BookingState.CONFIRMED,
            NotaryBooking.affected_at.is_(None),
            NotaryBooking.untold_since.is_(None),
            NotaryBooking.starts_at
            <= clock.now() - timedelta(minutes=office.no_show_grace_minutes),
        )
        .order_by(NotaryBooking.id)
        .execution_options(populate_existing=True)
    )
    if preview:
        return list(db.session.scalars(query))
    found = list(db.session.scalars(query.with_for_update(of=NotaryBooking)))
    persons.lock([booking.id for booking in found])
    for booking in found:
        mark(actor, booking)
    return found


def marked_today(booking: NotaryBooking) -> bool:
    """True on the day on which a missed appointment was marked as one."""
    return booking.ended_at is not None and clock.local(booking.ended_at).date() == clock.today()


@transactional
def revert(actor: Actor, booking: NotaryBooking) -> NotaryBooking:
    """Take a mistaken mark back, on the day on which it was made: the appointment stands again as before.

    Raises BookedAnew when one of the parties has booked the matter anew meanwhile.
    """
    if booking.state is BookingState.NO_SHOW and not marked_today(booking):
        raise Conflict(
            "只能在登记的当天撤销未到场登记。",
            code="not_today",
            next_step="当事人有异议的，请当事人申诉后处理。",
        )
    persons.require_known(
        booking, "登记有误的，请应当事人要求提出申诉后处理；今天要办的，请当事人现场取号。"
    )
    steps.move(booking, "revert_no_show", actor, ended_at=None)
    db.session.execute(
        delete(NotaryNoShow)
        .where(NotaryNoShow.booking_id == booking.id)
        .execution_options(synchronize_session=False)
    )
    persons.count_again(actor, booking.id)
    steps.note(booking, "revert_no_show", "撤销未到场登记", actor)
    steps.record(booking, "revert_no_show", actor)
    steps.tell(booking, "notary.no_show_reverted")
    return booking


def of_booking(booking_id: uuid.UUID) -> list[NotaryNoShow]:
    """Return what is written down about a missed appointment, one row for each party."""
    return list(
        db.session.scalars(
            select(NotaryNoShow)
            .where(NotaryNoShow.booking_id == booking_id)
            .order_by(NotaryNoShow.id)
            .with_for_update()
            .execution_options(populate_existing=True)
        )
    )


def _held(booking: NotaryBooking) -> list[NotaryNoShow]:
    """Return the same for a step, which holds the appointment first, as everybody does who takes the mark back."""
    steps.hold(booking)
    return of_booking(booking.id)


@transactional
def appeal(
    actor: Actor, booking: NotaryBooking, text: str, asked: steps.Detail | None = None
) -> NotaryBooking:
    """Dispute a mark, once, while it counts. It goes on counting until the office has decided.

    `asked` says how a clerk was asked to write it down, None where the person does it.
    """
    sessions.require_active(actor)
    if not policies.speaks_or_serves(actor, booking):
        raise NotFound("没有找到这个预约。")
    if booking.state is not BookingState.NO_SHOW:
        raise Conflict("这个预约没有登记为未到场，不用申诉。", code="no_no_show")
    rows = _held(booking)
    if any(row.appeal is not AppealState.NONE for row in rows):
        raise Conflict(
            "这次未到场已经申诉过。",
            code="already_appealed",
            next_step=_SEE_THE_RESULT if asked is None else _TAKE_IT_UP,
        )
    if not any(row.may_be_disputed for row in rows):
        raise Conflict(
            "这次未到场已经不再计算，不用申诉。",
            code="no_show_expired",
            next_step="需要办理的，可以重新预约。",
        )
    for row in rows:
        row.appeal, row.appeal_text, row.appealed_at = AppealState.OPEN, text, clock.now()
    db.session.flush()
    _touched(booking, "appeal", "申诉" if asked is None else "应当事人要求提出申诉", actor, asked)
    notifications.notify_staff(
        None,
        "notary.staff.appealed",
        {},
        role=policies.CLERK,
        office_id=booking.office_id,
        subject_kind=SUBJECT_KIND,
        subject_id=booking.id,
        reference=booking.reference,
    )
    return booking


@transactional
def decide(actor: Actor, booking: NotaryBooking, *, granted: bool, note: str) -> NotaryBooking:
    """Decide an appeal, with reasons. A mark whose appeal is granted no longer counts."""
    if not policies.can_serve(actor, booking):
        raise Forbidden("您没有处理这个申诉的权限。")
    rows = [row for row in _held(booking) if row.appeal is AppealState.OPEN]
    if not rows:
        raise Conflict("这个预约没有待处理的申诉。", code="no_appeal")
    for row in rows:
        row.appeal = AppealState.GRANTED if granted else AppealState.DENIED
        row.decision_note = note
        row.decided_by_id, row.decided_at = actor.id, clock.now()
    db.session.flush()
    action = "appeal_granted" if granted else "appeal_denied"
    _touched(booking, action, "申诉成立" if granted else "申诉不成立", actor)
    steps.tell(booking, f"notary.{action}")
    return booking


@transactional
def reopen(actor: Actor, booking: NotaryBooking) -> NotaryBooking:
    """Take up an appeal again that was denied in error. The mark goes on counting until the office has decided anew.

    Raises Conflict where no appeal was denied, or the mark no longer counts.
    """
    if not policies.can_serve(actor, booking):
        raise Forbidden("您没有处理这个申诉的权限。")
    rows = [row for row in _held(booking) if row.appeal is AppealState.DENIED]
    if not rows:
        raise Conflict("这个预约没有不成立的申诉。", code="no_appeal")
    if rows[0].expired:
        raise Conflict("这次未到场已经不再计算，不用重新处理。", code="no_show_expired")
    for row in rows:
        row.appeal = AppealState.OPEN
        row.decision_note = row.decided_by_id = row.decided_at = None
    db.session.flush()
    _touched(booking, "appeal_reopened", "申诉重新处理", actor)
    steps.tell(booking, "notary.appeal_reopened")
    return booking


def _touched(
    booking: NotaryBooking,
    action: str,
    label: str,
    actor: Actor,
    detail: steps.Detail | None = None,
) -> None:
    """Record a step that leaves the state; the booking's version moves on, so that a stale copy is known as one."""
    if not steps.write(booking, steps.as_loaded(booking)):
        raise steps.lost(booking)
    steps.note(booking, action, label, actor)
    steps.record(booking, action, actor, detail)
