"""Questions that search could not answer: counted, grouped, and nobody in them."""

from __future__ import annotations

import pytest
from sqlalchemy import func, select, text

from portal.core import clock as core_clock
from portal.core.db import db
from portal.core.unit_of_work import unit_of_work
from portal.knowledge import misses
from portal.knowledge.models import MissState, SearchMiss
from search_index import IndexWriter, Thesaurus
from tests.factories.people import id_number, staff_headers


def rows() -> list[SearchMiss]:
    return list(db.session.scalars(select(SearchMiss).order_by(SearchMiss.id)))


@pytest.mark.parametrize(
    "question",
    [
        "张伟欠我钱不还，电话13812345678",
        "我叫李小明，手机１３８１２３４５６７８，王建国打了我",
        "身份证{id}被人冒用",
        "渝CA12345撞了我",
        "邮箱zhang.wei@example.com被盗",
        "银行卡6222 0000 1111 2222 333被盗刷",
        "住在长寿路12号3栋的邻居漏水",
        "欧阳修欠钱",
        "张先生的狗咬人",
    ],
)
def test_what_names_a_person_is_taken_out(app, question):
    identity = id_number()
    cleaned = misses.clean(question.format(id=identity)).text
    for secret in (
        identity, "13812345678", "１３８", "张伟", "李小明", "王建国", "12345", "zhang",
        "6222", "2222", "12号", "3栋", "欧阳修", "张先生",
    ):  # fmt: skip
        assert secret not in cleaned, cleaned


@pytest.mark.parametrize(
    ("question", "kept"),
    [
        ("张伟老师打学生", "某某老师打学生"),
        ("小张老师打人", "小某某老师打人"),
        ("欧阳律师收钱", "某某律师收钱"),
        ("王小明律师骗钱", "某某律师骗钱"),
        ("黄老板欠我钱", "某某老板欠我钱"),
        ("砸断了老板说没签合同", "砸断了老板说没签合同"),
        ("我要请律师", "我要请律师"),
        ("报告交了老板不批", "报告交了老板不批"),
        ("我女遭老师摸了", "我女遭老师摸了"),
        ("对方律师找我", "对方律师找我"),
        ("高中老师体罚", "高中老师体罚"),
        ("付了工钱老板跑了", "付了工钱老板跑了"),
        ("向律师咨询", "向律师咨询"),
    ],
)
def test_before_a_title_only_a_family_name_begins_a_name(app, question, kept):
    assert misses.clean(question).text == kept


@pytest.mark.parametrize(
    ("question", "kept"),
    [("<b>离婚</b>怎么办", "离婚 怎么办"), ("<script>彩礼</script>&nbsp;退", "彩礼 退")],
)
def test_markup_is_taken_out(app, question, kept):
    assert misses.clean(question).text == kept


@pytest.mark.parametrize(
    "question",
    ["无人机偷拍怎么办？", "陈述申辩权有什么用", "ChatGPT写的合同有效吗", "民法典 2021 年生效吗"],
)
def test_an_ordinary_question_stays_as_it_is(app, question):
    assert misses.clean(question).text == question


@pytest.mark.parametrize("question", ["", " ", "abc", "12345678901", "？！", "a" * 400])
def test_what_says_nothing_is_not_kept(database, question):
    assert misses.clean(question) is None
    misses.record(question, None)
    assert rows() == []


def test_a_long_story_is_cut_at_its_first_sentence(app):
    story = "楼上漏水把我家泡了。" + "然后物业说不管，" * 20
    assert misses.clean(story).text == "楼上漏水把我家泡了"
    assert len(misses.clean("楼上漏水" * 50).text) == misses.MOST


def test_the_same_question_is_one_row_however_it_is_put(database, clock):
    misses.record("无人机偷拍怎么办？", "injury")
    clock.advance(days=1)
    misses.record("怎么办 无人机偷拍", None)
    (row,) = rows()
    assert (row.count, row.text, row.category_code) == (2, "无人机偷拍怎么办？", "injury")
    assert (row.last_seen_on - row.first_seen_on).days == 1


def test_nothing_readable_is_stored(database, clock):
    misses.record("无人机偷拍怎么办？", None)
    stored = db.session.execute(text("SELECT text FROM search_miss")).scalar_one()
    assert "无人机".encode() not in bytes(stored)


