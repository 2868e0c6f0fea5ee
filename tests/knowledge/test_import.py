"""`flask law import`: files into the tables, once each, whole or not at all."""

from __future__ import annotations

import gzip
import json
import os
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from portal.core.db import db
from portal.core.errors import Invalid
from portal.core.unit_of_work import unit_of_work
from portal.knowledge import operations
from portal.knowledge.importing import run as importing
from portal.knowledge.models import (
    Article,
    ArticleLineage,
    CitedArticle,
    IndexState,
    Law,
    LawLevel,
    LawVersion,
    ReviewItem,
    Validity,
)
from tests.knowledge.conftest import CIVIL, LABOUR, LAWS, TRADEMARK

CORPUS = Path(__file__).parents[3] / "shared" / "corpus"

OLD = """\
# 测试养犬条例

2011年3月25日 测试市第三届人民代表大会常务委员会第二十三次会议通过

<!-- INFO END -->

## 第一章 总则

第一条 测试：为了规范养犬行为，制定本条例。

第二条 测试：养犬人应当办理登记。

第三条 测试：登记每年办理一次。

第四条 本条例自2011年6月1日起施行。
"""
NEW = (
    OLD.replace("2011年3月25日", "2024年3月25日")
    .replace("应当办理登记", "应当在三十日内办理登记")
    .replace("第三条 测试：登记每年办理一次。\n\n", "")
    .replace(
        "第四条 本条例自2011年6月1日起施行。",
        "第三条 测试：禁止弃养。\n\n第四条 本条例自2024年7月1日起施行。\n\n第五条 测试：另行规定。",
    )
)


def write(folder: Path, name: str, text: str) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def rows(*texts: tuple[str, str | None, list[tuple[str, str]]]) -> list[dict[str, Any]]:
    """Lines of a JSON file: (law, version, [(number, text)])."""
    made = [
        {
            "law": law,
            "number": number,
            "heading": "第一章 总则 第一节 一般规定",
            "text": text,
            "level": "statute",
            "version": version,
        }
        for law, version, articles in texts
        for number, text in articles
    ]
    return [{"id": place, **row} for place, row in enumerate(made)]


def write_lines(path: Path, lines: list[Any]) -> Path:
    text = "\n".join(
        line if isinstance(line, str) else json.dumps(line, ensure_ascii=False) for line in lines
    )
    data = text.encode()
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


def count(model: type) -> int:
    return db.session.scalar(select(func.count()).select_from(model)) or 0


def versions(name: str) -> list[LawVersion]:
    found = select(LawVersion).join(LawVersion.law).where(Law.name == name)
    return list(db.session.scalars(found.order_by(LawVersion.version_date)))


def texts(version: LawVersion) -> list[tuple[str, str]]:
    query = select(Article.number, Article.text).where(Article.version_id == version.id)
    return [tuple(row) for row in db.session.execute(query.order_by(Article.position))]


def revision() -> int:
    return db.session.scalar(select(IndexState.revision)) or 0


@pytest.fixture
def run(app, settings):
    """Run a command in the application."""

    def invoke(*arguments: str):
        return app.test_cli_runner().invoke(args=list(arguments))

    return invoke


# --- Markdown, versions, dry run ---


def test_two_versions_in_two_files_are_one_law(settings, tmp_path):
    folder = tmp_path / "laws"
    write(folder, "养犬条例(2024-03-25).md", NEW)
    write(folder, "养犬条例(2011-03-25).md", OLD)
    report = operations.import_law([folder])
    assert report.problems == []
    assert count(Law) == 1
    old, new = versions("测试养犬条例")
    assert (old.status, old.effective_to) == (Validity.HISTORICAL, date(2024, 7, 1))
    assert (new.status, new.is_current, new.effective_from) == (
        Validity.IN_FORCE,
        True,
        date(2024, 7, 1),
    )
    assert [number for number, _ in texts(new)] == ["1", "2", "3", "4", "5"]
    assert revision() > 1


