"""Completion while typing, and "did you mean": homophones, one wrong character, and pinyin.

Most Chinese typing errors pick the wrong character for the right sound (和同 for 合同), so the
first thing tried is another known word with the same sounds.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import zip_longest
from pathlib import Path
from typing import Any

from search_index import analysis
from search_index.documents import Document, Suggestion
from search_index.laws import LawNames, simplify
from search_index.learning import wordings
from search_index.numerals import NUMERAL, article_order, format_article_number
from search_index.store.files import load_json, save_json

MIN_COUNT = 5
LONGEST_WORD = 6
FAR_COMMONER = 50
VERY_COMMON = 500
# A word of this many letters is recognised although one has another sound.
SURE_LENGTH = 4
# Letters of a question that is nothing but pinyin.
_LETTERS = re.compile("[a-z]{4,40}")
_ARTICLE_BEGUN = re.compile(
    rf"《?(?P<law>[^《》]*?[^《》0-9\s第])》?\s*(?:第?\s*(?P<digits>[0-9]{{1,4}})|第(?P<written>(?:{NUMERAL})?))"
    rf"\s*(?P<closed>(?:条?之(?:{NUMERAL})?|条)?)"
)
# The name of a law that is being written in book marks.
_NAME_BEGUN = re.compile("《([^《》]*)》?")
# Letters of the syllable that is being typed.
LONGEST_SYLLABLE = 6
MOST_ARTICLES = 5
# Of a longer question the other words find the matter, and in it mostly right words would be corrected.
LONGEST_CORRECTED = 20
# Characters that are written for each other because they look alike, in words that people ask about.
_LOOK_ALIKE = (
    "赁凭 扰挠 裁栽 赡瞻 贷货 诉拆 券卷 拨拔 折拆 未末 己已 帐账 偿尝 债责 拖施 欠久 签鉴 抚扶 佣拥 析折 竟竞 辩辨 "
    "侵浸 赃脏 贼贱 遗遣 址扯 仲忡 押抻 婚昏 薪新 伤汤 赔陪 募慕 暴瀑 拘枸 逮隶 证正 监临 护沪 赠增"
)
_PEOPLE_ASK = ("faq", "guide", "answer", "decision")


# Characters of a line that fits under a search field.
LONGEST_LINE = 40


def write_suggestions(folder: Path, documents: Sequence[Document]) -> None:
    """Write the completion lines of a segment: questions, guides and the names of laws."""
    lines: dict[str, tuple[str, str, str]] = {}
    laws: Counter[str] = Counter()
    for document in documents:
        if document.kind == "article":
            laws[document.law] += 1
        elif document.kind in _PEOPLE_ASK:
            for text in wordings(document):
                # A published question may be a whole story: text to search in, not to complete with.
                if len(text) > LONGEST_LINE or "\n" in text:
                    continue
                lines.setdefault(line_key(text), (text.strip(), document.kind, document.key))
    for law in laws:
        if law:
            lines.setdefault(line_key(law), (law, "law", ""))
    save_json(
        folder / "suggestions.json",
        [[_storable(text), kind, _storable(key)] for text, kind, key in lines.values() if text],
    )


def line_key(text: str) -> str:
    """What two lines share that differ in signs alone: 低保怎么申请 and 低保怎么申请？."""
    return "".join(filter(str.isalnum, analysis.normalise(text)))


def _storable(text: str) -> str:
    return text.encode("utf-8", "replace").decode("utf-8")


def write_spelling(folder: Path, counts: Counter[str]) -> None:
    """Write the vocabulary that corrections are drawn from, with the sounds of its characters."""
    known = {
        word: count
        for word, count in counts.items()
        if count >= MIN_COUNT and 2 <= len(word) <= LONGEST_WORD and all(map(_is_cjk, word))
    }
    save_json(folder / "spelling.json", {"words": known, "sounds": _sounds() if known else {}})


def _is_cjk(char: str) -> bool:
    return "\u4e00" <= char <= "\u9fff"


@cache
def _sounds() -> dict[str, str]:
    """The usual toneless reading of every common character."""
    from pypinyin.constants import PINYIN_DICT
    from pypinyin.contrib.tone_convert import to_normal

    return {
        chr(point): to_normal(readings.split(",")[0])
        for point, readings in PINYIN_DICT.items()
        if 0x4E00 <= point <= 0x9FA5
    }


@dataclass(slots=True)
class Completion:
    """Lines to complete from, ready for lookups by prefix and by inner words."""

    lines: list[Suggestion]
    _keys: list[tuple[str, int]]
    # All of them in one text, for looking whether a line holds something.
    _text: str = ""

    @classmethod
    def load(cls, folder: Path, skip: Callable[[str], bool] = lambda key: False) -> Completion:
        """Read a segment's lines, leaving out those whose document `skip` names."""
        stored: list[list[str]] = load_json(folder / "suggestions.json")
        lines = [
            Suggestion(text, kind, key) for text, kind, key in stored if not (key and skip(key))
        ]
        keys = []
        for number, line in enumerate(lines):
            plain = analysis.normalise(line.text)
            keys.append((plain, number))
            if line.kind == "law" and simplify(plain) != plain:
                keys.append((simplify(plain), number))
        return cls(lines, sorted(keys), "\n".join(key for key, _ in keys))

    def complete(self, prefix: str, size: int) -> list[Suggestion]:
        """Lines that begin with `prefix`, shortest first, then those that hold it or its parts.

        In book marks only the names of laws are meant. Of one character, which says little, questions and
        laws take turns.
        """
        plain = analysis.normalise(prefix).strip()
        if not plain or size <= 0:
            return []
        name = _NAME_BEGUN.fullmatch(plain)
        if name is not None:
            return self._laws(name[1].strip(), size)
        chosen: dict[int, None] = {}
        place = bisect_left(self._keys, (plain, -1))
        starts = []
        while place < len(self._keys) and self._keys[place][0].startswith(plain):
            starts.append((len(self._keys[place][0]), self._keys[place][1]))
            place += 1
            if len(starts) >= 500:
                break
        ordered = [number for _, number in sorted(starts)]
        if len(plain) == 1:
            ordered = self._taking_turns(ordered)
        chosen.update(dict.fromkeys(ordered))
        if len(chosen) < size:
            inner = [(len(text), number) for text, number in self._keys if plain in text]
            chosen.update(dict.fromkeys(number for _, number in sorted(inner)))
        if len(chosen) < size and len(plain) >= 3:
            parts = set(analysis.content_words(plain)) - {plain}
            if parts:
                close = [
                    (len(text), number)
                    for text, number in self._keys
                    if all(part in text for part in parts)
                ]
                chosen.update(dict.fromkeys(number for _, number in sorted(close)))
        return [self.lines[number] for number in list(chosen)[:size]]

    def longest_beginning(self, text: str) -> str:
        """The longest beginning of `text`, of two characters and more, that a line holds; "" without one."""
        plain = " ".join(analysis.normalise(text).split())
        # Whatever holds a beginning holds all shorter ones.
        low, high = 1, len(plain)
        while low < high:
            middle = (low + high + 1) // 2
            if plain[:middle] in self._text:
                low = middle
            else:
                high = middle - 1
        beginning = plain[:low]
        # 我想 and 怎么 begin every question and lead to none.
        return beginning if low > 1 and analysis.content_words(beginning) else ""

    def _laws(self, name: str, size: int) -> list[Suggestion]:
        """The laws whose name begins with `name`, then those that hold it, the shortest first."""
        found = sorted(
            (not key.startswith(name), len(key), number)
            for key, number in self._keys
            if name in key and self.lines[number].kind == "law"
        )
        chosen = dict.fromkeys(number for _, _, number in found)
        return [self.lines[number] for number in list(chosen)[:size]]

    def _taking_turns(self, numbers: Sequence[int]) -> list[int]:
        asked = [number for number in numbers if self.lines[number].kind != "law"]
        laws = [number for number in numbers if self.lines[number].kind == "law"]
        pairs = zip_longest(asked, laws)
        return [number for pair in pairs for number in pair if number is not None]


