"""Completion while typing."""

from __future__ import annotations

from pathlib import Path

import pytest

from search_index import Document, IndexWriter, LawNames, SearchIndex
from search_index.suggest import (
    Completion,
    begun_article,
    few_articles,
    write_suggestions,
)
from tests.search_index.samples import CODE, THESAURUS


def test_prefix_inner_and_scattered_words(index: SearchIndex) -> None:
    assert index.suggest("房东")[0].key == "faq:deposit"
    assert [line.kind for line in index.suggest("示例法典")] == ["law"]
    assert index.suggest("示例法典")[0].text == CODE
    assert "faq:deposit" in [line.key for line in index.suggest("押金要不回")]
    assert "answer:dog" in [line.key for line in index.suggest("狗邻居咬伤")]
    assert index.suggest("") == []
    assert index.suggest("房东", 0) == []
    assert len(index.suggest("怎么", 2)) == 2


def test_the_number_of_an_article_is_completed_behind_the_name_of_its_law(
    index: SearchIndex,
) -> None:
    found = index.suggest("示例法典1")
    assert found
    assert all(line.kind == "article" and line.key.startswith("article:") for line in found)
    assert all(line.text.startswith("示例法典第") for line in found)
    assert index.suggest("示例法典1", 1) == found[:1]
    assert index.suggest(found[0].text)[0] == found[0]
    assert [line.text for line in index.suggest("示例法典9999")] == [CODE]


def test_articles_out_of_force_are_not_offered(tmp_path: Path) -> None:
    def article(key: str, number: str, validity: str) -> Document:
        return Document(
            key=key,
            kind="article",
            title=CODE,
            text="甲",
            law=CODE,
            number=f"第{number}条",
            article_number=number,
            validity=validity,
        )

    IndexWriter(tmp_path, THESAURUS).build(
        [article("article:old", "12", "repealed"), article("article:now", "13", "in_force")]
    )
    found = SearchIndex.open(tmp_path).suggest("示例法典1")
    assert [(line.text, line.key) for line in found if line.kind == "article"] == [
        ("示例法典第十三条", "article:now")
    ]


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("民法典1", ["1", "10", "11", "100", "1000"]),
        ("民法典第1", ["1", "10", "11", "100", "1000"]),
        ("《民法典》 12", ["12", "120", "120-1", "121", "1200"]),
        ("民法典第12条", ["12"]),
        ("民法典120条", ["120", "120-1"]),
        ("民法典第一千", ["1000", "1001", "1002", "1003", "1004"]),
        ("民法典第一百二十条", ["120", "120-1"]),
        ("民法典第", ["1", "2", "10", "100", "1000"]),
        ("民法典第一百二十条之", ["120-1"]),
        ("民法典第一百二十条之一", ["120-1"]),
        ("民法典120条之", ["120-1"]),
    ],
)
def test_a_few_articles_are_offered_in_order_one_of_each_length_first(
    typed: str, meant: list[str]
) -> None:
    numbers = [*map(str, range(1, 1261)), "120-1"]
    begun = begun_article(typed, LawNames(["中华人民共和国民法典"]))
    assert begun is not None
    assert few_articles(filter(begun[1], numbers), 8) == meant


@pytest.mark.parametrize(
    "typed", ["", "1", "第1", "押金1", "民法典", "看民法典1", "看民法典第", "条例1"]
)
def test_what_begins_no_article_is_none(typed: str) -> None:
    assert begun_article(typed, LawNames(["中华人民共和国民法典", "某条例", "甲条例"])) is None


def _index(folder: Path, questions: list[str], laws: list[str]) -> SearchIndex:
    """An index over questions and laws of one article."""
    documents = [
        Document(key=f"faq:{place}", kind="faq", title=text, text="")
        for place, text in enumerate(questions)
    ]
    documents += [
        Document(key=f"article:{place}", kind="article", title=law, text="甲", law=law, number="第一条")
        for place, law in enumerate(laws)
    ]  # fmt: skip
    IndexWriter(folder, THESAURUS).build(documents)
    return SearchIndex.open(folder)


def test_where_nothing_goes_on_as_typed_the_longest_beginning_counts(tmp_path: Path) -> None:
    found = _index(tmp_path, ["彩礼能要回来吗", "离婚彩礼怎么退", "我想离婚"], [])

    def offered(typed: str) -> list[str]:
        return [line.text for line in found.suggest(typed)]

    assert offered("彩礼退还") == ["彩礼能要回来吗", "离婚彩礼怎么退"]
    assert offered("离婚彩礼怎么要") == ["离婚彩礼怎么退"]
    # The first words of any question lead to none.
    assert offered("我想钓鱼") == []
    assert offered("钓鱼") == []


def test_pinyin_is_completed_also_while_a_syllable_is_typed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = _index(tmp_path, ["劳动仲裁要钱吗"], [])
    monkeypatch.setattr(found.snapshot().words.speller, "_pinyin", {"laodong": "劳动"})
    for typed in ("laodong", "laodongzh", "lao dong zhong"):
        assert [line.text for line in found.suggest(typed)] == ["劳动仲裁要钱吗"]
    assert found.suggest("laodongxyzxyz") == []
    assert found.suggest("lao") == []


def test_of_one_character_questions_and_laws_take_turns(tmp_path: Path) -> None:
    found = _index(tmp_path, ["公司突然辞退", "公证多少钱"], ["公路法", "公证法", "公司法"])
    kinds = [line.kind for line in found.suggest("公")]
    assert kinds == ["faq", "law", "faq", "law", "law"]
    assert found.suggest("公司")[0].kind == "law"


def test_in_book_marks_laws_are_meant_the_shortest_name_first(tmp_path: Path) -> None:
    names = ["中华人民共和国刑法", "关于《中华人民共和国刑法》第三十条的解释", "示例办法"]
    found = _index(tmp_path, ["刑法管什么"], names)
    assert [line.text for line in found.suggest("《")] == [names[0], names[2], names[1]]
    for typed in ("《刑法", "《 刑法》"):
        assert [line.text for line in found.suggest(typed)] == names[:2]


def test_lines_that_differ_in_signs_alone_are_one(tmp_path: Path) -> None:
    question = Document(
        key="faq:1",
        kind="faq",
        title="低保怎么申请？",
        text="",
        questions=("低保怎么申请", "低保 怎么申请?", "怎样申请低保"),
    )
    write_suggestions(tmp_path, [question])
    lines = Completion.load(tmp_path).complete("低保", 8)
    assert [line.text for line in lines] == ["低保怎么申请？", "怎样申请低保"]
