"""Texts whose legal basis changed come up once for each change, wherever they come from."""

from __future__ import annotations

import uuid

import pytest
from sqlalchemy import select, update

from portal.core import clock as core_clock
from portal.core.db import db, new_id
from portal.core.unit_of_work import unit_of_work
from portal.knowledge import operations, providers, reviews
from portal.knowledge.models import (
    Article,
    CitedArticle,
    Faq,
    LawVersion,
    PublicationState,
    ReviewItem,
    ReviewReason,
    ReviewState,
    Validity,
)
from portal.knowledge.providers import Provider, SearchDocument
from tests.knowledge.test_lineage import cite, load


def items() -> list[ReviewItem]:
    return list(db.session.scalars(select(ReviewItem).order_by(ReviewItem.id)))


def change_text(number: str, mark: str) -> Article:
    with unit_of_work():
        article = db.session.scalar(select(Article).where(Article.number == number))
        article.text, article.text_hash = article.text + mark, mark * 8
    return article


@pytest.fixture
def answers(monkeypatch):
    """A room that provides published answers, as consultations do."""
    documents: dict[uuid.UUID, SearchDocument] = {}
    provider = Provider(
        load=lambda ids: [documents[i] for i in ids if i in documents],
        all_ids=lambda: list(documents),
    )
    monkeypatch.setattr(providers, "_providers", {**providers.registered(), "answer": provider})
    return documents


def test_a_changed_article_lists_every_text_that_cites_it_once(law):
    change_text("30", "甲")
    assert reviews.refresh().opened == 2
    assert {(item.subject_kind, item.reason) for item in items()} == {
        ("faq", ReviewReason.TEXT_CHANGED),
        ("guide", ReviewReason.TEXT_CHANGED),
    }
    assert reviews.refresh().opened == 0
    assert len(items()) == 2


def test_what_was_read_comes_up_again_only_for_a_further_change(law):
    change_text("710", "甲")
    reviews.refresh()
    with unit_of_work():
        (item,) = items()
        item.state = ReviewState.DONE
    assert reviews.refresh().opened == 0
    change_text("710", "乙")
    assert reviews.refresh().opened == 1
    assert [item.state for item in items()] == [ReviewState.DONE, ReviewState.OPEN]


def test_an_open_item_follows_and_goes_when_its_cause_is_gone(law):
    before = db.session.scalar(select(Article.text_hash).where(Article.number == "710"))
    change_text("710", "甲")
    reviews.refresh()
    basis = items()[0].basis
    change_text("710", "乙")
    reviews.refresh()
    (item,) = items()
    assert item.basis != basis
    with unit_of_work():
        db.session.scalar(select(Article).where(Article.number == "710")).text_hash = before
    assert reviews.refresh().settled == 1
    assert items() == []


def test_what_is_not_published_is_not_listed(law):
    with unit_of_work():
        faq = db.session.scalar(select(Faq).where(Faq.slug == "housing-deposit"))
        faq.state = PublicationState.WITHDRAWN
    change_text("710", "甲")
    assert reviews.refresh().opened == 0


def test_a_law_out_of_force_lists_what_rests_on_it(law):
    with unit_of_work():
        for version in db.session.scalars(select(LawVersion)):
            version.status = Validity.REPEALED
    reviews.refresh()
    assert {item.reason for item in items()} == {ReviewReason.OUT_OF_FORCE}
    assert len(items()) == 4


def test_an_answer_of_another_room_is_looked_at_too(law, answers, clock):
    old = db.session.scalar(select(Article).where(Article.text.contains("商标旧法第四条")))
    fine = db.session.scalar(select(Article).where(Article.number == "30"))
    answer = new_id()
    answers[answer] = SearchDocument(
        id=answer, title="商标被抢注了", text="", article_ids=(old.id, fine.id, new_id())
    )
    assert reviews.refresh().opened == 0
    clock.set("2027-01-01 08:00")
    from portal.knowledge import validity

    validity.refresh(core_clock.today())
    assert reviews.refresh().opened == 1
    (item,) = items()
    assert (item.subject_kind, item.subject_id, item.reason) == (
        "answer",
        answer,
        ReviewReason.TEXT_CHANGED,
    )
    del answers[answer]
    assert reviews.refresh().settled == 1


