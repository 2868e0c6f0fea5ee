"""Builds generations and adds deltas, one writer at a time, safe against a crash in any moment.

Folder layout:

    current -> generations/000012          switched by one rename
    generations/000012/base/               the segment of the last build
    generations/000012/delta -> deltas/7   switched by one rename
    generations/000012/deltas/7/           everything changed since the build, cumulative
    build.lock, write.lock                 held by builders and by whoever switches a link

A reader follows the links once and opens real paths. What a killed writer left behind is a folder
that no link names; the next writer removes it.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from search_index.documents import Document
from search_index.errors import (
    BuildInProgress,
    IndexDamaged,
    IndexFormatError,
    IndexMissing,
    IndexWriteError,
)
from search_index.learning import Lessons, learn, learn_bridges, wordings
from search_index.spelling import write_spelling
from search_index.store.files import (
    load_json,
    locked,
    note_files,
    read_link,
    reading,
    save_json,
    seal_tree,
    switch_link,
    sync_folder,
)
from search_index.store.schema import write_whoosh
from search_index.store.segment import Entry, Segment, collect, open_segment, write_segment
from search_index.suggest import asked_lines, write_suggestions
from search_index.thesaurus import Thesaurus
from search_index.vocabulary import write_meanings

FORMAT = 10
KEPT_GENERATIONS = 5
KEPT_DELTAS = 3
# A search that has just begun may still open a file of the delta it looks at.
DELTA_SECONDS = 10.0
WRITE_WAIT_SECONDS = 30.0

Progress = Callable[[str, int, int], None]


def silent(stage: str, done: int, total: int) -> None:
    """A progress receiver that tells nobody."""


@dataclass(slots=True)
class Changes:
    """What a delta holds: documents written and keys taken away since the base, with their turn."""

    upserts: dict[str, tuple[int, Document]] = field(default_factory=dict)
    deletions: dict[str, int] = field(default_factory=dict)
    turn: int = 0

    def apply(self, upserts: Iterable[Document], deletions: Iterable[str]) -> None:
        """Record one update; the latest word on a key wins."""
        self.turn += 1
        for key in deletions:
            self.upserts.pop(key, None)
            self.deletions[key] = self.turn
        for document in upserts:
            self.deletions.pop(document.key, None)
            self.upserts[document.key] = (self.turn, document)

    def since(self, turn: int) -> Changes:
        """The part of the changes recorded after `turn`."""
        return Changes(
            {key: entry for key, entry in self.upserts.items() if entry[0] > turn},
            {key: at for key, at in self.deletions.items() if at > turn},
            self.turn,
        )

    def to_json(self) -> dict[str, Any]:
        """JSON-ready form; `from_json` is the inverse."""
        return {
            "turn": self.turn,
            "upserts": [[turn, doc.to_record()] for turn, doc in self.upserts.values()],
            "deletions": self.deletions,
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Changes:
        """Rebuild from `to_json`."""
        documents = [(turn, Document.from_record(record)) for turn, record in value["upserts"]]
        return cls(
            {document.key: (turn, document) for turn, document in documents},
            dict(value["deletions"]),
            value["turn"],
        )


class IndexWriter:
    """Writes the index in `folder`; any number may exist, locks keep them apart."""

    def __init__(self, folder: Path, thesaurus: Thesaurus | None = None) -> None:
        self.folder = Path(folder)
        self.thesaurus = thesaurus or Thesaurus()

    def build(self, documents: Iterable[Document], progress: Progress = silent) -> str:
        """Write a new generation from all documents and switch to it; returns its name.

        Searches go on undisturbed. Updates made while the build runs are carried over. Raises
        `BuildInProgress` when another build runs, `IndexWriteError` when the disk refuses; the old
        generation then still serves.
        """
        with _write_errors():
            (self.folder / "generations").mkdir(parents=True, exist_ok=True)
            with locked(self.folder / "build.lock", 0.0, BuildInProgress):
                with locked(self.folder / "write.lock", WRITE_WAIT_SECONDS):
                    turn = self._changes().turn
                    target = self._next_generation()
                try:
                    self._write_generation(target, documents, progress)
                    self._publish_generation(target, turn, progress)
                except BaseException:
                    if read_link(self.folder / "current") != f"generations/{target.name}":
                        shutil.rmtree(target, ignore_errors=True)
                    raise
        return target.name

    def update(self, upserts: Iterable[Document], deletions: Iterable[str] = ()) -> None:
        """Make documents findable, and keys not findable, in every process within two seconds.

        Repeating an update changes nothing. Raises `IndexMissing` before the first build, and
        `IndexFormatError` or `IndexDamaged` when what serves cannot be read.
        """
        new, gone = collect(upserts), list(deletions)
        with _write_errors(), locked(self._lock_file(), WRITE_WAIT_SECONDS):
            with reading(opened=True):
                generation = self._generation()
                check_format(generation)
                changes = load_changes(generation)
                base = open_segment(generation / "base")
            changes.apply(new, gone)
            _write_delta(generation, base, changes)

    def _lock_file(self) -> Path:
        if read_link(self.folder / "current") is None:
            raise IndexMissing(f"no generation in {self.folder.name}: build the index first")
        return self.folder / "write.lock"

    def _generation(self) -> Path:
        name = read_link(self.folder / "current")
        if name is None:
            raise IndexMissing(f"no generation in {self.folder.name}: build the index first")
        return self.folder / name

    def _changes(self) -> Changes:
        """What lies beside the serving base; nothing when there is none that this program can read."""
        name = read_link(self.folder / "current")
        if name is None:
            return Changes()
        try:
            check_format(self.folder / name)
            return load_changes(self.folder / name)
        except (IndexFormatError, IndexDamaged, FileNotFoundError):
            return Changes()

    def _next_generation(self) -> Path:
        parent = self.folder / "generations"
        current = read_link(self.folder / "current")
        numbers = [int(path.name) for path in parent.iterdir() if path.name.isdecimal()]
        newest = int(current.rpartition("/")[2]) if current else 0
        for number in numbers:
            if (
                number > newest
            ):  # begun by a build that died; the build lock says nobody else is at it
                shutil.rmtree(parent / f"{number:06d}", ignore_errors=True)
        target = parent / f"{newest + 1:06d}"
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir()
        return target

    def _write_generation(
        self, target: Path, documents: Iterable[Document], progress: Progress
    ) -> None:
        progress("collect", 0, 1)
        everything = collect(documents)
        progress("collect", 1, 1)
        lessons = learn(everything)
        base = target / "base"
        base.mkdir()
        entries = [_entry(document, lessons) for document in everything]
        totals = write_segment(base, entries, progress)
        write_suggestions(base, everything)
        write_spelling(base, totals, [text for text, _ in asked_lines(base)])
        write_meanings(base)
        write_whoosh(base / "whoosh", everything, progress)
        save_json(base / "bridges.json", learn_bridges(everything))
        self.thesaurus.save(base / "thesaurus.json")
        note_files(base)
        (target / "deltas").mkdir()
        save_json(
            target / "manifest.json",
            {
                "format": FORMAT,
                "documents": len(everything),
                "built_at": datetime.now(UTC).isoformat(timespec="seconds"),
            },
        )
        progress("sync", 0, 1)
        seal_tree(target)
        progress("sync", 1, 1)

    def _publish_generation(self, target: Path, turn: int, progress: Progress) -> None:
        with locked(self.folder / "write.lock", WRITE_WAIT_SECONDS):
            missed = self._changes().since(turn)
            if missed.upserts or missed.deletions:
                _write_delta(target, open_segment(target / "base"), missed)
            switch_link(self.folder / "current", f"generations/{target.name}")
            progress("publish", 1, 1)
            old = sorted(path for path in (self.folder / "generations").iterdir())
            for path in old[:-KEPT_GENERATIONS]:
                shutil.rmtree(path, ignore_errors=True)


@reading()
def check_format(generation: Path) -> dict[str, Any]:
    """A generation's manifest; raises IndexFormatError when this program does not read its format."""
    manifest: dict[str, Any] = load_json(generation / "manifest.json")
    if manifest.get("format") != FORMAT:
        raise IndexFormatError(
            f"generation {generation.name} has format {manifest.get('format')}, "
            f"this program reads {FORMAT}: rebuild the index"
        )
    return manifest


