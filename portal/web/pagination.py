"""Keyset pages: stable under inserts, the same cost on page one and page one thousand."""

from __future__ import annotations

import base64
import functools
import json
import uuid
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Generic, TypeVar

import marshmallow as ma
from flask import has_request_context, request
from sqlalchemy import BigInteger, ColumnElement, Select, and_, literal, or_
from sqlalchemy.orm import InstrumentedAttribute

from portal.core.db import db
from portal.core.errors import Invalid
from portal.web.schemas import BoundedInteger, CleanString, Schema

T = TypeVar("T")
DEFAULT_SIZE = 20
MOST = 100


class PageArgs(Schema):
    """Query string of every list."""

    cursor = CleanString(
        load_default=None, max_length=2000, metadata={"description": "上一页返回的 page.next"}
    )
    size = BoundedInteger(
        minimum=1, maximum=MOST, load_default=DEFAULT_SIZE, metadata={"description": "每页条数"}
    )


class PageInfo(Schema):
    """Where the next page begins."""

    next = ma.fields.String(required=True, allow_none=True)
    size = ma.fields.Integer(required=True)


@dataclass
class Page(Generic[T]):
    """One page of a list."""

    items: list[T]
    next: str | None
    size: int

    @property
    def page(self) -> dict[str, Any]:
        """The `page` member of the answer."""
        return {"next": self.next, "size": self.size}


@functools.cache
def page_schema(item: type[ma.Schema]) -> type[ma.Schema]:
    """Return the schema `{"items": [...], "page": {...}}` for lists of `item`."""
    name = item.__name__.removesuffix("Schema")
    return type(
        f"{name}Page",
        (Schema,),
        {
            "items": ma.fields.List(ma.fields.Nested(item), required=True),
            "page": ma.fields.Nested(PageInfo, required=True),
        },
    )


@dataclass(frozen=True)
class Key:
    """One column of the sort order. The columns of a list together must be unique and never null.

    `name` is needed for an expression that is not a mapped column: its label in the query's rows.
    """

    column: InstrumentedAttribute[Any] | ColumnElement[Any]
    descending: bool = False
    name: str | None = None

    def of(self, row: Any) -> Any:
        """Return the key's value in a row of the result."""
        return getattr(row, self.name or self.column.key)  # type: ignore[arg-type]  # mapped columns have keys


def paginate(query: Select[Any], keys: list[Key], cursor: str | None, size: int) -> Page[Any]:
    """Run `query` in the order of `keys`, from the row after `cursor`; raises Invalid for a broken cursor.

    A query for one entity gives entities; one for an entity and labelled expressions gives rows.
    """
    if cursor:
        query = query.where(_after(keys, _decode(cursor, keys)))
    order = [key.column.desc() if key.descending else key.column.asc() for key in keys]
    result = db.session.execute(query.order_by(*order).limit(size + 1))
    single = len(query.column_descriptions) == 1
    rows: list[Any] = list(result.scalars().unique() if single else result.unique())
    following = None
    if len(rows) > size:
        rows = rows[:size]
        following = _encode([key.of(rows[-1]) for key in keys])
    return Page(rows, following, size)


def page_of(items: Iterable[T], keys: list[Key], cursor: str | None, size: int) -> Page[T]:
    """Page through what was worked out in memory, in the order and with the cursors of `paginate`."""
    ordered = list(items)
    for key in reversed(keys):
        ordered.sort(key=key.of, reverse=key.descending)
    if cursor:
        values = _decode(cursor, keys)
        ordered = [item for item in ordered if _is_beyond(item, keys, values)]
    following = None
    if len(ordered) > size:
        ordered = ordered[:size]
        following = _encode([key.of(ordered[-1]) for key in keys])
    return Page(ordered, following, size)


def _is_beyond(item: Any, keys: list[Key], values: list[Any]) -> bool:
    for key, value in zip(keys, values, strict=True):
        own = key.of(item)
        if own != value:
            return bool(own < value if key.descending else own > value)
    return False


def _after(keys: list[Key], values: list[Any]) -> ColumnElement[bool]:
    alternatives = []
    # Bound with the column's own type: a plain True would be taken for the constant, which has no order.
    values = [literal(value, key.column.type) for key, value in zip(keys, values, strict=True)]
    for position, key in enumerate(keys):
        same = [
            earlier.column == value
            for earlier, value in zip(keys[:position], values[:position], strict=True)
        ]
        beyond = key.column < values[position] if key.descending else key.column > values[position]
        alternatives.append(and_(*same, beyond))
    return or_(*alternatives)


def seal(values: list[Any]) -> str:
    """Return the cursor that holds `values`, plain JSON, for a further page of the list that is being asked for."""
    content = json.dumps([_list_mark(), *values], ensure_ascii=False)
    return base64.urlsafe_b64encode(content.encode()).decode().rstrip("=")


def unseal(cursor: str) -> list[Any]:
    """Return what `seal` was given; raises Invalid for what is no cursor, or one of another list or of other filters."""
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        plain = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
        if not isinstance(plain, list) or not plain or plain[0] != _list_mark():
            raise ValueError("not of this list")
        return plain[1:]
    except (ValueError, RecursionError) as error:
        raise bad_cursor() from error


def bad_cursor() -> Invalid:
    """The refusal of a cursor that leads nowhere."""
    return Invalid(
        "翻页标记（cursor）无效。",
        code="bad_cursor",
        next_step="请从第一页重新开始。",
        errors={"cursor": ["不是上一页返回的翻页标记，或者查询条件已经改变。"]},
    )


def _list_mark() -> str:
    """What tells one list from another: its path and everything asked for, place and size aside.

    A cursor of another list would silently leave out its beginning.
    """
    if not has_request_context():
        return ""
    asked = sorted(pair for pair in request.args.items(multi=True) if pair[0] not in _PLACE)
    return f"{zlib.crc32(json.dumps([request.path, asked]).encode()):08x}"


_PLACE = ("cursor", "size")


def _encode(values: list[Any]) -> str:
    return seal(
        [
            value.isoformat()
            if isinstance(value, datetime | date)
            else str(value)
            if isinstance(value, uuid.UUID)
            else value
            for value in values
        ]
    )


def _decode(cursor: str, keys: list[Key]) -> list[Any]:
    plain = unseal(cursor)
    try:
        return [_typed(value, key) for value, key in zip(plain, keys, strict=True)]
    except (ValueError, TypeError, OverflowError) as error:
        raise bad_cursor() from error


def _typed(value: Any, key: Key) -> Any:
    kind = key.column.type.python_type
    if kind in (datetime, date, uuid.UUID) and not isinstance(value, str):
        raise ValueError("wrong type")
    if kind is datetime:
        instant = datetime.fromisoformat(value)
        if instant.tzinfo is None:
            raise ValueError("naive")
        return instant.astimezone(UTC)
    if kind is date:
        return date.fromisoformat(value)
    if kind is uuid.UUID:
        return uuid.UUID(value)
    if kind is int and isinstance(value, int) and not isinstance(value, bool):
        # PostgreSQL refuses to compare a column with a number wider than the column.
        widest = 2**53 if isinstance(key.column.type, BigInteger) else 2**31
        if not -widest <= value < widest:
            raise ValueError("out of range")
        return value
    if issubclass(kind, str) and isinstance(value, str) and "\x00" not in value:
        value.encode()
        return kind(value)
    if kind is bool and isinstance(value, bool):
        return value
    raise ValueError("wrong type")
