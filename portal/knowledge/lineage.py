"""Articles through the versions of their law, whatever number they bear (`alignment` finds them).

What continues what is stored, so that a history, a review and a check of citations cost a statement
or two. A version says which one it was matched with (`LawVersion.aligned_with`); an import takes the
mark away from what it writes, and `refresh` matches whatever lacks it. Until then a law's articles
count as continued under their number.
"""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from itertools import pairwise
from typing import Any

from sqlalchemy import and_, delete, func, insert, or_, select, update
from sqlalchemy.orm import aliased, joinedload

from portal.core.db import db
from portal.core.unit_of_work import unit_of_work
from portal.knowledge import index
from portal.knowledge.alignment import Text, align
from portal.knowledge.models import Article, ArticleLineage, LawVersion

_WITH_NAMES = (joinedload(Article.law), joinedload(Article.version))


# --- matching ---


def refresh(progress: index.Progress = index.silent) -> int:
    """Match the articles of every version that was not matched yet; returns how many versions.

    A law is one unit of work, and comparing happens before it begins: residents' writes never wait
    for that. What was imported meanwhile is left for the next round.
    """
    waiting = _waiting()
    done = 0
    for place, versions in enumerate(waiting, 1):
        done += _match(versions)
        progress("align", place, len(waiting))
    return done


def _waiting() -> list[list[uuid.UUID]]:
    """The versions, oldest first, of each law that has one to match."""
    before = (
        func.lag(LawVersion.id)
        .over(partition_by=LawVersion.law_id, order_by=LawVersion.version_date)
        .label("before")
    )
    versions = select(LawVersion.law_id, LawVersion.aligned_with, before).subquery()
    laws = select(versions.c.law_id).where(
        versions.c.before.is_not(None),
        versions.c.aligned_with.is_distinct_from(versions.c.before),
    )
    rows = db.session.execute(
        select(LawVersion.law_id, LawVersion.id)
        .where(LawVersion.law_id.in_(laws))
        .order_by(LawVersion.law_id, LawVersion.version_date)
    )
    found: dict[uuid.UUID, list[uuid.UUID]] = defaultdict(list)
    for law_id, version_id in rows:
        found[law_id].append(version_id)
    return list(found.values())


def _match(versions: Sequence[uuid.UUID]) -> int:
    marks = {
        row.id: row.aligned_with
        for row in db.session.execute(
            select(LawVersion.id, LawVersion.aligned_with).where(LawVersion.id.in_(versions))
        )
    }
    stale = [(old, new) for old, new in pairwise(versions) if marks[new] != old]
    texts = {version_id: _texts(version_id) for pair in stale for version_id in pair}
    rows = []
    for old, new in stale:
        left, right = texts[old], texts[new]
        pairs = align(
            [Text(row.number, row.text) for row in left],
            [Text(row.number, row.text) for row in right],
        )
        rows += [
            {
                "article_id": right[pair.new].id,
                "previous_id": left[pair.old].id,
                "likeness": pair.likeness,
            }
            for pair in pairs
        ]
    with unit_of_work():
        if any(_texts(version_id) != held for version_id, held in texts.items()):
            return 0
        written = select(Article.id).where(Article.version_id.in_([new for _, new in stale]))
        db.session.execute(
            delete(ArticleLineage).where(ArticleLineage.article_id.in_(written)),
            execution_options={"synchronize_session": False},
        )
        if rows:
            db.session.execute(insert(ArticleLineage), rows)
        for old, new in stale:
            db.session.execute(
                update(LawVersion).where(LawVersion.id == new).values(aligned_with=old),
                execution_options={"synchronize_session": False},
            )
    db.session.expire_all()
    return len(stale)


def _texts(version_id: uuid.UUID) -> Sequence[Any]:
    return db.session.execute(
        select(Article.id, Article.number, Article.text)
        .where(Article.version_id == version_id)
        .order_by(Article.position)
    ).all()


def forget(versions: Iterable[LawVersion], changed: LawVersion) -> None:
    """Have the versions matched anew whose articles or predecessor are `changed`; in a unit of work."""
    changed.aligned_with = None
    later = [version for version in versions if version.version_date > changed.version_date]
    if later:
        min(later, key=lambda version: version.version_date).aligned_with = None


def is_matched(versions: Sequence[LawVersion]) -> bool:
    """True when every version of a law, oldest first, was matched with the one before it."""
    return all(after.aligned_with == before.id for before, after in pairwise(versions))


# --- reading ---


