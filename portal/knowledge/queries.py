"""Reads of the knowledge room, each with a bounded number of statements."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy import Integer, Select, and_, case, func, or_, select
from sqlalchemy.orm import joinedload, selectinload

from portal.core.db import db
from portal.core.errors import Invalid, NotFound
from portal.knowledge import lineage
from portal.knowledge.models import (
    Article,
    Category,
    CitedArticle,
    Faq,
    Guide,
    Law,
    LawLevel,
    LawVersion,
    PublicationState,
    ReviewItem,
    ReviewState,
    SearchEvaluation,
    SearchMiss,
    Validity,
)
from portal.web.pagination import Key, Page, paginate
from search_index import format_numeral

# No text numbers more items.
MOST_ITEMS = 1000

_WITH_NAMES = (joinedload(Article.law), joinedload(Article.version))

# --- categories ---


def categories() -> list[Category]:
    """Return the categories in the order of display, without those that left."""
    return list(
        db.session.scalars(
            select(Category)
            .where(Category.position != Category.NOWHERE)
            .order_by(Category.position, Category.code)
        )
    )


def require_category(code: str) -> Category:
    """Return a category; raises Invalid (field `category`) for an unknown code, or that of one that left."""
    category = db.session.get(Category, code)
    if category is None or not category.listed:
        raise no_such_category({each.code: each.label for each in categories()})
    return category


def no_such_category(known: Mapping[str, str]) -> Invalid:
    """The refusal of a category that is none of the `known` ones (label by code)."""
    named = "、".join(f"{code}（{label}）" for code, label in known.items())
    return Invalid(
        "没有这个问题类别。",
        code="no_such_category",
        errors={"category": [f"没有这个类别，请从这些类别中选择：{named}。"]},
    )


# --- laws ---


def laws(
    *,
    name: str | None = None,
    level: LawLevel | None = None,
    validity: Validity | None = None,
    cursor: str | None = None,
    size: int = 20,
) -> Page[LawVersion]:
    """Return the current version of each law, in the order of the laws' ids (that is, of loading).

    With `name`, laws of that very name come first, then those that begin with it, the shorter names first.
    """
    keys = [Key(LawVersion.law_id)]
    query: Select[Any] = (
        select(LawVersion)
        .join(LawVersion.law)
        .where(LawVersion.is_current)
        .options(joinedload(LawVersion.law))
    )
    if name:
        query = query.where(Law.name.contains(name, autoescape=True))
        begins = or_(
            Law.name.startswith(name, autoescape=True),
            Law.short_name.startswith(name, autoescape=True),
        )
        later = case((begins, 0), else_=1).label("later")
        length = func.length(Law.short_name, type_=Integer).label("length")
        query = query.add_columns(later, length, LawVersion.law_id.label("law_id"))
        keys = [Key(later, name="later"), Key(length, name="length"), Key(LawVersion.law_id)]
    if level is not None:
        query = query.where(LawVersion.level == level)
    if validity is not None:
        query = query.where(LawVersion.status == validity)
    page = paginate(query, keys, cursor, size)
    return replace(page, items=[row[0] for row in page.items]) if name else page


def law(law_id: uuid.UUID) -> Law:
    """Return a law with its versions; raises NotFound."""
    found = db.session.scalar(
        select(Law).where(Law.id == law_id).options(selectinload(Law.versions))
    )
    if found is None:
        raise NotFound("没有这部法律。")
    return found


def version_of(subject: Law, version_id: uuid.UUID | None) -> LawVersion:
    """Return one version of a law, the current one without an id; raises NotFound."""
    for version in subject.versions:
        if version.is_current if version_id is None else version.id == version_id:
            return version
    raise NotFound("这部法律没有这个版本。")


@dataclass(slots=True)
class Chapter:
    """A heading of a law, with the articles it covers (positions are within the version)."""

    title: str
    first_position: int
    last_position: int
    first_article_id: uuid.UUID
    articles: int = 0
    children: list[Chapter] = field(default_factory=list)


def chapters(version_id: uuid.UUID) -> list[Chapter]:
    """Return the tree of headings of a version.

    A heading that returns after another one is a new node: a code begins its chapters anew in every
    part, and the source does not name the parts.
    """
    rows = db.session.execute(
        select(Article.id, Article.position, Article.chapter)
        .where(Article.version_id == version_id)
        .order_by(Article.position)
    )
    roots: list[Chapter] = []
    path: list[Chapter] = []
    for article_id, position, titles in rows:
        common = 0
        while common < min(len(path), len(titles)) and path[common].title == titles[common]:
            common += 1
        del path[common:]
        for title in titles[common:]:
            node = Chapter(title, position, position, article_id)
            (path[-1].children if path else roots).append(node)
            path.append(node)
        for node in path:
            node.last_position = position
            node.articles += 1
    return roots


def articles_of(
    version_id: uuid.UUID,
    *,
    first: int | None = None,
    last: int | None = None,
    cursor: str | None = None,
    size: int = 20,
) -> Page[Article]:
    """Return the articles of a version in order, from position `first` to `last` (both included)."""
    query = select(Article).where(Article.version_id == version_id).options(*_WITH_NAMES)
    if first is not None:
        query = query.where(Article.position >= first)
    if last is not None:
        query = query.where(Article.position <= last)
    return paginate(query, [Key(Article.position)], cursor, size)


@dataclass(slots=True)
class ArticleView:
    """An article with what stands around it."""

    article: Article
    previous: Article | None
    next: Article | None
    versions: list[Article]
    cited_by: list[dict[str, Any]]


def article(article_id: uuid.UUID) -> Article:
    """Return an article; raises NotFound."""
    found = db.session.scalar(select(Article).where(Article.id == article_id).options(*_WITH_NAMES))
    if found is None:
        raise NotFound("没有这一条。")
    return found


def articles(ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, Article]:
    """Return articles by id, with law and version; unknown ids are left out."""
    rows = db.session.scalars(
        select(Article).where(Article.id.in_(list(ids))).options(*_WITH_NAMES)
    )
    return {row.id: row for row in rows}


def article_view(article_id: uuid.UUID) -> ArticleView:
    """Return an article with its neighbours, its other versions, and what cites it; raises NotFound."""
    found = article(article_id)
    around = db.session.scalars(
        select(Article)
        .where(
            Article.version_id == found.version_id,
            Article.position.in_([found.position - 1, found.position + 1]),
        )
        .options(*_WITH_NAMES)
    ).all()
    by_position = {row.position: row for row in around}
    standing = lineage.standing(found, law(found.law_id).versions)
    versions = sorted(standing.values(), key=lambda item: item.version.version_date)
    return ArticleView(
        found,
        by_position.get(found.position - 1),
        by_position.get(found.position + 1),
        versions,
        _cited_by(found.id),
    )


def _cited_by(article_id: uuid.UUID) -> list[dict[str, Any]]:
    live = PublicationState.PUBLISHED
    faqs = db.session.execute(
        select(Faq.id, Faq.question, CitedArticle.point)
        .join(CitedArticle, CitedArticle.faq_id == Faq.id)
        .where(CitedArticle.article_id == article_id, Faq.state == live)
        .order_by(Faq.id)
        .limit(50)
    )
    guides = db.session.execute(
        select(Guide.id, Guide.title, CitedArticle.point)
        .join(CitedArticle, CitedArticle.guide_id == Guide.id)
        .where(CitedArticle.article_id == article_id, Guide.state == live)
        .order_by(Guide.id)
        .limit(50)
    )
    found = [("faq", *row) for row in faqs] + [("guide", *row) for row in guides]
    return [
        {"kind": kind, "id": subject_id, "title": title, "point": point}
        for kind, subject_id, title, point in found
    ]


# --- FAQ and guides ---


def faqs(
    *,
    category: str | None = None,
    cited_article: uuid.UUID | None = None,
    states: tuple[PublicationState, ...] = (PublicationState.PUBLISHED,),
    cursor: str | None = None,
    size: int = 20,
) -> Page[Faq]:
    """Return FAQ, oldest first."""
    query = select(Faq).where(Faq.state.in_(states)).options(joinedload(Faq.category))
    if category:
        query = query.where(Faq.category_code == category)
    if cited_article is not None:
        citing = select(CitedArticle.faq_id).where(CitedArticle.article_id == cited_article)
        query = query.where(Faq.id.in_(citing))
    return paginate(query, [Key(Faq.id)], cursor, size)


def faq(faq_id: uuid.UUID, *, published: bool = True) -> Faq:
    """Return an FAQ with its citations; raises NotFound, also for one that is not published."""
    found = db.session.scalar(
        select(Faq).where(Faq.id == faq_id).options(joinedload(Faq.category), _citations(Faq))
    )
    if found is None or (published and found.state is not PublicationState.PUBLISHED):
        raise NotFound("没有这条问答。")
    return found


def see_also(subject: Faq) -> list[Faq]:
    """Return the published FAQ that an FAQ points at, in its order."""
    if not subject.see_also:
        return []
    rows = db.session.scalars(
        select(Faq)
        .where(Faq.slug.in_(subject.see_also), Faq.state == PublicationState.PUBLISHED)
        .options(joinedload(Faq.category))
    )
    by_slug = {row.slug: row for row in rows}
    return [by_slug[slug] for slug in subject.see_also if slug in by_slug]


def guides(
    *, category: str | None = None, cursor: str | None = None, size: int = 20
) -> Page[Guide]:
    """Return the published guides, oldest first."""
    query = (
        select(Guide)
        .where(Guide.state == PublicationState.PUBLISHED)
        .options(joinedload(Guide.category))
    )
    if category:
        query = query.where(Guide.category_code == category)
    return paginate(query, [Key(Guide.id)], cursor, size)


def guide(guide_id: uuid.UUID) -> Guide:
    """Return a published guide with its citations; raises NotFound."""
    found = db.session.scalar(
        select(Guide)
        .where(Guide.id == guide_id, Guide.state == PublicationState.PUBLISHED)
        .options(joinedload(Guide.category), _citations(Guide))
    )
    if found is None:
        raise NotFound("没有这篇指南。")
    return found


def _citations(kind: type[Faq] | type[Guide]) -> Any:
    return selectinload(kind.citations).options(
        joinedload(CitedArticle.article).options(*_WITH_NAMES)
    )


# --- staff ---


def miss(miss_id: uuid.UUID) -> SearchMiss:
    """Return one of them; raises NotFound."""
    found = db.session.get(SearchMiss, miss_id)
    if found is None:
        raise NotFound("没有这条记录。")
    return found


def reviews(*, state: ReviewState, cursor: str | None = None, size: int = 20) -> Page[ReviewItem]:
    """Return the review list, oldest first."""
    query = (
        select(ReviewItem)
        .where(ReviewItem.state == state)
        .options(joinedload(ReviewItem.article).options(*_WITH_NAMES))
    )
    return paginate(query, [Key(ReviewItem.id)], cursor, size)


def review(review_id: uuid.UUID) -> ReviewItem:
    """Return one entry of the review list; raises NotFound."""
    found = db.session.scalar(
        select(ReviewItem)
        .where(ReviewItem.id == review_id)
        .options(joinedload(ReviewItem.article).options(*_WITH_NAMES))
    )
    if found is None:
        raise NotFound("没有这条记录。")
    return found


def evaluations(*, cursor: str | None = None, size: int = 20) -> Page[SearchEvaluation]:
    """Return the runs of the evaluation, the latest first."""
    return paginate(
        select(SearchEvaluation), [Key(SearchEvaluation.id, descending=True)], cursor, size
    )


def counts() -> dict[str, int]:
    """Return how much is loaded, for the set-up's report and for readiness."""
    published = PublicationState.PUBLISHED
    statements = {
        "laws": select(func.count(Law.id)),
        "articles": select(func.count(Article.id)),
        "faqs": select(func.count(Faq.id)).where(Faq.state == published),
        "guides": select(func.count(Guide.id)).where(Guide.state == published),
    }
    return {name: db.session.scalar(query) or 0 for name, query in statements.items()}


