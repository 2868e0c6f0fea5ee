"""What the portal does by itself: sweep, make slots, remind, tell, and act on a calendar that was changed."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import selectinload

from portal.accounts.models import ContactSafety
from portal.accounts.operations import sessions
from portal.core import clock
from portal.core.db import db, rows_changed
from portal.core.events import subscribe
from portal.core.jobs import JobRun, enqueue, job_handler, periodic
from portal.notary import bringing
from portal.notary.models import SUBJECT_KIND, BookingState, NotaryBooking, NotaryOffice
from portal.notary.operations import freeing, leaving, matters, schedule, slots, steps, waiting
from portal.notifications import operations as notifications
from portal.working_days.calendar import Calendar
from portal.working_days.counting import current_calendar
from portal.working_days.events import CalendarYearPublished
from portal.working_days.impact import Impact, MovedDate

SWEEP = "notary.sweep"
EXTEND = "notary.extend"
REMIND = "notary.remind"
CLOSE_DAYS = "notary.close_days"
CALENDAR = "notary.calendar"
MOST_REMINDERS = 200


def register() -> None:
    """Have the worker keep the periodic jobs waiting."""
    periodic(SWEEP, timedelta(seconds=20))
    periodic(EXTEND, timedelta(minutes=30))
    periodic(REMIND, timedelta(minutes=15))
    periodic(CLOSE_DAYS, timedelta(minutes=30))


@job_handler(steps.TELL)
def _tell(run: JobRun) -> None:
    told = run.payload
    resident_id = uuid.UUID(told["resident_id"])
    if not sessions.hold_active(resident_id):
        # Whoever closed the account meanwhile is written nothing: it would say again what was just erased.
        return
    notifications.notify_resident(
        resident_id,
        told["template"],
        told["params"],
        subject_kind=told["subject_kind"],
        subject_id=uuid.UUID(told["subject_id"]),
        reference=told["reference"],
        safety=ContactSafety(told["safety"]) if told["safety"] else None,
    )


@job_handler(SWEEP, transactional=False)
def _sweep(_run: JobRun) -> None:
    freeing.sweep()


@job_handler(EXTEND, transactional=False)
def _extend(_run: JobRun) -> None:
    schedule.refresh_all(only_when_due=True)
    waiting.end_outdated()
    waiting.end_stopped()
    waiting.end_impossible()


@job_handler(CLOSE_DAYS, transactional=False)
def _close_days(_run: JobRun) -> None:
    leaving.close_days()


@job_handler(REMIND)
def _remind(_run: JobRun) -> None:
    remind()


def remind() -> int:
    """Remind of the appointments of the next working day, with what to bring; each once. Returns how many."""
    today = clock.today()
    until = current_calendar().add_workdays(today, 1).raw
    found = db.session.scalars(
        select(NotaryBooking)
        .where(
            NotaryBooking.state == BookingState.CONFIRMED,
            NotaryBooking.reminded_at.is_(None),
            NotaryBooking.affected_at.is_(None),
            NotaryBooking.day > today,
            NotaryBooking.day <= until,
        )
        .options(selectinload(NotaryBooking.parties))
        .order_by(NotaryBooking.id)
        .limit(MOST_REMINDERS)
        .execution_options(populate_existing=True)
    ).all()
    reminded = 0
    for booking in found:
        if not _mark_reminded(booking):
            continue
        steps.tell(
            booking,
            "notary.reminder",
            when=clock.spoken(booking.starts_at),
            office=booking.office.name,
            checklist="；".join(bringing.papers(booking)),
        )
        reminded += 1
    return reminded


def _mark_reminded(booking: NotaryBooking) -> bool:
    """Write down that the reminder goes out; False where the appointment was moved or ended, or another run was quicker.

    The version does not count it: whoever moves or cancels at this moment has seen all there is to see.
    """
    marked = db.session.execute(
        update(NotaryBooking)
        .where(
            NotaryBooking.id == booking.id,
            NotaryBooking.state == BookingState.CONFIRMED,
            NotaryBooking.starts_at == booking.starts_at,
            NotaryBooking.reminded_at.is_(None),
        )
        .values(reminded_at=clock.now(), updated_at=NotaryBooking.updated_at)
        .execution_options(synchronize_session=False)
    )
    return rows_changed(marked) > 0


@subscribe(CalendarYearPublished)
def _on_calendar(event: CalendarYearPublished) -> None:
    enqueue(CALENDAR, {"year": event.year}, dedup_key=f"{CALENDAR}:{event.year}")


@job_handler(matters.REFRESH, transactional=False)
def _refresh(_run: JobRun) -> None:
    schedule.refresh_all()
    waiting.end_stopped()


@job_handler(CALENDAR, transactional=False)
def _apply_calendar(run: JobRun) -> None:
    schedule.refresh_all(f"{run.payload['year']}年放假安排调整")


def add_impact(_year: int, calendar: Calendar, impact: Impact) -> None:
    """Name the bookings whose day another table would close, with the next working day."""
    present = current_calendar()
    rows: Any = db.session.scalars(
        select(NotaryBooking)
        .where(
            NotaryBooking.state == BookingState.CONFIRMED,
            NotaryBooking.day >= clock.today(),
        )
        .order_by(NotaryBooking.starts_at, NotaryBooking.id)
    )
    plans: dict[uuid.UUID, Any] = {}
    for booking in rows:
        if calendar.status(booking.day).kind is present.status(booking.day).kind:
            continue
        if booking.office_id not in plans:
            plans[booking.office_id] = slots.schedule_of(
                db.session.get_one(NotaryOffice, booking.office_id)
            )
        plan, counters = plans[booking.office_id]
        counter = next(c for c in counters if c.id == booking.counter_id)
        if not plan.plan(counter, booking.day, calendar.status(booking.day)).spans:
            impact.add(
                MovedDate(
                    name="公证预约",
                    reference=booking.reference,
                    subject_kind=SUBJECT_KIND,
                    subject_id=booking.id,
                    due_before=booking.day,
                    due_after=calendar.add_workdays(booking.day, 1).raw,
                )
            )
