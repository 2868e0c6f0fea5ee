"""What calendars get: text that any of them reads (RFC 5545), and no more than strangers may see."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from portal.core.db import db
from portal.core.unit_of_work import unit_of_work
from portal.notary import calendar_files
from portal.notary.models import NotaryOffice
from tests.conftest import SettableClock
from tests.factories.people import resident_headers
from tests.notary.conftest import again, at
from tests.notary.hall import Booked, Hall

LONG = "某区公证处, 第二办证点; 法治大街1号\\2层\n（地铁口旁，进门左转，请带身份证件，三楼大厅设有无障碍通道和母婴室）"


def file_of(hall: Hall, booking: Booked) -> str:
    answer = hall.api.get(
        f"/notary/appointments/{booking.id}/calendar", headers=hall.as_resident(booking)
    )
    assert answer.status_code == 200, answer.text
    text: str = answer.get_data(as_text=True)
    return text


def read(text: str) -> dict[str, str]:
    """Read the one event of a calendar as RFC 5545 says: CR LF ends a line, a blank goes on, a backslash escapes."""
    assert "\n" not in text.replace("\r\n", "")
    lines = text.split("\r\n")
    assert lines.pop() == ""
    assert all(len(line.encode()) <= 75 for line in lines)
    whole: list[str] = []
    for line in lines:
        if line.startswith(" "):
            whole[-1] += line[1:]
        else:
            whole.append(line)
    assert whole[:2] == ["BEGIN:VCALENDAR", "VERSION:2.0"]
    assert whole[-1] == "END:VCALENDAR"
    event = whole[whole.index("BEGIN:VEVENT") + 1 : whole.index("END:VEVENT")]
    found = dict(line.split(":", 1) for line in event)
    assert len(found) == len(event)
    for name in ("SUMMARY", "LOCATION", "DESCRIPTION"):
        found[name] = _meant(found.get(name, ""))
    return found


def _meant(value: str) -> str:
    signs, text = iter(value), ""
    for sign in signs:
        if sign == "\\":
            escaped = next(signs)
            text += "\n" if escaped in "nN" else escaped
        else:
            assert sign not in ",;"
            text += sign
    return text


def moment(value: str) -> datetime:
    return datetime.strptime(value, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)


def test_a_calendar_reads_the_office_and_the_time_as_they_are(hall: Hall) -> None:
    with unit_of_work():
        office = db.session.get_one(NotaryOffice, hall.office_id, populate_existing=True)
        office.address = LONG
    event = read(file_of(hall, hall.booked("2026-03-03 09:30")))
    assert event["LOCATION"].endswith(LONG)
    assert moment(event["DTSTART"]) == at("2026-03-03 09:30")
    assert moment(event["DTEND"]) - moment(event["DTSTART"]) == timedelta(minutes=30)
    assert event["STATUS"] == "CONFIRMED"


def test_what_was_moved_or_cancelled_takes_the_place_of_what_a_calendar_has(
    hall: Hall, clock: SettableClock
) -> None:
    booking = hall.booked("2026-03-03 09:30")
    first = read(file_of(hall, booking))
    clock.advance(minutes=5)
    path, headers = f"/notary/appointments/{booking.id}", hall.as_resident(booking)
    hall.api.post(f"{path}/reschedule", {"starts_at": "2026-03-04T10:00:00+08:00"}, headers=headers)
    moved = read(file_of(hall, booking))
    hall.api.post(f"{path}/cancellation", headers=hall.as_resident(booking))
    gone = read(file_of(hall, booking))
    assert first["UID"] == moved["UID"] == gone["UID"]
    assert int(first["SEQUENCE"]) < int(moved["SEQUENCE"]) < int(gone["SEQUENCE"])
    assert moment(moved["DTSTART"]) == at("2026-03-04 10:00")
    assert gone["STATUS"] == "CANCELLED"


def test_what_did_not_change_is_the_same_file_and_names_no_method(
    hall: Hall, clock: SettableClock
) -> None:
    """A published calendar would have to name an organizer; without a method its stamp is that of the last change."""
    booking = hall.booked("2026-03-03 09:30")
    before = file_of(hall, booking)
    clock.advance(minutes=30)
    assert file_of(hall, booking) == before
    assert "METHOD" not in before
    event = read(before)
    assert event["DTSTAMP"] == event["LAST-MODIFIED"]
    assert moment(event["DTSTAMP"]) == again(booking.id).updated_at.replace(microsecond=0)


def test_a_calendar_of_who_has_no_appointment_is_one_too(hall: Hall) -> None:
    headers = resident_headers()
    address = hall.api.post("/notary/calendar-feed", headers=headers).json["url"]
    lines = hall.api.get(address.removeprefix("/api/v1")).get_data(as_text=True).split("\r\n")
    assert (lines[0], lines[-2:]) == ("BEGIN:VCALENDAR", ["END:VCALENDAR", ""])
    parts = [line.removeprefix("BEGIN:") for line in lines[1:] if line.startswith("BEGIN:")]
    assert parts == ["VTIMEZONE", "STANDARD"], "at least one component (RFC 5545, 3.6)"


@pytest.mark.parametrize("sign", ["公", "\U00020bb7", "é", "x"])
def test_no_line_is_too_long_nor_cut_within_a_character(sign: str) -> None:
    for length in range(1, 200):
        line = "X:" + sign * length
        pieces = calendar_files.fold(line).split("\r\n")
        assert all(len(piece.encode()) <= 75 for piece in pieces)
        assert pieces[0] + "".join(piece[1:] for piece in pieces[1:]) == line
        assert all(piece.startswith(" ") for piece in pieces[1:])


def test_an_address_that_was_taken_back_or_guessed_opens_nothing(hall: Hall) -> None:
    booking = hall.booked("2026-03-03 09:30")
    headers = hall.as_resident(booking)

    def fetched(url: str) -> int:
        code: int = hall.api.get(url.removeprefix("/api/v1")).status_code
        return code

    first = hall.api.post("/notary/calendar-feed", headers=headers).json["url"]
    assert fetched(first) == 200
    second = hall.api.post("/notary/calendar-feed", headers=headers).json["url"]
    assert (fetched(first), fetched(second)) == (404, 200)
    assert hall.api.delete("/notary/calendar-feed", headers=headers).status_code == 204
    assert fetched(second) == 404
    other = "A" if second[-1] != "A" else "B"
    assert fetched(second[:-1] + other) == 404
