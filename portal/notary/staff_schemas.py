"""What staff send and get about offices, hours and matters."""

from __future__ import annotations

from marshmallow import ValidationError, fields, validate

from portal.accounts.identity import phones
from portal.notary.bringing import BY_AGENT
from portal.notary.models import BookingState, ExceptionKind
from portal.notary.schemas import NotaryMatterSchema, NotaryOtherTimeSchema
from portal.web.schemas import (
    BoundedInteger,
    Choice,
    CleanString,
    Label,
    LocalDateTime,
    Schema,
    StrictBoolean,
)


def _time(**kwargs: object) -> fields.Time:
    return fields.Time(format="%H:%M", metadata={"description": "例如 09:30"}, **kwargs)  # type: ignore[arg-type]


def office_phone(text: str) -> None:
    """Raise ValidationError for what nobody could call; empty while an office has entered none."""
    if text and phones.normalise_phone(text) is None:
        raise ValidationError("请填写带区号的固定电话或者手机号，例如 023-12345678。")


class NotaryOfficeSettings(Schema):
    """How an office gives appointments."""

    address = CleanString(max_length=200)
    phone = CleanString(max_length=40, validate=office_phone)
    grid_from = _time()
    slot_minutes = BoundedInteger(minimum=10, maximum=240)
    lead_workdays = BoundedInteger(maximum=60)
    horizon_workdays = BoundedInteger(minimum=1, maximum=120)
    open_on_holidays = StrictBoolean()
    make_up_weekday = BoundedInteger(
        minimum=0, maximum=6, allow_none=True, metadata={"description": "0 是周一；空表示不办理"}
    )
    closes_on = fields.Date(
        allow_none=True, metadata={"description": "办理的最后一天，空表示不停办"}
    )
    hold_minutes = BoundedInteger(minimum=1, maximum=60)
    offer_minutes = BoundedInteger(minimum=5, maximum=2880)
    move_offer_minutes = BoundedInteger(minimum=5, maximum=20160)
    cool_off_least_minutes = BoundedInteger(maximum=1440)
    cool_off_most_minutes = BoundedInteger(maximum=1440)
    person_limit = BoundedInteger(minimum=1, maximum=100)
    no_show_limit = BoundedInteger(minimum=1, maximum=100)
    no_show_months = BoundedInteger(minimum=1, maximum=60)
    no_show_grace_minutes = BoundedInteger(
        maximum=240, metadata={"description": "预约时间过后多少分钟才能登记未到场"}
    )
    seat_per_party = StrictBoolean()


class NotaryOfficeChangeIn(NotaryOfficeSettings):
    """A change of the settings; what is left out stays."""

    preview = StrictBoolean(load_default=False, metadata={"description": "只看影响，不保存"})


class NotaryStaffOfficeSchema(NotaryOfficeSettings):
    """An office with its settings."""

    id = fields.UUID()
    name = fields.String()
    slots_until = fields.Date(allow_none=True)


class NotaryAffectedSchema(Schema):
    """A booking that has to move. No name: the reference leads to it."""

    id = fields.UUID()
    reference = fields.String()
    state = fields.Enum(BookingState, by_value=True)
    state_label = Label(attribute="state")
    starts_at = LocalDateTime()
    affected_reason = fields.String(allow_none=True)
    other_time = fields.Nested(
        NotaryOtherTimeSchema,
        allow_none=True,
        metadata={"description": "为其留出的新时段；空表示没有留"},
    )
    to_be_rung = fields.Boolean(
        metadata={"description": "要打电话告知：没有留出新时段，当事人也没有要求不打电话"}
    )


class NotaryAppliedSchema(Schema):
    """What a change did to the slots, and who has to move."""

    preview = fields.Boolean()
    id = fields.UUID(
        allow_none=True,
        metadata={"description": "写入的窗口、停办或者加开；预览时和其他修改为空"},
    )
    added = fields.Integer(metadata={"description": "新开的时段数"})
    closed = fields.Integer(metadata={"description": "停办的时段数"})
    affected = fields.List(fields.Nested(NotaryAffectedSchema))
    hints = fields.List(
        fields.String(), metadata={"description": "需要留意的，例如开放了但约不了的时间"}
    )


class NotaryCounterFields(Schema):
    """A counter."""

    name = CleanString(required=True, min_length=1, max_length=60)
    capacity = BoundedInteger(required=True, minimum=1, maximum=50)
    kept_priority = BoundedInteger(load_default=0, maximum=50)
    kept_walk_in = BoundedInteger(load_default=0, maximum=50)
    matter_codes = fields.List(
        CleanString(min_length=1, max_length=10),
        load_default=list,
        validate=validate.Length(max=100, error="最多 100 个事项。"),
        metadata={"description": "空表示所有事项"},
    )
    active_from = fields.Date(required=True)
    active_until = fields.Date(load_default=None, allow_none=True)


