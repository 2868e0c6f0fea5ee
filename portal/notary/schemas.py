"""What residents and the public send and get."""

from __future__ import annotations

from typing import Any

import marshmallow as ma
from marshmallow import fields, validate

from portal.accounts.models import ContactSafety, DocumentType
from portal.notary.models import (
    BookingState,
    ConnectionBasis,
    PartyKind,
    Priority,
    WaitingState,
)
from portal.notary.queries.availability import LONGEST_SPAN, NothingFree
from portal.supervision.schemas import DeadlineSchema
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

MOST_PARTIES = 20


class NotaryOfficeSchema(Schema):
    """An office."""

    id = fields.UUID()
    name = fields.String()
    address = fields.String()
    phone = fields.String()
    closes_on = fields.Date(allow_none=True)
    hold_minutes = fields.Integer()
    lead_workdays = fields.Integer()
    horizon_workdays = fields.Integer()


class NotaryOfficesSchema(Schema):
    """All offices."""

    items = fields.List(fields.Nested(NotaryOfficeSchema))


class NotaryMatterSchema(Schema):
    """A matter, with who has to come and what to bring."""

    id = fields.UUID()
    code = fields.String()
    name = fields.String()
    description = fields.String()
    minutes = fields.Integer()
    in_person = fields.Boolean(metadata={"description": "须由当事人本人到场（公证法第二十六条）"})
    agency_allowed = fields.Boolean()
    general_place_for_immovables = fields.Boolean()
    for_organisations = fields.Boolean(metadata={"description": "由单位申请"})
    persons_only = fields.Boolean(metadata={"description": "只能由个人办理"})
    checklist = fields.List(fields.String())
    checklist_confirmed = fields.Boolean(
        metadata={"description": "清单是否已由公证机构确认；未确认的供参考"}
    )
    fee_note = fields.String()


class NotaryMattersSchema(Schema):
    """All matters that can be booked."""

    items = fields.List(fields.Nested(NotaryMatterSchema))


class NotaryAvailabilityArgs(Schema):
    """A matter, for how many, and when."""

    matter_id = fields.UUID(required=True)
    first = fields.Date(data_key="from", required=True)
    last = fields.Date(data_key="to", required=True)
    parties = BoundedInteger(load_default=1, minimum=1, maximum=MOST_PARTIES)
    priority = Choice(Priority, load_default=None)
    office_id = fields.UUID(
        load_default=None, metadata={"description": "只查一个机构时，答复里有每天的具体时间"}
    )

    @ma.validates_schema
    def _check(self, data: dict[str, Any], **_kwargs: object) -> None:
        first, last = data.get("first"), data.get("last")
        if first is None or last is None:
            return
        days = (last - first).days
        if days < 0:
            raise ma.ValidationError("截止日期应当不早于开始日期。", "to")
        if days >= LONGEST_SPAN:
            raise ma.ValidationError(f"从开始到截止最多 {LONGEST_SPAN} 天。", "to")


class NotaryDayAvailabilitySchema(Schema):
    """One day."""

    date = fields.Date()
    free = fields.Integer(metadata={"description": "可以开始的时间有几个"})
    times = fields.List(LocalDateTime())
    reason = fields.Enum(NothingFree, by_value=True, allow_none=True)
    reason_text = fields.String()
    provisional = fields.Boolean(metadata={"description": "该年的放假安排尚未公布，可能调整"})


class NotaryOfficeAvailabilitySchema(Schema):
    """One office."""

    office_id = fields.UUID()
    office_name = fields.String()
    days = fields.List(fields.Nested(NotaryDayAvailabilitySchema))
    next_free_day = fields.Date(allow_none=True)


class NotaryAvailabilitySchema(Schema):
    """What can be booked, by office and day."""

    items = fields.List(fields.Nested(NotaryOfficeAvailabilitySchema))


