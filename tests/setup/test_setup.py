"""`flask setup` on a fresh database: all steps, again at once, and with each thing that can be wrong."""

from __future__ import annotations

import dataclasses
import fcntl
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import flask_migrate
import pytest
from click.testing import Result
from flask import Flask
from sqlalchemy import func, select, text
from sqlalchemy.exc import OperationalError, ProgrammingError

from portal.accounts.models import Office, StaffMember
from portal.config import ROOT, load_settings
from portal.core import clock, encryption, running, schema_version
from portal.core.db import db, is_sqlite
from portal.core.jobs import WorkerHeartbeat
from portal.core.unit_of_work import unit_of_work
from portal.knowledge import operations, starter
from portal.knowledge.models import Law
from portal.setup import setup
from search_index import BuildInProgress, IndexWriteError
from tests.factories import people
from tests.knowledge.conftest import write_content, write_package
from tests.support import environment, own_application


@pytest.fixture
def content(tmp_path: Path) -> Path:
    """The district's own files, with a few questions of the tests."""
    folder = tmp_path / "content"
    shutil.copytree(
        load_settings(environment(tmp_path, "")).content_dir,
        folder,
        ignore=shutil.ignore_patterns("faq", "guides", "thesaurus.yaml", "categories.yaml"),
    )
    return write_content(folder)


@pytest.fixture
def fresh(tmp_path: Path, content: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Flask]:
    """The whole application on an empty database, with a small starter law."""
    package = write_package(tmp_path / "laws.db")
    monkeypatch.setattr(starter, "data_file", lambda: package)
    instance = tmp_path / "instance"
    with own_application(
        instance, "setup", PORTAL_CONTENT_DIR=str(content), PORTAL_DEMO_ACCOUNTS="1"
    ) as app:
        yield app


def run(app: Flask, *options: str) -> Result:
    with app.app_context():
        db.session.remove()
    result: Result = app.test_cli_runner().invoke(setup, options)
    return result


def test_everything_is_there_after_one_run_and_nothing_to_do_in_the_next(fresh: Flask) -> None:
    first = run(fresh)
    assert first.exit_code == 0, first.output
    for number in range(1, 10):
        assert f"[{number}/9]" in first.output
    assert "准备完成，用时" in first.output
    with fresh.app_context():
        assert db.session.scalar(select(func.count()).select_from(Office))
        assert db.session.scalar(select(func.count()).select_from(StaffMember)) == 10
        assert db.session.scalar(select(func.count()).select_from(Law))
        db.session.remove()
    again = run(fresh)
    assert again.exit_code == 0, again.output
    assert again.output.count("已是最新") == 8


def test_without_the_law_package_the_rest_is_set_up_and_it_is_said(
    fresh: Flask, content: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(starter, "data_file", lambda: None)
    # The questions cite articles that are not there; that is no error of theirs.
    result = run(fresh)
    assert result.exit_code == 0, result.output
    assert "没有找到起步法律数据包" in result.output
    assert "法律条文：跳过" in result.output


def test_production_has_no_step_for_demonstration_accounts(tmp_path: Path, content: Path) -> None:
    from portal import setup as module

    with (
        own_application(tmp_path / "i", "nodemo", PORTAL_CONTENT_DIR=str(content)) as app,
        app.app_context(),
    ):
        assert "演示账号" not in [step.name for step in module.steps()]
        assert len(module.steps()) == 8


def break_offices(content: Path) -> None:
    (content / "offices.yaml").write_text("offices: [{code: x}]", encoding="utf-8")


def break_offices_syntax(content: Path) -> None:
    (content / "offices.yaml").write_text("offices: [", encoding="utf-8")


def remove_offices(content: Path) -> None:
    (content / "offices.yaml").unlink()


def break_calendar(content: Path) -> None:
    (content / "calendar" / "2026.yaml").write_text("year: x", encoding="utf-8")


def break_question(content: Path) -> None:
    (content / "faq" / "labour.yaml").write_text("category: nowhere", encoding="utf-8")


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (break_offices, "机构没有完成：offices.yaml："),
        (break_offices_syntax, "机构没有完成：offices.yaml："),
        (remove_offices, "机构没有完成：offices.yaml：没有这个文件"),
        (break_calendar, "工作日历没有完成："),
        (break_question, "问答和指南没有完成：内容文件有"),
    ],
)
def test_a_broken_file_ends_the_run_in_a_sentence(
    fresh: Flask, content: Path, damage: Any, said: str
) -> None:
    damage(content)
    result = run(fresh)
    assert result.exit_code == 1
    assert said in result.output
    assert "准备完成" not in result.output
    assert "Traceback" not in result.output
    assert isinstance(result.exception, SystemExit)


