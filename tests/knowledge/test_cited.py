"""What a search over HTTP says about the laws and articles that a question names."""

from __future__ import annotations

import pytest
from sqlalchemy import func, select

from portal.core.db import db
from portal.core.errors import Invalid
from portal.core.unit_of_work import unit_of_work
from portal.knowledge import index, operations, queries
from portal.knowledge.citations import resolve
from portal.knowledge.models import Article, SearchMiss
from portal.knowledge.schemas import SearchResultSchema
from tests.factories.laws import make_law
from tests.knowledge.conftest import CIVIL, LABOUR, TRADEMARK

RULES = "测试河道管理办法"
OF_2020 = f"""\
# {RULES}

2020年3月1日 测试市人民政府第三次常务会议通过

<!-- INFO END -->

第一条 测试：为了管理河道，制定本办法。

第二条 测试：河道禁止倾倒垃圾。

第三条 本办法自2020年5月1日起施行。
"""
OF_2024 = (
    OF_2020.replace("2020年3月1日", "2024年2月1日")
    .replace("第三条 本办法自2020年5月1日起施行。", "第三条 测试：河道禁止采砂。")
    .rstrip()
    + "\n\n第四条 本办法自2024年4月1日起施行。\n"
)


def cited(api, query: str, **parameters):
    answer = api.get("/search", query_string={"q": query, **parameters})
    assert answer.status_code == 200, answer.json
    (citation,) = answer.json["citations"]
    return citation


@pytest.fixture
def rules(law, tmp_path):
    """A law in two versions: three articles from May 2020, four from April 2024."""
    folder = tmp_path / "laws"
    folder.mkdir()
    (folder / "河道(2020-03-01).md").write_text(OF_2020, encoding="utf-8")
    (folder / "河道(2024-02-01).md").write_text(OF_2024, encoding="utf-8")
    assert operations.import_law([folder]).problems == []
    index.rebuild()


# --- the law of a day ---


def test_a_wrong_number_is_told_with_the_last_article_of_that_days_version(rules, api):
    found = cited(api, f"{RULES}第四条", as_of="2022-01-01")
    assert (found["exists"], found["status"]) == (False, "no_such_article")
    assert found["message"] == (
        f"《{RULES}》没有第四条。那一天（2022-01-01）的版本最后一条是第三条。"
    )
    assert cited(api, f"{RULES}第四条", as_of="2024-04-01")["exists"]
    today = cited(api, f"{RULES}第五条")
    assert today["message"] == f"《{RULES}》没有第五条。这部法律的最后一条是第四条。"


def test_before_the_first_held_version_nothing_is_claimed_about_the_law_of_then(rules, api):
    """It may be a revision of a text that is not held: whether the law was in force nothing tells."""
    found = cited(api, f"{RULES}第一条", as_of="2020-04-30")
    assert (found["exists"], found["status"]) == (False, "no_such_version")
    assert found["status_label"] == "没有收录那一天的版本"
    assert found["message"] == (
        f"没有收录《{RULES}》那一天（2020-04-30）的版本。收录的最早版本自 2020-05-01 起施行。"
    )
    assert found["law_link"]["title"] == f"《{RULES}》"
    assert cited(api, f"{RULES}第一条", as_of="2020-05-01")["exists"]


def test_a_day_whose_version_is_not_held_is_told_as_such(rules, api):
    """The oldest text of this law is an amendment: there was law before it."""
    found = cited(api, "商标法第一条", as_of="2015-01-01")
    assert (found["law"], found["status"]) == (TRADEMARK, "no_such_version")
    assert found["message"] == "没有收录《商标法》那一天（2015-01-01）的版本。"


def test_where_a_law_has_no_such_article_its_last_one_and_the_law_are_a_step_away(rules, api):
    for parameters, last in (({}, "第四条"), ({"as_of": "2022-01-01"}, "第三条")):
        query = {"q": f"{RULES}第九条", **parameters}
        steps = api.get("/search", query_string=query).json["next_steps"]
        assert [step["code"] for step in steps][:2] == ["last_article", "law"]
        assert steps[0]["text"] == f"看看最后一条：《{RULES}》{last}。"
        assert api.client.get(steps[0]["url"]).json["label"] == last
        assert api.client.get(steps[1]["url"]).json["name"] == RULES


