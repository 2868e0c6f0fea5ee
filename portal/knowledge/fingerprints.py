"""What counts as a change of a law's words: not the width of its signs, not its spaces.

Sources print one text with full or half width, with or without blanks; nobody has to read anew what
rests on it.
"""

from __future__ import annotations

import hashlib
import unicodedata

_QUOTES = str.maketrans("“”„‟‘’", '""""\'\'')


def folded(text: str) -> str:
    """Return a text in one width (NFKC) and one kind of quotation mark, without any space."""
    return "".join(unicodedata.normalize("NFKC", text).translate(_QUOTES).split())


def text_hash(text: str) -> str:
    """Return the SHA-256 of the folded text, which two prints of the same words share."""
    return hashlib.sha256(folded(text).encode()).hexdigest()
