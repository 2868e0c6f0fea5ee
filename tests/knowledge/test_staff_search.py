"""The staff's search page: by field, and whoever slips is told how to write it."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from portal.core.db import db
from portal.core.errors import Invalid
from portal.knowledge import staff_search
from portal.knowledge.models import Article
from portal.knowledge.staff_schemas import StaffSearchSchema
from tests.factories.people import staff_headers
from tests.knowledge.conftest import TRADEMARK

FIELDS = staff_search._fields({"housing": "租房"})


@pytest.fixture
def find(loaded, api, editor):
    """Search as an editor does."""

    def ask(expression: str, more: str = "") -> Any:
        return api.get(f"/staff/search?q={quote(expression, safe='')}{more}", headers=editor)

    return ask


def titles(answer: Any) -> list[str]:
    assert answer.status_code == 200, answer.json
    return [item["title"] for item in answer.json["items"]]


def test_an_article_by_law_and_number_with_all_that_a_list_shows(find):
    answer = find("law:民法典 AND number:1254")
    (item,) = answer.json["items"]
    article = db.session.scalar(select(Article).where(Article.number == "1254"))
    assert item["title"] == "《民法典》第一千二百五十四条"
    assert (item["kind"], item["kind_label"]) == ("article", "法律条文")
    assert (item["validity"], item["validity_label"]) == ("in_force", "现行有效")
    assert item["url"] == f"/api/v1/articles/{article.id}"
    assert item["source"]
    assert item["fragments"][0]["text"].startswith("测试：禁止从建筑物中抛掷物品")
    assert answer.json["searched_for"] == "law:民法典 AND number:1254"


def test_an_answer_has_exactly_the_members_of_its_schema(find):
    body = find("kind:faq 押金").json
    assert StaffSearchSchema().validate(body) == {}
    assert list(body) == list(StaffSearchSchema().fields)


@pytest.mark.parametrize(
    ("expression", "found"),
    [
        ("kind:faq 押金", {"房东不退押金怎么办？"}),
        ("类型:常见问答 押金", {"房东不退押金怎么办？"}),
        ("类型：常见问答　押金", {"房东不退押金怎么办？"}),
        ("category:租房", {"房东不退押金怎么办？"}),
        ("questions:讨薪", {"公司拖欠工资怎么办？"}),
        ("law:《民法典》 heading:租赁 NOT 押金", {"《民法典》第七百一十一条"}),
        ("法律:商标法 效力:历史版本", set()),
        ("law:商标法 validity:in_force", {"《商标法》第一条", "《商标法》第四条"}),
        ("law:商标法 validity:not_yet number:第四条", {"《商标法》第四条"}),
        ("validity:已废止", {"《环境保护法》第五条"}),
        ("number:133-1", {"《刑法》第一百三十三条之一"}),
        ("(抛掷 OR 保管) kind:article", {"《民法典》第一千二百五十四条", "《民法典》第七百一十一条"}),
        ("kind:faq 押金 OR 工资", {"房东不退押金怎么办？", "公司拖欠工资怎么办？"}),
        ("kind:guide 且 证据", {"怎样保存证据"}),
        ("ｋｉｎｄ：ｆａｑ　ＡＮＤ　押金", {"房东不退押金怎么办？"}),
        ("number:７１０", {"《民法典》第七百一十条"}),
    ],
)  # fmt: skip
def test_the_language(find, expression, found):
    assert set(titles(find(expression))) == found


def test_what_was_looked_for_is_marked(find):
    (item,) = find("kind:faq 押金").json["items"]
    fragment = item["fragments"][0]
    marked = [fragment["text"][m["start"] : m["end"]] for m in fragment["highlights"]]
    assert set(marked) == {"押金"}


def test_pages_go_on_and_end(find):
    everything = titles(find("kind:article"))
    assert len(everything) == 17
    first = find("kind:article", "&size=10").json
    second = find("kind:article", f"&size=10&cursor={first['page']['next']}").json
    assert [item["title"] for item in first["items"] + second["items"]] == everything
    assert second["page"]["next"] is None
    assert find("kind:article", "&cursor=abc").json["code"] == "bad_cursor"


def test_what_is_in_force_comes_first_on_every_page(find):
    validities = [item["validity"] for item in find("kind:article").json["items"]]
    in_force = [validity in ("in_force", "amended") for validity in validities]
    assert False in in_force
    assert in_force == sorted(in_force, reverse=True)
    first = find("law:商标法 OR law:刑法", "&size=3").json
    assert {item["law"] for item in first["items"]} != {TRADEMARK}
    (coming,) = find("law:商标法 number:4 validity:not_yet").json["items"]
    assert coming["validity"] == "not_yet"


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("   ", "q"),
        ("nubmer:1254", "没有“nubmer”这个字段，可以用 law（法律）、number（条号）"),
        ("law:", "“law:”后面没有写内容"),
        ("law:(民法典 OR 刑法)", "“law:”后面没有写内容"),
        (":民法典", "冒号前面没有写字段"),
        ("law:number:3", "两个冒号"),
        ("number:十二点", "“十二点”不是条文序号，请写成 38、120-1 或者“第三十八条”"),
        ("kind:law", "类型没有“law”这一种，可以写 article（法律条文）、faq（常见问答）"),
        ("validity:过期", "效力没有“过期”这一种"),
        ("category:太空", "类别没有“太空”这一种，可以写 labour（工资劳动）"),
        ("(押金 OR 工资", "第 1 个字符处的左括号没有配对的右括号"),
        ("押金)", "第 3 个字符处多了一个右括号"),
        ("押金 ()", "括号里没有内容"),
        ("AND 押金", "AND 前面缺少条件"),
        ("押金 OR", "OR 后面缺少条件"),
        ("押金 AND OR 工资", "AND 后面缺少条件"),
        ("押金 NOT", "NOT 后面缺少条件"),
        ("NOT 押金", "只写了排除（NOT）的条件"),
        ("押金 OR NOT 工资", "OR 的两边不能是排除"),
        ("押金 AND 房东 OR 工资", "AND 和 OR 混在一起"),
        ('"房东押金"', "第 1 个字符“\"”不能用：这里不支持引号、通配符和范围"),
        ("押金 ANDMAYBE 房东", "“ANDMAYBE”不能用，条件之间只能写 AND、OR 和 NOT"),
        ("押金 AndNot 房东", "“AndNot”不能用"),
        ("押金 REQUIRE 房东", "“REQUIRE”不能用"),
        ("押*", "第 2 个字符“*”不能用"),
        ("number:[1 TO 5]", "不能用"),
        ("的", "“的”太常见"),
        ("(" * 40 + "押金" + ")" * 40, "括号套得太深"),
    ],
)  # fmt: skip
def test_a_slip_is_told_with_how_to_write_it(find, expression, said):
    answer = find(expression)
    assert answer.status_code == 422, answer.json
    if said == "q":
        assert list(answer.json["errors"]) == ["q"]
        return
    assert answer.json["code"] == "bad_search_expression"
    assert said in answer.json["errors"]["q"][0]
    assert "law:民法典 AND number:1254" in answer.json["next_step"]
    assert "number（条号）" in answer.json["next_step"]


def test_without_an_expression_the_page_explains_itself(settings, database, api, editor):
    answer = api.get("/staff/search", headers=editor)
    assert answer.status_code == 200
    assert (answer.json["items"], answer.json["query"]) == ([], None)
    guide = answer.json["help"]
    fields = {item["name"]: item for item in guide["fields"]}
    assert {"law", "number", "kind", "validity", "heading"} <= set(fields)
    assert {"value": "historical", "label": "历史版本"} in fields["validity"]["values"]
    assert "AND" in guide["text"]


def test_every_example_of_the_help_can_be_asked(find):
    guide = find("押金").json["help"]
    for line in [*(item["query"] for item in guide["examples"])]:
        assert find(line).status_code == 200
    for item in guide["fields"]:
        assert find(item["example"]).status_code == 200


def test_without_an_index_it_says_so(law, api, editor):
    answer = api.get("/staff/search?q=押金", headers=editor)
    assert (answer.status_code, answer.json["code"]) == (503, "search_index_missing")


def test_only_editors_search_here(database, clock, api):
    assert api.get("/staff/search").status_code == 401
    headers = staff_headers(roles=["lawyer"])
    assert api.get("/staff/search", headers=headers).status_code == 403


@given(
    st.lists(
        st.sampled_from(["law:", "kind:faq", "AND", "OR", "NOT", "(", ")", "押金", "：", "*", "的"])
        | st.text(max_size=6),
        max_size=12,
    ).map(" ".join)
)
def test_any_text_is_read_or_refused_in_words(text):
    try:
        read = staff_search.read(text, FIELDS)
    except Invalid as error:
        refusal = error
    else:
        # The canonical form means the same when it is read again.
        assert staff_search.read(read, FIELDS) == read
        return
    assert refusal.errors["q"][0].endswith("。")
    assert refusal.next_step