@pytest.mark.parametrize(
    "query",
    [
        "民法典",
        "《民法典》",
        "中华人民共和国民法典",
        "请问民法典全文",
        "民法典婚姻家庭编",
        "民法典的合同编",
    ],
)
def test_a_question_that_is_only_the_name_of_a_law_leads_to_the_law_first(loaded, api, query):
    result = api.get("/search", query_string={"q": query}).json
    (found,) = result["citations"]
    assert (found["law"], found["status"], found["exists"]) == (CIVIL, "law", True)
    step = result["next_steps"][0]
    assert (step["code"], step["url"]) == ("law", found["law_link"]["url"])
    assert api.client.get(step["url"]).json["name"] == CIVIL
    assert SearchResultSchema().validate(result) == {}
    assert db.session.scalar(select(func.count(SearchMiss.id))) == 0


@pytest.mark.parametrize("query", ["民法典的押金", "解决办法", "赔偿办法", "民法典1254", "违法"])
def test_a_question_that_says_more_or_no_name_is_not_taken_for_a_law(loaded, api, query):
    result = api.get("/search", query_string={"q": query}).json
    assert "law" not in [step["code"] for step in result["next_steps"]]


def test_after_its_repeal_a_law_is_said_to_be_repealed(rules, api):
    found = cited(api, "环境保护法第五条", as_of="2026-02-26")
    assert (found["exists"], found["status"]) == (False, "no_longer")
    assert found["message"] == "《环境保护法》那时（2026-02-26）已经废止。"


# --- paragraphs and items ---

DIVORCE = "夫妻一方要求离婚的，可以调解。\n有下列情形之一的，应当准予离婚：\n（一）重婚；\n（二）家庭暴力。"


@pytest.fixture
def civil_code(settings):
    """A law that keeps its paragraphs: 1079 has two, the second with two items, 1080 has one."""
    first, _ = make_law(CIVIL, ("1079", "1080"))
    with unit_of_work():
        db.session.get_one(Article, first.id).text = DIVORCE
    index.rebuild()


@pytest.mark.parametrize(
    "query",
    [
        "民法典第1079条第九款",
        "民法典1079第9款",
        "《民法典》第一千零七十九条第二款第（五）项",
        "民法典第1080条第二款",
    ],
)
def test_a_paragraph_that_an_article_lacks_is_told_as_the_check_tells_it(civil_code, api, query):
    result = api.get("/search", query_string={"q": query}).json
    (found,) = result["citations"]
    (told,) = api.post("/citations/check", json={"text": query}).json["citations"]
    for name in ("status", "status_label", "message"):
        assert found[name] == told[name]
    assert (found["status"], found["exists"]) == ("no_such_part", False)
    # It leads to the article all the same.
    assert [article["id"] for article in found["articles"]] == [told["article_id"]]
    assert result["items"][0]["id"] == told["article_id"]
    assert {"ask", "call"} <= {step["code"] for step in result["next_steps"]}
    assert SearchResultSchema().validate(result) == {}
    assert db.session.scalar(select(func.count(SearchMiss.id))) == 0


@pytest.mark.parametrize(
    "query", ["民法典第1079条第二款", "民法典1079第2款第2项", "民法典第1079条"]
)
def test_a_paragraph_that_an_article_has_is_found(civil_code, api, query):
    assert cited(api, query)["status"] == "found"


@pytest.mark.parametrize(
    ("query", "parameters"),
    [
        ("民法典（2015年修正）第1079条第九款", {}),
        ("民法典第1079条第九款", {"as_of": "2001-01-01"}),
    ],
)
def test_of_another_edition_or_day_nothing_is_said_about_paragraphs(
    civil_code, api, query, parameters
):
    assert cited(api, query, **parameters)["status"] != "no_such_part"


def test_of_a_text_that_may_have_lost_its_breaks_nothing_is_said(settings, api):
    make_law(CIVIL, ("1079",))
    index.rebuild()
    assert cited(api, "民法典第1079条第九款")["status"] == "found"


def test_only_a_question_with_a_paragraph_looks_for_one(civil_code, api, monkeypatch):
    monkeypatch.setattr(queries, "lookup", None)
    assert cited(api, "民法典第1079条")["status"] == "found"


