"""Publication makes a separate text without private data, confirmed by a person; it can be found, and taken back."""

from __future__ import annotations

import pytest

from portal.core.db import db
from portal.knowledge import providers

PRIVATE = "我叫王建国，公司宏达建筑工程有限公司拖欠工资，老板李大勇电话13812345678，怎么办？"


def publication_path(consultation_id):
    return f"/staff/consultations/{consultation_id}/publication"


def proposed(district, **changes):
    consultation_id = district.answered(text_of_answer(), **changes)
    made = district.api.post(publication_path(consultation_id), headers=district.moderator)
    assert made.status_code == 201, made.json
    return consultation_id, made


def text_of_answer():
    return "王建国您好，根据劳动合同法第三十条，您可以向劳动监察部门投诉。"


def edit(district, consultation_id, body):
    path = publication_path(consultation_id)
    seen = district.api.get(path, headers=district.moderator)
    headers = {**district.moderator, "If-Match": seen.headers["ETag"]}
    return district.api.patch(path, body, headers=headers)


def confirm(district, consultation_id):
    path = publication_path(consultation_id)
    seen = district.api.get(path, headers=district.moderator)
    headers = {**district.moderator, "If-Match": seen.headers["ETag"]}
    return district.api.post(f"{path}/confirmation", headers=headers)


def decide_all(district, consultation_id, redact=True):
    seen = district.api.get(publication_path(consultation_id), headers=district.moderator).json
    decisions = [{"id": row["id"], "redact": redact} for row in seen["redactions"]]
    return edit(district, consultation_id, {"decisions": decisions})


def published(district, **changes):
    consultation_id, made = proposed(district, text=PRIVATE, **changes)
    decide_all(district, consultation_id)
    done = confirm(district, consultation_id)
    assert done.status_code == 200, done.json
    return consultation_id, made.json["id"]


def test_nothing_is_public_before_every_proposal_is_decided(district):
    consultation_id, made = proposed(district, text=PRIVATE)
    found = {row["text"] for row in made.json["redactions"]}
    assert {"王建国", "李大勇", "13812345678"} <= found
    refused = confirm(district, consultation_id)
    assert (refused.status_code, refused.json["code"]) == (422, "redactions_undecided")
    assert district.api.get("/questions").json["items"] == []


def test_the_public_text_holds_nothing_that_was_taken_out(district):
    _, question_id = published(district)
    public = district.api.get(f"/questions/{question_id}")
    assert public.status_code == 200
    text = str(public.json)
    for private in ("王建国", "李大勇", "13812345678", "宏达"):
        assert private not in text
    assert "〔姓名〕" in public.json["question"]
    assert public.json["citations"][0]["article"] == "第三十条"


def test_what_was_taken_out_is_not_kept_beside_the_public_text(district):
    from portal.consultations.models import Publication

    _, question_id = published(district)
    stored = db.session.query(Publication).one()
    assert "王建国" not in str(stored.redactions)
    assert str(stored.id) == question_id


def test_a_wrong_proposal_may_be_kept_in_and_a_missed_one_added(district):
    consultation_id, _ = proposed(district, text=PRIVATE)
    assert decide_all(district, consultation_id).json["undecided"] == 0
    missing = edit(district, consultation_id, {"additions": [{"text": "并不存在的话"}]})
    assert missing.status_code == 422
    added = edit(district, consultation_id, {"additions": [{"text": "拖欠工资"}]})
    assert "拖欠工资" not in added.json["preview"]["question"]


def company_in(draft):
    return next(
        row
        for row in draft["redactions"]
        if row["field"] == "question" and row["text"].endswith("有限公司")
    )


def test_what_is_added_inside_a_wider_proposal_takes_the_wider_one_out(district):
    consultation_id, made = proposed(district, text=PRIVATE)
    company = company_in(made.json)
    added = edit(district, consultation_id, {"additions": [{"text": "宏达"}]})
    assert company["text"] not in added.json["preview"]["question"]
    assert "有限公司" not in added.json["preview"]["question"]


