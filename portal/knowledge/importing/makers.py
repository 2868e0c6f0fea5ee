"""Who made a text, as its header says, and whether two names can be those of one maker."""

from __future__ import annotations

import re
from collections.abc import Iterable

_CONGRESS = re.compile(
    r"([^\s\d年月日，。（(]*?)第[一二三四五六七八九十]+届(全国)?人民代表大会(常务委员会)?"
)
_HIGHEST = re.compile(
    r"国务院(?![\u4e00-\u9fff]{0,20}(?:委员会|办公厅|办公室|[部局署]))|最高人民法院|最高人民检察院"
)
# One or several behind a day, as an order bears them: 日交通运输部、公安部令.
_OFFICE = "(?:部|委员会|局|署|银行|院|厅|办公室|政府)"
_OFFICES = re.compile(
    rf"(?:日|[\s经由(,，])([\u4e00-\u9fff]{{1,30}}{_OFFICE}(?:、[\u4e00-\u9fff]{{1,30}}{_OFFICE})*)"
    r"(?=令|公告|文件|第|发布|公布|印发|制定|修[订正改])"
)
_CONGRESS_NAME = re.compile("人民代表大会(?:常务委员会)?$")


def makers_in(text: str) -> list[str]:
    """Return who made a text, by one line of its header; an assembly before a ministry."""
    congress = _CONGRESS.search(text)
    if congress is not None:
        place = congress.group(1).removeprefix("经")
        return [f"{place}{congress.group(2) or ''}人民代表大会{congress.group(3) or ''}"]
    highest = _HIGHEST.search(text)
    if highest is not None:
        return [highest[0]]
    offices = _OFFICES.search(" " + text)
    return offices[1].split("、") if offices is not None else []


def may_be_one(makers: Iterable[str], others: Iterable[str]) -> bool:
    """True unless nobody of the ones is among the others: an assembly and its committee are one, 市场监管总局 is short."""
    several = list(others)
    return any(_alike(_seat(maker), _seat(other)) for maker in makers for other in several)


def _seat(maker: str) -> str:
    return _CONGRESS_NAME.sub("人大", maker)


def _alike(one: str, other: str) -> bool:
    shorter, longer = sorted((one, other), key=len)
    letters = iter(longer)
    return all(letter in letters for letter in shorter)
