"""Citations in questions and in long texts."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from search_index import LawNames, SearchIndex, find_citations
from tests.search_index.samples import CODE, LABOUR, LOCAL, OTHER_LOCAL

CIVIL = "中华人民共和国民法典"
CRIMINAL = "中华人民共和国刑法"
GUARANTEE = "最高人民法院关于适用《中华人民共和国民法典》有关担保制度的解释"
NAMES = LawNames(
    [
        CIVIL,
        CRIMINAL,
        GUARANTEE,
        "中华人民共和国劳动合同法",
        "中华人民共和国道路交通安全法",
        "物业管理条例",
        "重庆市物业管理条例",
        "重庆市养犬管理条例",
        "四川省养犬管理条例",
    ],
    {"道交法": "中华人民共和国道路交通安全法", "空": "没有这部法"},
)


def found(text: str) -> list[tuple[str | None, str]]:
    return [(citation.law, citation.number) for citation in find_citations(text, NAMES)]


@pytest.mark.parametrize(
    ("text", "law", "number"),
    [
        ("民法典1254", CIVIL, "1254"),
        ("民法典第1254条", CIVIL, "1254"),
        ("民法典１２５４", CIVIL, "1254"),
        ("《民法典》1254", CIVIL, "1254"),
        ("中华人民共和国民法典第一千二百五十四条", CIVIL, "1254"),
        ("劳动合同法第三十八条", "中华人民共和国劳动合同法", "38"),
        ("劳动合同法第三十八条第一款第（二）项", "中华人民共和国劳动合同法", "38"),
        ("《中华人民共和国刑法》第一百二十条之一", CRIMINAL, "120-1"),
        ("刑法120条之一", CRIMINAL, "120-1"),
        ("刑法第120条之1", CRIMINAL, "120-1"),
        ("道交法76条", "中华人民共和国道路交通安全法", "76"),
        ("《道路交通安全法》（2021修正）第七十六条", "中华人民共和国道路交通安全法", "76"),
        ("物业管理条例第41条", "物业管理条例", "41"),
        ("民法典担保制度解释第三条", GUARANTEE, "3"),
        ("民法典第二编第十四章第三百六十六条", CIVIL, "366"),
    ],
)
def test_one_citation(text: str, law: str, number: str) -> None:
    assert found(text) == [(law, number)]


@pytest.mark.parametrize(
    "text",
    ["", "我有3条狗", "2020年借款1000元", "民法典2020年施行", "条条", "《》第条"],
)
def test_no_citation(text: str) -> None:
    assert found(text) == []


def test_lists_ranges_and_back_references() -> None:
    text = (
        "根据《民法典》第三条、第五条和第七条至第九条，"
        "以及《刑法》第二百三十二条，该法第二百三十四条"
    )
    assert found(text) == [
        (CIVIL, "3"),
        (CIVIL, "5"),
        (CIVIL, "7"),
        (CIVIL, "8"),
        (CIVIL, "9"),
        (CRIMINAL, "232"),
        (CRIMINAL, "234"),
    ]


def test_an_absurd_range_is_not_expanded() -> None:
    assert found("民法典第一条至第一千条") == [(CIVIL, "1"), (CIVIL, "1000")]


def test_offsets_give_the_written_citation() -> None:
    text = "😀依照《民法典》第三条的规定"
    citation = find_citations(text, NAMES)[0]
    assert text[citation.start : citation.end] == "《民法典》第三条"


def test_unknown_and_ambiguous_laws() -> None:
    unknown = find_citations("违反不存在管理办法第五条", NAMES)[0]
    assert (unknown.law, unknown.law_as_written, unknown.candidates) == (None, "不存在管理办法", ())
    unclear = find_citations("《养犬管理条例》第一条", NAMES)[0]
    assert unclear.law is None
    assert set(unclear.candidates) == {"重庆市养犬管理条例", "四川省养犬管理条例"}


def test_an_alias_of_a_law_that_is_not_held_is_ignored() -> None:
    assert NAMES.resolve("空") == ()
    assert len(NAMES) == 9


@settings(deadline=None)
@given(st.text(max_size=300))
def test_any_text_is_read_without_an_error(text: str) -> None:
    for citation in find_citations(text, NAMES):
        assert 0 <= citation.start < citation.end <= len(text)


@settings(deadline=None)
@given(
    st.lists(
        st.sampled_from(
            ["民法典", "《刑法》", "第三条", "至", "、", "12", "之一", "该法", "第(二)项"]
        ),
        max_size=30,
    )
)
def test_any_order_of_citation_parts_is_read(parts: list[str]) -> None:
    text = "".join(parts)
    citations = find_citations(text, NAMES)
    assert [c.start for c in citations] == sorted(c.start for c in citations)


def test_statuses_against_the_index(index: SearchIndex) -> None:
    text = (
        f"{CODE}第二条；示劳1；《{CODE}》第九千条；"
        "并不存在的管理规定第三条；《示例养犬管理条例》第一条"
    )
    matches = index.find_citations(text)
    assert [match.status for match in matches] == [
        "found",
        "found",
        "no_such_article",
        "no_such_law",
        "ambiguous",
    ]
    assert matches[0].keys == (f"article:{CODE}:2",)
    assert matches[1].law == LABOUR
    assert set(matches[4].keys) == {f"article:{LOCAL}:1", f"article:{OTHER_LOCAL}:1"}


def test_every_law_of_the_corpus_resolves_to_itself(corpus_articles: list[dict[str, Any]]) -> None:
    laws = sorted({row["law"] for row in corpus_articles})
    names = LawNames(laws)
    wrong = [law for law in laws if law not in names.resolve(law)]
    assert wrong == []
    cited = [find_citations(f"依照《{law}》第一条办理", names) for law in laws]
    missed = [law for law, found in zip(laws, cited, strict=True) if len(found) != 1]
    assert missed == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # The end of another law's name is no word that points back.
        ("根据《民法典》第143条和合同法第52条", [(CIVIL, "143"), (None, "52")]),
        ("《民法典》第3条和基本法第23条", [(CIVIL, "3"), (None, "23")]),
        # What points back means the law named last, also when that was named without an article.
        ("《民法典》第3条。《刑法》另有规定，该法第5条", [(CIVIL, "3"), (CRIMINAL, "5")]),
        ("《民法典》第3条，该法第5条", [(CIVIL, "3"), (CIVIL, "5")]),
        ("民法典婚姻家庭编第1079条", [(CIVIL, "1079")]),
        ("《民法典》侵权责任编第一千一百六十五条", [(CIVIL, "1165")]),
        ("民法典（总则编）第143条", [(CIVIL, "143")]),
        ("民法典第38条第一款第一项、第二项和第46条", [(CIVIL, "38"), (CIVIL, "46")]),
        ("《民法典》第1165条，以及第1166条", [(CIVIL, "1165"), (CIVIL, "1166")]),
        ("刑法第133之1条", [(CRIMINAL, "133-1")]),
    ],
)
def test_forms_in_which_lawyers_cite(text: str, expected: list[tuple[str | None, str]]) -> None:
    assert found(text) == expected


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("民法典担保制度解释", (GUARANTEE,)),
        ("物业条例", ()),
        ("道路交通条例", ()),
        ("民法担保法", ()),
    ],
)
def test_a_shortened_name_means_only_a_text_of_its_own_kind(
    written: str, meant: tuple[str, ...]
) -> None:
    assert NAMES.resolve(written) == meant
