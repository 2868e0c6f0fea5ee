"""Routes of the content editors."""

from __future__ import annotations

import uuid
from typing import Any

from flask import Response

from portal.core.db import db
from portal.knowledge import editing, miss_groups, queries, review_notes, staff_search
from portal.knowledge.categories import require_known
from portal.knowledge.miss_groups import Group
from portal.knowledge.models import Faq, PublicationState, ReviewItem
from portal.knowledge.policies import EDITORS
from portal.knowledge.staff_schemas import (
    FaqCreate,
    FaqDraftArgs,
    FaqPatch,
    KnowledgeReviewListArgs,
    KnowledgeReviewSchema,
    SearchEvaluationSchema,
    SearchMissListArgs,
    SearchMissSchema,
    StaffFaqItem,
    StaffFaqListArgs,
    StaffFaqSchema,
    StaffSearchArgs,
    StaffSearchSchema,
)
from portal.knowledge.workflow import FAQ
from portal.web import conditional
from portal.web.blueprint import Blueprint, ready, roles
from portal.web.pagination import Page, PageArgs, page_schema
from portal.web.request_context import current_actor

EDITOR = roles(*EDITORS)
_PATHS = {"publish": "/publication", "withdraw": "/withdrawal"}

blp = Blueprint("staff-knowledge", __name__, url_prefix="/api/v1/staff", description="内容维护")


def _shown(faq: Faq) -> Faq:
    """Give the schema what it shows beyond the row, and tag the answer with the row's version."""
    db.session.refresh(faq, ["citations", "category"])
    for row in faq.citations:
        db.session.refresh(row, ["article"])
    faq.allowed_actions = _steps(faq)  # type: ignore[attr-defined]
    conditional.tag(faq)
    return faq


def _steps(faq: Faq) -> list[dict[str, str]]:
    """What the editor may do now, and where: an FAQ is edited in every state."""
    found = [("edit", "修改", "PATCH", "")]
    found += [
        (row.action, row.label, "POST", _PATHS[row.action])
        for row in FAQ.allowed(faq, current_actor())
    ]
    base = f"/api/v1/staff/faqs/{faq.id}"
    return [
        {"action": action, "label": label, "method": method, "url": base + path}
        for action, label, method, path in found
    ]


@blp.get("/faqs", audience=EDITOR, query=StaffFaqListArgs, returns=page_schema(StaffFaqItem))
def list_faqs(query: dict[str, Any]) -> Page[Any]:
    """全部问答，含草稿和已撤下的"""
    state = query["state"]
    return queries.faqs(
        category=query["category"],
        cited_article=query["article"],
        states=(state,) if state else tuple(PublicationState),
        cursor=query["cursor"],
        size=query["size"],
    )


@blp.post("/faqs", audience=EDITOR, body=FaqCreate, returns=StaffFaqSchema, status=201)
def create_faq(body: dict[str, Any]) -> Faq:
    """起草一条问答"""
    miss_id = body.pop("miss_id")
    miss = queries.miss(miss_id) if miss_id else None
    return _shown(editing.create_faq(current_actor(), body, miss))


@blp.get("/faqs/<uuid:faq_id>", audience=EDITOR, returns=StaffFaqSchema)
def show_faq(faq_id: uuid.UUID) -> Faq:
    """查看一条问答"""
    return _shown(queries.faq(faq_id, published=False))


@blp.patch(
    "/faqs/<uuid:faq_id>", audience=EDITOR, body=FaqPatch, returns=StaffFaqSchema, if_match=True
)
def update_faq(faq_id: uuid.UUID, body: dict[str, Any]) -> Faq:
    """修改一条问答"""
    faq = queries.faq(faq_id, published=False)
    conditional.require_match(faq)
    return _shown(editing.update_faq(current_actor(), faq, body))


@blp.post("/faqs/<uuid:faq_id>/publication", audience=EDITOR, returns=StaffFaqSchema, if_match=True)
def publish_faq(faq_id: uuid.UUID) -> Faq:
    """发布一条问答"""
    faq = queries.faq(faq_id, published=False)
    conditional.require_match(faq)
    return _shown(editing.publish_faq(current_actor(), faq))


