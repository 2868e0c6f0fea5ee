"""Commands that belong to the ground floor. Each room registers its own in its `init_app`."""

from __future__ import annotations

import functools
import gettext
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from flask import Flask
from flask.cli import AppGroup

from portal import starting
from portal.accounts import keys
from portal.core import encryption, failures, key_rotation, running, schema_version
from portal.core.jobs import worker
from portal.knowledge import index

encryption_group = AppGroup("encryption", help="个人信息加密密钥。")


@encryption_group.command("new-key")
def new_key() -> None:
    """生成一把新的密钥（BASE64，32 字节）。"""
    click.echo(encryption.generate_key())


@encryption_group.command("rotate")
def rotate() -> None:
    """用最新的密钥重新加密旧密钥加密的内容，可以随时中断再来。"""

    def show(column: str, rewritten: int) -> None:
        click.echo(f"  {column}：累计重新加密 {rewritten} 项")

    total = key_rotation.rotate(show)
    click.echo(f"完成，共重新加密 {total} 项，当前密钥版本 {encryption.ring().current}。")


def speak_chinese() -> None:
    """Have click say what it says of itself in the catalogue's words, whatever language the shell is set to."""
    gettext.bindtextdomain("messages", str(Path(__file__).parent / "locale"))
    os.environ["LANGUAGE"] = "zh_CN"


def speak_plainly(command: click.Command) -> None:
    """Have the command, and all of a group, end in a sentence where the database, a file or a key fails it."""
    if isinstance(command, click.Group):
        for each in command.commands.values():
            speak_plainly(each)
    elif command.callback is not None and not hasattr(command.callback, "__wrapped_plainly__"):
        command.callback = _plain(command.callback)


def _plain(run: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(run)
    def plain(*args: Any, **options: Any) -> Any:
        try:
            return run(*args, **options)
        except (schema_version.SchemaDiffers, keys.KeysDiffer) as error:
            raise click.ClickException(str(error)) from None
        except Exception as error:
            told = failures.sentence(error)
            if told is None:
                raise
            raise click.ClickException(told) from None

    # Commands belong to their modules and outlive an application: each is wrapped once.
    plain.__wrapped_plainly__ = True  # type: ignore[attr-defined]
    return plain


def init_app(app: Flask) -> None:
    """Register the commands."""
    speak_chinese()
    app.cli.add_command(encryption_group)

    @app.cli.command("worker")
    @click.option("--once", is_flag=True, help="只办完目前到期的任务，然后退出。")
    def run_worker(once: bool) -> None:
        """运行后台任务。"""
        with running.hold(running.Part.WORKER):
            starting.require_fitting()
            if once:
                click.echo(f"办理了 {worker.drain()} 项任务。")
            else:
                # The segmenter's dictionary takes seconds to load: now, and not with the first published answer.
                index.preload()
                worker.Worker(app).run()
