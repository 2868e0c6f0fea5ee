"""What goes in and out about cases: acceptance, pauses, ends, reviews, the register."""

from __future__ import annotations

from typing import Any

import marshmallow as ma
from marshmallow import fields, validate

from portal.accounts.models import ContactSafety
from portal.notary.desk_schemas import ReasonIn
from portal.notary.models import (
    CaseState,
    HandlerChange,
    PauseGround,
    RefusalGround,
    ReviewBy,
    ReviewOutcome,
    TerminationGround,
)
from portal.notary.operations.cases import ISSUED_FORM
from portal.notary.schemas import (
    NotaryPartyIn,
    NotaryRepresentativeIn,
    NotaryRepresentativeSchema,
    NotaryStepSchema,
)
from portal.supervision.schemas import DeadlineSchema
from portal.web.pagination import PageArgs
from portal.web.schemas import (
    AllowedAction,
    Choice,
    CleanString,
    Label,
    LocalDateTime,
    Schema,
    StrictBoolean,
)

REASONS_MOST = 2000
LONGEST_REGISTER = 366


def _reasons(**kwargs: Any) -> CleanString:
    return CleanString(
        required=True,
        min_length=5,
        max_length=REASONS_MOST,
        multiline=True,
        metadata={"description": "书面理由，会告诉当事人"},
        **kwargs,
    )


class HandlerIn(Schema):
    """Who handles the case."""

    notary_id = fields.UUID(
        load_default=None, allow_none=True, metadata={"description": "承办人，不填为本人"}
    )


class HandlerChangeIn(Schema):
    """Who handles the case from now on."""

    notary_id = fields.UUID(
        required=True,
        metadata={
            "description": "新的承办人，须是本机构的工作人员；因回避不再承办的，不能再承办这一件"
        },
    )
    reason = Choice(
        HandlerChange,
        required=True,
        metadata={"description": "原因，会留在审计记录里，当事人也能看到"},
    )


class AcceptanceIn(HandlerIn):
    """Acceptance of an appointment that has checked in."""

    accepted_on = fields.Date(
        load_default=None,
        allow_none=True,
        metadata={"description": "事后登记的，填实际受理的日期；不填为今天"},
    )


class DeskAcceptanceIn(HandlerIn):
    """Acceptance of somebody who came without an appointment."""

    matter_id = fields.UUID(required=True)
    parties = fields.List(
        fields.Nested(NotaryPartyIn),
        required=True,
        validate=validate.Length(min=1, max=20, error="请填写 1 到 20 位当事人。"),
    )
    agent = fields.Nested(NotaryRepresentativeIn, load_default=None, allow_none=True)


class CasePauseIn(Schema):
    """Why the clock stops."""

    ground = Choice(PauseGround, required=True)
    note = CleanString(
        required=True,
        min_length=5,
        max_length=REASONS_MOST,
        multiline=True,
        metadata={"description": "要补充、核实什么，或者发生了什么；会告诉当事人"},
    )


class IssueIn(Schema):
    """The certificate."""

    certificate_number = CleanString(required=True, min_length=1, max_length=60)
    approver_id = fields.UUID(required=True, metadata={"description": "审批人"})
    closing_form = CleanString(load_default=ISSUED_FORM, min_length=1, max_length=60)
    handed_over = StrictBoolean(
        load_default=False, metadata={"description": "当事人当场领取的，填 true"}
    )


class ReceiptIn(Schema):
    """When the party received the certificate."""

    received_on = fields.Date(required=True)


class ReceiptCorrectionIn(ReceiptIn, ReasonIn):
    """When the party received the certificate indeed."""


class RefusalIn(Schema):
    """A refusal after acceptance."""

    ground = Choice(RefusalGround, required=True)
    note = _reasons()


class TerminationIn(Schema):
    """A termination."""

    ground = Choice(TerminationGround, required=True)
    note = _reasons()


