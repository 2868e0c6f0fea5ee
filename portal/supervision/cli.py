"""`flask supervision sweep`."""

from __future__ import annotations

import click
from flask.cli import AppGroup

from portal.supervision import sweep

supervision_group = AppGroup("supervision", help="期限督办。")

_LABELS = {
    "reminded": "提醒",
    "alarm": "预警",
    "overdue": "逾期",
    "passed": "已由他处办理",
    "failed": "出错",
}


@supervision_group.command("sweep")
@click.option("--most", type=click.IntRange(1, 100_000), default=sweep.MOST, help="最多处理几项。")
def run_sweep(most: int) -> None:
    """立即检查一次期限，发出到点的提醒和逾期标记；有出错的以 1 退出。"""
    outcome = sweep.sweep(most)
    if not outcome:
        click.echo("没有到点的期限。")
    for name, label in _LABELS.items():
        if outcome[name]:
            click.echo(f"  {label}：{outcome[name]} 项")
    if outcome["failed"]:
        raise SystemExit(1)
