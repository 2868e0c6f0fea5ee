"""Texts whose legal basis changed come up once for each change, wherever they come from."""

from __future__ import annotations

import uuid

import pytest
from sqlalchemy import select

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
