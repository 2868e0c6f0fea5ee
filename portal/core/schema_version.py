"""Whether the database has the tables of this very program; what does not, neither serves nor works on it."""

from __future__ import annotations

import functools
from pathlib import Path

from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

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


def require() -> None:
    """Refuse to go on with a database of another version; raises SchemaDiffers, or the database's own error."""
    with db.engine.connect() as connection:
        told = difference(connection)
    if told is not None:
        raise SchemaDiffers(told)