def test_an_article_that_the_new_version_dropped_is_gone(law, answers, clock):
    old = db.session.scalar(select(Article).where(Article.text.contains("商标旧法第四条")))
    new = db.session.scalar(select(Article).where(Article.text.contains("商标新法第四条")))
    with unit_of_work():
        db.session.delete(db.session.get_one(Article, new.id))
    answer = new_id()
    answers[answer] = SearchDocument(id=answer, title="商标", text="", article_ids=(old.id,))
    clock.set("2027-01-01 08:00")
    from portal.knowledge import validity

    validity.refresh(core_clock.today())
    reviews.refresh()
    assert [item.reason for item in items()] == [ReviewReason.GONE]


def test_citations_are_linked_when_their_law_arrives(settings, package):
    operations.load_content()
    operations.import_starter()
    with unit_of_work():
        for row in db.session.scalars(select(CitedArticle)):
            row.article_id = None
    report = reviews.refresh()
    assert report.relinked == 4
    assert all(db.session.scalars(select(CitedArticle.article_id)))


@pytest.fixture
def listed(api, editor):
    """The open entries as an editor sees them."""
    return lambda: api.get("/staff/knowledge/reviews", headers=editor).json["items"]


# --- a finished review, and the versions after it ---

CLEAN = "测试：楼道应当保持整洁。"
DEPOSIT = "测试：房东收取押金的，租赁期满应当返还承租人。"
CHANGED = "测试：房东收取押金的，租赁期满应当在七日内返还承租人。"
AGAIN = "测试：房东收取押金的，租赁期满应当在三日内返还承租人。"


@pytest.fixture
def deposit(settings, tmp_path):
    """An FAQ that rests on the second article of a law; brings in a version with that article's text."""
    operations.load_content()

    def bring(day: str, text: str, first: str = CLEAN) -> None:
        load(tmp_path / "laws", (day, [("第一条", first), ("第二条", text)]))

    bring("2000-01-01", DEPOSIT)
    cite("2")
    bring("2010-01-01", CHANGED)
    return bring


def finish(api, editor) -> None:
    (item,) = items()
    done = api.post(f"/staff/knowledge/reviews/{item.id}/completion", headers=editor)
    assert (done.status_code, done.json["state"]) == (200, "done")


def states() -> list[tuple[ReviewState, ReviewReason]]:
    db.session.expire_all()
    return [(item.state, item.reason) for item in items()]


READ = (ReviewState.DONE, ReviewReason.TEXT_CHANGED)
TO_READ = (ReviewState.OPEN, ReviewReason.TEXT_CHANGED)


def test_a_later_version_with_the_same_text_does_not_list_what_was_read(deposit, api, editor):
    finish(api, editor)
    deposit("2020-01-01", CHANGED, first="测试：楼道不得堆放杂物。")
    assert states() == [READ]
    assert reviews.refresh().opened == 0


@pytest.mark.parametrize("text", [AGAIN, DEPOSIT])
def test_a_later_version_with_another_text_lists_it_anew(deposit, api, editor, text):
    finish(api, editor)
    deposit("2020-01-01", text)
    assert states() == [READ, TO_READ]


def test_a_text_that_comes_back_after_another_was_read_is_listed(deposit, api, editor):
    finish(api, editor)
    deposit("2015-01-01", AGAIN)
    (item,) = [item for item in items() if item.state is ReviewState.OPEN]
    api.post(f"/staff/knowledge/reviews/{item.id}/completion", headers=editor)
    deposit("2020-01-01", CHANGED)
    assert states() == [READ, READ, TO_READ]


def test_what_changed_between_the_listing_and_the_reading_is_not_taken_as_read(
    deposit, api, editor
):
    with unit_of_work():
        article = db.session.get_one(Article, items()[0].article_id)
        article.text, article.text_hash = AGAIN, "a" * 64
    finish(api, editor)
    assert reviews.refresh().opened == 1


def test_what_waits_follows_its_article_to_the_next_version(deposit, api, editor):
    (before,) = items()
    deposit("2020-01-01", AGAIN)
    db.session.expire_all()
    (after,) = items()
    assert after.id == before.id
    assert after.article.text == AGAIN


