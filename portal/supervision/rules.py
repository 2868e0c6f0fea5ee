"""The rules of the register: what each kind of deadline is called, how long it is, and on what it
rests.

A room registers its rules at wiring. The ids are those of `domain/rules.md` (for example LA-D1), or
the room's own for a promise of the platform.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

from marshmallow import fields

from portal.accounts.models import Role
from portal.core.content_files import BrokenFile, settings_of
from portal.core.db import LabelledEnum
from portal.web.schemas import BoundedInteger, CleanString, Schema

FILE = "deadlines.yaml"
RESIDENT = "resident"
PLATFORM_PROMISE = "本平台服务承诺"


class Unit(LabelledEnum):
    """How a period is counted (rules 0.2)."""

    CD = "CD", "日"
    WD = "WD", "个工作日"
    H = "H", "小时"
    M = "M", "个月"
    Y = "Y", "年"


@dataclass(frozen=True)
class DeadlineRule:
    """One rule.

    `amount` is in `unit`. `basis` is Chinese: law and article, or `PLATFORM_PROMISE`. `evidence` is
    the code of rules 0.1. `responsible` is a role, or `RESIDENT`. `remind_before` counts back from
    the alarm: the end of the raw day for staff, of the rolled day for residents (rules 7.5).
    `configurable` allows another amount for a single deadline.
    """

    id: str
    label: str
    unit: Unit
    amount: int
    basis: str
    evidence: str
    responsible: str
    remind_before: tuple[timedelta, ...] = field(default=())
    configurable: bool = False

    def __post_init__(self) -> None:
        """Refuse a rule that could not be carried out."""
        if not 0 < len(self.id) <= 20 or not self.label or not self.basis:
            raise ValueError(f"rule {self.id!r}: id (at most 20 signs), label and basis are needed")
        if self.amount < 0 or self.evidence not in ("R", "P", "U", "D"):
            raise ValueError(f"rule {self.id}: a negative amount or an unknown evidence code")
        if self.evidence == "U" and not self.configurable:
            # rules 0.1: what was not read in a text is configuration, never a hard refusal.
            raise ValueError(f"rule {self.id}: unverified, so it must be configurable")
        if any(step <= timedelta(0) for step in self.remind_before):
            raise ValueError(f"rule {self.id}: a reminder comes before the end")

        require_role(self.responsible)

    @property
    def text(self) -> str:
        """The period in words, such as `7 个工作日`."""
        return f"{self.amount} {self.unit.label}"


def require_role(role: str) -> None:
    """Raise ValueError unless `role` is a role of staff or `RESIDENT`."""
    if role != RESIDENT and role not in {member.value for member in Role}:
        raise ValueError(f"no such role: {role}")


def role_label(role: str) -> str:
    """Return a role's Chinese name."""
    return "居民" if role == RESIDENT else Role(role).label


_rules: dict[str, DeadlineRule] = {}
_amounts: dict[str, int] = {}


def configure(amounts: Mapping[str, int]) -> None:
    """Replace the amounts of configurable rules by those of the district, by rule id."""
    for rule in _rules.values():
        _require_allowed(rule, amounts)
    _amounts.clear()
    _amounts.update(amounts)


class AmountsFile(Schema):
    """The whole of deadlines.yaml."""

    amounts = fields.Dict(
        keys=CleanString(min_length=1, max_length=20),
        values=BoundedInteger(minimum=1),
        load_default=dict,
        allow_none=True,
    )


def load_amounts(path: Path) -> dict[str, int]:
    """Read the amounts of `content/deadlines.yaml` by rule id; a missing file changes nothing. Raises BrokenFile."""
    return settings_of(path, AmountsFile())["amounts"] or {}


def require_known() -> None:
    """Raise BrokenFile for amounts of rules that no room has registered, which nobody would ever count with."""
    unknown = sorted(set(_amounts) - set(_rules))
    if unknown:
        raise BrokenFile([f"没有编号为 {rule_id} 的期限，请核对。" for rule_id in unknown], FILE)


def register(rule: DeadlineRule) -> DeadlineRule:
    """Add `rule`; the same one again has no effect, another one under the same id raises ValueError.

    BrokenFile for one that the district configures although it is not configurable.
    """
    known = _rules.setdefault(rule.id, rule)
    if known != rule:
        raise ValueError(f"two rules with the id {rule.id}")
    _require_allowed(rule, _amounts)
    return known


def get(rule_id: str) -> DeadlineRule:
    """Return the rule as the district has it; raises LookupError for an unknown id."""
    rule = find(rule_id)
    if rule is None:
        raise LookupError(f"no deadline rule {rule_id}")
    return rule


def find(rule_id: str) -> DeadlineRule | None:
    """Return the rule as the district has it, or None when no room registers it any more."""
    rule = _rules.get(rule_id)
    if rule is None or rule_id not in _amounts:
        return rule
    return replace(rule, amount=_amounts[rule_id])


def everything() -> tuple[DeadlineRule, ...]:
    """Return all rules as the district has them, in the order of their ids."""
    return tuple(get(rule_id) for rule_id in sorted(_rules))


def _require_allowed(rule: DeadlineRule, amounts: Mapping[str, int]) -> None:
    if rule.id in amounts and not rule.configurable:
        raise BrokenFile(
            [f"{rule.id}（{rule.label}）的期限不能在这里改，依据是：{rule.basis}。"], FILE
        )
