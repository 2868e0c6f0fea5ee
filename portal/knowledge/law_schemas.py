"""What goes in and comes out over HTTP about laws, their versions and articles."""

from __future__ import annotations

from typing import Any

from marshmallow import fields

from portal.knowledge.history import Change, Op
from portal.knowledge.models import LawLevel, Validity
from portal.knowledge.schemas import RelatedTextSchema, dates_exact_field
from portal.web.pagination import PageArgs
from portal.web.schemas import BoundedInteger, Choice, Schema, SearchString


class LawListArgs(PageArgs):
    """Query string of the list of laws."""

    q = SearchString(
        load_default=None, min_length=1, max_length=100, metadata={"description": "名称中的文字"}
    )
    level = Choice(LawLevel, load_default=None)
    validity = Choice(Validity, load_default=None)


class LawVersionSchema(Schema):
    """A version of a law. `effective_to` is the first day no longer in force."""

    id = fields.UUID(required=True)
    version_date = fields.Date(required=True)
    effective_from = fields.Date(required=True)
    effective_to = fields.Date(required=True, allow_none=True)
    dates_exact = dates_exact_field(attribute="days_are_exact")
    changes_not_held = fields.List(
        fields.String(metadata={"format": "date"}),
        required=True,
        metadata={"description": "施行期间有过修改、而修改后的全文没有收录的日期"},
    )
    validity = fields.String(attribute="status.value", required=True)
    validity_label = fields.String(attribute="status.label", required=True)
    is_current = fields.Boolean(required=True)
    level = fields.String(attribute="level.value", required=True)
    level_label = fields.String(attribute="level.label", required=True)
    document_type = fields.String(required=True)
    issuing_body = fields.String(required=True, allow_none=True)
    article_count = fields.Integer(required=True)
    source = fields.String(required=True)


class LawListItem(Schema):
    """A law in a list, with its current version."""

    id = fields.UUID(attribute="law.id", required=True)
    name = fields.String(attribute="law.name", required=True)
    short_name = fields.String(attribute="law.short_name", required=True)
    subject = fields.String(attribute="law.subject", required=True, allow_none=True)
    current = fields.Nested(LawVersionSchema, attribute="self", required=True)

    def get_attribute(self, obj: Any, attr: str, default: Any) -> Any:
        """The row is the version itself; the law hangs on it."""
        return obj if attr == "self" else super().get_attribute(obj, attr, default)


class LawChapterSchema(Schema):
    """A heading with what stands under it."""

    title = fields.String(required=True)
    first_position = fields.Integer(required=True)
    last_position = fields.Integer(required=True)
    first_article_id = fields.UUID(required=True)
    articles = fields.Integer(required=True)
    children = fields.List(fields.Nested(lambda: LawChapterSchema()), required=True)


class LawArgs(Schema):
    """Query string of a law."""

    version = fields.UUID(load_default=None, metadata={"description": "版本，不填为现行版本"})


class LawSchema(Schema):
    """A law with its versions and the headings of one of them."""

    id = fields.UUID(required=True)
    name = fields.String(required=True)
    short_name = fields.String(required=True)
    aliases = fields.List(fields.String(), required=True)
    subject = fields.String(required=True, allow_none=True)
    version = fields.Nested(LawVersionSchema, required=True)
    versions = fields.List(fields.Nested(LawVersionSchema), required=True)
    chapters = fields.List(fields.Nested(LawChapterSchema), required=True)


class ArticleListArgs(PageArgs):
    """Query string of a law's articles."""

    version = fields.UUID(load_default=None, metadata={"description": "版本，不填为现行版本"})
    from_position = BoundedInteger(
        minimum=0, load_default=None, metadata={"description": "从第几个位置起（见章节目录）"}
    )
    to_position = BoundedInteger(minimum=0, load_default=None)


class ArticleItem(Schema):
    """An article in a list."""

    id = fields.UUID(required=True)
    position = fields.Integer(required=True)
    number = fields.String(required=True)
    label = fields.String(required=True)
    title = fields.String(required=True)
    chapter = fields.List(fields.String(), required=True)
    text = fields.String(required=True)