class NotaryHoldIn(Schema):
    """A time to be kept for some minutes."""

    office_id = fields.UUID(required=True)
    matter_id = fields.UUID(required=True)
    starts_at = LocalDateTime(required=True)
    party_count = BoundedInteger(load_default=1, minimum=1, maximum=MOST_PARTIES)
    priority = Choice(Priority, load_default=None, allow_none=True)


class NotaryHoldSchema(Schema):
    """A time that is kept."""

    id = fields.UUID()
    state = fields.Enum(BookingState, by_value=True)
    state_label = Label(attribute="state")
    office = fields.Nested(NotaryOfficeSchema)
    matter = fields.Nested(NotaryMatterSchema)
    starts_at = LocalDateTime()
    ends_at = LocalDateTime()
    party_count = fields.Integer()
    priority = fields.Enum(Priority, by_value=True, allow_none=True)
    kept_until = LocalDateTime(allow_none=True)
    replaces_id = fields.UUID(
        allow_none=True, metadata={"description": "因原时段不能办理而留出时，原来的预约"}
    )
    next_step = fields.String()
    allowed_actions = fields.List(fields.Nested(AllowedAction))


class NotaryHoldsSchema(Schema):
    """What is being kept for the caller."""

    items = fields.List(fields.Nested(NotaryHoldSchema))


class NotaryRepresentativeIn(Schema):
    """Somebody who acts for another: name, document, telephone."""

    name = CleanString(required=True, min_length=1, max_length=50)
    phone = CleanString(required=True, min_length=1, max_length=30)
    document_type = Choice(DocumentType, required=True)
    document_number = CleanString(required=True, min_length=1, max_length=40)


class NotaryGuardianIn(NotaryRepresentativeIn):
    """A guardian."""

    relation = CleanString(required=True, min_length=1, max_length=20, words=True)


class NotaryPartyIn(Schema):
    """Somebody for whom the matter is done."""

    kind = Choice(PartyKind, load_default=PartyKind.PERSON)
    name = CleanString(required=True, min_length=1, max_length=100, words=True)
    document_type = Choice(
        DocumentType,
        load_default=None,
        allow_none=True,
        metadata={"description": "单位不填；户口簿、出生医学证明只用于办理当天未满十六周岁的人"},
    )
    document_number = CleanString(
        required=True,
        min_length=1,
        max_length=40,
        metadata={
            "description": "证件号码；户口簿填本人那一页的公民身份号码；单位填统一社会信用代码"
        },
    )
    birth_date = fields.Date(
        load_default=None,
        allow_none=True,
        metadata={"description": "证件号码不含出生日期的必填；单位不填"},
    )
    one_character_confirmed = StrictBoolean(load_default=False)
    lacks_capacity = StrictBoolean(
        load_default=False,
        metadata={"description": "无民事行为能力或者限制民事行为能力；只用于个人，单位不填"},
    )
    by_agent = StrictBoolean(load_default=False)
    guardian = fields.Nested(
        NotaryGuardianIn,
        load_default=None,
        allow_none=True,
        metadata={"description": "未成年人和 lacks_capacity 的必填，其他人不填"},
    )


class NotaryConfirmationIn(Schema):
    """What an appointment is confirmed with (rules 2.9)."""

    connection_basis = Choice(ConnectionBasis, required=True)
    parties = fields.List(
        fields.Nested(NotaryPartyIn),
        required=True,
        validate=validate.Length(min=1, max=MOST_PARTIES, error="当事人应当有 1 到 20 位。"),
    )
    checklist_read = StrictBoolean(required=True)
    immovable = StrictBoolean(load_default=False)
    foreign_use = StrictBoolean(load_default=False)
    foreign_country = CleanString(
        load_default=None,
        allow_none=True,
        max_length=60,
        words=True,
        metadata={"description": "foreign_use 的必填，否则不填"},
    )
    dispute = StrictBoolean(load_default=False)
    dispute_understood = StrictBoolean(load_default=False)
    in_person_understood = StrictBoolean(load_default=False)
    fee_relief = StrictBoolean(load_default=False)
    agent = fields.Nested(NotaryRepresentativeIn, load_default=None, allow_none=True)
    contact_phone = CleanString(load_default=None, allow_none=True, max_length=30)
    contact_safety = Choice(ContactSafety, load_default=ContactSafety.NORMAL)


