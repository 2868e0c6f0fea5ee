"""`flask setup`: everything a fresh or upgraded portal needs before it serves, in order, with visible progress.

Each step skips what is up to date, so that a second run takes seconds. One run at a time; an error ends in a sentence that
says what to do, and a non-zero exit.
"""

from __future__ import annotations

import fcntl
import logging
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import click
import flask_migrate
from flask import Flask, current_app
from flask.cli import with_appcontext

from portal.accounts import keys, seeds
from portal.config import settings
from portal.core import failures, running, schema_guards, schema_version
from portal.core.content_files import LoadReport
from portal.core.db import db
from portal.core.jobs import worker
from portal.knowledge import cli as knowledge_cli
from portal.knowledge import operations as knowledge
from portal.notary import content as notary
from portal.working_days import operations as working_days

UP_TO_DATE = "已是最新"
QUIET_SECONDS = 1.5


class StepFailed(Exception):
    """A step did not succeed; the text is for the operator."""


@dataclass(frozen=True)
class Step:
    """One step: its name, and what carries it out and returns what it did, in Chinese."""

    name: str
    run: Callable[[], str]


def steps(*, even_if_running: bool = False) -> list[Step]:
    """Return the steps of this installation in order."""
    every = [
        Step("数据库结构", partial(upgrade_database, even_if_running=even_if_running)),
        Step("密钥", check_keys),
        Step("机构", seed_offices),
        Step("工作日历", load_calendar),
        Step("演示账号", seed_demo_accounts),
        Step("法律条文", import_law),
        Step("问答和指南", load_content),
        Step("公证预约", load_notary),
        Step("检索索引", build_index),
    ]
    return [step for step in every if step.name != "演示账号" or settings().demo_accounts]


def init_app(app: Flask) -> None:
    """Register the command."""
    app.cli.add_command(setup)


@click.command("setup")
@click.option("--even-if-running", is_flag=True, help="门户的旧进程还在运行，也升级数据库结构。")
@with_appcontext
def setup(even_if_running: bool) -> None:
    """准备数据库、机构、日历、法律条文、内容和检索索引；已是最新的部分会跳过。"""
    # Progress is told in words below; the log's own lines would only repeat it.
    logging.getLogger().setLevel(logging.WARNING)
    started = time.monotonic()
    with _alone():
        wanted = steps(even_if_running=even_if_running)
        for number, step in enumerate(wanted, 1):
            _carry_out(f"[{number}/{len(wanted)}]", step)
    click.echo(f"准备完成，用时 {time.monotonic() - started:.1f} 秒。")


def _carry_out(place: str, step: Step) -> None:
    click.echo(f"{place} {step.name} ……")
    started = time.monotonic()
    try:
        done = step.run()
    except StepFailed as error:
        raise click.ClickException(f"{step.name}没有完成：{error}") from None
    except Exception as error:
        told = failures.sentence(error)
        if told is None:
            raise
        raise click.ClickException(f"{step.name}没有完成：{told}") from None
    finally:
        db.session.remove()
    click.echo(f"{place} {step.name}：{done}（{time.monotonic() - started:.1f} 秒）")


@contextmanager
def _alone() -> Iterator[None]:
    path = Path(current_app.instance_path) / "setup.lock"
    with path.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise click.ClickException("另一个准备过程正在进行，请等它完成。") from None
        yield


def upgrade_database(*, even_if_running: bool = False) -> str:
    """Bring the schema to the newest revision and make sure of its guards; not under processes of an older program."""
    known = schema_version.known()
    with db.engine.connect() as connection:
        present = schema_version.present(connection)
        if present is not None and present not in known:
            raise StepFailed(schema_version.difference(connection) or "")
    missing = known if present is None else known[: known.index(present)]
    if missing:
        with running.kept_out() as parts:
            living = [part.label for part in parts]
            if present is not None:
                living += [name for name in _workers_by_their_sign() if name not in living]
            if living and not even_if_running:
                raise StepFailed(
                    f"{'、'.join(living)}还在运行，是升级前的程序，会在升级后的数据库上出错。"
                    "请先停止它再执行 setup（刚被强行杀死的，半分钟后不再算作运行）；"
                    "确实要在运行中升级的，加上 --even-if-running，升级后立即重启它。"
                )
            flask_migrate.upgrade()
        return f"升级了 {len(missing)} 个版本"
    with db.engine.begin() as connection:
        told = schema_version.incomplete(connection) or schema_version.closed(connection)
        if told is not None:
            raise StepFailed(told)
        schema_guards.install(connection)
    return UP_TO_DATE


