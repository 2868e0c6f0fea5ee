"""What stands first: what was asked before, and nothing that only sounds alike."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

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


# One whose text cites an article that the ranking has found as well needs to tell less by itself.
BORNE_OUT, ALONE = Bar(0.5, 0.15), Bar(0.7, 0.4)
# So many first texts bear out an FAQ or answer that cites one of them; so many are looked at for what may stand first.
SUPPORTING, FIRST_LOOKED_AT = 3, 10


def asked_before(
    snapshot: Snapshot, text: str, words: Float32, full: float, may_lead: Bool, first: Sequence[int]
) -> tuple[int | None, int, bool]:
    """The row that asks what is asked, its place in the list, and whether it surely does; None when none does.

    `first` are the rows that rank best. A spoken question often names what only the text behind a wording says, so the
    share of the question's words that the whole text holds counts as well, by half.
    """
    near = snapshot.asked_alike(text, LEAST_ALIKE)
    leads = may_lead[near.rows]
    rows = near.rows[leads]
    if not len(rows):
        return None, 0, False
    fits = near.both[leads] + words[rows].astype(np.float64) / full / 2
    best = int(np.argmax(fits))
    row, fit = int(rows[best]), float(fits[best])
    bar = BORNE_OUT if snapshot.cited_by(row) & set(first[:SUPPORTING]) else ALONE
    if fit < bar.alike:
        return None, 0, False
    lead = fit - float(fits[rows != row].max(initial=0.0))
    surely = fit >= SURELY
    return row, 0 if surely or lead >= bar.lead else 1, surely


def supported(snapshot: Snapshot, rows: Sequence[int], kinds: Bool, leading: int | None) -> int:
    """The place in `rows`, best first, of what may stand first; 0 where nothing near the top may.

    An FAQ or answer (`kinds`) may when it asks what is asked (`leading`) or cites one of the first texts: where the law
    that answers is another, its words merely happen to be the question's.
    """
    first = set(rows[:SUPPORTING])
    for place, row in enumerate(rows[:FIRST_LOOKED_AT]):
        if not kinds[row] or row == leading or first & snapshot.cited_by(row):
            return place
    return 0
