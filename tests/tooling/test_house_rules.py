"""Rules of the house that no linter knows: size, language, nothing of one machine."""

import ast
import io
import re
import subprocess
import tokenize
from importlib import metadata
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MOST_LINES = 500
HAN = re.compile(r"[\u3400-\u9fff]")
LATIN = re.compile(r"[A-Za-z]")
MACHINE_PATH = re.compile(r"(?<![\w.:)}$-])/(?:work|opt|root|home|tmp|Users)/[\w.]")
REGISTRY = re.compile(r"pypi\.org|pythonhosted|--index-url|--extra-index-url|--find-links", re.I)
TEXT_ENDINGS = {".py", ".md", ".toml", ".txt", ".in", ".yaml", ".yml", ".mako", ".ini", ""}


def tracked(*endings: str) -> list[Path]:
    """Return the project's own files: those git knows, or will know once they are added."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    ).stdout.decode()
    paths = [ROOT / name for name in listed.split("\0") if name]
    return [path for path in paths if path.is_file() and (not endings or path.suffix in endings)]


def comments(source: str) -> list[str]:
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    return [token.string for token in tokens if token.type == tokenize.COMMENT]


def docstrings(tree: ast.Module) -> list[str]:
    kinds = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    nodes = [node for node in ast.walk(tree) if isinstance(node, kinds)]
    return [text for node in nodes if (text := ast.get_docstring(node))]


def is_chinese(text: str) -> bool:
    """True when a text is Chinese rather than English that names Chinese terms."""
    return len(HAN.findall(text)) > max(4, len(LATIN.findall(text)))


def is_command(node: ast.AST) -> bool:
    """True for a click command: its docstring is the help text that an operator reads."""
    decorators = getattr(node, "decorator_list", [])
    return any(
        "command" in ast.unparse(item) or "group" in ast.unparse(item) for item in decorators
    )


def test_files_stay_small() -> None:
    # A migration is one step of one database: it is never split and never edited later.
    sizes = {
        str(path.relative_to(ROOT)): len(path.read_text().splitlines())
        for path in tracked(".py")
        if "migrations" not in path.parts
    }
    assert sizes
    assert {name: lines for name, lines in sizes.items() if lines > MOST_LINES} == {}


def test_comments_are_english() -> None:
    found = [
        f"{path.relative_to(ROOT)}: {comment}"
        for path in tracked(".py")
        for comment in comments(path.read_text())
        if is_chinese(comment)
    ]
    assert found == []


def test_docstrings_are_english_except_help_texts() -> None:
    found = []
    for path in tracked(".py"):
        # Route docstrings are the summaries of the API's documentation page: people read them.
        if path.name.endswith("routes.py") or "routes" in path.parts:
            continue
        tree = ast.parse(path.read_text())
        chinese = [text for text in docstrings(tree) if is_chinese(text)]
        # Which functions are commands takes long to see, and is asked of few files.
        help_texts = {
            ast.get_docstring(node)
            for node in (ast.walk(tree) if chinese else ())
            if isinstance(node, ast.FunctionDef) and is_command(node)
        }
        found += [f"{path.relative_to(ROOT)}: {text}" for text in chinese if text not in help_texts]
    assert found == []


def test_nothing_names_one_machine_or_a_registry() -> None:
    found = []
    for path in tracked():
        if path.suffix not in TEXT_ENDINGS or path == Path(__file__).resolve():
            continue
        try:
            text = path.read_text()
        except UnicodeDecodeError:
            continue
        for number, line in enumerate(text.splitlines(), 1):
            if MACHINE_PATH.search(line) or REGISTRY.search(line):
                found.append(f"{path.relative_to(ROOT)}:{number}: {line.strip()[:120]}")
    assert found == []


@pytest.mark.parametrize(
    "line", ["see /" + "work/main", 'open("/' + 'tmp/x")', "path=/" + "root/.cache"]
)
def test_machine_path_pattern_catches(line: str) -> None:
    assert MACHINE_PATH.search(line)


@pytest.mark.parametrize("line", ["a/work/b", "https://host/opt/x", "${HOME}/tmp/x", "I/O"])
def test_machine_path_pattern_lets_through(line: str) -> None:
    assert not MACHINE_PATH.search(line)


@pytest.mark.parametrize("lock", ["requirements.txt", "requirements-dev.txt"])
def test_locks_pin_and_hash_every_package(lock: str) -> None:
    lines = (ROOT / lock).read_text().splitlines()
    starts = [n for n, line in enumerate(lines) if re.match(r"[A-Za-z0-9]", line)]
    assert len(starts) > 40
    for start in starts:
        assert re.match(r"[a-z0-9][a-z0-9._-]*(\[[a-z,]+\])?==\S+", lines[start]), lines[start]
        assert "--hash=sha256:" in lines[start + 1], lines[start]


def test_a_package_asked_for_with_an_extra_is_locked_with_it() -> None:
    """Else a release newer than the lock stops the installation: pip takes that one for the extra."""
    locked = dict(
        re.findall(
            r"^([a-z0-9._-]+)(\[[a-z,]+\])?==",
            (ROOT / "requirements-dev.txt").read_text(),
            re.MULTILINE,
        )
    )
    asked = 0
    for name in locked:
        for line in metadata.requires(name) or () if _is_installed(name) else ():
            found = re.match(r"([A-Za-z0-9._-]+)\[([a-z]+)\]", line)
            if found is None or "extra ==" in line:
                continue
            asked += 1
            assert found[2] in locked[found[1].lower().replace("_", "-")], (name, line)
    assert asked


def _is_installed(name: str) -> bool:
    try:
        metadata.version(name)
    except metadata.PackageNotFoundError:
        return False
    return True


def test_development_lock_agrees_with_the_runtime_lock() -> None:
    def versions(name: str) -> dict[str, str]:
        pairs = re.findall(
            r"^([a-z0-9._-]+(?:\[[a-z,]+\])?)==(\S+)", (ROOT / name).read_text(), re.MULTILINE
        )
        return dict(pairs)

    runtime, development = versions("requirements.txt"), versions("requirements-dev.txt")
    assert runtime
    assert {name: development.get(name) for name in runtime} == runtime


def test_ci_calls_make_test_and_nothing_more() -> None:
    script = ROOT / ".ci/run"
    assert script.stat().st_mode & 0o111
    lines = [line for line in script.read_text().splitlines() if line and line[0] != "#"]
    assert lines == ["set -e", 'cd "$(dirname "$0")/.."', "exec make test"]
