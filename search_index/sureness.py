"""How sure it is that a page answers what was asked.

Two signs, neither enough alone: how much of the question the best row holds, and how far the first rows stand out from
the rest. `docs/search-pages.md` has the figures behind the numbers and how to choose them anew.
"""

from __future__ import annotations

import numpy as np

from search_index import analysis
from search_index.query import Query
from search_index.ranker import Ranked
from search_index.snapshot import Snapshot

# Below the first a page does not fit; below the second it may not.
WEAK = 1.03
STRONG = 1.2
# What standing out counts beside what the best row holds, and what the latter counts where there are too few rows.
SHARE_WEIGHT = 1.5
ALONE_WEIGHT = 3.0
# What of a word counts when a row holds only a word of the thesaurus for it, and when no document holds it at all.
THESAURUS_SHARE = 0.8
UNKNOWN_SHARE = 0.3
# Of a text with more different words than these a row need hold no more than of one with so many: the rest tells who
# did what on which day, and no text about the law holds that.
MOST_WORDS = 20
# A story is at best as sure as this: what it tells besides is for a person to read, so its teller is offered one.
STORY_AT_BEST = (WEAK + STRONG) / 2


def sureness(snapshot: Snapshot, query: Query, ranked: Ranked) -> float:
    """How sure it is that the first rows answer the question, to be compared with `WEAK` and `STRONG`."""
    if not len(ranked.rows):
        return 0.0
    best = int(ranked.rows[0])
    if ranked.share is None:
        return ALONE_WEIGHT * coverage(snapshot, query, best, STRONG / ALONE_WEIGHT)
    standing_out = SHARE_WEIGHT * ranked.share
    times = max(1.0, len(query.words) / MOST_WORDS)
    held = coverage(snapshot, query, best, (STRONG - standing_out) / times)
    sure = standing_out + times * held
    return min(sure, STORY_AT_BEST) if query.story else sure


def coverage(snapshot: Snapshot, query: Query, row: int, enough: float) -> float:
    """How much of the query words' weight, which is their idf, a row holds: 0 to 1, looked up as far as `enough`.

    A word counts for less where the row holds only what the thesaurus says for it. One that no document holds says
    more of how somebody speaks than of the answer, so it weighs little.
    """
    if enough <= 0.0 or not query.words:
        return 0.0
    hashes = analysis.word_hashes(query.words)
    base = snapshot.base
    segment, local = (base, row)
    if snapshot.delta is not None and row >= base.size:
        segment, local = snapshot.delta, row - base.size
    base_columns = base.postings.find(hashes)
    rarest = UNKNOWN_SHARE * float(np.log1p(max(base.size, 1)))
    weight = np.full(len(hashes), rarest, dtype=np.float32)
    known = base_columns >= 0
    weight[known] = base.postings.idf[base_columns[known]]
    columns = base_columns if segment is base else segment.postings.find(hashes)
    whole = float(weight.sum())
    got = 0.0
    lacking = []
    # The heaviest words first: mostly two or three of them tell.
    for number in np.argsort(-weight, kind="stable").tolist():
        if columns[number] >= 0 and segment.postings.holds(columns[number], local):
            got += float(weight[number])
            if got >= enough * whole:
                return got / whole
        else:
            lacking.append(number)
    synonyms = snapshot.words.thesaurus.words
    for number in lacking:
        others = synonyms.get(query.words[number], ())
        pieces = (piece for other in others for piece in analysis.content_pieces(other))
        terms = [analysis.word_hash(piece) for piece in pieces]
        if terms and segment.postings.any_held(np.array(terms, dtype=np.uint64), local):
            got += THESAURUS_SHARE * float(weight[number])
            if got >= enough * whole:
                break
    return got / whole