@pytest.mark.parametrize(
    ("days", "shows"),
    [
        ((0, 0, 0, 0, 0), False),
        # Who was not helped asks again on the next day.
        ((0, 1), False),
        ((0, 1, 1, 2, 2, 3), False),
        ((0, 6, 6, 6, 6), False),
        ((0, 10, 20, 30), False),
        ((0, 1, 3, 5, 7), True),
        ((0, 10, 20, 30, 40), True),
    ],
)
def test_uncommon_chinese_words_show_once_several_people_may_have_asked(
    database, clock, days, shows
):
    gone = 0
    for day in days:
        clock.advance(days=day - gone)
        gone = day
        misses.record("魍魉斋欺负我", None)
    (row,) = rows()
    assert ("魍魉斋" in misses.shown(row)) is shows
    assert ("□" in misses.shown(row)) is not shows
    assert "欺负" in misses.shown(row)


@pytest.mark.parametrize("days", [0, 1, 100])
@pytest.mark.parametrize(
    ("question", "seen"),
    [
        ("zhangwei欠我钱不还", "□□□□□□□□欠我钱不还"),
        ("Wang Xiaoming打我怎么办", "□□□□ □□□□□□□□打我怎么办"),
        ("账号li.ming_wx被冒用", "账号□□□□□□□□□□被冒用"),
        ("𬱖𬸪欠钱", "□□欠钱"),
        ("Иван欠钱", "□□□□欠钱"),
        ("APP扣钱，5G套餐退吗", "APP扣钱，5G套餐退吗"),
        ("A公司欠钱", "A公司欠钱"),
        ("账号ab12骗钱", "账号□□□□骗钱"),
        ("电话13812345678骗钱", "电话〔号码〕骗钱"),
        ("座机 4372 0001 骗钱", "座机 〔号码〕 骗钱"),
        ("QQ 12 34 56 78骗钱", "QQ 〔号码〕骗钱"),
    ],
)
def test_what_may_be_somebodys_name_or_number_in_other_letters_shows_on_no_day(
    database, clock, question, seen, days
):
    misses.record(question, None)
    clock.advance(days=days)
    misses.record(question, None)
    db.session.expire_all()
    (row,) = rows()
    assert misses.shown(row) == seen


@pytest.mark.parametrize(
    "question",
    [
        "有人拿刀砍我",
        "老汉写了两份遗嘱",
        "因借款被骗该找谁",
        "他踹门咬伤我怎么办",
        "彩礼给了18万8退了半年女的跑了要得回来不",
        "娃儿遭人摸了",
        "老板喊我加班不给钱",
    ],
)
def test_what_is_done_to_somebody_shows_at_once(database, clock, question):
    misses.record(question, None)
    (row,) = rows()
    assert misses.shown(row) == question


@pytest.mark.parametrize("name", ["阿飏", "芈媱", "岑霁", "林奕含"])
def test_a_name_between_common_characters_does_not_show(database, clock, name):
    misses.record(f"{name}拿刀砍我", None)
    (row,) = rows()
    assert misses.shown(row).endswith("砍我")
    assert not set(name[1:]) & set(misses.shown(row))


def test_a_name_does_not_show_because_another_was_asked_about_later(database, clock):
    misses.record("zhangwei欠我钱不还", None)
    clock.advance(days=1)
    misses.record("liming欠我钱不还", None)
    assert {misses.shown(row) for row in rows()} == {"□□□□□□□□欠我钱不还", "□□□□□□欠我钱不还"}
    misses.record("ZhangWei 欠我钱不还", None)
    db.session.expire_all()
    assert [row.count for row in rows()] == [2, 1]


def test_a_flood_does_not_fill_the_table(database, clock, monkeypatch):
    monkeypatch.setattr(misses, "MOST_NEW_PER_DAY", 2)
    for question in ("无人机偷拍", "剧本杀受伤", "飞碟降落", "无人机偷拍"):
        misses.record(question, None)
    assert {row.text: row.count for row in rows()} == {"无人机偷拍": 2, "剧本杀受伤": 1}
    clock.advance(days=1)
    misses.record("飞碟降落", None)
    assert len(rows()) == 3


