"""From rows to what the desk shows: masked people, numbers with their estimated wait, what may be done and where."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from portal.accounts.identity import names, phones
from portal.accounts.models import Role, StaffMember
from portal.core import clock
from portal.core.actor import Actor
from portal.notary import bringing, next_steps, policies, presenting
from portal.notary.case_presenting import representative
from portal.notary.models import (
    AppealState,
    BookingState,
    NotaryBooking,
    NotaryCase,
    NotaryNoShow,
    NotaryParty,
    NotaryTicket,
    TicketState,
)
from portal.notary.operations import changing, persons, ringing
from portal.notary.operations.day import hints
from portal.notary.operations.no_shows import marked_today, possible_from
from portal.notary.operations.tickets import may_be_called
from portal.notary.queries import contacts
from portal.notary.queries.contacts import Contact
from portal.notary.queries.day import Sheet
from portal.notary.queries.queue import AT_DESK, NEW, Desk
from portal.notary.workflow import BOOKING, TICKET
from portal.web.conditional import etag_of

_STAFF = "/api/v1/staff/notary"
_TICKET_ADDRESSES = {
    "call": "call",
    "start": "start",
    "done": "completion",
    "no_show": "pass",
    "leave": "leaving",
    "come_back": "return",
    "reopen": "reopening",
}
# A number is of use on its day.
_TODAY_ONLY = frozenset({"call", "come_back", "reopen"})
_BOOKING_ADDRESSES = {
    "check_in": "check-in",
    "come_back": "check-in",
    "attend": "attendance",
    "no_show": "no-show",
    "revert_no_show": "no-show-reversal",
    "revert_check_in": "check-in-reversal",
    "revert_not_accept": "non-acceptance-reversal",
    "accept": "acceptance",
    "not_accept": "non-acceptance",
    "cancel": "cancellation",
    "reschedule": "reschedule",
    "withdraw": "withdrawal",
}


def _version(subject: Any) -> str:
    return f'"{etag_of(subject)}"'


def _action(action: str, label: str, url: str) -> dict[str, str]:
    return {"action": action, "label": label, "method": "POST", "url": url}


def ticket_actions(
    actor: Actor, ticket: NotaryTicket, *, accepted: bool = False
) -> list[dict[str, str]]:
    """What the caller may do with a number; `accepted`: it has led to a case."""
    base = f"{_STAFF}/tickets/{ticket.id}"
    today, refused = ticket.day == clock.today(), ticket.not_accepted_note is not None
    decided = accepted or refused
    found = [
        _action(row.action, row.label, f"{base}/{_TICKET_ADDRESSES[row.action]}")
        for row in TICKET.allowed(ticket, actor)
        if row.action in _TICKET_ADDRESSES
        and (today or row.action not in _TODAY_ONLY)
        and not (decided and row.action == "reopen")
        and not (row.action == "come_back" and ticket.of_forgotten)
    ]
    if ticket.booking_id is not None or not policies.can_serve(actor, ticket):
        return found
    if ticket.state in AT_DESK and not decided:
        found.append(_action("accept", "受理", f"{base}/acceptance"))
        found.append(_action("not_accept", "不予受理", f"{base}/non-acceptance"))
    if refused and today:
        found.append(
            _action("revert_not_accept", "撤销不予受理", f"{base}/non-acceptance-reversal")
        )
    return found


def ticket(
    actor: Actor,
    found: NotaryTicket,
    counters: dict[Any, str],
    desk: Desk | None = None,
    *,
    accepted: bool = False,
    whole: bool = False,
) -> dict[str, Any]:
    """A number for staff; with `desk` its estimated wait. Reasons, which may tell of a person, only as a `whole`."""
    waits = desk is not None and found.state is TicketState.WAITING
    wait = desk.waits.get(found.id) if desk is not None and waits else None
    return {
        **{
            name: getattr(found, name)
            for name in (
                "id",
                "number",
                "day",
                "state",
                "booking_id",
                "priority",
                "party_count",
                "issued_at",
                "called_at",
                "calls",
                "started_at",
                "ended_at",
                "not_accepted_ground",
            )
        },
        "not_accepted_note": found.not_accepted_note if whole else None,
        "booked": found.booking_id is not None,
        "matter": found.matter.name if found.matter else None,
        "counter": counters.get(found.counter_id),
        "wait_text": desk.said(found.id) if desk is not None and waits else None,
        "wait_low_minutes": wait.low if wait else None,
        "wait_high_minutes": wait.high if wait else None,
        "allowed_actions": ticket_actions(actor, found, accepted=accepted),
        "version": _version(found),
    }


def numbers(
    actor: Actor,
    found: Sequence[NotaryTicket],
    counters: dict[Any, str],
    cases: Mapping[Any, str],
) -> list[dict[str, Any]]:
    """Numbers in a list, each with the reference of the case it led to."""
    return [
        {
            **ticket(actor, each, counters, accepted=each.id in cases),
            "case_reference": cases.get(each.id),
        }
        for each in found
    ]


def counter_names(desk: Desk) -> dict[Any, str]:
    """Return the names of the office's counters by id."""
    return {counter_id: counter.name for counter_id, counter in desk.counters.items()}


