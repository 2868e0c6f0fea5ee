"""The best fragments of a text for a question, as offsets; a fragment never cuts a word."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from functools import lru_cache

from search_index import analysis
from search_index.documents import Fragment

TARGET = 90
# Longer words are names and numbers, whose parts mean nothing by themselves.
LONGEST_SPLIT = 8
_SENTENCE_END = re.compile("[。;!?\n]+")
_CLAUSE_END = re.compile("[。;!?\n,:、]+")


def to_utf16(text: str, offset: int) -> int:
    """A code point offset into `text` as the UTF-16 offset JavaScript counts in."""
    return offset + sum(1 for char in text[:offset] if ord(char) > 0xFFFF)


def fragments(
    text: str,
    query_words: Collection[str],
    weight: Callable[[str], float] = lambda word: 1.0,
    count: int = 2,
    target: int = TARGET,
) -> tuple[Fragment, ...]:
    """The `count` stretches of about `target` characters that hold most of the query's weight.

    Stretches begin after and end at punctuation where they can, always between words. Without any
    match the beginning of the text is given, unmarked.
    """
    normal = analysis.normalise(text)
    if not normal:
        return ()
    spans = _spans(normal, target)
    scored = [
        (-sum(weight(word) for word in query_words if word and word in normal[start:end]), number)
        for number, (start, end) in enumerate(spans)
    ]
    best = sorted(scored)[:count]
    chosen = sorted(number for score, number in best if score < 0) or [0]
    return tuple(_fragment(text, normal, *spans[number], query_words) for number in chosen)


def _spans(normal: str, target: int) -> list[tuple[int, int]]:
    """Stretches of about `target` characters that tile the text.

    They end at the end of a sentence, else of a clause; only where `target * 2` characters go by
    without either is a stretch cut between two words.
    """
    spans = []
    start = 0
    while start < len(normal):
        end = _end_of_stretch(normal, start, target)
        spans.append((start, end))
        start = end
    return spans


def _end_of_stretch(normal: str, start: int, target: int) -> int:
    window = normal[start : start + target * 2]
    if len(window) <= target:
        return start + len(window)
    for pattern, least in ((_SENTENCE_END, target // 2), (_CLAUSE_END, target // 2)):
        match = pattern.search(window, least)
        if match is not None and match.end() <= target * 3 // 2:
            return start + match.end()
    if _CLAUSE_END.search(window) is None:
        pieces = analysis.tokens(window)
        ends = [piece.end for piece in pieces if piece.end <= target]
        # The window's last word may itself be cut, so the last whole word before the target counts.
        return start + (ends[-1] if ends else pieces[0].end)
    last = [match.end() for match in _CLAUSE_END.finditer(window)]
    return start + last[-1]


def _fragment(
    text: str, normal: str, start: int, end: int, query_words: Collection[str]
) -> Fragment:
    shown = normal[start:end]
    if shown.strip():
        start += len(shown) - len(shown.lstrip())
        shown = shown.strip()
    parts = _parts(frozenset(query_words))
    longer = [word for word in query_words if len(word) >= 2]
    marks: list[tuple[int, int]] = []
    position = 0
    for piece in analysis.pieces(shown):
        begin, position = position, position + len(piece)
        # A token stands for a query word when it is one, is part of one, or holds one.
        if piece not in parts and not (len(piece) > 2 and any(word in piece for word in longer)):
            continue
        if marks and marks[-1][1] == begin:
            marks[-1] = (marks[-1][0], position)
        else:
            marks.append((begin, position))
    return Fragment(text[start : start + len(shown)], tuple(marks))


@lru_cache(maxsize=64)
def _parts(query_words: frozenset[str]) -> frozenset[str]:
    """The query's words and every part of two letters or more of them."""
    return query_words | {
        word[begin:end]
        for word in query_words
        for begin in range(len(word))
        for end in range(begin + 2, len(word) + 1)
        if len(word) <= LONGEST_SPLIT
    }
