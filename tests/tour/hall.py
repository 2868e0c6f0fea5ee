"""The notary office of the tour, and documents of people who do not exist."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from portal.core import clock
from tests.factories.people import id_number
from tests.tour.guide import Answer, Person, Tour

ABROAD = "N07a"


@dataclass
class Hall:
    """The office and the matters that this tour is about."""

    tour: Tour
    office: str
    name: str
    matters: dict[str, dict[str, Any]]

    def days(
        self, code: str, first: date, last: date, *, quiet: bool = False
    ) -> list[dict[str, Any]]:
        """Return the office's days for a matter."""
        query = (
            f"matter_id={self.matters[code]['id']}&from={first}&to={last}&office_id={self.office}"
        )
        found = self.tour.call("GET", f"/notary/availability?{query}", quiet=quiet).body
        return list(found["items"][0]["days"])

    def hold(
        self, who: Person, code: str, starts_at: str, *, expect: int | tuple[int, ...] = 201
    ) -> Answer:
        """Ask for a time to be kept."""
        body = {
            "office_id": self.office,
            "matter_id": self.matters[code]["id"],
            "starts_at": starts_at,
        }
        return self.tour.call("POST", "/notary/holds", body, who=who, expect=expect)


def at(moment: str) -> str:
    """Return a moment of an answer as it is read out."""
    return moment[:16].replace("T", " ")


def identity(youngest: int, oldest: int) -> dict[str, str]:
    """Return the document of nobody: another number on every tour, with a right check character."""
    born = clock.today() - timedelta(days=random.randint(youngest * 366, oldest * 365))
    number = id_number(born, f"5001{random.randrange(1, 60):02d}")
    return {"document_type": "resident_id", "document_number": number}
