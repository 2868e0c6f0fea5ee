"""An office's days over HTTP: figures of a week at one look."""

from __future__ import annotations

import uuid
from typing import Any

from portal.core import clock
from portal.notary import loading, policies
from portal.notary import week_schemas as schemas
from portal.notary.queries import week
from portal.web.blueprint import Blueprint, roles

blp = Blueprint(
    "staff-notary-week",
    __name__,
    url_prefix="/api/v1/staff/notary",
    description="公证机构的一段日子：每天的预约、号源和停办。",
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
