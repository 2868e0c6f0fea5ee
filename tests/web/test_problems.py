"""Every failure becomes a problem: the right status, Chinese words, a next step, and nothing of the inside."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import exc
from sqlalchemy.orm.exc import StaleDataError
from werkzeug import exceptions as http

from portal.core import errors
from portal.core.errors import DomainError
from portal.web import problems
from portal.web.blueprint import PUBLIC
from portal.web.problems import CONTENT_TYPE, TITLES, status_of
from tests.support import GROUND_FLOOR, create_schema, own_application

SECRET = "张三 13800000000 SELECT * FROM resident"
ORIGIN = Exception(SECRET)

STATUS = {
    errors.Malformed: 400,
    errors.Unauthenticated: 401,
    errors.Forbidden: 403,
    errors.NotFound: 404,
    errors.Conflict: 409,
    errors.WrongState: 409,
    errors.KeyInFlight: 409,
    errors.Gone: 410,
    errors.StaleVersion: 412,
    errors.TooLarge: 413,
    errors.UnsupportedType: 415,
    errors.Invalid: 422,
    errors.PreconditionMissing: 428,
    errors.TooManyRequests: 429,
    errors.Unavailable: 503,
    DomainError: 409,
}

FAILURES: list[tuple[BaseException, int]] = [
    *(
        (kind(**({"retry_after": 7} if status == 429 else {})), status)
        for kind, status in STATUS.items()
    ),
    (http.BadRequest(SECRET), 400),
    (http.NotFound(), 404),
    (http.RequestEntityTooLarge(), 413),
    (http.UnsupportedMediaType(), 415),
    (http.RequestURITooLarge(), 414),
    (http.ImATeapot(), 418),
    (http.NotAcceptable(), 406),
    (StaleDataError(SECRET), 412),
    (exc.IntegrityError(SECRET, {"phone": SECRET}, ORIGIN), 409),
    (exc.OperationalError(SECRET, {}, ORIGIN), 503),
    (exc.InterfaceError(SECRET, {}, ORIGIN, connection_invalidated=True), 503),
    # A file of SQLite that is damaged, or was cut off while it was put back.
    (exc.DatabaseError(SECRET, {}, ORIGIN), 503),
    (exc.TimeoutError(SECRET), 503),
    # A standby, and a user who does not own the table: mended at the database.
    (exc.InternalError(SECRET, {}, psycopg.errors.ReadOnlySqlTransaction(SECRET)), 503),
    (exc.ProgrammingError(SECRET, {}, psycopg.errors.InsufficientPrivilege(SECRET)), 503),
    (exc.ProgrammingError(SECRET, {}, ORIGIN), 500),
    (exc.DataError(SECRET, {}, ORIGIN), 500),
    (RuntimeError(SECRET), 500),
    (LookupError(SECRET), 500),
    (RecursionError(SECRET), 500),
]


@pytest.fixture(scope="module")
def failing_app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    """An application with a route that fails as it is told."""
    with own_application(tmp_path_factory.mktemp("f"), "problems", GROUND_FLOOR) as app:
        create_schema(app)

        def fail() -> Any:
            raise app.extensions["test_failure"]

        fail.portal_audience = PUBLIC  # type: ignore[attr-defined]
        app.add_url_rule("/fail", "fail", fail, methods=["GET", "PUT"])
        yield app


@pytest.fixture
def failing(failing_app: Flask) -> FlaskClient:
    """A client of it."""
    return failing_app.test_client()


def assert_is_problem(answer: Any, status: int) -> None:
    assert answer.status_code == status
    assert answer.headers["Content-Type"] == CONTENT_TYPE
    body = answer.json
    assert set(body) == {
        "type", "title", "status", "detail", "instance", "code", "errors", "request_id", "next_step",
    }  # fmt: skip
    assert body["status"] == status
    assert body["type"] == f"urn:portal:problem:{body['code']}"
    assert re.fullmatch(r"[a-z][a-z0-9_]*", body["code"])
    assert body["request_id"] == answer.headers["X-Request-ID"]
    for name in ("title", "detail", "next_step"):
        assert re.search("[\u4e00-\u9fff]", body[name]), body
    text = answer.get_data(as_text=True)
    for inside in ("Traceback", "SELECT", "13800000000", "\\u5f20\\u4e09", "portal/", ".py"):
        assert inside not in text


@pytest.mark.parametrize(("failure", "status"), FAILURES, ids=lambda value: type(value).__name__)
def test_each_failure_has_its_status_and_leaks_nothing(
    failing_app: Flask, failing: FlaskClient, failure: BaseException, status: int
) -> None:
    failing_app.extensions["test_failure"] = failure
    answer = failing.get("/fail")
    assert_is_problem(answer, status)
    assert ("Retry-After" in answer.headers) is (status in (429, 503))
    assert ("WWW-Authenticate" in answer.headers) is (status == 401)


@pytest.mark.parametrize(
    "failure", [exc.OperationalError(SECRET, {}, ORIGIN), RuntimeError(SECRET)], ids=["503", "500"]
)
def test_only_who_submitted_something_reads_that_it_is_not_saved(
    failing_app: Flask, failing: FlaskClient, failure: Exception
) -> None:
    failing_app.extensions["test_failure"] = failure
    assert "没有保存" in failing.put("/fail").get_json()["detail"]
    read = failing.get("/fail").get_json()["detail"]
    assert "没有保存" not in read
    assert read.endswith("没有取到您要的内容。")


def test_every_domain_error_is_in_the_table() -> None:
    def family(kind: type[DomainError]) -> set[type[DomainError]]:
        return {kind}.union(*(family(child) for child in kind.__subclasses__()))

    for kind in family(DomainError):
        if kind.__module__ == errors.__name__:
            options: Any = {"retry_after": 1} if kind is errors.TooManyRequests else {}
            assert status_of(kind(**options)) == STATUS[kind]


def test_every_status_we_use_has_a_title() -> None:
    assert {status for _failure, status in FAILURES} - {418} <= set(TITLES)


def test_what_a_room_says_is_what_the_caller_reads(
    failing_app: Flask, failing: FlaskClient
) -> None:
    failing_app.extensions["test_failure"] = errors.Invalid(
        "电话写错了。", code="bad_phone", next_step="请改正。", errors={"phone": ("少一位。",)}
    )
    body = failing.get("/fail").json
    assert (body["code"], body["detail"], body["next_step"]) == (
        "bad_phone",
        "电话写错了。",
        "请改正。",
    )
    assert body["errors"] == {"phone": ["少一位。"]}


def test_a_wrong_method_keeps_allow(failing: FlaskClient) -> None:
    for method in ("POST", "PATCH", "DELETE"):
        answer = failing.open("/fail", method=method)
        assert_is_problem(answer, 405)
        assert {part.strip() for part in answer.headers["Allow"].split(",")} == {
            "GET", "HEAD", "OPTIONS", "PUT",
        }  # fmt: skip


@pytest.mark.parametrize(
    "path",
    [
        "/nowhere",
        "/fail/",
        "//fail",
        "/api//v1/openapi.json",
        "/%ff%fe",
        "/%00",
        "/api/v1/" + "x" * 3000,
    ],
)
def test_an_address_that_does_not_exist_is_a_problem_and_no_redirect(
    failing: FlaskClient, path: str
) -> None:
    assert_is_problem(failing.get(path), 404)


def test_a_hostile_path_and_names_are_echoed_as_plain_ascii(failing: FlaskClient) -> None:
    answer = failing.get("/%ed%a0%80<script>")
    assert_is_problem(answer, 404)
    answer.get_data().decode("ascii")


def test_a_ready_answer_and_a_redirect_pass(failing_app: Flask, failing: FlaskClient) -> None:
    from werkzeug.routing import RequestRedirect
    from werkzeug.wrappers import Response

    failing_app.extensions["test_failure"] = http.HTTPException(response=Response("ready", 299))
    assert failing.get("/fail").status_code == 299
    failing_app.extensions["test_failure"] = RequestRedirect("/healthz")
    assert failing.get("/fail").status_code == 308


def test_a_head_request_gets_no_body(failing_app: Flask, failing: FlaskClient) -> None:
    failing_app.extensions["test_failure"] = errors.Gone()
    answer = failing.head("/fail")
    assert (answer.status_code, answer.data) == (410, b"")


def test_an_unknown_kind_of_domain_error_is_a_conflict() -> None:
    class Odd(DomainError):
        pass

    assert problems.status_of(Odd()) == 409
