"""The contact-safety gate: the one function that every message passes.

Some residents share a phone or a home with the person their matter is about. What they wish, for
themselves or for one case, decides which way a message may take; of two wishes the more restrictive
one holds.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from portal.accounts.models import ContactSafety
from portal.core.db import LabelledEnum
from portal.notifications.models import Reason
from portal.notifications.quiet_hours import QuietHours

# From the least to the most restrictive.
ORDER = (
    ContactSafety.NORMAL,
    ContactSafety.NEUTRAL_SMS,
    ContactSafety.IN_APP_ONLY,
    ContactSafety.NO_CONTACT,
)


class Sms(LabelledEnum):
    """The form in which an SMS may go out."""

    NONE = "none", "不发短信"
    NEUTRAL = "neutral", "只提示有新消息"
    FULL = "full", "按模板"


@dataclass(frozen=True)
class Wishes:
    """What the gate has to know: the person's and the case's wish, and whether there is a phone to
    send to.
    """

    person: ContactSafety
    case: ContactSafety | None = None
    has_phone: bool = True


@dataclass(frozen=True)
class Decision:
    """What may happen. `reason` explains an SMS left out or made neutral; `not_before` postpones
    it.

    `silent` forbids banner and badge: the message shows only once the person has signed in and
    looks.
    """

    sms: Sms
    silent: bool
    reason: Reason | None = None
    not_before: datetime | None = None


def strictest(*wishes: ContactSafety | None) -> ContactSafety:
    """Return the most restrictive wish; NORMAL when there is none."""
    return max(
        (wish for wish in wishes if wish is not None), key=ORDER.index, default=ContactSafety.NORMAL
    )


def may_be_called(*wishes: ContactSafety | None) -> bool:
    """True when staff may ring the person: a call is answered by whoever has the phone, like an SMS is read by them."""
    return strictest(*wishes) in (ContactSafety.NORMAL, ContactSafety.NEUTRAL_SMS)


def decide(
    wishes: Wishes, *, has_sms: bool, urgent: bool, now: datetime, quiet: QuietHours
) -> Decision:
    """Decide the ways of one message.

    `has_sms` says whether its template has an SMS at all, `urgent` whether it ignores the quiet
    hours. The in-app message is always written: it waits behind the sign-in.
    """
    wish = strictest(wishes.person, wishes.case)
    silent = wish is ContactSafety.NO_CONTACT
    if not has_sms:
        return Decision(Sms.NONE, silent)
    if wish is ContactSafety.NO_CONTACT:
        return Decision(Sms.NONE, silent, Reason.WISH_NO_CONTACT)
    if wish is ContactSafety.IN_APP_ONLY:
        return Decision(Sms.NONE, silent, Reason.WISH_NO_SMS)
    if not wishes.has_phone:
        return Decision(Sms.NONE, silent, Reason.NO_PHONE)
    not_before = None if urgent else quiet.postponed(now)
    if wish is ContactSafety.NEUTRAL_SMS:
        return Decision(Sms.NEUTRAL, silent, Reason.WISH_NEUTRAL, not_before)
    return Decision(Sms.FULL, silent, None, not_before)
