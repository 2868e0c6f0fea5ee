"""Articles as JSON lines: {id, law, number, heading, text, level, version}, plain or gzip.

One file holds many texts, each in consecutive lines. It is read twice and never held whole: first
every line is checked, so that a broken file loads nothing and all its broken lines are told at once,
then text after text is handed over.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import re
import zlib
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date
from io import BufferedReader
from pathlib import Path
from typing import Any

from portal.knowledge import validity
from portal.knowledge.importing import lines
from portal.knowledge.importing.texts import (
    NOT_UTF8,
    ArticleText,
    Unreadable,
    UnreadableLines,
    VersionText,
)
from portal.knowledge.models import LawLevel
from search_index import format_article_number, parse_article_number

# The labels that people read, the portal's own codes, and two that are usual elsewhere.
LEVELS = {
    **{level.label: level for level in LawLevel},
    **{level.value: level for level in LawLevel},
    "statute": LawLevel.LAW,
    "departmental_rule": LawLevel.RULE,
}
# A file of the wrong kind is broken in every line; so many tell what is wrong with it.
MOST_PROBLEMS = 20
LONGEST_LINE = 1024 * 1024
_HEADINGS = re.compile(r"\s+(?=第[零一二三四五六七八九十百千]+(?:编|分编|章|节)(?:\s|$))")
_TITLE_YEAR = re.compile(r"（(\d{4})年）$")
_FIELDS = ("law", "number", "heading", "text", "level")

Key = tuple[str, str | None]


@dataclass(slots=True)
class Run:
    """Consecutive lines of one text; `line` is the first."""

    key: Key
    line: int
    rows: list[dict[str, Any]] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)

    @property
    def text_hash(self) -> str:
        """SHA-256 of numbers and texts: the same text may stand twice under other headings."""
        content = [(row["number"], row["text"]) for row in self.rows]
        return hashlib.sha256(json.dumps(content, ensure_ascii=False).encode()).hexdigest()


@dataclass(slots=True)
class _Broken:
    """The broken lines of a file: how many, and the first of them."""

    problems: list[Unreadable] = field(default_factory=list)
    count: int = 0

    def add(self, problem: Unreadable) -> None:
        self.count += 1
        if len(self.problems) < MOST_PROBLEMS:
            self.problems.append(problem)


@dataclass(slots=True)
class Survey:
    """What the first reading found."""

    articles: int = 0
    texts: int = 0
    newest: date | None = None
    skipped: set[int] = field(default_factory=set)
    notes: list[str] = field(default_factory=list)


Refusal = Callable[[str, date, LawLevel], str | None]


def survey(path: Path, refuses: Refusal = lambda *_: None) -> Survey:
    """Check every line of a file; raises UnreadableLines with those that are broken.

    `refuses` says why a dated text of that name, date and level cannot go in; None for one that can.
    """
    found = Survey()
    kept: dict[str, dict[str, Run]] = defaultdict(dict)
    dated: dict[Key, int] = {}
    broken = _Broken()
    for run in _runs(path, broken):
        if broken.count:
            # Without its broken lines a text may look like another one; only lines are checked now.
            continue
        try:
            _require_once(run)
            articles = _articles(run)
            lines.commencement_of(articles, run.line)
            _require_own_name(run, refuses)
        except Unreadable as problem:
            broken.add(problem)
            continue
        found.notes += _run_on(run.key[0], articles)
        found.articles += len(run.rows)
        found.texts += 1
        name, version = run.key
        if version is not None:
            found.newest = max(date.fromisoformat(version), found.newest or date.min)
        text_hash = run.text_hash
        twin = kept[name].get(text_hash)
        # The rows themselves are not kept: a file may be larger than the memory.
        run.rows, run.lines = [], []
        if twin is not None:
            # Of the same text twice, the one with a date says more.
            loser = twin if twin.key[1] is None and version is not None else run
            found.skipped.add(loser.line)
            found.notes.append(f"第 {loser.line} 行起的《{name}》与前文相同，没有重复导入")
            if loser is run:
                continue
        elif run.key in dated:
            reason = f"《{name}》同一版本在第 {dated[run.key]} 行已有，两处文字不同"
            raise UnreadableLines([Unreadable(run.line, reason)], 1)
        kept[name][text_hash] = run
        dated[run.key] = run.line
    if broken.count:
        raise UnreadableLines(broken.problems, broken.count)
    if not found.articles:
        raise UnreadableLines([Unreadable(1, "文件里没有条文")], 1)
    return found


def _run_on(law: str, articles: tuple[ArticleText, ...]) -> list[str]:
    """Tell of the articles that stand within others, which nobody finds by their number."""
    inner = [(each, lines.runs_on(each.number, each.text)) for each in articles]
    told = [f"{each.label}的文字里接着{following}" for each, following in inner if following]
    more = f"等 {len(told)} 处" if len(told) > 1 else ""
    return [f"《{law}》{told[0]}{more}，没有分开，后面的不能按条号引用"] if told else []


def _require_once(run: Run) -> None:
    seen: dict[str, int] = {}
    for row, line in zip(run.rows, run.lines, strict=True):
        number = parse_article_number(row["number"])
        if number and number in seen:
            written = format_article_number(number)
            raise Unreadable(line, f"{written}重复，前一处在第 {seen[number]} 行")
        seen[number] = line


def _require_own_name(run: Run, refuses: Refusal) -> None:
    name, version = run.key
    if version is not None:
        reason = refuses(name, date.fromisoformat(version), LEVELS[run.rows[0]["level"]])
        if reason is not None:
            raise Unreadable(run.line, reason)


def read(path: Path, found: Survey) -> Iterator[VersionText]:
    """Hand over the texts of a file that `survey` has passed."""
    source = f"文件 {path.name}"
    for run in _runs(path):
        if run.line not in found.skipped:
            yield _version(run, found, source)


def _version(run: Run, found: Survey, source: str) -> VersionText:
    name, written = run.key
    articles = _articles(run)
    start = lines.commencement_of(articles, run.line)
    if written is not None:
        version_date = date.fromisoformat(written)
        known, exact = validity.starts(start, version_date) if start else (None, False)
    else:
        # The first day in force is a day on which the law was law; nothing better is known. A text
        # that names none was in force when the file was made, which is its newest date at least.
        year = _TITLE_YEAR.search(name)
        stood = date(int(year.group(1)), 1, 1) if year else found.newest or date(1949, 10, 1)
        version_date, known, exact = start or stood, start or stood, False
    return VersionText(
        law=name,
        version_date=version_date,
        source=source,
        articles=articles,
        effective_from=known,
        dates_exact=exact,
        level=LEVELS[run.rows[0]["level"]],
        undated=written is None,
    )


def _articles(run: Run) -> tuple[ArticleText, ...]:
    return tuple(
        ArticleText(
            position=place,
            number=parse_article_number(row["number"]),
            label=_label(row["number"]),
            chapter=_chapter(row["heading"]),
            text=lines.without_headings_behind(row["text"], row["law"]),
        )
        for place, row in enumerate(run.rows)
    )


def _is_name(number: str) -> bool:
    """True for what a passage without a number is called: 附件一, 前言."""
    return not number.startswith("第") and re.search(r"[\u4e00-\u9fff]", number) is not None


def _label(number: str) -> str:
    """An article's number as the law writes it, also of one that came as a bare number."""
    canonical = parse_article_number(number)
    return format_article_number(canonical) if canonical else number or "全文"


