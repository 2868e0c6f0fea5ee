"""Which questions mean the same in other words: a question lies where the vectors of its words add up to.

Each of 35,000 words has a vector, learned once from a neural encoder of sentences (`word_vectors.npz`, made by
`search_index.make_word_vectors`; docs/search-pages.md). Words that every question has weigh little there. Nothing neural
runs here: a question takes a sum of a dozen rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from search_index import analysis
from search_index.ranking import Float32
from search_index.spoken import written

FILE = Path(__file__).with_name("word_vectors.npz")
# What a character tells of a word that is not known, beside a word that is.
CHARACTER = 0.5


class WordVectors(NamedTuple):
    """What is known of words, a row each."""

    row_of: dict[str, int]
    # Whole numbers up to 127, and what one of them stands for in each row.
    numbers: npt.NDArray[np.int8]
    steps: Float32
    # Where questions lie on average: what all of them have in common tells none apart.
    centre: Float32

    def towards(self, text: str) -> Float32:
        """The direction of a text, seen from nothing; zeros when none of its words is known."""
        rows, weights = [], []
        for piece in analysis.pieces(written(analysis.normalise(text))):
            row = self.row_of.get(piece)
            if row is not None:
                rows.append(row)
                weights.append(1.0)
            elif len(piece) > 1:
                known = [row for char in piece if (row := self.row_of.get(char)) is not None]
                rows += known
                weights += [CHARACTER] * len(known)
        if not rows:
            return np.zeros(len(self.centre), dtype=np.float32)
        shares = self.steps[rows] * np.array(weights, dtype=np.float32)
        return _direction(shares @ self.numbers[rows].astype(np.float32))


def save(vectors: WordVectors) -> None:
    """Write the file that belongs to the program."""
    words = np.frombuffer("\n".join(vectors.row_of).encode("utf-8"), dtype=np.uint8)
    np.savez(FILE, words=words, numbers=vectors.numbers, steps=vectors.steps, centre=vectors.centre)


@lru_cache(maxsize=1)
def _word_vectors() -> WordVectors:
    with np.load(FILE, allow_pickle=False) as stored:
        words = stored["words"].tobytes().decode("utf-8").split("\n")
        rows = {word: row for row, word in enumerate(words)}
        return WordVectors(rows, stored["numbers"], stored["steps"], stored["centre"])


def preload() -> None:
    """Read the vectors (about 10 MB); before forking, so that workers share them."""
    _word_vectors()


def meaning(text: str) -> Float32:
    """Where a question lies: a vector of length 1, or of zeros when none of its words is known."""
    known = _word_vectors()
    towards = known.towards(text)
    return _direction(towards - known.centre) if towards.any() else towards


def meanings(texts: Sequence[str]) -> Float32:
    """Where each of the questions lies, one in a row."""
    if not texts:
        return np.zeros((0, len(_word_vectors().centre)), dtype=np.float32)
    return np.stack([meaning(text) for text in texts])


def _direction(vector: Float32) -> Float32:
    length = float(np.linalg.norm(vector))
    return vector / np.float32(length) if length else vector
