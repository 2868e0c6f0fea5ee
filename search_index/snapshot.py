"""One consistent view of the index: a base segment, the delta on top of it, and what both share.

A snapshot never changes; when files change a reader opens the next one. Rows of the delta follow
the rows of the base; replaced base rows are masked out.
"""

from __future__ import annotations

from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from search_index import analysis
from search_index.alike import Alike, Wordings
from search_index.documents import OUT_OF_FORCE, Document
from search_index.errors import IndexMissing
from search_index.laws import LawNames
from search_index.numerals import article_order, number_of
from search_index.query import Query, read_query
from search_index.ranker import Ranker, Versions
from search_index.ranking import Bool, Float32
from search_index.reranking import LEVELS, Rows, Teaching, number_chapters
from search_index.store.files import load_json, read_link, reading
from search_index.store.segment import Segment, open_segment
from search_index.store.writer import check_format
from search_index.suggest import Completion
from search_index.vocabulary import Vocabulary, asked

DIMENSIONS = ("kind", "level", "validity", "category")
# For how many choices of filters the rows that pass are remembered; each takes a byte a row.
MOST_MASKS = 64

# Pairs of dimension and wanted values.
Filters = tuple[tuple[str, tuple[str, ...]], ...]


class Snapshot:
    """Scores, masks and look-ups over base and delta."""

    def __init__(
        self, generation: Path, delta_name: str | None, previous: Snapshot | None = None
    ) -> None:
        manifest = check_format(generation)
        self.generation = generation
        self.delta_name = delta_name
        self.built_at: str = manifest["built_at"]
        # Of an earlier state of the same generation, what no update changes goes on serving.
        self.base: Segment = previous.base if previous else open_segment(generation / "base")
        self.words: Vocabulary = previous.words if previous else Vocabulary(self.base)
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
        self._combination, self._combined = self._combinations()
        self._masks: dict[Filters, Bool] = {}
        self._prepare_articles()
        self._prepare_ranking()
        # How the texts of base and delta are asked for.
        self.wordings: tuple[Wordings, ...] = (self.words.wordings,)
        if self.delta is not None:
            self.wordings += (asked(self.delta, self.words.idf),)

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

    def _prepare_articles(self) -> None:
        articles = self._value_mask("kind", ("article",))
        self._articles = articles & self.alive
        out_of_force = self._value_mask("validity", OUT_OF_FORCE)
        self._out_of_force = out_of_force
        codes = self.law.astype(np.int64) << 40 | self.order
        rows = np.flatnonzero(self._articles & (self.order > 0))
        # In-force versions come first within one article, later versions before earlier ones.
        ranking = np.lexsort((rows, -self.valid_from[rows], out_of_force[rows], codes[rows]))
        self._article_rows = rows[ranking]
        self._article_codes = codes[self._article_rows]

    def _prepare_ranking(self) -> None:
        known = {name: number for number, name in enumerate(LEVELS)}
        level = np.array([known.get(name, -1) for name in self.values["level"]] or [-1])
        articles = self._value_mask("kind", ("article",))
        self._cites = self._joined_citations()
        self.teaching = Teaching.build(
            self._cites,
            self.law.astype(np.int64),
            number_chapters(self._concatenated("chapter")),
            level[self.codes["level"]].astype(np.int8) if self.size else level[:0].astype(np.int8),
            articles,
        )
        versions = Versions(articles, self._out_of_force, self._in_force())
        texts = [self.base.texts] + ([self.delta.texts] if self.delta else [])
        self.ranker = Ranker(self.teaching, self.laws, versions, texts)

    def _in_force(self) -> Rows:
        """For every version out of force the row of the one in force of the same article, -1 without one."""
        found = np.full(self.size, -1, dtype=np.int64)
        late = np.flatnonzero(self._out_of_force & self._articles & (self.order > 0))
        if len(late):
            codes = self.law[late].astype(np.int64) << 40 | self.order[late]
            rows = self._article_rows[np.searchsorted(self._article_codes, codes)]
            found[late] = np.where(self._out_of_force[rows], -1, rows)
        return found

    def _joined_citations(self) -> tuple[Rows, Rows]:
        """Pairs of citing and cited row over base and delta, in the latest state."""
        sources, targets = self.base.cite_sources, self.base.cite_targets
        if self.delta is None:
            return sources.astype(np.int64), targets.astype(np.int64)
        moved = np.arange(self.base.size, dtype=np.int64)
        for key in self._replaced:
            row, new = self.base.row_of(key), self.delta.row_of(key)
            if row is not None:
                moved[row] = -1 if new is None else self.base.size + new
        kept = self.alive[sources] & (moved[targets] >= 0)
        pairs = list(zip(sources[kept].tolist(), moved[targets[kept]].tolist(), strict=True))
        for row in range(self.delta.size):
            for key in self.delta.record(row)["cites"]:
                target = self.row_of(key)
                if target is not None:
                    pairs.append((self.base.size + row, target))
        table = np.array(sorted(set(pairs)), dtype=np.int64).reshape(-1, 2)
        return table[:, 0], table[:, 1]

    # ---- filters and counts

    def _combinations(self) -> tuple[npt.NDArray[Any], dict[str, npt.NDArray[np.int64]]]:
        """A number for each combination of the filters' values that occurs, per row.

        And per dimension the value of each combination. There are a few dozen of them, so counting and
        filtering work on those instead of on all rows.
        """
        packed = np.zeros(self.size, dtype=np.int64)
        for name in DIMENSIONS:
            packed = packed * max(len(self.values[name]), 1) + self.codes[name]
        distinct, numbers = np.unique(packed, return_inverse=True)
        combined = {}
        for name in reversed(DIMENSIONS):
            count = max(len(self.values[name]), 1)
            combined[name] = distinct % count
            distinct = distinct // count
        # In the smallest numbers that do: all rows of a query are looked up here.
        return numbers.astype(np.min_scalar_type(len(distinct))), combined

    def _value_mask(self, name: str, values: tuple[str, ...]) -> Bool:
        return self._passing(name, values)[self._combination]

    def _passing(self, name: str, values: tuple[str, ...]) -> Bool:
        """Which combinations have one of `values`."""
        wanted = np.array([value in values for value in self.values[name]] or [False])
        return wanted[self._combined[name]]

    def passing(self, filters: Filters) -> Bool:
        """Which rows pass all filters; remembered, and not to be written into."""
        mask = self._masks.get(filters)
        if mask is None:
            passing = np.ones(len(self._combined["kind"]), dtype=bool)
            for name, values in filters:
                passing &= self._passing(name, values)
            mask = passing[self._combination]
            if len(self._masks) >= MOST_MASKS:
                self._masks.clear()
            self._masks[filters] = mask
        return mask

    def facets(self, rows: Rows, filters: Filters) -> tuple[dict[str, dict[str, int]], int]:
        """Counts per value, each dimension under the other dimensions' filters only; and how many pass all."""
        counts = np.bincount(self._combination[rows], minlength=len(self._combined["kind"]))
        passing = {name: self._passing(name, values) for name, values in filters}
        facets = {}
        for name in DIMENSIONS:
            kept = counts
            for other, mask in passing.items():
                if other != name:
                    kept = kept * mask
            values = self.values[name]
            sums = np.bincount(self._combined[name], kept, len(values)).tolist()
            facets[name] = {
                value: int(count)
                for value, count in zip(values, sums, strict=True)
                if count and value
            }
        for mask in passing.values():
            counts = counts * mask
        return facets, int(counts.sum())

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

    def cited_by(self, row: int) -> set[int]:
        """The rows of the articles that a row cites."""
        sources, targets = self._cites
        begin, end = np.searchsorted(sources, (row, row + 1))
        return set(targets[begin:end].tolist())

    def document(self, row: int) -> Document:
        """The document of a row."""
        return Document.from_record(self.record(row))

    def word_ends(self, row: int) -> list[int]:
        """Where the words of a row's text end."""
        if row < self.base.size or self.delta is None:
            return self.base.word_ends(row)
        return self.delta.word_ends(row - self.base.size)

    def article_rows(self, law: str, number: str) -> list[int]:
        """All versions of an article, the one in force first."""
        law_number = self._law_numbers.get(law)
        if law_number is None:
            return []
        return self._rows_of_code(law_number << 40 | article_order(number))

    def numbers_in_force(self, law: str) -> dict[str, int]:
        """The numbers of a law's articles in force, in order, and their rows."""
        rows = self._article_rows[self._of_law(self._law_numbers.get(law, -1))]
        rows = rows[~self._out_of_force[rows]]
        numbers = map(number_of, self.order[rows].tolist())
        return dict(zip(numbers, rows.tolist(), strict=True))

    def _of_law(self, law_number: int) -> slice:
        """Where a law's articles stand, in order."""
        bounds = np.array([law_number, law_number + 1], dtype=np.int64) << 40
        return slice(*np.searchsorted(self._article_codes, bounds))

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
        codes = np.unique(self._article_codes[self._of_law(law)])
        place = int(np.searchsorted(codes, law << 40 | int(self.order[row])))
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
    def law_names(self) -> LawNames:
        """The resolver for names of laws."""
        return LawNames(self.laws, self.words.thesaurus.law_names)

    @cached_property
    @reading(opened=True)
    def completions(self) -> tuple[Completion, ...]:
        """Completion lines of delta and base."""
        if self.delta is None:
            return (Completion.load(self.base.folder),)
        return (
            Completion.load(self.delta.folder),
            Completion.load(self.base.folder, self._replaced.__contains__),
        )

    def asked_alike(self, text: str, meaning: Float32, least: float) -> Alike:
        """The wordings of texts that ask for nearly this, with the rows of this snapshot."""
        near = [wordings.closest(text, meaning, least) for wordings in self.wordings]
        shifts = zip(near, (0, self.base.size), strict=False)
        rows = np.concatenate([each.rows + shift for each, shift in shifts])
        words = np.concatenate([each.words for each in near])
        meant = np.concatenate([each.meaning for each in near])
        alive = self.alive[rows]
        return Alike(rows[alive], words[alive], meant[alive])

    # ---- scoring

    def query(self, text: str, *, told: bool = True) -> Query:
        """Analyse a question, or a text of the index (not `told`), into weighted terms."""
        return read_query(text, self.words.thesaurus.words, self.words.bridges, told=told)

    def scores(self, query: Query) -> tuple[Float32, float]:
        """The words' score of every row (0 where nothing matches), and what a full match scores."""
        out = np.zeros(self.size, dtype=np.float32)
        columns, keep = self.base.postings.choose(query.terms, query.most_terms)
        self.base.postings.add_scores(columns[keep], query.weights[keep], out[: self.base.size])
        full = float(self.base.postings.idf[columns[keep]] @ query.weights[keep])
        if self.delta is not None and self.delta.size:
            local = self.delta.postings.find(query.terms)
            there = (local >= 0) & (keep | (columns < 0))
            self.delta.postings.add_scores(
                local[there], query.weights[there], out[self.base.size :]
            )
            new = there & (columns < 0)
            full += float(self.delta.postings.idf[local[new]] @ query.weights[new])
            out *= self.alive
        return out, max(full, 1e-6)

    def pair_count(self, pair: str) -> int:
        """How many documents hold two neighbouring characters."""
        term = np.array([analysis.bigram_hash(pair)], dtype=np.uint64)
        segments = (self.base, self.delta) if self.delta is not None else (self.base,)
        return sum(
            int(segment.postings.document_frequency(segment.postings.find(term))[0])
            for segment in segments
            if segment.size
        )


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
