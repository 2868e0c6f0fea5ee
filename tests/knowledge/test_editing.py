"""What content editors do over HTTP: drafts, publication, withdrawal, and the record of it."""

from __future__ import annotations

import pytest
from sqlalchemy import select, text

from portal.core.actor import ANONYMOUS, Actor, ActorKind
from portal.core.db import db, new_id
from portal.core.errors import Forbidden
from portal.core.unit_of_work import unit_of_work
from portal.knowledge import editing, misses, operations, reviews
from portal.knowledge.models import (
    Faq,
    LawVersion,
    MissState,
    Origin,
    ReviewItem,
    ReviewReason,
    SearchMiss,
    Validity,
)
from portal.knowledge.policies import can_edit
from portal.knowledge.workflow import FAQ
from tests.factories.people import staff_headers
from tests.knowledge.conftest import CIVIL, LABOUR

BODY = {
    "category": "housing",
    "question": "二房东跑了押金找谁要？",
    "other_wordings": ["二房东失联"],
    "answer": "可以向与您签合同的二房东要，也可以起诉。",
    "steps": ["找出合同"],
    "citations": [{"law": "民法典", "article": "第七百一十条", "point": "返还"}],
    "see_also": ["housing-deposit"],
}


def actions() -> list[str]:
    return list(
        db.session.execute(text("SELECT action FROM audit_event ORDER BY sequence")).scalars()
    )


def create(api, editor, **changes):
    answer = api.post("/staff/faqs", {**BODY, **changes}, headers=editor)
    assert answer.status_code == 201, answer.json
    return answer


def send(api, editor, method, path, etag, body=None):
    return api.call(method, path, body, headers={**editor, "If-Match": etag})


def test_a_draft_is_written_published_found_withdrawn_and_gone(loaded, api, editor, run_jobs):
    made = create(api, editor)
    path = f"/staff/faqs/{made.json['id']}"
    assert made.json["state_label"] == "草稿"
    assert made.json["citations"][0]["law"] == CIVIL
    edit, publish = made.json["allowed_actions"]
    assert (edit["action"], edit["method"], publish["action"]) == ("edit", "PATCH", "publish")
    assert publish["url"] == f"{edit['url']}/publication"
    assert api.get(f"/faqs/{made.json['id']}").status_code == 404

    published = send(api, editor, "POST", f"{path}/publication", made.headers["ETag"])
    assert (published.status_code, published.json["state"]) == (200, "published")
    assert published.json["published_at"]
    run_jobs()
    items = api.get("/search?q=二房东失联押金").json["items"]
    assert items[0]["id"] == made.json["id"]

    withdrawn = send(api, editor, "POST", f"{path}/withdrawal", published.headers["ETag"])
    assert withdrawn.json["state"] == "withdrawn"
    run_jobs()
    ids = [item["id"] for item in api.get("/search?q=二房东失联押金").json["items"]]
    assert made.json["id"] not in ids
    assert actions() == ["faq.created", "faq.published", "faq.withdrawn"]


def test_its_question_teaches_the_article_it_cites(loaded, api, editor, run_jobs):
    made = create(api, editor, question="包租婆卷款跑路", other_wordings=[])
    send(api, editor, "POST", f"/staff/faqs/{made.json['id']}/publication", made.headers["ETag"])
    run_jobs()
    items = api.get("/search?q=包租婆卷款&kind=article").json["items"]
    assert items[0]["title"] == "《民法典》第七百一十条"


def test_an_edit_needs_the_version_it_started_from(loaded, api, editor, run_jobs):
    made = create(api, editor)
    path = f"/staff/faqs/{made.json['id']}"
    assert api.patch(path, {"answer": "改一下。"}, headers=editor).status_code == 428
    edited = send(api, editor, "PATCH", path, made.headers["ETag"], {"answer": "改一下。"})
    assert (edited.status_code, edited.json["answer"]) == (200, "改一下。")
    assert edited.json["question"] == BODY["question"]
    stale = send(api, editor, "PATCH", path, made.headers["ETag"], {"answer": "又改。"})
    assert stale.status_code == 412
    # Only the citations change: that is a new version as well.
    again = send(
        api,
        editor,
        "PATCH",
        path,
        edited.headers["ETag"],
        {"citations": [{"law": LABOUR, "article": "30"}], "category": "labour"},
    )
    assert again.json["citations"][0]["article_label"] == "第三十条"
    assert again.json["category_label"] == "工资劳动"
    assert again.headers["ETag"] != edited.headers["ETag"]
    assert actions() == ["faq.created", "faq.changed", "faq.changed"]


