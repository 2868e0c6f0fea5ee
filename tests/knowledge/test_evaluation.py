"""The district's own questions measure its search, and the series shows whether it gets better."""

from __future__ import annotations

import json

import pytest
from sqlalchemy import select

from portal.core.db import db, new_id
from portal.core.unit_of_work import unit_of_work
from portal.knowledge import documents, evaluation, providers
from portal.knowledge.models import Article, Faq, PublicationState, SearchEvaluation
from portal.knowledge.providers import Provider, SearchDocument
from search_index import Document, Thesaurus
from search_index.own_questions import evaluate_own
from tests.factories.people import staff_headers

WORDS = ("押金", "宠物", "电梯", "噪音", "漏水", "停车", "装修", "宅基地", "彩礼", "遗嘱")


def corpus(count: int) -> tuple[list[Document], list[Document]]:
    """Articles about one thing each, and three questions per thing that cite its article."""
    articles = [
        Document(key=f"article:{n}", kind="article", title="测试法", law="测试法",
                 text=f"{word}的管理人应当依照本条处理。", article_number=str(n), validity="in_force")
        for n, word in enumerate(WORDS)
    ]  # fmt: skip
    questions = [
        Document(key=f"faq:{n}", kind="faq", title=f"关于{WORDS[n % 10]}的第{n}个问题怎么办",
                 text="", cites=(f"article:{n % 10}",))
        for n in range(count)
    ]  # fmt: skip
    return articles, questions


def test_questions_that_share_words_with_their_articles_find_them():
    told: list[tuple[int, int]] = []
    found = evaluate_own(*corpus(30), Thesaurus(), lambda done, total: told.append((done, total)))
    assert (found.mrr_at_10, found.success_at_5, found.recall_at_100) == (1.0, 1.0, 1.0)
    assert told[0] == (0, 6)
    assert told[-1] == (6, 6)


def test_no_question_is_asked_of_an_index_that_holds_it():
    articles, _ = corpus(0)
    # Each word stands in one question only: an index that held the question would find its article.
    questions = [
        Document(key=f"faq:{n}", kind="faq", title=chr(0x4E00 + 7 * n) * 2, text="",
                 cites=(f"article:{n % 10}",))
        for n in range(20)
    ]  # fmt: skip
    found = evaluate_own(articles, questions, Thesaurus(), lambda done, total: None)
    assert found.recall_at_100 == 0.0


@pytest.fixture
def run(app, settings):
    """Run the command."""
    return lambda: app.test_cli_runner().invoke(args=["search", "evaluate"])


def test_too_few_questions_are_told_with_how_many_it_takes(run, law):
    result = run()
    assert result.exit_code == 1
    assert "只有 2 个，至少要有 50 个才能评测" in result.output
    assert "请再发布 48 个" in result.output
    assert db.session.scalar(select(SearchEvaluation)) is None


def test_without_law_it_says_what_to_import(run, settings):
    result = run()
    assert result.exit_code == 1
    assert "没有现行有效的法律条文，无从评测检索。" in result.output
    assert "law import-starter" in result.output
    assert "问答" not in result.output


@pytest.fixture
def answers(law, monkeypatch):
    """A room that provides sixty published answers, on an article in force and on one that is not."""
    wage = db.session.scalar(select(Article.id).where(Article.number == "30"))
    repealed = db.session.scalar(select(Article.id).where(Article.text.contains("保护优先")))
    made = [
        SearchDocument(
            id=new_id(),
            title=f"单位第{n}个月没有支付劳动报酬",
            text="",
            article_ids=(wage if n < 60 else repealed,),
        )
        for n in range(65)
    ]
    provider = Provider(load=lambda ids: made, all_ids=lambda: [made[0].id])
    monkeypatch.setattr(providers, "_providers", {**providers.registered(), "answer": provider})


def test_a_run_is_one_object_a_table_and_a_point_of_the_series(run, answers, api, clock):
    first = run()
    assert first.exit_code == 0, first.output
    figures = json.loads(first.stdout)
    assert (figures["questions"], figures["articles"]) == (62, 14)
    assert {"mrr_at_10", "success_at_5", "recall_at_10", "recall_at_100"} <= set(figures)
    assert figures["success_at_5"] > 0.9
    assert "用 62 个已发布的问题，在 14 条现行条文里检索" in first.stderr
    assert "| 前五名里有正确条文的问题 |" in first.stderr
    assert "上次（没有）" in first.stderr
    assert "读取内容：85/85" in first.stderr
    assert "逐组提问：6/6" in first.stderr

    clock.advance(days=30)
    with unit_of_work():
        faq = db.session.scalar(select(Faq).where(Faq.slug == "housing-deposit"))
        faq.state = PublicationState.WITHDRAWN
    second = run()
    assert "上次是 2026-03-02，62 个问题" in second.stderr
    headers = staff_headers(roles=["content_editor"])
    page = api.get("/staff/search/evaluations", headers=headers).json
    assert [item["questions"] for item in page["items"]] == [61, 62]
    assert page["items"][1] == figures
    assert page["items"][0]["evaluated_at"].startswith("2026-04-01")
    one = api.get("/staff/search/evaluations?size=1", headers=headers).json
    assert one["page"]["next"]


def test_only_the_law_of_today_is_searched(answers):
    articles, questions = evaluation._collect(lambda stage, done, total: None)
    held = {article.key for article in articles}
    assert all(held & set(question.cites) for question in questions)
    everything = [doc for doc in documents.everything() if doc.kind == "article"]
    assert {doc.validity for doc in everything if doc.key not in held} == {
        "amended", "repealed", "not_yet"
    } & {doc.validity for doc in everything}  # fmt: skip


def test_the_figures_are_for_editors(database, clock, api):
    assert api.get("/staff/search/evaluations").status_code == 401
    headers = staff_headers(roles=["lawyer"])
    assert api.get("/staff/search/evaluations", headers=headers).status_code == 403
