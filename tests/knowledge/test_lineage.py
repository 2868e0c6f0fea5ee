"""Laws whose numbers were dealt anew: what history, reviews and checks of citations say of them."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select, update

from portal.core import clock
from portal.core.db import db, new_id
from portal.core.unit_of_work import unit_of_work
from portal.knowledge import citations, content, lineage, operations, providers, reviews, tasks
from portal.knowledge.models import (
    Article,
    ArticleLineage,
    Faq,
    LawVersion,
    PublicationState,
    ReviewItem,
    ReviewReason,
)
from portal.knowledge.providers import Provider, SearchDocument
from tests.knowledge.conftest import A_RUN
from tests.knowledge.test_history import LAW, article_id, of_corpus, read, told
from tests.knowledge.test_import import rows, write_lines

GOAL = "测试：为了保护居民的合法权益，制定本法。"
DEPOSIT = "测试：房东收取押金的，租赁期满应当在三日内返还承租人。"
DOGS = "测试：饲养烈性犬的，应当到街道办事处登记并佩戴犬牌。"
NOISE = "测试：夜间施工应当提前两日公告附近居民。"
LIFTS = "测试：电梯每半个月至少检修一次。"
LATER = DEPOSIT.replace("三日", "七日")

OLD = ("2000-01-01", [("第一条", GOAL), ("第二条", DEPOSIT), ("第三条", DOGS), ("第四条", LIFTS)])
# Two new articles come before the deposit, the lifts are dropped, and their number is the deposit's.
NEW = (
    "2020-01-01",
    [("第一条", GOAL), ("第二条", NOISE), ("第三条", DOGS), ("第四条", LATER)],
)


def load(folder: Path, *versions: Any, law: str = LAW) -> None:
    folder.mkdir(exist_ok=True)
    lines = rows(*[(law, *version) for version in versions])
    path = write_lines(folder / f"{new_id()}.jsonl", lines)
    assert operations.import_law([path]).problems == []
    db.session.expire_all()


@pytest.fixture
def old(settings: Any, tmp_path: Path) -> Path:
    """The law before it was changed."""
    operations.load_content()
    load(tmp_path / "laws", OLD)
    return tmp_path / "laws"


@pytest.fixture
def both(old: Path) -> Path:
    load(old, NEW)
    return old


def cite(number: str, question: str = "押金不退怎么办？") -> Faq:
    """A published FAQ that rests on an article."""
    with unit_of_work():
        faq = Faq(
            slug=f"test-{number}",
            category_code="housing",
            question=question,
            answer="测试",
            reviewed_on=clock.today(),
            state=PublicationState.PUBLISHED,
            origin="staff",
        )
        db.session.add(faq)
        content.set_citations(faq, [{"law": LAW, "article": number, "point": ""}])
    return faq


# --- history ---


def test_the_history_follows_an_article_to_its_new_number(both, api):
    entries = read(api, f"/articles/{article_id('2')}/history")["items"]
    assert told(entries) == [("2020-01-01", "changed"), ("2000-01-01", "first")]
    now, before = entries
    assert (now["note"], now["article"]["label"]) == ("原第二条", "第四条")
    assert now["former"]["id"] == before["article"]["id"]
    assert {"op": "delete", "text": "三日"} in now["difference"]
    assert (before["note"], before["former"]) == (None, None)
    seen = read(api, f"/articles/{article_id('4', version=1)}/history")
    assert seen["items"] == entries


def test_an_article_that_only_moved_says_so(old, api):
    load(old, ("2010-01-01", [("第一条", NOISE), ("第二条", GOAL), ("第三条", DEPOSIT)]))
    newest = read(api, f"/articles/{article_id('3', version=1)}/history")["items"][0]
    assert (newest["change"], newest["note"]) == ("renumbered", "原第二条")
    assert newest["change_label"] == "文字没有变化，条文序号变了"
    assert newest["difference"] == [{"op": "equal", "text": DEPOSIT}]


def test_whoever_gets_a_number_does_not_inherit_its_history(both, api):
    noise = read(api, f"/articles/{article_id('2', version=1)}/history")["items"]
    assert told(noise) == [("2020-01-01", "added")]
    lifts = read(api, f"/articles/{article_id('4')}/history")["items"]
    assert told(lifts) == [("2020-01-01", "removed"), ("2000-01-01", "first")]


def test_the_versions_of_an_article_are_the_article_and_not_its_number(both, api):
    body = read(api, f"/articles/{article_id('2')}")
    assert [item["label"] for item in body["versions"]] == ["第二条", "第四条"]


def test_a_history_goes_through_three_versions_whatever_order_they_came_in(settings, tmp_path, api):
    last = ("2024-01-01", [("第一条", DOGS), ("第二条", GOAL), ("第三条", LATER)])
    middle = ("2010-01-01", [("第一条", NOISE), ("第二条", GOAL), ("第三条", DEPOSIT)])
    for version in (last, OLD, middle):
        load(tmp_path / "laws", version)
    entries = read(api, f"/articles/{article_id('2')}/history")["items"]
    assert [(entry["change"], entry["note"]) for entry in entries] == [
        ("changed", None),
        ("renumbered", "原第二条"),
        ("first", None),
    ]


# --- what is stored ---


def lines() -> int:
    return db.session.scalar(select(func.count()).select_from(ArticleLineage)) or 0


def test_a_second_round_finds_nothing_to_match(both):
    assert lines() == 3
    assert lineage.refresh() == 0


def test_a_version_that_is_imported_with_another_text_is_matched_anew(both, api):
    corrected = ("2020-01-01", [("第一条", GOAL), ("第二条", DEPOSIT), ("第三条", DOGS)])
    load(both, corrected)
    entries = read(api, f"/articles/{article_id('2')}/history")["items"]
    assert told(entries) == [("2020-01-01", "unchanged"), ("2000-01-01", "first")]
    assert lineage.refresh() == 0


def test_before_it_is_matched_a_law_goes_by_its_numbers(both, api):
    with unit_of_work():
        db.session.execute(update(LawVersion).values(aligned_with=None))
    db.session.expire_all()
    entries = read(api, f"/articles/{article_id('2')}/history")["items"]
    assert told(entries) == [("2020-01-01", "changed"), ("2000-01-01", "first")]
    assert entries[0]["article"]["text"] == NOISE
    tasks.daily(A_RUN)
    db.session.expire_all()
    entries = read(api, f"/articles/{article_id('2')}/history")["items"]
    assert entries[0]["article"]["text"] == LATER


def test_what_an_import_changed_while_it_was_compared_is_left_for_the_next_round(both, monkeypatch):
    with unit_of_work():
        db.session.execute(update(LawVersion).values(aligned_with=None))
    align = lineage.align

    def interrupted(left, right):
        with unit_of_work():
            db.session.execute(update(Article).where(Article.text == LATER).values(text=LATER * 2))
        return align(left, right)

    monkeypatch.setattr(lineage, "align", interrupted)
    assert lineage.refresh() == 0
    monkeypatch.undo()
    assert lineage.refresh() == 1


# --- reviews ---


def items() -> list[ReviewItem]:
    return list(db.session.scalars(select(ReviewItem).order_by(ReviewItem.id)))


def test_a_text_that_cites_a_moved_article_is_told_where_it_went(old, api, editor):
    faq = cite("2")
    cite("3", question="烈性犬要登记吗？")
    load(old, NEW)
    (item,) = api.get("/staff/knowledge/reviews", headers=editor).json["items"]
    assert (item["subject_id"], item["reason"]) == (str(faq.id), "renumbered")
    assert item["article"]["label"] == "第二条"
    assert item["moved_to"]["label"] == "第四条"
    assert item["note"] == (
        "原第二条现在是第四条，文字也有修改。请改正引用的序号，再核对正文里写到的序号。"
    )
    # Nothing was rewritten behind the author's back, and residents see that the text is old.
    (shown,) = api.get(f"/faqs/{faq.id}").json["citations"]
    assert (shown["article_label"], shown["validity"]) == ("第二条", "historical")
    assert reviews.refresh().opened == 0

    seen = api.get(f"/staff/faqs/{faq.id}", headers=editor)
    edited = api.patch(
        f"/staff/faqs/{faq.id}",
        {"citations": [{"law": LAW, "article": "第四条", "point": ""}]},
        headers={**editor, "If-Match": seen.headers["ETag"]},
    )
    assert edited.json["citations"][0]["validity"] == "in_force"
    reviews.refresh()
    assert api.get("/staff/knowledge/reviews", headers=editor).json["items"] == []


def test_whoever_read_it_is_asked_again_only_when_it_moves_again(old, api, editor):
    cite("2")
    load(old, NEW)
    (item,) = api.get("/staff/knowledge/reviews", headers=editor).json["items"]
    done = api.post(f"/staff/knowledge/reviews/{item['id']}/completion", headers=editor)
    assert (done.json["state"], done.json["moved_to"]["label"]) == ("done", "第四条")
    assert reviews.refresh().opened == 0
    load(old, ("2024-01-01", [("第一条", GOAL), ("第二条", LATER)]))
    # Back under the number that is cited, with the text it was read against.
    assert reviews.refresh().opened == 0
    assert [found.state for found in items()] == ["done"]
    load(old, ("2025-01-01", [("第一条", GOAL), ("第二条", DEPOSIT)]))
    assert [found.reason for found in items() if found.state == "open"] == [
        ReviewReason.TEXT_CHANGED
    ]


def test_a_dropped_article_is_gone_although_its_number_lives_on(old, api, editor):
    cite("4", question="电梯多久检修？")
    load(old, NEW)
    (item,) = items()
    assert item.reason is ReviewReason.GONE
    assert item.article.text == LIFTS
    (shown,) = api.get("/staff/knowledge/reviews", headers=editor).json["items"]
    assert shown["note"].startswith("现行版本里已经没有原来的第四条，现在的第四条是另一条。")


def test_what_cites_the_number_of_a_dropped_article_is_listed_when_its_neighbour_takes_it(
    old, api, editor
):
    cite("2")
    cite("3", question="烈性犬要登记吗？")
    load(
        old,
        (
            "2020-01-01",
            [("第一条", GOAL), ("第二条", NOISE), ("第三条", DEPOSIT), ("第四条", LIFTS)],
        ),
    )
    shown = {
        item["article"]["label"]: item
        for item in api.get("/staff/knowledge/reviews", headers=editor).json["items"]
    }
    assert shown["第二条"]["moved_to"]["label"] == "第三条"
    assert shown["第三条"]["reason"] == "gone"
    assert "现在的第三条是另一条" in shown["第三条"]["note"]


def test_a_dropped_article_whose_number_is_free_says_only_that(old, api, editor):
    cite("4", question="电梯多久检修？")
    load(old, ("2020-01-01", OLD[1][:3]))
    (shown,) = api.get("/staff/knowledge/reviews", headers=editor).json["items"]
    assert shown["note"].startswith("现行版本里已经没有原来的第四条。")


def test_an_answer_of_another_room_is_told_too(old, monkeypatch):
    answer = new_id()
    document = SearchDocument(
        id=answer, title="押金不退", text="", article_ids=(article_id("2"), article_id("3"))
    )
    provider = Provider(load=lambda ids: [document], all_ids=lambda: [answer])
    monkeypatch.setattr(providers, "_providers", {**providers.registered(), "answer": provider})
    load(old, NEW)
    (item,) = items()
    assert (item.subject_id, item.reason) == (answer, ReviewReason.RENUMBERED)


# --- citations ---


def test_a_check_says_that_the_number_is_another_articles_now(both, api):
    text = f"根据《{LAW}》第二条、第三条办理。"
    moved, stayed = api.post("/citations/check", {"text": text}).json["citations"]
    assert (moved["status"], moved["holds"]) == ("found", True)
    assert moved["moved_to"] == {
        "article_id": str(article_id("4", version=1)),
        "article_number": "4",
        "article_label": "第四条",
        "text_changed": True,
    }
    assert "2020-01-01 的版本改了条文序号：原第二条现在是第四条" in moved["message"]
    assert stayed["moved_to"] is None


def test_a_number_that_is_gone_is_told_with_where_its_article_went(old):
    load(old, ("2020-01-01", [("第一条", LIFTS), ("第二条", GOAL)]))
    (found,) = citations.check(f"《{LAW}》第四条")
    assert found.status.value == "repealed"
    assert found.moved_to is not None
    assert found.moved_to.label == "第一条"
    assert found.message.endswith("原第四条现在是第一条，请核对引用的是哪一条。")


@pytest.mark.corpus
def test_a_real_law_told_at_every_place(settings, api):
    assert operations.import_law(of_corpus("公司法")).problems == []
    law = "中华人民共和国公司法"
    newest = read(api, f"/articles/{article_id('21', law)}/history")["items"][0]
    assert (newest["article"]["label"], newest["note"]) == ("第二十二条", "原第二十一条")
    (found,) = citations.check("根据公司法第二十一条，关联交易要赔偿。")
    assert found.moved_to is not None
    assert found.moved_to.label == "第二十二条"


def test_an_unknown_article_has_no_lineage(settings):
    assert lineage.successors(set()) == {}
    assert lineage.moved_away([]) == {}
    assert lineage.successors({uuid.uuid4()}) == {}
