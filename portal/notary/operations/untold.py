"""Who has lost a time, or got it back, and could be told by no message: kept until somebody has told them.

Nobody without an account reads messages on the portal, so an SMS that does not go out leaves them without a word. Who has
an account reads it there, but is drawn to it by the SMS: when that is given up, and not by their wish, they may not look in
time. The appointment says so itself (`untold_since`), in the transaction in which the SMS was held back or given up. It ends
with a step that shows that they know, or with a clerk's word that they were told.
"""

from __future__ import annotations

from datetime import date

from portal.core import clock
from portal.core.actor import SYSTEM, Actor
from portal.core.db import db
from portal.core.errors import Conflict, Forbidden, Invalid
from portal.core.events import subscribe
from portal.core.unit_of_work import transactional
from portal.notary import policies
from portal.notary.models import SUBJECT_KIND, BookingState, NotaryBooking, ToldBy
from portal.notary.operations import steps
from portal.notifications import queries
from portal.notifications.events import SmsNotSent
from portal.notifications.models import Recipient

TOLD = "told"
_LOST = frozenset(
    {
        "notary.affected",
        "notary.affected_with_offer",
        "notary.other_time_replaced",
        "notary.other_time_lost",
        "notary.other_time_passed",
        "notary.matter_stopped",
    }
)
_RESTORED = "notary.unaffected"
_CANCELLED = "notary.cancelled_by_office"


@subscribe(SmsNotSent)
def _on_not_sent(event: SmsNotSent) -> None:
    if event.subject_kind != SUBJECT_KIND or not _leaves_without_a_word(event):
        return
    booking = db.session.get(NotaryBooking, event.subject_id, populate_existing=True)
    if booking is None or not _still_holds(event.template, booking):
        return
    if steps.write(booking, NotaryBooking.untold_since.is_(None), untold_since=clock.now()):
        steps.note(booking, "untold", "没有消息能告知当事人，请另行告知", SYSTEM)


def _leaves_without_a_word(event: SmsNotSent) -> bool:
    if event.recipient_kind is Recipient.SUBJECT:
        return True
    if event.recipient_kind is not Recipient.RESIDENT or event.by_wish or event.subject_id is None:
        return False
    return not queries.has_read(event.recipient_id, event.template, event.subject_id)


def _still_holds(template: str, booking: NotaryBooking) -> bool:
    """True while an SMS that may be given up a day later would still be news."""
    if template in _LOST:
        return booking.has_to_move
    if template == _CANCELLED:
        return booking.state is BookingState.CANCELLED
    stands = booking.state is BookingState.CONFIRMED and not booking.has_to_move
    return template == _RESTORED and stands


def never_learned(booking: NotaryBooking) -> bool:
    """True for somebody who does not know that their time fell away: when it stands again, nothing is left to be said.

    Never for who has an account, and may have read it there meanwhile.
    """
    return (
        booking.account_id is None
        and booking.untold_since is not None
        and all(line.action != TOLD for line in booking.history)
    )


@transactional
def told(actor: Actor, booking: NotaryBooking, how: ToldBy, told_on: date) -> NotaryBooking:
    """Write down that the people of an appointment were told in another way, how and on which day.

    Raises Conflict where nothing is left to be told, Invalid for a day before it was to be told or after today.
    """
    if not policies.can_serve(actor, booking):
        raise Forbidden("您没有登记告知的权限。")
    if booking.untold_since is None:
        raise Conflict(
            "这个预约没有要另行告知的事，或者已经登记告知。",
            code="nothing_to_tell",
            next_step="请刷新查看经过；不用再告知。",
        )
    if not clock.local(booking.untold_since).date() <= told_on <= clock.today():
        raise Invalid(errors={"told_on": ["应当不早于需要告知的那天，也不晚于今天。"]})
    if not steps.write(booking, steps.as_loaded(booking), untold_since=None):
        raise steps.lost(booking)
    steps.note(booking, TOLD, f"已另行告知当事人：{how.label}，{clock.spoken_day(told_on)}", actor)
    steps.record(booking, TOLD, actor, {"how": how.value, "told_on": told_on})
    return booking
