"""The review list: published texts whose legal basis is no longer what it was.

It looks at what is, not at what happened: each citation is compared with the current law. So it can
run after every import and every day, and finds the same whatever brought the change about.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from sqlalchemy import select, update
from sqlalchemy.orm import joinedload

from portal.core.db import db
from portal.core.unit_of_work import transactional
from portal.knowledge import index, lineage, providers
from portal.knowledge.documents import chunks
from portal.knowledge.models import (
    Article,
    CitedArticle,
    Faq,
    Guide,
    PublicationState,
    ReviewItem,
    ReviewReason,
    ReviewState,
)
from portal.knowledge.queries import lookup


@dataclass
class ReviewReport:
    """What a run did."""

    relinked: int = 0
    opened: int = 0
    settled: int = 0


_WITH_NAMES = (joinedload(Article.law), joinedload(Article.version))

Key = tuple[str, uuid.UUID, uuid.UUID]


@dataclass(frozen=True, slots=True)
class Finding:
    """A text and an article of its that give cause to read it again."""

    kind: str
    subject_id: uuid.UUID
    article_id: uuid.UUID
    title: str
    reason: ReviewReason
    basis: str

    @property
    def key(self) -> Key:
        """What makes it one."""
        return self.kind, self.subject_id, self.article_id


@transactional
def refresh() -> ReviewReport:
    """Point every citation at the current article, and list what must be read again.

    An open item whose cause is gone (the text was changed or withdrawn, the law came back) is
    removed. What was last read against the same state of the law is not listed again.
    """
    report = ReviewReport()
    relinked: dict[Key, uuid.UUID] = {}
    found = {finding.key: finding for finding in _own(report, relinked)}
    for kind, provider in providers.registered().items():
        if kind not in ("faq", "guide"):
            found |= {finding.key: finding for finding in _provided(kind, provider)}
    # In the order in which they were read: only the last reading of each counts.
    rows = db.session.scalars(select(ReviewItem).order_by(ReviewItem.handled_at, ReviewItem.id))
    items = rows.all()
    _follow(items, relinked)
    read = {_key(item): item.basis for item in items if item.state is ReviewState.DONE}
    found = {key: item for key, item in found.items() if not _was_read(item, read.get(key, ""))}
    for item in items:
        if item.state is ReviewState.DONE:
            continue
        finding = found.pop(_key(item), None)
        if finding is None:
            db.session.delete(item)
            report.settled += 1
        else:
            item.reason, item.basis = finding.reason, finding.basis
    for finding in found.values():
        db.session.add(
            ReviewItem(
                subject_kind=finding.kind,
                subject_id=finding.subject_id,
                article_id=finding.article_id,
                title=finding.title[:300],
                reason=finding.reason,
                basis=finding.basis,
            )
        )
    report.opened = len(found)
    return report


def _key(item: ReviewItem) -> Key:
    return item.subject_kind, item.subject_id, item.article_id


def _was_read(finding: Finding, basis: str) -> bool:
    """Whether the text was last read against the state of the law that a finding tells.

    Whoever read it when the article moved has read the article's text as well.
    """
    same_text = basis.rpartition(":")[2] == finding.basis.rpartition(":")[2]
    return basis == finding.basis or (finding.reason is ReviewReason.TEXT_CHANGED and same_text)


def _follow(items: Iterable[ReviewItem], relinked: Mapping[Key, uuid.UUID]) -> None:
    """Move what is listed or read to the article that its citation was moved to.

    Else the next version of a law would begin each review anew, changed or not.
    """
    waiting = {_key(item) for item in items if item.state is ReviewState.OPEN}
    for item in items:
        article_id = relinked.get(_key(item))
        if article_id is None:
            continue
        target = (item.subject_kind, item.subject_id, article_id)
        if item.state is ReviewState.DONE:
            item.article_id = article_id
        elif target not in waiting:
            waiting.add(target)
            item.article_id = article_id


def note_read(item: ReviewItem) -> None:
    """Note on the citation which text of the article its FAQ or guide was read against.

    It is the text that gave cause, not today's: a later one has not been seen by whoever read.
    """
    if item.subject_kind not in ("faq", "guide"):
        return
    was_read = item.basis.rpartition(":")[2]
    now = today([item])[item.id]
    text = now.text if now is not None and now.text_hash == was_read else None
    subject = CitedArticle.faq_id if item.subject_kind == "faq" else CitedArticle.guide_id
    db.session.execute(
        update(CitedArticle)
        .where(subject == item.subject_id, CitedArticle.article_id == item.article_id)
        .values(text_hash=was_read, read_text=text)
    )


def today(items: Iterable[ReviewItem]) -> dict[uuid.UUID, Article | None]:
    """Return what the article of each item is today, by the item's id."""
    cited = {item.id: (item.article.law.name, item.article.number, item.article) for item in items}
    now = _Now(cited.values())
    return {item_id: now.of(*citation) for item_id, citation in cited.items()}


