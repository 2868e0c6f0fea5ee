"""Did you mean: a slip of sound, look, accent or order in a question, and questions in pinyin.

Most Chinese typing errors pick the wrong character for the right sound (和同 for 合同). What is
proposed is always something that people ask about; a word that stands by itself in speech (说, 掉, 抢)
is rarely the slip, and numerals and negations never are.
"""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import cache
from pathlib import Path
from typing import Any

from search_index import analysis
from search_index.confusable import (
    COMMON,
    SURE_LENGTH,
    Confusable,
    broad_key,
    confusable,
    usual_sounds,
    weight,
)
from search_index.store.files import load_json, save_json

MIN_COUNT = 5
LONGEST_WORD = 6
# A pair of characters that is written now and then is a slip where another reading is so much commoner; and
# surely one where it is so very much commoner.
COMMONER = 10
FAR_COMMONER = 50
# What so many published texts ask about is something that people ask about.
ASKED_BY = 2
# Against a real word, or two characters, only what is asked about a good deal speaks.
MUCH_ASKED = 3
LONGEST_PHRASE = 4
# What is put right without asking is so much likelier than any other reading, on the scale of `_Change.rank`.
FAR_LIKELIER = 0.5
# Letters of the syllable that is being typed.
LONGEST_SYLLABLE = 6
# Letters of a question that is nothing but pinyin.
_LETTERS = re.compile("[a-z]{4,40}")
# Of a longer question the other words find the matter, and in it mostly right words would be corrected.
LONGEST_CORRECTED = 20
# Characters that are written for each other because they look alike, in words that people ask about.
_LOOK_ALIKE = (
    "赁凭 扰挠 裁栽 赡瞻 贷货 诉拆 券卷 拨拔 折拆 己已 帐账 偿尝 债责 拖施 欠久 签鉴 抚扶 佣拥 析折 竟竞 辩辨 "
    "侵浸 赃脏 贼贱 遗遣 址扯 仲忡 押抻 婚昏 薪新 伤汤 赔陪 募慕 暴瀑 拘枸 逮隶 证正 监临 护沪 赠增 刑刊 刑形 议汉 "
    "除徐 权杈 约釣 窃窍 勒勤 逸逆 偿赏 嘱瞩 律津 事亊 同冋 伪为"
)
# Another one of these and the question is another: fifteen years are not twenty, and 没 is no slip of 被.
_NEVER = frozenset("一二两三四五六七八九十百千万亿零半几多少不没未无莫别够0123456789")
# Words of one character that people say all the time, so that they are hardly ever half of another word.
_BY_ITSELF = frozenset(
    "说讲喊叫骂打杀砍推拉撞咬吃喝玩赌嫖偷抢骗拿取送寄买卖租借还欠付交收给退赔罚扣要找问判抓关放走跑来去回到过"
    "进出上下起坐站躺睡住搬修建拆盖砸烧淹泡漏堵挖种养喂栓拴牵戴穿脱洗掉丢扔甩捡死伤病疼痛生哭笑闹吵疯吓怕想看"
    "听读写学教开办做干用算挣赚花输赢存贷分管帮替跟陪等拖停换改变成当像叫签填盖查告诉撤剪挂装卸贴刮刷涂挡遮照"
    "是有在会能非勿发带些可应该得让被把叫遭挨由争断补领取换从向往对为因与和及或就才又也都还再很太最更只已曾正将快慢早晚好坏大小高低长"
    "短新旧贵穷富远近前后里外左右中间这那哪谁啥咋么吗呢吧啊呀嘛哦的地了着之其我你他她它您们咱家人孩娃爸妈爷奶哥"
    "姐弟妹儿女婆爹娘叔姨舅姑狗猫鸡鸭牛猪鱼树车房门窗路水电气火油烟钱块元天日月年号时分秒次个只条张件套把份"
)


def write_spelling(folder: Path, counts: Counter[str], questions: Iterable[str] = ()) -> None:
    """Write the vocabulary that corrections are drawn from, with the sounds of its characters.

    `counts` tell how often each word stands in the texts, `questions` what people ask about.
    """
    asked, words = _asked_about(questions)
    known = words | {
        word: count
        for word, count in counts.items()
        if count >= MIN_COUNT and 2 <= len(word) <= LONGEST_WORD and all(map(_is_cjk, word))
    }
    sounds = usual_sounds() if known else {}
    tables = confusable(known, sounds, asked or known)
    save_json(
        folder / "spelling.json",
        {"words": known, "sounds": sounds, "asked": asked, "tables": tables._asdict()},
    )


