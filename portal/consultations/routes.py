"""Residents' and public routes: parse, load, authorise, act, dump."""

from __future__ import annotations

import uuid
from typing import Any

from portal.accounts.operations import sessions
from portal.consultations import operations, policies, presenting, queries, schemas
from portal.consultations.models import Consultation
from portal.consultations.operations.asking import Question
from portal.core.errors import NotFound
from portal.knowledge import matching
from portal.web import conditional
from portal.web.blueprint import PUBLIC, RESIDENT, Blueprint
from portal.web.pagination import Page, PageArgs, page_schema
from portal.web.request_context import current_actor

blp = Blueprint(
    "consultations",
    __name__,
    url_prefix="/api/v1/consultations",
    description="法律咨询：提问、补充、查看答复、评价、追问。",
)
questions = Blueprint(
    "questions", __name__, url_prefix="/api/v1/questions", description="已公开的问答。"
)

Dumped = dict[str, Any]


def _mine(consultation_id: uuid.UUID, *, lock: bool = False) -> Consultation:
    """Load the caller's own consultation; anybody else's is not known to exist. With `lock` for a step."""
    if lock:
        sessions.require_active(current_actor())
    found = queries.for_update(consultation_id) if lock else queries.find(consultation_id)
    if found is None or not policies.can_speak_for(current_actor(), found):
        raise NotFound("没有找到这条咨询。")
    return found


def _dump(consultation: Consultation) -> Dumped:
    conditional.tag(consultation)
    return presenting.for_resident(current_actor(), consultation)


@blp.post(
    "/matches",
    audience=RESIDENT,
    body=schemas.MatchIn,
    returns=schemas.MatchesSchema,
    transaction=False,
    limit="60 per minute",
)
def matches(body: Dumped) -> Dumped:
    """提交前先看看：可能已经有答案的常见问题和法条

    文字不会被保存。
    """
    items = matching.matches(body["text"])
    found = "这些内容可能已经回答了您的问题；如果没有，请继续提交咨询。"
    return {"items": items, "next_step": found if items else "没有找到现成的答案，请提交咨询。"}


@blp.post(
    "",
    audience=RESIDENT,
    body=schemas.ConsultationIn,
    returns=schemas.ConsultationSchema,
    status=201,
    limit="20 per hour",
)
def ask(body: Dumped) -> tuple[Dumped, int, dict[str, str]]:
    """提交咨询

    文字和电话只有办理人员看得到，存储时加密。带上 Idempotency-Key 可以放心重试。
    """
    consultation = operations.ask(current_actor(), Question(**body))
    location = {"Location": f"/api/v1/consultations/{consultation.id}"}
    return _dump(consultation), 201, location


@blp.get("", audience=RESIDENT, query=PageArgs, returns=page_schema(schemas.ConsultationSummary))
def index(query: Dumped) -> Any:
    """我的咨询，新的在前"""
    actor = current_actor()
    page = queries.of_resident(actor.own_id, query["cursor"], query["size"])
    return Page([presenting.resident_summary(item) for item in page.items], page.next, page.size)


@blp.get("/<uuid:consultation_id>", audience=RESIDENT, returns=schemas.ConsultationSchema)
def show(consultation_id: uuid.UUID) -> Dumped:
    """一条咨询：进展、对话、答复、时限和可以做的事"""
    return _dump(_mine(consultation_id))


@blp.post(
    "/<uuid:consultation_id>/messages",
    audience=RESIDENT,
    body=schemas.SayIn,
    returns=schemas.ConsultationSchema,
)
def say(consultation_id: uuid.UUID, body: Dumped) -> Dumped:
    """补充情况，或者回复律师的询问"""
    consultation = _mine(consultation_id, lock=True)
    operations.say(current_actor(), consultation, body["text"], body["attachment_ids"])
    return _dump(consultation)


@blp.post(
    "/<uuid:consultation_id>/follow-up",
    audience=RESIDENT,
    body=schemas.FollowUpIn,
    returns=schemas.ConsultationSchema,
)
def follow_up(consultation_id: uuid.UUID, body: Dumped) -> Dumped:
    """就答复追问一次"""
    consultation = _mine(consultation_id, lock=True)
    return _dump(operations.follow_up(current_actor(), consultation, body["text"]))


@blp.post(
    "/<uuid:consultation_id>/rating",
    audience=RESIDENT,
    body=schemas.RatingIn,
    returns=schemas.ConsultationSchema,
)
def rate(consultation_id: uuid.UUID, body: Dumped) -> Dumped:
    """评价答复，1 到 5 分；可以修改"""
    consultation = _mine(consultation_id, lock=True)
    return _dump(operations.rate(current_actor(), consultation, body["rating"], body["comment"]))


@blp.post(
    "/<uuid:consultation_id>/withdrawal",
    audience=RESIDENT,
    returns=schemas.ConsultationSchema,
)
def withdraw(consultation_id: uuid.UUID) -> Dumped:
    """撤回咨询"""
    return _dump(operations.withdraw(current_actor(), _mine(consultation_id, lock=True)))


@blp.post("/<uuid:consultation_id>/closure", audience=RESIDENT, returns=schemas.ConsultationSchema)
def close(consultation_id: uuid.UUID) -> Dumped:
    """确认办结，不再追问"""
    return _dump(operations.close(current_actor(), _mine(consultation_id, lock=True)))


@blp.patch(
    "/<uuid:consultation_id>",
    audience=RESIDENT,
    body=schemas.WishIn,
    returns=schemas.ConsultationSchema,
    if_match=True,
)
def change_wish(consultation_id: uuid.UUID, body: Dumped) -> Dumped:
    """改变是否公开的意愿；已公开的会撤下"""
    consultation = _mine(consultation_id, lock=True)
    conditional.require_match(consultation)
    return _dump(operations.change_wish(current_actor(), consultation, body["keep_unpublished"]))


@questions.get(
    "",
    audience=PUBLIC,
    query=schemas.QuestionArgs,
    returns=page_schema(schemas.QuestionSummary),
)
def public_index(query: Dumped) -> Any:
    """已公开的问答，新的在前"""
    return queries.published_page(query["category"], query["cursor"], query["size"])


@questions.get("/<uuid:question_id>", audience=PUBLIC, returns=schemas.QuestionSchema)
def public_show(question_id: uuid.UUID) -> Dumped:
    """一条已公开的问答"""
    found = queries.published(question_id)
    if found is None:
        raise NotFound("没有找到这条问答，它可能已经撤下。")
    return presenting.public_question(found)
