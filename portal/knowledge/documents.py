"""What the search index holds: articles, FAQ, guides, and what other rooms provide."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable, Iterator, Sequence

from sqlalchemy import select
from sqlalchemy.orm import selectinload

from portal.core.clock import local
from portal.core.db import db
from portal.knowledge import providers
from portal.knowledge.models import (
    Article,
    Faq,
    Guide,
    Law,
    LawVersion,
    PublicationState,
    Validity,
)
from portal.knowledge.providers import SearchDocument
from search_index import Document, parse_article_number

# The library ranks "amended", "repealed" and "not_yet" below what is in force. For it "amended" is
# a text that a later one replaced, which here is HISTORICAL; our AMENDED is still the law.
TO_INDEX = {
    Validity.IN_FORCE: "in_force",
    Validity.AMENDED: "unknown",
    Validity.NOT_YET: "not_yet",
    Validity.HISTORICAL: "amended",
    Validity.REPEALED: "repealed",
}
FROM_INDEX = {value: validity for validity, value in TO_INDEX.items()}

_CHUNK = 500
_MARKDOWN = re.compile(r"^\s*(?:#{1,6}\s+|[-*+]\s+|>\s?|\d+\.\s+)|[*_`]{1,3}", re.MULTILINE)
# What a text without articles is divided into (lines.py, starter.py): 一、二、, or nothing at all.
_ITEM = re.compile("([零一二三四五六七八九十百]+)、")
_WHOLE = "全文"
_AMENDMENT = re.compile("修正案(?:（[^（）]+）)?$|^[^《]*关于修改《.+》的决定$")
_LINK = re.compile(r"!?\[([^\]]*)\]\([^)]*\)")


def key_of(kind: str, subject_id: uuid.UUID) -> str:
    """Return the index key of a document."""
    return f"{kind}:{subject_id}"


def subject_of(key: str) -> uuid.UUID:
    """Return the id behind an index key."""
    return uuid.UUID(key.partition(":")[2])


def load(kind: str, ids: Sequence[uuid.UUID]) -> list[Document]:
    """Return the documents of those `ids` that are public now; [] for a kind without a provider."""
    if kind == "article":
        return list(_articles(ids))
    provider = providers.provider(kind)
    return [] if provider is None else list(_texts(kind, provider.load(ids)))


def everything() -> Iterator[Document]:
    """Walk all public documents; for a rebuild."""
    yield from _articles(None)
    for kind, provider in providers.registered().items():
        for ids in chunks(provider.all_ids(), _CHUNK):
            yield from _texts(kind, provider.load(ids))


def chunks(items: Iterable[uuid.UUID], size: int) -> Iterator[list[uuid.UUID]]:
    """Cut `items` into lists of at most `size`."""
    part: list[uuid.UUID] = []
    for item in items:
        part.append(item)
        if len(part) == size:
            yield part
            part = []
    if part:
        yield part


def plain_text(markdown: str) -> str:
    """Return Markdown without its marks, for searching and for fragments."""
    return _MARKDOWN.sub("", _LINK.sub(r"\1", markdown))


def _articles(ids: Sequence[uuid.UUID] | None) -> Iterator[Document]:
    query = (
        select(
            Article.id,
            Article.number,
            Article.label,
            Article.chapter,
            Article.text,
            Law.name,
            LawVersion.level,
            LawVersion.status,
            LawVersion.source,
            LawVersion.effective_from,
            LawVersion.effective_to,
            LawVersion.dates_exact,
            LawVersion.changes_not_held,
        )
        .join(Law, Law.id == Article.law_id)
        .join(LawVersion, LawVersion.id == Article.version_id)
        .order_by(Article.version_id, Article.position)
    )
    if ids is not None:
        query = query.where(Article.id.in_(ids))
    for row in db.session.execute(query):
        label, number = _spoken(row.name, row.label, row.number)
        yield Document(
            key=key_of("article", row.id),
            kind="article",
            title=row.name,
            text=row.text,
            heading=" ".join(row.chapter),
            number=label,
            law=row.name,
            article_number=number,
            level=row.level.value,
            validity=TO_INDEX[row.status],
            source=row.source,
            valid_from=row.effective_from,
            valid_to=row.effective_to,
            dates_exact=row.dates_exact and not row.changes_not_held,
        )


def _spoken(law: str, label: str, number: str) -> tuple[str, str]:
    """How a passage is spoken of behind the name of its law, and by which number it is found.

    An amendment's items are cited as articles (刑法修正案（五）第二条), another text's are not.
    """
    if label == _WHOLE:
        return "", number
    item = None if number else _ITEM.fullmatch(label)
    if item is None:
        return label, number
    if _AMENDMENT.search(law):
        return f"第{item[1]}条", parse_article_number(item[1])
    return f"第{item[1]}项", number


def _texts(kind: str, items: Sequence[SearchDocument]) -> Iterator[Document]:
    """Yield what explains the law, each valid on the days on which all that it cites was in force.

    It is written for that law, and is no answer for a day before or after. Without a cited article
    only the day of its publication is known.
    """
    cited = {article for item in items for article in item.article_ids}
    rows = db.session.execute(
        select(Article.id, LawVersion)
        .join(LawVersion, LawVersion.id == Article.version_id)
        .where(Article.id.in_(cited))
    )
    versions: dict[uuid.UUID, LawVersion] = {row.id: row.LawVersion for row in rows}
    for item in items:
        held = [versions[article] for article in item.article_ids if article in versions]
        ends = [version.effective_to for version in held if version.effective_to]
        yield Document(
            key=key_of(kind, item.id),
            kind=kind,
            title=item.title,
            text=item.text,
            questions=item.other_wordings,
            validity="in_force",
            category=item.category,
            source=item.source,
            valid_from=max((each.effective_from for each in held), default=item.published_on),
            valid_to=min(ends, default=None),
            dates_exact=all(version.days_are_exact for version in held),
            cites=tuple(key_of("article", article) for article in item.article_ids),
            published_at=item.published_on,
        )


def _load_faqs(ids: Sequence[uuid.UUID]) -> list[SearchDocument]:
    query = (
        select(Faq)
        .where(Faq.id.in_(ids), Faq.state == PublicationState.PUBLISHED)
        .options(selectinload(Faq.citations))
        .order_by(Faq.id)
    )
    return [
        SearchDocument(
            id=faq.id,
            title=faq.question,
            text="\n".join([faq.answer, *faq.steps]),
            other_wordings=tuple(faq.other_wordings),
            category=faq.category_code,
            source="常见问答",
            published_on=local(faq.published_at).date() if faq.published_at else None,
            article_ids=tuple(c.article_id for c in faq.citations if c.article_id),
        )
        for faq in db.session.scalars(query)
    ]


def _load_guides(ids: Sequence[uuid.UUID]) -> list[SearchDocument]:
    query = (
        select(Guide)
        .where(Guide.id.in_(ids), Guide.state == PublicationState.PUBLISHED)
        .options(selectinload(Guide.citations))
        .order_by(Guide.id)
    )
    return [
        SearchDocument(
            id=guide.id,
            title=guide.title,
            text="\n".join([guide.summary, plain_text(guide.body)]),
            category=guide.category_code,
            source="办事指南",
            published_on=local(guide.published_at).date() if guide.published_at else None,
            article_ids=tuple(c.article_id for c in guide.citations if c.article_id),
        )
        for guide in db.session.scalars(query)
    ]


def _all_faq_ids() -> Iterable[uuid.UUID]:
    published = Faq.state == PublicationState.PUBLISHED
    return db.session.scalars(select(Faq.id).where(published).order_by(Faq.id)).all()


def _all_guide_ids() -> Iterable[uuid.UUID]:
    published = Guide.state == PublicationState.PUBLISHED
    return db.session.scalars(select(Guide.id).where(published).order_by(Guide.id)).all()


def register() -> None:
    """Register the room's own providers."""
    providers.register("faq", providers.Provider(_load_faqs, _all_faq_ids))
    providers.register("guide", providers.Provider(_load_guides, _all_guide_ids))
