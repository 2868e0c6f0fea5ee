"""Tables of these tests only. They are taken out of the metadata, which other tests compare with the migrations."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from portal.core.db import (
    LabelledEnum,
    Model,
    PublicId,
    Timestamped,
    UTCDateTime,
    Versioned,
    enum_column,
)
from portal.core.encryption import EncryptedJSON, EncryptedText


class Colour(LabelledEnum):
    """A state."""

    RED = "red", "红"
    GREEN = "green", "绿"
    BLUE = "blue", "蓝"


class Counter(Model):
    """Without a version."""

    __tablename__ = "test_counter"

    name: Mapped[str] = mapped_column(String(40), primary_key=True)
    value: Mapped[int] = mapped_column(default=0)


class Document(PublicId, Timestamped, Versioned, Model):
    """With a version."""

    __tablename__ = "test_document"

    title: Mapped[str] = mapped_column(String(40))
    state: Mapped[Colour] = mapped_column(enum_column(Colour), default=Colour.RED)
    at: Mapped[datetime | None] = mapped_column(UTCDateTime)


class Sealed(Model):
    """Encrypted columns under a key of two columns."""

    __tablename__ = "test_sealed"

    group: Mapped[int] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    phone: Mapped[str | None] = mapped_column(EncryptedText("test_sealed.phone"))
    notes: Mapped[Any | None] = mapped_column(EncryptedJSON("test_sealed.notes"))


TABLES = [Counter.__table__, Document.__table__, Sealed.__table__]
for table in TABLES:
    Model.metadata.remove(table)  # type: ignore[arg-type]  # a Table, declared as FromClause
