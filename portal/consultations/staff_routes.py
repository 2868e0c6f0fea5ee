"""Staff's routes: worklists, moderation, answering, signing off, publication."""

from __future__ import annotations

import uuid
from typing import Any

from portal.audit import operations as audit
from portal.consultations import operations, policies, presenting, queries, schemas
from portal.consultations.models import SUBJECT_KIND, Consultation, Publication
from portal.consultations.operations.citing import CitationEntry
from portal.consultations.operations.publishing import RedactionAddition, RedactionDecision
from portal.core.errors import Forbidden, NotFound
from portal.knowledge.standing import Elsewhere
from portal.web import conditional
from portal.web.blueprint import Blueprint, roles
from portal.web.pagination import Page, page_schema
from portal.web.request_context import current_actor

blp = Blueprint(
    "staff-consultations",
    __name__,
    url_prefix="/api/v1/staff/consultations",
    description="咨询的审核、认领、答复、签发和公开。",
)

Dumped = dict[str, Any]

ANY = roles(*policies.STAFF_ROLES)
MODERATOR = roles(policies.MODERATOR)
LAWYER = roles(policies.LAWYER)
REVIEWER = roles(policies.REVIEWER)


def _load(consultation_id: uuid.UUID) -> Consultation:
    """Load for a step: readable by the caller, held, and at the version the caller saw."""
    found = queries.for_update(consultation_id)
    if found is None or not policies.can_read(current_actor(), found):
        raise NotFound("没有找到这条咨询。")
    conditional.require_match(found)
    return found


def _dump(consultation: Consultation) -> Dumped:
    conditional.tag(consultation)
    return presenting.for_staff(current_actor(), consultation)


@blp.get(
    "",
    audience=ANY,
    query=schemas.WorklistArgs,
    returns=page_schema(schemas.StaffSummary),
)
def index(query: Dumped) -> Any:
    """工作列表，剩余时间最少的在前

    列表里的文字已隐去个人信息；打开单条查看全文会留下记录。
    """
    actor = current_actor()
    which = query["list"] or queries.first_list(actor)
    if not actor.has_role(*queries.ROLES_OF_LIST[which]):
        raise Forbidden(f"您没有查看“{which.label}”列表的权限。")
    page = queries.worklist(
        actor,
        which,
        category=query["category"],
        state=query["state"],
        cursor=query["cursor"],
        size=query["size"],
    )
    return Page(presenting.staff_summaries(actor, page.items), page.next, page.size)


@blp.get(
    "/<uuid:consultation_id>",
    audience=ANY,
    returns=schemas.StaffConsultationSchema,
    transaction=True,
)
def show(consultation_id: uuid.UUID) -> Dumped:
    """一条咨询的全部内容；查看会留下记录"""
    actor = current_actor()
    found = queries.find(consultation_id)
    if found is None or not policies.can_read(actor, found):
        raise NotFound("没有找到这条咨询。")
    audit.record(actor, "consultation.viewed", SUBJECT_KIND, found.id, reference=found.reference)
    return _dump(found)


@blp.post(
    "/<uuid:consultation_id>/moderation",
    audience=MODERATOR,
    body=schemas.ModerationIn,
    returns=schemas.StaffConsultationSchema,
    if_match=True,
)
def moderate(consultation_id: uuid.UUID, body: Dumped) -> Dumped:
    """审核：受理、不予受理（附理由）、退回补充"""
    actor, consultation = current_actor(), _load(consultation_id)
    if body["decision"] == "accept":
        operations.accept(actor, consultation, body["category"])
    elif body["decision"] == "reject":
        operations.reject(actor, consultation, body["reason"], body["note"])
    else:
        operations.return_for_facts(actor, consultation, body["note"])
    return _dump(consultation)


