"""Who came to an appointment is forgotten when nothing needs it any more (个人信息保护法 19; rules 5.3).

The register of an accepted case (公证程序规则 57) has its own copy of the persons and is kept. What stays of an appointment
is its number, its time and what became of it.
"""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

import structlog
from sqlalchemy import Select, delete, exists, func, or_, select

from portal.config import settings
from portal.core import clock
from portal.core.actor import SYSTEM
from portal.core.db import db, rows_changed
from portal.core.jobs import JobRun, job_handler, periodic
from portal.core.unit_of_work import transactional
from portal.notary.models import (
    AppealState,
    BookingState,
    NotaryBooking,
    NotaryNoShow,
    NotaryParty,
    NotaryPerson,
)
from portal.notary.operations import persons, steps

EXPIRE = "notary.expire"
BATCH = 200
# How long somebody can read why their appeal was decided as it was, where the mark no longer counts by then (D).
READABLE = timedelta(days=30)
# What stands in place of a person.
OUTDATED = "（已过保存期限）"
_log = structlog.get_logger(__name__)


def register() -> None:
    """Register the job and have it run once a day."""
    job_handler(EXPIRE, transactional=False)(_expire)
    periodic(EXPIRE, timedelta(days=1))


def _expire(_run: JobRun) -> None:
    counts = {
        "bookings": forget_persons(),
        "no_shows": remove_no_shows(),
        "fingerprints": remove_fingerprints(),
    }
    if any(counts.values()):
        _log.info("notary_expired", **counts)


def forget_persons() -> int:
    """Erase the persons of appointments that ended longer ago than the setting says; returns of how many. Safe to repeat.

    One that the office never settled counts from its time, and ends: nobody could be accepted of it, or be missed, whose name
    is gone. One whose people are at the desk waits for what comes of it, one whose mark is being appealed for the decision.
    """
    forgotten = 0
    while ids := list(db.session.scalars(_outdated().order_by(NotaryBooking.id).limit(BATCH))):
        for booking_id in ids:
            _forget(booking_id)
        forgotten += len(ids)
    return forgotten


def _outdated() -> Select[Any]:
    ended = func.coalesce(NotaryBooking.ended_at, NotaryBooking.ends_at)
    named = select(NotaryParty.id).where(
        NotaryParty.booking_id == NotaryBooking.id, NotaryParty.person_index != ""
    )
    appealed = select(NotaryNoShow.id).where(
        NotaryNoShow.booking_id == NotaryBooking.id, NotaryNoShow.appeal == AppealState.OPEN
    )
    return select(NotaryBooking.id).where(
        ended < clock.now() - timedelta(days=settings().notary_days),
        NotaryBooking.state != BookingState.CHECKED_IN,
        or_(
            NotaryBooking.state == BookingState.CONFIRMED,
            NotaryBooking.contact_phone.is_not(None),
            NotaryBooking.agent.is_not(None),
            exists(named),
        ),
        ~exists(appealed),
    )


@transactional
def _forget(booking_id: uuid.UUID) -> None:
    booking = db.session.get_one(
        NotaryBooking, booking_id, with_for_update={"of": NotaryBooking}, populate_existing=True
    )
    if db.session.scalar(_outdated().where(NotaryBooking.id == booking.id)) is None:
        # The office has just settled it.
        return
    if booking.state is BookingState.CONFIRMED:
        # Its time has come, so its seats stay with it: nobody else could use them.
        steps.move(booking, "lapse", SYSTEM, ended_at=clock.now(), affected_at=None)
        steps.note(booking, "lapse", "到保存期限仍没有登记结果，自动结束", SYSTEM)
        steps.record(booking, "lapse", SYSTEM)
    persons.end_parties(booking.id)
    # Nobody is left who could be told.
    steps.write(
        booking,
        contact_phone=None,
        link_nonce=None,
        cancellation_reason=None,
        untold_since=None,
    )
    persons.forget(booking, OUTDATED)
    steps.note(booking, "expire_persons", "已过保存期限，当事人信息已清除", SYSTEM)
    steps.record(booking, "expire_persons", SYSTEM)


@transactional
def remove_no_shows() -> int:
    """Remove missed appointments that no longer count; returns how many.

    One whose appeal is open, or was decided so lately that its reasons may not be read yet, is kept.
    """
    return rows_changed(
        db.session.execute(
            delete(NotaryNoShow)
            .where(
                NotaryNoShow.expires_on < clock.today(),
                NotaryNoShow.appeal != AppealState.OPEN,
                or_(
                    NotaryNoShow.decided_at.is_(None),
                    NotaryNoShow.decided_at < clock.now() - READABLE,
                ),
            )
            .execution_options(synchronize_session=False)
        )
    )


@transactional
def remove_fingerprints() -> int:
    """Remove the counters of persons who have no appointment ahead; the next one makes a new one. Returns how many."""
    idle = select(NotaryPerson.person_index).where(NotaryPerson.active == 0)
    found = list(
        # Passed over where somebody books or cancels at this moment: another day will do.
        db.session.scalars(
            idle.order_by(NotaryPerson.person_index).with_for_update(skip_locked=True)
        )
    )
    for first in range(0, len(found), BATCH):
        db.session.execute(
            delete(NotaryPerson)
            .where(NotaryPerson.person_index.in_(found[first : first + BATCH]))
            .execution_options(synchronize_session=False)
        )
    return len(found)
