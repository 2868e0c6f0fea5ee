"""Rest days, make-up days, and the counting of periods.

Owns the yearly calendar tables (`published` once the State Council's notice has been entered,
`provisional` before), the counting functions of `domain/rules.md` 7.5, and the staff routes by
which a year is entered. Tells the rooms above with `CalendarYearPublished`; who holds dates that
would move registers with `impact.register`, so that a preview can name them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask import Flask

    from portal.web.blueprint import Api


def init_app(app: Flask, api: Api) -> None:
    """Make the tables known."""
    from portal.working_days import models  # noqa: F401
