"""What goes in and comes out over HTTP."""

from __future__ import annotations

from typing import Any, get_args

from marshmallow import fields, validate

from portal.knowledge.models import (
    LawLevel,
    Validity,
)
from portal.knowledge.next_steps import Code
from portal.knowledge.providers import KINDS
from portal.web.pagination import PageArgs, PageInfo
from portal.web.schemas import (
    LONGEST_PASTED,
    BoundedInteger,
    Choice,
    CleanString,
    LocalDateTime,
    Schema,
    SearchString,
)
from search_index import format_article_number

MOST_FILTERS = 10
# Characters of a question that are read.
LONGEST = 400


def code_field(**kwargs: Any) -> CleanString:
    return CleanString(
        min_length=1,
        max_length=40,
        validate=validate.Regexp(r"^[a-z][a-z0-9_]*$", error="类别只能是小写字母、数字和下划线。"),
        **kwargs,
    )


def _several(inner: fields.Field[Any], description: str) -> fields.List[Any]:
    return fields.List(
        inner,
        load_default=list,
        validate=validate.Length(max=MOST_FILTERS, error=f"最多 {MOST_FILTERS} 个。"),
        metadata={"description": description},
    )


# --- search ---


class SearchArgs(Schema):
    """Query string of a search. Filters may be repeated."""

    q = SearchString(
        required=True,
        min_length=1,
        max_length=LONGEST_PASTED,
        metadata={
            "description": f"您的问题或者条文序号。换行当作空格；超过 {LONGEST} 个字的，只读前 {LONGEST} 个字"
        },
    )
    kind = _several(
        fields.String(validate=validate.OneOf(KINDS, error="没有这种内容类型。")), "内容类型"
    )
    level = _several(Choice(LawLevel), "效力级别")
    validity = _several(Choice(Validity), "效力状态")
    category = _several(code_field(), "问题类别")
    as_of = fields.Date(
        load_default=None,
        metadata={"description": "按这一天有效的法律检索（YYYY-MM-DD）"},
    )
    size = BoundedInteger(minimum=1, maximum=100, load_default=10)
    cursor = CleanString(
        load_default=None, max_length=100, metadata={"description": "上一页返回的 page.next"}
    )


class SearchHighlightSchema(Schema):
    """A stretch to mark, in UTF-16 code units of the fragment's text (as JavaScript counts)."""

    start = fields.Integer(required=True)
    end = fields.Integer(required=True)


class SearchFragmentSchema(Schema):
    """A piece of the text."""

    text = fields.String(required=True)
    highlights = fields.List(fields.Nested(SearchHighlightSchema), required=True)


def dates_exact_field(**kwargs: Any) -> fields.Boolean:
    """Whether the text held on every day between the two, and both stand in a source."""
    description = "false 表示起止日期有推定成分，或者其间有过修改而修改后的全文没有收录"
    return fields.Boolean(required=True, metadata={"description": description}, **kwargs)


class SearchHitSchema(Schema):
    """One result."""

    kind = fields.String(required=True)
    kind_label = fields.String(required=True)
    id = fields.UUID(required=True)
    url = fields.String(required=True)
    title = fields.String(required=True)
    heading = fields.String(required=True)
    law = fields.String(required=True, allow_none=True)
    article_number = fields.String(required=True, allow_none=True)
    level = fields.String(required=True, allow_none=True)
    level_label = fields.String(required=True, allow_none=True)
    validity = fields.String(required=True)
    validity_label = fields.String(required=True)
    category = fields.String(required=True, allow_none=True)
    category_label = fields.String(required=True, allow_none=True)
    source = fields.String(required=True)
    valid_from = fields.Date(required=True, allow_none=True)
    valid_to = fields.Date(required=True, allow_none=True)
    dates_exact = dates_exact_field()
    published_on = fields.Date(required=True, allow_none=True)
    fragments = fields.List(fields.Nested(SearchFragmentSchema), required=True)
    why = fields.String(required=True, metadata={"enum": ["citation", "words"]})


class SearchFacetSchema(Schema):
    """How many results a filter value would leave."""

    value = fields.String(required=True)
    label = fields.String(required=True)
    count = fields.Integer(required=True)


class SearchFacetsSchema(Schema):
    """Counts per filter."""

    kind = fields.List(fields.Nested(SearchFacetSchema), required=True)
    level = fields.List(fields.Nested(SearchFacetSchema), required=True)
    validity = fields.List(fields.Nested(SearchFacetSchema), required=True)
    category = fields.List(fields.Nested(SearchFacetSchema), required=True)


class ArticleReferenceSchema(Schema):
    """An article in a citation, by the index."""

    id = fields.UUID(required=True)
    url = fields.String(required=True)
    title = fields.String(required=True)
    validity = fields.String(required=True)
    validity_label = fields.String(required=True)
    valid_from = fields.Date(required=True, allow_none=True)
    dates_exact = dates_exact_field()


