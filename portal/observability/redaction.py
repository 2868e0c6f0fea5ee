"""Takes personal data out of whatever is about to be logged.

Wide nets on purpose: a number that only looks like a phone costs a reader of the log a guess, a
phone that slips through costs a resident their privacy (个人信息保护法). Names cannot be told from
other words, so they are kept out in two other ways: fields with a telling name are emptied, and the
text of an exception loses every Han character and quoted value, because that is where a database or
a parser repeats what a person typed.
"""

from __future__ import annotations

import re
import traceback
import unicodedata
from collections.abc import Mapping
from functools import lru_cache
from types import TracebackType
from typing import Any

NUMBER = "[号码]"
ADDRESS = "[邮箱]"
BLANKED = "[密文]"
REMOVED = "[已隐去]"
HAN = "[…]"
# Longest string in a log line, in characters.
MOST = 4000

ExcInfo = tuple[type[BaseException] | None, BaseException | None, TracebackType | None]

# Fields whose value is personal or secret whatever it looks like. Compared in lower case, as whole
# words between underscores, so that `resident_name` and `new-phone` are caught and `template` is
# not.
PRIVATE_WORDS = frozenset(
    "name surname phone mobile tel address email password passphrase secret token authorization "
    "cookie otp totp text body content question answer payload query params birthday id_number "
    "id_card plate account_number filename".split()
)
# Names that contain a private word and are harmless: they carry a term of ours, never a person's.
PUBLIC_FIELDS = frozenset({"logger_name", "event_name", "template_name"})

_DIGIT = "0123456789"


class _Folding(dict[int, str]):
    """Maps every sign for a digit (full-width, circled, Arabic-Indic, 一二三, 幺) to the ASCII
    digit, one for one.
    """

    def __missing__(self, point: int) -> str:
        char = chr(point)
        folded = char
        value = unicodedata.numeric(char, -1.0)
        if value in range(10):
            folded = _DIGIT[int(value)]
        elif len(normal := unicodedata.normalize("NFKC", char)) == 1:
            folded = normal
        self[point] = folded
        return folded


# "○" is written for 〇 but has no numeric value of its own.
_FOLDING = _Folding({ord("○"): "0", ord("幺"): "1"})

# What people put between digits: blanks, dashes, dots, slashes, brackets, commas, and signs of no
# width.
_GAP = (
    r"[\s\-_.,/\\|+:;*~'\"()\[\]·•・、。，：；"
    r"\u00ad\u200b-\u200f\u2010-\u2015\u2022\u2027\u2060-\u2064\u202a-\u202e\u2212\u30fb\ufe0f\ufe63\ufeff]{0,3}"
)

# Things of our own that contain long runs of digits and must stay readable, because incidents are
# traced by them.
_KEEP = re.compile(
    r"(?<![0-9A-Za-z])(?<!\d[\-./:, ])(?:"
    r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"  # UUID
    r"|\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:[.,]\d{1,6})?)?(?:Z|[+-]\d\d:?\d\d)?)?"  # RFC 3339
    r"|[A-Z]{2}-20\d\d-\d{5,6}-[0-9A-Z]"  # case reference
    r"|(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|1?\d?\d)(?::\d{1,5})?"  # IPv4
    # Next to further digits it may be the middle of a number written in groups.
    r")(?![0-9A-Za-z]|[\-./:, ]\d)",
    re.ASCII,
)
# 15 digits and more: identity number (old and new), bank card, social-credit number's digits.
_LONG = re.compile(rf"\d(?:{_GAP}\d){{14,}}(?:{_GAP}[xX](?![A-Za-z]))?", re.ASCII)
_CREDIT_CODE = re.compile(
    r"(?<![0-9A-Za-z])[0-9A-HJ-NP-RTUWXY]{2}\d{6}[0-9A-HJ-NP-RTUWXY]{10}(?![0-9A-Za-z])"
)
_MOBILE = re.compile(rf"(?:(?:\+|00)?{_GAP}86{_GAP})?1{_GAP}[3-9](?:{_GAP}\d){{9}}", re.ASCII)
_LANDLINE = re.compile(
    rf"(?<![\d.])0(?:{_GAP}\d){{2,3}}{_GAP}[2-9](?:{_GAP}\d){{6,7}}(?!\d)", re.ASCII
)
# Passports and permits of residents from Hong Kong, Macao and Taiwan: letters, then seven to ten
# digits.
_PERMIT = re.compile(r"(?<![0-9A-Za-z])[A-Za-z]{1,2}\d{7,10}(?![0-9A-Za-z])", re.ASCII)
_PLATE = re.compile(
    r"[京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼][A-Z][·•]?[0-9A-Z]{5,6}"
)
_EMAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)*")
_BEARER = re.compile(r"\b(Bearer|Basic)\s+[\w.~+/=-]+", re.IGNORECASE)
# No ASCII text without one of these holds anything that the patterns look for. Most values of a log line
# have none, and there is a line for every request.
_SUSPICIOUS = re.compile(r"[0-9@]|bearer|basic", re.IGNORECASE)
_NUMBERS = (_LONG, _CREDIT_CODE, _MOBILE, _LANDLINE, _PERMIT, _PLATE)

