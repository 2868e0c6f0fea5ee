"""A resident's search over HTTP: mixed kinds, citations told, never a dead end."""

from __future__ import annotations

import dataclasses

import pytest
from sqlalchemy import func, select
from sqlalchemy.exc import OperationalError

from portal.core import clock
from portal.core.db import db
from portal.core.unit_of_work import unit_of_work
from portal.knowledge import index, matching, misses, search
from portal.knowledge.models import Faq, SearchMiss
from portal.knowledge.schemas import SearchHitSchema, SearchResultSchema
from search_index import SearchResult
from tests.knowledge.conftest import CIVIL, LABOUR, TRADEMARK


def found(api, query: str, **parameters):
    answer = api.get("/search", query_string={"q": query, **parameters})
    assert answer.status_code == 200, answer.json
    return answer.json


def titles(result) -> list[str]:
    return [item["title"] for item in result["items"]]


def test_results_mix_kinds_and_a_fitting_faq_comes_first(loaded, api):
    result = found(api, "公司拖欠工资怎么办")
    assert result["items"][0]["kind"] == "faq"
    assert result["items"][0]["title"] == "公司拖欠工资怎么办？"
    assert {"faq", "article"} <= {item["kind"] for item in result["items"]}
    assert not result["weak"]
    assert result["next_steps"] == []


def test_every_hit_says_what_it_is_and_marks_why(loaded, api):
    result = found(api, "出租人收取押金应当返还", kind="article")
    hit = result["items"][0]
    assert hit["title"] == "《民法典》第七百一十条"
    assert (hit["kind_label"], hit["law"], hit["article_number"]) == ("法律条文", CIVIL, "710")
    assert (hit["validity"], hit["validity_label"]) == ("in_force", "现行有效")
    assert hit["level_label"] == "法律"
    assert hit["heading"] == "第二章 租赁 第一节 押金"
    assert hit["source"].startswith("起步法律数据包")
    assert hit["url"] == f"/api/v1/articles/{hit['id']}"
    fragment = hit["fragments"][0]
    marked = [fragment["text"][m["start"] : m["end"]] for m in fragment["highlights"]]
    assert any("押金" in text for text in marked)
    assert api.client.get(hit["url"]).status_code == 200


@pytest.mark.parametrize(
    "query", ["公司拖欠工资怎么办", "民法典1254", "民法典9999", "被狗咬穿宇航服"]
)
def test_an_answer_has_exactly_the_members_of_its_schema(loaded, api, query):
    """It is written without a dump by the schema, so the schema has to be asked."""
    body = found(api, query)
    schema = SearchResultSchema()
    assert schema.validate(body) == {}
    assert list(body) == list(schema.fields)
    for item in body["items"]:
        assert set(item) == set(SearchHitSchema().fields)


@pytest.mark.parametrize("query", ["民法典1254", "民法典第1254条", "《民法典》第一千二百五十四条"])
def test_a_citation_goes_straight_to_the_article(loaded, api, query):
    result = found(api, query)
    assert titles(result)[0] == "《民法典》第一千二百五十四条"
    (citation,) = result["citations"]
    assert citation["exists"] is True
    assert [item["title"] for item in citation["neighbours"]] == ["《民法典》第一千二百四十五条"]
    assert result["items"][0]["why"] == "citation"


def test_a_citation_that_does_not_exist_is_said_not_to_exist(loaded, api):
    result = found(api, "民法典9999")
    (citation,) = result["citations"]
    assert citation["exists"] is False
    assert citation["message"].startswith("《民法典》没有第九千九百九十九条。")
    assert citation["message"].endswith("最后一条是第一千二百五十四条。")
    assert "ask" in [step["code"] for step in result["next_steps"]]
    # A wrong number is no gap in the content.
    assert db.session.scalar(select(func.count(SearchMiss.id))) == 0


def test_an_unknown_law_is_told(loaded, api):
    result = found(api, "《火星移民法》第三条")
    assert result["citations"][0]["message"] == "没有收录《火星移民法》。"
    assert result["citations"][0]["articles"] == []


def test_all_versions_of_a_cited_article_are_named_the_one_in_force_first(loaded, api):
    result = found(api, "商标法第四条")
    (citation,) = result["citations"]
    assert [item["validity"] for item in citation["articles"]] == ["in_force", "not_yet"]
    assert citation["articles"][1]["valid_from"] == "2027-01-01"


def test_the_law_as_it_stood_and_as_it_will_stand(loaded, api):
    before = found(api, "商标法第四条", as_of="2026-03-01")
    after = found(api, "商标法第四条", as_of="2027-01-01")
    assert before["items"][0]["valid_to"] == "2027-01-01"
    assert after["items"][0]["valid_from"] == "2027-01-01"
    assert before["items"][0]["id"] != after["items"][0]["id"]


