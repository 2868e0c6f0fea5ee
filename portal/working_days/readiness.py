"""Tells the operator in `/readyz` when a year's table is missing."""

from __future__ import annotations

from datetime import timedelta

from portal.core import clock
from portal.observability.health import Report
from portal.working_days import cache
from portal.working_days.calendar import YearState

# The longest common period is 60 days; notices come in November.
AHEAD = timedelta(days=45)


def check() -> Report:
    """Return whether the years that deadlines are counted in now have a published table."""
    states = cache.current().states
    needed = {clock.today().year, (clock.today() + AHEAD).year}
    missing = sorted(year for year in needed if states.get(year) is not YearState.PUBLISHED)
    if missing:
        return Report(
            ok=False,
            detail="、".join(f"{year} 年" for year in missing)
            + "的放假安排尚未录入，涉及的期限为暂定。",
        )
    return Report(ok=True, detail="放假安排齐全。")