class NotaryCounterIn(NotaryCounterFields):
    """A new counter."""

    preview = StrictBoolean(load_default=False)


class NotaryCounterChangeIn(Schema):
    """A change of a counter; what is left out stays."""

    name = CleanString(min_length=1, max_length=60)
    capacity = BoundedInteger(minimum=1, maximum=50)
    kept_priority = BoundedInteger(maximum=50)
    kept_walk_in = BoundedInteger(maximum=50)
    matter_codes = fields.List(
        CleanString(min_length=1, max_length=10),
        validate=validate.Length(max=100, error="最多 100 个事项。"),
    )
    active_from = fields.Date()
    active_until = fields.Date(allow_none=True)
    preview = StrictBoolean(load_default=False)


class NotaryCounterSchema(NotaryCounterFields):
    """A counter as it is."""

    id = fields.UUID()
    version = fields.String(metadata={"description": "修改时放入 If-Match"})


class NotaryOpeningSchema(Schema):
    """Hours of one weekday."""

    weekday = BoundedInteger(
        required=True, maximum=6, metadata={"description": "0 是周一，6 是周日"}
    )
    opens = _time(required=True)
    closes = _time(required=True)


class NotaryHoursIn(Schema):
    """The weekly hours from a day on."""

    counter_id = fields.UUID(
        load_default=None, allow_none=True, metadata={"description": "不填表示整个机构"}
    )
    valid_from = fields.Date(required=True)
    hours = fields.List(
        fields.Nested(NotaryOpeningSchema),
        required=True,
        validate=validate.Length(max=50, error="最多 50 段。"),
    )
    preview = StrictBoolean(load_default=False)


class NotaryHoursRowSchema(NotaryOpeningSchema):
    """Hours as they are."""

    counter_id = fields.UUID(allow_none=True)
    valid_from = fields.Date()
    valid_until = fields.Date(allow_none=True)


class NotaryHoursSchema(Schema):
    """The hours of an office, past ones left out."""

    items = fields.List(fields.Nested(NotaryHoursRowSchema))


class NotaryExceptionIn(Schema):
    """A closure, or extra hours."""

    kind = Choice(ExceptionKind, required=True)
    counter_id = fields.UUID(load_default=None, allow_none=True)
    first_day = fields.Date(required=True)
    last_day = fields.Date(required=True)
    opens = _time(load_default=None, allow_none=True)
    closes = _time(load_default=None, allow_none=True)
    reason = CleanString(
        required=True, min_length=1, max_length=100, metadata={"description": "会告诉当事人"}
    )
    preview = StrictBoolean(load_default=False)


class NotaryExceptionSchema(Schema):
    """A closure or extra hours as entered."""

    id = fields.UUID()
    kind = fields.Enum(ExceptionKind, by_value=True)
    kind_label = Label(attribute="kind")
    counter_id = fields.UUID(allow_none=True)
    first_day = fields.Date()
    last_day = fields.Date()
    opens = fields.Time(format="%H:%M", allow_none=True)
    closes = fields.Time(format="%H:%M", allow_none=True)
    reason = fields.String()
    version = fields.String(metadata={"description": "撤销时放入 If-Match"})


class NotaryPreviewArgs(Schema):
    """Whether a change without a body is only looked at."""

    preview = StrictBoolean(load_default=False, metadata={"description": "只看影响，不保存"})


class NotaryMatterChangeIn(Schema):
    """A change of a matter's texts; what the law sets (in person, agency) is not changed here."""

    name = CleanString(min_length=1, max_length=100)
    description = CleanString(max_length=500, multiline=True)
    minutes = BoundedInteger(minimum=5, maximum=480)
    checklist = fields.List(
        CleanString(min_length=1, max_length=200),
        validate=validate.Length(min=1, max=30, error="清单应当有 1 到 30 项。"),
        metadata={"description": f"以“{BY_AGENT}”开头的，只告诉有代理人的预约"},
    )
    checklist_confirmed = StrictBoolean()
    fee_note = CleanString(max_length=500, multiline=True)
    persons_only = StrictBoolean(
        metadata={"description": "只能由个人办理；由单位申请的事项不能填 true"}
    )
    active = StrictBoolean(metadata={"description": "填 false 表示停办，已有的预约都受影响"})
    preview = StrictBoolean(load_default=False, metadata={"description": "只看影响，不保存"})


class NotaryStaffMatterSchema(NotaryMatterSchema):
    """A matter for staff."""

    active = fields.Boolean()
    version = fields.String(metadata={"description": "修改时放入 If-Match"})


class NotaryMatterChangedSchema(NotaryStaffMatterSchema):
    """A matter after a change, and whose appointments it affects."""

    preview = fields.Boolean()
    affected = fields.List(fields.Nested(NotaryAffectedSchema))
