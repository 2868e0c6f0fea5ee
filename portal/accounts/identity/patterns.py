"""Patterns that may change without a release: the mobile numbering plan and travel documents (rules 8.4 and 8.5, marked U).

A district overrides them in `content/identity.yaml`. Document patterns only ever warn.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import yaml

_MOBILE = r"1[3-9]\d{9}"
_LANDLINE = r"0\d{2,3}-?\d{7,8}"
_DOCUMENTS = {
    "chinese_passport": r"E\d{8}|E[A-HJ-NP-Z]\d{7}|G\d{8}",
    "foreign_passport": r"[A-Z0-9]{5,20}",
    "hk_macao_permit": r"[HM]\d{8}(\d{2})?",
    "taiwan_permit": r"\d{8}|\d{10}[A-Z]",
    "military_card": r".{6,20}",
    "birth_certificate": r"[A-Z0-9]{6,20}",
}


@dataclass(frozen=True)
class Patterns:
    """Compiled patterns; each must match the whole normal form."""

    mobile: re.Pattern[str] = re.compile(_MOBILE, re.ASCII)
    landline: re.Pattern[str] = re.compile(_LANDLINE, re.ASCII)
    documents: Mapping[str, re.Pattern[str]] = field(
        default_factory=lambda: {
            name: re.compile(text, re.ASCII) for name, text in _DOCUMENTS.items()
        }
    )


_current = Patterns()


def current() -> Patterns:
    """Return the patterns in force."""
    return _current


def configure(path: Path) -> Patterns:
    """Read the district's patterns, or the built-in ones where the file does not exist.

    Raises ValueError for an unknown name or a text that is no pattern, so that a mistake shows at the start.
    """
    global _current
    data = (yaml.safe_load(path.read_text("utf-8")) or {}) if path.exists() else {}
    documents = dict(data.pop("documents", None) or {})
    mobile, landline = data.pop("mobile", _MOBILE), data.pop("landline", _LANDLINE)
    unknown = [*data, *(set(documents) - set(_DOCUMENTS))]
    if unknown:
        raise ValueError(f"{path.name}: unknown names {sorted(unknown)}")
    try:
        _current = Patterns(
            re.compile(mobile, re.ASCII),
            re.compile(landline, re.ASCII),
            {
                name: re.compile(text, re.ASCII)
                for name, text in {**_DOCUMENTS, **documents}.items()
            },
        )
    except (re.error, TypeError) as error:
        raise ValueError(f"{path.name}: not a pattern: {error}") from error
    return _current
