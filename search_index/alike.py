"""Which published question asks the same: found by the pairs of characters that both have, rare ones above all.

A spoken question is long and holds much that the published one leaves out, so neither has to hold the
other; what counts is the weight (idf) of what they share against that of both.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Callable, Iterable
from itertools import accumulate, chain

import numpy as np
import numpy.typing as npt

from search_index import analysis
from search_index.analysis import UInt64
from search_index.ranking import Float32

Float64 = npt.NDArray[np.float64]
Idf = Callable[[UInt64], Float32]

# What every question has, in the books' words and in those of the south-west.
_QUESTION_WORDS = re.compile(
    r"怎么办|怎么样|怎么|怎样|咋个办|咋办|咋整|咋个|咋样|咋|啷个办|啷个|啥子|啥|哪个|哪里|哪些|好多|好久|多少|如何|什么"
    r"|请问|想问一下|是不是|能不能|可不可以|要不要|可以|要得不|得不得|得行不|硬是|吗|呢|啊|吧|嘛|哦|不\Z|我|的|了|\W"
)
# What people say for what is written; both sides of a comparison are brought to the second.
_WRITTEN = {
    spoken: written
    for written, several in {
        "孩子": "娃儿 娃娃 细娃 小孩 孙娃 娃",
        "家里": "屋头 屋里",
        "爸": "老汉儿 老汉 父亲 爸爸 爹",
        "妈": "母亲 妈妈 老妈",
        "老公": "男人 丈夫 男的",
        "老婆": "婆娘 堂客 妻子 媳妇",
        "离婚": "离了婚 离了",
        "被": "遭",
        "让": "喊 叫",
        "别人": "别个 人家",
        "邻居": "隔壁",
        "借条": "欠条 条子",
        "工资": "工钱",
        "押金": "押钱",
        "物业": "物管",
        "辞职": "不想干 不干了",
        "辞退": "开除 撵 开了 解雇",
        "怀孕": "怀起 怀上",
        "公司": "厂里 厂头 单位",
        "树": "树子",
        "车": "车子",
        "房": "房子 屋子 屋",
        "没": "没有 没得",
        "去世": "死了 走了 过世 不在了",
    }.items()
    for spoken in several.split()
}
_SPOKEN = re.compile("|".join(sorted(_WRITTEN, key=len, reverse=True)))


def written(text: str) -> str:
    """A question with the written words for the spoken ones."""
    return _SPOKEN.sub(lambda said: _WRITTEN[said[0]], text)


def pairs(text: str) -> set[str]:
    """The neighbouring characters of a question, without the words that every question has."""
    parts = [part for part in _QUESTION_WORDS.split(written(analysis.normalise(text))) if part]
    return {part[at : at + 2] for part in parts for at in range(max(1, len(part) - 1))}


def _hashes(found: Iterable[str]) -> UInt64:
    return np.fromiter(
        (
            analysis.bigram_hash(each) if len(each) == 2 else analysis.word_hash(each)
            for each in found
        ),
        dtype=np.uint64,
    )


class Wordings:
    """All the ways in which the texts of a segment are asked for, each with the row of its text."""

    def __init__(self, lines: Iterable[tuple[str, int]], idf: Idf) -> None:
        asked = [(row, held) for text, row in lines if (held := pairs(text))]
        holding: dict[str, list[int]] = defaultdict(list)
        for number, (_, held) in enumerate(asked):
            for pair in held:
                holding[pair].append(number)
        idfs = idf(_hashes(holding))
        counts = [len(numbers) for numbers in holding.values()]
        numbers = np.fromiter(chain.from_iterable(holding.values()), dtype=np.intp)
        each = np.repeat(idfs.astype(np.float64), counts)
        # Per pair its weight, and the wordings that hold it with that weight beside each.
        self._holding: dict[str, tuple[float, npt.NDArray[np.intp], Float64]] = {}
        ends = accumulate(counts)
        for pair, weight, end in zip(holding, idfs.tolist(), ends, strict=True):
            place = slice(end - len(holding[pair]), end)
            self._holding[pair] = (weight, numbers[place], each[place])
        weights = np.bincount(numbers, each, len(asked))
        self._usual = float(idfs.mean()) if len(idfs) else 0.0
        self._rows = [row for row, _ in asked]
        self._roots = np.sqrt(weights)

    def closest(self, text: str, least: float) -> list[tuple[int, float]]:
        """The rows of those that are alike by at least `least` (up to 1, the same); a row comes once per wording."""
        asked = pairs(text)
        shared = [held for pair in asked if (held := self._holding.get(pair)) is not None]
        if not shared:
            return []
        # A pair that nobody asks about weighs as much as a usual one.
        own = sum([weight for weight, _, _ in shared]) + self._usual * (len(asked) - len(shared))
        root = math.sqrt(own)
        numbers = np.concatenate([where for _, where, _ in shared])
        each = np.concatenate([weights for _, _, weights in shared])
        common = np.bincount(numbers, each, len(self._rows))
        near = np.flatnonzero(common >= self._roots * (least * root))
        likeness = common[near] / (self._roots[near] * root)
        return [
            (self._rows[number], alike)
            for number, alike in zip(near.tolist(), likeness.tolist(), strict=True)
        ]
