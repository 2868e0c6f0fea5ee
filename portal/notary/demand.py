"""What somebody needs of an office's capacity, whenever that may be."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Protocol

from portal.core import clock
from portal.notary import runs
from portal.notary.models import NotaryBooking, NotaryMatter, NotaryOffice, Priority, Quota
from portal.notary.opening import bookable_days
from portal.working_days.counting import current_calendar


class Party(Protocol):
    """Who would come: how many, and whether a quota is kept for them."""

    @property
    def party_count(self) -> int:
        """How many parties."""

    @property
    def priority(self) -> Priority | None:
        """Why they go before others."""


@dataclass(frozen=True)
class Demand:
    """So many seats at an office, side by side for as long as the matter takes."""

    office: NotaryOffice
    matter: NotaryMatter
    seats: int
    priority: Priority | None = None
    # From this day on the lead time does not bind, for who lost a time to the office (`bookable_days`).
    since: date | None = None

    @classmethod
    def of(cls, party: Party, office: NotaryOffice, matter: NotaryMatter) -> Demand:
        """Return what those who would come need of an office."""
        return cls(office, matter, office.seats_for(party.party_count), party.priority)

    @classmethod
    def of_booking(cls, booking: NotaryBooking, since: date | None = None) -> Demand:
        """Return what an appointment has, and would need at another time."""
        return cls(booking.office, booking.matter, booking.seats, booking.priority, since)

    @property
    def quotas(self) -> tuple[Quota, ...]:
        """The quotas whose seats may be used."""
        return quotas_for(self.priority)

    @property
    def slots(self) -> int:
        """How many consecutive slots the matter takes."""
        return runs.slots_needed(self.matter.minutes, self.office.slot_minutes)

    def until(self, starts_at: datetime) -> datetime:
        """Return when the last slot ends for who begins at `starts_at`."""
        return starts_at + timedelta(minutes=self.slots * self.office.slot_minutes)

    def days(self) -> tuple[date, date]:
        """Return the first and the last day on which it can be booked today."""
        return bookable_days(self.office, clock.today(), current_calendar(), self.since)


def quotas_for(priority: Priority | None) -> tuple[Quota, ...]:
    """Return the quotas that may be used, the one kept for the person first."""
    return (Quota.OPEN,) if priority is None else (Quota.PRIORITY, Quota.OPEN)
