"""From text to terms: one analysis for indexing, querying and highlighting.

`normalise` keeps the length, so an offset in the normalised text is an offset in the original. That
is why only those NFKC mappings are applied that turn one character into one character, and why traditional characters
become simplified ones one by one and not by OpenCC's phrases.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import opencc

# Terms are 64-bit numbers. Bigrams hold their two characters themselves and carry the top bit;
# words are hashed into the lower 63 bits. Among a million words the chance of a collision is 1e-7.
_BIGRAM = 1 << 63
_WORD_MASK = _BIGRAM - 1

UInt64 = npt.NDArray[np.uint64]

# Words that say "this is a question" or glue a sentence; they tell nothing about the law asked for.
STOP_WORDS = frozenset(
    "的 了 吗 呢 吧 啊 呀 嘛 哦 么 是 在 有 和 与 及 或 或者 以及 我 "
    "你 他 她 它 我们 你们 他们 您 自己 什么 怎么 怎么办 怎样 如何 哪些 "
    "哪个 哪里 哪种 为什么 多少 是否 能否 可否 能不能 可不可以 可以 能 会 应 "
    "应当 该 应该 要 需要 请问 想 想问 一下 这 那 这个 那个 这些 那些 这样 "
    "那样 一个 个 就 都 也 还 又 很 被 把 给 让 对 对于 关于 从 向 到 "
    "由 于 以 为 之 其 而 但 但是 如果 的话 因为 所以 时 后 前 中 上 下 "
    "里 请 没 没有 不 地 得 着 过 等 有没有 是不是 算不算 怎么样 谁 啥 咋 "
    "咋办 哪 几 "
    # As the south-west asks.
    "咋个 咋整 咋样 咋个办 啷 啷个 啷个办 啥子 好多 好久 没得 要得 要得不 得行 嘞 哈 噻 嗦".split()
)


# Where CJK characters stand: the two blocks of the basic plane, compatibility forms, the supplementary planes.
_CJK = ((0x3400, 0x4DC0), (0x4E00, 0xA000), (0xF900, 0xFB00), (0x20000, 0x32000))
_CJK_RUN = re.compile(f"[{''.join(f'{chr(low)}-{chr(high - 1)}' for low, high in _CJK)}]+")


def _build_table() -> dict[int, int]:
    table: dict[int, int] = {}
    simplified = _simplified()
    for point in range(0x10000):
        if 0xD800 <= point <= 0xDFFF:
            table[point] = 0x20  # a lone surrogate can be neither hashed nor written
            continue
        char = chr(point)
        category = unicodedata.category(char)
        if category in ("Cc", "Cf", "Co", "Cn") or category.startswith("Z"):
            # Line ends stay line ends: fragments break there.
            if char != "\n" and char != " ":
                table[point] = 0x20
            continue
        mapped = unicodedata.normalize("NFKC", char).lower()
        mapped = simplified.get(mapped, mapped)
        if len(mapped) == 1 and mapped != char:
            table[point] = ord(mapped)
    return table


def _simplified() -> dict[str, str]:
    """The simplified character of each traditional one. What is written in both keeps its form (著, 乾 becomes 干)."""
    letters = [chr(point) for low, high in _CJK[:2] for point in range(low, high)]
    folded = opencc.OpenCC("t2s").convert("\n".join(letters)).split("\n")
    changed = {old: new for old, new in zip(letters, folded, strict=True) if old != new}
    # What another character becomes stays as it is (苧), so that folding twice is folding once.
    return {old: changed[old] for old in changed.keys() - set(changed.values())}


_TABLE = _build_table()
# From this length on one look-up for all characters is faster than one for each.
_LONG = 48


@lru_cache(maxsize=1)
def _points_table() -> npt.NDArray[np.uint32]:
    table = np.arange(0x110000, dtype=np.uint32)
    table[list(_TABLE)] = list(_TABLE.values())
    return table


def normalise(text: str) -> str:
    """Full width to half width, compatibility forms, traditional characters to simplified ones, lower case; same length.

    Control characters and lone surrogates become spaces, so the result can always be encoded.
    """
    if len(text) < _LONG:
        return text.translate(_TABLE)
    points = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
    return _points_table()[points].tobytes().decode("utf-32-le")


def preload() -> None:
    """Load the segmenter's dictionary (about 320 MiB); before forking, so that workers share it."""
    _cut("预热")
    _points_table()


