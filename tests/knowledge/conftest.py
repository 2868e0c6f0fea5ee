"""A small corpus in the starter package's form, a content folder, and the index over both.

The texts are made up; the names of laws are real, because citations resolve by them.
"""

from __future__ import annotations

import dataclasses
import shutil
import sqlite3
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from portal.config import Settings
from portal.core.jobs import JobRun
from portal.knowledge import index, operations, starter
from tests.factories.people import staff_headers

LABOUR = "中华人民共和国劳动合同法"
CIVIL = "中华人民共和国民法典"
TRADEMARK = "中华人民共和国商标法"
ENVIRONMENT = "中华人民共和国环境保护法"
CRIMINAL = "中华人民共和国刑法"

LAW_COLUMNS = "law_id law_name doc_type level issuing_body publish_date effective_date version_date status law_department"
ARTICLE_COLUMNS = "law_id chapter section article_no article_text"

# For handlers that are called without a worker.
A_RUN = JobRun(uuid.UUID(int=0), "test", {}, 1, "")

Rows = list[tuple[Any, ...]]

LAWS: Rows = [
    ("l1", LABOUR, "法律", "法律", "全国人大常委会", "2012-12-28", "2008-01-01", "2012-12-28", "现行有效", "社会法"),
    ("l2", CIVIL, "法律", "法律", "全国人民代表大会", "2020-05-28", "2021-01-01", "2020-05-28", "现行有效", "民法商法"),
    ("l3", TRADEMARK, "法律", "法律", "全国人大常委会", "2019-04-23", "1983-03-01", "2019-04-23", "历史版本", "经济法"),
    ("l4", TRADEMARK, "法律", "法律", "全国人大常委会", "2026-02-26", "2027-01-01", "2026-02-26", "现行有效", "经济法"),
    ("l5", ENVIRONMENT, "法律", "法律", "全国人大常委会", "2014-04-24", "2015-01-01", "2014-04-24", "已废止", "行政法"),
    ("l6", CRIMINAL, "法律", "法律", "全国人民代表大会", "2020-12-26", "1997-10-01", "2020-12-26", "已被修改", "刑法"),
    ("l7", "中华人民共和国刑法修正案（二）", "修正案", "法律", None, None, "2001-08-31", "2001-08-31", "现行有效", None),
]  # fmt: skip
ARTICLES: Rows = [
    ("l1", "第一章 总则", None, "第一条", "测试：为了完善劳动合同制度，保护劳动者。"),
    ("l1", "第三章 履行", None, "第三十条", "测试：用人单位应当及时足额支付劳动报酬，拖欠的可以申请支付令。"),
    ("l1", "第四章 解除", None, "第三十八条", "测试：用人单位未及时足额支付劳动报酬的，劳动者可以解除劳动合同。"),
    ("l2", "第一章 一般规定", None, "第一条", "测试：为了保护民事主体的合法权益。"),
    ("l2", "第二章 租赁", "第一节 押金", "第七百一十条", "测试：出租人收取押金的，租赁期满应当返还承租人。"),
    ("l2", "第二章 租赁", "第二节 其他", "第七百一十一条", "测试：承租人应当妥善保管租赁物。"),
    ("l2", "第一章 一般规定", None, "第一千二百四十五条", "测试：饲养的动物造成他人损害的，饲养人应当赔偿。"),
    ("l2", "第一章 一般规定", None, "第一千二百五十四条", "测试：禁止从建筑物中抛掷物品。"),
    ("l3", None, None, "第一条", "测试：商标旧法第一条。"),
    ("l3", None, None, "第四条", "测试：商标旧法第四条，注册商标应当申请。"),
    ("l4", None, None, "第一条", "测试：商标新法第一条。"),
    ("l4", None, None, "第四条", "测试：商标新法第四条，不得恶意注册商标。"),
    ("l5", None, None, "第五条", "测试：环境保护坚持保护优先。"),
    ("l6", "第一章 罪名", None, "第一百三十三条", "测试：交通肇事的处罚。"),
    ("l6", "第一章 罪名", None, "第一百三十三条之一", "测试：危险驾驶的处罚。"),
    ("l7", None, None, "条目一", "测试：将某条修改为另一条。"),
    ("l7", None, None, "全文", "测试：本修正案自公布之日起施行。"),
]  # fmt: skip

