"""Measures which lines and branches the tests reach; loaded by the suite runner into every test process.

On Python 3.11 watching by `sys.settrace` slows every function of the interpreter, ours or not, and nearly doubled the
time of a test. SlipCover puts a probe on each line and takes it out again once it was hit. When that happens is decided
here, between two tests: left to itself it does so in whatever thread hits a probe often, while others run.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
import slipcover

ROOT = Path(__file__).resolve().parents[1]
SOURCES = ("portal", "search_index")
NOT_MEASURED = ("portal/migrations/*",)
# Percent of lines and branches, of the run on SQLite.
LEAST = 92.0
NEEDS_NO_TEST = (
    r"#\s*pragma:\s*no cover",
    r"if TYPE_CHECKING:",
    r"@(abc\.)?abstractmethod",
    r"^\s*\.\.\.$",
    r"raise AssertionError",
)
# Where the processes of a run leave what they saw.
FOLDER = "SUITE_REACHED"
SECONDS_BETWEEN_REMOVALS = 10.0


class Watch:
    """The measuring of one test process, from before the portal is imported to the end."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        # Never of its own accord: see above.
        self.probes = slipcover.Slipcover(
            branch=True,
            source=[str(ROOT / source) for source in SOURCES],
            omit=list(NOT_MEASURED),
            exclude_lines=list(NEEDS_NO_TEST),
            d_miss_threshold=2**31 - 1,
        )
        matcher = slipcover.FileMatcher([ROOT / source for source in SOURCES], NOT_MEASURED)
        self.imports = slipcover.ImportManager(self.probes, matcher)
        self.imports.__enter__()
        self.removed = time.monotonic()

    @pytest.hookimpl(trylast=True)
    def pytest_runtest_logfinish(self) -> None:
        """Take out the probes that were hit, every few seconds."""
        remove = getattr(self.probes, "deinstrument_seen", None)
        # From Python 3.12 on the interpreter does that by itself.
        if remove is not None and time.monotonic() - self.removed > SECONDS_BETWEEN_REMOVALS:
            remove()
            self.removed = time.monotonic()

    def pytest_sessionfinish(self) -> None:
        """Write what this process saw."""
        name = os.environ.get("PYTEST_XDIST_WORKER", "main")
        seen = json.dumps(self.probes.get_coverage())
        (self.folder / f"{name}.json").write_text(seen, "utf-8")

    def pytest_unconfigure(self) -> None:
        """Import as usual again."""
        self.imports.__exit__()


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    """Begin before the first import of the portal, except in the process that only hands out the tests."""
    folder = os.environ.get(FOLDER)
    hands_out = getattr(early_config.known_args_namespace, "numprocesses", None)
    if folder and ("PYTEST_XDIST_WORKER" in os.environ or not hands_out):
        early_config.pluginmanager.register(Watch(Path(folder)))


def together(files: Iterable[Path]) -> dict[str, Any] | None:
    """Return what all processes saw, or None when there was none."""
    whole: dict[str, Any] | None = None
    for file in sorted(files):
        seen = json.loads(file.read_text("utf-8"))
        whole = seen if whole is None else slipcover.merge_coverage(whole, seen)
    return whole


def lines(seen: dict[str, Any]) -> list[str]:
    """Return a line for each file that is not reached wholly, and one for all of them."""
    rows = []
    for name, of_file in sorted(seen["files"].items()):
        percent = of_file["summary"]["percent_covered"]
        if percent < 100:
            missing = slipcover.slipcover.format_missing(
                of_file["missing_lines"], of_file["executed_lines"], of_file["missing_branches"]
            )
            rows.append(f"  {name:<52}{percent:6.1f} %  {missing}")
    rows.append(f"  {'合计':<50}{seen['summary']['percent_covered']:6.1f} %")
    return rows
