"""What the calendar's routes take and give."""

from __future__ import annotations

from datetime import date
from typing import Any

import marshmallow as ma

from portal.web.pagination import page_schema
from portal.web.schemas import (
    Choice,
    CleanString,
    Label,
    LocalDateTime,
    Schema,
    StrictBoolean,
)
from portal.working_days import notice
from portal.working_days.calendar import DayKind, YearState
from portal.working_days.queries import LAST_YEAR

MOST_DAYS = 366
MOST_SPECIAL = 120


class RangeQuery(Schema):
    """The days asked for."""

    first = ma.fields.Date(
        data_key="from", required=True, metadata={"description": "起始日期（含）"}
    )
    last = ma.fields.Date(data_key="to", required=True, metadata={"description": "截止日期（含）"})

    @ma.validates_schema
    def _bounded(self, data: dict[str, Any], **_: Any) -> None:
        first, last = data["first"], data["last"]
        for name, day in (("from", first), ("to", last)):
            if not notice.FIRST_YEAR <= day.year <= LAST_YEAR:
                raise ma.ValidationError(
                    f"只能查询 {notice.FIRST_YEAR} 年到 {LAST_YEAR} 年。", name
                )
        if last < first:
            raise ma.ValidationError("截止日期不能早于起始日期。", "to")
        if (last - first).days >= MOST_DAYS:
            raise ma.ValidationError(f"一次最多查询 {MOST_DAYS} 天。", "to")


class DaySchema(Schema):
    """One day."""

    date = ma.fields.Date()
    is_workday = ma.fields.Boolean()
    kind = Choice(DayKind)
    kind_label = Label(attribute="kind", dump_only=True)
    name = ma.fields.String(metadata={"description": "节日名称，没有为空"})
    provisional = ma.fields.Boolean(
        metadata={"description": "该年放假安排尚未公布，按周末和固定节日暂定"}
    )


class RangeSchema(Schema):
    """The days of a range."""

    workdays = ma.fields.Integer(metadata={"description": "其中的工作日数"})
    provisional = ma.fields.Boolean(metadata={"description": "其中有暂定的日子"})
    items = ma.fields.List(ma.fields.Nested(DaySchema))


class YearSummarySchema(Schema):
    """A year in the list."""

    year = ma.fields.Integer()
    state = Choice(YearState)
    state_label = Label(attribute="state", dump_only=True)
    source = ma.fields.String(allow_none=True)
    published_at = LocalDateTime(allow_none=True)
    published_by = ma.fields.String(
        allow_none=True, metadata={"description": "发布人；随系统装入的为空"}
    )
    workdays = ma.fields.Integer()
    rest_days = ma.fields.Integer()


class YearSchema(YearSummarySchema):
    """A year with the days that differ from the plain week."""

    days = ma.fields.List(ma.fields.Nested(DaySchema), attribute="special")


class SpecialDayIn(Schema):
    """A day that differs from the plain week."""

    date = ma.fields.Date(required=True)
    kind = Choice(DayKind, required=True)
    name = CleanString(load_default="", max_length=40)


class YearIn(Schema):
    """The table of a year as its notice gives it."""

    source = CleanString(
        required=True,
        min_length=4,
        max_length=200,
        metadata={"description": "依据，例如国务院办公厅通知的名称和日期"},
    )
    state = Choice(
        YearState,
        load_default=YearState.PUBLISHED,
        metadata={"description": "通知公布前可先录入为暂定"},
    )
    days = ma.fields.List(
        ma.fields.Nested(SpecialDayIn),
        required=True,
        validate=ma.validate.Length(max=MOST_SPECIAL, error=f"最多 {MOST_SPECIAL} 天。"),
    )

    # On the whole, not on the field: a field's validator also sees entries that failed themselves.
    @ma.validates_schema
    def _once(self, data: dict[str, Any], **_: Any) -> None:
        seen: set[date] = set()
        for entry in data["days"]:
            if entry["date"] in seen:
                raise ma.ValidationError(f"{entry['date']} 出现了两次。", "days")
            seen.add(entry["date"])


class PreviewQuery(Schema):
    """Whether to try only."""

    preview = StrictBoolean(
        load_default=False,
        metadata={"description": "true 时只试算，不保存，返回会改变的日子和期限"},
    )


class MovedDateSchema(Schema):
    """A running deadline that would end on another day."""

    name = ma.fields.String()
    reference = ma.fields.String(allow_none=True)
    subject_kind = ma.fields.String()
    subject_id = ma.fields.UUID()
    due_before = ma.fields.Date()
    due_after = ma.fields.Date()


class YearResultSchema(YearSchema):
    """The year after publishing, or as it stands with what a preview found."""

    preview = ma.fields.Boolean(metadata={"description": "true：只是试算，没有保存"})
    changed_days = ma.fields.List(
        ma.fields.Date(), metadata={"description": "工作日与休息日互换的日子"}
    )
    moved_deadlines = ma.fields.List(
        ma.fields.Nested(MovedDateSchema),
        metadata={"description": "届满日会改变的期限，最多 100 项"},
    )
    moved_count = ma.fields.Integer(metadata={"description": "届满日会改变的期限总数"})


YearPage = page_schema(YearSummarySchema)
