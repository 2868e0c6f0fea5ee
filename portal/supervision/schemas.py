"""How deadlines are shown: to everybody beside a resource, and to staff in the register."""

from __future__ import annotations

from datetime import date
from typing import Any

import marshmallow as ma

from portal.core import clock
from portal.supervision import rules
from portal.supervision.models import Deadline, DeadlineState
from portal.web.pagination import PageArgs
from portal.web.schemas import (
    Choice,
    CleanString,
    Label,
    LocalDateTime,
    Schema,
    StrictBoolean,
)
from portal.working_days import notice
from portal.working_days.counting import workdays_between
from portal.working_days.queries import LAST_YEAR


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


def evidence_of(deadline: Deadline) -> str | None:
    """Return the evidence code of the rule (rules 0.1)."""
    rule = rules.find(deadline.rule_id)
    return rule.evidence if rule else None


def responsible_label(deadline: Deadline) -> str:
    """Return who has to act, as a role in Chinese."""
    return rules.role_label(deadline.responsible_role)


class PauseSchema(Schema):
    """A time that does not count."""

    from_at = LocalDateTime()
    to_at = LocalDateTime(allow_none=True, metadata={"description": "为空：仍在暂停"})
    reason = ma.fields.String()
    basis = ma.fields.String()


class StepSchema(Schema):
    """A reminder, alarm or mark that was sent."""

    step = ma.fields.String()
    done_at = LocalDateTime()


class StaffName(Schema):
    """A member of staff by name."""

    display_name = ma.fields.String()


class StaffDeadlineSchema(DeadlineSchema):
    """A deadline in the register."""

    id = ma.fields.UUID()
    state = Choice(DeadlineState)
    state_label = Label(attribute="state", dump_only=True)
    subject_kind = ma.fields.String()
    subject_id = ma.fields.UUID()
    reference = ma.fields.String(allow_none=True)
    office_id = ma.fields.UUID(allow_none=True)
    responsible_role = ma.fields.String()
    responsible_label = _field(ma.fields.String, responsible_label)
    responsible_staff_id = ma.fields.UUID(allow_none=True)
    responsible_staff = ma.fields.Pluck(
        StaffName, "display_name", allow_none=True, metadata={"description": "责任人姓名"}
    )
    evidence = _field(
        ma.fields.String,
        evidence_of,
        allow_none=True,
        metadata={"description": "依据等级：R、P 为法定，U 为待核实，D 为平台承诺"},
    )
    starts_at = LocalDateTime()
    due_raw = ma.fields.Date(metadata={"description": "未顺延的届满日，内部预警以此为准"})
    overdue_at = LocalDateTime(allow_none=True, metadata={"description": "标记逾期的时间"})
    met_at = LocalDateTime(allow_none=True)
    cancelled_at = LocalDateTime(allow_none=True)
    cancel_reason = ma.fields.String(allow_none=True)
    pauses = ma.fields.List(ma.fields.Nested(PauseSchema))
    steps = ma.fields.List(ma.fields.Nested(StepSchema))


class DeadlineQuery(PageArgs):
    """Filters of the register; all given ones must match."""

    state = Choice(
        DeadlineState, load_default=None, metadata={"description": "不填为计时中和已暂停的"}
    )
    rule = CleanString(load_default=None, min_length=1, max_length=20)
    office = ma.fields.UUID(load_default=None, metadata={"description": "机构编号"})
    overdue = StrictBoolean(load_default=None)
    subject_kind = CleanString(load_default=None, min_length=1, max_length=40)


def _in_calendar() -> ma.validate.Range:
    return ma.validate.Range(
        date(notice.FIRST_YEAR, 1, 1),
        date(LAST_YEAR, 12, 31),
        error=f"只能查询 {notice.FIRST_YEAR} 年到 {LAST_YEAR} 年。",
    )


class SummaryQuery(Schema):
    """The time that the met ones are counted in."""

    first = ma.fields.Date(
        data_key="from",
        load_default=None,
        validate=_in_calendar(),
        metadata={"description": "起始日期，不填为今年年初"},
    )
    last = ma.fields.Date(
        data_key="to",
        load_default=None,
        validate=_in_calendar(),
        metadata={"description": "截止日期（含），不填为今天"},
    )


def _of_rule(read: Any) -> Any:
    def of(figures: Any) -> str:
        rule = rules.find(figures.rule_id)
        return str(read(rule)) if rule else figures.rule_id

    return of


class TotalsSchema(Schema):
    """Numbers of deadlines."""

    running = ma.fields.Integer(metadata={"description": "计时中和已暂停的"})
    paused = ma.fields.Integer()
    due_soon = ma.fields.Integer(metadata={"description": "三个工作日内届满"})
    overdue = ma.fields.Integer(metadata={"description": "已逾期未办结"})
    met_in_time = ma.fields.Integer(metadata={"description": "期间内按时办结"})
    met_late = ma.fields.Integer(metadata={"description": "期间内逾期办结"})


class RuleFiguresSchema(TotalsSchema):
    """How one rule is kept."""

    rule = ma.fields.String(attribute="rule_id")
    name = _field(ma.fields.String, _of_rule(lambda rule: rule.label))
    basis = _field(ma.fields.String, _of_rule(lambda rule: rule.basis))
    period = _field(ma.fields.String, _of_rule(lambda rule: rule.text))


class SummarySchema(Schema):
    """The figures of all rules."""

    first = ma.fields.Date(data_key="from")
    last = ma.fields.Date(data_key="to")
    items = ma.fields.List(ma.fields.Nested(RuleFiguresSchema))
    totals = ma.fields.Nested(TotalsSchema)
