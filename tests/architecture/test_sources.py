"""Reads the source: who says what in which language, where time and commits come from, and how a room is laid out.

Size, comments and docstrings are read in `tests/tooling/test_house_rules.py`, imports by import-linter.
"""

from __future__ import annotations

import ast
import importlib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask

from portal.app import ROOMS
from portal.core.errors import DomainError

ROOT = Path(__file__).resolve().parents[2]
PORTAL = ROOT / "portal"
HAN = re.compile("[\u3400-\u9fff]")
LATIN = re.compile("[A-Za-z]{2}")
EVENT = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
LOG_METHODS = {"debug", "info", "warning", "error", "exception", "critical"}
# Files of a room that mean the same in every room; any other name is the room's own subject.
KINDS = {
    "models": "tables",
    "policies": "pure",
    "workflow": "table",
    "operations": "use cases",
    "queries": "reads",
    "routes": "HTTP",
    "staff_routes": "HTTP",
}


def sources(folder: Path = PORTAL) -> list[tuple[str, ast.Module]]:
    """Return every module of the portal by its path, migrations left out."""
    paths = [path for path in sorted(folder.rglob("*.py")) if "migrations" not in path.parts]
    return [(str(path.relative_to(ROOT)), ast.parse(path.read_text("utf-8"))) for path in paths]


def calls(tree: ast.AST) -> Iterator[ast.Call]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.Call))


