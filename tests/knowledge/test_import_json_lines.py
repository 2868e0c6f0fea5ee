"""`flask law import` of JSON lines: many texts in a file, checked whole before anything is written."""

from __future__ import annotations

import json
from datetime import date

import pytest
from sqlalchemy import select

from portal.core.db import db
from portal.knowledge import operations
from portal.knowledge.importing import json_lines
from portal.knowledge.importing import run as importing
from portal.knowledge.models import Article, Law, LawLevel, Validity
from tests.knowledge.test_import import count, rows, versions, write_lines


def test_json_lines_plain_and_packed_with_many_texts(settings, tmp_path, tell):
    lines = rows(
        (
            "中华人民共和国甲法",
            "2020-01-01",
            [("第一条", "测试甲。"), ("第一条之一", "测试甲之一。")],
        ),
        ("中华人民共和国甲法", "2024-01-01", [("第一条", "测试甲新。")]),
        (
            "乙条例",
            "2019-05-01",
            [("第一条", "测试乙。"), ("第二条", "本条例自2019年6月1日起施行。")],
        ),
    )
    report = operations.import_law([write_lines(tmp_path / "a.jsonl.gz", lines)], progress=tell)
    assert report.problems == []
    assert (report.files[0].texts, report.files[0].articles.added) == (3, 5)
    assert tell.lines[-2:] == [("law", 5, 5), ("align", 1, 1)]
    assert [v.status for v in versions("中华人民共和国甲法")] == [
        Validity.HISTORICAL,
        Validity.IN_FORCE,
    ]
    assert versions("乙条例")[0].effective_from == date(2019, 6, 1)
    chapter = db.session.scalar(select(Article.chapter).limit(1))
    assert chapter == ["第一章 总则", "第一节 一般规定"]
    again = operations.import_law([write_lines(tmp_path / "a.jsonl", lines)])
    assert (again.files[0].articles.added, again.files[0].articles.unchanged) == (0, 5)


def test_the_same_text_twice_in_a_file_goes_in_once(settings, tmp_path):
    text = [("第一条", "测试一。"), ("第二条", "测试二。")]
    lines = rows(
        ("甲法", None, text),
        ("乙法", "2020-01-01", text),
        ("甲法", "2020-01-01", text),
        ("甲法", "2020-01-01", text),
    )
    report = operations.import_law([write_lines(tmp_path / "a.jsonl", lines)])
    assert report.problems == []
    assert [v.version_date for v in versions("甲法")] == [date(2020, 1, 1)]
    assert len(report.files[0].notes) == 2
    assert report.files[0].notes[0].startswith("第 1 行起的《甲法》")


def test_a_text_without_a_date_waits_for_the_one_with_it(settings, tmp_path):
    text = [("第一条", "测试一。"), ("第二条", "本法自2011年6月1日起施行。")]
    undated = write_lines(tmp_path / "a.jsonl", rows(("甲法", None, text)))
    operations.import_law([undated])
    (guessed,) = versions("甲法")
    assert (guessed.version_date, guessed.dates_exact) == (date(2011, 6, 1), False)
    dated = write_lines(tmp_path / "b.jsonl", rows(("甲法", "2011-03-01", text)))
    operations.import_law([dated])
    (found,) = versions("甲法")
    assert (found.id, found.version_date, found.dates_exact) == (
        guessed.id,
        date(2011, 3, 1),
        True,
    )
    assert not operations.import_law([undated]).changed
    assert [v.version_date for v in versions("甲法")] == [date(2011, 3, 1)]


GOOD = rows(("甲法", "2020-01-01", [("第一条", "测试一。"), ("第二条", "测试二。")]))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"text": ""}, "第二条没有文字"),
        ({"number": "3", "text": ""}, "第三条没有文字"),
        ({"text": "测" * 100_001}, "第二条超过 10 万字"),
        ({"text": None}, "字段 text"),
        ({"law": ""}, "法律名称"),
        ({"level": "传说"}, "效力级别"),
        ({"number": "第某条"}, "条文序号"),
        ({"number": "abc"}, "条文序号“abc”无法识别"),
        ({"number": "-1"}, "条文序号“-1”无法识别"),
        ({"version": "去年"}, "版本日期"),
        ({"version": "0199-01-01"}, "早于 1900 年"),
        (GOOD[1], "第二条重复，前一处在第 2 行"),
        ({"text": "坏\ud800字"}, "U+D800"),
        ("{", "JSON"),
        ('{"id": ' + "1" * 5000 + "}", "JSON"),
        ("[1]", "JSON 对象"),
    ],
)
def test_a_broken_line_is_named_and_nothing_of_its_file_goes_in(settings, tmp_path, change, reason):
    broken = change if isinstance(change, str) else json.dumps(GOOD[1] | change)
    path = write_lines(tmp_path / "a.jsonl", [*GOOD, broken])
    good = write_lines(tmp_path / "b.jsonl", rows(("乙法", "2020-01-01", [("第一条", "测试。")])))
    report = operations.import_law([path, good])
    assert [(problem.file, problem.line) for problem in report.problems] == [("a.jsonl", 3)]
    assert reason in report.problems[0].reason
    assert list(db.session.scalars(select(Law.name))) == ["乙法"]


