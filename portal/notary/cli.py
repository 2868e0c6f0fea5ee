"""`flask notary load`."""

from __future__ import annotations

import click
from flask.cli import AppGroup

from portal.notary import content

notary_group = AppGroup("notary", help="公证预约。")


@notary_group.command("load")
def load() -> None:
    """装入公证事项和公证机构的初始设置；工作人员改过的不动。"""
    report = content.load_content()
    for note in report.notes:
        click.echo(f"提示：{note}")
    for problem in report.problems:
        click.echo(f"没有载入：{problem}", err=True)
    if report.problems:
        raise click.ClickException(f"内容文件有 {len(report.problems)} 处问题，请改正后重试。")
    click.echo(f"新增 {report.added} 项，更新 {report.changed} 项，停用 {report.withdrawn} 项。")