def test_what_is_not_asked_again_is_forgotten(database, clock):
    misses.record("飞碟降落", None)
    misses.record("无人机偷拍", None)
    misses.record("剧本杀受伤", None)
    with unit_of_work():
        rows()[2].state = MissState.ANSWERED
    clock.advance(days=1)
    misses.record("无人机偷拍", None)
    clock.advance(days=31)
    assert misses.forget(core_clock.today()) == 1
    clock.advance(days=180)
    assert misses.forget(core_clock.today()) == 1
    assert [row.text for row in rows()] == ["剧本杀受伤"]


HOUSING = {"category": "housing"}


def listed(api, headers, query="") -> list[dict]:
    return api.get(f"/staff/search/misses{query}", headers=headers).json["items"]


def ask(*questions: str, category: str | None = None) -> None:
    for question in questions:
        misses.record(question, category)


def test_staff_see_the_most_asked_first_page_by_page(database, clock, api):
    headers = staff_headers(roles=["content_editor"])
    ask("飞碟降落", category="injury")
    ask(*["无人机偷拍"] * 3)
    items = listed(api, headers)
    assert [(item["text"], item["count"]) for item in items] == [("无人机偷拍", 3), ("飞碟降落", 1)]
    first = api.get("/staff/search/misses?size=1", headers=headers).json
    second = api.get(
        f"/staff/search/misses?size=1&cursor={first['page']['next']}", headers=headers
    ).json
    assert [i["text"] for i in first["items"] + second["items"]] == ["无人机偷拍", "飞碟降落"]
    assert second["page"]["next"] is None
    broken = api.get("/staff/search/misses?cursor=abc", headers=headers)
    assert broken.json["code"] == "bad_cursor"


def test_similar_wordings_are_one_question(law, clock, api):
    ask("无人机偷拍怎么办？", "我被无人机偷拍了", category="injury")
    clock.advance(days=1)
    ask("无人机偷拍怎么办？", "请问无人机偷拍我家怎么办", "邻居装修噪音", "邻居装修漏水")
    headers = staff_headers(roles=["content_editor"])
    first, *others = listed(api, headers)
    assert (first["text"], first["count"], first["category"]) == (
        "无人机偷拍怎么办？",
        4,
        "injury",
    )
    assert [(item["text"], item["count"]) for item in first["wordings"]] == [
        ("无人机偷拍怎么办？", 2),
        ("我被无人机偷拍了", 1),
        ("请问无人机偷拍我家怎么办", 1),
    ]
    assert first["first_seen_on"] < first["last_seen_on"]
    assert {item["text"] for item in others} == {"邻居装修噪音", "邻居装修漏水"}


def test_rows_from_which_nothing_is_to_be_seen_are_not_listed(database, clock, api):
    headers = staff_headers(roles=["content_editor"])
    for question in ("飏飏怎么办", "怎么办呢", "<b></b>飏飏", "电瓶车被偷"):
        misses.record(question, None)
    assert [item["text"] for item in listed(api, headers)] == ["电瓶车被偷"]
    # Of a group the first wording shows from which something is to be seen.
    misses.record("芈飏飏电瓶车被偷", None)
    assert [item["text"] for item in listed(api, headers)] == ["电瓶车被偷"]
    # Asked five times within eight days, its words are to be seen.
    for _ in range(4):
        clock.advance(days=2)
        misses.record("飏飏怎么办", None)
    headers = staff_headers(roles=["content_editor"])
    assert "飏飏怎么办" in [item["text"] for item in listed(api, headers)]


def test_misses_are_narrowed_by_category_and_by_words_that_are_to_be_seen(law, api, editor):
    misses.record("飞碟降落谁赔", "housing")
    misses.record("飞碟噪音扰民", "labour")
    misses.record("魍魉斋欺负我", None)

    def texts(query: str) -> list[str]:
        items = api.get(f"/staff/search/misses?{query}", headers=editor).json["items"]
        return sorted(item["text"] for item in items)

    assert texts("category=housing") == ["飞碟降落谁赔"]
    assert texts("q=飞碟") == ["飞碟噪音扰民", "飞碟降落谁赔"]
    assert texts("q=飞碟 噪音&category=labour") == ["飞碟噪音扰民"]
    assert texts("q=欺负") == ["魍魉□欺负我"]
    assert texts("q=魍魉斋") == []
    answer = api.get("/staff/search/misses?category=planet", headers=editor)
    assert answer.status_code == 422


