"""Which article of a law's new version continues which one of the version before it.

By text, because a new version often deals the numbers anew: first what reads exactly the same, then
the most alike above a threshold, and between two alike the one that keeps the order. Nothing here
touches the database; `lineage` stores what is found.
"""

from __future__ import annotations

import math
import re
from bisect import bisect_left, insort
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from heapq import nlargest

# Measured on real pairs of versions (docs/decisions/articles-by-lineage.md).
ALIKE = 0.5
# For an article between the same neighbours as before, or one that kept its number.
ALIKE_IN_PLACE = 0.3
# Two candidates that differ by less are told apart by the order of the articles.
MARGIN = 0.1
CANDIDATES = 6
# An article that the other one holds whole counts this much, be the other ever so long: articles
# grow. Only runs of some length show that, and only in a text of some length.
HELD = 0.6
LONG_RUN = 4
SHORTEST_HELD = 10
# Longer articles are lists; their beginning says what they are. Comparing costs its square.
MOST_COMPARED = 1200
# A pair of characters that stands in more articles than this tells none from another.
MOST_COMMON = 60
_SIGNS = re.compile(r"\W+")


@dataclass(frozen=True, slots=True)
class Text:
    """An article as alignment sees it."""

    number: str
    text: str


@dataclass(frozen=True, slots=True)
class Pair:
    """Places of an article in the old and in the new version; `likeness` is 1 for the same text."""

    old: int
    new: int
    likeness: float


def align(old: Sequence[Text], new: Sequence[Text]) -> list[Pair]:
    """Return the pairs, each article in at most one, in the order of the new version.

    An article that was split is continued by the part most like it, and the other part is new.
    """
    aligned = _Aligned(old, new)
    aligned.same_text()
    aligned.similar()
    aligned.in_place()
    return sorted(aligned.pairs, key=lambda pair: pair.new)


