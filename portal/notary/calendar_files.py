"""Appointments as iCalendar text (RFC 5545): lines of at most 75 octets, escaped text, times in UTC.

What is written lands in calendars that other people and companies see, so it names no matter and no person.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

from portal.accounts.models import ContactSafety
from portal.core import clock
from portal.notary.models import BookingState, NotaryBooking
from portal.notifications.gate import strictest

MEDIA_TYPE = "text/calendar"
_LONGEST = 75
# A calendar has at least one component (RFC 5545, 3.6): where there is no appointment, the zone that times are given in.
_ZONE = [
    "BEGIN:VTIMEZONE",
    "TZID:Etc/UTC",
    "BEGIN:STANDARD",
    "DTSTART:19700101T000000",
    "TZOFFSETFROM:+0000",
    "TZOFFSETTO:+0000",
    "END:STANDARD",
    "END:VTIMEZONE",
]


def calendar(bookings: Iterable[NotaryBooking], wishes: Mapping[uuid.UUID, ContactSafety]) -> str:
    """Return a calendar with one event per booking; `wishes` are those of the accounts, by id.

    As with messages, the stricter of the account's and the booking's wish decides what is said.
    """
    # No METHOD: a published event would have to name an organizer by a mail address (RFC 5546, 3.2.1), and there is none.
    events: list[str] = []
    for booking in bookings:
        own = wishes.get(booking.account_id) if booking.account_id else None
        events += _event(booking, strictest(own, booking.contact_safety))
    head = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//portal//notary//ZH"]
    lines = [*head, *(events or _ZONE), "END:VCALENDAR"]
    return "".join(f"{fold(line)}\r\n" for line in lines)


def _event(booking: NotaryBooking, wish: ContactSafety) -> list[str]:
    told = wish is ContactSafety.NORMAL
    lines = [
        "BEGIN:VEVENT",
        f"UID:{booking.id}@portal",
        # Without a METHOD both say when it was last changed (RFC 5545, 3.8.7.2): what stays as it was reads the same.
        f"DTSTAMP:{_utc(booking.updated_at)}",
        f"LAST-MODIFIED:{_utc(booking.updated_at)}",
        f"SEQUENCE:{booking.version}",
        f"DTSTART:{_utc(booking.starts_at)}",
        f"DTEND:{_utc(booking.ends_at)}",
        f"STATUS:{_status(booking)}",
        f"SUMMARY:{escape(f'公证预约 {booking.reference}' if told else '预约')}",
    ]
    if told:
        lines.append(f"LOCATION:{escape(' '.join([booking.office.name, booking.office.address]))}")
        lines.append(f"DESCRIPTION:{escape(_description(booking))}")
    return [*lines, "END:VEVENT"]


def _description(booking: NotaryBooking) -> str:
    if booking.state is BookingState.CONFIRMED and booking.starts_at > clock.now():
        return "要带的材料请登录查看。来不了请提前取消或者改期。"
    if booking.state is not BookingState.CANCELLED:
        return "办理情况请登录查看。"
    if booking.cancellation_reason is None:
        return "这个预约已取消；需要时可以重新预约。"
    return "公证机构取消了这个预约，不计入未到场次数；原因请登录查看，需要时可以重新预约。"


def _status(booking: NotaryBooking) -> str:
    if booking.state is BookingState.CANCELLED:
        return "CANCELLED"
    return "TENTATIVE" if booking.has_to_move else "CONFIRMED"


def _utc(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")


def escape(text: str) -> str:
    """Return `text` as a value of type TEXT (RFC 5545, 3.3.11)."""
    text = text.strip().replace("\\", "\\\\").replace(";", "\\;").replace(",", "\\,")
    return text.replace("\r\n", "\\n").replace("\n", "\\n").replace("\r", "")


def fold(line: str) -> str:
    """Return the line in pieces of at most 75 octets, never cutting a character (RFC 5545, 3.1)."""
    pieces, piece, size = [], "", 0
    for sign in line:
        octets = len(sign.encode())
        # A following piece begins with a blank, which counts.
        if size + octets > _LONGEST:
            pieces.append(piece)
            piece, size = " ", 1
        piece += sign
        size += octets
    return "\r\n".join([*pieces, piece])