def _cut(text: str) -> list[str]:
    # Imported here because the dictionary costs 320 MiB, which a process that never searches
    # (a migration, a shell) should not pay.
    import rjieba

    pieces: list[str] = rjieba.cut(text)
    return pieces


@dataclass(frozen=True, slots=True)
class Token:
    """A word with its place: `source[start:end]` is what the reader sees."""

    text: str
    start: int
    end: int


def pieces(normal: str) -> list[str]:
    """The pieces of an already normalised text; joined they are the text."""
    return _cut(normal)


def dictionary_pieces(normal: str) -> list[str]:
    """The pieces of a normalised text by the dictionary alone, no word guessed."""
    import rjieba

    found: list[str] = rjieba.cut(normal, hmm=False)
    return found


def _meaningful(word: str) -> bool:
    return word.isalnum() or any(char.isalnum() for char in word)


def tokens(text: str) -> list[Token]:
    """Every piece of `text` in order, punctuation included, with offsets; they tile the text."""
    normal = normalise(text)
    result = []
    position = 0
    for piece in _cut(normal):
        end = position + len(piece)
        result.append(Token(piece, position, end))
        position = end
    return result


def words(text: str) -> list[str]:
    """The words of `text` in order, without punctuation, stop words kept."""
    return [piece for piece in _cut(normalise(text)) if _meaningful(piece)]


def content_words(text: str) -> list[str]:
    """The words of `text` that can tell one matter from another: no punctuation, no stop words."""
    return meaningful(_cut(normalise(text)))


def meaningful(cut: Iterable[str]) -> list[str]:
    """Those of the pieces that can tell one matter from another."""
    return [piece for piece in cut if piece not in STOP_WORDS and _meaningful(piece)]


@lru_cache(maxsize=1)
def _bigram_letters() -> npt.NDArray[np.bool_]:
    """For each code point, whether it takes part in bigrams: CJK characters only."""
    table = np.zeros(0x110000, dtype=bool)
    for low, high in _CJK:
        table[low:high] = True
    return table


def code_points(normal: str) -> npt.NDArray[np.uint32]:
    """A normalised text as an array of code points."""
    return np.frombuffer(normal.encode("utf-32-le"), dtype=np.uint32)


def bigram_hashes(points: npt.NDArray[np.uint32]) -> tuple[UInt64, npt.NDArray[np.intp]]:
    """All bigrams of neighbouring CJK characters, and where each one's first character stands."""
    if len(points) < 2:
        return np.empty(0, dtype=np.uint64), np.empty(0, dtype=np.intp)
    letters = _bigram_letters()[points]
    places = np.flatnonzero(letters[:-1] & letters[1:])
    high = points[places].astype(np.uint64) << np.uint64(21)
    low = points[places + 1].astype(np.uint64)
    return high | low | np.uint64(_BIGRAM), places


def bigrams(normal: str) -> list[str]:
    """The bigrams of neighbouring CJK characters of a normalised text, in order."""
    runs = _CJK_RUN.findall(normal)
    return [run[at : at + 2] for run in runs for at in range(len(run) - 1)]


def bigram_hash(pair: str) -> int:
    """The term number of one bigram; the same as `bigram_hashes` gives."""
    return _BIGRAM | ord(pair[0]) << 21 | ord(pair[1])


@lru_cache(maxsize=65536)
def word_hash(word: str) -> int:
    """The term number of one word, stable over processes and machines."""
    digest = hashlib.blake2b(word.encode("utf-8"), digest_size=8).digest()
    return int.from_bytes(digest, "little") & _WORD_MASK


@lru_cache(maxsize=65536)
def content_pieces(text: str) -> tuple[str, ...]:
    """A text's content words; remembered, for what is looked up again and again."""
    return tuple(content_words(text))


def word_hashes(items: Iterable[str]) -> UInt64:
    """The term numbers of several words."""
    return np.fromiter((word_hash(item) for item in items), dtype=np.uint64)
