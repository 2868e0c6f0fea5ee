"""What somebody needs of an office's capacity, whenever that may be."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from portal.core import clock
from portal.notary import runs
from portal.notary.models import NotaryMatter, NotaryOffice, Priority, Quota
from portal.notary.opening import bookable_days
from portal.working_days.counting import current_calendar


@dataclass(frozen=True)
class Demand:
    """So many seats at an office, side by side for as long as the matter takes."""

    office: NotaryOffice
    matter: NotaryMatter
    seats: int
    priority: Priority | None = None
    # From this day on the lead time does not bind, for who lost a time to the office (`bookable_days`).
    since: date | None = None

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
