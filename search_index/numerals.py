"""Article numbers, between the law's writing (第一百二十条之一) and the canonical form (120-1)."""

from __future__ import annotations

import re
from functools import lru_cache

_DIGITS = {char: value for value, char in enumerate("零一二三四五六七八九")}
_DIGITS |= {"〇": 0, "○": 0, "两": 2, "壹": 1, "贰": 2, "叁": 3, "肆": 4, "伍": 5, "陆": 6}
_DIGITS |= {"柒": 7, "捌": 8, "玖": 9}
_UNITS = {"十": 10, "拾": 10, "百": 100, "佰": 100, "千": 1000, "仟": 1000}
_WRITTEN = "零一二三四五六七八九"

NUMERAL = r"[零〇○一二三四五六七八九十百千万两壹贰叁肆伍陆柒捌玖拾佰仟]+"
_NUMBER = re.compile(
    rf"\s*第?\s*({NUMERAL}|[0-9]+)\s*条?\s*(?:(?:之|[-－—_])\s*({NUMERAL}|[0-9]+))?\s*条?\s*"
)
MAX_NUMBER = 99_999_999


def parse_numeral(text: str) -> int | None:
    """The value of a Chinese or Arabic numeral up to 99,999,999, or None when it is none."""
    if not text:
        return None
    if text.isascii() and text.isdigit():
        return int(text) if len(text) <= 8 else None
    if all(char in _DIGITS for char in text):  # digit by digit, as in 一二五四
        if len(text) > 8:
            return None
        return int("".join(str(_DIGITS[char]) for char in text))
    high, myriad, low = text.partition("万")
    if not myriad:
        return _parse_section(text)
    above = _parse_section(high)
    below = _parse_section(low) if low else 0
    if not above or below is None:
        return None
    return above * 10000 + below


def _parse_section(text: str) -> int | None:
    """The value of a numeral below 10,000, None when its parts do not fit together."""
    total = 0
    digit: int | None = None
    last_unit = 10_000
    for char in text:
        if char in _DIGITS:
            if digit:
                return None
            digit = _DIGITS[char]
            continue
        unit = _UNITS.get(char, last_unit)
        # 十五 stands for 一十五 and 零 may stand before it, but 百 alone is no number.
        if unit >= last_unit or (not digit and unit != 10):
            return None
        total += (digit or 1) * unit
        digit, last_unit = None, unit
    return total + (digit or 0) if text else None


def format_numeral(value: int) -> str:
    """The value as the law writes it: 105 is 一百零五, 14 is 十四, 110 is 一百一十."""
    if not 0 <= value <= MAX_NUMBER:
        raise ValueError(f"a numeral outside 0..{MAX_NUMBER}: {value}")
    if value < 10:
        return _WRITTEN[value]
    high, low = divmod(value, 10000)
    if high:
        tail = ""
        if low:
            tail = ("零" if low < 1000 else "") + _below_ten_thousand(low)
        return _strip_one(_below_ten_thousand(high)) + "万" + tail
    return _strip_one(_below_ten_thousand(low))


def _strip_one(text: str) -> str:
    return text[1:] if text.startswith("一十") else text


def _below_ten_thousand(value: int) -> str:
    parts = []
    gap = False
    for unit, name in ((1000, "千"), (100, "百"), (10, "十"), (1, "")):
        digit, value = divmod(value, unit)
        if digit:
            if gap:
                parts.append("零")
            parts.append(_WRITTEN[digit] + name)
            gap = False
        elif parts and value:
            gap = True
    return "".join(parts)


def parse_article_number(text: str) -> str:
    """第一百二十条之一, 120条之1 or 120-1 as "120-1"; "" when the text is no article number."""
    from search_index.analysis import normalise

    match = _NUMBER.fullmatch(normalise(text))
    if match is None:
        return ""
    return canonical(match.group(1), match.group(2))


def canonical(number: str, branch: str | None) -> str:
    """The canonical form of an article's number and the number after 之, "" when unreadable."""
    base = parse_numeral(number)
    if not base:
        return ""
    if branch is None:
        return str(base)
    sub = parse_numeral(branch)
    return f"{base}-{sub}" if sub else ""


def format_article_number(number: str) -> str:
    """ "120-1" as 第一百二十条之一; raises ValueError when `number` is not canonical."""
    base, dash, branch = number.partition("-")
    if not base.isdecimal() or (dash and not branch.isdecimal()):
        raise ValueError(f"not a canonical article number: {number!r}")
    text = f"第{format_numeral(int(base))}条"
    return text + f"之{format_numeral(int(branch))}" if dash else text


def article_order(number: str) -> int:
    """A sort key that keeps 120, 120-1, 121 in order; 0 for an article without a number."""
    base, _, branch = number.partition("-")
    if not base.isdecimal():
        return 0
    return int(base) * 1000 + min(int(branch) if branch.isdecimal() else 0, 999)


@lru_cache(maxsize=8192)
def number_of(order: int) -> str:
    """The canonical number behind a sort key of `article_order`. All of a law's are asked for while one is being typed."""
    base, branch = divmod(order, 1000)
    return f"{base}-{branch}" if branch else str(base)
