"""Importing the starter law: whole laws, no duplicates, broken ones named, citations kept."""

from __future__ import annotations

import importlib.util
from datetime import date

import pytest
from sqlalchemy import func, select

from portal.core.db import db
from portal.knowledge import content, operations, reviews, starter
from portal.knowledge.models import (
    Article,
    ArticleLineage,
    CitedArticle,
    IndexState,
    Law,
    LawVersion,
    ReviewItem,
    Validity,
)
from tests.knowledge.conftest import (
    ARTICLES,
    CIVIL,
    CRIMINAL,
    ENVIRONMENT,
    LABOUR,
    LAWS,
    TRADEMARK,
    write_package,
)
from tests.knowledge.test_import import interrupted, rows, write_lines

CODE = "中华人民共和国测试法典"


def count(model: type) -> int:
    return db.session.scalar(select(func.count()).select_from(model)) or 0


def versions(name: str) -> list[LawVersion]:
    found = db.session.scalars(
        select(LawVersion)
        .join(LawVersion.law)
        .where(Law.name == name)
        .order_by(LawVersion.version_date)
    )
    return list(found)


def test_every_law_goes_in_with_versions_and_articles(settings, package, tell):
    report = operations.import_starter(tell)
    assert (report.laws, report.versions_added, report.articles_total) == (6, 7, len(ARTICLES))
    assert (count(Law), count(LawVersion), count(Article)) == (6, 7, len(ARTICLES))
    assert ("law", len(ARTICLES), len(ARTICLES)) in tell.lines


def test_articles_carry_number_label_chapter_and_order(settings, package):
    operations.import_starter()
    rows = db.session.scalars(
        select(Article).join(Article.law).where(Law.name == CIVIL).order_by(Article.position)
    ).all()
    assert [row.number for row in rows] == ["1", "710", "711", "1245", "1254"]
    assert rows[1].chapter == ["第二章 租赁", "第一节 押金"]
    assert rows[1].title == "《民法典》第七百一十条"


def test_an_article_ends_before_the_heading_of_the_next_part(settings, package):
    """Some articles of the package bring it along: 第二编 物权."""
    articles = [
        (*row[:-1], f"{row[-1]}\n第七编 侵权责任\n第一章 一般规定")
        if row[3] == "第七百一十一条"
        else row
        for row in ARTICLES
    ]
    write_package(package, articles=articles)
    operations.import_starter()
    found = db.session.scalars(select(Article.text).where(Article.number == "711"))
    assert "侵权责任" not in "".join(found)


def test_branches_and_passages_without_a_number(settings, package):
    operations.import_starter()
    rows = db.session.scalars(select(Article).order_by(Article.law_id, Article.position)).all()
    labels = {row.label: row.number for row in rows}
    assert labels["第一百三十三条之一"] == "133-1"
    assert labels["一、"] == ""
    assert labels["全文"] == ""


def test_a_second_run_writes_nothing(settings, package):
    operations.import_starter()
    ids = set(db.session.scalars(select(Article.id)))
    report = operations.import_starter()
    assert (report.versions_added, report.versions_changed, report.versions_unchanged) == (0, 0, 7)
    assert not report.changed
    assert set(db.session.scalars(select(Article.id))) == ids


def test_the_next_run_matches_what_one_that_was_cut_off_has_written(settings, package, monkeypatch):
    with monkeypatch.context() as stopped:
        stopped.setattr("portal.knowledge.lineage.refresh", interrupted)
        with pytest.raises(KeyboardInterrupt):
            operations.import_starter()
    assert count(LawVersion) == 7
    assert count(ArticleLineage) == 0
    operations.import_starter()
    assert count(ArticleLineage) > 0


def test_a_dry_run_tells_what_would_go_in_and_changes_nothing(settings, package, tell):
    def state() -> tuple[object, ...]:
        db.session.expire_all()
        texts = db.session.scalars(select(Article.text).order_by(Article.id)).all()
        return count(Law), count(LawVersion), texts, db.session.scalar(select(IndexState.revision))

    empty = state()
    dry = operations.import_starter(tell, dry_run=True)
    assert (dry.laws, dry.versions_added, dry.articles_written, dry.changed) == (6, 7, 17, False)
    assert tell.lines[-1] == ("law", 17, 17)
    assert state() == empty
    operations.import_starter()
    changed = [(*row[:4], row[4] + "改。") if row[0] == "l1" else row for row in ARTICLES]
    write_package(package, articles=changed)
    loaded = state()
    dry = operations.import_starter(dry_run=True)
    assert (dry.versions_added, dry.versions_changed, dry.versions_unchanged) == (0, 1, 6)
    assert state() == loaded
    assert operations.import_starter().versions_changed == 1


