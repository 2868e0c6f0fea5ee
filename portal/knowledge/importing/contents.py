"""Leaves out the table of contents of a text whose headings are plain lines: its entries are no headings."""

from __future__ import annotations

import re

from portal.knowledge.importing import lines
from portal.knowledge.importing.texts import Unreadable

_PAGE = re.compile(r"[\s.…·⋯]*\d*$")

Row = tuple[int, str]


def names_contents(text: str) -> bool:
    """True for the heading of a table of contents: 目 录."""
    return _squeezed(text) == "目录"


def without_contents(rows: list[Row]) -> list[Row]:
    """Return the rows without the table of contents: it ends where its first entry stands a second time.

    Raises Unreadable where nothing comes behind it.
    """
    begins = next(
        (
            number
            for number, (_, text) in enumerate(rows)
            if names_contents(text) or lines.split_article(text) is not None
        ),
        None,
    )
    if begins is None or not names_contents(rows[begins][1]):
        return rows
    after = rows[begins + 1 :]
    first = _entry(after[0][1]) if after else ""
    for end in range(1, len(after)):
        text = after[end][1]
        if _entry(text) == first or lines.split_article(text) is not None:
            return rows[:begins] + after[end:]
    raise Unreadable(rows[begins][0], "目录之后没有正文")


def _entry(text: str) -> str:
    """An entry of the contents without the marks of a heading, its page number and spaces."""
    return _squeezed(_PAGE.sub("", text.lstrip("#")))


def _squeezed(text: str) -> str:
    return re.sub(r"\s", "", text)
