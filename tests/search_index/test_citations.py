"""Citations in questions and in long texts."""

from __future__ import annotations

import time
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from search_index import LawNames, SearchIndex, find_citations
from search_index.numerals import format_numeral
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


def test_an_article_that_no_law_can_have_is_cited_all_the_same() -> None:
    assert found("民法典第1条至第99999999条") == [(CIVIL, "1"), (CIVIL, "99999999")]
    assert found("民法典第100000条") == [(CIVIL, "100000")]
    # Without 第 and 条 so long a number is none of an article.
    assert found("民法典第1条、100000元，20210101号") == [(CIVIL, "1")]


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
    ("text", "numbers"),
    [
        ("民法典第三、四、五条", "3 4 5"),
        ("《民法典》第三条、四条", "3 4"),
        ("民法典第三条、四、五条和第七条", "3 4 5 7"),
        ("民法典第五至七条", "5 6 7"),
        ("民法典第3-5条", "3 4 5"),
        ("民法典第３～５条", "3 4 5"),
        ("民法典第三条——第五条", "3 4 5"),
        ("民法典第三条至第五条第二款", "3 4 5"),
        ("民法典第三条第一、三款和第五条", "3 5"),
        ("民法典第三条第一款、第二款第(一)、(三)项，第五条但书、第六条", "3 5 6"),
        ("劳动合同法三十八条一款二项、四十六条", "38 46"),
        ("民法典1254、1255条", "1254 1255"),
        ("民法典1254、1255", "1254 1255"),
        ("民法典1254，高空抛物", "1254"),
        ("民法典1062-1064", "1062 1063 1064"),
        ("刑法第一百二十条之一、之二和第一百二十一条", "120-1 120-2 121"),
        ("刑法第一百二十条之一至之四", "120-1 120-2 120-3 120-4"),
        ("刑法第一百二十条之一至第一百二十条之三", "120-1 120-2 120-3"),
        ("刑法133-1", "133-1"),
        ("刑法第133-1条、第133-2条", "133-1 133-2"),
        ("《刑法》第二条；该法第三、四条", "2 3 4"),
        ("民法典第2章第366条", "366"),
        ("民法典第三条的规定和第五条规定，第七条", "3 5 7"),
        ("“民法典”第三条", "3"),
        ("民法典第三条例外，第五条约定", "3"),
        ("《民法典》第八条（公序良俗）、第九条（绿色原则）和第十条", "8 9 10"),
        ("《民法典》第577条【违约责任】、第584条【损害赔偿】", "577 584"),
        ("民法典第三条第一款“不得侵犯”、第五条", "3 5"),
        ("民法典第577条 第584条　第585条第2款", "577 584 585"),
        ("民法典第577条/第584条＋第585条", "577 584 585"),
        ("民法典第577条之规定，第584条亦有规定", "577 584"),
    ],
)
def test_every_member_of_a_list_is_read(text: str, numbers: str) -> None:
    assert [number for _, number in found(text)] == numbers.split()


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("住在三、四楼，民法典怎么说", ""),
        ("《民法典》第三、四季度宣传", ""),
        ("民法典3、4楼", ""),
        ("民法典第3、4季度", ""),
        ("民法典第3章", ""),
        ("民法典2020，2021年施行", ""),
        ("养犬管理条例十五条意见", ""),
        ("民法典的三、四条规定", ""),
        ("民法典两条规定", ""),
        ("民法典第三条和十五条意见", "3"),
        ("民法典第三条，四、五楼的住户", "3"),
        ("民法典第三条和两条狗", "3"),
        ("民法典第三条规定，五条狗", "3"),
        ("民法典第三条例和第三条约", ""),
        ("民法典1254、10万元", "1254"),
        ("民法典1/2", "1"),
        ("民法典第3条/5天", "3"),
        ("民法典第10 79条", ""),
        ("依照民法典第三条\n第四条 违约责任", "3"),
        ("一、依据民法典第三条；二、第四条", "3"),
        ("依据民法典第三条，二、第四条", "3"),
    ],
)
def test_prose_beside_a_law_is_no_article(text: str, numbers: str) -> None:
    assert [number for _, number in found(text)] == numbers.split()


