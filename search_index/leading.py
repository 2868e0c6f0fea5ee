"""What stands first: what was asked before, and nothing that only sounds alike."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from search_index.query import Query
from search_index.ranking import Bool, Float32
from search_index.snapshot import Snapshot

# How alike a published question must be to stand before what ranks better: by its words, by what they mean, and by the
# share of the question that the text holds (`Alike.both` and half of that share; docs/search-pages.md). From SURELY on it
# asks the same.
SURELY = 1.1
LEAST_ALIKE = 0.2


class Bar(NamedTuple):
    """From where on a published question stands second, and how far it must be ahead of the next one to stand first."""

    alike: float
    lead: float


class Asked(NamedTuple):
    """What was asked before: the `row` that asks the same (None when none does), its `place` in the list and whether it
    `surely` does; and which row comes `closest`, however little that is (None when none comes near).
    """

    row: int | None = None
    place: int = 0
    surely: bool = False
    closest: int | None = None


# One whose text cites an article that the ranking has found as well needs to tell less by itself.
BORNE_OUT, ALONE = Bar(0.5, 0.12), Bar(0.7, 0.4)
# So many first texts bear out an FAQ or answer that cites one of them; so many are looked at for what may stand first.
SUPPORTING, FIRST_LOOKED_AT = 3, 10


def asked_before(
    snapshot: Snapshot,
    query: Query,
    words: Float32,
    full: float,
    may_lead: Bool,
    first: Sequence[int],
) -> Asked:
    """The row that asks what is asked.

    `first` are the rows that rank best. A spoken question often names what only the text behind a wording says, so the
    share of the question's words that the whole text holds counts as well, by half.
    """
    near = snapshot.asked_alike(query.text, query.meaning, LEAST_ALIKE)
    leads = may_lead[near.rows]
    rows = near.rows[leads]
    if not len(rows):
        return Asked()
    fits = near.both[leads] + words[rows].astype(np.float64) / full / 2
    best = int(np.argmax(fits))
    row, fit = int(rows[best]), float(fits[best])
    bar = BORNE_OUT if snapshot.cited_by(row) & set(first[:SUPPORTING]) else ALONE
    if fit < bar.alike:
        return Asked(closest=row)
    lead = fit - float(fits[rows != row].max(initial=0.0))
    surely = fit >= SURELY
    return Asked(row, 0 if surely or lead >= bar.lead else 1, surely, row)


def supported(snapshot: Snapshot, rows: Sequence[int], kinds: Bool, asked: Asked) -> int:
    """The place in `rows`, best first, of what may stand first; 0 where nothing near the top may.

    An FAQ or answer (`kinds`) may when it asks what is asked, or when it cites one of the first texts and no other comes
    closer to the question: where the law that answers is another, or another is asked more alike, its words merely happen
    to be the question's.
    """
    first = set(rows[:SUPPORTING])
    leading = asked.row if asked.place == 0 else None
    for place, row in enumerate(rows[:FIRST_LOOKED_AT]):
        if not kinds[row] or row == leading:
            return place
        if asked.closest in (None, row) and first & snapshot.cited_by(row):
            return place
    return 0
