"""How deadlines are shown: to everybody beside a resource, and to staff in the register."""

from __future__ import annotations

from datetime import date
from typing import Any

import marshmallow as ma

from portal.core import clock
from portal.supervision import rules
from portal.supervision.models import Deadline, DeadlineState
from portal.web.schemas import LocalDateTime, Schema
from portal.working_days.counting import workdays_between


def name_of(deadline: Deadline) -> str:
    """Return the deadline's name; its rule's id when no room registers that rule any more."""
    rule = rules.find(deadline.rule_id)
    return rule.label if rule else deadline.rule_id


def basis_of(deadline: Deadline) -> str:
    """Return the law and article on which the deadline rests, or that it is a promise of the
    platform.
    """
    rule = rules.find(deadline.rule_id)
    return rule.basis if rule else rules.PLATFORM_PROMISE


def is_paused(deadline: Deadline) -> bool:
    """True while the clock stands."""
    return deadline.state is DeadlineState.PAUSED


def is_overdue(deadline: Deadline) -> bool:
    """True when the lawful end has passed and the deadline was running, or when it was met after
    its end.
    """
    if deadline.state is DeadlineState.OPEN:
        return clock.now() >= deadline.due_at
    if deadline.state is DeadlineState.MET and deadline.met_at is not None:
        return deadline.met_at > deadline.due_at
    return deadline.overdue_at is not None


def working_days_left(deadline: Deadline) -> int | None:
    """Return the working days after today up to the lawful last day: 0 on that day, negative when
    late.

    While the clock stands, what was left when it stopped. None for a deadline that is over.
    """
    if not deadline.is_running:
        return None
    return workdays_between(_counted_from(deadline), deadline.due_rolled)


def _counted_from(deadline: Deadline) -> date:
    lasting = next((pause for pause in deadline.pauses if pause.to_at is None), None)
    return clock.today() if lasting is None else clock.local(lasting.from_at).date()


def _field(kind: type[ma.fields.Field[Any]], read: Any, **kwargs: Any) -> ma.fields.Field[Any]:
    """Return a field of the documented type whose value is computed by `read`."""

    class Computed(kind):  # type: ignore[valid-type, misc]
        def get_value(self, obj: Any, attr: str, accessor: Any = None, default: Any = None) -> Any:
            return read(obj)

    Computed.__name__ = kind.__name__
    return Computed(dump_only=True, **kwargs)


class DeadlineSchema(Schema):
    """One entry of a resource's `deadlines`."""

    name = _field(ma.fields.String, name_of, metadata={"description": "期限名称"})
    rule = ma.fields.String(attribute="rule_id", metadata={"description": "规则编号"})
    due_on = ma.fields.Date(
        attribute="due_rolled", metadata={"description": "依法届满之日，遇休息日已顺延"}
    )
    due_at = LocalDateTime(metadata={"description": "依法届满的时刻"})
    working_days_left = _field(
        ma.fields.Integer,
        working_days_left,
        allow_none=True,
        metadata={"description": "剩余工作日；当天届满为 0，逾期为负数；暂停时为暂停那天的剩余数"},
    )
    paused = _field(ma.fields.Boolean, is_paused, metadata={"description": "是否暂停计时"})
    overdue = _field(ma.fields.Boolean, is_overdue, metadata={"description": "是否已超过法定期限"})
    provisional = ma.fields.Boolean(
        metadata={"description": "是否暂定：涉及尚未公布放假安排的年份，公布后会重新计算"}
    )
    basis = _field(ma.fields.String, basis_of, metadata={"description": "依据"})
