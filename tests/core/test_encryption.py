"""Personal data at rest: sealed, bound to its column, found by a blind index, re-sealed by rotation."""

from __future__ import annotations

import base64
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import LargeBinary, select, type_coerce, update

from portal.core import encryption, key_rotation
from portal.core.db import Model, db
from portal.core.encryption import (
    DecryptionFailed,
    KeyRing,
    blind_index,
    decrypt_bytes,
    encrypt_bytes,
    key_version,
)
from portal.core.unit_of_work import unit_of_work
from tests.core.tables import Sealed

KEYS = [encryption.generate_key() for _ in range(3)]
INDEX = encryption.generate_key()
FIRST = KeyRing.parse(f"1:{KEYS[0]}", INDEX)
BOTH = KeyRing.parse(f"1:{KEYS[0]},2:{KEYS[1]}", INDEX)
SECOND = KeyRing.parse(f"2:{KEYS[1]}", INDEX)
# What UTF-8 can carry; lone surrogates are refused before they come here.
TEXT = st.text(st.characters(exclude_categories=["Cs"]))


@pytest.fixture(autouse=True)
def ring(app: Flask) -> Iterator[None]:
    """Put the process's own ring back."""
    before = encryption.ring()
    encryption.configure(FIRST)
    yield
    encryption.configure(before)


@given(st.binary(max_size=300), st.text(max_size=40))
def test_what_is_sealed_opens_to_the_same(plain: bytes, context: str) -> None:
    context = context.encode("utf-8", "replace").decode()
    sealed = encrypt_bytes(plain, context)
    assert decrypt_bytes(sealed, context) == plain
    assert plain not in sealed or len(plain) < 4


def test_the_same_text_is_sealed_differently_each_time() -> None:
    assert len({encrypt_bytes(b"13800000000", "c") for _ in range(50)}) == 50


@given(st.data())
def test_any_changed_byte_is_noticed(data: st.DataObject) -> None:
    sealed = bytearray(encrypt_bytes("张三".encode(), "resident.name"))
    position = data.draw(st.integers(0, len(sealed) - 1))
    sealed[position] ^= data.draw(st.integers(1, 255))
    with pytest.raises(DecryptionFailed):
        decrypt_bytes(bytes(sealed), "resident.name")


@given(st.integers(0, 40))
def test_any_shortened_value_is_noticed(length: int) -> None:
    sealed = encrypt_bytes(b"some longer text here", "c")
    with pytest.raises(DecryptionFailed):
        decrypt_bytes(sealed[:length], "c")


def test_a_value_moved_to_another_column_does_not_open() -> None:
    with pytest.raises(DecryptionFailed):
        decrypt_bytes(encrypt_bytes(b"x", "resident.phone"), "resident.name")


def test_a_value_of_a_missing_key_does_not_open() -> None:
    sealed = encrypt_bytes(b"x", "c")
    encryption.configure(SECOND)
    with pytest.raises(DecryptionFailed, match="version 1"):
        decrypt_bytes(sealed, "c")


@pytest.mark.parametrize("value", [b"", b"\x01", bytes(14)])
def test_key_version_of_what_was_never_sealed(value: bytes) -> None:
    with pytest.raises(DecryptionFailed):
        key_version(value)


@pytest.mark.parametrize(
    "keys",
    [
        "",
        KEYS[0],
        f"0:{KEYS[0]}",
        f"65536:{KEYS[0]}",
        f"x:{KEYS[0]}",
        f"²:{KEYS[0]}",
        f"1:{KEYS[0]},1:{KEYS[1]}",
        "1:not base64!",
        f"1:{base64.b64encode(bytes(31)).decode()}",
    ],
    # The keys are new in every process; parallel ones must agree on the tests' names.
    ids=[str(number) for number in range(9)],
)
def test_a_malformed_ring_is_refused(keys: str) -> None:
    with pytest.raises(ValueError, match=r"key"):
        KeyRing.parse(keys, INDEX)


def test_a_ring_does_not_show_its_keys() -> None:
    shown = repr(BOTH)
    for ring in (BOTH.keys[1], BOTH.keys[2], BOTH.index_key):
        assert repr(ring)[2:-1] not in shown


def test_the_highest_version_seals() -> None:
    encryption.configure(BOTH)
    assert key_version(encrypt_bytes(b"x", "c")) == 2


def test_no_ring_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encryption, "_ring", None)
    with pytest.raises(RuntimeError):
        encryption.ring()


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("13800000000", " 13800000000 ", True),
        ("１３８００００００００", "13800000000", True),
        ("50011119900101001x", "50011119900101001X", True),
        ("13800000000", "13800000001", False),
    ],
)
def test_a_blind_index_matches_the_ways_people_write(one: str, other: str, same: bool) -> None:
    assert (blind_index("phone", one) == blind_index("phone", other)) is same


def test_a_blind_index_depends_on_purpose_and_key() -> None:
    mine = blind_index("phone", "13800000000")
    assert len(mine) == 64
    assert blind_index("id", "13800000000") != mine
    encryption.configure(KeyRing.parse(f"1:{KEYS[0]}", KEYS[2]))
    assert blind_index("phone", "13800000000") != mine


