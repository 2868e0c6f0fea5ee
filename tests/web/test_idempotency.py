"""The same key acts once: in flight, replayed, expired, and with files."""

from __future__ import annotations

import hashlib
import io
import threading
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import marshmallow as ma
import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select, text

from portal.core import jobs
from portal.core.actor import Actor, ActorKind
from portal.core.db import db
from portal.core.encryption import blind_index
from portal.core.jobs import worker
from portal.core.references import next_reference
from portal.core.unit_of_work import unit_of_work
from portal.web import blueprint, idempotency, request_context
from portal.web.blueprint import ANYONE, PUBLIC, RESIDENT, Blueprint
from portal.web.idempotency import IdempotencyRecord
from portal.web.schemas import CleanString, Schema
from tests.conftest import SettableClock
from tests.support import GROUND_FLOOR, create_schema, own_application

TOKENS = {f"resident-token-000{n}": Actor(ActorKind.RESIDENT, uuid.UUID(int=n)) for n in (1, 2)}
ME = {"Authorization": "Bearer resident-token-0001"}
OTHER = {"Authorization": "Bearer resident-token-0002"}

blp = Blueprint("keys", __name__, url_prefix="/api/v1/keys")
gate = threading.Event()
entered = threading.Event()


class Words(Schema):
    """Input and output."""

    text = CleanString(required=True)


class Reference(Schema):
    """Output."""

    reference = ma.fields.String(required=True)


class Upload(Schema):
    """Files."""

    file = ma.fields.Raw(required=True)


class Form(Schema):
    """Fields beside the files."""

    text = CleanString(load_default="")


@blp.post("", audience=RESIDENT, body=Words, returns=Reference, status=201)
def create(body: dict[str, Any]) -> dict[str, str]:
    """Give out a number."""
    if body["text"] == "slow":
        entered.set()
        assert gate.wait(20)
    return {"reference": next_reference("KY")}


@blp.post("/empty", audience=RESIDENT)
def empty() -> None:
    """Count without an answer."""
    next_reference("KY")


@blp.post("/files", audience=ANYONE, files=Upload, form=Form, returns=Reference)
def upload(files: dict[str, Any], form: dict[str, Any]) -> dict[str, str]:
    """Take a file; its content stays readable after the fingerprint."""
    assert files["file"].read() in (b"abc", b"abd")
    return {"reference": next_reference("KY")}


@pytest.fixture(scope="module")
def key_app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    """An application with the routes above."""
    with own_application(tmp_path_factory.mktemp("keys"), "keys", GROUND_FLOOR) as app:
        blueprint.api_of(app).register_blueprint(blp)
        create_schema(app)
        app.config["RATE_LIMITS"] = False
        yield app


@pytest.fixture
def keys(key_app: Flask, monkeypatch: pytest.MonkeyPatch) -> Iterator[FlaskClient]:
    """A client on empty tables."""
    monkeypatch.setattr(request_context, "_authenticator", TOKENS.get)
    gate.clear()
    entered.clear()
    with key_app.app_context():
        with db.engine.begin() as connection:
            for table in ("idempotency_record", "reference_counter", "job"):
                connection.execute(text(f"DELETE FROM {table}"))  # noqa: S608 - names above
        yield key_app.test_client()
        db.session.remove()


def given() -> int:
    """Return how many numbers were given out."""
    db.session.rollback()
    return db.session.execute(
        text("SELECT coalesce(max(last), 0) FROM reference_counter")
    ).scalar_one()


def post(client: FlaskClient, key: str | None = "k", body: str = "a", **headers: str) -> Any:
    sent = {**ME, **headers}
    if key is not None:
        sent["Idempotency-Key"] = key
    return client.post("/api/v1/keys", json={"text": body}, headers=sent)


def test_a_key_in_flight_is_told_apart_from_a_finished_one(
    key_app: Flask, keys: FlaskClient
) -> None:
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(lambda: post(key_app.test_client(), body="slow"))
        assert entered.wait(20)
        second = post(keys, body="slow")
        gate.set()
        done = first.result(30)
    assert (second.status_code, second.json["code"]) == (409, "idempotency_key_in_flight")
    assert done.status_code == 201
    replay = post(keys, body="slow")
    assert replay.json == done.json
    assert replay.headers["Idempotency-Replayed"] == "true"
    assert given() == 1


def test_many_at_once_under_one_key_act_once(key_app: Flask, keys: FlaskClient) -> None:
    def send(_index: int) -> Any:
        return post(key_app.test_client())

    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(send, range(12)))
    assert {answer.status_code for answer in answers} <= {201, 409}
    made = {answer.json["reference"] for answer in answers if answer.status_code == 201}
    assert len(made) == 1
    assert given() == 1


def test_without_a_key_each_request_acts(keys: FlaskClient) -> None:
    assert post(keys, None).json != post(keys, None).json
    assert given() == 2


def test_a_key_belongs_to_its_caller(keys: FlaskClient) -> None:
    mine, theirs = post(keys), post(keys, **OTHER)
    assert "Idempotency-Replayed" not in theirs.headers
    assert mine.json != theirs.json


def test_an_expired_key_acts_again(keys: FlaskClient, clock: SettableClock) -> None:
    first = post(keys)
    clock.advance(hours=23, minutes=59)
    assert post(keys).json == first.json
    clock.advance(minutes=1)
    again = post(keys, body="b")
    assert again.status_code == 201
    assert again.json != first.json
    assert post(keys, body="b").json == again.json
    assert given() == 2


