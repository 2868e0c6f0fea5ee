"""Questions that search could not answer: counted, grouped, and nobody in them."""

from __future__ import annotations

import pytest
from sqlalchemy import func, select, text

from portal.core import clock as core_clock
from portal.core.db import db
from portal.core.unit_of_work import unit_of_work
from portal.knowledge import misses
from portal.knowledge.models import MissState, SearchMiss
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


def test_uncommon_words_show_from_the_second_day(database, clock):
    misses.record("魍魉斋欺负我", None)
    (row,) = rows()
    assert "魍魉斋" not in misses.shown(row)
    assert "□" in misses.shown(row)
    assert "欺负" in misses.shown(row)
    clock.advance(days=1)
    misses.record("魍魉斋欺负我", None)
    db.session.expire_all()
    (row,) = rows()
    assert misses.shown(row) == "魍魉斋欺负我"


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


def test_staff_see_the_most_asked_first_with_the_way_to_write_the_faq(database, clock, api):
    headers = staff_headers(roles=["content_editor"])
    misses.record("飞碟降落", "injury")
    for _ in range(3):
        misses.record("无人机偷拍", None)
    items = api.get("/staff/search/misses", headers=headers).json["items"]
    assert [(item["text"], item["count"]) for item in items] == [("无人机偷拍", 3), ("飞碟降落", 1)]
    draft = items[1]["write_faq"]
    assert (draft["method"], draft["url"]) == ("POST", "/api/v1/staff/faqs")
    assert draft["body"] == {
        "question": "飞碟降落",
        "category": "injury",
        "miss_id": items[1]["id"],
    }
    first = api.get("/staff/search/misses?size=1", headers=headers).json
    second = api.get(
        f"/staff/search/misses?size=1&cursor={first['page']['next']}", headers=headers
    ).json
    assert [i["text"] for i in first["items"] + second["items"]] == ["无人机偷拍", "飞碟降落"]


def test_a_miss_is_dismissed_once(database, clock, api):
    headers = staff_headers(roles=["admin"])
    misses.record("飞碟降落", None)
    path = f"/staff/search/misses/{rows()[0].id}/dismissal"
    answer = api.post(path, headers=headers)
    assert (answer.status_code, answer.json["state"]) == (200, "dismissed")
    assert answer.json["write_faq"] is None
    assert api.post(path, headers=headers).status_code == 409
    assert api.get("/staff/search/misses", headers=headers).json["items"] == []
    seen = api.get("/staff/search/misses?state=dismissed", headers=headers).json["items"]
    assert len(seen) == 1
    actions = db.session.execute(text("SELECT action FROM audit_event")).scalars().all()
    assert actions.count("search_miss.dismissed") == 1
    # It is counted on, but does not come back to the list.
    misses.record("飞碟降落", None)
    assert db.session.scalar(select(func.count(SearchMiss.id))) == 1


def test_only_editors_see_them(database, clock, api):
    for role in ("moderator", "lawyer"):
        headers = staff_headers(roles=[role])
        assert api.get("/staff/search/misses", headers=headers).status_code == 403
    assert api.get("/staff/search/misses").status_code == 401
    headers = staff_headers(roles=["content_editor"])
    unknown = "/staff/search/misses/01890000-0000-7000-8000-000000000000/dismissal"
    assert api.post(unknown, headers=headers).status_code == 404
