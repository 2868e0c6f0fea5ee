"""From rows to what a schema dumps: allowed actions, next step, masked numbers. One place, so that no route forgets one."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from portal.accounts.identity import phones
from portal.core import clock
from portal.core.actor import Actor
from portal.notary import bringing, case_presenting, next_steps, policies
from portal.notary.models import (
    PENDING_STATES,
    BookingState,
    NotaryBooking,
    NotaryMatter,
    NotaryNoShow,
    NotaryOffice,
    NotaryParty,
    NotaryWaiting,
)
from portal.notary.operations import changing, next_free, persons
from portal.notary.queries import bookings, cases, contacts, day, elsewhere
from portal.notary.queries.availability import OfficeAvailability
from portal.notary.schemas import NotaryMatterSchema, NotaryOfficeSchema
from portal.notary.workflow import BOOKING, WAITING

_BASE = "/api/v1/notary"


def office(found: NotaryOffice) -> dict[str, Any]:
    """An office as people see it."""
    return {
        "id": found.id,
        "name": found.name,
        "address": found.address,
        "phone": found.phone,
        "closes_on": found.closes_on,
        "hold_minutes": found.hold_minutes,
        "lead_workdays": found.lead_workdays,
        "horizon_workdays": found.horizon_workdays,
    }


def availability(found: OfficeAvailability) -> dict[str, Any]:
    """An office's days, ready as JSON: a month of all offices is six hundred of them."""
    return {
        "office_id": str(found.office.id),
        "office_name": found.office.name,
        "days": [
            {
                "date": day.day.isoformat(),
                "free": day.free,
                "times": [_told(each) for each in day.times],
                "reason": None if day.reason is None else day.reason.value,
                "reason_text": day.reason_text,
                "provisional": day.provisional,
            }
            for day in found.days
        ],
        "next_free_day": None if found.next_free_day is None else found.next_free_day.isoformat(),
    }


# Nothing is booked, moved or put right of a matter that is no longer done.
_WHILE_SERVED = frozenset({"confirm", "reschedule", "correct_details"})


def _address(action: str, booking: NotaryBooking) -> tuple[str, str] | None:
    own = f"{_BASE}/appointments/{booking.id}"
    if action == "confirm" and booking.replaces_id is not None:
        return "POST", f"{_BASE}/appointments/{booking.replaces_id}/other-time"
    addresses = {
        "confirm": ("POST", f"{_BASE}/appointments"),
        "release": ("DELETE", f"{_BASE}/holds/{booking.id}"),
        "reschedule": ("POST", f"{own}/reschedule"),
        "cancel": ("POST", f"{own}/cancellation"),
        "correct_details": ("PATCH", own),
    }
    return addresses.get(action)


def actions(actor: Actor, booking: NotaryBooking) -> list[dict[str, str]]:
    """What the caller may do now, and where."""
    over = booking.kept_until is not None and booking.kept_until <= clock.now()
    begun = booking.state is BookingState.CONFIRMED and booking.starts_at <= clock.now()
    too_late = begun and not booking.has_to_move
    found = []
    for row in BOOKING.allowed(booking, actor):
        address = _address(row.action, booking)
        if address is None or over or too_late:
            continue
        if row.action in _WHILE_SERVED and not booking.matter.active:
            continue
        method, url = address
        found.append({"action": row.action, "label": row.label, "method": method, "url": url})
    return found


def appeals(
    actor: Actor, booking: NotaryBooking, rows: Sequence[NotaryNoShow]
) -> list[dict[str, str]]:
    """Where the person of a missed appointment may dispute the mark, once."""
    if not any(row.may_be_disputed for row in rows) or not policies.can_speak_for(actor, booking):
        return []
    url = f"{_BASE}/appointments/{booking.id}/no-show-appeal"
    return [{"action": "appeal", "label": "申诉", "method": "POST", "url": url}]


def hold(actor: Actor, booking: NotaryBooking) -> dict[str, Any]:
    """A time that is kept for somebody, ready as JSON: in a rush thousands hold one at the same office."""
    kept_until, priority, replaces = booking.kept_until, booking.priority, booking.replaces_id
    return {
        "id": str(booking.id),
        "state": booking.state.value,
        "state_label": booking.state.label,
        "office": _known(booking.office, booking.office.office.version, _office_dumped),
        "matter": _known(booking.matter, 0, _MATTER.dump),
        "starts_at": _told(booking.starts_at),
        "ends_at": _told(booking.ends_at),
        "party_count": booking.party_count,
        "priority": None if priority is None else priority.value,
        "kept_until": None if kept_until is None else _told(kept_until),
        "replaces_id": None if replaces is None else str(replaces),
        "next_step": next_steps.of_hold(booking),
        "allowed_actions": actions(actor, booking),
    }


def _told(instant: datetime) -> str:
    return clock.local(instant).isoformat(timespec="seconds")


def _office_dumped(found: NotaryOffice) -> Any:
    return _OFFICE.dump(office(found))


# Made once: a schema copies all of its fields when it is made.
_OFFICE, _MATTER = NotaryOfficeSchema(), NotaryMatterSchema()
_MOST_KNOWN = 500
_dumped: dict[tuple[uuid.UUID, int, int], Any] = {}


def _known(
    found: NotaryOffice | NotaryMatter, part: int, dump: Callable[[Any], Any]
) -> dict[str, Any]:
    """Return the JSON of an office or a matter, made once for each of its versions (`part` is that of what belongs to it)."""
    key = found.id, found.version, part
    made: dict[str, Any] | None = _dumped.get(key)
    if made is None:
        if len(_dumped) >= _MOST_KNOWN:
            _dumped.clear()
        made = _dumped[key] = dump(found)
    return made


