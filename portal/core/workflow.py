"""States as data: a table of transitions, and the one function that carries them out.

A room writes its `Workflow` once in `workflow.py`; the code, the documentation page, the state diagram and
`allowed_actions` are all read from it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from portal.core.actor import Actor
from portal.core.db import LabelledEnum
from portal.core.errors import DomainError, Forbidden, WrongState

S = TypeVar("S", bound=LabelledEnum)


class Stateful(Protocol):
    """Anything with a state."""

    state: Any


@dataclass(frozen=True)
class Transition(Generic[S]):
    """One row of the table.

    `may` says whether this actor may do it to this subject (a policy); `guard` returns the refusal when a rule of the
    matter forbids it now; `rule` names the rule in the rule book, or `D` for a choice of the platform.
    """

    action: str
    label: str
    sources: frozenset[S]
    target: S
    who: str
    may: Callable[[Actor, Any], bool]
    rule: str
    guard: Callable[[Any], DomainError | None] | None = None


_known: dict[str, Workflow[Any]] = {}


def known() -> list[Workflow[Any]]:
    """Return every workflow of the process by name, for the documentation page."""
    return [_known[name] for name in sorted(_known)]


class Workflow(Generic[S]):
    """The transitions of one kind of subject."""

    def __init__(
        self, name: str, label: str, states: type[S], table: Iterable[Transition[S]]
    ) -> None:
        self.name = name
        self.label = label
        self.states = states
        self.table = tuple(table)
        seen: set[tuple[str, S]] = set()
        for row in self.table:
            for source in row.sources:
                if (row.action, source) in seen:
                    raise ValueError(f"{name}: two rows for {row.action} from {source}")
                seen.add((row.action, source))
        _known[name] = self

    def find(self, action: str, source: S) -> Transition[S] | None:
        """Return the row for `action` from `source`, if there is one."""
        return next(
            (row for row in self.table if row.action == action and source in row.sources), None
        )

    def allowed(self, subject: Stateful, actor: Actor) -> list[Transition[S]]:
        """Return the rows that `actor` could carry out on `subject` now."""
        return [
            row
            for row in self.table
            if subject.state in row.sources
            and row.may(actor, subject)
            and (row.guard is None or row.guard(subject) is None)
        ]

    def execute(self, subject: Stateful, action: str, actor: Actor) -> Transition[S]:
        """Move `subject` along `action` and return the row.

        Raises WrongState when the state does not allow it, Forbidden when the actor may not, or the guard's refusal.
        The caller writes what belongs to the step (audit, deadlines, messages) in the same unit of work.
        """
        row = self.find(action, subject.state)
        if row is None:
            label = next((r.label for r in self.table if r.action == action), action)
            raise WrongState(f"{self.label}目前是“{subject.state.label}”，不能{label}。")
        if not row.may(actor, subject):
            raise Forbidden(f"您没有“{row.label}”的权限。")
        refusal = row.guard(subject) if row.guard else None
        if refusal is not None:
            raise refusal
        subject.state = row.target
        return row

    def as_mermaid(self) -> str:
        """Return the state diagram as Mermaid text."""
        lines = ["stateDiagram-v2"]
        lines += [f"    {state.value}: {state.label}" for state in self.states]
        lines += [
            f"    {source.value} --> {row.target.value}: {row.label}"
            for row in self.table
            for source in self._in_order(row.sources)
        ]
        return "\n".join(lines)

    def _in_order(self, sources: Iterable[S]) -> list[S]:
        return [state for state in self.states if state in sources]

    def as_markdown(self) -> str:
        """Return the table for the documentation page."""
        lines = ["| 从 | 操作 | 到 | 由谁 | 依据 |", "|---|---|---|---|---|"]
        lines += [
            f"| {'、'.join(s.label for s in self._in_order(row.sources))} | {row.label} (`{row.action}`) "
            f"| {row.target.label} | {row.who} | {row.rule} |"
            for row in self.table
        ]
        return "\n".join(lines)
