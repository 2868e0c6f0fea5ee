"""Which published question asks the same: by the pairs of characters that both have, and by what the words mean.

A spoken question is long and holds much that the published one leaves out, so neither has to hold the
other; what counts is the weight (idf) of what they share against that of both. Where they share little, they may still lie
near each other (`meaning.py`).
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Callable, Iterable
from itertools import accumulate, chain
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from search_index import analysis
from search_index.analysis import UInt64
from search_index.ranking import Float32
from search_index.spoken import written

Float64 = npt.NDArray[np.float64]
Rows = npt.NDArray[np.int64]
Idf = Callable[[UInt64], Float32]

# What every question has, in the books' words and in those of the south-west, and what tells how somebody goes on whatever
# it is: who delivers and who pays wages may both let others wait.
_QUESTION_WORDS = re.compile(
    r"怎么办|怎么样|怎么|怎样|咋个办|咋办|咋整|咋个|咋样|咋|啷个办|啷个|啥子|啥|哪个|哪里|哪些|好多|好久|多少|如何|什么"
    r"|请问|想问一下|是不是|能不能|可不可以|要不要|可以|要得不|得不得|得行不|硬是|吗|呢|啊|吧|嘛|哦|不\Z|我|的|了|\W"
    r"|迟迟|一直|老是|总是|动不动"
)


def pairs(text: str) -> set[str]:
    """The neighbouring characters of a question, without the words that every question has."""
    parts = [part for part in _QUESTION_WORDS.split(written(analysis.normalise(text))) if part]
    return {part[at : at + 2] for part in parts for at in range(max(1, len(part) - 1))}


def _hashes(found: Iterable[str]) -> UInt64:
    return np.fromiter(
        (
            analysis.bigram_hash(each) if len(each) == 2 else analysis.word_hash(each)
            for each in found
        ),
        dtype=np.uint64,
    )


class Alike(NamedTuple):
    """How alike some wordings are to a question: the row of the text of each, and by how much (up to 1 each) by the words
    and by what they mean; a row comes once per wording.
    """

    rows: Rows
    words: Float64
    meaning: Float64

    @property
    def both(self) -> Float64:
        """The measure by which wordings are compared."""
        return self.words + self.meaning


class Wordings:
    """All the ways in which the texts of a segment are asked for: wordings with the row of their text, and in the same order
    what each means (`meaning.meanings`).
    """

    def __init__(self, lines: Iterable[tuple[str, int]], idf: Idf, meanings: Float32) -> None:
        asked = [(row, held, at) for at, (text, row) in enumerate(lines) if (held := pairs(text))]
        holding: dict[str, list[int]] = defaultdict(list)
        for number, (_, held, _) in enumerate(asked):
            for pair in held:
                holding[pair].append(number)
        idfs = idf(_hashes(holding))
        counts = [len(numbers) for numbers in holding.values()]
        numbers = np.fromiter(chain.from_iterable(holding.values()), dtype=np.intp)
        each = np.repeat(idfs.astype(np.float64), counts)
        # Per pair its weight, and the wordings that hold it with that weight beside each.
        self._holding: dict[str, tuple[float, npt.NDArray[np.intp], Float64]] = {}
        ends = accumulate(counts)
        for pair, weight, end in zip(holding, idfs.tolist(), ends, strict=True):
            place = slice(end - len(holding[pair]), end)
            self._holding[pair] = (weight, numbers[place], each[place])
        weights = np.bincount(numbers, each, len(asked))
        self._usual = float(idfs.mean()) if len(idfs) else 0.0
        self._rows = np.array([row for row, _, _ in asked], dtype=np.int64)
        self._roots = np.sqrt(weights)
        self._meanings = meanings[[at for _, _, at in asked]]

    def closest(self, text: str, meaning: Float32, least: float) -> Alike:
        """Those that are alike to a question of this text and meaning by at least `least` in both together."""
        asked = pairs(text)
        if not asked:
            return Alike(self._rows[:0], np.empty(0), np.empty(0))
        words = self._by_words(asked)
        meant = (self._meanings @ meaning).astype(np.float64)
        near = np.flatnonzero(words + meant >= least)
        return Alike(self._rows[near], words[near], meant[near])

    def _by_words(self, asked: set[str]) -> Float64:
        shared = [held for pair in asked if (held := self._holding.get(pair)) is not None]
        if not shared:
            return np.zeros(len(self._rows))
        # A pair that nobody asks about weighs as much as a usual one.
        own = sum([weight for weight, _, _ in shared]) + self._usual * (len(asked) - len(shared))
        numbers = np.concatenate([where for _, where, _ in shared])
        each = np.concatenate([weights for _, _, weights in shared])
        common = np.bincount(numbers, each, len(self._rows)).astype(np.float64)
        return common / (self._roots * math.sqrt(own))