def test_a_second_run_writes_nothing_and_a_dry_run_neither(settings, tmp_path, tell):
    folder = tmp_path / "laws"
    path = write(folder, "养犬条例(2011-03-25).md", OLD)
    dry = operations.import_law([folder], dry_run=True, progress=tell)
    assert (dry.files[0].versions_added, dry.files[0].articles.added) == (1, 4)
    assert (count(Law), count(Article), revision(), dry.changed) == (0, 0, 0, False)
    assert tell.lines == [("read", 1, 1), ("law", 1, 1)]
    operations.import_law([folder])
    ids = set(db.session.scalars(select(Article.id)))
    built = revision()
    again = operations.import_law([folder])
    assert (again.files[0].versions_unchanged, again.files[0].articles.unchanged) == (1, 4)
    assert not again.changed
    assert (set(db.session.scalars(select(Article.id))), revision()) == (ids, built)
    path.write_text(OLD.replace("每年办理", "每两年办理"), encoding="utf-8")
    dry = operations.import_law([folder], dry_run=True)
    assert (dry.files[0].versions_changed, dry.files[0].articles.changed) == (1, 1)
    assert "每年" in texts(versions("测试养犬条例")[0])[2][1]


def test_whoever_stops_an_import_is_told_how_to_go_on(run, settings, tmp_path, monkeypatch):
    """What was written is whole, and the next run also does what comes after the writing."""
    folder = tmp_path / "laws"
    write(folder, "养犬条例(2011-03-25).md", OLD)
    write(folder, "养犬条例(2024-03-25).md", NEW)
    with monkeypatch.context() as stopped:
        stopped.setattr("portal.knowledge.lineage.refresh", interrupted)
        result = run("law", "import", str(folder))
    assert (result.exit_code, count(LawVersion)) == (1, 2)
    assert "已中止。已经导入的版本都是完整的，再运行一次" in result.output
    assert count(ArticleLineage) == 0
    assert run("law", "import", str(folder)).exit_code == 0
    assert count(ArticleLineage) > 0


def interrupted(*_arguments: object) -> None:
    raise KeyboardInterrupt


def test_a_changed_file_keeps_the_ids_of_articles_that_stay(settings, tmp_path):
    folder = tmp_path / "laws"
    path = write(folder, "养犬条例(2011-03-25).md", OLD)
    operations.import_law([folder])
    before = {row.label: row.id for row in db.session.execute(select(Article.label, Article.id))}
    path.write_text(
        OLD.replace("第二条 测试：养犬人应当办理登记。\n\n", "").replace("每年", "每两年"),
        encoding="utf-8",
    )
    counts = operations.import_law([folder]).files[0].articles
    assert (counts.added, counts.changed, counts.unchanged, counts.removed) == (0, 1, 2, 1)
    after = {row.label: row.id for row in db.session.execute(select(Article.label, Article.id))}
    del before["第二条"]
    assert after == before
    (version,) = versions("测试养犬条例")
    assert version.article_count == 3


def test_a_broken_file_stays_out_and_the_others_go_in(run, tmp_path):
    folder = tmp_path / "laws"
    write(folder, "good(2011-03-25).md", OLD)
    broken = OLD.replace("测试养犬条例", "测试养猫条例").replace("第三条", "第一条")
    write(folder, "broken(2011-03-25).md", broken)
    result = run("law", "import", str(folder))
    assert result.exit_code == 1
    assert "没有导入：broken(2011-03-25).md，第 13 行：第一条重复" in result.output
    assert (
        "good(2011-03-25).md：《测试养犬条例》2011-03-25 版，新增 1 个版本；新增 4 条"
        in result.output
    )
    assert "成功 1 项，问题 1 处" in result.output
    assert list(db.session.scalars(select(Law.name))) == ["测试养犬条例"]
    assert count(Article) == 4


def test_the_books_of_a_code_are_one_law_and_come_again_one_by_one(settings, tmp_path):
    folder = tmp_path / "laws"

    def book(title: str, *articles: str) -> str:
        head = f"# {CIVIL}\n\n# {title}\n\n2020年5月28日 第十三届全国人民代表大会第三次会议通过\n\n2021年1月1日 施行\n"
        return head + "\n<!-- INFO END -->\n\n## 第一章 一般规定\n\n" + "\n\n".join(articles)

    write(folder, "b物权编.md", book("物权编", "第三条 测试物权。", "第四条 测试占有。"))
    write(folder, "c总则.md", book("总则", "第一条 测试总则。", "第二条 测试主体。"))
    report = operations.import_law([folder])
    assert report.problems == []
    (version,) = versions(CIVIL)
    assert [number for number, _ in texts(version)] == ["1", "2", "3", "4"]
    assert (version.version_date, version.effective_from) == (date(2020, 5, 28), date(2021, 1, 1))
    chapters = db.session.scalars(select(Article.chapter).order_by(Article.position)).all()
    assert chapters[2] == ["物权编", "第一章 一般规定"]
    ids = set(db.session.scalars(select(Article.id)))
    write(folder, "b物权编.md", book("物权编", "第三条 测试物权新。", "第四条 测试占有。"))
    operations.import_law([folder / "b物权编.md"])
    (version,) = versions(CIVIL)
    assert [text for _, text in texts(version)][:3] == ["测试总则。", "测试主体。", "测试物权新。"]
    assert set(db.session.scalars(select(Article.id))) == ids
    write(folder, "b物权编.md", book("物权编", "第三条 测试。", "第三条 又一次。"))
    report = operations.import_law([folder])
    assert len(report.problems) == 2
    assert "另一部分" in report.problems[1].reason
    assert texts(versions(CIVIL)[0])[2] == ("3", "测试物权新。")


