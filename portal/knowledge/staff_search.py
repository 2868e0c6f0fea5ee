"""The staff's search page: the query language by field, read strictly, so that a slip is told in words.

The library answers any text and takes what it cannot read for words; whoever looks for
`nubmer:1254` would get an empty page and believe it. So the expression is read here first, with
Chinese names and labels beside the short ones, and handed on in one canonical form.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn

from portal.core.errors import Invalid
from portal.knowledge import index
from portal.knowledge.categories import category_labels
from portal.knowledge.documents import TO_INDEX
from portal.knowledge.models import LawLevel, Validity
from portal.knowledge.search import (
    KIND_LABELS,
    LEVEL_LABELS,
    decode_cursor,
    encode_cursor,
    item_of,
)
from search_index import content_words, parse_article_number

EXAMPLES = (
    ("law:民法典 AND number:1254", "民法典第一千二百五十四条"),
    ("kind:faq 押金", "提到押金的常见问答"),
    ("law:劳动合同法 (工资 OR 报酬)", "劳动合同法里提到工资或者报酬的条文"),
    ("validity:repealed 环境", "已经废止的、提到环境的条文"),
    ("heading:租赁 NOT 押金", "租赁一章里没有提到押金的条文"),
)
# Whoever is this deep needs another expression.
DEEPEST = 500
DEEPEST_GROUP = 10
# Also letters and digits, as an input method in full width writes them.
_WIDTH = str.maketrans("（）：　“”", '(): ""') | {
    0xFEE0 + point: point for point in range(0x30, 0x7B) if chr(point).isalnum()
}
_TOKEN = re.compile(r"[()]|[^\s()]+")
_OPERATORS = {"AND": "AND", "且": "AND", "并且": "AND", "OR": "OR", "或": "OR", "或者": "OR"}
_NOT = {"NOT": "NOT", "非": "NOT"}
# The library's further operators. It would carry them out, and not look for the words.
_UNKNOWN_OPERATORS = frozenset(("ANDNOT", "ANDMAYBE", "REQUIRE"))
_UNKNOWN_SIGNS = re.compile(r"[\"'*?~^\[\]{}<>+\\]")


@dataclass(frozen=True, slots=True, eq=False)
class Field:
    """A field of the language; `values` are all it can hold, by what may be written for them."""

    name: str
    label: str
    meaning: str
    example: str
    values: Mapping[str, str] = field(default_factory=dict)
    shown: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Found:
    """One page of the answer; `searched_for` is how the expression was understood."""

    query: str | None
    searched_for: str | None
    items: list[dict[str, Any]]
    next: str | None
    size: int
    help: dict[str, Any]

    def answer(self) -> dict[str, Any]:
        """The answer's members, as `StaffSearchSchema` describes them."""
        return {
            "query": self.query,
            "searched_for": self.searched_for,
            "items": self.items,
            "page": {"next": self.next, "size": self.size},
            "help": self.help,
        }


def search(text: str | None, cursor: str | None = None, size: int = 20) -> Found:
    """Answer an expression; without one only the help.

    Raises Invalid that says what is wrong with it and how it is written, and Unavailable without an
    index.
    """
    labels = category_labels()
    fields = _fields(labels)
    guide = _help(fields)
    if text is None:
        return Found(None, None, [], None, size, guide)
    offset = min(decode_cursor(cursor)[0], DEEPEST)
    expression = read(text, fields)
    end = offset + size
    hits = index.reader().staff_search(expression, end + 1)
    more = encode_cursor(end, 0) if len(hits) > end and end < DEEPEST else None
    items = [item_of(hit, labels) for hit in hits[offset:end]]
    return Found(text, expression, items, more, size, guide)


