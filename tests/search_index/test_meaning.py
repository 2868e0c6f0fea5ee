"""What questions mean, told by their words."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from search_index import IndexWriter, SearchIndex, SearchRequest, analysis, meaning
from search_index.meaning import Texts, meanings
from tests.search_index.samples import CODE, THESAURUS, article


@pytest.mark.parametrize(
    ("asked", "same", "other"),
    [
        ("单位迟迟不发薪水", "老板拖欠工资", "房东不退押金"),
        ("我跟老公过不下去了", "怎么离婚", "怎么立遗嘱"),
        ("爷爷走了留下的钱归谁", "遗产怎么继承", "车祸怎么赔"),
        ("楼上天天半夜蹦迪", "邻居噪音扰民", "邻居家漏水"),
        ("孩子在学校挨打", "校园欺凌", "孩子的抚养费"),
        ("买到假货", "商家欺诈怎么赔偿", "房东不退押金"),
    ],
)
def test_the_same_matter_in_other_words_lies_nearer_than_another(
    asked: str, same: str, other: str
) -> None:
    here, near, far = meanings([asked, same, other])
    assert here @ near > here @ far


def test_a_question_of_known_words_has_a_direction_and_one_of_none_has_not() -> None:
    found = meanings(["老板拖欠工资", "", "？！", "qwxyz"])
    assert np.linalg.norm(found, axis=1) == pytest.approx([1, 0, 0, 0])
    assert len(meanings([])) == 0


def test_a_word_that_is_not_known_is_told_by_its_characters() -> None:
    # 欠薪厂 is no word of the list; its characters are.
    assert "欠薪厂" not in meaning._word_vectors().row_of
    unknown, wages, flowers = meanings(["欠薪厂", "拖欠工资", "种花养草"])
    assert unknown @ wages > unknown @ flowers


def test_what_a_question_says_in_dialect_means_what_it_says_in_writing() -> None:
    spoken, written = meanings(["遭厂里撵了", "被公司辞退了"])
    assert spoken @ written == pytest.approx(1, abs=0.15)


def test_every_word_that_is_shipped_has_a_row_of_numbers() -> None:
    known = meaning._word_vectors()
    assert len(known.row_of) == len(known.numbers) == len(known.steps) > 30_000
    assert np.abs(known.numbers).max(axis=1).min() == 127
    assert (known.steps > 0).all()


def texts(*written: str) -> Texts:
    """Where some texts lie."""
    return meaning.texts(analysis.pieces(text) for text in written)


def test_a_text_on_the_same_matter_lies_nearer_than_one_on_another() -> None:
    found = texts(
        "用人单位应当按照劳动合同约定和国家规定，向劳动者及时足额支付劳动报酬。",
        "承租人应当按照约定的期限支付租金。",
        "继承从被继承人死亡时开始。",
    )
    asked = meanings(["老板拖欠工资"])
    assert int(np.argmax(found.likeness(np.arange(3), asked))) == 0


def test_a_text_of_no_known_word_is_near_to_nothing() -> None:
    found = texts("", "qwxyz", "用人单位支付劳动报酬")
    asked = meanings(["老板拖欠工资"])
    none, foreign, wages = found.likeness(np.arange(3), asked)
    assert none == foreign == 0 < wages
    assert len(texts().steps) == 0


def test_what_a_text_repeats_counts_by_the_root_of_how_often() -> None:
    known = meaning._word_vectors()
    rent, wage = (
        known.numbers[row] * known.steps[row] for row in map(known.row_of.get, ["租金", "工资"])
    )
    found = texts("租金，工资，工资，工资，工资")
    vector = found.numbers[0] * found.steps[0]
    expected = rent + 2 * wage
    assert vector == pytest.approx(expected / np.linalg.norm(expected), abs=0.005)


def test_a_story_is_near_to_what_two_of_its_stretches_are_about() -> None:
    chatter = "今天天气真好我们早上去爬山看花中午在山顶的亭子里吃面包下午在湖边放风筝"
    told = chatter * 2 + "老板拖欠我的工资一直不给" * 8 + chatter * 2
    parts = meaning.stretches(meaning.spoken_pieces(told))
    assert len(parts) == pytest.approx(len(told) / meaning.STRETCH, abs=1)
    found = texts("用人单位应当及时足额支付劳动报酬。", "承租人应当按照约定的期限支付租金。")
    wages, rent = found.likeness(np.arange(2), parts)
    whole, _ = found.likeness(np.arange(2), meanings([told]))
    assert wages > rent
    assert wages > whole


def test_a_long_text_that_says_nothing_is_near_to_nothing() -> None:
    for empty in ([], ["!"] * 10, [" "] * 400):
        assert not meaning.stretches(empty).any()


@pytest.mark.parametrize("length", [160, 174, 175, 199, 225, 400])
def test_a_story_of_any_length_has_stretches_and_none_is_a_scrap(length: int) -> None:
    parts = meaning.stretches(["钱"] * length)
    assert len(parts) == (length + meaning.STRETCH // 2) // meaning.STRETCH
    assert np.linalg.norm(parts, axis=1) == pytest.approx(np.ones(len(parts)))


# Both hold 押金 and as many words besides; only one is about giving it back.
ABOUT_RENT = article(
    CODE, "11", "租赁期届满承租人搬走后，出租人应当将押金归还承租人，不得无故扣留。"
)
ABOUT_WATER = article(
    CODE, "12", "取水许可证的申请人应当交纳押金，水库管理机构据此测定流量，登记水位。"
)


def test_of_two_texts_that_hold_the_same_words_the_one_on_the_matter_stands_first(
    tmp_path: Path,
) -> None:
    for order in ([ABOUT_RENT, ABOUT_WATER], [ABOUT_WATER, ABOUT_RENT]):
        IndexWriter(tmp_path, THESAURUS).build(order)
        found = SearchIndex.open(tmp_path).search(SearchRequest(text="搬走了押金不退"))
        assert found.hits[0].key == ABOUT_RENT.key


def test_texts_of_an_update_are_as_near_as_texts_of_a_build(tmp_path: Path) -> None:
    writer = IndexWriter(tmp_path, THESAURUS)
    writer.build([ABOUT_RENT, ABOUT_WATER])
    built = SearchIndex.open(tmp_path).snapshot()
    writer.build([ABOUT_RENT])
    writer.update([ABOUT_WATER], [])
    updated = SearchIndex.open(tmp_path).snapshot()
    assert updated.delta is not None
    asked = built.query("水库的水位怎么登记").parts
    rows = np.array([1, 0, 1])
    assert updated.ranker.likeness(rows, asked) == pytest.approx(built.ranker.likeness(rows, asked))
