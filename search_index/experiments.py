"""The workbench: rank with any settings in memory, fit the second ranking, print the ablation table.

It uses the parts the index uses (analysis, postings, teaching, features); only the files are left out.
Questions are never ranked with their own citations in the index: each is asked against an index
taught by the other folds, and weights are fitted on questions of the training folds only.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from search_index.analysis import content_words, normalise, pieces, word_hashes
from search_index.documents import Document
from search_index.learning import Bridges, learn, learn_bridges
from search_index.meaning import texts
from search_index.query import BIGRAM_WEIGHT, read_query
from search_index.ranker import PRIOR_WEIGHT
from search_index.ranking import Counts, Field, Float32, compile_postings, top_rows
from search_index.reranking import (
    DEPTH,
    LEVELS,
    Float64,
    Rows,
    Teaching,
    features,
    fit,
    number_chapters,
    spread,
)
from search_index.store.segment import FIELDS, K1, Entry, count_terms
from search_index.thesaurus import Thesaurus

INNER_FOLDS = 5
OUTER_FOLDS = 5


@dataclass(frozen=True, slots=True)
class Settings:
    """One configuration of the ranking."""

    fields: tuple[Field, ...] = FIELDS
    k1: float = K1
    bigram_weight: float = BIGRAM_WEIGHT
    prior_weight: float = PRIOR_WEIGHT
    second: bool = True
    meaning: bool = True
    spread: bool = True
    bridges: bool = True
    thesaurus: bool = True


class Workbench:
    """Articles and questions, counted once; models are compiled per set of training questions."""

    def __init__(
        self, articles: Sequence[Document], questions: Sequence[Document], thesaurus: Thesaurus
    ) -> None:
        self.articles = list(articles)
        self.questions = list(questions)
        self.synonyms = thesaurus.words
        self.rows = {document.key: row for row, document in enumerate(self.articles)}
        self.relevant = [
            frozenset(self.rows[key] for key in question.cites if key in self.rows)
            for question in self.questions
        ]
        # Terms no question can turn into cannot score and are not kept: a question's own terms, and
        # what bridges can lead to, words of cited articles.
        asked = [read_query(question.title, self.synonyms, {}).terms for question in self.questions]
        cited = {row for rows in self.relevant for row in rows}
        targets = {
            word
            for row in cited
            for word in content_words(f"{self.articles[row].heading}\n{self.articles[row].text}")
        }
        self._asked = np.unique(np.concatenate([*asked, word_hashes(targets)]))
        entries = [Entry(document).fields() for document in self.articles]
        self._fixed = {
            name: self._count([entry[name] for entry in entries])
            for name in ("text", "title", "heading")
        }
        self.texts = texts(pieces(normalise(document.text)) for document in self.articles)
        self._laws = _codes([document.law for document in self.articles])
        self._chapters = [
            f"{document.law}\n{document.heading}" if document.heading else ""
            for document in self.articles
        ]
        known = {name: number for number, name in enumerate(LEVELS)}
        self._levels = [known.get(document.level, -1) for document in self.articles]

    def _count(self, texts: Sequence[str]) -> Counts:
        counts = count_terms(texts, lambda row: None, Counter())
        kept = np.isin(counts.terms, self._asked)  # other terms cannot score, only lengths matter
        return Counts(counts.rows[kept], counts.terms[kept], counts.counts[kept], counts.lengths)

    def model(self, train: Sequence[int], settings: Settings) -> Model:
        """An index in memory of all articles, taught by the training questions."""
        taught = [self.questions[number] for number in train]
        lessons = learn([*self.articles, *taught])
        entries = [
            Entry(
                document,
                tuple(lessons.by_article.get(document.key, ())),
                tuple(lessons.by_chapter.get((document.law, document.heading), ())),
            ).fields()
            for document in self.articles
        ]
        titles = [Entry(document).fields()["questions"] for document in taught]
        size = len(self.articles) + len(taught)
        fields = {name: _padded(counts, size) for name, counts in self._fixed.items()}
        fields["questions"] = self._count([*(entry["questions"] for entry in entries), *titles])
        fields["chapter"] = _padded(self._count([entry["chapter"] for entry in entries]), size)
        postings = compile_postings(fields, settings.fields, size, settings.k1)
        pairs = [
            (len(self.articles) + place, row)
            for place, number in enumerate(train)
            for row in sorted(self.relevant[number])
        ]
        table = np.array(pairs, dtype=np.int64).reshape(-1, 2)
        extra = len(taught)
        is_article = np.arange(size) < len(self.articles)
        teaching = Teaching.build(
            (table[:, 0], table[:, 1]),
            np.concatenate((self._laws, np.full(extra, self._laws.max() + 1))),
            number_chapters(word_hashes(map(normalise, [*self._chapters, *[""] * extra]))),
            np.array([*self._levels, *[-1] * extra], dtype=np.int8),
            is_article,
        )
        bridges = learn_bridges([*self.articles, *taught]) if settings.bridges else {}
        return Model(self, settings, postings, teaching, is_article, bridges)


class First(NamedTuple):
    """The first ranking of a question: the words' scores of all rows, the articles' scores with priors, what a full match
    scores, and where the parts of the question lie (`Query.parts`).
    """

    words: Float32
    scores: Float32
    full: float
    parts: Float32


@dataclass(frozen=True, slots=True)
class Model:
    """An index in memory."""

    bench: Workbench
    settings: Settings
    postings: Any
    teaching: Teaching
    is_article: npt.NDArray[np.bool_]
    bridges: Bridges

    def first(self, number: int) -> First:
        """Rank by words and priors alone."""
        text = self.bench.questions[number].title
        synonyms = self.bench.synonyms if self.settings.thesaurus else {}
        query = read_query(text, synonyms, self.bridges, self.settings.bigram_weight)
        words = np.zeros(self.postings.size, dtype=np.float32)
        columns, keep = self.postings.choose(query.terms)
        self.postings.add_scores(columns[keep], query.weights[keep], words)
        full = max(float(self.postings.idf[columns[keep]] @ query.weights[keep]), 1e-6)
        allowed = words * self.is_article
        first = allowed + self.settings.prior_weight * self.teaching.law_prior * (allowed > 0)
        return First(words, first.astype(np.float32), full, query.parts)

    def candidates(self, number: int) -> tuple[Rows, Float64]:
        """The rows the second ranking looks at, and their features."""
        found = self.first(number)
        rows = top_rows(found.scores, DEPTH)
        if not len(rows):
            return rows, np.zeros((0, 0))
        meant = np.zeros(len(rows), dtype=np.float32)
        if self.settings.meaning:
            meant = self.bench.texts.likeness(rows, found.parts)
        return rows, features(found.words, rows, self.teaching, found.full, meant)

    def ranking(self, number: int, weights: Float64 | None) -> Rows:
        """The best 100 rows for a question."""
        if weights is None:
            return top_rows(self.first(number).scores, 100)
        rows, table = self.candidates(number)
        if not len(rows):
            return rows
        scores = table @ weights
        if self.settings.spread:
            scores = spread(scores, self.teaching.chapter[rows])
        return rows[np.argsort(-scores, kind="stable")][:100]


def fit_weights(bench: Workbench, train: Sequence[int], settings: Settings, seed: int) -> Float64:
    """Weights of the second ranking, fitted on training questions that were each held out once."""
    groups = []
    for inner_train, held_out in split(train, INNER_FOLDS, seed):
        model = bench.model(inner_train, settings)
        for number in held_out:
            rows, table = model.candidates(number)
            if len(rows):
                relevant = np.isin(rows, list(bench.relevant[number]))
                groups.append((table, relevant))
    return fit(groups)


def split(numbers: Sequence[int], folds: int, seed: int) -> Iterator[tuple[list[int], list[int]]]:
    """Pairs of training and held-out numbers, `folds` of them, in an order fixed by `seed`."""
    order = np.random.default_rng(seed).permutation(len(numbers))
    for fold in range(folds):
        held = set(order[fold::folds].tolist())
        yield (
            [number for place, number in enumerate(numbers) if place not in held],
            [number for place, number in enumerate(numbers) if place in held],
        )


def _codes(values: Sequence[str]) -> Rows:
    codes: dict[str, int] = {}
    return np.array([codes.setdefault(value, len(codes)) for value in values], dtype=np.int64)


def _padded(counts: Counts, size: int) -> Counts:
    lengths = np.zeros(size, dtype=np.float32)
    lengths[: len(counts.lengths)] = counts.lengths
    return replace(counts, lengths=lengths)


def steps() -> list[tuple[str, Settings]]:
    """The ranking built up step by step, for the ablation table."""
    by_name = {spec.name: spec for spec in FIELDS}
    order = ("text", "title", "heading", "questions", "chapter")

    def only(*names: str) -> tuple[Field, ...]:
        return tuple(by_name[name] for name in order if name in names)

    bare = Settings(only("text"), K1, 0.0, 0.0, second=False, bridges=False, thesaurus=False)
    named = replace(bare, fields=only("text", "title", "heading"))
    pairs = replace(named, bigram_weight=BIGRAM_WEIGHT)
    prior = replace(pairs, prior_weight=PRIOR_WEIGHT)
    taught = replace(prior, fields=only("text", "title", "heading", "questions"))
    chapters = replace(taught, fields=FIELDS)
    synonyms = replace(chapters, thesaurus=True)
    bridged = replace(synonyms, bridges=True)
    return [
        ("words of the article's text", bare),
        ("+ title and headings", named),
        ("+ bigrams", pairs),
        ("+ the law's prior", prior),
        ("+ questions as text of the articles they cite", taught),
        ("+ questions as text of the chapter, lightly", chapters),
        ("+ thesaurus", synonyms),
        ("+ learned bridges", bridged),
        ("+ second ranking", replace(bridged, second=True, meaning=False, spread=False)),
        ("+ what the texts mean", replace(bridged, second=True, spread=False)),
        ("+ chapters take turns", replace(bridged, second=True)),
    ]


def cross_validate(
    bench: Workbench, settings: Settings, seed: int, folds: int = OUTER_FOLDS
) -> list[tuple[list[str], frozenset[str]]]:
    """Rankings of every question by a model that has seen neither it nor its fold.

    The second ranking's weights are fitted anew in each fold, on that fold's training questions.
    """
    rankings = []
    for train, test in split(range(len(bench.questions)), folds, seed):
        model = bench.model(train, settings)
        weights = fit_weights(bench, train, settings, seed) if settings.second else None
        for number in test:
            keys = [bench.articles[row].key for row in model.ranking(number, weights)]
            relevant = frozenset(bench.articles[row].key for row in bench.relevant[number])
            rankings.append((keys, relevant))
    return rankings
