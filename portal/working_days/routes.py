"""The public calendar."""

from __future__ import annotations

from typing import Any

from portal.web.blueprint import PUBLIC, Blueprint
from portal.working_days import queries
from portal.working_days.schemas import RangeQuery, RangeSchema

blp = Blueprint("working_days", __name__, url_prefix="/api/v1", description="工作日历")


@blp.get("/working-days", audience=PUBLIC, query=RangeQuery, returns=RangeSchema)
def list_working_days(query: dict[str, Any]) -> dict[str, Any]:
    """查询一段日期中哪些是工作日"""
    items = queries.days(query["first"], query["last"])
    return {
        "items": items,
        "workdays": sum(day.is_workday for day in items),
        "provisional": any(day.provisional for day in items),
    }
