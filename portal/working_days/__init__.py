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
    """Add the routes, the command and the readiness check."""
    from portal.observability.health import readiness as checks
    from portal.working_days import cli, readiness, routes, staff_routes

    api.register_blueprint(routes.blp)
    api.register_blueprint(staff_routes.blp)
    app.cli.add_command(cli.working_days_group)
    # Optional: deadlines are counted all the same, and say that they are provisional.
    checks.register("calendar", readiness.check, required=False)
