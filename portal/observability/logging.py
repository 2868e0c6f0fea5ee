"""JSON logs: one object per line on standard error, UTC times, request ids, and no personal data.

Everything goes through here: structlog, the standard library's loggers, and those of gunicorn,
Werkzeug, Alembic and SQLAlchemy. The request line is written by us and not by gunicorn, because
gunicorn would print the query string.
"""

from __future__ import annotations

import logging
import sys
import time
from typing import Any, TextIO

import structlog
from flask import Flask, Response, g, request
from structlog.typing import EventDict, Processor, WrappedLogger

from portal.observability.redaction import REMOVED, exception_text, is_private, redact_value

_log = structlog.get_logger("portal.request")
_STARTED = "_portal_request_started"
# Asked every few seconds by machines; logged only when they crash. A portal that is not ready says
# so in its answer, and once in the log when that changes.
_QUIET_PATHS = frozenset({"/healthz", "/readyz", "/metrics"})
# Chatty below this level and of no use to the operator.
_LEVELS = {
    # Looking at the revision, as every readiness check does, is not worth a line.
    "alembic.runtime": logging.WARNING,
    "sqlalchemy": logging.WARNING,
    "urllib3": logging.WARNING,
    "werkzeug": logging.WARNING,
    "httpx": logging.WARNING,
}
# Written by our own processors, not by callers.
_OWN_FIELDS = frozenset({"event", "level", "logger", "timestamp", "exception", "request_id"})
# Overwritten by them whatever a caller gave, with nothing that anybody typed: these need no look in every line.
_MADE_HERE = frozenset({"level", "logger", "timestamp"})


def drop_personal_data(_logger: WrappedLogger, _method: str, event_dict: EventDict) -> EventDict:
    """Redact every field; empty those whose name says that they are private."""
    return {
        key: value if key in _MADE_HERE else _redacted(key, value)
        for key, value in event_dict.items()
    }


def _redacted(key: str, value: Any) -> Any:
    return REMOVED if key not in _OWN_FIELDS and is_private(key) else redact_value(value)


def render_exception(_logger: WrappedLogger, _method: str, event_dict: EventDict) -> EventDict:
    """Replace `exc_info` by a traceback that repeats nothing a person may have typed."""
    exc_info = event_dict.pop("exc_info", None)
    if isinstance(exc_info, BaseException):
        exc_info = (type(exc_info), exc_info, exc_info.__traceback__)
    elif exc_info is True or (exc_info and not isinstance(exc_info, tuple)):
        exc_info = sys.exc_info()
    if exc_info:
        text = exception_text(exc_info)
        if text:
            event_dict["exception"] = text
    # Text that somebody else formatted cannot be cleaned reliably.
    event_dict.pop("exc_text", None)
    event_dict.pop("stack_info", None)
    return event_dict


_SHARED: tuple[Processor, ...] = (
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
)


class _CleanExceptions(logging.Filter):
    """Cleans exceptions passed as arguments of a standard logging call before they are formatted
    into its text.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Rewrite the record's arguments in place; lets every record through."""
        if isinstance(record.args, tuple):
            record.args = tuple(
                redact_value(argument) if isinstance(argument, BaseException) else argument
                for argument in record.args
            )
        if isinstance(record.msg, BaseException):
            record.msg = redact_value(record.msg)
        return True


class _StandardError(logging.StreamHandler[TextIO]):
    """Writes to whatever standard error is at that moment: tests and tools replace it."""

    def __init__(self) -> None:
        logging.Handler.__init__(self)

    @property
    def stream(self) -> TextIO:  # type: ignore[override]  # an attribute in the base class
        """The current standard error."""
        return sys.stderr


def make_handler(stream: TextIO | None = None) -> logging.Handler:
    """Return a handler that writes our JSON lines to `stream` (standard error when None)."""
    handler = _StandardError() if stream is None else logging.StreamHandler(stream)
    handler.addFilter(_CleanExceptions())
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=_SHARED,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                render_exception,
                drop_personal_data,
                structlog.processors.JSONRenderer(ensure_ascii=False, default=str),
            ],
        )
    )
    return handler


def configure(level: int = logging.INFO, stream: TextIO | None = None) -> None:
    """Send all logging of this process through our formatter. Calling it again replaces the earlier
    handler.
    """
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *_SHARED,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    root = logging.getLogger()
    for handler in [found for found in root.handlers if getattr(found, "portal_handler", False)]:
        root.removeHandler(handler)
    fresh = make_handler(stream)
    fresh.portal_handler = True  # type: ignore[attr-defined]  # marks it as ours for the next call
    root.addHandler(fresh)
    root.setLevel(level)
    for name, least in _LEVELS.items():
        logging.getLogger(name).setLevel(max(level, least))
    # Loggers that may have been given handlers of their own before we came.
    for name in ("gunicorn.error", "gunicorn.access", "werkzeug", "alembic", "flask.app"):
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True
    logging.captureWarnings(capture=True)
    # Asked for every line, and in none of ours (the library's guide to speed).
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False


def init_app(app: Flask) -> None:
    """Write one line per request: method, route template, status, duration in milliseconds. No
    path, no query string.
    """
    app.before_request(_start)
    app.after_request(_write)


def _start() -> None:
    setattr(g, _STARTED, time.perf_counter())


def _write(response: Response) -> Response:
    rule = request.url_rule.rule if request.url_rule is not None else None
    if rule in _QUIET_PATHS and response.status_code != 500:
        return response
    fields: dict[str, Any] = {
        "method": request.method[:10],
        "route": rule,
        "status": response.status_code,
    }
    started = getattr(g, _STARTED, None)
    if started is not None:
        fields["duration_ms"] = round((time.perf_counter() - started) * 1000, 1)
    level = logging.ERROR if response.status_code >= 500 else logging.INFO
    _log.log(level, "request", **fields)
    return response