class ReviewIn(Schema):
    """A written request for a review (rules NO-D8)."""

    error = CleanString(
        required=True,
        min_length=5,
        max_length=REASONS_MOST,
        multiline=True,
        metadata={"description": "公证书错在哪里"},
    )
    reasons = CleanString(required=True, min_length=5, max_length=REASONS_MOST, multiline=True)
    request = CleanString(
        required=True,
        min_length=2,
        max_length=500,
        multiline=True,
        metadata={"description": "要求更正还是撤销"},
    )
    proof = CleanString(
        load_default="",
        max_length=REASONS_MOST,
        multiline=True,
        metadata={"description": "有哪些证明材料"},
    )


class StaffReviewIn(ReviewIn):
    """A request that is handed in at the desk."""

    by = Choice(ReviewBy, required=True)
    knew_on = fields.Date(
        load_default=None,
        allow_none=True,
        metadata={"description": "利害关系人知道或者应当知道这份公证书的日期"},
    )


class ReviewDecisionIn(Schema):
    """The result of a review."""

    outcome = Choice(ReviewOutcome, required=True)
    note = _reasons()


class CaseArgs(PageArgs):
    """Filters of the list."""

    state = Choice(CaseState, load_default=None, metadata={"description": "不填为正在办理和复查的"})
    office = fields.UUID(load_default=None, metadata={"description": "机构编号"})
    reference = CleanString(
        load_default=None,
        min_length=1,
        max_length=40,
        metadata={"description": "受理编号，大小写、空格和短横不限；不填 state 时办结的也在内"},
    )
    to_hand_over = StrictBoolean(
        load_default=False, metadata={"description": "填 true 只列已出证、还没有领取的"}
    )
    notary_id = fields.UUID(
        load_default=None,
        metadata={"description": "承办人编号；由其办理更正、撤销，还没有办完的也在内"},
    )
    without_handler = StrictBoolean(
        load_default=False, metadata={"description": "填 true 只列承办人已不在本机构、须变更的"}
    )
    near_end = StrictBoolean(
        load_default=False,
        metadata={"description": "填 true 只列期限将满或者已过的，与工作台的数目相同"},
    )


class CasePauseSchema(Schema):
    """A time that does not count."""

    id = fields.UUID()
    ground = fields.Enum(PauseGround, by_value=True)
    ground_label = Label(attribute="ground")
    note = fields.String()
    from_at = LocalDateTime()
    to_at = LocalDateTime(allow_none=True, metadata={"description": "为空：还没有完毕"})


class ReviewRequestSchema(Schema):
    """A request for a review."""

    error = fields.String()
    reasons = fields.String()
    request = fields.String()
    proof = fields.String()
    by = fields.String()
    knew_on = fields.String(allow_none=True)


class CaseReviewSchema(Schema):
    """One review of the certificate."""

    id = fields.UUID()
    by = fields.Enum(ReviewBy, by_value=True)
    by_label = Label(attribute="by")
    asked_on = fields.Date()
    late = fields.Boolean(metadata={"description": "申请复查已过期限，由公证机构决定"})
    request = fields.Nested(
        ReviewRequestSchema,
        allow_none=True,
        metadata={"description": "利害关系人的申请，当事人看不到内容"},
    )
    outcome = fields.Enum(ReviewOutcome, by_value=True, allow_none=True)
    outcome_label = Label(attribute="outcome")
    reviewer = fields.String(allow_none=True, metadata={"description": "仅公证机构可见"})
    handler = fields.String(
        allow_none=True, metadata={"description": "由谁办理更正或者撤销，仅公证机构可见"}
    )
    decided_on = fields.Date(allow_none=True)
    note = fields.String(allow_none=True)
    closed_on = fields.Date(
        allow_none=True, metadata={"description": "维持，或者更正、撤销已经办完的日期"}
    )