class CitedLawSchema(Schema):
    """A law in a citation."""

    id = fields.UUID(required=True)
    title = fields.String(required=True)
    url = fields.String(required=True)


class SearchCitationSchema(Schema):
    """A citation in the question, and whether it exists."""

    text = fields.String(required=True)
    law = fields.String(required=True)
    article_number = fields.String(required=True)
    article_label = fields.String(required=True)
    exists = fields.Boolean(required=True)
    status = fields.String(required=True)
    status_label = fields.String(required=True)
    message = fields.String(required=True)
    articles = fields.List(
        fields.Nested(ArticleReferenceSchema),
        required=True,
        metadata={"description": "各版本，现行有效的在前"},
    )
    neighbours = fields.List(
        fields.Nested(ArticleReferenceSchema),
        required=True,
        metadata={"description": "前后条；没有这一条时是最后一条"},
    )
    law_link = fields.Nested(
        CitedLawSchema,
        required=True,
        allow_none=True,
        metadata={"description": "提问只写了法律名称，或者没有所写的这一条时：这部法律"},
    )
    repealed_by = fields.Nested(
        ArticleReferenceSchema,
        required=True,
        allow_none=True,
        metadata={"description": "没有收录的旧法：写明废止它的那一条"},
    )


class CategoryReferenceSchema(Schema):
    """A category by code."""

    code = fields.String(required=True)
    label = fields.String(required=True)


class SearchNextStepSchema(Schema):
    """What to do besides reading the results. Those for somebody in danger come first."""

    code = fields.String(required=True, metadata={"enum": list(get_args(Code))})
    text = fields.String(required=True)
    method = fields.String(required=True)
    url = fields.String(required=True)


class HelpLineSchema(Schema):
    """A number that is good to have on every page."""

    label = fields.String(required=True)
    phone = fields.String(required=True)
    text = fields.String(required=True)
    url = fields.String(required=True, metadata={"description": "tel: 开头，可以直接拨打"})


class HelpLinesSchema(Schema):
    """Whom to call, whatever was asked."""

    items = fields.List(fields.Nested(HelpLineSchema), required=True)


class SearchResultSchema(Schema):
    """One page of a search."""

    query = fields.String(required=True, metadata={"description": "读到的提问"})
    shortened = fields.Boolean(
        required=True,
        metadata={"description": f"true 表示提问太长，只读了前 {LONGEST} 个字"},
    )
    searched_for = fields.String(required=True)
    corrected = fields.String(required=True, allow_none=True)
    total = fields.Integer(required=True)
    weak = fields.Boolean(required=True, metadata={"description": "没有找到贴切的内容"})
    items = fields.List(fields.Nested(SearchHitSchema), required=True)
    page = fields.Nested(
        PageInfo,
        required=True,
        metadata={
            "description": "最多列出约 1000 条；到了最后一页还有没列出的，next_steps 里有 narrow_down"
        },
    )
    facets = fields.Nested(SearchFacetsSchema, required=True)
    citations = fields.List(fields.Nested(SearchCitationSchema), required=True)
    nearest_category = fields.Nested(CategoryReferenceSchema, required=True, allow_none=True)
    next_steps = fields.List(fields.Nested(SearchNextStepSchema), required=True)


class SuggestionArgs(Schema):
    """Query string of suggestions."""

    q = SearchString(
        required=True,
        min_length=1,
        max_length=LONGEST_PASTED,
        metadata={"description": "正在输入的文字，只看前 64 个字"},
    )
    size = BoundedInteger(minimum=1, maximum=20, load_default=8)


class SuggestionSchema(Schema):
    """A line to offer while typing; `id` is null for the name of a law."""

    text = fields.String(required=True)
    kind = fields.String(required=True)
    id = fields.UUID(required=True, allow_none=True)


class SuggestionsSchema(Schema):
    """Lines to offer."""

    items = fields.List(fields.Nested(SuggestionSchema), required=True)


# --- citations ---


class CitationCheckArgs(Schema):
    """A text whose citations are to be checked."""

    text = CleanString(required=True, min_length=1, max_length=20_000, multiline=True)


class CitationMoveSchema(Schema):
    """Where the article went that bore the cited number before the law's last version."""

    article_id = fields.UUID(required=True)
    article_number = fields.String(attribute="number", required=True)
    article_label = fields.String(attribute="label", required=True)
    text_changed = fields.Boolean(required=True)


