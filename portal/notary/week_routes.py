"""An office's days over HTTP: figures of a week at one look, and of all offices as they stand."""

from __future__ import annotations

import uuid
from typing import Any

from portal.core import clock
from portal.notary import loading, policies
from portal.notary import week_schemas as schemas
from portal.notary.queries import counts, lists, week
from portal.web.blueprint import Blueprint, roles
from portal.web.pagination import Page, PageArgs, page_schema
from portal.web.request_context import current_actor

blp = Blueprint(
    "staff-notary-week",
    __name__,
    url_prefix="/api/v1/staff/notary",
    description="公证机构的概况和一段日子：每天的预约、号源和停办。",
)
Dumped = dict[str, Any]
ANY = roles(*policies.STAFF_ROLES)


def _figures(found: week.Figures) -> Dumped:
    return {
        "appointments": found.appointments,
        "counts": {state.value: count for state, count in found.counts.items()},
        "affected": found.affected,
        "seats": found.seats,
    }


def _day(found: week.Day) -> Dumped:
    return {
        "day": found.day,
        "closed_reason": found.closed,
        "provisional": found.provisional,
        "walk_ins": found.walk_ins,
        **_figures(found.figures),
        "counters": [
            {
                "counter_id": row.counter.id,
                "counter": row.counter.name,
                "closed_reason": row.closed,
                **_figures(row.figures),
            }
            for row in found.counters
        ],
    }


@blp.get(
    "/offices/<uuid:office_id>/week",
    audience=ANY,
    query=schemas.WeekArgs,
    returns=schemas.WeekSchema,
)
def show(office_id: uuid.UUID, query: Dumped) -> Dumped:
    """一段日子的概况，最多十四天：每天各窗口的预约数和号源，停办的写明原因

    只有数目，不显示当事人；当天有哪些预约，看当日预约表。
    """
    office = loading.office_of(office_id)
    days = week.of(office, query["first"] or clock.today(), query["days"])
    return {"office": office.name, "days": [_day(each) for each in days]}


@blp.get("/overview", audience=ANY, query=PageArgs, returns=page_schema(schemas.OfficeTodaySchema))
def overview(query: Dumped) -> Any:
    """我能管理或查看的公证机构此刻的概况：今天的预约、等候，和各项待办的数目

    只有数目，不显示当事人；都是工作台里的同一批数目，分机构列出。
    """
    loading.own_offices()
    page = lists.offices(current_actor(), query["cursor"], query["size"])
    figures = counts.today(office.id for office in page.items)
    rows = [
        {"office_id": office.id, "office": office.name, **vars(figures[office.id])}
        for office in page.items
    ]
    return Page(rows, page.next, page.size)