@pytest.mark.parametrize(
    ("failure", "said"),
    [
        (BuildInProgress("busy"), "另一个进程正在建立索引"),
        (IndexWriteError("disk full"), "请检查磁盘空间"),
        (OperationalError("SELECT", {}, Exception("gone")), "数据库没有应答"),
        (ProgrammingError("SELECT", {}, Exception("odd")), "数据库拒绝了操作"),
        (PermissionError(13, "Permission denied", "index"), "不能读写 index"),
    ],
)
def test_a_failing_index_ends_the_run_in_a_sentence(
    fresh: Flask, monkeypatch: pytest.MonkeyPatch, failure: Exception, said: str
) -> None:
    def fail(_progress: Any) -> None:
        raise failure

    monkeypatch.setattr(operations, "ensure_index", fail)
    result = run(fresh)
    assert result.exit_code == 1
    assert "检索索引没有完成：" in result.output
    assert said in result.output


def test_a_database_newer_than_the_program_is_left_alone(fresh: Flask) -> None:
    assert run(fresh).exit_code == 0
    with fresh.app_context(), db.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = 'later'"))
    result = run(fresh)
    assert result.exit_code == 1
    assert "数据库的版本 later 比程序新" in result.output


def test_a_database_that_was_put_back_by_half_is_refused(fresh: Flask) -> None:
    with fresh.app_context():
        if is_sqlite():
            pytest.skip("a file is put back as a whole")
        flask_migrate.upgrade()
        with db.engine.begin() as connection:
            # What a restore that was cut off lacks: the version is there, the last constraints are not.
            connection.execute(
                text("ALTER TABLE notary_booking DROP CONSTRAINT ck_notary_booking_seats")
            )
            connection.execute(text("DROP INDEX ix_idempotency_record_created_at"))
    told = run(fresh)
    assert told.exit_code == 1
    assert "数据库不完整，缺少 2 个表、约束或索引（如 ck_notary_booking_seats）" in told.output
    with fresh.app_context():
        with pytest.raises(schema_version.SchemaDiffers, match="没有恢复完的备份"):
            schema_version.require()
        assert db.session.scalar(select(func.count()).select_from(Office)) == 0
        db.session.remove()


