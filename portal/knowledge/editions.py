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
# Also beside other notes: (法释[2009]11号,2020年修正), (2018年修正,以下简称公司法).
_EDITION = re.compile(
    r"\((?:[^()]{1,30}[,;])?((?:19|20)\d\d)(?:年[^()]{0,40}|[^()\d]{0,6}(?:[,;][^()]{1,30})?)\)"
)
# A law that is named without an edition after one that was named with it is meant in the same.
_NAMED = re.compile("[《(]")
# Words before a name: 原《公司法》, 修订前的公司法, 新公司法.
_FORMERLY = re.compile(r"(?:原|旧|修[订改正][以之]?前的?)\s*")
# The name that a text gives a law together with its edition: (2018年修正,以下简称《公司法》).
_SHORT = re.compile('[简下]称为?:?["“《]?(?P<name>[^"”》()]{2,20})')
_NOW = re.compile(r"(?:新|现行|修[订改正][以之]?后的?|新修[订改正]的?)\s*")
_LEAD = re.compile(
    r"(?:(?<![还复中草平高])原|旧|新|现行|修[订改正][以之]?[前后]的?|新修[订改正]的?)\s*$"
)
# The year of the edition before the one of today, of which no more is said.
FORMER = 0

# A law by its full name, and a year.
Edition = tuple[str, int]


def stated(citations: Iterable[tuple[str, str]]) -> list[Edition | None]:
    """Return the edition that each citation means; None where the text names none.

    `citations` are the texts of the citations in their order, with the words of `led_to` if there
    are, each with the law it means. A list (第二十条、第二十一条) and what points back (该法第三条) go on
    in the edition that was named.
    """
    result: list[Edition | None] = []
    named: dict[str, Edition | None] = {}
    given: dict[str, str] = {}
    for text, law in citations:
        written = normalise(text)
        edition = _EDITION.search(written)
        if edition is not None:
            named[law] = law, int(edition[1])
            short = _SHORT.search(edition[0])
            given[law] = f"《{short['name']}》" if short else ""
        elif _FORMERLY.match(written):
            named[law] = law, FORMER
        elif _NOW.match(written) or (
            _NAMED.search(written) and not (given.get(law) and written.startswith(given[law]))
        ):
            named[law] = None
        result.append(named.get(law))
    return result


def led_to(text: str, start: int) -> str:
    """Return the words before a citation in a text that tell an old or the new edition of its law; "" without any."""
    found = _LEAD.search(normalise(text[max(0, start - 8) : start]))
    return found[0] if found else ""


def held(editions: Collection[Edition]) -> dict[Edition | None, LawVersion]:
    """Return the versions meant: passed in that year or in force since it; the latest of a year.

    The one before that of today is meant by `FORMER`.
    """
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
    before: dict[str, LawVersion] = {}
    for version in versions:
        law = version.law.name
        if version.is_current and law in before:
            found[law, FORMER] = before[law]
        before[law] = version
        found[law, version.version_date.year] = version
        in_force[law, version.effective_from.year] = version
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
