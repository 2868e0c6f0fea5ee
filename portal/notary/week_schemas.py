"""What goes in and out where staff look at an office over some days, and at the numbers of one."""

from __future__ import annotations

from marshmallow import fields

from portal.notary.models import Quota
from portal.notary.queries.week import MOST_DAYS
from portal.web.schemas import BoundedInteger, Label, Schema


class WeekArgs(Schema):
    """From which day, and how many."""

    first = fields.Date(
        data_key="from", load_default=None, metadata={"description": "不填为今天；可以是过去的日子"}
    )
    days = BoundedInteger(
        load_default=7, minimum=1, maximum=MOST_DAYS, metadata={"description": "看几天"}
    )


class SeatsSchema(Schema):
    """Seats of one quota."""

    quota = fields.Enum(Quota, by_value=True)
    quota_label = Label(attribute="quota")
    total = fields.Integer(metadata={"description": "号源数：一个时段一个座位算一个"})
    taken = fields.Integer(metadata={"description": "已占用的，含保留中的、排队待确认的和冷却中的"})
    free = fields.Integer(metadata={"description": "还空着的，已经开始的时段不算"})


class FiguresSchema(Schema):
    """Appointments and seats as figures."""

    appointments = fields.Integer(metadata={"description": "预约数，已取消的不算"})
    counts = fields.Dict(
        keys=fields.String(),
        values=fields.Integer(),
        metadata={"description": "预约按状态的数目"},
    )
    affected = fields.Integer(metadata={"description": "其中原时段不能办理、还没有改期的"})
    seats = fields.List(fields.Nested(SeatsSchema))


class CounterDaySchema(FiguresSchema):
    """One counter on one day."""

    counter_id = fields.UUID()
    counter = fields.String()
    closed_reason = fields.String(
        allow_none=True, metadata={"description": "窗口当天为什么不办理；办理的为空"}
    )


class WeekDaySchema(FiguresSchema):
    """One day of the office."""

    day = fields.Date()
    closed_reason = fields.String(
        allow_none=True, metadata={"description": "当天为什么不办理；有窗口办理的为空"}
    )
    provisional = fields.Boolean(metadata={"description": "该年的放假安排尚未公布，可能调整"})
    walk_ins = fields.Integer(metadata={"description": "没有预约、现场取号的人数"})
    counters = fields.List(fields.Nested(CounterDaySchema))


class WeekSchema(Schema):
    """An office over some days."""

    office = fields.String()
    days = fields.List(fields.Nested(WeekDaySchema))


class OfficeTodaySchema(Schema):
    """What goes on and what waits at an office, as figures."""

    office_id = fields.UUID()
    office = fields.String()
    appointments = fields.Integer(metadata={"description": "今天的预约数，已取消的不算"})
    in_queue = fields.Integer(metadata={"description": "已取号、等候叫号的"})
    not_checked_in = fields.Integer(metadata={"description": "到时间没有签到的"})
    no_result = fields.Integer(metadata={"description": "到场后没有登记结果的，今天的不算"})
    without_time = fields.Integer(metadata={"description": "原时段不能办理，没有留出新时段的"})
    untold = fields.Integer(metadata={"description": "没有消息能告知当事人，须另行告知的"})
    near_end = fields.Integer(metadata={"description": "期限将满或者已过的公证事项"})
    overdue = fields.Integer(metadata={"description": "其中期限已过的"})
    without_handler = fields.Integer(metadata={"description": "承办人已不在本机构、须变更的"})
    appeals = fields.Integer(metadata={"description": "没有处理的未到场申诉"})
    to_hand_over = fields.Integer(metadata={"description": "已出证待领取的"})