def begun_article(typed: str, laws: LawNames) -> tuple[str, Callable[[str], bool]] | None:
    """The law and which canonical numbers are meant by 民法典1, 民法典第, 民法典第1条 or 民法典第一千; None for others.

    Only the names and short names of laws are known here: letters in order would take too long.
    """
    begun = _ARTICLE_BEGUN.fullmatch(analysis.normalise(typed).strip())
    if begun is None or laws.longest_ending(begun["law"], len(begun["law"])) != 0:
        return None
    meant = laws.resolve(begun["law"])
    if len(meant) != 1:
        return None
    digits, written, closed = begun["digits"], begun["written"], begun["closed"]
    if not (digits or written or closed):
        return meant[0], bool
    if digits and not closed:
        return meant[0], lambda number: number.startswith(digits)
    if digits:
        whole = format_article_number(digits)
        label = whole + closed.removeprefix("条")
    else:
        label = f"第{written}" + (
            closed if closed.startswith("条") or not closed else f"条{closed}"
        )
    return meant[0], lambda number: format_article_number(number).startswith(label)


def few_articles(numbers: Iterable[str], size: int) -> list[str]:
    """A few canonical numbers in order: of each length the first (1, 10, 100, 1000), then the next ones."""
    ordered = sorted(numbers, key=article_order)
    firsts: dict[int, str] = {}
    for number in ordered:
        firsts.setdefault(len(number.partition("-")[0]), number)
    chosen = list(dict.fromkeys([*firsts.values(), *ordered]))[: min(size, MOST_ARTICLES)]
    return sorted(chosen, key=article_order)


