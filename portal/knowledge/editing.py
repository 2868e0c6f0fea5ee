"""What content editors do: FAQ, the questions search could not answer, the review list.

Every step is audited, and what residents read is brought up to date in the index in the same commit.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from portal.audit import operations as audit
from portal.core import clock
from portal.core.actor import Actor
from portal.core.db import db, new_id
from portal.core.errors import Forbidden, Invalid, WrongState
from portal.core.unit_of_work import transactional
from portal.knowledge import content, index, miss_groups, misses, reviews, workflow
from portal.knowledge.citations import resolve
from portal.knowledge.miss_groups import Group
from portal.knowledge.models import (
    Faq,
    MissState,
    Origin,
    PublicationState,
    ReviewItem,
    ReviewState,
    SearchMiss,
)
from portal.knowledge.policies import can_edit
from portal.knowledge.queries import require_category
from portal.knowledge.search import by_keyword

# Where a question goes that nothing tells the category of; an editor puts it right with the rest.
OTHER_CATEGORY = "other"
MOST_WORDINGS = 30
_TEXT_FIELDS = ("question", "other_wordings", "answer", "steps", "see_also")


@transactional
def create_faq(actor: Actor, values: dict[str, Any], miss: SearchMiss | None = None) -> Faq:
    """Draft an FAQ; with `miss`, the question it answers is settled in all its wordings.

    Raises Forbidden, WrongState when that question has another FAQ already, and Invalid for an
    unknown category and for a citation that does not hold.
    """
    _require(actor)
    if miss is not None and miss.state is MissState.ANSWERED:
        # Else the question would point at the new one and the draft begun for it be forgotten.
        raise WrongState(
            "这个问题已经补充了问答。",
            next_step="请先看为它写的问答；确实要另写一条的，先恢复这条记录。",
        )
    category = require_category(values["category"])
    faq = _draft(category.code, {name: values[name] for name in _TEXT_FIELDS})
    content.set_citations(faq, _checked(values["citations"]))
    db.session.flush()
    audit.record(actor, "faq.created", "faq", faq.id, {"category": category.code})
    if miss is not None:
        _answer(actor, miss_groups.around(miss), faq)
    return faq


@transactional
def draft_faq_for(actor: Actor, miss: SearchMiss, category: str | None = None) -> Faq:
    """Begin the FAQ that a question asks for, with its wordings; the question counts as answered.

    It has no answer and no citations yet, and cannot be published before it has. `reopen_miss` takes
    it back. Raises Forbidden, WrongState, and Invalid for an unknown category.
    """
    _require(actor)
    _require_open(miss)
    group = miss_groups.around(miss)
    wordings = group.plain_wordings or [group.text]
    code = category or group.category_code or by_keyword(" ".join(wordings)) or OTHER_CATEGORY
    values = {
        "question": wordings[0],
        "other_wordings": wordings[1:MOST_WORDINGS],
        "answer": "",
        "steps": [],
        "see_also": [],
    }
    faq = _draft(require_category(code).code, values)
    db.session.flush()
    audit.record(actor, "faq.created", "faq", faq.id, {"category": code})
    _answer(actor, group, faq)
    return faq


def _draft(category: str, values: dict[str, Any]) -> Faq:
    faq_id = new_id()
    faq = Faq(
        id=faq_id,
        slug=f"{category.replace('_', '-')}-{faq_id.hex[-10:]}",
        category_code=category,
        reviewed_on=clock.today(),
        state=PublicationState.DRAFT,
        origin=Origin.STAFF,
        **values,
    )
    db.session.add(faq)
    return faq


def _answer(actor: Actor, group: Group, faq: Faq) -> None:
    misses.settle(group.members, MissState.ANSWERED, actor.id, faq.id)
    audit.record(
        actor, "search_miss.answered", "search_miss", group.id, {"wordings": len(group.members)}
    )


@transactional
def update_faq(actor: Actor, faq: Faq, values: dict[str, Any]) -> Faq:
    """Change an FAQ; it is taken as read against the law of today. Raises as `create_faq` does.

    The content files no longer overwrite it from then on.
    """
    _require(actor)
    if "category" in values:
        faq.category_code = require_category(values["category"]).code
    for name in _TEXT_FIELDS:
        if name in values:
            setattr(faq, name, values[name])
    if "citations" in values:
        content.set_citations(faq, _checked(values["citations"]))
    elif faq.state is PublicationState.PUBLISHED:
        refusal = workflow.citations_hold(faq)
        if refusal is not None:
            raise refusal
    for row in faq.citations:
        if row.article is not None:
            row.note_read(row.article)
    faq.origin = Origin.STAFF
    faq.reviewed_on = clock.today()
    # Also when only citations changed, so that the version moves on with every edit.
    faq.updated_at = clock.now()
    db.session.flush()
    index.schedule_update("faq", faq.id)
    _settle_reviews(actor, faq)
    audit.record(actor, "faq.changed", "faq", faq.id, {"fields": "、".join(sorted(values))})
    return faq


def _settle_reviews(actor: Actor, faq: Faq) -> None:
    """Whoever edits an FAQ has read it; what still does not hold comes up again by itself."""
    waiting = select(ReviewItem).where(
        ReviewItem.subject_kind == "faq",
        ReviewItem.subject_id == faq.id,
        ReviewItem.state == ReviewState.OPEN,
    )
    for item in db.session.scalars(waiting):
        item.state = ReviewState.DONE
        item.handled_by, item.handled_at = actor.id, clock.now()


@transactional
def publish_faq(actor: Actor, faq: Faq) -> Faq:
    """Show an FAQ to residents and make it findable. Raises WrongState, Forbidden, Invalid."""
    workflow.FAQ.execute(faq, "publish", actor)
    faq.published_at = clock.now()
    faq.origin = Origin.STAFF
    db.session.flush()
    index.schedule_update("faq", faq.id)
    audit.record(actor, "faq.published", "faq", faq.id)
    return faq


@transactional
def withdraw_faq(actor: Actor, faq: Faq) -> Faq:
    """Take an FAQ away from residents and out of the index. Raises WrongState, Forbidden."""
    workflow.FAQ.execute(faq, "withdraw", actor)
    faq.origin = Origin.STAFF
    db.session.flush()
    index.schedule_update("faq", faq.id)
    audit.record(actor, "faq.withdrawn", "faq", faq.id)
    return faq


@transactional
def dismiss_miss(actor: Actor, miss: SearchMiss) -> Group:
    """Note that a question needs no FAQ, in none of its wordings. Raises Forbidden, WrongState."""
    _require(actor)
    _require_open(miss)
    group = miss_groups.around(miss)
    misses.settle(group.members, MissState.DISMISSED, actor.id)
    audit.record(
        actor, "search_miss.dismissed", "search_miss", group.id, {"wordings": len(group.members)}
    )
    return group


@transactional
def reopen_miss(actor: Actor, miss: SearchMiss) -> Group:
    """Take back what settled a question: all wordings settled in that step return to the list.

    A draft made for it that nobody has touched goes with it; one that somebody has worked on stays.
    Raises Forbidden, and WrongState when the question is open or its FAQ is published.
    """
    _require(actor)
    if miss.state is MissState.OPEN:
        raise WrongState("这条记录还没有处理，不需要恢复。")
    faq = db.session.get(Faq, miss.faq_id) if miss.faq_id else None
    if faq is not None and faq.state is PublicationState.PUBLISHED:
        raise WrongState(
            "为它写的问答已经发布，不能恢复。", next_step="如果问答不合适，请先撤下，再恢复。"
        )
    group = Group(tuple(misses.settled_with(miss)))
    misses.reopen(group.members)
    db.session.flush()
    if faq is not None and _is_untouched(faq):
        db.session.delete(faq)
        audit.record(actor, "faq.discarded", "faq", faq.id)
    audit.record(
        actor, "search_miss.reopened", "search_miss", group.id, {"wordings": len(group.members)}
    )
    return group


def _is_untouched(faq: Faq) -> bool:
    """True for a draft as `draft_faq_for` made it."""
    return faq.state is PublicationState.DRAFT and faq.version == 1 and not faq.answer


def _require_open(miss: SearchMiss) -> None:
    if miss.state is not MissState.OPEN:
        raise WrongState(f"这条记录已经是“{miss.state.label}”。")


@transactional
def finish_review(actor: Actor, item: ReviewItem) -> ReviewItem:
    """Note that the text was read against the law as the item told. Raises WrongState when done already.

    It comes up again only when something further changes in what it cites.
    """
    _require(actor)
    if item.state is not ReviewState.OPEN:
        raise WrongState("这条记录已经复核过了。")
    item.state = ReviewState.DONE
    item.handled_by, item.handled_at = actor.id, clock.now()
    reviews.note_read(item)
    audit.record(
        actor, "knowledge_review.done", "knowledge_review", item.id, {"reason": item.reason.value}
    )
    return item


def _checked(citations: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Resolve each citation to an article in force; raises Invalid that names each one that fails."""
    problems: dict[str, list[str]] = {}
    resolved: list[dict[str, Any]] = []
    seen: set[object] = set()
    for number, item in enumerate(citations):
        try:
            article = resolve(item["law"], item["article"])
        except Invalid as error:
            problems[f"citations.{number}"] = [error.message]
            continue
        if article.id in seen:
            problems[f"citations.{number}"] = [f"{article.title}引用了两次。"]
        seen.add(article.id)
        resolved.append(
            {"law": article.law.name, "article": article.number, "point": item["point"]}
        )
    if problems:
        raise Invalid(
            "有引用的条文核对不上。",
            code="citations_do_not_hold",
            next_step="请按提示改正引用的法律名称和条文序号。",
            errors=problems,
        )
    return resolved


def _require(actor: Actor) -> None:
    if not can_edit(actor):
        raise Forbidden