class ArticleLink(Schema):
    """An article by name."""

    id = fields.UUID(required=True)
    title = fields.String(required=True)
    label = fields.String(required=True)
    validity = fields.String(attribute="version.status.value", required=True)
    validity_label = fields.String(attribute="version.status.label", required=True)


class ArticleVersion(ArticleLink):
    """The same article in another version."""

    version_date = fields.Date(attribute="version.version_date", required=True)
    effective_from = fields.Date(attribute="version.effective_from", required=True)
    effective_to = fields.Date(attribute="version.effective_to", required=True, allow_none=True)
    text = fields.String(required=True)


class CitingSchema(Schema):
    """What rests on an article."""

    kind = fields.String(required=True)
    id = fields.UUID(required=True)
    title = fields.String(required=True)
    point = fields.String(required=True)


class LawLink(Schema):
    """A law by name."""

    id = fields.UUID(required=True)
    name = fields.String(required=True)
    short_name = fields.String(required=True)


class ArticleSchema(Schema):
    """An article with what stands around it."""

    id = fields.UUID(attribute="article.id", required=True)
    law = fields.Nested(LawLink, attribute="article.law", required=True)
    version = fields.Nested(LawVersionSchema, attribute="article.version", required=True)
    position = fields.Integer(attribute="article.position", required=True)
    number = fields.String(attribute="article.number", required=True)
    label = fields.String(attribute="article.label", required=True)
    title = fields.String(attribute="article.title", required=True)
    chapter = fields.List(fields.String(), attribute="article.chapter", required=True)
    text = fields.String(attribute="article.text", required=True)
    previous = fields.Nested(ArticleLink, required=True, allow_none=True)
    next = fields.Nested(ArticleLink, required=True, allow_none=True)
    versions = fields.List(fields.Nested(ArticleVersion), required=True)
    cited_by = fields.List(fields.Nested(CitingSchema), required=True)
    related = fields.List(fields.Nested(RelatedTextSchema), required=True)


class LawVersionsSchema(Schema):
    """A law's versions, newest first."""

    law = fields.Nested(LawLink, required=True)
    items = fields.List(fields.Nested(LawVersionSchema), required=True)


class DifferenceSchema(Schema):
    """A stretch of text and what became of it."""

    op = Choice(Op, required=True)
    text = fields.String(required=True)


class HistoryArticle(Schema):
    """The article as it stands in one version."""

    id = fields.UUID(required=True)
    label = fields.String(required=True)
    chapter = fields.List(fields.String(), required=True)
    text = fields.String(required=True)


class HistoryEntrySchema(Schema):
    """One version; `article` is null where it no longer has the article."""

    version = fields.Nested(LawVersionSchema, required=True)
    article = fields.Nested(HistoryArticle, required=True, allow_none=True)
    change = Choice(Change, required=True)
    change_label = fields.String(attribute="change.label", required=True)
    note = fields.String(
        required=True,
        allow_none=True,
        metadata={"description": "上一版本里是另一个序号时写明，例如“原第二十一条”"},
    )
    former = fields.Nested(
        ArticleLink,
        required=True,
        allow_none=True,
        metadata={"description": "上一版本里序号不同的这一条"},
    )
    difference = fields.List(
        fields.Nested(DifferenceSchema),
        required=True,
        metadata={"description": "与上一版本逐词比较；最早的版本没有可比较的，为空"},
    )


class ArticleHistorySchema(Schema):
    """An article through the versions of its law, newest first."""

    id = fields.UUID(attribute="article.id", required=True)
    law = fields.Nested(LawLink, attribute="article.law", required=True)
    number = fields.String(attribute="article.number", required=True)
    label = fields.String(attribute="article.label", required=True)
    title = fields.String(attribute="article.title", required=True)
    items = fields.List(fields.Nested(HistoryEntrySchema), attribute="entries", required=True)
