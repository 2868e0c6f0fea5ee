"""Laws that a question names and the portal does not hold, where the library sees no citation.

The library reads numbers behind names that it knows or that end as names of laws do. Left over are
民法总则第一百八十八条, 民通意见第一条, a number that is none (民法典第0条), and names without any number:
《…条例》, a question that is nothing but a name, and the laws of `content/search/repealed_laws.yaml`,
of which `replaced` says what came after them, for a search and for the check of a text alike.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from portal.knowledge import search_content
from portal.knowledge.models import Article
from portal.knowledge.names import short
from search_index import CitationMatch, LawNames, analysis, names_no_law, parse_article_number

MOST = 10
MOST_HELD = 3
_KIND = "(?:法典|法|条例|规定|办法|解释|规则|细则|总则|通则|意见|批复|决定|纪要)"
_DIGITS = "[0-9零〇一二两三四五六七八九十百千万亿]{1,12}"
_NUMBERED = re.compile(
    rf"(?P<name>[\u4e00-\u9fff()]{{1,40}}?{_KIND})》?\s*(?:[的中之]\s*)?"
    rf"(?P<number>第?\s*{_DIGITS}\s*条(?:之{_DIGITS})?)(?!例|约)"
)
_MARKED = re.compile(rf"《([^《》]{{2,60}}{_KIND})》")
# A question that is nothing but a name; other endings are everyday words too (解决办法, 违法).
_NAME_ALONE = re.compile(
    r"([\u4e00-\u9fff()]{2,40}?(?:条例|实施细则|实施办法|管理办法|暂行办法|暂行规定|若干规定))"
    r"(?:的?(?:全文|内容|原文|规定|是什么))?"
)
_ENDING = re.compile("的?(?:全文|原文|内容|目录|条文|是什么|有哪些规定|最新版?)$")
_BOOK = re.compile(r"(.*法典?)的?[\u4e00-\u9fff]{1,6}编")
_ENDS_AS_LAW = re.compile(rf"(?:{_KIND}|宪法|修正案)》?(?:\([^()]*\))?$")
_LEADING = re.compile(
    r"^.*(?:根据|依照|依据|按照|违反|适用|参照|请问|想问|问一下|查一下|看一下|我国|关于)"
    r"|^(?:查|看|找|那|原来的|以前的|过去的|原|旧|老|的)+"
)
# People go on calling a law new when it is gone already: 新婚姻法.
_NEWER = re.compile("^(?:最新|新)[的版]?")
# These point back to a law that was named before, or to none.
_POINTING = re.compile(
    rf"(?:本|该|此|前述|上述|这部|这个|那部|哪部|哪个|什么|哪些|有关|相关|的){_KIND}$"
)
# What may stand around the name of a repealed law: 签合同法人 and 担保法院 speak of others.
_BEFORE = re.compile(
    r"(?:^|[^\u4e00-\u9fff]|根据|依照|依据|按照|违反|适用|参照|请问|想问|我国|中华人民共和国"
    r"|[的原旧老新按依和与及在查看找那])$"
)
_AFTER = re.compile(
    r"(?!律|院|官|定|人|理|庭|则|典|学|制|治|规(?!定)|司法解释|解释|实施|若干|草案|修正)"
)


@dataclass(frozen=True, slots=True)
class Mention:
    """A law named in a question: `law` as written without what leads to it, or in full when held.

    `number` is canonical, "" without one; `label` is the number as written where it is none.
    """

    text: str
    law: str
    number: str = ""
    label: str = ""
    held: bool = False

    @property
    def numbered(self) -> bool:
        """True when an article is asked for, and not the law."""
        return bool(self.number or self.label)


def mentions(question: str, known: Iterable[CitationMatch], names: LawNames) -> list[Mention]:
    """Return the laws in `question` that are not held, and numbers that are none; not what is `known`."""
    rest = analysis.normalise(question).strip()
    for citation in known:
        rest = rest.replace(citation.text, " " * len(citation.text), 1)
    found: list[Mention] = []
    for pattern, read in ((_NUMBERED, _numbered), (_MARKED, _unmarked)):
        for match in pattern.finditer(rest):
            mention = read(match, names)
            if mention is not None:
                found.append(mention)
        for mention in found:
            rest = rest.replace(mention.text, " " * len(mention.text), 1)
    found += _repealed(rest, names)
    if not found:
        alone = _NAME_ALONE.fullmatch(re.sub(r"[\s?。!,]+", "", rest))
        name = _LEADING.sub("", alone[1]) if alone else ""
        if len(name) > len("条例") and not _POINTING.search(name) and not names.resolve(name):
            found.append(Mention(rest, name))
    return found[:MOST]


def _numbered(match: re.Match[str], names: LawNames) -> Mention | None:
    name = _LEADING.sub("", match["name"])
    held = names.resolve(name)
    if _POINTING.search(name) or (not held and (len(name) < 3 or names_no_law(name))):
        return None
    text = match.group()[match["name"].rindex(name) :]
    written = re.sub(r"\s", "", match["number"])
    number = parse_article_number(written)
    if not held:
        return Mention(text, name, number, "" if number else written)
    if number or len(held) > 1:
        # The library has read what can be read.
        return None
    return Mention(text, held[0], "", written, held=True)


def _unmarked(match: re.Match[str], names: LawNames) -> Mention | None:
    return None if names.resolve(match[1]) else Mention(match.group(), match[1])


def _repealed(text: str, names: LawNames) -> list[Mention]:
    """Return the laws of the table that `text` names without 条: 婚姻法, 合同法的违约金, 物权法39."""
    found = []
    for name in search_content.current().repealed:
        start = text.find(name)
        if start < 0 or names.resolve(name):
            continue
        end = start + len(name)
        longest = names.longest_ending(text, end)
        if longest is not None or not _BEFORE.search(text[:start]) or not _AFTER.match(text, end):
            continue
        bare = re.match(r"\s*第?\s*(\d{1,4})(?![\d年月日.])", text[end:])
        number = parse_article_number(bare[1]) if bare else ""
        written = text[start : end + (bare.end() if bare and number else 0)]
        found.append(Mention(written, name, number))
    return sorted(found, key=lambda mention: text.find(mention.text))


def held_laws(question: str, names: LawNames) -> tuple[str, ...]:
    """Return the held laws, by full name, whose name is all of `question`; most often none or one.

    Also 民法典婚姻家庭编: its books are parts of a law.
    """
    written = re.sub(r"[\s?。!,]+", "", analysis.normalise(question))
    written = _ENDING.sub("", _LEADING.sub("", written) or written)
    book = _BOOK.fullmatch(written)
    whole = book[1] if book else written
    return names.resolve(whole)[:MOST_HELD] if _ENDS_AS_LAW.search(whole) else ()


def is_all(question: str, found: Iterable[Mention]) -> bool:
    """True when a question says nothing but the names of laws that are not held."""
    rest = analysis.normalise(question)
    for mention in found:
        rest = rest.replace(mention.text, "", 1)
    return not analysis.content_words(rest.replace("中华人民共和国", ""))


@dataclass(frozen=True, slots=True)
class Replaced:
    """A law that is not held: its full name, the article that repeals it, and a sentence about it."""

    law: str
    article: Article
    message: str

    @property
    def start(self) -> date:
        """The first day on which it was law no more."""
        return self.article.version.effective_from


def replaced(law: str) -> Replaced | None:
    """Return what replaced a law that is not held, where a held text says so."""
    found = search_content.repealed(_in_table(law))
    if found is None:
        return None
    repeal, article = found
    message = (
        f"《{short(repeal.law)}》自 {article.version.effective_from} 起已由《{short(repeal.by)}》废止"
        f"（{article.label}），没有收录它的条文。"
    )
    return Replaced(repeal.law, article, message)


def _in_table(name: str) -> str:
    """Return the name in the table of repealed laws that is meant by `name` (原合同法: 合同法)."""
    table, core = search_content.current().repealed, short(name.strip())
    if core in table:
        return core
    # Only here: other names begin with 新 as a part of them (新疆, 新闻).
    newer = _NEWER.sub("", core)
    return newer if newer in table else _LEADING.sub("", core)