@reading()
def load_changes(generation: Path) -> Changes:
    """The changes recorded on top of a generation's base."""
    name = read_link(generation / "delta")
    if name is None:
        return Changes()
    return Changes.from_json(load_json(generation / name / "changes.json"))


def _entry(document: Document, lessons: Lessons) -> Entry:
    if document.kind != "article":
        return Entry(document)
    chapter = lessons.by_chapter.get((document.law, document.heading), ())
    return Entry(document, tuple(lessons.by_article.get(document.key, ())), tuple(chapter))


def _write_delta(generation: Path, base: Segment, changes: Changes) -> None:
    """Write the cumulative delta folder of `changes` and switch the generation's link to it."""
    deltas = generation / "deltas"
    serving = read_link(generation / "delta")
    current = int(serving.rpartition("/")[2]) if serving else 0
    target = deltas / str(current + 1)
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir()
    delta = _DeltaEntries(base, changes)
    entries = list(delta.entries.values())
    write_segment(target, entries, silent, base.statistics())
    write_suggestions(target, [document for _, document in changes.upserts.values()])
    write_meanings(target)
    write_whoosh(target / "whoosh", [entry.document for entry in entries], silent)
    save_json(target / "changes.json", changes.to_json())
    save_json(target / "replaced.json", delta.replaced)
    note_files(target)
    seal_tree(target)
    sync_folder(deltas)
    switch_link(generation / "delta", f"deltas/{target.name}")
    numbers = sorted(int(path.name) for path in deltas.iterdir() if path.name.isdecimal())
    for number in numbers[:-KEPT_DELTAS]:
        if time.time() - (deltas / str(number)).stat().st_mtime > DELTA_SECONDS:
            shutil.rmtree(deltas / str(number), ignore_errors=True)


