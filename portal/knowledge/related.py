"""What stands beside a text: others about the same matter, rather none than strange ones."""

from __future__ import annotations

import math
import re
from typing import Any

from portal.core.errors import Unavailable
from portal.knowledge import index
from portal.knowledge.search import PLAIN_KINDS, reference_of
from search_index import Document, SearchIndex, SearchIndexError
from search_index.alike import pairs

MOST = 5
# The library orders by likeness of long texts and never ends; whether two are about one matter is decided among these.
_LOOKED_AT = 40
# Share of the shorter one's pairs of characters that both questions have. Read off the district's own
# FAQ: below, the one in common is mostly 孩子 or 公司; within a category that too says something.
_ALIKE = 0.3
_ALIKE_IN_CATEGORY = 0.13
_ALIKE_ON_ONE_ARTICLE = 0.05
# An article that so many texts cite stands under everything: whoever breaks a contract pays.
_GENERAL = 8
# How something is asked, which tells nothing of the matter: 仲裁多久出结果, 复议多久出结果.
_ASKING = re.compile("多久|多少|多长|好久|几天|去哪里?|哪里|哪些|哪个|出结果|要不要|会不会|算不算")


def to_article(key: str) -> list[dict[str, Any]]:
    """Return links to texts near an article; none while there is no index, since the text itself is there to read."""
    try:
        hits = index.reader().related(key, MOST)
    except (Unavailable, SearchIndexError):
        return []
    return [reference_of(hit) for hit in hits]


def also_asked(key: str) -> list[dict[str, Any]]:
    """Return links to FAQ and answers on the matter of an FAQ; fewer than five, or none, where there are no more."""
    try:
        reader = index.reader()
        own = reader.document(key)
        hits = reader.related(key, _LOOKED_AT, PLAIN_KINDS)
    except (Unavailable, SearchIndexError):
        return []
    documents = {hit.key: reader.document(hit.key) for hit in hits}
    near = [
        hit
        for hit in hits
        if own and (other := documents[hit.key]) and _same_matter(own, other, reader)
    ]
    return [reference_of(hit) for hit in near[:MOST]]


def _same_matter(one: Document, other: Document, reader: SearchIndex) -> bool:
    """True when two are asked in much the same words, or rest on one article that says what they are about."""
    first, second = _asked(one), _asked(other)
    shared = len(first & second) / max(1, min(len(first), len(second)))
    here = one.category == other.category
    if any(_is_telling(key, reader) for key in set(one.cites) & set(other.cites)):
        return here or shared >= _ALIKE_ON_ONE_ARTICLE
    return shared >= (_ALIKE_IN_CATEGORY if here else _ALIKE)


def _is_telling(key: str, reader: SearchIndex) -> bool:
    """Whether few enough texts cite an article that it says what they are about."""
    snapshot = reader.snapshot()
    row = snapshot.row_of(key)
    return row is not None and math.expm1(snapshot.teaching.article_prior[row]) < _GENERAL


def _asked(document: Document) -> set[str]:
    return {
        pair
        for wording in (document.title, *document.questions)
        for pair in pairs(_ASKING.sub(" ", wording))
    }