@st.composite
def lists(draw: st.DrawFn) -> tuple[list[int], str]:
    """Article numbers, and a list of them in one of the forms that people write."""
    numbers = draw(st.lists(st.integers(1, 1260), min_size=1, max_size=6))
    style = draw(st.sampled_from(["chinese", "digits", "wide"]))
    ordinal = draw(st.sampled_from(["all", "first"]))
    article = draw(st.sampled_from(["all", "last"]))
    last_joint = draw(st.sampled_from(["、", "和", "及", "与", "以及", "、和", " 和 ", "或者"]))
    part = draw(st.sampled_from(["", "第二款", "第一、二款", "第一款第(二)项", "第一款和第三款"]))
    written = []
    for place, number in enumerate(numbers):
        text = {
            "chinese": format_numeral(number),
            "digits": str(number),
            "wide": str(number).translate({48 + i: 0xFF10 + i for i in range(10)}),
        }[style]
        last = place == len(numbers) - 1
        text = ("第" if ordinal == "all" or place == 0 else "") + text
        text += "条" + part if article == "all" or last else ""
        joint = "" if place == 0 else last_joint if last else "、"
        written.append(joint + text)
    return numbers, "".join(written)


@settings(deadline=None, max_examples=300)
@given(lists(), st.sampled_from(["民法典", "《刑法》", "根据《民法典》的", "合同法"]))
def test_a_list_gives_what_its_members_give_one_by_one(
    listed: tuple[list[int], str], law: str
) -> None:
    numbers, written = listed
    one_by_one = [pair for number in numbers for pair in found(f"{law}第{number}条")]
    text = f"{law}{written}的规定"
    assert found(text) == one_by_one
    places = [(c.start, c.end) for c in find_citations(text, NAMES)]
    assert all(a[1] <= b[0] for a, b in pairwise(places))


@settings(deadline=None)
@given(st.integers(1, 1200), st.integers(1, 40), st.sampled_from(["至", "到", "-", "~", "—", "——"]))
def test_a_range_is_the_same_in_every_form(first: int, size: int, joint: str) -> None:
    low, high = format_numeral(first), format_numeral(first + size)
    expected = [(CIVIL, str(number)) for number in range(first, first + size + 1)]
    assert found(f"民法典第{low}条{joint}第{high}条") == expected
    assert found(f"民法典第{low}{joint}{high}条") == expected
    assert found(f"民法典第{first}{joint}{first + size}条第一款") == expected


@pytest.mark.parametrize(
    "piece",
    [
        "第三、",
        "第三条、",
        "三、四楼",
        "民法典第三、四条",
        "民法典1254、",
        "1 ",
        "一",
        "第",
        "条",
        "第三条第一、",
        "第一款",
        "的",
        "的之,x第一条",
        "《",
        "《民法典》",
        "该法第一条",
        "第一条" + " " * 1000,
        "某某办法第一条",
        "该条第二款",
        "当事人以担保法第一条",
        "《民法典》（以下简称《民法》），民法第一条",
        "《民法典》（",
        "第一条（说明）、",
        "1 民法典 ",
        "，第一条民法典",
        "第\n",
        "第一\n",
        "《民\n",
        "依照民法典第三十\n八条的规定赔偿全部的损失\n",
        " \n",
        "规定的甲、第一条",
        "关于甲的规定和第一条",
    ],
)
def test_a_long_text_is_read_in_proportion_to_its_length(piece: str) -> None:
    def taken(length: int) -> float:
        text = "民法典第一条" + piece * (length // len(piece))
        began = time.process_time()
        find_citations(text, NAMES)
        return time.process_time() - began

    short = max(min(taken(5_000) for _ in range(3)), 0.002)
    # Ten times the text. Reading that goes back for every number takes a hundred times as long.
    assert any(taken(50_000) < 40 * short for _ in range(2))


@pytest.mark.parametrize(
    ("text", "law", "numbers"),
    [
        ("38条 劳动合同法", "中华人民共和国劳动合同法", "38"),
        ("第1079条民法典", CIVIL, "1079"),
        ("1254 民法典", CIVIL, "1254"),
        ("第1079条（民法典）", CIVIL, "1079"),
        ("请问第38、46条《劳动合同法》怎么规定", "中华人民共和国劳动合同法", "38 46"),
        ("根据第1079条第二款民法典的规定", CIVIL, "1079"),
        ("第133条之一刑法", CRIMINAL, "133-1"),
    ],
)
def test_the_number_may_stand_before_the_law(text: str, law: str, numbers: str) -> None:
    assert found(text) == [(law, number) for number in numbers.split()]


def test_a_law_behind_its_numbers_belongs_to_the_last_of_them() -> None:
    text = "请问第38、46条（《劳动合同法》）怎么规定"
    spans = [text[each.start : each.end] for each in find_citations(text, NAMES)]
    assert spans == ["第38", "46条（《劳动合同法》）"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("第三条 民法典第五条", [(CIVIL, "5")]),
        ("依据第三十八条，民法典第四十六条", [(CIVIL, "46")]),
        ("刑法第三条民法典", [(CRIMINAL, "3")]),
        ("第二条 中华人民共和国刑法的任务，是打击犯罪", []),
        ("总则\n第二条 刑法\n", []),
        ("2020民法典", []),
        ("10条民法典新规", []),
        ("三条民法典", []),
        ("借款1000 民法典", []),
        ("我家3条 民法典", []),
    ],
)
def test_a_number_before_a_law_is_an_article_only_where_nothing_else_is_said(
    text: str, expected: list[tuple[str, str]]
) -> None:
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


