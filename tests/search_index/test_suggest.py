"""Completion and correction."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from search_index import Document, SearchIndex
from search_index.suggest import Completion, Speller, write_spelling, write_suggestions
from tests.search_index.samples import CODE


def test_prefix_inner_and_scattered_words(index: SearchIndex) -> None:
    assert index.suggest("房东")[0].key == "faq:deposit"
    assert [line.kind for line in index.suggest("示例法典")] == ["law"]
    assert index.suggest("示例法典")[0].text == CODE
    assert "faq:deposit" in [line.key for line in index.suggest("押金要不回")]
    assert "answer:dog" in [line.key for line in index.suggest("狗邻居咬伤")]
    assert index.suggest("") == []
    assert index.suggest("房东", 0) == []
    assert len(index.suggest("怎么", 2)) == 2


def test_lines_that_differ_in_signs_alone_are_one(tmp_path: Path) -> None:
    question = Document(
        key="faq:1",
        kind="faq",
        title="低保怎么申请？",
        text="",
        questions=("低保怎么申请", "低保 怎么申请?", "怎样申请低保"),
    )
    write_suggestions(tmp_path, [question])
    lines = Completion.load(tmp_path).complete("低保", 8)
    assert [line.text for line in lines] == ["低保怎么申请？", "怎样申请低保"]


@pytest.fixture(scope="module")
def speller(tmp_path_factory: pytest.TempPathFactory) -> Speller:
    folder = tmp_path_factory.mktemp("spelling")
    counts = Counter({"劳动合同": 400, "合同": 900, "工资": 500, "仲裁": 80, "物业": 60, "罕见": 1})
    write_spelling(folder, counts)
    return Speller.load(folder)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("劳动和同", "劳动合同"),
        ("拖欠公资", "拖欠工资"),
        ("申请众裁", "申请仲裁"),
        ("劳栋合同", "劳动合同"),
        ("劳铜合同", "劳动合同"),
    ],
)
def test_one_wrong_character_is_put_right(speller: Speller, typed: str, meant: str) -> None:
    known = {"拖欠", "申请", "合同", "劳动"}
    assert speller.correct(typed, lambda pair: 9 if pair in known else 0) == meant


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("租凭合同", "租赁合同"),  # looks alike; the dictionary holds the misprint
        ("被骚挠怎么办", "被骚扰怎么办"),
        ("劳动仲栽", "劳动仲裁"),
        ("押经不退", "押金不退"),  # jing for jin
        ("民点法", "民法典"),  # in another order
        ("赡样费", "赡养费"),
        ("租凭到期？", "租赁到期？"),  # signs stay as they were written
    ],
)
def test_a_slip_of_look_accent_or_order_is_put_right(
    tmp_path: Path, typed: str, meant: str
) -> None:
    words = ("租赁", "骚扰", "仲裁", "押金", "民法典", "赡养费", "劳动", "合同")
    write_spelling(tmp_path, Counter(dict.fromkeys(words, 50)))
    known = {"劳动", "合同", "不退", "到期", "怎么", "么办"}
    speller = Speller.load(tmp_path)
    assert speller.correct(typed, lambda pair: 9 if pair in known else 0) == meant
    assert speller.correct(meant, lambda pair: 9 if pair in meant else 0) is None


def test_a_long_question_is_not_corrected(speller: Speller) -> None:
    question = "劳动和同" + "到期" * 8
    assert speller.correct(question, lambda pair: 0) == "劳动合同" + "到期" * 8
    assert speller.correct(question + "了", lambda pair: 0) is None


def test_a_pair_far_rarer_than_its_homophone_is_a_slip(speller: Speller) -> None:
    assert speller.correct("签和同", lambda pair: 2) == "签合同"
    assert speller.correct("签和同", lambda pair: 700) is None


@pytest.mark.parametrize("text", ["", "工资", "劳动合同", "abc", "被狗咬", "罕见", "😀😀"])
def test_what_is_known_or_hopeless_stays(speller: Speller, text: str) -> None:
    assert speller.correct(text, lambda pair: 0) is None


def test_an_empty_vocabulary_corrects_nothing(tmp_path: Path) -> None:
    write_spelling(tmp_path, Counter())
    assert Speller.load(tmp_path).correct("劳动和同", lambda pair: 0) is None
