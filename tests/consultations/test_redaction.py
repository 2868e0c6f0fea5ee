"""Names, phones, ID numbers, addresses, plates and account numbers are proposed before anything is made public."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.consultations.redaction import RedactionKind as Kind
from portal.consultations.redaction import apply, find


@pytest.mark.parametrize(
    ("text", "expected", "kind"),
    [
        ("我的身份证号是11010519491231002X，请查", "11010519491231002X", Kind.ID_NUMBER),
        (
            "身份证１１０１０５１９４９１２３１００２１",
            "１１０１０５１９４９１２３１００２１",
            Kind.ID_NUMBER,
        ),
        ("证号 110105 19491231 002X 谢谢", "110105 19491231 002X", Kind.ID_NUMBER),
        ("打13812345678找他", "13812345678", Kind.PHONE),
        ("电话138-1234-5678。", "138-1234-5678", Kind.PHONE),
        ("电话+86 138 1234 5678。", "+86 138 1234 5678", Kind.PHONE),
        ("座机023-43721234没人接", "023-43721234", Kind.PHONE),
        ("卡号6222021234567890123转的", "6222021234567890123", Kind.ACCOUNT),
        ("他的微信号：wang_er88一直不回", "wang_er88", Kind.ACCOUNT),
        ("肇事车渝A12345跑了", "渝A12345", Kind.PLATE),
        ("新能源车渝AD12345", "渝AD12345", Kind.PLATE),
        ("邮箱zhang.san@example.com没回", "zhang.san@example.com", Kind.EMAIL),
        ("我租的是幸福路12号3栋2单元501室", "幸福路12号3栋2单元501室", Kind.ADDRESS),
        ("住在龙岗街道北山社区5组18号", "龙岗街道北山社区5组18号", Kind.ADDRESS),
        ("我同事张小明借了钱", "张小明", Kind.NAME),
        ("房东李建国不退押金", "李建国", Kind.NAME),
        ("被告是王某某，原告是我", "王某某", Kind.NAME),
        ("阿卜杜拉·买买提借了钱", "阿卜杜拉·买买提", Kind.NAME),
        ("欧阳建华先生答应还钱", "欧阳建华", Kind.NAME),
        ("护照E12345678丢了", "E12345678", Kind.ID_NUMBER),
        ("他的抖音号：wanger_2020", "wanger_2020", Kind.ACCOUNT),
        ("电话一三八一二三四五六七八", "一三八一二三四五六七八", Kind.PHONE),
        ("隔壁老刘打人", "老刘", Kind.NAME),
        ("王嬢嬢借了钱", "王嬢嬢", Kind.NAME),
        ("1985年3月2日出生的", "1985年3月2日出生", Kind.OTHER),
        ("，宏达建筑工程有限公司拖欠工资", "宏达建筑工程有限公司", Kind.ORGANISATION),
    ],
)
def test_a_private_detail_is_proposed(text, expected, kind):
    found = [(finding.text, finding.kind) for finding in find(text)]
    assert any(expected in words and kind is seen for words, seen in found), found
    assert expected not in apply(text, find(text))


@pytest.mark.parametrize(
    "text",
    [
        "公司拖欠工资三个月怎么办？",
        "房东不退押金，合同约定2000元，租期12个月",
        "根据民法典第一千二百五十四条，高空抛物由侵权人承担责任。",
        "我在2026年3月2日签了合同，3月15日被辞退。",
        "离婚后孩子归谁抚养？",
        "同事借我钱不还怎么办",
        "老公不给生活费，小区物业不管，老师打人，加班三个小时。",
        "小马路边摆摊被罚款",
    ],
)
def test_an_ordinary_question_is_left_alone(text):
    assert find(text) == []


def test_what_is_known_to_be_private_is_found_wherever_it_stands():
    found = find("我叫买买提江，买买提江的事情请帮忙", known=["买买提江"])
    assert [finding.text for finding in found] == ["买买提江", "买买提江"]


def test_a_name_recognised_once_is_proposed_everywhere():
    text = "房东李建国不退押金。后来李建国换了锁。"
    assert apply(text, find(text)).count("〔姓名〕") == 2
    assert "李建国" not in apply(text, find(text))


@given(st.text(max_size=300))
def test_any_text_is_read_without_fault_and_offsets_are_true(text):
    findings = find(text)
    assert all(text[f.start : f.end] == f.text and f.start < f.end for f in findings)
    assert all(a.end <= b.start for a, b in pairwise(findings))


@given(
    st.integers(0, 9_999_999_999).map(lambda n: f"1{n % 7 + 3}{n:09d}"[:11]),
    st.text("的了我，。 ", max_size=5),
)
def test_every_mobile_number_is_proposed(phone, padding):
    text = f"{padding}{phone}{padding}"
    assert phone not in apply(text, find(text))