def _fields(categories: Mapping[str, str]) -> dict[str, Field]:
    """The fields by every name they may be called."""
    kinds = tuple(KIND_LABELS.items())
    levels = tuple((level.value, LEVEL_LABELS[level.value]) for level in LawLevel)
    validities = tuple((validity.value, validity.label) for validity in Validity)
    of_validity = {
        name: TO_INDEX[validity]
        for validity in Validity
        for name in (validity.value, validity.label)
    }
    found = [
        Field("law", "法律", "法律名称里的字词", "law:民法典"),
        Field("number", "条号", "条文序号，阿拉伯数字或者“第三十八条”", "number:120-1"),
        Field("kind", "类型", "内容类型", "kind:faq", _either(kinds), kinds),
        Field("level", "级别", "效力级别", "level:local_regulation", _either(levels), levels),
        Field("validity", "效力", "效力状态", "validity:repealed", of_validity, validities),
        Field(
            "category",
            "类别",
            "问题类别（问答、指南和答复有类别）",
            "category:housing",
            _either(tuple(categories.items())),
            tuple(categories.items()),
        ),
        Field("title", "标题", "标题里的字词；条文的标题是法律名称", "title:押金"),
        Field("heading", "章节", "编、章、节名称里的字词", "heading:租赁"),
        Field("text", "正文", "正文里的字词", "text:连带责任"),
        Field("questions", "问法", "问答的其他问法里的字词", "questions:二房东"),
    ]
    return {name: item for item in found for name in (item.name, item.label)}


def _either(pairs: tuple[tuple[str, str], ...]) -> dict[str, str]:
    return {name: value for value, label in pairs for name in (value, label)}


def _help(fields: Mapping[str, Field]) -> dict[str, Any]:
    return {
        "text": (
            "写成“字段:内容”，不写字段就在标题、正文和问法里找。条件之间空一格表示都要符合，"
            "也可以写 AND（且）；任一符合写 OR（或）；排除写 NOT（非）；AND 和 OR 混用时加括号。"
        ),
        "fields": [
            {
                "name": item.name,
                "label": item.label,
                "meaning": item.meaning,
                "example": item.example,
                "values": [{"value": value, "label": label} for value, label in item.shown],
            }
            for item in dict.fromkeys(fields.values())
        ],
        "examples": [{"query": query, "meaning": meaning} for query, meaning in EXAMPLES],
    }


# --- reading ---


def read(text: str, fields: Mapping[str, Field]) -> str:
    """Return an expression in the library's form; raises Invalid that says what is wrong with it."""
    return _Reader(text, fields).expression()


@dataclass(frozen=True, slots=True)
class _Token:
    text: str
    place: int


