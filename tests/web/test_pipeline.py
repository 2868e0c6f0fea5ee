"""What every route of the house does, shown on a small application of its own."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import marshmallow as ma
import pytest
from flask import Flask
from sqlalchemy import String, delete, func, select
from sqlalchemy.orm import Mapped, mapped_column

from portal.core.actor import Actor, ActorKind
from portal.core.db import Model, PublicId, Versioned, db
from portal.core.errors import Conflict
from portal.web import blueprint, conditional, idempotency, request_context
from portal.web.blueprint import ANYONE, PUBLIC, RESIDENT, Blueprint, roles
from portal.web.pagination import Key, PageArgs, page_schema, paginate
from portal.web.schemas import CleanString, Schema
from tests.support import GROUND_FLOOR, create_schema, own_application

RESIDENT_ID = uuid.UUID(int=1)
TOKENS = {
    "resident-token-0001": Actor(ActorKind.RESIDENT, RESIDENT_ID),
    "staff-token-00000001": Actor(
        ActorKind.STAFF, uuid.UUID(int=2), grants=frozenset({("moderator", None)})
    ),
}
HEADERS = {"Authorization": "Bearer resident-token-0001"}


class Note(PublicId, Versioned, Model):
    """A table of this test only."""

    __tablename__ = "test_note"

    text: Mapped[str] = mapped_column(String(50))


# Out of the metadata, which other tests compare with the migrations.
Model.metadata.remove(Note.__table__)  # type: ignore[arg-type]  # a Table, declared as FromClause


class NoteIn(Schema):
    """Input."""

    text = CleanString(required=True, min_length=1, max_length=20)


class NoteOut(Schema):
    """Output."""

    id = ma.fields.UUID()
    text = ma.fields.String()


blp = Blueprint("notes", __name__, url_prefix="/api/v1/notes")


@blp.get("", audience=ANYONE, query=PageArgs, returns=page_schema(NoteOut))
def index(query):
    """列出"""
    return paginate(select(Note), [Key(Note.id)], query["cursor"], query["size"])


@blp.post("", audience=RESIDENT, body=NoteIn, returns=NoteOut, status=201)
def create(body):
    """新建"""
    note = Note(**body)
    db.session.add(note)
    db.session.flush()
    if body["text"] == "clash":
        raise Conflict
    conditional.tag(note)
    return note


@blp.get("/<uuid:note_id>", audience=PUBLIC, returns=NoteOut)
def show(note_id):
    """查看"""
    note = db.get_or_404(Note, note_id)
    conditional.tag(note)
    return note


@blp.patch("/<uuid:note_id>", audience=RESIDENT, body=NoteIn, returns=NoteOut, if_match=True)
def edit(note_id, body):
    """修改"""
    note = db.get_or_404(Note, note_id)
    conditional.require_match(note)
    note.text = body["text"]
    conditional.tag(note)
    return note


@blp.post("/<uuid:note_id>/approval", audience=roles("moderator"), limit="2 per minute")
def approve(note_id):
    """通过"""


@pytest.fixture(scope="module")
def notes_app(tmp_path_factory) -> Iterator[Flask]:
    """An application with the sample routes."""
    with own_application(tmp_path_factory.mktemp("notes"), "notes", GROUND_FLOOR) as app:
        blueprint.api_of(app).register_blueprint(blp)
        create_schema(app)
        with app.app_context():
            Note.__table__.create(db.engine)
        yield app


@pytest.fixture
def notes(notes_app, monkeypatch):
    """A client of the sample application whose tokens are those above."""
    monkeypatch.setattr(request_context, "_authenticator", TOKENS.get)
    with notes_app.app_context():
        with db.engine.begin() as connection:
            for table in (Note, idempotency.IdempotencyRecord):
                connection.execute(delete(table))
        notes_app.extensions["portal_limiter"].storage.reset()
        yield notes_app.test_client()
        db.session.remove()


def count() -> int:
    return db.session.scalar(select(func.count()).select_from(Note))


def test_a_created_note_can_be_read_with_its_version(notes):
    made = notes.post("/api/v1/notes", json={"text": " 你好 "}, headers=HEADERS)
    assert made.status_code == 201, made.json
    assert made.json["text"] == "你好"
    seen = notes.get(f"/api/v1/notes/{made.json['id']}")
    assert seen.headers["ETag"] == made.headers["ETag"]
    again = notes.get(
        f"/api/v1/notes/{made.json['id']}", headers={"If-None-Match": seen.headers["ETag"]}
    )
    assert again.status_code == 304


def test_the_same_key_and_body_act_once_and_replay_the_answer(notes):
    headers = {**HEADERS, "Idempotency-Key": "k1"}
    first = notes.post("/api/v1/notes", json={"text": "a"}, headers=headers)
    second = notes.post("/api/v1/notes", json={"text": "a"}, headers=headers)
    assert second.json == first.json
    assert second.status_code == 201
    assert second.headers["Idempotency-Replayed"] == "true"
    assert second.headers["ETag"] == first.headers["ETag"]
    assert count() == 1


def test_the_same_key_with_another_body_is_refused(notes):
    headers = {**HEADERS, "Idempotency-Key": "k1"}
    notes.post("/api/v1/notes", json={"text": "a"}, headers=headers)
    other = notes.post("/api/v1/notes", json={"text": "b"}, headers=headers)
    assert (other.status_code, other.json["code"]) == (422, "idempotency_key_reused")


def test_a_refused_step_leaves_nothing_and_frees_its_key(notes):
    headers = {**HEADERS, "Idempotency-Key": "k1"}
    refused = notes.post("/api/v1/notes", json={"text": "clash"}, headers=headers)
    assert refused.status_code == 409
    assert count() == 0
    assert notes.post("/api/v1/notes", json={"text": "ok"}, headers=headers).status_code == 201


def test_an_edit_needs_the_version_it_started_from(notes):
    made = notes.post("/api/v1/notes", json={"text": "a"}, headers=HEADERS)
    path = f"/api/v1/notes/{made.json['id']}"
    assert notes.patch(path, json={"text": "b"}, headers=HEADERS).status_code == 428
    match = {**HEADERS, "If-Match": made.headers["ETag"]}
    edited = notes.patch(path, json={"text": "b"}, headers=match)
    assert edited.status_code == 200
    assert edited.headers["ETag"] != made.headers["ETag"]
    assert notes.patch(path, json={"text": "c"}, headers=match).status_code == 412


@pytest.mark.parametrize(
    ("body", "content_type", "status", "code"),
    [
        (b"{", "application/json", 400, "malformed_json"),
        (b'{"text": "\xff"}', "application/json", 400, "malformed_json"),
        (b'{"text": NaN}', "application/json", 400, "malformed_json"),
        (b'{"text": "a", "text": "b"}', "application/json", 400, "malformed_json"),
        (b"[" * 100_000, "application/json", 400, "malformed_json"),
        (b'{"text": "a"}', "text/plain", 415, "unsupported_type"),
        (b'{"text": "a"}', "application/json; charset=gbk", 415, "unsupported_type"),
        (b'{"text": "a", "colour": 1}', "application/json", 422, "invalid"),
        (b'{"text": "\\u0000"}', "application/json", 422, "invalid"),
        (b'{"text": "\\ud800"}', "application/json", 422, "invalid"),
        (b'{"text": ""}', "application/json", 422, "invalid"),
        (b"[]", "application/json", 422, "invalid"),
        (b"", "application/json", 422, "invalid"),
    ],
)
def test_a_malformed_body_is_refused_in_words(notes, body, content_type, status, code):
    answer = notes.post("/api/v1/notes", data=body, content_type=content_type, headers=HEADERS)
    assert (answer.status_code, answer.json["code"]) == (status, code), answer.json
    assert answer.mimetype == "application/problem+json"
    assert answer.json["next_step"]
    assert count() == 0


@pytest.mark.parametrize(
    "query", ["?colour=1", "?size=0", "?size=101", "?size=1&size=2", "?size=１"]
)
def test_a_wrong_query_string_is_refused_by_name(notes, query):
    answer = notes.get("/api/v1/notes" + query)
    assert answer.status_code == 422
    assert set(answer.json["errors"]) <= {"colour", "size"}


@pytest.mark.parametrize("cursor", ["x", "W10", "bnVsbA", "WzFd", "%E4%BD%A0", "WyIiXQ"])
def test_a_broken_cursor_is_refused(notes, cursor):
    assert notes.get(f"/api/v1/notes?cursor={cursor}").status_code == 422


def test_pages_neither_repeat_nor_skip_when_rows_are_added_between(notes):
    for number in range(5):
        notes.post("/api/v1/notes", json={"text": str(number)}, headers=HEADERS)
    first = notes.get("/api/v1/notes?size=2").json
    notes.post("/api/v1/notes", json={"text": "5"}, headers=HEADERS)
    seen = [item["text"] for item in first["items"]]
    following = first["page"]["next"]
    while following:
        page = notes.get(f"/api/v1/notes?size=2&cursor={following}").json
        seen += [item["text"] for item in page["items"]]
        following = page["page"]["next"]
    assert seen == ["0", "1", "2", "3", "4", "5"]


def test_who_may_call_is_checked_before_the_body_is_read(notes):
    assert notes.post("/api/v1/notes", data=b"{").status_code == 401
    bad = {"Authorization": "Bearer nobody-knows-this-one"}
    assert notes.get("/api/v1/notes", headers=bad).status_code == 401
    path = f"/api/v1/notes/{uuid.uuid4()}/approval"
    assert notes.post(path, headers=HEADERS).status_code == 403


def test_a_limit_holds_and_says_when_to_come_back(notes):
    headers = {"Authorization": "Bearer staff-token-00000001"}
    path = f"/api/v1/notes/{uuid.uuid4()}/approval"
    answers = [notes.post(path, headers=headers) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [204, 204, 429]
    assert 1 <= int(answers[-1].headers["Retry-After"]) <= 60


def test_the_request_id_goes_in_and_out(notes):
    answer = notes.get("/api/v1/notes", headers={"X-Request-ID": "from-the-phone-1"})
    assert answer.headers["X-Request-ID"] == "from-the-phone-1"
    refused = notes.get("/api/v1/notes?x=1", headers={"X-Request-ID": "bad id\t"})
    assert refused.json["request_id"] == refused.headers["X-Request-ID"] != "bad id\t"


def test_a_wrong_method_names_the_right_ones(notes):
    answer = notes.delete("/api/v1/notes")
    assert answer.status_code == 405
    assert "POST" in answer.headers["Allow"]


def test_a_route_without_an_audience_does_not_start(notes_app):
    with pytest.raises(TypeError):
        blp.route("/open")
