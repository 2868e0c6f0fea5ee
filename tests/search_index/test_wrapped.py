"""Texts whose lines were broken by their length, or that bring markup: what is cited, and where."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from search_index import LawNames, find_citations
from search_index.wrapped import unwrap

CIVIL = "中华人民共和国民法典"
LABOUR = "中华人民共和国劳动合同法"
NAMES = LawNames([CIVIL, LABOUR, "中华人民共和国刑法", "中华人民共和国体育法"])
ANSWER = (
    "您好，根据《中华人民共和国劳动合同法》（以下简称《劳动合同法》）的规定，用人单位没有及时足额支付劳动报酬的，"
    "依照该法第三十八条第一款第（二）项和第四十六条，劳动者可以解除劳动合同并要求支付经济补偿；"
    "又依照民法典第一千一百六十五条至第一千一百六十七条以及合同法第五十二条，请求赔偿损失。"
)


def cited(text: str) -> list[tuple[str, str, str]]:
    """Law, number and the text of each citation without line breaks."""
    return [
        (
            each.law or each.law_as_written,
            each.number,
            "".join(text[each.start : each.end].split()),
        )
        for each in find_citations(text, NAMES)
    ]


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
@pytest.mark.parametrize("width", [13, 17, 20, 25, 31, 40, 50])
def test_a_text_broken_by_its_length_cites_what_it_cited_before(width: int, line_end: str) -> None:
    lines = [ANSWER[at : at + width] for at in range(0, len(ANSWER), width)]
    assert cited(line_end.join(lines)) == cited(ANSWER)


@pytest.mark.parametrize(
    "text",
    [
        "《中华人民共和国民\n法典》第一千零\n七十九条",
        "《民法典》第\n一千零七十九\n条",
        "《民\r\n法典》第10\r\n79条",
    ],
)
def test_a_break_within_a_title_or_a_number_is_none_however_short_the_line(text: str) -> None:
    (found,) = find_citations(text, NAMES)
    assert (found.law, found.number, found.start, found.end) == (CIVIL, "1079", 0, len(text))


@pytest.mark.parametrize(
    "text",
    [
        "体育\n民法典第三条",
        "关于这几部法律的规定，请看下面几个条文的内容\n第三条 民法典施行的日期和溯及力",
        "第一章 违约责任的承担方式以及损害赔偿的范围\n一、违约责任\n二、民法典第三条",
        "甲方应当按照合同约定的期限和方式支付全部价款。\n民法典第三条另有规定",
        "甲方应当按照合同约定的期限和方式支付全部价款\n\n民法典第三条另有规定",
        "甲方应当按照合同约定的期限和方式支付全部价款\n　　民法典第三条另有规定",
    ],
)
def test_a_break_that_ends_something_stays(text: str) -> None:
    assert unwrap(text.replace("　", " ")).text == text.replace("　", " ")


@pytest.mark.parametrize(
    ("text", "cited_text"),
    [
        ("见<b>《民法典》</b>第一条。", "《民法典》</b>第一条"),
        ("<a href='https://example.test/x'>民法典</a>第一条", "民法典</a>第一条"),
        ("《<em>民法典</em>》第一条", "《<em>民法典</em>》第一条"),
        ("民法典第<SPAN class=x>1</SPAN>条", "民法典第<SPAN class=x>1</SPAN>条"),
        ("《民法典》&nbsp;第一条", "《民法典》&nbsp;第一条"),
        ("<b>《民\n法典》</b>第一条", "《民\n法典》</b>第一条"),
    ],
)
def test_markup_of_words_stands_between_no_law_and_its_article(text: str, cited_text: str) -> None:
    (found,) = find_citations(text, NAMES)
    assert (found.law, found.number, text[found.start : found.end]) == (CIVIL, "1", cited_text)


@pytest.mark.parametrize(
    "text", ["<p>合同纠纷，民法典</p><p>第一条 意见</p>", "民法典<br>第一条", "民法典<第一条>"]
)
def test_markup_of_paragraphs_and_what_is_none_parts_as_before(text: str) -> None:
    assert unwrap(text).text == text


def test_markup_changes_no_citation_and_every_place_is_one_of_the_text_given() -> None:
    marked = re.sub("(《[^》]*》|第[^条，]*条)", r"<b>\1</b>", ANSWER)
    assert [
        (law, number, re.sub("</?b>", "", text)) for law, number, text in cited(marked)
    ] == cited(ANSWER)


@settings(deadline=None)
@given(st.text(alphabet="民法典第三条《》、\n (（一)规定根据", max_size=120))
def test_every_place_leads_back_to_its_character(text: str) -> None:
    unwrapped = unwrap(text)
    assert [text[unwrapped.original(place)] for place in range(len(unwrapped.text))] == list(
        unwrapped.text
    )
    assert "".join(unwrapped.text.split()) == "".join(text.split())