def test_what_is_written_for_todays_law_is_no_answer_for_a_day_before_it(loaded, api):
    then = found(api, "房东不退押金怎么办", as_of="2019-05-01")
    assert "房东不退押金怎么办？" not in titles(then)
    now = found(api, "房东不退押金怎么办", as_of="2021-01-01")
    assert now["items"][0]["title"] == "房东不退押金怎么办？"
    # The law it rests on is older.
    assert "公司拖欠工资怎么办？" in titles(found(api, "公司拖欠工资怎么办", as_of="2019-05-01"))
    assert "怎样保存证据" in titles(found(api, "保存证据", as_of="2019-05-01", kind="guide"))
    assert found(api, "保存证据", as_of="2012-01-01", kind="guide")["items"] == []


def test_a_search_of_a_past_day_says_that_not_all_law_of_then_is_held(loaded, api):
    lost = found(api, "房东不退押金怎么办", as_of="2019-05-01")["next_steps"][0]
    assert lost["code"] == "law_today"
    assert lost["text"].startswith("没有查到 2019-05-01 那一天管这件事的条文")
    assert api.client.get(lost["url"]).json["items"][0]["title"] == "房东不退押金怎么办？"
    (step,) = found(api, "公司拖欠工资怎么办", as_of="2019-05-01")["next_steps"]
    assert step["text"].startswith("这里只有收录的、2019-05-01 那一天有效的法律")
    today = clock.today().isoformat()
    assert found(api, "公司拖欠工资怎么办", as_of=today)["next_steps"] == []


def test_a_search_of_a_day_to_come_does_not_claim_to_know_its_law(loaded, api):
    (step,) = found(api, "公司拖欠工资怎么办", as_of="2999-01-01")["next_steps"]
    assert (step["code"], step["text"][:15]) == ("law_today", "2999-01-01 还没有到")
    lost = found(api, "甲乙丙丁", as_of="2999-01-01")["next_steps"][0]
    assert lost["text"].startswith("没有查到 2999-01-01 管这件事的条文。现在的规定")


def test_a_day_that_is_inferred_is_not_told_as_a_fact(loaded, api):
    inferred = found(api, "商标法第四条", as_of="2026-03-01")
    known = found(api, "商标法第四条", as_of="2027-01-01")
    assert [result["items"][0]["dates_exact"] for result in (inferred, known)] == [False, True]
    (citation,) = inferred["citations"]
    assert citation["articles"][0]["dates_exact"] is False
    assert "起止日期有推定成分" in citation["message"]
    assert "推定" not in known["citations"][0]["message"]


def test_what_was_repealed_is_found_and_marked(loaded, api):
    hit = found(api, "环境保护坚持保护优先")["items"][0]
    assert (hit["validity"], hit["validity_label"]) == ("repealed", "已废止")
    assert hit["valid_to"] == "2026-02-26"


def test_a_law_amended_in_part_is_still_told_as_such(loaded, api):
    hit = found(api, "危险驾驶", validity="amended")["items"][0]
    assert hit["title"] == "《刑法》第一百三十三条之一"
    assert hit["validity_label"] == "已被部分修改"


def test_filters_narrow_and_are_counted(loaded, api):
    everything = found(api, "工资")
    kinds = {entry["value"]: entry["count"] for entry in everything["facets"]["kind"]}
    assert kinds["faq"] >= 1
    only = found(api, "工资", kind="faq", category="labour")
    assert {item["kind"] for item in only["items"]} == {"faq"}
    assert only["items"][0]["category_label"] == "工资劳动"
    assert only["total"] == len(only["items"])
    labels = {entry["label"] for entry in everything["facets"]["category"]}
    assert "工资劳动" in labels
    several = api.get("/search?q=工资&kind=faq&kind=guide&level=law")
    assert several.status_code == 200


def test_pages_neither_repeat_nor_lose_a_result(loaded, api):
    whole = found(api, "押金 租赁 承租人 工资 返还", size=100)
    assert whole["page"]["next"] is None
    seen = []
    cursor = None
    for _ in range(30):
        query = {"size": 1, **({"cursor": cursor} if cursor else {})}
        page = found(api, "押金 租赁 承租人 工资 返还", **query)
        seen += [item["id"] for item in page["items"]]
        cursor = page["page"]["next"]
        if cursor is None:
            break
    assert sorted(seen) == sorted(item["id"] for item in whole["items"])
    assert len(seen) == len(set(seen)) == whole["total"]


