"""Statements given straight to the driver, in the transaction of a SQLAlchemy connection and with SQLAlchemy's errors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError


def carried_out(connection: Connection, sql: str, parameters: Any = ()) -> Any:
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