def test_two_files_that_say_different_things_of_one_version_are_refused(settings, tmp_path):
    folder = tmp_path / "laws"
    write(folder, "a(2011-03-25).md", OLD)
    write(folder, "b(2011-03-25).md", OLD.replace("每年", "每月"))
    report = operations.import_law([folder])
    assert len(report.problems) == 1
    assert "a(2011-03-25).md 里已有" in report.problems[0].reason
    assert count(LawVersion) == 1


NATIONAL = OLD.replace("测试市第三届人民代表大会常务委员会第二十三次会议通过", "国务院公布")


def test_rules_of_two_makers_with_one_name_are_not_taken_for_one_law(settings, tmp_path):
    """As its newer version the district's would end the one of the whole country."""
    folder = tmp_path / "laws"
    write(folder, "a(2011-03-25).md", NATIONAL)
    write(folder, "b(2024-03-25).md", NEW)
    for dry_run in (True, False):
        report = operations.import_law([folder], dry_run=dry_run)
        (problem,) = report.problems
        assert str(problem) == (
            "b(2024-03-25).md：已有的《测试养犬条例》是行政法规，这里的是地方性法规，不像同一部："
            "同名的另一部请在名称前写上制定机关"
        )
    lines = rows(("测试养犬条例", "2024-03-25", [("第一条", "测试。")]))
    report = operations.import_law([write_lines(tmp_path / "a.jsonl", lines)])
    assert [(p.line, "不像同一部" in p.reason) for p in report.problems] == [(1, True)]
    assert [v.status for v in versions("测试养犬条例")] == [Validity.IN_FORCE]


def by(maker: str, day: str, earlier: str = "") -> str:
    return OLD.replace(
        "2011年3月25日 测试市第三届人民代表大会常务委员会第二十三次会议通过",
        f"（{earlier}{day}{maker}公布 自2011年6月1日起施行）",
    )


def test_rules_of_two_departments_with_one_name_are_not_taken_for_one_law(settings, tmp_path):
    write(tmp_path / "laws", "a.md", by("测试农业部令第3号", "2011年3月25日"))
    write(tmp_path / "laws", "b.md", by("测试公安部令2012年第5号", "2012年3月25日"))
    (problem,) = operations.import_law([tmp_path / "laws"]).problems
    assert str(problem) == (
        "b.md：已有的《测试养犬条例》由测试农业部制定，这里的由测试公安部制定，不像同一部："
        "同名的另一部请在名称前写上制定机关；机关改名或者职能划转、确是同一部的，加上 --successor 再导入"
    )
    assert [v.status for v in versions("测试养犬条例")] == [Validity.IN_FORCE]
    assert operations.import_law([tmp_path / "laws"], successor=True).problems == []
    assert [v.issuing_body for v in versions("测试养犬条例")] == ["测试农业部", "测试公安部"]


@pytest.mark.parametrize(
    "newer",
    [
        # The header tells the succession, or it is the same maker in other words.
        by("测试公安部令第5号", "2012年3月25日", "2011年3月25日测试农业部令第3号公布 根据"),
        by("国家测试农业和农村部令第5号", "2012年3月25日"),
        by("测试公安部、测试农业部令第5号", "2012年3月25日"),
        by("", "2012年3月25日"),
    ],
)
def test_a_new_edition_of_the_same_makers_is_a_version_of_the_rule(settings, tmp_path, newer):
    write(tmp_path / "laws", "a.md", by("测试农业部令第3号", "2011年3月25日"))
    write(tmp_path / "laws", "b.md", newer)
    assert operations.import_law([tmp_path / "laws"]).problems == []
    assert count(LawVersion) == 2