class _Reader:
    """Reads conditions side by side (all must hold), chains of AND or of OR, NOT, and groups."""

    def __init__(self, text: str, fields: Mapping[str, Field]) -> None:
        self._fields = fields
        plain = text.translate(_WIDTH)
        self._tokens = [_Token(found[0], found.start() + 1) for found in _TOKEN.finditer(plain)]
        self._at = 0
        self._depth = 0

    def expression(self) -> str:
        """Read it all."""
        if not self._tokens:
            self._refuse("检索表达式是空的。")
        whole = self._group(None)
        if self._next() is not None:
            self._refuse(f"第 {self._tokens[self._at].place} 个字符处多了一个右括号。")
        return whole

    def _next(self) -> _Token | None:
        return self._tokens[self._at] if self._at < len(self._tokens) else None

    def _operator(self, names: Mapping[str, str]) -> str | None:
        token = self._next()
        found = names.get(token.text.upper()) if token else None
        if found:
            self._at += 1
        return found

    def _group(self, opened: _Token | None) -> str:
        self._depth += 1
        if self._depth > DEEPEST_GROUP:
            self._refuse("括号套得太深，请写得简单一些。")
        chains: list[str] = []
        positive = False
        while (token := self._next()) is not None and token.text != ")":
            chain, holds = self._chain()
            chains.append(chain)
            positive = positive or holds
        if not chains:
            self._refuse("括号里没有内容。" if opened else "检索表达式里没有条件。")
        if not positive:
            self._refuse("只写了排除（NOT）的条件，还要写至少一个要找的条件。")
        self._depth -= 1
        return " AND ".join(chains)

    def _chain(self) -> tuple[str, bool]:
        """Conditions joined by one operator, and whether one of them asks for something."""
        first, excluded = self._condition()
        parts, exclusions = [first], [excluded]
        used: str | None = None
        while (operator := self._operator(_OPERATORS)) is not None:
            if used not in (None, operator):
                self._refuse("AND 和 OR 混在一起，分不清先后，请用括号分开。")
            used = operator
            part, excluded = self._condition(after=operator)
            parts.append(part)
            exclusions.append(excluded)
        if used == "OR":
            if any(exclusions):
                self._refuse("OR 的两边不能是排除（NOT）的条件。")
            return f"({' OR '.join(parts)})", True
        return " AND ".join(parts), not all(exclusions)

    def _condition(self, after: str | None = None) -> tuple[str, bool]:
        excluded = self._operator(_NOT) is not None
        before = "NOT" if excluded else after
        token = self._next()
        operator = token and {**_OPERATORS, **_NOT}.get(token.text.upper())
        if token is None or token.text == ")" or operator:
            if before:
                self._refuse(f"{before} 后面缺少条件。")
            self._refuse(f"{operator or '右括号'} 前面缺少条件。")
        self._at += 1
        if token.text == "(":
            inner = self._group(token)
            if self._next() is None:
                self._refuse(f"第 {token.place} 个字符处的左括号没有配对的右括号。")
            self._at += 1
            found = inner if _is_grouped(inner) else f"({inner})"
        else:
            found = self._word(token)
        return (f"NOT {found}", True) if excluded else (found, False)

    def _word(self, token: _Token) -> str:
        signs = _UNKNOWN_SIGNS.search(token.text)
        if signs:
            self._refuse(
                f"第 {token.place + signs.start()} 个字符“{signs[0]}”不能用：这里不支持引号、通配符和范围。"
            )
        if token.text.upper() in _UNKNOWN_OPERATORS:
            self._refuse(f"“{token.text}”不能用，条件之间只能写 AND、OR 和 NOT。")
        name, colon, value = token.text.partition(":")
        if not colon:
            self._require_words(token.text)
            return token.text
        if not name:
            self._refuse(f"第 {token.place} 个字符处的冒号前面没有写字段。")
        known = self._fields.get(name.lower())
        if known is None:
            self._refuse(f"没有“{name}”这个字段，{self._names()}。")
        if not value:
            self._refuse(f"“{name}:”后面没有写内容，冒号后面要紧接着写，不能空格也不能用括号。")
        if ":" in value:
            self._refuse(f"“{token.text}”里有两个冒号，每个条件各写一个。")
        return f"{known.name}:{self._value(known, value)}"

    def _value(self, known: Field, value: str) -> str:
        if known.name == "number":
            number = parse_article_number(value)
            if not number:
                self._refuse(f"“{value}”不是条文序号，请写成 38、120-1 或者“第三十八条”。")
            return number
        if known.values:
            found = known.values.get(value) or known.values.get(value.lower())
            if found is None:
                listed = "、".join(f"{name}（{label}）" for name, label in known.shown)
                self._refuse(f"{known.label}没有“{value}”这一种，可以写 {listed}。")
            return found
        plain = value.strip("《》")
        self._require_words(plain)
        return plain

    def _require_words(self, text: str) -> None:
        if not content_words(text):
            self._refuse(f"“{text}”太常见，找不出什么，请换一个词。")

    def _names(self) -> str:
        names = dict.fromkeys(f"{item.name}（{item.label}）" for item in self._fields.values())
        return f"可以用 {'、'.join(names)}"

    def _refuse(self, message: str) -> NoReturn:
        examples = "；".join(query for query, _ in EXAMPLES[:3])
        raise Invalid(
            message,
            code="bad_search_expression",
            next_step=f"请改正后再找，例如：{examples}。{self._names()}。",
            errors={"q": [message]},
        )


def _is_grouped(text: str) -> bool:
    """True for what stands in one pair of brackets already; no word holds a bracket."""
    depth = 0
    for place, char in enumerate(text):
        depth += (char == "(") - (char == ")")
        if depth == 0:
            return char == ")" and place == len(text) - 1
    return False
