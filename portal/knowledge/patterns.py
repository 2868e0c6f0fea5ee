"""What people write, as patterns that an editor can read: the notation at the head of `content/search/urgent.yaml`.

Blanks part what must all be said in any order; 甲…乙 is one after the other nearby; （甲/乙） is one of them;
 <组名> is any word of a group; =甲 is the whole question.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from search_index import analysis


@dataclass(frozen=True, slots=True)
class Part:
    """One of the things a wording says: its pattern, and sets of characters of each of which a text that fits holds one.

    Most questions lack them for nearly all wordings, and that is seen much sooner than a pattern says no.
    """

    pattern: re.Pattern[str]
    needs: tuple[frozenset[str], ...]

    def may_fit(self, signs: frozenset[str]) -> bool:
        """False when a text of these characters cannot fit."""
        return not any(need.isdisjoint(signs) for need in self.needs)


@dataclass(frozen=True, slots=True)
class Wording:
    """What an editor wrote, and the parts that must all be said."""

    written: str
    parts: tuple[Part, ...]


_NOISE = re.compile(r"[\W_]+")
# Where one thought ends; the one sign that a `plain` question keeps.
_END = "\n"
_ENDS = re.compile(r"[\s\W_]*[，。！？；：,.!?;:\n][\s\W_]*")
# What stands between two words of one thought; more would join what different sentences say.
_SIGNS = {"（": "(?:", "）": ")", "/": "|", "…": ".{0,6}?"}
_GROUP = re.compile("<([^<>]+)>")
# Every other question holds one of these; a rarer character tells more.
_COMMON = frozenset("我的了人在他她是不有要到家")
_MOST_NEEDS = 4


class Wordings:
    """Many wordings, of which those are found quickly that a text may say."""

    def __init__(self, wordings: Sequence[Wording]) -> None:
        self._wordings = tuple(wordings)
        self._always: list[int] = []
        self._by_sign: dict[str, list[int]] = {}
        for number, wording in enumerate(self._wordings):
            needs = min(
                (part.needs[0] for part in wording.parts if part.needs), key=_cost, default=None
            )
            for sign in needs or ():
                self._by_sign.setdefault(sign, []).append(number)
            if needs is None:
                self._always.append(number)
        self._signs = frozenset(self._by_sign)

    def within(self, signs: frozenset[str]) -> list[Wording]:
        """Those that a text of these characters may say, in their order."""
        numbers = set(self._always)
        for sign in self._signs & signs:
            numbers.update(self._by_sign[sign])
        likely = (self._wordings[number] for number in sorted(numbers))
        return [wording for wording in likely if all(part.may_fit(signs) for part in wording.parts)]


def read(written: str, groups: Mapping[str, Sequence[str]]) -> Wording:
    """Return a wording as patterns; raises ValueError with a Chinese sentence for what cannot be read."""
    unknown = [name for name in _GROUP.findall(written) if name not in groups]
    if unknown:
        raise ValueError(f"没有“{unknown[0]}”这一组词。")
    whole = _GROUP.sub(lambda match: f"（{'/'.join(groups[match[1]])}）", written)
    try:
        return Wording(written, tuple(_part(part) for part in whole.split()))
    except re.error:
        raise ValueError(f"“{written}”的括号不成对。") from None


def _part(written: str) -> Part:
    body = written.removeprefix("=")
    pattern = "".join(_SIGNS.get(sign, re.escape(sign)) for sign in body)
    compiled = re.compile(rf"\A(?:{pattern})\Z" if body != written else pattern)
    return Part(compiled, tuple(_needs(iter(body))))


def _needs(signs: Iterator[str]) -> list[frozenset[str]]:
    """Sets of characters of each of which every text that fits holds one, the most telling first.

    Reads up to the end of a bracket, so that what opened it goes on behind.
    """
    ways: list[list[frozenset[str]]] = [[]]
    for sign in signs:
        if sign == "）":
            break
        if sign == "/":
            ways.append([])
        elif sign == "（":
            ways[-1] += _needs(signs)
        elif sign != "…":
            ways[-1].append(frozenset(sign))
    if len(ways) > 1:
        # One of each way makes one for them all, unless one of them needs nothing.
        firsts = [min(way, key=_cost, default=None) for way in ways]
        return [] if None in firsts else [frozenset().union(*filter(None, firsts))]
    return sorted(set(ways[0]), key=lambda need: (_cost(need), min(need)))[:_MOST_NEEDS]


def _cost(needed: frozenset[str]) -> int:
    return sum(10 if sign in _COMMON else 1 for sign in needed)


def plain(text: str) -> str:
    """Return a question without blanks and signs, one thought a line, as wordings are compared with it."""
    thoughts = _ENDS.split(analysis.normalise(text))
    return _END.join(_NOISE.sub("", thought) for thought in thoughts)


def fits(text: str, wordings: Wordings, *harmless: Wordings) -> bool:
    """True when a `plain` question says one of the `wordings`, also after the `harmless` ones are taken out of it.

    A wording may go on behind a comma, as people set them anywhere. What is harmless must be so within one thought:
    老公打我，钱也拿走了 is not about money that somebody sent.
    """
    found = said(text, wordings)
    return bool(found and left(found, text, *harmless))


def said(text: str, wordings: Wordings) -> list[Wording]:
    """Return which of the `wordings` a `plain` question says."""
    whole = text.replace(_END, "")
    return [wording for wording in wordings.within(frozenset(text)) if _says(whole, wording)]


def left(found: list[Wording], text: str, *harmless: Wordings) -> list[Wording]:
    """Return which of the wordings that a question says it says also without what is `harmless` in it."""
    signs = frozenset(text)
    for several in harmless:
        for wording in several.within(signs):
            text = _removed(text, wording)
    whole = text.replace(_END, "")
    return [wording for wording in found if _says(whole, wording)]


def _says(text: str, wording: Wording) -> bool:
    return all(part.pattern.search(text) for part in wording.parts)


def _removed(text: str, wording: Wording) -> str:
    for part in wording.parts:
        # What stood on both sides does not become a word.
        text = part.pattern.sub(" ", text)
    return text


# What a thought does not begin or end with when something was taken out of it.
_LEFT_OVER = re.compile(
    r"\A(?:[了的也就都又还真]|真的|而且|但是)+|(?:[我也就都又还真]|真的|而且|但是)+\Z"
)


def without(text: str, wordings: Wordings) -> str:
    """Return what a question says besides the `wordings`, in its own words; nothing where that makes no sentence.

    Thoughts that say none of them stay as they are. Of one that does, only what stands before or behind is a sentence.
    """
    thoughts = [thought for thought in _ENDS.split(text) if thought]
    kept = [thought for thought in thoughts if not fits(plain(thought), wordings)]
    if kept:
        return "，".join(kept)
    ends = [end for thought in thoughts for end in _beside(plain(thought), wordings)]
    return max((_LEFT_OVER.sub("", end) for end in ends), key=len, default="")


def _beside(text: str, wordings: Wordings) -> tuple[str, str]:
    """What stands before the first and behind the last of the wordings."""
    spans = [
        match.span()
        for wording in wordings.within(frozenset(text))
        for part in wording.parts
        for match in part.pattern.finditer(text)
    ]
    if not spans:
        return "", ""
    return text[: min(start for start, _ in spans)], text[max(end for _, end in spans) :]
