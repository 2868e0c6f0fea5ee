"""What may already answer a question that somebody is about to ask."""

from __future__ import annotations

from dataclasses import dataclass

from portal.core.errors import Unavailable
from portal.knowledge import index
from portal.knowledge.documents import FROM_INDEX, TO_INDEX, subject_of
from portal.knowledge.models import Validity
from search_index import SearchRequest

# A question is a story; its first lines say what it is about, and the rest costs time.
MOST_CHARACTERS = 600
LAW_OF_TODAY = tuple(TO_INDEX[validity] for validity in Validity if validity.is_law)


@dataclass(frozen=True, slots=True)
class Match:
    """A public text that may answer the question."""

    kind: str
    id: str
    title: str
    heading: str
    fragment: str
    validity: str


def matches(text: str, *, size: int = 5) -> list[Match]:
    """Return up to `size` FAQ, guides and answers that fit `text`, and as many articles in force after them.

    Nothing is counted or kept: the text is somebody's story. Without an index the list is empty, because asking must
    never depend on searching.
    """
    try:
        reader = index.reader()
    except Unavailable:
        return []
    found: list[Match] = []
    for kinds in (("faq", "answer", "guide"), ("article",)):
        result = reader.search(
            SearchRequest(
                text=text[:MOST_CHARACTERS],
                kinds=kinds,
                validities=LAW_OF_TODAY if kinds == ("article",) else (),
                size=size,
            )
        )
        found += [
            Match(
                kind=hit.kind,
                id=str(subject_of(hit.key)),
                title=hit.title,
                heading=hit.number or hit.heading,
                fragment=hit.fragments[0].text if hit.fragments else "",
                validity=FROM_INDEX[hit.validity].value,
            )
            for hit in result.hits
        ]
    return found
