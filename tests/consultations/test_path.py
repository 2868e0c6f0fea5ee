"""The whole path of a question: asked, moderated, answered with the law, signed, published, rated, followed up."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from portal.core.db import db
from portal.core.unit_of_work import unit_of_work
from portal.knowledge.models import Article, Validity
from tests.consultations.conftest import ANSWER, CITATION, QUESTION
from tests.factories.laws import make_law
from tests.factories.people import make_resident, resident_headers


def states(district, consultation_id):
    return [step["action"] for step in district.mine(consultation_id)["timeline"]]


def test_a_question_travels_to_its_answer(district):
    found = district.ask()
    assert (found["state"], found["reference"][:3]) == ("submitted", "ZX-")
    consultation_id = found["id"]
    district.done(district.moderator, consultation_id, "moderation", {"decision": "accept"})
    district.done(district.lawyer, consultation_id, "claim")
    district.done(
        district.lawyer, consultation_id, "questions", {"text": "您有没有签书面劳动合同？"}
    )
    district.api.post(
        f"/consultations/{consultation_id}/messages",
        {"text": "没有签合同，有工资条。"},
        headers=district.resident,
    )
    body = {"text": ANSWER, "citations": [CITATION]}
    district.done(district.lawyer, consultation_id, "answer", body)
    district.done(district.reviewer, consultation_id, "sign-off", {"decision": "approve"})
    seen = district.mine(consultation_id)
    assert seen["state"] == "answered"
    assert seen["answers"][0]["text"] == ANSWER
    assert seen["answers"][0]["citations"][0]["article"] == "第三十条"
    rated = district.api.post(
        f"/consultations/{consultation_id}/rating", {"rating": 5}, headers=district.resident
    )
    assert rated.json["rating"] == 5
    asked = district.api.post(
        f"/consultations/{consultation_id}/follow-up",
        {"text": "如果公司没有钱怎么办？"},
        headers=district.resident,
    )
    assert asked.json["state"] == "claimed"
    body = {"text": "公司没有财产时，可以申请破产清算，职工工资优先受偿。", "citations": [CITATION]}
    district.done(district.lawyer, consultation_id, "answer", body)
    district.done(district.reviewer, consultation_id, "sign-off", {"decision": "approve"})
    closed = district.api.post(
        f"/consultations/{consultation_id}/closure", headers=district.resident
    )
    assert closed.json["state"] == "closed"
    assert len(closed.json["answers"]) == 2
    assert states(district, consultation_id) == [
        "submit", "accept", "claim", "ask_back", "reply", "submit_answer", "sign_off",
        "rate", "follow_up", "submit_answer", "sign_off", "close",
    ]  # fmt: skip


def test_a_question_has_one_follow_up(district):
    consultation_id = district.answered()
    path = f"/consultations/{consultation_id}/follow-up"
    body = {"text": "如果公司没有钱怎么办？"}
    assert district.api.post(path, body, headers=district.resident).status_code == 200
    district.done(
        district.lawyer, consultation_id, "answer", {"text": ANSWER, "citations": [CITATION]}
    )
    district.done(district.reviewer, consultation_id, "sign-off", {"decision": "approve"})
    second = district.api.post(path, body, headers=district.resident)
    assert (second.status_code, second.json["code"]) == (409, "follow_up_used")


def test_a_rejection_names_its_reason_and_where_to_go(district):
    consultation_id = district.ask()["id"]
    refused = district.staff_step(
        district.moderator, consultation_id, "moderation", {"decision": "reject"}
    )
    assert refused.json["errors"] == {"reason": ["不予受理必须选择理由。"]}
    district.done(
        district.moderator,
        consultation_id,
        "moderation",
        {"decision": "reject", "reason": "mediation", "note": "这是邻里纠纷"},
    )
    seen = district.mine(consultation_id)
    assert seen["state"] == "rejected"
    assert seen["rejection"]["label"] == "更适合人民调解"
    assert "人民调解委员会" in seen["rejection"]["next_step"]


def test_a_rejection_by_mistake_can_be_undone(district):
    consultation_id = district.ask()["id"]
    body = {"decision": "reject", "reason": "not_legal"}
    district.done(district.moderator, consultation_id, "moderation", body)
    again = district.done(district.moderator, consultation_id, "reopening")
    assert again["state"] == "submitted"
    assert again["rejection"] is None
    assert [deadline["rule"] for deadline in again["deadlines"]] == ["CO-D1"]


def test_a_question_returned_for_facts_goes_on_when_the_resident_answers(district):
    consultation_id = district.ask()["id"]
    district.done(
        district.moderator,
        consultation_id,
        "moderation",
        {"decision": "return", "note": "请写明拖欠了几个月工资。"},
    )
    seen = district.mine(consultation_id)
    assert (seen["state"], seen["messages"][0]["text"]) == ("returned", "请写明拖欠了几个月工资。")
    answer = district.api.post(
        f"/consultations/{consultation_id}/messages",
        {"text": "三个月，一共一万二。"},
        headers=district.resident,
    )
    assert answer.json["state"] == "submitted"


def test_saying_something_when_nothing_was_asked_is_refused_and_loses_nothing(district):
    consultation_id = district.ask()["id"]
    answer = district.api.post(
        f"/consultations/{consultation_id}/messages", {"text": "你好"}, headers=district.resident
    )
    assert (answer.status_code, answer.json["code"]) == (409, "wrong_state")
    assert district.mine(consultation_id)["messages"] == []


def test_only_one_lawyer_gets_a_question(district):
    consultation_id = district.claimed()
    second = district.staff_step(district.other_lawyer, consultation_id, "claim")
    assert (second.status_code, second.json["code"]) == (409, "already_claimed")


@pytest.mark.parametrize(
    ("citation", "field"),
    [
        ({"law": "中华人民共和国劳动合同法", "article": "第九百条"}, "citations.0"),
        ({"law": "中华人民共和国不存在法", "article": "第一条"}, "citations.0"),
    ],
)
def test_a_citation_that_does_not_hold_is_refused_on_entry(district, citation, field):
    consultation_id = district.claimed()
    answer = district.staff_step(
        district.lawyer, consultation_id, "answer", {"text": ANSWER, "citations": [citation]}
    )
    assert (answer.status_code, answer.json["code"]) == (422, "bad_citation")
    assert field in answer.json["errors"]


def test_an_article_named_in_the_text_must_exist_too(district):
    consultation_id = district.claimed()
    body = {"text": "根据劳动合同法第九百条，公司应当赔偿。", "citations": [CITATION]}
    answer = district.staff_step(district.lawyer, consultation_id, "answer", body)
    assert (answer.status_code, answer.json["code"]) == (422, "bad_citation")
    assert "第九百条" in answer.json["errors"]["text"][0]


def test_a_paragraph_named_in_the_text_must_exist_too(district):
    with unit_of_work():
        db.session.scalars(select(Article).where(Article.number == "30")).one().text = "甲。\n乙。"
    consultation_id = district.claimed()
    body = {"text": "根据劳动合同法第三十条第九款，公司应当赔偿。", "citations": [CITATION]}
    answer = district.staff_step(district.lawyer, consultation_id, "answer", body)
    assert (answer.status_code, answer.json["code"]) == (422, "bad_citation")
    assert "第九款”：这一条没有这一款" in answer.json["errors"]["text"][0]


@pytest.mark.parametrize(
    ("name", "holds"), [("原《仲裁法》", True), ("《仲裁法》", False), ("原《不存在法》", False)]
)
def test_an_answer_may_rest_on_a_law_that_is_gone_only_when_it_says_so(district, name, holds):
    make_law("中华人民共和国仲裁法", ("16",), Validity.REPEALED)
    consultation_id = district.claimed()
    body = {"text": f"签约时适用的是{name}第十六条。", "citations": [CITATION]}
    answer = district.staff_step(district.lawyer, consultation_id, "answer", body)
    assert answer.status_code == (200 if holds else 422)
    if holds:
        district.done(district.reviewer, consultation_id, "sign-off", {"decision": "approve"})


def test_an_answer_without_a_citation_is_refused(district):
    consultation_id = district.claimed()
    answer = district.staff_step(
        district.lawyer, consultation_id, "answer", {"text": ANSWER, "citations": []}
    )
    assert (answer.status_code, list(answer.json["errors"])) == (422, ["citations"])


def test_nobody_signs_off_their_own_answer(district):
    from tests.factories.people import make_staff, staff_headers

    both = staff_headers(district.api.client, make_staff(roles=["lawyer", "reviewer"]))
    consultation_id = district.accepted()
    district.done(both, consultation_id, "claim")
    district.done(both, consultation_id, "answer", {"text": ANSWER, "citations": [CITATION]})
    own = district.staff_step(both, consultation_id, "sign-off", {"decision": "approve"})
    assert own.status_code == 403
    assert district.mine(consultation_id)["state"] == "in_review"


def test_an_answer_sent_back_tells_its_author_why(district):
    consultation_id = district.in_review()
    body = {"decision": "send_back", "note": "请补充申请支付令的地点。"}
    back = district.done(district.reviewer, consultation_id, "sign-off", body)
    assert back["state"] == "claimed"
    assert back["answers"][0]["review_note"] == "请补充申请支付令的地点。"
    unseen = district.mine(consultation_id)
    assert unseen["answers"] == []


def test_a_draft_is_kept_and_its_citations_are_checked(district):
    consultation_id = district.claimed()
    body = {"text": "先写一半，稍后再补充。", "citations": [CITATION]}
    kept = district.done(district.lawyer, consultation_id, "answer-draft", body, method="PUT")
    assert kept["answers"][0]["state"] == "draft"
    bad = {"text": "先写一半，稍后再补充。", "citations": [{**CITATION, "article": "第一百条"}]}
    refused = district.staff_step(
        district.lawyer, consultation_id, "answer-draft", bad, method="PUT"
    )
    assert refused.status_code == 422


def test_a_decision_on_an_old_copy_is_refused(district):
    consultation_id = district.ask()["id"]
    path = f"/staff/consultations/{consultation_id}"
    etag = district.api.get(path, headers=district.moderator).headers["ETag"]
    district.done(district.moderator, consultation_id, "moderation", {"decision": "accept"})
    headers = {**district.moderator, "If-Match": etag}
    late = district.api.post(f"{path}/moderation", {"decision": "accept"}, headers=headers)
    assert late.status_code == 412
    missing = district.api.post(
        f"{path}/moderation", {"decision": "accept"}, headers=district.moderator
    )
    assert missing.status_code == 428


def test_a_resident_sees_only_their_own(district):
    consultation_id = district.ask()["id"]
    other = resident_headers(district.api.client, make_resident())
    for method, suffix, body in (
        ("GET", "", None),
        ("POST", "/withdrawal", None),
        ("POST", "/messages", {"text": "补充"}),
        ("POST", "/rating", {"rating": 1}),
    ):
        answer = district.api.call(
            method, f"/consultations/{consultation_id}{suffix}", body, headers=other
        )
        assert answer.status_code == 404
    assert district.api.get("/consultations", headers=other).json["items"] == []


def test_a_lawyer_sees_the_queue_and_their_own_but_nothing_else(district):
    waiting, mine = district.accepted(), district.claimed()
    submitted = district.ask()["id"]
    path = "/staff/consultations/"
    assert district.api.get(path + waiting, headers=district.other_lawyer).status_code == 200
    assert district.api.get(path + mine, headers=district.other_lawyer).status_code == 404
    assert district.api.get(path + submitted, headers=district.other_lawyer).status_code == 404
    assert district.api.get(path + mine, headers=district.lawyer).status_code == 200


def test_a_withdrawn_question_has_no_clocks_left(district):
    consultation_id = district.claimed()
    answer = district.api.post(
        f"/consultations/{consultation_id}/withdrawal", headers=district.resident
    )
    assert answer.json["state"] == "withdrawn"
    from portal.core.db import db
    from portal.supervision.models import Deadline, DeadlineState

    running = [
        d
        for d in db.session.query(Deadline)
        if d.state in (DeadlineState.OPEN, DeadlineState.PAUSED)
    ]
    assert running == []


def test_posting_twice_under_one_key_makes_one_question(district):
    headers = {**district.resident, "Idempotency-Key": "phone-1"}
    body = {"category": "labour", "text": QUESTION, "keep_unpublished": True}
    first = district.api.post("/consultations", body, headers=headers)
    second = district.api.post("/consultations", body, headers=headers)
    assert first.json["id"] == second.json["id"]
    assert len(district.api.get("/consultations", headers=district.resident).json["items"]) == 1


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"category": "astrology"}, "category"),
        ({"text": "太短"}, "text"),
        ({"text": "长" * 5001}, "text"),
        ({"keep_unpublished": None}, "keep_unpublished"),
        ({"keep_unpublished": "yes"}, "keep_unpublished"),
        ({"contact_safety": "shout"}, "contact_safety"),
        ({"attachment_ids": ["nonsense"]}, "attachment_ids.0"),
        ({"phone": "13800000000"}, "phone"),
    ],
)
def test_a_question_filled_in_wrongly_is_refused_by_field(district, change, field):
    body = {"category": "labour", "text": QUESTION, "keep_unpublished": False, **change}
    answer = district.api.post("/consultations", body, headers=district.resident)
    assert answer.status_code == 422, answer.json
    assert field in answer.json["errors"]
    assert district.api.get("/consultations", headers=district.resident).json["items"] == []


def test_what_a_person_wrote_is_sealed_in_the_database(district):
    from portal.core.db import db

    district.in_review()
    with db.engine.connect() as connection:
        for table in ("consultation", "consultation_answer", "consultation_message"):
            rows = connection.exec_driver_sql(f"SELECT * FROM {table}").all()  # noqa: S608
            assert QUESTION not in str(rows)
            assert ANSWER not in str(rows)


def test_every_view_by_staff_leaves_a_trace(district):
    from portal.audit.models import AuditEvent
    from portal.core.db import db

    consultation_id = district.ask()["id"]
    district.api.get(f"/staff/consultations/{consultation_id}", headers=district.moderator)
    actions = [event.action for event in db.session.query(AuditEvent)]
    assert "consultation.viewed" in actions