def queue(actor: Actor, desk: Desk, cases: Mapping[Any, str]) -> dict[str, Any]:
    """The desk for staff; `cases`: the references of the cases its numbers led to."""
    counters = counter_names(desk)

    def those(*states: TicketState) -> list[dict[str, Any]]:
        return [
            ticket(actor, t, counters, accepted=t.id in cases)
            for t in desk.tickets
            if t.state in states
        ]

    return {
        "waiting": [ticket(actor, each, counters, desk) for each in desk.waiting],
        "at_desk": those(*AT_DESK),
        "passed": those(TicketState.NO_SHOW),
        "expected": len(desk.expected),
        "new_wait_text": desk.said(NEW),
    }


def public_queue(desk: Desk) -> dict[str, Any]:
    """The desk for everybody: numbers and counters, no person."""
    counters = counter_names(desk)
    return {
        "called": [
            {"number": t.number, "counter": counters.get(t.counter_id)}
            for t in desk.tickets
            if t.state in AT_DESK
        ],
        "waiting": len(desk.waiting),
        "wait_text": desk.said(NEW),
    }


def my_ticket(desk: Desk, found: NotaryTicket) -> dict[str, Any]:
    """The number of one's own appointment."""
    waiting = [each.id for each in desk.waiting]
    waits = found.id in waiting
    return {
        "number": found.number,
        "state": found.state,
        "counter": counter_names(desk).get(found.counter_id),
        "ahead": waiting.index(found.id) if waits else None,
        "wait_text": desk.said(found.id) if waits else None,
    }


def _masked(party: NotaryParty, day: date, *, whole_name: bool = False) -> dict[str, Any]:
    return {
        "kind": party.kind,
        "name": party.name if whole_name or party.forgotten else names.mask_name(party.name),
        "document_type": party.document_type,
        "document_number": persons.shown_number(party),
        "by_agent": party.by_agent,
        "guardian": representative(party.guardian_on(day), whole_name=whole_name),
    }


def _contact(contact: Contact) -> dict[str, Any]:
    return {
        "contact_phone": phones.mask_phone(contact.phone),
        "contact_safety": contact.safety,
    }


def _notes(booking: NotaryBooking, contact: Contact) -> list[str]:
    untold = booking.untold_since is not None
    return [
        *hints(booking),
        *(["没有消息能告知当事人时段的变化，请另行告知并登记。"] if untold else []),
        *([contact.warning] if contact.warning else []),
    ]


def _of_appeal(booking: NotaryBooking, rows: list[NotaryNoShow]) -> list[str]:
    """Why an appeal that waits for its decision says nothing."""
    waits = any(row.appeal is AppealState.OPEN for row in rows)
    if not waits or not booking.account_closed or rows[0].appeal_text is not None:
        return []
    return ["申诉人的账号已经注销，申诉的内容随之清除；请按当天的记录处理。"]


