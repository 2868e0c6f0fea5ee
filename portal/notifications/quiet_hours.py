"""Hours in which no SMS disturbs anybody, unless it is urgent. The district sets them in
`content/notifications.yaml`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time, timedelta
from pathlib import Path
from typing import Any

from marshmallow import fields

from portal.core import clock
from portal.core.content_files import settings_of
from portal.web.schemas import Schema


@dataclass(frozen=True)
class QuietHours:
    """From `start` to `end` on the district's clock, over midnight when `end` is earlier. Equal
    means none.
    """

    start: time = time(21)
    end: time = time(8)

    def postponed(self, instant: datetime) -> datetime | None:
        """Return the end of the quiet hours that `instant` falls into, None when it falls into
        none.
        """
        here = clock.local(instant)
        moment = here.time()
        if self.start <= self.end:
            inside = self.start <= moment < self.end
            days = 0
        else:
            inside = moment >= self.start or moment < self.end
            days = 1 if moment >= self.start else 0
        if not inside:
            return None
        day = here.date() + timedelta(days=days)
        return datetime.combine(day, self.end, tzinfo=clock.zone())


# Without quotes YAML reads 21:00 as a number.
_TIME: dict[str, Any] = {"invalid": '应当写成带引号的时刻，例如 "21:00"。'}


class HoursForm(Schema):
    """The hours of notifications.yaml."""

    start = fields.Time(required=True, data_key="from", error_messages=_TIME)
    end = fields.Time(required=True, data_key="to", error_messages=_TIME)


class HoursFile(Schema):
    """The whole of notifications.yaml."""

    quiet_hours = fields.Nested(HoursForm, required=True)


_hours = QuietHours()


def configure(hours: QuietHours) -> None:
    """Install the hours for this process."""
    global _hours
    _hours = hours


def current() -> QuietHours:
    """Return the installed hours."""
    return _hours


def load(path: Path) -> QuietHours:
    """Read the hours from the district's file, or the default of 21:00 to 08:00 when there is none.

    Raises BrokenFile for a file that cannot be understood.
    """
    if not path.exists():
        return QuietHours()
    return QuietHours(**settings_of(path, HoursFile())["quiet_hours"])
