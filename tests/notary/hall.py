"""The hall of a notary office over HTTP: clerks, people with and without an appointment, and their steps."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any

from portal.accounts import queries as accounts
from portal.core.actor import Actor, ActorKind
from tests.conftest import JsonClient
from tests.factories.notary import make_notary_office
from tests.factories.people import (
    id_number,
    make_resident,
    make_staff,
    resident_headers,
    staff_headers,
)
from tests.notary.conftest import Desk, actor_of, party

STAFF = "/staff/notary"
REASONS = "户口簿与身份证上的出生日期不一致，请核实后再来。"
Headers = dict[str, str]


@dataclass(frozen=True)
class Fresh:
    """Sessions of staff, new at each use: they do not outlast a moved clock."""

    people: dict[str, uuid.UUID]

    def __getitem__(self, name: str) -> Headers:
        return staff_headers(staff=accounts.staff_member(self.people[name]))


@dataclass(frozen=True)
class Booked:
    """An appointment as its person knows it."""

    id: uuid.UUID
    reference: str
    code: str
    resident_id: uuid.UUID

    @property
    def actor(self) -> Actor:
        """The person as an operation knows them."""
        return Actor(ActorKind.RESIDENT, self.resident_id)


@dataclass
class Hall:
    """Everybody at the office on the first morning, and the steps that a test begins with."""

    api: JsonClient
    desk: Desk
    people: dict[str, uuid.UUID]
    office_id: uuid.UUID
    counter_id: uuid.UUID
    counter: str
    matter_id: uuid.UUID

    @property
    def office(self) -> str:
        """The path of the office for staff."""
        return f"{STAFF}/offices/{self.office_id}"

    @property
    def headers(self) -> Fresh:
        """Headers of staff by name."""
        return Fresh(self.people)

    def booked(self, when: str = "2026-03-02 09:30", **changes: Any) -> Booked:
        """Somebody with an account has an appointment."""
        resident = make_resident()
        parties = changes.pop("parties", (party(),))
        booking = self.desk.confirmed(actor_of(resident), when, *parties, **changes)
        assert booking.reference
        assert booking.check_in_code
        return Booked(booking.id, booking.reference, booking.check_in_code, resident.id)

    def as_resident(self, booking: Booked) -> Headers:
        """The headers of whose appointment it is."""
        return resident_headers(resident=accounts.resident(booking.resident_id))

    def mine(self, booking: Booked, what: str) -> Any:
        """A part of the appointment as its person sees it."""
        answer = self.api.get(
            f"/notary/appointments/{booking.id}/{what}", headers=self.as_resident(booking)
        )
        assert answer.status_code == 200, answer.json
        return answer.json

    def step(self, path: str, step: str, body: Any = None, who: str = "clerk") -> Any:
        """A step by staff at the version they see."""
        seen = self.api.get(path, headers=self.headers[who])
        if seen.status_code != 200:
            return seen
        headers = {**self.headers[who], "If-Match": seen.headers["ETag"]}
        return self.api.post(f"{path}/{step}", body, headers=headers)

    def done(self, path: str, step: str, body: Any = None, who: str = "clerk") -> dict[str, Any]:
        """A step by staff that must succeed."""
        answer = self.step(path, step, body, who)
        assert answer.status_code in (200, 201), answer.json
        found: dict[str, Any] = answer.json
        return found

    def at(self, booking: Booked) -> str:
        """The path of an appointment for staff."""
        return f"{STAFF}/appointments/{booking.id}"

    def checked_in(self, when: str = "2026-03-02 09:30", **changes: Any) -> Booked:
        """Somebody with an appointment has come."""
        booking = self.booked(when, **changes)
        self.done(self.at(booking), "check-in")
        return booking

    def accepted(self, **changes: Any) -> tuple[Booked, str]:
        """The appointment of somebody has been accepted; returns it and the path of the case."""
        booking = self.checked_in(**changes)
        case = self.done(self.at(booking), "acceptance", {})
        return booking, f"{STAFF}/cases/{case['id']}"

    def issued(self, number: str = "（2026）渝足证字第1号") -> tuple[Booked, str]:
        """The certificate of somebody has been issued and handed over."""
        booking, path = self.accepted()
        self.done(path, "certificate", self.certificate(number, handed_over=True))
        return booking, path

    def certificate(self, number: str = "（2026）渝足证字第1号", **changes: Any) -> dict[str, Any]:
        """What is written down with a certificate."""
        approver = str(self.people["approver"])
        return {"certificate_number": number, "approver_id": approver, **changes}

    def drawn(self, **body: Any) -> dict[str, Any]:
        """Somebody without an appointment draws a number."""
        answer = self.api.post(f"{self.office}/tickets", body, headers=self.headers["clerk"])
        assert answer.status_code == 201, answer.json
        found: dict[str, Any] = answer.json
        return found

    def next(self, who: str = "clerk") -> Any:
        """The clerk calls the next number."""
        body = {"counter_id": str(self.counter_id)}
        return self.api.post(f"{self.office}/queue/next", body, headers=self.headers[who])

    def seated(self) -> dict[str, Any]:
        """The next number is called, and its person comes."""
        return self.done(f"{STAFF}/tickets/{self.next().json['id']}", "start")

    def case(self, path: str) -> dict[str, Any]:
        """The case as the clerk sees it."""
        answer = self.api.get(path, headers=self.headers["clerk"])
        assert answer.status_code == 200, answer.json
        found: dict[str, Any] = answer.json
        return found


def deadline_of(shown: dict[str, Any], rule: str) -> dict[str, Any] | None:
    """The running deadline of a rule."""
    return next((d for d in shown["deadlines"] if d["rule"] == rule), None)


def desk_party(**changes: Any) -> dict[str, Any]:
    """A grown-up at the desk."""
    return {
        "name": "钱测试",
        "document_type": "resident_id",
        "document_number": id_number(),
        **changes,
    }


def open_hall(api: JsonClient, desk: Desk) -> Hall:
    """Return the office on Monday 2 March 2026 at 09:00, one counter of two seats, matters of half an hour."""
    office = desk.office.id
    elsewhere = make_notary_office(name="另一公证处").id
    people = {
        "clerk": make_staff(["notary_clerk"], office, display_name="甲公证员"),
        "colleague": make_staff(["notary_clerk"], office, display_name="乙公证员"),
        "approver": make_staff(["notary_clerk"], office, display_name="丙公证员"),
        "stranger": make_staff(["notary_clerk"], elsewhere, display_name="丁公证员"),
        "supervisor": make_staff(["supervisor"], display_name="戊督办"),
    }
    ids = {name: person.id for name, person in people.items()}
    return Hall(api, desk, ids, office, desk.counter.id, desk.counter.name, desk.matter.id)
