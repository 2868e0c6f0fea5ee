"""What goes in and comes out over HTTP for content editors."""

from __future__ import annotations

import re
from typing import Any

import marshmallow as ma
from marshmallow import fields, validate

from portal.knowledge import misses
from portal.knowledge.law_schemas import ArticleLink, DifferenceSchema
from portal.knowledge.models import (
    MissState,
    Origin,
    PublicationState,
    ReviewReason,
    ReviewState,
)
from portal.knowledge.schemas import (
    FaqCitationSchema,
    FaqItem,
    FaqListArgs,
    SearchHitSchema,
    code_field,
)
from portal.web.pagination import PageArgs, PageInfo
from portal.web.schemas import (
    AllowedAction,
    BoundedInteger,
    Choice,
    CleanString,
    LocalDateTime,
    Schema,
    SearchString,
)


class FaqCitationIn(Schema):
    """A citation as an editor enters it: any usual name and form."""

    law = CleanString(required=True, min_length=2, max_length=300)
    article = CleanString(required=True, min_length=1, max_length=30)
    point = CleanString(load_default="", max_length=200)


def _wordings() -> fields.List[Any]:
    return fields.List(
        CleanString(min_length=1, max_length=200),
        validate=validate.Length(max=30, error="最多 30 条。"),
    )


def _has_han(text: str) -> None:
    if not re.search(r"[\u4e00-\u9fff]", text):
        raise ma.ValidationError("应当有中文。")


class FaqPatch(Schema):
    """Changes to an FAQ; what is left out stays."""

    category = code_field()
    question = CleanString(min_length=2, max_length=200, validate=_has_han)
    other_wordings = _wordings()
    answer = CleanString(min_length=2, max_length=4000, multiline=True, validate=_has_han)
    steps = fields.List(
        CleanString(min_length=1, max_length=500),
        validate=validate.Length(max=20, error="最多 20 步。"),
    )
    citations = fields.List(
        fields.Nested(FaqCitationIn),
        validate=validate.Length(min=1, max=20, error="应当有 1 到 20 条引用。"),
    )
    see_also = fields.List(
        CleanString(min_length=1, max_length=80),
        validate=validate.Length(max=10, error="最多 10 条。"),
    )


class FaqCreate(FaqPatch):
    """A new FAQ."""

    category = code_field(required=True)
    question = CleanString(required=True, min_length=2, max_length=200, validate=_has_han)
    answer = CleanString(
        required=True, min_length=2, max_length=4000, multiline=True, validate=_has_han
    )
    citations = fields.List(
        fields.Nested(FaqCitationIn),
        required=True,
        validate=validate.Length(min=1, max=20, error="应当有 1 到 20 条引用。"),
    )
    other_wordings = fields.List(
        CleanString(min_length=1, max_length=200),
        load_default=list,
        validate=validate.Length(max=30, error="最多 30 条。"),
    )
    steps = fields.List(
        CleanString(min_length=1, max_length=500),
        load_default=list,
        validate=validate.Length(max=20, error="最多 20 步。"),
    )
    see_also = fields.List(
        CleanString(min_length=1, max_length=80),
        load_default=list,
        validate=validate.Length(max=10, error="最多 10 条。"),
    )
    miss_id = fields.UUID(
        load_default=None, metadata={"description": "这条问答补的是哪一条未找到的搜索"}
    )


class StaffFaqListArgs(FaqListArgs):
    """Query string of the staff's list."""

    state = Choice(PublicationState, load_default=None)


class StaffFaqItem(FaqItem):
    """An FAQ in the staff's list."""

    state = Choice(PublicationState, required=True)
    state_label = fields.String(attribute="state.label", required=True)
    origin = Choice(Origin, required=True)
    origin_label = fields.String(attribute="origin.label", required=True)
    updated_at = LocalDateTime(required=True)


class StaffFaqSchema(StaffFaqItem):
    """An FAQ as its editors see it."""

    other_wordings = fields.List(fields.String(), required=True)
    steps = fields.List(fields.String(), required=True)
    citations = fields.List(fields.Nested(FaqCitationSchema), required=True)
    see_also = fields.List(fields.String(), required=True)
    published_at = LocalDateTime(required=True, allow_none=True)
    allowed_actions = fields.List(fields.Nested(AllowedAction), required=True)


class SearchMissListArgs(PageArgs):
    """Query string of the list of misses."""

    state = Choice(MissState, load_default=MissState.OPEN)
    category = code_field(load_default=None)
    q = SearchString(
        load_default=None,
        min_length=1,
        max_length=60,
        metadata={"description": "问法里的字词，几个词用空格分开"},
    )


class StaffSearchArgs(Schema):
    """Query string of the staff's search; without `q` the answer is the help alone."""

    q = SearchString(
        load_default=None,
        min_length=1,
        max_length=400,
        metadata={"description": "检索表达式，例如 law:民法典 AND number:1254"},
    )
    size = BoundedInteger(minimum=1, maximum=50, load_default=20)
    cursor = CleanString(
        load_default=None, max_length=100, metadata={"description": "上一页返回的 page.next"}
    )


class SearchFieldValueSchema(Schema):
    """A value that a field can have."""

    value = fields.String(required=True)
    label = fields.String(required=True)


