"""Reference numbers: every slip of one digit or of two neighbours is noticed; none is given twice."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.core.references import (
    CHECK_ALPHABET,
    format_reference,
    last_number,
    next_reference,
    normalise_reference,
)
from portal.core.unit_of_work import unit_of_work
from tests.conftest import SettableClock

PREFIX = st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ", min_size=2, max_size=2)
YEAR = st.integers(2000, 2999)
NUMBER = st.integers(1, 9_999_999_999)


def digits_of(reference: str) -> list[int]:
    return [place for place, sign in enumerate(reference) if sign.isdigit()]


@given(PREFIX, YEAR, NUMBER)
def test_a_reference_reads_back(prefix: str, year: int, number: int) -> None:
    reference = format_reference(prefix, year, number)
    assert normalise_reference(reference) == reference
    assert reference[-1] in CHECK_ALPHABET


@given(PREFIX, YEAR, NUMBER, st.data())
def test_every_single_wrong_digit_is_noticed(
    prefix: str, year: int, number: int, data: st.DataObject
) -> None:
    reference = format_reference(prefix, year, number)
    place = data.draw(st.sampled_from(digits_of(reference)))
    wrong = data.draw(st.sampled_from([d for d in "0123456789" if d != reference[place]]))
    assert normalise_reference(reference[:place] + wrong + reference[place + 1 :]) is None


def test_every_single_wrong_digit_of_one_reference_is_noticed() -> None:
    reference = format_reference("ZX", 2026, 123)
    for place in digits_of(reference):
        for digit in "0123456789":
            changed = reference[:place] + digit + reference[place + 1 :]
            assert (normalise_reference(changed) is None) is (changed != reference)


@given(PREFIX, YEAR, NUMBER, st.data())
def test_every_swap_of_two_digits_is_noticed(
    prefix: str, year: int, number: int, data: st.DataObject
) -> None:
    reference = format_reference(prefix, year, number)
    places = digits_of(reference)
    one, other = data.draw(st.tuples(st.sampled_from(places), st.sampled_from(places)))
    signs = list(reference)
    signs[one], signs[other] = signs[other], signs[one]
    if "".join(signs) != reference:
        assert normalise_reference("".join(signs)) is None


@given(PREFIX, YEAR, NUMBER, st.sampled_from(CHECK_ALPHABET))
def test_every_wrong_check_character_is_noticed(
    prefix: str, year: int, number: int, sign: str
) -> None:
    reference = format_reference(prefix, year, number)
    assert (normalise_reference(reference[:-1] + sign) is None) is (sign != reference[-1])


def test_the_ways_people_type_it() -> None:
    right = format_reference("ZX", 2026, 123)
    assert right.startswith("ZX-2026-00123-")
    check = right[-1]
    for typed in (
        right.lower(),
        f"  {right} ",
        f"zx202600123{check}",
        f"ＺＸ－２０２６－００１２３－{check}",
        f"ZX—2026—00123—{check}",
        f"ZX 2026 00123 {check}",
        f"ZX\u22122026\u221200123\u2212{check}",
    ):
        assert normalise_reference(typed) == right, typed


@given(st.text(max_size=60))
def test_any_text_is_a_reference_or_not(text: str) -> None:
    found = normalise_reference(text)
    assert found is None or normalise_reference(found) == found


def test_no_look_alikes_among_the_check_characters() -> None:
    assert not set(CHECK_ALPHABET) & set("BGIOQSZ0123456789")
    assert len(set(CHECK_ALPHABET)) == 19


@pytest.mark.parametrize("prefix", ["zx", "Z", "ZXX", "Z1", "甲乙", ""])
def test_a_prefix_is_two_capital_letters(database: None, prefix: str) -> None:
    with pytest.raises(ValueError, match="capital"), unit_of_work():
        next_reference(prefix)


def test_numbers_count_up_by_prefix_and_year(database: None, clock: SettableClock) -> None:
    with unit_of_work():
        first = [next_reference("ZX") for _ in range(2)] + [next_reference("FY")]
    # Still 31 December in UTC, already the new year in the district.
    clock.set("2027-01-01 00:30")
    with unit_of_work():
        assert next_reference("ZX") == format_reference("ZX", 2027, 1)
    assert first == [
        format_reference("ZX", 2026, 1),
        format_reference("ZX", 2026, 2),
        format_reference("FY", 2026, 1),
    ]
    assert (last_number("ZX", 2026), last_number("ZX", 2027), last_number("QQ", 2026)) == (2, 1, 0)


def test_a_number_outside_a_unit_of_work_is_refused(database: None) -> None:
    with pytest.raises(RuntimeError):
        next_reference("ZX")


def test_concurrent_numbers_are_unique_and_without_gaps(
    in_threads: Callable[..., list[Any]],
) -> None:
    class Refused(Exception):
        pass

    def take(index: int) -> list[str]:
        given: list[str] = []
        for turn in range(10):
            try:
                with unit_of_work():
                    reference = next_reference("ZX")
                    if (index + turn) % 3 == 0:
                        raise Refused
            except Refused:
                continue
            given.append(reference)
        return given

    given = [reference for some in in_threads(6, take) for reference in some]
    numbers = sorted(int(reference.split("-")[2]) for reference in given)
    assert numbers == list(range(1, len(given) + 1))
    assert last_number("ZX", int(given[0].split("-")[1])) == len(given)
