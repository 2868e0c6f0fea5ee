"""A notary office at work: one counter of two seats, open in the morning, and people who want to come."""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select

from portal.accounts.models import DocumentType, Resident
from portal.config import settings
from portal.core import clock as core_clock
from portal.core.actor import Actor, ActorKind
from portal.core.db import db
from portal.core.unit_of_work import unit_of_work
from portal.notary.checks import Details
from portal.notary.models import (
    ConnectionBasis,
    NotaryBooking,
    NotaryClaim,
    NotaryCounter,
    NotaryHistory,
    NotaryMatter,
    NotaryOffice,
    NotaryParty,
    NotaryPerson,
    NotarySlot,
)
from portal.notary.operations import changing, confirming, holding, schedule
from portal.notary.parties import Party
from portal.working_days import operations as working_days
from tests.conftest import JsonClient, SettableClock
from tests.factories.notary import make_counter, make_matter, make_notary_office
from tests.factories.people import (
    id_number,
    make_resident,
    make_staff,
    resident_headers,
    staff_headers,
)
from tests.notary.screen import Counter

if TYPE_CHECKING:
    from tests.notary.hall import Hall

_names = itertools.count()


def at(local: str) -> datetime:
    """Return an instant of the district's wall clock, for example `"2026-03-03 09:00"`."""
    return datetime.fromisoformat(local).replace(tzinfo=core_clock.zone())


def actor_of(resident: Resident) -> Actor:
    return Actor(ActorKind.RESIDENT, resident.id)


def party(**changes: Any) -> Party:
    """A grown-up with an identity card that nobody else has."""
    return Party(
        **{
            "name": "赵测试",
            "document_type": DocumentType.RESIDENT_ID,
            "document_number": id_number(),
            **changes,
        }
    )


def details(*parties: Party, **changes: Any) -> Details:
    """What somebody confirms with, complete."""
    return Details(
        **{
            "connection_basis": ConnectionBasis.DOMICILE,
            "parties": parties or (party(),),
            "checklist_read": True,
            **changes,
        }
    )


@dataclass
class Desk:
    """An office, its counter and a matter, and the steps of a person at it."""

    office: NotaryOffice
    counter: NotaryCounter
    matter: NotaryMatter
    people: list[Actor] = field(default_factory=list)

    def person(self) -> Actor:
        """Somebody new with an account."""
        return actor_of(make_resident())

    def hold(self, who: Actor, when: str, **changes: Any) -> NotaryBooking:
        """Hold a time."""
        wish = {
            "office_id": self.office.id,
            "matter_id": self.matter.id,
            "starts_at": at(when),
            **changes,
        }
        return holding.hold(who, holding.Wish(**wish))

    def confirmed(self, who: Actor, when: str, *parties: Party, **changes: Any) -> NotaryBooking:
        """Hold a time and confirm it."""
        given = details(*parties, **changes.pop("details", {}))
        held = self.hold(who, when, **changes)
        return confirming.confirm(who, held.id, given)

    def cancel(self, who: Actor, booking: NotaryBooking) -> NotaryBooking:
        """Cancel a booking."""
        with unit_of_work():
            found = confirming.load(booking.id)
            assert found is not None
            return changing.cancel(who, found)

    def move(self, who: Actor, booking: NotaryBooking, when: str) -> NotaryBooking:
        """Reschedule a booking."""
        with unit_of_work():
            found = confirming.load(booking.id)
            assert found is not None
            return changing.reschedule(who, found, at(when))

    def left(self, when: str) -> int:
        """How many seats are left at a time at the office."""
        slots = db.session.scalars(
            select(NotarySlot)
            .join(NotaryCounter)
            .where(NotaryCounter.office_id == self.office.id)
            .where(NotarySlot.starts_at == at(when), NotarySlot.is_open)
            .execution_options(populate_existing=True)
        )
        return sum(slot.capacity - slot.claimed for slot in slots)


def again(booking: NotaryBooking | uuid.UUID) -> NotaryBooking:
    """The booking as the database has it now."""
    found = confirming.load(booking if isinstance(booking, uuid.UUID) else booking.id)
    assert found is not None
    return found


def _pairs(query: Any) -> dict[Any, int]:
    """Return the first column of a grouped query by the second."""
    return dict(db.session.execute(query).all())  # type: ignore[arg-type]


def assert_books_balance() -> None:
    """What must hold at every moment, whatever happened."""
    db.session.rollback()
    live = NotaryClaim.released_at.is_(None)
    by_slot = _pairs(
        select(NotaryClaim.slot_id, func.sum(NotaryClaim.seats))
        .where(live)
        .group_by(NotaryClaim.slot_id)
    )
    for slot_id, claimed, capacity in db.session.execute(
        select(NotarySlot.id, NotarySlot.claimed, NotarySlot.capacity)
    ):
        assert claimed == by_slot.get(slot_id, 0)
        assert 0 <= claimed <= capacity
    by_booking = _pairs(
        select(NotaryClaim.booking_id, func.sum(NotaryClaim.seats))
        .where(live)
        .group_by(NotaryClaim.booking_id)
    )
    told = _pairs(
        select(NotaryHistory.booking_id, func.sum(NotaryHistory.seats)).group_by(
            NotaryHistory.booking_id
        )
    )
    for booking_id in db.session.scalars(select(NotaryBooking.id)):
        assert told.get(booking_id, 0) == by_booking.get(booking_id, 0), "history adds up"
    standing = _pairs(
        select(NotaryParty.person_index, func.count())
        .where(NotaryParty.active)
        .group_by(NotaryParty.person_index)
    )
    for index, active in db.session.execute(select(NotaryPerson.person_index, NotaryPerson.active)):
        assert active == standing.get(index, 0)
    db.session.rollback()


class _Undo(Exception):
    """Ends a unit of work of which nothing is to stay."""


@contextmanager
def undone() -> Iterator[None]:
    """A unit of work that only shows what it would change, or be refused with."""
    with suppress(_Undo), unit_of_work():
        yield
        raise _Undo


@pytest.fixture
def desk(database: None, clock: SettableClock) -> Iterator[Desk]:
    """Monday 2 March 2026, 09:00, before a counter of two seats; afterwards the books balance."""
    working_days.load(settings().content_dir, years=[2026])
    office = make_notary_office()
    found = Desk(office, make_counter(office, capacity=2), make_matter())
    schedule.refresh_all()
    yield found
    assert_books_balance()


def minutes(count: int) -> timedelta:
    return timedelta(minutes=count)


def new_key() -> dict[str, str]:
    """A fresh idempotency key."""
    return {"Idempotency-Key": str(uuid.uuid4())}


@pytest.fixture
def person(desk: Desk, client: FlaskClient) -> Counter:
    """Somebody signed in, at a desk."""
    resident = make_resident()
    return Counter(JsonClient(client), desk, resident_headers(resident=resident), resident)


@pytest.fixture
def other(person: Counter) -> Counter:
    """Somebody else."""
    resident = make_resident()
    return Counter(person.api, person.desk, resident_headers(resident=resident), resident)


@pytest.fixture
def clerk(person: Counter) -> dict[str, str]:
    """A clerk of the office."""
    staff = make_staff(["notary_clerk"], person.desk.office.id)
    return staff_headers(staff=staff)


@pytest.fixture
def hall(api: JsonClient, desk: Desk) -> Hall:
    """The hall of the office, everybody in it, on the first morning."""
    # Its module builds on this one.
    from tests.notary.hall import open_hall

    return open_hall(api, desk)
