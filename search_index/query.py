"""Reading what people type: citations of articles in short questions and in long texts.

`find_citations` understands 民法典1254, 民法典第1254条, 劳动合同法第三十八条第一款第(二)项,
《中华人民共和国刑法》第一百二十条之一, 该法第五条, lists (第三条、第五条, 第三、四、五条) and ranges
(第三条至第五条, 第五至七条).
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache

import numpy as np

from search_index import analysis
from search_index.analysis import normalise
from search_index.article_lists import article_lists
from search_index.laws import BOOKS, LawNames, names_no_law, same_kind
from search_index.learning import Bridges
from search_index.numerals import (
    NUMERAL,
    article_order,
    format_article_number,
    parse_article_number,
)
from search_index.ranking import Float32

__all__ = [
    "Citation",
    "LawNames",
    "Query",
    "article_order",
    "find_citations",
    "format_article_number",
    "parse_article_number",
    "read_query",
]

BIGRAM_WEIGHT = 0.8
THESAURUS_WEIGHT = 0.6
BRIDGE_WEIGHT = 0.2
# What a word still weighs of itself when it means something else within a longer word of the thesaurus.
WITHIN_WEIGHT = 0.3
# Longer words of the thesaurus are found only where the segmenter finds them.
LONGEST_ENTRY = 6

_BOOK_TITLE = re.compile(r"《(?P<name>(?:[^《》]|《[^《》]*》){2,120})》\s*(?:\([^()]{2,30}\)\s*)?")
# The books of a code are cited by name: 民法典婚姻家庭编第一千零七十九条.
_BETWEEN_LAW_AND_ARTICLE = re.compile(
    rf"(?:\s|的|中|之|:|,|”|\")*+(?:第?(?:{NUMERAL}|[0-9]{{1,3}})[编章节]|\(?{BOOKS}编\)?|\s|的|中)*+$"
)
# Not the ends of names: 合同法, 共同法, 基本法, 根本法, 资本法.
_ANAPHORA = re.compile(
    r"(?:该|(?<![基根资])本|(?<![合共])同|上述|前述)(?P<kind>法典|法律|法|条例|规定|办法|解释|决定)\s*$"
)
_UNKNOWN_NAME = re.compile(
    r"[\u4e00-\u9fff()]{2,40}?(?:法|法典|条例|规定|办法|解释|细则|规则|决定)$"
)
_LEADING = re.compile(
    r"^.*(?:根据|依照|依据|按照|违反|适用|参照|符合|违背|属于|以及|或者|请问|我国|关于)|^[依按和与及在是]"
)


@dataclass(frozen=True, slots=True)
class Query:
    """An analysed question: its words, and the matrix terms with weights."""

    words: tuple[str, ...]
    terms: analysis.UInt64
    weights: Float32
    text: str = ""


def read_query(
    text: str,
    synonyms: Mapping[str, tuple[str, ...]],
    bridges: Bridges,
    bigram_weight: float = BIGRAM_WEIGHT,
) -> Query:
    """Words, bigrams, and what thesaurus and bridges add to them, each once, with weights."""
    normal = normalise(text)
    cut = analysis.pieces(normal)
    items = list(dict.fromkeys(analysis.meaningful(cut)))
    entries, within = _entries(normal, cut, synonyms)
    weights = {analysis.word_hash(item): WITHIN_WEIGHT if item in within else 1.0 for item in items}
    if bigram_weight:
        for pair in analysis.bigrams(text):
            weight = bigram_weight * (WITHIN_WEIGHT if pair in within else 1.0)
            weights.setdefault(analysis.bigram_hash(pair), weight)
    for entry in entries:
        for other in synonyms[entry]:
            for term in analysis.content_terms(other):
                weights.setdefault(term, THESAURUS_WEIGHT)
    bridged: dict[int, float] = {}
    for item in items:
        for other, share in bridges.get(item, ()):
            term = analysis.word_hash(other)
            bridged[term] = max(bridged.get(term, 0.0), BRIDGE_WEIGHT * share)
    weights = {**bridged, **weights}
    terms = np.fromiter(weights.keys(), dtype=np.uint64, count=len(weights))
    values = np.fromiter(weights.values(), dtype=np.float32, count=len(weights))
    return Query(tuple(items), terms, values, text)


def _entries(
    text: str, cut: list[str], synonyms: Mapping[str, tuple[str, ...]]
) -> tuple[list[str], frozenset[str]]:
    """The thesaurus's words in a question, each once, and those that mean something else within a longer one.

    Found are words as the segmenter finds them and those that it cuts through. A word within a longer
    one (合同 in 劳动合同) is not meant, nor an entry within a longer entry that is found: 判几年 asks for
    the punishment, and its 几年 for no limitation period; 烂尾 in 烂尾楼 says the same. What the segmenter
    only guesses to be a word (涉黑判) hides none.
    """
    if not synonyms:
        return [], frozenset()
    places = {*_places(cut, synonyms), *_places(analysis.dictionary_pieces(text), synonyms)}
    found: dict[str, None] = {}
    within: set[str] = set()
    reached, whole = 0, ""
    # Sorted so, whatever contains a place stands before it and reaches at least as far.
    for start, end in sorted(places, key=lambda place: (place[0], -place[1])):
        word = text[start:end]
        if end > reached:
            reached, whole = end, word
            found[word] = None
        elif not set(synonyms[word]) <= set(synonyms[whole]):
            within.add(word)
    return list(found), frozenset(within.difference(found))


def _places(cut: list[str], synonyms: Mapping[str, tuple[str, ...]]) -> Iterator[tuple[int, int]]:
    """Where the entries stand: a piece itself, or what begins in one and ends in another (醉|驾会判|几年: 醉驾).

    One of a single character is never cut.
    """
    text = "".join(cut)
    begin = 0
    for piece in cut:
        end = begin + len(piece)
        if piece in synonyms and piece not in analysis.STOP_WORDS:
            yield begin, end
        for start in range(begin, end):
            for stop in range(end + 1, min(start + LONGEST_ENTRY, len(text)) + 1):
                if text[start:stop] in synonyms:
                    yield start, stop
        begin = end


@dataclass(frozen=True, slots=True)
class Citation:
    """A citation in a text. `law` is the full name when exactly one law is meant, else None.

    `start` and `end` are code point offsets into the text given; the members of a list or a range
    each have their own entry (a range's inner numbers share the range's span). `part` is what
    stands behind the article's number: 第一款第(二)项.
    """

    law_as_written: str
    law: str | None
    number: str
    start: int
    end: int
    candidates: tuple[str, ...] = ()
    part: str = ""


def find_citations(text: str, laws: LawNames) -> list[Citation]:
    """Every citation of an article in `text`, in order of appearance. Never raises on any text."""
    normal = normalise(text)
    titles = _Titles(normal)
    resolve = cache(laws.resolve)
    found: list[Citation] = []
    last_law: tuple[str, tuple[str, ...]] | None = None
    position = 0
    for listed in article_lists(normal, titles.hold):
        if listed.bare and not _is_named_directly(normal, listed.start, laws):
            continue
        start = listed.start
        named = _law_before(normal, start, titles, laws, position)
        if named is not None:
            start, written = named
            candidates = resolve(written)
            last_law = (written, candidates)
        elif last_law is not None and (back := _ANAPHORA.search(normal, max(0, start - 8), start)):
            # A law that was named since then, even without an article, is the one meant.
            title = titles.before(start)
            if title is not None and title[0] >= position:
                written, candidates = title[2], resolve(title[2])
            else:
                written, candidates = last_law
            # 本解释, with only a code named so far, is the text that speaks.
            if not same_kind(written, back["kind"].replace("法律", "法")):
                continue
        else:
            continue
        law = candidates[0] if len(candidates) == 1 else None
        for place, member in enumerate(listed.members):
            first = start if place == 0 else member.start
            found.append(
                Citation(written, law, member.number, first, member.end, candidates, member.part)
            )
        position = listed.end
    return found


class _Titles:
    """The names in book marks of a text."""

    def __init__(self, normal: str) -> None:
        self._all = [(m.start(), m.end(), m["name"]) for m in _BOOK_TITLE.finditer(normal)]
        self._starts = [start for start, _, _ in self._all]
        self._ends = [end for _, end, _ in self._all]

    def hold(self, place: int) -> bool:
        """Whether a place lies within book marks: a law's own name may speak of an article."""
        at = bisect_left(self._starts, place) - 1
        return at >= 0 and place < self._starts[at] + len(self._all[at][2])

    def before(self, place: int) -> tuple[int, int, str] | None:
        """The last title that ends before a place: start, end, name."""
        at = bisect_right(self._ends, place) - 1
        return self._all[at] if at >= 0 else None


