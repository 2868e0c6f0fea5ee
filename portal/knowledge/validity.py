"""What each version of a law is worth today, from what its source said and from the calendar.

A source marks the newest text as in force from the day it is published, and the one before as
history; between publication and its first day in force the older text is still the law. So the
status follows from the dates, and is looked at again every day.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import date
from itertools import pairwise
from typing import Protocol

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import joinedload

from portal.core.db import db
from portal.core.unit_of_work import transactional
from portal.knowledge import amendments
from portal.knowledge.amendments import Amendment
from portal.knowledge.models import Law, LawVersion, Validity


class Dated(Protocol):
    """The part of a version that its status follows from."""

    version_date: date
    effective_from: date
    effective_to: date | None
    declared: Validity


# Which version a citation without a date means: the law of today, else what comes, else the past.
_RANK = {
    Validity.IN_FORCE: 4,
    Validity.AMENDED: 4,
    Validity.NOT_YET: 3,
    Validity.REPEALED: 2,
    Validity.HISTORICAL: 1,
}


def status_on(version: Dated, day: date) -> Validity:
    """Return what `version` is worth on `day` (the district's calendar)."""
    if version.effective_from > day:
        return Validity.NOT_YET
    ended = version.effective_to is not None and version.effective_to <= day
    if version.declared is Validity.REPEALED and (version.effective_to is None or ended):
        return Validity.REPEALED
    if ended:
        return Validity.HISTORICAL
    if version.declared is Validity.HISTORICAL and version.effective_to is None:
        # Its successor is not among the texts we hold, so nothing says until when it held.
        return Validity.HISTORICAL
    return Validity.AMENDED if version.declared is Validity.AMENDED else Validity.IN_FORCE


def starts(declared_start: date, version_date: date) -> tuple[date, bool]:
    """Return the first day of a version and whether it is exact.

    Sources give an amended law the day on which its first version took effect. Then the amendment
    itself cannot have been in force before its own date, which is the best that is known.
    """
    if declared_start >= version_date:
        return declared_start, True
    return version_date, False


def current_of(versions: Sequence[LawVersion]) -> LawVersion:
    """Return the version that a citation without a date means."""
    return max(versions, key=lambda version: (_RANK[version.status], version.version_date))


def settle(versions: Sequence[LawVersion], day: date, changed: Sequence[Amendment] = ()) -> bool:
    """Set last days, statuses and the current mark of all versions of one law; True on change.

    `changed` are the amendments of it that are held as texts of their own.
    """
    ordered = sorted(versions, key=lambda version: version.version_date)
    before = _state(ordered)
    for version, following in pairwise(ordered):
        succeeded = max(following.effective_from, version.effective_from)
        if _repealed_before(version, succeeded):
            # Between its repeal and the law of the same name that was made later there was none.
            continue
        version.effective_to = succeeded
        version.dates_exact = version.dates_exact and following.dates_exact
    for version, days in zip(ordered, amendments.not_held(ordered, changed), strict=True):
        if version.changes_not_held != days:
            version.changes_not_held = days
        if amendments.begins_otherwise(version, changed):
            version.dates_exact = False
        version.status = status_on(version, day)
    current = current_of(ordered)
    if not current.is_current:
        for version in ordered:
            version.is_current = False
        # The mark is unique per law: it is taken away before it is given anew.
        db.session.flush()
        current.is_current = True
    return before != _state(ordered)


def _repealed_before(version: LawVersion, day: date) -> bool:
    ended = version.effective_to
    return version.declared is Validity.REPEALED and ended is not None and ended < day


def _state(versions: Sequence[LawVersion]) -> list[tuple[object, ...]]:
    return [
        (
            each.status,
            each.is_current,
            each.effective_to,
            each.days_are_exact,
            each.changes_not_held,
        )
        for each in versions
    ]


def settle_law(law: Law, day: date) -> bool:
    """Settle all versions of a law; True on change."""
    versions = db.session.scalars(select(LawVersion).where(LawVersion.law_id == law.id)).all()
    return settle(versions, day, amendments.of(law.name, amendments.held()))


def is_due(day: date) -> bool:
    """True when the status of a version is no longer what it is on `day`: a look at the dates, in one statement."""
    begun = and_(LawVersion.status == Validity.NOT_YET, LawVersion.effective_from <= day)
    over = and_(
        LawVersion.status.in_([Validity.IN_FORCE, Validity.AMENDED]),
        LawVersion.effective_to <= day,
    )
    return db.session.scalar(select(LawVersion.id).where(or_(begun, over)).limit(1)) is not None


@transactional
def refresh(day: date) -> int:
    """Bring all statuses up to `day`; returns how many laws changed."""
    per_law: dict[str, list[LawVersion]] = defaultdict(list)
    for version in db.session.scalars(select(LawVersion).options(joinedload(LawVersion.law))):
        per_law[version.law.name].append(version)
    known = amendments.held()
    return sum(
        settle(versions, day, amendments.of(name, known)) for name, versions in per_law.items()
    )
