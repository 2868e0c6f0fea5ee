"""Answers that are not dumped by their schema, for speed, have its form all the same."""

from __future__ import annotations

import uuid

from portal.core.db import db
from portal.notary import presenting
from portal.notary.models import NotaryBooking
from portal.notary.schemas import NotaryHoldSchema
from tests.factories.people import make_staff, staff_headers
from tests.notary.screen import Counter


def told(held: dict[str, object]) -> object:
    """What the schema makes of a hold."""
    booking = db.session.get_one(NotaryBooking, uuid.UUID(str(held["id"])))
    rows = {
        **{name: getattr(booking, name) for name in held if hasattr(booking, name)},
        "office": presenting.office(booking.office),
        "matter": booking.matter,
        "next_step": held["next_step"],
        "allowed_actions": held["allowed_actions"],
    }
    return NotaryHoldSchema().dump(rows)


def test_a_hold_is_told_in_the_form_of_its_schema(person: Counter) -> None:
    held = person.hold(priority="elderly")
    assert held == told(held)
    assert person.got("/notary/holds")["items"] == [held]


def test_a_hold_tells_of_its_office_and_matter_what_was_edited_last(person: Counter) -> None:
    person.hold()
    clerk = staff_headers(staff=make_staff(["notary_clerk"]))
    path = f"/staff/notary/offices/{person.desk.office.id}"
    match = {**clerk, "If-Match": person.api.get(path, headers=clerk).headers["ETag"]}
    assert person.api.patch(path, {"phone": "023-43722148"}, headers=match).status_code == 200
    (matter,) = person.api.get("/staff/notary/matters", headers=clerk).json["items"]
    path = f"/staff/notary/matters/{matter['id']}"
    match = {**clerk, "If-Match": matter["version"]}
    assert person.api.patch(path, {"checklist": ["户口簿"]}, headers=match).status_code == 200
    (held,) = person.got("/notary/holds")["items"]
    assert held["office"]["phone"] == "023-43722148"
    assert held["matter"]["checklist"] == ["户口簿"]
