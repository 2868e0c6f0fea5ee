"""States of an FAQ: draft, published, withdrawn."""

from __future__ import annotations

from portal.core.errors import DomainError, Invalid
from portal.core.workflow import Transition, Workflow
from portal.knowledge import misses
from portal.knowledge.models import Faq, PublicationState
from portal.knowledge.policies import can_edit

S = PublicationState


def can_be_published(faq: Faq) -> DomainError | None:
    """Refuse a draft that is not finished, then one whose legal basis does not hold."""
    missing = {}
    if not faq.answer.strip():
        missing["answer"] = ["还没有写答复。"]
    if misses.is_masked(faq.question):
        missing["question"] = ["问题里还有遮住的文字，请改写成完整的问题。"]
    if not faq.category.listed:
        missing["category"] = [f"类别“{faq.category.label}”已经停用，请换一个类别。"]
    if missing:
        return Invalid(
            "这条问答还没有写完。",
            code="faq_incomplete",
            next_step="请补齐后再发布。",
            errors=missing,
        )
    return citations_hold(faq)


def citations_hold(faq: Faq) -> DomainError | None:
    """Refuse the publication of an FAQ whose legal basis is not in force (rule D: every answer cites)."""
    broken = [
        f"《{row.law_name}》第 {row.number} 条"
        for row in faq.citations
        if row.article is None or not row.article.version.status.is_law
    ]
    if faq.citations and not broken:
        return None
    message = f"所引条文不是现行有效的：{'、'.join(broken)}。" if broken else "没有引用任何条文。"
    return Invalid(
        message,
        code="citations_do_not_hold",
        next_step="请先补正引用的条文，再发布。",
        errors={"citations": [message]},
    )


FAQ = Workflow(
    "faq",
    "常见问答",
    PublicationState,
    [
        Transition(
            "publish",
            "发布",
            frozenset({S.DRAFT, S.WITHDRAWN}),
            S.PUBLISHED,
            "内容编辑",
            can_edit,
            "D",
            can_be_published,
        ),
        Transition(
            "withdraw",
            "撤下",
            frozenset({S.PUBLISHED}),
            S.WITHDRAWN,
            "内容编辑",
            can_edit,
            "D",
        ),
    ],
)
