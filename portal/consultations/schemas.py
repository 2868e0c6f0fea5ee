"""What goes in and what comes out: separate for residents, staff and the public."""

from __future__ import annotations

import marshmallow as ma
from marshmallow import fields, validate

from portal.accounts.models import ContactSafety
from portal.attachments.schemas import AttachmentSchema
from portal.consultations.models import (
    AnswerState,
    ConsultationState,
    MessageKind,
    PublicationState,
    RejectionReason,
)
from portal.consultations.operations.asking import MAX_ATTACHMENTS
from portal.consultations.queries import Worklist
from portal.consultations.redaction import RedactionKind
from portal.supervision.schemas import DeadlineSchema
from portal.web.pagination import PageArgs
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

TEXT_MOST = 5000
ANSWER_MOST = 20000


def _attachments() -> fields.List:
    return fields.List(
        fields.UUID(),
        load_default=list,
        validate=validate.Length(max=MAX_ATTACHMENTS, error=f"最多 {MAX_ATTACHMENTS} 个附件。"),
        metadata={"description": "先用 POST /attachments 上传，再把编号写在这里。"},
    )


class MatchIn(Schema):
    """Words of a question that is about to be asked."""

    text = CleanString(required=True, min_length=2, max_length=TEXT_MOST, multiline=True)


class MatchSchema(Schema):
    """Something that may already answer the question."""

    kind = fields.String()
    id = fields.String()
    title = fields.String()
    heading = fields.String()
    fragment = fields.String()
    validity = fields.String()


class MatchesSchema(Schema):
    """What was found before posting."""

    items = fields.List(fields.Nested(MatchSchema))
    next_step = fields.String()


class ConsultationIn(Schema):
    """A question."""

    category = CleanString(required=True, min_length=1, max_length=40)
    text = CleanString(required=True, min_length=10, max_length=TEXT_MOST, multiline=True)
    keep_unpublished = StrictBoolean(
        required=True, metadata={"description": "是否希望不公开；公开时也会去掉个人信息。"}
    )
    contact_safety = Choice(ContactSafety, load_default=ContactSafety.NORMAL)
    attachment_ids = _attachments()


class SayIn(Schema):
    """What the resident adds when asked."""

    text = CleanString(required=True, min_length=1, max_length=TEXT_MOST, multiline=True)
    attachment_ids = _attachments()


class FollowUpIn(Schema):
    """The one follow-up."""

    text = CleanString(required=True, min_length=5, max_length=TEXT_MOST, multiline=True)


class RatingIn(Schema):
    """A rating."""

    rating = BoundedInteger(required=True, minimum=1, maximum=5)
    comment = CleanString(load_default=None, allow_none=True, max_length=500, multiline=True)


class WishIn(Schema):
    """A change of mind about publication."""

    keep_unpublished = StrictBoolean(required=True)


class ConversationMessageSchema(Schema):
    """One message of the conversation."""

    id = fields.UUID()
    kind = fields.Enum(MessageKind, by_value=True)
    kind_label = Label(attribute="kind")
    text = fields.String()
    created_at = LocalDateTime()


class AnswerCitationSchema(Schema):
    """An article that the answer rests on."""

    law = fields.String()
    article = fields.String()
    article_id = fields.UUID(allow_none=True, metadata={"description": "没有收录这部法律时为 null"})


class CheckedElsewhereSchema(Schema):
    """A law that is not held, and where the lawyer read it."""

    law = fields.String()
    source = fields.String()


class AnswerSchema(Schema):
    """A signed answer as the resident sees it."""

    id = fields.UUID()
    text = fields.String()
    citations = fields.List(fields.Nested(AnswerCitationSchema))
    checked_elsewhere = fields.List(fields.Nested(CheckedElsewhereSchema))
    checked_elsewhere_note = fields.String(
        allow_none=True,
        metadata={"description": "没有收录的法律和核对的来源，请与答复一起显示；没有时为 null"},
    )
    signed_at = LocalDateTime()


class ConsultationStepSchema(Schema):
    """One step of the way."""

    action = fields.String()
    label = fields.String()
    by = fields.String(attribute="actor_kind")
    next_step = fields.String()
    at = LocalDateTime()


class RejectionSchema(Schema):
    """Why a question was not taken, and where to go instead."""

    reason = fields.Enum(RejectionReason, by_value=True)
    label = fields.String()
    note = fields.String(allow_none=True)
    next_step = fields.String()


class ConsultationBase(Schema):
    """What residents and staff both see."""

    id = fields.UUID()
    reference = fields.String()
    state = fields.Enum(ConsultationState, by_value=True)
    state_label = Label(attribute="state")
    category = fields.String()
    keep_unpublished = fields.Boolean()
    contact_safety = fields.Enum(ContactSafety, by_value=True)
    submitted_at = LocalDateTime()
    answered_at = LocalDateTime(allow_none=True)
    rating = fields.Integer(allow_none=True)
    follow_up_used = fields.Boolean()
    rejection = fields.Nested(RejectionSchema, allow_none=True)
    next_step = fields.String()
    allowed_actions = fields.List(fields.Nested(AllowedAction))
    deadlines = fields.List(fields.Nested(DeadlineSchema))


