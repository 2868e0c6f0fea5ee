"""Patterns that may change without a release: the mobile numbering plan and travel documents (rules 8.4 and 8.5, marked U).

A district overrides them in `content/identity.yaml`. Document patterns only ever warn.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from marshmallow import ValidationError, fields, validate

from portal.core.content_files import settings_of
from portal.web.schemas import CleanString, Schema

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


def _compiled(text: str) -> re.Pattern[str]:
    """Return the pattern; raises ValidationError for a text that is none."""
    try:
        return re.compile(text, re.ASCII)
    except re.error:
        raise ValidationError("不是正确的正则表达式，请检查括号和反斜杠。") from None


def _pattern() -> CleanString:
    return CleanString(min_length=1, validate=_compiled)


class PatternsFile(Schema):
    """The whole of identity.yaml."""

    mobile = _pattern()
    landline = _pattern()
    documents = fields.Dict(
        keys=fields.String(
            validate=validate.OneOf(_DOCUMENTS, error="不认识的证件种类，只能是：{choices}。")
        ),
        values=_pattern(),
        allow_none=True,
    )


_current = Patterns()


def current() -> Patterns:
    """Return the patterns in force."""
    return _current


def configure(path: Path) -> Patterns:
    """Read the district's patterns, or the built-in ones where the file does not exist.

    Raises BrokenFile for an unknown name or a text that is no pattern, so that a mistake shows at the start.
    """
    global _current
    stated = settings_of(path, PatternsFile())
    built_in = Patterns()
    documents = stated.pop("documents", None) or {}
    _current = replace(
        built_in,
        documents={
            **built_in.documents,
            **{name: _compiled(text) for name, text in documents.items()},
        },
        **{name: _compiled(text) for name, text in stated.items()},
    )
    return _current
