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
_KIND = re.compile("(?:法典|法|条例|办法|规则|细则|决定|解释|规定|批复|意见)$")
_LETTERS = re.compile(r"[^\w]")


def simplify(name: str) -> str:
    """A law's name without book marks, blanks, edition notes and 中华人民共和国."""
    return _NOISE.sub("", normalise(name)).replace(_PREFIX, "")


class LawNames:
    """Finds the full names meant by a written name: exact, by alias, or as the end of a name."""

    def __init__(self, names: Iterable[str], aliases: Mapping[str, str] | None = None) -> None:
        self._by_name: dict[str, list[str]] = defaultdict(list)
        self._by_core: dict[str, list[str]] = defaultdict(list)
        known = sorted({name for name in names if name})
        for name in known:
            simple = simplify(name)
            self._by_name[simple].append(name)
            core = _OPENING.sub("", simple)
            if core and core != simple:
                self._by_core[core].append(name)
        self._aliases: dict[str, tuple[str, ...]] = {}
        for alias, full in (aliases or {}).items():
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
        found = self._suffixes.get(simple)
        if found and len(simple) >= 4:
            return tuple(dict.fromkeys(found))
        return self._abbreviated(simple) if len(simple) >= 5 else ()

    def _abbreviated(self, simple: str) -> tuple[str, ...]:
        """Names that hold the letters of `simple` in order, as in 民法典担保制度解释."""
        letters, kind = _LETTERS.sub("", simple), _kind(simple)
        matches = [
            (len(known), names)
            for known, names in self._by_name.items()
            if _is_subsequence(letters, known) and kind in (None, _kind(known))
        ]
        if not matches:
            return ()
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
