"""Which questions and texts mean the same in other words: each lies where the vectors of its words add up to.

Each of 35,000 words has a vector, learned once from a neural encoder of sentences (`word_vectors.npz`, made by
`search_index.make_word_vectors`; docs/search-pages.md). Words that every question has weigh little there. Nothing neural
runs here: a question takes a sum of a dozen rows, a text one of some sixty when it is indexed.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import islice, pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array

from search_index import analysis
from search_index.ranking import Float32
from search_index.spoken import written

FILE = Path(__file__).with_name("word_vectors.npz")
# What a character tells of a word that is not known, beside a word that is.
CHARACTER = 0.5
# A story tells of several things. So many characters of it are looked at together, and a text is as near to it as to its
# nearest stretches, so many of them, on average.
STRETCH = 50
NEAREST = 2
# So many texts are added up at once.
_AT_ONCE = 4096


class WordVectors(NamedTuple):
    """What is known of words, a row each."""

    row_of: dict[str, int]
    # Whole numbers up to 127, and what one of them stands for in each row.
    numbers: npt.NDArray[np.int8]
    steps: Float32
    # Where questions lie on average: what all of them have in common tells none apart.
    centre: Float32

    def known_of(self, pieces: Iterable[str]) -> tuple[list[int], list[float]]:
        """The rows of what is known of the pieces of a text, and how much each counts."""
        rows, weights = [], []
        for piece in pieces:
            row = self.row_of.get(piece)
            if row is not None:
                rows.append(row)
                weights.append(1.0)
            elif len(piece) > 1:
                known = [row for char in piece if (row := self.row_of.get(char)) is not None]
                rows += known
                weights += [CHARACTER] * len(known)
        return rows, weights

    def towards(self, pieces: Iterable[str]) -> Float32:
        """The direction of a question's words, seen from nothing; zeros when none of them is known."""
        rows, weights = self.known_of(pieces)
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


def spoken_pieces(text: str) -> list[str]:
    """The words of a question as it is asked, with what is only said brought to the words that are written."""
    return analysis.pieces(written(analysis.normalise(text)))


def meaning(pieces: Iterable[str]) -> Float32:
    """Where a question of these words lies: a vector of length 1, or of zeros when none of them is known."""
    known = _word_vectors()
    towards = known.towards(pieces)
    return _direction(towards - known.centre) if towards.any() else towards


def stretches(pieces: Sequence[str]) -> Float32:
    """Where each stretch of about STRETCH characters of a story of these words lies, one in a row.

    What is left at its end and is shorter than half of one is left out, unless it is all there is.
    """
    ends = np.cumsum([0, *map(len, pieces)])
    bounds = np.arange(0, int(ends[-1]) + STRETCH // 2 + 1, STRETCH)
    places = np.searchsorted(ends[1:], bounds, side="right").tolist()
    parts = [pieces[begin:end] for begin, end in pairwise(places) if begin < end]
    return np.stack([meaning(part) for part in parts or [pieces]])


def meanings(texts: Sequence[str]) -> Float32:
    """Where each of the questions lies, one in a row."""
    if not texts:
        return np.zeros((0, len(_word_vectors().centre)), dtype=np.float32)
    return np.stack([meaning(spoken_pieces(text)) for text in texts])


class Texts(NamedTuple):
    """Where texts lie, a row each: whole numbers up to 127, and what one of them stands for in each row."""

    numbers: npt.NDArray[np.int8]
    steps: Float32

    def likeness(self, rows: npt.NDArray[np.intp], asked: Float32) -> Float32:
        """The cosine of the angle between some of the texts and what is asked, of which each part has a row: a question is
        one part, a story has its `stretches`. 0 where nothing is known.
        """
        found: Float32 = self.numbers[rows].astype(np.float32) @ asked.T
        if len(asked) > NEAREST:
            found.partition(len(asked) - NEAREST, axis=1)
            found = found[:, -NEAREST:]
        return found.mean(axis=1) * self.steps[rows]


def texts(cut: Iterable[Sequence[str]]) -> Texts:
    """Where texts lie whose words are given.

    A word counts by the square root of how often a text holds it: what a law repeats in every clause is not the more its
    subject. Texts keep what all of them have in common: to one question it brings each about equally near.
    """
    known = _word_vectors()
    numbers, steps = [known.numbers[:0]], [known.steps[:0]]
    left = iter(cut)
    while batch := list(islice(left, _AT_ONCE)):
        vectors = _added_up(known, batch)
        # Of what is not known the numbers are 0, whatever they stand for.
        step = np.maximum(np.abs(vectors).max(axis=1), np.finfo(np.float32).tiny * 127) / 127
        numbers.append(np.round(vectors / step[:, np.newaxis]).astype(np.int8))
        steps.append(step.astype(np.float32))
    return Texts(np.concatenate(numbers), np.concatenate(steps))


def _added_up(known: WordVectors, cut: Sequence[Sequence[str]]) -> Float32:
    rows: list[int] = []
    weights: list[float] = []
    ends = [0]
    for pieces in cut:
        found, counts = known.known_of(pieces)
        rows += found
        weights += counts
        ends.append(len(rows))
    used, columns = np.unique(np.array(rows, dtype=np.intp), return_inverse=True)
    table = csr_array(
        (np.array(weights, dtype=np.float32), columns, ends), shape=(len(cut), len(used))
    )
    table.sum_duplicates()
    np.sqrt(table.data, out=table.data)
    vectors: Float32 = table @ (known.numbers[used] * known.steps[used, np.newaxis])
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.divide(vectors, lengths, out=np.zeros_like(vectors), where=lengths > 0)


def _direction(vector: Float32) -> Float32:
    length = math.sqrt(vector @ vector)
    return vector / np.float32(length) if length else vector