def summary(actor: Actor, booking: NotaryBooking) -> dict[str, Any]:
    """One line of the person's own list."""
    affected = booking.has_to_move
    return {
        "id": booking.id,
        "reference": booking.reference,
        "state": booking.state,
        "office": office(booking.office),
        "matter": booking.matter,
        "starts_at": booking.starts_at,
        "ends_at": booking.ends_at,
        "affected": affected,
        "next_step": next_steps.of_booking(booking),
        "allowed_actions": actions(actor, booking),
    }


def appointment(actor: Actor, booking: NotaryBooking) -> dict[str, Any]:
    """The whole appointment as its person sees it; numbers of documents are masked even there."""
    affected = booking.has_to_move
    other = changing.other_times_of([booking]).get(booking.id) if affected else None
    own = actions(actor, booking)
    that_day = next_free.on_lost_day(booking) if affected else []
    may_cancel = any(each["action"] == "cancel" for each in own)
    expected = booking.state is BookingState.CONFIRMED and booking.day >= clock.today()
    missed = day.no_shows(booking.id) if booking.state is BookingState.NO_SHOW else []
    there = booking.state is BookingState.CHECKED_IN
    number = cases.ticket_of(booking.id) if there else None
    next_step = (
        next_steps.of_affected(booking, other)
        if affected
        else next_steps.of_visit(booking, number, missed)
    )
    return {
        **summary(actor, booking),
        "next_step": next_step,
        "party_count": booking.party_count,
        "priority": booking.priority,
        "connection_basis": booking.connection_basis,
        "immovable": booking.immovable,
        "foreign_use": booking.foreign_use,
        "foreign_country": booking.foreign_country,
        "dispute": booking.dispute,
        "fee_relief": booking.fee_relief,
        "contact_safety": booking.contact_safety,
        "contact_phone": phones.mask_phone(booking.contact_phone),
        "confirmed_at": booking.confirmed_at,
        "check_in_code": booking.check_in_code if expected else None,
        "cancellation_token": changing.link_token(booking) if may_cancel else None,
        "affected_reason": booking.affected_reason if affected else None,
        "cancellation_reason": booking.cancellation_reason,
        "other_time": other_time(other) if other is not None else None,
        "times_that_day": that_day,
        "allowed_actions": [
            *([_acceptance(other)] if other is not None else []),
            *own,
            *appeals(actor, booking, missed),
        ],
        "parties": [_party(each, booking.day) for each in booking.parties],
        "agent": case_presenting.representative(booking.agent),
        "papers": bringing.papers(booking),
        "hints": [
            *(next_steps.of_two_places(*each) for each in elsewhere.at_two_places(booking)),
            *bringing.hints(booking),
            *next_steps.of_lost_day(that_day),
        ],
        "deadlines": _deadlines(booking),
        "timeline": booking.history,
    }


def _deadlines(booking: NotaryBooking) -> list[Any]:
    """A booking has none of its own: they begin with the acceptance, and run on its case."""
    case = cases.of_booking(booking.id)
    return case_presenting.deadlines([case])[case.id] if case is not None else []


def affected(found: Sequence[NotaryBooking], kept: Mapping[Any, NotaryBooking]) -> list[Any]:
    """Bookings that have to move, for staff, each with the other time that is kept for it and whether to ring."""
    contact = contacts.of_bookings(found)
    names = ("id", "reference", "state", "starts_at", "affected_reason")
    return [
        {
            **{name: getattr(booking, name) for name in names},
            "other_time": other_time(kept[booking.id]) if booking.id in kept else None,
            "to_be_rung": contact[booking.id].phone is not None
            # Who has no account cannot take what is kept for them by themselves.
            and (booking.booked_by_id is not None or booking.id not in kept),
        }
        for booking in found
    ]


def other_time(booking: NotaryBooking) -> dict[str, Any]:
    """The time that is kept instead of one that cannot be."""
    return {
        "id": booking.id,
        "starts_at": booking.starts_at,
        "ends_at": booking.ends_at,
        "kept_until": booking.kept_until,
    }


def _acceptance(other: NotaryBooking) -> dict[str, str]:
    url = f"{_BASE}/appointments/{other.replaces_id}/other-time"
    return {"action": "accept_other_time", "label": "改到留出的时段", "method": "POST", "url": url}


def _party(party: NotaryParty, day: date) -> dict[str, Any]:
    return {
        "kind": party.kind,
        "name": party.name,
        "document_type": party.document_type,
        "document_number": persons.shown_number(party),
        "by_agent": party.by_agent,
        "lacks_capacity": party.lacks_capacity,
        "guardian": case_presenting.representative(party.guardian_on(day)),
    }


def waiting(actor: Actor, entry: NotaryWaiting) -> dict[str, Any]:
    """A place in the list."""
    allowed = [
        {
            "action": row.action,
            "label": row.label,
            "method": "DELETE",
            "url": f"{_BASE}/waiting-list/{entry.id}",
        }
        for row in WAITING.allowed(entry, actor)
        if row.action == "leave"
    ]
    return {
        "id": entry.id,
        "state": entry.state,
        "office_id": entry.office_id,
        "matter": entry.matter,
        "party_count": entry.party_count,
        "priority": entry.priority,
        "from_day": entry.from_day,
        "until_day": entry.until_day,
        "ahead": bookings.ahead_of(entry),
        "created_at": entry.created_at,
        "allowed_actions": allowed,
    }


def may_be_kept(booking: NotaryBooking) -> bool:
    """True while the booking is a hold or an offer whose time is not over and that its person can take."""
    if booking.state not in PENDING_STATES or booking.kept_until is None:
        return False
    if booking.replaces_id is not None:
        moving = bookings.find(booking.replaces_id)
        return moving is not None and moving.id in changing.other_times_of([moving])
    return booking.kept_until > clock.now()