def dotted(node: ast.AST) -> str:
    """Return `a.b.c` of a name or attribute, "" of anything else."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        base = dotted(node.value)
        return f"{base}.{node.attr}" if base else ""
    return ""


def texts(node: ast.AST) -> list[str]:
    """Return the literal texts of an expression; the parts of an f-string together are one."""
    if isinstance(node, ast.Constant):
        return [node.value] if isinstance(node.value, str) else []
    if isinstance(node, ast.JoinedStr):
        parts = [p.value for p in node.values if isinstance(p, ast.Constant)]
        return ["".join(str(part) for part in parts)]
    if isinstance(node, ast.IfExp):
        return texts(node.body) + texts(node.orelse)
    if isinstance(node, ast.BinOp):
        return [" ".join(texts(node.left) + texts(node.right))]
    return []


def where(file: str, node: ast.AST) -> str:
    return f"{file}:{getattr(node, 'lineno', 0)}"


def log_events(tree: ast.AST) -> Iterator[ast.Call]:
    for call in calls(tree):
        name = dotted(call.func)
        if name.split(".")[0] in ("_log", "log", "logger") and name.split(".")[-1] in LOG_METHODS:
            yield call


def bad_log_events(file: str, tree: ast.AST) -> list[str]:
    found = []
    for call in log_events(tree):
        first = call.args[0] if call.args else None
        named = isinstance(first, ast.Constant) and isinstance(first.value, str)
        if not named or not EVENT.fullmatch(str(getattr(first, "value", ""))):
            found.append(f"{where(file, call)}: the event is no plain name")
        spoken = [text for node in ast.walk(call) for text in texts(node) if HAN.search(text)]
        found += [f"{where(file, call)}: {text}" for text in spoken]
    return found


def error_family() -> set[type[DomainError]]:
    """Return every domain error there is once the rooms are loaded."""

    def below(kind: type[DomainError]) -> set[type[DomainError]]:
        return {kind}.union(*(below(child) for child in kind.__subclasses__()))

    return {kind for kind in below(DomainError) if kind.__module__.startswith("portal.")}


def english_refusals(file: str, tree: ast.AST, names: set[str]) -> list[str]:
    found = []
    for call in calls(tree):
        if dotted(call.func).split(".")[-1] not in names:
            continue
        spoken = [
            *call.args[:1],
            *(k.value for k in call.keywords if k.arg in ("message", "next_step")),
        ]
        for node in spoken:
            found += [f"{where(file, call)}: {t}" for t in texts(node) if t and not HAN.search(t)]
        for keyword in call.keywords:
            if keyword.arg == "errors" and isinstance(keyword.value, ast.Dict):
                for value in keyword.value.values:
                    items = value.elts if isinstance(value, ast.List | ast.Tuple) else [value]
                    said = [text for item in items for text in texts(item)]
                    found += [
                        f"{where(file, call)}: {text}"
                        for text in said
                        if LATIN.search(text) and not HAN.search(text)
                    ]
            if keyword.arg == "code" and isinstance(keyword.value, ast.Constant):
                code = str(keyword.value.value)
                if not EVENT.fullmatch(code):
                    found.append(f"{where(file, call)}: code {code}")
    return found


WALL_CLOCK = {
    "datetime.now", "datetime.utcnow", "datetime.today", "date.today", "datetime.date.today",
    "datetime.datetime.now", "datetime.datetime.utcnow", "time.localtime", "time.strftime",
}  # fmt: skip


def test_log_events_are_plain_names_without_chinese() -> None:
    found = [text for file, tree in sources() for text in bad_log_events(file, tree)]
    assert found == []


def test_every_refusal_speaks_chinese(app: Flask) -> None:
    family = error_family()
    assert len(family) > 15
    for kind in family:
        assert HAN.search(kind.message), kind
        assert HAN.search(kind.next_step), kind
        assert EVENT.fullmatch(kind.code), kind
    names = {kind.__name__ for kind in family}
    found = [text for file, tree in sources() for text in english_refusals(file, tree, names)]
    assert found == []


def test_a_code_stands_for_one_failure(app: Flask) -> None:
    codes: dict[str, str] = {}
    for kind in error_family():
        # Two classes with one code would be one failure told in two ways.
        assert codes.setdefault(kind.code, kind.__qualname__) == kind.__qualname__ or issubclass(
            kind, tuple(other for other in error_family() if other.code == kind.code)
        ), kind.code


def test_time_comes_from_the_clock() -> None:
    found = [
        where(file, call)
        for file, tree in sources()
        for call in calls(tree)
        if dotted(call.func) in WALL_CLOCK and file != "portal/core/clock.py"
    ]
    assert found == []


def test_only_the_unit_of_work_commits() -> None:
    found = []
    for file, tree in sources():
        if file == "portal/core/unit_of_work.py":
            continue
        for call in calls(tree):
            name = dotted(call.func)
            if name.endswith(("session.commit", "session().commit")):
                found.append(where(file, call))
    assert found == []


def test_writing_past_the_unit_of_work_is_left_to_the_ground_floor() -> None:
    """`engine.begin()` commits by itself, so no room opens one."""
    found = [
        where(file, call)
        for file, tree in sources()
        for call in calls(tree)
        if dotted(call.func).endswith("engine.begin")
        and file not in ("portal/web/rate_limits.py", "portal/setup.py")
    ]
    assert found == []


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_says_what_it_is_and_offers_its_door(room: str) -> None:
    module = importlib.import_module(f"portal.{room}")
    assert module.__doc__
    assert len(module.__doc__) > 60
    assert callable(module.init_app)


@pytest.mark.parametrize("room", ROOMS)
def test_a_file_of_a_room_does_what_its_name_says(room: str) -> None:
    found = []
    for file, tree in sources(PORTAL / room):
        parts = Path(file).with_suffix("").parts[2:]
        # A room with many routes names their files by subject: `day_routes`.
        kinds = ("routes" if part.endswith("_routes") else part for part in parts)
        kind = next((part for part in kinds if part in KINDS), None)
        tables = [
            node.name
            for node in ast.walk(tree)
            if isinstance(node, ast.ClassDef)
            and any(getattr(item, "id", "") == "__tablename__" for stmt in node.body
                    if isinstance(stmt, ast.Assign) for item in stmt.targets)
        ]  # fmt: skip
        if tables and kind != "models":
            found.append(f"{file}: tables {tables} belong into models")
        routes = [
            call for call in calls(tree)
            if any(keyword.arg == "audience" for keyword in call.keywords)
        ]  # fmt: skip
        if routes and KINDS.get(kind or "") != "HTTP":
            found.append(f"{file}: routes belong into routes or staff_routes")
        if kind in ("policies", "workflow"):
            found += [
                f"{file}: {name} in a pure file"
                for name in {dotted(call.func) for call in calls(tree)}
                if name.startswith("db.session")
            ]
    assert found == []


class TestTheReaders:
    """The checks above can fail."""

    @pytest.mark.parametrize(
        "line", ['_log.info("已完成")', '_log.info("Two Words")', "_log.info(name)", '_log.info(f"a{b}")',
                 '_log.warning("x", reason="原因")'],
    )  # fmt: skip
    def test_a_bad_log_event_is_seen(self, line: str) -> None:
        assert bad_log_events("f.py", ast.parse(line))

    @pytest.mark.parametrize(
        "line",
        [
            'raise Conflict("taken")',
            'raise errors.Conflict(f"taken {x}")',
            'raise Conflict("已被占用", next_step="try again")',
            'raise Conflict("已被占用", code="Taken!")',
            'raise Conflict(errors={"phone": ["wrong"]})',
            'raise Conflict("已占用" if a else "taken")',
        ],
    )
    def test_an_english_refusal_is_seen(self, line: str) -> None:
        assert english_refusals("f.py", ast.parse(line), {"Conflict"})

    @pytest.mark.parametrize(
        "line",
        [
            'raise Conflict("已被占用", code="taken")',
            "raise Conflict(text)",
            'raise ValueError("x")',
        ],
    )
    def test_a_good_one_passes(self, line: str) -> None:
        assert english_refusals("f.py", ast.parse(line), {"Conflict"}) == []