def standing(found: Article, versions: Sequence[LawVersion]) -> dict[uuid.UUID, Article]:
    """Return the same article in each version that has it, by version; `versions` oldest first."""
    if not is_matched(versions):
        return _by_number(found)
    # One table walked in both directions: what it continues, and what continues it.
    back = (
        select(ArticleLineage.previous_id.label("id"))
        .where(ArticleLineage.article_id == found.id)
        .cte("back", recursive=True)
    )
    back = back.union_all(
        select(ArticleLineage.previous_id).join(back, ArticleLineage.article_id == back.c.id)
    )
    onward = (
        select(ArticleLineage.article_id.label("id"))
        .where(ArticleLineage.previous_id == found.id)
        .cte("onward", recursive=True)
    )
    onward = onward.union_all(
        select(ArticleLineage.article_id).join(onward, ArticleLineage.previous_id == onward.c.id)
    )
    rows = db.session.scalars(
        select(Article)
        .where(
            or_(
                Article.id == found.id,
                Article.id.in_(select(back.c.id)),
                Article.id.in_(select(onward.c.id)),
            )
        )
        .options(*_WITH_NAMES)
    )
    return {row.version_id: row for row in rows}


def _by_number(found: Article) -> dict[uuid.UUID, Article]:
    """The articles of the same number, without one of the same label."""
    same = Article.number == found.number if found.number else Article.label == found.label
    rows = db.session.scalars(
        select(Article)
        .where(Article.law_id == found.law_id, same)
        .options(*_WITH_NAMES)
        .order_by(Article.position)
    )
    groups: dict[uuid.UUID, list[Article]] = defaultdict(list)
    for row in rows:
        groups[row.version_id].append(row)
    # A decision may quote a number twice; the second is the history of the second.
    place = [row.id for row in groups[found.version_id]].index(found.id)
    return {version_id: group[place] for version_id, group in groups.items() if place < len(group)}


def successors(ids: Collection[uuid.UUID]) -> dict[uuid.UUID, Article]:
    """Return the articles of current versions that articles of older ones went on as, by the old id."""
    if not ids:
        return {}
    walk = (
        select(ArticleLineage.previous_id.label("origin"), ArticleLineage.article_id.label("id"))
        .where(ArticleLineage.previous_id.in_(ids))
        .cte("walk", recursive=True)
    )
    walk = walk.union_all(
        select(walk.c.origin, ArticleLineage.article_id).join(
            walk, ArticleLineage.previous_id == walk.c.id
        )
    )
    rows = db.session.execute(
        select(walk.c.origin, Article)
        .join(Article, Article.id == walk.c.id)
        .join(LawVersion, LawVersion.id == Article.version_id)
        .where(LawVersion.is_current)
        .options(*_WITH_NAMES)
    )
    return {row.origin: row.Article for row in rows}


def matched_laws(ids: Collection[uuid.UUID]) -> set[uuid.UUID]:
    """Return those of the laws `ids` whose versions are all matched."""
    rows = db.session.scalars(
        select(LawVersion)
        .where(LawVersion.law_id.in_(ids))
        .order_by(LawVersion.law_id, LawVersion.version_date)
    )
    versions: dict[uuid.UUID, list[LawVersion]] = defaultdict(list)
    for row in rows:
        versions[row.law_id].append(row)
    return {law_id for law_id, found in versions.items() if is_matched(found)}


def continuing(ids: Collection[uuid.UUID]) -> set[uuid.UUID]:
    """Return those of the articles `ids` that continue one of the version before."""
    query = select(ArticleLineage.article_id).where(ArticleLineage.article_id.in_(ids))
    return set(db.session.scalars(query))


def moved_away(articles: Iterable[Article]) -> dict[uuid.UUID, tuple[Article, Article]]:
    """Tell where the former bearers of these articles' numbers went, one version back.

    For each given article whose number belonged to another one before: that one, and the article it
    is now. Whoever cites the number may still mean it.
    """
    asked = {(item.version_id, item.number): item.id for item in articles if item.number}
    if not asked:
        return {}
    former, present = aliased(Article), aliased(Article)
    rows = db.session.execute(
        select(LawVersion.id, former, present)
        .join(former, former.version_id == LawVersion.aligned_with)
        .join(ArticleLineage, ArticleLineage.previous_id == former.id)
        .join(
            present,
            and_(
                present.id == ArticleLineage.article_id,
                present.version_id == LawVersion.id,
                present.number != former.number,
            ),
        )
        .where(
            LawVersion.id.in_({version_id for version_id, _ in asked}),
            former.number.in_({number for _, number in asked}),
        )
        # Of a number that stood twice the first counts.
        .order_by(former.position.desc())
    )
    found = {}
    for version_id, before, now in rows:
        article_id = asked.get((version_id, before.number))
        if article_id is not None:
            found[article_id] = (before, now)
    return found
