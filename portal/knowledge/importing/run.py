"""Walks the files of an import: reads, compares, writes, and reports on each file.

A document is one unit of work; so is a law whose parts come in several. A JSON file of many texts
is checked whole before anything is written, then goes in a batch of whole texts at a time, so that
residents' writes never wait longer than a batch. A run that is cut off leaves whole texts.
"""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import structlog

from portal.core import clock
from portal.core.db import db
from portal.core.errors import Invalid
from portal.core.unit_of_work import unit_of_work
from portal.knowledge import index, names
from portal.knowledge.importing import json_lines, lines, markdown, repeals, word, writing
from portal.knowledge.importing.makers import may_be_one
from portal.knowledge.importing.markdown import Sheet
from portal.knowledge.importing.texts import (
    FileReport,
    Problem,
    Unreadable,
    UnreadableLines,
    VersionText,
)
from portal.knowledge.models import LawLevel

# Articles per unit of work of a JSON file: about half a second of writing.
BATCH_ARTICLES = 1500
SUFFIXES = {
    "markdown": (".md", ".markdown"),
    "docx": (".docx",),
    "jsonl": (".jsonl", ".jsonl.gz"),
}
_ENDINGS = "、".join(ending for endings in SUFFIXES.values() for ending in endings)
# Names of files that a message lists.
MOST_NAMED = 10
READERS: dict[str, Callable[[Path], Sheet]] = {"markdown": markdown.read, "docx": word.read}

OTHER_LAW = "同名的另一部请在名称前写上制定机关"
SUCCESSOR = "；机关改名或者职能划转、确是同一部的，加上 --successor 再导入"

_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Report:
    """What an import did or, with `dry_run`, would do."""

    dry_run: bool = False
    files: list[FileReport] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    repealed: list[str] = field(default_factory=list)
    # Files in a folder that are of no form that can be read.
    passed_over: list[str] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def changed(self) -> bool:
        """True when anything was written."""
        versions = any(file.versions_added or file.versions_changed for file in self.files)
        return not self.dry_run and bool(versions or self.repealed)


