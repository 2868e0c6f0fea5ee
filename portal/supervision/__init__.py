"""One register of deadlines for every room.

A room registers its rules (`rules.register`) and, in the unit of work of its own steps, opens,
pauses, resumes, meets or cancels deadlines (`operations`). States: open, paused, met, cancelled;
`overdue_at` marks a lawful end that passed unmet. No room has a timer of its own: the sweep
reminds, warns and marks, and tells the rooms with `events.DeadlineOverdue`. Stands on working_days
(counting), notifications and audit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask import Flask

    from portal.web.blueprint import Api


def init_app(app: Flask, api: Api) -> None:
    """Add the staff pages, the command, the jobs and the messages."""
    from portal.config import settings
    from portal.supervision import cli, messages, rules, staff_routes, tasks

    with app.app_context():
        # A wrong file stops the start, not the first deadline.
        rules.configure(rules.load_amounts(settings().content_dir / rules.FILE))
    api.register_blueprint(staff_routes.blp)
    app.cli.add_command(cli.supervision_group)
    messages.register_templates()
    tasks.register()
