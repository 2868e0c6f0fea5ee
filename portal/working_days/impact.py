"""What a new table would change elsewhere. Rooms above register who can say so; this room knows
none of them.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date

from portal.working_days.calendar import Calendar

MOST_SHOWN = 100


@dataclass(frozen=True)
class MovedDate:
    """A running deadline whose lawful end would be another day."""

    name: str
    reference: str | None
    subject_kind: str
    subject_id: uuid.UUID
    due_before: date
    due_after: date


@dataclass
class Impact:
    """Every date that would move, of which at most `MOST_SHOWN` are kept to be shown."""

    count: int = 0
    shown: list[MovedDate] = field(default_factory=list)

    def add(self, moved: MovedDate) -> None:
        """Count a date and keep it while there is room."""
        self.count += 1
        if len(self.shown) < MOST_SHOWN:
            self.shown.append(moved)


Provider = Callable[[int, Calendar, Impact], None]
_providers: list[Provider] = []


def register(provider: Provider) -> Provider:
    """Register a function that adds to the impact of a calendar with another table for a year."""
    if provider not in _providers:
        _providers.append(provider)
    return provider


def of(year: int, calendar: Calendar) -> Impact:
    """Return what would move if `calendar`, with its table for `year`, were the present one."""
    impact = Impact()
    for provider in _providers:
        provider(year, calendar, impact)
    return impact
