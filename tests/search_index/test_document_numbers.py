"""A text cited by the number of its document: 法释〔2020〕17号第十条."""

from __future__ import annotations

import pytest

from search_index import LawNames, find_citations

LOANS = "最高人民法院关于审理民间借贷案件适用法律若干问题的规定"
CIVIL = "中华人民共和国民法典"
# As the district's list of short names may say.
NAMES = LawNames([LOANS, CIVIL], {"法释〔2030〕5号": LOANS})


def found(text: str) -> list[tuple[str, str | None, str]]:
    return [(each.law_as_written, each.law, each.number) for each in find_citations(text, NAMES)]


@pytest.mark.parametrize(
    "number", ["法释〔2030〕5号", "法释[2030]5号", "法释（2030）5号", "法释【2030】5号"]
)
def test_a_number_that_the_district_knows_means_its_text(number: str) -> None:
    assert [each[1:] for each in found(f"依据{number}第十条")] == [(LOANS, "10")]


@pytest.mark.parametrize("number", ["法释〔2030〕6号", "法释（2030）6号", "渝府发〔2031〕5号文件"])
def test_a_number_that_nobody_knows_is_a_text_that_is_not_held(number: str) -> None:
    (cited,) = found(f"民法典第577条，依据{number}第十条")[1:]
    assert cited[1:] == (None, "10")
    assert cited[0].startswith(number[:2])


@pytest.mark.parametrize("before", ["双方认可（依据", "我认为", "应当适用", ""])
def test_the_place_of_such_a_citation_is_the_number_with_its_article(before: str) -> None:
    text = f"{before}法释〔2030〕6号第十条第一款），"
    (cited,) = find_citations(text, NAMES)
    assert text[cited.start : cited.end] == "法释〔2030〕6号第十条第一款"


@pytest.mark.parametrize(
    "text",
    [
        f"《{LOANS}》（法释〔2030〕7号）第一条……。依据法释〔2030〕7号第十条",
        f"《{LOANS}》法释（2030）7号第一条……。依据法释〔2030〕7号第十条",
    ],
)
def test_a_text_may_say_itself_whose_number_it_is(text: str) -> None:
    assert [each[1:] for each in found(text)] == [(LOANS, "1"), (LOANS, "10")]


def test_above_a_text_its_number_is_no_citation_of_its_first_article() -> None:
    assert found("法释〔2030〕6号\n\n第一条 为正确审理案件，制定本规定。") == []


def test_a_number_that_amends_several_texts_means_none_of_them() -> None:
    text = (
        f"《{LOANS}》（法释〔2030〕7号）、《民法典》（法释〔2030〕7号）。依据法释〔2030〕7号第十条"
    )
    assert [each[1:] for each in found(text)] == [(None, "10")]


@pytest.mark.parametrize(
    "text",
    [
        "（2020）渝01民终12号第三条",
        "（2020）渝0111民初12号判决第三条",
        "合同编号〔2020〕17号第三条",
        "工号〔2020〕17号第三条",
    ],
)
def test_the_number_of_a_judgment_or_a_contract_is_no_text_of_law(text: str) -> None:
    assert found(text) == []
