"""A person's copy of their consultations, and what stays of them when the account is closed."""

from __future__ import annotations

import io
import uuid

from portal.accounts.events import ResidentDeletionRequested, ResidentExportRequested
from portal.attachments import storage
from portal.attachments.models import Attachment
from portal.consultations.models import Consultation, Publication
from portal.core import events
from portal.core.db import db
from portal.core.unit_of_work import unit_of_work
from tests.consultations.conftest import ANSWER, PIXEL, QUESTION
from tests.consultations.test_publication import PRIVATE, proposed, published


def resident_id():
    return db.session.query(Consultation).first().resident_id


def test_the_export_holds_the_question_and_its_answer(district):
    district.answered()
    sections = {}
    with unit_of_work():
        events.publish(ResidentExportRequested(resident_id(), sections.__setitem__))
    (row,) = sections["consultations"]
    assert row["text"] == QUESTION
    assert [answer["text"] for answer in row["answers"]] == [ANSWER]
    assert all(answer["at"] for answer in row["answers"])
    assert (row["contact_safety"], row["keep_unpublished"]) == ("可以正常联系", False)


def test_the_export_of_many_questions_asks_no_more_than_that_of_one(district, statements):
    def export():
        with statements() as seen:
            answer = district.api.get("/me/export", headers=district.resident)
        return answer.json["sections"]["consultations"], len(seen)

    district.answered()
    one, needed = export()
    for _ in range(3):
        district.answered()
    db.session.remove()
    four, needed_for_four = export()
    assert (len(one), len(four)) == (1, 4)
    assert needed_for_four == needed


def test_after_deletion_nothing_says_who_asked_or_what(district):
    waiting, signing, answered = district.accepted(), district.in_review(), district.answered()
    event = ResidentDeletionRequested(resident_id())
    with unit_of_work():
        events.publish(event)
    db.session.expire_all()
    rows = {str(row.id): row for row in db.session.query(Consultation)}
    states = [rows[each].state.value for each in (waiting, signing, answered)]
    assert states == ["withdrawn", "withdrawn", "closed"]
    assert all(row.resident_id is None and QUESTION not in row.text for row in rows.values())
    assert all(ANSWER not in answer.text for row in rows.values() for answer in row.answers)
    assert [kept.what for kept in event.retention] == ["咨询的编号、类别和办理时间"]


def test_after_deletion_the_files_that_were_sent_along_are_gone_too(district):
    made = district.api.client.post(
        "/api/v1/attachments",
        data={"file": (io.BytesIO(PIXEL), "工资条.png", "image/png")},
        headers=district.resident,
    )
    district.claimed(attachment_ids=[made.json["id"]])
    kept = storage.path_of(uuid.UUID(made.json["id"]))
    assert kept.exists()
    with unit_of_work():
        events.publish(ResidentDeletionRequested(resident_id()))
    assert not kept.exists()
    assert db.session.query(Attachment).count() == 0


def test_after_deletion_no_draft_for_the_public_is_left(district):
    consultation_id, _ = proposed(district, text=PRIVATE)
    path = f"/consultations/{consultation_id}"
    etag = district.api.get(path, headers=district.resident).headers["ETag"]
    headers = {**district.resident, "If-Match": etag}
    assert district.api.patch(path, {"keep_unpublished": True}, headers=headers).status_code == 200
    with unit_of_work():
        events.publish(ResidentDeletionRequested(resident_id()))
    assert db.session.query(Publication).count() == 0


def test_a_public_text_survives_because_it_names_nobody(district):
    _, question_id = published(district)
    event = ResidentDeletionRequested(resident_id())
    with unit_of_work():
        events.publish(event)
    assert "已公开的问答" in [kept.what for kept in event.retention]
    assert district.api.get(f"/questions/{uuid.UUID(question_id)}").status_code == 200
