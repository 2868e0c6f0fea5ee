"""What people write, as patterns that an editor can read: the notation at the head of `content/search/urgent.yaml`.

Blanks part what must all be said in any order; 甲…乙 is one after the other nearby; （甲/乙） is one of them;
<组名> is any word of a group; =甲 is the whole question.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from search_index import analysis

Wording = tuple[re.Pattern[str], ...]

_NOISE = re.compile(r"[\W_]+")
# What stands between two words of one thought; more would join what different sentences say.
_SIGNS = {"（": "(?:", "）": ")", "/": "|", "…": ".{0,6}?"}
_GROUP = re.compile("<([^<>]+)>")


def read(written: str, groups: Mapping[str, Sequence[str]]) -> Wording:
    """Return a wording as patterns; raises ValueError with a Chinese sentence for what cannot be read."""
    unknown = [name for name in _GROUP.findall(written) if name not in groups]
    if unknown:
        raise ValueError(f"没有“{unknown[0]}”这一组词。")
    whole = _GROUP.sub(lambda match: f"（{'/'.join(groups[match[1]])}）", written)
    try:
        return tuple(_pattern(part) for part in whole.split())
    except re.error:
        raise ValueError(f"“{written}”的括号不成对。") from None


def _pattern(part: str) -> re.Pattern[str]:
    body = part.removeprefix("=")
    pattern = "".join(_SIGNS.get(sign, re.escape(sign)) for sign in body)
    return re.compile(rf"\A(?:{pattern})\Z" if body != part else pattern)


def plain(text: str) -> str:
    """Return a question without blanks and signs, as wordings are compared with it."""
    return _NOISE.sub("", analysis.normalise(text))


def fits(text: str, wordings: Iterable[Wording], harmless: Iterable[Wording] = ()) -> bool:
    """True when a `plain` question says one of the `wordings`, also after the `harmless` ones are taken out of it."""
    rest = text
    for wording in harmless:
        # What stood on both sides does not become a word.
        rest = _removed(rest, wording, " ")
    return any(all(part.search(rest) for part in wording) for wording in wordings)


def without(text: str, wordings: Iterable[Wording]) -> str:
    """Return what a question says besides the `wordings`."""
    rest = plain(text)
    for wording in wordings:
        rest = _removed(rest, wording, "")
    return rest


def _removed(text: str, wording: Wording, filling: str) -> str:
    for part in wording:
        text = part.sub(filling, text)
    return text
