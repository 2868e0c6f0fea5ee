"""What the tests reach is measured line by line and way by way, in every process, from the first import on."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests import reached, run_suite

ROOT = Path(__file__).resolve().parents[2]
PLANTED = '''
"""A module with two ways."""


def sign(number: int) -> str:
    if number < 0:
        return "minus"
    return "plus"


def unused() -> None:  # pragma: no cover - never called
    print("nothing")
'''
TEST = """
from own.planted import sign


def test_plus():
    for _ in range(1000):
        assert sign(1) == "plus"
"""


@pytest.fixture
def seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What a run in processes of its own saw of a small module."""
    (tmp_path / "own").mkdir()
    (tmp_path / "own/planted.py").write_text(PLANTED)
    (tmp_path / "own/forgotten.py").write_text("VALUE = 1\n")
    (tmp_path / "test_planted.py").write_text(TEST)
    (tmp_path / "conftest.py").write_text("import own.planted\n")
    # The measuring is loaded as the suite loads it, with another module as its subject.
    (tmp_path / "measuring.py").write_text(
        "from pathlib import Path\n"
        "from tests import reached\n"
        "from tests.reached import *\n"
        "reached.ROOT, reached.SOURCES = Path(__file__).parent, ('own',)\n"
        "reached.SECONDS_BETWEEN_REMOVALS = 0.0\n"
    )
    folder = tmp_path / "seen"
    folder.mkdir()
    environment = {**os.environ, reached.FOLDER: str(folder)}
    environment["PYTHONPATH"] = os.pathsep.join([str(tmp_path), str(ROOT), *sys.path])
    environment.pop("PYTEST_XDIST_WORKER", None)
    command = [sys.executable, "-m", "pytest", "-p", "measuring", "-q", "-n1", "--rootdir=."]
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    # The process that hands out the tests measures nothing.
    assert [file.name for file in folder.iterdir()] == ["gw0.json"]
    found = reached.together(folder.glob("*.json"))
    assert found is not None
    return found


def test_what_is_missed_is_named_line_by_line_and_way_by_way(
    seen: dict[str, Any],
) -> None:
    planted, forgotten = (seen["files"][f"own/{name}.py"] for name in ("planted", "forgotten"))
    assert planted["missing_lines"] == [7]
    assert planted["executed_lines"] == [2, 5, 6, 8]
    assert planted["missing_branches"] == [[6, 7]]
    assert planted["executed_branches"] == [[6, 8]]
    assert forgotten["missing_lines"] == [1]
    named = reached.lines(seen)
    assert [line.split()[0] for line in named] == ["own/forgotten.py", "own/planted.py", "合计"]
    assert named[1].endswith("7")


def test_a_run_below_the_bound_fails_and_one_without_figures_too(
    seen: dict[str, Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder, percent = tmp_path / "seen", seen["summary"]["percent_covered"]
    monkeypatch.setattr(reached, "LEAST", percent + 0.1)
    assert not run_suite.report_coverage(folder, check=True)
    assert run_suite.report_coverage(folder, check=False)
    monkeypatch.setattr(reached, "LEAST", percent)
    assert run_suite.report_coverage(folder, check=True)
    assert "own/planted.py" in capsys.readouterr().out
    assert not run_suite.report_coverage(tmp_path / "none", check=True)
