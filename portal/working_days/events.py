"""What the calendar tells the rooms above."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class CalendarYearPublished:
    """The table of `year` was published or corrected; deadlines that lean on it are to be counted
    again.
    """

    year: int
