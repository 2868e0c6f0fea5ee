"""No log line holds what a person typed: an ID number, a phone and a name are planted everywhere and looked for."""

from __future__ import annotations

import io
import logging as stdlib_logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from flask import request
from sqlalchemy import event

from portal.core.db import db
from portal.core.jobs import worker
from portal.core.jobs.models import Job
from portal.observability import logging
from tests.privacy.people import Person
from tests.privacy.walk import Walk, broken_bodies


@pytest.fixture
def person() -> Person:
    """Whose data is planted."""
    return Person()


@pytest.fixture
def output(app: Any, database: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    """Everything that is logged from here on, at the level DEBUG, as the portal writes it."""
    monkeypatch.setitem(app.config, "RATE_LIMITS", False)
    stream = io.StringIO()
    logging.configure(stdlib_logging.DEBUG, stream)
    yield stream
    logging.configure()


def assert_clean(person: Person, output: io.StringIO) -> None:
    """Fail with the lines in which the person stands."""
    found = person.found_in(output.getvalue())
    assert not found, found


@pytest.mark.parametrize("way", ["plain", "separated", "wide"])
@pytest.mark.parametrize("hostile", [False, True])
def test_no_route_logs_what_was_typed(app, output, person, way, hostile):
    walk = Walk(app, person, way, hostile).run()
    worker.drain()
    assert_clean(person, output)
    # That the walk was one: every route called, text planted, answers of both kinds, a line for each request.
    operations = walk.operations()
    assert len(walk.walked) == len(operations) >= 40
    assert walk.planted > 2 * len(operations)
    assert sum(walk.statuses.values()) >= len(operations)
    assert output.getvalue().count('"event": "request"') >= len(operations)
    if hostile:
        assert walk.statuses[422] > 20
    else:
        assert sum(n for status, n in walk.statuses.items() if status < 300) > 20
    # 503: the search has no index here.
    assert not [status for status in walk.statuses if status >= 500 and status != 503]


def test_no_failure_logs_what_was_typed(app, output, person):
    """The worst case: what was typed stands in the text of an unforeseen error, in the middle of a write."""
    walk = Walk(app, person)
    failing = []

    def fail(_connection: Any, _cursor: Any, statement: str, *_more: Any) -> None:
        if failing and not statement.startswith(
            ("SELECT", "PRAGMA", "INSERT INTO account_session")
        ):
            typed = request.get_data(as_text=True)
            raise ValueError(f"cannot store {typed} of {person.name} {person.phone}")

    event.listen(db.engine, "before_cursor_execute", fail)
    try:
        for operation in walk.operations():
            failing.clear()
            callers = list(walk._callers(operation))
            failing.append(operation)
            walk._callers = lambda _operation, callers=callers: iter(callers)
            walk.call(operation)
            del walk._callers
    finally:
        failing.clear()
        event.remove(db.engine, "before_cursor_execute", fail)
    assert walk.statuses[500] > 20, walk.statuses
    assert output.getvalue().count("ValueError") >= walk.statuses[500]
    assert_clean(person, output)


def test_no_broken_request_logs_what_was_typed(app, output, person):
    client = app.test_client()
    statuses = set()
    for path in ("/api/v1/auth/sms-codes", "/api/v1/auth/tokens", "/api/v1/attachments"):
        for body, content_type in broken_bodies(person):
            answer = client.post(path, data=body, content_type=content_type)
            statuses.add(answer.status_code)
    for header in (f"Bearer {person.id_number}", f"Basic {person.phone}", person.phone, "Bearer"):
        answer = client.get("/api/v1/me", headers={"Authorization": header})
        statuses.add(answer.status_code)
    for path in (f"/{person.name}/{person.phone}", f"/api/v1/{person.id_number}?{person.name}=1"):
        statuses.add(client.get(path).status_code)
    assert statuses <= {400, 401, 404, 413, 415, 422}
    assert_clean(person, output)


def test_a_job_that_dies_does_not_log_its_payload(app, output, person):
    from portal.core.jobs import enqueue, job_handler
    from portal.core.unit_of_work import unit_of_work

    def fail(run: Any) -> None:
        raise ValueError(f"cannot send {run.payload}")

    job_handler("test.privacy_fails")(fail)
    with unit_of_work():
        enqueue("test.privacy_fails", person.ways()["plain"], max_attempts=1)
        enqueue("test.privacy_unknown", person.ways()["wide"], max_attempts=1)
    worker.drain()
    assert output.getvalue().count("job_failed") == 2
    assert_clean(person, output)
    db.session.rollback()
    for error in db.session.scalars(db.select(Job.last_error)):
        assert not person.found_in(error)


# --- that these tests can fail ---


@pytest.mark.parametrize(
    "leak",
    [
        pytest.param(lambda text: structlog.get_logger("leak").info("seen", note=text), id="field"),
        pytest.param(lambda text: structlog.get_logger("leak").info(f"seen {text}"), id="event"),
        pytest.param(lambda text: stdlib_logging.getLogger("x").debug("%s", text), id="stdlib"),
        pytest.param(
            lambda text: stdlib_logging.getLogger("x").debug(text.encode().decode("latin-1")),
            id="bytes",
        ),
    ],
)
def test_a_logger_that_leaks_is_caught(app, output, person, monkeypatch, leak):
    """One planted logger that writes the body of every request under a harmless name."""
    typed = lambda: leak(request.get_data(as_text=True))  # noqa: E731
    monkeypatch.setitem(
        app.before_request_funcs, None, [*app.before_request_funcs.get(None, []), typed]
    )
    Walk(app, person).run(with_body=15)
    assert "name" in person.found_in(output.getvalue())


def test_numbers_are_caught_as_well_when_nothing_takes_them_out(app, output, person, monkeypatch):
    """The same with the redaction switched off: then the numbers must be found too, in every way of writing."""
    monkeypatch.setattr(logging, "redact_value", lambda value: value)
    typed = lambda: structlog.get_logger("leak").info("seen", note=request.get_data(as_text=True))  # noqa: E731
    monkeypatch.setitem(
        app.before_request_funcs, None, [*app.before_request_funcs.get(None, []), typed]
    )
    for way in person.ways():
        output.truncate(0)
        Walk(app, person, way).run(with_body=15)
        assert set(person.found_in(output.getvalue())) == {"name", "phone", "id"}


@pytest.mark.parametrize("way", ["plain", "separated", "wide"])
def test_the_eye_sees_every_way_of_writing(person, way):
    text = person.text(way, 5000, 0)
    for written in (text, ascii(text), repr(text.encode()), text.encode().decode("latin-1")):
        assert set(person.found_in(f'{{"event": "x", "note": "{written}"}}')) == {
            "name",
            "phone",
            "id",
        }
    assert person.found_in(f"nothing of {person.name[:1]} {person.phone[:7]}") == {}