class _DeltaEntries:
    """The delta's documents with their lessons, and the base keys they replace.

    An FAQ that came, changed or went changes what its cited articles have learned, so those
    articles are written into the delta too.
    """

    def __init__(self, base: Segment, changes: Changes) -> None:
        self._base = base
        self._new = {key: document for key, (_, document) in changes.upserts.items()}
        self._gone = changes.deletions
        self.entries: dict[str, Entry] = {}
        touched = set(self._new) | set(changes.deletions)
        for key in self._new:
            self.entries[key] = self._new_entry(key)
        for key in sorted(touched):
            row = base.row_of(key)
            for article in base.document(row).cites if row is not None else ():
                self._teach(article, key, None)
        for key, document in self._new.items():
            question = "\n".join(wordings(document))
            for article in document.cites:
                self._teach(article, key, question)
        self.replaced = sorted(
            key for key in set(self.entries) | touched if base.row_of(key) is not None
        )

    def _base_entry(self, key: str) -> Entry | None:
        row = self._base.row_of(key)
        return self._base.entry(row) if row is not None else None

    def _new_entry(self, key: str) -> Entry:
        document = self._new[key]
        old = self._base_entry(key)
        if old is None or document.kind != "article":
            return Entry(document)
        return Entry(document, old.lessons, old.chapter)

    def _teach(self, article_key: str, source: str, question: str | None) -> None:
        """Replace what `source` taught an article; with None it is unlearned."""
        entry = self.entries.get(article_key)
        if entry is None and article_key not in self._gone:
            entry = self._base_entry(article_key)
        if entry is None or entry.document.kind != "article":
            return
        kept = tuple(lesson for lesson in entry.lessons if lesson[0] != source)
        lessons = (*kept, (source, question)) if question is not None else kept
        self.entries[article_key] = Entry(entry.document, lessons, entry.chapter)


@contextmanager
def _write_errors() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise IndexWriteError(
            f"the search index could not be written ({error.strerror or error}); "
            "the last complete state still serves"
        ) from error
