"""Questions that search could not answer, with their similar wordings together, as staff work on them.

Grouped when they are read and not when they are counted: what somebody searches must not wait for a
comparison with everything asked before, and a wording moves to a better group by itself.
"""

from __future__ import annotations

import uuid
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property

from sqlalchemy import String, cast, func, select

from portal.core.db import db
from portal.knowledge import misses
from portal.knowledge.categories import category_labels
from portal.knowledge.models import MissState, SearchMiss
from portal.web.pagination import Key, Page, page_of
from search_index import content_words
from search_index.analysis import normalise

# Share of what two wordings say that they have in common, from which they are one question. Of three
# words two are not enough: 邻居装修噪音 and 邻居装修漏水 are two.
ALIKE = 0.7
# Beyond these, the least asked wait until something is done about the others.
MOST = 2000


@dataclass(frozen=True)
class Group:
    """A question in its wordings, the most asked first."""

    members: tuple[SearchMiss, ...]

    @property
    def leader(self) -> SearchMiss:
        """The wording that stands for the others."""
        return self.members[0]

    @property
    def id(self) -> uuid.UUID:
        """That wording's id."""
        return self.leader.id

    @property
    def count(self) -> int:
        """How often it was asked in all wordings."""
        return sum(member.count for member in self.members)

    @property
    def first_seen_on(self) -> date:
        """The day it was first asked on."""
        return min(member.first_seen_on for member in self.members)

    @property
    def last_seen_on(self) -> date:
        """The day it was last asked on."""
        return max(member.last_seen_on for member in self.members)

    @property
    def category_code(self) -> str | None:
        """The category that most of the searches came near, of those there are."""
        known = category_labels()
        votes: Counter[str] = Counter()
        for member in self.members:
            if member.category_code in known:
                votes[member.category_code] += member.count
        return votes.most_common(1)[0][0] if votes else None

    @property
    def state(self) -> MissState:
        """What staff made of it."""
        return self.leader.state

    @property
    def faq_id(self) -> uuid.UUID | None:
        """The FAQ that answers it."""
        return self.leader.faq_id

    @property
    def handled_at(self) -> datetime | None:
        """When staff settled it."""
        return self.leader.handled_at

    @cached_property
    def wordings(self) -> list[str]:
        """The wordings as staff see them."""
        return [misses.shown(member) for member in self.members]

    @property
    def text(self) -> str:
        """The leading wording as staff see it; where it says nothing, the first that does."""
        return next(filter(misses.says_something, self.wordings), self.wordings[0])

    @property
    def says_something(self) -> bool:
        """True when staff can see from it what was asked."""
        return misses.says_something(self.text)

    @property
    def plain_wordings(self) -> list[str]:
        """The wordings in which nothing is hidden or taken out, ready for others to read."""
        return [text for text in self.wordings if not misses.is_masked(text)]

    def holds(self, words: Sequence[str]) -> bool:
        """True when a wording, as staff see it, holds all these words: what is hidden cannot be asked for."""
        return any(all(word in normalise(text) for word in words) for text in self.wordings)


def listed(
    *,
    state: MissState,
    category: str | None = None,
    text: str | None = None,
    cursor: str | None = None,
    size: int = 20,
) -> Page[Group]:
    """Return the groups in one state, the most asked first; those from which nothing is to be seen are left out."""
    keys = [Key(SearchMiss.count, descending=True), Key(SearchMiss.id)]
    words = normalise(text or "").split()
    found = [
        group
        for group in _telling(state)
        if category in (None, group.category_code) and (not words or group.holds(words))
    ]
    return page_of(found, keys, cursor, size)


_counted: dict[MissState, tuple[tuple[object, ...], int]] = {}


def count(state: MissState) -> int:
    """Return how many groups are listed in one state.

    The worklist asks all day, and to put two thousand wordings together takes a second: they are when one is new, asked
    again, settled or forgotten, or when other words may be seen.
    """
    stands = db.session.execute(
        select(
            func.count().filter(SearchMiss.state == state),
            func.count(),
            func.sum(SearchMiss.count),
            func.max(SearchMiss.last_seen_on),
            func.max(SearchMiss.handled_at),
            func.max(cast(SearchMiss.id, String)),
        )
    ).one()
    as_it_is = (*stands, misses.vocabulary())
    if state not in _counted or _counted[state][0] != as_it_is:
        _counted[state] = as_it_is, len(_telling(state))
    return _counted[state][1]


def _telling(state: MissState) -> list[Group]:
    return [group for group in _groups(_rows(state)) if group.says_something]


def around(miss: SearchMiss) -> Group:
    """Return the group that a wording belongs to now."""
    rows = _rows(miss.state)
    if miss.id not in {row.id for row in rows}:
        return Group((miss,))
    return next(
        group for group in _groups(rows) if miss.id in {member.id for member in group.members}
    )


def _rows(state: MissState) -> Sequence[SearchMiss]:
    return db.session.scalars(
        select(SearchMiss)
        .where(SearchMiss.state == state)
        .order_by(SearchMiss.count.desc(), SearchMiss.id)
        .limit(MOST)
    ).all()


def _groups(rows: Iterable[SearchMiss]) -> list[Group]:
    """Put each wording with the most asked one that it is like; `rows` the most asked first."""
    groups: list[list[SearchMiss]] = []
    said: list[frozenset[str]] = []
    holding: dict[str, list[int]] = defaultdict(list)
    # What was settled by another FAQ is another group, however it reads.
    faqs: list[uuid.UUID | None] = []
    for row in rows:
        parts = _parts(row.text)
        shared = Counter(
            place for part in parts for place in holding[part] if faqs[place] == row.faq_id
        )
        likeness, best = max(
            ((2 * count / (len(parts) + len(said[at])), -at) for at, count in shared.items()),
            default=(0.0, 0),
        )
        if likeness >= ALIKE:
            groups[-best].append(row)
            continue
        for part in parts:
            holding[part].append(len(groups))
        groups.append([row])
        said.append(parts)
        faqs.append(row.faq_id)
    return [Group(tuple(members)) for members in groups]


def _parts(text: str) -> frozenset[str]:
    """What a wording says: the pairs of characters of its words, without the words of any question."""
    parts: set[str] = set()
    for word in content_words(text):
        parts.update(word[at : at + 2] for at in range(max(1, len(word) - 1)))
    return frozenset(parts)
