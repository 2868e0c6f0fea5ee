"""The second look: a small linear model over the best few hundred rows of the first ranking.

The first ranking adds words and the law's prior. The second weighs what that sum cannot: how often the
article itself was cited, what the most similar published questions cite, how large and of which level
the law is. Its weights are fitted by `search_index.experiments` and kept in `reranker.json`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from search_index.ranking import Float32

Rows = npt.NDArray[np.int64]
Float64 = npt.NDArray[np.float64]

DEPTH = 300
VOTING_POWER = 3.0
LEVELS = ("statute", "judicial_interpretation", "administrative_regulation", "local_regulation")
FEATURES = (
    "log_words",
    "share",
    "share_squared",
    "completeness",
    "law_prior",
    "article_prior",
    "taught",
    "law_size",
    "law_votes",
    "chapter_votes",
    "article_votes",
    *LEVELS,
)


@dataclass(frozen=True, slots=True)
class Teaching:
    """Who cites what, per row of the index, ready for votes.

    `sources` are the rows of documents that cite; pair i says that `sources[pair_source[i]]` cites row
    `pair_target[i]`. `law` and `chapter` number the groups of every row, -1 for none.
    """

    sources: Rows
    pair_source: Rows
    pair_target: Rows
    law: Rows
    chapter: Rows
    level: npt.NDArray[np.int8]
    law_prior: Float32
    article_prior: Float32
    law_size: Float32

    @classmethod
    def build(
        cls,
        pairs: tuple[Rows, Rows],
        law: Rows,
        chapter: Rows,
        level: npt.NDArray[np.int8],
        articles: npt.NDArray[np.bool_],
    ) -> Teaching:
        """Count priors from (source row, cited row) pairs."""
        sources, pair_source = np.unique(pairs[0], return_inverse=True)
        target = pairs[1]
        size = len(law)
        groups = int(law.max(initial=-1)) + 1
        own_law = np.where(articles, law, -1)
        per_law = np.bincount(law[target], minlength=groups)
        law_rows = np.bincount(own_law[own_law >= 0], minlength=groups)
        if not groups:
            per_law = law_rows = np.zeros(1, dtype=np.int64)
        return cls(
            sources=sources,
            pair_source=pair_source,
            pair_target=target,
            law=law,
            chapter=chapter,
            level=level,
            law_prior=np.where(articles, np.log1p(per_law)[law], 0.0).astype(np.float32),
            article_prior=np.log1p(np.bincount(target, minlength=size)).astype(np.float32),
            law_size=np.where(articles, np.log1p(law_rows)[law], 0.0).astype(np.float32),
        )

    def votes(self, words: Float32, norm: float) -> tuple[Float64, Float64, Float64]:
        """What similar questions cite: strength per law, per chapter and per row, 0 to about 1."""
        similar = (words[self.sources] / norm).astype(np.float64) ** VOTING_POWER
        weights = similar[self.pair_source]
        target = self.pair_target
        chapters = self.chapter[target]
        inside = chapters >= 0
        return (
            _votes(self.law[target], weights),
            _votes(chapters[inside], weights[inside]),
            _votes(target, weights),
        )


def _votes(places: Rows, weights: Float64) -> Float64:
    summed = np.bincount(places, weights).astype(np.float64)
    return np.power(summed, 1.0 / VOTING_POWER)


def features(words: Float32, rows: Rows, teaching: Teaching, norm: float) -> Float64:
    """The model's view of some rows (all with words above 0): one line per row, FEATURES wide.

    `norm` is the score of a row that holds every term of the query once.
    """
    values = words[rows].astype(np.float64)
    share = values / values.max()
    law_votes, chapter_votes, row_votes = teaching.votes(words, norm)
    level = teaching.level[rows]
    columns = [
        np.log1p(values),
        share,
        share * share,
        values / norm,
        teaching.law_prior[rows],
        teaching.article_prior[rows],
        teaching.article_prior[rows] > 0,
        teaching.law_size[rows],
        _at(law_votes, teaching.law[rows]),
        _at(chapter_votes, teaching.chapter[rows]),
        _at(row_votes, rows),
        *(level == number for number in range(len(LEVELS))),
    ]
    return np.stack([np.asarray(column, dtype=np.float64) for column in columns], axis=1)


def _at(values: Float64, places: Rows) -> Float64:
    """The value at each place, 0 for places outside."""
    if not len(values):
        return np.zeros(len(places))
    inside = (places >= 0) & (places < len(values))
    return np.where(inside, values[np.where(inside, places, 0)], 0.0)


@lru_cache(maxsize=1)
def weights() -> Float64:
    """The fitted weights in the order of FEATURES."""
    path = Path(__file__).with_name("reranker.json")
    stored: dict[str, float] = json.loads(path.read_text(encoding="utf-8"))
    return np.array([stored[name] for name in FEATURES])


def fit(groups: list[tuple[Float64, npt.NDArray[np.bool_]]], penalty: float = 3e-3) -> Float64:
    """Weights that give relevant rows the highest probability within their question (listwise softmax).

    Each group is one question's rows: features, and which of them are relevant.
    """
    from scipy.optimize import minimize

    usable = [(table, relevant) for table, relevant in groups if relevant.any()]
    table = np.concatenate([one for one, _ in usable])
    target = np.concatenate([relevant / relevant.sum() for _, relevant in usable])
    sizes = np.array([len(relevant) for _, relevant in usable])
    starts = np.concatenate(([0], np.cumsum(sizes)[:-1]))
    group = np.repeat(np.arange(len(sizes)), sizes)
    scale = table.std(axis=0) + 1e-9
    table = (table - table.mean(axis=0)) / scale

    def loss(weight: Float64) -> tuple[float, Float64]:
        scores = table @ weight
        scores -= np.maximum.reduceat(scores, starts)[group]
        exponent = np.exp(scores)
        total = np.add.reduceat(exponent, starts)[group]
        value = -float(target @ (scores - np.log(total))) / len(sizes)
        gradient = -(table.T @ (target - exponent / total)) / len(sizes)
        return value + penalty * float(weight @ weight), gradient + 2 * penalty * weight

    result = minimize(loss, np.zeros(table.shape[1]), jac=True, method="L-BFGS-B")
    fitted: Float64 = result.x / scale
    return fitted
