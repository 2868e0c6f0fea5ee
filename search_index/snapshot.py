"""One consistent view of the index: a base segment, the delta on top of it, and what both share.

A snapshot never changes; when files change a reader opens the next one. Rows of the delta follow
the rows of the base; replaced base rows are masked out.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from search_index import analysis
from search_index.documents import Document
from search_index.errors import IndexFormatError, IndexMissing
from search_index.laws import LawNames
from search_index.learning import law_prior
from search_index.numerals import article_order
from search_index.ranking import Bool, Float32, top_rows
from search_index.store.files import load_json, read_link
from search_index.store.segment import NEVER, Segment, open_segment
from search_index.store.writer import FORMAT
from search_index.suggest import Completion, Speller
from search_index.thesaurus import Thesaurus

DIMENSIONS = ("kind", "level", "validity", "category")

# Ranking weights, tuned on inner folds of the corpus (docs/search.md has the figures).
BIGRAM_WEIGHT = 0.5
THESAURUS_WEIGHT = 0.4
PRIOR_WEIGHT = 3.0
OUT_OF_FORCE_FACTOR = 0.6
# Words beyond the rarest this many only cost time: nobody asks a question of 10,000 characters.
MAX_TERMS = 64
# Terms in a quarter of all documents tell little and cost most; a small index can afford them.
COMMON_SHARE = 0.25
COMMON_ROWS = 1000
_OUT_OF_FORCE = ("amended", "repealed", "not_yet")


@dataclass(frozen=True, slots=True)
class Query:
    """An analysed question: its words, and the matrix terms with weights."""

    words: tuple[str, ...]
    terms: analysis.UInt64
    weights: Float32


class Snapshot:
    """Scores, masks and look-ups over base and delta."""

    def __init__(
        self, generation: Path, delta_name: str | None, base: Segment | None = None
    ) -> None:
        manifest = load_json(generation / "manifest.json")
        if manifest.get("format") != FORMAT:
            raise IndexFormatError(
                f"generation {generation.name} has format {manifest.get('format')}, "
                f"this program reads {FORMAT}: rebuild the index"
            )
        self.generation = generation
        self.delta_name = delta_name
        self.built_at: str = manifest["built_at"]
        self.base = base or open_segment(generation / "base")
        self.delta = open_segment(generation / delta_name) if delta_name else None
        self.size = self.base.size + (self.delta.size if self.delta else 0)
        self._replaced: frozenset[str] = frozenset()
        self.alive = np.ones(self.size, dtype=bool)
        if delta_name:
            self._replaced = frozenset(load_json(generation / delta_name / "replaced.json"))
            for key in self._replaced:
                row = self.base.row_of(key)
                if row is not None:
                    self.alive[row] = False
        self.codes: dict[str, npt.NDArray[np.uint16]] = {}
        self.values: dict[str, list[str]] = {}
        for name in DIMENSIONS:
            self.codes[name], self.values[name] = self._joined(name)
        self.law, self.laws = self._joined_laws()
        self.order = self._concatenated("order")
        self.valid_from = self._concatenated("valid_from")
        self.valid_to = self._concatenated("valid_to")
        self._prepare_ranking()
        self._masks: dict[tuple[str, tuple[str, ...]], Bool] = {}

    # ---- joining base and delta

    def _concatenated(self, name: str) -> npt.NDArray[Any]:
        base: npt.NDArray[Any] = getattr(self.base, name)
        if self.delta is None:
            return base
        return np.concatenate((base, getattr(self.delta, name)))

    def _joined(self, name: str) -> tuple[npt.NDArray[np.uint16], list[str]]:
        if self.delta is None:
            return self.base.columns[name], self.base.values[name]
        values, codes = _extend(self.base.values[name], self.delta.values[name])
        mapped = codes[self.delta.columns[name]].astype(np.uint16)
        return np.concatenate((self.base.columns[name], mapped)), values

    def _joined_laws(self) -> tuple[npt.NDArray[np.int32], list[str]]:
        if self.delta is None:
            return self.base.law, self.base.laws
        values, codes = _extend(self.base.laws, self.delta.laws)
        return np.concatenate((self.base.law, codes[self.delta.law].astype(np.int32))), values

    def _prepare_ranking(self) -> None:
        counts = (self.delta or self.base).law_citations
        per_law = np.array([law_prior(counts.get(name, 0)) for name in self.laws], dtype=np.float32)
        articles = self._value_mask("kind", ("article",))
        prior = per_law[self.law] if len(per_law) else np.zeros(self.size, dtype=np.float32)
        self.prior = np.where(articles, prior * PRIOR_WEIGHT, 0.0).astype(np.float32)
        out_of_force = self._value_mask("validity", _OUT_OF_FORCE)
        self.late_rows = np.flatnonzero(out_of_force & self.alive)
        self._articles = articles & self.alive
        codes = self.law.astype(np.int64) << 40 | self.order
        rows = np.flatnonzero(self._articles & (self.order > 0))
        # In-force versions come first within one article, later versions before earlier ones.
        ranking = np.lexsort((rows, -self.valid_from[rows], out_of_force[rows], codes[rows]))
        self._article_rows = rows[ranking]
        self._article_codes = codes[self._article_rows]
        self._out_of_force = out_of_force
        first = np.searchsorted(self._article_codes, codes[self.late_rows])
        first = np.minimum(first, max(len(self._article_codes) - 1, 0))
        if len(self._article_codes):
            twin = self._article_rows[first]
            same = (codes[twin] == codes[self.late_rows]) & ~out_of_force[twin]
            same &= self.order[self.late_rows] > 0
            self._twins = np.where(same, twin, -1)
        else:
            self._twins = np.full(len(self.late_rows), -1)

    # ---- masks

    def _value_mask(self, name: str, values: tuple[str, ...]) -> Bool:
        known = self.values[name]
        table = np.array([value in values for value in known] or [False])
        if not self.size:
            return np.zeros(0, dtype=bool)
        return table[self.codes[name]]

    def mask(self, name: str, values: tuple[str, ...]) -> Bool:
        """Rows whose `name` is one of `values`."""
        key = (name, values)
        found = self._masks.get(key)
        if found is None:
            found = self._value_mask(name, values)
            if len(self._masks) < 64:  # a bound, so that made-up filters cannot fill the memory
                self._masks[key] = found
        return found

    def valid_on(self, day: date) -> Bool:
        """Rows in force on a day; a missing date is open on its side."""
        ordinal = day.toordinal()
        return (self.valid_from <= ordinal) & (self.valid_to > ordinal)

    # ---- look-ups

    def row_of(self, key: str) -> int | None:
        """The row of a key in the latest state."""
        if self.delta is not None:
            row = self.delta.row_of(key)
            if row is not None:
                return self.base.size + row
            if key in self._replaced:
                return None
        return self.base.row_of(key)

    def record(self, row: int) -> dict[str, Any]:
        """The stored record of a row."""
        if row < self.base.size or self.delta is None:
            return self.base.record(row)
        return self.delta.record(row - self.base.size)

    def document(self, row: int) -> Document:
        """The document of a row."""
        return Document.from_record(self.record(row))

    def article_rows(self, law: str, number: str) -> list[int]:
        """All versions of an article, the one in force first."""
        law_number = self._law_numbers.get(law)
        if law_number is None:
            return []
        return self._rows_of_code(law_number << 40 | article_order(number))

    def _rows_of_code(self, code: int) -> list[int]:
        low = int(np.searchsorted(self._article_codes, code, side="left"))
        high = int(np.searchsorted(self._article_codes, code, side="right"))
        return [int(row) for row in self._article_rows[low:high]]

    def version_rows(self, row: int) -> list[int]:
        """All versions of the article at `row`, oldest first."""
        if not self._articles[row] or not self.order[row]:
            return [row]
        rows = self._rows_of_code(int(self.law[row]) << 40 | int(self.order[row]))
        return sorted(rows, key=lambda item: (int(self.valid_from[item]), item))

    def neighbour_rows(self, row: int, count: int) -> list[int]:
        """The articles before and after in the same law, in the version that fits the row's own."""
        if not self._articles[row] or not self.order[row] or count <= 0:
            return []
        law = int(self.law[row])
        low = int(np.searchsorted(self._article_codes, law << 40, side="left"))
        high = int(np.searchsorted(self._article_codes, (law + 1) << 40, side="left"))
        codes = np.unique(self._article_codes[low:high])
        own = law << 40 | int(self.order[row])
        place = int(np.searchsorted(codes, own))
        chosen = [*codes[max(0, place - count) : place], *codes[place + 1 : place + 1 + count]]
        return [self._fitting(self._rows_of_code(int(code)), row) for code in chosen]

    def _fitting(self, rows: list[int], row: int) -> int:
        if not self._out_of_force[row]:
            return rows[0]
        day = int(self.valid_from[row])
        for other in rows:
            if self.valid_from[other] <= day < self.valid_to[other]:
                return other
        return rows[0]

    @cached_property
    def _law_numbers(self) -> dict[str, int]:
        return {name: number for number, name in enumerate(self.laws)}

    @cached_property
    def thesaurus(self) -> Thesaurus:
        """The words and short names this generation was built with."""
        return Thesaurus.load(self.base.folder / "thesaurus.json")

    @cached_property
    def law_names(self) -> LawNames:
        """The resolver for names of laws."""
        return LawNames(self.laws, self.thesaurus.law_names)

    @cached_property
    def completions(self) -> tuple[Completion, ...]:
        """Completion lines of delta and base."""
        if self.delta is None:
            return (Completion.load(self.base.folder),)
        return (
            Completion.load(self.delta.folder),
            Completion.load(self.base.folder, self._replaced.__contains__),
        )

    @cached_property
    def speller(self) -> Speller:
        """The corrector over the base's vocabulary."""
        return Speller.load(self.base.folder)

    # ---- scoring

    def query(self, text: str) -> Query:
        """Analyse a question into weighted terms."""
        items = list(dict.fromkeys(analysis.content_words(text)))
        weights: dict[int, float] = {}
        for item in items:
            weights[analysis.word_hash(item)] = 1.0
        for pair in analysis.bigrams(text):
            weights.setdefault(analysis.bigram_hash(pair), BIGRAM_WEIGHT)
        for item in items:
            for other in self.thesaurus.words.get(item, ()):
                for word in analysis.content_words(other):
                    weights.setdefault(analysis.word_hash(word), THESAURUS_WEIGHT)
        terms = np.fromiter(weights.keys(), dtype=np.uint64, count=len(weights))
        values = np.fromiter(weights.values(), dtype=np.float32, count=len(weights))
        return Query(tuple(items), terms, values)

    def scores(self, query: Query) -> Float32:
        """The words' score of every row, without priors; 0 where nothing matches."""
        out = np.zeros(self.size, dtype=np.float32)
        columns = self.base.postings.find(query.terms)
        known = columns >= 0
        frequency = self.base.postings.document_frequency(columns)
        keep = known & (frequency <= max(COMMON_SHARE * self.base.size, COMMON_ROWS))
        if not keep.any():
            keep = known
        rare = np.flatnonzero(keep)
        if len(rare) > MAX_TERMS:
            rare = rare[np.argsort(frequency[rare], kind="stable")[:MAX_TERMS]]
        self.base.postings.add_scores(columns[rare], query.weights[rare], out[: self.base.size])
        if self.delta is not None and self.delta.size:
            columns = self.delta.postings.find(query.terms)
            there = np.flatnonzero((columns >= 0) & (keep | ~known))
            self.delta.postings.add_scores(
                columns[there], query.weights[there], out[self.base.size :]
            )
            out *= self.alive
        return out

    def final_scores(self, words: Float32, as_of: date | None) -> Float32:
        """Word scores with priors; versions out of force come below the one in force."""
        scores = words + self.prior * (words > 0)
        if as_of is None and len(self.late_rows):
            late = scores[self.late_rows] * OUT_OF_FORCE_FACTOR
            twins = scores[self._twins]
            capped = np.where(
                (self._twins >= 0) & (twins > 0), np.minimum(late, twins * 0.999), late
            )
            scores[self.late_rows] = capped
        return scores

    def covered(self, query: Query, row: int) -> float:
        """The share of the query words' weight (idf) that a row holds, 0 to 1."""
        hashes = analysis.word_hashes(query.words)
        if not len(hashes):
            return 0.0
        segment, local = (
            (self.base, row)
            if row < self.base.size or self.delta is None
            else (self.delta, row - self.base.size)
        )
        base_columns = self.base.postings.find(hashes)
        highest = float(np.log1p(max(self.base.size, 1)))
        columns = base_columns if segment is self.base else segment.postings.find(hashes)
        held = total = 0.0
        for base_column, column in zip(base_columns.tolist(), columns.tolist(), strict=True):
            idf = float(self.base.postings.idf[base_column]) if base_column >= 0 else highest
            total += idf
            if column < 0:
                continue
            low, high = segment.postings.indptr[column : column + 2]
            rows = segment.postings.rows[low:high]
            place = int(np.searchsorted(rows, local))
            if place < len(rows) and rows[place] == local:
                held += idf
        return held / total if total else 0.0

    def pair_count(self, pair: str) -> int:
        """How many documents hold two neighbouring characters."""
        term = np.array([analysis.bigram_hash(pair)], dtype=np.uint64)
        segments = (self.base, self.delta) if self.delta is not None else (self.base,)
        return sum(
            int(segment.postings.document_frequency(segment.postings.find(term))[0])
            for segment in segments
            if segment.size
        )

    def best(self, scores: Float32, count: int) -> npt.NDArray[np.intp]:
        """The rows of the best positive scores, best first."""
        return top_rows(scores, count)


def _extend(first: list[str], second: list[str]) -> tuple[list[str], npt.NDArray[np.int64]]:
    """Both lists without repetition, and where each of the second's entries stands in it."""
    places = {value: number for number, value in enumerate(first)}
    codes = [places.setdefault(value, len(places)) for value in second]
    return list(places), np.array(codes, dtype=np.int64)


def stamp(folder: Path) -> tuple[str, str | None]:
    """The names of the serving generation and delta; raises IndexMissing when there is none."""
    current = read_link(folder / "current")
    if current is None:
        raise IndexMissing(f"no generation in {folder.name}: build the index first")
    return current, read_link(folder / current / "delta")


__all__ = ["NEVER", "Query", "Snapshot", "stamp"]