@blp.post(
    "/<uuid:consultation_id>/reopening",
    audience=MODERATOR,
    returns=schemas.StaffConsultationSchema,
    if_match=True,
)
def reopen(consultation_id: uuid.UUID) -> Dumped:
    """撤销“不予受理”，恢复审核"""
    return _dump(operations.reopen(current_actor(), _load(consultation_id)))


@blp.post(
    "/bulk-moderation",
    audience=MODERATOR,
    body=schemas.BulkModerationIn,
    returns=schemas.BulkResultSchema,
)
def moderate_many(body: Dumped) -> Dumped:
    """批量审核：先预览，再执行

    不能处理的逐条说明原因，其余照常处理。
    """
    found = queries.many_for_update(body["ids"])
    outcomes = operations.moderate_many(
        current_actor(), found, body["decision"], body["reason"], preview=body["preview"]
    )
    known = {consultation.id for consultation in found}
    return {
        "preview": body["preview"],
        "items": [
            {
                "id": outcome.consultation.id,
                "reference": outcome.consultation.reference,
                "done": outcome.done,
                "message": outcome.message,
            }
            for outcome in outcomes
        ],
        "not_found": [each for each in dict.fromkeys(body["ids"]) if each not in known],
    }


@blp.post(
    "/<uuid:consultation_id>/claim",
    audience=LAWYER,
    returns=schemas.StaffConsultationSchema,
    if_match=True,
)
def claim(consultation_id: uuid.UUID) -> Dumped:
    """认领；长时间没有进展会自动退回"""
    consultation = queries.for_update(consultation_id)
    if consultation is None or not (
        policies.can_read(current_actor(), consultation) or consultation.lawyer_id
    ):
        raise NotFound("没有找到这条咨询。")
    # Whoever comes second learns that somebody was faster, not that their copy is stale.
    operations.refuse_if_taken(current_actor(), consultation)
    conditional.require_match(consultation)
    return _dump(operations.claim(current_actor(), consultation))


@blp.post(
    "/<uuid:consultation_id>/release",
    audience=roles(policies.LAWYER, policies.MODERATOR),
    returns=schemas.StaffConsultationSchema,
    if_match=True,
)
def release(consultation_id: uuid.UUID) -> Dumped:
    """退回待认领"""
    return _dump(operations.release(current_actor(), _load(consultation_id)))


@blp.post(
    "/<uuid:consultation_id>/questions",
    audience=LAWYER,
    body=schemas.QuestionBackIn,
    returns=schemas.StaffConsultationSchema,
    if_match=True,
)
def ask_back(consultation_id: uuid.UUID, body: Dumped) -> Dumped:
    """询问居民；答复时限暂停到居民回复为止"""
    return _dump(operations.ask_back(current_actor(), _load(consultation_id), body["text"]))


def _entries(body: Dumped) -> list[CitationEntry]:
    return [CitationEntry(**entry) for entry in body["citations"]]


def _elsewhere(body: Dumped) -> list[Elsewhere]:
    return [Elsewhere(**each) for each in body["checked_elsewhere"]]


@blp.put(
    "/<uuid:consultation_id>/answer-draft",
    audience=LAWYER,
    body=schemas.AnswerIn,
    returns=schemas.StaffConsultationSchema,
    if_match=True,
)
def save_draft(consultation_id: uuid.UUID, body: Dumped) -> Dumped:
    """保存答复草稿；引用的法条当即核验"""
    consultation = _load(consultation_id)
    operations.save_draft(
        current_actor(), consultation, body["text"], _entries(body), _elsewhere(body)
    )
    return _dump(consultation)


@blp.post(
    "/<uuid:consultation_id>/answer",
    audience=LAWYER,
    body=schemas.AnswerIn,
    returns=schemas.StaffConsultationSchema,
    if_match=True,
)
def submit_answer(consultation_id: uuid.UUID, body: Dumped) -> Dumped:
    """提交答复，等待另一人签发

    引用了没有收录的法律的，逐部写明在哪里核对过；签发人看得到，签发时再核验一次。
    """
    consultation = _load(consultation_id)
    return _dump(
        operations.submit_answer(
            current_actor(), consultation, body["text"], _entries(body), _elsewhere(body)
        )
    )


