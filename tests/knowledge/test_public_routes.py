"""Laws, articles, FAQ, guides and categories as residents read them."""

from __future__ import annotations

import uuid
from datetime import date

import pytest
from sqlalchemy import select

from portal.core.db import db
from portal.core.unit_of_work import unit_of_work
from portal.knowledge import index, operations
from portal.knowledge.models import Article, Faq, Law, LawVersion, PublicationState
from tests.knowledge.conftest import CIVIL, TRADEMARK

OLD = date(2019, 4, 23)


def law_id(name: str) -> uuid.UUID:
    return db.session.scalar(select(Law.id).where(Law.name == name))


def article_id(name: str, number: str, text: str = "") -> uuid.UUID:
    return db.session.scalar(
        select(Article.id)
        .join(Article.law)
        .where(Law.name == name, Article.number == number, Article.text.contains(text))
    )


def test_the_list_of_laws_can_be_narrowed_and_paged(law, api):
    whole = api.get("/laws").json
    assert len(whole["items"]) == 6
    assert [item["short_name"] for item in api.get("/laws?q=商标").json["items"]] == ["商标法"]
    assert [i["name"] for i in api.get("/laws?validity=repealed").json["items"]] == [
        "中华人民共和国环境保护法"
    ]
    assert api.get("/laws?level=constitution").json["items"] == []
    assert api.get("/laws?q=%25").json["items"] == []
    assert [item["short_name"] for item in api.get("/laws?q=刑法").json["items"]] == [
        "刑法",
        "刑法修正案（二）",
    ]
    first = api.get("/laws?size=4").json
    second = api.get(f"/laws?size=4&cursor={first['page']['next']}").json
    names = [item["name"] for item in first["items"] + second["items"]]
    assert sorted(names) == sorted(item["name"] for item in whole["items"])
    assert second["page"]["next"] is None


def test_a_law_shows_its_versions_and_its_tree(law, api):
    answer = api.get(f"/laws/{law_id(CIVIL)}").json
    assert answer["version"]["validity_label"] == "现行有效"
    assert [(c["title"], c["articles"]) for c in answer["chapters"]] == [
        ("第一章 一般规定", 1),
        ("第二章 租赁", 2),
        # The same heading again is another part of the code.
        ("第一章 一般规定", 2),
    ]
    tenancy = answer["chapters"][1]
    assert [child["title"] for child in tenancy["children"]] == ["第一节 押金", "第二节 其他"]
    assert (tenancy["first_position"], tenancy["last_position"]) == (1, 2)
    trademark = api.get(f"/laws/{law_id(TRADEMARK)}").json
    assert [v["is_current"] for v in trademark["versions"]] == [True, False]
    later = api.get(f"/laws/{law_id(TRADEMARK)}?version={trademark['versions'][1]['id']}").json
    assert later["version"]["validity"] == "not_yet"


def test_the_articles_of_a_law_come_in_order_and_by_chapter(law, api):
    path = f"/laws/{law_id(CIVIL)}/articles"
    numbers = [item["number"] for item in api.get(path).json["items"]]
    assert numbers == ["1", "710", "711", "1245", "1254"]
    part = api.get(path + "?from_position=1&to_position=2").json["items"]
    assert [item["number"] for item in part] == ["710", "711"]
    first = api.get(path + "?size=2").json
    rest = api.get(path + f"?size=10&cursor={first['page']['next']}").json
    assert [item["number"] for item in rest["items"]] == ["711", "1245", "1254"]
    old = db.session.scalar(select(LawVersion).where(LawVersion.version_date == OLD))
    texts = api.get(f"/laws/{law_id(TRADEMARK)}/articles?version={old.id}").json["items"]
    assert all("旧法" in item["text"] for item in texts)


def test_an_article_shows_what_stands_around_it(loaded, api):
    answer = api.get(f"/articles/{article_id(CIVIL, '710')}").json
    assert answer["title"] == "《民法典》第七百一十条"
    assert answer["law"]["name"] == CIVIL
    assert answer["previous"]["label"] == "第一条"
    assert answer["next"]["label"] == "第七百一十一条"
    assert [item["title"] for item in answer["cited_by"]] == ["房东不退押金怎么办？"]
    assert answer["cited_by"][0]["point"] == "返还押金"
    assert answer["related"]
    assert str(article_id(CIVIL, "710")) not in [item["id"] for item in answer["related"]]


def test_laws_of_a_name_come_shortest_name_first_on_every_page(law, api):
    lengths, ids, cursor = [], [], None
    while cursor or not ids:
        query = {"q": "法", "size": 2, **({"cursor": cursor} if cursor else {})}
        page = api.get("/laws", query_string=query).json
        lengths += [len(item["short_name"]) for item in page["items"]]
        ids += [item["id"] for item in page["items"]]
        cursor = page["page"]["next"]
    assert lengths == sorted(lengths)
    assert len(set(ids)) == len(ids) == 6


def test_an_article_shows_its_versions_oldest_first(law, api):
    answer = api.get(f"/articles/{article_id(TRADEMARK, '4', '旧法')}").json
    assert [(v["version_date"], v["validity"]) for v in answer["versions"]] == [
        ("2019-04-23", "in_force"),
        ("2026-02-26", "not_yet"),
    ]
    assert "新法" in answer["versions"][1]["text"]
    # Without an index the article is still there to read.
    assert answer["related"] == []


