"""Hours in which no SMS disturbs anybody, unless it is urgent. The district sets them in
`content/notifications.yaml`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time, timedelta
from pathlib import Path

import yaml

from portal.config import ConfigurationError
from portal.core import clock


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

    Raises ConfigurationError for a file that cannot be understood.
    """
    if not path.exists():
        return QuietHours()
    try:
        hours = (yaml.safe_load(path.read_text(encoding="utf-8")) or {})["quiet_hours"]
        return QuietHours(time.fromisoformat(hours["from"]), time.fromisoformat(hours["to"]))
    except (yaml.YAMLError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise ConfigurationError(
            [f'{path.name}：quiet_hours 应当写成 from: "21:00" 和 to: "08:00"（带引号）。']
        ) from error
