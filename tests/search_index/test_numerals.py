"""Article numbers: the law's writing and the canonical form turn into each other."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from search_index import article_order, format_article_number, parse_article_number
from search_index.numerals import MAX_NUMBER, format_numeral, parse_numeral


@settings(deadline=None)
@given(st.integers(min_value=0, max_value=MAX_NUMBER))
def test_numeral_round_trip(value: int) -> None:
    assert parse_numeral(format_numeral(value)) == value


@settings(deadline=None)
@given(st.integers(1, 99_999), st.one_of(st.none(), st.integers(1, 99)))
def test_article_number_round_trip(base: int, branch: int | None) -> None:
    number = f"{base}-{branch}" if branch else str(base)
    assert parse_article_number(format_article_number(number)) == number


@settings(deadline=None)
@given(st.text(max_size=20))
def test_any_text_is_a_number_or_is_refused(text: str) -> None:
    number = parse_article_number(text)
    assert number == "" or parse_article_number(format_article_number(number)) == number


@pytest.mark.parametrize(
    ("written", "number"),
    [
        ("第一百二十条之一", "120-1"),
        ("第120条之1", "120-1"),
        ("１２０条之一", "120-1"),
        ("120-1", "120-1"),
        ("第十条", "10"),
        ("第一千二百五十四条", "1254"),
        ("第一千零四条", "1004"),
        ("第二百零五条", "205"),
        ("一二五四", "1254"),
        ("第条", ""),
        ("第百条", ""),
        ("第零条", ""),
        ("第一百百条", ""),
        ("第一二百条", ""),
        ("第五条之零", ""),
        ("附录", ""),
        ("123456789", ""),
        ("一二三四五六七八九", ""),
        ("第万条", ""),
        ("", ""),
    ],
)
def test_known_forms(written: str, number: str) -> None:
    assert parse_article_number(written) == number


@pytest.mark.parametrize("number", ["", "abc", "1-", "-1", "1-x", "999999999"])
def test_format_refuses_what_is_not_canonical(number: str) -> None:
    with pytest.raises(ValueError, match=r"numeral|canonical"):
        format_article_number(number)


def test_order_keeps_inserted_articles_between() -> None:
    numbers = ["121", "120-2", "120", "119", "120-1"]
    assert sorted(numbers, key=article_order) == ["119", "120", "120-1", "120-2", "121"]
    assert article_order("") == 0


def test_every_number_of_the_corpus_round_trips(corpus_articles: list[dict[str, Any]]) -> None:
    numbers = {row["number"] for row in corpus_articles if row["number"]}
    assert len(numbers) > 1000
    wrong = [n for n in numbers if format_article_number(parse_article_number(n)) != n]
    assert wrong == []
