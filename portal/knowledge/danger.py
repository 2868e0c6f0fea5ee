"""Danger that no wording knows: learned from the sentences of `content/search/danger.yaml`.

What people in danger say cannot be listed, but it differs from questions about the law in its characters and pairs of
them, each of which gets a weight (logistic regression). The spoken words are brought to the written ones first, so
that speaking as the south-west does is no sign of danger.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array

from portal.knowledge import patterns
from search_index import alike

Float64 = npt.NDArray[np.float64]

# How much weights are held back, and from which score on a sentence counts (docs/search-pages.md has the figures).
_HELD_BACK = 0.1
HEARD = 1.75
# The sentences are shorter: a whole story holds so many characters that some of them always sound alike.
_LONGEST = 100
_FEWEST = 2
_STEPS = 60


class Listener:
    """Tells a sentence of danger from others, each as `patterns.plain` leaves it. Those of the lists are told rightly."""

    def __init__(self, danger: Iterable[str], harmless: Iterable[str]) -> None:
        self._danger = _each(danger)
        self._harmless = _each(harmless)
        self._weights: dict[str, float] = {}
        self._base = 0.0
        if self._danger and self._harmless:
            self._learn([_signs(said) for said in (*self._danger, *self._harmless)])

    def hears(self, said: str) -> bool:
        """True when what is `said` sounds like danger."""
        written = _written(said)
        if written in self._danger or written in self._harmless:
            return written in self._danger
        # One character is the beginning of anything (我).
        return 1 < len(written) <= _LONGEST and self._score(written) >= HEARD

    def score(self, said: str) -> float:
        """How much a sentence sounds like danger; `HEARD` is enough."""
        return self._score(_written(said))

    def telling(self, said: str, most: int = 8) -> list[str]:
        """The pairs of characters that speak most for danger, as an editor is told them."""
        pairs = [sign for sign in _signs(_written(said)) if len(sign) == 2]
        strong = sorted(pairs, key=lambda pair: (-self._weights.get(pair, 0.0), pair))
        return [pair for pair in strong[:most] if self._weights.get(pair, 0.0) > 0.0]

    def _score(self, written: str) -> float:
        signs, weights = _signs(written), self._weights
        return self._base + sum([weights[sign] for sign in signs if sign in weights]) * _part(signs)

    def _learn(self, sentences: Sequence[set[str]]) -> None:
        # Heavy to load, and of no use to a process that never searches.
        from scipy.optimize import minimize

        counts = Counter(sign for signs in sentences for sign in signs)
        places = {
            sign: place
            for place, sign in enumerate(sorted(s for s, n in counts.items() if n >= _FEWEST))
        }
        known = [[places[sign] for sign in signs if sign in places] for signs in sentences]
        matrix = csr_array(
            (
                np.repeat([_part(signs) for signs in sentences], [len(each) for each in known]),
                (
                    np.repeat(np.arange(len(known)), [len(each) for each in known]),
                    np.concatenate([np.array(each, dtype=np.intp) for each in known]),
                ),
            ),
            shape=(len(known), len(places)),
        )
        # Both kinds weigh the same, however many sentences there are of each.
        sides = np.where(np.arange(len(known)) < len(self._danger), 1.0, -1.0)
        share = np.where(sides > 0, 1 / len(self._danger), 1 / len(self._harmless))
        share *= len(known) / 2

        def loss(weights: Float64) -> tuple[float, Float64]:
            margins = sides * (matrix @ weights[:-1] + weights[-1])
            pull = -sides * share * np.exp(-np.logaddexp(0, margins))
            held = weights[:-1] * _HELD_BACK
            total = float(share @ np.logaddexp(0, -margins) + held @ weights[:-1] / 2)
            return total, np.append(matrix.T @ pull + held, pull.sum())

        fitted: Any = minimize(
            loss,
            np.zeros(len(places) + 1),
            jac=True,
            method="L-BFGS-B",
            options={"maxiter": _STEPS},
        )
        self._weights = {sign: float(fitted.x[place]) for sign, place in places.items()}
        self._base = float(fitted.x[-1])


def _each(sentences: Iterable[str]) -> dict[str, None]:
    return dict.fromkeys(filter(None, (_written(patterns.plain(each)) for each in sentences)))


def _written(said: str) -> str:
    return alike.written("".join(said.split()))


def _part(signs: set[str]) -> float:
    """What one of the signs counts: of a long sentence each tells less."""
    return max(len(signs), 1) ** -0.5


def _signs(written: str) -> set[str]:
    return {*written, *map("".join, pairwise(written))}
