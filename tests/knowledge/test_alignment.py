"""Which article of a new version continues which old one: by text, and by order where in doubt."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.knowledge.alignment import ALIKE, Text, align
from portal.knowledge.importing import markdown
from tests.knowledge.test_import import CORPUS


def texts(*lines: str, first: int = 1) -> list[Text]:
    return [Text(str(number), line) for number, line in enumerate(lines, first)]


def pairs(old: list[Text], new: list[Text]) -> list[tuple[str, str]]:
    return [(old[pair.old].number, new[pair.new].number) for pair in align(old, new)]


GOAL = "为了保护居民的合法权益，制定本法。"
DEPOSIT = "房东收取押金的，租赁期满应当在三日内返还承租人。"
DOGS = "饲养烈性犬的，应当到街道办事处登记并佩戴犬牌。"
START = "本法自二〇一〇年一月一日起施行。"
NOISE = "夜间施工应当提前两日公告附近居民。"


def test_the_same_text_is_found_under_its_new_number():
    assert pairs(texts(GOAL, DEPOSIT, DOGS), texts(GOAL, NOISE, DEPOSIT, DOGS)) == [
        ("1", "1"),
        ("2", "3"),
        ("3", "4"),
    ]


def test_a_changed_text_is_found_under_its_new_number_and_a_new_one_is_nobodys_heir():
    changed = DEPOSIT.replace("三日", "七日") + "逾期不还的，承租人可以要求支付利息。"
    assert pairs(texts(GOAL, DEPOSIT, DOGS), texts(GOAL, NOISE, DOGS, changed)) == [
        ("1", "1"),
        ("3", "3"),
        ("2", "4"),
    ]


def test_an_article_that_grew_is_still_the_same():
    grown = "房东不得扣留押金。" + DEPOSIT + NOISE * 3
    (pair,) = align(texts(DEPOSIT), texts(NOISE, grown))
    assert (pair.new, ALIKE < pair.likeness < 1) == (1, True)


def test_a_dropped_article_has_no_heir():
    assert pairs(texts(GOAL, DEPOSIT, DOGS), texts(GOAL, DOGS)) == [("1", "1"), ("3", "2")]


def test_equal_texts_keep_their_order():
    repeal = "（删去）"
    assert pairs(texts(repeal, GOAL, repeal), texts(GOAL, repeal, repeal)) == [
        ("2", "1"),
        ("1", "2"),
        ("3", "3"),
    ]


def test_of_two_that_are_alike_each_keeps_its_side_of_the_others():
    fine = "违反本法规定{}的，由主管部门责令改正，处以一千元以下罚款。"
    old = texts(fine.format("养犬甲"), GOAL, fine.format("养犬乙"))
    new = texts(NOISE, fine.format("养犬丙"), GOAL, fine.format("养犬丁"))
    assert pairs(old, new) == [("1", "2"), ("2", "3"), ("3", "4")]


def test_an_article_rewritten_in_its_place_is_the_same_article():
    assert pairs(texts(GOAL, DEPOSIT, START), texts(GOAL, NOISE, START)) == [
        ("1", "1"),
        ("2", "2"),
        ("3", "3"),
    ]
    # Under another number it would have to be alike.
    assert pairs(texts(GOAL, DEPOSIT, START), texts(DOGS, GOAL, NOISE, START)) == [
        ("1", "2"),
        ("3", "4"),
    ]


@given(st.data())
def test_each_article_is_in_one_pair_at_most_and_what_stayed_is_found(data):
    pool = [GOAL, DEPOSIT, DOGS, START, NOISE]
    old = data.draw(st.lists(st.sampled_from(pool), max_size=8))
    new = data.draw(st.lists(st.sampled_from(pool) | st.text(max_size=12), max_size=8))
    found = align(texts(*old), texts(*new))
    assert len({pair.old for pair in found}) == len({pair.new for pair in found}) == len(found)
    assert all(0 <= pair.likeness <= 1 for pair in found)
    for text in set(pool):
        same = sum(old[pair.old] == new[pair.new] == text for pair in found)
        assert same == min(old.count(text), new.count(text))


def test_a_code_of_1260_articles_is_aligned_in_seconds():
    words = "".join(chr(0x4E00 + number) for number in range(3000))
    chance = random.Random(1)
    old = ["".join(chance.choices(words, k=90)) for _ in range(1260)]
    new = [text[:40] + "改" + text[41:] for text in old]
    order = list(range(1260))
    chance.shuffle(order)
    found = align(texts(*old), texts(*(new[place] for place in order)))
    assert [pair.old for pair in found] == order


def of_corpus(name: str) -> tuple[list[Text], list[Text]]:
    files = sorted((CORPUS / "markdown" / "national").glob(f"{name}(*).md"))
    if len(files) != 2:
        reason = "the research corpus is not beside the repository"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    old, new = (_read(path) for path in files)
    return old, new


def _read(path: Path) -> list[Text]:
    return [Text(item.number, item.text) for item in markdown.read(path).version.articles]


# Read side by side by a person; the last column of each is what became of it in the new text.
REAL = {
    "公司法": {
        "1": "1", "15": "14", "16": "15", "20": "21", "21": "22", "26": "47", "33": "57", "35": "53",
        "37": "59", "41": "64", "71": "84", "74": "89", "122": "136", "142": "162", "149": "188",
        "151": "189", "171": "217", "177": "224", "187": "237", "212": "261", "216": "265",
    },
    "行政复议法": {"1": "1", "4": "3", "7": "13", "9": "20", "12": "27", "14": "26", "23": "48"},
    "妇女权益保障法": {
        "25": "46", "27": "48", "29": "51", "34": "58", "41": "27", "46": "65", "50": "71", "61": "86",
    },
}  # fmt: skip
DROPPED = {
    "公司法": ("58", "59", "140", "217"),
    "行政复议法": ("42",),
    "妇女权益保障法": ("54",),
}


@pytest.mark.corpus
@pytest.mark.parametrize("name", sorted(REAL))
def test_real_laws_that_dealt_their_numbers_anew(name):
    old, new = of_corpus(name)
    found = dict(pairs(old, new))
    assert {number: found.get(number) for number in REAL[name]} == REAL[name]
    assert [number for number in DROPPED[name] if number in found] == []
    assert len(found) >= 0.65 * len(old)
