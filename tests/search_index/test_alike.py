"""Which published question asks the same, and where it then stands."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from search_index import Document, IndexWriter, SearchIndex, SearchRequest, analysis
from search_index.alike import Idf, Wordings
from search_index.analysis import UInt64
from search_index.meaning import meanings
from search_index.ranking import Float32
from tests.search_index.samples import THESAURUS, article, faq

KINDS = ("faq", "answer")


def meaning_of(text: str) -> Float32:
    """Where one question lies."""
    return meanings([text])[0]


def asked_for(lines: list[tuple[str, int]], idf: Idf) -> Wordings:
    """Wordings with their meanings, as an index holds them."""
    return Wordings(lines, idf, meanings([text for text, _ in lines]))


@pytest.mark.parametrize(
    ("asked", "wording", "alike"),
    [
        ("房东不退押金怎么办", "房东不退押金？", True),
        ("请问怎么申请法律援助", "法律援助的申请", True),
        ("房东不退押金咋个办嘛", "房东不退押金", True),
        ("我想问一下房东老是拖到起不退押金咋个办", "房东不退押金", True),
        ("房東不退押金怎麼辦", "房东不退押金？", True),
        ("快递丢了", "东西被偷了怎么报案？", False),
        ("怎么办", "房东不退押金怎么办？", False),
        ("咋个办", "咋个办啷个办", False),
        ("？！", "房东", False),
        ("债", "债", True),
        ("娃儿他老汉喊我搬", "孩子的父亲让我搬走", True),
        ("遭厂里开除了", "被公司辞退", True),
        ("挨着我的房子", "被公司辞退", False),
        ("克扣薪水", "克扣工资", True),
        ("外公留下的存款", "外公遗产", True),
        # How long somebody lets others wait does not tell for what.
        ("单位迟迟不发奖金", "网购迟迟不发货", False),
        ("他总是一直不接", "她总是一直不睡", False),
    ],
)
def test_which_questions_are_alike_by_their_words(asked: str, wording: str, alike: bool) -> None:
    wordings = asked_for([(wording, 7)], lambda terms: np.ones(len(terms), dtype=np.float32))
    found = wordings.closest(asked, meaning_of(asked), -1.0)
    assert found.rows[found.words >= 0.45].tolist() == ([7] if alike else [])


def test_a_rare_pair_tells_more_than_common_ones() -> None:
    def idf(terms: UInt64) -> Float32:
        rare = np.uint64(analysis.bigram_hash("彩礼"))
        return np.where(terms == rare, 8.0, 1.0).astype(np.float32)

    wordings = asked_for([("退彩礼", 1), ("公司退货退款", 2)], idf)
    near = wordings.closest("公司退彩礼", meaning_of("公司退彩礼"), 0.0)
    found = dict(zip(near.rows.tolist(), near.words.tolist(), strict=True))
    assert found[1] > found[2]


def test_a_wording_without_a_pair_in_common_is_found_by_what_it_means() -> None:
    lines = [("老板拖欠工资", 1), ("邻居家漏水", 2), ("离婚后孩子归谁", 3)]
    wordings = asked_for(lines, lambda terms: np.ones(len(terms), dtype=np.float32))
    found = wordings.closest("东家赖着报酬不结", meaning_of("东家赖着报酬不结"), -1.0)
    best = int(np.argmax(found.both))
    assert (found.rows[best], found.words[best]) == (1, 0.0)


def test_what_is_neither_said_nor_meant_alike_is_not_listed() -> None:
    wordings = asked_for(
        [("老板拖欠工资", 1), ("邻居家漏水", 2)],
        lambda terms: np.ones(len(terms), dtype=np.float32),
    )
    assert wordings.closest("老板拖欠工资", meaning_of("老板拖欠工资"), 0.5).rows.tolist() == [1]


DOCUMENTS = [
    article(
        "中华人民共和国示例法典",
        str(number),
        f"出租人收取押金的，租赁期满应当退还押金。押金{number}",
    )
    for number in range(1, 6)
]
DOCUMENTS += [
    faq("deposit", "房东不退押金怎么办？", "可以起诉。", questions=("押金要不回来",)),
    faq("water", "房东停水停电怎么办？", "可以报警。"),
]


@pytest.fixture
def index(tmp_path: Path) -> SearchIndex:
    IndexWriter(tmp_path, THESAURUS).build(DOCUMENTS)
    return SearchIndex.open(tmp_path)


def test_the_text_that_asks_the_same_leads_although_it_ranks_lower(index: SearchIndex) -> None:
    question = "我租房子房东拖到起不退押金咋个办"
    result = index.search(SearchRequest(text=question, leading_kinds=KINDS))
    first = result.hits[0].key
    assert "faq:deposit" in {first, result.leading.key if result.leading else None}
    assert result.leading is None or result.leading.key != first
    # Nobody asked for one, or its kind is filtered away.
    assert index.search(SearchRequest(text=question)).leading is None
    articles = SearchRequest(text=question, leading_kinds=KINDS, kinds=("article",))
    assert index.search(articles).leading is None


@pytest.mark.parametrize(
    ("question", "place"),
    [("出租人收取押金，租赁期满房东不退还", 0), ("租赁期满出租人收取的押金不退押金", 1)],
)
def test_what_is_only_somewhat_alike_stands_first_where_it_is_clearly_ahead(
    tmp_path: Path, question: str, place: int
) -> None:
    rival = faq("school", "培训班不退押金怎么办？", "可以投诉。")
    IndexWriter(tmp_path, THESAURUS).build([*DOCUMENTS, rival])
    result = SearchIndex.open(tmp_path).search(SearchRequest(text=question, leading_kinds=KINDS))
    assert result.hits[0].kind == "article"
    assert result.leading is not None
    assert (result.leading.key, result.leading_place) == ("faq:deposit", place)


def test_a_question_that_was_surely_asked_before_is_no_weak_search(index: SearchIndex) -> None:
    asked = SearchRequest(text="房东不退押金", leading_kinds=KINDS)
    assert index.search(asked).weak is False


def test_what_an_update_adds_or_changes_leads_at_once(tmp_path: Path) -> None:
    law = "中华人民共和国示例法典"
    texts = [article(law, str(n), f"出租人收取押金应当退还押金。{n}") for n in range(1, 6)]
    old = faq("deposit", "房东不退押金怎么办？", "可以起诉。")
    writer = IndexWriter(tmp_path, THESAURUS)
    writer.build([*texts, old])
    index = SearchIndex.open(tmp_path)
    assert (
        len(index.snapshot().asked_alike("房东不退押金", meaning_of("房东不退押金"), 1.0).rows) == 1
    )
    changed = faq("deposit", "狗咬了人怎么办？", "可以起诉。")
    added = faq("other", "退押金的房东", "可以起诉。")
    writer.update([changed, added], [])
    fresh = SearchIndex.open(tmp_path).snapshot()
    found = [
        fresh.document(row).key
        for row in fresh.asked_alike("房东退押金", meaning_of("房东退押金"), 1.0).rows
    ]
    assert found == ["faq:other"]
    kept = [
        fresh.document(row)
        for row in fresh.asked_alike("狗咬了人", meaning_of("狗咬了人"), 1.0).rows
    ]
    assert [document.title for document in kept] == ["狗咬了人怎么办？"]


THE_LAW = tuple(document.key for document in DOCUMENTS if document.kind == "article")
DOG = article("中华人民共和国示例动物法", "1", "饲养的动物咬伤他人的，饲养人应当赔偿。")
QUESTION = "租赁期满出租人收取的押金应当退还"


def _with_training(cites: tuple[str, ...], kind: str = "faq") -> list[Document]:
    """An FAQ on another matter that holds all words of the question."""
    text = f"{QUESTION}，{QUESTION}。" * 3
    return [*DOCUMENTS, DOG, faq("training", "培训班停业？", text, cites=cites, kind=kind)]


@pytest.mark.parametrize("kind", KINDS)
def test_what_cites_none_of_the_best_texts_does_not_stand_first_for_its_words(
    tmp_path: Path, kind: str
) -> None:
    IndexWriter(tmp_path, THESAURUS).build(_with_training((DOG.key,), kind))
    index = SearchIndex.open(tmp_path)
    best = index.search(SearchRequest(text=QUESTION)).hits[0]
    assert best.key == f"{kind}:training"
    first, second, *_ = index.search(SearchRequest(text=QUESTION, leading_kinds=KINDS)).hits
    assert (first.kind, second.key) == ("article", best.key)


def test_what_cites_one_of_them_does(tmp_path: Path) -> None:
    IndexWriter(tmp_path, THESAURUS).build(_with_training(THE_LAW))
    index = SearchIndex.open(tmp_path)
    result = index.search(SearchRequest(text=QUESTION, leading_kinds=KINDS))
    assert result.hits[0].key == "faq:training"


def test_what_cites_one_of_them_does_not_where_another_is_asked_more_alike(tmp_path: Path) -> None:
    text = "出租人收取押金，租赁期满退还。"
    rival = faq("rival", "押金谁来退？", text, cites=(DOG.key,))
    IndexWriter(tmp_path, THESAURUS).build([*_with_training(THE_LAW), rival])
    index = SearchIndex.open(tmp_path)
    assert index.search(SearchRequest(text=QUESTION)).hits[0].key == "faq:training"
    result = index.search(SearchRequest(text=QUESTION, leading_kinds=KINDS))
    # Nor does the other, which cites none of the first texts and is hardly alike.
    assert ([hit.kind for hit in result.hits[:2]], result.leading) == (["article", "faq"], None)


def test_where_all_texts_are_of_that_kind_the_best_stands_first(tmp_path: Path) -> None:
    texts = [document for document in _with_training(()) if document.kind == "faq"]
    IndexWriter(tmp_path, THESAURUS).build(texts)
    index = SearchIndex.open(tmp_path)
    result = index.search(SearchRequest(text=QUESTION, leading_kinds=KINDS))
    assert result.hits[0].key == "faq:training"


def test_page_by_page_the_list_is_the_same(tmp_path: Path) -> None:
    IndexWriter(tmp_path, THESAURUS).build(_with_training((DOG.key,)))
    index = SearchIndex.open(tmp_path)
    whole = [h.key for h in index.search(_page(0, 20)).hits]
    assert len(whole) == len(set(whole)) > 5
    assert [index.search(_page(at, 1)).hits[0].key for at in range(len(whole))] == whole


def _page(offset: int, size: int) -> SearchRequest:
    return SearchRequest(text=QUESTION, leading_kinds=KINDS, offset=offset, size=size)


def test_an_update_that_takes_the_citation_away_counts_at_once(tmp_path: Path) -> None:
    writer = IndexWriter(tmp_path, THESAURUS)
    writer.build(_with_training(THE_LAW))
    writer.update([_with_training((DOG.key,))[-1]], [])
    index = SearchIndex.open(tmp_path)
    result = index.search(SearchRequest(text=QUESTION, leading_kinds=KINDS))
    assert result.hits[0].kind == "article"
