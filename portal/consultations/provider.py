"""Published answers as documents of the search index. Their questions become text of the articles they cite."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence

from portal.consultations import presenting, queries
from portal.consultations.models import Publication
from portal.core import clock
from portal.knowledge.providers import Provider, SearchDocument, register

SOURCE = "已公开的咨询答复"


def all_ids() -> Iterable[uuid.UUID]:
    """Return the ids of every public question."""
    return [publication.id for publication in queries.published_by_ids(None)]


def load(ids: Sequence[uuid.UUID]) -> list[SearchDocument]:
    """Return those of `ids` that are public now; the others leave the index."""
    return [_document(publication) for publication in queries.published_by_ids(ids)]


def _document(publication: Publication) -> SearchDocument:
    public = presenting.public_question(publication)
    published = publication.published_at
    return SearchDocument(
        id=publication.id,
        title=public["title"],
        text=public["answer"],
        # The question in the person's own words is what the next person will type.
        other_wordings=(public["question"],),
        category=publication.category,
        source=SOURCE,
        published_on=clock.local(published).date() if published else None,
        article_ids=tuple(citation.article_id for citation in public["citations"]),
    )


def register_provider() -> None:
    """Make published answers known to the index."""
    register("answer", Provider(load=load, all_ids=all_ids))
