"""Upload, look, download, remove: by HTTP."""

from __future__ import annotations

import hashlib
import io
import threading
import uuid
from urllib.parse import quote

import pytest
from sqlalchemy import select

from portal.attachments import limits, operations, storage
from portal.attachments.models import Attachment
from portal.audit.models import AuditEvent
from portal.core.db import db
from portal.core.unit_of_work import unit_of_work
from tests.attachments import samples
from tests.attachments.conftest import LAWYER, OTHER, RESIDENT, SUBJECT, files, headers, rows

PATH = "/api/v1/attachments"


def test_an_upload_is_described_and_given_back_unchanged(client, upload):
    content = samples.pdf(b"<< /Title (x) >>")
    made = upload(content, "劳动合同 (1).pdf", "application/pdf")
    assert made.status_code == 201, made.json
    assert made.json == {
        "id": made.json["id"],
        "file_name": "劳动合同 (1).pdf",
        "media_type": "application/pdf",
        "media_type_label": "PDF 文件",
        "size": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
        "attached": False,
        "created_at": made.json["created_at"],
    }
    path = f"{PATH}/{made.json['id']}"
    assert client.get(path, headers=headers(RESIDENT)).json == made.json
    got = client.get(f"{path}/content", headers=headers(RESIDENT))
    assert got.data == content
    assert got.headers["Content-Type"] == "application/pdf"
    assert got.headers["Content-Disposition"] == (
        f"attachment; filename=\"attachment.pdf\"; filename*=UTF-8''{quote('劳动合同 (1).pdf')}"
    )
    assert got.headers["X-Content-Type-Options"] == "nosniff"
    assert got.headers["Cache-Control"] == "private, no-store"
    assert "sandbox" in got.headers["Content-Security-Policy"]


def test_neither_the_file_nor_the_row_can_be_read_without_the_key(client, upload):
    marker = "身份证 张三丰 secret-marker".encode()
    upload(samples.png(filling=marker), "张三丰身份证.png")
    (stored,) = files()
    assert marker not in stored.read_bytes()
    assert stored.stat().st_mode & 0o077 == 0
    with db.engine.connect() as connection:
        raw = connection.exec_driver_sql("SELECT file_name, data_key FROM attachment").one()
    assert "张三丰".encode() not in bytes(raw.file_name)
    assert raw.data_key


def test_nobody_else_learns_that_an_unattached_file_exists(client, upload):
    made = upload().json["id"]
    for actor in (OTHER, LAWYER):
        for tail in ("", "/content"):
            answer = client.get(f"{PATH}/{made}{tail}", headers=headers(actor))
            assert (answer.status_code, answer.json["code"]) == (404, "not_found")
        assert client.delete(f"{PATH}/{made}", headers=headers(actor)).status_code == 404
    assert client.get(f"{PATH}/{made}").status_code == 401
    assert rows() == 1


def test_staff_upload_as_well_and_their_files_are_theirs(client, upload):
    made = upload(actor=LAWYER).json["id"]
    assert client.get(f"{PATH}/{made}", headers=headers(LAWYER)).status_code == 200
    assert client.get(f"{PATH}/{made}", headers=headers(RESIDENT)).status_code == 404


def test_after_attaching_the_rule_of_the_subject_decides_and_not_the_uploader(
    client, upload, case_rule
):
    made, case = upload().json["id"], uuid.uuid4()
    with unit_of_work():
        operations.attach(RESIDENT, [uuid.UUID(made)], SUBJECT, case)
    content = f"{PATH}/{made}/content"
    assert client.get(content, headers=headers(RESIDENT)).status_code == 404
    case_rule[case] = {RESIDENT.id, LAWYER.id}
    assert client.get(content, headers=headers(RESIDENT)).status_code == 200
    assert client.get(content, headers=headers(LAWYER)).status_code == 200
    assert client.get(content, headers=headers(OTHER)).status_code == 404
    assert client.get(f"{PATH}/{made}", headers=headers(LAWYER)).json["attached"] is True


def test_what_staff_look_at_is_on_record_and_what_its_owner_does_is_not(client, upload, case_rule):
    made, case = upload().json["id"], uuid.uuid4()
    case_rule[case] = {RESIDENT.id, LAWYER.id}
    with unit_of_work():
        operations.attach(RESIDENT, [uuid.UUID(made)], SUBJECT, case)
    for actor in (RESIDENT, LAWYER):
        for tail in ("", "/content"):
            client.get(f"{PATH}/{made}{tail}", headers=headers(actor))
    db.session.rollback()
    viewed, event = db.session.scalars(select(AuditEvent).order_by(AuditEvent.sequence))
    assert (viewed.action, event.action) == ("attachment.viewed", "attachment.downloaded")
    assert viewed.actor_id == event.actor_id == LAWYER.id
    assert event.subject_id == uuid.UUID(made)
    assert event.detail == {"belongs_to": SUBJECT, "belongs_to_id": str(case)}


