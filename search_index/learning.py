"""What answers teach: a published question becomes searchable text of the articles it cites.

Every FAQ and published answer names the articles it rests on. Its question, in a resident's words,
is attached to those articles and, lightly, to their chapter. Priors and votes are counted from the
same citations (`reranking.Teaching`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

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
