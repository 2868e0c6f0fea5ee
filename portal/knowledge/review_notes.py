"""What an entry of the review list tells its reader: where the article went, and what its words became."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import or_, select

from portal.core.db import db
from portal.knowledge import reviews
from portal.knowledge.fingerprints import folded
from portal.knowledge.history import Difference, differences
from portal.knowledge.models import Article, CitedArticle, ReviewItem, ReviewReason, ReviewState
from portal.knowledge.queries import lookup

_NUMBERS = "请改正引用的序号，再核对正文里写到的序号。"


@dataclass(frozen=True, slots=True)
class Told:
    """Where the article stands under another number, its changed words, and a sentence."""

    moved_to: Article | None = None
    difference: Sequence[Difference] = ()
    note: str | None = None


def tell(items: Sequence[ReviewItem]) -> dict[uuid.UUID, Told]:
    """Return what to tell of each entry, by its id; a handful of statements for all.

    Words of today are set against those that the text was last read with. An FAQ or guide that was
    read again agrees with today's, so that nothing is left to show.
    """
    today = reviews.today(items)
    read = _read_texts(items)
    numbers = {_number(item) for item in items if item.reason is ReviewReason.GONE}
    bearers = lookup(numbers)
    told = {}
    for item in items:
        now = today[item.id]
        if item.reason is ReviewReason.GONE:
            told[item.id] = Told(note=_gone(item.article, bearers.get(_number(item))))
        elif now is None or item.reason is ReviewReason.OUT_OF_FORCE:
            told[item.id] = Told()
        else:
            told[item.id] = _changed(item, now, read.get(item.id))
    return told


def _number(item: ReviewItem) -> tuple[str, str]:
    return item.article.law.name, item.article.number


def _gone(article: Article, bearer: Article | None) -> str:
    told = f"现行版本里已经没有原来的{article.label}"
    if bearer is not None and bearer.version.is_current and bearer.id != article.id:
        told += f"，现在的{bearer.label}是另一条"
    return f"{told}。{_NUMBERS}"


def _changed(item: ReviewItem, now: Article, before: str | None) -> Told:
    changed = before is not None and folded(before) != folded(now.text)
    difference = differences(before, now.text) if before is not None and changed else ()
    if item.reason is ReviewReason.RENUMBERED:
        same = item.article.text_hash == now.text_hash
        words = "文字没有变化" if same else "文字也有修改"
        return Told(
            now, difference, f"原{item.article.label}现在是{now.label}，{words}。{_NUMBERS}"
        )
    if changed:
        return Told(None, difference, "请对照删去和增加的文字，核对内容是否仍然正确。")
    if item.state is ReviewState.OPEN:
        return Told(note="上次核对时的文字没有保存，请对照现行条文核对。")
    return Told()


def _read_texts(items: Sequence[ReviewItem]) -> dict[uuid.UUID, str | None]:
    """The words that each entry's subject was last read with, by the entry's id.

    Other rooms name the article row they were written with; an FAQ or guide keeps the words.
    """
    subjects = {item.subject_id for item in items if item.subject_kind in ("faq", "guide")}
    rows = db.session.execute(
        select(
            CitedArticle.faq_id,
            CitedArticle.guide_id,
            CitedArticle.article_id,
            CitedArticle.read_text,
        ).where(or_(CitedArticle.faq_id.in_(subjects), CitedArticle.guide_id.in_(subjects)))
    )
    kept: dict[uuid.UUID, dict[uuid.UUID | None, str | None]] = defaultdict(dict)
    for faq_id, guide_id, article_id, text in rows:
        for subject_id in (faq_id, guide_id):
            if subject_id is not None:
                kept[subject_id][article_id] = text
    return {
        item.id: kept[item.subject_id].get(item.article_id)
        if item.subject_id in subjects
        else item.article.text
        for item in items
    }
