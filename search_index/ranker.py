"""The two rankings of an index: words and priors over all rows, then the small model over the best few hundred."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from search_index.meaning import Texts
from search_index.query import Query
from search_index.ranking import Bool, Float32, best_rows, top_rows
from search_index.reranking import (
    DEPTH,
    FEATURES,
    LEVELS,
    Float64,
    Rows,
    Teaching,
    second_scores,
    spread,
    standing,
    weights,
)

# How strongly the law's prior counts in the first ranking (docs/search.md has the figures).
PRIOR_WEIGHT = 2.0
# What a version out of force loses, on the logarithmic scale of the second ranking.
OUT_OF_FORCE_LOSS = 2.0
# What an amendment loses, on the same scale: what it says stands in the law it amends, and there as it is in force.
AMENDMENT_LOSS = 2.0
# FAQ, guides, answers and decisions rank like articles of a law with this many citations.
USUAL_CITATIONS = 30
# How many rows a reader looks at before asking again, and among how many they can stand out.
FIRST_ROWS = 3
FEW_ROWS = 20
_LOCAL = LEVELS.index("local_regulation")
_PLACE = re.compile("(?P<name>[\u4e00-\u9fff]{2,12}?)(?P<kind>省|市|自治区|自治县|自治州|区|县)")
_AMENDMENT = re.compile(r"^(.+?)修正案(?:[(（][^()（）]+[)）])?$|关于修改《(.+)》的决定$")
_ASKS_FOR_AMENDMENT = re.compile("修正案|修改.{0,40}决定")


@dataclass(frozen=True, slots=True)
class Ranked:
    """Rows, best first, and the score shown for each: 100 for the best.

    `share` is how probable the model finds it that one of the first rows is right, 0 to 1; None where there are too few
    others to stand out from.
    """

    rows: Rows
    scores: Float32
    share: float | None = None


@dataclass(frozen=True, slots=True)
class Versions:
    """Which rows are articles, which are out of force, and the row of the same article in force (-1 for none)."""

    articles: Bool
    out_of_force: Bool
    in_force: Rows


class Ranker:
    """Ranks the rows of one snapshot by their words' scores. All arrays have one entry per row."""

    def __init__(
        self, teaching: Teaching, laws: Sequence[str], versions: Versions, texts: Sequence[Texts]
    ) -> None:
        # What the rows' texts mean: those of the base, then those of the delta.
        self._texts = texts
        self._teaching = teaching
        self._versions = versions
        articles = versions.articles
        # An FAQ has no law; it is ranked like an article of a law that is often cited.
        usual = float(np.log1p(USUAL_CITATIONS))
        prior = np.where(articles, teaching.law_prior, usual) * PRIOR_WEIGHT
        self._prior: Float32 = prior.astype(np.float32)
        named = dict(zip(FEATURES, weights(), strict=True))
        like_an_article = usual * named["law_prior"] + named["statute"]
        self._amendment = _amending(laws)[teaching.law] & articles
        self._standing: Float64 = standing(teaching)
        self._standing += np.where(articles, 0.0, like_an_article)
        self._standing -= np.where(self._amendment, AMENDMENT_LOSS, 0.0)
        self._local = teaching.level == _LOCAL
        self._local_loss = named[LEVELS[_LOCAL]]
        self._places = _places({laws[number] for number in set(teaching.law[self._local].tolist())})

    def ranked(
        self,
        query: Query,
        words: Float32,
        full: float,
        allowed: Rows,
        count: int,
        *,
        dated: bool = False,
    ) -> Ranked:
        """The best `count` of the allowed rows, best first.

        `words` are the words' scores of all rows and `full` that of a full match; `allowed` are numbers of rows in their
        order, all of which have words above 0. When the law of a day is searched
        (`dated`), being out of force today is no reason to rank lower.
        """
        first = words[allowed] + self._prior[allowed]
        if count > DEPTH:
            chosen = top_rows(first, count)
            # In the order of the rows on every page: what scores the same stands in it.
            head, rest = allowed[np.sort(chosen[:DEPTH])], chosen[DEPTH:]
        else:
            head, rest = allowed[best_rows(first, DEPTH)], np.empty(0, dtype=np.int64)
        if not len(head):
            return Ranked(head, np.empty(0, dtype=np.float32))
        scores = self._second(query, words, full, head)
        if not dated:
            scores = self._below_those_in_force(head, scores)
        order = np.argsort(-scores, kind="stable")
        # People read a score as a share of the best; the model's own scale is logarithmic.
        part = np.exp((scores[order] - scores[order[0]]) / 2.0)
        shown = 100.0 * part
        rows = head[order]
        if len(rest):
            rows = np.concatenate((rows, allowed[rest]))
            shown = np.concatenate((shown, shown[-1] * first[rest] / first[rest[0]]))
        return Ranked(
            rows[:count],
            shown[:count].astype(np.float32),
            float(part[:FIRST_ROWS] @ part[:FIRST_ROWS] / (part @ part))
            if len(part) >= FEW_ROWS
            else None,
        )

    def _second(self, query: Query, words: Float32, full: float, rows: Rows) -> Float64:
        """The second ranking's scores of some rows."""
        teaching = self._teaching
        meant = self.likeness(rows, query.parts)
        scores = second_scores(words, rows, teaching, full, meant, self._standing)
        if any(place in query.text for place in self._places):
            # The model learned on national questions that local law is seldom meant; whoever names
            # the place means it.
            scores[self._local[rows]] -= self._local_loss
        if _ASKS_FOR_AMENDMENT.search(query.text):
            scores[self._amendment[rows]] += AMENDMENT_LOSS
        return spread(scores, teaching.chapter[rows])

    def likeness(self, rows: Rows, asked: Float32) -> Float32:
        """How near the rows' texts are to what was asked."""
        base, *others = self._texts
        if not others:
            return base.likeness(rows, asked)
        meant = np.zeros(len(rows), dtype=np.float32)
        begin = 0
        for texts in self._texts:
            here = (rows >= begin) & (rows < begin + len(texts.steps))
            meant[here] = texts.likeness(rows[here] - begin, asked)
            begin += len(texts.steps)
        return meant

    def _below_those_in_force(self, rows: Rows, scores: Float64) -> Float64:
        """Scores with every version out of force below the version in force of the same article; `rows` ascend."""
        late = np.flatnonzero(self._versions.out_of_force[rows])
        if not len(late):
            return scores
        scores[late] -= OUT_OF_FORCE_LOSS
        twins = self._versions.in_force[rows[late]]
        places = np.minimum(np.searchsorted(rows, twins), len(rows) - 1)
        here = rows[places] == twins
        late, places = late[here], places[here]
        scores[late] = np.minimum(scores[late], scores[places] - 0.001)
        return scores


def _amending(laws: Sequence[str]) -> Bool:
    """Which laws amend another that is held too."""
    held = set(laws)
    found = [_AMENDMENT.search(name) for name in laws]
    amending = [match is not None and (match[1] or match[2]) in held for match in found]
    return np.array(amending or [False])


def _places(local: set[str]) -> tuple[str, ...]:
    """The places that have local regulations, with and without 市, 区, 县."""
    found: set[str] = set()
    for match in filter(None, map(_PLACE.match, local)):
        found.update((match["name"], match["name"] + match["kind"]))
    return tuple(sorted(found))