def test_other_keys_than_the_database_has_stop_the_run_before_anything_is_written(
    fresh: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run(fresh).exit_code == 0
    ours = encryption.ring()
    with fresh.app_context():
        people.make_resident()
        db.session.remove()
    assert run(fresh).exit_code == 0
    theirs = encryption.generate_key(), encryption.generate_key()
    for ring in (
        encryption.KeyRing.parse(f"1:{theirs[0]}", theirs[1]),
        dataclasses.replace(ours, index_key=b"another key for the fingerprints"),
    ):
        monkeypatch.setattr(encryption, "_ring", ring)
        result = run(fresh)
        assert result.exit_code == 1
        assert "密钥没有完成：设置里的密钥不是这个数据库的密钥" in result.output
        assert "[3/9]" not in result.output


def test_two_runs_never_overlap(fresh: Flask) -> None:
    with (Path(fresh.instance_path) / "setup.lock").open("a") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        result = run(fresh)
        assert result.exit_code == 1
        assert "另一个准备过程正在进行" in result.output
        assert "[1/9]" not in result.output
    assert run(fresh).exit_code == 0


# A part of the portal with a child, as gunicorn has; which of the two dies first is up to the test.
PART = """
import os
import sys
import time
from portal.app import create_app
from portal.core import running

with create_app(rooms=()).app_context():
    held = running.hold(running.Part(sys.argv[1]))
    child = os.fork()
    if child:
        print(child, flush=True)
    time.sleep(60)
"""


@contextmanager
def running_part(app: Flask, part: running.Part) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """A process that runs as `part` on the instance of `app`, and the id of its child."""
    process = subprocess.Popen(
        [sys.executable, "-c", PART, part.value],
        cwd=ROOT,
        env={**environment(Path(app.instance_path), ""), "PATH": os.environ["PATH"]},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    child = int(process.stdout.readline())
    try:
        yield process, child
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
        with suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)


@pytest.mark.parametrize("part", list(running.Part))
def test_tables_are_not_changed_under_a_running_part_and_a_killed_one_stands_in_nobodys_way(
    fresh: Flask, part: running.Part
) -> None:
    with running_part(fresh, part) as (process, child):
        result = run(fresh)
        assert result.exit_code == 1
        assert f"数据库结构没有完成：{part.label}还在运行" in result.output
        assert "--even-if-running" in result.output
        process.kill()
        process.wait()
        # What is left of it serves on.
        assert f"{part.label}还在运行" in run(fresh).output
        os.kill(child, signal.SIGKILL)
        assert wait_until(lambda: "升级了" in run(fresh).output)


def wait_until(holds: Callable[[], bool]) -> bool:
    """Ask a few times: a killed process is gone a moment later."""
    return any(holds() or time.sleep(0.2) for _ in range(10))


def test_with_nothing_to_migrate_setup_does_not_mind_a_running_part(fresh: Flask) -> None:
    assert run(fresh).exit_code == 0
    with running_part(fresh, running.Part.WEB):
        again = run(fresh)
    assert again.exit_code == 0, again.output


def test_who_insists_upgrades_under_a_running_part(fresh: Flask) -> None:
    with running_part(fresh, running.Part.WEB):
        result = run(fresh, "--even-if-running")
    assert result.exit_code == 0, result.output
    assert "升级了" in result.output


@pytest.mark.parametrize(
    ("owner", "seconds", "said"),
    [
        ("another-host:7", 5, "主机 another-host 上的后台任务还在运行"),
        ("another-host:7", 40, None),
        (f"{socket.gethostname()}:{os.getpid()}", 5, "后台任务还在运行"),
        (f"{socket.gethostname()}:999999999", 5, None),
    ],
    ids=["elsewhere", "elsewhere-silent", "here", "here-dead"],
)
def test_a_background_worker_elsewhere_is_known_by_its_sign_in_the_database(
    fresh: Flask, owner: str, seconds: int, said: str | None
) -> None:
    with fresh.app_context():
        flask_migrate.upgrade(revision="0014")
        with unit_of_work():
            beat = clock.now() - timedelta(seconds=seconds)
            db.session.add(WorkerHeartbeat(owner=owner, started_at=beat, beat_at=beat))
        db.session.remove()
    result = run(fresh)
    if said is None:
        assert result.exit_code == 0, result.output
    else:
        assert said in result.output
        assert result.exit_code == 1


def test_no_part_starts_while_the_tables_are_being_changed(fresh: Flask) -> None:
    with fresh.app_context(), running.kept_out() as living:
        assert living == []
        for part in running.Part:
            with pytest.raises(schema_version.SchemaDiffers, match="正在升级"):
                running.hold(part)
    with fresh.app_context(), running.hold(running.Part.WEB), running.kept_out() as living:
        assert living == [running.Part.WEB]


def test_a_database_that_does_not_answer_is_said(tmp_path: Path) -> None:
    variables = environment(tmp_path, "postgresql://portal@127.0.0.1:1/none")
    result = subprocess.run(
        [sys.executable, "-m", "flask", "--app", "wsgi", "setup"],
        cwd=ROOT,
        env={**variables, "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert result.returncode == 1
    assert "数据库没有应答" in result.stderr
    assert "Traceback" not in result.stderr
