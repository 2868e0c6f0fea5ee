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
from portal.knowledge import content, index, misses, workflow
from portal.knowledge.citations import resolve
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

_TEXT_FIELDS = ("question", "other_wordings", "answer", "steps", "see_also")


@transactional
def create_faq(actor: Actor, values: dict[str, Any], miss: SearchMiss | None = None) -> Faq:
    """Draft an FAQ; with `miss`, the question it answers is settled.

    Raises Forbidden, and Invalid for an unknown category and for a citation that does not hold.
    """
    _require(actor)
    category = require_category(values["category"])
    faq_id = new_id()
    faq = Faq(
        id=faq_id,
        slug=f"{category.code.replace('_', '-')}-{faq_id.hex[-10:]}",
        category_code=category.code,
        reviewed_on=clock.today(),
        state=PublicationState.DRAFT,
        origin=Origin.STAFF,
        **{name: values[name] for name in _TEXT_FIELDS},
    )
    db.session.add(faq)
    content.set_citations(faq, _checked(values["citations"]))
    db.session.flush()
    audit.record(actor, "faq.created", "faq", faq.id, {"category": category.code})
    if miss is not None:
        misses.settle(miss, MissState.ANSWERED, actor.id)
        miss.faq_id = faq.id
        audit.record(actor, "search_miss.answered", "search_miss", miss.id)
    return faq


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
        row.text_hash = row.article.text_hash if row.article else row.text_hash
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
def dismiss_miss(actor: Actor, miss: SearchMiss) -> SearchMiss:
    """Note that a question needs no FAQ. Raises WrongState when it was settled already."""
    _require(actor)
    if miss.state is not MissState.OPEN:
        raise WrongState(f"这条记录已经是“{miss.state.label}”。")
    misses.settle(miss, MissState.DISMISSED, actor.id)
    audit.record(actor, "search_miss.dismissed", "search_miss", miss.id)
    return miss


@transactional
def finish_review(actor: Actor, item: ReviewItem) -> ReviewItem:
    """Note that the text was read against the law as it is now. Raises WrongState when done already."""
    _require(actor)
    if item.state is not ReviewState.OPEN:
        raise WrongState("这条记录已经复核过了。")
    item.state = ReviewState.DONE
    item.handled_by, item.handled_at = actor.id, clock.now()
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
