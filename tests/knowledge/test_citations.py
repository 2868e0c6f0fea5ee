"""From what people write to the article that is meant."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from portal.core import clock as core_clock
from portal.core.db import db
from portal.core.errors import Invalid
from portal.core.unit_of_work import unit_of_work
from portal.knowledge import citations, validity
from portal.knowledge.citations import CitationStatus, check, resolve
from portal.knowledge.models import Article, Law, LawVersion, Validity
from tests.factories.laws import make_law
from tests.knowledge.conftest import CIVIL, LABOUR

TEXT = (
    "依据《民法典》第七百一十条和劳合法第三十八条、第一百二十条，参照刑法第133条之一，"
    "环境保护法第五条已不适用；商标法第四条仍可引用，《火星移民法》第三条不可。"
)


def test_every_citation_of_a_text_is_found_in_order_with_its_status(law):
    found = check(TEXT)
    assert [(item.law, item.number, item.status) for item in found] == [
        (CIVIL, "710", CitationStatus.FOUND),
        (LABOUR, "38", CitationStatus.FOUND),
        (LABOUR, "120", CitationStatus.NO_SUCH_ARTICLE),
        ("中华人民共和国刑法", "133-1", CitationStatus.AMENDED),
        ("中华人民共和国环境保护法", "5", CitationStatus.REPEALED),
        ("中华人民共和国商标法", "4", CitationStatus.FOUND),
        ("火星移民法", "3", CitationStatus.NO_SUCH_LAW),
    ]
    for item in found:
        assert TEXT[item.start : item.end] == item.text
        assert (item.article_id is not None) == (
            item.status in (CitationStatus.FOUND, CitationStatus.AMENDED, CitationStatus.REPEALED)
        )
        assert item.message.endswith("。")


def test_a_citation_of_a_text_with_broken_lines_is_told_with_its_place(law, api):
    text = "依照《中华人民共和国民\n法典》第七百\n一十条办理。"
    (found,) = api.post("/citations/check", {"text": text}).json["citations"]
    assert (found["law"], found["article_number"], found["status"]) == (CIVIL, "710", "found")
    assert text[found["start"] : found["end"]] == found["text"] == text[2:-3]


def test_each_member_of_a_list_has_its_own_entry(law, api):
    text = "依照《民法典》第七百一十、七百一十一条和第九千条，住三、四楼的"
    body = api.post("/citations/check", json={"text": text}).json
    found = [(item["start"], item["end"], item["status"]) for item in body["citations"]]
    assert [(text[start:end], status) for start, end, status in found] == [
        ("《民法典》第七百一十", "found"),
        ("七百一十一条", "found"),
        ("第九千条", "no_such_article"),
    ]


def test_the_messages_say_what_is_wrong_in_chinese(law):
    messages = [item.message for item in check(TEXT)]
    assert messages[2] == "《劳动合同法》没有第一百二十条。"
    assert "2020-12-26 之后又有修改" in messages[3]
    assert "已经废止" in messages[4]
    assert messages[6] == "没有收录《火星移民法》，无法核对第三条。"


def test_a_law_that_is_not_yet_in_force_is_told_with_its_day(law, clock):
    make_law("中华人民共和国医疗保障法", ("1",), Validity.NOT_YET)
    (item,) = check("医疗保障法第一条")
    assert item.status is CitationStatus.NOT_YET
    assert "起施行" in item.message
    with pytest.raises(Invalid) as refusal:
        resolve("医疗保障法", "第一条")
    assert refusal.value.code == "article_not_in_force_yet"


def test_an_article_that_only_an_old_version_has_is_gone(law, clock):
    clock.set("2027-01-01 09:00")
    validity.refresh(core_clock.today())
    with unit_of_work():
        current = resolve("商标法", "第四条")
        assert "新法" in current.text
        db.session.delete(db.session.get_one(Article, current.id))
    (item,) = check("商标法第四条")
    assert item.status is CitationStatus.REPEALED
    assert item.message == "《商标法》现行版本中已经没有第四条。"


@pytest.mark.parametrize(
    ("law_name", "article"),
    [
        ("民法典", "第七百一十条"),
        ("中华人民共和国民法典", "710"),
        ("《民法典》", "第710条"),
        ("劳合法", "三十八"),
        ("刑法", "第一百三十三条之一"),
        ("刑法", "133-1"),
    ],
)
def test_usual_forms_resolve(law, law_name, article):
    assert resolve(law_name, article).number in ("710", "38", "133-1")


@pytest.mark.parametrize(
    ("law_name", "article", "code", "field"),
    [
        ("火星移民法", "第一条", "no_such_law", "law"),
        ("民法典", "第九千九百九十九条", "no_such_article", "article"),
        ("民法典", "某条", "no_such_article", "article"),
        ("环境保护法", "第五条", "article_repealed", "article"),
    ],
)
def test_what_does_not_hold_is_refused_in_words(law, law_name, article, code, field):
    with pytest.raises(Invalid) as refusal:
        resolve(law_name, article)
    assert refusal.value.code == code
    assert list(refusal.value.errors) == [field]
    assert refusal.value.next_step.endswith("。")


def test_a_repealed_article_can_be_asked_for_on_purpose(law):
    assert resolve("环境保护法", "第五条", in_force=False).version.status is Validity.REPEALED


def test_a_name_that_means_several_laws_is_not_guessed(law):
    make_law("重庆市物业管理条例", ("1", "2"))
    make_law("大连市物业管理条例", ("1",))
    with pytest.raises(Invalid) as refusal:
        resolve("物业管理条例", "第一条")
    assert refusal.value.code == "ambiguous_law"
    both, one = check("《物业管理条例》第一条，《物业管理条例》第二条")
    assert both.status is CitationStatus.AMBIGUOUS
    assert len(both.candidates) == 2
    # Only one of the two has a second article, so that one is meant.
    assert (one.status, one.law) == (CitationStatus.FOUND, "重庆市物业管理条例")


def test_a_new_law_is_known_at_once(law):
    assert check("医疗保障法第一条")[0].status is CitationStatus.NO_SUCH_LAW
    make_law("中华人民共和国医疗保障法", ("1",))
    assert check("医疗保障法第一条")[0].status is CitationStatus.FOUND


def test_no_citation_and_no_law(database):
    assert check("没有引用。") == []
    assert citations.lookup([]) == {}
    assert check("《民法典》第一条")[0].status is CitationStatus.NO_SUCH_LAW


def test_the_route_tells_what_holds(law, api):
    answer = api.post("/citations/check", {"text": "民法典第710条；民法典第9999条"})
    assert answer.status_code == 200, answer.json
    first, second = answer.json["citations"]
    assert (first["status"], first["holds"], first["article_label"]) == (
        "found",
        True,
        "第七百一十条",
    )
    assert (second["status"], second["holds"], second["article_id"]) == (
        "no_such_article",
        False,
        None,
    )
    assert answer.json["all_hold"] is False
    assert answer.json["summary"] == "读到 2 处引用，其中 1 处需要核对。"


def test_a_text_without_a_citation_is_not_said_to_hold(law, api):
    body = api.post("/citations/check", {"text": "Article 1254 of the Civil Code"}).json
    assert (body["citations"], body["all_hold"]) == ([], None)
    assert body["summary"].startswith("没有读到法条引用")


@pytest.mark.parametrize(
    ("text", "statuses"),
    [
        ("商标法（2019年修正）第四条", ["found"]),
        ("《商标法》（２０１９年４月２３日修正）第四条", ["found"]),
        ("《商标法（2013修正）》第四条", ["other_edition"]),
        ("《商标法》（2013年修正）第四条、第九百条和该法第四条", ["other_edition"] * 3),
        ("《商标法》（2013年修正）第四条，而现行《商标法》第四条", ["other_edition", "found"]),
        ("《商标法》（2019年修正）第九百条", ["no_such_article"]),
        ("《商标法》（法释〔2009〕11号，2013年修正）第四条", ["other_edition"]),
        ("《商标法》（2013年修正，以下简称商标法）第四条、商标法第四条", ["other_edition"] * 2),
        (
            "《商标法》（2013修正，以下简称《商标法》）第四条、《商标法》第四条",
            ["other_edition"] * 2,
        ),
        ("《商标法》（2013年修正）第四条，新商标法第四条", ["other_edition", "found"]),
        ("《商标法》（2013年修正）第四条，修正后的商标法第四条", ["other_edition", "found"]),
        ("《商标法》【2013年修正】第四条、第九百条", ["other_edition"] * 2),
        ("商标法〔2013〕第四条，《商标法[2013修正]》第四条", ["other_edition"] * 2),
        ("《商标法》【2019年修正】第四条", ["found"]),
        ("《环境保护法》〔已废止〕第五条", ["former"]),
        ("《环境保护法》第五条【现《民法典》第七百一十条】", ["former", "found"]),
        ("原《民法典》第710条、第711条", ["other_edition"] * 2),
        ("修改前的民法典第710条，现行民法典第710条", ["other_edition", "found"]),
        ("原《环境保护法》第五条", ["former"]),
        ("原《环境保护法》第九百条", ["no_such_article"]),
        ("《环境保护法》第五条，而当时有效的《环境保护法》第五条", ["repealed", "former"]),
        ("《环境保护法》（已废止）第五条", ["former"]),
        ("2013年修正的商标法第四条、第九百条，商标法第四条", ["other_edition"] * 3),
        ("2013年修正的商标法第四条，现行商标法第四条", ["other_edition", "found"]),
        ("2019年公布的商标法第四条，2019年以后商标法第四条", ["found"] * 2),
        # Never changed as far as is held, the law of then is that of today.
        ("事发时施行的《民法典》第710条", ["found"]),
        ("原民法典第710条，民法典第710条", ["other_edition", "found"]),
        ("民法典（2020）第710条，民法典（2021年施行）第710条", ["found", "found"]),
    ],
)
def test_what_is_cited_in_an_edition_is_judged_by_it(law, text, statuses):
    assert [item.status.value for item in check(text)] == statuses


@pytest.mark.parametrize("text", ["《环境保护法》（2014年修订）第五条", "环境保护法（2014）第五条"])
def test_the_year_of_a_law_that_is_gone_does_not_say_that_it_is(law, text):
    (item,) = check(text)
    assert (item.status.value, item.status.stands) == ("repealed", False)
    assert "已经废止" in item.message


@pytest.fixture
def new_trademark_law(law, clock):
    clock.set("2027-01-01 09:00")
    validity.refresh(core_clock.today())


@pytest.mark.parametrize(
    "name",
    [
        "原《商标法》",
        "修订前的商标法",
        "原《商标法》（2019年修正）",
        "《商标法》（2019年修正）",
        "《商标法》【2019年修正】",
        "商标法（2019）",
        "2019年修正的商标法",
        "2019年4月23日修正的《商标法》",
        "2019年修正版《商标法》",
        "2019版商标法",
        "《商标法》（根据2019年4月23日第十三届全国人民代表大会常务委员会第十次会议修正）",
        "当时有效的《商标法》",
        "侵权行为发生时施行的《商标法》",
    ],
)
def test_what_is_named_as_the_former_edition_is_the_one_before_and_may_be_rested_on(
    new_trademark_law, api, name
):
    (now,) = check("《商标法》第四条")
    body = api.post("/citations/check", {"text": f"{name}第四条"}).json
    (item,) = body["citations"]
    assert (item["status"], item["holds"], body["all_hold"]) == ("former", True, True)
    assert item["article_id"] not in (None, str(now.article_id))
    assert item["message"].endswith(
        "第四条，请确认应当适用的就是它。它在 2026-02-26 的版本中仍是第四条。"
    )
    assert "1 处注明是修改前或者已经废止的条文" in body["summary"]


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("原《商标法》第九百条", "no_such_article"),
        ("原《商标法》第四条第九款", "no_such_part"),
        ("《商标法》（2019年修正）第九百条", "no_such_article"),
        ("2019年修正的商标法第九百条", "no_such_article"),
    ],
)
def test_what_the_former_edition_does_not_say_does_not_hold(new_trademark_law, text, status):
    with unit_of_work():
        for article in db.session.scalars(select(Article).where(Article.number == "4")):
            article.text = "甲。\n乙。"
    (item,) = check(text)
    assert (item.status.value, item.status.stands) == (status, False)


@pytest.mark.parametrize(
    "text", ["刑法修正案（二）第一条", "《中华人民共和国刑法修正案（二）》第1条"]
)
def test_an_item_of_an_amendment_is_cited_as_an_article(law, text):
    (item,) = check(text)
    assert (item.status, item.message) == (
        CitationStatus.FOUND,
        "《刑法修正案（二）》第一条现行有效。",
    )
    assert item.article_id
    assert [each.status for each in check("刑法修正案（二）第九条")] == [
        CitationStatus.NO_SUCH_ARTICLE
    ]


@pytest.mark.parametrize(
    ("text", "statuses"),
    [
        ("德国民法典第710条，德国《民法典》第710条", ["no_such_law"] * 2),
        ("双方签订的《房屋租赁合同》第五条，依照民法典第710条", ["found"]),
        (
            "《民法典》（以下简称《本法典》）第710条，《本法典》第9999条",
            ["found", "no_such_article"],
        ),
        ("依照民法总则第一百八十八条", ["no_such_law"]),
        ("第二章 一般规定\n第九条 公民", []),
    ],
)
def test_only_what_is_named_is_judged(law, text, statuses):
    assert [item.status.value for item in check(text)] == statuses


@pytest.mark.parametrize("body", [{}, {"text": ""}, {"text": "字" * 20_001}, {"text": 1}, {"x": 1}])
def test_the_route_refuses_a_malformed_body(law, api, body):
    assert api.post("/citations/check", body).status_code == 422


DIVORCE = "夫妻一方要求离婚的，可以调解。\n有下列情形之一的，应当准予离婚：\n（一）重婚；\n（二）家庭暴力。"


@pytest.fixture
def civil_code(database):
    """A law that keeps its paragraphs: 1079 has two, the second with two items, 1080 has one."""
    first, _ = make_law(CIVIL, ("1079", "1080"))
    with unit_of_work():
        db.session.get_one(Article, first.id).text = DIVORCE


@pytest.mark.parametrize(
    ("cited", "message"),
    [
        ("民法典第1079条第9款", "《民法典》第一千零七十九条共有两款，没有第九款。"),
        (
            "民法典第1079条第二款第（五）项",
            "《民法典》第一千零七十九条第二款共有两项，没有第五项。",
        ),
        ("民法典第1079条第一款第一项", "《民法典》第一千零七十九条第一款没有分项，没有第一项。"),
        ("民法典第1080条第二款", "《民法典》第一千零八十条共有一款，没有第二款。"),
        ("民法典1079第9款", "《民法典》第一千零七十九条共有两款，没有第九款。"),
    ],
)
def test_a_paragraph_or_item_that_an_article_lacks_is_told(civil_code, api, cited, message):
    body = api.post("/citations/check", {"text": f"依照{cited}处理。"}).json
    (found,) = body["citations"]
    assert (found["status"], found["holds"], found["text"]) == ("no_such_part", False, cited)
    assert found["message"] == message
    assert found["article_id"]
    assert not body["all_hold"]


def test_a_paragraph_of_the_same_article_is_looked_for_in_it(civil_code):
    text = "民法典第1079条第一款规定可以调解，该条第九款另有规定。"
    first, second = check(text)
    assert first.status is CitationStatus.FOUND
    assert (second.text, second.status) == ("该条第九款", CitationStatus.NO_SUCH_PART)
    assert second.message == "《民法典》第一千零七十九条共有两款，没有第九款。"


@pytest.mark.parametrize(
    "cited", ["民法典第1079条第二款", "民法典第1079条第二款第二项", "民法典第1079条第1、2款"]
)
def test_a_paragraph_and_item_that_an_article_has_hold(civil_code, cited):
    assert [item.status for item in check(cited)] == [CitationStatus.FOUND]


def test_of_a_text_that_may_have_lost_its_breaks_nothing_is_said(database):
    make_law(CIVIL, ("1079",))
    assert [item.status for item in check("民法典第1079条第九款")] == [CitationStatus.FOUND]


def test_of_a_law_that_was_amended_since_nothing_is_said_about_paragraphs(civil_code):
    with unit_of_work():
        db.session.scalars(select(LawVersion)).one().status = Validity.AMENDED
    assert [item.status for item in check("民法典第1079条第九款")] == [CitationStatus.AMENDED]


@pytest.mark.parametrize(
    "name", ["法律规定", "公司规定", "公司的规定", "按照规定", "有关规定", "规定"]
)
def test_rules_that_are_no_law_are_no_unknown_law(law, api, name):
    text = f"{name}第十条"
    assert api.post("/citations/check", {"text": text}).json["citations"] == []


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("根据合同法第五十二条，合同无效。", "合同法"),
        ("依照某某市养犬管理条例第12条处理", "某某市养犬管理条例"),
    ],
)
def test_a_citation_of_a_law_that_is_not_known_is_not_passed_over(law, text, name):
    (found,) = citations.check(text)
    assert (found.status, found.law) == (citations.CitationStatus.NO_SUCH_LAW, name)
    assert text[found.start : found.end] == found.text


def test_a_document_number_that_is_no_law_s_short_name_is_told_as_what_it_is(law, api):
    text = "依照法释〔2030〕6号第十条，应当支持。"
    (found,) = api.post("/citations/check", {"text": text}).json["citations"]
    assert (found["law"], found["status"]) == ("法释〔2030〕6号", "no_such_law")
    assert text[found["start"] : found["end"]] == "法释〔2030〕6号第十条"
    assert found["message"] == "没有登记文号“法释〔2030〕6号”是哪一部，无法核对第十条。"


def test_a_document_number_among_the_short_names_of_a_law_means_it(law, api):
    with unit_of_work():
        db.session.scalars(select(Law).where(Law.name == CIVIL)).one().aliases = ["法释〔2030〕6号"]
    text = "依照法释（2030）6号第七百一十条，应当支持。"
    (found,) = api.post("/citations/check", {"text": text}).json["citations"]
    assert (found["law"], found["article_number"], found["status"]) == (CIVIL, "710", "found")


@pytest.mark.parametrize(
    "text", ["依照本办法第五条办理。", "该法第三条没有规定。", "同法第三条", "第三条第二款"]
)
def test_words_that_point_back_are_no_unknown_law(law, text):
    assert [item.status for item in citations.check(text)] in ([], ["ambiguous"])


@pytest.mark.parametrize("number", ["第1千零四十二条", "第０条", "第一万亿条"])
@pytest.mark.parametrize("name", ["民法典", "《民法典》"])
def test_a_number_that_is_none_is_told_and_not_taken_for_another(law, name, number):
    (found,) = check(f"根据{name}{number}处理")
    assert found.status is CitationStatus.NO_SUCH_ARTICLE
    assert number in found.message


@pytest.mark.parametrize(
    ("text", "label"), [("依据合同法第五十二条", "第五十二条"), ("民法典第99999999999条", "")]
)
def test_the_route_tells_of_a_citation_whose_law_or_number_is_none(law, api, text, label):
    answer = api.post("/citations/check", {"text": text})
    assert answer.status_code == 200, answer.json
    (told,) = answer.json["citations"]
    assert answer.json["all_hold"] is False
    assert (told["article_label"], told["holds"]) == (label, False)


@pytest.mark.parametrize(
    "text",
    ["《关于适用民法典第九百条的解释》已经废止", "《关于〈民法典〉第九百条的《解释》》另有规定"],
)
def test_a_title_that_speaks_of_an_article_cites_none(law, text):
    assert check(text) == []


@pytest.mark.parametrize(
    "text",
    [
        "\r\n　前言。\r\n根据民法典第710条，\r\n以及第1254条。",
        "😀𠮷民法典第710条",
        # Two signs that are written as one.
        "cafe\u0301 民法典第710条\n",
    ],
)
def test_places_are_those_of_the_text_that_comes_back(loaded, api, text):
    """A text is put in order before it is read, and whoever marks the citations in it needs the one that was read."""
    body = api.post("/citations/check", {"text": text}).json
    assert body["citations"]
    for citation in body["citations"]:
        assert body["text"][citation["start"] : citation["end"]] == citation["text"]