class CaseBase(Schema):
    """What the party and the office both see."""

    id = fields.UUID()
    reference = fields.String()
    state = fields.Enum(CaseState, by_value=True)
    state_label = Label(attribute="state")
    matter = fields.String()
    accepted_on = fields.Date()
    closing_form = fields.String(allow_none=True)
    closed_on = fields.Date(allow_none=True)
    certificate_number = fields.String(allow_none=True)
    issued_on = fields.Date(allow_none=True)
    received_on = fields.Date(allow_none=True)
    refusal_ground = fields.Enum(RefusalGround, by_value=True, allow_none=True)
    refusal_label = Label(attribute="refusal_ground")
    termination_ground = fields.Enum(TerminationGround, by_value=True, allow_none=True)
    termination_label = Label(attribute="termination_ground")
    closing_note = fields.String(allow_none=True)
    reviews = fields.List(fields.Nested(CaseReviewSchema), metadata={"description": "先申请的在前"})
    pauses = fields.List(fields.Nested(CasePauseSchema))
    next_step = fields.String()
    hints = fields.List(fields.String())
    deadlines = fields.List(fields.Nested(DeadlineSchema))
    allowed_actions = fields.List(fields.Nested(AllowedAction))
    timeline = fields.List(fields.Nested(NotaryStepSchema))


class MyCaseSchema(CaseBase):
    """A case for its party."""


class CasePartySchema(Schema):
    """A party as it stands in the case; the number is masked."""

    kind = fields.String()
    name = fields.String()
    document_type = fields.String(allow_none=True)
    document_number = fields.String()
    by_agent = fields.Boolean()
    guardian = fields.Nested(NotaryRepresentativeSchema, allow_none=True)


class StaffCaseSchema(CaseBase):
    """A case for the office."""

    office_id = fields.UUID()
    booking_id = fields.UUID(allow_none=True)
    parties = fields.List(fields.Nested(CasePartySchema))
    agent = fields.Nested(NotaryRepresentativeSchema, allow_none=True)
    contact_phone = fields.String(
        allow_none=True, metadata={"description": "已隐去；没有或者不得拨打的为空"}
    )
    contact_safety = fields.Enum(ContactSafety, by_value=True)
    contact_safety_label = Label(attribute="contact_safety")
    notary_id = fields.UUID()
    notary = fields.String(allow_none=True)
    approver = fields.String(allow_none=True)


class StaffCaseSummary(Schema):
    """A case in a list; names are masked."""

    id = fields.UUID()
    reference = fields.String()
    state = fields.Enum(CaseState, by_value=True)
    state_label = Label(attribute="state")
    matter = fields.String()
    parties = fields.List(fields.String(), metadata={"description": "已隐去，仅留首字"})
    accepted_on = fields.Date()
    notary_id = fields.UUID(metadata={"description": "承办人编号，可以用来筛选"})
    notary = fields.String(allow_none=True)
    review_handler_id = fields.UUID(
        allow_none=True, metadata={"description": "由谁办理还没有办完的更正、撤销，同上"}
    )
    review_handler = fields.String(allow_none=True)
    deadlines = fields.List(fields.Nested(DeadlineSchema))
    allowed_actions = fields.List(fields.Nested(AllowedAction))
    version = fields.String(metadata={"description": "办理时放入 If-Match"})


class _Span(Schema):
    """A span of days of at most a year."""

    @ma.validates_schema
    def _in_order(self, data: dict[str, Any], **_: object) -> None:
        """From before to, and not too long."""
        first, last = data.get("first"), data.get("last")
        if first is None or last is None:
            return
        if not 0 <= (last - first).days < LONGEST_REGISTER:
            raise ma.ValidationError({"to": ["应当不早于起始日期，最多一年。"]})


class RegisterFileArgs(_Span):
    """Which part of the register."""

    first = fields.Date(data_key="from", required=True, metadata={"description": "受理日期从"})
    last = fields.Date(data_key="to", required=True, metadata={"description": "受理日期到（含）"})


class RegisterArgs(RegisterFileArgs, PageArgs):
    """The same in pages."""


class RegisterRow(Schema):
    """What the register names of a case (公证程序规则 57), and what reviews came to."""

    reference = fields.String()
    matter = fields.String()
    parties = fields.List(fields.String())
    agent = fields.String(allow_none=True)
    accepted_on = fields.Date()
    notary = fields.String(allow_none=True)
    approver = fields.String(allow_none=True)
    closing_form = fields.String(allow_none=True)
    closed_on = fields.Date(allow_none=True)
    certificate_number = fields.String(allow_none=True)
    reviews = fields.List(
        fields.String(),
        metadata={"description": "已经办结的复查的结果和日期，先后排列；撤销的公证书自始无效"},
    )
