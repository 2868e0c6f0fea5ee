"""What a booking must satisfy before it is confirmed (rules 2.9). Pure: no database; every problem is told at once.

Each check names the article that it rests on. What the office has to judge itself (true, lawful, sufficient: 公证法 27, 28)
is not decided here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from stdnum.cn import uscc
from stdnum.exceptions import ValidationError as StdnumError

from portal.accounts.identity import documents, names, phones
from portal.accounts.models import ContactSafety, DocumentType
from portal.accounts.models.residents import ADULT_AGE, age_on
from portal.core import clock
from portal.core.errors import Conflict, Invalid
from portal.notary.models import (
    ConnectionBasis,
    NotaryBooking,
    NotaryMatter,
    NotaryOffice,
    PartyKind,
    Priority,
)

# Elderly is who is 60 or older (老年人权益保障法 2; rules 1.6).
ELDERLY_AGE = 60
OLDEST = 150


@dataclass(frozen=True)
class Guardian:
    """Who acts for somebody without full capacity (公证法 31①)."""

    name: str
    phone: str
    relation: str
    document_type: DocumentType
    document_number: str


@dataclass(frozen=True)
class Party:
    """Somebody for whom the matter is done, as given."""

    name: str
    document_number: str
    kind: PartyKind = PartyKind.PERSON
    document_type: DocumentType | None = None
    birth_date: date | None = None
    one_character_confirmed: bool = False
    lacks_capacity: bool = False
    by_agent: bool = False
    guardian: Guardian | None = None


@dataclass(frozen=True)
class Agent:
    """Who acts for a party by a power of attorney (公证法 26)."""

    name: str
    phone: str
    document_type: DocumentType
    document_number: str


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


@dataclass(frozen=True)
class CheckedParty:
    """A party in normal form."""

    kind: PartyKind
    name: str
    document_type: DocumentType | None
    document_number: str
    birth_date: date | None
    lacks_capacity: bool
    by_agent: bool
    guardian: dict[str, str] | None


@dataclass(frozen=True)
class Checked:
    """What may be written, and what the person should know (Chinese sentences)."""

    parties: tuple[CheckedParty, ...]
    agent: dict[str, str] | None
    contact_phone: str | None
    hints: tuple[str, ...]


class DisputeDeclared(Conflict):
    """The parties disagree about the matter: the office would refuse (公证法 31④, RF4)."""

    code = "dispute_declared"
    message = "当事人之间对公证事项有争议的，公证机构依照公证法第三十一条第四项不予办理公证。"
    next_step = (
        "可以先协商或者申请人民调解；仍要预约的，请确认已经知道这一点（dispute_understood）。"
    )


@dataclass
class _Errors:
    found: dict[str, list[str]] = field(default_factory=dict)

    def add(self, where: str, text: str) -> None:
        self.found.setdefault(where, []).append(text)


def check(
    details: Details, matter: NotaryMatter, office: NotaryOffice, booking: NotaryBooking
) -> Checked:
    """Return the details in normal form; raises Invalid with every problem by field, or DisputeDeclared."""
    errors = _Errors()
    _place(errors, details, matter)
    _presence(errors, details, matter)
    parties = tuple(
        party
        for number, given in enumerate(details.parties)
        if (party := _party(errors, f"parties.{number}", given, booking.day)) is not None
    )
    _everybody_has_a_place(errors, details, matter, office, booking)
    _no_one_twice(errors, parties)
    _priority(errors, parties, booking)
    if matter.for_organisations and not any(
        party.kind is PartyKind.ORGANISATION for party in details.parties
    ):
        errors.add("parties", f"“{matter.name}”由单位申请，请填写单位的名称和统一社会信用代码。")
    agent = _agent(errors, details.agent)
    phone = None
    if details.contact_phone is not None:
        phone = phones.normalise_phone(details.contact_phone)
        if phone is None:
            errors.add("contact_phone", "请填写手机号或者固定电话。")
    if details.foreign_use and not details.foreign_country:
        errors.add("foreign_country", "在国外或者境外使用的，请填写使用的国家或者地区。")
    if not details.checklist_read:
        errors.add("checklist_read", "请先看一遍要带的材料，再确认预约。")
    if errors.found:
        raise Invalid(errors=errors.found)
    if details.dispute and not details.dispute_understood:
        raise DisputeDeclared
    return Checked(parties, agent, phone, tuple(hints(details, matter)))


def check_at_desk(
    parties: Sequence[Party], agent: Agent | None, matter: NotaryMatter, day: date
) -> tuple[tuple[CheckedParty, ...], dict[str, str] | None]:
    """Return the parties and the agent of somebody who came without an appointment, in normal form.

    Raises Invalid with every problem by field: identity, guardians (公证法 31①), agency (公证法 26). Everything else the
    office judges at the desk.
    """
    errors = _Errors()
    found = tuple(
        party
        for number, given in enumerate(parties)
        if (party := _party(errors, f"parties.{number}", given, day)) is not None
    )
    _no_one_twice(errors, found)
    represented = agent is not None or any(party.by_agent for party in parties)
    if represented and not matter.agency_allowed:
        errors.add(
            "agent",
            f"“{matter.name}”须由当事人本人到场，不能委托代理人（公证法第二十六条）。",
        )
    if agent is None and any(party.by_agent for party in parties):
        errors.add("agent", "有当事人由代理人办理，请填写代理人。")
    checked = _agent(errors, agent)
    if errors.found:
        raise Invalid(errors=errors.found)
    return found, checked


def hints(details: Details, matter: NotaryMatter) -> list[str]:
    """Return what the person should know about this booking."""
    found = []
    if not matter.checklist_confirmed:
        found.append("材料清单供参考，以公证机构的要求为准。")
    if details.foreign_use:
        # 公证法 33.
        found.append("在国外使用的公证书，按使用国的要求可能需要翻译和认证，请提前向公证机构问清。")
    if details.fee_relief:
        # 公证法 34(2).
        found.append("符合法律援助条件的，公证费可以减免；请带上法律援助的有关文书。")
    if details.dispute:
        found.append(DisputeDeclared.message)
    if details.agent is not None:
        found.append(
            "代理人请带上授权委托书和本人身份证件；公证机构的工作人员不能在本机构做代理人。"
        )
    return found


def _place(errors: _Errors, details: Details, matter: NotaryMatter) -> None:
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


def _presence(errors: _Errors, details: Details, matter: NotaryMatter) -> None:
    if matter.in_person and not details.in_person_understood:
        errors.add(
            "in_person_understood",
            f"“{matter.name}”须由当事人本人到场（公证法第二十六条），请确认能够到场。",
        )
    represented = details.agent is not None or any(party.by_agent for party in details.parties)
    if represented and not matter.agency_allowed:
        errors.add(
            "agent",
            f"“{matter.name}”须由当事人本人到场，不能委托代理人（公证法第二十六条）。",
        )
    if details.agent is None and any(party.by_agent for party in details.parties):
        errors.add("agent", "有当事人由代理人办理，请填写代理人。")


def _everybody_has_a_place(
    errors: _Errors,
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


def _no_one_twice(errors: _Errors, parties: tuple[CheckedParty, ...]) -> None:
    known = [(party.document_type, party.document_number) for party in parties]
    if len(set(known)) != len(known):
        errors.add("parties", "同一位当事人填写了两次。")


def _priority(errors: _Errors, parties: tuple[CheckedParty, ...], booking: NotaryBooking) -> None:
    # That somebody is disabled is shown at the desk; an age can be seen here.
    if booking.priority is Priority.ELDERLY and not any(
        party.birth_date is not None and age_on(party.birth_date, booking.day) >= ELDERLY_AGE
        for party in parties
    ):
        errors.add("parties", f"这个时段留给 {ELDERLY_AGE} 周岁以上的老年人，当事人中没有。")


def _party(errors: _Errors, where: str, given: Party, day: date) -> CheckedParty | None:
    if given.kind is PartyKind.ORGANISATION:
        return _organisation(errors, where, given)
    name = _name(errors, f"{where}.name", given.name, confirmed=given.one_character_confirmed)
    if given.document_type is None:
        errors.add(f"{where}.document_type", "请选择证件种类。")
        return None
    checked = _document(
        errors, f"{where}.document_number", given.document_type, given.document_number
    )
    if name is None or checked is None:
        return None
    born = _born(errors, where, given, checked)
    if born is None:
        return None
    guardian = None
    if age_on(born, day) < ADULT_AGE or given.lacks_capacity:
        guardian = _guardian(errors, where, given.guardian, checked)
    return CheckedParty(
        PartyKind.PERSON,
        name,
        given.document_type,
        checked.number,
        born,
        given.lacks_capacity,
        given.by_agent,
        guardian,
    )


def _organisation(errors: _Errors, where: str, given: Party) -> CheckedParty | None:
    try:
        number = uscc.validate(documents.normalise_number(given.document_number))
    except StdnumError:
        errors.add(f"{where}.document_number", "统一社会信用代码不对，请照登记证照逐位核对。")
        return None
    return CheckedParty(
        kind=PartyKind.ORGANISATION,
        name=given.name,
        document_type=None,
        document_number=number,
        birth_date=None,
        lacks_capacity=False,
        by_agent=given.by_agent,
        guardian=None,
    )


def _name(errors: _Errors, where: str, text: str, *, confirmed: bool = True) -> str | None:
    try:
        return names.check_name(text, one_character_confirmed=confirmed).normal
    except names.NameRefused as error:
        errors.add(where, str(error))
        return None


def _document(
    errors: _Errors, where: str, kind: DocumentType, number: str
) -> documents.CheckedNumber | None:
    try:
        return documents.check_number(kind, number)
    except documents.NumberRefused as error:
        errors.add(where, str(error))
        return None


def _born(
    errors: _Errors, where: str, given: Party, checked: documents.CheckedNumber
) -> date | None:
    born = checked.birth_date or given.birth_date
    if born is None:
        errors.add(f"{where}.birth_date", "这种证件的号码不含出生日期，请照证件填写。")
    elif given.birth_date not in (None, born):
        errors.add(f"{where}.birth_date", "出生日期与证件号码里的不一致。")
    elif born > clock.today() or age_on(born, clock.today()) > OLDEST:
        errors.add(f"{where}.birth_date", "出生日期不对，请核对。")
    else:
        return born
    return None


def _guardian(
    errors: _Errors, where: str, given: Guardian | None, ward: documents.CheckedNumber
) -> dict[str, str] | None:
    if given is None:
        errors.add(
            f"{where}.guardian",
            "未成年人和其他无民事行为能力、限制民事行为能力的人，须由监护人代理，"
            "请填写监护人（公证法第三十一条第一项）。",
        )
        return None
    person = _represented(errors, f"{where}.guardian", given)
    if person is not None and person["document_number"] == ward.number:
        errors.add(
            f"{where}.guardian.document_number", "监护人不能是当事人自己，请填写监护人的证件号码。"
        )
        return None
    return None if person is None else {**person, "relation": given.relation}


def _agent(errors: _Errors, given: Agent | None) -> dict[str, str] | None:
    return None if given is None else _represented(errors, "agent", given)


def _represented(errors: _Errors, where: str, given: Any) -> dict[str, str] | None:
    name = _name(errors, f"{where}.name", given.name)
    number = _document(
        errors, f"{where}.document_number", given.document_type, given.document_number
    )
    phone = phones.normalise_phone(given.phone)
    if phone is None:
        errors.add(f"{where}.phone", "请填写手机号或者固定电话。")
    if name is None or number is None or phone is None:
        return None
    return {
        "name": name,
        "document_type": given.document_type.value,
        "document_number": number.number,
        "phone": phone,
    }
