"""The register as staff see it."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from portal.core import clock
from portal.core.errors import Invalid
from portal.supervision import queries
from portal.supervision.models import Deadline
from portal.supervision.queries import DeadlineFilter, RuleFigures
from portal.supervision.schemas import (
    DeadlineQuery,
    StaffDeadlineSchema,
    SummaryQuery,
    SummarySchema,
)
from portal.web.blueprint import STAFF, Blueprint
from portal.web.pagination import Key, Page, page_schema, paginate
from portal.web.request_context import current_actor

blp = Blueprint(
    "supervision", __name__, url_prefix="/api/v1/staff/supervision", description="期限督办"
)


@blp.get(
    "/deadlines",
    audience=STAFF,
    query=DeadlineQuery,
    returns=page_schema(StaffDeadlineSchema),
)
def list_deadlines(query: dict[str, Any]) -> Page[Deadline]:
    """列出期限，剩余时间最少的在前；督办人员看全部，其他人看本岗位、本机构的"""
    wanted = DeadlineFilter(**{field.name: query[field.name] for field in fields(DeadlineFilter)})
    return paginate(
        queries.deadlines(current_actor(), wanted),
        [Key(Deadline.due_at), Key(Deadline.id)],
        query["cursor"],
        query["size"],
    )


@blp.get("/summary", audience=STAFF, query=SummaryQuery, returns=SummarySchema)
def summary(query: dict[str, Any]) -> dict[str, Any]:
    """按规则汇总期限：计时中、即将届满、逾期、按时和逾期办结的件数"""
    today = clock.today()
    first = query["first"] or today.replace(month=1, day=1)
    last = query["last"] or today
    if last < first:
        raise Invalid(errors={"to": ["截止日期不能早于起始日期。"]})
    items = queries.figures(current_actor(), first, last)
    numbers = [field.name for field in fields(RuleFigures) if field.name != "rule_id"]
    return {
        "first": first,
        "last": last,
        "items": items,
        "totals": {name: sum(getattr(item, name) for item in items) for name in numbers},
    }
