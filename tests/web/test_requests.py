"""What comes in: bodies, forms, query strings, headers and tokens, each refused in words when it is broken."""

from __future__ import annotations

import io
import uuid
from collections.abc import Iterator
from typing import Any

import marshmallow as ma
import pytest
from flask import Flask, Response
from flask.testing import FlaskClient

from portal.core.actor import Actor, ActorKind
from portal.core.errors import DomainError, PreconditionMissing, StaleVersion
from portal.web import blueprint, conditional, request_context
from portal.web.blueprint import ANYONE, PUBLIC, STAFF, Blueprint, require_declared_audiences
from portal.web.request_context import current_actor
from portal.web.schemas import CleanString, Schema
from tests.support import GROUND_FLOOR, create_schema, own_application

STAFF_ACTOR = Actor(ActorKind.STAFF, uuid.UUID(int=5))
TOKENS = {"staff-token-00000001": STAFF_ACTOR}

blp = Blueprint("requests", __name__, url_prefix="/api/v1/requests")


class Upload(Schema):
    """A file."""

    file = ma.fields.Raw(required=True)


class Note(Schema):
    """A text beside the file, and a body that may be left out."""

    note = CleanString(load_default="")


class Filters(Schema):
    """A query string with a name that may stand twice."""

    word = CleanString(load_default="")
    kind = ma.fields.List(CleanString(), load_default=list)


class Number(Schema):
    """A number of any size."""

    value = ma.fields.Float(required=True)


@blp.post("/upload", audience=PUBLIC, files=Upload, form=Note, transaction=False, returns=Note)
def upload(files: dict[str, Any], form: dict[str, Any]) -> dict[str, Any]:
    """Take a file."""
    return {"note": f"{files['file'].filename} {form['note']}"}


@blp.get("/list", audience=PUBLIC, query=Filters, returns=Filters)
def listing(query: dict[str, Any]) -> dict[str, Any]:
    """Give back the query."""
    return query


@blp.post("/optional", audience=PUBLIC, body=Note, transaction=False, returns=Note)
def optional(body: dict[str, Any]) -> dict[str, Any]:
    """Take a body that may be left out."""
    return body


@blp.put("/number", audience=PUBLIC, body=Number, transaction=False)
def number(body: dict[str, Any]) -> None:
    """Take a number."""


@blp.post("/nothing", audience=PUBLIC, transaction=False)
def nothing() -> None:
    """Take nothing."""


@blp.get("/who", audience=ANYONE, returns=Note)
def who() -> dict[str, str]:
    """Say who asks."""
    return {"note": current_actor().kind}


@blp.get("/public", audience=PUBLIC, returns=Note)
def public() -> dict[str, str]:
    """Say who asks, where tokens are not looked at."""
    return {"note": current_actor().kind}


@blp.get("/desk", audience=STAFF, returns=Note)
def desk() -> dict[str, str]:
    """For staff."""
    return {"note": current_actor().kind}


@blp.get("/file/<name>/<int:number>", audience=PUBLIC, produces=("text/plain",))
def plain(name: str, number: int) -> Response:
    """An answer that is not JSON."""
    return Response(f"{name} {number}", mimetype="text/plain")


@pytest.fixture(scope="module")
def request_app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    """An application with the routes above."""
    with own_application(tmp_path_factory.mktemp("r"), "requests", GROUND_FLOOR) as app:
        blueprint.api_of(app).register_blueprint(blp)
        create_schema(app)
        app.config["RATE_LIMITS"] = False
        yield app


@pytest.fixture
def client(request_app: Flask, monkeypatch: pytest.MonkeyPatch) -> FlaskClient:
    """A client of it."""
    monkeypatch.setattr(request_context, "_authenticator", TOKENS.get)
    return request_app.test_client()


BASE = "/api/v1/requests"


def test_a_form_with_a_file(client: FlaskClient) -> None:
    data = {"file": (io.BytesIO(b"x"), "照片.png"), "note": "说明"}
    answer = client.post(f"{BASE}/upload", data=data)
    assert (answer.status_code, answer.json) == (200, {"note": "照片.png 说明"})