class ConsultationSchema(ConsultationBase):
    """A consultation for its resident."""

    text = fields.String()
    rating_comment = fields.String(allow_none=True)
    messages = fields.List(fields.Nested(ConversationMessageSchema))
    answers = fields.List(fields.Nested(AnswerSchema))
    attachments = fields.List(fields.Nested(AttachmentSchema))
    timeline = fields.List(fields.Nested(ConsultationStepSchema))
    publication_id = fields.UUID(allow_none=True)


class ConsultationSummary(Schema):
    """A consultation in the resident's list."""

    id = fields.UUID()
    reference = fields.String()
    state = fields.Enum(ConsultationState, by_value=True)
    state_label = Label(attribute="state")
    category = fields.String()
    excerpt = fields.String()
    submitted_at = LocalDateTime()
    next_step = fields.String()


# --- staff -----------------------------------------------------------------------------------------------------------


class WorklistArgs(PageArgs):
    """Which list, narrowed how."""

    list = Choice(
        Worklist,
        load_default=None,
        metadata={"description": "不填时为您岗位的第一个列表"},
    )
    category = CleanString(load_default=None, max_length=40)
    state = Choice(ConsultationState, load_default=None)


class StaffAnswerSchema(AnswerSchema):
    """An answer in the making."""

    state = fields.Enum(AnswerState, by_value=True)
    state_label = Label(attribute="state")
    author_id = fields.UUID()
    author_name = fields.String()
    review_note = fields.String(allow_none=True)
    signed_by_name = fields.String(allow_none=True)
    updated_at = LocalDateTime()


class StaffConsultationSchema(ConsultationBase):
    """A consultation for the staff who handle it. The phone number is not part of it."""

    text = fields.String()
    resident_name = fields.String(allow_none=True, metadata={"description": "已隐去，仅留姓氏"})
    lawyer_id = fields.UUID(allow_none=True)
    lawyer_name = fields.String(allow_none=True)
    messages = fields.List(fields.Nested(ConversationMessageSchema))
    answers = fields.List(fields.Nested(StaffAnswerSchema))
    attachments = fields.List(fields.Nested(AttachmentSchema))
    timeline = fields.List(fields.Nested(ConsultationStepSchema))
    publication_id = fields.UUID(allow_none=True)
    publication_state = fields.Enum(PublicationState, by_value=True, allow_none=True)


class StaffSummary(ConsultationSummary):
    """A consultation in a list of staff; the excerpt has everything private-looking taken out."""

    lawyer_name = fields.String(allow_none=True)
    keep_unpublished = fields.Boolean()
    deadlines = fields.List(fields.Nested(DeadlineSchema))
    allowed_actions = fields.List(fields.Nested(AllowedAction))
    version = fields.String(metadata={"description": "提交决定时放入 If-Match"})


class ModerationIn(Schema):
    """A moderator's decision."""

    decision = fields.String(
        required=True,
        validate=validate.OneOf(
            ["accept", "reject", "return"],
            error="只能是 accept（受理）、reject（不予受理）或 return（退回补充）。",
        ),
    )
    reason = Choice(RejectionReason, load_default=None, allow_none=True)
    note = CleanString(load_default=None, allow_none=True, max_length=1000, multiline=True)
    category = CleanString(load_default=None, allow_none=True, max_length=40)

    @ma.validates_schema
    def _complete(self, data: dict[str, object], **_: object) -> None:
        """Each decision brings what it needs and nothing else."""
        errors: dict[str, list[str]] = {}
        if data["decision"] == "reject" and data["reason"] is None:
            errors["reason"] = ["不予受理必须选择理由。"]
        if data["decision"] == "return" and not data["note"]:
            errors["note"] = ["退回补充必须写明需要补充什么。"]
        if data["decision"] != "reject" and data["reason"] is not None:
            errors["reason"] = ["只有不予受理需要理由代码。"]
        if data["decision"] != "accept" and data["category"] is not None:
            errors["category"] = ["只有受理时可以调整类别。"]
        if errors:
            raise ma.ValidationError(errors)


class BulkModerationIn(Schema):
    """The same decision for many."""

    ids = fields.List(
        fields.UUID(),
        required=True,
        validate=validate.Length(min=1, max=50, error="一次处理 1 到 50 条。"),
    )
    decision = fields.String(
        required=True,
        validate=validate.OneOf(
            ["accept", "reject"], error="只能是 accept（受理）或 reject（不予受理）。"
        ),
    )
    reason = Choice(RejectionReason, load_default=None, allow_none=True)
    preview = StrictBoolean(
        required=True, metadata={"description": "先用 true 预览，确认后再用 false 执行。"}
    )

    @ma.validates_schema
    def _complete(self, data: dict[str, object], **_: object) -> None:
        """A rejection has a reason."""
        if (data["decision"] == "reject") != (data["reason"] is not None):
            raise ma.ValidationError({"reason": ["不予受理必须选择理由，受理不需要理由。"]})


