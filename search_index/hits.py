"""What a reader sees of a row that was found: the document, and the passages that say why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from search_index import analysis
from search_index.documents import DATES, Document, Hit, Why, read_day
from search_index.highlight import fragments
from search_index.query import BRIDGE_WEIGHT, THESAURUS_WEIGHT, Query
from search_index.snapshot import Snapshot

# Of the words that were not asked so many help to choose a passage: looking for each in every text takes time.
MOST_REACHED = 8


@dataclass(frozen=True, slots=True)
class Shown:
    """What a passage is chosen by: the words that are marked, those that are not, and how much each tells."""

    marked: tuple[str, ...]
    hints: tuple[str, ...]
    weights: dict[str, float]

    @classmethod
    def of(cls, snapshot: Snapshot, query: Query) -> Shown:
        """A row is found by the words asked, the law's words for them, and what goes with them; rare ones tell most."""
        factors = {word: BRIDGE_WEIGHT * share for word, share in query.near.items()}
        factors.update(dict.fromkeys(query.same, THESAURUS_WEIGHT))
        factors.update(dict.fromkeys(query.words, 1.0))
        idf = snapshot.words.idf(analysis.word_hashes(factors))
        weights = {
            word: factor * rarity
            for (word, factor), rarity in zip(factors.items(), idf.tolist(), strict=True)
        }
        asked = set(query.words)
        reached = sorted((word for word in weights if word not in asked), key=weights.__getitem__)
        reached = reached[: -MOST_REACHED - 1 : -1]
        return cls(
            (*query.words, *filter(query.same.__contains__, reached)),
            tuple(word for word in reached if word not in query.same),
            weights,
        )


def hit_of(snapshot: Snapshot, row: int, score: float, shown: Shown, why: Why) -> Hit:
    """Return the document of a row with the passages that say why it was found."""
    record = snapshot.record(row)
    values: dict[str, Any] = {name: record[name] for name in _SHOWN}
    for name in DATES:
        values[name] = read_day(record[name])
    return Hit(
        **values,
        score=score,
        fragments=fragments(
            record["text"],
            shown.marked,
            shown.weights.__getitem__,
            ends=snapshot.word_ends(row),
            hints=shown.hints,
        ),
        why=why,
    )


# What a hit takes over from its document as it is.
_SHOWN = tuple(
    name
    for name in Hit.__dataclass_fields__
    if name in Document.__dataclass_fields__ and name not in DATES
)
