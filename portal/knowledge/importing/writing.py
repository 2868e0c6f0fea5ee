"""Compares a version as read with what is held, and writes the difference.

The same law and version date is the same version, whatever file it comes from. An article that
stays keeps its id.
"""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from sqlalchemy import Row, delete, insert, select, update

from portal.core.db import db, new_id
from portal.knowledge import amendments, index, lineage, validity
from portal.knowledge.importing.texts import ArticleText, Counts, VersionText
from portal.knowledge.models import (
    UNDATED,
    Article,
    CitedArticle,
    Law,
    LawLevel,
    LawVersion,
    ReviewItem,
    Validity,
)
from portal.knowledge.names import short
from search_index import article_order

# A text is taken for another one without a date when this share of its articles reads the same.
SAME_TEXT = 0.9


@dataclass(frozen=True, slots=True)
class Outcome:
    """What writing one version did or, of a dry run, would do."""

    added: bool
    changed: bool
    articles: Counts


@dataclass(slots=True)
class Plan:
    """What has to be done to hold a version as read. Nothing is written while it is made."""

    read: VersionText
    law: Law | None
    version: LawVersion | None
    held: Sequence[Row[Any]]
    pairs: list[tuple[ArticleText, Row[Any] | None]]
    gone: list[uuid.UUID]
    values: dict[str, Any]
    counts: Counts
    stale: bool

    @property
    def outcome(self) -> Outcome:
        """The plan as a result."""
        return Outcome(self.version is None, self.version is not None and self.stale, self.counts)


def plan(read: VersionText, *, yields: bool = False) -> Plan:
    """Compare `read` with what is held. With `yields`, a version of another source is left alone."""
    law = db.session.scalar(select(Law).where(Law.name == read.law))
    version = _version_of(law, read) if law is not None else None
    if version is not None and _is_held(version, read, yields=yields):
        counts = Counts(unchanged=len(read.articles))
        return Plan(read, law, version, [], [], [], {}, counts, stale=False)
    held = _articles(version.id) if version is not None else []
    read = _completed(read, held)
    pairs, gone = _pair(read.articles, held)
    counts = Counts(removed=len(gone))
    for article, known in pairs:
        if known is None:
            counts.added += 1
        elif _same(article, known):
            counts.unchanged += 1
        else:
            counts.changed += 1
    values = _values(version, read)
    stale = (
        version is None
        or _ends_earlier(version, read)
        or any(getattr(version, name) != value for name, value in values.items())
        or bool(counts.added or counts.changed or counts.removed)
        or any(known is not None and article.position != known.position for article, known in pairs)
    )
    return Plan(read, law, version, held, pairs, gone, values, counts, stale)


def write(read: VersionText, today: date, *, yields: bool = False) -> Outcome:
    """Write one version and settle its law's dates; announces a rebuild when anything changed.

    Inside a unit of work.
    """
    made = plan(read, yields=yields)
    if not made.stale:
        if made.version is not None and made.version.source == read.source:
            # The next run then sees at once that there is nothing to compare.
            made.version.content_hash = read.content_hash
        return made.outcome
    outcome = made.outcome
    law = made.law
    if law is None:
        law = Law(
            id=new_id(),
            name=read.law,
            short_name=short(read.law),
            subject=read.subject,
            aliases=[],
        )
        db.session.add(law)
        db.session.flush()
    version = made.version
    if version is None:
        version = LawVersion(id=new_id(), law_id=law.id, is_current=False)
    began = version.effective_from if made.version is not None else None
    for name, value in made.values.items():
        setattr(version, name, value)
    if read.effective_from is not None or version.dates_exact is None:
        version.dates_exact = read.dates_exact
    if read.declared is not None:
        version.effective_to = read.repealed_by
    version.source = (read.source + (UNDATED if read.undated else ""))[:200]
    version.content_hash = read.content_hash
    version.article_count = len(made.pairs)
    version.status = validity.status_on(version, today)
    db.session.add(version)
    db.session.flush()
    _write_articles(law.id, version.id, made)
    db.session.flush()
    if began is not None and began != version.effective_from:
        # Whatever ended on that day ended because this one began then.
        db.session.execute(
            update(LawVersion)
            .where(LawVersion.law_id == law.id, LawVersion.effective_to == began)
            .values(effective_to=None)
        )
    validity.settle_law(law, today)
    for other in amendments.laws_changed_by(law.name):
        validity.settle_law(other, today)
    versions = db.session.scalars(select(LawVersion).where(LawVersion.law_id == law.id)).all()
    lineage.forget(versions, version)
    index.schedule_rebuild()
    return outcome


def origins_of(name: str) -> dict[date, tuple[LawLevel, tuple[str, ...]]]:
    """Return the level and the makers of the held versions of a law, by their date."""
    rows = db.session.execute(
        select(LawVersion.version_date, LawVersion.level, LawVersion.issuing_body)
        .join(LawVersion.law)
        .where(Law.name == name)
    )
    return {
        day: (level, tuple(makers.split("、") if makers else ())) for day, level, makers in rows
    }


def _is_held(version: LawVersion, read: VersionText, *, yields: bool) -> bool:
    if yields and version.source != read.source:
        return True
    if read.undated and not version.source.endswith(UNDATED):
        # The same text with its date is held: one without a date cannot be the better one.
        return True
    return (
        not read.parts
        and version.source.removesuffix(UNDATED) == read.source
        and version.content_hash == read.content_hash
        and not _ends_earlier(version, read)
    )


