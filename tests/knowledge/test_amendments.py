"""A text that was changed by what is not held is never told as the law of a later day for certain."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from portal.core.db import db
from portal.core.unit_of_work import unit_of_work
from portal.knowledge import amendments, operations, tasks
from portal.knowledge.importing import markdown
from portal.knowledge.models import UNDATED, Law, LawVersion
from tests.knowledge.conftest import A_RUN, ARTICLES, CRIMINAL, LAWS, Rows, write_package

CONSTITUTION = "中华人民共和国宪法"
DECISION = f"全国人民代表大会常务委员会关于修改《{CRIMINAL}》的决定"


def _law(
    key: str, name: str, day: str, status: str = "现行有效", start: str = ""
) -> tuple[Any, ...]:
    return (key, name, "法律", "法律", None, day, start or day, day, status, None)


BETWEEN: Rows = [
    _law("c1", CONSTITUTION, "1982-12-04", "历史版本"),
    _law("c2", CONSTITUTION, "2018-03-11"),
    _law("c3", f"{CONSTITUTION}修正案（1988年）", "1988-04-12"),
    _law("c4", f"{CONSTITUTION}修正案（2004年）", "2004-03-14"),
    _law("c5", f"{CONSTITUTION}修正案（2018年）", "2018-03-11"),
    _law("d1", DECISION, "2023-12-29", start="2024-03-01"),
]
TEXTS: Rows = [
    ("c1", None, None, "第三十三条", "测试：旧文。"),
    ("c2", None, None, "第三十三条", "测试：新文。"),
    ("c3", None, None, "第一条", "测试：修改某条。"),
    ("c4", None, None, "第二十四条", "测试：增加一款。"),
    ("c5", None, None, "第三十二条", "测试：再改某条。"),
    ("d1", None, None, "条目一", "测试：修改某罪。"),
]


@pytest.fixture
def changed(settings: Any, package: Path) -> None:
    """A Constitution of two texts with amendments between, and a code changed after its only text."""
    write_package(package, [*LAWS, *BETWEEN], [*ARTICLES, *TEXTS])
    assert operations.import_starter().problems == []
    assert operations.ensure_index().documents > 0


def _citation(api: Any, query: str, as_of: str = "") -> tuple[bool, str]:
    more = f"&as_of={as_of}" if as_of else ""
    (citation,) = api.get(f"/search?q={query}{more}").json["citations"]
    return citation["articles"][0]["dates_exact"], citation["message"]


def _not_held(name: str) -> list[list[str]]:
    query = select(LawVersion).join(LawVersion.law).where(Law.name == name)
    rows = db.session.scalars(query.order_by(LawVersion.version_date))
    return [version.changes_not_held for version in rows]


def test_a_day_after_an_amendment_says_that_the_changed_text_is_not_held(changed, api):
    exact, message = _citation(api, "宪法第三十三条", "2010-01-01")
    assert not exact
    assert "在 1988-04-12、2004-03-14 有过修改，修改后的全文没有收录" in message
    result = api.get("/search?q=宪法第三十三条&as_of=2010-01-01").json
    assert result["items"][0]["dates_exact"] is False
    # Of the changes after that day nothing is said.
    assert "在 1988-04-12 有过修改" in _citation(api, "宪法第三十三条", "1990-01-01")[1]


def test_a_day_before_the_first_amendment_and_the_text_of_today_are_told_plainly(changed, api):
    assert "修改" not in _citation(api, "宪法第三十三条", "1985-01-01")[1]
    assert _citation(api, "宪法第三十三条") == (True, "《宪法》第三十三条。")
    assert _citation(api, "宪法第三十三条", "2019-01-01") == (True, "《宪法》第三十三条。")


def test_a_change_after_the_last_held_text_is_told_also_today(changed, api):
    exact, message = _citation(api, "刑法第一百三十三条")
    assert not exact
    assert "在 2024-03-01 有过修改" in message
    assert "修改" not in _citation(api, "刑法第一百三十三条", "2024-02-29")[1]


def test_versions_name_the_days_on_which_they_were_changed(changed, api):
    law = db.session.scalar(select(Law).where(Law.name == CONSTITUTION))
    newest, oldest = api.get(f"/laws/{law.id}/versions").json["items"]
    assert (newest["changes_not_held"], newest["dates_exact"]) == ([], True)
    assert oldest["changes_not_held"] == ["1988-04-12", "2004-03-14"]
    assert oldest["dates_exact"] is False


def test_an_amendment_that_comes_later_and_a_text_that_fills_the_gap_are_taken_in(
    changed, package, clock
):
    write_package(
        package,
        [
            *LAWS,
            *BETWEEN,
            _law("c6", CONSTITUTION, "2004-03-14", "历史版本"),
            _law("c7", f"{CONSTITUTION}修正案（1993年）", "1993-03-29"),
        ],
        [
            *ARTICLES,
            *TEXTS,
            ("c6", None, None, "第三十三条", "测试：2004 年的文字。"),
            ("c7", None, None, "第三条", "测试：又改某条。"),
        ],
    )
    assert operations.import_starter().versions_added == 2
    assert _not_held(CONSTITUTION) == [["1988-04-12", "1993-03-29"], [], []]
    tasks.daily(A_RUN)
    assert _not_held(CONSTITUTION) == [["1988-04-12", "1993-03-29"], [], []]
    assert operations.import_starter().changed is False


def test_a_first_day_that_the_amendment_tells_otherwise_is_not_exact(settings, package, api):
    name = "中华人民共和国村民委员会组织法"
    decision = f"全国人民代表大会常务委员会关于修改《{name}》的决定"
    rows = [_law("v1", name, "2025-10-28"), _law("v2", decision, "2025-10-28", start="2026-01-01")]
    texts = [("v1", None, None, "第一条", "测试。"), ("v2", None, None, "全文", "测试。")]
    write_package(package, [*LAWS, *rows], [*ARTICLES, *texts])
    operations.import_starter()
    operations.ensure_index()
    exact, message = _citation(api, "村民委员会组织法第一条", "2025-12-01")
    assert not exact
    assert "推定" in message


def test_the_guessed_day_of_an_undated_amendment_is_told_to_nobody(changed):
    amendment = db.session.scalar(
        select(LawVersion).join(LawVersion.law).where(Law.name == f"{CONSTITUTION}修正案（1988年）")
    )
    with unit_of_work():
        amendment.source += UNDATED
    tasks.daily(A_RUN)
    assert _not_held(CONSTITUTION) == [["2004-03-14"], []]


@pytest.mark.parametrize(
    ("title", "laws"),
    [
        ("中华人民共和国刑法修正案（十二）", (CRIMINAL,)),
        ("中华人民共和国宪法修正案（1988年）", (CONSTITUTION,)),
        (DECISION, (CRIMINAL,)),
        ("测试市人大常委会关于修正〈测试市养犬条例〉的决定", ("测试市养犬条例",)),
        (
            "关于修改《中华人民共和国法官法》等八部法律的决定",
            ("中华人民共和国法官法",),
        ),
        ("最高人民法院关于《中华人民共和国刑法修正案（九）》时间效力问题的解释", ()),
        ("关于修改部分法律的决定", ()),
        (CRIMINAL, ()),
    ],
)
def test_what_a_text_changes_stands_in_its_title(title, laws):
    assert amendments.amended_by(title) == laws


HEADER = """\
# 测试市养犬条例

