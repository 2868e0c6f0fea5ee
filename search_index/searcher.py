"""The public face of reading: search, suggestions, look-ups. Safe for threads and forks."""

from __future__ import annotations

import re
import threading
import time
from datetime import date
from pathlib import Path

import numpy as np

from search_index import analysis, meaning
from search_index.citations import Citation, find_citations
from search_index.documents import (
    CitationMatch,
    CitationStatus,
    Document,
    Hit,
    SearchRequest,
    SearchResult,
    Suggestion,
    Why,
)
from search_index.errors import IndexDamaged, IndexFormatError, IndexMissing
from search_index.hits import Shown, hit_of
from search_index.laws import simplify
from search_index.leading import FIRST_LOOKED_AT, Asked, asked_before, supported
from search_index.numerals import format_article_number
from search_index.query import Query
from search_index.ranking import Float32, top_rows
from search_index.reranking import Rows
from search_index.snapshot import Filters, Snapshot, stamp
from search_index.spelling import Correction
from search_index.store.files import check_files, reading
from search_index.store.schema import staff_keys, staff_words
from search_index.suggest import begun_article, few_articles, line_key
from search_index.sureness import STRONG, WEAK, sureness

CHECK_SECONDS = 0.3
MAX_TEXT = 400
# A row counts as a result when its words score at least this share of the best row's.
RELEVANT_SHARE = 0.05
# In a short text one wrong character spoils much, and looking for it costs little.
SHORT_TEXT = 12
MAX_CITED = 20
CITED_SCORE = 100.0
# No citation is without one of these, and looking for citations takes as long as ranking.
_MAY_CITE = re.compile("[0-9条]")
_OPEN_ATTEMPTS = 5