_HAN_RUN = re.compile(
    r"[\u2e80-\u2fdf\u3005-\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff·]+"
)
# What a database repeats of a row: DETAIL: Key (name)=(…), and values in quotes.
_ROW_VALUE = re.compile(r"=\s*\([^)\n]*\)|Failing row contains \(.*\)")
_QUOTED = re.compile(r"'[^'\n]*'|\"[^\"\n]*\"|“[^”\n]*”")


# The shortest of the numbers looked for has eight digits.
_SHORTEST_NUMBER = 10**6


def redact(text: str) -> str:
    """Return `text` without identity numbers, phones, cards, permits, plates, e-mail addresses and
    bearer tokens.
    """
    if text.isascii() and _SUSPICIOUS.search(text) is None:
        return text
    text = _BEARER.sub(rf"\1 {BLANKED}", text)
    if "@" in text:
        text = _EMAIL.sub(ADDRESS, text)
    parts: list[str] = []
    position = 0
    for kept in _KEEP.finditer(text):
        parts += [_redact_numbers(text[position : kept.start()]), kept.group()]
        position = kept.end()
    parts.append(_redact_numbers(text[position:]))
    return "".join(parts)


def _redact_numbers(text: str) -> str:
    if len(text) < 7:
        return text
    folded = text if text.isascii() else text.translate(_FOLDING)
    for pattern in _NUMBERS:
        if pattern.search(folded) is None:
            continue
        parts: list[str] = []
        position = 0
        for match in pattern.finditer(folded):
            parts += [text[position : match.start()], NUMBER]
            position = match.end()
        parts.append(text[position:])
        text = "".join(parts)
        folded = text if text.isascii() else text.translate(_FOLDING)
    return text


@lru_cache(maxsize=1024)
def is_private(key: str) -> bool:
    """True when a field of this name is personal or secret, whatever its value looks like."""
    key = key.lower().replace("-", "_")
    if key in PUBLIC_FIELDS:
        return False
    return key in PRIVATE_WORDS or any(word in PRIVATE_WORDS for word in key.split("_"))


def redact_value(value: Any, depth: int = 0) -> Any:
    """Return a JSON-ready copy of `value` redacted in its keys and values at every depth."""
    if value is None or isinstance(value, (bool, float)):
        return value
    if isinstance(value, int):
        if abs(value) < _SHORTEST_NUMBER:
            return value
        text = str(value)
        clean = redact(text)
        return value if clean == text else clean
    if isinstance(value, str):
        return _shorten(redact(value))
    if depth >= 6:
        return REMOVED
    if isinstance(value, Mapping):
        return {
            redact(str(key)): REMOVED if is_private(str(key)) else redact_value(item, depth + 1)
            for key, item in value.items()
        }
    if isinstance(value, (list, tuple, set, frozenset)):
        return [redact_value(item, depth + 1) for item in value]
    if isinstance(value, BaseException):
        return exception_line(value)
    if isinstance(value, (bytes, bytearray, memoryview)):
        return f"<{len(value)} bytes>"
    return _shorten(redact(str(value)))


def _shorten(text: str) -> str:
    # Only after redaction: a cut through a number would leave a part that no pattern knows.
    return text if len(text) <= MOST else f"{text[:MOST]}…"


def exception_line(error: BaseException) -> str:
    """Return class and text of `error` on one line, the text without anything a person may have
    typed.
    """
    kind = type(error)
    return f"{kind.__module__}.{kind.__qualname__}: {_clean_message(str(error))}"


def exception_text(exc_info: ExcInfo) -> str:
    """Return the traceback with its causes: file, line and function of each frame, and cleaned
    messages.

    Source lines and local variables are left out: the file is at hand, and a line can hold a
    literal.
    """
    error = exc_info[1]
    if error is None:
        return ""
    lines: list[str] = []
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        lines.append(exception_line(current))
        lines += [
            f'  File "{frame.filename}", line {frame.lineno}, in {frame.name}'
            for frame in traceback.extract_tb(current.__traceback__)
        ]
        if isinstance(current, BaseExceptionGroup):
            lines += [f"  with {exception_line(inner)}" for inner in current.exceptions]
        following = current.__cause__
        if following is None and not current.__suppress_context__:
            following = current.__context__
        if following is not None and id(following) not in seen:
            lines.append("caused by")
        current = following
    return "\n".join(lines)


def _clean_message(text: str) -> str:
    text = _ROW_VALUE.sub("(…)", text)
    text = _QUOTED.sub("“…”", text)
    return _shorten(redact(_HAN_RUN.sub(HAN, text)))
