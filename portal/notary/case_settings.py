"""What the district sets about cases because no official text of the rule was read (`content/notary/cases.yaml`)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from marshmallow import fields, validate

from portal.core.content_files import settings_of
from portal.notary.models import TerminationGround
from portal.web.schemas import Choice, Schema, StrictBoolean


@dataclass(frozen=True)
class CaseSettings:
    """Settings of the rules marked U. None of them ever refuses a resident anything."""

    termination_grounds: tuple[TerminationGround, ...] = tuple(TerminationGround)
    watch_party_delay: bool = False
    warn_same_reviewer: bool = True


class CaseSettingsFile(Schema):
    """The whole of cases.yaml."""

    termination_grounds = fields.List(
        Choice(TerminationGround),
        validate=validate.Length(min=1, error="至少要有一个终止的理由。"),
    )
    watch_party_delay = StrictBoolean()
    warn_same_reviewer = StrictBoolean()


_current = CaseSettings()


def current() -> CaseSettings:
    """Return the settings in force."""
    return _current


def configure(settings: CaseSettings) -> None:
    """Put settings in force."""
    global _current
    _current = settings


def load(path: Path) -> CaseSettings:
    """Read the file; what it does not say has its default. Raises BrokenFile for anything that is not understood."""
    stated = settings_of(path, CaseSettingsFile(), "notary/cases.yaml")
    if "termination_grounds" in stated:
        stated["termination_grounds"] = tuple(stated["termination_grounds"])
    return CaseSettings(**stated)
