"""Reading what people type: citations of articles in short questions and in long texts.

`find_citations` understands 民法典1254, 民法典第1254条, 劳动合同法第三十八条第一款第(二)项,
《中华人民共和国刑法》第一百二十条之一, 该法第五条, lists (第三条、第五条) and ranges
(第三条至第五条).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from search_index import analysis
from search_index.analysis import normalise
from search_index.laws import LawNames
from search_index.learning import Bridges
from search_index.numerals import (
    NUMERAL,
    article_order,
    canonical,
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
# Longer words of the thesaurus are found only where the segmenter finds them.
LONGEST_ENTRY = 6

MAX_RANGE = 50
_ITEM = rf"第\s*\(?(?:{NUMERAL}|\d+)\)?\s*项"
_PART = rf"(?:\s*第\s*(?:{NUMERAL}|\d+)\s*款)?(?:\s*{_ITEM}(?:\s*[、,和及与或]\s*{_ITEM})*)?"
_ARTICLE = re.compile(
    rf"第?\s*(?P<number>{NUMERAL}|\d{{1,5}})(?:\s*之\s*(?P<inner>{NUMERAL}|\d{{1,3}}))?\s*条(?!例|约|款规定)"
    rf"(?:\s*之\s*(?P<branch>{NUMERAL}|\d{{1,3}}))?(?P<part>{_PART})"
)
# Without 条 only Arabic digits directly after a known name count: 民法典1254, 民法典 第1254.
_BARE = re.compile(
    r"第?\s*(?P<number>\d{1,4})(?:\s*(?:-|之)\s*(?P<branch>\d{1,2}))?(?![\d.,%年月日号元十百千万亿条个名岁版修零〇一二三四五六七八九两])(?!\s*之\s*\d)"
)
_BOOK_TITLE = re.compile(r"《(?P<name>(?:[^《》]|《[^《》]*》){2,120})》\s*(?:\([^()]{2,30}\)\s*)?")
# The books of the civil and the criminal code are cited by name: 民法典婚姻家庭编第一千零七十九条.
_BOOK = "(?:总则|分则|物权|合同|人格权|婚姻家庭|继承|侵权责任)"
_BETWEEN_LAW_AND_ARTICLE = re.compile(
    rf"(?:\s|的|中|之|:|,)*(?:第?{NUMERAL}编|第?{NUMERAL}章|第?{NUMERAL}节|\(?{_BOOK}编\)?|\s|的|中)*$"
)
_LIST_JOINT = re.compile(r"\s*(?:、|;|,?\s*(?:和|及|与|或|或者|以及|并)|,)\s*$")
_RANGE_JOINT = re.compile(r"\s*(?:至|到|-|~|—|–)\s*$")
# Not the ends of names: 合同法, 共同法, 基本法, 根本法, 资本法.
_ANAPHORA = re.compile(
    r"(?:该|(?<![基根资])本|(?<![合共])同|上述|前述)(?:法典|法律|法|条例|规定|办法|解释|决定)\s*$"
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
    cut = analysis.pieces(normalise(text))
    items = list(dict.fromkeys(analysis.meaningful(cut)))
    weights = dict.fromkeys(map(analysis.word_hash, items), 1.0)
    if bigram_weight:
        for pair in analysis.bigrams(text):
            weights.setdefault(analysis.bigram_hash(pair), bigram_weight)
    for item in dict.fromkeys((*items, *_cut_through(cut, synonyms))):
        for other in synonyms.get(item, ()):
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


def _cut_through(cut: list[str], synonyms: Mapping[str, tuple[str, ...]]) -> Iterator[str]:
    """The thesaurus's words that the segmenter has cut through (醉|驾会判|几年: 醉驾, 判几年).

    A word within a longer one (合同 in 劳动合同) is not meant; one of a single character is never cut.
    """
    text = "".join(cut)
    begin = 0
    for piece in cut[:-1]:
        end = begin + len(piece)
        for start in range(begin, end):
            for stop in range(end + 1, min(start + LONGEST_ENTRY, len(text)) + 1):
                if text[start:stop] in synonyms:
                    yield text[start:stop]
        begin = end


@dataclass(frozen=True, slots=True)
class Citation:
    """A citation in a text. `law` is the full name when exactly one law is meant, else None.

    `start` and `end` are code point offsets into the text given; the members of a list or a range
    each have their own entry (a range's inner numbers share the range's span).
    """

    law_as_written: str
    law: str | None
    number: str
    start: int
    end: int
    candidates: tuple[str, ...] = ()


def find_citations(text: str, laws: LawNames) -> list[Citation]:
    """Every citation of an article in `text`, in order of appearance. Never raises on any text."""
    normal = normalise(text)
    found: list[Citation] = []
    titles = [(match.start(), match.end(), match["name"]) for match in _BOOK_TITLE.finditer(normal)]
    last_law: tuple[str, tuple[str, ...]] | None = None
    previous: tuple[int, str, str, tuple[str, ...], int] | None = None
    position = 0
    for match in _matches(normal, laws):
        if match.start() < position or _inside(match.start(), titles):
            continue
        groups = match.groupdict()
        number = canonical(match["number"], match["branch"] or groups.get("inner"))
        if not number:
            continue
        named = _law_before(normal, match.start(), titles, laws, position)
        start = match.start()
        if named is not None:
            start, written, candidates = named
            last_law = (written, candidates)
        elif previous is not None and _joins(normal[previous[0] : match.start()]):
            written, candidates = previous[2], previous[3]
        elif last_law is not None and _ANAPHORA.search(normal, max(0, start - 8), start):
            # A law that was named since then, even without an article, is the one meant.
            since = [title for title in titles if position <= title[0] and title[1] <= start]
            written, candidates = (since[-1][2], laws.resolve(since[-1][2])) if since else last_law
        else:
            previous = None
            continue
        law = candidates[0] if len(candidates) == 1 else None
        if (
            previous is not None
            and named is None
            and _RANGE_JOINT.fullmatch(normal[previous[0] : match.start()])
        ):
            for inner in _between(previous[1], number):
                found.append(Citation(written, law, inner, previous[4], match.end(), candidates))
        found.append(Citation(written, law, number, start, match.end(), candidates))
        previous = (match.end(), number, written, candidates, match.start())
        position = match.end()
    return found


def _matches(normal: str, laws: LawNames) -> list[re.Match[str]]:
    """Article numbers in order; bare numbers only where a known name stands right before them."""
    matches = list(_ARTICLE.finditer(normal))
    taken = [(match.start(), match.end()) for match in matches]
    for match in _BARE.finditer(normal):
        start, end = match.span()
        if any(low < end and start < high for low, high in taken):
            continue
        before = normal[:start].rstrip()
        if not before:
            continue
        if before.endswith("》") or laws.longest_ending(before, len(before)) is not None:
            matches.append(match)
    return sorted(matches, key=lambda match: match.start())


def _inside(place: int, titles: list[tuple[int, int, str]]) -> bool:
    """Whether a place lies within book marks: a law's own name may speak of an article."""
    return any(start < place < start + len(name) for start, _, name in titles)


