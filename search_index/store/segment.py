"""One complete set of index files in a folder: records, columns for filters, and the matrix.

A generation's base is a segment; so is the delta of documents changed since. Rows are numbered in
the order of the documents written.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from search_index import analysis, meaning
from search_index.documents import Document
from search_index.learning import Lesson
from search_index.numerals import article_order
from search_index.ranking import (
    Counts,
    Field,
    Postings,
    Statistics,
    average_lengths,
    compile_postings,
)
from search_index.store.files import (
    check_files,
    decode_json,
    encode_json,
    load_array,
    load_json,
    reading,
    save_array,
    save_json,
)

Progress = Callable[[str, int, int], None]

NEVER = np.iinfo(np.int32).max
K1 = 1.2
FIELDS = (
    Field("text", 1.0, 0.6),
    Field("title", 0.6, 0.3),
    Field("heading", 0.6, 0.3),
    Field("questions", 0.6, 0.1),
    Field("chapter", 0.3, 0.6),
)
_COLUMNS = ("kind", "level", "validity", "category")


@dataclass(frozen=True, slots=True)
class Entry:
    """A document on its way into a segment, with what others taught about it."""

    document: Document
    lessons: tuple[Lesson, ...] = ()
    chapter: tuple[str, ...] = ()

    def fields(self) -> dict[str, str]:
        """The text of each ranking field."""
        document = self.document
        questions = [*document.questions, *(question for _, question in self.lessons)]
        is_article = document.kind == "article"
        if not is_article:  # its title is the question itself
            questions.insert(0, document.title)
        return {
            "text": document.text,
            "title": document.title if is_article else "",
            "heading": document.heading,
            "questions": "\n".join(questions),
            "chapter": "\n".join(self.chapter),
        }


@dataclass(frozen=True, slots=True)
class Lines:
    """Pieces of bytes of any length in one mapped file, by row."""

    content: bytes | memoryview
    offsets: npt.NDArray[np.int64]

    def __getitem__(self, row: int) -> bytes:
        return bytes(self.content[int(self.offsets[row]) : int(self.offsets[row + 1])])

    @classmethod
    def load(cls, folder: Path, name: str) -> Lines:
        """Map what `save` wrote."""
        path = folder / name
        content: memoryview | bytes = b""
        if path.stat().st_size:
            content = np.memmap(path, dtype=np.uint8, mode="r").data
        return cls(content, load_array(folder / f"{name}.offsets.npy"))

    @staticmethod
    def save(folder: Path, name: str, lines: Iterable[bytes]) -> None:
        """Write the pieces and where each begins."""
        offsets = [0]
        with (folder / name).open("wb") as file:
            for line in lines:
                file.write(line)
                offsets.append(offsets[-1] + len(line))
        save_array(folder / f"{name}.offsets.npy", np.array(offsets, dtype=np.int64))


@dataclass(slots=True)
class Segment:
    """An open segment; arrays are mapped, records are decoded on demand."""

    folder: Path
    size: int
    postings: Postings
    columns: dict[str, npt.NDArray[np.uint16]]
    values: dict[str, list[str]]
    laws: list[str]
    law: npt.NDArray[np.int32]
    order: npt.NDArray[np.int64]
    valid_from: npt.NDArray[np.int32]
    valid_to: npt.NDArray[np.int32]
    key_hashes: npt.NDArray[np.uint64]
    key_rows: npt.NDArray[np.int32]
    average_lengths: dict[str, float]
    chapter: npt.NDArray[np.uint64]
    cite_sources: npt.NDArray[np.int32]
    cite_targets: npt.NDArray[np.int32]
    records: Lines
    lessons: Lines
    cuts: Lines
    texts: meaning.Texts

    def record(self, row: int) -> dict[str, Any]:
        """The stored fields of a row's document."""
        record: dict[str, Any] = decode_json(self.records[row])
        return record

    def document(self, row: int) -> Document:
        """The document of a row."""
        return Document.from_record(self.record(row))

    def word_ends(self, row: int) -> list[int]:
        """Where the words of a row's text end, as `highlight.word_ends` gives it."""
        return list(accumulate(self.cuts[row]))

    def entry(self, row: int) -> Entry:
        """The document of a row with its lessons, ready to be written again."""
        taught = decode_json(self.lessons[row])
        lessons = tuple((source, text) for source, text in taught["lessons"])
        return Entry(self.document(row), lessons, tuple(taught["chapter"]))

    def row_of(self, key: str) -> int | None:
        """The row of a key, None when the segment does not hold it."""
        number = np.uint64(analysis.word_hash(analysis.normalise(key)))
        place = int(np.searchsorted(self.key_hashes, number))
        while place < len(self.key_hashes) and self.key_hashes[place] == number:
            row = int(self.key_rows[place])
            if self.record(row)["key"] == key:
                return row
            place += 1
        return None

    def statistics(self) -> Statistics:
        """What a delta written on top of this base needs for comparable scores."""
        return Statistics(self.postings, self.average_lengths, self.size)


