"""SQLite's write-ahead log, begun anew while it is short.

A commit that overwrites the log waits for one write of the disk; one that makes the log longer waits for the file system's
journal as well, ten times as long. SQLite begins the log anew only where at that moment nobody reads what stands in it,
which in a rush never comes: the log grew with every hold. So whoever has the turn to write looks at it now and then, and
lets the few who read finish first.
"""

from __future__ import annotations

import itertools
import time
from typing import Any

import structlog
from sqlalchemy.engine import Connection

# Pages (of 4 KiB) from which on the log is begun anew; SQLite itself copies them into the database from a thousand on.
LONG = 800
# Every so many commits of a process the log is looked at, which takes a tenth of a millisecond.
EVERY = 16
# How long readers are waited for, and how long they are left alone when one took longer, such as a build of the index:
# meanwhile nobody writes.
PATIENCE_MS = 25
PAUSE_SECONDS = 2.0
_commits = itertools.count(1)
_not_before = 0.0
_log = structlog.get_logger(__name__)


def keep_short(connection: Connection) -> None:
    """Begin the log anew when it is long. The caller has the turn to write, and has just committed on the connection.

    Raises nothing: the commit stands, whatever becomes of the log.
    """
    global _not_before
    if connection.dialect.name != "sqlite" or next(_commits) % EVERY:
        return
    # Whoever rolls back inside a unit goes on with another connection.
    if connection.closed or time.monotonic() < _not_before:
        return
    # Straight to the driver: SQLAlchemy would begin a transaction first, in which the log cannot be begun anew.
    raw = connection.connection.driver_connection
    try:
        if pages(raw) < LONG or begin_anew(raw):
            return
    except connection.dialect.loaded_dbapi.Error as error:
        _log.warning("write_ahead_log_stays", error=type(error).__name__)
    _not_before = time.monotonic() + PAUSE_SECONDS


def pages(raw: Any) -> int:
    """Return how many pages stand in the log since it was begun; `raw` is the driver's connection."""
    found: int = raw.execute("PRAGMA wal_checkpoint(NOOP)").fetchone()[1]
    return found


def begin_anew(raw: Any) -> bool:
    """Copy the log into the database and let the next commit begin it anew; False when somebody reads for too long."""
    (patience,) = raw.execute("PRAGMA busy_timeout").fetchone()
    raw.execute(f"PRAGMA busy_timeout={PATIENCE_MS}")
    try:
        busy, _, _ = raw.execute("PRAGMA wal_checkpoint(RESTART)").fetchone()
    finally:
        raw.execute(f"PRAGMA busy_timeout={patience}")
    return not busy
