"""By which phone the office reaches whose appointment or case it is, and whether it may."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select

from portal.accounts import queries as accounts
from portal.accounts.identity import phones
from portal.accounts.models import ContactSafety
from portal.core.db import db
from portal.notary.models import NotaryBooking, NotaryCase
from portal.notifications import without_account
from portal.notifications.gate import may_be_called, strictest


@dataclass(frozen=True)
class Contact:
    """A phone, None where there is none or where it must not be rung; and the stricter of the two wishes."""

    phone: str | None
    safety: ContactSafety
    # Messages reach nobody without an account but by SMS.
    with_account: bool

    @property
    def may_be_rung(self) -> bool:
        """True unless the person does not want to be rung."""
        return may_be_called(self.safety)

    @property
    def warning(self) -> str | None:
        """What staff have to heed before they pick up the phone."""
        if not self.may_be_rung:
            if not self.with_account:
                return "当事人要求不要打电话，请不要拨打；没有账号，请在其来电或者到窗口时告知。"
            return "当事人要求不要打电话，请不要拨打；需要告知的，平台会按其意愿发消息。"
        if self.safety is not ContactSafety.NORMAL:
            return "电话可能由别人接听，打电话时不要说出办理的事项。"
        return None


def of_bookings(found: Sequence[NotaryBooking]) -> dict[uuid.UUID, Contact]:
    """Return the contact of each appointment by its id, in one statement: the phone given for it, else the account's."""
    people = accounts.residents(each.account_id for each in found if each.account_id)
    contacts = {}
    for each in found:
        person = people.get(each.account_id) if each.account_id else None
        contacts[each.id] = _contact(
            each.contact_phone or (person.phone if person else None),
            strictest(each.contact_safety, person.contact_safety if person else None),
            with_account=person is not None,
        )
    return contacts


def by_sms(booking_id: uuid.UUID) -> without_account.Contact | None:
    """Return the mobile phone and the wish of somebody without an account for whom the office booked; None for others."""
    found = db.session.execute(
        select(NotaryBooking.contact_phone, NotaryBooking.contact_safety).where(
            NotaryBooking.id == booking_id, NotaryBooking.booked_by_id.is_not(None)
        )
    ).one_or_none()
    if found is None:
        return None
    phone = found.contact_phone and phones.normalise_mobile(found.contact_phone)
    return without_account.Contact(phone, found.contact_safety)


def of_case(case: NotaryCase) -> Contact:
    """Return the contact of a case; who came without an appointment has none."""
    given = db.session.scalar(
        select(NotaryBooking.contact_phone).where(NotaryBooking.id == case.booking_id)
    )
    person = accounts.resident(case.account_id) if case.account_id else None
    return _contact(
        given or (person.phone if person else None),
        strictest(case.contact_safety, person.contact_safety if person else None),
        with_account=person is not None,
    )


def _contact(phone: str | None, safety: ContactSafety, *, with_account: bool) -> Contact:
    return Contact(phone if may_be_called(safety) else None, safety, with_account)
