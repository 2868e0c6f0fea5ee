"""What depends on the day of an appointment is asked again where it moves: who is of age by then, and who is old enough."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from portal.accounts.identity import documents
from portal.accounts.models import DocumentType
from portal.accounts.models.residents import ADULT_AGE, age_on
from portal.core import clock
from portal.core.errors import Conflict
from portal.notary.checks import ELDERLY_AGE
from portal.notary.models import NotaryBooking, Priority
from portal.notary.parties import too_young


class NotOnThatDay(Conflict):
    """Its people could not have booked the day as they have booked this one (rules 2.9)."""

    code = "not_on_that_day"
    message = "这个预约填写的内容不适合改到那一天。"
    next_step = "请选别的日期；一定要那一天的，请取消后重新预约，照那一天的情况填写。"


def fits(booking: NotaryBooking, day: date) -> bool:
    """True for a day for which `require_fits` raises nothing."""
    return day == booking.day or not any(_problems(booking, day))


def require_fits(booking: NotaryBooking, day: date) -> None:
    """Raise NotOnThatDay for a day on which somebody is a minor without a guardian (公证法 31①), too old for the document of
    a child (rules 8.1), too young for the seats that are kept for the elderly, or to act for another (rules 2.3).

    Who has come of age by then may leave the guardian at home.
    """
    if day == booking.day:
        return
    problems = list(_problems(booking, day))
    if problems:
        raise NotOnThatDay("".join(problems))


def _problems(booking: NotaryBooking, day: date) -> Iterator[str]:
    ages = []
    for party in booking.parties:
        born = party.born
        if born is None:
            continue
        ages.append(age_on(born, day))
        if ages[-1] < ADULT_AGE and party.guardian is None:
            yield (
                f"{party.name}在{clock.spoken_day(day)}还没有成年，须由监护人代理，"
                "预约里没有监护人（公证法第三十一条第一项）。"
            )
        if party.document_type is not None and (
            too_old := documents.too_old_for(party.document_type, born, day)
        ):
            yield too_old
    for role, person in booking.acting_on(day):
        kind = DocumentType(person["document_type"])
        number = documents.check_number(kind, person["document_number"])
        young = too_young(role, kind, number, day)
        # Whom the desk has found to be able to act while young stays so.
        if young is not None and not too_young(role, kind, number, booking.day):
            yield young
    if booking.priority is Priority.ELDERLY and max(ages, default=0) < ELDERLY_AGE:
        yield f"预约的是留给老年人的时段，{clock.spoken_day(day)}还没有当事人满 {ELDERLY_AGE} 周岁。"
