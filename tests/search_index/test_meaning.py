"""What questions mean, told by their words."""

from __future__ import annotations

import numpy as np
import pytest

from search_index import meaning
from search_index.meaning import meanings


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
