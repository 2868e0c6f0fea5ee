"""The form of the content files. Messages are for the editor of the file, in Chinese."""

from __future__ import annotations

from typing import Any

import marshmallow as ma
from marshmallow import fields, validate

from portal.web.schemas import CleanString, PlainDate, Schema
from search_index import parse_article_number

_SLUG = validate.Regexp(r"[a-z0-9]+(?:[-_][a-z0-9]+)*\Z", error="只能用小写字母、数字和连字符。")


def _article(text: str) -> None:
    if not parse_article_number(text):
        raise ma.ValidationError("条文序号无法识别，应当像“第六百七十五条”。")


class CitationEntry(Schema):
    """A citation: the law's full name, the article, and what it carries."""

    law = CleanString(required=True, min_length=2, max_length=300)
    article = CleanString(required=True, min_length=1, max_length=30, validate=_article)
    point = CleanString(load_default="", max_length=200)


class CategoryEntry(Schema):
    """An entry of categories.yaml."""

    code = CleanString(
        required=True,
        min_length=1,
        max_length=40,
        validate=validate.Regexp(r"[a-z][a-z0-9_]*\Z", error="只能用小写字母、数字和下划线。"),
    )
    label = CleanString(required=True, min_length=1, max_length=40)
    description = CleanString(load_default="", max_length=200)
    keywords = fields.List(CleanString(min_length=1, max_length=40), load_default=list)


class FaqEntry(Schema):
    """An entry of an FAQ file."""

    id = CleanString(required=True, min_length=1, max_length=80, validate=_SLUG)
    question = CleanString(required=True, min_length=2, max_length=200)
    other_wordings = fields.List(CleanString(min_length=1, max_length=200), load_default=list)
    answer = CleanString(required=True, min_length=1, max_length=4000, multiline=True)
    steps = fields.List(CleanString(min_length=1, max_length=500), load_default=list)
    citations = fields.List(
        fields.Nested(CitationEntry),
        required=True,
        validate=validate.Length(min=1, max=20, error="应当有 1 到 20 条引用。"),
    )
    see_also = fields.List(CleanString(min_length=1, max_length=80), load_default=list)
    reviewed_on = PlainDate(required=True)


class GuideEntry(Schema):
    """The head of a guide, and its body."""

    id = CleanString(required=True, min_length=1, max_length=80, validate=_SLUG)
    title = CleanString(required=True, min_length=2, max_length=200)
    category = CleanString(required=True, min_length=1, max_length=40)
    summary = CleanString(required=True, min_length=2, max_length=300)
    body = CleanString(required=True, min_length=1, max_length=50_000, multiline=True)
    citations = fields.List(fields.Nested(CitationEntry), load_default=list)
    reviewed_on = PlainDate(required=True)


# --- what a search says besides its results ---


class RepealedLaw(Schema):
    """A law that was replaced, and the words by which its successor is searched."""

    name = CleanString(required=True, min_length=2, max_length=300)
    about = CleanString(required=True, min_length=2, max_length=60)


class RepealEntry(Schema):
    """An entry of search/repealed_laws.yaml: the article of a law that repeals others."""

    by = CleanString(required=True, min_length=2, max_length=300)
    article = CleanString(required=True, min_length=1, max_length=30, validate=_article)
    laws = fields.List(fields.Nested(RepealedLaw), required=True, validate=validate.Length(min=1))


class UrgentStep(Schema):
    """A step that helps at once."""

    text = CleanString(required=True, min_length=4, max_length=120)
    phone = CleanString(
        required=True,
        min_length=3,
        max_length=13,
        validate=validate.Regexp(r"[0-9][0-9-]+\Z", error="只能是电话号码，要加引号。"),
    )


def _words() -> fields.List[Any]:
    return fields.List(
        # One character would stand in every other question.
        CleanString(min_length=2, max_length=300),
        required=True,
        validate=validate.Length(min=1, error="至少要有一项。"),
    )


class WordGroups(Schema):
    """The groups of words at the head of a file, by name."""

    groups = fields.Dict(
        keys=CleanString(min_length=1, max_length=20),
        values=fields.List(
            CleanString(min_length=1, max_length=20),
            required=True,
            validate=validate.Length(min=1, error="至少要有一项。"),
        ),
        load_default=dict,
    )


class UrgentEntry(Schema):
    """An entry of search/urgent.yaml."""

    id = CleanString(required=True, min_length=1, max_length=80, validate=_SLUG)
    words = _words()
    harmless = fields.List(CleanString(min_length=2, max_length=300), load_default=list)
    at_once = fields.Boolean(load_default=True)
    alone = fields.Boolean(load_default=False)
    others = fields.List(CleanString(min_length=2, max_length=300), load_default=list)
    always = CleanString(load_default=None, min_length=2, max_length=12)
    steps = fields.List(
        fields.Nested(UrgentStep), required=True, validate=validate.Length(min=1, max=5)
    )


class ExamplesEntry(Schema):
    """An entry of search/danger.yaml: sentences from which it is learned how people in danger speak, or do not."""

    id = CleanString(required=True, min_length=1, max_length=80, validate=_SLUG)
    danger = fields.Boolean(required=True)
    sentences = fields.List(
        CleanString(min_length=2, max_length=300),
        required=True,
        validate=validate.Length(min=1, error="至少要有一句。"),
    )


class ServiceEntry(Schema):
    """An entry of search/services.yaml."""

    id = CleanString(required=True, min_length=1, max_length=80, validate=_SLUG)
    words = _words()
    text = CleanString(required=True, min_length=4, max_length=120)
    method = fields.String(
        load_default="GET", validate=validate.OneOf(("GET", "POST"), error="只能是 GET 或者 POST。")
    )
    url = CleanString(
        required=True,
        min_length=1,
        max_length=200,
        validate=validate.Regexp(
            r"/api/v1/[a-z0-9/_?=&-]+\Z", error="应当是以 /api/v1/ 开头的路径。"
        ),
    )