def _is_cjk(char: str) -> bool:
    return "\u4e00" <= char <= "\u9fff"


@cache
def _look_alikes() -> dict[str, str]:
    """The characters that each one is mistaken for."""
    found: dict[str, str] = defaultdict(str)
    for pair in _LOOK_ALIKE.split():
        one, other = pair[0], pair[1]
        found[one] += other
        found[other] += one
    return dict(found)


class Slip(IntEnum):
    """How what was written may have come about; a larger number is the likelier one."""

    LETTER = 1  # another character altogether, in a long word
    MISSING = 2
    ACCENT = 3
    ORDER = 4
    LOOK = 5
    SOUND = 6


@dataclass(frozen=True, slots=True)
class Correction:
    """A text put right. `sure` says that no reader would call it a guess."""

    text: str
    sure: bool


@dataclass(frozen=True, slots=True)
class _Change:
    """What may stand for the characters from `start` to `end`; `at` are the places that differ."""

    start: int
    end: int
    word: str
    slip: Slip
    at: tuple[int, ...]
    weight: float
    # Whether what was written is hardly ever written, and hardly ever said.
    unheard: bool

    @property
    def rank(self) -> float:
        """The likelihood on a logarithmic scale; a longer stretch tells more."""
        return self.slip + 1.5 * len(self.word) + self.weight


PairCount = Callable[[str], int]


