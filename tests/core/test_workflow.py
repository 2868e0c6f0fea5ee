"""The table of transitions and the one function that carries them out."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from portal.core import workflow
from portal.core.actor import ANONYMOUS, SYSTEM, Actor
from portal.core.errors import Conflict, DomainError, Forbidden, WrongState
from portal.core.workflow import Transition, Workflow
from tests.core.tables import Colour

RED, GREEN, BLUE = Colour.RED, Colour.GREEN, Colour.BLUE


@dataclass
class Lamp:
    """A subject."""

    state: Colour = RED
    broken: bool = False


def is_system(actor: Actor, _lamp: Lamp) -> bool:
    return actor is SYSTEM


def not_broken(lamp: Lamp) -> DomainError | None:
    return Conflict("灯坏了。") if lamp.broken else None


LAMP: Workflow[Colour] = Workflow(
    "test_lamp",
    "信号灯",
    Colour,
    [
        Transition("go", "放行", frozenset({RED, BLUE}), GREEN, "系统", is_system, "D", not_broken),
        Transition("stop", "停止", frozenset({GREEN}), RED, "任何人", lambda a, s: True, "D"),
    ],
)


def test_a_step_moves_the_state_and_returns_its_row() -> None:
    lamp = Lamp()
    row = LAMP.execute(lamp, "go", SYSTEM)
    assert (lamp.state, row.action) == (GREEN, "go")
    LAMP.execute(lamp, "stop", ANONYMOUS)
    assert lamp.state is RED


def test_each_refusal_leaves_the_state() -> None:
    lamp = Lamp()
    with pytest.raises(Forbidden, match="放行"):
        LAMP.execute(lamp, "go", ANONYMOUS)
    with pytest.raises(WrongState) as wrong:
        LAMP.execute(lamp, "stop", SYSTEM)
    assert wrong.value.message == "信号灯目前是“红”，不能停止。"
    lamp.broken = True
    with pytest.raises(Conflict, match="灯坏了"):
        LAMP.execute(lamp, "go", SYSTEM)
    with pytest.raises(WrongState, match="fly"):
        LAMP.execute(lamp, "fly", SYSTEM)
    assert lamp.state is RED


def test_allowed_names_what_this_actor_could_do_now() -> None:
    def allowed(lamp: Lamp, actor: Actor) -> list[str]:
        return [row.action for row in LAMP.allowed(lamp, actor)]

    assert allowed(Lamp(), SYSTEM) == ["go"]
    assert allowed(Lamp(), ANONYMOUS) == []
    assert allowed(Lamp(broken=True), SYSTEM) == []
    assert allowed(Lamp(GREEN), ANONYMOUS) == ["stop"]


def test_what_is_allowed_can_be_carried_out_and_nothing_else() -> None:
    for state in Colour:
        for broken in (False, True):
            for actor in (SYSTEM, ANONYMOUS):
                allowed = {row.action for row in LAMP.allowed(Lamp(state, broken), actor)}
                for action in ("go", "stop"):
                    lamp = Lamp(state, broken)
                    if action in allowed:
                        LAMP.execute(lamp, action, actor)
                        assert lamp.state is not state
                    else:
                        with pytest.raises(DomainError):
                            LAMP.execute(lamp, action, actor)


def test_two_rows_for_one_step_are_refused() -> None:
    row = Transition("go", "放行", frozenset({RED}), GREEN, "系统", is_system, "D")
    with pytest.raises(ValueError, match="two rows for go"):
        Workflow("test_twice", "灯", Colour, [row, row])
    assert "test_twice" not in [known.name for known in workflow.known()]


def test_every_workflow_is_known_to_the_documentation() -> None:
    assert LAMP in workflow.known()


def test_the_table_and_the_diagram_are_read_from_the_rows() -> None:
    assert LAMP.as_markdown().splitlines()[2:] == [
        "| 红、蓝 | 放行 (`go`) | 绿 | 系统 | D |",
        "| 绿 | 停止 (`stop`) | 红 | 任何人 | D |",
    ]
    assert LAMP.as_mermaid().splitlines() == [
        "stateDiagram-v2",
        "    red: 红",
        "    green: 绿",
        "    blue: 蓝",
        "    red --> green: 放行",
        "    blue --> green: 放行",
        "    green --> red: 停止",
    ]