def untold(booking: NotaryBooking, contact: Contact, other: NotaryBooking | None) -> dict[str, Any]:
    """A line of the list of those who have to be told in another way."""
    return {
        **looked_up(booking),
        "untold_since": booking.untold_since,
        "to_tell": next_steps.to_tell(booking, other),
        "how_to_reach": next_steps.how_to_reach(
            booking, rung=contact.may_be_rung, phone=contact.phone is not None
        ),
    }


def sheet(actor: Actor, found: Sheet) -> dict[str, Any]:
    """The office's day, people masked."""
    rows = []
    counts: dict[str, int] = {}
    contact = contacts.of_bookings(found.bookings)
    for booking in found.bookings:
        number = found.ticket_of(booking)
        counts[booking.state.value] = counts.get(booking.state.value, 0) + 1
        rows.append(
            {
                "id": booking.id,
                "reference": booking.reference,
                "state": booking.state,
                "starts_at": booking.starts_at,
                "ends_at": booking.ends_at,
                "counter": found.counters.get(booking.counter_id),
                "matter": booking.matter.name,
                "party_count": booking.party_count,
                "parties": [_masked(party, booking.day) for party in booking.parties],
                "agent": representative(booking.agent, whole_name=False),
                **_contact(contact[booking.id]),
                "affected": booking.has_to_move,
                "notes": _notes(booking, contact[booking.id]),
                "ticket_number": number.number if number else None,
                "case_reference": found.cases.get(number.id) if number else None,
                "version": _version(booking),
            }
        )
    walk_ins = [
        each
        for each in found.tickets
        if each.booking_id is None and each.state is not TicketState.VOID
    ]
    return {
        "office": found.office.name,
        "day": found.day,
        "appointments": rows,
        "walk_ins": numbers(actor, walk_ins, found.counters, found.cases),
        "counts": {**counts, "walk_ins": len(walk_ins)},
    }


def no_show(rows: list[NotaryNoShow]) -> dict[str, Any] | None:
    """What is written down about a missed appointment; the same for all its parties."""
    if not rows:
        return None
    row = rows[0]
    return {
        "expires_on": row.expires_on,
        "counts": row.counts,
        "appeal": row.appeal,
        "appeal_text": row.appeal_text,
        "appealed_at": row.appealed_at,
        "decision_note": row.decision_note,
        "decided_at": row.decided_at,
    }


def visit(
    actor: Actor,
    booking: NotaryBooking,
    *,
    rows: list[NotaryNoShow],
    number: NotaryTicket | None,
    desk: Desk | None,
) -> dict[str, Any]:
    """What became of one's own appointment on its day."""
    refused = number is not None and booking.state is BookingState.NOT_ACCEPTED
    return {
        "reference": booking.reference,
        "state": booking.state,
        "ticket": my_ticket(desk, number) if desk is not None and number is not None else None,
        "no_show": no_show(rows),
        "not_accepted": {"ground": number.not_accepted_ground, "note": number.not_accepted_note}
        if number is not None and refused
        else None,
        "next_step": next_steps.of_visit(booking, number, rows),
        "allowed_actions": presenting.appeals(actor, booking, rows),
    }


