"""Article numbers as people list them: 第三条、第五条, 第三、四、五条, 第五至七条, 第一百二十条之一、之二.

A text is read once from left to right, whatever its length: first the numbers, then which of them
stand in one list. Which law a list belongs to is for `query` to find out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import takewhile

from search_index.numerals import NUMERAL, canonical

MAX_RANGE = 50

_N = rf"(?:{NUMERAL}|(?<![0-9])[0-9]{{1,5}}(?![0-9]))"
# No law has so many, but whoever writes 第1条至第999999条 is to be told so.
_TOO_LONG = r"(?<=第)[0-9]{6,8}(?=\s*条)"
# Paragraphs and items behind an article, themselves in lists: 第一、二款, 第一款第(二)、(三)项.
_JOINT = r"\s*+(?:[、,]\s*+(?:和|及|与|或者?|以及)?|和|及|与|或者?|以及|至|到|-)\s*+"
_PLACE = rf"(?:第\s*+)?\(?{_N}\)?"
_UNIT = rf"{_PLACE}(?:{_JOINT}{_PLACE}){{0,20}}\s*+(?:款|项|目(?![了的标录]))"
UNITS = rf"{_UNIT}(?:(?:{_JOINT}|\s*+){_UNIT}){{0,20}}"
_PART = rf"(?:\s*+{UNITS})?(?:\s*+(?:前段|后段|但书))?"
_NUMBER = re.compile(
    rf"(?P<ordinal>(?:第|(?P<sign>§{{1,2}}))\s*+)?(?P<number>{_N}|{_TOO_LONG})(?:\s*+之\s*+(?P<inner>{_N}))?"
    rf"(?:(?P<closed>\s*+条(?!例(?!外)|约(?!定)|件|款规定)(?:\s*+之\s*+(?P<branch>{_N}))?(?P<part>{_PART}))"
    # 民法典1079第9款: what has paragraphs is an article.
    rf"|(?P<loose>\s*+(?=第){UNITS}))?"
    rf"|之\s*+(?P<twig>{_N})"
)
# The words may stand between the articles of a list (第三条规定和第五条), with a 第 behind them.
_SAYS = re.compile("[的之]?规定")
_LIST = re.compile(r"(?:[的之]?规定)?(?:[、,;]?(?:和|及|与|或者?|以及|并|跟|暨)?|[/+])")
# What is said of an article may stand behind it: 第八条(公序良俗)、第九条, 第577条【违约责任】、第584条.
_NOTE = re.compile(r"\([^()]{1,25}\)|【[^【】]{1,25}】|“[^“”]{1,25}”")
_RANGE = re.compile(r"起?(?:至|到|[-~—–―]{1,2})")
# What comes by the piece is counted, not cited, where no 第 says otherwise: 十五条意见, 三条狗.
_COUNTED = re.compile(
    r"\s*(?:意见|建议[:,、。]|措施|举措|经验|禁令|红线|底线|纪律|理由|线索|信息|消息|短信|评论|留言|新闻"
    r"|狗|犬|蛇|鱼|街|河|沟|路(?!交)|道路(?!交)|船|裤|裙|毛巾|腿|命|线路|烟|项链|手链|围巾)"
)
# Behind bare digits: a quantity, so that the last number is no article; or a unit that the whole
# list shares (3、4楼), so that none is.
_QUANTITY = re.compile(
    r"[%年月日号元十百千万亿个名岁版修份本册件张零〇○一二三四五六七八九两人天倍]|\.[0-9]|之|\s+[0-9]+\s*条"
)
_SHARED_UNIT = re.compile(r"[条楼层季章节编款项目期届次栋幢页卷册部集栏点]|单元")
_COUNTED_BEHIND_BLANKS = re.compile(rf"\s*(?:{_SHARED_UNIT.pattern}|{_QUANTITY.pattern})")
_FIRST_YEAR, _LAST_YEAR = 1900, 2099


@dataclass(frozen=True, slots=True)
class Member:
    """An article of a list, where its number stands, and its paragraphs and items as written."""

    number: str
    start: int
    end: int
    part: str = ""


@dataclass(frozen=True, slots=True)
class ArticleList:
    """One or more articles of one law, in the order written, ranges filled in.

    `bare`: nothing but the name of a law right before it makes it a list of articles (民法典1254).
    """

    members: tuple[Member, ...]
    bare: bool

    @property
    def start(self) -> int:
        """Where its first number begins."""
        return self.members[0].start

    @property
    def end(self) -> int:
        """Where its last number ends."""
        return self.members[-1].end


@dataclass(frozen=True, slots=True)
class _Number:
    start: int
    end: int
    written: str
    number: str
    ordinal: bool
    closed: bool
    # What stands between it and the number before it in the list, without blanks.
    joint: str = ""
    part: str = ""
    # It has no 条, only a paragraph or an item behind it.
    loose: bool = False
    # § or §§, where it stands before it.
    sign: str = ""

    @property
    def value(self) -> int:
        return int(self.number.partition("-")[0])

    @property
    def is_digits(self) -> bool:
        return self.written.isascii() and self.written.isdigit()

    @property
    def is_year(self) -> bool:
        return self.is_digits and len(self.written) == 4 and _FIRST_YEAR <= self.value <= _LAST_YEAR


def article_lists(normal: str, skipped: Callable[[int], bool]) -> Iterator[ArticleList]:
    """The lists of articles in a normalised text; a number at a `skipped` place is not looked at."""
    chain: list[_Number] = []
    for match in _NUMBER.finditer(normal):
        if skipped(match.start()):
            continue
        gap = normal[chain[-1].end : match.start()] if chain else ""
        joint = "".join(gap.split())
        if note := _NOTE.match(joint):
            joint = joint[note.end() :]
        beside = match["ordinal"] and match["closed"] and chain and _is_beside(gap, chain[-1])
        if chain and not beside and not _joins(joint):
            yield from _read(normal, chain)
            chain, joint = [], ""
        read = _number(match, joint, chain[-1] if chain else None)
        if read is None:
            yield from _read(normal, chain)
            chain = []
        elif chain and _is_branch(chain[-1], read):
            chain[-1] = replace(
                chain[-1],
                end=read.end,
                number=f"{chain[-1].number}-{read.number}",
                closed=read.closed or bool(chain[-1].sign),
                part=read.part,
                loose=read.loose,
            )
        else:
            chain.append(read)
    yield from _read(normal, chain)


def _is_beside(gap: str, before: _Number) -> bool:
    """True for 第577条 第584条, also without a blank; on a line of its own it is the number of a clause."""
    return gap.isspace() and "\n" not in gap if gap else before.closed


def _joins(joint: str) -> bool:
    if not joint or len(joint) > 7 or _SAYS.fullmatch(joint):
        return False
    return bool(_LIST.fullmatch(joint) or _RANGE.fullmatch(joint))


def _number(match: re.Match[str], joint: str, before: _Number | None) -> _Number | None:
    """A number as it stands in its list; None when it is none there."""
    if match["twig"]:
        # 第一百二十条之一、之二: the second article is written by its branch alone.
        if before is None or not before.closed or "-" not in before.number:
            return None
        number = canonical(str(before.value), match["twig"])
        written, ordinal, closed = match["twig"], True, True
    else:
        written, ordinal = match["number"], bool(match["ordinal"])
        # §1079 needs no 条.
        closed = bool(match["closed"] or match["sign"])
        number = canonical(written, match["branch"] or match["inner"])
    if not number:
        return None
    part, end, loose = match["part"] or "", match.end(), match["loose"] is not None
    sign = match["sign"] or ""
    read = _Number(match.start(), end, written, number, ordinal, closed, joint, part, sign=sign)
    if not loose:
        return read
    if read.is_year and not ordinal:
        return replace(read, end=match.start("loose"))
    return replace(read, closed=True, part=match["loose"], loose=True)


def _is_branch(before: _Number, read: _Number) -> bool:
    """True for 133-1, which as a range would run backwards."""
    return (
        read.joint == "-"
        and (not before.closed or bool(before.sign))
        and not read.ordinal
        and "-" not in before.number + read.number
        and read.value < min(before.value, 100)
    )


def _read(normal: str, chain: list[_Number]) -> Iterator[ArticleList]:
    """The articles of a chain of numbers, at most one list: what does not belong ends it."""
    if not any(number.closed for number in chain):
        found = _bare(normal, chain)
        if found:
            yield ArticleList(_filled(found), bare=True)
        return
    found = []
    closed = 0
    sign = ""
    for place, number in enumerate(chain):
        after = chain[place + 1] if place + 1 < len(chain) else None
        if number.ordinal:
            sign = number.sign
        elif sign and not number.closed and _goes_on(normal, sign, chain[place - 1], number):
            number = replace(number, closed=True)
        if number.ordinal and not number.closed and after is not None and "," in after.joint:
            # 第一,…第三条;第二,第五条 counts what is said.
            break
        if not number.ordinal and not _may_follow(normal, found, number, after):
            break
        found.append(number)
        closed = len(found) if number.closed else closed
    if closed:
        first = found[0]
        yield ArticleList(
            _filled(found[:closed]), bare=not (first.ordinal or (first.closed and not first.loose))
        )


def _may_follow(normal: str, found: list[_Number], number: _Number, after: _Number | None) -> bool:
    """Whether a number without 第 can be an article there."""
    before = found[-1] if found else None
    opens = before is None or before.closed
    # 1/2 is a fraction.
    if number.written == "两" or set(number.joint) & set(";/+") or _SAYS.match(number.joint):
        return False
    if number.closed:
        return not (opens and _COUNTED.match(normal, number.end))
    if before is None:
        # 三、四条 are some three or four.
        return len(number.written) > 1 or (number.is_digits and not number.is_year)
    # After a whole article, 二、第四条 is the second heading of a text.
    return not (opens and after is not None and after.ordinal and after.joint == "、")


def _bare(normal: str, chain: list[_Number]) -> list[_Number]:
    """The leading numbers of a chain that can be articles without a 条: Arabic digits."""
    found = list(takewhile(lambda each: each.is_digits and _may_be_bare(normal, each), chain))
    if found and found[-1] is chain[-1]:
        place = found[-1].end
        if _SHARED_UNIT.match(normal, place):
            return []
        if _QUANTITY.match(normal, place):
            found.pop()
    return found


def _may_be_bare(normal: str, number: _Number) -> bool:
    """Whether a number can be an article where nothing but a law or § before its list says so."""
    if (number.is_digits and len(number.written) > 4) or set(number.joint) & set(";/+"):
        return False
    if number.is_year and not number.ordinal:
        return False
    return not ("," in number.joint and normal[number.end : number.end + 1].isalnum())


def _goes_on(normal: str, sign: str, before: _Number, number: _Number) -> bool:
    """Whether the sign before a list holds for a number further on in it: §§1079、1080, and not §577、3000元.

    Behind a comma only §§ does, which announces more than one.
    """
    if _COUNTED_BEHIND_BLANKS.match(normal, number.end):
        return False
    if sign == "§" and "," in number.joint:
        return False
    written = number.is_digits or not (before.is_digits or number.written == "两")
    return written and _may_be_bare(normal, number)


def _filled(numbers: list[_Number]) -> tuple[Member, ...]:
    """The members with what lies within their ranges; an inner one has the span of its range."""
    members: list[Member] = []
    before: _Number | None = None
    for number in numbers:
        if before is not None and _RANGE.fullmatch(number.joint):
            members += [
                Member(inner, before.start, number.end)
                for inner in _between(before.number, number.number)
            ]
        members.append(Member(number.number, number.start, number.end, number.part))
        before = number
    return tuple(members)


def _between(first: str, last: str) -> list[str]:
    """The articles strictly between two; none when the range is absurd.

    Between whole numbers they are whole: which branches a law has is not known here.
    """
    base, _, branch = first.partition("-")
    last_base, _, last_branch = last.partition("-")
    if base == last_base:
        low, high, prefix = int(branch or 0), int(last_branch or 0), f"{base}-"
    else:
        low, high, prefix = int(base), int(last_base), ""
    if not 0 < high - low <= MAX_RANGE:
        return []
    return [f"{prefix}{number}" for number in range(low + 1, high)]
