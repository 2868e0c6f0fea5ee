"""Public routes: search, citations, laws, FAQ, guides, categories."""

from __future__ import annotations

import uuid
from typing import Any

import structlog
from flask import Flask, Response

from portal.knowledge import citations, history, index, next_steps, queries, related
from portal.knowledge.categories import require_known
from portal.knowledge.documents import key_of, subject_of
from portal.knowledge.law_schemas import (
    ArticleHistorySchema,
    ArticleItem,
    ArticleListArgs,
    ArticleSchema,
    LawArgs,
    LawListArgs,
    LawListItem,
    LawSchema,
    LawVersionsSchema,
)
from portal.knowledge.models import Faq, Guide
from portal.knowledge.schemas import (
    LONGEST,
    CategoriesSchema,
    CitationCheckArgs,
    CitationCheckSchema,
    FaqItem,
    FaqListArgs,
    FaqSchema,
    GuideItem,
    GuideListArgs,
    GuideSchema,
    HelpLinesSchema,
    SearchArgs,
    SearchResultSchema,
    SuggestionArgs,
    SuggestionsSchema,
)
from portal.knowledge.search import Question, search
from portal.web import conditional
from portal.web.blueprint import PUBLIC, Blueprint, ready
from portal.web.pagination import Page, page_schema
from portal.web.problems import from_domain_error
from search_index import SearchIndexError

# An index of thousands of texts answers in milliseconds; the limit keeps one caller from having it all.
SEARCH_LIMIT = "120 per minute"

search_blp = Blueprint("search", __name__, url_prefix="/api/v1", description="检索")
laws_blp = Blueprint("laws", __name__, url_prefix="/api/v1", description="法律条文")
content_blp = Blueprint("content", __name__, url_prefix="/api/v1", description="问答和指南")
_log = structlog.get_logger(__name__)


def init_app(app: Flask) -> None:
    """Answer where a file of the index turns out to be unreadable only when it is needed, as without an index."""

    def unreadable(error: SearchIndexError) -> Response:
        _log.error("search_index_unreadable", error=str(error))
        return from_domain_error(index.unavailable())

    app.register_error_handler(SearchIndexError, unreadable)


@search_blp.get(
    "/search", audience=PUBLIC, query=SearchArgs, returns=SearchResultSchema, limit=SEARCH_LIMIT
)
def search_all(query: dict[str, Any]) -> Response:
    """检索法律条文、常见问答、指南和律师答复"""
    require_known(*query["category"])
    asked = query["q"]
    question = Question(
        text=asked[:LONGEST].rstrip(),
        shortened=len(asked) > LONGEST,
        kinds=tuple(query["kind"]),
        levels=tuple(query["level"]),
        validities=tuple(query["validity"]),
        categories=tuple(query["category"]),
        as_of=query["as_of"],
        size=query["size"],
        cursor=query["cursor"],
    )
    return ready(search(question).answer())


@search_blp.get(
    "/search/suggestions", audience=PUBLIC, query=SuggestionArgs, returns=SuggestionsSchema
)
def suggestions(query: dict[str, Any]) -> dict[str, Any]:
    """输入时的联想"""
    lines = index.reader().suggest(query["q"], query["size"])
    return {
        "items": [
            {
                "text": line.text,
                "kind": line.kind,
                "id": subject_of(line.key) if line.key else None,
            }
            for line in lines
        ]
    }


@search_blp.get("/search/help-lines", audience=PUBLIC, returns=HelpLinesSchema)
def help_lines() -> Response:
    """随时可以拨打的电话：请显示在每个检索页面上，不论提问写了什么"""
    response = ready({"items": next_steps.help_lines()})
    # They change once in years; an hour spares a request a page and loses nobody.
    response.headers["Cache-Control"] = "public, max-age=3600"
    return response


@search_blp.post(
    "/citations/check",
    audience=PUBLIC,
    body=CitationCheckArgs,
    returns=CitationCheckSchema,
    limit="30 per minute",
    # Nothing is written, so there is nothing to keep a key for.
    transaction=False,
)
def check_citations(body: dict[str, Any]) -> dict[str, Any]:
    """核对一段文字里引用的条文"""
    found = citations.check(body["text"])
    all_hold, summary = citations.summary(found)
    return {
        "text": body["text"],
        "citations": found,
        "all_hold": all_hold,
        "summary": summary,
    }


