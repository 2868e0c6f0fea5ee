"""What a search says about the citations in a question: the article, or in a sentence why there is none.

With a day asked for, it is about the version of that day: an article that only another version has is
told apart from a law that was not in force yet and from a version that the portal does not hold. Of a law
that is not held it says by what it was replaced, where a held text says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from sqlalchemy import select

from portal.core.db import db
from portal.knowledge import search_content, unheld
from portal.knowledge.documents import FROM_INDEX
from portal.knowledge.models import Article, Law, LawVersion, Validity
from portal.knowledge.names import short
from portal.knowledge.unheld import Mention
from search_index import CitationMatch, Document, SearchIndex, format_article_number

STATUS_LABELS = {
    "found": "已找到条文",
    "no_such_article": "没有这一条",
    "no_such_law": "没有收录这部法律",
    "ambiguous": "法律名称不明确",
    "repealed": "已经废止",
    "not_yet": "收录的版本那时还没有施行",
    "no_longer": "那时已经废止",
    "no_such_version": "没有收录那一天的版本",
}


def describe(reader: SearchIndex, match: CitationMatch, as_of: date | None) -> dict[str, Any]:
    """Return a citation of the question as the schema dumps it; `as_of` is the day asked for."""
    label = format_article_number(match.number)
    law = short(match.law)
    status: str = match.status
    if status == "no_such_law":
        return _unheld(match.text, match.law, match.number, as_of)
    if status == "no_such_article":
        status, message = _absent(match.law, label, as_of)
    elif status == "found":
        message = f"《{law}》{label}。"
    else:
        message = f"“{match.law}”可能指几部法律，请写出全称。"
    documents = [reader.document(key) for key in match.keys]
    versions = [document for document in documents if document is not None]
    if as_of is not None and status == "found" and not all(item.dates_exact for item in versions):
        message += f"这个版本的起止日期有推定成分，{as_of} 是否施行请以公布的文本为准。"
    neighbours = reader.neighbours(match.keys[0]) if status == "found" else []
    return {
        **_plain(match.text, match.law, match.number, status, message),
        "articles": [_reference(document) for document in versions],
        "neighbours": [_reference(document) for document in neighbours],
    }


def describe_mention(mention: Mention, as_of: date | None) -> dict[str, Any]:
    """Return a law that is not held, or a number that is none, in the form of `describe`."""
    if not mention.held:
        return _unheld(mention.text, mention.law, mention.number, as_of)
    status, message = _absent(mention.law, mention.label, as_of)
    return _plain(mention.text, mention.law, "", status, message)


def _unheld(text: str, law: str, number: str, as_of: date | None) -> dict[str, Any]:
    """Say that a law is not held, and what replaced it."""
    found = search_content.repealed(unheld.successor(law))
    message = f"没有收录《{short(law)}》。"
    if found is None:
        return _plain(text, law, number, "no_such_law", message)
    repeal, article = found
    start, by = article.version.effective_from, f"《{short(repeal.by)}》"
    message = (
        f"《{short(repeal.law)}》自 {start} 起已由{by}废止（{article.label}），没有收录它的条文。"
    )
    replaced = {
        "id": str(article.id),
        "url": f"/api/v1/articles/{article.id}",
        "title": article.title,
        "validity": article.version.status.value,
        "validity_label": article.version.status.label,
        "valid_from": start.isoformat(),
        "dates_exact": article.version.dates_exact,
    }
    # On a day before its repeal it was the law; all the same its text is not held.
    status = "repealed" if as_of is None or as_of >= start else "no_such_law"
    return {**_plain(text, repeal.law, number, status, message), "repealed_by": replaced}


def _plain(text: str, law: str, number: str, status: str, message: str) -> dict[str, Any]:
    return {
        "text": text,
        "law": law,
        "article_number": number,
        "article_label": format_article_number(number) if number else "",
        "exists": status == "found",
        "status": status,
        "status_label": STATUS_LABELS[status],
        "message": message,
        "articles": [],
        "neighbours": [],
        "repealed_by": None,
    }


def _reference(document: Document) -> dict[str, Any]:
    subject_id = document.key.partition(":")[2]
    validity = FROM_INDEX[document.validity]
    return {
        "id": subject_id,
        "url": f"/api/v1/articles/{subject_id}",
        "title": f"《{short(document.law)}》{document.number}",
        "validity": validity.value,
        "validity_label": validity.label,
        "valid_from": document.valid_from.isoformat() if document.valid_from else None,
        "dates_exact": document.dates_exact,
    }


def _absent(law: str, label: str, as_of: date | None) -> tuple[str, str]:
    """Return status and sentence for an article that a held law does not have, or not on that day."""
    name = f"《{short(law)}》"
    versions = db.session.scalars(
        select(LawVersion)
        .join(LawVersion.law)
        .where(Law.name == law)
        .order_by(LawVersion.effective_from, LawVersion.version_date)
    ).all()
    if as_of is None:
        current = next((version for version in versions if version.is_current), None)
        last = _last_article(current)
        told = f"这部法律的最后一条是{last}。" if last else ""
        return "no_such_article", f"{name}没有{label}。{told}"
    of_that_day = [
        version
        for version in versions
        if version.effective_from <= as_of
        and (version.effective_to is None or as_of < version.effective_to)
    ]
    if of_that_day:
        last = _last_article(of_that_day[-1])
        told = f"那一天（{as_of}）的版本最后一条是{last}。" if last else ""
        return "no_such_article", f"{name}没有{label}。{told}"
    return _without_version(name, versions, as_of)


def _without_version(name: str, versions: Sequence[LawVersion], as_of: date) -> tuple[str, str]:
    """Return status and sentence for a day on which none of the held versions was in force."""
    first, last = (versions[0], versions[-1]) if versions else (None, None)
    # An inferred first day is that of an amendment; the text before it was law, and is not held.
    if first and as_of < first.effective_from and _start_is_known(first):
        start = first.effective_from
        # Whether it is the law's first text or a revision of one that is not held, nothing tells.
        told = f"收录的最早版本自 {start} 起施行，那时（{as_of}）还没有施行"
        return "not_yet", f"{name}{told}；如果有更早的版本，没有收录。"
    if (
        last
        and last.status is Validity.REPEALED
        and last.effective_to
        and last.effective_to <= as_of
    ):
        return "no_longer", f"{name}那时（{as_of}）已经废止。"
    return "no_such_version", f"没有收录{name}那一天（{as_of}）的版本。"


def _start_is_known(version: LawVersion) -> bool:
    """True when the version's own text names its first day.

    `dates_exact` also speaks of the last day; a first day after the version's date is never inferred.
    """
    return version.dates_exact or version.effective_from > version.version_date


def _last_article(version: LawVersion | None) -> str | None:
    """Return where a version ends, which is what a wrong number mostly comes from."""
    if version is None:
        return None
    return db.session.scalar(
        select(Article.label)
        .where(Article.version_id == version.id, Article.number != "")
        .order_by(Article.position.desc())
        .limit(1)
    )
