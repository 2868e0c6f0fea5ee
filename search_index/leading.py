"""What stands first: what was asked before, and nothing that only sounds alike."""

from __future__ import annotations

from collections.abc import Sequence

from search_index.ranking import Bool, Float32
from search_index.snapshot import Snapshot

# How alike a published question must be to stand before what ranks better: from the first pair of numbers on it surely
# asks the same; from the second it stands first where no other one is nearly as alike, else second (docs/search-pages.md).
SURELY_ALIKE, SURE_LIKENESS = 0.55, 0.25
ALIKE, LEAST_ALIKE = 0.35, 0.2
CLEAR_LEAD = 0.1
# An FAQ or answer that cites none of so many first texts stands first for its words alone; so many are looked at for what
# may stand there instead.
SUPPORTING, FIRST_LOOKED_AT = 3, 10


def asked_before(
    snapshot: Snapshot, text: str, words: Float32, full: float, may_lead: Bool
) -> tuple[int | None, int, bool]:
    """The row that asks what is asked, its place in the list, and whether it surely does; None when none does.

    To the likeness of the questions comes, at half its weight, the share of the question's words that the whole
    text holds: a spoken question often names what only the text behind a wording says.
    """
    fits: dict[int, tuple[float, float]] = {}
    for row, likeness in snapshot.asked_alike(text, LEAST_ALIKE):
        if may_lead[row]:
            fit = likeness + float(words[row]) / full / 2
            fits[row] = max(fits.get(row, (0.0, 0.0)), (fit, likeness))
    if not fits:
        return None, 0, False
    row = max(fits, key=lambda each: fits[each])
    fit, likeness = fits.pop(row)
    if fit < ALIKE:
        return None, 0, False
    surely = fit >= SURELY_ALIKE and likeness >= SURE_LIKENESS
    second, _ = max(fits.values(), default=(0.0, 0.0))
    return row, 0 if surely or fit - second >= CLEAR_LEAD else 1, surely


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
