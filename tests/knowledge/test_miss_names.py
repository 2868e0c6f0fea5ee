"""Who is named in a question that found nothing: taken out before it is kept, not only hidden on the first day."""

from __future__ import annotations

import pytest

from portal.knowledge import misses


@pytest.mark.parametrize(
    ("question", "kept"),
    [
        ("我叫欧阳娜娜滑翔伞坏了", "我叫某某滑翔伞坏了"),
        ("阿依古丽·买买提的滑翔伞", "某某的滑翔伞"),
        ("原告刘翠花诉被告孙大圣", "原告某某诉被告某某"),
        ("被告：赵铁柱 不还钱", "被告：某某 不还钱"),
        ("老板叫周建军跑了", "老板叫某某跑了"),
        ("邻居张三家的滑翔伞", "邻居某某家的滑翔伞"),
        ("張偉欠我錢不還", "某某欠我钱不还"),
        ("渝A 12 345撞了我", "〔号码〕撞了我"),
        ("3栋2单元501漏水", "〔号码〕栋〔号码〕单元〔号码〕漏水"),
        ("1990年5月6日出生怎么改", "〔号码〕出生怎么改"),
    ],
)
def test_a_name_in_any_usual_place_is_taken_out(app, question, kept):
    with app.app_context():
        cleaned = misses.clean(question)
    assert cleaned is not None
    assert cleaned.text == kept


@pytest.mark.parametrize(
    "question",
    [
        "被告高速公司不赔怎么办",
        "老板周末让加班",
        "邻居马上要拆墙",
        "被告方不来开庭",
        "被告金额算错了",
        "保证人向债权人清偿以后怎么办",
        "老公万一不签字怎么离婚",
        "民法典·总则有几条",
        "2021年1月1日以前借的钱",
        "买了12单元的房子",
    ],
)
def test_a_word_that_begins_like_a_name_stays(app, question):
    with app.app_context():
        cleaned = misses.clean(question)
    assert cleaned is not None
    assert cleaned.text.replace("〔号码〕", "12") == question
