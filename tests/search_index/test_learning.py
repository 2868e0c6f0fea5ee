"""What answers teach: questions for articles and chapters, bridges between words, votes."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from search_index.analysis import content_words, word_hash
from search_index.learning import learn, learn_bridges, wordings
from search_index.query import read_query
from search_index.ranking import Counts, Field, compile_postings, top_rows
from search_index.reranking import (
    CHAPTER_LOSS,
    FEATURES,
    SPREAD,
    Teaching,
    features,
    fit,
    second_scores,
    spread,
    standing,
    weights,
)
from tests.search_index.samples import CODE, article, faq, library


def test_questions_go_to_the_articles_and_chapters_they_cite() -> None:
    lessons = learn(library())
    assert [key for key, _ in lessons.by_article[f"article:{CODE}:2"]] == ["faq:deposit"]
    assert "租房到期房东扣着押金不给" in lessons.by_article[f"article:{CODE}:2"][0][1]
    assert len(lessons.by_chapter[(CODE, "第一章 总则")]) == 2
    assert wordings(faq("x", "问", "答", questions=("问", "", "另问"))) == ("问", "另问")


def test_bridges_lead_from_residents_words_to_the_laws() -> None:
    pets = article(CODE, "50", "饲养的动物造成他人损害的，饲养人承担责任。")
    rent = article(CODE, "51", "承租人应当支付租金。")
    loans = article(CODE, "52", "借款人应当返还借款。")
    asked = [
        faq("1", "宠物伤人", "", cites=(pets.key,)),
        faq("2", "宠物咬人", "", cites=(pets.key,)),
        *(faq(f"r{n}", f"房租拖欠{n}", "", cites=(rent.key,)) for n in range(4)),
        *(faq(f"l{n}", f"欠款不还{n}", "", cites=(loans.key,)) for n in range(4)),
    ]
    bridges = learn_bridges([pets, rent, loans, *asked])
    assert {"动物", "饲养"} & {word for word, _ in bridges["宠物"]}
    assert all(0 < share <= 1 for found in bridges.values() for _, share in found)
    assert learn_bridges([pets]) == {}
    plain = read_query("宠物", {}, {})
    bridged = read_query("宠物", {}, bridges)
    assert len(bridged.terms) > len(plain.terms)
    assert set(plain.terms.tolist()) < set(bridged.terms.tolist())
    assert bridged.weights.min() < plain.weights.min()


def test_a_word_of_the_question_keeps_its_weight_when_a_bridge_leads_to_it() -> None:
    query = read_query("宠物 动物", {"宠物": ("动物",)}, {"宠物": (("动物", 0.5),)})
    assert sorted(query.weights.tolist(), reverse=True)[:2] == [1.0, 1.0]


def test_a_word_of_the_thesaurus_widens_the_question_also_where_the_segmenter_cuts_through_it() -> (
    None
):
    synonyms = {"醉驾": ("危险驾驶",), "判几年": ("有期徒刑",), "合同": ("协议",)}
    held = set(read_query("醉驾会判几年", synonyms, {}).terms.tolist())
    assert word_hash("有期徒刑") in held
    assert held.issuperset(map(word_hash, content_words("危险驾驶")))
    # Within a longer word it is another word.
    assert word_hash("协议") not in read_query("解除劳动合同", synonyms, {}).terms.tolist()
    assert word_hash("协议") in read_query("合同怎么解除", synonyms, {}).terms.tolist()
    # Official names of crimes are long.
    crime = {"教育设施重大安全事故罪": ("校舍",)}
    assert word_hash("校舍") in read_query("教育设施重大安全事故罪判几年", crime, {}).terms.tolist()


def test_a_word_of_the_thesaurus_within_a_longer_one_that_is_found_says_nothing_of_its_own() -> (
    None
):
    synonyms = {"判几年": ("有期徒刑",), "几年": ("诉讼时效",), "涉黑": ("黑社会",)}
    asked = dict(_weights("打伤人判几年", synonyms))
    assert word_hash("有期徒刑") in asked
    assert word_hash("诉讼时效") not in asked
    # And what it weighs as a word of the question is less than elsewhere.
    assert asked[word_hash("几年")] < dict(_weights("借条过了几年", synonyms))[word_hash("几年")]
    # Elsewhere in the same question it is meant.
    assert word_hash("诉讼时效") in dict(_weights("判几年，几年不能告", synonyms))
    # What the segmenter only guesses to be a word (涉黑判) hides none.
    assert word_hash("黑社会") in dict(_weights("涉黑判几年", synonyms))


def _weights(text: str, synonyms: dict[str, tuple[str, ...]]) -> Iterator[tuple[int, float]]:
    query = read_query(text, synonyms, {})
    return zip(query.terms.tolist(), query.weights.tolist(), strict=True)


def teaching() -> Teaching:
    """Rows 0 and 1 are articles of law 0, row 2 of law 1; rows 3 and 4 are answers citing them."""
    pairs = (np.array([3, 4, 4]), np.array([0, 0, 2]))
    law = np.array([0, 0, 1, 2, 2])
    chapter = np.array([0, 0, -1, -1, -1])
    articles = np.array([True, True, True, False, False])
    return Teaching.build(pairs, law, chapter, np.zeros(5, dtype=np.int8), articles)


def test_priors_and_votes() -> None:
    taught = teaching()
    assert np.expm1(taught.law_prior).round().tolist() == [2, 2, 1, 0, 0]
    assert np.expm1(taught.article_prior).round().tolist() == [2, 0, 1, 0, 0]
    words = np.array([1, 1, 1, 0.5, 0], dtype=np.float32)
    law, chapter, own = taught.voted(taught.votes(words, 1.0), np.array([0, 1, 2])).T
    assert law == pytest.approx([0.5, 0.5, 0.0])
    assert chapter == pytest.approx([0.5, 0.5, 0.0])
    assert own == pytest.approx([0.5, 0.0, 0.0])
    meant = np.array([0.2, 0.0, -0.1], dtype=np.float32)
    table = features(words, np.array([0, 1, 2]), taught, 1.0, meant)
    assert table.shape == (3, len(FEATURES))
    assert np.isfinite(table).all()
    assert len(weights()) == len(FEATURES)
    quick = second_scores(words, np.array([0, 1, 2]), taught, 1.0, meant, standing(taught))
    assert quick == pytest.approx(table @ weights())


def test_where_chapters_are_about_equally_likely_the_first_rows_show_both() -> None:
    scores = np.array([5.0, 4.9, 4.8, 4.7, 1.0])
    taken = spread(scores, np.array([7, 7, 8, -1, 8]))
    assert np.argsort(-taken).tolist() == [0, 2, 3, 1, 4]
    assert scores.tolist() == [5.0, 4.9, 4.8, 4.7, 1.0]


@given(
    st.lists(st.tuples(st.floats(-5, 5), st.integers(-1, 3)), min_size=1, max_size=60, unique=True)
)
def test_the_best_of_a_chapter_and_rows_without_one_keep_their_score(
    rows: list[tuple[float, int]],
) -> None:
    scores = np.array([score for score, _ in rows])
    chapters = np.array([chapter for _, chapter in rows])
    lost = scores - spread(scores, chapters)
    assert np.isin(lost.round(9), [0.0, CHAPTER_LOSS]).all()
    assert not lost[chapters < 0].any()
    assert np.count_nonzero(lost) < SPREAD
    for chapter in set(chapters.tolist()) - {-1}:
        of_chapter = np.where(chapters == chapter, scores, -np.inf)
        assert lost[of_chapter.argmax()] == 0.0
    assert lost[scores.argmax()] == 0.0


def test_without_any_citation_nobody_votes() -> None:
    none = np.empty(0, dtype=np.int64)
    empty = Teaching.build(
        (none, none),
        np.zeros(2, dtype=np.int64),
        np.full(2, -1),
        np.zeros(2, dtype=np.int8),
        np.array([True, True]),
    )
    words = np.ones(2, dtype=np.float32)
    voted = empty.voted(empty.votes(words, 1.0), np.array([0, 1]))
    assert voted.tolist() == [[0.0, 0.0, 0.0], [0.0, 0.0, 0.0]]


def test_fitting_finds_the_feature_that_tells() -> None:
    dice = np.random.default_rng(1)
    groups = []
    for _ in range(60):
        table = dice.normal(size=(20, 3))
        relevant = np.zeros(20, dtype=bool)
        relevant[int(table[:, 1].argmax())] = True
        groups.append((table, relevant))
    groups.append((dice.normal(size=(5, 3)), np.zeros(5, dtype=bool)))  # nothing to learn from
    fitted = fit(groups)
    assert fitted[1] > 5 * max(abs(fitted[0]), abs(fitted[2]))


def test_top_rows_agree_with_sorting() -> None:
    dice = np.random.default_rng(2)
    for size in (0, 1, 63, 64, 1000, 5000):
        scores = np.maximum(dice.normal(size=size), 0).astype(np.float32)
        order = np.lexsort((np.arange(size), -scores))
        expected = [int(row) for row in order if scores[row] > 0]
        for count in (0, 1, 10, 400, size):
            assert top_rows(scores, count).tolist() == expected[:count]


def test_common_terms_are_left_out_and_long_questions_cut() -> None:
    size = 4100
    rows = np.concatenate((np.arange(size), np.arange(100))).astype(np.int32)
    terms = np.concatenate((np.zeros(size), np.arange(1, 101))).astype(np.uint64)
    counts = Counts(rows, terms, np.ones(len(rows), np.float32), np.ones(size, np.float32))
    postings = compile_postings({"text": counts}, (Field("text", 1.0, 0.5),), size, 1.2)
    columns, keep = postings.choose(np.arange(0, 101, dtype=np.uint64))
    assert columns.min() >= 0
    assert not keep[0]
    assert keep.sum() == 64
    assert postings.choose(np.array([0], dtype=np.uint64))[1].tolist() == [True]
    assert postings.choose(np.array([999], dtype=np.uint64))[1].tolist() == [False]