def test_a_law_that_stays_repealed_does_not_list_what_was_read(deposit, api, editor, tmp_path):
    def repeal() -> None:
        with unit_of_work():
            for version in db.session.scalars(select(LawVersion)):
                version.status = Validity.REPEALED
        reviews.refresh()

    repeal()
    finish(api, editor)
    with unit_of_work():
        db.session.execute(update(CitedArticle).values(text_hash=None))
    deposit("2020-01-01", CHANGED)
    repeal()
    assert states() == [(ReviewState.DONE, ReviewReason.OUT_OF_FORCE)]


def test_an_answer_read_when_its_article_moved_is_not_listed_when_it_moves_back(
    settings, tmp_path, answers, api, editor
):
    dogs = "测试：饲养烈性犬的，应当到街道办事处登记并佩戴犬牌。"

    def bring(day: str, *texts: str) -> None:
        labels = ("第一条", "第二条", "第三条")
        load(tmp_path / "laws", (day, list(zip(labels, texts, strict=False))))

    bring("2000-01-01", CLEAN, DEPOSIT)
    article = db.session.scalar(select(Article).where(Article.text == DEPOSIT))
    answer = new_id()
    answers[answer] = SearchDocument(
        id=answer, title="押金不退", text="", article_ids=(article.id,)
    )
    bring("2010-01-01", CLEAN, dogs, CHANGED)
    assert [reason for _, reason in states()] == [ReviewReason.RENUMBERED]
    finish(api, editor)
    bring("2020-01-01", CLEAN, CHANGED)
    assert [state for state, _ in states()] == [ReviewState.DONE]
    bring("2022-01-01", CLEAN, AGAIN)
    assert [state for state, _ in states()] == [ReviewState.DONE, ReviewState.OPEN]


# --- what changed, and what is no change ---

OTHER_PRINT = "测试:房东收取押金的,租赁期满应当 在七日内\n返还承租人。"


def test_the_same_words_in_other_widths_and_spaces_are_not_listed(deposit, api, editor):
    finish(api, editor)
    deposit("2010-01-01", OTHER_PRINT)
    assert states() == [READ]
    assert db.session.scalar(select(Article.text).where(Article.text == OTHER_PRINT))
    deposit("2020-01-01", CHANGED)
    assert states() == [READ]


def test_an_answer_is_not_listed_for_another_print_of_its_article(deposit, answers):
    article = db.session.scalar(select(Article).where(Article.text == CHANGED))
    answers[article.id] = SearchDocument(
        id=article.id, title="押金不退", text="", article_ids=(article.id,)
    )
    deposit("2020-01-01", OTHER_PRINT)
    assert {item.subject_kind for item in items()} == {"faq"}


def words(item: dict[str, object], op: str) -> list[str]:
    return [part["text"] for part in item["difference"] if part["op"] == op]


@pytest.mark.parametrize("day", ["2010-01-01", "2020-01-01"])
def test_a_review_shows_the_words_that_changed_in_the_same_version_and_in_a_later_one(
    deposit, api, editor, listed, day
):
    finish(api, editor)
    deposit(day, AGAIN)
    (item,) = listed()
    assert (words(item, "delete"), words(item, "insert")) == (["七日"], ["三日"])
    assert item["note"] == "请对照删去和增加的文字，核对内容是否仍然正确。"
    done = api.post(f"/staff/knowledge/reviews/{item['id']}/completion", headers=editor).json
    assert words(done, "insert") == ["三日"]


def test_a_second_change_is_shown_against_what_was_read(deposit, listed):
    deposit("2010-01-01", AGAIN)
    (item,) = listed()
    assert words(item, "insert") == ["在三日内"]


def test_the_review_of_an_answer_shows_the_words_that_changed(deposit, answers, listed):
    article = db.session.scalar(select(Article).where(Article.text == CHANGED))
    answers[article.id] = SearchDocument(
        id=article.id, title="押金不退", text="", article_ids=(article.id,)
    )
    deposit("2020-01-01", AGAIN)
    (item,) = [item for item in listed() if item["subject_kind"] == "answer"]
    assert (words(item, "delete"), words(item, "insert")) == (["七日"], ["三日"])


def test_a_text_whose_former_words_are_not_known_says_so(deposit, listed):
    with unit_of_work():
        db.session.execute(update(CitedArticle).values(read_text=None))
    (item,) = listed()
    assert item["difference"] == []
    assert item["note"] == "上次核对时的文字没有保存，请对照现行条文核对。"
