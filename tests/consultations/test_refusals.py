"""What is refused, by whom it was tried and in which state; and two people acting at the same moment."""

from __future__ import annotations

import io
import threading
import uuid

import pytest

from portal.consultations import operations
from portal.consultations.models import Consultation, RejectionReason
from portal.consultations.operations.asking import Question
from portal.consultations.operations.citing import CitationEntry
from portal.core.actor import Actor, ActorKind
from portal.core.db import db
from portal.core.errors import Conflict, Forbidden, WrongState
from portal.core.unit_of_work import unit_of_work
from tests.consultations.conftest import ANSWER, CITATION, PIXEL, QUESTION
from tests.consultations.test_publication import publication_path, published


def staff(role):
    return Actor(ActorKind.STAFF, uuid.uuid4(), grants=frozenset({(role, None)}))


def stored():
    return db.session.query(Consultation).first()


def test_staff_do_not_ask_in_a_residents_name(district):
    with pytest.raises(Forbidden), unit_of_work():
        operations.ask(staff("moderator"), Question("labour", QUESTION, keep_unpublished=True))


@pytest.mark.parametrize(
    ("state", "act"),
    [
        ("submitted", lambda c: operations.accept(staff("lawyer"), c)),
        ("submitted", lambda c: operations.reject(staff("reviewer"), c, RejectionReason.NOT_LEGAL)),
        ("queued", lambda c: operations.claim(staff("moderator"), c)),
        ("claimed", lambda c: operations.release(staff("lawyer"), c)),
        ("claimed", lambda c: operations.save_draft(staff("lawyer"), c, ANSWER, [])),
        ("in_review", lambda c: operations.sign_off(staff("lawyer"), c)),
        ("answered", lambda c: operations.rate(staff("lawyer"), c, 5, None)),
        ("answered", lambda c: operations.propose_publication(staff("lawyer"), c)),
        (
            "answered",
            lambda c: operations.change_wish(staff("moderator"), c, keep_unpublished=True),
        ),
        ("answered", lambda c: operations.close(staff("moderator"), c)),
    ],
)
def test_a_step_by_the_wrong_person_is_refused_and_changes_nothing(district, state, act):
    begin = {
        "submitted": district.ask,
        "queued": district.accepted,
        "claimed": district.claimed,
        "in_review": district.in_review,
        "answered": district.answered,
    }[state]
    begin()
    with pytest.raises(Forbidden), unit_of_work():
        act(stored())
    db.session.expire_all()
    assert stored().state.value == state


def test_an_answer_is_written_only_while_the_question_is_claimed(district):
    district.in_review()
    lawyer_id = stored().lawyer_id
    lawyer = Actor(ActorKind.STAFF, lawyer_id, grants=frozenset({("lawyer", None)}))
    with pytest.raises(WrongState), unit_of_work():
        entry = CitationEntry(CITATION["law"], CITATION["article"])
        operations.save_draft(lawyer, stored(), ANSWER, [entry])


def test_a_rating_before_the_answer_is_refused(district):
    consultation_id = district.ask()["id"]
    path = f"/consultations/{consultation_id}/rating"
    refused = district.api.post(path, {"rating": 5}, headers=district.resident)
    assert (refused.status_code, refused.json["code"]) == (409, "not_answered_yet")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"decision": "return"}, "note"),
        ({"decision": "accept", "reason": "not_legal"}, "reason"),
        ({"decision": "reject", "reason": "not_legal", "category": "labour"}, "category"),
        ({"decision": "maybe"}, "decision"),
        ({"decision": "accept", "category": "astrology"}, "category"),
    ],
)
def test_an_incomplete_decision_names_what_is_wrong(district, body, field):
    consultation_id = district.ask()["id"]
    refused = district.staff_step(district.moderator, consultation_id, "moderation", body)
    assert refused.status_code == 422
    assert field in refused.json["errors"]
    assert district.mine(consultation_id)["state"] == "submitted"


def test_bulk_rejection_needs_a_reason_and_uses_it(district):
    consultation_id = district.ask()["id"]
    path = "/staff/consultations/bulk-moderation"
    body = {"ids": [consultation_id], "decision": "reject", "preview": False}
    assert district.api.post(path, body, headers=district.moderator).status_code == 422
    done = district.api.post(path, {**body, "reason": "duplicate"}, headers=district.moderator)
    assert done.json["items"][0]["done"] is True
    assert district.mine(consultation_id)["rejection"]["reason"] == "duplicate"


