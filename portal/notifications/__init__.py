"""Notifications: what the portal tells residents and staff, in the app and by SMS.

Owns the table `message` (queued, sent, failed, suppressed), the Chinese templates that the rooms
register, and the senders. Every message passes `gate.decide`: what a person or a case wishes about
being contacted is kept there and nowhere else. An SMS carries neutral parameters only, by
construction (`templates`).

Neighbours: `accounts` (who the recipient is, their phone and contact wish), `core.jobs` (delivery
after the commit). Rooms above use `templates.register`, `operations.notify_resident`,
`operations.notify_staff` and, for who has no account, `operations.notify_without_account`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask import Flask

    from portal.web.blueprint import Api


def init_app(app: Flask, api: Api) -> None:
    """Register routes, jobs and subscribers; read the district's quiet hours; check the SMS sender."""
    from portal.config import settings
    from portal.notifications import (
        delivery,
        privacy,
        quiet_hours,
        readiness,
        retention,
        routes,
        senders,
    )

    with app.app_context():
        quiet_hours.configure(quiet_hours.load(settings().content_dir / "notifications.yaml"))
        # A sender that cannot be built stops the start, not the first message.
        senders.build()
    delivery.register()
    privacy.register()
    retention.register()
    readiness.register()
    api.register_blueprint(routes.resident_blp)
    api.register_blueprint(routes.staff_blp)