def test_a_passage_without_a_number_stands_alone(law, api):
    whole = db.session.scalar(select(Article).where(Article.label == "全文"))
    answer = api.get(f"/articles/{whole.id}").json
    assert answer["number"] == ""
    assert [version["id"] for version in answer["versions"]] == [str(whole.id)]
    assert answer["previous"]["label"] == "一、"
    assert answer["next"] is None


def test_categories_come_in_the_order_of_display(law, api):
    items = api.get("/categories").json["items"]
    assert [item["code"] for item in items] == ["labour", "housing", "injury"]
    assert items[1]["keywords"] == ["押金", "房东"]


def test_faqs_are_listed_by_category_and_by_article(law, api):
    assert len(api.get("/faqs").json["items"]) == 2
    (labour,) = api.get("/faqs?category=labour").json["items"]
    assert labour["category_label"] == "工资劳动"
    (deposit,) = api.get(f"/faqs?article={article_id(CIVIL, '710')}").json["items"]
    assert deposit["slug"] == "housing-deposit"


@pytest.mark.parametrize(
    "path", ["/search?q=工资&category=nope", "/faqs?category=nope", "/guides?category=nope"]
)
def test_an_unknown_category_is_refused_with_the_known_ones(loaded, api, path):
    answer = api.get(path)
    assert (answer.status_code, answer.json["code"]) == (422, "no_such_category")
    assert answer.json["errors"]["category"] == [
        "没有这个类别，请从这些类别中选择：labour（工资劳动）、housing（租房）、injury（人身伤害）。"
    ]


def test_an_faq_shows_its_articles_and_where_to_read_on(law, api):
    (item,) = api.get("/faqs?category=labour").json["items"]
    answer = api.get(f"/faqs/{item['id']}")
    assert answer.headers["ETag"]
    body = answer.json
    assert body["steps"] == ["整理工资条", "投诉或者申请仲裁"]
    first = body["citations"][0]
    assert (first["law"], first["article_label"]) == ("中华人民共和国劳动合同法", "第三十条")
    assert (first["validity"], first["point"]) == ("in_force", "及时足额支付")
    assert first["text"].startswith("测试：用人单位")
    # What is not there is left out, not shown as a dead link.
    assert [link["question"] for link in body["see_also"]] == ["房东不退押金怎么办？"]


def test_an_faq_shows_what_others_asked_on_its_matter_and_nothing_else(loaded, settings, api):
    path = settings.content_dir / "faq" / "labour.yaml"
    entry = path.read_text("utf-8").partition("entries:\n")[2]
    for old, new in (
        ("labour-wages", "labour-order"),
        ("公司拖欠工资怎么办", "能申请支付令吗"),
        ("老板不发工资, 讨薪找谁", "支付令怎么写"),
        ("先催要", "可以的"),
    ):
        entry = entry.replace(old, new)
    path.write_text(path.read_text("utf-8") + entry, encoding="utf-8")
    assert operations.load_content().problems == []
    index.rebuild()
    wages = next(i for i in api.get("/faqs").json["items"] if i["slug"] == "labour-wages")
    (also,) = api.get(f"/faqs/{wages['id']}").json["also_asked"]
    assert (also["kind"], also["title"]) == ("faq", "能申请支付令吗？")
    assert api.client.get(also["url"]).status_code == 200
    deposit = next(i for i in api.get("/faqs").json["items"] if i["slug"] == "housing-deposit")
    assert api.get(f"/faqs/{deposit['id']}").json["also_asked"] == []


def test_what_is_withdrawn_is_not_shown(law, api):
    with unit_of_work():
        deposit = db.session.scalar(select(Faq).where(Faq.slug == "housing-deposit"))
        deposit.state = PublicationState.WITHDRAWN
    assert api.get(f"/faqs/{deposit.id}").status_code == 404
    assert len(api.get("/faqs").json["items"]) == 1
    (labour,) = api.get("/faqs").json["items"]
    assert api.get(f"/faqs/{labour['id']}").json["see_also"] == []


def test_guides_are_listed_and_shown(law, api):
    (item,) = api.get("/guides?category=labour").json["items"]
    guide = api.get(f"/guides/{item['id']}").json
    assert guide["body"].startswith("## 一、先备份")
    assert guide["citations"][0]["article_label"] == "第三十条"
    assert api.get("/guides?category=housing").json["items"] == []


@pytest.mark.parametrize(
    "path", ["/laws/{}", "/laws/{}/articles", "/articles/{}", "/faqs/{}", "/guides/{}"]
)
def test_what_is_not_there_is_said_in_words(law, api, path):
    answer = api.get(path.format(uuid.uuid4()))
    assert answer.status_code == 404
    assert answer.json["detail"].endswith("。")
    assert api.get(path.format("1")).status_code == 404


def test_a_version_of_another_law_is_not_found(law, api):
    version = db.session.scalar(select(LawVersion.id).where(LawVersion.version_date == OLD))
    assert api.get(f"/laws/{law_id(CIVIL)}?version={version}").status_code == 404


def test_an_faq_without_loaded_law_is_shown_without_its_text(settings, api):
    from portal.knowledge import operations

    operations.load_content()
    (item,) = api.get("/faqs?category=housing").json["items"]
    (citation,) = api.get(f"/faqs/{item['id']}").json["citations"]
    assert (citation["article_id"], citation["validity"], citation["text"]) == (None, None, None)