@pytest.mark.parametrize("place", [0, 1])
def test_an_faq_that_asks_the_same_comes_before_better_ranked_articles(
    loaded, api, monkeypatch, place
):
    reader = index.reader()
    asked = reader.search

    def articles_first(request):
        everything = asked(dataclasses.replace(request, offset=0, size=50))
        order = sorted(everything.hits, key=lambda hit: hit.kind != "article")
        lead = next(hit for hit in order if hit.title == "房东不退押金怎么办？")
        return dataclasses.replace(
            everything,
            hits=tuple(order[request.offset : request.offset + request.size]),
            leading=lead,
            leading_place=place,
        )

    monkeypatch.setattr(reader, "search", articles_first)
    first = found(api, "房东不退押金", size=2)
    kinds = ["faq", "article"]
    assert [item["kind"] for item in first["items"]] == (kinds if place == 0 else kinds[::-1])
    seen = [item["id"] for item in first["items"]]
    cursor = first["page"]["next"]
    while cursor:
        page = found(api, "房东不退押金", size=2, cursor=cursor)
        seen += [item["id"] for item in page["items"]]
        cursor = page["page"]["next"]
    # It stands there on the first page and nowhere else.
    assert len(seen) == len(set(seen)) == first["total"]


def test_words_that_no_faq_asks_stay_with_the_articles(loaded, api):
    assert found(api, "承租人应当妥善保管租赁物")["items"][0]["kind"] == "article"


def test_nothing_found_leads_to_a_category_and_to_asking(loaded, api, monkeypatch):
    result = found(api, "被狗咬穿宇航服")
    assert result["weak"]
    monkeypatch.setattr(search, "_keyword_lengths", lambda text: {"injury": 2})
    result = found(api, "外星生命飞碟", category="injury")
    assert result["items"] == []
    assert result["nearest_category"] == {"code": "injury", "label": "人身伤害"}
    steps = {step["code"]: step for step in result["next_steps"]}
    assert steps["browse_category"]["url"] == "/api/v1/faqs?category=injury"
    assert steps["ask"]["url"] == "/api/v1/consultations"
    assert "12348" in steps["call"]["text"]


def test_keywords_find_the_category_also_in_traditional_characters(loaded):
    assert search.by_keyword("房东扣押金") == "housing"
    assert search.by_keyword("房東扣押金") == "housing"
    assert search.by_keyword("飞碟") is None


def test_keywords_and_the_best_documents_tell_the_category_together(loaded):
    labels = {"labour": "工资劳动", "housing": "租房", "injury": "人身伤害"}

    def nearest(text, **categories):
        return search._nearest(SearchResult(weak=True, categories=categories), text, labels)

    assert nearest("飞碟") is None
    assert nearest("房东扣押金")["code"] == "housing"
    assert nearest("飞碟", labour=0.6, injury=0.4)["code"] == "labour"
    # A few characters of a keyword decide between two; what nearly all documents say they do not outweigh.
    assert nearest("辞退", labour=0.45, injury=0.55)["code"] == "labour"
    assert nearest("辞退", labour=0.1, injury=0.9)["code"] == "injury"
    assert nearest("飞碟", unknown=1.0) is None


def test_a_miss_is_counted_once_per_search_and_not_for_pages_or_filters(loaded, api):
    found(api, "飞碟外星生命")
    found(api, "飞碟外星生命", kind="faq")
    found(api, "飞碟外星生命", as_of="2026-01-01")
    found(api, "公司拖欠工资怎么办")
    rows = db.session.scalars(select(SearchMiss)).all()
    assert [(row.text, row.count) for row in rows] == [("飞碟外星生命", 1)]


def test_a_count_that_cannot_be_written_costs_nobody_an_answer(loaded, api, monkeypatch):
    def fail(*_args):
        raise OperationalError("INSERT", {}, Exception("locked"))

    monkeypatch.setattr(misses, "record_all", fail)
    assert found(api, "飞碟外星生命")["weak"]


@pytest.mark.parametrize(
    "query",
    [
        "",
        "?q=",
        "?q=%20",
        "?q=a&size=0",
        "?q=a&size=101",
        "?q=a&kind=planet",
        "?q=a&level=high",
        "?q=a&validity=good",
        "?q=a&category=X!",
        "?q=a&as_of=gestern",
        "?q=a&page=2",
        "?q=a&q=b",
        "?q=" + "字" * 8191,
        "?q=%00",
        "?q=a" + "&kind=faq" * 11,
    ],
)
def test_a_malformed_search_is_refused(loaded, api, query):
    assert api.get("/search" + query).status_code == 422