def test_an_own_upload_can_be_taken_back_until_it_is_used(client, upload, case_rule):
    made = upload().json["id"]
    assert client.delete(f"{PATH}/{made}", headers=headers(RESIDENT)).status_code == 204
    assert (rows(), files()) == (0, [])
    assert client.delete(f"{PATH}/{made}", headers=headers(RESIDENT)).status_code == 404
    used = upload().json["id"]
    with unit_of_work():
        operations.attach(RESIDENT, [uuid.UUID(used)], SUBJECT, uuid.uuid4())
    refused = client.delete(f"{PATH}/{used}", headers=headers(RESIDENT))
    assert (refused.status_code, refused.json["code"]) == (409, "attachment_in_use")
    assert len(files()) == 1


@pytest.mark.parametrize(
    ("content", "name", "content_type", "status", "code"),
    [
        (b"MZ" + bytes(50), "a.png", "image/png", 415, "file_type_refused"),
        (samples.png(), "a.pdf", "application/pdf", 415, "file_type_mismatch"),
        (samples.png() + samples.archive(), "a.png", "image/png", 422, "file_two_faced"),
        (samples.png() + bytes(limits.MOST_BYTES), "a.png", "image/png", 413, "file_too_large"),
        (samples.pdf(trailer=b"/Encrypt 1 0 R"), "a.pdf", "", 422, "pdf_encrypted"),
    ],
)
def test_a_refused_file_leaves_nothing(upload, content, name, content_type, status, code):
    answer = upload(content, name, content_type)
    assert (answer.status_code, answer.json["code"]) == (status, code), answer.json
    assert answer.mimetype == "application/problem+json"
    assert (rows(), files()) == (0, [])


def test_an_empty_file_is_refused(client):
    answer = client.post(
        PATH,
        data={"file": (io.BytesIO(b""), "a.png", "image/png")},
        headers=headers(RESIDENT),
        content_type="multipart/form-data",
    )
    assert (answer.status_code, answer.json["code"]) == (422, "file_empty")


def test_a_body_over_the_limit_of_the_whole_portal_is_refused(upload):
    answer = upload(bytes(13 << 20))
    assert (answer.status_code, answer.json["code"]) == (413, "too_large")


def test_one_call_takes_exactly_one_file_and_nothing_else(client, upload):
    def send(data):
        return client.post(
            PATH, data=data, headers=headers(RESIDENT), content_type="multipart/form-data"
        )

    def file(name="a.png"):
        return (io.BytesIO(samples.png()), name, "image/png")

    for data, field in [
        ({}, "file"),
        ({"file": "text and no file"}, "file"),
        ({"file": [file(), file()]}, "file"),
        ({"file": file(), "other": file()}, "other"),
        ({"file": file(), "note": "x"}, "note"),
    ]:
        answer = send(data)
        assert answer.status_code in (400, 415, 422), data
        if data:
            assert field in answer.json["errors"], answer.json
    assert client.post(PATH, json={"file": "x"}, headers=headers(RESIDENT)).status_code == 415
    assert client.post(f"{PATH}?x=1", headers=headers(RESIDENT)).status_code == 422
    assert (rows(), files()) == (0, [])


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"garbage",
        b"--b\r\n",
        b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n\r\n',
        b'--b\r\nContent-Disposition: form-data; name="file"\r\n\r\nx\r\n--b--\r\n',
        b'--b\r\nContent-Disposition: form-data; name="file"; filename=""\r\n\r\nx\r\n--b--\r\n',
        b"--b\r\nContent-Disposition: \xff\xfe\r\n\r\nx\r\n--b--\r\n",
    ],
)
def test_a_torn_form_is_refused(client, body):
    answer = client.post(
        PATH,
        data=body,
        headers=headers(RESIDENT),
        content_type="multipart/form-data; boundary=b",
    )
    assert 400 <= answer.status_code < 500, answer.json
    assert answer.json["next_step"]
    assert (rows(), files()) == (0, [])


def test_a_form_without_a_boundary_is_refused(client):
    answer = client.post(
        PATH, data=b"x", headers=headers(RESIDENT), content_type="multipart/form-data"
    )
    assert 400 <= answer.status_code < 500


def test_the_same_key_and_file_upload_once(client, upload):
    first = upload(key="k1")
    again = upload(key="k1")
    assert again.json == first.json
    assert again.status_code == 201
    assert again.headers["Idempotency-Replayed"] == "true"
    assert (rows(), len(files())) == (1, 1)
    other = upload(samples.png(9, 9), key="k1")
    assert (other.status_code, other.json["code"]) == (422, "idempotency_key_reused")
    assert upload(key="bad key").status_code == 400
    assert (rows(), len(files())) == (1, 1)


