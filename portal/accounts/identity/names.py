"""Personal names (rules 8.7): any Han character, `·` in its one right form, Latin names of foreigners.

A name is never split into surname and given name, and never shortened.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

SHORTEST, LONGEST = 2, 50
SEPARATOR = "\u00b7"
_HAN = (
    "\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
    "\U00020000-\U0002a6df\U0002a700-\U0002ebe0\U0002ebf0-\U0002ee5d\U0002f800-\U0002fa1f"
    "\U00030000-\U000323af"
    # Han of the private use area, which GB 18030 devices still send for rare characters.
    "\ue000-\uf8ff"
)
_ALWAYS = re.compile("[\u2022\u2027\u2219\u30fb\uff65]")
# A full stop is a separator only between Han characters; `J. Smith` keeps its own.
_BETWEEN_HAN = re.compile(f"(?<=[{_HAN}])[.\uff0e](?=[{_HAN}])")
_HAN_NAME = re.compile(f"[{_HAN}]+(?:{SEPARATOR}[{_HAN}]+)*")
_LATIN_LETTER = "A-Za-z\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u024f\u1e00-\u1eff"
_ALLOWED = re.compile(f"[{_HAN}{_LATIN_LETTER}{SEPARATOR} .'\u2019-]+")
_LETTER = re.compile(f"[{_HAN}{_LATIN_LETTER}]")


@dataclass(frozen=True)
class Name:
    """A name as typed, and its normal form, by which names are compared."""

    raw: str
    normal: str


class NameRefused(ValueError):
    """The name is not acceptable; the text is a Chinese sentence."""


class NameNeedsConfirmation(NameRefused):
    """A one-character name: real, but more often a slip."""


def normalise_name(text: str) -> str:
    """Return the normal form: NFC, single blanks, separators as U+00B7; the separator keeps its place."""
    normal = unicodedata.normalize("NFC", text).strip()
    normal = re.sub(r"\s+", " ", normal)
    normal = _ALWAYS.sub(SEPARATOR, normal)
    normal = _BETWEEN_HAN.sub(SEPARATOR, normal)
    # Full-width Latin letters of an input method are the same letters.
    return "".join(
        unicodedata.normalize("NFKC", char) if "\uff01" <= char <= "\uff5e" else char
        for char in normal
    )


def check_name(text: str, *, one_character_confirmed: bool = False) -> Name:
    """Return the checked name; raises NameNeedsConfirmation or NameRefused with what to correct."""
    normal = normalise_name(text)
    if not normal or not _LETTER.search(normal):
        raise NameRefused("请填写证件上的姓名。")
    if len(normal) > LONGEST:
        raise NameRefused(f"姓名最多 {LONGEST} 个字。")
    if not _ALLOWED.fullmatch(normal):
        raise NameRefused("姓名只能用汉字或证件上的拉丁字母，少数民族姓名和译名中间可以用“·”。")
    if normal.startswith(SEPARATOR) or normal.endswith(SEPARATOR):
        raise NameRefused("“·”不能在姓名的开头或结尾。")
    if SEPARATOR * 2 in normal:
        raise NameRefused("姓名中不能有两个连着的“·”。")
    if len(normal) < SHORTEST and not one_character_confirmed:
        raise NameNeedsConfirmation("姓名只有一个字，请核对；确实是一个字的，请确认后再提交。")
    return Name(text, normal)


def mask_name(name: str | None) -> str | None:
    """Return the name for display to others: the first character, the rest hidden (rules 8.7)."""
    return None if name is None else name[:1] + "*" * max(len(name) - 1, 1)
