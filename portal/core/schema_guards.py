"""Guards that live in the database and that models cannot express, such as triggers.

A room registers its statements per dialect; the migration and the tests install the same ones, so that neither can drift.
Every statement must be safe to repeat.
"""

from __future__ import annotations

from sqlalchemy import Connection

_statements: dict[str, list[str]] = {"sqlite": [], "postgresql": []}


def register(*, sqlite: tuple[str, ...] = (), postgresql: tuple[str, ...] = ()) -> None:
    """Add statements for each database."""
    for dialect, statements in (("sqlite", sqlite), ("postgresql", postgresql)):
        _statements[dialect].extend(s for s in statements if s not in _statements[dialect])


def install(connection: Connection) -> None:
    """Run every statement registered for the connection's database."""
    for statement in _statements[connection.dialect.name]:
        connection.exec_driver_sql(statement)