def test_an_item_of_an_amendment_is_found_as_the_article_it_is_cited_as(loaded, api):
    found = cited(api, "刑法修正案二第一条")
    assert (found["status"], found["exists"]) == ("found", True)
    (article,) = found["articles"]
    assert api.client.get(article["url"]).json["text"] == "测试：将某条修改为另一条。"
    assert cited(api, "刑法修正案（二）第九条")["status"] == "no_such_article"


# --- laws that are not held ---

REPEALING = """\
# 中华人民共和国民法典

2020年5月28日第十三届全国人民代表大会第三次会议通过

<!-- INFO END -->

第一条 测试：为了保护民事主体的合法权益。

第二条 测试：夫妻应当互相扶养，婚姻自由。

第三条 本法自2021年1月1日起施行。《中华人民共和国婚姻法》、《中华人民共和国合同法》、《中华人民共和国民法总则》同时废止。
"""
TABLE = """\
repealed:
  - by: 中华人民共和国民法典
    article: 第三条
    laws:
      - {name: 中华人民共和国婚姻法, about: 婚姻 夫妻}
      - {name: 中华人民共和国合同法, about: 合同 违约}
      - {name: 中华人民共和国民法总则, about: 诉讼时效}
"""


@pytest.fixture
def replaced(settings, tmp_path):
    """A code whose last article repeals three laws, and the table that says so."""
    path = tmp_path / "民法典(2020-05-28).md"
    path.write_text(REPEALING, encoding="utf-8")
    assert operations.import_law([path]).problems == []
    (settings.content_dir / "search").mkdir()
    (settings.content_dir / "search" / "repealed_laws.yaml").write_text(TABLE, encoding="utf-8")
    assert operations.load_content().problems == []
    operations.ensure_index()


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("婚姻法第32条", "婚姻法"),
        ("合同法第五十二条", "合同法"),
        ("中华人民共和国合同法第五十二条", "合同法"),
        ("《婚姻法》第三十二条是什么", "婚姻法"),
        ("民法总则第一百八十八条", "民法总则"),
        ("请问原民法总则第188条怎么说", "民法总则"),
        ("婚姻法", "婚姻法"),
        ("新婚姻法", "婚姻法"),
        ("新婚姻法第24条", "婚姻法"),
        ("合同法52", "合同法"),
        ("合同法的违约金", "合同法"),
        ("根据合同法解除合同", "合同法"),
    ],
)
def test_a_repealed_law_is_answered_with_the_article_that_repealed_it(replaced, api, query, named):
    result = api.get("/search", query_string={"q": query}).json
    (found,) = result["citations"]
    assert (found["law"], found["exists"], found["status"]) == (
        f"中华人民共和国{named}",
        False,
        "repealed",
    )
    assert found["message"] == (
        f"《{named}》自 2021-01-01 起已由《民法典》废止（第三条），没有收录它的条文。"
    )
    assert found["repealed_by"]["title"] == "《民法典》第三条"
    assert "同时废止" in api.client.get(found["repealed_by"]["url"]).json["text"]
    step = result["next_steps"][0]
    assert step["code"] == "search_successor"
    answer = api.client.get(step["url"])
    assert answer.status_code == 200
    assert answer.json["query"].startswith("民法典 ")


@pytest.mark.parametrize("query", ["710条 民法典", "第710条民法典", "710 民法典"])
def test_an_article_is_found_by_its_number_before_the_law(loaded, api, query):
    result = api.get("/search", query_string={"q": query}).json
    (found,) = result["citations"]
    assert (found["law"], found["article_label"], found["exists"]) == (CIVIL, "第七百一十条", True)
    assert result["items"][0]["id"] == found["articles"][0]["id"]


@pytest.mark.parametrize("name", ["法律规定", "公司的规定", "有关规定", "按照规定"])
def test_rules_that_are_no_law_are_no_citation_in_a_question(replaced, api, name):
    assert api.get("/search", query_string={"q": f"{name}第十条"}).json["citations"] == []


@pytest.mark.parametrize("written", ["合同法第五十二条", "《合同法》第五十二条"])
def test_the_check_of_a_text_says_the_same_of_a_repealed_law(replaced, api, written):
    (told,) = api.post("/citations/check", {"text": f"根据{written}，合同无效。"}).json["citations"]
    (found,) = api.get("/search", query_string={"q": written}).json["citations"]
    for name in ("law", "status", "message", "repealed_by"):
        assert told[name] == found[name]
    assert (told["status"], told["holds"]) == ("repealed", False)


