"""Consultations (法律咨询): a resident asks, staff moderate, a lawyer answers with the law, a second person signs, the public
text teaches the search index.

Owns: consultations, their conversation, answers, timeline, publications. States and steps: `workflow.py`.
Neighbours below: knowledge (citations, search), supervision (deadlines), notifications, attachments, accounts, audit.
"""

from __future__ import annotations

import uuid

from flask import Flask

from portal.core.actor import Actor
from portal.web.blueprint import Api


def init_app(app: Flask, api: Api) -> None:
    """Register routes, deadlines, templates, subscribers and the search provider."""
    from portal.attachments import access
    from portal.consultations import (
        account_events,
        deadlines,
        notifications,
        policies,
        provider,
        queries,
        routes,
        staff_routes,
        tasks,
    )
    from portal.consultations.models import SUBJECT_KIND
    from portal.supervision import contacts

    _ = account_events, tasks  # their subscribers register on import
    deadlines.register_rules()
    notifications.register_templates()
    provider.register_provider()

    def can_read_attachment(actor: Actor, consultation_id: uuid.UUID) -> bool:
        found = queries.find(consultation_id)
        return found is not None and policies.can_read(actor, found)

    def whom_to_tell(consultation_id: uuid.UUID) -> contacts.Contact | None:
        found = queries.find(consultation_id)
        if found is None or found.resident_id is None:
            return None
        return contacts.Contact(found.resident_id, found.contact_safety)

    access.register(SUBJECT_KIND, can_read_attachment)
    contacts.register(SUBJECT_KIND, whom_to_tell)
    for blueprint in (routes.blp, routes.questions, staff_routes.blp):
        api.register_blueprint(blueprint)
