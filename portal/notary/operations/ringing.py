"""The whole numbers of whom the office has to ring; everywhere else staff see them masked."""

from __future__ import annotations

from dataclasses import dataclass

from portal.core import clock
from portal.core.actor import Actor
from portal.core.errors import Conflict, Forbidden
from portal.core.unit_of_work import transactional
from portal.notary import policies
from portal.notary.models import NotaryBooking
from portal.notary.operations import changing, steps
from portal.notary.queries import contacts
from portal.notary.queries.contacts import Contact
from portal.notifications import quiet_hours


@dataclass(frozen=True)
class Representative:
    """Somebody who acts for a party, and can be rung in their place."""

    role: str
    name: str
    phone: str


@dataclass(frozen=True)
class Numbers:
    """Whom to ring: the person's own phone first, where one was left."""

    contact: Contact
    representatives: tuple[Representative, ...]


def _numbers(booking: NotaryBooking, contact: Contact) -> Numbers:
    """Return all numbers of an appointment; none of anybody where the person does not want to be rung."""
    if not contact.may_be_rung:
        return Numbers(contact, ())
    return Numbers(
        contact,
        tuple(
            Representative(role, person["name"], person["phone"])
            for role, person in booking.acting_on(booking.day)
        ),
    )


def has_to_ring(actor: Actor, booking: NotaryBooking, contact: Contact) -> bool:
    """True when the actor's office has to ring about a time that it cannot keep, or that no message has told of, and may.

    Whom an SMS has told of another time need not be rung; every account has a phone to which it goes. Who has no account
    cannot take that time without the office, so they are rung all the same.
    """
    if not policies.can_serve(actor, booking) or not _is_to_be_rung(booking):
        return False
    numbers = _numbers(booking, contact)
    return numbers.contact.phone is not None or bool(numbers.representatives)


def _is_to_be_rung(booking: NotaryBooking) -> bool:
    return booking.untold_since is not None or (
        booking.has_to_move
        and (booking.booked_by_id is not None or not changing.other_times_of([booking]))
    )


def not_now() -> str | None:
    """Return from when on people may be rung again, in words; None while they may."""
    until = quiet_hours.current().postponed(clock.now())
    return None if until is None else f"请在 {clock.spoken(until)} 以后再打电话。"


@transactional
def show_phone(actor: Actor, booking: NotaryBooking) -> Numbers:
    """Return whom to ring, with the whole numbers, and write down who has seen them.

    Raises Conflict where nobody has to be rung, where the person does not want it, and in the quiet hours.
    """
    if not policies.can_serve(actor, booking):
        raise Forbidden("您没有查看这个电话的权限。")
    numbers = _numbers(booking, contacts.of_bookings([booking])[booking.id])
    if numbers.contact.phone is None and not numbers.representatives:
        raise Conflict(
            numbers.contact.warning or "当事人没有留下电话。",
            code="no_phone_to_ring",
            next_step="当事人登录后会看到平台的消息；账号已经注销的，不用再联系。"
            if booking.booked_by_id is None
            else "当事人没有账号，请在其来电、到窗口时告知，或者寄信、上门告知；告知后请登记。",
        )
    if not _is_to_be_rung(booking):
        raise Conflict(
            "这个预约不需要打电话告知。",
            code="not_to_be_rung",
            next_step="只有原时段不能办理，又没有留出新时段或者没有消息能告知的，才需要打电话。",
        )
    later = not_now()
    if later is not None:
        raise Conflict("现在是不打扰当事人的时间。", code="quiet_hours", next_step=later)
    steps.record(booking, "phone_shown", actor)
    return numbers