@pytest.mark.parametrize(
    "written",
    [
        "原合同法第52条",
        "原《合同法》第五十二条",
        "当时有效的合同法第五十二条",
        "《合同法》第52条（现已废止）",
        "《合同法》第52条（现为《民法典》相关条文）",
    ],
)
def test_a_repealed_law_named_as_such_is_told_as_an_edition_that_is_not_held(
    replaced, api, written
):
    (told,) = api.post("/citations/check", {"text": f"根据{written}，合同无效。"}).json["citations"]
    assert (told["status"], told["holds"]) == ("other_edition", False)
    assert "废止（第三条），没有收录它的条文。请自行核对。" in told["message"]
    assert told["repealed_by"]["title"] == "《民法典》第三条"


def test_an_entry_that_names_a_repealed_law_is_refused_with_what_replaced_it(replaced):
    with pytest.raises(Invalid) as refusal:
        resolve("合同法", "第五十二条")
    assert (refusal.value.code, list(refusal.value.errors)) == ("article_repealed", ["law"])
    assert "已由《民法典》废止（第三条）" in refusal.value.message


def test_what_names_a_repealed_law_is_no_gap_in_the_content(replaced, api):
    for query in ("婚姻法第32条", "民法总则第一百八十八条", "婚姻法"):
        cited(api, query)
    assert db.session.scalar(select(func.count(SearchMiss.id))) == 0


def test_a_repealed_law_was_the_law_before_that_day(replaced, api):
    found = cited(api, "婚姻法第32条", as_of="2019-01-01")
    assert (found["status"], found["exists"]) == ("no_such_law", False)
    assert "自 2021-01-01 起" in found["message"]


def test_the_portal_says_what_replaced_a_law_only_if_a_held_text_does(replaced, settings, api):
    table = settings.content_dir / "search" / "repealed_laws.yaml"
    table.write_text(TABLE.replace("合同法", "担保法"), encoding="utf-8")
    (problem,) = operations.load_content().problems
    assert problem == "repealed_laws.yaml：《民法典》第三条没有写明废止《中华人民共和国担保法》。"
    assert cited(api, "担保法第六条")["message"] == "没有收录《担保法》。"
    table.write_text(TABLE.replace("第三条", "第九条"), encoding="utf-8")
    report = operations.load_content()
    assert report.problems == []
    assert report.notes.count("repealed_laws.yaml：《中华人民共和国民法典》第 9 条没有收录。") == 1
    assert cited(api, "婚姻法第32条")["message"] == "没有收录《婚姻法》。"


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("大足石刻保护条例", "大足石刻保护条例"),
        ("请问大足石刻保护条例的全文", "大足石刻保护条例"),
        ("民通意见第一条", "民通意见"),
        ("《大足石刻保护条例》对游客有什么要求", "大足石刻保护条例"),
        ("大足石刻保护条例第5条", "大足石刻保护条例"),
    ],
)
def test_a_law_that_is_not_held_is_said_not_to_be_held(loaded, api, query, named):
    result = api.get("/search", query_string={"q": query}).json
    (found,) = result["citations"]
    assert (found["law"], found["status"]) == (named, "no_such_law")
    assert found["message"] == f"没有收录《{named}》。"
    assert found["repealed_by"] is None
    assert {"ask", "call"} <= {step["code"] for step in result["next_steps"]}
    assert SearchResultSchema().validate(result) == {}


def test_a_question_that_is_only_the_name_of_a_law_that_is_not_held_has_no_fitting_result(
    loaded, api
):
    assert api.get("/search", query_string={"q": "租赁押金保护条例"}).json["weak"]


@pytest.mark.parametrize("query", ["民法典第0条", "《民法典》第0条"])
def test_a_number_that_is_none_is_said_not_to_exist(loaded, api, query):
    found = cited(api, query)
    assert (found["law"], found["status"]) == (CIVIL, "no_such_article")
    assert found["message"].startswith("《民法典》没有第0条。这部法律的最后一条是")


