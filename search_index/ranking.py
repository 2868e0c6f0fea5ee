"""The compiled matrix: BM25F impacts per term, priors, masks and the best k.

A postings table is a sparse matrix stored by term (CSC): for each term the rows that hold it and
the impact it has there, idf included. A query is then one weighted sum of a few columns. The arrays
are memory-mapped, so workers share their pages.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy.sparse import _sparsetools

from search_index.analysis import UInt64
from search_index.store.files import load_array, save_array

Float32 = npt.NDArray[np.float32]
Int32 = npt.NDArray[np.int32]
Bool = npt.NDArray[np.bool_]


# Terms in more rows than both of these are too common to rank by.
COMMON_SHARE = 0.25
COMMON_ROWS = 1000
MAX_TERMS = 64


@dataclass(frozen=True, slots=True)
class Field:
    """How much a field's words weigh, and how strongly its length counts (BM25F's b)."""

    name: str
    weight: float
    b: float


@dataclass(frozen=True, slots=True)
class Counts:
    """Term counts of one field: parallel arrays of row, term and how often, and row lengths."""

    rows: Int32
    terms: UInt64
    counts: Float32
    lengths: Float32


@dataclass(frozen=True, slots=True)
class Postings:
    """A compiled table: sorted term numbers, and per term its rows and impacts."""

    terms: UInt64
    indptr: Int32
    rows: Int32
    impacts: Float32
    idf: Float32
    size: int

    def find(self, hashes: UInt64) -> npt.NDArray[np.intp]:
        """The columns of the terms, -1 for those that no document holds."""
        if not len(self.terms):
            return np.full(len(hashes), -1, dtype=np.intp)
        places = np.searchsorted(self.terms, hashes)
        places[places == len(self.terms)] = 0
        return np.where(self.terms[places] == hashes, places, -1)

    def add_scores(self, columns: npt.NDArray[np.intp], weights: Float32, out: Float32) -> None:
        """Add weight times impact of each column to `out` (one entry per row).

        One C loop over all terms, straight over the mapped pages; the public scipy operators would copy
        the columns first. The loop takes columns that lie side by side. Ours do not, so between each two
        stands a column that would end before it begins, which is why they go from the last to the first.
        """
        if not len(columns):
            return
        order = np.argsort(-columns, kind="stable")
        columns = columns[order]
        bounds = np.empty(2 * len(columns), dtype=self.indptr.dtype)
        bounds[0::2] = self.indptr[columns]
        bounds[1::2] = self.indptr[columns + 1]
        factors = np.zeros(2 * len(columns) - 1, dtype=np.float32)
        factors[0::2] = weights[order]
        _sparsetools.csc_matvec(
            self.size, len(factors), bounds, self.rows, self.impacts, factors, out
        )

    def choose(
        self, terms: UInt64, most: int = MAX_TERMS
    ) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.bool_]]:
        """The columns of the terms (-1 for unknown), and which of them are worth adding up.

        Terms in a quarter of all rows tell little and cost most; they are left out unless nothing
        else is known. Of more than `most` the rarest are kept.
        """
        columns = self.find(terms)
        known = columns >= 0
        frequency = self.document_frequency(columns)
        keep = known & (frequency <= max(COMMON_SHARE * self.size, COMMON_ROWS))
        if not keep.any():
            keep = known
        if int(keep.sum()) > most:
            places = np.flatnonzero(keep)
            rare = places[np.argsort(frequency[places], kind="stable")[:most]]
            keep = np.zeros_like(keep)
            keep[rare] = True
        return columns, keep

    def holds(self, column: int, row: int) -> bool:
        """Whether a row holds the term of a column."""
        low, high = self.indptr[column : column + 2]
        place = low + np.searchsorted(self.rows[low:high], row)
        return bool(place < high and self.rows[place] == row)

    def any_held(self, terms: UInt64, row: int) -> bool:
        """Whether a row holds one of several terms."""
        return any(column >= 0 and self.holds(column, row) for column in self.find(terms).tolist())

    def document_frequency(self, columns: npt.NDArray[np.intp]) -> npt.NDArray[np.int64]:
        """In how many rows each column's term occurs; 0 for column -1."""
        found = self.indptr[columns + 1].astype(np.int64) - self.indptr[columns]
        return np.where(columns >= 0, found, 0)

    def save(self, folder: Path, name: str) -> None:
        """Write the table's arrays as `name`.*.npy."""
        for part in _PARTS:
            save_array(folder / f"{name}.{part}.npy", getattr(self, part))

    @classmethod
    def load(cls, folder: Path, name: str, size: int) -> Postings:
        """Map the arrays that `save` wrote, read-only."""
        return cls(
            **{part: load_array(folder / f"{name}.{part}.npy") for part in _PARTS}, size=size
        )


_PARTS = ("terms", "indptr", "rows", "impacts", "idf")


@dataclass(frozen=True, slots=True)
class Statistics:
    """What a delta borrows from its base, so that scores of both are comparable."""

    base: Postings
    average_lengths: dict[str, float]
    documents: int


