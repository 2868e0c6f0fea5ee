"""What the documents promise about dependencies and settings is what the code does."""

import ast
import functools
import re
import subprocess
import sys
from contextlib import closing
from importlib.metadata import packages_distributions
from pathlib import Path

import pysqlite3.dbapi2 as sqlite
import pytest

ROOT = Path(__file__).resolve().parents[2]

# Started as programs, or loaded by another package by name, and so not imported by our own code.
USED_WITHOUT_IMPORT = {
    "gunicorn",
    "honcho",
    "psycopg",
    "pytest-xdist",
    "ruff",
    "mypy",
    "import-linter",
    "types-pyyaml",
    "uv",
}
OWN = {"portal", "search_index", "tests", "wsgi"}


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def named_in(file: str) -> set[str]:
    names = re.findall(r"^([A-Za-z0-9][\w.-]*)", (ROOT / file).read_text(), re.MULTILINE)
    return {canonical(name) for name in names}


@functools.cache
def imports(path: Path) -> frozenset[str]:
    """Return the top packages that a file imports."""
    modules: list[str] = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            modules.append(node.module or "")
        elif isinstance(node, ast.Import):
            modules += [alias.name for alias in node.names]
    return frozenset(module.split(".")[0] for module in modules)


def imported_by(*folders: str) -> dict[str, str]:
    """Return the distributions that the code in `folders` imports, each with one importing file."""
    owners = packages_distributions()
    found: dict[str, str] = {}
    files = [path for folder in folders for path in (ROOT / folder).rglob("*.py")]
    for path in [*files, *ROOT.glob("*.py")]:
        for top in imports(path) - sys.stdlib_module_names - OWN:
            for owner in owners.get(top, [f"(not installed) {top}"]):
                found[canonical(owner)] = str(path.relative_to(ROOT))
    return found


def test_every_runtime_import_is_named() -> None:
    imported = imported_by("portal", "search_index")
    assert len(imported) > 10
    unnamed = {
        name: file for name, file in imported.items() if name not in named_in("requirements.in")
    }
    assert unnamed == {}


def test_every_test_import_is_named() -> None:
    named = named_in("requirements.in") | named_in("requirements-dev.in")
    imported = imported_by("tests")
    assert {name: file for name, file in imported.items() if name not in named} == {}


@pytest.mark.parametrize("file", ["requirements.in", "requirements-dev.in"])
def test_every_named_package_is_used(file: str) -> None:
    imported = imported_by("portal", "search_index", "tests")
    assert named_in(file) - set(imported) - USED_WITHOUT_IMPORT == set()


@pytest.mark.parametrize(
    "file", ["requirements.in", "requirements-dev.in", "requirements-corpus.txt"]
)
def test_every_package_is_explained(file: str) -> None:
    text = (ROOT / "docs/dependencies.md").read_text()
    explained = {
        canonical(name)
        for row in re.findall(r"^\| ([\w.,\- ]+) \|", text, re.MULTILINE)
        for name in row.split(", ")
    }
    assert named_in(file) - explained == set()


def test_explained_versions_are_the_locked_ones() -> None:
    text = (ROOT / "docs/dependencies.md").read_text()
    locked = dict(
        re.findall(
            r"^([a-z0-9._-]+)(?:\[[a-z,]+\])?==([^\s;]+)",
            "\n".join(
                (ROOT / lock).read_text()
                for lock in ("requirements-dev.txt", "requirements-corpus.txt")
            ),
            re.MULTILINE,
        )
    )
    rows = re.findall(r"^\| ([\w.,\- ]+) \| (\d[\w., ]*) \|", text, re.MULTILINE)
    assert len(rows) > 30
    for names, versions in rows:
        for name, version in zip(names.split(", "), versions.split(", "), strict=True):
            assert locked[canonical(name)].startswith(version), name


def test_every_setting_is_explained() -> None:
    code = "".join(
        (ROOT / name).read_text()
        for name in ("portal/config.py", "portal/observability/__init__.py", "gunicorn.conf.py")
    )
    read = set(re.findall(r"\b((?:PORTAL|PROMETHEUS)_[A-Z_]+|DATABASE_URL|REDIS_URL)\b", code))
    text = (ROOT / "docs/operations.md").read_text()
    explained = set(re.findall(r"^\| `([A-Z_]+)` \|", text, re.MULTILINE))
    assert len(read) > 15
    assert read - explained == set()
    assert explained - read == set()


def back_up(source: Path, target: Path) -> subprocess.CompletedProcess[str]:
    """Run the backup as it is written down for the operator."""
    text = (ROOT / "docs/operations.md").read_text()
    (script,) = re.findall(
        r"instance/portal\.db backup/portal\.db <<'PY'\n(.*?)\nPY\n", text, re.DOTALL
    )
    command = [sys.executable, "-", str(source), str(target)]
    return subprocess.run(command, input=script, capture_output=True, text=True, timeout=60)


def test_the_backup_of_the_documents_holds_what_lies_in_the_log_still(tmp_path: Path) -> None:
    with closing(sqlite.connect(tmp_path / "portal.db")) as live:
        live.execute("PRAGMA journal_mode=wal")
        live.execute("CREATE TABLE said (what)")
        live.execute("INSERT INTO said VALUES ('something')")
        live.commit()
        ran = back_up(tmp_path / "portal.db", tmp_path / "copy.db")
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "ok\n", "")
    with closing(sqlite.connect(tmp_path / "copy.db")) as copy:
        assert copy.execute("SELECT what FROM said").fetchall() == [("something",)]


def test_the_backup_of_the_documents_makes_none_of_a_mistyped_file(tmp_path: Path) -> None:
    ran = back_up(tmp_path / "portol.db", tmp_path / "copy.db")
    assert ran.returncode == 1
    assert ran.stderr.startswith("备份没有完成")
    assert list(tmp_path.iterdir()) == []


def test_both_readmes_have_the_same_parts() -> None:
    english, chinese = ((ROOT / name).read_text() for name in ("README.md", "README.zh-CN.md"))
    for pattern in (r"^(#+) ", r"^```(\w*)", r"^\| `([^`]+)` \|"):
        assert re.findall(pattern, english, re.MULTILINE) == re.findall(
            pattern, chinese, re.MULTILINE
        )
    assert re.findall(r"^    (make .*)", english, re.MULTILINE) == re.findall(
        r"^    (make .*)", chinese, re.MULTILINE
    )
