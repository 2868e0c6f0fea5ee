"""What a search says about the citations in a question: the article, or in a sentence why there is none.

With a day asked for, it is about the version of that day: an article that only another version has is
told apart from a version that the portal does not hold. Whether a law existed before its first held text
nothing tells, so that is never claimed. Of a law that is not held it says by what it was replaced, where a
held text says so. Of an article that lacks the paragraph cited it says what the check of a text says.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import date
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import contains_eager

from portal.core import clock
from portal.core.db import db
from portal.knowledge import amendments, editions, parts, queries, unheld
from portal.knowledge.citations import CitationStatus
from portal.knowledge.documents import FROM_INDEX, key_of
from portal.knowledge.models import Article, Law, LawVersion, Validity
from portal.knowledge.names import law_names, not_held, short
from portal.knowledge.unheld import Mention
from search_index import CitationMatch, Document, SearchIndex, format_article_number

STATUS_LABELS = {
    "found": "已找到条文",
    "law": "已找到法律",
    "no_such_article": "没有这一条",
    "no_such_part": CitationStatus.NO_SUCH_PART.label,
    "no_such_law": "没有收录这部法律",
    "ambiguous": "法律名称不明确",
    "repealed": "已经废止",
    "no_longer": "那时已经废止",
    "no_such_version": "没有收录那一天的版本",
}
# Of a law that was imported since the index was built.
SOON = "这部法律刚刚收录，检索结果稍后就会包括它。"
SOON_VERSION = "这个版本刚刚收录，检索结果稍后就会包括它。"


def describe(
    reader: SearchIndex, matches: Sequence[CitationMatch], as_of: date | None
) -> list[dict[str, Any]]:
    """Return the citations of a question as the schema dumps them; `as_of` is the day asked for."""
    lacking = _lacking_parts(matches)
    return [
        _described(reader, match, as_of, message)
        for match, message in zip(matches, lacking, strict=True)
    ]


def _lacking_parts(matches: Sequence[CitationMatch]) -> list[str | None]:
    """Return of each citation the paragraph or item that its article does not have, as a sentence."""
    if not any(match.part for match in matches):
        return [None] * len(matches)
    found = [match for match in matches if match.part and match.status == "found"]
    articles = queries.lookup((match.law, match.number) for match in found)
    stated = editions.stated((match.text, match.law) for match in matches)
    versions = editions.held({edition for edition in stated if edition})
    cited: list[tuple[Article | None, str]] = []
    for match, edition in zip(matches, stated, strict=True):
        article = articles.get((match.law, match.number))
        # Of the article of another day or another edition nothing is known here.
        if article and key_of("article", article.id) not in match.keys:
            article = None
        if article and edition and versions.get(edition) is not article.version:
            article = None
        cited.append((article, match.part))
    return parts.told(cited)


def _described(
    reader: SearchIndex, match: CitationMatch, as_of: date | None, lacking: str | None
) -> dict[str, Any]:
    label = format_article_number(match.number)
    law = short(match.law)
    status: str = match.status
    if status == "no_such_law":
        return _imported_since(reader, match, label, as_of) or _unheld(
            match.text, match.law, match.number, as_of
        )
    if status == "no_such_article":
        # An item (二十二、) that is cited as an article, or an article of a version imported since the index was built.
        held = _article(match.law, match.number, as_of)
        if held is not None:
            soon = "" if reader.document(key_of("article", held.id)) else SOON_VERSION
            doubt = "" if held.version.days_are_exact else _doubt(held.version, as_of)
            found = _told("found", f"《{law}》{label}。{doubt}{soon}")
            plain = _plain(match.text, match.law, match.number)
            return {**plain, **found, "articles": [_of_row(held)]}
        return {**_plain(match.text, match.law, match.number), **_absent(match.law, label, as_of)}
    message = f"《{law}》{label}。"
    if status == "ambiguous":
        message = f"“{match.law}”可能指几部法律，请写出全称。"
    documents = [reader.document(key) for key in match.keys]
    versions = [document for document in documents if document is not None]
    if status == "found" and not all(item.dates_exact for item in versions):
        message += _uncertain(versions[0], as_of)
    neighbours = reader.neighbours(match.keys[0]) if status == "found" else []
    if lacking is not None:
        status, message = "no_such_part", lacking
    return {
        **_plain(match.text, match.law, match.number),
        **_told(status, message),
        "articles": [_reference(document) for document in versions],
        "neighbours": [_reference(document) for document in neighbours],
    }


def _imported_since(
    reader: SearchIndex, match: CitationMatch, label: str, as_of: date | None
) -> dict[str, Any] | None:
    """Describe a citation of a law that is held and not in the index yet, from the database; None of any other."""
    indexed = reader.snapshot().laws
    laws = [law for law in law_names().resolve(match.law) if law not in indexed]
    if len(laws) != 1:
        return None
    (law,) = laws
    plain = _plain(match.text, law, match.number)
    article = _article(law, match.number, as_of)
    if article is None:
        return {**plain, **_absent(law, label, as_of)}
    told = _told("found", f"《{short(law)}》{label}。{SOON}")
    return {**plain, **told, "articles": [_of_row(article)], "law_link": _link(article.law)}


def _article(law: str, number: str, as_of: date | None) -> Article | None:
    """Return an article as the database has it, in the version of the day asked for."""
    if as_of is None:
        return queries.lookup([(law, number)]).get((law, number))
    articles = db.session.scalars(
        select(Article)
        .join(Article.law)
        .join(Article.version)
        .where(Law.name == law, Article.number == number)
        .options(contains_eager(Article.law), contains_eager(Article.version))
        .order_by(LawVersion.effective_from.desc())
    )
    return next((article for article in articles if _in_force(article.version, as_of)), None)


def _uncertain(document: Document, as_of: date | None) -> str:
    """Say why the text may not be that of the day asked for, or of today."""
    version = db.session.scalar(
        select(LawVersion)
        .join(Article, Article.version_id == LawVersion.id)
        .where(Article.id == uuid.UUID(document.key.partition(":")[2]))
    )
    return _doubt(version, as_of)


def _doubt(version: LawVersion | None, as_of: date | None) -> str:
    changed = version.changes_not_held if version is not None else []
    told = amendments.told(changed, as_of or clock.today())
    if told or as_of is None or (version is not None and version.dates_exact):
        return told
    return f"这个版本的起止日期有推定成分，{as_of} 是否施行请以公布的文本为准。"


def describe_mention(mention: Mention, as_of: date | None) -> dict[str, Any]:
    """Return a law that is not held, or a number that is none, in the form of `describe`."""
    if not mention.held:
        return _unheld(mention.text, mention.law, mention.number, as_of)
    return {**_plain(mention.text, mention.law, ""), **_absent(mention.law, mention.label, as_of)}


def describe_laws(names: Sequence[str], written: str) -> list[dict[str, Any]]:
    """Return held laws, one of which is all that the question names as `written`, in the form of `describe`."""
    laws = db.session.scalars(select(Law).where(Law.name.in_(names))) if names else ()
    return [
        {
            **_plain(written, law.name, ""),
            **_told("law", f"已收录《{law.short_name}》。"),
            "law_link": _link(law),
        }
        for law in laws
    ]


def _unheld(text: str, law: str, number: str, as_of: date | None) -> dict[str, Any]:
    """Say that a law is not held, and what replaced it."""
    replaced = unheld.replaced(law)
    if replaced is None:
        message = f"{not_held(law)}。"
        return {**_plain(text, law, number), **_told("no_such_law", message)}
    # On a day before its repeal it was the law; all the same its text is not held.
    status = "repealed" if as_of is None or as_of >= replaced.start else "no_such_law"
    return {
        **_plain(text, replaced.law, number),
        **_told(status, replaced.message),
        "repealed_by": _of_row(replaced.article),
    }


def _told(status: str, message: str) -> dict[str, Any]:
    return {
        "exists": status in ("found", "law"),
        "status": status,
        "status_label": STATUS_LABELS[status],
        "message": message,
    }


def _plain(text: str, law: str, number: str) -> dict[str, Any]:
    """The members of every citation, in order; what is told of it goes over them."""
    return {
        "text": text,
        "law": law,
        "article_number": number,
        "article_label": format_article_number(number) if number else "",
        **_told("no_such_law", ""),
        "articles": [],
        "neighbours": [],
        "law_link": None,
        "repealed_by": None,
    }


def _link(law: Law) -> dict[str, str]:
    return {"id": str(law.id), "title": f"《{law.short_name}》", "url": f"/api/v1/laws/{law.id}"}


def _of_row(article: Article) -> dict[str, Any]:
    return {
        **queries.reference_of(article),
        "valid_from": article.version.effective_from.isoformat(),
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


def _absent(law: str, label: str, as_of: date | None) -> dict[str, Any]:
    """Say that a held law does not have an article, or not on that day; with what there is instead."""
    name = f"《{short(law)}》"
    versions = db.session.scalars(
        select(LawVersion)
        .join(LawVersion.law)
        .where(Law.name == law)
        .order_by(LawVersion.effective_from, LawVersion.version_date)
        .options(contains_eager(LawVersion.law))
    ).all()
    link = {"law_link": _link(versions[0].law) if versions else None}
    of_that_day = [
        version
        for version in versions
        if (version.is_current if as_of is None else _in_force(version, as_of))
    ]
    if as_of is not None and not of_that_day:
        return {**_told(*_without_version(name, versions, as_of)), **link}
    last = _last_article(of_that_day[-1]) if of_that_day else None
    whose = "这部法律的" if as_of is None else f"那一天（{as_of}）的版本"
    told = f"{whose}最后一条是{last.label}。" if last else ""
    return {
        **_told("no_such_article", f"{name}没有{label}。{told}"),
        "neighbours": [_of_row(last)] if last else [],
        **link,
    }


def _in_force(version: LawVersion, day: date) -> bool:
    return version.effective_from <= day and (
        version.effective_to is None or day < version.effective_to
    )


def _without_version(name: str, versions: Sequence[LawVersion], as_of: date) -> tuple[str, str]:
    """Return status and sentence for a day on which none of the held versions was in force."""
    first, last = (versions[0], versions[-1]) if versions else (None, None)
    if (
        last
        and last.status is Validity.REPEALED
        and last.effective_to
        and last.effective_to <= as_of
    ):
        return "no_longer", f"{name}那时（{as_of}）已经废止。"
    # An inferred first day is that of an amendment, and says nothing that holds.
    begins = first and as_of < first.effective_from and _start_is_known(first)
    told = f"收录的最早版本自 {first.effective_from} 起施行。" if first and begins else ""
    return "no_such_version", f"没有收录{name}那一天（{as_of}）的版本。{told}"


def _start_is_known(version: LawVersion) -> bool:
    """True when the version's own text names its first day.

    `dates_exact` also speaks of the last day; a first day after the version's date is never inferred.
    """
    return version.dates_exact or version.effective_from > version.version_date


def _last_article(version: LawVersion) -> Article | None:
    """Return where a version ends, which is what a wrong number mostly comes from."""
    return db.session.scalar(
        select(Article)
        .where(Article.version_id == version.id, Article.number != "")
        .order_by(Article.position.desc())
        .limit(1)
    )
