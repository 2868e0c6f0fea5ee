"""Human reference numbers such as `ZX-2026-00123-K`.

The last sign is a check character from 19 letters without look-alikes. 19 is prime and 2 is a primitive root of it, so
with the weights 1, 2, 4, ... every single wrong digit and every swap of two digits changes the sum (up to 18 places:
a number of at most 10 digits). A wrong letter of the prefix is a wrong kind of case and is found by looking it up.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Any

from sqlalchemy import Executable, String, bindparam, select
from sqlalchemy.orm import Mapped, mapped_column

from portal.core import clock
from portal.core.db import Model, db
from portal.core.prepared import Prepared

CHECK_ALPHABET = "ACDEFHJKLMNPRTUVWXY"
_PATTERN = re.compile(r"^([A-Z]{2})-?([0-9]{4})-?([0-9]{5,10})-?([A-Z])$")


class ReferenceCounter(Model):
    """The last number given out for a prefix in a year."""

    __tablename__ = "reference_counter"

    prefix: Mapped[str] = mapped_column(String(2), primary_key=True)
    year: Mapped[int] = mapped_column(primary_key=True)
    last: Mapped[int]


def _count(dialect: Any) -> Executable:
    counted: Executable = (
        dialect.insert(ReferenceCounter.__table__)
        .values(prefix=bindparam("prefix"), year=bindparam("year"), last=1)
        .on_conflict_do_update(
            index_elements=["prefix", "year"], set_={"last": ReferenceCounter.last + 1}
        )
        .returning(ReferenceCounter.__table__.c["last"])
    )
    return counted


_COUNT = Prepared(_count, writes=True)


def check_character(prefix: str, year: int, number: int) -> str:
    """Return the check character for the parts of a reference."""
    digits = f"{ord(prefix[0]) - 64:02d}{ord(prefix[1]) - 64:02d}{year:04d}{number:05d}"
    total = sum(int(digit) * pow(2, place, 19) for place, digit in enumerate(digits))
    return CHECK_ALPHABET[total % 19]


def format_reference(prefix: str, year: int, number: int) -> str:
    """Return the written form of a reference."""
    return f"{prefix}-{year:04d}-{number:05d}-{check_character(prefix, year, number)}"


def next_reference(prefix: str) -> str:
    """Give out the next reference of this year for `prefix` (two capital letters); inside a unit of work.

    One statement counts and returns, so two writers never get the same number; a rolled-back step leaves no gap.
    """
    if not re.fullmatch("[A-Z]{2}", prefix):
        raise ValueError("a prefix is two capital letters")
    year = clock.today().year
    found = _COUNT.row({"prefix": prefix, "year": year})
    assert found is not None  # noqa: S101 - an upsert returns its row
    return format_reference(prefix, year, found[0])


def normalise_reference(text: str) -> str | None:
    """Return the reference in its written form, or None when it is not one or its check character is wrong.

    Accepts lower case, full width, missing or other dashes and surrounding space, as people type them.
    """
    folded = unicodedata.normalize("NFKC", text).upper()
    folded = re.sub(r"[\s\u2010-\u2015\u2212]+", "-", folded.strip()).strip("-")
    match = _PATTERN.match(folded)
    if not match:
        return None
    prefix, year, number, check = match[1], int(match[2]), int(match[3]), match[4]
    return (
        format_reference(prefix, year, number)
        if check_character(prefix, year, number) == check
        else None
    )


def last_number(prefix: str, year: int) -> int:
    """Return the last number given out, 0 when none was."""
    return (
        db.session.scalar(
            select(ReferenceCounter.last).where(
                ReferenceCounter.prefix == prefix, ReferenceCounter.year == year
            )
        )
        or 0
    )