@pytest.mark.parametrize(
    ("data", "content_type", "status", "field"),
    [
        (b"{}", "application/json", 415, None),
        (b"", None, 415, None),
        (b"x", "multipart/form-data", 422, "file"),
        (b"x", "multipart/form-data; boundary=b", 422, "file"),
        (b"--b\r\nbroken", "multipart/form-data; boundary=b", 422, "file"),
        (b'--b\r\nContent-Disposition: form-data; name="note"\r\n\r\n\xff\r\n--b--\r\n',
         "multipart/form-data; boundary=b", 400, None),
        (b'--b\r\nContent-Disposition: form-data; name="colour"\r\n\r\nred\r\n--b--\r\n',
         "multipart/form-data; boundary=b", 422, "colour"),
    ],
)  # fmt: skip
def test_what_is_no_form_with_a_file(
    client: FlaskClient, data: bytes, content_type: str | None, status: int, field: str | None
) -> None:
    answer = client.post(f"{BASE}/upload", data=data, content_type=content_type)
    assert answer.status_code == status, answer.json
    assert list(answer.json["errors"]) == ([field] if field else [])


def test_unknown_parts_of_a_form_are_refused_by_name(client: FlaskClient) -> None:
    data = {"file": (io.BytesIO(b"x"), "a.png"), "other": (io.BytesIO(b"x"), "b.png")}
    answer = client.post(f"{BASE}/upload", data=data)
    assert answer.json["errors"] == {"other": ["没有这个字段。"]}
    data = {"file": (io.BytesIO(b"x"), "a.png"), "colour": "red"}
    answer = client.post(f"{BASE}/upload", data=data)
    assert answer.json["errors"] == {"colour": ["没有这个字段。"]}


def test_too_many_or_too_large_parts_are_refused(client: FlaskClient) -> None:
    many = {"file": (io.BytesIO(b"x"), "a"), **{f"n{number}": "x" for number in range(60)}}
    assert client.post(f"{BASE}/upload", data=many).status_code == 413
    large = {"file": (io.BytesIO(b"x"), "a"), "note": "长" * 600_000}
    assert client.post(f"{BASE}/upload", data=large).status_code == 413
    huge = {"file": (io.BytesIO(bytes(13 * 1024 * 1024)), "a")}
    assert client.post(f"{BASE}/upload", data=huge).status_code == 413


def test_a_query_name_stands_twice_only_where_it_may(client: FlaskClient) -> None:
    answer = client.get(f"{BASE}/list?kind=a&kind=b&word=x")
    assert answer.json == {"word": "x", "kind": ["a", "b"]}
    answer = client.get(f"{BASE}/list?word=a&word=b")
    assert answer.json["errors"] == {"word": ["这个参数只能出现一次。"]}
    assert client.get(f"{BASE}/list?word=%ff").json["code"] == "malformed_query"
    assert client.get(f"{BASE}/public?word=a").json["errors"] == {"word": ["没有这个参数。"]}


@pytest.mark.parametrize(
    ("text", "status"),
    [('{"value": 1e999}', 400), ('{"value": -1e999}', 400), ('{"value": Infinity}', 400),
     ('{"value": 1e300}', 204), ('{"value": ' + "9" * 5000 + "}", 400), ('{"value": true}', 422)],
)  # fmt: skip
def test_numbers_beyond_all_bounds_are_refused(client: FlaskClient, text: str, status: int) -> None:
    answer = client.put(f"{BASE}/number", data=text, content_type="application/json")
    assert answer.status_code == status


def test_a_body_that_may_be_left_out(client: FlaskClient) -> None:
    assert client.post(f"{BASE}/optional").json == {"note": ""}
    assert client.post(f"{BASE}/optional", json={}).json == {"note": ""}
    document = client.get("/api/v1/openapi.json").json["paths"]
    assert document[f"{BASE}/optional"]["post"]["requestBody"]["required"] is False
    assert document[f"{BASE}/number"]["put"]["requestBody"]["required"] is True