def _ends_earlier(version: LawVersion, read: VersionText) -> bool:
    """True when `read` knows an end that is nearer to the truth: an inferred one is no earlier than the real one."""
    held, told = version.effective_to, read.repealed_by
    return (
        version.declared is Validity.REPEALED
        and held is not None
        and told is not None
        and told < held
    )


def _version_of(law: Law, read: VersionText) -> LawVersion | None:
    """The held version that `read` is: of the same date, or the same text where a date is missing."""
    versions = db.session.scalars(
        select(LawVersion).where(LawVersion.law_id == law.id).order_by(LawVersion.version_date)
    ).all()
    if not read.undated:
        for version in versions:
            if version.version_date == read.version_date:
                return version
    candidates = [v for v in versions if read.undated or v.source.endswith(UNDATED)]
    if not candidates:
        return None
    wanted = {article.text_hash for article in read.articles}
    best = max(candidates, key=lambda version: _shared(version.id, wanted))
    return best if _shared(best.id, wanted) >= SAME_TEXT * len(wanted) else None


def _shared(version_id: uuid.UUID, wanted: set[str]) -> int:
    held = db.session.scalars(select(Article.text_hash).where(Article.version_id == version_id))
    return len(wanted & set(held))


def _articles(version_id: uuid.UUID) -> Sequence[Any]:
    return db.session.execute(
        select(
            Article.id,
            Article.position,
            Article.number,
            Article.label,
            Article.chapter,
            Article.text,
        )
        .where(Article.version_id == version_id)
        .order_by(Article.position)
    ).all()


def _completed(read: VersionText, held: Sequence[Row[Any]]) -> VersionText:
    """Add to parts of a law the other parts that are held, so that they are not taken for removed."""
    if not read.parts:
        return read
    numbers = {article.number for article in read.articles}
    others = [
        ArticleText(0, row.number, row.label, tuple(row.chapter), row.text)
        for row in held
        if row.number not in numbers and not (row.chapter and row.chapter[0] in read.parts)
    ]
    ordered = sorted([*read.articles, *others], key=lambda article: article_order(article.number))
    dealt = tuple(replace(article, position=place) for place, article in enumerate(ordered))
    return replace(read, articles=dealt)


def _pair(
    articles: Sequence[ArticleText], held: Sequence[Row[Any]]
) -> tuple[list[tuple[ArticleText, Row[Any] | None]], list[uuid.UUID]]:
    known: dict[tuple[str, int], Row[Any]] = {}
    seen: Counter[str] = Counter()
    for row in held:
        known[row.label, seen[row.label]] = row
        seen[row.label] += 1
    seen.clear()
    pairs = []
    for article in articles:
        pairs.append((article, known.pop((article.label, seen[article.label]), None)))
        seen[article.label] += 1
    return pairs, [row.id for row in known.values()]


def _same(article: ArticleText, row: Row[Any]) -> bool:
    return (article.number, article.text, list(article.chapter)) == (
        row.number,
        row.text,
        row.chapter,
    )


def _values(version: LawVersion | None, read: VersionText) -> dict[str, Any]:
    """What the version's own columns are to be; what the source does not say stays as it is."""
    level = read.level or (version.level if version else LawLevel.OTHER)
    kept = version.version_date if version is not None and read.undated else read.version_date
    start = read.effective_from or (version.effective_from if version else kept)
    declared = read.declared or (version.declared if version else Validity.IN_FORCE)
    document_type = read.document_type or (version.document_type if version else level.label)
    issuing_body = read.issuing_body or (version.issuing_body if version else None)
    return {
        "version_date": kept,
        "effective_from": max(start, kept),
        "declared": declared,
        "level": level,
        "header_days": _header_days(version, read),
        "document_type": document_type[:40],
        "issuing_body": issuing_body[:200] if issuing_body else None,
    }


def _header_days(version: LawVersion | None, read: VersionText) -> list[str]:
    """The days of amendments in the header; of a source without one, those that are known stay."""
    known = version.header_days if version is not None else []
    return [day.isoformat() for day in read.header_days] or known


def _write_articles(law_id: uuid.UUID, version_id: uuid.UUID, made: Plan) -> None:
    moved = any(
        known is not None and article.position != known.position for article, known in made.pairs
    )
    if made.held and (moved or made.gone or made.counts.added):
        # Positions are unique: they are moved out of the way before they are dealt anew.
        db.session.execute(
            update(Article)
            .where(Article.version_id == version_id)
            .values(position=-1 - Article.position),
            execution_options={"synchronize_session": False},
        )
        moved = True
    rows: list[dict[str, Any]] = []
    for article, known in made.pairs:
        values = {
            "number": article.number,
            "label": article.label,
            "chapter": list(article.chapter),
            "text": article.text,
            "text_hash": article.text_hash,
            "position": article.position,
        }
        if known is None:
            rows.append({"id": new_id(), "law_id": law_id, "version_id": version_id, **values})
        elif moved or not _same(article, known):
            db.session.execute(
                update(Article).where(Article.id == known.id).values(**values),
                execution_options={"synchronize_session": False},
            )
    if made.gone:
        db.session.execute(
            update(CitedArticle)
            .where(CitedArticle.article_id.in_(made.gone))
            .values(article_id=None)
        )
        db.session.execute(delete(ReviewItem).where(ReviewItem.article_id.in_(made.gone)))
        db.session.execute(delete(Article).where(Article.id.in_(made.gone)))
    if rows:
        db.session.execute(insert(Article), rows)
