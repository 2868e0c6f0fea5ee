"""Lines that a mail program or a copied page broke by their length: read as if they were not broken.

A break that ends a paragraph, a heading or an item of a list stays. Taken away are single breaks within book
marks or an article's number, and those between words at the end of a line as long as the longest around it. So is
the markup of words that a copied page leaves behind: <b>《民法典》</b>第一条.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

from search_index.numerals import NUMERAL

_BREAK = re.compile(r"[ ]*\n[ ]*")
_N = f"(?:{NUMERAL}|[0-9]+)"
# What a break can stand in and never ends: a title, a number.
_WHOLE = re.compile(
    rf"《(?:[^《》]|《[^《》]{{0,120}}》){{2,120}}》|第(?:\s*{_N}){{1,4}}\s*条|\(\s*{_N}\s*\)"
)
# Between words, no sentence ends before it and behind it begins no heading and no item of a list; 第三款 and (二)项 go on.
# Before the line feed may have stood its carriage return, a blank now.
_JOINT = re.compile(
    r"(?<=[\w》”),、]) ?\n"
    rf"(?!第\s*{_N}\s*(?:[章节编]|条\s)|(?:{NUMERAL}|[0-9]{{1,3}})\s*[、.)]|\({_N}\)(?!项|[、和及至或]))(?=[\w《“(])"
)
# Of words alone: what markup of paragraphs and tables parts stays parted.
_MARKUP = re.compile(
    r"</?(?:a|b|em|font|i|mark|small|span|strong|u)(?: [^<>\n]{0,300})?/?>|&nbsp;", re.IGNORECASE
)
# Columns, of which a Chinese character takes two. Longer lines are paragraphs, and shorter ones were never broken.
_SHORTEST, _LONGEST = 24, 160
# How far the break may stand before the last column: a word or a mark of two characters went to the next line.
_SLACK = 4


@dataclass(frozen=True, slots=True)
class Unwrapped:
    """A text without the breaks that are none and without markup, and where its places are in the text as it was."""

    text: str
    starts: tuple[int, ...]
    shifts: tuple[int, ...]

    def original(self, place: int) -> int:
        """The place in the text as it was of a character of this one."""
        return place + self.shifts[bisect_right(self.starts, place) - 1]


def unwrap(normal: str) -> Unwrapped:
    """A normalised text without the line breaks and the markup within what belongs together."""
    breaks = []
    if "<" in normal or "&" in normal:
        breaks += [markup.span() for markup in _MARKUP.finditer(normal)]
    if "\n" in normal:
        breaks += sorted({*_within(normal), *_of_full_lines(normal)})
    if not breaks:
        return Unwrapped(normal, (0,), (0,))
    breaks.sort()
    kept = [0, *(place for span in breaks for place in span), len(normal)]
    pieces, starts, shifts = [], [], []
    length = 0
    for begin, end in zip(kept[::2], kept[1::2], strict=True):
        pieces.append(normal[begin:end])
        starts.append(length)
        shifts.append(begin - length)
        length += end - begin
    return Unwrapped("".join(pieces), tuple(starts), tuple(shifts))


def _within(normal: str) -> Iterator[tuple[int, int]]:
    for whole in _WHOLE.finditer(normal):
        for found in _BREAK.finditer(normal, *whole.span()):
            yield found.span()


def _of_full_lines(normal: str) -> Iterator[tuple[int, int]]:
    joints = {found.end(): found.span() for found in _JOINT.finditer(normal)}
    if not joints:
        return
    end = 0
    for filled, block in groupby(normal.split("\n"), key=bool):
        lines = list(block)
        widths = [len(line.encode("gb18030", "replace")) for line in lines]
        full = max(widths) - _SLACK
        wrapped = filled and _SHORTEST - _SLACK <= full <= _LONGEST
        for line, width in zip(lines, widths, strict=True):
            end += len(line) + 1
            if wrapped and width >= full and end in joints:
                yield joints[end]
