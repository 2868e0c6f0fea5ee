"""HTTP of messages: the same four routes for residents and for staff."""

from __future__ import annotations

import uuid
from typing import Any

from portal.notifications import operations, queries
from portal.notifications.models import Message
from portal.notifications.schemas import (
    MarkedSchema,
    NotificationQuery,
    NotificationSchema,
    UnreadSchema,
)
from portal.web.blueprint import RESIDENT, STAFF, Audience, Blueprint
from portal.web.pagination import Key, Page, page_schema, paginate
from portal.web.request_context import current_actor


def _routes(name: str, prefix: str, audience: Audience, description: str) -> Blueprint:
    blp = Blueprint(name, __name__, url_prefix=f"/api/v1{prefix}", description=description)

    @blp.get("", audience=audience, query=NotificationQuery, returns=_PAGE)
    def index(query: dict[str, Any]) -> Page[queries.Shown]:
        """我的消息，新的在前"""
        page: Page[Message] = paginate(
            queries.of_actor(current_actor(), unread=query["unread"]),
            [Key(Message.id, descending=True)],
            query["cursor"],
            query["size"],
        )
        return Page([queries.shown(message) for message in page.items], page.next, page.size)

    @blp.get("/unread-count", audience=audience, returns=UnreadSchema)
    def unread_count() -> queries.Unread:
        """未读消息数"""
        return queries.unread_count(current_actor())

    @blp.post("/<uuid:notification_id>/read", audience=audience, returns=NotificationSchema)
    def read(notification_id: uuid.UUID) -> queries.Shown:
        """把一条消息标为已读"""
        return queries.shown(operations.mark_read(current_actor(), notification_id))

    @blp.post("/read", audience=audience, returns=MarkedSchema)
    def read_all() -> dict[str, int]:
        """把所有消息标为已读"""
        return {"marked": operations.mark_all_read(current_actor())}

    return blp


_PAGE = page_schema(NotificationSchema)
resident_blp = _routes("notifications", "/me/notifications", RESIDENT, "居民的消息")
staff_blp = _routes("staff_notifications", "/staff/notifications", STAFF, "工作人员的消息")
