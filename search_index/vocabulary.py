"""What a build has learned of words: read once per generation, since no update changes it."""

from __future__ import annotations

from functools import cache, cached_property
from pathlib import Path

import numpy as np

from search_index.alike import Idf, Wordings
from search_index.analysis import UInt64
from search_index.learning import Bridges
from search_index.meaning import meanings
from search_index.ranking import Float32
from search_index.spelling import Speller
from search_index.store.files import load_array, load_json, reading, save_array
from search_index.store.segment import Segment
from search_index.suggest import asked_lines
from search_index.thesaurus import Thesaurus

_MEANINGS = "meanings.npy"


class Vocabulary:
    """The words beside a base segment, and how rare they are in it."""

    def __init__(self, base: Segment) -> None:
        self.folder = base.folder
        self._base = base
        # No search does without these: a folder that is cleared away later must not lack them.
        self.thesaurus = Thesaurus.load(base.folder / "thesaurus.json")
        stored = load_json(base.folder / "bridges.json")
        self.bridges: Bridges = {
            word: tuple((other, share) for other, share in found) for word, found in stored.items()
        }
        self.wordings = asked(base, self.idf)  # how the base's texts are asked for

    def idf(self, terms: UInt64) -> Float32:
        """The weight of each term; one that no document of the base holds weighs as much as a term can."""
        postings = self._base.postings
        columns = postings.find(terms)
        weights = np.full(len(terms), np.log1p(max(postings.size, 1)), dtype=np.float32)
        known = columns >= 0
        weights[known] = postings.idf[columns[known]]
        return weights

    @cached_property
    def speller(self) -> Speller:
        """The corrector, read when it is first needed. One that corrects nothing where the folder has been removed."""
        try:
            with reading():
                return Speller.load(self.folder)
        except FileNotFoundError:
            return Speller.empty()


def write_meanings(folder: Path) -> None:
    """Write what each of a segment's wordings means, in the order of `asked_lines`."""
    found = meanings([text for text, _ in asked_lines(folder)])
    save_array(folder / _MEANINGS, found.astype(np.float16))


def asked(segment: Segment, idf: Idf) -> Wordings:
    """How the texts of a segment are asked for."""
    row_of = cache(segment.row_of)
    held = [
        (at, text, row)
        for at, (text, key) in enumerate(asked_lines(segment.folder))
        if (row := row_of(key)) is not None
    ]
    meant = load_array(segment.folder / _MEANINGS)[[at for at, _, _ in held]]
    return Wordings([(text, row) for _, text, row in held], idf, meant.astype(np.float32))