CATEGORIES = """\
categories:
  - code: labour
    label: 工资劳动
    description: 拖欠工资、辞退
    keywords: [工资, 辞退]
  - code: housing
    label: 租房
    description: 押金
    keywords: [押金, 房东]
  - code: injury
    label: 人身伤害
    keywords: [狗咬]
"""
LABOUR_FAQ = f"""\
category: labour
entries:
  - id: labour-wages
    question: 公司拖欠工资怎么办？
    other_wordings: [老板不发工资, 讨薪找谁]
    answer: 先催要，再向劳动监察投诉，也可以申请劳动仲裁。
    steps: [整理工资条, 投诉或者申请仲裁]
    citations:
      - {{law: {LABOUR}, article: 第三十条, point: 及时足额支付}}
      - {{law: {LABOUR}, article: 第三十八条, point: 可以解除}}
    see_also: [housing-deposit, nowhere]
    reviewed_on: 2026-03-01
"""
HOUSING_FAQ = f"""\
category: housing
entries:
  - id: housing-deposit
    question: 房东不退押金怎么办？
    other_wordings: [押金要不回来]
    answer: 租期满了房东应当退还押金，不退的可以起诉。
    steps: [保留交接单]
    citations:
      - {{law: {CIVIL}, article: "710", point: 返还押金}}
    reviewed_on: 2026-03-01
"""
GUIDE = f"""\
---
id: guide-evidence
title: 怎样保存证据
category: labour
summary: 聊天记录和转账记录都是证据。
citations:
  - {{law: {LABOUR}, article: 第三十条, point: 工资}}
reviewed_on: 2026-03-01
---

## 一、先备份

- 不要删除**原件**，参见[法律](https://example.test/)。
"""
THESAURUS = f"law_names:\n  劳合法: {LABOUR}\nwords:\n  狗: [饲养的动物]\n"


def write_package(path: Path, laws: Rows = LAWS, articles: Rows = ARTICLES) -> Path:
    """Write a data file in the package's form."""
    path.unlink(missing_ok=True)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"CREATE TABLE laws ({LAW_COLUMNS.replace(' ', ', ')})")
        connection.execute(
            f"CREATE TABLE articles (id INTEGER PRIMARY KEY, {ARTICLE_COLUMNS.replace(' ', ', ')})"
        )
        marks = ", ".join("?" * len(LAW_COLUMNS.split()))
        connection.executemany(f"INSERT INTO laws VALUES ({marks})", laws)  # noqa: S608
        columns = ARTICLE_COLUMNS.replace(" ", ", ")
        connection.executemany(
            f"INSERT INTO articles ({columns}) VALUES (?, ?, ?, ?, ?)",  # noqa: S608
            articles,
        )
        connection.commit()
    return path


def write_content(folder: Path) -> Path:
    """Write a content folder."""
    (folder / "faq").mkdir(parents=True, exist_ok=True)
    (folder / "guides").mkdir(exist_ok=True)
    (folder / "categories.yaml").write_text(CATEGORIES, encoding="utf-8")
    (folder / "thesaurus.yaml").write_text(THESAURUS, encoding="utf-8")
    (folder / "faq" / "labour.yaml").write_text(LABOUR_FAQ, encoding="utf-8")
    (folder / "faq" / "housing.yaml").write_text(HOUSING_FAQ, encoding="utf-8")
    (folder / "guides" / "evidence.md").write_text(GUIDE, encoding="utf-8")
    return folder


@pytest.fixture
def settings(
    app: Flask, tmp_path: Path, database: None, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Settings]:
    """The application's settings with a content folder of the test's own, and no index."""
    # A reader looks for changes three times a second; a test looks at once.
    monkeypatch.setattr("search_index.searcher.CHECK_SECONDS", 0.0)
    before = app.extensions["portal_settings"]
    changed = dataclasses.replace(before, content_dir=write_content(tmp_path / "content"))
    app.extensions["portal_settings"] = changed
    shutil.rmtree(changed.index_dir, ignore_errors=True)
    index.forget_readers()
    yield changed
    app.extensions["portal_settings"] = before
    shutil.rmtree(changed.index_dir, ignore_errors=True)
    index.forget_readers()


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The small corpus, found as the package's data file would be."""
    path = write_package(tmp_path / "laws.db")
    monkeypatch.setattr(starter, "data_file", lambda: path)
    return path


@pytest.fixture
def law(settings: Settings, package: Path) -> None:
    """Law and content in the tables; no index."""
    assert operations.import_starter().problems == []
    report = operations.load_content()
    assert report.problems == []


@pytest.fixture
def loaded(law: None) -> None:
    """Law, content and the index over them."""
    assert operations.ensure_index().documents > 0


@pytest.fixture
def editor(settings: Settings) -> dict[str, str]:
    """The headers of a content editor's session."""
    return staff_headers(roles=["content_editor"])


@pytest.fixture
def tell() -> Callable[[str, int, int], None]:
    """A progress receiver that remembers what it was told in `tell.lines`."""

    class Tell:
        def __init__(self) -> None:
            self.lines: list[tuple[str, int, int]] = []

        def __call__(self, stage: str, done: int, total: int) -> None:
            self.lines.append((stage, done, total))

    return Tell()
