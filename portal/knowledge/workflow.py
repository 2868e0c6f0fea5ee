"""States of an FAQ: draft, published, withdrawn."""

from __future__ import annotations

from portal.core.errors import DomainError, Invalid
from portal.core.workflow import Transition, Workflow
from portal.knowledge.models import Faq, PublicationState
from portal.knowledge.policies import can_edit

S = PublicationState


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
            citations_hold,
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
