"""What the district sets about cases because no official text of the rule was read (`content/notary/cases.yaml`)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import yaml

from portal.notary.models import TerminationGround


@dataclass(frozen=True)
class CaseSettings:
    """Settings of the rules marked U. None of them ever refuses a resident anything."""

    termination_grounds: tuple[TerminationGround, ...] = tuple(TerminationGround)
    watch_party_delay: bool = False
    warn_same_reviewer: bool = True


_current = CaseSettings()


def current() -> CaseSettings:
    """Return the settings in force."""
    return _current


def configure(settings: CaseSettings) -> None:
    """Put settings in force."""
    global _current
    _current = settings


def load(path: Path) -> CaseSettings:
    """Read the file; a missing one means the defaults. Raises ValueError for anything that is not understood."""
    if not path.exists():
        return CaseSettings()
    try:
        content = dict(yaml.safe_load(path.read_text("utf-8")) or {})
        grounds = content.pop("termination_grounds", None)
        if grounds is not None:
            content["termination_grounds"] = tuple(TerminationGround(each) for each in grounds)
        settings = CaseSettings(**content)
    except (UnicodeDecodeError, yaml.YAMLError, TypeError, ValueError) as error:
        raise ValueError(f"{path.name}: not readable") from error
    flags = (settings.watch_party_delay, settings.warn_same_reviewer)
    if not settings.termination_grounds or any(type(flag) is not bool for flag in flags):
        raise ValueError(f"{path.name}: a ground at least, and true or false")
    return settings
