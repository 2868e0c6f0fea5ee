"""Notarial appointments (公证预约): hours, seats that are never sold twice, the waiting list, the day, cases.

Owns: offices as places of booking, matters, counters, slots, claims, bookings, waiting list, numbers of the day, cases.
States and steps: `workflow.py`, `case_workflow.py`. A seat changes only in `operations/seats.py`, by one guarded
statement per slot.
Neighbours below: working_days (holidays, make-up days), supervision (deadlines), notifications, accounts, audit.
A booking is not an acceptance: only the office accepts (公证法 27 to 29), and only then its deadline begins.
"""

from __future__ import annotations

import uuid

from flask import Flask

from portal.web.blueprint import Api


def init_app(app: Flask, api: Api) -> None:
    """Register routes, templates, jobs, subscribers and the command."""
    from portal.notary import day_wiring

    day_wiring.init_app(app, api)
    from portal.notary import (
        account_events,
        cli,
        notifications,
        policies,
        retention,
        routes,
        staff_routes,
        tasks,
        workflow,
    )
    from portal.notary.models import SUBJECT_KIND
    from portal.notary.queries import bookings, zone_of_slots
    from portal.notary.queries.contacts import by_sms
    from portal.notifications import without_account
    from portal.supervision import contacts
    from portal.working_days import impact

    _ = account_events, policies, workflow  # their subscribers and tables register on import
    notifications.register_templates()
    tasks.register()
    zone_of_slots.register_check()
    retention.register()
    impact.register(tasks.add_impact)
    app.cli.add_command(cli.notary_group)

    def whom_to_tell(booking_id: uuid.UUID) -> contacts.Contact | None:
        found = bookings.find(booking_id)
        if found is None or found.account_id is None:
            return None
        return contacts.Contact(found.account_id, found.contact_safety)

    contacts.register(SUBJECT_KIND, whom_to_tell)
    without_account.register(SUBJECT_KIND, by_sms)
    for blueprint in (routes.blp, staff_routes.blp):
        api.register_blueprint(blueprint)
