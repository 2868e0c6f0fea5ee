"""Entering a year's table: look, try, publish."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

from portal.core.errors import Invalid
from portal.web import conditional
from portal.web.blueprint import Blueprint, roles
from portal.web.pagination import Page
from portal.web.request_context import current_actor
from portal.working_days import operations, queries
from portal.working_days.notice import FIRST_YEAR, YearTable
from portal.working_days.queries import YearView
from portal.working_days.schemas import PreviewQuery, YearIn, YearPage, YearResultSchema, YearSchema

blp = Blueprint(
    "working_days_staff", __name__, url_prefix="/api/v1/staff/working-days", description="工作日历"
)
KEEPERS = roles("supervisor", "admin")
_YEAR = f"/years/<int(min={FIRST_YEAR}, max={queries.LAST_YEAR}):year>"


@contextmanager
def _told_by_place(days: Sequence[Mapping[str, Any]]) -> Iterator[None]:
    """Name a day that is wrong by its place in the body, as every other field is named."""
    try:
        yield
    except Invalid as refused:
        places = {
            entry["date"].isoformat(): f"days.{number}.date" for number, entry in enumerate(days)
        }
        refused.errors = {places.get(name, name): told for name, told in refused.errors.items()}
        raise


@blp.get("/years", audience=KEEPERS, returns=YearPage)
def list_years() -> Page[YearView]:
    """列出各年份的放假安排，今年和明年没有的标为暂定"""
    found = queries.years()
    return Page(found, None, len(found))


@blp.get(_YEAR, audience=KEEPERS, returns=YearSchema)
def show_year(year: int) -> YearView:
    """查看一年的放假安排"""
    view = queries.year(year)
    conditional.tag(view)
    return view


@blp.put(
    _YEAR,
    audience=KEEPERS,
    query=PreviewQuery,
    body=YearIn,
    returns=YearResultSchema,
    if_match=True,
)
def put_year(year: int, query: dict[str, Any], body: dict[str, Any]) -> dict[str, Any]:
    """录入一年的放假安排；preview=true 时只试算会改变哪些期限"""
    before = queries.year(year)
    conditional.require_match(before)
    table = YearTable(
        year,
        body["source"],
        {entry["date"]: (entry["kind"], entry["name"]) for entry in body["days"]},
        body["state"],
    )
    with _told_by_place(body["days"]):
        found = operations.preview(table)
        if not query["preview"]:
            operations.publish(current_actor(), table)
    view = queries.year(year)
    conditional.tag(view)
    return {
        **_fields(view),
        "preview": query["preview"],
        "changed_days": found.changed_days,
        "moved_deadlines": [asdict(moved) for moved in found.impact.shown],
        "moved_count": found.impact.count,
    }


def _fields(view: YearView) -> dict[str, Any]:
    return {name: getattr(view, name) for name in view.__dataclass_fields__}