@dataclass(slots=True)
class _Importer:
    report: Report
    progress: index.Progress
    today: date
    seen: dict[tuple[str, date], tuple[str, str]] = field(default_factory=dict)
    repeals: dict[str, tuple[date, str]] = field(default_factory=dict)
    # Of a dry run: the newest version of each law that would be held after it.
    coming: dict[str, VersionText] = field(default_factory=dict)
    # The level and the makers of each law's versions, by their date, with those of this run.
    known: dict[str, dict[date, tuple[LawLevel, tuple[str, ...]]]] = field(default_factory=dict)
    successor: bool = False

    def sheets(self, files: Sequence[tuple[Path, str]], form: str) -> None:
        """Import documents: one text per file, or a law's parts in several files."""
        groups: dict[tuple[Path, str, date], list[tuple[Sheet, str]]] = defaultdict(list)
        broken: set[tuple[Path, str]] = set()
        for done, (path, shown) in enumerate(files, 1):
            try:
                sheet = READERS[form](path)
            except (Unreadable, OSError) as error:
                self._fail(shown, error)
                broken.add((path.parent, _first_line(path)))
            else:
                version = sheet.version
                # A text of its own is a group of its own, whatever else bears its name.
                folder = path.parent if sheet.part else path
                groups[folder, version.law, version.version_date].append((sheet, shown))
            self.progress("read", done, len(files))
        for done, group in enumerate(groups.values(), 1):
            self._group(group, broken)
            self.progress("law", done, len(groups))

    def _group(self, group: list[tuple[Sheet, str]], broken: set[tuple[Path, str]]) -> None:
        sheets = [sheet for sheet, _ in group]
        shown = "、".join(name for _, name in group)
        first = sheets[0]
        if first.part and (first.path.parent, f"# {first.version.law}") in broken:
            reason = f"《{first.version.law}》的另一部分读不出来，为免残缺，这一部分也没有导入"
            self.report.problems += [Problem(name, None, reason) for _, name in group]
            return
        file = FileReport(shown, notes=[note for sheet in sheets for note in sheet.notes])
        try:
            read = markdown.joined(sheets) if first.part else first.version
            file.read_as = f"《{read.law}》{read.version_date} 版"
            self._check_twice(read, shown)
            refusal = self._namesake(read.law, read.version_date, read.level, read.makers)
            if refusal is not None:
                raise Unreadable(None, refusal)
            self._write([read], file)
        except Unreadable as error:
            self._fail(shown, error)
            return
        self.report.files.append(file)

    def _namesake(
        self,
        name: str,
        version_date: date,
        level: LawLevel | None,
        makers: tuple[str, ...] = (),
    ) -> str | None:
        """Say why a text cannot be a version of the law of its name; remembers it where it can.

        Rules of two makers may bear one name. As versions of one law the newer would end the older. Who corrects
        a version that is held is believed, and who says that one maker followed the other.
        """
        if name not in self.known:
            self.known[name] = writing.origins_of(name)
        known = self.known[name]
        if version_date not in known:
            levels = {held for held, _ in known.values()}
            others = levels - {level, LawLevel.OTHER}
            if level is not None and level not in (LawLevel.OTHER, *levels) and others:
                held = "、".join(sorted(other.label for other in others))
                return _not_one(name, f"是{held}", f"是{level.label}", OTHER_LAW)
            before = [maker for _, several in known.values() for maker in several]
            if not self.successor and makers and before and not may_be_one(makers, before):
                held, ours = (
                    "由" + "、".join(dict.fromkeys(each)) + "制定" for each in (before, makers)
                )
                return _not_one(name, held, ours, OTHER_LAW + SUCCESSOR)
        known[version_date] = level or LawLevel.OTHER, makers
        return None

    def _check_twice(self, read: VersionText, shown: str) -> None:
        key = (read.law, read.version_date)
        before = self.seen.setdefault(key, (shown, read.content_hash))
        if before[1] != read.content_hash:
            raise Unreadable(
                None,
                f"《{read.law}》{read.version_date} 版在 {before[0]} 里已有，两处内容不同",
            )

    def json_lines(self, path: Path, shown: str) -> None:
        """Import a file of many texts."""
        file = FileReport(shown)
        try:
            found = json_lines.survey(path, self._namesake)
            file.notes += found.notes
            done = 0
            for batch in _batches(json_lines.read(path, found)):
                self._write(batch, file)
                done += sum(len(read.articles) for read in batch)
                self.progress("law", done, found.articles)
            self.progress("law", found.articles, found.articles)
        except UnreadableLines as error:
            self.report.problems += [Problem(shown, one.line, one.reason) for one in error.problems]
            more = error.count - len(error.problems)
            if more:
                self.report.problems.append(Problem(shown, None, f"还有 {more} 行有错，没有列出"))
            return
        except (Unreadable, OSError) as error:
            self._fail(shown, error)
            return
        self.report.files.append(file)

    def _write(self, texts: Sequence[VersionText], file: FileReport) -> None:
        if self.report.dry_run:
            outcomes = [writing.plan(read).outcome for read in texts]
            db.session.rollback()
        else:
            with unit_of_work():
                outcomes = [writing.write(read, self.today) for read in texts]
        db.session.expunge_all()
        for outcome in outcomes:
            file.texts += 1
            file.versions_added += outcome.added
            file.versions_changed += outcome.changed
            file.versions_unchanged += not (outcome.added or outcome.changed)
            file.articles.add(outcome.articles)
        self._note_repeals(texts)

    def _note_repeals(self, texts: Iterable[VersionText]) -> None:
        """Remember what texts say about others: 《…》同时废止."""
        for read in texts:
            if self.report.dry_run:
                newest = self.coming.get(read.law)
                if newest is None or newest.version_date < read.version_date:
                    self.coming[read.law] = read
            # The clause took effect with the first text, whatever amended it since.
            start = lines.commencement_of(read.articles)
            if start is None:
                continue
            for name in repeals.named_in(read.articles):
                if repeals.titled(name) != repeals.titled(read.law):
                    self.repeals[name] = (start, read.law)

    def repeal(self) -> None:
        """Carry out what was remembered, once everything is in, whatever the order of the files."""
        if self.report.dry_run:
            coming = {repeals.titled(name): read for name, read in self.coming.items()}
            for name, (start, by) in self.repeals.items():
                other = coming.get(repeals.titled(name))
                if repeals.would_repeal(name, start, self.today, other):
                    self._tell_repeal(name, start, by)
            db.session.rollback()
        elif self.repeals:
            with unit_of_work():
                for name, (start, by) in self.repeals.items():
                    if repeals.repeal(name, start, self.today):
                        self._tell_repeal(name, start, by)

    def _tell_repeal(self, name: str, start: date, by: str) -> None:
        since = f"自 {start} 起" if start > self.today else ""
        self.report.repealed.append(f"《{name}》{since}由《{by}》废止")

    def _fail(self, shown: str, error: Unreadable | OSError) -> None:
        if isinstance(error, Unreadable):
            self.report.problems.append(Problem(shown, error.line, error.reason))
        else:
            reason = f"读不出来（{error.strerror or type(error).__name__}）"
            self.report.problems.append(Problem(shown, None, reason))


