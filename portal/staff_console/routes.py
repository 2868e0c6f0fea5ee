"""One route: the worklist."""

from __future__ import annotations

from typing import Any

from marshmallow import fields

from portal.staff_console import queries
from portal.supervision.schemas import StaffDeadlineSchema
from portal.web.blueprint import STAFF, Blueprint
from portal.web.request_context import current_actor
from portal.web.schemas import Schema

blp = Blueprint(
    "staff_console", __name__, url_prefix="/api/v1/staff", description="工作台：跨业务的待办。"
)


class CounterSchema(Schema):
    """How much waits in one list."""

    code = fields.String()
    label = fields.String()
    count = fields.Integer()
    path = fields.String()


class WorklistSchema(Schema):
    """The whole page."""

    counters = fields.List(fields.Nested(CounterSchema))
    urgent = fields.List(fields.Nested(StaffDeadlineSchema))
    message = fields.String()


@blp.get("/worklist", audience=STAFF, returns=WorklistSchema)
def worklist() -> dict[str, Any]:
    """我的工作台：各列表的待办数量，和剩余时间最少的期限"""
    actor = current_actor()
    counters = queries.counters(actor)
    waiting = sum(counter.count for counter in counters)
    return {
        "counters": counters,
        "urgent": queries.urgent(actor),
        "message": f"共有 {waiting} 项待办。" if waiting else "目前没有待办，辛苦了。",
    }
