"""The log: JSON, UTC, request ids, and nothing personal by any way in."""

import io
import json
import logging
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import structlog
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import create_engine, text
from sqlalchemy.exc import IntegrityError

from portal.observability import logging as portal_logging
from portal.observability.gunicorn_logger import GunicornLogger

ID_NUMBER = "11010519491231002X"
PHONE = "13800138000"
NAME = "赵小满"


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """Everything that is logged during the test."""
    stream = io.StringIO()
    portal_logging.configure(stream=stream)
    yield stream
    portal_logging.configure()


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def assert_clean(stream: io.StringIO) -> None:
    for secret in (ID_NUMBER, PHONE, NAME, "１３８００１３８０００"):
        assert secret not in stream.getvalue()


def test_one_json_object_per_line_in_utc(log: io.StringIO) -> None:
    structlog.get_logger("portal.test").info("something", count=3, nested={"a": [1, 2]})
    (line,) = lines(log)
    assert line["event"] == "something"
    assert line["level"] == "info"
    assert line["logger"] == "portal.test"
    assert line["count"] == 3
    assert line["nested"] == {"a": [1, 2]}
    instant = datetime.fromisoformat(line["timestamp"])
    assert instant.utcoffset() == datetime.now(UTC).utcoffset()
    assert abs((datetime.now(UTC) - instant).total_seconds()) < 60


@pytest.mark.parametrize("field", ["detail", "reference", "anything", "event_2"])
@pytest.mark.parametrize("value", [ID_NUMBER, PHONE, f"号码 {PHONE}", "１３８-００１３-８０００"])
def test_planted_numbers_do_not_reach_the_log(log: io.StringIO, field: str, value: str) -> None:
    structlog.get_logger("portal.test").info(f"event {value}", **{field: value})
    logging.getLogger("third.party").warning("value %s and %r", value, {"deep": [value]})
    assert_clean(log)
    assert "[号码]" in log.getvalue()


def test_fields_that_tell_their_content_are_emptied(log: io.StringIO) -> None:
    structlog.get_logger("portal.test").info("seen", name=NAME, resident_name=NAME, text=NAME)
    assert_clean(log)
    assert len(lines(log)) == 1


def test_exceptions_by_every_way_in(log: io.StringIO) -> None:
    structured, standard = structlog.get_logger("portal.test"), logging.getLogger("third.party")
    try:
        raise ValueError(f"{NAME} {PHONE} {ID_NUMBER}")
    except ValueError as error:
        structured.exception("one")
        structured.warning("two", exc_info=error)
        structured.warning("three", exc_info=sys.exc_info())
        standard.exception("four")
        standard.error("five %s", error)
        standard.error(error)
        standard.error("seven", stack_info=True)
    assert_clean(log)
    found = lines(log)
    assert len(found) == 7
    assert all("ValueError" in line["exception"] for line in found[:4])
    assert all("test_exceptions_by_every_way_in" in line["exception"] for line in found[:4])


def test_a_database_error_repeats_no_row(log: io.StringIO) -> None:
    engine = create_engine("sqlite://", hide_parameters=True)
    with engine.connect() as connection:
        connection.execute(text("CREATE TABLE person (name TEXT UNIQUE)"))
        insert = text("INSERT INTO person VALUES (:name)")
        connection.execute(insert, {"name": f"{NAME}{PHONE}"})
        try:
            connection.execute(insert, {"name": f"{NAME}{PHONE}"})
        except IntegrityError:
            structlog.get_logger("portal.test").exception("refused")
    engine.dispose()
    assert_clean(log)
    assert "IntegrityError" in log.getvalue()


def test_warnings_and_other_loggers_come_as_json(log: io.StringIO) -> None:
    for name in ("gunicorn.error", "alembic.runtime.migration", "werkzeug"):
        logging.getLogger(name).warning("hello %s", PHONE)
    # As `logging.captureWarnings` does it; pytest keeps real warnings to itself.
    logging._showwarning(f"careful {PHONE}", UserWarning, "file.py", 1)  # type: ignore[attr-defined]
    assert [line["level"] for line in lines(log)] == ["warning"] * 4
    assert_clean(log)


def test_configuring_twice_writes_once(log: io.StringIO) -> None:
    portal_logging.configure(stream=log)
    structlog.get_logger("portal.test").info("once")
    assert len(lines(log)) == 1


def test_the_level_holds(log: io.StringIO) -> None:
    portal_logging.configure(logging.WARNING, log)
    structlog.get_logger("portal.quiet").info("no")
    logging.getLogger("sqlalchemy.engine").info("no")
    structlog.get_logger("portal.quiet").warning("yes")
    assert [line["event"] for line in lines(log)] == ["yes"]


def test_gunicorn_speaks_through_our_formatter(
    log: io.StringIO, capsys: pytest.CaptureFixture[str]
) -> None:
    from gunicorn.config import Config

    logger = GunicornLogger(Config())
    logger.info("Booting worker with pid: %s", 4711)
    logger.access(None, None, {}, None)
    logger.reopen_files()
    printed = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [line["event"] for line in printed] == ["Booting worker with pid: 4711"]
    assert printed[0]["logger"] == "gunicorn.error"


def test_the_request_line(client: FlaskClient, log: io.StringIO) -> None:
    answer = client.get(
        f"/api/v1/nothing-{PHONE}?phone={PHONE}&name={NAME}",
        headers={"X-Request-ID": "trace-me-12345"},
    )
    assert answer.status_code == 404
    (line,) = [line for line in lines(log) if line["event"] == "request"]
    assert line["method"] == "GET"
    assert line["route"] is None
    assert line["status"] == 404
    assert line["request_id"] == "trace-me-12345"
    assert line["duration_ms"] >= 0
    assert_clean(log)


def test_health_is_not_logged_while_all_is_well(client: FlaskClient, log: io.StringIO) -> None:
    assert client.get("/healthz").status_code == 200
    assert log.getvalue() == ""


def test_a_crash_in_a_view_is_logged_without_its_text(app: Flask, log: io.StringIO) -> None:
    with app.test_request_context("/healthz"):
        try:
            raise RuntimeError(f"{NAME} {ID_NUMBER}")
        except RuntimeError:
            app.logger.exception("Exception on %s", f"/x/{PHONE}")
    assert_clean(log)
    assert "RuntimeError" in log.getvalue()
