"""Who a matter is done for and who acts for them: identity, capacity, guardians and agents (rules 2.3, 2.9). Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date

from stdnum.cn import uscc
from stdnum.exceptions import ValidationError as StdnumError

from portal.accounts.identity import documents, names, phones
from portal.accounts.models import DocumentType
from portal.accounts.models.residents import ADULT_AGE, age_on
from portal.core import clock
from portal.notary.models import AGENT, GUARDIAN, NotaryMatter, PartyKind

OLDEST = 150
# Who lives mainly by the own work has full capacity from this age on (rules 2.3, 民法典 17 to 22). No document shows it: the
# desk judges.
SELF_SUPPORTING_AGE = 16
# The matter of a will (rules 2.2).
WILL = "N03d"
WILL_WITHOUT_CAPACITY = (
    "立遗嘱人未成年或者没有完全民事行为能力，无民事行为能力人或者限制民事行为能力人所立的遗嘱无效"
    "（民法典第一千一百四十三条），请先核实行为能力再决定是否受理。"
)


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
    # Who is written down already, where something is corrected: acts where somebody has to and no other is given.
    guardian_before: Guardian | None = None


@dataclass(frozen=True)
class Agent:
    """Who acts for a party by a power of attorney (公证法 26)."""

    name: str
    phone: str
    document_type: DocumentType
    document_number: str


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


@dataclass
class Errors:
    """Problems by field, to be told at once."""

    found: dict[str, list[str]] = field(default_factory=dict)

    def add(self, where: str, text: str) -> None:
        """Add a sentence about a field."""
        self.found.setdefault(where, []).append(text)


def checked(
    errors: Errors,
    given: Sequence[Party],
    agent: Agent | None,
    matter: NotaryMatter,
    day: date,
    *,
    least_age: int = ADULT_AGE,
) -> tuple[tuple[CheckedParty, ...], dict[str, str] | None]:
    """Return the parties and the agent in normal form as of `day`; what is wrong goes into `errors`.

    `least_age` is that of guardians and agents: a booking asks for an adult, the desk may see that somebody of
    `SELF_SUPPORTING_AGE` lives by the own work.
    """
    parties = tuple(
        party
        for number, each in enumerate(given)
        if (party := _party(errors, f"parties.{number}", each, matter, day, least_age)) is not None
    )
    known = [
        (party.document_type and party.document_type.numbering, party.document_number)
        for party in parties
    ]
    if len(set(known)) != len(known):
        errors.add("parties", "同一位当事人填写了两次。")
    _agency(errors, given, agent, matter)
    if agent is None:
        return parties, None
    found = _represented(errors, "agent", agent, AGENT, day, least_age)
    if found is not None and any(
        party.by_agent
        and party.document_type is agent.document_type
        and party.document_number == found["document_number"]
        for party in parties
    ):
        errors.add(
            "agent.document_number",
            "代理人不能是由其代理的当事人自己；当事人本人到场的，请不要选择由代理人办理。",
        )
    return parties, found


def without_capacity(matter: NotaryMatter, guardians: Iterable[object]) -> bool:
    """True for a will by somebody who does not have full capacity: it is void, and no guardian can make it for them.

    民法典 1143(1), read in the law's text: the rule book has no rule for it, so nothing is refused and the office decides
    (公证法 27, 28). Who is under age may live by the own work.
    """
    return matter.code == WILL and any(guardian is not None for guardian in guardians)


def _agency(
    errors: Errors, given: Sequence[Party], agent: Agent | None, matter: NotaryMatter
) -> None:
    represented = any(party.by_agent for party in given)
    if (represented or agent is not None) and not matter.agency_allowed:
        errors.add(
            "agent",
            f"“{matter.name}”须由当事人本人到场，不能委托代理人（公证法第二十六条）；来不了的，请直接联系公证机构。",
        )
    elif agent is not None and not represented:
        errors.add(
            "agent",
            "没有当事人选择由代理人办理；当事人都本人到场的，请不要填写代理人。",
        )
    if agent is None and represented:
        errors.add("agent", "有当事人由代理人办理，请填写代理人。")


def _party(
    errors: Errors, where: str, given: Party, matter: NotaryMatter, day: date, least_age: int
) -> CheckedParty | None:
    if given.kind is PartyKind.ORGANISATION:
        return _organisation(errors, where, given, matter)
    name = _name(errors, f"{where}.name", given.name, confirmed=given.one_character_confirmed)
    if given.document_type is None:
        errors.add(f"{where}.document_type", "请选择证件种类。")
        return None
    number = _document(
        errors, f"{where}.document_number", given.document_type, given.document_number
    )
    if name is None or number is None:
        return None
    born = _born(errors, where, given, number)
    if born is None:
        return None
    if too_old := documents.too_old_for(given.document_type, born, day):
        errors.add(f"{where}.document_type", too_old)
    guardian = None
    if age_on(born, day) < ADULT_AGE or given.lacks_capacity:
        acts, least = given.guardian, least_age
        if acts is None:
            # Whom the desk has found to be able to act while young stays so.
            acts, least = given.guardian_before, SELF_SUPPORTING_AGE
        guardian = _guardian(errors, where, acts, number, day, least)
    elif given.guardian is not None:
        errors.add(
            f"{where}.guardian",
            "当事人在办理当天已经成年，不由监护人代理，请不要填写监护人；"
            "没有完全民事行为能力的，请同时选择“无民事行为能力或者限制民事行为能力”。",
        )
    return CheckedParty(
        PartyKind.PERSON,
        name,
        given.document_type,
        number.number,
        born,
        given.lacks_capacity,
        given.by_agent,
        guardian,
    )


def _organisation(
    errors: Errors, where: str, given: Party, matter: NotaryMatter
) -> CheckedParty | None:
    if matter.persons_only:
        errors.add(f"{where}.kind", f"“{matter.name}”只能由个人办理，请填写个人当事人。")
    if given.guardian is not None:
        errors.add(f"{where}.guardian", "单位没有监护人，请不要填写。")
    if given.lacks_capacity:
        # A guardian acts for persons alone (rules 2.3, 2.9; 公证法 31①).
        errors.add(
            f"{where}.lacks_capacity",
            "“无民事行为能力或者限制民事行为能力”只适用于个人，单位请不要选择。",
        )
    if given.document_type is not None:
        # Documents are those of persons; an organisation is known by its code alone (rules 8.6).
        errors.add(
            f"{where}.document_type",
            "证件种类只适用于个人；单位以统一社会信用代码为准，请不要选择。",
        )
    if given.birth_date is not None:
        errors.add(f"{where}.birth_date", "出生日期只适用于个人，单位请不要填写。")
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


def _name(errors: Errors, where: str, text: str, *, confirmed: bool = True) -> str | None:
    try:
        return names.check_name(text, one_character_confirmed=confirmed).normal
    except names.NameRefused as error:
        errors.add(where, str(error))
        return None


def _document(
    errors: Errors, where: str, kind: DocumentType, number: str
) -> documents.CheckedNumber | None:
    try:
        return documents.check_number(kind, number)
    except documents.NumberRefused as error:
        errors.add(where, str(error))
        return None


def _born(
    errors: Errors, where: str, given: Party, checked: documents.CheckedNumber
) -> date | None:
    born = checked.birth_date or given.birth_date
    if born is None:
        errors.add(f"{where}.birth_date", "这种证件的号码不含出生日期，请照证件填写。")
    elif given.birth_date not in (None, born):
        errors.add(f"{where}.birth_date", "出生日期与证件号码里的不一致。")
    elif born > clock.today() or age_on(born, clock.today()) > OLDEST:
        # Said of what was filled in: most numbers contain the date, and nobody is asked for it beside them.
        field = "birth_date" if checked.birth_date is None else "document_number"
        errors.add(f"{where}.{field}", "出生日期不对，请核对。")
    else:
        return born
    return None


def _guardian(
    errors: Errors,
    where: str,
    given: Guardian | None,
    ward: documents.CheckedNumber,
    day: date,
    least_age: int,
) -> dict[str, str] | None:
    if given is None:
        errors.add(
            f"{where}.guardian",
            "未成年人和其他无民事行为能力、限制民事行为能力的人，须由监护人代理，"
            "请填写监护人（公证法第三十一条第一项）。",
        )
        return None
    person = _represented(errors, f"{where}.guardian", given, GUARDIAN, day, least_age)
    if person is not None and person["document_number"] == ward.number:
        errors.add(
            f"{where}.guardian.document_number", "监护人不能是当事人自己，请填写监护人的证件号码。"
        )
        return None
    return None if person is None else {**person, "relation": given.relation}


def _represented(
    errors: Errors, where: str, given: Guardian | Agent, role: str, day: date, least_age: int
) -> dict[str, str] | None:
    if given.document_type in documents.OF_CHILDREN:
        label = given.document_type.label
        text = f"{role}须是成年人，请填写{role}的身份证件，不能用{label}。"
        errors.add(f"{where}.document_type", text)
        return None
    name = _name(errors, f"{where}.name", given.name)
    number = _document(
        errors, f"{where}.document_number", given.document_type, given.document_number
    )
    phone = phones.normalise_phone(given.phone)
    if phone is None:
        errors.add(f"{where}.phone", "请填写手机号或者固定电话。")
    if name is None or number is None or phone is None:
        return None
    young = too_young(role, given.document_type, number, day, least_age)
    if young is not None:
        errors.add(f"{where}.document_number", young)
    return {
        "name": name,
        "document_type": given.document_type.value,
        "document_number": number.number,
        "phone": phone,
    }


def too_young(
    role: str,
    kind: DocumentType,
    number: documents.CheckedNumber,
    day: date,
    least_age: int = ADULT_AGE,
) -> str | None:
    """Say that who has this document is too young on `day` to act for another; None where not, or where it shows no age."""
    # Who acts for another needs full capacity: 18 years (rules 2.3, 民法典 17 to 22). A document without a date of birth, and
    # one whose layout is not certain (rules 8.3: U), is checked at the desk.
    if number.birth_date is None or kind is DocumentType.PERMANENT_RESIDENCE:
        return None
    if age_on(number.birth_date, day) >= least_age:
        return None
    text = f"{role}在办理当天未满 {least_age} 周岁，不能代理（民法典第十八条）。"
    if least_age > SELF_SUPPORTING_AGE:
        text += (
            f"已满 {SELF_SUPPORTING_AGE} 周岁、以自己的劳动收入为主要生活来源的，"
            "请直接到公证机构，由工作人员核对。"
        )
    return text
