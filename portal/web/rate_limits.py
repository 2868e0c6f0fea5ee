"""Limits counted across all workers, by address, by account, and by any other key a room names.

The counting is the `limits` library's. Its store is Redis when one is configured, otherwise a table: on SQLite in a file of
its own, without waiting for the disk, because a lost counter harms nobody while a slow one harms every request.
"""

from __future__ import annotations

import ipaddress
import re
import threading
import time
from pathlib import Path
from typing import Any

import pysqlite3.dbapi2
import structlog
from flask import Flask, current_app
from limits import RateLimitItem, parse_many
from limits.errors import StorageError
from limits.storage import RedisStorage, Storage
from limits.strategies import FixedWindowRateLimiter
from sqlalchemy import Engine, create_engine, event, text

from portal.core import encryption, failures
from portal.core.db import forget_connections_on_fork, part_with_lost_connections
from portal.core.errors import TooManyRequests
from portal.core.respite import ANSWERS_WITHIN, Respite

_log = structlog.get_logger(__name__)

DEFAULT_BY_ADDRESS = "1200 per minute"
DEFAULT_WRITES = "120 per minute"
_BOUNDLESS = 2**31 - 1


_TABLE = (
    "CREATE TABLE IF NOT EXISTS rate_limit_counter (name VARCHAR(300) PRIMARY KEY, "
    "hits INTEGER NOT NULL, expires_at DOUBLE PRECISION NOT NULL)"
)


class DatabaseStorage(Storage):
    """Fixed-window counters in one table.

    A hit is one guarded statement: it counts only while the window has room, or begins the next window, so it need not
    read a result while it holds the lock. On SQLite that matters: a thread that has to wait for the interpreter in
    between lets every other process wait for the lock.
    """

    STORAGE_SCHEME = ["database"]
    # One that ends later than any can was begun before the clock was set back, and would last as long as that was.
    _OVER = "(rate_limit_counter.expires_at <= :now OR rate_limit_counter.expires_at > :latest)"
    # Nobody's running window is begun anew, and a full one is left alone: then no row changes.
    _COUNT = (
        "INSERT INTO rate_limit_counter (name, hits, expires_at) "  # noqa: S608 - constants
        "VALUES (:name, 1, :expires) "
        "ON CONFLICT (name) DO UPDATE SET "
        f"hits = CASE WHEN {_OVER} THEN 1 ELSE rate_limit_counter.hits + 1 END, "
        f"expires_at = CASE WHEN {_OVER} THEN :expires ELSE rate_limit_counter.expires_at END "
        f"WHERE {_OVER} OR rate_limit_counter.hits < :most"
    )

    def __init__(self, engine: Engine) -> None:
        super().__init__("database://", wrap_exceptions=True)
        self._engine = engine
        # In the style of the driver.
        self._count = (
            self._COUNT
            if engine.dialect.name == "sqlite"
            else re.sub(r":(\w+)", r"%(\1)s", self._COUNT)
        )
        self._ready = False
        self._swept = time.time()
        self._lock = threading.Lock()

    @property
    def engine(self) -> Engine:
        """The engine, with the table made at first use: a database that is away must not keep a process from starting."""
        if not self._ready:
            with self._lock:
                if not self._ready:
                    self._create()
                    self._ready = True
        return self._engine

    def _create(self) -> None:
        # The engine commits by itself; the lock below lasts as long as a transaction.
        engine = self._engine
        if engine.dialect.name == "postgresql":
            engine = engine.execution_options(isolation_level="READ COMMITTED")
        with engine.begin() as connection:
            if connection.dialect.name == "postgresql":
                # Two processes that create it at once would clash in the catalogue in spite of IF NOT EXISTS.
                connection.execute(text("SELECT pg_advisory_xact_lock(7236817263817)"))
                connection.execute(text(_TABLE.replace("TABLE", "UNLOGGED TABLE", 1)))
            else:
                connection.execute(text(_TABLE))

    @property
    def base_exceptions(self) -> type[Exception] | tuple[type[Exception], ...]:
        """What counts as a failure of the store."""
        return Exception

    def take(self, key: str, expiry: float, most: int) -> bool:
        """Count one hit on `key` in a window of `expiry` seconds; False when it holds `most` already."""
        now = time.time()
        values = {
            "name": key,
            "now": now,
            "expires": now + expiry,
            # Twice as far as a window reaches: the clocks of several web servers differ a little.
            "latest": now + 2 * expiry,
            "most": most,
        }
        taken = self._changed(values)
        self._sweep(now)
        return taken

    def _changed(self, values: dict[str, Any], *, again: bool = True) -> bool:
        """Count; a connection that the server has closed meanwhile is replaced once."""
        # Every request counts; SQLAlchemy's execution would take several times as long as the statement.
        plain = self.engine.raw_connection()
        try:
            cursor = plain.cursor()
            cursor.execute(self._count, values)
            changed: bool = cursor.rowcount > 0
            cursor.close()
        except Exception as error:
            gone: Any = self._engine.dialect.is_disconnect
            if not again or not gone(error, plain, None):
                raise
            plain.invalidate(error)
            return self._changed(values, again=False)
        finally:
            plain.close()
        return changed

    def incr(self, key: str, expiry: float, amount: int = 1) -> int:
        """Count `amount` hits whatever the limit; returns the hits of the window."""
        for _ in range(amount):
            self.take(key, expiry, _BOUNDLESS)
        return self.get(key)

    def get(self, key: str) -> int:
        """Return the hits of the current window."""
        with self.engine.connect() as connection:
            found = connection.execute(
                text("SELECT hits FROM rate_limit_counter WHERE name = :n AND expires_at > :t"),
                {"n": key, "t": time.time()},
            ).scalar()
        return int(found or 0)

    def get_expiry(self, key: str) -> float:
        """Return when the current window ends (seconds since the epoch)."""
        with self.engine.connect() as connection:
            found = connection.execute(
                text("SELECT expires_at FROM rate_limit_counter WHERE name = :n"), {"n": key}
            ).scalar()
        return float(found or time.time())

    def check(self) -> bool:
        """True when the store answers."""
        with self.engine.connect() as connection:
            return connection.execute(text("SELECT 1")).scalar() == 1

    def reset(self) -> int | None:
        """Forget all counters."""
        with self.engine.begin() as connection:
            return int(connection.execute(text("DELETE FROM rate_limit_counter")).rowcount)

    def clear(self, key: str) -> None:
        """Forget one counter."""
        with self.engine.begin() as connection:
            connection.execute(text("DELETE FROM rate_limit_counter WHERE name = :n"), {"n": key})

    def _sweep(self, now: float) -> None:
        with self._lock:
            if now - self._swept < 600:
                return
            self._swept = now
        with self.engine.begin() as connection:
            connection.execute(
                text("DELETE FROM rate_limit_counter WHERE expires_at < :t"), {"t": now}
            )