@pytest.mark.parametrize(
    ("kwargs", "status", "errors"),
    [
        ({}, 204, None),
        ({"json": {}}, 204, None),
        ({"json": {"a": 1}}, 422, {"a": ["没有这个字段。"]}),
        ({"json": [1]}, 422, {}),
        ({"data": {"f": (io.BytesIO(b"x"), "a")}}, 415, {}),
        ({"data": "x", "content_type": "text/plain"}, 415, {}),
    ],
)
def test_a_body_where_none_belongs(
    client: FlaskClient, kwargs: dict[str, Any], status: int, errors: dict[str, Any] | None
) -> None:
    answer = client.post(f"{BASE}/nothing", **kwargs)
    assert answer.status_code == status
    if errors is not None:
        assert answer.json["errors"] == errors


@pytest.mark.parametrize(
    "header",
    ["", "Bearer", "Bearer ", "Bearer short", "Basic c3RhZmY6eA==", "staff-token-00000001",
     "Bearer staff-token-00000001 x", "Bearer 令牌令牌令牌令牌令牌令牌令牌令牌", "Bearer " + "x" * 500],
)  # fmt: skip
def test_what_is_no_token(client: FlaskClient, header: str) -> None:
    environ = {"HTTP_AUTHORIZATION": header.encode().decode("latin-1")}
    assert client.get(f"{BASE}/desk", environ_overrides=environ).status_code == 401
    assert client.get(f"{BASE}/who", environ_overrides=environ).status_code == 401
    # A public route looks at no token, so that one can sign in again with a dead one in hand.
    assert client.get(f"{BASE}/public", environ_overrides=environ).json == {"note": "anonymous"}


def test_a_good_token_is_who_asks(client: FlaskClient) -> None:
    good = {"Authorization": "bearer staff-token-00000001"}
    assert client.get(f"{BASE}/desk", headers=good).json == {"note": "staff"}
    assert client.get(f"{BASE}/who", headers=good).json == {"note": "staff"}
    assert client.get(f"{BASE}/who").json == {"note": "anonymous"}
    assert client.get(f"{BASE}/public", headers=good).json == {"note": "anonymous"}


@pytest.mark.parametrize(
    ("path", "status"),
    [("a/1", 200), ("a/999999999", 200), ("a/1000000000", 404), ("a/-1", 404), ("a/１", 404),
     ("%00/1", 404), ("%ff/1", 404), ("a%0ab/1", 404), ("x" * 201 + "/1", 404), ("名称/1", 200)],
)  # fmt: skip
def test_what_a_path_may_hold(client: FlaskClient, path: str, status: int) -> None:
    assert client.get(f"{BASE}/file/{path}").status_code == status


def test_an_answer_that_is_not_json_is_documented_as_what_it_is(client: FlaskClient) -> None:
    assert client.get(f"{BASE}/file/a/1").mimetype == "text/plain"
    document = client.get("/api/v1/openapi.json").json
    operation = document["paths"][f"{BASE}/file/{{name}}/{{number}}"]["get"]
    assert list(operation["responses"]["200"]["content"]) == ["text/plain"]


class Subject:
    """Something with a version."""

    id = uuid.UUID("01a2069a-4a2d-7056-ba3c-15d4138073b6")
    version = 3


@pytest.mark.parametrize(
    ("header", "refusal"),
    [
        ('"15d4138073b6-3"', None),
        ('"other", "15d4138073b6-3"', None),
        ('"15d4138073b6-2"', StaleVersion),
        ('W/"15d4138073b6-3"', StaleVersion),
        ("*", PreconditionMissing),
        ("", PreconditionMissing),
        (None, PreconditionMissing),
    ],
)
def test_the_version_that_was_seen(
    request_app: Flask, header: str | None, refusal: type[DomainError] | None
) -> None:
    headers = {} if header is None else {"If-Match": header}
    with request_app.test_request_context("/", headers=headers):
        if refusal is None:
            conditional.require_match(Subject())
        else:
            with pytest.raises(refusal):
                conditional.require_match(Subject())


def test_a_plain_view_without_an_audience_stops_the_start(request_app: Flask) -> None:
    request_app.view_functions["stray"] = lambda: ""
    request_app.url_map.add(request_app.url_rule_class("/stray", endpoint="stray"))
    with pytest.raises(RuntimeError, match="/stray"):
        require_declared_audiences(request_app)
    require_declared_audiences(request_app, exempt=frozenset({"stray"}))


def test_the_old_way_to_declare_a_route_is_closed() -> None:
    with pytest.raises(TypeError):
        blp.route("/x")
