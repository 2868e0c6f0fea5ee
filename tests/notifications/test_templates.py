"""What a template may say, and that an SMS can never carry a case's detail."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.notifications import templates
from portal.notifications.templates import BadTemplate, Template
from tests.notifications.conftest import ANSWERED, REFERENCE

COMMON = {"district": "大足区", "office_phone": "12348"}


@pytest.mark.parametrize(
    "parameter", ["topic", "name", "question", "answer", "lawyer", "state", "time", "params"]
)
def test_an_sms_that_names_more_than_neutral_things_does_not_register(parameter):
    with pytest.raises(BadTemplate, match=parameter):
        templates.register(Template("test.bad", "标题", "内容", f"关于{{{parameter}}}的消息"))
    assert templates.find("test.bad") is None


@pytest.mark.parametrize(
    "template",
    [
        Template("bad", "标题", "内容"),
        Template("Bad.Code", "标题", "内容"),
        Template("test.bad", "", "内容"),
        Template("test.bad", "标题", " "),
        Template("test.bad", "标题", "内容", " "),
        Template("test.bad", "标题", "内容", "长" * 131),
        Template("test.bad", "标题", "内容", "请打开 https://example.cn 查看"),
        Template("test.bad", "标题", "内容", "请打开 dazu-fz.cn/a 查看"),
        Template("test.bad", "标题 {a.b}", "内容"),
        Template("test.bad", "标题", "内容 {0}"),
        Template("test.bad", "标题", "内容 {}"),
        Template("test.bad", "标题", "内容 {a!r}"),
        Template("test.bad", "标题", "内容 {a:>9}"),
        Template("test.bad", "标题", "内容 {a"),
        Template("test.bad", "标题", "内容", "{reference.__class__}"),
        Template("test.answered", "别的标题", "内容"),
    ],
)
def test_a_template_that_is_not_clear_does_not_register(template):
    with pytest.raises(BadTemplate):
        templates.register(template)


def test_registering_again_changes_nothing():
    assert templates.register(ANSWERED) is ANSWERED
    assert ANSWERED in templates.registered()
    assert templates.get("test.answered") == ANSWERED
    with pytest.raises(LookupError):
        templates.get("test.unknown")


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"topic": "借款"},
        {"topic": "借款", "days": 7, "more": "x"},
        {"topic": "借款", "days": 7, "reference": "x"},
        {"topic": ["借款"], "days": 7},
        {"topic": None, "days": 7},
        {"topic": True, "days": 7},
    ],
)
def test_parameters_must_fit(params):
    with pytest.raises(BadTemplate):
        templates.check_parameters(ANSWERED, params, REFERENCE)


def test_a_reference_that_is_needed_must_be_there():
    with pytest.raises(BadTemplate):
        templates.check_parameters(ANSWERED, {"topic": "借款", "days": 7}, None)
    only_sms = Template("test.sms_only", "标题", "内容", "{reference} 有新进展")
    with pytest.raises(BadTemplate):
        templates.check_parameters(only_sms, {}, None)


@given(st.text(min_size=1, max_size=60))
def test_nothing_but_a_true_reference_comes_into_an_sms(text):
    if text == REFERENCE:
        return
    with pytest.raises(BadTemplate):
        templates.render_sms(ANSWERED, text, COMMON)


@pytest.mark.parametrize(
    "reference", ["张三被丈夫打伤", "ZX-2026-00123-A", REFERENCE + " 张三", REFERENCE.lower(), ""]
)
def test_no_free_text_passes_for_a_reference(reference):
    with pytest.raises(BadTemplate):
        templates.render_sms(ANSWERED, reference, COMMON)


def test_an_sms_is_neutral():
    text = templates.render_sms(ANSWERED, REFERENCE, COMMON)
    assert text == f"【法治大足区】{REFERENCE} 有新进展，请登录查看。咨询电话 12348"
    with pytest.raises(BadTemplate):
        templates.render_sms(ANSWERED, REFERENCE, {**COMMON, "office_phone": "打给张三"})
    with pytest.raises(BadTemplate):
        templates.render_sms(Template("test.x", "标题", "内容"), REFERENCE, COMMON)


def test_the_neutral_sms_names_neither_service_nor_place():
    for text in (templates.NEUTRAL_SMS, templates.NEUTRAL_SMS_WITHOUT_ACCOUNT):
        for word in ("法", "律", "咨询", "大足", "援助", "公证", "{"):
            assert word not in text
    assert "登录" not in templates.NEUTRAL_SMS_WITHOUT_ACCOUNT
    assert templates.parameters_of(templates.CODE_SMS) == {"code"}


def test_an_old_message_is_readable_after_its_template_went_or_asks_for_more():
    gone = templates.render("test.gone", {"a": 1}, None, COMMON)
    assert gone.title == "通知"
    grown = templates.render("test.answered", {"topic": "借款"}, REFERENCE, COMMON)
    assert grown == gone
    whole = templates.render("test.answered", {"topic": "借款", "days": 7}, REFERENCE, COMMON)
    assert whole.body == f"咨询 {REFERENCE}（借款）已经答复，请在 7 天内评价。"


def test_braces_in_a_value_are_no_parameter():
    text = templates.render(
        "test.answered", {"topic": "{office_phone} {0.__class__}", "days": 1}, REFERENCE, COMMON
    )
    assert "{office_phone} {0.__class__}" in text.body


def test_every_template_of_every_room_keeps_the_rules(app):
    for template in templates.registered():
        templates.register(template)
        if template.sms is not None:
            reference = REFERENCE if "reference" in templates.parameters_of(template.sms) else None
            assert len(templates.render_sms(template, reference, COMMON)) <= 160
        unsigned = template.for_nobody_signed_in
        if unsigned.sms is not None:
            assert "登录" not in unsigned.sms
            assert len(templates.render_sms(unsigned, REFERENCE, COMMON)) <= 160


@pytest.mark.parametrize("text", ["您的{topic}有新进展。", "请打开 www.example.cn", " "])
def test_what_is_said_without_an_account_is_held_to_the_same_rules(text: str):
    with pytest.raises(BadTemplate):
        templates.register(Template("test.unsigned", "标题", "内容", sms_without_account=text))
