"""Citations of articles in short questions and in long texts.

`find_citations` understands 民法典1254, 民法典第1254条, 劳动合同法第三十八条第一款第(二)项,
《中华人民共和国刑法》第一百二十条之一, 该法第五条, lists (第三条、第五条, 第三、四、五条) and ranges
(第三条至第五条, 第五至七条).
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache, cached_property

from search_index import analysis
from search_index.analysis import normalise
from search_index.article_lists import UNITS, ArticleList, article_lists
from search_index.laws import BOOKS, LawNames, from_elsewhere, names_no_law, same_kind
from search_index.notes import round_notes
from search_index.numerals import NUMERAL
from search_index.titles import DOCUMENT, Titles, names_no_text_of_law
from search_index.wrapped import unwrap

# The books of a code are cited by name: 民法典婚姻家庭编第一千零七十九条. Before them may stand the number of the document
# and what the text calls the law.
_BETWEEN_LAW_AND_ARTICLE = re.compile(
    r"(?:\([^()]{0,40}(?:号|[简下合统均]称)[^()]{0,30}\)){0,2}+(?:[\s|:,”\"→]|的|中|之)*+"
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
# A question goes on behind the law: 1079条民法典离婚. What comes by the piece is counted there: 100条民法典知识.
_QUESTION = 40
_CLEARLY_AN_ARTICLE = re.compile(r"[第§]|[0-9]{3}")
_COUNTED_OF_A_LAW = re.compile(
    rf"[ |]*第?[ ]*(?:{NUMERAL}|[0-9])"
    "|的?(?:新|知识|要点|重点|考点|解读|热点|问答|案例|法条|条文|亮点|干货|常识|口诀|变化|看点)"
)
# What may stand between an article and another of the same law in one sentence: 第九条关于…的规定和第十条, 第九条和关于…的
# 第十条, 第九条规定…,第十条规定. Right before the second stands what joins the two.
_BETWEEN_ARTICLES = re.compile(
    r"(?P<begun>和|及|与|以及|或者?|、)?[^。;!?\n《》]{0,60}?"
    r"(?:和|及|与|以及|或者?|并且?|、|(?P<comma>,(?:[且但]|还有|另外)?)|(?<=的))"
    r"(?:违反|符合|不?属于|(?:依法)?构成|根据|依据|依照|按照|适用|参照)?"
)
_FAR_IN_PROSE = 70
_SAYS_BEHIND = re.compile("的?规定|所[称列]")
# The article may be that of a text which is no law, of another law, or of a list of what is said.
_OF_ANOTHER_TEXT = re.compile(
    r"约定|约明|载明|双方|协议|章程|公约|手册|村规民约|判决|裁定|[上前]述|签[订署的]|写[明的]|租约|[借欠]条|(?:保证|承诺)书"
    r"|(?:该|此|(?<![基根资])本|(?<![合共])同)(?:法|条|款|合同|解释|规定|条例|办法|规则|细则|决定)"
    rf"|(?:{NUMERAL}|[0-9])\s*条|(?:^|[,、])\s*第?(?:{NUMERAL}|[0-9]{{1,3}})[,、.]"
    r"|(?:法典?|条例|办法|规则|细则|解释|制度|合同)(?:和|及|与|以及|或者?|、)$"
)
_ABOUT_WHAT = re.compile("(?:关于|有关)[^,]+的$")
_OF_A_CONTRACT = re.compile(r"\s*(?:的?约定|约明|载明)")
# Points, each behind its article: 第82条二倍工资,第14条无固定期限. The numbers of a contract are mostly written otherwise.
_POINT = r"[: ]?[^\W\d_][^,。;:!?、\n《》]{1,24}"
_POINT_BETWEEN = re.compile(rf"{_POINT},(?:还有|另外)?")
_POINT_BEHIND = re.compile(rf"{_POINT}(?=[,。;!?、\n]|$)")
_OF_NO_LAW = re.compile("约定|约明|载明|[写说讲签]")
_LED_TO = re.compile("(?:根据|依据|依照|按照?|违反|适用|参照|符合|触犯)$")
_A_CONTRACT = re.compile("(?:合同|协议|章程|公约|手册|租约|条款|制度)(?!法)")
_IN_FIGURES = re.compile(r"[0-9]\s*条")
_ENDS_A_SENTENCE = re.compile(r"[。;!?\n]")
_DOCUMENT_NUMBER = re.compile(rf"{DOCUMENT}(?:文件?)?$")
_YEAR = re.compile(r"\(((?:19|20)\d\d)")
_UNKNOWN_NAME = re.compile(
    r"[\u4e00-\u9fff()]{2,40}?(?:法|法典|条例|规定|办法|解释|细则|规则|决定|总则|通则|修正案|纪要)"
    r"(?:\([一二三四五六七八九十]{1,3}\)|(?<=解释|正案)[一二三四五六七八九十]{1,3})?$"
)
_LEADING = re.compile(
    r"^.*(?:根据|依照|依据|按照|违反|适用|参照|符合|违背|属于|以及|或者|请问|我国|关于)|^[依按和与及在是]|^[又另详参]?见(?!义勇为)|^现(?![役代场金有])"
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
    normal = round_notes(normalise(text))
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


def own_names(text: str, laws: LawNames) -> dict[str, str]:
    """Return the short names that `text` gives to laws (以下简称…), normalised, each with the name it stands for."""
    unwrapped = unwrap(round_notes(normalise(text)))
    return _Reader(unwrapped.text, laws).titles.own_names()


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
        # The law named last, and the citation before.
        self._last: tuple[str, tuple[str, ...]] | None = None
        self._before: _Meant | None = None
        # Where that sentence named its law, and where the last article ends that is of none.
        self._named_at = 0
        self._of_no_law = -1
        for start, end, short in self.titles.unmarked:
            named = _law_before(normal, start, self.titles, laws, self._resolve, 0)
            if named is not None:
                self.titles.give(short, end, named[1])

    def meant(self, listed: ArticleList) -> _Meant | None:
        """The law that a list belongs to; None when it is no citation."""
        found = self._found(listed)
        if found is None and not listed.bare:
            self._of_no_law = listed.end
        return found

    def _found(self, listed: ArticleList) -> _Meant | None:
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
        return self._named_behind(listed) or self._gone_on_to(listed)

    @property
    def _position(self) -> int:
        return self._before.end if self._before is not None else 0

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
        if normal[start] not in "第§" and not normal[start].isdigit():
            return None
        gap = _BEFORE_LAW_BEHIND.match(normal, listed.end)
        begin = gap.end() if gap else listed.end
        title = self.titles.beginning(begin)
        end, written = title or (self._laws.longest_beginning(normal, begin), "")
        if end is None or not (_BEHIND_LAW.match(normal, end) or self._asks(listed, begin, end)):
            return None
        written = written or normal[begin:end]
        if gap is not None and gap["open"]:
            end += normal.startswith(")", end)
        candidates = self._resolve(written)
        if not candidates or (listed.bare and (start, end) != self._whole):
            return None
        self._last = (written, candidates)
        return self._cited(_Meant(written, candidates, start, end))

    def _asks(self, listed: ArticleList, begin: int, end: int) -> bool:
        """Whether the text is a question that begins with a number and a law in one piece: 1079条民法典离婚."""
        first, last = self._whole
        return (
            listed.start == first
            and last - first <= _QUESTION
            and begin == listed.end
            and _CLEARLY_AN_ARTICLE.match(self.normal, listed.start) is not None
            and not _COUNTED_OF_A_LAW.match(self.normal, end)
        )

    def _gone_on_to(self, listed: ArticleList) -> _Meant | None:
        """The law of the citation before, where the same sentence goes on to another of its articles."""
        normal, start = self.normal, listed.start
        before = self._before
        if before is None or normal[start] != "第" or start - before.end > _FAR_IN_PROSE:
            return None
        prose = normal[before.end : start]
        between = _BETWEEN_ARTICLES.fullmatch(prose)
        if between is None or _OF_ANOTHER_TEXT.search(prose):
            return None
        if _OF_A_CONTRACT.match(normal, listed.end):
            return None
        if prose.endswith("的") and not (between["begun"] and _ABOUT_WHAT.search(prose)):
            return None
        if any(self._laws.longest_ending(prose, end) is not None for end in range(len(prose) + 1)):
            return None
        # 第九条规定…,第十条规定; a comma by itself joins nothing.
        if between["comma"] and not (
            _SAYS_BEHIND.match(normal, listed.end) or self._is_next_point(prose, before, listed)
        ):
            return None
        return self._cited(_Meant(before.written, before.candidates, start, listed.end), again=True)

    def _is_next_point(self, prose: str, before: _Meant, listed: ArticleList) -> bool:
        """Whether a list goes on in points (第82条二倍工资,第14条无固定期限) where no contract may be meant."""
        behind = _POINT_BEHIND.match(self.normal, listed.end)
        if behind is None or _OF_NO_LAW.search(behind[0]) or not _POINT_BETWEEN.fullmatch(prose):
            return False
        spans = ((before.start, before.end), (listed.start, listed.end))
        if len({_IN_FIGURES.search(self.normal, *span) is None for span in spans}) > 1:
            return False
        begins = self._named_at
        sentence = _ENDS_A_SENTENCE.split(self.normal[max(0, begins - _FAR) : begins])[-1]
        led = _LED_TO.search(sentence) or _A_CONTRACT.search(sentence)
        return led is None and self._of_no_law < begins - len(sentence)

    def _cited(self, meant: _Meant, *, again: bool = False) -> _Meant:
        self._before = meant
        self._named_at = self._named_at if again else meant.start
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
    while start and (normal[start - 1].isspace() or normal[start - 1] == "→"):
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
    if title is not None and title[0] >= end:
        # What the note behind the name calls it: 工伤条例实施办法(以下简称《办法》)第三条.
        title = titles.before(end)
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
    number = _DOCUMENT_NUMBER.search(normal, max(floor, end - 30), end)
    if number is not None:
        if title is not None and title[1] == number.start():
            return title[0], title[2]
        name = _without_prose(_LEADING.sub("", number[0]))
        return end - len(name), name
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