def test_two_uploads_with_one_key_at_the_same_time_store_one_file(app, client):
    answers = []

    def send():
        with app.app_context():
            answers.append(
                app.test_client().post(
                    PATH,
                    data={"file": (io.BytesIO(samples.png()), "a.png", "image/png")},
                    headers=headers(RESIDENT) | {"Idempotency-Key": "together"},
                    content_type="multipart/form-data",
                )
            )
            db.session.remove()

    threads = [threading.Thread(target=send) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {answer.status_code for answer in answers} <= {201, 409}
    assert len({answer.json["id"] for answer in answers if answer.status_code == 201}) == 1
    assert (rows(), len(files())) == (1, 1)


def test_a_large_upload_never_lies_on_the_disk_unsealed(client, upload, monkeypatch):
    import tempfile

    def refuse(*_args, **_kwargs):
        raise AssertionError("a temporary file")

    monkeypatch.setattr(tempfile, "SpooledTemporaryFile", refuse)
    monkeypatch.setattr("werkzeug.formparser.SpooledTemporaryFile", refuse, raising=False)
    monkeypatch.setattr("werkzeug.formparser.TemporaryFile", refuse, raising=False)
    assert upload(samples.png(filling=bytes(3 << 20))).status_code == 201


def test_a_changed_or_missing_file_is_never_handed_out(client, upload):
    made = upload().json["id"]
    path = f"{PATH}/{made}/content"
    stored = storage.path_of(uuid.UUID(made))
    sealed = stored.read_bytes()
    for damaged in (sealed[:-1] + bytes([sealed[-1] ^ 1]), sealed[:10], b"", b"XXX" + sealed[3:]):
        stored.write_bytes(damaged)
        answer = client.get(path, headers=headers(RESIDENT))
        assert (answer.status_code, answer.json["code"]) == (503, "file_damaged")
    stored.unlink()
    assert client.get(path, headers=headers(RESIDENT)).status_code == 503


def test_a_file_copied_over_another_does_not_open(client, upload):
    mine, other = upload().json["id"], upload(samples.png(7, 7)).json["id"]
    storage.path_of(uuid.UUID(mine)).write_bytes(storage.path_of(uuid.UUID(other)).read_bytes())
    with unit_of_work():
        row, source = (
            db.session.get(Attachment, uuid.UUID(mine)),
            db.session.get(Attachment, uuid.UUID(other)),
        )
        row.data_key, row.sha256 = source.data_key, source.sha256
    answer = client.get(f"{PATH}/{mine}/content", headers=headers(RESIDENT))
    assert answer.json["code"] == "file_damaged"


def test_a_wrong_digest_is_noticed(client, upload):
    made = upload().json["id"]
    with unit_of_work():
        db.session.get(Attachment, uuid.UUID(made)).sha256 = "0" * 64
    answer = client.get(f"{PATH}/{made}/content", headers=headers(RESIDENT))
    assert answer.json["code"] == "file_damaged"


def test_a_resident_has_a_daily_number_and_staff_have_none(upload, monkeypatch, clock):
    monkeypatch.setattr(operations, "DAILY_FILES", 2)
    assert [upload().status_code for _ in range(3)] == [201, 201, 429]
    refused = upload()
    assert refused.json["code"] == "upload_quota_used_up"
    # From nine in the morning to midnight on the district's clock.
    assert int(refused.headers["Retry-After"]) == 15 * 3600 + 1
    assert upload(actor=OTHER).status_code == 201
    assert [upload(actor=LAWYER).status_code for _ in range(3)] == [201] * 3
    clock.set("2026-03-03 00:00")
    assert upload().status_code == 201


def test_a_resident_has_a_daily_volume(upload, monkeypatch):
    monkeypatch.setattr(operations, "DAILY_BYTES", len(samples.png()) + 1)
    assert [upload().status_code for _ in range(2)] == [201, 429]
    assert len(files()) == 1


def test_the_quota_holds_against_requests_that_passed_it_together(upload, monkeypatch):
    monkeypatch.setattr(operations, "DAILY_FILES", 1)
    content = samples.png()
    with operations.received(RESIDENT, operations.Upload(content, "a.png", "")) as waiting:
        assert upload().status_code == 201
        with pytest.raises(operations.QuotaUsedUp):
            operations.keep(RESIDENT, waiting)
    assert (rows(), len(files())) == (1, 1)


def test_a_file_belongs_to_somebody(app, database):
    from portal.core.actor import SYSTEM

    upload = operations.Upload(samples.png(), "a.png", "")
    with operations.received(SYSTEM, upload) as file, pytest.raises(PermissionError):
        operations.keep(SYSTEM, file)
    assert files() == []