def _chapter(heading: str) -> tuple[str, ...]:
    text = heading.strip()
    return tuple(lines.heading_title(part) for part in _HEADINGS.split(text)) if text else ()


def _runs(path: Path, broken: _Broken | None = None) -> Iterator[Run]:
    run: Run | None = None
    for number, row in _rows(path, broken):
        key = (row["law"], row["version"])
        if run is None or run.key != key or _begins_anew(run, row):
            if run is not None:
                yield run
            run = Run(key, number)
        run.rows.append(row)
        run.lines.append(number)
    if run is not None:
        yield run


def _begins_anew(run: Run, row: dict[str, Any]) -> bool:
    """True where a second copy of the same text follows the first without another in between."""
    return bool(row["number"]) and row["number"] == run.rows[0]["number"]


def _rows(path: Path, broken: _Broken | None) -> Iterator[tuple[int, dict[str, Any]]]:
    """Read line after line; a broken one goes to `broken`, or raises Unreadable without it."""
    number = 0
    try:
        with _opened(path) as stream:
            while line := stream.readline(LONGEST_LINE + 1):
                number += 1
                try:
                    if len(line) > LONGEST_LINE:
                        raise Unreadable(number, "这一行超过 1 MB，之后的没有检查")
                    row = _row(line, number) if line.strip() else None
                except Unreadable as problem:
                    if broken is None:
                        raise
                    broken.add(problem)
                    if len(line) > LONGEST_LINE:
                        # What follows is the rest of this line, and no line.
                        return
                    continue
                if row is not None:
                    yield number, row
    except (EOFError, gzip.BadGzipFile, zlib.error):
        cut_off = Unreadable(number + 1, "压缩文件不完整或者已损坏")
        if broken is None:
            raise cut_off from None
        broken.add(cut_off)


def _opened(path: Path) -> gzip.GzipFile | BufferedReader:
    with path.open("rb") as stream:
        packed = stream.read(2) == b"\x1f\x8b"
    return gzip.open(path, "rb") if packed else path.open("rb")


def _row(line: bytes, number: int) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except UnicodeDecodeError:
        raise Unreadable(number, NOT_UTF8) from None
    except (ValueError, RecursionError):
        # Also a number of thousands of digits.
        raise Unreadable(number, "不是完整的 JSON 对象") from None
    if not isinstance(row, dict):
        raise Unreadable(number, "不是 JSON 对象")
    return _checked(row, number)


def _checked(row: dict[str, Any], number: int) -> dict[str, Any]:
    for name in _FIELDS:
        value = row.get(name)
        if not isinstance(value, str):
            raise Unreadable(number, f"字段 {name} 缺失或者不是文字")
        row[name] = lines.clean(value, number)
    if not row["law"] or len(row["law"]) > 300:
        raise Unreadable(number, "法律名称缺失或者过长")
    lines.require_text(row["text"], _label(row["number"]), number)
    if row["level"] not in LEVELS:
        allowed = "、".join(f"{level.label}（{level.value}）" for level in LawLevel)
        raise Unreadable(
            number, f"效力级别“{row['level'][:40]}”无法识别，可以写中文或者括号里的代码：{allowed}"
        )
    if len(row["number"]) > lines.LABEL_LENGTH:
        raise Unreadable(number, "条文序号过长")
    if row["number"] and not (parse_article_number(row["number"]) or _is_name(row["number"])):
        raise Unreadable(
            number, f"条文序号“{row['number']}”无法识别，应当写成“第三十八条”或者 38，没有的留空"
        )
    version = row.setdefault("version", None)
    if version is not None:
        try:
            day = date.fromisoformat(version)
        except (TypeError, ValueError):
            raise Unreadable(number, f"版本日期“{str(version)[:40]}”无法识别") from None
        row["version"] = lines.day((day.year, day.month, day.day), number).isoformat()
    return row
