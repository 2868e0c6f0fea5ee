"""What a booking must satisfy before it is confirmed (rules 2.9). Pure: no database; every problem is told at once.

Each check names the article that it rests on. What the office has to judge itself (true, lawful, sufficient: 公证法 27, 28)
is not decided here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from portal.accounts.identity import phones
from portal.accounts.models import ContactSafety
from portal.accounts.models.residents import age_on
from portal.core.errors import Conflict, Invalid
from portal.notary import parties
from portal.notary.models import (
    ConnectionBasis,
    NotaryBooking,
    NotaryMatter,
    NotaryOffice,
    PartyKind,
    Priority,
)
from portal.notary.parties import SELF_SUPPORTING_AGE, Agent, CheckedParty, Errors, Guardian, Party

# Elderly is who is 60 or older (老年人权益保障法 2; rules 1.6).
ELDERLY_AGE = 60


@dataclass(frozen=True)
class Details:
    """What the person confirms with."""

    connection_basis: ConnectionBasis
    parties: tuple[Party, ...]
    checklist_read: bool
    immovable: bool = False
    foreign_use: bool = False
    foreign_country: str | None = None
    dispute: bool = False
    dispute_understood: bool = False
    in_person_understood: bool = False
    fee_relief: bool = False
    agent: Agent | None = None
    contact_phone: str | None = None
    contact_safety: ContactSafety = ContactSafety.NORMAL


def details_of(given: Mapping[str, Any]) -> Details:
    """Return what was given by a schema: parties, their guardians and an agent as values."""
    others = dict(given)
    people = tuple(
        Party(**{**each, "guardian": Guardian(**each["guardian"]) if each["guardian"] else None})
        for each in others.pop("parties")
    )
    agent = others.pop("agent")
    return Details(parties=people, agent=Agent(**agent) if agent else None, **others)


@dataclass(frozen=True)
class Checked:
    """What may be written."""

    parties: tuple[CheckedParty, ...]
    agent: dict[str, str] | None
    contact_phone: str | None


class DisputeDeclared(Conflict):
    """The parties disagree about the matter: the office would refuse (公证法 31④, RF4)."""

    code = "dispute_declared"
    message = "当事人之间对公证事项有争议的，公证机构依照公证法第三十一条第四项不予办理公证。"
    next_step = "可以先协商或者申请人民调解；仍要预约的，请确认已经知道这一点，再提交一次。"


def check(
    details: Details, matter: NotaryMatter, office: NotaryOffice, booking: NotaryBooking
) -> Checked:
    """Return the details in normal form; raises Invalid with every problem by field, or DisputeDeclared."""
    errors = Errors()
    _place(errors, details, matter)
    _presence(errors, details, matter)
    found, agent = parties.checked(errors, details.parties, details.agent, matter, booking.day)
    _everybody_has_a_place(errors, details, matter, office, booking)
    _priority(errors, found, booking)
    _applicant(errors, details.parties, matter)
    phone = None
    if details.contact_phone is not None:
        phone = phones.normalise_phone(details.contact_phone)
        if phone is None:
            errors.add("contact_phone", "请填写手机号或者固定电话。")
    if details.foreign_use and not details.foreign_country:
        errors.add("foreign_country", "在国外或者境外使用的，请填写使用的国家或者地区。")
    if details.foreign_country and not details.foreign_use:
        errors.add(
            "foreign_country",
            "填写了使用的国家或者地区，请同时选择在国外或者境外使用；不在境外使用的，请不要填写。",
        )
    if not details.checklist_read:
        errors.add("checklist_read", "请先看一遍要带的材料，再确认预约。")
    if errors.found:
        raise Invalid(errors=errors.found)
    if details.dispute and not details.dispute_understood:
        raise DisputeDeclared(errors={"dispute_understood": ["请确认已经知道这一点。"]})
    return Checked(found, agent, phone)


def check_at_desk(
    given: Sequence[Party], agent: Agent | None, matter: NotaryMatter, day: date
) -> tuple[tuple[CheckedParty, ...], dict[str, str] | None]:
    """Return the parties and the agent of somebody who came without an appointment, in normal form.

    Raises Invalid with every problem by field: identity, guardians (公证法 31①), agency (公证法 26), an organisation where it
    has to apply. Everything else the office judges at the desk.
    """
    errors = Errors()
    _applicant(errors, given, matter)
    found = parties.checked(errors, given, agent, matter, day, least_age=SELF_SUPPORTING_AGE)
    if errors.found:
        raise Invalid(errors=errors.found)
    return found


def check_correction(
    given: Party, agent: Agent | None, matter: NotaryMatter, day: date
) -> CheckedParty:
    """Return one party, read anew from the document at the desk, in normal form; `agent` acts for them.

    Raises Invalid with every problem by field, as `check_at_desk` does.
    """
    errors = Errors()
    found, _ = parties.checked(
        errors,
        [given],
        agent if given.by_agent else None,
        matter,
        day,
        least_age=SELF_SUPPORTING_AGE,
    )
    if errors.found:
        raise Invalid(
            errors={where.removeprefix("parties.0."): said for where, said in errors.found.items()}
        )
    return found[0]


def _applicant(errors: Errors, given: Sequence[Party], matter: NotaryMatter) -> None:
    if matter.for_organisations and not any(
        party.kind is PartyKind.ORGANISATION for party in given
    ):
        errors.add("parties", f"“{matter.name}”由单位申请，请填写单位的名称和统一社会信用代码。")


def _place(errors: Errors, details: Details, matter: NotaryMatter) -> None:
    by_property = details.connection_basis is ConnectionBasis.PROPERTY
    if details.immovable and not matter.general_place_for_immovables and not by_property:
        errors.add(
            "connection_basis",
            "涉及不动产的公证事项，应当向不动产所在地的公证机构申请（公证法第二十五条第二款）。",
        )
    if by_property and not details.immovable:
        errors.add(
            "connection_basis",
            "“不动产所在地”只适用于涉及不动产的事项；其他事项请选住所地、经常居住地、行为地或者"
            "事实发生地（公证法第二十五条第一款）。",
        )


def _presence(errors: Errors, details: Details, matter: NotaryMatter) -> None:
    if matter.in_person and not details.in_person_understood:
        errors.add(
            "in_person_understood",
            f"“{matter.name}”须由当事人本人到场（公证法第二十六条），请确认能够到场。",
        )


def _everybody_has_a_place(
    errors: Errors,
    details: Details,
    matter: NotaryMatter,
    office: NotaryOffice,
    booking: NotaryBooking,
) -> None:
    present = sum(not party.by_agent for party in details.parties)
    if office.seat_per_party and present > booking.party_count:
        errors.add(
            "parties",
            f"填写了 {present} 位到场的当事人，但只约了 {booking.party_count} 位；"
            "请重新选择人数，或者写明由代理人办理（公证程序规则第十五条）。",
        )


def _priority(errors: Errors, found: Sequence[CheckedParty], booking: NotaryBooking) -> None:
    # That somebody is disabled is shown at the desk; an age can be seen here.
    if booking.priority is Priority.ELDERLY and not any(
        party.birth_date is not None and age_on(party.birth_date, booking.day) >= ELDERLY_AGE
        for party in found
    ):
        errors.add("parties", f"这个时段留给 {ELDERLY_AGE} 周岁以上的老年人，当事人中没有。")