@pytest.mark.parametrize(
    "query",
    [
        "签合同法人不在场有效吗",
        "担保法院怎么执行",
        "合同法规有哪些",
        "婚姻法庭在哪里",
        "有什么解决办法",
        "本条例第三条",
        "该办法第五条怎么理解",
        "劳动合同法的赔偿",
        "《劳动合同法》怎么说工资",
        "拖欠工资有哪些规定",
    ],
)
def test_what_only_sounds_like_a_law_is_left_alone(replaced, api, query):
    make_law()
    index.rebuild()
    assert api.get("/search", query_string={"q": query}).json["citations"] == []


# --- a law that was imported since the index was built ---


@pytest.fixture
def imported(loaded, tmp_path):
    """A law in two versions that the database has and the index has not."""
    folder = tmp_path / "laws"
    folder.mkdir()
    (folder / "河道(2020-03-01).md").write_text(OF_2020, encoding="utf-8")
    (folder / "河道(2024-02-01).md").write_text(OF_2024, encoding="utf-8")
    assert operations.import_law([folder]).problems == []
    assert RULES not in index.reader().snapshot().laws


@pytest.mark.parametrize("question", [f"《{RULES}》第三条", f"{RULES}第3条"])
def test_an_article_of_a_law_just_imported_is_found_before_the_index_knows_it(
    api, imported, question
):
    citation = cited(api, question)
    assert (citation["status"], citation["exists"]) == ("found", True)
    assert citation["message"] == f"《{RULES}》第三条。这部法律刚刚收录，检索结果稍后就会包括它。"
    (article,) = citation["articles"]
    assert "采砂" in api.get(article["url"].removeprefix("/api/v1")).json["text"]
    index.rebuild()
    after = cited(api, question)
    assert after["message"] == f"《{RULES}》第三条。"
    assert after["articles"][0]["id"] == article["id"]


def test_of_a_law_just_imported_the_version_of_the_day_is_told(api, imported):
    then = cited(api, f"《{RULES}》第三条", as_of="2021-01-01")
    assert then["articles"][0]["valid_from"] == "2020-05-01"
    never = cited(api, f"《{RULES}》第四条", as_of="2021-01-01")
    assert never["status"] == "no_such_article"
    before = cited(api, f"《{RULES}》第三条", as_of="2019-01-01")
    assert before["status"] == "no_such_version"


def test_an_older_version_just_imported_is_not_said_to_lack_its_articles(loaded, api, tmp_path):
    """The index knows the law, in its newer version alone."""
    text = (
        f"# {LABOUR}\n\n2007年6月29日 第十届全国人民代表大会常务委员会第二十八次会议通过\n\n<!-- INFO END -->\n\n"
        "第三十八条 测试：未及时支付劳动报酬的，可以解除。\n\n第九十八条 本法自2008年1月1日起施行。\n"
    )
    path = tmp_path / "劳动合同法(2007-06-29).md"
    path.write_text(text, encoding="utf-8")
    assert operations.import_law([path]).problems == []
    then = cited(api, "劳动合同法第三十八条", as_of="2009-01-01")
    assert (then["status"], then["articles"][0]["valid_from"]) == ("found", "2008-01-01")
    known = "《劳动合同法》第三十八条。这个版本的起止日期有推定成分，2009-01-01 是否施行请以公布的文本为准。"
    assert then["message"] == f"{known}这个版本刚刚收录，检索结果稍后就会包括它。"
    wrong = cited(api, "劳动合同法第三十九条", as_of="2009-01-01")
    assert wrong["status"] == "no_such_article"
    index.rebuild()
    assert cited(api, "劳动合同法第三十八条", as_of="2009-01-01")["message"] == known


def test_a_law_just_imported_is_told_as_held_and_its_wrong_number_as_wrong(api, imported):
    for question in (f"《{RULES}》", RULES, f"{RULES}是什么"):
        told = cited(api, question)
        assert (told["status"], told["message"]) == ("law", f"已收录《{RULES}》。")
        assert told["law_link"]
    wrong = cited(api, f"《{RULES}》第九条")
    assert wrong["message"] == f"《{RULES}》没有第九条。这部法律的最后一条是第四条。"


def test_while_an_index_waits_to_be_built_what_no_law_is_stays_unheld(api, imported):
    assert cited(api, "《测试湖泊管理办法》第三条")["status"] == "no_such_law"
    assert cited(api, "《测试湖泊管理办法》")["status"] == "no_such_law"
