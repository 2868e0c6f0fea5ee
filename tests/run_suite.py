"""Runs the test suite on SQLite and on PostgreSQL; the first run also measures coverage.

    python -m tests.run_suite sqlite postgres

PostgreSQL and Redis are looked for on their standard local ports (or TEST_POSTGRES_SERVER and
TEST_REDIS_SERVER). Where one is missing the run says so and leaves that half out; with CI=true that
is a failure. SQLite runs without Redis and PostgreSQL with it, so that both ways of counting limits
and of waking the worker are tested. Each run has a database of its own that is dropped at its end.
"""

from __future__ import annotations

import argparse
import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg
import redis

from tests import reached
from tests.suite_plugin import SAME_EVERYWHERE

ROOT = Path(__file__).resolve().parent.parent
POSTGRES_SERVER = "postgresql://postgres@127.0.0.1:5432/postgres"
REDIS_SERVER = "redis://127.0.0.1:6379"
# Parallel test processes; CI and most laptops have at least two cores.
PROCESSES = 2
# Redis has 16 databases unless configured otherwise; each test process takes one.
REDIS_DATABASES = 16
# Only the first run is measured: what another database reaches beside it is half a percent.
MEASURED = ("-p", "tests.reached")
# Tests kill processes, not machines, so nothing has to outlive a power cut: where files lie in memory, no commit waits
# for a disk, which takes up to a third of a run's time. A run on SQLite leaves some hundred MiB behind.
MEMORY = Path("/dev/shm")  # noqa: S108
ROOM_IN_MEMORY = 2 * 2**30
# The whole of `make test` has to stay below; a run that hangs must not hold CI for hours.
MOST_SECONDS = 40 * 60


@dataclass
class Half:
    """The suite on one database: what came of it."""

    label: str
    ran: bool = False
    ok: bool = False
    counts: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0
    note: str = ""

    def line(self) -> str:
        """Return one line of the closing summary."""
        if not self.ran:
            return f"  {self.label:<12}没有运行：{self.note}"
        counts = self.counts
        result = "通过" if self.ok else "失败"
        text = f"{counts.get('passed', 0)} 项通过"
        for key, word in (("failed", "失败"), ("errors", "出错"), ("skipped", "跳过")):
            if counts.get(key):
                text += f"，{counts[key]} 项{word}"
        return f"  {self.label:<12}{result}：{text}，{self.seconds:.0f} 秒 {self.note}".rstrip()


def is_ci() -> bool:
    """True where a missing service is a failure."""
    return os.environ.get("CI", "").lower() in ("1", "true")


def find_postgres(server: str) -> str | None:
    """Return None when PostgreSQL answers at `server`, else why not."""
    try:
        psycopg.connect(server, connect_timeout=3).close()
    except psycopg.Error as error:
        return f"PostgreSQL 没有应答（{type(error).__name__}）"
    return None


def free_redis(server: str, wanted: int) -> tuple[int | None, str]:
    """Return the first of `wanted` empty Redis databases in a row, or None and the reason."""
    try:
        for first in range(REDIS_DATABASES - wanted, 0, -1):
            if all(_is_empty(f"{server}/{first + step}") for step in range(wanted)):
                return first, ""
    except redis.RedisError as error:
        return None, f"Redis 没有应答（{type(error).__name__}）"
    return None, "Redis 没有空闲的库"


def _is_empty(url: str) -> bool:
    client = redis.Redis.from_url(url, socket_connect_timeout=3, socket_timeout=3)
    try:
        return int(client.dbsize()) == 0
    finally:
        client.close()


@contextmanager
def temporary_database(server: str) -> Iterator[str]:
    """Yield the URL of a new PostgreSQL database; it and those named after it are dropped."""
    name = f"portal_suite_{secrets.token_hex(4)}"
    with psycopg.connect(server, autocommit=True) as admin:
        admin.execute(f'CREATE DATABASE "{name}"'.encode())
    try:
        yield f"{server.rsplit('/', 1)[0]}/{name}"
    finally:
        with psycopg.connect(server, autocommit=True) as admin:
            found = admin.execute(
                "SELECT datname FROM pg_database WHERE datname LIKE %s", (f"{name}%",)
            ).fetchall()
            for (database,) in found:
                admin.execute(f'DROP DATABASE IF EXISTS "{database}" WITH (FORCE)'.encode())


@contextmanager
def temporary_redis(server: str, first: int) -> Iterator[str]:
    """Yield the URL of the first of the run's own Redis databases; they are emptied at the end."""
    try:
        yield f"{server}/{first}"
    finally:
        for step in range(PROCESSES):
            client = redis.Redis.from_url(f"{server}/{first + step}")
            client.flushdb()
            client.close()


@contextmanager
def folder_of_run() -> Iterator[Path]:
    """Yield a new folder for the run's files, in memory where the machine has room; it is deleted at the end."""
    with_room = MEMORY.is_dir() and shutil.disk_usage(MEMORY).free >= ROOM_IN_MEMORY
    usable = with_room and os.access(MEMORY, os.W_OK)
    with TemporaryDirectory(prefix="portal_suite_", dir=MEMORY if usable else None) as folder:
        yield Path(folder)