2011年3月25日 测试市第三届人民代表大会常务委员会第二十三次会议通过

2016年5月1日 测试县第五届人民代表大会第一次会议修正 2016年7月30日 测试市第五届人民代表大会常务委员会第二次会议批准

2019年9月26日 测试市第五届人民代表大会常务委员会第十二次会议修正

2020年1月1日起施行

<!-- INFO END -->

第一条 测试。
"""


def test_the_header_of_a_version_tells_the_amendments_before_it(tmp_path):
    path = tmp_path / "养犬条例(2019-09-26).md"
    path.write_text(HEADER, encoding="utf-8")
    # Neither the adoption, nor the half of an approved amendment, nor the version's own.
    assert markdown.read(path).version.header_days == (date(2016, 7, 30),)
    # A version may bear the day of its publication.
    published = path.with_name("养犬条例(2019-10-08).md")
    path.rename(published)
    assert markdown.read(published).version.header_days == (date(2016, 7, 30),)


def test_a_change_that_only_the_header_tells_counts_too(settings, tmp_path, api):
    old = "# 测试市养犬条例\n\n2011年3月25日 测试市人民代表大会常务委员会通过\n\n第一条 旧文。\n"
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "养犬条例(2011-03-25).md").write_text(old, encoding="utf-8")
    (tmp_path / "a" / "养犬条例(2019-09-26).md").write_text(HEADER, encoding="utf-8")
    assert not operations.import_law([tmp_path / "a"]).problems
    assert _not_held("测试市养犬条例") == [["2016-07-30"], []]