def test_what_staff_edit_in_a_content_entry_stays(loaded, api, editor):
    faq = db.session.scalar(select(Faq).where(Faq.slug == "labour-wages"))
    path = f"/staff/faqs/{faq.id}"
    seen = api.get(path, headers=editor)
    assert seen.json["origin_label"] == "内容文件"
    edited = send(api, editor, "PATCH", path, seen.headers["ETag"], {"steps": ["先取证"]})
    assert edited.json["origin"] == "staff"
    assert edited.json["reviewed_on"] == "2026-03-02"
    assert operations.load_content().kept == 1
    assert api.get(f"/faqs/{faq.id}").json["steps"] == ["先取证"]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"citations": [{"law": "火星移民法", "article": "1"}]}, "citations.0"),
        ({"citations": [{"law": "民法典", "article": "9999"}]}, "citations.0"),
        ({"citations": [{"law": "环境保护法", "article": "5"}]}, "citations.0"),
        (
            {
                "citations": [
                    {"law": "民法典", "article": "710"},
                    {"law": CIVIL, "article": "第七百一十条"},
                ]
            },
            "citations.1",
        ),
        ({"citations": []}, "citations"),
        ({"category": "space"}, "category"),
        ({"question": "abc"}, "question"),
        ({"answer": ""}, "answer"),
        ({"steps": ["步"] * 21}, "steps"),
        ({"state": "published"}, "state"),
        ({"miss_id": "1"}, "miss_id"),
    ],
)
def test_what_does_not_hold_is_refused_and_nothing_written(loaded, api, editor, changes, field):
    answer = api.post("/staff/faqs", {**BODY, **changes}, headers=editor)
    assert answer.status_code == 422, answer.json
    assert field in answer.json["errors"]
    assert db.session.scalar(select(Faq).where(Faq.origin == Origin.STAFF)) is None
    assert actions() == []


def test_nothing_is_published_on_law_that_is_gone(loaded, api, editor):
    made = create(api, editor)
    with unit_of_work():
        for version in db.session.scalars(select(LawVersion)):
            version.status = Validity.REPEALED
    path = f"/staff/faqs/{made.json['id']}"
    refused = send(api, editor, "POST", f"{path}/publication", made.headers["ETag"])
    assert (refused.status_code, refused.json["code"]) == (422, "citations_do_not_hold")
    shown = api.get(path, headers=editor).json
    assert shown["state"] == "draft"
    assert [step["action"] for step in shown["allowed_actions"]] == ["edit"]
    # Nor is what is published edited while it rests on it.
    faq = db.session.scalar(select(Faq).where(Faq.slug == "labour-wages"))
    seen = api.get(f"/staff/faqs/{faq.id}", headers=editor)
    edit = {"answer": "新的说法。"}
    refused = send(api, editor, "PATCH", f"/staff/faqs/{faq.id}", seen.headers["ETag"], edit)
    assert refused.json["code"] == "citations_do_not_hold"


def test_a_step_out_of_turn_is_refused(loaded, api, editor):
    made = create(api, editor)
    path = f"/staff/faqs/{made.json['id']}"
    answer = send(api, editor, "POST", f"{path}/withdrawal", made.headers["ETag"])
    assert (answer.status_code, answer.json["code"]) == (409, "wrong_state")


def test_an_faq_written_for_a_miss_settles_it(loaded, api, editor):
    misses.record("二房东跑了", "housing")
    miss = db.session.scalar(select(SearchMiss))
    body = {**BODY, "miss_id": str(miss.id)}
    made = api.post("/staff/faqs", body, headers=editor)
    assert made.status_code == 201, made.json
    db.session.expire_all()
    miss = db.session.get(SearchMiss, miss.id)
    assert (miss.state, str(miss.faq_id)) == (MissState.ANSWERED, made.json["id"])
    assert actions() == ["faq.created", "search_miss.answered"]
    again = api.post("/staff/faqs", body, headers=editor)
    assert (again.status_code, again.json["code"]) == (409, "wrong_state")
    db.session.expire_all()
    assert str(db.session.get(SearchMiss, miss.id).faq_id) == made.json["id"]
    unknown = {**BODY, "miss_id": str(new_id())}
    assert api.post("/staff/faqs", unknown, headers=editor).status_code == 404