def average_lengths(fields: dict[str, Counts]) -> dict[str, float]:
    """Mean number of terms over the rows that have the field at all."""
    result = {}
    for name, counts in fields.items():
        filled = counts.lengths[counts.lengths > 0]
        result[name] = float(filled.mean()) if len(filled) else 1.0
    return result


def compile_postings(
    fields: dict[str, Counts],
    weights: tuple[Field, ...],
    size: int,
    k1: float,
    borrowed: Statistics | None = None,
) -> Postings:
    """BM25F over the fields as one impact per (row, term), idf included.

    With `borrowed`, idf and mean lengths come from the base segment; a term unknown there counts as
    held by one document.
    """
    averages = borrowed.average_lengths if borrowed else average_lengths(fields)
    rows_parts, term_parts, value_parts = [], [], []
    for spec in weights:
        counts = fields.get(spec.name)
        if counts is None or not len(counts.rows):
            continue
        mean = averages.get(spec.name, 1.0) or 1.0
        norm = 1.0 - spec.b + spec.b * counts.lengths[counts.rows] / mean
        rows_parts.append(counts.rows)
        term_parts.append(counts.terms)
        value_parts.append((spec.weight * counts.counts / norm).astype(np.float32))
    if not rows_parts:
        return _empty(size)
    terms, columns = np.unique(np.concatenate(term_parts), return_inverse=True)
    rows = np.concatenate(rows_parts)
    values = np.concatenate(value_parts)
    cell = columns.astype(np.int64) * size + rows
    order = np.argsort(cell, kind="stable")
    cell = cell[order]
    first = np.flatnonzero(np.concatenate(([True], cell[1:] != cell[:-1])))
    pseudo_tf = np.add.reduceat(values[order], first)
    cell = cell[first]
    columns = cell // size
    rows = (cell % size).astype(np.int32)
    frequency = np.bincount(columns, minlength=len(terms))
    idf = _borrowed_idf(terms, borrowed) if borrowed else inverse_frequency(frequency, size)
    impacts = (idf[columns] * pseudo_tf * (k1 + 1.0) / (k1 + pseudo_tf)).astype(np.float32)
    indptr = np.concatenate(([0], np.cumsum(frequency))).astype(np.int32)
    return Postings(terms, indptr, rows, impacts, idf.astype(np.float32), size)


def inverse_frequency(frequency: npt.NDArray[np.int64], documents: int) -> npt.NDArray[np.float64]:
    """BM25's idf, kept above zero: log(1 + (N - df + 0.5) / (df + 0.5))."""
    return np.log1p((documents - frequency + 0.5) / (frequency + 0.5))


def _borrowed_idf(terms: UInt64, borrowed: Statistics) -> npt.NDArray[np.float64]:
    columns = borrowed.base.find(terms)
    unknown = inverse_frequency(np.array([1]), max(borrowed.documents, 1))[0]
    if not len(borrowed.base.idf):
        return np.full(len(terms), unknown)
    return np.where(columns >= 0, borrowed.base.idf[columns], unknown)


def _empty(size: int) -> Postings:
    return Postings(
        terms=np.empty(0, dtype=np.uint64),
        indptr=np.zeros(1, dtype=np.int32),
        rows=np.empty(0, dtype=np.int32),
        impacts=np.empty(0, dtype=np.float32),
        idf=np.empty(0, dtype=np.float32),
        size=size,
    )


# Many scores are looked at in groups of at most so many; fewer in a group give a closer bound.
_LARGEST_GROUP = 64


def best_rows(scores: Float32, k: int) -> npt.NDArray[np.intp]:
    """The rows of the k best positive scores, in the order of the rows; of equal scores the first rows.

    The k-th best of the maxima of many small groups bounds the k-th best of all from below, which
    spares a partial sort of all rows. Groups are strided, so that the maxima are one vector operation.
    """
    size = len(scores)
    if k <= 0 or not size:
        return np.empty(0, dtype=np.intp)
    group = min(_LARGEST_GROUP, 2 * size // (3 * k))
    floor = np.float32(0.0)
    if group > 1:
        width = size // group
        maxima = scores[: width * group].reshape(group, width).max(axis=0)
        floor = np.partition(maxima, width - k)[width - k]
    candidates = np.flatnonzero(scores >= floor if floor > 0 else scores > 0)
    if len(candidates) <= k:
        return candidates
    values = scores[candidates]
    kth = np.partition(values, len(values) - k)[len(values) - k]
    candidates, values = candidates[values >= kth], values[values >= kth]
    surplus = len(candidates) - k
    if surplus:
        candidates = np.delete(candidates, np.flatnonzero(values == kth)[-surplus:])
    return candidates


def top_rows(scores: Float32, k: int) -> npt.NDArray[np.intp]:
    """The rows of the k best positive scores, best first, ties by row."""
    rows = best_rows(scores, k)
    return rows[np.argsort(-scores[rows], kind="stable")]
