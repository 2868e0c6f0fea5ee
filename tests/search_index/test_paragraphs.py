"""Which paragraphs and items an article has."""

from __future__ import annotations

import pytest

from search_index import Absent, absent_part

DIVORCE = (
    "夫妻一方要求离婚的，可以调解。\n有下列情形之一的，应当准予离婚：\n（一）重婚；\n"
    "（二）家庭暴力；\n1．打骂；\n2．遗弃；\n\u200b\n一方被宣告失踪的，应当准予离婚。"
)


@pytest.mark.parametrize(
    "part",
    [
        "",
        "第一款",
        "第三款",
        "第一、二款和第三款",
        "第二款第（二）项",
        "第二项",
        "第零款",
        "第2款第(1)项",
        "第二款第一项第九目",
        "第一款前段",
    ],
)
def test_what_an_article_has_is_not_absent(part: str) -> None:
    assert absent_part(DIVORCE, part) is None


@pytest.mark.parametrize(
    ("part", "absent"),
    [
        ("第九款", Absent("款", 9, 3)),
        ("第一款至第四款", Absent("款", 4, 3)),
        ("第三项", Absent("项", 3, 2)),
        ("第二款第(三)项", Absent("项", 3, 2, 2)),
        ("第一款第一项", Absent("项", 1, 0, 1)),
    ],
)
def test_what_an_article_lacks_is_told_with_how_many_it_has(part: str, absent: Absent) -> None:
    assert absent_part(DIVORCE, part) == absent


def test_what_stands_between_two_items_is_no_paragraph() -> None:
    text = "可以采用下列方式：\n（一）直接送达；\n不在的，交其家属；\n（二）邮寄。\n送达应当及时。"
    assert absent_part(text, "第一款第二项") is None
    assert absent_part(text, "第三款") == Absent("款", 3, 2)


def test_items_without_marks_cannot_be_counted() -> None:
    text = "税率如下：\n市区的，为7%；\n县城的，为5%。"
    assert absent_part(text, "第三项") is None
    assert absent_part("一律公开。\n不得收费。", "第三项") == Absent("项", 3, 0)
