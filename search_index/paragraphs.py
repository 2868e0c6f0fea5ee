"""Paragraphs (款) and items (项) of an article, and which of those cited it does not have.

A paragraph is a line of the article's text. Items, (一), (二), belong to the paragraph above them
and are counted by their marks; what stands between two of them is theirs too. Whether a text of one
line has lost its breaks cannot be told here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from search_index.analysis import normalise
from search_index.numerals import NUMERAL, format_numeral, parse_numeral

_TOKEN = re.compile(rf"{NUMERAL}|[0-9]{{1,3}}|[款项目]")
# Lines that go on with the paragraph above: items, and what items are divided into.
_ITEM_LINE = re.compile(rf"\s*(?:\({NUMERAL}\)|\(?[0-9]{{1,2}}[).、])")
_LATER_ITEM = re.compile(r"\s*\((?!一\))\D")
# Lines behind a colon may be items without marks.
_UNMARKED = re.compile(r":\s*\n(?!\s*[(0-9])")


@dataclass(frozen=True, slots=True)
class Absent:
    """A paragraph or item that is cited and not there; `count` is how many there are.

    `paragraph` is the one in which an item was looked for, None for the whole article.
    """

    unit: str
    number: int
    count: int
    paragraph: int | None = None


def absent_part(text: str, part: str) -> Absent | None:
    """The first of the paragraphs and items in `part` (第一款第(二)项) that an article's text lacks.

    None when all are there, also for what cannot be read.
    """
    paragraphs = _paragraphs(text)
    scope, within = "\n".join(paragraphs), None
    for unit, numbers in _cited(part):
        for number in numbers:
            if unit == "款":
                if number > len(paragraphs):
                    return Absent(unit, number, len(paragraphs))
                scope, within = paragraphs[number - 1], number
            elif unit == "项" and not _has_item(scope, number):
                count = 0
                while _has_item(scope, count + 1):
                    count += 1
                if count or not _UNMARKED.search(scope):
                    return Absent(unit, number, count, within)
    return None


def _cited(part: str) -> Iterator[tuple[str, list[int]]]:
    numbers: list[int] = []
    for piece in _TOKEN.findall(part):
        if piece in "款项目":
            yield piece, numbers
            numbers = []
        else:
            numbers += [value] if (value := parse_numeral(piece)) else []


def _paragraphs(text: str) -> list[str]:
    paragraphs: list[str] = []
    for line in normalise(text).split("\n"):
        if not re.search(r"\w", line):
            continue
        if not paragraphs or not _ITEM_LINE.match(line):
            paragraphs.append(line)
            continue
        owner = len(paragraphs) - 1
        if _LATER_ITEM.match(line):
            # Whatever stands behind the item before it.
            with_items = (place for place, held in enumerate(paragraphs) if "\n" in held)
            owner = max(with_items, default=owner)
        paragraphs[owner:] = ["\n".join([*paragraphs[owner:], line])]
    return paragraphs


def _has_item(text: str, number: int) -> bool:
    """Whether an item's mark stands anywhere in a text: (九), 9. or 九、, however old the law."""
    return bool(re.search(rf"(?<![0-9])(?:{format_numeral(number)}|{number})[).、]", text))
