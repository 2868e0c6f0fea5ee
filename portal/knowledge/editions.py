"""The edition of a law that a text names: 《公司法》（2018年修正）第二十条 means that text, whatever has the number today."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable

from sqlalchemy import select
from sqlalchemy.orm import joinedload

from portal.core.db import db
from portal.knowledge.models import Article, Law, LawVersion
from search_index.analysis import normalise

# Behind a law's name or at its end: (2018年修正), (2018年10月26日修订), (2018修正), (2018).
_EDITION = re.compile(r"\(((?:19|20)\d\d)(?:年[^()]{0,12}|[^()\d]{0,6})\)")
# A law that is named without an edition after one that was named with it is meant in the same.
_NAMED = re.compile("[《(]")


# A law by its full name, and a year.
Edition = tuple[str, int]


def stated(citations: Iterable[tuple[str, str]]) -> list[Edition | None]:
    """Return the edition that each citation means; None where the text names none.

    `citations` are the texts of the citations in their order, each with the law it means. A list
    (第二十条、第二十一条) and what points back (该法第三条) go on in the edition that was named.
    """
    result: list[Edition | None] = []
    named: dict[str, Edition | None] = {}
    for text, law in citations:
        written = normalise(text)
        edition = _EDITION.search(written)
        if edition is not None:
            named[law] = law, int(edition[1])
        elif _NAMED.search(written):
            named[law] = None
        result.append(named.get(law))
    return result


def held(editions: Collection[Edition]) -> dict[Edition | None, LawVersion]:
    """Return the versions meant: passed in that year or in force since it; the latest of a year."""
    if not editions:
        return {}
    versions = db.session.scalars(
        select(LawVersion)
        .join(LawVersion.law)
        .where(Law.name.in_({law for law, _ in editions}))
        .options(joinedload(LawVersion.law))
        .order_by(LawVersion.version_date)
    )
    found: dict[Edition | None, LawVersion] = {}
    in_force: dict[Edition | None, LawVersion] = {}
    for version in versions:
        found[version.law.name, version.version_date.year] = version
        in_force[version.law.name, version.effective_from.year] = version
    return {key: version for key, version in (in_force | found).items() if key in editions}


def articles(wanted: Collection[tuple[LawVersion, str]]) -> dict[tuple[LawVersion, str], Article]:
    """Return the articles of (version, canonical number); of a number that stands twice the first."""
    if not wanted:
        return {}
    rows = db.session.scalars(
        select(Article)
        .where(
            Article.version_id.in_({version.id for version, _ in wanted}),
            Article.number.in_({number for _, number in wanted}),
        )
        .options(joinedload(Article.law), joinedload(Article.version))
        .order_by(Article.position.desc())
    )
    return {(row.version, row.number): row for row in rows}