@laws_blp.get("/laws", audience=PUBLIC, query=LawListArgs, returns=page_schema(LawListItem))
def list_laws(query: dict[str, Any]) -> Page[Any]:
    """法律列表"""
    return queries.laws(
        name=query["q"],
        level=query["level"],
        validity=query["validity"],
        cursor=query["cursor"],
        size=query["size"],
    )


@laws_blp.get("/laws/<uuid:law_id>", audience=PUBLIC, query=LawArgs, returns=LawSchema)
def show_law(law_id: uuid.UUID, query: dict[str, Any]) -> dict[str, Any]:
    """一部法律：版本和章节目录"""
    law = queries.law(law_id)
    version = queries.version_of(law, query["version"])
    return {
        "id": law.id,
        "name": law.name,
        "short_name": law.short_name,
        "aliases": law.aliases,
        "subject": law.subject,
        "version": version,
        "versions": law.versions,
        "chapters": queries.chapters(version.id),
    }


@laws_blp.get("/laws/<uuid:law_id>/versions", audience=PUBLIC, returns=LawVersionsSchema)
def list_versions(law_id: uuid.UUID) -> dict[str, Any]:
    """一部法律的各个版本，最新的在前"""
    law = queries.law(law_id)
    return {"law": law, "items": law.versions[::-1]}


@laws_blp.get(
    "/laws/<uuid:law_id>/articles",
    audience=PUBLIC,
    query=ArticleListArgs,
    returns=page_schema(ArticleItem),
)
def list_articles(law_id: uuid.UUID, query: dict[str, Any]) -> Page[Any]:
    """一部法律的条文，按顺序"""
    version = queries.version_of(queries.law(law_id), query["version"])
    return queries.articles_of(
        version.id,
        first=query["from_position"],
        last=query["to_position"],
        cursor=query["cursor"],
        size=query["size"],
    )


@laws_blp.get("/articles/<uuid:article_id>", audience=PUBLIC, returns=ArticleSchema)
def show_article(article_id: uuid.UUID) -> dict[str, Any]:
    """一条：文字、前后条、各版本、引用它的问答"""
    view = queries.article_view(article_id)
    return {
        "article": view.article,
        "previous": view.previous,
        "next": view.next,
        "versions": view.versions,
        "cited_by": view.cited_by,
        "related": related.to_article(key_of("article", article_id)),
    }


@laws_blp.get(
    "/articles/<uuid:article_id>/history",
    audience=PUBLIC,
    returns=ArticleHistorySchema,
    # Comparing long articles word by word costs tens of milliseconds.
    limit="60 per minute",
)
def show_article_history(article_id: uuid.UUID) -> history.History:
    """一条在各个版本里的文字，以及每次修改了什么"""
    return history.of_article(article_id)


@content_blp.get("/categories", audience=PUBLIC, returns=CategoriesSchema)
def list_categories() -> dict[str, Any]:
    """问题类别"""
    return {"items": queries.categories()}


@content_blp.get("/faqs", audience=PUBLIC, query=FaqListArgs, returns=page_schema(FaqItem))
def list_faqs(query: dict[str, Any]) -> Page[Any]:
    """常见问答列表"""
    require_known(query["category"])
    return queries.faqs(
        category=query["category"],
        cited_article=query["article"],
        cursor=query["cursor"],
        size=query["size"],
    )


@content_blp.get("/faqs/<uuid:faq_id>", audience=PUBLIC, returns=FaqSchema)
def show_faq(faq_id: uuid.UUID) -> Faq:
    """一条常见问答"""
    faq = queries.faq(faq_id)
    faq.linked = queries.see_also(faq)  # type: ignore[attr-defined]  # for the schema only
    faq.also_asked = related.also_asked(key_of("faq", faq_id))  # type: ignore[attr-defined]
    conditional.tag(faq)
    return faq


@content_blp.get("/guides", audience=PUBLIC, query=GuideListArgs, returns=page_schema(GuideItem))
def list_guides(query: dict[str, Any]) -> Page[Any]:
    """办事指南列表"""
    require_known(query["category"])
    return queries.guides(category=query["category"], cursor=query["cursor"], size=query["size"])


@content_blp.get("/guides/<uuid:guide_id>", audience=PUBLIC, returns=GuideSchema)
def show_guide(guide_id: uuid.UUID) -> Guide:
    """一篇办事指南"""
    guide = queries.guide(guide_id)
    conditional.tag(guide)
    return guide