def test_old_keys_are_forgotten_by_a_job(keys: FlaskClient, clock: SettableClock) -> None:
    post(keys, "old")
    clock.advance(hours=23)
    post(keys, "new")
    clock.advance(hours=2)
    from portal.core.unit_of_work import unit_of_work

    with unit_of_work():
        jobs.enqueue("web.forget_idempotency_keys")
    assert worker.run_one("w")
    db.session.rollback()
    # The keys themselves are not kept, only a fingerprint of each.
    (kept,) = db.session.scalars(select(IdempotencyRecord)).all()
    assert kept.created_at > clock() - timedelta(hours=3)
    assert kept.key not in ("new", "old")


@pytest.mark.parametrize("key", ["", " ", "a b", "键", "x" * 201, "a\tb"])
def test_a_malformed_key_is_refused(keys: FlaskClient, key: str) -> None:
    answer = keys.post(
        "/api/v1/keys",
        json={"text": "a"},
        headers=ME,
        environ_overrides={"HTTP_IDEMPOTENCY_KEY": key.encode().decode("latin-1")},
    )
    assert (answer.status_code, answer.json["code"]) == (400, "bad_idempotency_key")
    assert given() == 0


@pytest.mark.parametrize("change", [{"json": {"text": "b"}}, {"headers": {"If-Match": '"x"'}}])
def test_the_key_stands_for_the_whole_request(keys: FlaskClient, change: dict[str, Any]) -> None:
    headers = {**ME, "Idempotency-Key": "k"}
    keys.post("/api/v1/keys", json={"text": "a"}, headers=headers)
    other = keys.post(
        "/api/v1/keys",
        json=change.get("json", {"text": "a"}),
        headers={**headers, **change.get("headers", {})},
    )
    assert (other.status_code, other.json["code"]) == (422, "idempotency_key_reused")


def test_a_key_used_on_another_route_is_refused(keys: FlaskClient) -> None:
    post(keys)
    other = keys.post("/api/v1/keys/empty", headers={**ME, "Idempotency-Key": "k"})
    assert other.status_code == 422


def test_an_answer_without_content_is_replayed_without_content(keys: FlaskClient) -> None:
    headers = {**ME, "Idempotency-Key": "k"}
    answers = [keys.post("/api/v1/keys/empty", headers=headers) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [204, 204]
    assert [answer.headers.get("Content-Type") for answer in answers] == [None, None]
    assert answers[1].headers["Idempotency-Replayed"] == "true"
    assert given() == 1


def send_file(
    client: FlaskClient, content: bytes = b"abc", name: str = "a.png", **form: str
) -> Any:
    return client.post(
        "/api/v1/keys/files",
        data={"file": (io.BytesIO(content), name), **form},
        headers={"Idempotency-Key": "k"},
        content_type="multipart/form-data",
    )


def test_the_same_form_with_another_boundary_is_the_same_request(keys: FlaskClient) -> None:
    first, second = send_file(keys), send_file(keys)
    assert first.status_code == 200, first.json
    assert second.json == first.json
    assert given() == 1


@pytest.mark.parametrize(
    "change", [{"content": b"abd"}, {"name": "b.png"}, {"text": "x"}, {"text": "y"}]
)
def test_another_file_name_or_field_is_another_request(
    keys: FlaskClient, change: dict[str, Any]
) -> None:
    assert send_file(keys).status_code == 200
    assert send_file(keys, **change).status_code == 422


def test_the_stored_answer_is_sealed(keys: FlaskClient) -> None:
    reference = post(keys).json["reference"]
    with db.engine.connect() as connection:
        body = connection.execute(text("SELECT body FROM idempotency_record")).scalar_one()
    assert reference.encode() not in bytes(body)
    assert db.session.scalar(select(func.count()).select_from(IdempotencyRecord)) == 1


def test_a_key_without_a_transaction_is_a_mistake_of_the_route() -> None:
    with pytest.raises(TypeError):
        blp.post("/x", audience=PUBLIC, idempotent=True, transaction=False)


def test_the_fingerprint_of_a_request_is_keyed_so_that_a_short_body_cannot_be_guessed_from_it(
    keys: FlaskClient,
) -> None:
    sent = {**ME, "Idempotency-Key": "k", "Content-Type": "application/json"}
    assert keys.post("/api/v1/keys", data=b'{"text": "a"}', headers=sent).status_code == 201
    plain = hashlib.sha256(b'POST /api/v1/keys?{"text": "a"}').hexdigest()
    stored = db.session.scalar(select(IdempotencyRecord.fingerprint))
    assert stored == blind_index("idempotency.fingerprint", plain) != plain


def test_the_answers_of_one_person_can_be_removed(keys: FlaskClient) -> None:
    post(keys, "k")
    assert (
        keys.post(
            "/api/v1/keys", json={"text": "a"}, headers={**OTHER, "Idempotency-Key": "k"}
        ).status_code
        == 201
    )
    with unit_of_work():
        idempotency.forget(TOKENS["resident-token-0001"])
    left = db.session.scalars(select(IdempotencyRecord.scope)).all()
    assert left == [f"resident:{uuid.UUID(int=2)}"]