def test_a_list_of_others_is_refused(district):
    refused = district.api.get("/staff/consultations?list=moderation", headers=district.lawyer)
    assert refused.status_code == 403


@pytest.mark.parametrize("which", ["moderation", "queue", "mine", "review", "publication", "all"])
def test_every_list_can_be_opened_by_someone(district, which):
    district.answered()
    answers = [
        district.api.get(f"/staff/consultations?list={which}&category=labour", headers=headers)
        for headers in (district.moderator, district.lawyer, district.reviewer)
    ]
    assert 200 in [answer.status_code for answer in answers]


def test_a_public_text_is_made_once_and_taken_back_once(district):
    consultation_id, _ = published(district)
    again = district.api.post(publication_path(consultation_id), headers=district.moderator)
    assert (again.status_code, again.json["code"]) == (409, "publication_exists")
    path = publication_path(consultation_id)
    for expected in (200, 409):
        etag = district.api.get(path, headers=district.moderator).headers["ETag"]
        headers = {**district.moderator, "If-Match": etag}
        answer = district.api.post(f"{path}/withdrawal", headers=headers)
        assert answer.status_code == expected


def test_no_draft_no_publication(district):
    consultation_id = district.answered()
    missing = district.api.get(publication_path(consultation_id), headers=district.moderator)
    assert missing.status_code == 404
    assert "生成公开稿" in missing.json["next_step"]


def test_an_attachment_is_read_by_its_resident_and_the_staff_who_handle_it(district):
    made = district.api.client.post(
        "/api/v1/attachments",
        data={"file": (io.BytesIO(PIXEL), "工资条.png", "image/png")},
        headers=district.resident,
    )
    assert made.status_code == 201, made.json
    consultation_id = district.claimed(attachment_ids=[made.json["id"]])
    path = f"/attachments/{made.json['id']}/content"
    assert district.api.get(path, headers=district.resident).data == PIXEL
    assert district.api.get(path, headers=district.lawyer).status_code == 200
    assert district.api.get(path, headers=district.other_lawyer).status_code == 404
    assert len(district.mine(consultation_id)["attachments"]) == 1


def test_what_matches_is_shown_before_asking_and_asking_never_depends_on_search(district):
    answer = district.api.post(
        "/consultations/matches", {"text": QUESTION}, headers=district.resident
    )
    assert answer.status_code == 200
    assert answer.json["next_step"]


def test_two_lawyers_at_the_same_moment_one_gets_it(app, district):
    consultation_id = uuid.UUID(district.accepted())
    outcomes, start = [], threading.Barrier(2)
    ids = [district.people["lawyer"], district.people["other_lawyer"]]
    db.session.remove()

    def claim(staff_id):
        from portal.consultations.queries import for_update

        with app.app_context():
            actor = Actor(ActorKind.STAFF, staff_id, grants=frozenset({("lawyer", None)}))
            start.wait()
            try:
                with unit_of_work():
                    operations.claim(actor, for_update(consultation_id))
                outcomes.append("claimed")
            except Conflict as error:
                outcomes.append(error.code)
            finally:
                db.session.remove()

    threads = [threading.Thread(target=claim, args=(each,)) for each in ids]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["already_claimed", "claimed"]


def test_what_was_answered_is_not_withdrawn(district):
    consultation_id = district.answered()
    path = f"/consultations/{consultation_id}"
    district.api.post(
        f"{path}/follow-up", {"text": "公司没有钱怎么办？"}, headers=district.resident
    )
    refused = district.api.post(f"{path}/withdrawal", headers=district.resident)
    assert (refused.status_code, refused.json["code"]) == (409, "already_answered")


def test_the_lawyer_learns_of_a_withdrawal(district):
    consultation_id = district.claimed()
    district.api.post(f"/consultations/{consultation_id}/withdrawal", headers=district.resident)
    told = district.api.get("/staff/notifications", headers=district.lawyer).json["items"]
    assert told[0]["title"] == "居民已撤回"


def test_whoever_has_a_question_is_told_so_when_claiming_again(district):
    consultation_id = district.claimed()
    again = district.staff_step(district.lawyer, consultation_id, "claim")
    assert (again.status_code, again.json["code"]) == (409, "already_yours")