def _joins(between: str) -> bool:
    return bool(_LIST_JOINT.fullmatch(between) or _RANGE_JOINT.fullmatch(between))


def _between(first: str, last: str) -> list[str]:
    """The whole numbers strictly between two article numbers; none when the range is absurd."""
    low = int(first.partition("-")[0])
    high = int(last.partition("-")[0])
    if not 0 < high - low <= MAX_RANGE:
        return []
    return [str(number) for number in range(low + 1, high)]


def _law_before(
    normal: str, start: int, titles: list[tuple[int, int, str]], laws: LawNames, floor: int
) -> tuple[int, str, tuple[str, ...]] | None:
    """The law named right before an article number: start offset, name as written, full names.

    `floor` is where the citation before it ends; an unknown name does not reach into that.
    """
    window = normal[max(0, start - 60) : start]
    gap = _BETWEEN_LAW_AND_ARTICLE.search(window)
    end = start - (len(gap.group()) if gap else 0)
    for title_start, title_end, name in reversed(titles):
        if title_end <= start and (title_end >= end or not normal[title_end:end].strip()):
            return title_start, name, laws.resolve(name)
        if title_end <= start:
            break
    known = laws.longest_ending(normal, end)
    if known is not None:
        written = normal[known:end]
        return known, written, laws.resolve(written)
    if _ANAPHORA.search(normal, max(0, end - 8), end):
        return None
    clause_start = max(floor, end - 42)
    clause = re.split(r"[,。;:!?、\n\"“”'‘’]", normal[clause_start:end])[-1]
    name_match = _UNKNOWN_NAME.search(clause)
    if name_match is None:
        return None
    name = _LEADING.sub("", name_match.group())
    if len(name) < 3 or name in ("的规定", "有关规定", "相关规定", "司法解释", "本解释", "本规定"):
        return None
    return end - len(name), name, laws.resolve(name)