class CitationCheckItemSchema(Schema):
    """A citation in a text; offsets in code points."""

    text = fields.String(required=True)
    start = fields.Integer(required=True)
    end = fields.Integer(required=True)
    law = fields.String(required=True)
    article_number = fields.String(attribute="number", required=True)
    article_label = fields.String(attribute="label", required=True)
    status = fields.String(attribute="status.value", required=True)
    status_label = fields.String(attribute="status.label", required=True)
    holds = fields.Boolean(attribute="status.stands", required=True)
    article_id = fields.UUID(required=True, allow_none=True)
    message = fields.String(required=True)
    candidates = fields.List(fields.String(), required=True)
    moved_to = fields.Nested(
        CitationMoveSchema,
        required=True,
        allow_none=True,
        metadata={"description": "法律修改前的这一条，现在是第几条"},
    )
    repealed_by = fields.Nested(
        ArticleReferenceSchema,
        required=True,
        allow_none=True,
        metadata={"description": "没有收录的旧法：写明废止它的那一条"},
    )


class CitationCheckSchema(Schema):
    """All citations of a text."""

    text = fields.String(
        required=True,
        metadata={
            "description": "核对时读到的文字（首尾空白去掉，换行和字符写法统一）。start、end 数的是它的码位"
        },
    )
    citations = fields.List(fields.Nested(CitationCheckItemSchema), required=True)
    all_hold = fields.Boolean(
        required=True,
        allow_none=True,
        metadata={"description": "没有读到任何引用时为 null：没有可以核对的，不等于都对。"},
    )
    summary = fields.String(required=True)


# --- FAQ, guides, categories ---


class RelatedTextSchema(Schema):
    """Something about the same matter."""

    kind = fields.String(required=True)
    id = fields.UUID(required=True)
    title = fields.String(required=True)
    url = fields.String(required=True)


class CategorySchema(Schema):
    """A category."""

    code = fields.String(required=True)
    label = fields.String(required=True)
    description = fields.String(required=True)
    keywords = fields.List(fields.String(), required=True)


class CategoriesSchema(Schema):
    """All categories, in order."""

    items = fields.List(fields.Nested(CategorySchema), required=True)


class FaqListArgs(PageArgs):
    """Query string of the list of FAQ."""

    category = code_field(load_default=None)
    article = fields.UUID(load_default=None, metadata={"description": "引用这一条的问答"})


class GuideListArgs(PageArgs):
    """Query string of the list of guides."""

    category = code_field(load_default=None)


class FaqItem(Schema):
    """An FAQ in a list."""

    id = fields.UUID(required=True)
    slug = fields.String(required=True)
    category = fields.String(attribute="category_code", required=True)
    category_label = fields.String(attribute="category.label", required=True)
    question = fields.String(required=True)
    answer = fields.String(required=True)
    reviewed_on = fields.Date(required=True)


class FaqCitationSchema(Schema):
    """An article that the text rests on; `article_id` is null while the law is not loaded."""

    law = fields.String(attribute="law_name", required=True)
    article_number = fields.String(attribute="number", required=True)
    article_label = fields.Function(
        lambda row: format_article_number(row.number), metadata={"type": "string"}
    )
    point = fields.String(required=True)
    article_id = fields.UUID(required=True, allow_none=True)
    validity = fields.Function(
        lambda row: row.article.version.status.value if row.article else None,
        metadata={"type": ["string", "null"]},
    )
    validity_label = fields.Function(
        lambda row: row.article.version.status.label if row.article else None,
        metadata={"type": ["string", "null"]},
    )
    text = fields.Function(
        lambda row: row.article.text if row.article else None,
        metadata={"type": ["string", "null"]},
    )


class FaqLink(Schema):
    """An FAQ by its question."""

    id = fields.UUID(required=True)
    question = fields.String(required=True)


class FaqSchema(FaqItem):
    """An FAQ as residents read it."""

    other_wordings = fields.List(fields.String(), required=True)
    steps = fields.List(fields.String(), required=True)
    citations = fields.List(fields.Nested(FaqCitationSchema), required=True)
    see_also = fields.List(fields.Nested(FaqLink), attribute="linked", required=True)
    also_asked = fields.List(
        fields.Nested(RelatedTextSchema), required=True, metadata={"description": "别人还问了"}
    )
    published_at = LocalDateTime(required=True, allow_none=True)


class GuideItem(Schema):
    """A guide in a list."""

    id = fields.UUID(required=True)
    slug = fields.String(required=True)
    category = fields.String(attribute="category_code", required=True)
    category_label = fields.String(attribute="category.label", required=True)
    title = fields.String(required=True)
    summary = fields.String(required=True)
    reviewed_on = fields.Date(required=True)


class GuideSchema(GuideItem):
    """A guide."""

    body = fields.String(required=True, metadata={"description": "Markdown"})
    citations = fields.List(fields.Nested(FaqCitationSchema), required=True)