def _is_named_directly(normal: str, start: int, laws: LawNames) -> bool:
    """Whether a known name, or any in book marks, stands right before a place."""
    while start and normal[start - 1].isspace():
        start -= 1
    return bool(start) and (
        normal[start - 1] == "》" or laws.longest_ending(normal, start) is not None
    )


def _law_before(
    normal: str, start: int, titles: _Titles, laws: LawNames, floor: int
) -> tuple[int, str] | None:
    """The law named right before an article number: start offset and name as written.

    `floor` is where the citation before it ends; an unknown name does not reach into that.
    """
    window = normal[max(0, start - 60) : start]
    gap = _BETWEEN_LAW_AND_ARTICLE.search(window)
    end = start - (len(gap.group()) if gap else 0)
    title = titles.before(start)
    if title is not None:
        title_start, title_end, name = title
        if title_end >= end or (end - title_end < 60 and normal[title_end:end].isspace()):
            return title_start, name
    known = laws.longest_ending(normal, end)
    if known is not None:
        return known, normal[known:end]
    if _ANAPHORA.search(normal, max(0, end - 8), end):
        return None
    clause_start = max(floor, end - 42)
    clause = re.split(r"[,。;:!?、\n\"“”'‘’]", normal[clause_start:end])[-1]
    name_match = _UNKNOWN_NAME.search(clause)
    if name_match is None:
        return None
    name = _LEADING.sub("", name_match.group())
    if len(name) < 3 or names_no_law(name) or name in ("本解释", "本规定"):
        return None
    return end - len(name), name
