"""Re-seal what an older key sealed, table by table, in small commits, safe to stop and to run again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    LargeBinary,
    Table,
    and_,
    or_,
    select,
    type_coerce,
    update,
)

from portal.core.db import Base, db, rows_changed
from portal.core.encryption import (
    DecryptionFailed,
    EncryptedText,
    decrypt_bytes,
    encrypt_bytes,
    key_version,
    ring,
)
from portal.core.unit_of_work import unit_of_work

BATCH = 200
Progress = Callable[[str, int], None]


def sealed_columns() -> list[tuple[Table, str, str]]:
    """Return (table, column name, context) of every encrypted column of the schema."""
    return [
        (table, column.name, column.type.context)
        for table in Base.metadata.sorted_tables
        for column in table.columns
        if isinstance(column.type, EncryptedText)
    ]


def unopened() -> str | None:
    """Return the first encrypted column whose values the key ring does not open; None when it opens one of each.

    One value tells a ring that is not the database's; a single key that is missing is told where its value is read.
    """
    for table, name, context in sealed_columns():
        raw = type_coerce(table.c[name], LargeBinary)
        sealed = db.session.scalar(select(raw).where(table.c[name].is_not(None)).limit(1))
        try:
            if sealed is not None:
                decrypt_bytes(bytes(sealed), context)
        except DecryptionFailed:
            return f"{table.name}.{name}"
    return None


def rotate(progress: Progress | None = None) -> int:
    """Re-seal every value of an older key with the current one; returns how many were rewritten.

    Each batch is one commit, and each row is rewritten only if it still holds the value that was read, so that the
    service may run meanwhile.
    """
    rewritten = 0
    for table, name, context in sealed_columns():
        rewritten += _rotate_column(table, name, context)
        if progress:
            progress(f"{table.name}.{name}", rewritten)
    return rewritten


def _after(columns: Sequence[Column[Any]], last: Sequence[object]) -> ColumnElement[bool]:
    return or_(
        *(
            and_(
                *(c == v for c, v in zip(columns[:n], last[:n], strict=True)), columns[n] > last[n]
            )
            for n in range(len(columns))
        )
    )


def _rotate_column(table: Table, name: str, context: str) -> int:
    key_columns = list(table.primary_key.columns)
    raw = type_coerce(table.c[name], LargeBinary)
    rewritten = 0
    last: Sequence[object] | None = None
    while True:
        query = select(*key_columns, raw.label("sealed")).where(table.c[name].is_not(None))
        if last is not None:
            query = query.where(_after(key_columns, last))
        rows = db.session.execute(query.order_by(*key_columns).limit(BATCH)).all()
        if not rows:
            return rewritten
        last = rows[-1][: len(key_columns)]
        with unit_of_work():
            for row in rows:
                sealed = bytes(row.sealed)
                if key_version(sealed) == ring().current:
                    continue
                fresh = encrypt_bytes(decrypt_bytes(sealed, context), context)
                statement = (
                    update(table)
                    .where(
                        *(column == value for column, value in zip(key_columns, row, strict=False)),
                        raw == sealed,
                    )
                    .values({name: type_coerce(fresh, LargeBinary)})
                )
                rewritten += rows_changed(db.session.execute(statement))
