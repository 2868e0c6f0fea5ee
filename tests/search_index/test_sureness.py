"""How sure a page is: what its best row holds of the question, and how far the first rows stand out."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from search_index import Document, IndexWriter, SearchIndex, Thesaurus, sureness
from search_index.ranker import Ranked
from search_index.snapshot import Snapshot
from tests.search_index.samples import library


def asked(snapshot: Snapshot, text: str) -> tuple[float, float]:
    """How much of a question its best row holds, and how sure the page is."""
    query = snapshot.query(text)
    words, full = snapshot.scores(query)
    ranked = snapshot.ranker.ranked(query, words, full, np.flatnonzero(words > 0), snapshot.size)
    held = sureness.coverage(snapshot, query, int(ranked.rows[0]), 1.0)
    return held, sureness.sureness(snapshot, query, ranked)


def test_a_word_that_no_document_holds_weighs_little(index: SearchIndex) -> None:
    snapshot = index.snapshot()
    plain, _ = asked(snapshot, "押金不退")
    spoken, _ = asked(snapshot, "押金屋头不退")
    assert plain == pytest.approx(1.0)
    assert 0.6 < spoken < 1.0


def test_a_word_counts_also_where_only_the_thesaurus_leads_to_the_row(tmp_path: Path) -> None:
    IndexWriter(tmp_path, Thesaurus(words={"东家": ("出租人",)})).build(library())
    snapshot = SearchIndex.open(tmp_path).snapshot()
    held, _ = asked(snapshot, "东家")
    assert held == pytest.approx(sureness.THESAURUS_SHARE)


def test_looking_ends_where_enough_is_known(index: SearchIndex) -> None:
    snapshot = index.snapshot()
    query = snapshot.query("押金不退")
    assert sureness.coverage(snapshot, query, 0, 0.0) == 0.0
    assert sureness.coverage(snapshot, snapshot.query("的"), 0, 1.0) == 0.0


def test_first_rows_that_stand_out_are_surer_than_those_that_hardly_do(index: SearchIndex) -> None:
    snapshot = index.snapshot()
    query = snapshot.query("无人机航拍")
    few = Ranked(np.array([0]), np.array([100.0], dtype=np.float32))
    sure = [
        sureness.sureness(snapshot, query, dataclasses.replace(few, share=share))
        for share in (0.1, 0.75, 0.9)
    ]
    assert sure[0] < sureness.WEAK < sure[1] < sureness.STRONG < sure[2]
    # Among a few rows none can stand out: what the best one holds tells alone.
    assert sureness.sureness(snapshot, query, few) < sureness.WEAK


def test_no_row_is_nothing_sure(index: SearchIndex) -> None:
    nothing = Ranked(np.empty(0, dtype=np.int64), np.empty(0, dtype=np.float32))
    snapshot = index.snapshot()
    assert sureness.sureness(snapshot, snapshot.query("押金"), nothing) == 0.0


def test_the_share_of_the_first_rows_is_told_only_among_many(tmp_path: Path) -> None:
    rows = [
        Document(key=f"faq:{number}", kind="faq", title=f"押金怎么退{'呀' * number}", text="答。")
        for number in range(20)
    ]
    shares = []
    for many in (19, 20):
        IndexWriter(tmp_path / str(many)).build(rows[:many])
        snapshot = SearchIndex.open(tmp_path / str(many)).snapshot()
        query = snapshot.query("押金")
        words, full = snapshot.scores(query)
        shares.append(
            snapshot.ranker.ranked(query, words, full, np.flatnonzero(words > 0), 1).share
        )
    assert shares[0] is None
    assert shares[1] is not None
    assert 0.0 < shares[1] < 1.0


def test_of_a_long_text_a_row_need_hold_no_more_than_of_one_with_twenty_words(
    index: SearchIndex,
) -> None:
    snapshot = index.snapshot()
    many = "".join(chr(ord("一") + 97 * number) + "，" for number in range(60))
    query = snapshot.query("押金不退，" + many)
    assert len(query.words) > 2 * sureness.MOST_WORDS
    ranked = Ranked(np.array([0]), np.array([100.0], dtype=np.float32), share=0.1)
    held = sureness.coverage(snapshot, query, 0, 1.0)
    assert sureness.sureness(snapshot, query, ranked) == pytest.approx(
        sureness.SHARE_WEIGHT * 0.1 + held * len(query.words) / sureness.MOST_WORDS
    )


def test_a_story_is_never_so_sure_that_its_teller_is_offered_nobody(index: SearchIndex) -> None:
    snapshot = index.snapshot()
    ranked = Ranked(np.array([0]), np.array([100.0], dtype=np.float32), share=0.99)
    told = "房东不退押金，我找了他很多次。" * 12
    assert sureness.sureness(snapshot, snapshot.query("押金不退"), ranked) > sureness.STRONG
    story = sureness.sureness(snapshot, snapshot.query(told), ranked)
    assert sureness.WEAK < story < sureness.STRONG