@blp.post(
    "/<uuid:consultation_id>/sign-off",
    audience=REVIEWER,
    body=schemas.SignOffIn,
    returns=schemas.StaffConsultationSchema,
    if_match=True,
)
def sign_off(consultation_id: uuid.UUID, body: Dumped) -> Dumped:
    """签发，或者退回修改；签发人不得是答复人

    签发时再核验一次引用；提交以后导入的法律按收录的条文核验。
    """
    actor, consultation = current_actor(), _load(consultation_id)
    if body["decision"] == "approve":
        operations.sign_off(actor, consultation)
    else:
        operations.send_back(actor, consultation, body["note"])
    return _dump(consultation)


# --- publication -----------------------------------------------------------------------------------------------------


def _publication(consultation_id: uuid.UUID) -> Publication:
    found = queries.publication_of(consultation_id)
    if found is None:
        raise NotFound("这条咨询还没有公开稿。", next_step="请先生成公开稿。")
    return found


def _dump_publication(publication: Publication) -> Dumped:
    conditional.tag(publication)
    return presenting.publication_draft(publication)


@blp.post(
    "/<uuid:consultation_id>/publication",
    audience=MODERATOR,
    returns=schemas.PublicationSchema,
    status=201,
)
def propose_publication(consultation_id: uuid.UUID) -> Dumped:
    """生成公开稿，并标出疑似个人信息"""
    consultation = queries.for_update(consultation_id)
    if consultation is None:
        raise NotFound("没有找到这条咨询。")
    return _dump_publication(operations.propose_publication(current_actor(), consultation))


@blp.get(
    "/<uuid:consultation_id>/publication",
    audience=MODERATOR,
    returns=schemas.PublicationSchema,
    transaction=True,
)
def show_publication(consultation_id: uuid.UUID) -> Dumped:
    """公开稿和待确认的内容；查看会留下记录"""
    publication = _publication(consultation_id)
    audit.record(
        current_actor(),
        "consultation.publication_viewed",
        SUBJECT_KIND,
        consultation_id,
        reference=publication.consultation.reference,
    )
    return _dump_publication(publication)


@blp.patch(
    "/<uuid:consultation_id>/publication",
    audience=MODERATOR,
    body=schemas.PublicationEditIn,
    returns=schemas.PublicationSchema,
    if_match=True,
)
def edit_publication(consultation_id: uuid.UUID, body: Dumped) -> Dumped:
    """逐处确认去掉或保留，补充遗漏，修改标题"""
    publication = _publication(consultation_id)
    conditional.require_match(publication)
    operations.edit_publication(
        current_actor(),
        publication,
        decisions=[RedactionDecision(**each) for each in body["decisions"]],
        additions=[RedactionAddition(**each) for each in body["additions"]],
        title=body["title"],
    )
    return _dump_publication(publication)


@blp.post(
    "/<uuid:consultation_id>/publication/confirmation",
    audience=MODERATOR,
    returns=schemas.PublicationSchema,
    if_match=True,
)
def confirm_publication(consultation_id: uuid.UUID) -> Dumped:
    """公开；所有疑似个人信息都要先确认"""
    publication = _publication(consultation_id)
    conditional.require_match(publication)
    return _dump_publication(operations.confirm_publication(current_actor(), publication))


@blp.post(
    "/<uuid:consultation_id>/publication/withdrawal",
    audience=MODERATOR,
    returns=schemas.PublicationSchema,
    if_match=True,
)
def withdraw_publication(consultation_id: uuid.UUID) -> Dumped:
    """撤下公开的问答"""
    publication = _publication(consultation_id)
    conditional.require_match(publication)
    return _dump_publication(operations.withdraw_publication(current_actor(), publication))
