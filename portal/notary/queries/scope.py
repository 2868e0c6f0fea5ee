"""Which rows belong to the offices of who asks."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, true

from portal.core.actor import Actor
from portal.notary import policies


def in_own_offices(actor: Actor, office_id: Any) -> ColumnElement[bool]:
    """Return the condition that a column holds an office in which the actor is clerk or supervisor."""
    offices = policies.offices_of(actor, *policies.STAFF_ROLES)
    return true() if offices is None else office_id.in_(offices)
