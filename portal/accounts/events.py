"""What this room announces; rooms above subscribe. Handlers run inside the unit of work that publishes."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from typing import Any


@dataclass(frozen=True)
class Retention:
    """Something that must be kept although the account is closed. All texts are read by the person."""

    what: str
    basis: str
    until: date | None = None


@dataclass(frozen=True)
class ResidentDeletionRequested:
    """A resident closes the account. Each room wipes or pseudonymises what it holds, and names what it keeps with `keep`."""

    resident_id: uuid.UUID
    retention: list[Retention] = field(default_factory=list)

    def keep(self, what: str, basis: str, until: date | None = None) -> None:
        """Name something that is kept under restriction, the law or rule that makes it so, and until when."""
        self.retention.append(Retention(what, basis, until))


@dataclass(frozen=True)
class ResidentExportRequested:
    """A resident wants a copy of all their data. Rooms call `collect(section, rows)` with JSON-ready rows."""

    resident_id: uuid.UUID
    collect: Callable[[str, list[dict[str, Any]]], None]
