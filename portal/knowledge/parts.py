"""Paragraphs and items that are cited and that an article does not have, for a search and for the check of a text alike."""

from __future__ import annotations

from collections.abc import Sequence

from portal.knowledge import queries
from portal.knowledge.models import Article, LawVersion, Validity
from portal.knowledge.names import short
from search_index import Absent, absent_part, format_numeral


def told(cited: Sequence[tuple[Article | None, str]]) -> list[str | None]:
    """Return what each article lacks of a part (第一款第(二)项), as a sentence; None where nothing is known to lack.

    Not looked at is the article of a law that was amended since: the text held may lack them without the
    citation being wrong. Nor is anything said of a version whose text may have lost the breaks between paragraphs.
    """
    absent: dict[int, tuple[Article, Absent]] = {}
    for position, (article, part) in enumerate(cited):
        if article is None or not part or not _is_whole(article.version):
            continue
        missing = absent_part(article.text, part)
        if missing is not None:
            absent[position] = article, missing
    certain = queries.with_line_breaks({article.version_id for article, _ in absent.values()})
    result: list[str | None] = [None] * len(cited)
    for position, (article, missing) in absent.items():
        if article.version_id in certain:
            result[position] = _sentence(article, missing)
    return result


def _is_whole(version: LawVersion) -> bool:
    """Whether all of a version's text is held: one that was replaced may have been changed before."""
    return version.status is Validity.IN_FORCE or (
        version.status is Validity.HISTORICAL and not version.changes_not_held
    )


def _sentence(article: Article, missing: Absent) -> str:
    where = f"《{short(article.law.name)}》{article.label}"
    if missing.paragraph:
        where += f"第{format_numeral(missing.paragraph)}款"
    count = "两" if missing.count == 2 else format_numeral(missing.count)
    has = f"共有{count}{missing.unit}" if missing.count else "没有分项"
    return f"{where}{has}，没有第{format_numeral(missing.number)}{missing.unit}。"