def test_what_is_added_inside_a_proposal_that_may_stay_takes_out_only_itself(district):
    consultation_id, made = proposed(district, text=PRIVATE)
    company = company_in(made.json)
    edit(district, consultation_id, {"decisions": [{"id": company["id"], "redact": False}]})
    added = edit(district, consultation_id, {"additions": [{"text": "宏达"}]})
    assert "宏达" not in added.json["preview"]["question"]
    assert "有限公司" in added.json["preview"]["question"]


def test_a_draft_that_never_became_public_leaves_nothing_when_it_is_taken_back(district):
    consultation_id, _ = proposed(district, text=PRIVATE)
    path = publication_path(consultation_id)
    etag = district.api.get(path, headers=district.moderator).headers["ETag"]
    headers = {**district.moderator, "If-Match": etag}
    taken = district.api.post(f"{path}/withdrawal", headers=headers)
    assert taken.status_code == 200, taken.json
    kept = district.api.get(path, headers=district.moderator).json
    assert (kept["title"], kept["question"], kept["answer"], kept["redactions"]) == ("", "", "", [])
    again = district.api.post(path, headers=district.moderator)
    assert again.status_code == 201, again.json
    assert again.json["redactions"]


def test_a_new_title_is_read_for_private_details_too(district):
    consultation_id, _ = proposed(district, text=PRIVATE)
    changed = edit(district, consultation_id, {"title": "老板李大勇拖欠工资怎么办？"})
    assert any(
        row["field"] == "title" and row["text"] == "李大勇" for row in changed.json["redactions"]
    )


def test_a_wish_to_stay_unpublished_is_kept(district):
    consultation_id = district.answered(keep_unpublished=True)
    refused = district.api.post(publication_path(consultation_id), headers=district.moderator)
    assert (refused.status_code, refused.json["code"]) == (409, "unpublished_wish")


def test_an_unsigned_answer_cannot_be_published(district):
    consultation_id = district.in_review()
    refused = district.api.post(publication_path(consultation_id), headers=district.moderator)
    assert refused.status_code == 409


def test_a_published_answer_is_a_document_of_the_index_that_teaches_its_articles(district):
    _, question_id = published(district)
    provider = providers.provider("answer")
    ids = list(provider.all_ids())
    (document,) = provider.load(ids)
    assert str(document.id) == question_id
    assert "拖欠工资" in document.other_wordings[0]
    assert len(document.article_ids) == 1


@pytest.mark.parametrize("who", ["moderator", "resident"])
def test_a_public_text_can_be_taken_back(district, who):
    consultation_id, question_id = published(district)
    if who == "moderator":
        path = publication_path(consultation_id)
        etag = district.api.get(path, headers=district.moderator).headers["ETag"]
        headers = {**district.moderator, "If-Match": etag}
        done = district.api.post(f"{path}/withdrawal", headers=headers)
    else:
        path = f"/consultations/{consultation_id}"
        etag = district.api.get(path, headers=district.resident).headers["ETag"]
        headers = {**district.resident, "If-Match": etag}
        done = district.api.patch(path, {"keep_unpublished": True}, headers=headers)
    assert done.status_code == 200, done.json
    assert district.api.get(f"/questions/{question_id}").status_code == 404
    assert list(providers.provider("answer").all_ids()) == []


def test_bulk_moderation_shows_first_what_it_would_do(district):
    one, two = district.ask()["id"], district.accepted()
    body = {"ids": [one, two, "00000000-0000-0000-0000-000000000000"], "decision": "accept"}
    path = "/staff/consultations/bulk-moderation"
    shown = district.api.post(path, {**body, "preview": True}, headers=district.moderator).json
    outcome = {item["id"]: item["done"] for item in shown["items"]}
    assert outcome == {one: True, two: False}
    assert len(shown["not_found"]) == 1
    assert district.mine(one)["state"] == "submitted"
    done = district.api.post(path, {**body, "preview": False}, headers=district.moderator).json
    assert {item["id"]: item["done"] for item in done["items"]} == outcome
    assert district.mine(one)["state"] == "queued"


def test_a_list_shows_no_private_details(district):
    district.ask(text="我的电话13812345678，公司拖欠工资三个月怎么办？")
    page = district.api.get("/staff/consultations?list=moderation", headers=district.moderator)
    assert "13812345678" not in page.get_data(as_text=True)
