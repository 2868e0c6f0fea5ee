"""Misses on their way into the database: noted by the search, written a little later, many at once.

A commit of its own would make the search that found nothing the slowest of all. What a killed process
had noted in the last seconds is lost, which costs a count and nobody an answer.
"""

from __future__ import annotations

import atexit
import threading
from collections import deque

import structlog
from flask import Flask, current_app
from sqlalchemy.exc import SQLAlchemyError

from portal.core.db import db
from portal.knowledge import misses

_log = structlog.get_logger(__name__)

# How long a miss waits for others, in seconds; 0 writes it at once. A setting of the application.
DELAY = "SEARCH_MISS_DELAY"
DEFAULT_DELAY = 2.0
# A flood of failing searches must not fill the memory; the oldest are given up.
MOST_WAITING = 500

_waiting: deque[tuple[str, str | None]] = deque(maxlen=MOST_WAITING)
_lock = threading.Lock()
_timer: threading.Timer | None = None


def init_app(app: Flask) -> None:
    """Have what is waiting written when the process ends."""
    app.config.setdefault(DELAY, 0.0 if app.testing else DEFAULT_DELAY)


def note(question: str, category: str | None) -> None:
    """Have one question counted that search could not answer."""
    global _timer
    delay = current_app.config[DELAY]
    with _lock:
        _waiting.append((question, category))
        if delay and _timer is None:
            app = current_app._get_current_object()  # type: ignore[attr-defined]  # behind the proxy
            _timer = threading.Timer(delay, _write_later, [app])
            _timer.daemon = True
            _timer.start()
            atexit.register(_write_later, app)
    if not delay:
        write()


def write() -> None:
    """Write all that is waiting in one commit. A database that refuses costs the counts, not the caller."""
    with _lock:
        noted = list(_waiting)
        _waiting.clear()
    if not noted:
        return
    try:
        misses.record_all(noted)
    except SQLAlchemyError as error:
        _log.warning("search_misses_not_counted", lost=len(noted), error=type(error).__name__)


def _write_later(app: Flask) -> None:
    global _timer
    with _lock:
        _timer = None
    atexit.unregister(_write_later)
    with app.app_context():
        try:
            write()
        finally:
            db.session.remove()
