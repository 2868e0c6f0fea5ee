"""What waits for a member of staff, and what of it is urgent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from portal.accounts.models import Role
from portal.consultations import queries as consultations
from portal.core.actor import Actor
from portal.core.db import db
from portal.knowledge import miss_groups
from portal.knowledge import queries as knowledge
from portal.knowledge.models import MissState, ReviewState
from portal.notary.queries import counts as notary
from portal.supervision import queries as supervision
from portal.supervision.models import Deadline
from portal.supervision.rules import RESIDENT

URGENT = 10


@dataclass(frozen=True)
class Counter:
    """How much waits in one list, and where the list is."""

    code: str
    label: str
    count: int
    path: str


def counters(actor: Actor) -> list[Counter]:
    """Return a counter for every list that the actor's roles give them; an empty list is told as 0."""
    found = [
        Counter(
            f"consultations.{which.value}",
            f"咨询：{which.label}",
            count,
            f"/api/v1/staff/consultations?list={which.value}",
        )
        for which, count in consultations.worklist_counts(actor).items()
    ]
    if actor.has_role(Role.CONTENT_EDITOR, Role.ADMIN):
        open_misses = miss_groups.count(MissState.OPEN)
        open_reviews = knowledge.count_reviews(ReviewState.OPEN)
        found += [
            Counter("search.misses", "搜不到的问题", open_misses, "/api/v1/staff/search/misses"),
            Counter(
                "knowledge.reviews",
                "需要复核的内容",
                open_reviews,
                "/api/v1/staff/knowledge/reviews",
            ),
        ]
    return [*found, *_notary(actor)]


def _notary(actor: Actor) -> list[Counter]:
    waiting = notary.worklist_counts(actor)
    if waiting is None:
        return []
    base = "/api/v1/staff/notary"
    return [
        Counter(
            "notary.not_checked_in",
            "公证预约：到时间没有签到",
            waiting.not_checked_in,
            f"{base}/unsettled-appointments",
        ),
        Counter(
            "notary.no_result",
            "公证预约：到场后没有登记结果",
            waiting.no_result,
            f"{base}/unfinished-visits",
        ),
        Counter(
            "notary.without_time",
            "公证预约：原时段不能办理，没有留出新时段",
            waiting.without_time,
            f"{base}/affected-appointments?without_time=true",
        ),
        Counter(
            "notary.untold",
            "公证预约：没有消息能告知当事人，须另行告知",
            waiting.untold,
            f"{base}/untold-appointments",
        ),
        Counter(
            "notary.near_end",
            "公证：期限将满或者已过",
            waiting.near_end,
            f"{base}/cases?near_end=true",
        ),
        Counter(
            "notary.without_handler",
            "公证：承办人已不在本机构，须变更承办人",
            waiting.without_handler,
            f"{base}/cases?without_handler=true",
        ),
        Counter(
            "notary.appeals", "公证预约：未到场申诉", waiting.appeals, f"{base}/no-show-appeals"
        ),
        Counter(
            "notary.to_hand_over",
            "公证：已出证待领取",
            waiting.to_hand_over,
            f"{base}/cases?to_hand_over=true",
        ),
    ]


def urgent(actor: Actor) -> list[Deadline]:
    """Return the actor's running deadlines with the least time left, residents' own left out."""
    query: Any = supervision.deadlines(actor, supervision.DeadlineFilter())
    query = query.where(Deadline.responsible_role != RESIDENT)
    return list(db.session.scalars(query.order_by(Deadline.due_at, Deadline.id).limit(URGENT)))