class Speller:
    """Corrections from the index's own vocabulary and what its published texts ask about."""

    def __init__(
        self,
        words: dict[str, int],
        sounds: dict[str, str],
        asked: dict[str, int],
        tables: Confusable,
    ) -> None:
        self._words = words
        self._sounds = sounds
        # A collection of laws alone tells nothing of what people ask: then any of its words may be meant.
        self._asked = asked or words
        self._by_sound, self._by_broad, self._by_letters = tables[:3]
        self._by_gap, self._by_missing, self._pinyin = tables[3:]

    @classmethod
    def empty(cls) -> Speller:
        """One that corrects nothing."""
        return cls({}, {}, {}, confusable({}, {}, {}))

    @classmethod
    def load(cls, folder: Path) -> Speller:
        """Read what `write_spelling` wrote."""
        value: dict[str, Any] = load_json(folder / "spelling.json")
        return cls(value["words"], value["sounds"], value["asked"], Confusable(**value["tables"]))

    # ---- characters

    def correct(self, text: str, pair_count: PairCount) -> Correction | None:
        """`text` with what is likely a slip put right, None when there is none.

        `pair_count` tells how many documents hold two neighbouring characters. All that is sure is put
        right, or else the one likeliest guess.
        """
        plain = analysis.normalise(text)
        if len(plain) > LONGEST_CORRECTED:
            return None
        line = _Line(plain, self._free(plain), pair_count)
        if not any(line.free):
            return None
        changes = sorted(self._changes(line), key=lambda change: change.rank, reverse=True)
        sure = [change for change in changes if self._is_sure(change, changes)]
        chosen = sure or changes[:1]
        if not chosen:
            return None
        result = text
        taken: list[_Change] = []
        for change in chosen:
            if all(change.end <= other.start or other.end <= change.start for other in taken):
                taken.append(change)
        for change in sorted(taken, key=lambda change: change.start, reverse=True):
            result = result[: change.start] + change.word + result[change.end :]
        return Correction(result, bool(sure))

    def _free(self, plain: str) -> list[bool]:
        """For each character, whether it stands outside every real word of two letters or more.

        The dictionary holds misprints too (租凭), and words that nobody asks about (公子) where one of the
        same sound is asked about.
        """
        free: list[bool] = []
        for piece in analysis.dictionary_pieces(plain):
            outside = len(piece) == 1 or (len(piece) == 2 and self._is_doubtful(piece))
            free.extend(outside and _is_cjk(char) for char in piece)
        return free

    def _is_doubtful(self, piece: str) -> bool:
        if piece in self._words:
            return False
        sounds = " ".join(self._sounds.get(char, char) for char in piece)
        same = self._by_sound.get(sounds, ())
        return any(map(self._is_much_asked, same)) or any(True for _ in self._by_look(piece))

    def _changes(self, line: _Line) -> Iterator[_Change]:
        plain = line.plain
        sounds = [self._sounds.get(char, char) for char in plain]
        for start in range(len(plain) - 1):
            for end in range(start + 2, min(start + LONGEST_WORD, len(plain)) + 1):
                if plain[end - 1] in _NEVER or plain[start] in _NEVER:
                    break
                if not any(line.free[start:end]):
                    continue
                piece = plain[start:end]
                if piece in self._words:
                    continue
                for word, slip in self._candidates(piece, sounds[start:end]):
                    change = self._change(line, start, piece, word, slip)
                    if change is not None:
                        yield change

    def _candidates(self, piece: str, sounds: list[str]) -> Iterator[tuple[str, Slip]]:
        for word in self._by_sound.get(" ".join(sounds), ()):
            yield word, Slip.SOUND
        for word in self._by_look(piece):
            yield word, Slip.LOOK
        for word in self._by_letters.get("".join(sorted(piece)), ()):
            yield word, Slip.ORDER
        for word in self._by_broad.get(broad_key(sounds), ()):
            yield word, Slip.ACCENT
        for word in self._by_missing.get(piece, ()):
            yield word, Slip.MISSING
        if len(piece) >= SURE_LENGTH:
            for gap in range(len(piece)):
                for word in self._by_gap.get(piece[:gap] + "*" + piece[gap + 1 :], ()):
                    yield word, Slip.LETTER

    def _by_look(self, piece: str) -> Iterator[str]:
        """What is asked about and has one character that looks like the one written."""
        alike = _look_alikes()
        for at, char in enumerate(piece):
            for other in alike.get(char, ""):
                word = piece[:at] + other + piece[at + 1 :]
                if word in self._asked or self._words.get(word, 0) >= COMMON:
                    yield word

    def _change(self, line: _Line, start: int, piece: str, word: str, slip: Slip) -> _Change | None:
        """The change of `piece` into `word` where everything around it speaks for it, else None."""
        if word == piece or not _NEVER.isdisjoint(word):
            return None
        end = start + len(piece)
        if slip is Slip.MISSING:
            gap = next(at for at, char in enumerate(word) if piece[at : at + 1] != char)
            if not 0 < gap < len(piece) or line.pair_count(piece[gap - 1 : gap + 1]):
                return None
            return _Change(
                start, end, word, slip, (), weight(word, self._words, self._asked), unheard=True
            )
        at = tuple(start + i for i, char in enumerate(piece) if word[i] != char)
        if not all(line.free[place] for place in at) or not self._may_be(slip, piece, word, at):
            return None
        by_itself = any(line.plain[place] in _BY_ITSELF for place in at)
        if by_itself and (slip is Slip.LETTER or not line.is_half(start, end, at)):
            return None
        likelier = line.likelier(start, end, at, word)
        if likelier < COMMONER or line.leans_out(start, end, at, word):
            return None
        return _Change(
            start,
            end,
            word,
            slip,
            at,
            weight(word, self._words, self._asked),
            likelier >= FAR_COMMONER and not by_itself,
        )

    def _may_be(self, slip: Slip, piece: str, word: str, at: Sequence[int]) -> bool:
        """Whether so many characters, at the places `at`, are written amiss at a time."""
        if word not in self._words:
            return slip is Slip.SOUND and len(at) == 1
        if slip is Slip.ORDER:
            return len(at) == 2
        if slip is Slip.ACCENT:
            # One character has another sound, and some may have changed places.
            return len(set(word) - set(piece)) == 1 or len(at) == 1
        if len(at) == 2:
            return slip is Slip.SOUND and len(word) == 2 and self._is_much_asked(word)
        return len(at) == 1

    def _is_much_asked(self, word: str) -> bool:
        return self._asked.get(word, 0) >= MUCH_ASKED

    def _is_sure(self, change: _Change, changes: Sequence[_Change]) -> bool:
        if change.slip < Slip.LOOK or len(change.at) != 1 or not change.unheard:
            return False
        if change.word not in self._asked:
            return False
        return not any(
            other.start < change.end
            and change.start < other.end
            and other.slip >= Slip.MISSING
            and not _agree(other, change)
            and other.rank > change.rank - FAR_LIKELIER
            for other in changes
        )

    # ---- pinyin

    def spelled(self, text: str) -> str | None:
        """The known words that are written as pinyin (laodong hetong: 劳动合同), the fewest possible.

        Of several with the same letters the one most asked about; None when letters are left over.
        """
        letters = re.sub(r"[\s']", "", analysis.normalise(text))
        if not _LETTERS.fullmatch(letters):
            return None
        best: list[tuple[int, str] | None] = [(0, "")] + [None] * len(letters)
        for end in range(1, len(letters) + 1):
            for start in range(end):
                before, word = best[start], self._pinyin.get(letters[start:end])
                known = best[end]
                if before and word and (known is None or before[0] + 1 < known[0]):
                    best[end] = (before[0] + 1, before[1] + word)
        whole = best[-1]
        return whole[1] if whole else None

    def spelled_so_far(self, text: str) -> str:
        """What `spelled` gives, the last syllable perhaps not finished (laodonghet: 劳动); "" for nothing."""
        letters = re.sub(r"[\s']", "", analysis.normalise(text))
        if not _LETTERS.fullmatch(letters):
            return ""
        beginnings = (letters[: len(letters) - cut] for cut in range(LONGEST_SYLLABLE))
        return next(filter(None, map(self.spelled, beginnings)), "")


