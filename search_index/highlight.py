"""The best fragments of a text for a question, as offsets; a fragment never cuts a word."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Collection, Iterable, Sequence
from functools import lru_cache
from itertools import accumulate, combinations

from search_index import analysis
from search_index.documents import Fragment

TARGET = 90
# Longer words are names and numbers, whose parts mean nothing by themselves.
LONGEST_SPLIT = 8
_SENTENCE_END = re.compile("[。;!?\n]+")
_CLAUSE_END = re.compile("[。;!?\n,:、]+")


def to_utf16(text: str, offsets: Iterable[int]) -> list[int]:
    """Code point offsets into `text` as the UTF-16 offsets JavaScript counts in."""
    if len(text.encode("utf-16-le", "surrogatepass")) == 2 * len(text):
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
    hints: Collection[str] = (),
) -> tuple[Fragment, ...]:
    """The `count` stretches of about `target` characters that hold most of the query's weight.

    Stretches begin after and end at punctuation where they can, always between words. Without any
    match the beginning of the text is given, unmarked. `ends` are the text's `word_ends` where they
    are known already, which spares cutting it into words again. `hints` are words that speak for a
    stretch and are not marked, because they were not asked for.
    """
    normal = analysis.normalise(text)
    if not normal:
        return ()
    if ends is None:
        ends = word_ends(normal)
    spans = _spans(normal, target, ends)
    words = [word for word in query_words if word]
    asked = _asked(tuple(words))
    if len(spans) == 1:
        return (_fragment(text, normal, *spans[0], asked, ends),)
    telling = [(word, weight(word)) for word in (*words, *hints) if word in normal]
    scored = []
    for number, (start, end) in enumerate(spans):
        shown = normal[start:end]
        scored.append((-sum([value for word, value in telling if word in shown]), number))
    best = sorted(scored)[:count]
    chosen = sorted(number for score, number in best if score < 0) or [0]
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
    begin = start
    first, last = bisect_right(ends, start), bisect_left(ends, end)
    for finish in (*ends[first:last], end):
        if asked[normal[begin:finish]]:
            if marks and marks[-1][1] == begin - start:
                marks[-1] = (marks[-1][0], finish - start)
            else:
                marks.append((begin - start, finish - start))
        begin = finish
    return Fragment(text[start:end], tuple(marks))


class _Asked(dict[str, bool]):
    """Whether a word of a text is one of the query's, is part of one, or holds one; each is found out once."""

    def __init__(self, words: tuple[str, ...]) -> None:
        super().__init__(dict.fromkeys(words, True))
        self._longer = tuple(word for word in words if len(word) >= 2)
        for word in words:
            if len(word) <= LONGEST_SPLIT:
                for begin, end in combinations(range(len(word) + 1), 2):
                    if end - begin >= 2:
                        self[word[begin:end]] = True

    def __missing__(self, piece: str) -> bool:
        meant = len(piece) > 2 and any(word in piece for word in self._longer)
        self[piece] = meant
        return meant


@lru_cache(maxsize=64)
def _asked(words: tuple[str, ...]) -> _Asked:
    return _Asked(words)
