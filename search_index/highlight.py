"""The best fragments of a text for a question, as offsets; a fragment never cuts a word."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate

from search_index import analysis
from search_index.documents import Fragment

TARGET = 90
# Longer words are names and numbers, whose parts mean nothing by themselves.
LONGEST_SPLIT = 8
_SENTENCE_END = re.compile("[。;!?\n]+")
_CLAUSE_END = re.compile("[。;!?\n,:、]+")


def to_utf16(text: str, offsets: Iterable[int]) -> list[int]:
    """Code point offsets into `text` as the UTF-16 offsets JavaScript counts in."""
    if max(text, default="") <= "\uffff":
        return list(offsets)
    return [offset + sum(char > "\uffff" for char in text[:offset]) for offset in offsets]


def word_ends(normal: str) -> list[int]:
    """Where the words of a normalised text end, in order; the last is the text's length."""
    return list(accumulate(map(len, analysis.pieces(normal))))


def fragments(
    text: str,
    query_words: Collection[str],
    weight: Callable[[str], float] = lambda _word: 1.0,
    count: int = 2,
    target: int = TARGET,
    ends: Sequence[int] | None = None,
) -> tuple[Fragment, ...]:
    """The `count` stretches of about `target` characters that hold most of the query's weight.

    Stretches begin after and end at punctuation where they can, always between words. Without any
    match the beginning of the text is given, unmarked. `ends` are the text's `word_ends` where they
    are known already, which spares cutting it into words again.
    """
    normal = analysis.normalise(text)
    if not normal:
        return ()
    if ends is None:
        ends = word_ends(normal)
    spans = _spans(normal, target, ends)
    words = [word for word in query_words if word]
    scored = []
    for number, (start, end) in enumerate(spans):
        shown = normal[start:end]
        scored.append((-sum([weight(word) for word in words if word in shown]), number))
    best = sorted(scored)[:count]
    chosen = sorted(number for score, number in best if score < 0) or [0]
    asked = _asked(tuple(words))
    return tuple(_fragment(text, normal, *spans[number], asked, ends) for number in chosen)


def _spans(normal: str, target: int, ends: Sequence[int]) -> list[tuple[int, int]]:
    """Stretches of about `target` characters that tile the text.

    They end at the end of a sentence, else of a clause; only where `target * 2` characters go by
    without either is a stretch cut between two words.
    """
    spans = []
    start = 0
    while start < len(normal):
        end = _end_of_stretch(normal, start, target, ends)
        spans.append((start, end))
        start = end
    return spans


def _end_of_stretch(normal: str, start: int, target: int, ends: Sequence[int]) -> int:
    if len(normal) - start <= target:
        return len(normal)
    window = normal[start : start + target * 2]
    for pattern, least in ((_SENTENCE_END, target // 2), (_CLAUSE_END, target // 2)):
        match = pattern.search(window, least)
        if match is not None and match.end() <= target * 3 // 2:
            return start + match.end()
    last = [match.end() for match in _CLAUSE_END.finditer(window)]
    if last:
        return start + last[-1]
    place = bisect_right(ends, start + target)
    # A single word longer than the target is shown whole.
    return ends[place - 1] if place and ends[place - 1] > start else ends[place]


def _fragment(
    text: str, normal: str, start: int, end: int, asked: _Asked, ends: Sequence[int]
) -> Fragment:
    shown = normal[start:end]
    if shown.strip():
        start += len(shown) - len(shown.lstrip())
        end = start + len(shown.strip())
    marks: list[tuple[int, int]] = []
    for place in _candidates(normal, start, end, asked, ends):
        begin = max(ends[place - 1], start) if place else start
        finish = min(ends[place], end)
        if not asked.is_meant_by(normal[begin:finish]):
            continue
        if marks and marks[-1][1] == begin - start:
            marks[-1] = (marks[-1][0], finish - start)
        else:
            marks.append((begin - start, finish - start))
    return Fragment(text[start:end], tuple(marks))


def _candidates(normal: str, start: int, end: int, asked: _Asked, ends: Sequence[int]) -> list[int]:
    """The words (their places in `ends`) in which something of the query stands, in order."""
    places: set[int] = set()
    for needle in asked.needles:
        at = normal.find(needle, start, end)
        while at >= 0:
            places.add(bisect_right(ends, at))
            places.add(bisect_right(ends, at + len(needle) - 1))
            at = normal.find(needle, at + 1, end)
    return sorted(places)


@dataclass(frozen=True, slots=True)
class _Asked:
    """The words of a query, ready to be looked for among a text's words.

    `needles` are the shortest pieces without one of which no word of a text can be meant.
    """

    parts: frozenset[str]
    longer: tuple[str, ...]
    needles: tuple[str, ...]

    def is_meant_by(self, piece: str) -> bool:
        """Whether a word of the text is one of the query's, is part of one, or holds one."""
        return piece in self.parts or (
            len(piece) > 2 and any(word in piece for word in self.longer)
        )


@lru_cache(maxsize=64)
def _asked(words: tuple[str, ...]) -> _Asked:
    parts = {
        word[begin:end]
        for word in words
        for begin in range(len(word))
        for end in range(begin + 2, len(word) + 1)
        if len(word) <= LONGEST_SPLIT
    }
    pairs = {word[at : at + 2] for word in words for at in range(max(len(word) - 1, 1))}
    longer = tuple(word for word in words if len(word) >= 2)
    return _Asked(frozenset(parts.union(words)), longer, tuple(pairs))