class NotaryAppointmentIn(NotaryConfirmationIn):
    """The confirmation of a hold."""

    hold_id = fields.UUID(required=True)


NOTHING_CORRECTED = "请填写要更正的内容。"


class NotaryPartyCorrectionIn(Schema):
    """What is put right about a party; what is left out stays."""

    name = CleanString(min_length=1, max_length=100, words=True)
    document_type = Choice(DocumentType)
    document_number = CleanString(min_length=1, max_length=40)
    birth_date = fields.Date(
        metadata={"description": "证件号码不含出生日期的，更正证件号码时一并填写"}
    )
    one_character_confirmed = StrictBoolean()
    guardian = fields.Nested(NotaryGuardianIn)


class NotaryNumberedCorrectionIn(NotaryPartyCorrectionIn):
    """The same, with which party."""

    position = BoundedInteger(
        required=True,
        maximum=MOST_PARTIES - 1,
        metadata={"description": "第几位当事人，从 0 起，次序与预约里的 parties 相同"},
    )


class NotaryCorrectionIn(Schema):
    """What is put right about a confirmed appointment; what is left out stays."""

    parties = fields.List(
        fields.Nested(NotaryNumberedCorrectionIn),
        validate=validate.Length(min=1, max=MOST_PARTIES, error="当事人应当有 1 到 20 位。"),
    )
    agent = fields.Nested(NotaryRepresentativeIn)
    foreign_country = CleanString(min_length=1, max_length=60, words=True)
    contact_phone = CleanString(
        allow_none=True, max_length=30, metadata={"description": "填 null 表示不再留电话"}
    )

    @ma.validates_schema
    def _check(self, data: dict[str, Any], **_kwargs: object) -> None:
        if not data:
            raise ma.ValidationError(NOTHING_CORRECTED)
        places = [each["position"] for each in data.get("parties", []) if "position" in each]
        if len(set(places)) != len(places):
            raise ma.ValidationError("同一位当事人的更正请写在一起。", "parties")


class NotaryRescheduleIn(Schema):
    """Another time at the same office."""

    starts_at = LocalDateTime(required=True)


class NotaryLinkCancellationIn(Schema):
    """What the link of a confirmation carries."""

    appointment_id = fields.UUID(required=True)
    token = CleanString(required=True, min_length=64, max_length=64)


class NotaryLinkCancelledSchema(Schema):
    """That it is cancelled; nothing else is told without signing in."""

    state = fields.Enum(BookingState, by_value=True)
    state_label = Label(attribute="state")
    next_step = fields.String()


class NotaryOtherTimeSchema(Schema):
    """Another time, kept because the first cannot be."""

    id = fields.UUID()
    starts_at = LocalDateTime()
    ends_at = LocalDateTime()
    kept_until = LocalDateTime()


class NotaryRepresentativeSchema(Schema):
    """Somebody who acts for another, with masked numbers."""

    name = fields.String()
    document_type = fields.Enum(DocumentType, by_value=True)
    document_type_label = Label(attribute="document_type")
    document_number = fields.String(metadata={"description": "已隐去"})
    phone = fields.String(metadata={"description": "已隐去"})
    relation = fields.String(allow_none=True)


class NotaryPartySchema(Schema):
    """A party, with a masked number."""

    kind = fields.Enum(PartyKind, by_value=True)
    name = fields.String()
    document_type = fields.Enum(DocumentType, by_value=True, allow_none=True)
    document_number = fields.String()
    by_agent = fields.Boolean()
    lacks_capacity = fields.Boolean()
    guardian = fields.Nested(NotaryRepresentativeSchema, allow_none=True)


class NotaryStepSchema(Schema):
    """One step of the way."""

    action = fields.String()
    label = fields.String()
    by = fields.String(attribute="actor_kind")
    at = LocalDateTime()


