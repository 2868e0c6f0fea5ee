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
from sqlalchemy.orm import Session, SessionTransaction
from sqlalchemy.sql.selectable import ReturnsRows
from sqlalchemy.types import TypeEngine

from portal.core import driver, unit_of_work
from portal.core.db import db

Convert = Callable[[Any], Any]
_READING = "portal.reading_connection"


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


@dataclass(frozen=True, slots=True)
class Unread:
    """A row as the driver gave it."""

    _row: Any
    _results: tuple[Convert | None, ...]

    def value(self, at: int) -> Any:
        """Return one value, as its column's type reads it."""
        return _converted(self._row[at], self._results[at])

    def values(self) -> tuple[Any, ...]:
        """Return all values, as their columns' types read them."""
        return _read(self._row, self._results)


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

    def unread(self, given: Mapping[str, Any]) -> list[Unread]:
        """Carry the statement out; returns its rows, to be read one by one.

        For statements of which few of many rows are looked at: reading the values takes longer than finding them.
        """
        cursor, compiled = self._execute(given)
        found = [Unread(row, compiled.results) for row in cursor.fetchall()]
        cursor.close()
        return found

    def row(self, values: Mapping[str, Any]) -> tuple[Any, ...] | None:
        """Carry the statement out; returns its first row, None when it has none."""
        cursor, compiled = self._execute(values)
        found = cursor.fetchone()
        cursor.close()
        return None if found is None else _read(found, compiled.results)

    def _execute(self, values: Mapping[str, Any]) -> tuple[Any, _Compiled]:
        session = db.session()
        work = unit_of_work.of(session)
        if work is not None:
            # What the session has not written yet comes first, as with a statement of its own.
            session.flush()
            connection = work.connection or session.connection()
        elif self._writes:
            raise RuntimeError("a write outside a unit of work")
        else:
            connection = _reading_connection(session)
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
        return driver.carried_out(connection, compiled.sql, parameters), compiled

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


def _reading_connection(session: Session) -> Connection:
    """Return the connection of the session's transaction; looked up once in a transaction, since that takes as long as a
    statement.
    """
    known: tuple[SessionTransaction, Connection] | None = session.info.get(_READING)
    if known is not None and known[0] is session.get_transaction() and known[0].is_active:
        return known[1]
    connection = session.connection()
    transaction = session.get_transaction()
    if transaction is not None:
        session.info[_READING] = (transaction, connection)
    return connection


def _columns(statement: Executable) -> Iterable[ColumnElement[Any]]:
    """What each row of the statement's answer holds; nothing for a write that returns no rows."""
    if isinstance(statement, UpdateBase) and not statement.returning_column_descriptions:
        return ()
    return cast("ReturnsRows", statement).exported_columns


def _writing(kind: TypeEngine[Any], dialect: Dialect) -> Convert | None:
    return kind.dialect_impl(dialect).bind_processor(dialect)


def _reading(kind: TypeEngine[Any], dialect: Dialect) -> Convert | None:
    return kind.dialect_impl(dialect).result_processor(dialect, None)


def _converted(value: Any, convert: Convert | None) -> Any:
    return value if convert is None or value is None else convert(value)


def _read(row: Any, results: tuple[Convert | None, ...]) -> tuple[Any, ...]:
    return tuple(
        value if convert is None else convert(value)
        for value, convert in zip(row, results, strict=True)
    )
