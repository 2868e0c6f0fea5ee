"""Reading what people ask: words, bigrams, and what thesaurus and bridges add to them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from search_index import analysis
from search_index.analysis import normalise
from search_index.learning import Bridges
from search_index.meaning import meaning, stretches
from search_index.ranking import MAX_TERMS, Float32
from search_index.spoken import written
from search_index.thesaurus import Entries

BIGRAM_WEIGHT = 0.8
THESAURUS_WEIGHT = 0.6
BRIDGE_WEIGHT = 0.2
# Characters of a story: no question that the weights were fitted on is as long. The rarest terms of a story are what
# only its teller says, so it is asked with many more of them.
STORY = 160
STORY_TERMS = 256
# What a word still weighs of itself when it means something else within a longer word of the thesaurus.
WITHIN_WEIGHT = 0.3
# Longer words of the thesaurus are found only where the segmenter finds them; crimes have the longest names.
LONGEST_ENTRY = 12


@dataclass(frozen=True, slots=True)
class Query:
    """An analysed question: its words, and the matrix terms with weights.

    `same` are the law's words for what was asked, by the thesaurus; `near` those that mostly go with it, by the
    bridges, with the share of cases in which they do. `meaning` is where it lies (`meaning.meaning`);
    `parts` are the same of its parts, one in a row: a story has several, a question is one.
    """

    words: tuple[str, ...]
    terms: analysis.UInt64
    weights: Float32
    meaning: Float32
    parts: Float32
    text: str = ""
    same: tuple[str, ...] = ()
    near: Mapping[str, float] = field(default_factory=dict)
    # True for a text longer than a question.
    story: bool = False

    @property
    def most_terms(self) -> int:
        """How many of the terms are asked for."""
        return STORY_TERMS if self.story else MAX_TERMS


def read_query(
    text: str,
    synonyms: Mapping[str, tuple[str, ...]],
    bridges: Bridges,
    bigram_weight: float = BIGRAM_WEIGHT,
    *,
    told: bool = True,
) -> Query:
    """Words, bigrams, and what thesaurus and bridges add to them, each once, with weights.

    A long text is a story if somebody has `told` it; one of the index is none: its rarest terms are what it is about.
    """
    normal = normalise(text)
    cut = analysis.pieces(normal)
    items = list(dict.fromkeys(analysis.meaningful(cut)))
    known = synonyms if isinstance(synonyms, Entries) else Entries(synonyms)
    entries, within = _entries(normal, cut, known)
    weights = {analysis.word_hash(item): WITHIN_WEIGHT if item in within else 1.0 for item in items}
    if bigram_weight:
        for pair in analysis.bigrams(normal):
            weight = bigram_weight * (WITHIN_WEIGHT if pair in within else 1.0)
            weights.setdefault(analysis.bigram_hash(pair), weight)
    same: dict[str, None] = {}
    for entry in entries:
        for other in known[entry]:
            for word in analysis.content_pieces(other):
                same.setdefault(word)
    for word in same:
        weights.setdefault(analysis.word_hash(word), THESAURUS_WEIGHT)
    near: dict[str, float] = {}
    for item in items:
        for other, share in bridges.get(item, ()):
            near[other] = max(near.get(other, 0.0), share)
    for other, share in near.items():
        weights.setdefault(analysis.word_hash(other), BRIDGE_WEIGHT * share)
    terms = np.fromiter(weights.keys(), dtype=np.uint64, count=len(weights))
    values = np.fromiter(weights.values(), dtype=np.float32, count=len(weights))
    plain = written(normal)
    said = cut if plain == normal else analysis.pieces(plain)
    whole = meaning(said)
    story = told and len(text) >= STORY
    return Query(
        words=tuple(items),
        terms=terms,
        weights=values,
        meaning=whole,
        parts=stretches(said) if story else whole[np.newaxis],
        text=text,
        same=tuple(same),
        near=near,
        story=story,
    )


def _entries(text: str, cut: list[str], synonyms: Entries) -> tuple[list[str], frozenset[str]]:
    """The thesaurus's words in a question, each once, and those that mean something else within a longer one.

    Found are words as the segmenter finds them and those that it cuts through. A word within a longer
    one (合同 in 劳动合同) is not meant, nor an entry within a longer entry that is found: 判几年 asks for
    the punishment, and its 几年 for no limitation period; 烂尾 in 烂尾楼 says the same. What the segmenter
    only guesses to be a word (涉黑判) hides none.
    """
    if not synonyms:
        return [], frozenset()
    places = set(_places(cut, synonyms))
    plain = analysis.dictionary_pieces(text)
    if plain != cut:
        places.update(_places(plain, synonyms))
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


def _places(cut: list[str], synonyms: Entries) -> Iterator[tuple[int, int]]:
    """Where the entries stand: a piece itself, or what begins in one and ends in another (醉|驾会判|几年: 醉驾).

    One of a single character is never cut.
    """
    text = "".join(cut)
    begin = 0
    for piece in cut:
        end = begin + len(piece)
        if piece in synonyms and piece not in analysis.STOP_WORDS:
            yield begin, end
        for start in range(max(begin, end + 1 - LONGEST_ENTRY), end):
            if text[start : start + 2] not in synonyms.begins:
                continue
            for stop in range(end + 1, min(start + LONGEST_ENTRY, len(text)) + 1):
                if text[start:stop] in synonyms:
                    yield start, stop
        begin = end
