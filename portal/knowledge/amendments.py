"""What changed a law between the texts that are held: amendments with a text of their own, and headers.

A source holds the Constitution of 1982 and of 2018, and the amendments between them as texts of their
own. What the Constitution read in 2010 is then not held, although one of its texts seems to reach there.
Amendments are known by their titles (…法修正案（二）, 关于修改《…法》的决定); a version's header names the days of
the amendments that went into it. A decision that changes several laws and names one counts for that one.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import or_, select

from portal.core.db import db
from portal.knowledge.models import UNDATED, Law, LawVersion
from portal.knowledge.names import short

_AMENDMENT = re.compile(r"(?P<law>.+(?:法|法典|条例))修正案(?:[（(][^（）()]*[）)])?")
_DECISION = re.compile(r"关于修[改正](?P<laws>.*)的决[定议]")
_NAMED = re.compile("[《〈<]([^《》〈〉<>]+)[》〉>]")


@dataclass(frozen=True, slots=True)
class Amendment:
    """A held text that changes a law: adopted on `adopted`, in force from `start`."""

    adopted: date
    start: date


def amended_by(title: str) -> tuple[str, ...]:
    """Return the names of the laws that a text changes as its title says; none for a law."""
    amendment = _AMENDMENT.fullmatch(title)
    if amendment is not None:
        return (amendment["law"],)
    decision = _DECISION.search(title)
    return tuple(_NAMED.findall(decision["laws"])) if decision is not None else ()


def held() -> dict[str, list[Amendment]]:
    """Return the amendments that are held as texts, by the short name of the law they change."""
    found: dict[str, list[Amendment]] = defaultdict(list)
    rows = db.session.execute(
        select(Law.name, LawVersion.version_date, LawVersion.effective_from)
        .join(LawVersion, LawVersion.law_id == Law.id)
        .where(
            or_(Law.name.contains("修正案"), Law.name.contains("关于修")),
            # A day that is only guessed is not told as one on which the law changed.
            ~LawVersion.source.endswith(UNDATED),
        )
    )
    for row in rows:
        for law in amended_by(row.name):
            amendment = Amendment(row.version_date, row.effective_from)
            found[short(law)].append(amendment)
    return found


def of(name: str, known: Mapping[str, Sequence[Amendment]]) -> Sequence[Amendment]:
    """Return those of the `known` amendments that change the law `name`."""
    return known.get(short(name), ())


def laws_changed_by(title: str) -> Sequence[Law]:
    """Return the held laws that a text of this title changes."""
    names = amended_by(title)
    if not names:
        return ()
    shorts = {short(name) for name in names}
    return db.session.scalars(select(Law).where(Law.short_name.in_(shorts))).all()


def not_held(versions: Sequence[LawVersion], amendments: Iterable[Amendment]) -> list[list[str]]:
    """Return for each version, oldest first, the days within it on which the law changed, as ISO text.

    What was adopted on a version's own day went into it, and so did everything before.
    """
    changes = {amendment.adopted: amendment.start for amendment in amendments}
    for version in versions:
        for written in version.header_days:
            changes.setdefault(date.fromisoformat(written), date.fromisoformat(written))
    found: list[list[str]] = []
    for place, version in enumerate(versions):
        until = versions[place + 1].version_date if place + 1 < len(versions) else date.max
        days = {
            start
            for adopted, start in changes.items()
            if version.version_date < adopted < until
            and start > version.effective_from
            and (version.effective_to is None or start < version.effective_to)
        }
        found.append([day.isoformat() for day in sorted(days)])
    return found


def begins_otherwise(version: LawVersion, amendments: Iterable[Amendment]) -> bool:
    """True when the amendment that made this version says another first day than the version."""
    return any(
        amendment.adopted == version.version_date and amendment.start != version.effective_from
        for amendment in amendments
    )


def told(days: Sequence[str], as_of: date) -> str:
    """Return the sentence about the changes up to a day whose text is not held; "" without one."""
    past = [day for day in days if date.fromisoformat(day) <= as_of]
    if not past:
        return ""
    listed = "、".join(past[:4]) + (f"等 {len(past)} 个日期" if len(past) > 4 else "")
    return f"这部法律在 {listed} 有过修改，修改后的全文没有收录，{as_of} 是否还是这些文字请以公布的文本为准。"
