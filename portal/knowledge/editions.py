"""The edition of a law that a text names: 《公司法》（2018年修正）第二十条 means that text, whatever has the number today."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import joinedload

from portal.core.db import db
from portal.knowledge.models import Article, Law, LawVersion, Validity
from search_index.analysis import normalise
from search_index.notes import round_notes

# Behind a law's name or at its end: (2018年修正), (2018年10月26日修订), (2018修正), (2018).
# Also beside other notes: (法释[2009]11号,2020年修正), (2018年修正,以下简称公司法).
_EDITION = re.compile(
    r"\((?:[^()]{1,30}[,;]|根据)?((?:19|20)\d\d)(?:年[^()]{0,40}|[^()\d]{0,6}(?:[,;][^()]{1,30})?)\)"
)
# Or before it: 2018年修正的公司法, 2018年10月26日修订的《公司法》, 2018年修正版《公司法》. What is said to be passed or in
# force since a year (1994年公布的《劳动法》) is the law as such.
_YEAR_BEFORE = (
    r"((?:19|20)\d\d)年?(?:\d{1,2}月\d{1,2}日)?(?:修[订改正]后?的|(?:修[订改正])?版的?)\s*"
)
_EDITION_BEFORE = re.compile(_YEAR_BEFORE)
# A law that is named without an edition after one that was named with it is meant in the same.
_NAMED = re.compile("[《(]")
# Words before a name that say which edition is meant: 原《公司法》, 已废止的《合同法》, 新公司法.
_ONCE = "原|旧|修[订改正][以之]?前的?|现?已经?被?(?:废止|失效|修[改订正])的"
_THEN = "(?:当[时年]|(?<![现届同此])时)(?:仍?然?尚?正?在?)(?:有效|生效|施行|实施|适用)?的"
_FORMERLY = re.compile(rf"(?:{_ONCE}|(?P<then>{_THEN}))\s*")
# Or a note behind the name or the article: 《合同法》(已废止), 《物权法》第三十九条(现《民法典》第二百四十条).
_GONE = re.compile(
    r"\((?:现[行在]?(?:为|是|见|参见|对应)?《|(?:该法|该条|现)?已经?(?:被[^()]{1,20})?(?:废止|失效|修[改订正]))"
)
# The name that a text gives a law together with its edition: (2018年修正,以下简称《公司法》).
_SHORT = re.compile('[简下]称为?:?["“《]?(?P<name>[^"”》()]{2,20})')
_NOW = re.compile(r"(?:新|现行|修[订改正][以之]?后的?|新修[订改正]的?)\s*")
_LEAD = re.compile(
    rf"(?:{_YEAR_BEFORE}|(?<![还复中草平高])原|旧|新|现行|新修[订改正]的?|修[订改正][以之]?[前后]的?|{_ONCE[2:]}|{_THEN})\s*$"
)
# What goes on without naming a law: 、第二十一条, 该法第三条.
_GOES_ON = re.compile(r"[第0-9零一二三四五六七八九十百千之该本同上前]")
# The year of the edition before the one of today, of which no more is said; and of the one that was the law then,
# which may be that of today.
FORMER = 0
THEN = -1


class Edition(NamedTuple):
    """An edition of a law, by the law's full name; `former` when it is named as no longer being the law."""

    law: str
    year: int
    former: bool = False


def stated(citations: Iterable[tuple[str, str]]) -> list[Edition | None]:
    """Return the edition that each citation means; None where the text names none.

    `citations` are the citations in their order as `said_of` returns them, each with the law it means. A list
    (第二十条、第二十一条) and what points back (该法第三条) go on in the edition that was named.
    """
    result: list[Edition | None] = []
    named: dict[str, Edition | None] = {}
    given: dict[str, str] = {}
    for text, law in citations:
        written = round_notes(normalise(text))
        edition = _EDITION.search(written) or _EDITION_BEFORE.match(written)
        formerly = _FORMERLY.match(written) or _GONE.search(written)
        before = named.get(law)
        if edition is not None:
            named[law] = Edition(law, int(edition[1]), former=formerly is not None)
            short = _SHORT.search(edition[0])
            given[law] = f"《{short['name']}》" if short else ""
        elif formerly is not None:
            then = formerly.groupdict().get("then") is not None
            named[law] = Edition(law, THEN if then else FORMER, former=True)
        elif (
            _NOW.match(written)
            or (_NAMED.search(written) and not (given.get(law) and written.startswith(given[law])))
            or (before is not None and before.year <= FORMER and not _GOES_ON.match(written))
        ):
            named[law] = None
        result.append(named.get(law))
    return result


def said_of(text: str, start: int, end: int) -> str:
    """Return a citation in a text with the words around it that tell an old or the new edition of its law."""
    before = _LEAD.search(normalise(text[max(0, start - 20) : start]))
    # With the end of the citation, which tells whether a note is one on a law.
    behind = _GONE.match(round_notes(normalise(text[start : end + 40]))[end - start :].lstrip())
    return (before[0] if before else "") + text[start:end] + (behind[0] if behind else "")


def held(editions: Collection[Edition]) -> dict[Edition | None, LawVersion]:
    """Return the versions meant: passed in that year or in force since it; the latest of a year.

    `FORMER` and `THEN` mean the one before that of today, and of a law that is gone its last one.
    """
    if not editions:
        return {}
    versions = db.session.scalars(
        select(LawVersion)
        .join(LawVersion.law)
        .where(Law.name.in_({edition.law for edition in editions}))
        .options(joinedload(LawVersion.law))
        .order_by(LawVersion.version_date)
    )
    found: dict[tuple[str, int], LawVersion] = {}
    in_force: dict[tuple[str, int], LawVersion] = {}
    before: dict[str, LawVersion] = {}
    for version in versions:
        law = version.law.name
        if version.is_current and version.status is Validity.REPEALED:
            found[law, FORMER] = version
        elif version.is_current and law in before:
            found[law, FORMER] = before[law]
        before[law] = version
        found[law, version.version_date.year] = version
        in_force[law, version.effective_from.year] = version
    known = in_force | found
    wanted = {edition: known.get((edition.law, max(edition.year, FORMER))) for edition in editions}
    return {edition: version for edition, version in wanted.items() if version is not None}


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
