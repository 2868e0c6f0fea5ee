"""Reading what people type: citations of articles in short questions and in long texts.

`find_citations` understands 民法典1254, 民法典第1254条, 劳动合同法第三十八条第一款第(二)项,
《中华人民共和国刑法》第一百二十条之一, 该法第五条, lists (第三条、第五条, 第三、四、五条) and ranges
(第三条至第五条, 第五至七条).
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache, cached_property

import numpy as np

from search_index import analysis
from search_index.analysis import normalise
from search_index.article_lists import UNITS, ArticleList, article_lists
from search_index.laws import BOOKS, LawNames, from_elsewhere, names_no_law, same_kind
from search_index.learning import Bridges
from search_index.numerals import (
    NUMERAL,
    article_order,
    format_article_number,
    parse_article_number,
)
from search_index.ranking import MAX_TERMS, Float32
from search_index.titles import Titles, names_no_text_of_law
from search_index.wrapped import unwrap

__all__ = [
    "Citation",
    "LawNames",
    "Query",
    "article_order",
    "find_citations",
    "format_article_number",
    "parse_article_number",
    "read_query",
]

BIGRAM_WEIGHT = 0.8
THESAURUS_WEIGHT = 0.6
BRIDGE_WEIGHT = 0.2
# Characters of a story: no question that the weights were fitted on is as long. The rarest terms of a story are what
# only its teller says, so it is asked with many more of them.
STORY = 160
STORY_TERMS = 256
# What a word still weighs of itself when it means something else within a longer word of the thesaurus.
WITHIN_WEIGHT = 0.3
# Longer words of the thesaurus are found only where the segmenter finds them; crimes have the longest names.
LONGEST_ENTRY = 12

# The books of a code are cited by name: 民法典婚姻家庭编第一千零七十九条. The number of the document may stand before them.
_BETWEEN_LAW_AND_ARTICLE = re.compile(
    r"(?:\([^()]{0,40}号[^()]{0,20}\))?+(?:[\s|:,”\"]|的|中|之)*+"
    rf"(?:第?(?:{NUMERAL}|[0-9]{{1,3}})(?:分?编|章|节)|[(“\"]?{BOOKS}编[)”\"]?|[\s|]|的|中)*+\(?$"
)
# Not the ends of names: 合同法, 共同法, 基本法, 根本法, 资本法.
_ANAPHORA = re.compile(
    r"(?P<which>该|(?<![基根资])本|(?<![合共])同|上述|前述)"
    r"(?:实施|司法)?(?P<kind>法典|法律|法|条例|规定|办法|解释|决定|规则|细则)\s*$"
)
# Parts of a code that are named without the word 编 (民法典总则第一百八十八条), and what a law does (民法典规定的第三条).
_GENERAL_PART = re.compile("(?:(?:总则|分则|附则)(?:部分)?|的?规定)$")
# What points back to an article: 该条第二款.
_SAME_ARTICLE = re.compile(rf"(?:该|(?<!不)同|上述|前述)条(?P<part>\s*{UNITS})")
_NUMBERED = re.compile(rf"(?:{NUMERAL}|[0-9])\s*条")
# 一O七九.
_LETTER_O = re.compile("(?<=[一二三四五六七八九])o(?=[一二三四五六七八九])")
_FAR = 300
# The number before the law, as people ask: 第1079条民法典, 38条 劳动合同法, 第38条(劳动合同法). Before it stands nothing but
# what leads to it, and behind the law nothing that goes on with a text of its own.
_BEFORE_NUMBER = re.compile(
    r"(?:^|[,。;:!?、(\"“]|[^\n] |根据|依据|依照|按照?|违反|适用|参照|符合|请问|想问|问一下|[查看]一下|查询?|看看?|找|关于)$"
)
_BEFORE_LAW_BEHIND = re.compile(r"[ |]*(?P<open>\()?")
_BEHIND_LAW = re.compile(
    rf"(?![ |]*第?[ ]*(?:{NUMERAL}|[0-9]))(?:$|[\s,。;:!?、)\"”|]|的?(?:规定|内容|原文|全文)|关于|是什么|怎么|如何)"
)
_YEAR = re.compile(r"\(((?:19|20)\d\d)")
_UNKNOWN_NAME = re.compile(
    r"[\u4e00-\u9fff()]{2,40}?(?:法|法典|条例|规定|办法|解释|细则|规则|决定|总则|通则|修正案|纪要)"
    r"(?:\([一二三四五六七八九十]{1,3}\)|(?<=解释|正案)[一二三四五六七八九十]{1,3})?$"
)
_LEADING = re.compile(
    r"^.*(?:根据|依照|依据|按照|违反|适用|参照|符合|违背|属于|以及|或者|请问|我国|关于)|^[依按和与及在是]|^现(?![役代场金有])"
)
# No law of these kinds has the word in its name: 当时有效的|合同法.
_OF = re.compile("^.*的(?=[^的]+(?:法|法典|条例|细则|总则|通则)$)")
# What stands before a title within the name of an interpretation, and what stands behind it.
_ABOUT = re.compile(
    "(?:(?:最高人民法院|最高人民检察院|国务院|全国人民代表大会常务委员会|公安部|司法部|、|和)*关于"
    "(?:适用|审理|贯彻|执行|实施|修改)*|[\u4e00-\u9fff]{2,7}[省市区县]实施)$"
)
_OF_TITLE = re.compile(
    r"[\u4e00-\u9fff()]{0,30}(?:解释|规定|规则|批复|意见|办法|决定|条例|细则|通知|纪要)"
    r"(?:\([一二三四五六七八九十]{1,3}\)|(?<=解释)[一二三四五六七八九十]{1,3})?"
)
# Words before an unknown name that are no part of it: 当事人以物权法, 应当认定为合同法.
_PROSE = frozenset(
    (
        "以 将 按 因 为 由 有 无 对 对于 在 是 被 把 于 其 其为 就 未 仅 没有 不受 受 向 从 经 照 须 应 可 该 并 且 又 即"
        " 所 系 依 至 到 自 具有 享有 具备 承担 基于 属于 认定 主张 发现 出现 发生 提交 缴纳 执行 行使 超过 满足 采取 移送"
        " 比照 遵守 援引 引用 援用 应当 可以 必须 以及 或者 但是 因此 所以 认为 根据 依照 依据 按照 违反 适用 参照 符合"
        " 违背 规定 要求 构成 触犯 关于 之 了 着 过 与 和 及 或 而 但 如 若"
    ).split()
)


@dataclass(frozen=True, slots=True)
class Query:
    """An analysed question: its words, and the matrix terms with weights.

    `same` are the law's words for what was asked, by the thesaurus; `near` those that mostly go with it, by the
    bridges, with the share of cases in which they do.
    """

    words: tuple[str, ...]
    terms: analysis.UInt64
    weights: Float32
    text: str = ""
    same: tuple[str, ...] = ()
    near: Mapping[str, float] = field(default_factory=dict)
    # True for a text longer than a question.
    story: bool = False

    @property
    def most_terms(self) -> int:
        """How many of the terms are asked for."""
        return STORY_TERMS if self.story else MAX_TERMS


def read_query(
    text: str,
    synonyms: Mapping[str, tuple[str, ...]],
    bridges: Bridges,
    bigram_weight: float = BIGRAM_WEIGHT,
) -> Query:
    """Words, bigrams, and what thesaurus and bridges add to them, each once, with weights."""
    normal = normalise(text)
    cut = analysis.pieces(normal)
    items = list(dict.fromkeys(analysis.meaningful(cut)))
    entries, within = _entries(normal, cut, synonyms)
    weights = {analysis.word_hash(item): WITHIN_WEIGHT if item in within else 1.0 for item in items}
    if bigram_weight:
        for pair in analysis.bigrams(normal):
            weight = bigram_weight * (WITHIN_WEIGHT if pair in within else 1.0)
            weights.setdefault(analysis.bigram_hash(pair), weight)
    same: dict[str, None] = {}
    for entry in entries:
        for other in synonyms[entry]:
            for word in analysis.content_pieces(other):
                same.setdefault(word)
    for word in same:
        weights.setdefault(analysis.word_hash(word), THESAURUS_WEIGHT)
    near: dict[str, float] = {}
    for item in items:
        for other, share in bridges.get(item, ()):
            near[other] = max(near.get(other, 0.0), share)
    for other, share in near.items():
        weights.setdefault(analysis.word_hash(other), BRIDGE_WEIGHT * share)
    terms = np.fromiter(weights.keys(), dtype=np.uint64, count=len(weights))
    values = np.fromiter(weights.values(), dtype=np.float32, count=len(weights))
    return Query(tuple(items), terms, values, text, tuple(same), near, story=len(text) >= STORY)


def _entries(
    text: str, cut: list[str], synonyms: Mapping[str, tuple[str, ...]]
) -> tuple[list[str], frozenset[str]]:
    """The thesaurus's words in a question, each once, and those that mean something else within a longer one.

    Found are words as the segmenter finds them and those that it cuts through. A word within a longer
    one (合同 in 劳动合同) is not meant, nor an entry within a longer entry that is found: 判几年 asks for
    the punishment, and its 几年 for no limitation period; 烂尾 in 烂尾楼 says the same. What the segmenter
    only guesses to be a word (涉黑判) hides none.
    """
    if not synonyms:
        return [], frozenset()
    places = set(_places(cut, synonyms))
    plain = analysis.dictionary_pieces(text)
    if plain != cut:
        places.update(_places(plain, synonyms))
    found: dict[str, None] = {}
    within: set[str] = set()
    reached, whole = 0, ""
    # Sorted so, whatever contains a place stands before it and reaches at least as far.
    for start, end in sorted(places, key=lambda place: (place[0], -place[1])):
        word = text[start:end]
        if end > reached:
            reached, whole = end, word
            found[word] = None
        elif not set(synonyms[word]) <= set(synonyms[whole]):
            within.add(word)
    return list(found), frozenset(within.difference(found))


def _places(cut: list[str], synonyms: Mapping[str, tuple[str, ...]]) -> Iterator[tuple[int, int]]:
    """Where the entries stand: a piece itself, or what begins in one and ends in another (醉|驾会判|几年: 醉驾).

    One of a single character is never cut.
    """
    text = "".join(cut)
    begin = 0
    for piece in cut:
        end = begin + len(piece)
        if piece in synonyms and piece not in analysis.STOP_WORDS:
            yield begin, end
        for start in range(max(begin, end + 1 - LONGEST_ENTRY), end):
            for stop in range(end + 1, min(start + LONGEST_ENTRY, len(text)) + 1):
                if text[start:stop] in synonyms:
                    yield start, stop
        begin = end


@dataclass(frozen=True, slots=True)
class Citation:
    """A citation in a text. `law` is the full name when exactly one law is meant, else None.

    `start` and `end` are code point offsets into the text given; the members of a list or a range
    each have their own entry (a range's inner numbers share the range's span). `part` is what
    stands behind the article's number: 第一款第(二)项.
    """

    law_as_written: str
    law: str | None
    number: str
    start: int
    end: int
    candidates: tuple[str, ...] = ()
    part: str = ""


def find_citations(text: str, laws: LawNames) -> list[Citation]:
    """Every citation of an article in `text`, in order of appearance. Never raises on any text."""
    normal = normalise(text)
    unwrapped = unwrap(_LETTER_O.sub("〇", normal) if "o" in normal else normal)
    reader = _Reader(unwrapped.text, laws)
    found: list[Citation] = []
    for listed in article_lists(reader.normal, reader.titles.hold):
        meant = reader.meant(listed)
        if meant is None:
            continue
        law = meant.candidates[0] if len(meant.candidates) == 1 else None
        for member in listed.members:
            start = meant.start if member is listed.members[0] else member.start
            end = meant.end if member is listed.members[-1] else member.end
            found.append(
                Citation(
                    meant.written, law, member.number, start, end, meant.candidates, member.part
                )
            )
    if "条第" in reader.normal and found:
        found = _with_same_articles(reader.normal, found)
    if len(unwrapped.starts) == 1:
        return found
    original = unwrapped.original
    return [
        replace(each, start=original(each.start), end=original(each.end - 1) + 1) for each in found
    ]


@dataclass(frozen=True, slots=True)
class _Meant:
    """The law that a list of articles belongs to, and where the citation begins and ends."""

    written: str
    candidates: tuple[str, ...]
    start: int
    end: int


class _Reader:
    """Finds the law of each list of articles in a normalised text, from left to right."""

    def __init__(self, normal: str, laws: LawNames) -> None:
        self.normal = normal
        self.titles = Titles(normal)
        self._laws = laws
        self._resolve = cache(laws.resolve)
        # The law cited last, and where its citation ends.
        self._last: tuple[str, tuple[str, ...]] | None = None
        self._position = 0

    def meant(self, listed: ArticleList) -> _Meant | None:
        """The law that a list belongs to; None when it is no citation."""
        if listed.bare and not _is_named_directly(
            self.normal, listed.start, self._laws, self.titles
        ):
            return self._named_behind(listed)
        named = _law_before(
            self.normal, listed.start, self.titles, self._laws, self._resolve, self._position
        )
        if named is not None:
            return self._named(listed, *named)
        if back := _ANAPHORA.search(self.normal, max(0, listed.start - 10), listed.start):
            return self._pointed_to(listed, back)
        return self._named_behind(listed)

    @cached_property
    def _whole(self) -> tuple[int, int]:
        """Where the text begins and ends without the blanks around it."""
        return len(self.normal) - len(self.normal.lstrip()), len(self.normal.rstrip())

    def _named(self, listed: ArticleList, start: int, written: str) -> _Meant | None:
        candidates = self._resolve(written)
        if names_no_text_of_law(written) and not any(law.endswith(written) for law in candidates):
            return None
        if len(candidates) > 1 and (year := _YEAR.search(self.normal, start, listed.start)):
            # 宪法修正案(2018年): the years belong to the names of laws.
            candidates = tuple(law for law in candidates if year[1] in law) or candidates
        self._last = (written, candidates)
        return self._cited(_Meant(written, candidates, start, listed.end))

    def _pointed_to(self, listed: ArticleList, back: re.Match[str]) -> _Meant | None:
        # A law that was named since then, even without an article, is the one meant. 本法 is the law
        # that speaks, whatever it names itself.
        title = self.titles.before(listed.start)
        if title is not None and title[0] >= self._position and back["which"] != "本":
            written, candidates = title[2], self._resolve(title[2])
        elif self._last is not None:
            written, candidates = self._last
        else:
            return None
        # 本解释, with only a code named so far, is the text that speaks.
        if not same_kind(written, back["kind"].replace("法律", "法")):
            return None
        return self._cited(_Meant(written, candidates, listed.start, listed.end))

    def _named_behind(self, listed: ArticleList) -> _Meant | None:
        """The law that a number stands before: 第1079条民法典; bare digits only where nothing else is asked."""
        normal, start = self.normal, listed.start
        if not _BEFORE_NUMBER.search(normal, max(0, start - 3), start):
            return None
        if normal[start] != "第" and not normal[start].isdigit():
            return None
        gap = _BEFORE_LAW_BEHIND.match(normal, listed.end)
        begin = gap.end() if gap else listed.end
        title = self.titles.beginning(begin)
        end, written = title or (self._laws.longest_beginning(normal, begin), "")
        if end is None or not _BEHIND_LAW.match(normal, end):
            return None
        written = written or normal[begin:end]
        if gap is not None and gap["open"]:
            end += normal.startswith(")", end)
        candidates = self._resolve(written)
        if not candidates or (listed.bare and (start, end) != self._whole):
            return None
        self._last = (written, candidates)
        return self._cited(_Meant(written, candidates, start, end))

    def _cited(self, meant: _Meant) -> _Meant:
        self._position = meant.end
        return meant


def _with_same_articles(normal: str, found: list[Citation]) -> list[Citation]:
    """The citations and what goes on from one of them: 民法典第三条…该条第二款."""
    ends = [citation.end for citation in found]
    result = list(found)
    for match in _SAME_ARTICLE.finditer(normal):
        at = bisect_right(ends, match.start()) - 1
        # An article of another text may have been named since.
        if (
            at < 0
            or match.start() - ends[at] > _FAR
            or _NUMBERED.search(normal, ends[at], match.start())
        ):
            continue
        start, end = match.span()
        result.append(replace(found[at], start=start, end=end, part=match["part"]))
    return sorted(result, key=lambda citation: citation.start)


def _is_named_directly(normal: str, start: int, laws: LawNames, titles: Titles) -> bool:
    """Whether a known name, or any in book marks, stands right before a place."""
    while start and normal[start - 1].isspace():
        start -= 1
    return bool(start) and (
        normal[start - 1] == "》"
        or laws.longest_ending(normal, start) is not None
        or titles.given_ending(normal, start) is not None
    )


def _law_before(
    normal: str,
    start: int,
    titles: Titles,
    laws: LawNames,
    resolve: Callable[[str], tuple[str, ...]],
    floor: int,
) -> tuple[int, str] | None:
    """The law named right before an article number: start offset and name as written.

    `floor` is where the citation before it ends; an unknown name does not reach into that.
    """
    window = normal[max(0, start - 60) : start]
    gap = _BETWEEN_LAW_AND_ARTICLE.search(window)
    end = start - (len(gap.group()) if gap else 0)
    title = titles.closed_at(end) or titles.before(start)
    general = _GENERAL_PART.search(normal, max(0, end - 4), end)
    if general is not None:
        before = general.start()
        if normal[before - 1 : before] == "》":
            # 实施《…法》规定 is a text of its own.
            within = title is not None and _ABOUT.search(
                normal, max(floor, title[0] - 40), title[0]
            )
            end = end if within else before
        elif laws.longest_ending(normal, before) is not None:
            end = before
    if title is not None:
        title_start, title_end, name = title
        if title_end >= end or (end - title_end < 60 and normal[title_end:end].isspace()):
            country = from_elsewhere(normal, title_start)
            if country is not None and country >= floor:
                return country, normal[country:title_start] + name
            return title_start, name
    given = titles.given_ending(normal, end)
    known = laws.longest_ending(normal, end)
    if given is not None and (known is None or given[0] <= known):
        return given
    if known is not None:
        longer = laws.longer(normal, known, end)
        known = known if longer is None else max(longer, floor)
        return known, normal[known:end]
    # Under the heading of a chapter (一般规定) stand its articles.
    if _ANAPHORA.search(normal, max(0, end - 8), end) or "\n" in normal[end:start]:
        return None
    return _unknown_before(normal, end, title, resolve, floor)


def _unknown_before(
    normal: str,
    end: int,
    title: tuple[int, int, str] | None,
    resolve: Callable[[str], tuple[str, ...]],
    floor: int,
) -> tuple[int, str] | None:
    """What ends at a place as names of laws do, and no known name: start offset and name as written.

    `title` is the last name in book marks before it.
    """
    # 最高人民法院关于适用《民法典》婚姻家庭编的解释(一): a title stands within a name.
    if title is not None and _OF_TITLE.fullmatch(normal, title[1], end):
        maker = _ABOUT.search(normal, max(floor, title[0] - 40), title[0])
        if maker is not None:
            begin = maker.start()
            if "关于" not in maker[0]:
                begin += len(maker[0]) - len(_LEADING.sub("", maker[0]))
            return begin, normal[begin:end]
    clause_start = max(floor, end - 42)
    clause = re.split(r"[,。;:!?、\n\"“”'‘’]", normal[clause_start:end])[-1]
    name_match = _UNKNOWN_NAME.search(clause)
    if name_match is None:
        return None
    name = _OF.sub("", _LEADING.sub("", name_match.group()))
    # A bracket that opens before a name is no part of it.
    opened = name.rfind("(")
    if opened >= 0 and ")" not in name[opened:]:
        name = _LEADING.sub("", name[opened + 1 :])
    if not resolve(name):
        name = _without_prose(name)
    if len(name) < 3 or names_no_law(name) or name in ("本解释", "本规定"):
        return None
    return end - len(name), name


def _without_prose(name: str) -> str:
    """An unknown name without what only stands before it, as the segmenter cuts."""
    begin = at = 0
    for piece in analysis.pieces(name):
        at += len(piece)
        if piece in _PROSE and at < len(name):
            begin = at
    return name[begin:]
