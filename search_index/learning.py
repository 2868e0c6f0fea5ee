"""What answers teach: a published question becomes searchable text of the articles it cites.

Every FAQ and published answer names the articles it rests on. Its question, in a resident's words,
is attached to those articles and, lightly, to their chapter. Priors and votes are counted from the
same citations (`reranking.Teaching`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
from scipy.sparse import csr_array

from search_index.analysis import content_words
from search_index.documents import Document

Lesson = tuple[str, str]  # key of the FAQ or answer, its question


def wordings(document: Document) -> tuple[str, ...]:
    """All the ways a document's question is put: its title and the other wordings."""
    return tuple(dict.fromkeys(text for text in (document.title, *document.questions) if text))


@dataclass(slots=True)
class Lessons:
    """Questions per article and per chapter."""

    by_article: dict[str, list[Lesson]] = field(default_factory=dict)
    by_chapter: dict[tuple[str, str], list[str]] = field(default_factory=dict)


def learn(documents: Iterable[Document]) -> Lessons:
    """Collect the lessons of all documents that cite articles among the same documents."""
    everything = list(documents)
    articles = {doc.key: doc for doc in everything if doc.kind == "article"}
    lessons = Lessons()
    by_article: dict[str, list[Lesson]] = defaultdict(list)
    by_chapter: dict[tuple[str, str], list[str]] = defaultdict(list)
    for source in everything:
        cited = [articles[key] for key in source.cites if key in articles]
        if not cited:
            continue
        question = "\n".join(wordings(source))
        for article in cited:
            by_article[article.key].append((source.key, question))
        for chapter in dict.fromkeys((doc.law, doc.heading) for doc in cited if doc.heading):
            by_chapter[chapter].append(question)
    lessons.by_article = dict(by_article)
    lessons.by_chapter = dict(by_chapter)
    return lessons


Bridges = dict[str, tuple[tuple[str, float], ...]]

# A word must stand in this many questions before it teaches, and the law's word must stand in the
# articles of at least this share of them, this many times as often as in those of all questions.
BRIDGE_COUNT = 2
BRIDGE_SHARE = 0.3
BRIDGE_LIFT = 3.0
BRIDGE_WORDS = 4
# Beyond this many answers the oldest add nothing but time.
BRIDGE_SOURCES = 10_000


def learn_bridges(documents: Iterable[Document]) -> Bridges:
    """The law's words that go with a resident's word, with the share of its questions they go with.

    Learned from who cites what: 宠物 in questions goes with 饲养 and 动物 in the articles answering.
    """
    everything = list(documents)
    articles = {doc.key: doc for doc in everything if doc.kind == "article"}
    lessons = [
        (source, [articles[key] for key in source.cites if key in articles])
        for source in everything
    ]
    lessons = [(source, cited) for source, cited in lessons if cited][-BRIDGE_SOURCES:]
    if not lessons:
        return {}
    asked = _Incidence()
    answered = _Incidence()
    for source, cited in lessons:
        asked.add(set(content_words("\n".join(wordings(source)))))
        law_words = {
            word
            for article in cited
            for word in content_words(f"{article.heading}\n{article.text}")
            if len(word) > 1
        }
        answered.add(law_words)
    return _associate(asked, answered)


class _Incidence:
    """Which lesson holds which words, as a sparse matrix in the making."""

    def __init__(self) -> None:
        self.words: dict[str, int] = {}
        self._columns: list[int] = []
        self._ends = [0]

    def add(self, words: Iterable[str]) -> None:
        self._columns.extend(self.words.setdefault(word, len(self.words)) for word in sorted(words))
        self._ends.append(len(self._columns))

    def matrix(self) -> csr_array:
        values = np.ones(len(self._columns), dtype=np.float32)
        shape = (len(self._ends) - 1, len(self.words))
        return csr_array((values, self._columns, self._ends), shape=shape)


def _associate(asked: _Incidence, answered: _Incidence) -> Bridges:
    questions, answers = asked.matrix(), answered.matrix()
    asked_counts = questions.sum(axis=0)
    usual = answers.sum(axis=0) / answers.shape[0]
    together = (questions.T @ answers).tocsr()
    targets = np.array(list(answered.words), dtype=object)
    bridges: Bridges = {}
    for word, row in asked.words.items():
        if asked_counts[row] < BRIDGE_COUNT:
            continue
        begin, end = together.indptr[row], together.indptr[row + 1]
        columns, counts = together.indices[begin:end], together.data[begin:end]
        share = counts / asked_counts[row]
        lift = share / usual[columns]
        good = (counts >= BRIDGE_COUNT) & (share >= BRIDGE_SHARE) & (lift >= BRIDGE_LIFT)
        good &= targets[columns] != word
        places = np.flatnonzero(good)
        if not len(places):
            continue
        strength = share[places] * np.log(lift[places])
        best = places[np.argsort(-strength, kind="stable")[:BRIDGE_WORDS]]
        bridges[word] = tuple(
            (str(targets[columns[place]]), round(float(share[place]), 3)) for place in best
        )
    return bridges