def test_the_list_shows_every_state(loaded, api, editor):
    create(api, editor)
    everything = api.get("/staff/faqs", headers=editor).json["items"]
    assert {item["state"] for item in everything} == {"draft", "published"}
    drafts = api.get("/staff/faqs?state=draft", headers=editor).json["items"]
    assert [item["question"] for item in drafts] == [BODY["question"]]
    assert api.get("/staff/faqs?state=lost", headers=editor).status_code == 422


def test_only_editors_edit(loaded, api):
    lawyer = staff_headers(roles=["lawyer"])
    assert api.post("/staff/faqs", BODY, headers=lawyer).status_code == 403
    assert api.post("/staff/faqs", BODY).status_code == 401
    someone = Actor(ActorKind.STAFF, new_id(), grants=frozenset({("moderator", None)}))
    with pytest.raises(Forbidden):
        editing.create_faq(someone, {})


@pytest.mark.parametrize(
    ("actor", "may"),
    [
        (ANONYMOUS, False),
        (Actor(ActorKind.RESIDENT, new_id()), False),
        (Actor(ActorKind.STAFF, new_id()), False),
        (Actor(ActorKind.STAFF, new_id(), grants=frozenset({("lawyer", None)})), False),
        (Actor(ActorKind.STAFF, new_id(), grants=frozenset({("content_editor", None)})), True),
        (Actor(ActorKind.STAFF, new_id(), grants=frozenset({("admin", None)})), True),
    ],
)
def test_who_may_edit(actor, may):
    assert can_edit(actor) is may


def test_the_table_of_states_can_be_shown():
    assert "draft --> published: 发布" in FAQ.as_mermaid()
    assert "内容编辑" in FAQ.as_markdown()


def test_the_review_list_is_worked_off(loaded, api, editor):
    faq = db.session.scalar(select(Faq).where(Faq.slug == "labour-wages"))
    with unit_of_work():
        item = ReviewItem(
            subject_kind="faq",
            subject_id=faq.id,
            article_id=faq.citations[0].article_id,
            title=faq.question,
            reason=ReviewReason.TEXT_CHANGED,
            basis="text_changed:1",
        )
        db.session.add(item)
    (listed,) = api.get("/staff/knowledge/reviews", headers=editor).json["items"]
    assert listed["reason_label"] == "所引条文的文字有修改"
    assert listed["article"]["title"] == "《劳动合同法》第三十条"
    path = f"/staff/knowledge/reviews/{item.id}/completion"
    assert api.post(path, headers=editor).json["state_label"] == "已复核"
    assert api.post(path, headers=editor).status_code == 409
    assert api.get("/staff/knowledge/reviews", headers=editor).json["items"] == []
    assert len(api.get("/staff/knowledge/reviews?state=done", headers=editor).json["items"]) == 1
    assert actions() == ["knowledge_review.done"]
    unknown = f"/staff/knowledge/reviews/{new_id()}/completion"
    assert api.post(unknown, headers=editor).status_code == 404


def test_an_edit_settles_what_waited_for_a_reader(loaded, api, editor):
    faq = db.session.scalar(select(Faq).where(Faq.slug == "labour-wages"))
    with unit_of_work():
        article = faq.citations[0].article
        article.text, article.text_hash = "测试：改了。", "1" * 64
    assert reviews.refresh().opened == 2
    path = f"/staff/faqs/{faq.id}"
    seen = api.get(path, headers=editor)
    edited = send(api, editor, "PATCH", path, seen.headers["ETag"], {"answer": "按新条文改了。"})
    assert edited.status_code == 200
    (left,) = api.get("/staff/knowledge/reviews", headers=editor).json["items"]
    assert left["subject_kind"] == "guide"
    # It was read against the new text, so the daily round does not bring it back.
    assert reviews.refresh().opened == 0