def _booking_actions(
    actor: Actor,
    booking: NotaryBooking,
    rows: list[NotaryNoShow],
    number: NotaryTicket | None,
    other: NotaryBooking | None,
    *,
    to_ring: bool,
) -> list[dict[str, str]]:
    base = f"{_STAFF}/appointments/{booking.id}"
    today, late = clock.today(), possible_from(booking) <= clock.now()
    ended_on = clock.local(booking.ended_at).date() if booking.ended_at else None
    ahead = booking.has_to_move or booking.starts_at > clock.now()
    # Who they were is forgotten with the account, so what has ended does not stand again (`persons.require_known`).
    known = not booking.account_closed
    possible = {
        "check_in": booking.day == today,
        "come_back": booking.day == today and known,
        "attend": booking.day < today,
        "no_show": late and booking.affected_at is None and booking.untold_since is None,
        "revert_no_show": marked_today(booking) and known,
        "revert_check_in": booking.day == today and number is not None and may_be_called(number),
        "revert_not_accept": ended_on == today and known,
        "reschedule": ahead and booking.matter.active,
        "withdraw": ahead,
    }
    found = [
        _action(row.action, row.label, f"{base}/{_BOOKING_ADDRESSES[row.action]}")
        for row in BOOKING.allowed(booking, actor)
        if row.action in _BOOKING_ADDRESSES and possible.get(row.action, True)
    ]
    if not policies.can_serve(actor, booking):
        return found
    found += [
        _action("correct_party", "照证件更正当事人信息", f"{base}/parties/{place}/correction")
        for place, party in enumerate(booking.parties)
        if party.active
    ]
    if other is not None:
        found.append(_action("accept_other_time", "改到留出的时段", f"{base}/other-time"))
    if any(row.may_be_disputed for row in rows):
        found.append(_action("appeal", "提出申诉", f"{base}/no-show-appeal"))
    if any(row.appeal is AppealState.OPEN for row in rows):
        found.append(_action("decide_appeal", "处理申诉", f"{base}/no-show-appeal-decision"))
    if any(row.appeal is AppealState.DENIED and not row.expired for row in rows):
        found.append(_action("reopen_appeal", "重新处理申诉", f"{base}/no-show-appeal-reopening"))
    if booking.untold_since is not None:
        found.append(_action("told", "登记已经另行告知", f"{base}/told"))
    if to_ring:
        found.append(_action("show_phone", "查看电话，打电话告知", f"{base}/phone"))
    return found


def appointment(
    actor: Actor,
    booking: NotaryBooking,
    *,
    number: NotaryTicket | None,
    rows: list[NotaryNoShow],
    case: NotaryCase | None,
    desk: Desk | None = None,
) -> dict[str, Any]:
    """An appointment for the staff who open it one by one: the names in full, numbers masked."""
    counters = counter_names(desk) if desk is not None else {}
    contact = contacts.of_bookings([booking])[booking.id]
    affected = booking.has_to_move
    other = changing.other_times_of([booking]).get(booking.id) if affected else None
    to_ring = ringing.has_to_ring(actor, booking, contact)
    later = ringing.not_now() if to_ring else None
    return {
        **{
            name: getattr(booking, name)
            for name in (
                "id",
                "reference",
                "state",
                "office_id",
                "day",
                "starts_at",
                "ends_at",
                "party_count",
                "connection_basis",
                "priority",
                "affected_reason",
                "cancellation_reason",
                "untold_since",
            )
        },
        "matter": booking.matter.name,
        "parties": [_masked(party, booking.day, whole_name=True) for party in booking.parties],
        "agent": representative(booking.agent),
        **_contact(contact),
        "with_account": booking.booked_by_id is None,
        "other_time": presenting.other_time(other) if other is not None else None,
        "papers": bringing.papers(booking),
        "hints": [
            *_notes(booking, contact),
            *([f"现在是不打扰当事人的时间，{later}"] if later else []),
            *_of_appeal(booking, rows),
        ],
        "ticket": ticket(actor, number, counters, desk, accepted=case is not None, whole=True)
        if number
        else None,
        "no_show": no_show(rows),
        "case_id": case.id if case else None,
        "timeline": booking.history,
        "allowed_actions": _booking_actions(
            actor, booking, rows, number, other, to_ring=to_ring and later is None
        ),
    }


def colleague(person: StaffMember) -> dict[str, Any]:
    """Somebody who may act at the office."""
    return {"id": person.id, "name": person.display_name, "role": Role(policies.CLERK)}


def looked_up(booking: NotaryBooking) -> dict[str, Any]:
    """An appointment that was looked up."""
    return {**listed(booking), "state": booking.state, "office_id": booking.office_id}


def listed(booking: NotaryBooking) -> dict[str, Any]:
    """A line of a list of appointments that wait for a step of the office."""
    return {
        "id": booking.id,
        "reference": booking.reference,
        "starts_at": booking.starts_at,
        "matter": booking.matter.name,
        "version": _version(booking),
    }
