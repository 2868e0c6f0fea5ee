"""Analysis: same length, tiling tokens, the same terms from every path."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from search_index import analysis

ANY_TEXT = st.text(alphabet=st.characters(), max_size=200)  # lone surrogates included


@settings(deadline=None)
@given(ANY_TEXT)
def test_normalising_keeps_the_length_and_can_be_encoded(text: str) -> None:
    normal = analysis.normalise(text)
    assert len(normal) == len(text)
    normal.encode("utf-8")
    assert analysis.normalise(normal) == normal


@settings(deadline=None)
@given(ANY_TEXT)
def test_tokens_tile_the_text(text: str) -> None:
    pieces = analysis.tokens(text)
    assert "".join(piece.text for piece in pieces) == analysis.normalise(text)
    ends = [0, *(piece.end for piece in pieces)]
    assert [piece.start for piece in pieces] == ends[:-1]


@settings(deadline=None)
@given(ANY_TEXT)
def test_bigrams_agree_between_text_and_arrays(text: str) -> None:
    pairs = analysis.bigrams(text)
    hashes, places = analysis.bigram_hashes(analysis.code_points(analysis.normalise(text)))
    assert [analysis.bigram_hash(pair) for pair in pairs] == hashes.tolist()
    assert len(places) == len(pairs)


def test_full_width_and_case_are_one() -> None:
    assert analysis.normalise("ＡＢＣ１２３") == "abc123"
    assert analysis.words("租赁物ＷＩＦＩ") == analysis.words("租赁物wifi")


def test_traditional_and_simplified_characters_are_one() -> None:
    assert analysis.words("老闆不發工資怎麼辦") == analysis.words("老板不发工资怎么办")
    assert analysis.normalise("著作權") == "著作权"


def test_every_character_is_folded_once_and_for_all() -> None:
    every = "".join(chr(point) for point in range(0x110000))
    folded = analysis.normalise(every)
    assert len(folded) == len(every)
    assert analysis.normalise(folded) == folded


def test_question_words_tell_nothing() -> None:
    assert analysis.content_words("怎么办？什么是的了吗") == []
    assert "押金" in analysis.content_words("房东不退押金怎么办")


def test_word_hashes_are_stable_and_apart_from_bigrams() -> None:
    first = analysis.word_hashes(["租赁", "押金"])
    assert first.dtype == np.uint64
    assert first.tolist() == [analysis.word_hash("租赁"), analysis.word_hash("押金")]
    assert analysis.word_hash("租赁") < 1 << 63
    assert analysis.bigram_hash("租赁") >= 1 << 63


@pytest.mark.parametrize("text", ["", " ", "\n", "！！！", "😀👨‍👩‍👧", "\ud800", "\x00\x07"])
def test_texts_without_words(text: str) -> None:
    assert analysis.content_words(text) == []
    assert analysis.bigrams(text) == []
