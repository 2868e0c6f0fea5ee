"""Matters as staff keep them up."""

from __future__ import annotations

from typing import Any

from portal.audit import operations as audit
from portal.core.actor import Actor
from portal.core.db import db
from portal.core.errors import Forbidden
from portal.core.unit_of_work import transactional
from portal.notary import policies
from portal.notary.models import NotaryMatter, Origin


@transactional
def change(actor: Actor, matter: NotaryMatter, values: dict[str, Any]) -> NotaryMatter:
    """Change texts, length, checklist or whether the matter is booked; from then on no file overwrites it."""
    if not policies.can_edit_matters(actor):
        raise Forbidden
    for name, value in values.items():
        setattr(matter, name, value)
    matter.origin = Origin.STAFF
    db.session.flush()
    audit.record(
        actor,
        "notary_matter.changed",
        "notary_matter",
        matter.id,
        {"fields": ",".join(sorted(values))},
    )
    return matter
