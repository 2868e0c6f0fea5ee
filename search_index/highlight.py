"""The best fragments of a text for a question, as offsets; a fragment never cuts a word."""

from __future__ import annotations

from collections.abc import Callable, Collection

from search_index import analysis
from search_index.analysis import Token
from search_index.documents import Fragment

TARGET = 90
_SENTENCE_ENDS = frozenset("。;；!！?？\n")
_CLAUSE_ENDS = _SENTENCE_ENDS | frozenset(",，:：、")


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
    pieces = analysis.tokens(text)
    if not pieces:
        return ()
    matched = [_matches(token.text, query_words) for token in pieces]
    spans = _spans(pieces, target)
    scored = []
    for number, (first, last) in enumerate(spans):
        distinct = {matched[index] for index in range(first, last) if matched[index]}
        score = sum(weight(word) for word in distinct if word)
        scored.append((-score, number))
    best = sorted(scored)[:count]
    chosen = sorted(number for score, number in best if score < 0) or [0]
    return tuple(_fragment(text, pieces, matched, *spans[number]) for number in chosen)


def _matches(word: str, query_words: Collection[str]) -> str | None:
    """The query word that a token stands for: itself, or one that holds it or is held by it."""
    if word in query_words:
        return word
    if len(word) >= 2:
        for query in query_words:
            if len(query) >= 2 and (query in word or word in query):
                return query
    return None


def _spans(pieces: list[Token], target: int) -> list[tuple[int, int]]:
    """Runs of whole tokens of about `target` characters, ending at punctuation when possible."""
    spans = []
    first = 0
    while first < len(pieces):
        last = first
        clause = 0
        begin = pieces[first].start
        while last < len(pieces):
            token = pieces[last]
            last += 1
            width = token.end - begin
            if token.text[-1] in _SENTENCE_ENDS and width >= target // 2:
                clause = last
                break
            if token.text[-1] in _CLAUSE_ENDS and width <= target:
                clause = last
            if width >= target:
                break
        if last < len(pieces) and clause:
            last = clause
        spans.append((first, last))
        first = last
    return spans


def _fragment(
    text: str, pieces: list[Token], matched: list[str | None], first: int, last: int
) -> Fragment:
    while first < last - 1 and not pieces[first].text.strip():
        first += 1
    while last - 1 > first and not pieces[last - 1].text.strip():
        last -= 1
    begin, end = pieces[first].start, pieces[last - 1].end
    marks: list[tuple[int, int]] = []
    for index in range(first, last):
        if not matched[index]:
            continue
        start, stop = pieces[index].start - begin, pieces[index].end - begin
        if marks and marks[-1][1] == start:
            marks[-1] = (marks[-1][0], stop)
        else:
            marks.append((start, stop))
    return Fragment(text[begin:end], tuple(marks))