class _Aligned:
    """The pairs found so far."""

    def __init__(self, old: Sequence[Text], new: Sequence[Text]) -> None:
        self.old, self.new = old, new
        self.left = [_SIGNS.sub("", item.text) for item in old]
        self.right = [_SIGNS.sub("", item.text) for item in new]
        self.free_old = set(range(len(old)))
        self.free_new = set(range(len(new)))
        self.pairs: list[Pair] = []
        self._images: list[tuple[int, int]] = []
        self._known: dict[tuple[int, int], float] = {}

    def accept(self, old: int, new: int, likeness: float) -> None:
        """Take a pair; both articles are spoken for."""
        self.free_old.discard(old)
        self.free_new.discard(new)
        self.pairs.append(Pair(old, new, likeness))
        insort(self._images, (old, new))

    def same_text(self) -> None:
        """Pair what reads exactly the same: where a text stands once, then by number and in order."""
        groups: dict[str, tuple[list[int], list[int]]] = defaultdict(lambda: ([], []))
        for place, text in enumerate(self.left):
            groups[text][0].append(place)
        for place, text in enumerate(self.right):
            groups[text][1].append(place)
        for olds, news in groups.values():
            numbers = {self.old[place].number: place for place in reversed(olds)}
            for place in list(news):
                same = numbers.get(self.new[place].number)
                if same in olds:
                    self.accept(same, place, 1.0)
                    olds.remove(same)
                    news.remove(place)
            for left, right in zip(olds, news, strict=False):
                self.accept(left, right, 1.0)

    def similar(self) -> None:
        """Pair the most alike, the surest first; of two that are as alike, what keeps the order."""
        scored = [(self.likeness(left, right), left, right) for left, right in self._candidates()]
        scored = [item for item in scored if item[0] >= ALIKE]
        # What is much alike fixes the order that decides between the others.
        scored.sort(key=lambda item: (-item[0], item[1], item[2]))
        of_old: dict[int, list[tuple[float, int, int]]] = defaultdict(list)
        of_new: dict[int, list[tuple[float, int, int]]] = defaultdict(list)
        for item in scored:
            of_old[item[1]].append(item)
            of_new[item[2]].append(item)
        waiting = []
        for likeness, left, right in scored:
            if left not in self.free_old or right not in self.free_new:
                continue
            rivals = (
                other > likeness - MARGIN and a in self.free_old and b in self.free_new
                for other, a, b in (*of_old[left], *of_new[right])
                if (a, b) != (left, right)
            )
            if any(rivals):
                waiting.append((likeness, left, right))
            else:
                self.accept(left, right, likeness)
        ordered = sorted(
            waiting, key=lambda item: (-item[0] - MARGIN * self._in_order(item[1], item[2]), *item)
        )
        for likeness, left, right in ordered:
            if left in self.free_old and right in self.free_new:
                self.accept(left, right, likeness)

    def in_place(self) -> None:
        """Pair what was rewritten where it stood: the same number, or alone between its neighbours.

        Both together need no likeness: 第三条修改为… is the same article however it reads.
        """
        numbers = {self.old[place].number: place for place in self.free_old}
        for right in sorted(self.free_new):
            number = self.new[right].number
            same = numbers.get(number) if number else None
            alone = self._alone_between(right)
            if same is not None and same == alone:
                self.accept(same, right, self.likeness(same, right))
                continue
            for left in (same, alone):
                if left is None or left not in self.free_old or not self._in_order(left, right):
                    continue
                if self.likeness(left, right) >= ALIKE_IN_PLACE:
                    self.accept(left, right, self.likeness(left, right))
                    break

    def likeness(self, left: int, right: int) -> float:
        """How much of both texts stands in both, in order, 0 to 1."""
        found = self._known.get((left, right))
        if found is None:
            a, b = self.left[left][:MOST_COMPARED], self.right[right][:MOST_COMPARED]
            matcher = SequenceMatcher(None, a, b, autojunk=False)
            sizes = [block.size for block in matcher.get_matching_blocks()]
            found = 2 * sum(size for size in sizes if size > 1) / max(len(a) + len(b), 1)
            shorter = min(len(a), len(b))
            if shorter >= SHORTEST_HELD:
                held = sum(size for size in sizes if size >= LONG_RUN) / shorter
                found = max(found, HELD * held)
            self._known[left, right] = found
        return found

    def _candidates(self) -> list[tuple[int, int]]:
        """For each free article the few of the other side that share the most telling characters."""
        of_old = {place: _bigrams(self.left[place]) for place in self.free_old}
        of_new = {place: _bigrams(self.right[place]) for place in self.free_new}
        holders: dict[str, list[int]] = defaultdict(list)
        for place, bigrams in of_old.items():
            for bigram in bigrams:
                holders[bigram].append(place)
        found: set[tuple[int, int]] = set()
        backward: dict[int, dict[int, float]] = defaultdict(dict)
        for right, bigrams in of_new.items():
            shared: dict[int, float] = defaultdict(float)
            for bigram in bigrams:
                places = holders.get(bigram, ())
                if 0 < len(places) <= MOST_COMMON:
                    weight = 1 / (1 + math.log(len(places)))
                    for left in places:
                        shared[left] += weight
            forward = {
                left: weight / (len(bigrams) + len(of_old[left])) for left, weight in shared.items()
            }
            found.update((left, right) for left in _best(forward))
            for left, weight in forward.items():
                backward[left][right] = weight
        for left, weights in backward.items():
            found.update((left, right) for right in _best(weights))
        return sorted(found)

    def _in_order(self, left: int, right: int) -> bool:
        """True when the pair stands between the nearest pairs on both sides."""
        place = bisect_left(self._images, (left, -1))
        before = self._images[place - 1][1] if place else -1
        after = self._images[place][1] if place < len(self._images) else len(self.new)
        return before < right < after

    def _alone_between(self, right: int) -> int | None:
        """The one free old article between the neighbours of a new one that is alone between them."""
        images = {pair.new: pair.old for pair in self.pairs}
        before, after = right - 1, right + 1
        first = images.get(before, -1) if before >= 0 else -1
        last = images.get(after, -1) if after < len(self.new) else len(self.old)
        if (before >= 0 and first < 0) or last < 0 or last - first != 2:
            return None
        return first + 1 if first + 1 in self.free_old else None


def _best(weights: dict[int, float]) -> list[int]:
    return nlargest(CANDIDATES, weights, key=lambda place: (weights[place], -place))


def _bigrams(text: str) -> set[str]:
    return {text[at : at + 2] for at in range(len(text) - 1)}
