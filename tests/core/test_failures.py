"""What keeps the portal from working is told in a sentence that says what to do, and never in a traceback."""

from __future__ import annotations

import errno
import os
import socket
import subprocess
import sys
from pathlib import Path

import click
import psycopg
import pysqlite3.dbapi2 as sqlite
import pytest
import redis
from sqlalchemy.exc import OperationalError, ProgrammingError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from portal import cli
from portal.config import ROOT
from portal.core import failures, schema_version
from portal.core.encryption import DecryptionFailed
from tests.support import environment


def wrapped(error: Exception) -> OperationalError:
    return OperationalError("SELECT", {}, error)


def fatal(words: str) -> OperationalError:
    """What psycopg raises when the server turns a connection away: words alone, and no code."""
    return wrapped(psycopg.OperationalError(f"connection failed: FATAL:  {words}"))


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (wrapped(sqlite.OperationalError("database or disk is full")), "磁盘已满"),
        (wrapped(sqlite.OperationalError("database is locked")), "被别的程序占用"),
        (wrapped(sqlite.OperationalError("attempt to write a readonly database")), "写权限"),
        (wrapped(sqlite.OperationalError("unable to open database file")), "打不开数据库文件"),
        (wrapped(sqlite.DatabaseError("file is not a database")), "从备份恢复"),
        (wrapped(sqlite.OperationalError("no such table: job")), "flask --app wsgi setup"),
        (
            ProgrammingError("SELECT", {}, psycopg.errors.UndefinedTable("x")),
            "flask --app wsgi setup",
        ),
        (fatal('password authentication failed for user "portal"'), "用户名和密码"),
        (fatal('role "portal" does not exist'), "用户名和密码"),
        (fatal('database "portal" does not exist'), "没有 DATABASE_URL 里写的这个库"),
        (fatal('database "portal" is not currently accepting connections'), "目前不接受连接"),
        (fatal("sorry, too many clients already"), "max_connections"),
        (fatal('too many connections for role "portal"'), "CONNECTION LIMIT"),
        (fatal("the database system is starting up"), "数据库没有应答"),
        (wrapped(psycopg.OperationalError("failed to resolve host")), "主机名"),
        (wrapped(psycopg.OperationalError("Connection refused")), "数据库没有应答"),
        (wrapped(psycopg.errors.DiskFull("x")), "磁盘已满"),
        (ProgrammingError("SELECT", {}, psycopg.errors.InsufficientPrivilege("x")), "权限不够"),
        (psycopg.errors.ReadOnlySqlTransaction("x"), "指向主库"),
        (wrapped(psycopg.errors.QueryCanceled("x")), "statement_timeout"),
        (redis.ConnectionError("Connection refused"), "REDIS_URL 里的主机和端口"),
        (redis.AuthenticationError("invalid password"), "用户名和密码"),
        (redis.BusyLoadingError("loading"), "请等它装完"),
        (redis.InvalidResponse("HTTP/1.1 400"), "答复得不像 Redis"),
        (ProgrammingError("SELECT", {}, Exception("odd")), "数据库拒绝了操作（Exception）"),
        (PoolTimeout("QueuePool limit"), "稍后重试"),
        (DecryptionFailed("no key of version 1"), "PORTAL_ENCRYPTION_KEYS"),
        (PermissionError(errno.EACCES, "Permission denied", "/srv/x"), "不能读写 /srv/x：没有权限"),
        (OSError(errno.ENOSPC, "No space left on device"), "不能读写 文件：磁盘已满"),
    ],
)
def test_each_trouble_says_what_to_do(error: Exception, said: str) -> None:
    told = failures.sentence(error)
    assert told is not None
    assert said in told
    assert told.endswith("。")


@pytest.mark.parametrize("error", [ValueError("ours"), BrokenPipeError(errno.EPIPE, "pipe")])
def test_a_mistake_of_ours_is_no_trouble_of_the_operator(error: Exception) -> None:
    assert failures.sentence(error) is None


def test_every_command_of_a_group_ends_in_the_sentence_and_is_wrapped_once() -> None:
    @click.command()
    def inner() -> None:
        raise fatal('database "portal" does not exist')

    @click.command()
    def other() -> None:
        raise schema_version.SchemaDiffers("版本不一致")

    @click.command()
    def ours() -> None:
        raise ValueError("a mistake")

    group = click.Group(commands={"inner": inner, "other": other, "ours": ours})
    cli.speak_plainly(group)
    once = inner.callback
    cli.speak_plainly(group)
    assert inner.callback is once
    with pytest.raises(click.ClickException, match="没有 DATABASE_URL 里写的这个库"):
        inner.main([], standalone_mode=False)
    with pytest.raises(click.ClickException, match="版本不一致"):
        other.main([], standalone_mode=False)
    with pytest.raises(ValueError, match="a mistake"):
        ours.main([], standalone_mode=False)


def start(command: list[str], variables: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", *command],
        cwd=ROOT,
        env={**variables, "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        timeout=120,
    )


AWAY = "postgresql://portal@127.0.0.1:1/none"


@pytest.mark.parametrize("command", [["worker"], ["audit", "verify"], ["encryption", "rotate"]])
def test_a_command_without_its_database_says_so(tmp_path: Path, command: list[str]) -> None:
    done = start(["flask", "--app", "wsgi", *command], environment(tmp_path, AWAY))
    assert done.returncode == 1
    assert "数据库没有应答" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, "请运行 flask --app wsgi setup"),
        ({"PORTAL_PORT": "80a"}, "PORTAL_PORT 应当是"),
        ({"PORTAL_THREADS": "x", "PORTAL_GRACEFUL_SECONDS": "y"}, "PORTAL_GRACEFUL_SECONDS 应当是"),
        (
            {"PROMETHEUS_MULTIPROC_DIR": "/dev/null/x"},
            "PROMETHEUS_MULTIPROC_DIR（/dev/null/x）不能用",
        ),
    ],
)
def test_the_web_that_cannot_start_says_why(
    tmp_path: Path, changes: dict[str, str], said: str
) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    done = start(["gunicorn"], environment(tmp_path, "") | {"PORTAL_PORT": port} | changes)
    assert done.returncode == 1
    assert "门户没有启动" in done.stderr
    assert said in done.stderr
    assert "Traceback" not in done.stderr
