"""A person before the screen: requests as they are sent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from portal.accounts.models import Resident
from tests.conftest import JsonClient
from tests.factories.people import (
    id_number,
)

NINE = "2026-03-03T09:00:00+08:00"
TEN = "2026-03-03T10:00:00+08:00"
Headers = dict[str, str]
# An organisation as a party.
FIRM = {
    "kind": "organisation",
    "name": "测试有限公司",
    "document_type": None,
    "document_number": "91350100M000100Y43",
}


@dataclass
class Counter:
    """A person before the screen."""

    api: JsonClient
    desk: Any
    headers: Headers
    resident: Resident

    def hold(self, when: str = NINE, status: int = 201, **changes: Any) -> dict[str, Any]:
        """Hold a time."""
        body = {
            "office_id": str(self.desk.office.id),
            "matter_id": str(self.desk.matter.id),
            "starts_at": when,
            **changes,
        }
        return self.sent("/notary/holds", body, status)

    def confirm(self, hold: dict[str, Any], status: int = 201, **changes: Any) -> dict[str, Any]:
        """Confirm a hold."""
        return self.sent("/notary/appointments", confirmation(hold["id"], **changes), status)

    def booked(self, when: str = NINE) -> dict[str, Any]:
        """An appointment."""
        return self.confirm(self.hold(when))

    def sent(self, path: str, body: Any = None, status: int = 200) -> dict[str, Any]:
        """POST as this person."""
        answer = self.api.post(path, body, headers=self.headers)
        assert answer.status_code == status, answer.json
        return answer.json

    def got(self, path: str) -> dict[str, Any]:
        """GET as this person."""
        answer = self.api.get(path, headers=self.headers)
        assert answer.status_code == 200, answer.json
        return answer.json


def confirmation(hold_id: str, **changes: Any) -> dict[str, Any]:
    party = {
        "name": "赵测试",
        "document_type": "resident_id",
        "document_number": id_number(),
        **changes.pop("party", {}),
    }
    return {
        "hold_id": hold_id,
        "connection_basis": "domicile",
        "parties": [party],
        "checklist_read": True,
        **changes,
    }
