"""What goes in and out at the desk: check-in, numbers, missed appointments, the sheet of the day."""

from __future__ import annotations

from marshmallow import fields

from portal.accounts.models import ContactSafety, DocumentType
from portal.notary.models import (
    AppealState,
    BookingState,
    ConnectionBasis,
    LateReason,
    PartyKind,
    Priority,
    RefusalGround,
    TicketState,
)
from portal.notary.schemas import (
    NotaryOtherTimeSchema,
    NotaryRepresentativeSchema,
    NotaryStepSchema,
)
from portal.web.schemas import (
    AllowedAction,
    BoundedInteger,
    Choice,
    CleanString,
    Label,
    LocalDateTime,
    Schema,
    StrictBoolean,
)


class CheckInIn(Schema):
    """A reference or a check-in code, as it is typed or scanned."""

    code = CleanString(
        required=True,
        min_length=6,
        max_length=40,
        metadata={"description": "预约编号，或者签到码；大小写、空格和短横不限"},
    )


class CancellationIn(Schema):
    """Why the office cancels."""

    reason = CleanString(
        required=True,
        min_length=2,
        max_length=200,
        metadata={"description": "取消的原因，会告诉当事人"},
    )


class AttendanceIn(Schema):
    """That somebody had come, written down after the day."""

    reason = Choice(LateReason, required=True, metadata={"description": "为什么当天没有登记"})
    without_case = StrictBoolean(
        required=True,
        metadata={
            "description": "true：不需要登记受理或者不予受理，到场随即结束；false：接着登记结果，"
            "下一个工作日结束前没有登记的，也按到场后离开结束"
        },
    )


class DrawIn(Schema):
    """Somebody who came without an appointment."""

    matter_id = fields.UUID(
        load_default=None, allow_none=True, metadata={"description": "还不清楚办什么的可以不填"}
    )
    priority = StrictBoolean(
        load_default=False, metadata={"description": "老年人、残疾人等优先，由工作人员核对"}
    )
    party_count = BoundedInteger(load_default=1, minimum=1, maximum=20)


class CounterChoiceIn(Schema):
    """The counter to which somebody is called."""

    counter_id = fields.UUID(required=True)


class DayArgs(Schema):
    """Which day."""

    day = fields.Date(load_default=None, metadata={"description": "不填为今天"})


class NoShowsIn(Schema):
    """A whole day's missed appointments."""

    day = fields.Date(load_default=None, metadata={"description": "不填为今天"})
    preview = StrictBoolean(
        required=True, metadata={"description": "先用 true 预览，确认后再用 false 执行。"}
    )


class NoShowAppealIn(Schema):
    """Why somebody disputes that they did not come."""

    text = CleanString(required=True, min_length=5, max_length=1000, multiline=True, words=True)


class NoShowDecisionIn(Schema):
    """The office's decision on an appeal."""

    granted = StrictBoolean(required=True)
    note = CleanString(
        required=True,
        min_length=2,
        max_length=1000,
        multiline=True,
        words=True,
        metadata={"description": "理由，会告诉当事人"},
    )


class NotAcceptedIn(Schema):
    """Why nothing is accepted."""

    ground = Choice(
        RefusalGround,
        load_default=None,
        allow_none=True,
        metadata={"description": "属于公证法第三十一条的，选择理由"},
    )
    note = CleanString(
        required=True,
        min_length=5,
        max_length=2000,
        multiline=True,
        metadata={"description": "书面理由，会告诉当事人"},
    )