PROCEDURE = "最高人民法院关于适用《中华人民共和国刑事诉讼法》的解释"
BOOK = "最高人民法院关于适用《中华人民共和国民法典》继承编的解释（一）"
DAMAGES = "最高人民法院关于审理国家赔偿案件确定精神损害赔偿责任适用法律若干问题的解释"
INTERPRETATIONS = LawNames([CIVIL, CRIMINAL, PROCEDURE, BOOK, DAMAGES])


@pytest.mark.parametrize(
    "name",
    "民诉法解释 最高法民诉法解释 行诉法解释 民事诉讼法解释 民法典合同编解释一 国家赔偿法解释".split(),
)
def test_an_abbreviation_never_means_the_interpretation_of_another_law(name: str) -> None:
    assert INTERPRETATIONS.resolve(name) == ()


@pytest.mark.parametrize(
    ("name", "full"),
    [
        ("刑诉法解释", PROCEDURE),
        ("最高法刑诉法解释", PROCEDURE),
        ("刑事诉讼法解释", PROCEDURE),
        ("民法典继承编解释一", BOOK),
        ("精神损害赔偿解释", DAMAGES),
    ],
)
def test_an_abbreviation_means_the_interpretation_of_its_law(name: str, full: str) -> None:
    assert INTERPRETATIONS.resolve(name) == (full,)


def test_the_execution_of_judgments_is_no_administrative_procedure() -> None:
    title = "最高人民法院关于执行诉讼案件若干问题的解释"
    assert LawNames([title]).resolve("执行诉讼解释") == (title,)


def test_the_short_name_of_a_law_that_is_not_held_means_no_other() -> None:
    civil = "最高人民法院关于适用《中华人民共和国民事诉讼法》的解释"
    names = LawNames(["最高人民法院关于民诉法和刑法若干问题的解释"], {"民诉法解释": civil})
    assert names.resolve("民诉法解释") == ()


@pytest.mark.parametrize(
    "name",
    "法律规定 公司规定 公司的规定 我觉得公司规定 按照规定 有关规定 国家有关规定 法律法规的规定 规定".split(),
)
def test_rules_that_are_no_law_are_no_citation(name: str) -> None:
    assert find_citations(f"{name}第十条", NAMES) == []


@pytest.mark.parametrize(
    "name", ["某市养犬管理规定", "关于审理某某案件若干问题的规定", "担保制度解释", "公司登记办法"]
)
def test_a_law_of_unknown_name_is_still_a_citation(name: str) -> None:
    assert [each.law_as_written for each in find_citations(f"{name}第十条", NAMES)] != []


def test_what_points_back_does_not_mean_a_law_of_another_kind() -> None:
    assert found("民法典第三条，本解释第五条、本条例第六条，该法第七条") == [
        (CIVIL, "3"),
        (CIVIL, "7"),
    ]


def test_a_citation_tells_its_paragraphs_and_items() -> None:
    text = "民法典第三条第一款第（二）项、第五条之一第二、三款至第八条第四项"
    parts = {each.number: each.part for each in find_citations(text, NAMES)}
    assert parts["3"] == "第一款第(二)项"
    assert parts["5-1"] == "第二、三款"
    assert parts["8"] == "第四项"
    assert parts["6"] == ""