def test_the_old_version_is_law_until_the_new_one_takes_effect(settings, package):
    operations.import_starter()
    old, new = versions(TRADEMARK)
    assert (old.status, old.is_current, old.effective_to) == (
        Validity.IN_FORCE,
        True,
        date(2027, 1, 1),
    )
    assert (new.status, new.is_current) == (Validity.NOT_YET, False)


def test_an_amendments_own_first_day_is_marked_as_inferred(settings, package):
    operations.import_starter()
    (labour,) = versions(LABOUR)
    assert (labour.effective_from, labour.dates_exact) == (date(2012, 12, 28), False)
    (civil,) = versions(CIVIL)
    assert (civil.effective_from, civil.dates_exact) == (date(2021, 1, 1), True)


def test_a_repealed_law_ends_and_an_amended_one_does_not(settings, package):
    operations.import_starter()
    (environment,) = versions(ENVIRONMENT)
    assert environment.status is Validity.REPEALED
    assert environment.effective_to == date(2026, 2, 26)
    assert not environment.dates_exact
    (criminal,) = versions(CRIMINAL)
    assert (criminal.status, criminal.effective_to) == (Validity.AMENDED, None)


def test_a_repealed_law_ends_when_the_law_begins_that_says_so(settings, tmp_path):
    day = "2025-03-12"
    code = ("l8", CODE, "法律", "法律", None, day, "2025-08-15", day, "现行有效", None)
    clause = f"本法自 2025年8月15日起施行。 《{ENVIRONMENT}》、《中华人民共和国另一法》同时废止。"
    articles = [*ARTICLES, ("l8", None, None, "第一条", clause)]
    path = write_package(tmp_path / "own.db", [*LAWS, code], articles)
    starter.import_starter(path=path)
    (environment,) = versions(ENVIRONMENT)
    assert environment.status is Validity.REPEALED
    assert (environment.effective_to, environment.dates_exact) == (date(2025, 8, 15), True)


def test_a_later_package_that_says_the_end_puts_the_inferred_one_right(settings, package, tmp_path):
    operations.import_starter()
    day = "2025-03-12"
    code = ("l8", CODE, "法律", "法律", None, day, "2025-08-15", day, "现行有效", None)
    clause = f"本法自2025年8月15日起施行。《{ENVIRONMENT}》同时废止。"
    articles = [*ARTICLES, ("l8", None, None, "第一条", clause)]
    path = write_package(tmp_path / "later.db", [*LAWS, code], articles)
    assert starter.import_starter(path=path).versions_changed == 1
    db.session.expire_all()
    (environment,) = versions(ENVIRONMENT)
    assert (environment.effective_to, environment.dates_exact) == (date(2025, 8, 15), True)
    assert starter.import_starter(path=path).versions_changed == 0


def test_an_inferred_end_gives_way_to_the_law_that_says_it(settings, package, tmp_path):
    operations.import_starter()
    text = f"本法自2025年8月15日起施行，《{ENVIRONMENT}》同时废止。"
    lines = rows((CODE, "2025-03-12", [("第一条", text)]))
    path = write_lines(tmp_path / "a.jsonl", lines)
    assert operations.import_law([path]).repealed == [f"《{ENVIRONMENT}》由《{CODE}》废止"]
    db.session.expire_all()
    (environment,) = versions(ENVIRONMENT)
    assert environment.effective_to == date(2025, 8, 15)
    assert operations.import_law([path]).repealed == []