def count_terms(
    texts: Sequence[str],
    report: Callable[[int], None],
    totals: Counter[str],
    cuts: list[bytes] | None = None,
) -> Counts:
    """Words and bigrams of one field over all rows, counted; `totals` gain the words' own.

    Words go through the segmenter row by row; bigrams are taken from one array over all texts. `cuts`
    gains for each row the lengths of its pieces, one byte each.
    """
    size = len(texts)
    vocabulary: dict[str, int] = {}
    numbers: list[int] = []
    lengths = np.zeros(size, dtype=np.float32)
    word_counts = np.zeros(size, dtype=np.int64)
    normal = []
    for row, text in enumerate(texts):
        if text:
            plain = analysis.normalise(text)
            normal.append(plain)
            pieces = analysis.pieces(plain)
            items = analysis.meaningful(pieces)
            if cuts is not None:
                cuts.append(_lengths(pieces))
            word_counts[row] = len(items)
            totals.update(items)
            numbers.extend([vocabulary.setdefault(item, len(vocabulary)) for item in items])
        else:
            normal.append("")
            if cuts is not None:
                cuts.append(b"")
        if row % 2048 == 0:
            report(row)
    hashes = analysis.word_hashes(vocabulary)
    word_terms = hashes[np.array(numbers, dtype=np.int64)] if numbers else hashes
    word_rows = np.repeat(np.arange(size, dtype=np.int64), word_counts)
    points = analysis.code_points("\n".join(normal) + "\n")
    pair_terms, places = analysis.bigram_hashes(points)
    ends = np.cumsum(np.array([len(text) + 1 for text in normal], dtype=np.int64))
    pair_rows = np.searchsorted(ends, places, side="right")
    lengths += word_counts
    rows = np.concatenate((word_rows, pair_rows))
    terms = np.concatenate((word_terms, pair_terms))
    return _aggregate(rows, terms, lengths)


def _lengths(pieces: Sequence[str]) -> bytes:
    """The pieces' lengths; one longer than a byte can say counts as several."""
    try:
        return bytes(map(len, pieces))
    except ValueError:
        lengths = bytearray()
        for piece in pieces:
            whole, rest = divmod(len(piece), 255)
            lengths += b"\xff" * whole + bytes([rest] if rest else [])
        return bytes(lengths)


def _pieces(text: str, lengths: bytes) -> list[str]:
    """The pieces of a text whose lengths are known."""
    normal = analysis.normalise(text)
    return [
        normal[end - length : end] for length, end in zip(lengths, accumulate(lengths), strict=True)
    ]


def _aggregate(
    rows: npt.NDArray[np.int64], terms: npt.NDArray[np.uint64], lengths: npt.NDArray[np.float32]
) -> Counts:
    if not len(rows):
        return Counts(rows.astype(np.int32), terms, np.empty(0, dtype=np.float32), lengths)
    order = np.lexsort((terms, rows))
    rows, terms = rows[order], terms[order]
    changes = (rows[1:] != rows[:-1]) | (terms[1:] != terms[:-1])
    first = np.flatnonzero(np.concatenate(([True], changes)))
    counts = np.diff(np.concatenate((first, [len(rows)])))
    return Counts(rows[first].astype(np.int32), terms[first], counts.astype(np.float32), lengths)


def write_segment(
    folder: Path,
    entries: Sequence[Entry],
    progress: Progress,
    borrowed: Statistics | None = None,
) -> Counter[str]:
    """Write all files of a segment into an existing, empty folder (not synced yet).

    Returns how often each word stands in it.
    """
    size = len(entries)
    counted: dict[str, Counts] = {}
    texts: dict[str, list[str]] = {spec.name: [] for spec in FIELDS}
    for entry in entries:
        for name, text in entry.fields().items():
            texts[name].append(text)
    totals: Counter[str] = Counter()
    cuts: list[bytes] = []
    for step, spec in enumerate(FIELDS):
        done = step * size

        def report(row: int, done: int = done) -> None:
            progress("analyse", done + row, size * len(FIELDS))

        kept = cuts if spec.name == "text" else None
        counted[spec.name] = count_terms(texts[spec.name], report, totals, kept)
    progress("analyse", size * len(FIELDS), size * len(FIELDS))
    progress("compile", 0, 1)
    postings = compile_postings(counted, FIELDS, size, K1, borrowed)
    postings.save(folder, "words")
    progress("compile", 1, 1)
    values = _write_columns(folder, entries)
    _write_records(folder, entries, progress)
    Lines.save(folder, "cuts.bin", cuts)
    about = meaning.texts(map(_pieces, texts["text"], cuts))
    save_array(folder / "texts.numbers.npy", about.numbers)
    save_array(folder / "texts.steps.npy", about.steps)
    save_json(
        folder / "segment.json",
        {
            "size": size,
            "values": values,
            "laws": values.pop("law"),
            "average_lengths": borrowed.average_lengths if borrowed else average_lengths(counted),
        },
    )
    return totals