@pytest.mark.parametrize(
    "pasted",
    [
        "%0A房东%E2%80%8B不退\t押金%0D%0A怎么办%EF%BB%BF",
        "房东不退%E2%80%A8押金怎么办",
        "%E2%80%AD房东%C2%AD不退押金怎么办%E2%80%AC",
    ],
)
def test_what_is_pasted_is_read_without_its_line_breaks_and_unseen_signs(loaded, api, pasted):
    result = api.get(f"/search?q={pasted}").json
    assert result["query"].replace(" ", "") == "房东不退押金怎么办"
    assert titles(result)[0] == "房东不退押金怎么办？"


def test_of_a_longer_text_the_first_400_characters_are_read_and_that_is_said(loaded, api):
    result = found(api, "房东不退押金怎么办。" + "事" * 390)
    assert (result["shortened"], len(result["query"])) == (False, 400)
    result = found(api, "房东不退押金怎么办。" + "事" * 391)
    assert (result["shortened"], len(result["query"])) == (True, 400)
    following = found(api, "押金 " * 200 + "工资", size=1)
    assert following["shortened"]
    assert following["page"]["next"]
    later = found(api, "押金 " * 200 + "工资", size=1, cursor=following["page"]["next"])
    assert later["shortened"]


def test_every_search_field_takes_what_is_pasted(loaded, api, editor):
    lines = api.get("/search/suggestions?q=%E2%80%8B押%C2%AD金%0A").json["items"]
    assert "押金要不回来" in [line["text"] for line in lines]
    assert api.get("/search/suggestions?q=" + "押" * 500).status_code == 200
    laws = api.get("/laws?q=劳动%E2%80%8B合同%0A").json["items"]
    assert [law["name"] for law in laws] == [LABOUR]
    field = api.get("/staff/search?q=law:劳动合同法%0Anumber:30", headers=editor)
    assert titles(field.json) == ["《劳动合同法》第三十条"]


def test_a_repeated_parameter_is_refused_under_its_own_name(loaded, api):
    answer = api.get("/search?q=a&kind=faq&kind=planet&kind=moon&category=X!")
    assert answer.json["errors"] == {
        "kind": ["没有这种内容类型。"],
        "category": ["类别只能是小写字母、数字和下划线。"],
    }


@pytest.mark.parametrize(
    "cursor", ["x", "WzBd", "Wy0xLDBd", "WzEsOV0", "WzEwMDAsMF0", "W3RydWUsMF0", "bnVsbA"]
)
def test_a_broken_cursor_is_refused(loaded, api, cursor):
    answer = api.get(f"/search?q=工资&cursor={cursor}")
    assert (answer.status_code, answer.json["code"]) == (422, "bad_cursor")


def test_without_an_index_search_says_so_and_the_rest_serves(law, api):
    answer = api.get("/search?q=工资")
    assert (answer.status_code, answer.json["code"]) == (503, "search_index_missing")
    assert answer.json["next_step"]
    assert answer.headers["Retry-After"] == "60"
    assert api.get("/search/suggestions?q=工").status_code == 503
    assert api.get("/faqs").status_code == 200
    assert matching.matches("公司不发工资") == []


def test_an_article_is_suggested_while_its_number_is_typed(loaded, api):
    lines = api.get("/search/suggestions?q=民法典12").json["items"]
    assert [(line["text"], line["kind"]) for line in lines] == [
        ("民法典第一千二百四十五条", "article"),
        ("民法典第一千二百五十四条", "article"),
    ]
    article = api.get(f"/articles/{lines[0]['id']}").json
    assert article["label"] == "第一千二百四十五条"


def test_suggestions_while_typing(loaded, api):
    lines = api.get("/search/suggestions?q=押金").json["items"]
    faq = db.session.scalar(select(Faq).where(Faq.slug == "housing-deposit"))
    assert {"text": "押金要不回来", "kind": "faq", "id": str(faq.id)} in lines
    laws = api.get("/search/suggestions?q=劳动合同").json["items"]
    assert {"text": LABOUR, "kind": "law", "id": None} in laws
    assert api.get("/search/suggestions?q=押金&size=1").json["items"].__len__() == 1
    assert api.get("/search/suggestions").status_code == 422


def test_what_may_already_answer_a_question_comes_plain_texts_first(loaded):
    found_matches = matching.matches("公司拖欠我的工资，劳动报酬一直不支付")
    kinds = [match.kind for match in found_matches]
    assert kinds[0] == "faq"
    assert kinds == sorted(kinds, key=lambda kind: kind == "article")
    assert {match.validity for match in found_matches} <= {"in_force", "amended"}
    old = matching.matches("注册商标应当申请")
    assert any(match.title == TRADEMARK for match in old)
    with unit_of_work():
        assert db.session.scalar(select(func.count(SearchMiss.id))) == 0
