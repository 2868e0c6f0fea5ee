"""Wiring of the desk and the cases, called by the room's own."""

from __future__ import annotations

import uuid

from flask import Flask

from portal.config import settings
from portal.notary import (
    case_events,
    case_notifications,
    case_routes,
    case_settings,
    day_routes,
    deadlines,
    desk_routes,
    request_routes,
    telling_routes,
    visit_routes,
    week_routes,
)
from portal.notary.models import CASE_KIND
from portal.notary.queries import cases
from portal.supervision import contacts
from portal.web.blueprint import Api

_ = case_events  # its subscribers register on import


def init_app(app: Flask, api: Api) -> None:
    """Register settings, deadlines, templates, contacts and routes."""
    with app.app_context():
        # A wrong file stops the start, not the first termination.
        content = settings().content_dir / "notary"
        case_settings.configure(case_settings.load(content / "cases.yaml"))
    deadlines.register_rules()
    case_notifications.register_templates()
    contacts.register(CASE_KIND, _whom_to_tell)
    for blueprint in (
        day_routes.blp,
        desk_routes.blp,
        request_routes.blp,
        telling_routes.blp,
        week_routes.blp,
        visit_routes.visits,
        case_routes.blp,
        case_routes.mine,
    ):
        api.register_blueprint(blueprint)


def _whom_to_tell(case_id: uuid.UUID) -> contacts.Contact | None:
    found = cases.find(case_id)
    if found is None or found.account_id is None:
        return None
    return contacts.Contact(found.account_id, found.contact_safety)
