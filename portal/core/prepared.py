"""Statements that are put together once.

In a rush, putting a statement together costs SQLAlchemy several times what the database needs to carry it out. A `Prepared`
statement is compiled at its first use, for each kind of database, and handed to the driver with its values from then on; the
values are converted by the columns' own types, as always. It runs in the session's transaction and is seen by the engine's
events. For the few paths where it counts; everything else goes through the session.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Executable
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection, CursorResult

from portal.core.db import db
from portal.core.unit_of_work import current

Convert = Callable[[Any], Any]


@dataclass(frozen=True)
class _Compiled:
    sql: str
    # For each value its name in the mapping and its conversion; and those that the statement brings itself.
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
        return self._execute(values)[1].rowcount

    def rows(self, values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        """Carry the statement out; returns its rows, each value as its column's type reads it."""
        compiled, result = self._execute(values)
        return [_read(row, compiled.results) for row in result.fetchall()]

    def row(self, values: Mapping[str, Any]) -> tuple[Any, ...] | None:
        """Carry the statement out; returns its first row, None when it has none."""
        compiled, result = self._execute(values)
        found = result.fetchone()
        if found is not None:
            result.close()
        return None if found is None else _read(found, compiled.results)

    def _execute(self, values: Mapping[str, Any]) -> tuple[_Compiled, CursorResult[Any]]:
        session = db.session()
        if self._writes:
            if current() is None:
                raise RuntimeError("a write outside a unit of work")
            # What the session has not written yet comes first, as with a statement of its own.
            session.flush()
        connection = session.connection()
        compiled = self._compiled.get(connection.dialect.name)
        if compiled is None:
            compiled = self._compile(connection)
        constants = compiled.constants
        given = {}
        for name, convert in compiled.values:
            value = constants[name] if name in constants else values[name]
            given[name] = convert(value) if convert is not None and value is not None else value
        parameters: Any = given
        if compiled.positional:
            parameters = tuple(given[name] for name in compiled.order)
        return compiled, connection.exec_driver_sql(compiled.sql, parameters)

    def _compile(self, connection: Connection) -> _Compiled:
        dialect = connection.dialect
        statement = self._make(sqlite if dialect.name == "sqlite" else postgresql)
        made: Any = statement.compile(dialect=dialect)  # type: ignore[attr-defined]
        processors = made._bind_processors
        found = _Compiled(
            str(made),
            tuple((name, processors.get(bind.key)) for name, bind in made.binds.items()),
            {name: bind.value for name, bind in made.binds.items() if not bind.required},
            bool(made.positional),
            tuple(made.positiontup or ()),
            tuple(
                entry.type.dialect_impl(dialect).result_processor(dialect, None)
                for entry in (made._result_columns or ())
            ),
        )
        self._compiled[dialect.name] = found
        return found


def _read(row: Any, results: tuple[Convert | None, ...]) -> tuple[Any, ...]:
    return tuple(
        value if convert is None else convert(value)
        for value, convert in zip(row, results, strict=True)
    )
