"""What a reader hands over: a version of a law with its articles, or why there is none."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from datetime import date

from portal.knowledge.fingerprints import text_hash
from portal.knowledge.models import LawLevel, Validity

NOT_UTF8 = "不是 UTF-8 编码，请用记事本等打开后另存为 UTF-8"


class Unreadable(ValueError):
    """A text that cannot be taken in: the line (of a Word document the paragraph) and the reason."""

    def __init__(self, line: int | None, reason: str) -> None:
        super().__init__(reason)
        self.line = line
        self.reason = reason


class UnreadableLines(Exception):
    """A file with several broken lines: the first of them, and how many there are."""

    def __init__(self, problems: list[Unreadable], count: int) -> None:
        super().__init__(f"{count} broken lines")
        self.problems = problems
        self.count = count


@dataclass(frozen=True, slots=True)
class ArticleText:
    """An article as read."""

    position: int
    number: str
    label: str
    chapter: tuple[str, ...]
    text: str

    @property
    def text_hash(self) -> str:
        """What tells another text from this one (`fingerprints`)."""
        return text_hash(self.text)


@dataclass(frozen=True, slots=True)
class VersionText:
    """A version as read. None means that the source does not say; what is held then stays.

    `undated`: the source gives no version date, so `version_date` is inferred. `parts`: the text
    covers only these parts of the law (a code that comes as one file per book).
    """

    law: str
    version_date: date
    source: str
    articles: tuple[ArticleText, ...]
    effective_from: date | None = None
    dates_exact: bool = False
    repealed_by: date | None = None
    declared: Validity | None = None
    level: LawLevel | None = None
    document_type: str | None = None
    issuing_body: str | None = None
    # All that the header names, also of earlier editions.
    makers: tuple[str, ...] = ()
    subject: str | None = None
    header_days: tuple[date, ...] = ()
    undated: bool = False
    parts: tuple[str, ...] = ()

    @property
    def content_hash(self) -> str:
        """SHA-256 of all that a reader would notice."""
        content: list[object] = [
            self.law,
            self.version_date.isoformat(),
            self.effective_from and self.effective_from.isoformat(),
            self.repealed_by and self.repealed_by.isoformat(),
            self.declared and self.declared.value,
            self.level and self.level.value,
            self.document_type,
            self.issuing_body,
            self.subject,
            [(a.number, a.label, a.chapter, a.text) for a in self.articles],
        ]
        if self.header_days:
            content.append([day.isoformat() for day in self.header_days])
        return hashlib.sha256(json.dumps(content, ensure_ascii=False).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that did not go in. `line` counts from 1; of a Word document it is the paragraph."""

    file: str
    line: int | None
    reason: str

    def __str__(self) -> str:
        unit = "段" if self.file.lower().endswith(".docx") else "行"
        place = f"第 {self.line} {unit}" if self.line else ""
        return f"{self.file}{'，' + place if place else ''}：{self.reason}"


@dataclass(slots=True)
class Counts:
    """How many articles an import added, changed, left alone and removed."""

    added: int = 0
    changed: int = 0
    unchanged: int = 0
    removed: int = 0

    def add(self, other: Counts) -> None:
        """Sum up."""
        self.added += other.added
        self.changed += other.changed
        self.unchanged += other.unchanged
        self.removed += other.removed

    def __str__(self) -> str:
        text = f"新增 {self.added} 条，修改 {self.changed} 条，没有变化 {self.unchanged} 条"
        return text + (f"，删去 {self.removed} 条" if self.removed else "")


@dataclass(slots=True)
class FileReport:
    """What became of one file."""

    file: str
    # Of a document, which law and version it was read as.
    read_as: str = ""
    texts: int = 0
    versions_added: int = 0
    versions_changed: int = 0
    versions_unchanged: int = 0
    articles: Counts = field(default_factory=Counts)
    notes: list[str] = field(default_factory=list)
