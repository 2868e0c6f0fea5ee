"""Phone numbers of the mainland (rules 8.5). Uniqueness is nobody's business here: several people may share one phone."""

from __future__ import annotations

import re
import unicodedata

from portal.accounts.identity import patterns

_NOISE = re.compile(r"[\s\-\u2010-\u2015\u2212()]+")


def normalise_mobile(text: str) -> str | None:
    """Return the 11 digits of a mainland mobile number, or None when it is not one.

    Accepts full-width digits, blanks, hyphens, brackets and the prefixes +86, 0086 and 86.
    """
    plain = _without_prefix(text)
    return plain if patterns.current().mobile.fullmatch(plain) else None


def normalise_phone(text: str) -> str | None:
    """Return a mobile or landline number in its normal form, or None; the legal-service line 12348 is not a person's."""
    mobile = normalise_mobile(text)
    if mobile is not None:
        return mobile
    plain = _without_prefix(text)
    return plain if patterns.current().landline.fullmatch(plain) else None


def _without_prefix(text: str) -> str:
    plain = _NOISE.sub("", unicodedata.normalize("NFKC", text))
    for prefix in ("+86", "0086"):
        if plain.startswith(prefix):
            return plain[len(prefix) :]
    # "86" without a sign only where what follows is a whole mobile number: 86 could begin something else.
    if plain.startswith("86") and patterns.current().mobile.fullmatch(plain[2:]):
        return plain[2:]
    return plain


def mask_phone(phone: str | None) -> str | None:
    """Return the number with its middle hidden: `138****5678`."""
    if phone is None:
        return None
    return f"{phone[:3]}****{phone[-4:]}" if len(phone) >= 10 else "*" * len(phone)
