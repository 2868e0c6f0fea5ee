"""The import contracts hold, and each of them really fails when it is broken."""

import ast
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LINT = Path(sys.executable).with_name("lint-imports")

# file, line to plant there, what the linter must name
PLANTED = [
    ("portal/web/__init__.py", "import portal.app", "A room imports only what lies below it"),
    ("portal/core/clock.py", "import portal.config", "A room imports only what lies below it"),
    (
        "portal/web/problems.py",
        "import portal.observability.health",
        "A room imports only what lies below it",
    ),
    (
        "portal/stray_room.py",
        "VALUE = 1",
        "A room imports only what lies below it",
    ),
    ("search_index/documents.py", "import portal.core.clock", "search_index knows neither"),
    ("search_index/documents.py", "import flask", "search_index knows neither"),
    ("portal/cli.py", "import search_index.documents", "Only portal.knowledge imports"),
    ("portal/extensions.py", "import flask_smorest", "Only portal.web.blueprint imports"),
    ("portal/core/clock.py", "from werkzeug.http import parse_date", "portal.core knows no HTTP"),
    (
        "portal/core/operations.py",
        "from flask import request",
        "Use cases, reads and policies of a room",
    ),
]


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the sources and of the contracts."""
    folder = tmp_path_factory.mktemp("tree")
    for package in ("portal", "search_index"):
        shutil.copytree(
            ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__")
        )
    shutil.copy(ROOT / "pyproject.toml", folder)
    return folder


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(LINT), "--no-cache"],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "PYTHONPATH": str(folder)},
    )


def test_contracts_hold() -> None:
    done = lint(ROOT)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(("file", "line", "contract"), PLANTED)
def test_contract_fails_on_a_planted_violation(
    tree: Path, file: str, line: str, contract: str
) -> None:
    path = tree / file
    before = path.read_text() if path.exists() else None
    path.write_text(f"{before or ''}\n{line}\n")
    try:
        done = lint(tree)
    finally:
        if before is None:
            path.unlink()
        else:
            path.write_text(before)
    assert done.returncode != 0
    broken = [text for text in done.stdout.splitlines() if " BROKEN" in text]
    assert any(contract in text for text in broken), done.stdout


def test_feature_rooms_may_not_import_each_other(tree: Path) -> None:
    for room in ("legal_aid", "notary"):
        (tree / "portal" / room).mkdir(exist_ok=True)
        (tree / "portal" / room / "__init__.py").write_text("")
    (tree / "portal/legal_aid/__init__.py").write_text("import portal.notary\n")
    try:
        done = lint(tree)
    finally:
        for room in ("legal_aid", "notary"):
            shutil.rmtree(tree / "portal" / room)
    assert done.returncode != 0
    assert "portal.legal_aid is not allowed to import portal.notary" in done.stdout


# What core may take from Flask: the application and its context, nothing of a request.
ALLOWED_FROM_FLASK = {"Flask", "current_app", "has_app_context"}


def flask_names(source: str) -> set[str]:
    """Return every name that `source` imports from Flask; `*module*` for the whole package."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "flask":
            whole = node.module == "flask"
            found |= {alias.name if whole else "*module*" for alias in node.names}
        elif isinstance(node, ast.Import):
            found |= {"*module*" for alias in node.names if alias.name.split(".")[0] == "flask"}
    return found


def test_core_takes_nothing_of_a_request_from_flask() -> None:
    files = sorted((ROOT / "portal/core").rglob("*.py"))
    assert files
    taken = {path.name: flask_names(path.read_text()) - ALLOWED_FROM_FLASK for path in files}
    assert {name: names for name, names in taken.items() if names} == {}


@pytest.mark.parametrize(
    "source", ["from flask import request", "import flask", "from flask.globals import g"]
)
def test_flask_names_sees_every_way_to_import(source: str) -> None:
    assert flask_names(source) - ALLOWED_FROM_FLASK
