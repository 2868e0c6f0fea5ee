"""`flask working-days load`."""

from __future__ import annotations

import click
from flask.cli import AppGroup

from portal.config import settings
from portal.working_days import operations

working_days_group = AppGroup("working-days", help="工作日历。")


@working_days_group.command("load")
def load() -> None:
    """装入随系统提供的各年放假安排；工作人员录入过的年份不动。"""
    loaded = operations.load(settings().content_dir, progress=click.echo)
    click.echo(f"装入 {len(loaded)} 个年份。" if loaded else "放假安排已是最新。")