def reason_for(
    article: Article, text_hash: str | None, *, moved: bool = False
) -> ReviewReason | None:
    """Return why text resting on `article` needs reading, None when it does not.

    `text_hash` is that of the article as it was when the text was last read, None when unknown;
    `moved` says that the article bears another number than the one cited.
    """
    version = article.version
    if not version.is_current:
        return ReviewReason.GONE
    if not version.status.is_law:
        return ReviewReason.OUT_OF_FORCE
    if moved:
        return ReviewReason.RENUMBERED
    if text_hash is not None and text_hash != article.text_hash:
        return ReviewReason.TEXT_CHANGED
    return None


def _own(report: ReviewReport, relinked: dict[Key, uuid.UUID]) -> Iterator[Finding]:
    """Look at the FAQ and guides; `relinked` takes what was pointed from one article at another."""
    cited = db.session.scalars(
        select(CitedArticle)
        .options(joinedload(CitedArticle.article).options(*_WITH_NAMES))
        .order_by(CitedArticle.id)
    ).all()
    now = _Now((row.law_name, row.number, row.article) for row in cited)
    titles = _titles()
    for row in cited:
        article = now.of(row.law_name, row.number, row.article)
        kind, subject_id = _subject(row)
        if article is None:
            continue
        # Where it went under another number is told, not written into somebody's text: that text
        # may name the number too, so a person changes both.
        moved = article.number != row.number
        if row.article_id != article.id and not moved:
            if row.article_id is not None:
                relinked[kind, subject_id, row.article_id] = article.id
            row.article_id = article.id
            report.relinked += 1
            index.schedule_update(kind, subject_id)
        if row.text_hash in (None, article.text_hash):
            row.note_read(article)
        title = titles.get((kind, subject_id))
        reason = reason_for(article, row.text_hash, moved=moved)
        if title is not None and reason is not None and row.article_id is not None:
            basis = _basis(article, reason)
            yield Finding(kind, subject_id, row.article_id, title, reason, basis)


class _Now:
    """What each cited article is today, for many citations in a handful of statements."""

    def __init__(self, cited: Iterable[tuple[str, str, Article | None]]) -> None:
        rows = list(cited)
        self._by_number = lookup((law, number) for law, number, _ in rows)
        old = {held.id: held for _, _, held in rows if held and not held.version.is_current}
        self._matched = lineage.matched_laws({held.law_id for held in old.values()})
        self._successors = lineage.successors(old)
        numbered = [found.id for found in self._by_number.values() if found.version.is_current]
        self._continuing = lineage.continuing(numbered) if old else set()

    def of(self, law: str, number: str, held: Article | None) -> Article | None:
        """Return the article that a citation means today: `held` is the one it was linked with.

        The article itself, of its old version, when the law dropped it and gave its number to
        another one.
        """
        by_number = self._by_number.get((law, number))
        if held is None or held.version.is_current or held.law_id not in self._matched:
            return by_number
        found = self._successors.get(held.id)
        if found is None and by_number is not None and by_number.id in self._continuing:
            return held
        return found or by_number


def _subject(row: CitedArticle) -> tuple[str, uuid.UUID]:
    if row.faq_id is not None:
        return "faq", row.faq_id
    assert row.guide_id is not None  # noqa: S101 - the constraint one_subject
    return "guide", row.guide_id


def _titles() -> dict[tuple[str, uuid.UUID], str]:
    """The titles of what is published; the rest is looked at when it is published."""
    live = PublicationState.PUBLISHED
    faqs = db.session.execute(select(Faq.id, Faq.question).where(Faq.state == live))
    guides = db.session.execute(select(Guide.id, Guide.title).where(Guide.state == live))
    titles = {("faq", row.id): row.question for row in faqs}
    return titles | {("guide", row.id): row.title for row in guides}


def _provided(kind: str, provider: providers.Provider) -> Iterator[Finding]:
    """Look at the texts of other rooms, which name the article rows they were written with."""
    for ids in chunks(provider.all_ids(), 500):
        documents = provider.load(ids)
        wanted = {article for document in documents for article in document.article_ids}
        rows = db.session.scalars(
            select(Article).where(Article.id.in_(wanted)).options(*_WITH_NAMES)
        )
        cited = {article.id: article for article in rows}
        today = _Now((item.law.name, item.number, item) for item in cited.values())
        for document in documents:
            for article_id in document.article_ids:
                article = cited.get(article_id)
                if article is None:
                    continue
                now = today.of(article.law.name, article.number, article) or article
                moved = now.number != article.number
                reason = reason_for(now, article.text_hash, moved=moved)
                if reason is not None:
                    basis = _basis(now, reason)
                    yield Finding(kind, document.id, article_id, document.title, reason, basis)


def _basis(article: Article, reason: ReviewReason) -> str:
    if reason is ReviewReason.RENUMBERED:
        return f"{reason.value}:{article.number}:{article.text_hash}"
    return f"{reason.value}:{article.text_hash}"
