"""Texts that end others: which they name (《…》同时废止), and the end that these get for it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date

from sqlalchemy import select

from portal.core.db import db
from portal.knowledge import index, validity
from portal.knowledge.importing.texts import ArticleText, VersionText
from portal.knowledge.models import Law, LawVersion, Validity

# Of a text that is repealed as a whole: who made it, where its title leaves that out, its name, and what is noted on it.
_REPEAL = re.compile(
    r"(?P<maker>最高人民法院(?:、最高人民检察院)?|最高人民检察院)?"
    r"(?:[^《》，；。、]{0,20}(?:发布|公布|制定|印发)的)?"
    r"《(?P<name>(?:[^《》]|《[^《》]*》)+)》(?P<trial>[（(]试行[）)])?(?!第|中)"
)
_INNER_MARKS = str.maketrans("〈〉<>()", "《》《》（）")
# The end of a list of titles, before which document the last one was: 《…》（试行）（法释〔2012〕21号）.
_TITLES_END = re.compile(
    r"(》(?:[（(]试行[）)])?)(?:[（(](?:[^（）()]|[（(][^（）()]*[）)])*[）)])*[ ，,]*$"
)


def named_in(articles: Iterable[ArticleText]) -> list[str]:
    """Return the names of the texts that an article repeals as whole texts (《…》同时废止)."""
    names: list[str] = []
    for article in articles:
        for sentence in re.split(r"[。\n]", article.text):
            head, repeals, _ = sentence.rpartition("同时废止")
            end = _TITLES_END.search(head)
            if repeals and article.number and end is not None:
                listed = _REPEAL.finditer(head, 0, end.end(1))
                names += [_repealed_name(found) for found in listed]
    return names


def titled(name: str) -> str:
    """A law's name as it stands in its own title: between book marks the inner ones are others (〈〉)."""
    return name.translate(_INNER_MARKS)


def _repealed_name(found: re.Match[str]) -> str:
    """The title of a repealed text: 最高人民法院《关于…》 and 《…》（试行） bear the rest in their titles."""
    maker = (found["maker"] or "") if found["name"].startswith("关于") else ""
    return maker + found["name"] + ("（试行）" if found["trial"] else "")


def repeal(name: str, day: date, today: date) -> bool:
    """Mark a held law as repealed from `day` on; True when that changed anything.

    A law that was made anew since then is left alone, and one whose end is known already: an
    inferred end is no earlier than the real one. Until a day to come it goes on holding. Inside a unit of work.
    """
    law = _titled(name)
    newest = _newest(law)
    if law is None or newest is None or not _ends_on(newest, newest.effective_to, day, today):
        return False
    newest.declared = Validity.REPEALED
    newest.effective_to = day
    validity.settle_law(law, today)
    index.schedule_rebuild()
    return True


def would_repeal(name: str, day: date, today: date, coming: VersionText | None) -> bool:
    """Say what `repeal` would return once `coming`, the newest version of an import, is held."""
    newest = _newest(_titled(name))
    if coming is None or (newest is not None and newest.version_date > coming.version_date):
        return newest is not None and _ends_on(newest, newest.effective_to, day, today)
    if newest is not None and newest.version_date == coming.version_date:
        end = coming.repealed_by if coming.declared is not None else newest.effective_to
        return _ends_on(newest, end, day, today)
    return _ends_on(coming, coming.repealed_by, day, today)


def _titled(name: str) -> Law | None:
    """The held law of a name as another text writes it."""
    found = db.session.scalars(select(Law).where(Law.name.in_({name, titled(name)}))).all()
    return found[0] if found else None


def _newest(law: Law | None) -> LawVersion | None:
    if law is None:
        return None
    versions = db.session.scalars(select(LawVersion).where(LawVersion.law_id == law.id)).all()
    return max(versions, key=lambda version: version.version_date, default=None)


def _ends_on(newest: LawVersion | VersionText, end: date | None, day: date, today: date) -> bool:
    """True when the newest version of a law, whose end is `end` so far, is to end on `day`."""
    if newest.version_date >= day:
        return False
    if day > today and newest.declared is Validity.AMENDED:
        # Until then it must be shown as amended, and the two marks exclude each other.
        return False
    ended = end if newest.declared is Validity.REPEALED else None
    if ended is not None and ended > today and day > today:
        # Put off, or a wrong day put right, before it came.
        return ended != day
    return ended is None or not (newest.dates_exact or ended <= day)
