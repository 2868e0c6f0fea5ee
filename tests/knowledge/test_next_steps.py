"""What a search offers besides its results: help at once, the service that was asked for, a way on."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

import pytest
from sqlalchemy import func, select

from portal.consultations.policies import NEXT_STEPS
from portal.core.db import db
from portal.knowledge import operations, search_content
from portal.knowledge.models import SearchMiss
from portal.knowledge.schemas import HelpLinesSchema, SearchResultSchema
from search_index import SearchIndex

CONTENT = Path(__file__).parents[2] / "content" / "search"


@pytest.fixture
def shipped(loaded, settings):
    """The files as the portal ships them, beside the small corpus."""
    shutil.copytree(CONTENT, settings.content_dir / "search")


def steps(api, query: str, **parameters):
    answer = api.get("/search", query_string={"q": query, **parameters})
    assert answer.status_code == 200, answer.json
    return answer.json["next_steps"]


@pytest.mark.parametrize(
    "query", ["我不想活了", "想死", "自杀", "被打了，现在很怕", "我 不 想 活 了", "老公打我我好怕"]
)
def test_somebody_in_need_first_gets_what_helps_at_once(shipped, api, query):
    found = steps(api, query)
    assert [step["code"] for step in found[:3]][:2] == ["urgent", "urgent"]
    assert {found[0]["url"], found[1]["url"]} == {"tel:110", "tel:120"}
    assert found[0]["url"] == ("tel:110" if "打" in query else "tel:120")
    assert {"ask", "call"} <= {step["code"] for step in found}
    # What somebody in need wrote is nobody's statistics.
    assert db.session.scalar(select(func.count(SearchMiss.id))) == 0


def test_who_speaks_of_dying_is_shown_people_to_call_and_no_results(shipped, api):
    answer = api.get("/search", query_string={"q": "我不想活了"}).json
    assert (answer["items"], answer["total"], answer["page"]["next"]) == ([], 0, None)
    assert {step["code"] for step in answer["next_steps"]} == {"urgent", "ask", "call"}
    assert SearchResultSchema().validate(answer) == {}


def test_what_else_somebody_in_despair_asked_is_one_step_away(shipped, api):
    found = {step["code"]: step for step in steps(api, "公司拖欠工资，我真的不想活了")}
    answer = api.client.get(found["search_rest"]["url"]).json
    assert answer["items"][0]["title"] == "公司拖欠工资怎么办？"


def test_every_page_can_show_whom_to_call_whatever_was_asked_and_keep_it_for_an_hour(shipped, api):
    answer = api.get("/search/help-lines")
    assert [(line["label"], line["phone"], line["url"]) for line in answer.json["items"]] == [
        ("报警", "110", "tel:110"),
        ("急救", "120", "tel:120"),
        ("火警", "119", "tel:119"),
        ("公共法律服务热线", "12348", "tel:12348"),
    ]
    assert all(line["phone"] in line["text"] for line in answer.json["items"])
    assert answer.headers["Cache-Control"] == "public, max-age=3600"
    assert HelpLinesSchema().validate(answer.json) == {}


def test_whom_to_call_is_told_also_where_nothing_can_be_searched(api):
    assert api.get("/search", query_string={"q": "工资"}).status_code == 503
    assert "12348" in [line["phone"] for line in api.get("/search/help-lines").json["items"]]


def test_a_danger_that_no_wording_knows_still_leads_to_help_where_nothing_fits(shipped, api):
    last = steps(api, "魑魅魍魉饕餮")[-1]
    assert (last["code"], last["url"]) == ("emergency", "tel:110")


@pytest.mark.parametrize(
    ("query", "rest"),
    [
        ("我真的不想活了，公司拖欠工资", "公司拖欠工资"),
        ("我不想活了公司拖欠工资", "公司拖欠工资"),
        ("公司拖欠工资真的不想活了", "公司拖欠工资"),
        # What is left makes no sentence.
        ("我不想活了", None),
        ("欠钱不想活了", None),
    ],
)
def test_what_else_was_asked_is_offered_in_its_own_words_or_not_at_all(shipped, api, query, rest):
    found = {step["code"]: step for step in steps(api, query)}
    assert (rest is not None) == ("search_rest" in found)
    assert rest is None or f"“{rest}”" in found["search_rest"]["text"]


def as_sure_as(weak: bool, strong: bool):
    """The library's search, as sure of its results as told."""
    asked = SearchIndex.search
    return lambda reader, request: dataclasses.replace(
        asked(reader, request), weak=weak, strong=strong, leading=None
    )


