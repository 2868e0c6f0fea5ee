"""Runs the migrations: one transaction, alone, on SQLite and on PostgreSQL, with the guards at its end."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from alembic import context
from alembic.autogenerate.api import AutogenContext
from alembic.script import ScriptDirectory
from flask import current_app
from sqlalchemy import Connection, DateTime, Enum, text

from portal.core import schema_guards
from portal.core.db import Base, UTCDateTime, db
from portal.core.encryption import EncryptedText

# Made and owned by the rate limits, outside the models: a counter may be lost.
NOT_OURS = {"rate_limit_counter"}
# Any number; the same for all processes that migrate.
LOCK = 7236817263818


def include_name(name: str | None, kind: str, _parents: Any) -> bool:
    """Leave out what the models do not own."""
    return kind != "table" or name not in NOT_OURS


def render_item(kind: str, item: Any, autogen: AutogenContext) -> str | bool:
    """Write the portal's types as what they are stored as: a revision must outlive the code of its day."""
    if kind != "type":
        return False
    if isinstance(item, UTCDateTime):
        return "sa.DateTime(timezone=True)"
    if isinstance(item, EncryptedText):
        return "sa.LargeBinary()"
    if isinstance(item, Enum) and not item.native_enum:
        return f"sa.String(length={item.length})"
    return False


def compare_type(
    _context: Any, _inspected: Any, metadata: Any, found: Any, wanted: Any
) -> bool | None:
    """SQLite keeps no time zone in its types, so it can neither have nor lack one."""
    if isinstance(wanted, UTCDateTime) and isinstance(found, DateTime):
        return context.get_context().dialect.name != "sqlite" and not found.timezone
    return None


@contextmanager
def rebuilding(connection: Connection) -> Iterator[None]:
    """On SQLite switch foreign keys off while tables are rebuilt, and check them all before the commit.

    Outside SQLAlchemy's transaction, because inside one the switch does nothing.
    """
    if connection.dialect.name != "sqlite":
        yield
        return
    raw: Any = connection.connection.dbapi_connection
    raw.execute("PRAGMA foreign_keys=OFF")
    try:
        yield
    finally:
        raw.execute("PRAGMA foreign_keys=ON")


def run() -> None:
    """Bring the application's database to the revision that was asked for."""
    with db.engine.connect() as plain, rebuilding(plain):
        connection = plain.execution_options(sqlite_begin="BEGIN IMMEDIATE")
        context.configure(
            connection=connection,
            target_metadata=Base.metadata,
            include_name=include_name,
            render_item=render_item,
            compare_type=compare_type,
            render_as_batch=connection.dialect.name == "sqlite",
            transactional_ddl=True,
        )
        with context.begin_transaction():
            if connection.dialect.name == "postgresql":
                _wait_for_a_turn(connection)
            context.run_migrations()
            _finish(connection)


def _wait_for_a_turn(connection: Connection) -> None:
    """Let another upgrade end first, however long it takes; for the tables the limit on waiting holds as everywhere."""
    limit = connection.scalar(text("SELECT current_setting('lock_timeout')"))
    set_limit = text("SELECT set_config('lock_timeout', :limit, true)")
    connection.execute(set_limit, {"limit": "0"})
    connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": LOCK})
    connection.execute(set_limit, {"limit": limit})


def _finish(connection: Connection) -> None:
    script = ScriptDirectory.from_config(context.config)
    if set(context.get_context().get_current_heads()) == set(script.get_heads()) != set():
        schema_guards.install(connection)
    if connection.dialect.name == "sqlite":
        broken = connection.execute(text("PRAGMA foreign_key_check")).all()
        if broken:
            raise RuntimeError(f"rows without their parent after the migration: {len(broken)}")


if context.is_offline_mode():
    raise RuntimeError(f"no offline migrations: {current_app.name} needs its database")
run()
