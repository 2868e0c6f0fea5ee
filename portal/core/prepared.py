"""Statements that are put together once.

In a rush, putting a statement together costs SQLAlchemy several times what the database needs to carry it out. A `Prepared`
statement is compiled at its first use, for each kind of database, and handed to the driver with its values from then on; the
values are converted by the columns' own types, as always. It runs in the session's transaction and is seen by the engine's
events. For the few paths where it counts; everything else goes through the session.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, cast

from sqlalchemy import ColumnElement, Executable, UpdateBase
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection, Dialect
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql.selectable import ReturnsRows
from sqlalchemy.types import TypeEngine

from portal.core.db import db
from portal.core.unit_of_work import current

Convert = Callable[[Any], Any]


@dataclass(frozen=True)
class _Compiled:
    sql: str
    # For each value its name in the mapping and its conversion; and those that the statement brings itself, converted.
    values: tuple[tuple[str, Convert | None], ...]
    constants: dict[str, Any]
    positional: bool
    # The names as often and in the order as a positional statement has them.
    order: tuple[str, ...]
    results: tuple[Convert | None, ...]


class Prepared:
    """A Core statement with bound parameters by name; a writing one needs a unit of work, as everywhere.

    `make` is called with the dialect's own module (`sqlalchemy.dialects.sqlite` or `postgresql`) when the statement is first
    used on it, because the two spell an upsert differently.
    """

    def __init__(self, make: Callable[[Any], Executable], *, writes: bool) -> None:
        self._make = make
        self._writes = writes
        self._compiled: dict[str, _Compiled] = {}

    def run(self, values: Mapping[str, Any]) -> int:
        """Carry the statement out; returns how many rows it changed."""
        cursor, _ = self._execute(values)
        changed: int = cursor.rowcount
        cursor.close()
        return changed

    def rows(self, given: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        """Carry the statement out; returns its rows, each value as its column's type reads it."""
        cursor, compiled = self._execute(given)
        found = cursor.fetchall()
        cursor.close()
        converted = [
            (at, convert) for at, convert in enumerate(compiled.results) if convert is not None
        ]
        if not converted:
            return [tuple(row) for row in found]
        rows = []
        for row in found:
            values = list(row)
            for at, convert in converted:
                values[at] = convert(values[at])
            rows.append(tuple(values))
        return rows

    def row(self, values: Mapping[str, Any]) -> tuple[Any, ...] | None:
        """Carry the statement out; returns its first row, None when it has none."""
        cursor, compiled = self._execute(values)
        found = cursor.fetchone()
        cursor.close()
        return None if found is None else _read(found, compiled.results)

    def _execute(self, values: Mapping[str, Any]) -> tuple[Any, _Compiled]:
        session = db.session()
        work = current()
        if work is not None:
            # What the session has not written yet comes first, as with a statement of its own.
            session.flush()
        elif self._writes:
            raise RuntimeError("a write outside a unit of work")
        connection = work.connection if work is not None else None
        if connection is None:
            connection = session.connection()
        compiled = self._compiled.get(connection.dialect.name)
        if compiled is None:
            compiled = self._compile(connection)
        given = dict(compiled.constants)
        for name, convert in compiled.values:
            value = values[name]
            given[name] = convert(value) if convert is not None and value is not None else value
        parameters: Any = given
        if compiled.positional:
            parameters = [given[name] for name in compiled.order]
        return _carried_out(connection, compiled.sql, parameters), compiled

    def _compile(self, connection: Connection) -> _Compiled:
        dialect = connection.dialect
        statement = self._make(sqlite if dialect.name == "sqlite" else postgresql)
        # The dialects' own compiler: a statement's, not that of a CREATE TABLE.
        made: Any = statement.compile(dialect=dialect)  # type: ignore[attr-defined]
        named = [
            (name, bind, _writing(bind.type, dialect)) for bind, name in made.bind_names.items()
        ]
        found = _Compiled(
            str(made),
            tuple((name, convert) for name, bind, convert in named if bind.required),
            {
                name: _converted(bind.value, convert)
                for name, bind, convert in named
                if not bind.required
            },
            bool(made.positional),
            tuple(made.positiontup or ()),
            tuple(_reading(column.type, dialect) for column in _columns(statement)),
        )
        self._compiled[dialect.name] = found
        return found


def _columns(statement: Executable) -> Iterable[ColumnElement[Any]]:
    """What each row of the statement's answer holds; nothing for a write that returns no rows."""
    if isinstance(statement, UpdateBase) and not statement.returning_column_descriptions:
        return ()
    return cast("ReturnsRows", statement).exported_columns


def _writing(kind: TypeEngine[Any], dialect: Dialect) -> Convert | None:
    return kind.dialect_impl(dialect).bind_processor(dialect)


def _reading(kind: TypeEngine[Any], dialect: Dialect) -> Convert | None:
    return kind.dialect_impl(dialect).result_processor(dialect, None)


def _carried_out(connection: Connection, sql: str, parameters: Any) -> Any:
    """Return the driver's cursor after the statement.

    Through SQLAlchemy when somebody listens to the engine's statements; otherwise straight to the driver, with the errors
    that SQLAlchemy would raise.
    """
    if connection.dispatch.before_cursor_execute or connection.dispatch.after_cursor_execute:
        seen = connection.exec_driver_sql(
            sql, tuple(parameters) if isinstance(parameters, list) else parameters
        )
        cursor: Any = seen.cursor
        return cursor if cursor is not None else _Ended(seen.rowcount)
    dialect = connection.dialect
    raw = connection.connection
    cursor = raw.cursor()
    try:
        cursor.execute(sql, parameters)
    except dialect.loaded_dbapi.Error as error:
        gone = dialect.is_disconnect(error, raw.driver_connection, cursor)
        if gone:
            connection.invalidate(error)
        # Without the values: they would print an ID number that broke a constraint.
        raise DBAPIError.instance(
            sql,
            None,
            error,
            dialect.loaded_dbapi.Error,
            hide_parameters=True,
            connection_invalidated=gone,
            dialect=dialect,
        ) from error
    return cursor


@dataclass(frozen=True)
class _Ended:
    """A cursor that SQLAlchemy has closed already, because its statement gives no rows."""

    rowcount: int

    def close(self) -> None:
        """Nothing is left to be closed."""


def _converted(value: Any, convert: Convert | None) -> Any:
    return value if convert is None or value is None else convert(value)


def _read(row: Any, results: tuple[Convert | None, ...]) -> tuple[Any, ...]:
    return tuple(
        value if convert is None else convert(value)
        for value, convert in zip(row, results, strict=True)
    )