def test_one_step_leads_from_a_question_to_its_faq_and_one_back(law, api, editor):
    ask("无人机偷拍怎么办？", "无人机偷拍怎么办？", "无人机偷拍我家怎么办", category="injury")
    (item,) = listed(api, editor)
    draft, dismissal = item["allowed_actions"]
    assert (draft["action"], draft["method"], dismissal["action"]) == (
        "draft_faq",
        "POST",
        "dismiss",
    )
    path = draft["url"].removeprefix("/api/v1")
    made = api.post(path, {}, headers=editor)
    assert made.status_code == 201, made.json
    faq = made.json
    assert (faq["question"], faq["other_wordings"]) == (
        "无人机偷拍怎么办？",
        ["无人机偷拍我家怎么办"],
    )
    assert (faq["category"], faq["state"], faq["answer"]) == ("injury", "draft", "")
    assert listed(api, editor) == []
    (settled,) = listed(api, editor, "?state=answered")
    assert (settled["faq_id"], len(settled["wordings"])) == (faq["id"], 2)
    assert api.post(path, {}, headers=editor).json["code"] == "wrong_state"
    # What is not written yet is not shown to residents by mistake.
    refused = api.post(
        f"/staff/faqs/{faq['id']}/publication",
        headers={**editor, "If-Match": made.headers["ETag"]},
    )
    assert (refused.json["code"], list(refused.json["errors"])) == ("faq_incomplete", ["answer"])

    (back,) = settled["allowed_actions"]
    reopened = api.post(back["url"].removeprefix("/api/v1"), headers=editor).json
    assert (reopened["state"], reopened["faq_id"], reopened["count"]) == ("open", None, 3)
    assert api.get(f"/staff/faqs/{faq['id']}", headers=editor).status_code == 404
    assert [found["count"] for found in listed(api, editor)] == [3]
    done = db.session.execute(text("SELECT action FROM audit_event ORDER BY sequence"))
    assert list(done.scalars()) == [
        "faq.created",
        "search_miss.answered",
        "faq.discarded",
        "search_miss.reopened",
    ]


def test_a_draft_that_somebody_worked_on_outlives_the_step_back(law, api, editor):
    ask("无人机偷拍怎么办？")
    (item,) = listed(api, editor)
    steps = f"/staff/search/misses/{item['id']}"
    made = api.post(f"{steps}/faq-draft", {"category": "housing"}, headers=editor)
    assert made.json["category"] == "housing"
    path = f"/staff/faqs/{made.json['id']}"
    edited = api.patch(
        path,
        {"question": "被无人机偷拍了怎么办？"},
        headers={**editor, "If-Match": made.headers["ETag"]},
    )
    assert api.post(f"{steps}/reopening", headers=editor).status_code == 200
    assert api.get(path, headers=editor).json["question"] == edited.json["question"]
    assert api.post(f"{steps}/reopening", headers=editor).json["code"] == "wrong_state"


def test_a_published_answer_is_withdrawn_before_its_question_comes_back(law, api, editor):
    ask("二房东跑了")
    (item,) = listed(api, editor)
    body = {
        "category": "housing",
        "question": "二房东跑了怎么办？",
        "answer": "可以起诉。",
        "citations": [{"law": "民法典", "article": "710"}],
        "miss_id": item["id"],
    }
    made = api.post("/staff/faqs", body, headers=editor)
    path = f"/staff/faqs/{made.json['id']}"
    tag = {**editor, "If-Match": made.headers["ETag"]}
    published = api.post(f"{path}/publication", headers=tag)
    reopening = f"/staff/search/misses/{item['id']}/reopening"
    refused = api.post(reopening, headers=editor)
    assert (refused.status_code, "先撤下" in refused.json["next_step"]) == (409, True)
    tag = {**editor, "If-Match": published.headers["ETag"]}
    assert api.post(f"{path}/withdrawal", headers=tag).status_code == 200
    assert api.post(reopening, headers=editor).status_code == 200
    assert api.get(path, headers=editor).json["state"] == "withdrawn"