def run_pytest(half: Half, environment: dict[str, str], arguments: Sequence[str]) -> None:
    """Run pytest with `environment`; fills in `half`."""
    half.ran = True
    started = time.monotonic()
    with folder_of_run() as folder:
        report = folder / "junit.xml"
        command = [
            sys.executable,
            "-m",
            "pytest",
            "-p",
            "tests.suite_plugin",
            "-n",
            str(PROCESSES),
            "--dist",
            "worksteal",
            "-q",
            # No deadline for single examples, and the same examples on every run.
            "--hypothesis-profile=ci",
            f"--junitxml={report}",
            f"--basetemp={folder / 'files'}",
            *arguments,
        ]
        base = {k: v for k, v in os.environ.items() if not k.startswith(("PORTAL_", "TEST_"))}
        for name in ("DATABASE_URL", "REDIS_URL", "PROMETHEUS_MULTIPROC_DIR"):
            base.pop(name, None)
        try:
            code = subprocess.run(
                command, cwd=ROOT, env={**base, **environment}, timeout=MOST_SECONDS, check=False
            ).returncode
        except subprocess.TimeoutExpired:
            code, half.note = 1, f"超过 {MOST_SECONDS // 60} 分钟，已中止"
        half.counts = read_counts(report)
    half.seconds = time.monotonic() - started
    # A run that collected nothing is no success.
    half.ok = code == 0 and half.counts.get("passed", 0) > 0


def read_counts(report: Path) -> dict[str, int]:
    """Return passed, failed, errors and skipped of a JUnit report; empty when there is none."""
    try:
        # The file was written a moment ago by our own pytest.
        root = ET.parse(report).getroot()  # noqa: S314
    except (OSError, ET.ParseError):
        return {}
    totals = dict.fromkeys(("tests", "failures", "errors", "skipped"), 0)
    for suite in root.iter("testsuite"):
        for key in totals:
            totals[key] += int(suite.get(key, "0"))
    failed, errors, skipped = totals["failures"], totals["errors"], totals["skipped"]
    passed = totals["tests"] - failed - errors - skipped
    return {"passed": passed, "failed": failed, "errors": errors, "skipped": skipped}


def run_sqlite(arguments: Sequence[str]) -> Half:
    """Run the suite on SQLite files, with limits counted in the database."""
    half = Half("SQLite")
    print("\n【测试】SQLite，不用 Redis", flush=True)
    run_pytest(half, {}, arguments)
    return half


def run_postgres(arguments: Sequence[str]) -> Half:
    """Run the suite on PostgreSQL, with Redis where it answers."""
    half = Half("PostgreSQL")
    server = os.environ.get("TEST_POSTGRES_SERVER", POSTGRES_SERVER)
    redis_server = os.environ.get("TEST_REDIS_SERVER", REDIS_SERVER).rstrip("/")
    missing = find_postgres(server)
    if missing is not None:
        half.note = missing
        return half
    first, no_redis = free_redis(redis_server, PROCESSES)
    if first is None and is_ci():
        half.note = no_redis
        return half
    print(f"\n【测试】PostgreSQL，{'使用 Redis' if first is not None else no_redis}", flush=True)
    with temporary_database(server) as url:
        environment = {"TEST_DATABASE_URL": url}
        if first is None:
            half.note = f"（{no_redis}，没有测试 Redis）"
            run_pytest(half, environment, arguments)
        else:
            with temporary_redis(redis_server, first) as redis_url:
                environment["TEST_REDIS_URL"] = redis_url
                run_pytest(half, environment, arguments)
    return half


HALVES: dict[str, Callable[[Sequence[str]], Half]] = {
    "sqlite": run_sqlite,
    "postgres": run_postgres,
}


def tested_before() -> list[str]:
    """Return the arguments that leave out what an earlier half has tested for all."""
    return [f"--ignore={part}" for part in SAME_EVERYWHERE]


def report_coverage(folder: Path, check: bool) -> bool:
    """Print what the measured run has covered; returns whether the bound holds."""
    seen = reached.together(folder.glob("*.json"))
    if seen is None:
        print("  没有测得覆盖率。")
        return not check
    print("\n".join(reached.lines(seen)))
    return not check or seen["summary"]["percent_covered"] >= reached.LEAST


def main(argv: Sequence[str] | None = None) -> int:
    """Run the named halves; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("halves", nargs="+", choices=sorted(HALVES))
    parser.add_argument("--pytest", default="", help="further arguments for pytest, one string")
    chosen = parser.parse_args(argv)
    # A cancelled run still drops its databases.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    started = time.monotonic()
    names, own = list(dict.fromkeys(chosen.halves)), chosen.pytest.split()
    with TemporaryDirectory(prefix="portal_reached_") as folder:
        os.environ[reached.FOLDER] = folder
        halves = [
            HALVES[name](
                [*(() if number else MEASURED), *(own or (tested_before() if number else []))]
            )
            for number, name in enumerate(names)
        ]
        # A part of the tests cannot reach the bound.
        covered = report_coverage(Path(folder), check=not own) if halves[0].ran else True
    return summarise(halves, covered, time.monotonic() - started)


def summarise(halves: Sequence[Half], covered: bool, seconds: float) -> int:
    """Print the closing summary; returns 0 only when everything that had to run passed."""
    left_out = [half for half in halves if not half.ran]
    good = covered and all(half.ok for half in halves if half.ran)
    if left_out and (is_ci() or len(left_out) == len(halves)):
        good = False
    print("\n" + "─" * 72)
    for half in halves:
        print(half.line())
    if not covered:
        print("  覆盖率      低于 tests/reached.py 里的下限")
    if left_out and not is_ci():
        print("  注意：没有运行的部分在 CI（CI=true）里算失败。")
    print(f"  合计 {seconds:.0f} 秒，{'全部通过' if good else '没有通过'}")
    print("─" * 72, flush=True)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