def _workers_by_their_sign() -> list[str]:
    with db.engine.connect() as connection:
        owners = worker.living(connection)
    here = socket.gethostname()
    return [
        running.Part.WORKER.label
        if host == here
        else f"主机 {host} 上的{running.Part.WORKER.label}"
        for host in dict.fromkeys(map(worker.host_of, owners))
    ]


def check_keys() -> str:
    """Make sure that the keys are those of this database, before anything is written with others."""
    try:
        keys.require()
    except keys.KeysDiffer as error:
        raise StepFailed(str(error)) from None
    return "与数据库相符"


def seed_offices() -> str:
    """Bring the offices in line with their file."""
    changed = seeds.seed_offices()
    return f"新增或更新 {changed} 个" if changed else UP_TO_DATE


def load_calendar() -> str:
    """Load the rest days that come with the portal."""
    years = working_days.load(settings().content_dir)
    return f"装入 {len(years)} 个年份" if years else UP_TO_DATE


def seed_demo_accounts() -> str:
    """Make the demonstration accounts of the development mode."""
    added = seeds.seed_demo_accounts()
    return f"新增 {added} 个" if added else UP_TO_DATE


def import_law() -> str:
    """Load the starter law; without its package the portal serves the rest."""
    report = knowledge.import_starter(_Patient())
    if report.missing:
        knowledge_cli.tell_import(report)
        return "跳过，缺少数据包"
    for problem in report.problems:
        click.echo(f"  问题：{problem}", err=True)
    if not report.changed:
        return f"{UP_TO_DATE}，共 {report.laws} 部、{report.articles_total} 条"
    return f"{report.laws} 部、{report.articles_total} 条，写入 {report.articles_written} 条"


def load_content() -> str:
    """Load categories, questions and guides; a file with an error stops the set-up, because the index would lack it."""
    return _told(knowledge.load_content(_Patient()), "撤下")


def load_notary() -> str:
    """Load notarial matters and new offices; a file with an error stops the set-up, because nothing could be booked."""
    return _told(notary.load_content(), "停用")


def _told(report: LoadReport, withdrawn: str) -> str:
    """Say what a load of files did; raises StepFailed when one of them is wrong."""
    for note in report.notes:
        click.echo(f"  提示：{note}")
    for problem in report.problems:
        click.echo(f"  没有载入：{problem}", err=True)
    if report.problems:
        raise StepFailed(f"内容文件有 {len(report.problems)} 处问题，请改正后重试。")
    if not report.added + report.changed + report.withdrawn:
        return f"{UP_TO_DATE}，共 {report.unchanged + report.kept} 项"
    return f"新增 {report.added} 项，更新 {report.changed} 项，{withdrawn} {report.withdrawn} 项"


def build_index() -> str:
    """Build the search index when it is missing or out of date."""
    try:
        report = knowledge.ensure_index(_Patient())
    except knowledge_cli.BuildInProgress:
        raise StepFailed("另一个进程正在建立索引，请等它完成后重试。") from None
    except knowledge_cli.IndexWriteError:
        raise StepFailed("索引没有写成，请检查磁盘空间和写权限，然后重试。") from None
    if report.reason:
        return f"{report.reason.rstrip('。')}，现已建立，共 {report.documents} 条"
    return f"更新 {report.documents} 条" if report.documents else UP_TO_DATE


class _Patient:
    """Shows a step's progress once the step has taken long enough for somebody to wonder."""

    def __init__(self) -> None:
        self._show = knowledge_cli.Progress()
        self._from = time.monotonic() + QUIET_SECONDS

    def __call__(self, stage: str, done: int, total: int) -> None:
        if time.monotonic() >= self._from:
            self._show(stage, done, total)