class TicketSchema(Schema):
    """A number of the day. No person is named by it."""

    id = fields.UUID()
    number = fields.Integer()
    day = fields.Date()
    state = fields.Enum(TicketState, by_value=True)
    state_label = Label(attribute="state")
    booked = fields.Boolean(metadata={"description": "是否有预约"})
    booking_id = fields.UUID(allow_none=True)
    priority = fields.Boolean()
    party_count = fields.Integer()
    matter = fields.String(allow_none=True)
    counter = fields.String(allow_none=True)
    issued_at = LocalDateTime()
    called_at = LocalDateTime(allow_none=True)
    calls = fields.Integer()
    started_at = LocalDateTime(allow_none=True)
    ended_at = LocalDateTime(allow_none=True)
    wait_text = fields.String(
        allow_none=True, metadata={"description": "估计等候时间，等候中的号才有"}
    )
    wait_low_minutes = fields.Integer(allow_none=True)
    wait_high_minutes = fields.Integer(allow_none=True)
    not_accepted_ground = fields.Enum(RefusalGround, by_value=True, allow_none=True)
    not_accepted_note = fields.String(allow_none=True, metadata={"description": "列表里不显示"})
    allowed_actions = fields.List(fields.Nested(AllowedAction))
    version = fields.String(metadata={"description": "办理时放入 If-Match"})


class TicketRow(TicketSchema):
    """A number in a list of the day's, with what it led to."""

    case_reference = fields.String(allow_none=True)


class QueueSchema(Schema):
    """The desk as staff see it."""

    waiting = fields.List(fields.Nested(TicketSchema))
    at_desk = fields.List(fields.Nested(TicketSchema))
    passed = fields.List(fields.Nested(TicketSchema), metadata={"description": "过号，可以再叫"})
    expected = fields.Integer(metadata={"description": "今天还没有签到的预约"})
    new_wait_text = fields.String(metadata={"description": "现在取号大约等多久"})


class CalledSchema(Schema):
    """A number that is called or served at this moment."""

    number = fields.Integer()
    counter = fields.String(allow_none=True)


class PublicQueueSchema(Schema):
    """The desk as the screen in the hall shows it."""

    called = fields.List(fields.Nested(CalledSchema))
    waiting = fields.Integer()
    wait_text = fields.String()


class MyTicketSchema(Schema):
    """The number of one's own appointment."""

    number = fields.Integer()
    state = fields.Enum(TicketState, by_value=True)
    state_label = Label(attribute="state")
    counter = fields.String(allow_none=True)
    ahead = fields.Integer(allow_none=True, metadata={"description": "排在前面的人数"})
    wait_text = fields.String(allow_none=True)


class MaskedPartySchema(Schema):
    """A party as a list shows it."""

    kind = fields.Enum(PartyKind, by_value=True)
    name = fields.String(metadata={"description": "已隐去，仅留首字"})
    document_type = fields.Enum(DocumentType, by_value=True, allow_none=True)
    document_type_label = Label(attribute="document_type")
    document_number = fields.String(metadata={"description": "已隐去"})
    by_agent = fields.Boolean()
    guardian = fields.Nested(
        NotaryRepresentativeSchema, allow_none=True, metadata={"description": "由其代理的监护人"}
    )


class NoShowSchema(Schema):
    """A missed appointment."""

    expires_on = fields.Date(metadata={"description": "计入次数到这一天"})
    counts = fields.Boolean()
    appeal = fields.Enum(AppealState, by_value=True)
    appeal_label = Label(attribute="appeal")
    appeal_text = fields.String(allow_none=True)
    appealed_at = LocalDateTime(allow_none=True)
    decision_note = fields.String(allow_none=True)
    decided_at = LocalDateTime(allow_none=True)


class DaySheetRow(Schema):
    """An appointment on the sheet."""

    id = fields.UUID()
    reference = fields.String()
    state = fields.Enum(BookingState, by_value=True)
    state_label = Label(attribute="state")
    starts_at = LocalDateTime()
    ends_at = LocalDateTime()
    counter = fields.String(allow_none=True)
    matter = fields.String()
    party_count = fields.Integer()
    parties = fields.List(fields.Nested(MaskedPartySchema))
    agent = fields.Nested(NotaryRepresentativeSchema, allow_none=True)
    contact_phone = fields.String(
        allow_none=True,
        metadata={"description": "已隐去；没有填写的为账号的手机号，不得拨打的为空"},
    )
    contact_safety = fields.Enum(ContactSafety, by_value=True)
    contact_safety_label = Label(attribute="contact_safety")
    affected = fields.Boolean(metadata={"description": "时段已停办，当事人还没有改期"})
    notes = fields.List(fields.String(), metadata={"description": "签到时请核对"})
    ticket_number = fields.Integer(allow_none=True)
    case_reference = fields.String(allow_none=True)
    version = fields.String(metadata={"description": "办理时放入 If-Match"})


