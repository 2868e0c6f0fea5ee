"""The suite runner: what it does where a service is missing, and what it leaves behind."""

import os
import socket
from collections.abc import Sequence
from pathlib import Path

import psycopg
import pytest

from tests import run_suite, suite_plugin
from tests.run_suite import Half


@pytest.fixture
def closed_port() -> int:
    """A port on which nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def no_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)


@pytest.fixture
def postgres_server() -> str:
    server = os.environ.get("TEST_POSTGRES_SERVER", run_suite.POSTGRES_SERVER)
    if run_suite.find_postgres(server) is not None:
        if run_suite.is_ci():
            pytest.fail("PostgreSQL does not answer")
        pytest.skip("PostgreSQL does not answer")
    return server


def missing_postgres(monkeypatch: pytest.MonkeyPatch, port: int) -> Half:
    monkeypatch.setenv("TEST_POSTGRES_SERVER", f"postgresql://postgres@127.0.0.1:{port}/postgres")
    monkeypatch.setattr(run_suite, "run_pytest", lambda *_: pytest.fail("must not run"))
    return run_suite.run_postgres([])


def test_missing_postgres_is_left_out_and_said(
    monkeypatch: pytest.MonkeyPatch,
    no_ci: None,
    closed_port: int,
    capsys: pytest.CaptureFixture[str],
) -> None:
    half = missing_postgres(monkeypatch, closed_port)
    good = Half("SQLite", ran=True, ok=True, counts={"passed": 3})
    assert run_suite.summarise([good, half], covered=True, seconds=1) == 0
    printed = capsys.readouterr().out
    assert "PostgreSQL  没有运行：PostgreSQL 没有应答" in printed
    assert "CI=true" in printed


def test_missing_postgres_fails_in_ci(monkeypatch: pytest.MonkeyPatch, closed_port: int) -> None:
    monkeypatch.setenv("CI", "true")
    half = missing_postgres(monkeypatch, closed_port)
    good = Half("SQLite", ran=True, ok=True, counts={"passed": 3})
    assert run_suite.summarise([good, half], covered=True, seconds=1) == 1


def test_asking_only_for_a_missing_half_is_no_success(
    monkeypatch: pytest.MonkeyPatch, no_ci: None, closed_port: int
) -> None:
    half = missing_postgres(monkeypatch, closed_port)
    assert run_suite.summarise([half], covered=True, seconds=1) == 1


def test_missing_redis_is_left_out_and_fails_in_ci(
    monkeypatch: pytest.MonkeyPatch, postgres_server: str, closed_port: int
) -> None:
    seen: list[dict[str, str]] = []

    def pretend(half: Half, environment: dict[str, str], _arguments: object) -> None:
        half.ran = half.ok = True
        seen.append(environment)

    monkeypatch.setenv("TEST_REDIS_SERVER", f"redis://127.0.0.1:{closed_port}")
    monkeypatch.setattr(run_suite, "run_pytest", pretend)
    monkeypatch.delenv("CI", raising=False)
    half = run_suite.run_postgres([])
    assert half.ok
    assert "Redis 没有应答" in half.note
    assert "TEST_REDIS_URL" not in seen[0]
    monkeypatch.setenv("CI", "true")
    half = run_suite.run_postgres([])
    assert not half.ran
    assert len(seen) == 1


def test_what_is_the_same_on_every_database_is_tested_once_and_the_first_run_is_measured(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(run_suite, "ROOT", tmp_path)
    monkeypatch.setattr(run_suite, "report_coverage", lambda folder, check: check)
    given: list[list[str]] = []

    def pretend(arguments: Sequence[str]) -> Half:
        given.append(list(arguments))
        return Half("x", ran=True, ok=True, counts={"passed": 1})

    monkeypatch.setattr(run_suite, "HALVES", {"sqlite": pretend, "postgres": pretend})
    assert run_suite.main(["sqlite", "postgres"]) == 0
    measured = list(run_suite.MEASURED)
    assert given == [measured, run_suite.tested_before()]
    repository = Path(run_suite.__file__).parents[1]
    assert all((repository / part).exists() for part in suite_plugin.SAME_EVERYWHERE)
    given.clear()
    run_suite.main(["postgres"])
    run_suite.main(["sqlite", "postgres", "--pytest", "tests/search_index"])
    assert given == [measured, [*measured, "tests/search_index"], ["tests/search_index"]]


def test_temporary_database_is_dropped_with_those_named_after_it(postgres_server: str) -> None:
    def named(prefix: str) -> list[str]:
        with psycopg.connect(postgres_server) as connection:
            rows = connection.execute("SELECT datname FROM pg_database").fetchall()
        return [name for (name,) in rows if name.startswith(prefix)]

    with run_suite.temporary_database(postgres_server) as url:
        name = url.rsplit("/", 1)[1]
        with psycopg.connect(postgres_server, autocommit=True) as admin:
            admin.execute(f'CREATE DATABASE "{name}_gw0"'.encode())
        # A connection left open by a killed process must not keep the database.
        left_open = psycopg.connect(url)
        assert len(named(name)) == 2
    left_open.close()
    assert named(name) == []


@pytest.mark.parametrize(
    ("halves", "covered", "code"),
    [
        ([Half("a", ran=True, ok=True), Half("b", ran=True, ok=True)], True, 0),
        ([Half("a", ran=True, ok=True), Half("b", ran=True, ok=False)], True, 1),
        ([Half("a", ran=True, ok=True), Half("b", ran=True, ok=True)], False, 1),
        ([Half("a"), Half("b")], True, 1),
    ],
)
def test_exit_code(no_ci: None, halves: list[Half], covered: bool, code: int) -> None:
    assert run_suite.summarise(halves, covered, 1) == code


def test_a_run_that_collects_nothing_fails(tmp_path: Path) -> None:
    half = Half("SQLite")
    run_suite.run_pytest(half, {}, [str(tmp_path), "-n0"])
    assert half.ran
    assert not half.ok


def test_files_lie_in_memory_only_where_it_has_room(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(run_suite, "MEMORY", tmp_path)
    monkeypatch.setattr(run_suite, "ROOM_IN_MEMORY", 0)
    with run_suite.folder_of_run() as folder:
        assert folder.parent == tmp_path
    assert not folder.exists()
    monkeypatch.setattr(run_suite, "ROOM_IN_MEMORY", 2**60)
    with run_suite.folder_of_run() as elsewhere:
        assert elsewhere.is_dir()
        assert elsewhere.parent != tmp_path
    monkeypatch.setattr(run_suite, "MEMORY", tmp_path / "missing")
    with run_suite.folder_of_run() as elsewhere:
        assert elsewhere.is_dir()


def test_counts_come_from_the_report(tmp_path: Path) -> None:
    report = tmp_path / "junit.xml"
    report.write_text(
        '<testsuites><testsuite tests="9" failures="1" errors="2" skipped="3"/></testsuites>'
    )
    assert run_suite.read_counts(report) == {
        "passed": 3,
        "failed": 1,
        "errors": 2,
        "skipped": 3,
    }
    assert run_suite.read_counts(tmp_path / "missing.xml") == {}
    assert Half("x", ran=True, counts=run_suite.read_counts(report)).line() == (
        "  x           失败：3 项通过，1 项失败，2 项出错，3 项跳过，0 秒"
    )


@pytest.mark.parametrize(
    ("process", "url"),
    [("gw0", "redis://h:1/5"), ("gw3", "redis://h:1/8"), ("master", "redis://h:1/5")],
)
def test_each_process_has_a_redis_database_of_its_own(process: str, url: str) -> None:
    assert suite_plugin.own_redis_url("redis://h:1/5", process) == url


def test_a_file_that_is_tested_once_may_not_come_to_know_a_database(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    class Test:
        def __init__(self, file: str, *fixtures: str) -> None:
            self.nodeid, self.fixturenames = f"{file}::test_it", fixtures

    folder, plain, own = "tests/content", "tests/web/test_lanes.py", "tests/own.py"
    other = "tests/web/test_problems.py"
    tests = [Test(folder, "app"), Test(plain, "clock"), Test(other, "app", "database")]
    assert suite_plugin.with_database(tests) == []
    assert suite_plugin.with_database([*tests, Test(plain, "clock", "app")]) == [plain]
    (tmp_path / "tests").mkdir()
    (tmp_path / own).write_text("from tests.support import own_application")
    monkeypatch.setattr(suite_plugin, "ROOT", tmp_path)
    monkeypatch.setattr(suite_plugin, "SAME_EVERYWHERE", (folder, own))
    assert suite_plugin.with_database([]) == [own]
    with pytest.raises(pytest.UsageError, match=own):
        suite_plugin.pytest_collection_modifyitems([])
