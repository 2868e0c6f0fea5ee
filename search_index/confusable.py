"""The words of an index by what they may be mistaken for: their sounds, their letters in any order, one letter less.

Made with the index, since making them takes longer than reading them.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

# A word of which so many texts speak is not rare.
COMMON = 10
# A question counts like so many texts of law.
ASKED_COUNTS = 30
# A word of this many letters is recognised although one has another sound.
SURE_LENGTH = 4


@cache
def usual_sounds() -> dict[str, str]:
    """The usual toneless reading of every common character."""
    from pypinyin.constants import PINYIN_DICT
    from pypinyin.contrib.tone_convert import to_normal

    return {
        chr(point): to_normal(readings.split(",")[0])
        for point, readings in PINYIN_DICT.items()
        if 0x4E00 <= point <= 0x9FA5
    }


@cache
def _broad(sound: str) -> str:
    """A sound as the south-west speaks it: no zh, ch, sh, no ng, n for l, and h for f."""
    initial = "n" + sound[1:] if sound.startswith("l") else sound
    if initial.startswith("hu") and len(initial) > 2:
        initial = "f" + initial[2:]
    flat = initial if initial[1:2] != "h" else initial[0] + initial[2:]
    return flat[:-1] if flat.endswith("ng") else flat


class Confusable(NamedTuple):
    """Words by what they share; `pinyin` has one word for the letters of its sounds."""

    by_sound: dict[str, list[str]]
    by_broad: dict[str, list[str]]
    by_letters: dict[str, list[str]]
    by_gap: dict[str, list[str]]
    by_missing: dict[str, list[str]]
    pinyin: dict[str, str]


def confusable(words: dict[str, int], sounds: dict[str, str], asked: dict[str, int]) -> Confusable:
    """Put the words of an index (with how many texts hold each) and those that are asked about into tables."""
    tables = Confusable(
        defaultdict(list),
        defaultdict(list),
        defaultdict(list),
        defaultdict(list),
        defaultdict(list),
        {},
    )
    for word in sorted(words.keys() | asked.keys()):
        size, count = len(word), words.get(word, 0)
        if not count and size < 3:
            continue
        sound = [sounds.get(char, char) for char in word]
        letters = "".join(sound)
        other = tables.pinyin.setdefault(letters, word)
        if other != word and weight(word, words, asked) > weight(other, words, asked):
            tables.pinyin[letters] = word
        if count < COMMON and word not in asked:
            continue
        tables.by_sound[" ".join(sound)].append(word)
        tables.by_broad[broad_key(sound)].append(word)
        if count:
            tables.by_letters["".join(sorted(word))].append(word)
            for gap in range(size if size >= 3 else 0):
                before, after = word[:gap], word[gap + 1 :]
                tables.by_missing[before + after].append(word)
                if size >= SURE_LENGTH:
                    tables.by_gap[f"{before}*{after}"].append(word)
    return tables


def weight(word: str, words: dict[str, int], asked: dict[str, int]) -> float:
    """How much is asked about a word, on a logarithmic scale; how common it is in the texts tells much less."""
    return math.log1p(ASKED_COUNTS * asked.get(word, 0) + words.get(word, 0))


def broad_key(sounds: Sequence[str]) -> str:
    """The broad sounds of a word; of a longer one in any order (民点法: 民法典)."""
    broad = map(_broad, sounds)
    return " ".join(sorted(broad) if len(sounds) > 2 else broad)
