"""Whether the database has the tables of this very program; what does not, neither serves nor works on it."""

from __future__ import annotations

import functools
from pathlib import Path

from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from portal.core import failures
from portal.core.db import db

FOLDER = Path(__file__).resolve().parents[1] / "migrations"


class SchemaDiffers(Exception):
    """The database is of another version; the text is for the operator."""


@functools.cache
def known() -> tuple[str, ...]:
    """Return the revisions of this program, newest first."""
    script = ScriptDirectory(str(FOLDER))
    return tuple(each.revision for each in script.iterate_revisions("heads", "base"))


def present(connection: Connection) -> str | None:
    """Return the database's revision; None for an empty one."""
    return MigrationContext.configure(connection).get_current_revision()


def difference(connection: Connection) -> str | None:
    """Return what is to be done about a database of another version, as a Chinese sentence; None when all is well."""
    found = present(connection)
    if found == known()[0]:
        return None
    if found is None or found in known():
        return failures.SCHEMA_DIFFERS
    return (
        f"数据库的版本 {found} 比程序新，请使用与它相配的程序；"
        "要退回旧版本，请恢复升级前的备份（见 docs/operations.md 的“升级”）。"
    )


def incomplete(connection: Connection) -> str | None:
    """Return what is to be done about a database that lacks tables, constraints or indexes; None when all are there.

    PostgreSQL puts a backup back table by table, the version early and the constraints last: one that was cut off looks
    new, and takes in what must never happen. A file of SQLite is put back whole, or is told as damaged.
    """
    if connection.dialect.name != "postgresql":
        return None
    named = connection.dialect.identifier_preparer.format_constraint
    wanted = set(db.metadata.tables)
    for table in db.metadata.tables.values():
        wanted |= {str(named(constraint)) for constraint in table.constraints}
        wanted |= {str(named(each)) for each in table.indexes}
    found = connection.scalars(
        text(
            "SELECT relname FROM pg_class WHERE relnamespace = current_schema()::regnamespace "
            "UNION SELECT conname FROM pg_constraint "
            "WHERE connamespace = current_schema()::regnamespace"
        )
    )
    absent = sorted(wanted.difference(found))
    if not absent:
        return None
    return (
        f"数据库不完整，缺少 {len(absent)} 个表、约束或索引（如 {absent[0]}），像是没有恢复完的备份；"
        "请建一个新的空库重新恢复（见 docs/operations.md 的“备份和恢复”）。"
    )


def closed(connection: Connection) -> str | None:
    """Return what is to be done about tables that the connection's user may not use; None when all are open to it.

    As after a backup was put back by another user. What only takes away changing and removing may be meant.
    """
    if connection.dialect.name != "postgresql":
        return None
    names = connection.scalars(
        text(
            "SELECT relname FROM pg_class WHERE relnamespace = current_schema()::regnamespace "
            "AND relkind = 'r' AND NOT (has_table_privilege(oid, 'SELECT') "
            "AND has_table_privilege(oid, 'INSERT')) ORDER BY relname"
        )
    )
    shut = [name for name in names if name in db.metadata.tables]
    return f"{failures.NO_RIGHTS}现在有 {len(shut)} 个表用不了（如 {shut[0]}）。" if shut else None


def require() -> None:
    """Refuse to go on with a database of another version, or half of one; raises SchemaDiffers, or the database's own
    error.
    """
    with db.engine.connect() as connection:
        told = difference(connection) or incomplete(connection) or closed(connection)
    if told is not None:
        raise SchemaDiffers(told)
