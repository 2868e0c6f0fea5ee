"""File names from outside: kept readable, stripped of everything that could act."""

from __future__ import annotations

import re
import unicodedata

from portal.attachments.limits import MOST_NAME

# Controls, bidirectional overrides (they make "fdp.exe" look like "exe.pdf"), lone surrogates, and
# what no file system takes.
_UNFIT = re.compile(
    '[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufffd\ud800-\udfff<>:"|?*]'
)
_RESERVED = re.compile(r"(?:con|prn|aux|nul|com[1-9]|lpt[1-9])(?:\..*)?", re.IGNORECASE)
_EXTENSION = re.compile(r"[A-Za-z0-9]{1,8}")


def extension_of(name: str) -> str:
    """Return the extension in lower case without the dot, or an empty string."""
    stem, dot, last = clean(name).rpartition(".")
    return last.lower() if dot and stem and _EXTENSION.fullmatch(last) else ""


def clean(name: str) -> str:
    """Return `name` as one path component of at most MOST_NAME characters, its extension kept;
    "附件" when nothing is left.
    """
    name = unicodedata.normalize("NFC", name).replace("\\", "/").rpartition("/")[2]
    name = re.sub(r"\s+", " ", _UNFIT.sub("", name)).strip(" .")
    if _RESERVED.fullmatch(name):
        name = f"附件-{name}"
    stem, dot, last = name.rpartition(".")
    if not (dot and stem and _EXTENSION.fullmatch(last)):
        return name[:MOST_NAME].strip(" .") or "附件"
    kept = stem[: MOST_NAME - len(last) - 1].strip(" .") or "附件"
    return f"{kept}.{last}"