@cache
def _look_alikes() -> dict[str, str]:
    """The characters that each one is mistaken for."""
    found: dict[str, str] = defaultdict(str)
    for pair in _LOOK_ALIKE.split():
        one, other = pair[0], pair[1]
        found[one] += other
        found[other] += one
    return dict(found)


def _broad(sound: str) -> str:
    """A sound as the south-west speaks it: no zh, ch, sh, no ng, and n for l."""
    initial = "n" + sound[1:] if sound.startswith("l") else sound
    flat = initial if initial[1:2] != "h" else initial[0] + initial[2:]
    return flat[:-1] if flat.endswith("ng") else flat


class Speller:
    """Corrections from the index's own vocabulary."""

    def __init__(self, words: dict[str, int], sounds: dict[str, str]) -> None:
        self._words = words
        self._sounds = sounds
        self._by_sound: dict[str, list[str]] = defaultdict(list)
        self._by_gap: dict[str, list[str]] = defaultdict(list)
        self._by_broad_sounds: dict[tuple[str, ...], list[str]] = defaultdict(list)
        self._by_letters: dict[str, str] = {}
        for word in words:
            sound = self._sound(word)
            self._by_sound[sound].append(word)
            self._by_broad_sounds[self._broad_sounds(word)].append(word)
            letters = sound.replace(" ", "")
            if words[word] > words.get(self._by_letters.get(letters, ""), 0):
                self._by_letters[letters] = word
            if len(word) >= SURE_LENGTH:
                for gap in range(len(word)):
                    self._by_gap[word[:gap] + "*" + word[gap + 1 :]].append(word)

    @classmethod
    def load(cls, folder: Path) -> Speller:
        """Read what `write_spelling` wrote."""
        value: dict[str, Any] = load_json(folder / "spelling.json")
        return cls(value["words"], value["sounds"])

    def _sound(self, word: str) -> str:
        return " ".join(self._sounds.get(char, char) for char in word)

    def _broad_sounds(self, word: str) -> tuple[str, ...]:
        """The broad sounds of a word; of a longer one in any order (民点法: 民法典)."""
        sounds = [_broad(self._sounds.get(char, char)) for char in word]
        return tuple(sorted(sounds) if len(word) > 2 else sounds)

    def _by_look(self, piece: str) -> list[str]:
        """Known words with one character that looks like the one written."""
        alike = _look_alikes()
        written = (
            piece[:at] + other + piece[at + 1 :]
            for at, char in enumerate(piece)
            for other in alike.get(char, "")
        )
        return [word for word in written if word in self._words]

    def correct(self, text: str, pair_count: Callable[[str], int]) -> str | None:
        """`text` with one wrong character put right per unknown stretch, None when all is known.

        `pair_count` tells how many documents hold two neighbouring characters. A stretch is
        suspicious only outside the words the vocabulary knows, and only where the pair never occurs
        or is far rarer than a word with the same sounds.
        """
        plain = analysis.normalise(text)
        if len(plain) > LONGEST_CORRECTED:
            return None
        free = self._free(plain)
        result = list(text)
        changed = False
        position = 0
        while position < len(plain) - 1:
            pair = plain[position : position + 2]
            if not (free[position] or free[position + 1]):
                position += 1
                continue
            count = pair_count(pair)
            if count and not (free[position] and free[position + 1]):
                best = None
            elif count:
                best = self._far_commoner(pair, position, count)
            else:
                best = self._best_around(plain, free, position)
            if best is None:
                position += 1
                continue
            start, word = best
            result[start : start + len(word)] = word
            changed = True
            position = start + len(word)
        return "".join(result) if changed else None

    def spelled(self, text: str) -> str | None:
        """The known words that are written as pinyin (laodong hetong: 劳动合同), the fewest possible.

        Of several with the same letters the commonest; None when letters are left over.
        """
        letters = re.sub(r"[\s']", "", analysis.normalise(text))
        if not _LETTERS.fullmatch(letters):
            return None
        best: list[tuple[int, str] | None] = [(0, "")] + [None] * len(letters)
        for end in range(1, len(letters) + 1):
            for start in range(end):
                before, word = best[start], self._by_letters.get(letters[start:end])
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

    def _free(self, plain: str) -> list[bool]:
        """For each character, whether it stands outside every real word of two letters or more.

        The dictionary holds misprints too (租凭); a word that nobody uses here is none.
        """
        free: list[bool] = []
        for piece in analysis.dictionary_pieces(plain):
            doubtful = len(piece) == 2 and piece not in self._words and self._by_look(piece)
            free.extend((len(piece) == 1 or bool(doubtful)) and _is_cjk(char) for char in piece)
        return free

    def _far_commoner(self, pair: str, position: int, count: int) -> tuple[int, str] | None:
        """A word that sounds like `pair` and is so much commoner that `pair` is a likely slip."""
        words = [word for word, closeness in self._candidates(pair) if closeness == 2]
        best = max(words, key=lambda word: self._words[word], default=None)
        if best is None or self._words[best] < FAR_COMMONER * count:
            return None
        return position, best

    def _best_around(self, plain: str, free: list[bool], position: int) -> tuple[int, str] | None:
        """The best word for a stretch around the suspicious pair; it changes a free character."""
        best: tuple[tuple[int, int, int], int, str] | None = None
        for length in range(2, LONGEST_WORD + 1):
            for start in range(max(0, position + 2 - length), position + 1):
                piece = plain[start : start + length]
                if len(piece) < length:
                    continue
                for word, closeness in self._candidates(piece):
                    wrong = next(i for i in range(length) if word[i] != piece[i])
                    # A word as common as 谁 or 前 is rarely the slip; 和同 for 合同 is.
                    common = piece[wrong] in analysis.STOP_WORDS
                    if not free[start + wrong] or (common and self._words[word] < VERY_COMMON):
                        continue
                    rank = (closeness, length, self._words[word])
                    if best is None or rank > best[0]:
                        best = (rank, start, word)
        return (best[1], best[2]) if best else None

    def _candidates(self, piece: str) -> Iterable[tuple[str, int]]:
        """Known words one character away: 2 for the same sound or look, 1 for another character."""
        for word in self._by_sound.get(self._sound(piece), ()):
            if sum(a != b for a, b in zip(word, piece, strict=False)) == 1:
                yield word, 2
        for word in self._by_look(piece):
            yield word, 2
        for word in self._by_broad_sounds.get(self._broad_sounds(piece), ()):
            if word != piece and len(set(word) - set(piece)) <= 1:
                yield word, 1
        if len(piece) >= SURE_LENGTH:
            for gap in range(len(piece)):
                for word in self._by_gap.get(piece[:gap] + "*" + piece[gap + 1 :], ()):
                    if word != piece:
                        yield word, 1
