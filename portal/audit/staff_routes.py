"""The auditors' page."""

from __future__ import annotations

from typing import Any

from portal.audit import operations, queries
from portal.audit.models import AuditEvent
from portal.audit.schemas import AuditEventSchema, AuditQuery
from portal.web.blueprint import Blueprint, roles
from portal.web.pagination import Key, Page, page_schema, paginate
from portal.web.request_context import current_actor

blp = Blueprint("audit", __name__, url_prefix="/api/v1/staff", description="审计记录")

_FILTERS = ("actor_id", "subject_kind", "subject_id", "action", "since", "until")


@blp.get(
    "/audit-events",
    audience=roles("auditor", "admin"),
    query=AuditQuery,
    returns=page_schema(AuditEventSchema),
    # Looking into the record is itself recorded, in the same commit.
    transaction=True,
)
def list_audit_events(query: dict[str, Any]) -> Page[AuditEvent]:
    """查阅审计记录，新的在前；查阅本身也会被记录"""
    wanted = {name: query[name] for name in _FILTERS}
    page = paginate(
        queries.events(queries.EventFilter(**wanted)),
        [Key(AuditEvent.sequence, descending=True)],
        query["cursor"],
        query["size"],
    )
    used = {name: value for name, value in wanted.items() if value is not None}
    operations.record(
        current_actor(), "audit.viewed", "audit", None, {**used, "shown": len(page.items)}
    )
    return page
