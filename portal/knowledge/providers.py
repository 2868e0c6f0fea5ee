"""How a room puts its documents into the search index: it registers a provider for its kind.

    providers.register("answer", Provider(load=..., all_ids=...))

The worker calls `load` with the ids of what changed (`operations.schedule_index_update`), a rebuild
walks `all_ids`. An id that `load` does not return is taken out of the index, so a withdrawn answer
needs no message of its own.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date

KINDS = ("article", "faq", "guide", "answer", "decision")


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchDocument:
    """A public text as search sees it.

    `title` is the question or the heading, `other_wordings` are further ways of asking it. The
    question becomes searchable text of the articles in `article_ids`, and its law gains in rank.
    """

    id: uuid.UUID
    title: str
    text: str
    other_wordings: tuple[str, ...] = ()
    category: str = ""
    source: str = ""
    published_on: date | None = None
    article_ids: tuple[uuid.UUID, ...] = ()


@dataclass(frozen=True, slots=True)
class Provider:
    """`load` returns those of `ids` that are public now; `all_ids` walks every public one.

    Both run in an application context, outside a unit of work, and only read.
    """

    load: Callable[[Sequence[uuid.UUID]], list[SearchDocument]]
    all_ids: Callable[[], Iterable[uuid.UUID]]


_providers: dict[str, Provider] = {}


def register(kind: str, provider: Provider) -> None:
    """Install the provider of `kind`; raises ValueError for a kind that search does not know."""
    if kind not in KINDS:
        raise ValueError(f"unknown kind of document: {kind}")
    _providers[kind] = provider


def provider(kind: str) -> Provider | None:
    """Return the provider of `kind`."""
    return _providers.get(kind)


def registered() -> dict[str, Provider]:
    """Return all providers by kind."""
    return dict(_providers)