@dataclass(frozen=True, slots=True)
class _Line:
    """A question while it is looked through."""

    plain: str
    free: list[bool]
    pair_count: PairCount

    def likelier(self, start: int, end: int, at: Sequence[int], word: str) -> float:
        """How many times as often the pairs of `word` are written as those that they replace, the least of them.

        Endless where those are never written; 0 where one of them is a word.
        """
        least = math.inf
        for place in {place - 1 for place in at} | set(at):
            if not start <= place < end - 1:
                continue
            count = self.pair_count(self.plain[place : place + 2])
            if not count:
                continue
            if end - start == 2 and not (self.free[place] and self.free[place + 1]):
                return 0.0
            least = min(least, self.pair_count(word[place - start : place - start + 2]) / count)
        return least

    def is_half(self, start: int, end: int, at: Sequence[int]) -> bool:
        """Whether what is said by itself (里) stands beside half a word (彩), and not between words that are whole."""
        sides = [side for place in at for side in (place - 1, place + 1) if start <= side < end]
        if any(self.plain[side] in analysis.STOP_WORDS for side in sides):
            return False
        return end - start > 2 or all(
            self.free[side] and self.plain[side] not in _BY_ITSELF for side in sides
        )

    def leans_out(self, start: int, end: int, at: Sequence[int], word: str) -> bool:
        """Whether a character that is to go is written with its neighbour outside the stretch, and the new one not."""
        plain = self.plain
        outside = []
        if start in at and start > 0:
            outside.append(
                (plain[start - 1], plain[start - 1 : start + 1], plain[start - 1] + word[0])
            )
        if end - 1 in at and end < len(plain):
            outside.append((plain[end], plain[end - 1 : end + 1], word[-1] + plain[end]))
        return any(
            neighbour not in analysis.STOP_WORDS
            and self.pair_count(written)
            and not self.pair_count(new)
            for neighbour, written, new in outside
        )


def _agree(one: _Change, other: _Change) -> bool:
    """Whether two changes write the same where they overlap."""
    low, high = max(one.start, other.start), min(one.end, other.end)
    return (
        len(one.word) == one.end - one.start
        and len(other.word) == other.end - other.start
        and (
            one.word[low - one.start : high - one.start]
            == other.word[low - other.start : high - other.start]
        )
    )


def _asked_about(lines: Iterable[str]) -> tuple[dict[str, int], dict[str, int]]:
    """The words, alone and side by side, that several questions hold, and in how many; and those that are one word."""
    stretches: Counter[str] = Counter()
    words: Counter[str] = Counter()
    for line in lines:
        pieces = analysis.pieces(analysis.normalise(line))
        words.update({piece for piece in pieces if len(piece) > 1})
        found = set[str]()
        for start in range(len(pieces)):
            stretch = ""
            for piece in pieces[start : start + LONGEST_PHRASE]:
                stretch += piece
                if len(stretch) > LONGEST_WORD:
                    break
                if len(stretch) > 1:
                    found.add(stretch)
        stretches.update(found)
    return _several(stretches), _several(words)


def _several(counts: Counter[str]) -> dict[str, int]:
    return {
        stretch: count
        for stretch, count in counts.items()
        if count >= ASKED_BY and all(map(_is_cjk, stretch))
    }
