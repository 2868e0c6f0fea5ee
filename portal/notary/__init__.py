"""Notarial appointments (公证预约): hours, seats that are never sold twice, the waiting list, the day, cases.

Owns: offices as places of booking, matters, counters, slots, claims, bookings, waiting list, numbers of the day, cases.
States and steps: `workflow.py`. A seat changes only in `operations/seats.py`, by one guarded statement per slot.
Neighbours below: working_days (holidays, make-up days), supervision (deadlines), notifications, accounts, audit.
A booking is not an acceptance: only the office accepts (公证法 27 to 29), and only then its deadline begins.
"""

from __future__ import annotations

from flask import Flask

from portal.web.blueprint import Api


def init_app(app: Flask, api: Api) -> None:
    """Register tables and workflows, templates, jobs and the command."""
    # First, so that its subscriber looks at the bookings of an account before they are taken off it.
    from portal.notary import day_wiring

    day_wiring.init_app(app, api)
    from portal.notary import cli, models, notifications, tasks, workflow
    from portal.working_days import impact

    _ = models, workflow
    notifications.register_templates()
    tasks.register()
    impact.register(tasks.add_impact)
    app.cli.add_command(cli.notary_group)