def test_a_changed_text_keeps_its_id_and_what_is_gone_takes_its_links_along(
    settings, package, tmp_path
):
    operations.import_starter()
    operations.load_content()
    cited = db.session.scalar(select(CitedArticle).where(CitedArticle.number == "710"))
    kept = cited.article_id
    changed = [
        (*row[:4], row[4] + "改") if row[3] == "第七百一十条" else row
        for row in ARTICLES
        if row[3] not in ("第三十八条", "第七百一十一条")
    ]
    changed.insert(5, ("l2", "第二章 租赁", "第二节 其他", "第七百一十二条", "测试：新的一条。"))
    write_package(package, articles=changed)
    report = operations.import_starter()
    assert report.versions_changed == 2
    article = db.session.get_one(Article, kept)
    assert article.text.endswith("改")
    numbers = db.session.scalars(
        select(Article.number).join(Article.law).where(Law.name == CIVIL).order_by(Article.position)
    ).all()
    assert numbers == ["1", "710", "1245", "712", "1254"]
    orphan = db.session.scalar(select(CitedArticle).where(CitedArticle.number == "38"))
    assert orphan.article_id is None
    # The FAQ on deposits rests on words that are no longer those it was written with.
    titles = db.session.scalars(select(ReviewItem.title)).all()
    assert titles == ["房东不退押金怎么办？"]


@pytest.mark.parametrize(
    ("column", "value", "reason"),
    [
        (7, "去年", "版本日期"),
        (8, "也许有效", "效力状态"),
        (3, "传说", "效力级别"),
        (1, "", "法律名称"),
    ],
)
def test_a_broken_law_is_named_and_the_others_go_in(settings, package, column, value, reason):
    laws = [list(row) for row in LAWS]
    laws[1][column] = value
    write_package(package, laws=[tuple(row) for row in laws])
    report = operations.import_starter()
    assert len(report.problems) == 1
    assert reason in report.problems[0]
    assert count(Law) == 5
    assert versions(CIVIL) == []


def test_a_law_without_articles_or_with_an_empty_one_stays_out(settings, package):
    articles = [row for row in ARTICLES if row[0] != "l1"]
    articles[0] = (*articles[0][:4], " ")
    write_package(package, articles=articles)
    report = operations.import_starter()
    assert sorted(problem.split("：")[1][:4] for problem in report.problems) == [
        "没有条文",
        "第一条没",
    ]
    assert count(Law) == 4


def test_the_run_goes_on_after_it_was_cut_off(settings, package, monkeypatch):
    monkeypatch.setattr(starter, "BATCH_ARTICLES", 1)
    written = starter._write
    calls = []

    def cut_off(read, report, today):
        calls.append(read)
        if len(calls) == 3:
            raise OSError("power")
        return written(read, report, today)

    monkeypatch.setattr(starter, "_write", cut_off)
    with pytest.raises(OSError, match="power"):
        operations.import_starter()
    db.session.rollback()
    # Two whole laws are there, and nothing of the third.
    assert count(Law) == 2
    for version in db.session.scalars(select(LawVersion)):
        held = db.session.scalar(
            select(func.count(Article.id)).where(Article.version_id == version.id)
        )
        assert held == version.article_count
    monkeypatch.setattr(starter, "_write", written)
    report = operations.import_starter()
    assert report.versions_unchanged >= 2
    assert count(Article) == len(ARTICLES)


def test_without_the_package_the_report_says_so(settings, monkeypatch):
    monkeypatch.setattr(starter, "data_file", lambda: None)
    report = operations.import_starter()
    assert report.missing
    assert count(Law) == 0


def test_the_data_file_is_found_without_importing_the_package(monkeypatch, tmp_path):
    package = tmp_path / "made_up_package"
    (package / "data").mkdir(parents=True)
    (package / "__init__.py").write_text("raise RuntimeError('imported')", encoding="utf-8")
    monkeypatch.setattr(starter, "PACKAGE", "made_up_package")
    monkeypatch.syspath_prepend(str(tmp_path))
    importlib.invalidate_caches()
    assert starter.data_file() is None
    (package / "data" / "laws.db").write_bytes(b"")
    assert starter.data_file() == package / "data" / "laws.db"
    monkeypatch.setattr(starter, "PACKAGE", "no_such_package_at_all")
    assert starter.data_file() is None


def test_short_names_come_from_the_thesaurus(settings, package):
    operations.import_starter()
    labour = db.session.scalar(select(Law).where(Law.name == LABOUR))
    assert labour.aliases == ["劳合法"]
    (settings.content_dir / "thesaurus.yaml").unlink()
    assert content.names.refresh_aliases() == 0
    (settings.content_dir / "thesaurus.yaml").write_text("words: {}\n", encoding="utf-8")
    assert content.names.refresh_aliases() == 1
    assert reviews.refresh().opened == 0
