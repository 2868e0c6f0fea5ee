"""Persistence: the database object, column types, mixins, and the connection recipe for SQLite.

SQLite runs through `pysqlite3`, which bundles a build without the WAL corruption of 3.7.0 to 3.51.2. pysqlite's own
transaction handling is switched off and the BEGIN statement is ours: a unit of work that writes begins IMMEDIATE, because
a deferred read-then-write fails at once with SQLITE_BUSY_SNAPSHOT, which no busy timeout covers.
"""

from __future__ import annotations

import enum
import os
import time
import uuid
import weakref
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, cast

import uuid_utils.compat
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import (
    CursorResult,
    DateTime,
    Engine,
    Enum,
    MetaData,
    Result,
    TypeDecorator,
    Uuid,
    event,
)
from sqlalchemy.engine.interfaces import DBAPIConnection, Dialect
from sqlalchemy.exc import DBAPIError, InvalidatePoolError
from sqlalchemy.orm import DeclarativeBase, Mapped, declared_attr, mapped_column
from sqlalchemy.pool import ConnectionPoolEntry, PoolProxiedConnection

from portal.core import clock, driver

# Every constraint has a name, so that a migration can drop it and an error can be told by it.
NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}


class Base(DeclarativeBase):
    """Declarative base with named constraints."""

    metadata = MetaData(naming_convention=NAMING)


db = SQLAlchemy(model_class=Base, session_options={"expire_on_commit": False})


def _put_sessions_away_in_any_case() -> None:
    """Have the end of a session succeed where its connection is lost: the server has rolled back already.

    Otherwise an answer that is ready would become a failure, and a thread of the worker would end.
    """
    remove = db.session.remove

    def removed() -> None:
        try:
            remove()
        except DBAPIError as error:
            if not error.connection_invalidated:
                raise
            db.session.registry.clear()

    db.session.remove = removed  # type: ignore[method-assign]


_put_sessions_away_in_any_case()

if TYPE_CHECKING:

    class Model(Base):
        """What Flask-SQLAlchemy builds at run time, as the type checker is to see it."""

        __abstract__ = True
else:
    Model = db.Model


def new_id() -> uuid.UUID:
    """Return a new UUIDv7: unique without coordination and increasing with time, so index pages fill in order."""
    return uuid_utils.compat.uuid7()


class UTCDateTime(TypeDecorator[datetime]):
    """An instant, stored in UTC. Refuses naive values, which would silently mean some other zone."""

    impl = DateTime(timezone=True)
    cache_ok = True

    @property
    def python_type(self) -> type[datetime]:
        """What a cursor's value of this column is read as; a decorator has no type of its own."""
        return datetime

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("naive datetime: use core.clock")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class LabelledEnum(enum.StrEnum):
    """An enum whose members carry the Chinese label a person reads: `OPEN = "open", "已公开"`."""

    label: str

    def __new__(cls, value: str, label: str = "") -> Self:
        member = str.__new__(cls, value)
        member._value_ = value
        member.label = label
        return member


def enum_column(kind: type[enum.StrEnum], *, length: int = 40) -> Enum:
    """Return a column type that stores the member's value as text.

    Text and not a native enum, because adding a state must not need a rebuild of the type on PostgreSQL.
    """
    return Enum(
        kind,
        native_enum=False,
        create_constraint=False,
        length=length,
        values_callable=lambda members: [member.value for member in members],
        validate_strings=True,
    )


class PublicId:
    """Primary key that is safe to show: UUIDv7."""

    id: Mapped[uuid.UUID] = mapped_column(Uuid, primary_key=True, default=new_id)


class Timestamped:
    """When the row was made and last changed (UTC)."""

    created_at: Mapped[datetime] = mapped_column(UTCDateTime, default=clock.now)
    updated_at: Mapped[datetime] = mapped_column(UTCDateTime, default=clock.now, onupdate=clock.now)


class Versioned:
    """Optimistic lock: an update that starts from an older version touches no row and fails. It is also the ETag."""

    version: Mapped[int] = mapped_column(default=1)

    @declared_attr.directive
    @classmethod
    def __mapper_args__(cls) -> dict[str, Any]:
        return {"version_id_col": cls.version}


def _configure_sqlite(connection: Any, _record: Any) -> None:
    # None hands BEGIN and COMMIT to SQLAlchemy's events below.
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute("PRAGMA busy_timeout=10000")
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.close()


def _begin_sqlite(connection: Any) -> None:
    statement = connection.get_execution_options().get("sqlite_begin", "BEGIN")
    driver.carried_out(connection, statement).close()


def configure_engine(engine: Engine) -> None:
    """Attach the recipe for the engine's database. Called once per engine, at wiring."""
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _configure_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        _look_for_the_file(engine)
    else:
        event.listen(engine, "connect", _wait_for_no_lock_forever)
        _ask_connections_that_lay(engine)
        part_with_lost_connections(engine)
    forget_connections_on_fork(engine)


