"""`flask audit verify`."""

from __future__ import annotations

from typing import Any

import click
from flask.cli import AppGroup

from portal.audit import chain, operations

audit_group = AppGroup("audit", help="审计记录。")


class HeadType(click.ParamType):
    """`SEQUENCE:HASH`, as an earlier run of the command printed it."""

    name = "SEQUENCE:HASH"

    def convert(self, value: Any, param: Any, ctx: Any) -> chain.Head:
        """Read the text; fails with a Chinese sentence."""
        try:
            return chain.Head.parse(str(value))
        except ValueError:
            self.fail("应当写成 序号:校验值，例如先前运行时打印的那一行。", param, ctx)


@audit_group.command("verify")
@click.option("--batch", type=click.IntRange(1, 100_000), default=chain.BATCH, help="每批条数。")
@click.option("--expect", type=HeadType(), default=None, help="先前记下的末尾，必须还在记录里。")
def verify(batch: int, expect: chain.Head | None) -> None:
    """逐条核对审计记录是否完整，指出第一处断裂；有断裂时以 1 退出。"""
    removed = chain.anchor()
    if removed is not None and expect is not None and expect.sequence < removed.sequence:
        raise click.UsageError(
            f"第 {expect.sequence} 条已按保存期限清除，无法核对；请用较新的末尾。"
        )
    total = operations.last_sequence() - (removed.sequence if removed else 0)
    click.echo(f"核对审计记录，共约 {total} 条……")

    def show(checked: int) -> None:
        share = min(100, 100 * checked // max(total, 1))
        click.echo(f"  已核对 {checked} 条（{share}%）")

    result = chain.verify(batch=batch, progress=show, expect=expect)
    if not result.ok:
        click.echo(f"发现断裂：{result.problem}", err=True)
        click.echo(f"断裂之前完好的有 {result.checked} 条。请保存现场并报告。", err=True)
        raise SystemExit(1)
    if result.anchor is not None:
        click.echo(f"第 1 至 {result.anchor.sequence} 条已按保存期限清除，清除有记载，印记相符。")
    click.echo(f"完好，共 {result.checked} 条。末尾（请记在别处）：{result.head}")
