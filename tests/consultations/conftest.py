"""A resident, the staff of a district, one category and one law."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any

import pytest

from portal.accounts import queries as accounts
from portal.config import settings
from portal.working_days import operations as working_days
from tests.conftest import JsonClient, SettableClock
from tests.factories.laws import LABOUR_CONTRACT_LAW, make_category, make_law
from tests.factories.people import make_resident, make_staff, resident_headers, staff_headers

# A picture of one dot, which is a file like any other.
PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de0000000c4944415478da63f8"
    "cfc0000003010100c9fe92ef0000000049454e44ae426082"
)
QUESTION = "公司拖欠工资三个月，老板一直说没钱，我应该怎么办？"
ANSWER = "用人单位应当按时足额支付工资。根据劳动合同法第三十条，您可以申请支付令。"
CITATION = {"law": LABOUR_CONTRACT_LAW, "article": "第三十条"}

Headers = dict[str, str]


@dataclass
class District:
    """Everybody's headers, and the path in steps, so that a test begins where it wants to."""

    api: JsonClient
    resident: Headers
    moderator: Headers
    lawyer: Headers
    other_lawyer: Headers
    reviewer: Headers
    people: dict[str, uuid.UUID]

    def sign_in_again(self) -> None:
        """Staff sign in anew: their sessions do not last over night."""
        for name, person in self.people.items():
            setattr(self, name, staff_headers(staff=accounts.staff_member(person)))

    def ask(self, **changes: Any) -> dict[str, Any]:
        """The resident asks; returns the consultation."""
        body = {"category": "labour", "text": QUESTION, "keep_unpublished": False, **changes}
        answer = self.api.post("/consultations", body, headers=self.resident)
        assert answer.status_code == 201, answer.json
        return answer.json

    def staff_step(
        self,
        who: Headers,
        consultation_id: str,
        step: str,
        body: Any = None,
        *,
        method: str = "POST",
    ) -> Any:
        """A step by staff at the version they see; returns the answer of the last request."""
        path = f"/staff/consultations/{consultation_id}"
        viewer = who if step != "claim" else self.moderator
        seen = self.api.get(path, headers=viewer)
        if seen.status_code != 200:
            return seen
        headers = {**who, "If-Match": seen.headers["ETag"]}
        return self.api.call(method, f"{path}/{step}", body, headers=headers)

    def done(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """A step by staff that must succeed."""
        answer = self.staff_step(*args, **kwargs)
        assert answer.status_code in (200, 201), answer.json
        return answer.json

    def accepted(self, **changes: Any) -> str:
        """A question that waits for a lawyer; returns its id."""
        found = self.ask(**changes)["id"]
        self.done(self.moderator, found, "moderation", {"decision": "accept"})
        return found

    def claimed(self, **changes: Any) -> str:
        """A question that a lawyer has."""
        found = self.accepted(**changes)
        self.done(self.lawyer, found, "claim")
        return found

    def in_review(self, answer: str = ANSWER, **changes: Any) -> str:
        """A question whose answer waits for the second person."""
        found = self.claimed(**changes)
        self.done(self.lawyer, found, "answer", {"text": answer, "citations": [CITATION]})
        return found

    def answered(self, answer: str = ANSWER, **changes: Any) -> str:
        """A question with a signed answer."""
        found = self.in_review(answer, **changes)
        self.done(self.reviewer, found, "sign-off", {"decision": "approve"})
        return found

    def mine(self, consultation_id: str) -> dict[str, Any]:
        """The consultation as its resident sees it."""
        answer = self.api.get(f"/consultations/{consultation_id}", headers=self.resident)
        assert answer.status_code == 200, answer.json
        return answer.json


@pytest.fixture
def district(api: JsonClient, clock: SettableClock) -> District:
    """A district at work, on a Monday morning."""
    make_category()
    make_law()
    # With the year's table, so that the ends of periods are not provisional.
    working_days.load(settings().content_dir, years=[2026])
    people = {
        "moderator": make_staff(roles=["moderator"]),
        "lawyer": make_staff(roles=["lawyer"]),
        "other_lawyer": make_staff(roles=["lawyer"]),
        "reviewer": make_staff(roles=["reviewer"]),
    }
    headers = {name: staff_headers(staff=person) for name, person in people.items()}
    resident = resident_headers(resident=make_resident())
    ids = {name: person.id for name, person in people.items()}
    return District(api=api, resident=resident, people=ids, **headers)