# As long as SQLite waits. What else is at work in the database (a backup's lock, a forgotten transaction) must not keep all
# threads of the web waiting with it, nobody being served meanwhile. A setting of the operator's own stands.
_LOCK_TIMEOUT = (
    "SELECT set_config('lock_timeout', '10s', false) WHERE current_setting('lock_timeout') = '0'"
)


def _wait_for_no_lock_forever(connection: Any, _record: Any) -> None:
    connection.autocommit = True
    connection.execute(_LOCK_TIMEOUT)
    connection.autocommit = False


_FILE = "portal.file"


def _look_for_the_file(engine: Engine) -> None:
    """Have the pool replace its connections when another file lies in the database's place, and refuse when none does.

    A file that was moved or removed goes on to take in what is written on connections that have it open, and nobody finds it
    again. Once there was one, none is made: what is missing is to be put back, and not to be begun anew.
    """
    # As SQLite names it, once it has opened it; none for a database in memory.
    path: Path | None = None

    def which() -> tuple[int, int] | None:
        if path is None:
            return None
        try:
            found = path.stat()
        except OSError:
            return None
        return found.st_dev, found.st_ino

    def opening(*_: object) -> None:
        if path is not None and which() is None:
            raise engine.dialect.loaded_dbapi.OperationalError("unable to open database file")

    def opened(connection: Any, record: ConnectionPoolEntry) -> None:
        nonlocal path
        name = connection.execute("PRAGMA database_list").fetchone()[2]
        path = Path(name) if name else None
        record.info[_FILE] = which()

    def taken_up(
        _: DBAPIConnection, record: ConnectionPoolEntry, _p: PoolProxiedConnection
    ) -> None:
        if record.info[_FILE] != which():
            raise InvalidatePoolError("another file lies in the database's place")

    event.listen(engine, "do_connect", opening)
    event.listen(engine, "connect", opened)
    event.listen(engine, "checkout", taken_up)


# Seconds that a connection has lain in the pool, after which it is asked whether it is still alive. In a rush none lies so
# long, and to ask is one of some ten errands to the server in a request. No server comes back from a restart so soon.
ASKED_AFTER = 1.0
_LAID_DOWN = "portal.laid_down"


def _ask_connections_that_lay(engine: Engine) -> None:
    """Have the pool replace its connections when the server has closed one of them meanwhile."""

    def laid_down(_connection: DBAPIConnection | None, record: ConnectionPoolEntry) -> None:
        record.info[_LAID_DOWN] = time.monotonic()

    def taken_up(
        connection: DBAPIConnection, record: ConnectionPoolEntry, _proxy: PoolProxiedConnection
    ) -> None:
        now = time.monotonic()
        if now - record.info.get(_LAID_DOWN, now) < ASKED_AFTER:
            return
        try:
            engine.dialect.do_ping(connection)
        except engine.dialect.loaded_dbapi.Error as error:
            raise InvalidatePoolError("the server has closed the connection") from error

    event.listen(engine, "checkin", laid_down)
    event.listen(engine, "checkout", taken_up)


# What a server says last on a connection: shut down (57P01, 57P02), told to close what is idle (57P05) or open for too long
# (25P03, 25P04). And that it only reads (25006): one that has become the standby, or was told to let nobody write, keeps its
# connections, which would go on refusing when another one has taken over, or others are let in.
_OVER = frozenset({"57P01", "57P02", "57P05", "25P03", "25P04", "25006"})


def part_with_lost_connections(engine: Engine) -> None:
    """Have a connection that cannot be gone on with count as lost, so that the next one is made anew.

    The driver alone does not see it where the connection is still open when the server's last words are read.
    """
    known = engine.dialect.is_disconnect

    def is_disconnect(error: Exception, connection: Any, cursor: Any) -> bool:
        return getattr(error, "sqlstate", None) in _OVER or known(error, connection, cursor)  # type: ignore[arg-type]

    engine.dialect.is_disconnect = is_disconnect  # type: ignore[method-assign,assignment]


def forget_connections_on_fork(engine: Engine) -> None:
    """Give each forked process connections of its own: two processes on one connection corrupt each other's answers."""
    known = weakref.ref(engine)

    def forget() -> None:
        inherited = known()
        if inherited is not None:
            inherited.dispose(close=False)

    os.register_at_fork(after_in_child=forget)


def rows_changed(result: Result[Any]) -> int:
    """Return how many rows a writing statement has changed."""
    return cast("CursorResult[Any]", result).rowcount


def is_sqlite() -> bool:
    """True when the bound database is SQLite; used where the two databases guard the same rule differently."""
    return db.engine.dialect.name == "sqlite"
