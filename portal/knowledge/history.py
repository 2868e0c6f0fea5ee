"""An article through the versions of its law, with what each one changed, word by word."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from difflib import SequenceMatcher

from portal.core.db import LabelledEnum
from portal.knowledge import lineage, queries
from portal.knowledge.models import Article, LawVersion
from search_index import tokens


class Change(LabelledEnum):
    """What a version did to an article, against the version before it that we hold."""

    FIRST = "first", "所收录的最早版本"
    ADDED = "added", "新增"
    CHANGED = "changed", "有修改"
    RENUMBERED = "renumbered", "文字没有变化，条文序号变了"
    UNCHANGED = "unchanged", "没有变化"
    REMOVED = "removed", "本版已无此条"


class Op(LabelledEnum):
    """What became of a stretch of text."""

    EQUAL = "equal", "没有变化"
    INSERT = "insert", "增加"
    DELETE = "delete", "删去"


@dataclass(frozen=True, slots=True)
class Difference:
    """A stretch of text; all but the deleted ones are the new text, all but the inserted the old."""

    op: Op
    text: str


@dataclass(slots=True)
class Entry:
    """One version in the history; `article` is None where the version no longer has it.

    `former` is the article of the version before, where it bore another number.
    """

    version: LawVersion
    article: Article | None
    change: Change
    difference: list[Difference] = field(default_factory=list)
    former: Article | None = None

    @property
    def note(self) -> str | None:
        """Where it stood before: 原第二十一条."""
        return f"原{self.former.label}" if self.former else None


@dataclass(slots=True)
class History:
    """The article that was asked for, and its entries, newest first."""

    article: Article
    entries: list[Entry]


def of_article(article_id: uuid.UUID) -> History:
    """Return the history of an article, under whatever number it stood; raises NotFound.

    Versions before it first stood, and after the one that dropped it, are left out.
    """
    found = queries.article(article_id)
    versions = queries.law(found.law_id).versions
    standing = lineage.standing(found, versions)
    entries: list[Entry] = []
    before: Article | None = None
    for position, version in enumerate(versions):
        now = standing.get(version.id)
        if now is not None and before is None:
            change = Change.ADDED if position else Change.FIRST
            difference = [Difference(Op.INSERT, now.text)] if position else []
            entries.append(Entry(version, now, change, difference))
        elif now is not None and before is not None:
            moved = now.label != before.label
            change = _change(before, now, moved=moved)
            # The same words in another print are no difference.
            old_text = before.text if change is Change.CHANGED else now.text
            difference = differences(old_text, now.text)
            entries.append(Entry(version, now, change, difference, before if moved else None))
        elif before is not None:
            gone = [Difference(Op.DELETE, before.text)]
            entries.append(Entry(version, None, Change.REMOVED, gone))
        before = now
    return History(found, entries[::-1])


def _change(before: Article, now: Article, *, moved: bool) -> Change:
    if now.text_hash != before.text_hash:
        return Change.CHANGED
    return Change.RENUMBERED if moved else Change.UNCHANGED


def differences(old: str, new: str) -> list[Difference]:
    """Return how `new` came from `old`, word by word; neighbouring stretches differ in `op`."""
    if old == new:
        return [Difference(Op.EQUAL, new)]
    left, right = _words(old), _words(new)
    result: list[Difference] = []
    for tag, a, b, c, d in SequenceMatcher(None, left, right, autojunk=False).get_opcodes():
        if tag == "equal":
            result.append(Difference(Op.EQUAL, "".join(left[a:b])))
            continue
        if a < b:
            result.append(Difference(Op.DELETE, "".join(left[a:b])))
        if c < d:
            result.append(Difference(Op.INSERT, "".join(right[c:d])))
    return result


def _words(text: str) -> list[str]:
    """The words and signs of a text as written; together they are the text."""
    return [text[token.start : token.end] for token in tokens(text)]
