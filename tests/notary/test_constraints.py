"""What the database itself refuses, whoever writes."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update
from sqlalchemy.exc import IntegrityError

from portal.core import clock as core_clock
from portal.core.db import db, new_id
from portal.core.unit_of_work import unit_of_work
from portal.notary.models import (
    BookingState,
    NotaryBooking,
    NotaryClaim,
    NotaryMatter,
    NotaryParty,
    NotarySlot,
    PartyKind,
    Quota,
)
from tests.conftest import SettableClock
from tests.factories.notary import make_counter, make_matter, make_notary_office
from tests.factories.people import make_resident


@pytest.fixture
def slot(database: None, clock: SettableClock) -> NotarySlot:
    """One seat, tomorrow."""
    counter = make_counter(make_notary_office())
    start = core_clock.now() + timedelta(days=1)
    with unit_of_work():
        found = NotarySlot(
            id=new_id(),
            counter_id=counter.id,
            day=start.date(),
            ordinal=2,
            quota=Quota.OPEN,
            starts_at=start,
            ends_at=start + timedelta(minutes=30),
            capacity=1,
        )
        db.session.add(found)
    return found


def booking(slot: NotarySlot, matter: NotaryMatter, **fields: Any) -> NotaryBooking:
    values: dict[str, Any] = {
        "state": BookingState.HELD,
        "kept_until": core_clock.now() + timedelta(minutes=10),
        **fields,
    }
    return NotaryBooking(
        id=new_id(),
        office_id=slot.counter.office_id,
        matter_id=matter.id,
        counter_id=slot.counter_id,
        day=slot.day,
        starts_at=slot.starts_at,
        ends_at=slot.ends_at,
        quota=slot.quota,
        party_count=1,
        seats=1,
        **values,
    )


def refused(name: str, *rows: Any) -> None:
    with pytest.raises(IntegrityError, match=name), unit_of_work():
        db.session.add_all(rows)
        db.session.flush()


def added(*rows: Any) -> None:
    with unit_of_work():
        db.session.add_all(rows)


def test_a_slot_never_has_more_claims_than_seats(slot: NotarySlot) -> None:
    for claimed in (2, -1):
        with pytest.raises(IntegrityError, match="seats_within_capacity"), unit_of_work():
            db.session.execute(update(NotarySlot).values(claimed=claimed))


def test_a_day_has_no_more_slots_than_a_mask_has_bits(slot: NotarySlot) -> None:
    for ordinal in (63, -1):
        with pytest.raises(IntegrityError, match="ordinal"), unit_of_work():
            db.session.execute(update(NotarySlot).values(ordinal=ordinal))


def test_an_account_holds_one_seat_at_a_time(slot: NotarySlot) -> None:
    matter, account = make_matter(), make_resident().id
    added(booking(slot, matter, account_id=account))
    # SQLite names the column, PostgreSQL the index.
    refused("one_hold_per_account|account_id", booking(slot, matter, account_id=account))


def test_a_hold_without_an_end_is_no_hold(slot: NotarySlot) -> None:
    refused("kept_while_pending", booking(slot, make_matter(), kept_until=None))


def test_a_booking_has_each_slot_once(slot: NotarySlot) -> None:
    held = booking(slot, make_matter())
    added(held)
    claims = [
        NotaryClaim(slot_id=slot.id, booking_id=held.id, seats=1, created_at=core_clock.now())
        for _ in range(2)
    ]
    refused("one_live_claim_per_slot_and_booking|booking_id", *claims)


def test_a_person_has_one_active_booking_for_a_matter(slot: NotarySlot) -> None:
    matter, other = make_matter(), make_matter()
    one, two = booking(slot, matter), booking(slot, matter)
    added(one, two)

    def party(of: NotaryBooking, kind: NotaryMatter, active: bool = True) -> NotaryParty:
        return NotaryParty(
            booking_id=of.id,
            matter_id=kind.id,
            position=0,
            kind=PartyKind.PERSON,
            active=active,
            person_index="a" * 64,
            name="测试",
            document_number="测试",
        )

    added(party(one, matter))
    refused("one_active_booking_per_person_and_matter|person_index", party(two, matter))
    added(party(two, other))
