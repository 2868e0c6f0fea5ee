"""The second look: a small linear model over the best few hundred rows of the first ranking.

The first ranking adds words and the law's prior. The second weighs what that sum cannot: how often the
article itself was cited, what the most similar published questions cite, how near its text is in meaning, how
large and of which level the law is. Its weights are fitted by `search_index.experiments` and kept in `reranker.json`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from search_index import analysis
from search_index.ranking import Float32

Rows = npt.NDArray[np.int64]
Float64 = npt.NDArray[np.float64]

DEPTH = 300
# Among the first so many rows, all but the best of a chapter lose a little: articles of one chapter are mostly right or
# wrong together, and where two chapters are about equally likely the first page shows both.
SPREAD = 20
CHAPTER_LOSS = 0.3
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
    "meaning",
    *LEVELS,
)


@dataclass(frozen=True, slots=True)
class Teaching:
    """Who cites what, per row of the index, ready for votes.

    `sources` are the rows of documents that cite. A vote goes to a law, a chapter or an article, each of which has a
    place; `places` gives those three of every row, the last place of all standing for none. Vote i goes to
    `vote_place[i]` and has the strength numbered `vote_strength[i]`: of n sources, those of the laws' votes come first,
    then n for chapters and articles. `law` and `chapter` number the groups of every row, -1 for no chapter.
    """

    sources: Rows
    vote_place: Rows
    vote_strength: Rows
    last_place: int
    places: npt.NDArray[np.int32]
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
        sources, source = np.unique(pairs[0], return_inverse=True)
        cited, number = np.unique(pairs[1], return_inverse=True)
        laws = int(law.max(initial=0)) + 1
        chapters = int(chapter.max(initial=-1)) + 1
        last = laws + chapters + len(cited)
        places = np.full((len(law), 3), last, dtype=np.int32)
        places[:, 0] = law
        places[chapter >= 0, 1] = laws + chapter[chapter >= 0]
        places[cited, 2] = laws + chapters + np.arange(len(cited))
        chapter_of_pair = chapter[pairs[1]]
        inside = chapter_of_pair >= 0
        per_law = np.bincount(law[pairs[1]], minlength=laws)
        law_rows = np.bincount(law[articles], minlength=laws)
        return cls(
            sources=sources,
            vote_place=np.concatenate(
                (law[pairs[1]], laws + chapter_of_pair[inside], laws + chapters + number)
            ),
            vote_strength=np.concatenate(
                (source, len(sources) + source[inside], len(sources) + source)
            ),
            last_place=last,
            places=places,
            law=law,
            chapter=chapter,
            level=level,
            law_prior=np.where(articles, np.log1p(per_law)[law], 0.0).astype(np.float32),
            article_prior=np.log1p(np.bincount(pairs[1], minlength=len(law))).astype(np.float32),
            law_size=np.where(articles, np.log1p(law_rows)[law], 0.0).astype(np.float32),
        )

    def votes(self, words: Float32, norm: float) -> Float64:
        """What similar questions cite: the sum of their votes at every place.

        `norm` is the score of a question that matches fully. A sum of high powers lets the closest
        questions decide. A law is cited by many, so for it the power is higher than for a chapter or an
        article.
        """
        alike = (words[self.sources] / norm).astype(np.float64)
        # Multiplied out: the power function takes as long as all the rest.
        cubes = alike * alike * alike
        strengths = np.concatenate((cubes * cubes, cubes))
        weights = strengths[self.vote_strength]
        votes = np.bincount(self.vote_place, weights, self.last_place + 1)
        return votes.astype(np.float64, copy=False)

    def voted(self, votes: Float64, rows: Rows) -> Float64:
        """How strongly law, chapter and article of some rows were voted for, from 0 to about 1: a line per row."""
        voted: Float64 = np.cbrt(votes[self.places[rows]])
        voted[:, 0] = np.sqrt(voted[:, 0])
        return voted


def features(
    words: Float32, rows: Rows, teaching: Teaching, norm: float, meant: Float32
) -> Float64:
    """The model's view of some rows (all with words above 0): one line per row, FEATURES wide.

    `norm` is the score of a row that holds every term of the query once, `meant` how near the text of each of `rows`
    is to what was asked (`meaning.Texts.likeness`).
    """
    values = words[rows].astype(np.float64)
    share = values / values.max()
    voted = teaching.voted(teaching.votes(words, norm), rows)
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
        *voted.T,
        meant,
        *(level == number for number in range(len(LEVELS))),
    ]
    return np.stack([np.asarray(column, dtype=np.float64) for column in columns], axis=1)


def standing(teaching: Teaching) -> Float64:
    """What every row scores whatever is asked: the part of the model that no query changes."""
    named = _named()
    level = np.array([named[name] for name in LEVELS] + [0.0])
    return (
        named["law_prior"] * teaching.law_prior
        + named["article_prior"] * teaching.article_prior
        + named["taught"] * (teaching.article_prior > 0)
        + named["law_size"] * teaching.law_size
        + level[teaching.level]
    ).astype(np.float64)


def second_scores(
    words: Float32,
    rows: Rows,
    teaching: Teaching,
    norm: float,
    meant: Float32,
    stand: Float64,
) -> Float64:
    """`features` times `weights`, with the part that no query changes taken from `standing`."""
    named = _named()
    values = words[rows].astype(np.float64)
    best = float(values.max())
    scores: Float64 = stand[rows] + named["log_words"] * np.log1p(values)
    # Both shares and the completeness are the values and their squares in other units.
    linear = named["share"] / best + named["completeness"] / norm
    scores += values * (linear + named["share_squared"] / (best * best) * values)
    scores += named["meaning"] * meant
    scores += teaching.voted(teaching.votes(words, norm), rows) @ _vote_weights()
    return scores


def spread(scores: Float64, chapters: Rows) -> Float64:
    """Scores with CHAPTER_LOSS taken from the rows among the first SPREAD whose chapter stands higher up already.

    `chapters` are the rows' chapters, -1 for none; who has none loses nothing.
    """
    best = np.argsort(-scores, kind="stable")[:SPREAD]
    spread_out = scores.copy()
    seen: set[int] = set()
    for place, chapter in zip(best.tolist(), chapters[best].tolist(), strict=True):
        if chapter in seen:
            spread_out[place] -= CHAPTER_LOSS
        elif chapter >= 0:
            seen.add(chapter)
    return spread_out


@lru_cache(maxsize=1)
def _named() -> dict[str, float]:
    return {name: float(value) for name, value in zip(FEATURES, weights(), strict=True)}


@lru_cache(maxsize=1)
def _vote_weights() -> Float64:
    return np.array([_named()[name] for name in ("law_votes", "chapter_votes", "article_votes")])


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


def number_chapters(hashes: analysis.UInt64) -> Rows:
    """Small numbers for chapters in place of their hashes, -1 for the empty chapter."""
    distinct, numbers = np.unique(hashes, return_inverse=True)
    numbers = numbers.astype(np.int64)
    return np.where(distinct[numbers] == np.uint64(analysis.word_hash("")), -1, numbers)
