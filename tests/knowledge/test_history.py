"""An article through the versions of its law: what was added, changed, removed, word by word."""

from __future__ import annotations

import os
import uuid
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from portal.core.db import db
from portal.knowledge import history, operations
from portal.knowledge.history import Op
from portal.knowledge.models import Article, Law, LawVersion
from tests.knowledge.conftest import ARTICLES, write_package
from tests.knowledge.test_import import CORPUS, rows, write_lines

LAW = "中华人民共和国测试法"
FIRST = ("2000-01-01", [("第一条", "测试总则。"), ("第二条", "申请人应当提出申请。")])
SECOND = (
    "2010-01-01",
    [
        ("第一条", "测试总则。"),
        ("第二条", "申请人可以在三十日内提出申请。"),
        ("第三条", "测试新条。"),
    ],
)
THIRD = ("2020-01-01", [("第一条", "测试总则。"), ("第三条", "测试新条。")])


@pytest.fixture
def law(settings: Any, tmp_path: Path) -> None:
    """A law in three versions."""
    path = write_lines(
        tmp_path / "a.jsonl", rows(*[(LAW, *version) for version in (FIRST, SECOND, THIRD)])
    )
    assert operations.import_law([path]).problems == []


def article_id(number: str, law: str = LAW, version: int = 0) -> uuid.UUID:
    """The id of an article in the nth version of a law that has it."""
    query = (
        select(Article.id)
        .join(Law, Law.id == Article.law_id)
        .join(LawVersion, LawVersion.id == Article.version_id)
        .where(Law.name == law, Article.number == number)
        .order_by(LawVersion.version_date)
    )
    return db.session.scalars(query).all()[version]


def read(api: Any, path: str) -> dict[str, Any]:
    """A page's content."""
    answer = api.get(path)
    assert answer.status_code == 200, answer.get_data(as_text=True)
    body: dict[str, Any] = answer.json
    return body


def told(entries: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return [(entry["version"]["version_date"], entry["change"]) for entry in entries]


def test_a_changed_and_removed_article_newest_first(law, api):
    body = read(api, f"/articles/{article_id('2')}/history")
    assert (body["title"], body["number"]) == ("《测试法》第二条", "2")
    assert told(body["items"]) == [
        ("2020-01-01", "removed"),
        ("2010-01-01", "changed"),
        ("2000-01-01", "first"),
    ]
    removed, changed, first = body["items"]
    assert removed["article"] is None
    assert removed["change_label"] == "本版已无此条"
    assert removed["difference"] == [{"op": "delete", "text": "申请人可以在三十日内提出申请。"}]
    assert changed["difference"] == [
        {"op": "equal", "text": "申请人"},
        {"op": "delete", "text": "应当"},
        {"op": "insert", "text": "可以在三十日内"},
        {"op": "equal", "text": "提出申请。"},
    ]
    assert changed["version"]["effective_to"] == "2020-01-01"
    assert changed["article"]["text"] == "申请人可以在三十日内提出申请。"
    assert first["difference"] == []


def test_an_added_article_and_one_that_stayed(law, api):
    added = read(api, f"/articles/{article_id('3')}/history")["items"]
    assert told(added) == [("2020-01-01", "unchanged"), ("2010-01-01", "added")]
    assert added[1]["difference"] == [{"op": "insert", "text": "测试新条。"}]
    stayed = read(api, f"/articles/{article_id('1')}/history")["items"]
    assert [entry["change"] for entry in stayed] == ["unchanged", "unchanged", "first"]
    assert stayed[0]["difference"] == [{"op": "equal", "text": "测试总则。"}]


def test_the_history_is_the_same_from_every_version(law, api):
    bodies = [read(api, f"/articles/{article_id('2', version=place)}/history") for place in (0, 1)]
    assert bodies[0]["items"] == bodies[1]["items"]


def test_the_second_of_a_number_that_stands_twice_has_its_own_history(settings, package):
    """Files are refused for it; the starter package is taken as it is."""
    texts = ("测试二。", "测试三。")
    twice = [("l5", None, None, "第二条", text) for text in texts]
    write_package(package, articles=[*(row for row in ARTICLES if row[0] != "l5"), *twice])
    operations.import_starter()
    query = select(Article.id).where(Article.text.in_(texts)).order_by(Article.position)
    for found, text in zip(db.session.scalars(query), texts, strict=True):
        (entry,) = history.of_article(found).entries
        assert entry.article is not None
        assert entry.article.text == text


def test_versions_of_a_law_newest_first(law, api):
    law_id = db.session.scalar(select(Law.id))
    body = read(api, f"/laws/{law_id}/versions")
    assert body["law"]["name"] == LAW
    assert [(item["version_date"], item["validity"]) for item in body["items"]] == [
        ("2020-01-01", "in_force"),
        ("2010-01-01", "historical"),
        ("2000-01-01", "historical"),
    ]
    assert [item["article_count"] for item in body["items"]] == [2, 3, 2]


def test_what_does_not_exist_has_no_history(settings, api):
    assert api.get(f"/articles/{uuid.uuid4()}/history").status_code == 404
    assert api.get(f"/laws/{uuid.uuid4()}/versions").status_code == 404


@given(
    old=st.text(alphabet="公司应当可以三十日内，。\n第12Ａ", max_size=40), new=st.text(max_size=40)
)
def test_a_difference_gives_back_both_texts(old, new):
    found = history.differences(old, new)
    assert "".join(part.text for part in found if part.op is not Op.INSERT) == old
    assert "".join(part.text for part in found if part.op is not Op.DELETE) == new
    assert all(a.op is not b.op for a, b in pairwise(found))


def of_corpus(name: str) -> list[Path]:
    files = sorted((CORPUS / "markdown" / "national").glob(f"{name}(*).md"))
    if len(files) != 2:
        reason = "the research corpus is not beside the repository"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    return files


@pytest.mark.corpus
@pytest.mark.parametrize(
    ("name", "number", "change"),
    [
        ("公司法", "1", "changed"),
        ("公司法", "266", "added"),
        ("行政复议法", "1", "changed"),
        ("行政复议法", "90", "added"),
    ],
)
def test_two_real_versions(settings, api, name, number, change):
    assert operations.import_law(of_corpus(name)).problems == []
    law = f"中华人民共和国{name}"
    body = read(api, f"/articles/{article_id(number, law, -1)}/history")
    newest, *older = body["items"]
    assert newest["change"] == change
    old = "".join(part["text"] for part in newest["difference"] if part["op"] != "insert")
    new = "".join(part["text"] for part in newest["difference"] if part["op"] != "delete")
    assert new == newest["article"]["text"]
    assert old == (older[0]["article"]["text"] if older else "")
    if change == "changed":
        kept = [part["text"] for part in newest["difference"] if part["op"] == "equal"]
        # Both laws begin 为了…: what stayed is most of the sentence, not scattered signs.
        assert len("".join(kept)) > len(new) / 2