class SearchFieldSchema(Schema):
    """A field of the query language; its Chinese name may be written too."""

    name = fields.String(required=True)
    label = fields.String(required=True)
    meaning = fields.String(required=True)
    example = fields.String(required=True)
    values = fields.List(
        fields.Nested(SearchFieldValueSchema),
        required=True,
        metadata={"description": "只能取这些值；为空的字段填字词"},
    )


class SearchExampleSchema(Schema):
    """An expression and what it finds."""

    query = fields.String(required=True)
    meaning = fields.String(required=True)


class SearchHelpSchema(Schema):
    """How an expression is written."""

    text = fields.String(required=True)
    fields_ = fields.List(
        fields.Nested(SearchFieldSchema), data_key="fields", attribute="fields", required=True
    )
    examples = fields.List(fields.Nested(SearchExampleSchema), required=True)


class StaffSearchSchema(Schema):
    """One page of the staff's search."""

    query = fields.String(required=True, allow_none=True)
    searched_for = fields.String(
        required=True, allow_none=True, metadata={"description": "表达式是这样理解的"}
    )
    items = fields.List(fields.Nested(SearchHitSchema), required=True)
    page = fields.Nested(PageInfo, required=True)
    help = fields.Nested(SearchHelpSchema, required=True)


class MissWordingSchema(Schema):
    """One way in which a question was asked."""

    text = fields.Function(misses.shown, metadata={"type": "string"})
    count = fields.Integer(required=True)


_STEPS = {
    MissState.OPEN: (
        ("draft_faq", "起草问答", "faq-draft"),
        ("dismiss", "不处理", "dismissal"),
    ),
    MissState.ANSWERED: (("reopen", "恢复为待处理", "reopening"),),
    MissState.DISMISSED: (("reopen", "恢复为待处理", "reopening"),),
}


class SearchMissSchema(Schema):
    """A question that search could not answer, with its similar wordings."""

    id = fields.UUID(required=True)
    text = fields.String(required=True)
    wordings = fields.List(
        fields.Nested(MissWordingSchema),
        attribute="members",
        required=True,
        metadata={"description": "各种问法，问得最多的在前；只在一天里问过的，少见的字以□代替"},
    )
    count = fields.Integer(required=True, metadata={"description": "各种问法合计的次数"})
    first_seen_on = fields.Date(required=True)
    last_seen_on = fields.Date(required=True)
    category = fields.String(attribute="category_code", required=True, allow_none=True)
    state = Choice(MissState, required=True)
    state_label = fields.String(attribute="state.label", required=True)
    faq_id = fields.UUID(required=True, allow_none=True)
    handled_at = LocalDateTime(required=True, allow_none=True)
    allowed_actions = fields.List(fields.Nested(AllowedAction), required=True)

    def get_attribute(self, obj: Any, attr: str, default: Any) -> Any:
        """What can be done follows from the state; each is one POST without a body."""
        if attr != "allowed_actions":
            return super().get_attribute(obj, attr, default)
        return [
            {
                "action": action,
                "label": label,
                "method": "POST",
                "url": f"/api/v1/staff/search/misses/{obj.id}/{path}",
            }
            for action, label, path in _STEPS[obj.state]
        ]


class FaqDraftArgs(Schema):
    """How to begin an FAQ for a question; all of it may be left out."""

    category = code_field(
        load_default=None, metadata={"description": "问题类别，不填时按检索到的类别"}
    )


class SearchEvaluationSchema(Schema):
    """How well search found the district's own questions, none of which the index held."""

    id = fields.UUID(required=True)
    evaluated_at = LocalDateTime(required=True)
    questions = fields.Integer(required=True, metadata={"description": "问了多少个已发布的问题"})
    articles = fields.Integer(required=True, metadata={"description": "在多少条现行条文里找"})
    mrr_at_10 = fields.Float(
        required=True, metadata={"description": "第一个正确条文名次的倒数，平均；前十名以外计 0"}
    )
    success_at_5 = fields.Float(
        required=True, metadata={"description": "前五名里有正确条文的问题占多少"}
    )
    recall_at_10 = fields.Float(
        required=True, metadata={"description": "应当找到的条文，前十名里找到多少"}
    )
    recall_at_100 = fields.Float(
        required=True, metadata={"description": "应当找到的条文，前一百名里找到多少"}
    )
    seconds = fields.Float(required=True)


class KnowledgeReviewListArgs(PageArgs):
    """Query string of the review list."""

    state = Choice(ReviewState, load_default=ReviewState.OPEN)


class KnowledgeReviewSchema(Schema):
    """A text to be read again."""

    id = fields.UUID(required=True)
    subject_kind = fields.String(required=True)
    subject_id = fields.UUID(required=True)
    title = fields.String(required=True)
    article = fields.Nested(ArticleLink, required=True)
    reason = Choice(ReviewReason, required=True)
    reason_label = fields.String(attribute="reason.label", required=True)
    moved_to = fields.Nested(
        ArticleLink,
        attribute="told.moved_to",
        required=True,
        allow_none=True,
        metadata={"description": "序号变了的，现在是哪一条"},
    )
    difference = fields.List(
        fields.Nested(DifferenceSchema),
        attribute="told.difference",
        required=True,
        metadata={"description": "现行条文与上次核对时的文字逐词比较；没有修改或者已经复核的为空"},
    )
    note = fields.String(attribute="told.note", required=True, allow_none=True)
    state = Choice(ReviewState, required=True)
    state_label = fields.String(attribute="state.label", required=True)
    created_at = LocalDateTime(required=True)
    handled_at = LocalDateTime(required=True, allow_none=True)