class BulkOutcomeSchema(Schema):
    """What happened to one of many."""

    id = fields.UUID()
    reference = fields.String()
    done = fields.Boolean()
    message = fields.String()


class BulkResultSchema(Schema):
    """What happened to all of them."""

    preview = fields.Boolean()
    items = fields.List(fields.Nested(BulkOutcomeSchema))
    not_found = fields.List(fields.UUID())


class QuestionBackIn(Schema):
    """A lawyer's question to the resident."""

    text = CleanString(required=True, min_length=5, max_length=TEXT_MOST, multiline=True)


class AnswerCitationIn(Schema):
    """A citation as it is typed."""

    law = CleanString(required=True, min_length=2, max_length=200)
    article = CleanString(required=True, min_length=1, max_length=40)


class CheckedElsewhereIn(Schema):
    """Where the lawyer read a law that is not held."""

    law = CleanString(
        required=True,
        min_length=2,
        max_length=200,
        metadata={"description": "法律名称，按引用时的写法"},
    )
    source = CleanString(
        required=True,
        min_length=2,
        max_length=200,
        metadata={"description": "在哪里核对的，例如国家法律法规数据库"},
    )


class AnswerIn(Schema):
    """An answer, or the draft of one."""

    text = CleanString(required=True, min_length=10, max_length=ANSWER_MOST, multiline=True)
    citations = fields.List(
        fields.Nested(AnswerCitationIn),
        load_default=list,
        validate=validate.Length(max=30, error="最多引用 30 条。"),
    )
    checked_elsewhere = fields.List(
        fields.Nested(CheckedElsewhereIn),
        load_default=list,
        validate=validate.Length(max=30, error="最多说明 30 部法律。"),
        metadata={
            "description": "另行核对的法律：引用了没有收录的法律时，逐部写明名称和在哪里核对过"
        },
    )


class SignOffIn(Schema):
    """The second person's decision."""

    decision = fields.String(
        required=True,
        validate=validate.OneOf(
            ["approve", "send_back"], error="只能是 approve（签发）或 send_back（退回修改）。"
        ),
    )
    note = CleanString(load_default=None, allow_none=True, max_length=1000, multiline=True)

    @ma.validates_schema
    def _complete(self, data: dict[str, object], **_: object) -> None:
        """Sending back needs a reason."""
        if data["decision"] == "send_back" and not data["note"]:
            raise ma.ValidationError({"note": ["退回修改必须写明原因。"]})


class RedactionDecisionIn(Schema):
    """One proposal's fate."""

    id = CleanString(required=True, min_length=1, max_length=20)
    redact = StrictBoolean(required=True)


class RedactionAdditionIn(Schema):
    """Something the rules missed."""

    text = CleanString(required=True, min_length=1, max_length=200)
    kind = Choice(RedactionKind, load_default=RedactionKind.OTHER)


class PublicationEditIn(Schema):
    """Decisions on a draft."""

    title = CleanString(load_default=None, allow_none=True, min_length=4, max_length=80)
    decisions = fields.List(
        fields.Nested(RedactionDecisionIn), load_default=list, validate=validate.Length(max=500)
    )
    additions = fields.List(
        fields.Nested(RedactionAdditionIn), load_default=list, validate=validate.Length(max=50)
    )


class RedactionSchema(Schema):
    """A proposal."""

    id = fields.String()
    field = fields.String()
    start = fields.Integer()
    end = fields.Integer()
    text = fields.String()
    kind = fields.String()
    redact = fields.Boolean(allow_none=True)


class PublicationSchema(Schema):
    """A draft of a public text, for staff."""

    id = fields.UUID()
    consultation_id = fields.UUID()
    state = fields.Enum(PublicationState, by_value=True)
    state_label = Label(attribute="state")
    category = fields.String()
    title = fields.String()
    question = fields.String()
    answer = fields.String()
    preview = fields.Dict(keys=fields.String(), values=fields.String())
    redactions = fields.List(fields.Nested(RedactionSchema))
    undecided = fields.Integer()
    published_at = LocalDateTime(allow_none=True)


# --- public ----------------------------------------------------------------------------------------------------------


class QuestionArgs(PageArgs):
    """Filter of the public list."""

    category = CleanString(load_default=None, max_length=40)


class QuestionSummary(Schema):
    """A public question in a list."""

    id = fields.UUID()
    category = fields.String()
    title = fields.String()
    published_at = LocalDateTime()


class QuestionSchema(QuestionSummary):
    """A public question with its answer."""

    question = fields.String()
    answer = fields.String()
    citations = fields.List(fields.Nested(AnswerCitationSchema))