@blp.post("/faqs/<uuid:faq_id>/withdrawal", audience=EDITOR, returns=StaffFaqSchema, if_match=True)
def withdraw_faq(faq_id: uuid.UUID) -> Faq:
    """撤下一条问答"""
    faq = queries.faq(faq_id, published=False)
    conditional.require_match(faq)
    return _shown(editing.withdraw_faq(current_actor(), faq))


@blp.get(
    "/search",
    audience=EDITOR,
    query=StaffSearchArgs,
    returns=StaffSearchSchema,
    # The words of a whole corpus by field cost tenths of a second.
    limit="60 per minute",
)
def search_by_field(query: dict[str, Any]) -> Response:
    """按字段检索；不写表达式时只返回写法说明"""
    return ready(staff_search.search(query["q"], query["cursor"], query["size"]).answer())


@blp.get(
    "/search/misses",
    audience=EDITOR,
    query=SearchMissListArgs,
    returns=page_schema(SearchMissSchema),
)
def list_misses(query: dict[str, Any]) -> Page[Group]:
    """居民搜了但没有找到的问题，相近的问法合为一条（不含个人信息）"""
    require_known(query["category"])
    return miss_groups.listed(
        state=query["state"],
        category=query["category"],
        text=query["q"],
        cursor=query["cursor"],
        size=query["size"],
    )


@blp.post(
    "/search/misses/<uuid:miss_id>/faq-draft",
    audience=EDITOR,
    body=FaqDraftArgs,
    returns=StaffFaqSchema,
    status=201,
)
def draft_faq(miss_id: uuid.UUID, body: dict[str, Any]) -> Faq:
    """为这个问题起草问答，问法和类别已填好"""
    return _shown(editing.draft_faq_for(current_actor(), queries.miss(miss_id), body["category"]))


@blp.post("/search/misses/<uuid:miss_id>/dismissal", audience=EDITOR, returns=SearchMissSchema)
def dismiss_miss(miss_id: uuid.UUID) -> Group:
    """不需要补充问答"""
    return editing.dismiss_miss(current_actor(), queries.miss(miss_id))


@blp.post("/search/misses/<uuid:miss_id>/reopening", audience=EDITOR, returns=SearchMissSchema)
def reopen_miss(miss_id: uuid.UUID) -> Group:
    """恢复为待处理；没有动过的草稿一并删除"""
    return editing.reopen_miss(current_actor(), queries.miss(miss_id))


@blp.get(
    "/search/evaluations",
    audience=EDITOR,
    query=PageArgs,
    returns=page_schema(SearchEvaluationSchema),
)
def list_evaluations(query: dict[str, Any]) -> Page[Any]:
    """历次检索评测，最近的在前（由 flask search evaluate 产生）"""
    return queries.evaluations(cursor=query["cursor"], size=query["size"])


@blp.get(
    "/knowledge/reviews",
    audience=EDITOR,
    query=KnowledgeReviewListArgs,
    returns=page_schema(KnowledgeReviewSchema),
)
def list_reviews(query: dict[str, Any]) -> Page[Any]:
    """所引条文有变动、需要复核的内容"""
    page = queries.reviews(state=query["state"], cursor=query["cursor"], size=query["size"])
    _tell(page.items)
    return page


@blp.post(
    "/knowledge/reviews/<uuid:review_id>/completion", audience=EDITOR, returns=KnowledgeReviewSchema
)
def finish_review(review_id: uuid.UUID) -> ReviewItem:
    """已经对照现行条文复核"""
    item = queries.review(review_id)
    # Told as it was before the reading is noted.
    _tell([item])
    return editing.finish_review(current_actor(), item)


def _tell(items: list[ReviewItem]) -> None:
    """Give the schema what is told of each one."""
    told = review_notes.tell(items)
    for item in items:
        item.told = told[item.id]  # type: ignore[attr-defined]  # for the schema only