class SearchIndex:
    """An open index. It follows new generations and deltas by itself within `CHECK_SECONDS`."""

    def __init__(self, folder: Path) -> None:
        self.folder = Path(folder)
        self._lock = threading.Lock()
        self._checked = 0.0
        self._stamp: tuple[str, str | None] | None = None
        self._current: Snapshot | None = None
        self._refresh()

    @classmethod
    def open(cls, folder: Path) -> SearchIndex:
        """Open the serving generation; raises IndexMissing, IndexFormatError or IndexDamaged."""
        return cls(folder)

    def preload(self) -> None:
        """Load everything that is otherwise loaded on first use; call before forking workers."""
        analysis.preload()
        meaning.preload()
        snapshot = self.snapshot()
        _ = snapshot.law_names, snapshot.completions, snapshot.words.speller

    def verify(self) -> None:
        """Read all files of what serves; raises IndexDamaged when one is not what was written."""
        snapshot = self.snapshot()
        for segment in (snapshot.base, snapshot.delta):
            if segment is not None:
                check_files(segment.folder, whole=True)

    # ---- following the files

    def snapshot(self) -> Snapshot:
        """The latest state, looked up at most every `CHECK_SECONDS`."""
        if time.monotonic() - self._checked > CHECK_SECONDS and self._lock.acquire(blocking=False):
            try:
                self._refresh()
            finally:
                self._lock.release()
        current = self._current
        if current is None:  # cannot be: the constructor either loads one or raises
            raise IndexMissing(self.folder.name)
        return current

    def _refresh(self) -> None:
        for attempt in range(_OPEN_ATTEMPTS):
            try:
                found = stamp(self.folder)
                if found != self._stamp:
                    self._current = self._opened(found)
                    self._stamp = found
                self._checked = time.monotonic()
                return
            except FileNotFoundError:
                # The folder was cleared away between reading the link and opening: look again.
                if attempt < _OPEN_ATTEMPTS - 1:
                    continue
                if self._current is None:
                    raise
                self._checked = time.monotonic()
            except (IndexMissing, IndexFormatError, IndexDamaged):
                if self._current is None:
                    raise
                self._checked = time.monotonic()  # what is mapped still serves
                return

    def _opened(self, found: tuple[str, str | None]) -> Snapshot:
        generation, delta = found
        path = (self.folder / generation).resolve(strict=True)
        previous = self._current
        same = previous if previous and previous.generation == path else None
        with reading():
            return Snapshot(path, delta, same)

    # ---- searching

    def search(self, request: SearchRequest) -> SearchResult:
        """Answer a request. Any text is accepted; only its first characters are read as words."""
        snapshot = self.snapshot()
        text = analysis.normalise(request.text)
        citations, cited, rest = self._cited(snapshot, text, request.as_of)
        query = snapshot.query(rest[:MAX_TEXT])
        words, full = snapshot.scores(query)
        if request.as_of is not None:
            words *= snapshot.valid_on(request.as_of)
        words[cited] = 0.0
        least = _least(words)
        found = np.flatnonzero(words >= least)
        filters = _filters(request)
        facets, total = snapshot.facets(np.concatenate((_rows(cited), found)), filters)
        passing = snapshot.passing(filters)
        allowed = found[passing[found]]
        cited = [row for row in cited if passing[row]]
        offset, size = max(request.offset, 0), max(request.size, 0)
        depth = max(min(offset + size, snapshot.size), FIRST_LOOKED_AT)
        dated = request.as_of is not None
        ranked = snapshot.ranker.ranked(query, words, full, allowed, depth, dated=dated)
        rows, scores = ranked.rows.tolist(), ranked.scores.tolist()
        asked = Asked()
        if request.leading_kinds and rows and not citations:
            kinds = snapshot.passing((("kind", request.leading_kinds),))
            may_lead = passing & kinds & (words >= least)
            asked = asked_before(snapshot, query, words, full, may_lead, rows)
            first = supported(snapshot, rows, kinds, asked)
            rows.insert(0, rows.pop(first))
            scores.insert(0, scores.pop(first))
        listed: list[tuple[int, float, Why]] = [(row, CITED_SCORE, "citation") for row in cited]
        listed += [(row, score, "words") for row, score in zip(rows, scores, strict=True)]
        # Where the same was surely asked before, little of the question's words is no sign of a wrong answer.
        leading = None if asked.row in rows[: asked.place + 1] else asked.row
        sure = STRONG if cited or asked.surely else sureness(snapshot, query, ranked)
        weak = sure < WEAK
        corrected = self._correct(snapshot, text) if weak or len(text) <= SHORT_TEXT else None
        if corrected is None and not listed and not len(found):
            spelled = snapshot.words.speller.spelled(text)
            corrected = Correction(spelled, sure=True) if spelled else None
        shown = Shown.of(snapshot, query)
        return SearchResult(
            hits=tuple(
                hit_of(snapshot, row, score, shown, why)
                for row, score, why in listed[offset : offset + size]
            ),
            leading=None if leading is None else hit_of(snapshot, leading, 100.0, shown, "words"),
            leading_place=asked.place,
            total=total,
            facets=facets,
            citations=tuple(citations),
            corrected=corrected.text if corrected else None,
            is_guess=corrected is not None and not corrected.sure,
            categories=_categories(snapshot, words, found) if weak else {},
            weak=weak,
            strong=sure >= STRONG,
            story=query.story,
        )

    def _cited(
        self, snapshot: Snapshot, text: str, as_of: date | None
    ) -> tuple[list[CitationMatch], list[int], str]:
        """The citations in the text, the rows they name, and the text without them."""
        citations = []
        rows: dict[int, None] = {}
        rest = list(text)
        if len(text) > MAX_TEXT * 5 or not _MAY_CITE.search(text):
            return [], [], text
        for citation in find_citations(text, snapshot.law_names):
            match, found = _resolve(snapshot, text, citation, as_of)
            citations.append(match)
            rows.update(dict.fromkeys(found[:MAX_CITED]))
            rest[citation.start : citation.end] = " " * (citation.end - citation.start)
        return citations, list(rows), "".join(rest)

    def rank(
        self,
        question: str | Query,
        size: int = 10,
        kinds: tuple[str, ...] = (),
        levels: tuple[str, ...] = (),
    ) -> list[tuple[int, float]]:
        """The ranking alone: best rows and scores, without records, facets or fragments.

        A question that is analysed already must come from the snapshot that is served.
        """
        snapshot = self.snapshot()
        query = snapshot.query(question[:MAX_TEXT]) if isinstance(question, str) else question
        words, full = snapshot.scores(query)
        wanted = (("kind", kinds), ("level", levels))
        filters = tuple((name, values) for name, values in wanted if values)
        found = np.flatnonzero(words >= _least(words))
        allowed = found[snapshot.passing(filters)[found]]
        ranked = snapshot.ranker.ranked(query, words, full, allowed, size)
        return list(zip(ranked.rows.tolist(), ranked.scores.tolist(), strict=True))

    # ---- look-ups

    def document(self, key: str) -> Document | None:
        """The document of a key, None when it is not in the index."""
        snapshot = self.snapshot()
        row = snapshot.row_of(key)
        return snapshot.document(row) if row is not None else None

    def versions(self, key: str) -> list[Document]:
        """All versions of the article `key`, oldest first; the document alone for other kinds."""
        snapshot = self.snapshot()
        row = snapshot.row_of(key)
        if row is None:
            return []
        return [snapshot.document(other) for other in snapshot.version_rows(row)]

    def neighbours(self, key: str, n: int = 1) -> list[Document]:
        """Up to `n` articles before and `n` after `key` in the same law, in order, without it."""
        snapshot = self.snapshot()
        row = snapshot.row_of(key)
        if row is None:
            return []
        return [snapshot.document(other) for other in snapshot.neighbour_rows(row, n)]

    def related(self, key: str, size: int = 5, kinds: tuple[str, ...] = ()) -> list[Hit]:
        """Documents about the same matter, other versions of the same article left out."""
        snapshot = self.snapshot()
        row = snapshot.row_of(key)
        if row is None or size <= 0:
            return []
        document = snapshot.document(row)
        text = f"{document.title} {document.heading} {document.text}"
        if document.kind != "article":
            text = f"{document.title} {document.text}"
        query = snapshot.query(text[: MAX_TEXT * 2], told=False)
        words, full = snapshot.scores(query)
        words[[row, *snapshot.version_rows(row)]] = 0.0
        allowed = np.flatnonzero(words >= _least(words))
        if kinds:
            allowed = allowed[snapshot.passing((("kind", kinds),))[allowed]]
        ranked = snapshot.ranker.ranked(query, words, full, allowed, size)
        shown = Shown.of(snapshot, query)
        return [
            hit_of(snapshot, item, score, shown, "words")
            for item, score in zip(ranked.rows.tolist(), ranked.scores.tolist(), strict=True)
        ]

    def suggest(self, prefix: str, size: int = 8) -> list[Suggestion]:
        """Lines to offer while `prefix` is being typed."""
        snapshot, typed = self.snapshot(), prefix[:64]
        begun = _articles_begun(snapshot, typed, max(size, 0))
        found = {line_key(line.text): line for line in begun}
        for line in _completed(snapshot, typed, size):
            found.setdefault(line_key(line.text), line)
        if not found:
            # What was offered a character ago is nearer than nothing.
            beginnings = [part.longest_beginning(typed) for part in snapshot.completions]
            lines = _completed(snapshot, max(beginnings, key=len, default=""), size)
            spelled = "" if lines else snapshot.words.speller.spelled_so_far(typed)
            lines = lines or _completed(snapshot, spelled, size)
            found = {line_key(line.text): line for line in lines}
        return list(found.values())[: max(size, 0)]

    def did_you_mean(self, text: str) -> str | None:
        """`text` with a likely typing error put right, None when there is nothing to propose."""
        corrected = self._correct(self.snapshot(), text)
        return corrected.text if corrected else None

    @staticmethod
    def _correct(snapshot: Snapshot, text: str) -> Correction | None:
        return snapshot.words.speller.correct(text, snapshot.pair_count)

    def find_citations(self, text: str) -> list[CitationMatch]:
        """Every citation in a text of any length, each checked against the index."""
        snapshot = self.snapshot()
        normal = analysis.normalise(text)
        citations = find_citations(normal, snapshot.law_names)
        return [_resolve(snapshot, text, citation, None)[0] for citation in citations]

    def staff_search(self, text: str, size: int = 20) -> list[Hit]:
        """The staff's query language (`law:民法典 AND number:1254`, `kind:faq 押金`); what is in force first."""
        snapshot = self.snapshot()
        hits: list[Hit] = []
        folders = [snapshot.base.folder] + ([snapshot.delta.folder] if snapshot.delta else [])
        words = staff_words(text)
        shown = Shown(words, (), dict.fromkeys(words, 1.0))
        found = [
            (folder, staff_keys(folder / "whoosh", text, max(size, 1) * 2))
            for folder in reversed(folders)
        ]
        for part in (0, 1):
            for folder, keys in found:
                for key in keys[part]:
                    row = snapshot.row_of(key)
                    in_base = row is not None and row < snapshot.base.size
                    if row is None or in_base != (folder == snapshot.base.folder):
                        continue
                    if len(hits) < size:
                        hits.append(hit_of(snapshot, row, 0.0, shown, "words"))
        return hits

    def info(self) -> dict[str, str | int]:
        """What serves right now: generation, delta, number of documents, time of the build."""
        snapshot = self.snapshot()
        return {
            "generation": snapshot.generation.name,
            "delta": snapshot.delta_name or "",
            "documents": int(snapshot.alive.sum()),
            "built_at": snapshot.built_at,
        }