@pytest.mark.parametrize(
    ("query", "title"),
    [
        ("房东拿刀砍我不退押金", "房东不退押金怎么办？"),
        ("我妈说要跳楼公司拖欠她工资", "公司拖欠工资怎么办？"),
    ],
)
@pytest.mark.parametrize("weak", [False, True])
def test_an_alarm_never_takes_away_what_was_found(shipped, api, monkeypatch, query, title, weak):
    monkeypatch.setattr(SearchIndex, "search", as_sure_as(weak, not weak))
    answer = api.get("/search", query_string={"q": query}).json
    assert answer["next_steps"][0]["code"] == "urgent"
    assert title in [item["title"] for item in answer["items"]]


def test_nobody_in_danger_is_asked_about_the_spelling(shipped, api, monkeypatch):
    asked = SearchIndex.search
    monkeypatch.setattr(
        SearchIndex,
        "search",
        lambda reader, request: dataclasses.replace(
            asked(reader, request), corrected="房东拿到砍我", weak=False
        ),
    )
    codes = {step["code"] for step in steps(api, "房东拿刀砍我")}
    assert ("urgent" in codes, "corrected" in codes) == (True, False)


def test_a_death_that_leaves_questions_is_answered_like_any_other(shipped, api):
    answer = api.get("/search", query_string={"q": "我妈喝农药走了遗产怎么分"}).json
    assert "urgent" not in {step["code"] for step in answer["next_steps"]}


@pytest.mark.parametrize(
    ("query", "url"),
    [
        ("110", "tel:110"),
        ("122", "tel:110"),
        ("120", "tel:120"),
        ("119", "tel:119"),
        ("打110！", "tel:110"),
    ],
)
def test_whoever_types_an_emergency_number_is_shown_whom_to_call(shipped, api, query, url):
    first = steps(api, query)[0]
    assert (first["code"], first["url"]) == ("urgent", url)
    assert db.session.scalar(select(func.count(SearchMiss.id))) == 0


def test_whoever_types_the_service_line_can_call_it(shipped, api):
    assert "tel:12348" in [step["url"] for step in steps(api, "12348")]


def test_what_may_not_fit_comes_with_one_way_on(loaded, api, monkeypatch):
    codes = []
    for weak, strong in ((False, True), (False, False), (True, False)):
        with monkeypatch.context() as patch:
            patch.setattr(SearchIndex, "search", as_sure_as(weak, strong))
            codes.append([step["code"] for step in steps(api, "公司拖欠工资怎么办")])
    assert codes[0] == []
    assert codes[1] == ["ask"]
    assert codes[2][-2:] == ["ask", "call"]
    # The second page of a list is read by who found something on the first.
    monkeypatch.setattr(SearchIndex, "search", as_sure_as(False, False))
    first = api.get("/search", query_string={"q": "工资", "size": 1}).json
    assert steps(api, "工资", size=1, cursor=first["page"]["next"]) == []


def test_each_number_is_told_once(shipped, api):
    urls = [step["url"] for step in steps(api, "老公打我，孩子被猥亵了，我想死")]
    assert len(urls) == len(set(urls))


def test_past_violence_gets_help_that_does_not_sound_the_alarm(shipped, api):
    found = steps(api, "去年他打过我")
    assert found[0]["code"] == "safety"
    assert "人身安全保护令" in found[0]["text"]
    assert db.session.scalar(select(func.count(SearchMiss.id))) == 0