def count_reviews(state: ReviewState) -> int:
    """Return how many texts with a changed legal basis stand in `state`."""
    query = select(func.count(ReviewItem.id)).where(ReviewItem.state == state)
    return db.session.scalar(query) or 0


def lookup(wanted: Iterable[tuple[str, str]]) -> dict[tuple[str, str], Article]:
    """Return the articles meant by (full name, canonical number), whatever they are worth today.

    They are those of the current version; a number that only an older version has is returned from
    that version. Texts that number their items (二十二、) are cited by articles all the same
    (刑法修正案（八）第二十二条). One statement for all.
    """
    pairs = set(wanted)
    if not pairs:
        return {}
    items = {
        f"{format_numeral(int(number))}、": number
        for _, number in pairs
        if number.isdecimal() and int(number) < MOST_ITEMS
    }
    rows = db.session.scalars(
        select(Article)
        .join(Article.law)
        .join(Article.version)
        .where(
            Law.name.in_({law for law, _ in pairs}),
            or_(
                Article.number.in_({number for _, number in pairs if number}),
                and_(Article.number == "", Article.label.in_(items)),
            ),
        )
        .options(joinedload(Article.law), joinedload(Article.version))
        # Older first and the current last, which overwrites; of a number that stands twice the
        # first counts.
        .order_by(LawVersion.is_current, LawVersion.version_date, Article.position.desc())
    )
    result: dict[tuple[str, str], Article] = {}
    by_item: dict[tuple[str, str], Article] = {}
    for article in rows:
        key = (article.law.name, article.number or items[article.label])
        if key in pairs:
            (result if article.number else by_item)[key] = article
    return by_item | result


def reference_of(article: Article) -> dict[str, Any]:
    """Return an article for `ArticleReferenceSchema`."""
    version = article.version
    return {
        "id": str(article.id),
        "url": f"/api/v1/articles/{article.id}",
        "title": article.title,
        "validity": version.status.value,
        "validity_label": version.status.label,
        "valid_from": version.effective_from,
        "dates_exact": version.days_are_exact,
    }


def with_line_breaks(version_ids: Collection[uuid.UUID]) -> set[uuid.UUID]:
    """Return those of the versions whose text keeps the breaks between paragraphs."""
    if not version_ids:
        return set()
    return set(
        db.session.scalars(
            select(Article.version_id)
            .where(Article.version_id.in_(version_ids), Article.text.contains("\n"))
            .distinct()
        )
    )
