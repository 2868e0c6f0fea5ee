"""Pages by key: complete, without repeats, and no cursor that breaks anything."""

from __future__ import annotations

import base64
import json
import uuid
from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any

import pytest
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import BigInteger, String, select
from sqlalchemy.orm import Mapped, mapped_column

from portal.core.db import LabelledEnum, Model, PublicId, UTCDateTime, db, enum_column
from portal.core.errors import Invalid
from portal.core.unit_of_work import unit_of_work
from portal.web.pagination import Key, Page, PageArgs, page_schema, paginate
from portal.web.schemas import Schema


class Size(LabelledEnum):
    """Sorted by value."""

    BIG = "big", "大"
    SMALL = "small", "小"


class Row(PublicId, Model):
    """A column of each kind that a list may be sorted by."""

    __tablename__ = "test_row"

    title: Mapped[str] = mapped_column(String(300))
    rank: Mapped[int]
    wide: Mapped[int] = mapped_column(BigInteger, default=0)
    flag: Mapped[bool] = mapped_column(default=False)
    day: Mapped[date]
    at: Mapped[datetime] = mapped_column(UTCDateTime)
    size: Mapped[Size] = mapped_column(enum_column(Size), default=Size.BIG)


Model.metadata.remove(Row.__table__)  # type: ignore[arg-type]  # a Table, declared as FromClause

COLUMNS = [Row.title, Row.rank, Row.wide, Row.flag, Row.day, Row.at, Row.size]


@pytest.fixture(scope="module")
def rows(app: Flask) -> Iterator[list[Row]]:
    """Sixty rows with many ties."""
    with app.app_context():
        with db.engine.begin() as connection:
            Row.__table__.create(connection)  # type: ignore[attr-defined]
        with unit_of_work():
            made = [
                Row(
                    title="长" * 250 + str(n % 7),
                    rank=n % 3 - 1,
                    wide=(n % 4) * 2**40,
                    flag=bool(n % 2),
                    day=date(2026, 1, 1 + n % 5),
                    at=datetime(2026, 1, 1, n % 6, 30, n, n, tzinfo=UTC),
                    size=Size.SMALL if n % 2 else Size.BIG,
                )
                for n in range(60)
            ]
            db.session.add_all(made)
        yield made
        db.session.remove()
        with db.engine.begin() as connection:
            Row.__table__.drop(connection)  # type: ignore[attr-defined]


@pytest.fixture
def context(app: Flask, rows: list[Row]) -> Iterator[None]:
    """A session of the test's own."""
    with app.app_context():
        yield
        db.session.remove()


KEYS = st.lists(
    st.tuples(st.sampled_from(range(len(COLUMNS))), st.booleans()),
    max_size=3,
    unique_by=lambda k: k[0],
)


@settings(
    max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(KEYS, st.booleans(), st.integers(1, 60))
def test_pages_give_every_row_once_in_order(
    context: None, chosen: list[tuple[int, bool]], descending: bool, size: int
) -> None:
    keys = [Key(COLUMNS[index], down) for index, down in chosen] + [Key(Row.id, descending)]
    order = [key.column.desc() if key.descending else key.column.asc() for key in keys]
    expected = db.session.scalars(select(Row).order_by(*order)).all()
    seen: list[Row] = []
    cursor = None
    for _ in range(70):
        page = paginate(select(Row), keys, cursor, size)
        assert len(page.items) <= size
        seen += page.items
        cursor = page.next
        if cursor is None:
            break
        # The cursor must pass the portal's own query schema.
        assert PageArgs().load({"cursor": cursor})["cursor"] == cursor
    assert seen == expected


def encode(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3),
)


@settings(
    max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(st.sampled_from(COLUMNS), JSON, JSON)
def test_a_made_up_cursor_is_refused_or_finds_a_place(
    context: None, column: Any, first: Any, second: Any
) -> None:
    cursor = encode(["", first, second])
    try:
        page = paginate(select(Row), [Key(column), Key(Row.id)], cursor, 5)
    except Invalid:
        return
    assert len(page.items) <= 5


@pytest.mark.parametrize(
    ("column", "value"),
    [
        (Row.rank, 2**31),
        (Row.rank, -(2**31) - 1),
        (Row.rank, 10**30),
        (Row.rank, True),
        (Row.rank, 1.0),
        (Row.wide, 2**53),
        (Row.flag, 1),
        (Row.at, "0001-01-01T00:00:00+14:00"),
        (Row.at, "9999-12-31T23:59:59-14:00"),
        (Row.at, "2026-01-01T00:00:00"),
        (Row.at, 5),
        (Row.day, "2026-13-01"),
        (Row.day, 5),
        (Row.title, "a\x00"),
        (Row.title, "\ud800"),
        (Row.title, 5),
        (Row.size, "huge"),
        (Row.id, "not a uuid"),
        (Row.id, 7),
    ],
)
def test_a_cursor_of_the_wrong_kind_is_refused(context: None, column: Any, value: Any) -> None:
    with pytest.raises(Invalid):
        paginate(select(Row), [Key(column)], encode(["", value]), 5)


@pytest.mark.parametrize(
    "cursor",
    [
        "x",
        "====",
        "%%%",
        "W10",
        encode({}),
        encode([[[[]]]]),
        encode([""]),
        encode(["", 1, 2]),
        "A" * 900,
    ],
)
def test_what_is_no_cursor_is_refused(context: None, cursor: str) -> None:
    with pytest.raises(Invalid):
        paginate(select(Row), [Key(Row.id)], cursor, 5)


def test_rows_added_or_removed_between_pages_shift_nothing(context: None, rows: list[Row]) -> None:
    keys = [Key(Row.at), Key(Row.id)]
    first = paginate(select(Row), keys, None, 20)
    early = Row(
        id=uuid.UUID(int=1),
        title="e",
        rank=0,
        day=date(2026, 1, 1),
        at=datetime(2025, 1, 1, tzinfo=UTC),
    )
    with unit_of_work():
        db.session.add(early)
    second = paginate(select(Row), keys, first.next, 20)
    with unit_of_work():
        db.session.delete(db.session.get_one(Row, early.id))
    third = paginate(select(Row), keys, second.next, 60)
    everything = [row.id for row in [*first.items, *second.items, *third.items]]
    assert len(everything) == len(set(everything)) == len(rows)


def test_a_page_schema_is_made_once_for_each_item() -> None:
    class ThingSchema(Schema):
        """An item."""

    made = page_schema(ThingSchema)
    assert made is page_schema(ThingSchema)
    assert made.__name__ == "ThingPage"
    page: Any = made().dump({"items": [{}], "page": {"next": None, "size": 20}})
    assert page == {"items": [{}], "page": {"next": None, "size": 20}}


def test_a_cursor_leads_on_in_its_own_list_only(app: Flask, context: None, rows: list[Row]) -> None:
    def asked(url: str, cursor: str | None) -> Page[Row]:
        with app.test_request_context(url):
            return paginate(select(Row), [Key(Row.id)], cursor, 2)

    first = asked("/laws/1/articles?level=statute&size=2", None)
    following = asked(f"/laws/1/articles?size=5&level=statute&cursor={first.next}", first.next)
    assert len({row.id for row in (*first.items, *following.items)}) == 4
    for url in (
        "/laws/2/articles?level=statute",
        "/laws/1/articles",
        "/laws/1/articles?level=local",
    ):
        with pytest.raises(Invalid) as refused:
            asked(url, first.next)
        assert refused.value.code == "bad_cursor"