def test_help_does_not_wait_for_an_index(law, settings, api):
    shutil.copytree(CONTENT, settings.content_dir / "search")
    assert steps(api, "我不想活了")[0]["url"] == "tel:120"


@pytest.mark.parametrize("query", ["公司拖欠工资怎么办", "飞碟外星生命", "房东不退押金"])
def test_other_questions_are_answered_as_before(shipped, api, query):
    assert not {"urgent", "service"} & {step["code"] for step in steps(api, query)}


def test_only_numbers_that_the_portal_names_elsewhere_are_given(shipped):
    given = {step["phone"] for entry in search_content.current().urgent for step in entry["steps"]}
    told = "".join(NEXT_STEPS.values())
    # 119 is named as a number for reporting fires by 重庆市森林防火条例第三十五条.
    assert given == {"110", "119", "120"}
    assert all(number in told for number in given - {"119"})


@pytest.mark.parametrize(
    ("query", "url"),
    [
        ("公证处上班时间", "/api/v1/notary/offices"),
        ("公证处地址电话", "/api/v1/notary/offices"),
        ("怎么预约公证", "/api/v1/notary/matters"),
        ("怎么申请法律援助", "/api/v1/guides?category=legal_aid"),
    ],
)
def test_whoever_wants_a_service_gets_the_way_to_it(shipped, api, query, url):
    assert ("service", url) in [(step["code"], step["url"]) for step in steps(api, query)]


def test_a_service_is_offered_beside_good_results_too(shipped, settings, api):
    path = settings.content_dir / "search" / "services.yaml"
    before = steps(api, "公司拖欠工资怎么办")
    path.write_text(
        "services:\n  - id: wages\n    words: [拖欠 工资]\n    text: 在线投诉。\n    url: /api/v1/faqs\n",
        encoding="utf-8",
    )
    # A correction shows without a restart.
    found = api.get("/search", query_string={"q": "公司拖欠工资怎么办"}).json
    assert (before, found["weak"]) == ([], False)
    assert found["next_steps"] == [
        {"code": "service", "text": "在线投诉。", "method": "GET", "url": "/api/v1/faqs"}
    ]


def test_every_service_link_leads_somewhere(shipped, settings, api):
    shutil.copy(CONTENT.parent / "categories.yaml", settings.content_dir)
    operations.load_content()
    for service in search_content.current().services:
        assert service["method"] == "GET"
        assert api.client.get(service["url"]).status_code == 200


@pytest.mark.parametrize(
    ("name", "old", "new", "said"),
    [
        ("urgent.yaml", 'phone: "120"', "phone: 120", "phone"),
        ("urgent.yaml", "id: violence", "id: self-harm", "在本文件中重复"),
        ("urgent.yaml", "urgent:", "urgently:", "不认识的名称：urgently"),
        ("services.yaml", "/api/v1/notary/offices", "https://example.test/", "/api/v1/"),
        ("services.yaml", "    text: 查看公证处", "    txt: 查看公证处", "txt：没有这个字段"),
        ("repealed_laws.yaml", "第一千二百六十条", "最后一条", "条文序号无法识别"),
    ],
)
def test_a_broken_file_is_told_and_what_it_said_before_is_kept(
    shipped, settings, api, name, old, new, said
):
    before = steps(api, "我不想活了"), steps(api, "公证处上班时间")
    path = settings.content_dir / "search" / name
    path.write_text(path.read_text("utf-8").replace(old, new), encoding="utf-8")
    problems = operations.load_content().problems
    assert problems
    assert all(problem.startswith(f"{name}：") for problem in problems)
    assert any(said in problem for problem in problems)
    assert (steps(api, "我不想活了"), steps(api, "公证处上班时间")) == before


def test_without_the_files_a_search_goes_on(loaded, api):
    assert steps(api, "公证处上班时间") != []
    assert operations.load_content().problems == []