@pytest.mark.parametrize(
    ("header", "maker"),
    [
        ("2011年3月25日国务院令第3号公布", "国务院"),
        ("2011年3月25日国务院第29次常务会议通过", "国务院"),
        ("2011年3月25日国务院测试监督管理委员会令第3号公布", "国务院测试监督管理委员会"),
        ("2011年3月25日测试市人民政府令第3号发布", "测试市人民政府"),
        ("2011年3月25日 测试部、测试总局公告2011年第3号", "测试部、测试总局"),
        ("2011年3月25日测试总局第3次局务会议审议通过", "测试总局"),
    ],
)
def test_who_made_a_rule_is_read_in_its_header(settings, tmp_path, header, maker):
    text = OLD.replace("2011年3月25日 测试市第三届人民代表大会常务委员会第二十三次会议通过", header)
    assert operations.import_law([write(tmp_path, "a.md", text)]).problems == []
    assert [v.issuing_body for v in versions("测试养犬条例")] == [maker]


def test_whoever_corrects_the_level_of_a_version_is_believed(settings, tmp_path):
    operations.import_law([write(tmp_path, "a(2011-03-25).md", NATIONAL)])
    assert operations.import_law([write(tmp_path, "a(2011-03-25).md", OLD)]).problems == []
    assert [v.level for v in versions("测试养犬条例")] == [LawLevel.LOCAL_REGULATION]


def test_a_file_that_is_named_twice_is_one_file(settings, tmp_path):
    path = write(tmp_path, "a(2011-03-25).md", OLD)
    assert [f.file for f in operations.import_law([path, path]).files] == ["a(2011-03-25).md"]


def test_texts_that_cite_a_changed_article_go_to_the_review_list(settings, package, tmp_path):
    operations.import_starter()
    operations.load_content()
    text = (
        f"# {LABOUR}\n\n2026年1月1日 第十四届全国人民代表大会常务委员会第二十次会议修订\n\n"
        "<!-- INFO END -->\n\n第三十条 测试：工资应当按月支付。\n\n"
        "第三十八条 测试：用人单位未及时足额支付劳动报酬的，劳动者可以解除劳动合同。\n"
    )
    path = write(tmp_path / "laws", "劳动合同法(2026-01-01).md", text)
    assert operations.import_law([path]).problems == []
    titles = set(db.session.scalars(select(ReviewItem.title)))
    assert titles == {"公司拖欠工资怎么办？", "怎样保存证据"}
    current = versions(LABOUR)[-1]
    assert current.is_current
    linked = db.session.scalars(
        select(Article.version_id)
        .join(CitedArticle, CitedArticle.article_id == Article.id)
        .where(CitedArticle.law_name == LABOUR)
    )
    assert set(linked) == {current.id}


def test_the_starter_package_does_not_undo_an_import(run, package, tmp_path):
    assert run("law", "import", "--format", "starter").exit_code == 0
    lines = rows((TRADEMARK, "2019-04-23", [("第一条", "测试：更准确的文字。")]))
    path = write_lines(tmp_path / "laws.jsonl", lines)
    operations.import_law([path])
    report = operations.import_starter()
    assert (report.versions_changed, report.versions_unchanged) == (0, len(LAWS))
    assert texts(versions(TRADEMARK)[0]) == [("1", "测试：更准确的文字。")]
    # What the lines do not say, the package's word stands for.
    assert versions(TRADEMARK)[0].issuing_body == "全国人大常委会"


def test_the_command_refuses_what_makes_no_sense(run, package, tmp_path):
    (tmp_path / "empty").mkdir()
    write(tmp_path, "a.txt", OLD)
    assert "请写明" in run("law", "import").output
    assert "没有找到可以导入的文件" in run("law", "import", str(tmp_path / "empty")).output
    assert "--format" in run("law", "import", str(tmp_path / "a.txt")).output
    assert "数据包" in run("law", "import", "--format", "starter", str(tmp_path)).output
    tried = run("law", "import", "--format", "starter", "--dry-run")
    assert tried.exit_code == 0
    assert "试运行，没有写入。法律 6 部、条文 17 条；新增版本 7 个" in tried.output
    assert "search rebuild" not in tried.output
    assert count(Law) == 0
    named = run("law", "import", "--format", "markdown", "--dry-run", str(tmp_path / "a.txt"))
    assert "试运行，没有写入。成功 1 项" in named.output
    with pytest.raises(Invalid):
        importing.find([tmp_path / "a.txt"], None)