def run(
    paths: Sequence[Path],
    form: str | None = None,
    *,
    dry_run: bool = False,
    successor: bool = False,
    progress: index.Progress = index.silent,
) -> Report:
    """Import files and folders; `form` is markdown, docx or jsonl, by the file's name when None.

    With `successor` a text of another maker than the one that is held under its name is its next version.

    A broken file is in `problems`, and the others go in. Raises Invalid when there is no file of
    that form at all.
    """
    began = time.monotonic()
    report = Report(dry_run=dry_run)
    report.passed_over = unknown(paths)
    files = find(paths, form)
    importer = _Importer(report, progress, clock.today(), successor=successor)
    for kind in READERS:
        wanted = [(path, shown) for path, shown, found in files if found == kind]
        if wanted:
            importer.sheets(wanted, kind)
    for path, shown, kind in files:
        if kind == "jsonl":
            importer.json_lines(path, shown)
    importer.repeal()
    if not dry_run:
        # Also after a run that wrote nothing: the one before it may have been cut off short of this.
        names.refresh_aliases()
    report.seconds = time.monotonic() - began
    totals: Counter[str] = Counter()
    for file in report.files:
        totals.update(added=file.versions_added, changed=file.versions_changed)
    _log.info(
        "law_imported",
        files=len(report.files),
        problems=len(report.problems),
        added=totals["added"],
        changed=totals["changed"],
        dry_run=dry_run,
        seconds=round(report.seconds, 1),
    )
    return report


def find(paths: Iterable[Path], form: str | None) -> list[tuple[Path, str, str]]:
    """Return the files below `paths`, each with the name to show and its form; raises Invalid."""
    found: list[tuple[Path, str, str]] = []
    # A file that is named twice is one file.
    for path in dict.fromkeys(paths):
        if path.is_dir():
            for inner in sorted(path.rglob("*")):
                kind = _form_of(inner)
                # Word leaves a lock file (~$…) beside an open document.
                if inner.is_file() and kind and form in (None, kind) and inner.name[:2] != "~$":
                    found.append((inner, str(inner.relative_to(path)), kind))
            continue
        kind = form or _form_of(path)
        if kind is None:
            raise Invalid(
                f"{path.name} 的格式不能导入。",
                next_step=f"可以导入 {_ENDINGS} 文件，扩展名不同的请用 --format 写明格式；"
                "压缩包请先解压，.doc 请另存为 .docx。",
            )
        found.append((path, path.name, kind))
    if not found:
        others = [name for path in paths for name in unknown([path])]
        told = f"这些文件的格式不能导入：{shortened(others)}。" if others else ""
        raise Invalid(
            f"没有找到可以导入的文件。{told}",
            next_step=f"请核对路径和 --format；可以导入 {_ENDINGS} 文件。",
        )
    return found


def unknown(paths: Iterable[Path]) -> list[str]:
    """Return the files in the folders `paths` that no reader knows, by the name to show."""
    return [
        str(inner.relative_to(path))
        for path in paths
        if path.is_dir()
        for inner in sorted(path.rglob("*"))
        # Lock files and what a system keeps for itself are nobody's texts.
        if inner.is_file() and _form_of(inner) is None and inner.name[:1] not in (".", "~")
    ]


def shortened(names: Sequence[str]) -> str:
    """Return the first names of a list, and how many there are when it is longer."""
    more = f"等 {len(names)} 个文件" if len(names) > MOST_NAMED else ""
    return "、".join(names[:MOST_NAMED]) + more


def _not_one(name: str, held: str, read: str, advice: str) -> str:
    return f"已有的《{name}》{held}，这里的{read}，不像同一部：{advice}"


def _form_of(path: Path) -> str | None:
    for form, endings in SUFFIXES.items():
        if path.name.lower().endswith(endings):
            return form
    return None


def _first_line(path: Path) -> str:
    """The title of a file that could not be read, to know which law it was a part of."""
    try:
        with path.open(encoding="utf-8-sig", errors="replace") as stream:
            return stream.readline(1000).strip()
    except OSError:
        return ""


def _batches(texts: Iterable[VersionText]) -> Iterator[list[VersionText]]:
    batch: list[VersionText] = []
    size = 0
    for read in texts:
        batch.append(read)
        size += len(read.articles)
        if size >= BATCH_ARTICLES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch
