"""Notarial appointments (公证预约): hours, seats that are never sold twice, the waiting list, the day, cases.

Owns: offices as places of booking, matters, counters, slots, claims, bookings, waiting list, numbers of the day, cases.
States and steps: `workflow.py`. A seat changes only in `operations/seats.py`, by one guarded statement per slot.
Neighbours below: working_days (holidays, make-up days), supervision (deadlines), notifications, accounts, audit.
A booking is not an acceptance: only the office accepts (公证法 27 to 29), and only then its deadline begins.
"""

from __future__ import annotations

import uuid

from flask import Flask

from portal.web.blueprint import Api


def init_app(app: Flask, api: Api) -> None:
    """Register tables and workflows, templates, jobs and the command."""
    # First, so that its subscriber looks at the bookings of an account before they are taken off it.
    _add_day_and_cases(app, api)
    from portal.notary import cli, models, notifications, tasks, workflow
    from portal.working_days import impact

    _ = models, workflow
    notifications.register_templates()
    tasks.register()
    impact.register(tasks.add_impact)
    app.cli.add_command(cli.notary_group)


# --- the day and the cases -------------------------------------------------------------------------------------------


def _add_day_and_cases(app: Flask, api: Api) -> None:
    """Register the desk and the cases: settings, deadlines, templates, contacts, subscribers, routes."""
    from portal.config import settings
    from portal.notary import (
        case_events,
        case_notifications,
        case_routes,
        case_settings,
        day_routes,
        deadlines,
    )
    from portal.notary.models import CASE_KIND
    from portal.notary.queries import cases
    from portal.supervision import contacts

    _ = case_events  # its subscribers register on import
    with app.app_context():
        # A wrong file stops the start, not the first termination.
        content = settings().content_dir / "notary"
        case_settings.configure(case_settings.load(content / "cases.yaml"))
    deadlines.register_rules()
    case_notifications.register_templates()

    def whom_to_tell(case_id: uuid.UUID) -> contacts.Contact | None:
        found = cases.find(case_id)
        if found is None or found.account_id is None:
            return None
        return contacts.Contact(found.account_id, found.contact_safety)

    contacts.register(CASE_KIND, whom_to_tell)
    for blueprint in (day_routes.blp, day_routes.visits, case_routes.blp, case_routes.mine):
        api.register_blueprint(blueprint)
