"""Fragments: whole words, offsets that mark what was asked."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from search_index import analysis, to_utf16
from search_index.highlight import fragments, word_ends

LONG = (
    "出租人应当按照约定将租赁物交付承租人，并在租赁期限内保持租赁物符合约定的用途。" * 3
    + "押金应当在租赁期限届满后十日内退还承租人；"
    + "当事人另有约定的，按照其约定。" * 5
)


def test_the_best_fragment_holds_the_words_asked_for() -> None:
    (fragment,) = fragments(LONG, ["押金", "退还"], count=1)
    marked = [fragment.text[start:end] for start, end in fragment.highlights]
    assert "押金" in marked
    assert "退还" in marked
    assert len(fragment.text) < 140


def test_without_a_match_the_beginning_is_shown_unmarked() -> None:
    (fragment,) = fragments(LONG, ["继承"])
    assert LONG.startswith(fragment.text)
    assert fragment.highlights == ()
    assert fragments("", ["押金"]) == ()


def test_rarer_words_count_more() -> None:
    text = "承租人承租人承租人。" + "其他内容" * 30 + "。押金退还。"
    (fragment,) = fragments(
        text, ["承租人", "押金"], weight=lambda word: 5.0 if word == "押金" else 1.0, count=1
    )
    assert "押金" in fragment.text


def test_what_was_not_asked_speaks_for_a_passage_and_is_not_marked() -> None:
    text = "有下列情形之一的，可以申请。" * 8 + "遭受家庭暴力的，可以申请人身安全保护令。"
    (fragment,) = fragments(text, ["老公"], lambda word: 2.0, count=1, hints=["家庭暴力"])
    assert "家庭暴力" in fragment.text
    assert fragment.highlights == ()


def test_a_long_run_without_punctuation_is_cut_between_words() -> None:
    text = "租赁合同押金退还承租人" * 40
    boundaries = {token.end for token in analysis.tokens(text)} | {0}
    for fragment in fragments(text, ["押金"], count=3):
        start = text.find(fragment.text)
        assert start >= 0
        assert start in boundaries
        assert start + len(fragment.text) in boundaries


@settings(deadline=None)
@given(st.text(alphabet=st.characters(), max_size=300), st.lists(st.text(max_size=3), max_size=4))
def test_fragments_are_pieces_of_the_text_between_tokens(text: str, asked: list[str]) -> None:
    ends = {token.end for token in analysis.tokens(text)} | {0}
    for fragment in fragments(text, asked):
        assert fragment.text in text
        places = [at for at in ends if text.startswith(fragment.text, at)]
        assert places
        assert all(0 <= a < b <= len(fragment.text) for a, b in fragment.highlights)


@settings(deadline=None)
@given(
    st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=100),
    st.lists(st.integers(0, 100), max_size=3),
)
def test_utf16_offsets_are_those_of_javascript(text: str, offsets: list[int]) -> None:
    offsets = [min(offset, len(text)) for offset in offsets]
    counted = [len(text[:offset].encode("utf-16-le")) // 2 for offset in offsets]
    assert to_utf16(text, offsets) == counted


def test_stored_word_ends_give_the_same_fragments() -> None:
    ends = word_ends(analysis.normalise(LONG))
    assert fragments(LONG, ["押金", "退还"], ends=ends) == fragments(LONG, ["押金", "退还"])
