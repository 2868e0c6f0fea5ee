"""Offices and matters as they were last read, by their versions.

In a rush thousands ask for the same two rows within a second. One small statement says which versions they have now; the rows
themselves are read when a version is new. So a copy is never older than the statement that was asked about it.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import and_, bindparam, select
from sqlalchemy.orm.attributes import set_committed_value

from portal.accounts.models import Office
from portal.core.db import db
from portal.core.prepared import Prepared
from portal.notary.models import BookingState, NotaryBooking, NotaryMatter, NotaryOffice

MOST_KEPT = 500
_matters: dict[uuid.UUID, NotaryMatter] = {}
_offices: dict[uuid.UUID, NotaryOffice] = {}

_ASK = Prepared(
    lambda _dialect: (
        select(
            NotaryMatter.version,
            NotaryOffice.version,
            # Moves on with every day, and is no edit that would count the version up.
            NotaryOffice.slots_until,
            Office.version,
            NotaryBooking.counter_id,
            NotaryBooking.day,
            NotaryBooking.starts_at,
            NotaryBooking.kept_until,
        )
        .select_from(NotaryMatter)
        .join(NotaryOffice, NotaryOffice.id == bindparam("office_id"))
        .join(Office, Office.id == NotaryOffice.id)
        .outerjoin(
            NotaryBooking,
            and_(
                NotaryBooking.account_id == bindparam("account_id"),
                NotaryBooking.state == BookingState.HELD,
            ),
        )
        .where(NotaryMatter.id == bindparam("matter_id"))
    ),
    writes=False,
)


@dataclass(frozen=True)
class OtherHold:
    """The hold that an account has: where it is and until when."""

    counter_id: uuid.UUID
    day: date
    starts_at: datetime
    kept_until: datetime


@dataclass(frozen=True)
class Known:
    """A matter and an office, to be read and not changed, and the account's hold."""

    matter: NotaryMatter
    office: NotaryOffice
    other: OtherHold | None


def of(office_id: uuid.UUID, matter_id: uuid.UUID, account_id: uuid.UUID | None) -> Known | None:
    """Return what is known now, in one statement as long as nothing was edited; None when one of them does not exist."""
    row = _ASK.row({"office_id": office_id, "matter_id": matter_id, "account_id": account_id})
    if row is None:
        return None
    matter_version, *office_versions, counter_id, day, starts_at, kept_until = row
    matter, office = _matters.get(matter_id), _offices.get(office_id)
    if matter is None or matter.version != matter_version:
        matter = _keep(_matters, _copy(NotaryMatter, matter_id))
    if office is None or _versions(office) != office_versions:
        office = _copy(NotaryOffice, office_id)
        set_committed_value(office, "office", _copy(Office, office_id))
        _keep(_offices, office)
    other = None if counter_id is None else OtherHold(counter_id, day, starts_at, kept_until)
    return Known(matter, office, other)


def _versions(office: NotaryOffice) -> list[Any]:
    """Return what tells a copy from the office as it is now, in the order of `_ASK`."""
    return [office.version, office.slots_until, office.office.version]


def _copy(kind: Any, row_id: uuid.UUID) -> Any:
    """Return an object of its own that belongs to no session, so that threads may share it."""
    table = kind.__table__
    return kind(**db.session.execute(select(table).where(table.c.id == row_id)).mappings().one())


def _keep(kept: dict[uuid.UUID, Any], found: Any) -> Any:
    if len(kept) >= MOST_KEPT:
        kept.clear()
    kept[found.id] = found
    return found