class _RedisStore(RedisStorage):
    """The library's store; what is no Redis may answer anything, which fails in any way."""

    @property
    def base_exceptions(self) -> type[Exception] | tuple[type[Exception], ...]:
        """What counts as a failure of the store."""
        return Exception


class _FixedWindow(FixedWindowRateLimiter):
    """The library's fixed window; in the database counting and comparing are one statement."""

    def hit(self, item: RateLimitItem, *identifiers: str, cost: int = 1) -> bool:
        """Count one hit; False when the window is full."""
        if cost == 1 and isinstance(self.storage, DatabaseStorage):
            key = item.key_for(*identifiers)
            try:
                return self.storage.take(key, item.get_expiry(), item.amount)
            except Exception as error:
                raise StorageError(error) from error
        return super().hit(item, *identifiers, cost=cost)


def _tune(connection: Any, _record: Any) -> None:
    cursor = connection.cursor()
    for pragma in ("busy_timeout=5000", "journal_mode=WAL", "synchronous=OFF"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _database_engine(url: str, folder: Path) -> Engine:
    if not url.startswith("sqlite"):
        engine = create_engine(
            url,
            pool_size=4,
            # Nothing is left to be rolled back after a statement that commits by itself.
            pool_reset_on_return=None,
            hide_parameters=True,
            isolation_level="AUTOCOMMIT",
        )
        part_with_lost_connections(engine)
        forget_connections_on_fork(engine)
        return engine
    folder.mkdir(parents=True, exist_ok=True)
    engine = create_engine(
        f"sqlite:///{folder / 'limits.db'}",
        module=pysqlite3.dbapi2,
        pool_reset_on_return=None,
        hide_parameters=True,
        isolation_level="AUTOCOMMIT",
    )
    event.listen(engine, "connect", _tune)
    forget_connections_on_fork(engine)
    return engine


def init_app(app: Flask, *, redis_url: str | None, database_url: str, folder: Path) -> None:
    """Bind the limiter. `app.config["RATE_LIMITS"] = False` switches it off (tests that are about something else)."""
    storage: Storage = (
        _RedisStore(
            redis_url,
            wrap_exceptions=True,
            socket_timeout=ANSWERS_WITHIN,
            socket_connect_timeout=ANSWERS_WITHIN,
        )
        if redis_url
        else DatabaseStorage(_database_engine(database_url, folder))
    )
    app.extensions["portal_limiter"] = _FixedWindow(storage)
    app.extensions["portal_limiter_respite"] = Respite()
    app.extensions["portal_limiter_told"] = failures.Telling()
    app.config.setdefault("RATE_LIMITS", True)


def network_of(address: str) -> str:
    """Return what is counted as one address: an IPv4 address, or the /64 network that one IPv6 customer is given."""
    try:
        known = ipaddress.ip_address(address)
    except ValueError:
        return address
    if known.version == 4:
        return address
    if known.ipv4_mapped is not None:
        return str(known.ipv4_mapped)
    return str(ipaddress.ip_network((known, 64), strict=False))


_parsed: dict[str, list[RateLimitItem]] = {}


def hit(limit: str, *key: str) -> None:
    """Count one hit on `limit` (for example `"5 per 10 minutes; 20 per day"`) for `key`; raises TooManyRequests.

    The first part of `key` names the purpose; the rest (an address, an account, a phone number) is stored as a
    fingerprint only, because the counters lie outside the encrypted columns.
    A store that does not answer lets the request through and says so in the log: the portal stays open, and what must
    never be exceeded (attempts on a code or a password) is counted in the database with its subject as well. One that
    keeps requests waiting for its failure is left alone for a while.
    """
    respite: Respite = current_app.extensions["portal_limiter_respite"]
    if not current_app.config["RATE_LIMITS"] or respite.lasts:
        return
    limiter: FixedWindowRateLimiter = current_app.extensions["portal_limiter"]
    items = _parsed.get(limit)
    if items is None:
        items = _parsed[limit] = parse_many(limit.replace(";", ","))
    purpose = key[0]
    whose = "\x00".join(part.encode("utf-8", "backslashreplace").decode() for part in key[1:])
    counted = (purpose, encryption.blind_index(f"rate_limit.{purpose}", whose)[:32])
    for item in items:
        try:
            with respite.watched():
                if limiter.hit(item, *counted):
                    continue
                reset = limiter.get_window_stats(item, *counted).reset_time
        except StorageError as error:
            cause = _cause(error)
            told = _advice(cause)
            if current_app.extensions["portal_limiter_told"].is_due(told):
                _log.error("rate_limit_store_failed", error=type(cause).__name__, advice=told)
            return
        raise TooManyRequests(retry_after=int(reset - time.time()) + 1)


def why_not_counting() -> str | None:
    """Return why the store of the counters takes none in, and what to do, in Chinese; None when it does.

    One that is full or read only answers all the same.
    """
    try:
        current_app.extensions["portal_limiter"].storage.incr("readiness", 60)
    except StorageError as error:
        return _advice(_cause(error))
    return None


def _cause(error: StorageError) -> Exception:
    """Return what the store failed of; the library wraps it once for each of its functions that it passes."""
    cause: Exception = error
    while isinstance(cause, StorageError):
        cause = cause.storage_error
    return cause


def _advice(cause: Exception) -> str:
    if isinstance(current_app.extensions["portal_limiter"].storage, RedisStorage):
        return failures.of_redis(cause)
    return failures.sentence(cause) or "计数用的数据库没有应答，或者写不进去。"


def reset() -> None:
    """Forget all counters; for tests."""
    current_app.extensions["portal_limiter"].storage.reset()