class DaySheetSchema(Schema):
    """The office's day."""

    office = fields.String()
    day = fields.Date()
    appointments = fields.List(fields.Nested(DaySheetRow))
    walk_ins = fields.List(fields.Nested(TicketRow))
    counts = fields.Dict(keys=fields.String(), values=fields.Integer())


class StaffAppointmentSchema(Schema):
    """An appointment for the office's staff: names in full, numbers masked."""

    id = fields.UUID()
    reference = fields.String()
    state = fields.Enum(BookingState, by_value=True)
    state_label = Label(attribute="state")
    office_id = fields.UUID()
    matter = fields.String()
    day = fields.Date()
    starts_at = LocalDateTime()
    ends_at = LocalDateTime()
    party_count = fields.Integer()
    parties = fields.List(fields.Nested(MaskedPartySchema))
    connection_basis = fields.Enum(ConnectionBasis, by_value=True, allow_none=True)
    priority = fields.Enum(Priority, by_value=True, allow_none=True)
    agent = fields.Nested(NotaryRepresentativeSchema, allow_none=True)
    contact_phone = fields.String(
        allow_none=True,
        metadata={"description": "已隐去；没有填写的为账号的手机号，不得拨打的为空"},
    )
    contact_safety = fields.Enum(ContactSafety, by_value=True)
    contact_safety_label = Label(attribute="contact_safety")
    affected_reason = fields.String(allow_none=True)
    cancellation_reason = fields.String(allow_none=True)
    untold_since = LocalDateTime(
        allow_none=True, metadata={"description": "从什么时候起需要另行告知；空表示不需要"}
    )
    with_account = fields.Boolean(
        metadata={"description": "false：由公证机构代没有账号的人预约的，改期、取消都找公证机构"}
    )
    other_time = fields.Nested(
        NotaryOtherTimeSchema, allow_none=True, metadata={"description": "为其留出的新时段"}
    )
    papers = fields.List(
        fields.String(), metadata={"description": "这个预约要带的材料；不再需要到场的为空"}
    )
    hints = fields.List(fields.String())
    ticket = fields.Nested(TicketSchema, allow_none=True)
    no_show = fields.Nested(NoShowSchema, allow_none=True)
    case_id = fields.UUID(allow_none=True)
    timeline = fields.List(fields.Nested(NotaryStepSchema))
    allowed_actions = fields.List(fields.Nested(AllowedAction))


class StaffAppointmentSummary(Schema):
    """An appointment that waits for a step of the office: its result, or the decision of an appeal."""

    id = fields.UUID()
    reference = fields.String()
    starts_at = LocalDateTime()
    matter = fields.String()
    version = fields.String(metadata={"description": "处理时放入 If-Match"})


class NoShowsSchema(Schema):
    """What was, or would be, marked."""

    preview = fields.Boolean()
    references = fields.List(fields.String())


class NotAcceptedSchema(Schema):
    """Why nothing was accepted."""

    ground = fields.Enum(RefusalGround, by_value=True, allow_none=True)
    ground_label = Label(attribute="ground")
    note = fields.String()


class VisitSchema(Schema):
    """What became of one's own appointment on its day."""

    reference = fields.String()
    state = fields.Enum(BookingState, by_value=True)
    state_label = Label(attribute="state")
    ticket = fields.Nested(MyTicketSchema, allow_none=True)
    no_show = fields.Nested(NoShowSchema, allow_none=True)
    not_accepted = fields.Nested(NotAcceptedSchema, allow_none=True)
    next_step = fields.String()
    allowed_actions = fields.List(fields.Nested(AllowedAction))
