"""The whole number of somebody whom the office has to ring; everywhere else staff see it masked."""

from __future__ import annotations

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


def has_to_ring(actor: Actor, booking: NotaryBooking, contact: Contact) -> bool:
    """True when the actor's office has to ring about a time that it cannot keep, and may.

    Whom an SMS has told of another time need not be rung; every account has a phone to which it goes. Who has no account
    cannot take that time without the office, so they are rung all the same.
    """
    return (
        policies.can_serve(actor, booking)
        and booking.has_to_move
        and contact.phone is not None
        and (booking.booked_by_id is not None or not changing.pending_other_times(booking))
    )


@transactional
def show_phone(actor: Actor, booking: NotaryBooking) -> Contact:
    """Return the contact with the whole number, and write down who has seen it.

    Raises Conflict where nobody has to be rung, where the person does not want it, and in the quiet hours.
    """
    if not policies.can_serve(actor, booking):
        raise Forbidden("您没有查看这个电话的权限。")
    contact = contacts.of_bookings([booking])[booking.id]
    if contact.phone is None:
        raise Conflict(
            contact.warning or "当事人没有留下电话。",
            code="no_phone_to_ring",
            next_step="当事人登录后会看到平台的消息；账号已经注销的，不用再联系。"
            if booking.booked_by_id is None
            else "当事人没有账号，请在其来电或者到窗口时告知，也可以联系代理人、监护人。",
        )
    if not has_to_ring(actor, booking, contact):
        raise Conflict(
            "这个预约不需要打电话告知。",
            code="not_to_be_rung",
            next_step="只有原时段不能办理，又没有留出新时段的，才需要打电话。",
        )
    until = quiet_hours.current().postponed(clock.now())
    if until is not None:
        raise Conflict(
            "现在是不打扰当事人的时间。",
            code="quiet_hours",
            next_step=f"请在 {clock.spoken(until)} 以后再打电话。",
        )
    steps.record(booking, "phone_shown", actor)
    return contact
