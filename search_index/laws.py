"""Names of laws: the full name behind an abbreviation, a suffix or a name in book marks."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping

from search_index.analysis import normalise

_PREFIX = "中华人民共和国"
# What people leave out of a law's name: (2018修正), book marks, blanks.
_NOISE = re.compile(
    r"[《》〈〉<>\s]|\((?:19|20)\d\d[^()]*\)|\((?:试行|草案)\)|\d{4}年?(?:修正|修订)版?"
)
# How such a note begins and ends.
_NOISY_START = frozenset("〈<(0123456789")
_NOISY_END = frozenset("》〉>)正订版 \n")
_OPENING = re.compile(
    r"^(?:最高人民法院|最高人民检察院|国务院|全国人民代表大会常务委员会|全国人民代表大会|公安部|司法部|、|和)*"
    r"(?:关于)?(?:适用|审理|办理)?"
)
MIN_ALIAS = 2
# The books of the civil and the criminal code.
BOOKS = "(?:总则|分则|物权|合同|人格权|婚姻家庭|继承|侵权责任)"
# How laws of procedure are spoken of; the rest of an abbreviation is found letter by letter.
_SPOKEN = {"民诉": "民事诉讼", "刑诉": "刑事诉讼", "行诉": "行政诉讼"}
_SPOKEN_COURT = re.compile("^(?:最高法院?|最高检|两高)(?:关于)?")
_BOOK = re.compile(f"{BOOKS}编")
# A 法 in these is no 法 of an abbreviation.
_NOT_A_LAW = ("法律", "法院", "司法")
_KIND = re.compile("(?:法典|法|条例|办法|规则|细则|决定|解释|规定|批复|意见)$")
_LETTERS = re.compile(r"[^\w]")
# What people call rules that are no law: 公司规定, 法律规定, 按照有关规定.
_MAKERS = (
    "法律|法规|规章|政策|国家|公司|单位|企业|学校|医院|物业|小区|政府|法院|部门|合同|协议|章程"
)
_NO_LAW = re.compile(
    rf"(?:^(?:{_MAKERS}|制度|行政|司法|有关|相关|上述|以上|前述|现行|明文|明确|具体|内部|按照?|根据|的|了)*"
    rf"(?:规定|办法|解释|决定|规则|细则)|(?:{_MAKERS})规定)$"
)


def simplify(name: str) -> str:
    """A law's name without book marks, blanks, edition notes and 中华人民共和国."""
    return _NOISE.sub("", normalise(name)).replace(_PREFIX, "")


def names_no_law(name: str) -> bool:
    """True for words that end as the name of a law does and name none: 公司规定, 有关规定."""
    return _NO_LAW.search(name) is not None


def same_kind(written: str, word: str) -> bool:
    """Whether a name can be meant by what points back to it: 本条例 is no 法. Unknown kinds can."""
    return _kind(simplify(written)) in (None, _kind(word))


class LawNames:
    """Finds the full names meant by a written name: exact, by alias, or as the end of a name."""

    def __init__(self, names: Iterable[str], aliases: Mapping[str, str] | None = None) -> None:
        self._by_name: dict[str, list[str]] = defaultdict(list)
        self._by_core: dict[str, list[str]] = defaultdict(list)
        known = sorted({name for name in names if name})
        for name in known:
            simple = simplify(name)
            self._by_name[simple].append(name)
            core = _core(simple)
            if core != simple:
                self._by_core[core].append(name)
        self._aliases: dict[str, tuple[str, ...]] = {}
        self._full: dict[str, str] = {simple: simple for simple in self._by_name}
        for alias, full in (aliases or {}).items():
            self._full[simplify(alias)] = simplify(full)
            found = tuple(self._by_name.get(simplify(full), ()))
            if found:
                self._aliases[simplify(alias)] = found
        self._suffixes: dict[str, list[str]] = defaultdict(list)
        for simple, full_names in self._by_name.items():
            # 物业管理条例 is the end of 重庆市物业管理条例. Only ends of four letters and more,
            # else 管理法 would mean forty laws.
            for start in range(1, max(1, len(simple) - 3)):
                self._suffixes[simple[start:]].extend(full_names)
        self._longest = max(
            (len(name) for table in (self._by_name, self._aliases) for name in table), default=0
        )
        # How a name can begin and end: most places of a text are ruled out by this.
        written = {name for table in (self._by_name, self._aliases) for name in table if name}
        self._first = {name[0] for name in written} | {_PREFIX[0]}
        self._last = {name[-1] for name in written}

    def __len__(self) -> int:
        return sum(len(names) for names in self._by_name.values())

    def resolve(self, written: str) -> tuple[str, ...]:
        """The full names `written` can mean: one, several (ambiguous), or none (unknown)."""
        simple = simplify(written)
        if len(simple) < MIN_ALIAS:
            return ()
        for table in (self._by_name, self._aliases, self._by_core):
            found = table.get(simple)
            if found:
                return tuple(found)
        if simple in self._full:
            # The short name of a law that is not held.
            return ()
        found = self._suffixes.get(simple)
        if found and len(simple) >= 4:
            return tuple(dict.fromkeys(found))
        return self._abbreviated(simple) if len(simple) >= 5 else ()

    def _abbreviated(self, simple: str) -> tuple[str, ...]:
        """Names that hold the letters of `simple` in order, as in 民法典担保制度解释.

        The law that it begins with must stand there in one piece, else 民诉法解释 would be found in
        the interpretation of another code.
        """
        letters, kind = _LETTERS.sub("", _core(_SPOKEN_COURT.sub("", simple))), _kind(simple)
        for spoken, full in _SPOKEN.items():
            letters = letters.replace(spoken, full)
        whole = [full for full in _SPOKEN.values() if full in letters]
        whole += _BOOK.findall(letters)
        for end in range(len(letters) - 1, MIN_ALIAS - 1, -1):
            if letters[:end] in self._full:
                whole.append(self._full[letters[:end]])
                letters = whole[-1] + letters[end:]
                break
        matches = []
        for known, names in self._by_name.items():
            if kind not in (None, _kind(known)) or not all(part in known for part in whole):
                continue
            core = _core(known)
            for word in _NOT_A_LAW:
                core = core if word in letters else core.replace(word, "")
            if _is_subsequence(letters, core):
                matches.append((len(known), names))
        return tuple(name for _, names in sorted(matches) for name in names)

    def longest_ending(self, text: str, end: int) -> int | None:
        """The start of the longest known name or alias that ends at `end` in normalised `text`."""
        if not end or (text[end - 1] not in self._last and text[end - 1] not in _NOISY_END):
            return None
        floor = max(0, end - self._longest - len(_PREFIX) - 4)
        for start in range(floor, end - MIN_ALIAS + 1):
            if text[start] not in self._first and text[start] not in _NOISY_START:
                continue
            piece = text[start:end]
            simple = simplify(piece)
            if simple in self._by_name or simple in self._aliases:
                return start
        return None


def _core(simple: str) -> str:
    """A name without who made it and 关于适用, unless nothing else is left."""
    return _OPENING.sub("", simple) or simple


def _kind(simple: str) -> str | None:
    """What kind of text a name ends in: an 条例 is never meant by the name of a 法. None when it does not say."""
    found = _KIND.search(simple)
    if found is None:
        return None
    kind = found.group()
    # Judicial interpretations go by several words, and by one of them in speech.
    return "解释" if kind in ("解释", "规定", "批复", "意见") else kind.replace("法典", "法")


def _is_subsequence(letters: str, text: str) -> bool:
    position = 0
    for letter in letters:
        position = text.find(letter, position) + 1
        if not position:
            return False
    return True
