"""Texts of law as Markdown files: title, dates, `<!-- INFO END -->`, headings, articles.

A file is one version, dated in its name (公司法(2023-12-29).md) or by the newest date above the
text. A second title names a part: the books of a code come as one file each and are one law.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from portal.core import clock
from portal.knowledge import validity
from portal.knowledge.importing import lines
from portal.knowledge.importing.contents import Row, without_contents
from portal.knowledge.importing.lines import ArticleBuilder, Preamble
from portal.knowledge.importing.printed import without_print
from portal.knowledge.importing.texts import NOT_UTF8, ArticleText, Unreadable, VersionText
from portal.knowledge.models import Validity
from search_index import article_order

MARK = "<!-- INFO END -->"
LARGEST_BYTES = 20 * 1024 * 1024
_NAME_DATE = re.compile(r"[(（](\d{4})-(\d{1,2})-(\d{1,2})[)）]$")
_HEADING = re.compile(r"(#{1,6})(?:\s+(.*)|\s*)")
# A line across the page, or the one below the head of a table.
_RULE = re.compile(r"([-*_])(?:\s*\1){2,}|\|(?:\s*:?-+:?\s*\|)+|>+")
_QUOTED = re.compile(r"(?:>\s*)+|[-*+]\s+(?=第|[（(]|[一二三四五六七八九十]+、)")
_CROWDED = re.compile(r"([#＃]{1,6})(?=[^#＃\s])|＃{1,6}(?=\s)")
_MARKUP = re.compile(
    r"\[\^[^\]]{1,10}\]|</?[a-zA-Z][^<>]{0,40}>|&(?:[a-z]{2,8}|#\d{1,5});|\[[^\[\]]{1,40}\]\([^()]{1,100}\)"
)
_BOLD_NUMBER = re.compile(r"(?<![^# ])(\*\*|__)(第[^*_]{1,12}条[^*_]{0,6})\1\s*")


@dataclass(frozen=True, slots=True)
class Sheet:
    """A file as read: its version, and the title of the part when it is one of several."""

    path: Path
    version: VersionText
    part: str | None
    notes: tuple[str, ...]


@dataclass(slots=True)
class Frame:
    """What a file says besides its articles."""

    title: str
    preamble: Preamble
    part: str | None = None
    # The year of the edition, where the title tells it.
    edition: int | None = None


def read(path: Path) -> Sheet:
    """Read one file; raises Unreadable with line and reason."""
    if path.stat().st_size > LARGEST_BYTES:
        raise Unreadable(None, "文件超过 20 MB，不像一部法律")
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = path.read_bytes()[: error.start].count(b"\n") + 1
        raise Unreadable(line, NOT_UTF8) from None
    text_lines = lines.with_line_ends(text).split("\n")
    rows = [
        _BOLD_NUMBER.sub(r"\2 ", _plain(lines.clean(row, number)))
        for number, row in enumerate(text_lines, 1)
    ]
    frame, begins = _titles(rows)
    for number in range(begins[0], begins[1]):
        if rows[number] and not rows[number].startswith(("#", "<!--")):
            frame.preamble.read(rows[number], number + 1)
    body = rows[begins[1] :]
    builder = ArticleBuilder(part=frame.part, items=has_items(frame.title, body))
    numbered = [
        (number, row)
        for number, row in enumerate(body, begins[1] + 1)
        if row and not row.startswith("<!--")
    ]
    numbered, notes = without_print(numbered)
    notes += _markup_in(numbered)
    for number, row in without_contents(numbered):
        heading = _HEADING.fullmatch(row)
        if heading is None:
            rank = None if builder.lists(row) else lines.plain_rank(row)
            if rank is not None:
                builder.heading(row, rank, number)
            else:
                builder.paragraph(row, number)
            continue
        name = (heading.group(2) or "").strip()
        if lines.split_article(name) is not None:
            builder.paragraph(name, number)
        elif name and not lines.is_contents(name):
            builder.heading(name, len(heading.group(1)), number)
    return Sheet(
        path, *version_of(path.stem, frame, builder.finish(len(rows)), f"文件 {path.name}", notes)
    )


def version_of(
    stem: str,
    frame: Frame,
    articles: tuple[ArticleText, ...],
    source: str,
    notes: Iterable[str] = (),
) -> tuple[VersionText, str | None, tuple[str, ...]]:
    """Put together what a file says; raises Unreadable without a date. Shared with Word documents."""
    preamble = frame.preamble
    version_date = _date_of(stem) or preamble.newest
    if version_date is None:
        raise Unreadable(None, "没有版本日期：文件名里没有（YYYY-MM-DD），题注里也没有日期")
    if frame.edition is not None and frame.edition != version_date.year:
        raise Unreadable(
            None,
            f"标题写的是 {frame.edition} 年的版本，读到的版本日期却是 {version_date}，"
            "请在文件名里写明（YYYY-MM-DD）",
        )
    start = lines.commencement_of(articles) or preamble.commencement
    known, exact = validity.starts(start, version_date) if start else (None, False)
    notes = list(notes)
    missing = lines.gaps(articles)
    if missing:
        more = "等" if len(missing) > 5 else ""
        notes.append(f"条文序号不连续，缺{'、'.join(missing[:5])}{more}")
    if [article.label for article in articles] == ["全文"]:
        notes.append("没有条文序号，全文作为一段，不能按条号引用")
    if version_date > clock.today():
        notes.append(f"版本日期 {version_date} 在今天之后，请核对")
    version = VersionText(
        law=frame.title,
        version_date=version_date,
        source=source,
        articles=articles,
        effective_from=known,
        dates_exact=exact,
        declared=Validity.REPEALED if preamble.repealed else None,
        repealed_by=preamble.repealed,
        level=lines.level_of(frame.title, preamble.issuing_body),
        issuing_body=preamble.issuing_body,
        makers=tuple(preamble.makers),
        header_days=preamble.earlier_amendments(version_date),
        parts=(frame.part,) if frame.part else (),
    )
    return version, frame.part, tuple(notes)


def has_items(title: str, rows: list[str]) -> bool:
    """True for a decision or an amendment whose own text is items, not articles."""
    if not re.search(r"(?:决定|修正案)(?:（[^）]*）)?$", title):
        return False
    own = (row for row in rows if row.startswith("一、") or lines.split_article(row))
    return next(own, "").startswith("一、")


def joined(sheets: list[Sheet]) -> VersionText:
    """Make one version of the parts of a law, in the order of their articles."""
    first = sheets[0].version
    articles = [article for sheet in sheets for article in sheet.version.articles]
    seen: dict[str, str] = {}
    for sheet in sheets:
        for article in sheet.version.articles:
            before = seen.setdefault(article.number or article.label, sheet.path.name)
            if article.number and before != sheet.path.name:
                raise Unreadable(None, f"{article.label}在 {before} 里已经有了")
    articles.sort(key=lambda article: article_order(article.number))
    starts = [sheet.version.effective_from for sheet in sheets if sheet.version.effective_from]
    exact = [sheet.version.dates_exact for sheet in sheets if sheet.version.effective_from]
    return replace(
        first,
        articles=tuple(replace(article, position=place) for place, article in enumerate(articles)),
        effective_from=max(starts) if starts else None,
        dates_exact=all(exact) if exact else False,
        source="文件 " + "、".join(sorted(sheet.path.name for sheet in sheets)),
        parts=tuple(sheet.part for sheet in sheets if sheet.part),
    )


def _titles(rows: list[str]) -> tuple[Frame, tuple[int, int]]:
    """Return title and part, and where the lines above the text begin and end."""
    first = next((number for number, row in enumerate(rows) if row), None)
    if first is None:
        raise Unreadable(1, "文件是空的")
    heading = _HEADING.fullmatch(rows[first])
    title = (heading.group(2) or "").strip() if heading and heading.group(1) == "#" else ""
    if not title:
        raise Unreadable(first + 1, "第一行应当是标题（# 法律名称）")
    title, edition = lines.law_title(title, first + 1)
    if MARK in rows:
        end = rows.index(MARK)
    else:
        end = next(
            (
                number
                for number, row in enumerate(rows)
                if row.startswith("##") or lines.split_article(row)
            ),
            len(rows),
        )
    part = None
    for number in range(first + 1, end):
        found = _HEADING.fullmatch(rows[number])
        if found is not None and found.group(1) == "#" and found.group(2):
            part = lines.heading_title(found.group(2).strip())
    return Frame(title, Preamble(), part, edition), (first + 1, end)


def _plain(row: str) -> str:
    """A line without the marks of Markdown that stand before it; nothing of one that is a mark itself."""
    if _RULE.fullmatch(row):
        return ""
    row = row[found.end() :] if (found := _QUOTED.match(row)) else row
    crowded = _CROWDED.match(row)
    return f"{'#' * crowded.end()} {row[crowded.end() :].lstrip()}" if crowded else row


def _markup_in(rows: list[Row]) -> list[str]:
    for number, row in rows:
        if found := _MARKUP.search(row):
            return [f"第 {number} 行有网页或者 Markdown 的记号“{found[0]}”，照原样读入，请核对"]
    return []


def _date_of(stem: str) -> date | None:
    found = _NAME_DATE.search(stem)
    if found is None:
        return None
    try:
        return lines.day(found.groups(), None)
    except Unreadable:
        raise Unreadable(None, f"文件名里的日期“{found.group()[1:-1]}”不存在") from None