class NotaryAppointmentStepSchema(NotaryStepSchema):
    """One step of an appointment's way, with the time it stood at."""

    starts_at = LocalDateTime(allow_none=True)


class NotaryAppointmentSummary(Schema):
    """An appointment in a list."""

    id = fields.UUID()
    reference = fields.String()
    state = fields.Enum(BookingState, by_value=True)
    state_label = Label(attribute="state")
    office = fields.Nested(NotaryOfficeSchema)
    matter = fields.Nested(NotaryMatterSchema)
    starts_at = LocalDateTime()
    ends_at = LocalDateTime()
    affected = fields.Boolean(metadata={"description": "原时段不能办理，需要改期"})
    next_step = fields.String()
    allowed_actions = fields.List(fields.Nested(AllowedAction))


class NotaryAppointmentSchema(NotaryAppointmentSummary):
    """An appointment."""

    party_count = fields.Integer()
    priority = fields.Enum(Priority, by_value=True, allow_none=True)
    connection_basis = fields.Enum(ConnectionBasis, by_value=True, allow_none=True)
    immovable = fields.Boolean()
    foreign_use = fields.Boolean()
    foreign_country = fields.String(allow_none=True)
    dispute = fields.Boolean()
    fee_relief = fields.Boolean()
    contact_safety = fields.Enum(ContactSafety, by_value=True)
    contact_phone = fields.String(allow_none=True)
    confirmed_at = LocalDateTime(allow_none=True)
    check_in_code = fields.String(allow_none=True, metadata={"description": "到场签到时出示"})
    cancellation_token = fields.String(
        allow_none=True, metadata={"description": "放进取消链接，不登录也能取消"}
    )
    affected_reason = fields.String(allow_none=True)
    cancellation_reason = fields.String(
        allow_none=True, metadata={"description": "由公证机构取消的，写明原因；自己取消的为空"}
    )
    other_time = fields.Nested(NotaryOtherTimeSchema, allow_none=True)
    times_that_day = fields.List(
        LocalDateTime(),
        metadata={
            "description": "原时段不能办理的，原定当天还空着的时间，可以改期到那时，不受提前预约天数的限制"
        },
    )
    parties = fields.List(fields.Nested(NotaryPartySchema))
    agent = fields.Nested(NotaryRepresentativeSchema, allow_none=True)
    papers = fields.List(
        fields.String(), metadata={"description": "这个预约要带的材料；不再需要到场的为空"}
    )
    hints = fields.List(fields.String(), metadata={"description": "需要知道的；不再需要到场的为空"})
    deadlines = fields.List(fields.Nested(DeadlineSchema))
    timeline = fields.List(fields.Nested(NotaryAppointmentStepSchema))


class NotaryWaitingIn(Schema):
    """For what somebody waits."""

    matter_id = fields.UUID(required=True)
    office_id = fields.UUID(
        load_default=None, allow_none=True, metadata={"description": "不填表示任何机构"}
    )
    from_day = fields.Date(required=True)
    until_day = fields.Date(required=True)
    party_count = BoundedInteger(load_default=1, minimum=1, maximum=MOST_PARTIES)
    priority = Choice(Priority, load_default=None, allow_none=True)


class NotaryWaitingSchema(Schema):
    """A place in the list."""

    id = fields.UUID()
    state = fields.Enum(WaitingState, by_value=True)
    state_label = Label(attribute="state")
    office_id = fields.UUID(allow_none=True)
    matter = fields.Nested(NotaryMatterSchema)
    party_count = fields.Integer()
    priority = fields.Enum(Priority, by_value=True, allow_none=True)
    from_day = fields.Date()
    until_day = fields.Date()
    ahead = fields.Integer(metadata={"description": "在您前面、日期和机构有重合的人数"})
    created_at = LocalDateTime()
    allowed_actions = fields.List(fields.Nested(AllowedAction))


class NotaryFeedSchema(Schema):
    """Where the calendar is; shown once."""

    url = fields.String()