def test_every_broken_line_is_named_up_to_a_bound(settings, tmp_path):
    path = write_lines(
        tmp_path / "a.jsonl",
        [GOOD[0], "{", GOOD[1] | {"level": "传说"}, GOOD[1] | {"text": ""}, "x" * 1_100_000, "[]"],
    )
    many = write_lines(tmp_path / "b.jsonl", ["{"] * 30)
    report = operations.import_law([path, many])
    assert [problem.line for problem in report.problems[:4]] == [2, 3, 4, 5]
    assert "超过 1 MB" in report.problems[3].reason
    assert len(report.problems[4:]) == json_lines.MOST_PROBLEMS + 1
    assert str(report.problems[-1]) == "b.jsonl：还有 10 行有错，没有列出"
    assert count(Law) == 0


def test_a_day_that_does_not_exist_is_found_before_anything_is_written(settings, tmp_path):
    lines = rows(
        ("甲法", "2020-01-01", [("第一条", "测试一。")]),
        ("乙法", "2020-01-01", [("第一条", "本法自2020年13月1日起施行。")]),
    )
    (problem,) = operations.import_law([write_lines(tmp_path / "a.jsonl", lines)]).problems
    assert (problem.line, "不存在" in problem.reason) == (2, True)
    assert count(Law) == 0


@pytest.mark.parametrize("level", ["地方性法规", "local_regulation"])
def test_a_level_goes_by_its_chinese_label_or_its_code(settings, tmp_path, level):
    lines = [row | {"level": level} for row in GOOD]
    assert operations.import_law([write_lines(tmp_path / "a.jsonl", lines)]).problems == []
    assert versions("甲法")[0].level is LawLevel.LOCAL_REGULATION


def test_a_level_that_nobody_knows_is_answered_with_those_that_are_known(settings, tmp_path):
    path = write_lines(tmp_path / "a.jsonl", [GOOD[0] | {"level": "传说"}])
    (problem,) = operations.import_law([path]).problems
    assert "“传说”无法识别" in problem.reason
    for known in LawLevel:
        assert f"{known.label}（{known.value}）" in problem.reason


def test_a_bare_number_is_labelled_as_the_law_writes_it(settings, tmp_path):
    lines = rows(
        (
            "甲法",
            "2020-01-01",
            [("1", "测试一。"), ("120-1", "测试二。"), ("", "附录。"), ("附件1", "测试。")],
        )
    )
    assert operations.import_law([write_lines(tmp_path / "a.jsonl", lines)]).problems == []
    labels = db.session.scalars(select(Article.label).order_by(Article.position))
    assert list(labels) == ["第一条", "第一百二十条之一", "全文", "附件1"]


def test_an_article_ends_before_the_heading_of_the_next_part(settings, tmp_path):
    text = [("第一条", "测试一。\n第二章 处罚"), ("第二条", "测试二。\n附 则")]
    path = write_lines(tmp_path / "a.jsonl", rows(("甲法", "2020-01-01", text)))
    assert operations.import_law([path]).problems == []
    found = db.session.scalars(select(Article.text).order_by(Article.position))
    assert list(found) == ["测试一。", "测试二。"]


def test_a_packed_file_that_is_cut_off_and_one_that_contradicts_itself(settings, tmp_path):
    whole = write_lines(tmp_path / "a.jsonl.gz", GOOD * 50)
    whole.write_bytes(whole.read_bytes()[:-12])
    other = rows(("甲法", "2020-01-01", [("第一条", "测试另一种。")]))
    twice = write_lines(tmp_path / "b.jsonl", [*GOOD, *other])
    report = operations.import_law([whole, twice])
    assert "压缩文件" in report.problems[0].reason
    assert (report.problems[1].line, "两处文字不同" in report.problems[1].reason) == (3, True)
    assert count(Law) == 0


def test_a_failure_while_writing_leaves_whole_texts(settings, tmp_path, monkeypatch):
    monkeypatch.setattr(importing, "BATCH_ARTICLES", 2)
    lines = rows(
        ("甲法", "2020-01-01", [("第一条", "测试一。"), ("第二条", "测试二。")]),
        ("乙法", "2020-01-01", [("第一条", "测试一。"), ("第二条", "测试二。")]),
    )
    path = write_lines(tmp_path / "a.jsonl", lines)
    wrote = importing.writing._write_articles

    def fail(law_id, version_id, made):
        wrote(law_id, version_id, made)
        if made.read.law == "乙法":
            raise OSError("disk full")

    monkeypatch.setattr(importing.writing, "_write_articles", fail)
    report = operations.import_law([path])
    assert len(report.problems) == 1
    assert list(db.session.scalars(select(Law.name))) == ["甲法"]
    monkeypatch.setattr(importing.writing, "_write_articles", wrote)
    assert operations.import_law([path]).files[0].versions_added == 1
    assert (count(Law), count(Article)) == (2, 4)