def _write_columns(folder: Path, entries: Sequence[Entry]) -> dict[str, list[str]]:
    documents = [entry.document for entry in entries]
    values: dict[str, list[str]] = {}
    for name in (*_COLUMNS, "law"):
        codes: dict[str, int] = {}
        column = [codes.setdefault(getattr(doc, name), len(codes)) for doc in documents]
        values[name] = list(codes)
        dtype = np.int32 if name == "law" else np.uint16
        save_array(folder / f"{name}.npy", np.array(column, dtype=dtype))
    orders = [article_order(doc.article_number) for doc in documents]
    save_array(folder / "order.npy", np.array(orders, dtype=np.int64))
    starts = [_ordinal(doc.valid_from, 0) for doc in documents]
    ends = [_ordinal(doc.valid_to, NEVER) for doc in documents]
    save_array(folder / "valid_from.npy", np.array(starts, dtype=np.int32))
    save_array(folder / "valid_to.npy", np.array(ends, dtype=np.int32))
    chapters = [f"{doc.law}\n{doc.heading}" if doc.heading else "" for doc in documents]
    save_array(folder / "chapter.npy", analysis.word_hashes(map(analysis.normalise, chapters)))
    _write_citations(folder, documents)
    hashes = analysis.word_hashes(analysis.normalise(doc.key) for doc in documents)
    rows = np.argsort(hashes, kind="stable")
    save_array(folder / "key_hashes.npy", hashes[rows])
    save_array(folder / "key_rows.npy", rows.astype(np.int32))
    return values


def _write_citations(folder: Path, documents: Sequence[Document]) -> None:
    """Pairs of citing and cited row; citations of documents outside this segment are left out."""
    places = {doc.key: row for row, doc in enumerate(documents)}
    pairs = sorted(
        {
            (row, places[key])
            for row, doc in enumerate(documents)
            for key in doc.cites
            if key in places
        }
    )
    table = np.array(pairs, dtype=np.int32).reshape(-1, 2)
    save_array(folder / "cite_sources.npy", np.ascontiguousarray(table[:, 0]))
    save_array(folder / "cite_targets.npy", np.ascontiguousarray(table[:, 1]))


def _ordinal(day: date | None, missing: int) -> int:
    return day.toordinal() if day is not None else missing


def _write_records(folder: Path, entries: Sequence[Entry], progress: Progress) -> None:
    def records() -> Iterator[bytes]:
        for row, entry in enumerate(entries):
            if row % 4096 == 0:
                progress("records", row, len(entries))
            yield encode_json(entry.document.to_record()) + b"\n"

    Lines.save(folder, "records.jsonl", records())
    # Apart from the records: a search reads those, only an update reads what was taught.
    taught = ({"lessons": entry.lessons, "chapter": entry.chapter} for entry in entries)
    Lines.save(folder, "lessons.jsonl", (encode_json(line) + b"\n" for line in taught))
    progress("records", len(entries), len(entries))


@reading()
def open_segment(folder: Path) -> Segment:
    """Map a written segment; raises IndexDamaged when it is not whole."""
    check_files(folder)
    meta = load_json(folder / "segment.json")
    size = meta["size"]
    return Segment(
        folder=folder,
        size=size,
        postings=Postings.load(folder, "words", size),
        columns={name: load_array(folder / f"{name}.npy") for name in _COLUMNS},
        values=meta["values"],
        laws=meta["laws"],
        law=load_array(folder / "law.npy"),
        order=load_array(folder / "order.npy"),
        valid_from=load_array(folder / "valid_from.npy"),
        valid_to=load_array(folder / "valid_to.npy"),
        key_hashes=load_array(folder / "key_hashes.npy"),
        key_rows=load_array(folder / "key_rows.npy"),
        average_lengths=meta["average_lengths"],
        chapter=load_array(folder / "chapter.npy"),
        cite_sources=load_array(folder / "cite_sources.npy"),
        cite_targets=load_array(folder / "cite_targets.npy"),
        records=Lines.load(folder, "records.jsonl"),
        lessons=Lines.load(folder, "lessons.jsonl"),
        cuts=Lines.load(folder, "cuts.bin"),
        texts=meaning.Texts(
            load_array(folder / "texts.numbers.npy"), load_array(folder / "texts.steps.npy")
        ),
    )


def collect(items: Iterable[Document]) -> list[Document]:
    """The documents with unique keys, the last of each key winning, in first order."""
    latest: dict[str, Document] = {}
    for document in items:
        latest[document.key] = document
    return list(latest.values())