def test_hidden_words_do_not_go_into_a_draft_and_never_to_residents(law, api, editor):
    ask("魍魉斋欺负我", "工资不发欺负我")
    first, second = listed(api, editor)
    hidden, plain = (first, second) if "□" in first["text"] else (second, first)
    made = api.post(f"/staff/search/misses/{hidden['id']}/faq-draft", HOUSING, headers=editor)
    assert "魍魉斋" not in str(made.json)
    edited = api.patch(
        f"/staff/faqs/{made.json['id']}",
        {"answer": "可以报警。", "citations": [{"law": "民法典", "article": "710"}]},
        headers={**editor, "If-Match": made.headers["ETag"]},
    )
    refused = api.post(
        f"/staff/faqs/{made.json['id']}/publication",
        headers={**editor, "If-Match": edited.headers["ETag"]},
    )
    assert list(refused.json["errors"]) == ["question"]
    # Its keyword tells the category, as in search; with none at all somebody has to.
    made = api.post(f"/staff/search/misses/{plain['id']}/faq-draft", {}, headers=editor)
    assert made.json["category"] == "labour"


def test_without_any_hint_the_category_is_asked_for(law, api, editor):
    ask("飞碟降落")
    (item,) = listed(api, editor)
    path = f"/staff/search/misses/{item['id']}/faq-draft"
    refused = api.post(path, {}, headers=editor)
    assert (refused.status_code, list(refused.json["errors"])) == (422, ["category"])
    assert api.post(path, {"category": "space"}, headers=editor).status_code == 422
    assert [found["state"] for found in listed(api, editor)] == ["open"]


def test_a_question_is_dismissed_in_all_its_wordings_and_comes_back(database, clock, api):
    headers = staff_headers(roles=["admin"])
    ask("飞碟降落", "飞碟降落怎么办呀")
    ask("无人机偷拍")
    group, other = listed(api, headers)
    path = f"/staff/search/misses/{group['id']}"
    answer = api.post(f"{path}/dismissal", headers=headers)
    assert (answer.status_code, answer.json["state"], answer.json["count"]) == (200, "dismissed", 2)
    assert api.post(f"{path}/dismissal", headers=headers).status_code == 409
    assert [item["id"] for item in listed(api, headers)] == [other["id"]]
    assert len(listed(api, headers, "?state=dismissed")) == 1
    actions = db.session.execute(text("SELECT action FROM audit_event")).scalars().all()
    assert actions.count("search_miss.dismissed") == 1
    # It is counted on, but does not come back to the list by itself.
    ask("飞碟降落")
    assert db.session.scalar(select(func.count(SearchMiss.id))) == 3
    assert api.post(f"{path}/reopening", headers=headers).json["count"] == 3
    assert len(listed(api, headers)) == 2
    assert api.post(f"{path}/reopening", headers=headers).status_code == 409


def test_only_editors_see_them(database, clock, api):
    for role in ("moderator", "lawyer"):
        headers = staff_headers(roles=[role])
        assert api.get("/staff/search/misses", headers=headers).status_code == 403
    assert api.get("/staff/search/misses").status_code == 401
    headers = staff_headers(roles=["content_editor"])
    unknown = "/staff/search/misses/01890000-0000-7000-8000-000000000000"
    for step in ("dismissal", "reopening"):
        assert api.post(f"{unknown}/{step}", headers=headers).status_code == 404
    assert api.post(f"{unknown}/faq-draft", {}, headers=headers).status_code == 404


@pytest.mark.parametrize(
    ("question", "seen"),
    [
        ("醉驾会判几年", "醉驾会判几年"),
        ("民法典1254", "民法典1254"),
        ("李合同欠钱", "□合同欠钱"),
        ("我叫张三电话被骗", "我叫某某电话被骗"),
        ("我叫王小明在厂里受伤", "我叫某某在厂里受伤"),
        ("名叫欧阳锋的人打我", "名叫某某的人打我"),
    ],
)
def test_what_the_thesaurus_knows_shows_at_once_and_a_name_does_not(
    settings, clock, question, seen
):
    known = Thesaurus(
        {"民法典": "中华人民共和国民法典"}, {"醉驾": ("危险驾驶",), "签合同": ("合同",)}
    )
    IndexWriter(settings.index_dir, known).build([])
    misses.record(question, None)
    (row,) = rows()
    assert misses.shown(row) == seen