def stored(column: str = "phone") -> list[bytes]:
    raw = type_coerce(Sealed.__table__.c[column], LargeBinary)
    with db.engine.connect() as connection:
        query = select(raw).order_by(Sealed.group, Sealed.number)
        return [bytes(value) for value in connection.scalars(query) if value is not None]


@pytest.mark.usefixtures("database")
class TestColumns:
    """The column types on a real table."""

    @given(TEXT, st.recursive(st.none() | st.booleans() | TEXT, lambda inner: st.lists(inner)))
    def test_columns_give_back_what_they_were_given(self, phone: str, notes: Any) -> None:
        with unit_of_work():
            db.session.execute(Sealed.__table__.delete())
            db.session.add(Sealed(group=1, number=1, phone=phone, notes=[notes]))
        db.session.expunge_all()
        row = db.session.scalars(select(Sealed)).one()
        assert (row.phone, row.notes) == (phone, [notes])
        db.session.rollback()

    def test_nothing_readable_is_stored_and_none_stays_none(self) -> None:
        with unit_of_work():
            db.session.add(Sealed(group=1, number=1, phone="13800000000", notes={"名": "张三"}))
            db.session.add(Sealed(group=1, number=2))
        (phone,), (notes,) = stored("phone"), stored("notes")
        assert b"13800000000" not in phone
        assert "张三".encode() not in notes
        query = select(Sealed.number).where(Sealed.phone.is_(None))
        assert db.session.scalars(query).all() == [2]
        other = select(Sealed.number).where(Sealed.phone.is_not(None))
        assert db.session.scalars(other).all() == [1]

    def test_a_value_copied_to_another_column_does_not_open(self) -> None:
        with unit_of_work():
            db.session.add(Sealed(group=1, number=1, phone="13800000000", notes=["x"]))
        raw = type_coerce(Sealed.__table__.c.phone, LargeBinary)
        with unit_of_work():
            db.session.execute(
                update(Sealed.__table__).values(notes=type_coerce(raw, LargeBinary))  # type: ignore[arg-type]
            )
        db.session.expunge_all()
        with pytest.raises(DecryptionFailed):
            db.session.scalars(select(Sealed)).one()

    @pytest.mark.parametrize(
        "ask",
        [
            lambda: Sealed.phone == "13800000000",
            lambda: Sealed.phone != "13800000000",
            lambda: Sealed.phone.in_(["13800000000"]),
            lambda: Sealed.phone.like("138%"),
            lambda: Sealed.phone < "2",
            lambda: Sealed.phone.desc(),
        ],
    )
    def test_a_comparison_that_never_matches_is_refused(self, ask: Any) -> None:
        with pytest.raises(TypeError, match="blind index"):
            ask()

    def test_rotation_reseals_and_the_old_key_may_go(self) -> None:
        Model.metadata._add_table(Sealed.__tablename__, None, Sealed.__table__)  # type: ignore[arg-type]
        try:
            count = key_rotation.BATCH + 30
            with unit_of_work():
                for number in range(count):
                    # Many rows share the first key column, across the border of two batches.
                    db.session.add(Sealed(group=number // 300, number=number, phone=str(number)))
                db.session.add(Sealed(group=9, number=9))
            encryption.configure(BOTH)
            seen: list[str] = []
            assert key_rotation.rotate(lambda column, done: seen.append(column)) == count
            assert "test_sealed.phone" in seen
            assert {key_version(value) for value in stored()} == {2}
            assert key_rotation.rotate() == 0
            encryption.configure(SECOND)
            db.session.rollback()
            db.session.expunge_all()
            rows = db.session.scalars(select(Sealed).order_by(Sealed.number)).all()
            assert [row.phone for row in rows if row.phone] == [str(n) for n in range(count)]
        finally:
            Model.metadata.remove(Sealed.__table__)  # type: ignore[arg-type]

    def test_rotation_beside_a_writer_loses_nothing(self, app: Flask) -> None:
        Model.metadata._add_table(Sealed.__tablename__, None, Sealed.__table__)  # type: ignore[arg-type]
        count = 120
        with unit_of_work():
            for number in range(count):
                db.session.add(Sealed(group=1, number=number, phone="old"))
        encryption.configure(BOTH)
        stop = threading.Event()
        written: dict[int, str] = {}

        def write() -> None:
            with app.app_context():
                turn = 0
                while not stop.is_set() or turn < count:
                    with unit_of_work():
                        row = db.session.get(Sealed, (1, turn % count))
                        assert row is not None
                        row.phone = f"new {turn}"
                    written[turn % count] = f"new {turn}"
                    turn += 1
                db.session.remove()

        writer = threading.Thread(target=write)
        try:
            writer.start()
            for _ in range(3):
                key_rotation.rotate()
            stop.set()
            writer.join(60)
            encryption.configure(SECOND)
            db.session.rollback()
            db.session.expunge_all()
            rows = {row.number: row.phone for row in db.session.scalars(select(Sealed))}
            assert rows == written
        finally:
            stop.set()
            writer.join(60)
            Model.metadata.remove(Sealed.__table__)  # type: ignore[arg-type]


def test_columns_of_one_statement_shape_keep_their_own_context(database: None) -> None:
    with unit_of_work():
        db.session.add(Sealed(group=1, number=1, phone="p", notes=["n"]))
    assert db.session.scalar(select(Sealed.phone)) == "p"
    assert db.session.scalar(select(Sealed.notes)) == ["n"]