@pytest.mark.parametrize("arguments", [("没有的文件夹",), ("--format", "pdf", ".")])
def test_a_wrong_path_or_format_is_told_in_chinese(run, settings, arguments):
    result = run("law", "import", *arguments)
    assert result.exit_code == 1
    assert "Usage" not in result.output
    assert "Invalid value" not in result.output
    assert ("没有这个文件或者文件夹：没有的文件夹。" in result.output) == (len(arguments) == 1)
    assert ("可以是 markdown、docx、jsonl、starter。" in result.output) == (len(arguments) == 3)


def test_a_file_that_no_reader_knows_is_said_to_be_passed_over(run, settings, tmp_path):
    folder = tmp_path / "laws"
    write(folder, "养犬条例(2011-03-25).md", OLD)
    write(folder, "~$lock.docx", "")
    write(folder, ".hidden", "")
    for name in ("扫描件.pdf", "说明.txt"):
        write(folder, name, "x")
    result = run("law", "import", str(folder))
    assert result.exit_code == 0
    assert "跳过：扫描件.pdf、说明.txt，这些格式不能导入。" in result.output
    (folder / "养犬条例(2011-03-25).md").unlink()
    nothing = run("law", "import", str(folder))
    assert nothing.exit_code == 1
    assert "这些文件的格式不能导入：扫描件.pdf、说明.txt。" in nothing.output
    assert importing.shortened([str(number) for number in range(30)]).endswith("9等 30 个文件")


# --- the research corpus ---


@pytest.fixture
def corpus() -> Path:
    """The folder beside the repository with the real texts."""
    if not CORPUS.is_dir():
        reason = "the research corpus is not beside the repository"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    return CORPUS


@pytest.mark.corpus
def test_every_markdown_file_of_the_corpus_is_read(settings, corpus):
    report = operations.import_law([corpus / "markdown"])
    # Three files hold a title and dates only.
    assert {problem.reason for problem in report.problems} == {"到文件末尾也没有正文"}
    assert len(report.problems) == 3
    added = sum(file.articles.added for file in report.files)
    assert (sum(file.texts for file in report.files), added, count(Article)) == (112, 7346, 7346)
    civil = versions(CIVIL)[0]
    numbers = [number for number, _ in texts(civil)]
    assert numbers == [str(number) for number in range(1, 1261)]
    criminal = versions("中华人民共和国刑法")[0]
    labels = set(db.session.scalars(select(Article.label).where(Article.version_id == criminal.id)))
    assert {"第一百二十条之一", "附件一", "附件二"} <= labels
    old, new = versions("中华人民共和国公司法")
    assert (old.article_count, new.article_count) == (218, 266)
    assert (old.effective_to, new.effective_from) == (date(2024, 7, 1), date(2024, 7, 1))
    again = operations.import_law([corpus / "markdown"])
    assert not again.changed
    assert sum(file.articles.unchanged for file in again.files) == 7346


@pytest.mark.corpus
def test_every_line_of_the_corpus_is_read(settings, corpus):
    found = importing.json_lines.survey(corpus / "articles.jsonl.gz")
    assert found.articles == 63_538
    assert sum("没有重复导入" in note for note in found.notes) == 5
    # One text has whole chapters within single lines.
    assert [note for note in found.notes if "没有分开" in note] == [
        "《中华人民共和国飞行基本规则》第一条的文字里接着第二条等 12 处，没有分开，后面的不能按条号引用"
    ]
    read = list(importing.json_lines.read(corpus / "articles.jsonl.gz", found))
    # Five texts stand twice in the file, with 247 articles.
    assert (len(read), sum(len(text.articles) for text in read)) == (1_439, 63_291)
    # Every kind of text goes through the tables; all of them take as long as the suite may.
    importer = importing._Importer(importing.Report(), lambda *_: None, date(2026, 3, 2))
    sample = importing.FileReport("sample")
    with unit_of_work():
        importer._write(read[::40], sample)
    assert sample.versions_added == len(read[::40])
    assert sample.articles.added == count(Article)