def _completed(snapshot: Snapshot, typed: str, size: int) -> list[Suggestion]:
    return [line for part in snapshot.completions for line in part.complete(typed, size)]


def _articles_begun(snapshot: Snapshot, typed: str, size: int) -> list[Suggestion]:
    """The articles in force whose number is being typed behind the name of a law."""
    begun = begun_article(typed, snapshot.law_names)
    if begun is None:
        return []
    law, is_meant = begun
    numbers = snapshot.numbers_in_force(law)
    return [
        Suggestion(
            simplify(law) + format_article_number(number),
            "article",
            snapshot.record(numbers[number])["key"],
        )
        for number in few_articles(filter(is_meant, numbers), size)
    ]


def _least(words: Float32) -> float:
    """The words' score from which on a row counts as a result."""
    return max(float(words.max(initial=0.0)) * RELEVANT_SHARE, 1e-6)


def _rows(rows: list[int]) -> Rows:
    return np.array(rows, dtype=np.int64)


def _resolve(
    snapshot: Snapshot, text: str, citation: Citation, as_of: date | None
) -> tuple[CitationMatch, list[int]]:
    """What the index knows of one citation, and the rows it names (the version in force first)."""
    laws = citation.candidates
    per_law = {law: snapshot.article_rows(law, citation.number) for law in laws}
    if as_of is not None:
        valid = snapshot.valid_on(as_of)
        per_law = {law: [row for row in rows if valid[row]] for law, rows in per_law.items()}
    holding = {law: rows for law, rows in per_law.items() if rows}
    rows = [row for found in holding.values() for row in found][:MAX_CITED]
    law = next(iter(holding), laws[0] if laws else citation.law_as_written)
    status: CitationStatus
    if not laws:
        status = "no_such_law"
    elif not holding:
        status = "no_such_article"
    else:
        status = "found" if len(holding) == 1 else "ambiguous"
    match = CitationMatch(
        text=text[citation.start : citation.end],
        law=law if status != "ambiguous" else citation.law_as_written,
        number=citation.number,
        status=status,
        keys=tuple(snapshot.record(row)["key"] for row in rows),
        part=citation.part,
    )
    return match, rows


def _filters(request: SearchRequest) -> Filters:
    wanted = (
        ("kind", request.kinds),
        ("level", request.levels),
        ("validity", request.validities),
        ("category", request.categories),
    )
    return tuple((name, tuple(values)) for name, values in wanted if values)


def _categories(snapshot: Snapshot, words: Float32, rows: Rows) -> dict[str, float]:
    """The categories of the ten best documents that have one, by their share of the cubes of the words' scores.

    Cubes, because a second document that holds half as much of the question says little.
    """
    without = snapshot.passing((("category", ("",)),))
    rows = rows[~without[rows]]
    votes: dict[str, float] = {}
    for row in rows[top_rows(words[rows], 10)]:
        value = snapshot.values["category"][snapshot.codes["category"][row]]
        votes[value] = votes.get(value, 0.0) + float(words[row]) ** 3
    total = sum(votes.values())
    return {value: vote / total for value, vote in votes.items()}
