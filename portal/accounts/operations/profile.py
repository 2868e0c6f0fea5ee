"""A resident's own data: preferences, real name, phone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

from portal.accounts import queries
from portal.accounts.identity import documents, names, phones
from portal.accounts.models import (
    ConsentKind,
    DocumentType,
    Resident,
    SessionEnd,
    SmsPurpose,
)
from portal.accounts.models.residents import CHILD_AGE, age_on
from portal.accounts.operations import sessions, sign_in, sms_codes
from portal.audit import operations as audit
from portal.core import clock
from portal.core.actor import Actor
from portal.core.encryption import blind_index
from portal.core.errors import Conflict, Invalid, WrongState
from portal.core.unit_of_work import transactional, unit_of_work

EDITABLE = ("nickname", "contact_safety")
REAL_NAME_FIELDS = (
    "real_name",
    "real_name_raw",
    "document_type",
    "document_number",
    "document_index",
    "birth_date",
    "guardian_name",
    "guardian_phone",
    "real_named_at",
)


@dataclass(frozen=True)
class Guardian:
    """Who consents for a child under 14 (rules 5.3; 个人信息保护法 31)."""

    name: str
    phone: str
    consent: bool


@dataclass(frozen=True)
class RealName:
    """What a person gives to prove their name. `birth_date` only for documents whose number does not carry it."""

    name: str
    document_type: DocumentType
    document_number: str
    consent: bool
    one_character_confirmed: bool = False
    birth_date: date | None = None
    guardian: Guardian | None = None


def me(actor: Actor) -> Resident:
    """Return the caller's own account."""
    return queries.resident(actor.own_id)


@transactional
def update(actor: Actor, resident: Resident, changes: dict[str, Any]) -> None:
    """Change nickname and contact preference."""
    changed = [
        name for name in EDITABLE if name in changes and getattr(resident, name) != changes[name]
    ]
    for name in changed:
        setattr(resident, name, changes[name])
    if changed:
        audit.record(
            actor,
            "resident.profile_changed",
            "resident",
            resident.id,
            {"fields": ",".join(changed)},
        )


@transactional
def set_real_name(actor: Actor, given: RealName) -> tuple[Resident, tuple[str, ...]]:
    """Check and store name and document (rules 8.1 to 8.7); returns the account and warnings in Chinese.

    Raises Invalid with one entry per wrong field. Whether a name and number belong together is not decided here.
    """
    resident, errors = me(actor), _Errors()
    if not given.consent:
        errors.add("consent", "提供证件号码需要您单独同意；不同意也可以继续咨询和查询。")
    name = _name(errors, "name", given.name, given.one_character_confirmed)
    number = _number(errors, given)
    born = _birth_date(errors, given, number)
    if born is not None and (too_old := documents.too_old_for(given.document_type, born)):
        errors.add("document_type", too_old)
    guardian = None
    if born is not None and age_on(born, clock.today()) < CHILD_AGE:
        guardian = _guardian(errors, given.guardian)
    errors.refuse()
    if name is None or number is None:  # pragma: no cover - each None came with an error above
        raise Invalid
    first_time = not resident.has_real_name
    resident.real_name, resident.real_name_raw = name.normal, name.raw
    resident.document_type, resident.document_number = given.document_type, number.number
    resident.document_index = document_index(given.document_type, number.number)
    resident.birth_date = None if born is None else born.isoformat()
    resident.guardian_name, resident.guardian_phone = guardian or (None, None)
    resident.real_named_at = clock.now()
    audit.record(
        actor,
        "resident.real_name_set" if first_time else "resident.real_name_changed",
        "resident",
        resident.id,
        {"document_type": given.document_type.value, "warnings": len(number.warnings)},
    )
    sign_in.record_consent(actor, resident.id, ConsentKind.REAL_NAME)
    if guardian is not None:
        sign_in.record_consent(actor, resident.id, ConsentKind.GUARDIAN)
    return resident, number.warnings


@transactional
def withdraw_real_name(actor: Actor) -> Resident:
    """Take back the consent to keep name and document, and wipe them (个人信息保护法 15 and 47; rules 5.1).

    What a case has taken over from them stays with the case. Raises WrongState when there is no real name.
    """
    resident = me(actor)
    if not resident.has_real_name:
        raise WrongState("您还没有填写实名信息。")
    for name in REAL_NAME_FIELDS:
        setattr(resident, name, None)
    for consent in resident.consents:
        if consent.kind is not ConsentKind.PRIVACY_NOTICE and consent.withdrawn_at is None:
            consent.withdrawn_at = clock.now()
    audit.record(actor, "resident.real_name_withdrawn", "resident", resident.id)
    return resident


def document_index(kind: DocumentType, number: str) -> str:
    """Return the fingerprint by which a document's number is found without being readable."""
    return blind_index("document", f"{kind.numbering.value}:{number}")


class _Errors:
    """Collects what is wrong, so that a person corrects everything at once."""

    def __init__(self) -> None:
        self.found: dict[str, list[str]] = {}
        self.code: str | None = None

    def add(self, name: str, text: str, code: str | None = None) -> None:
        self.found.setdefault(name, []).append(text)
        self.code = self.code or code

    def refuse(self) -> None:
        if self.found:
            # A single reason may have a code of its own; several share the general one.
            raise Invalid(errors=self.found, code=self.code if len(self.found) == 1 else None)


def _name(errors: _Errors, where: str, text: str, confirmed: bool) -> names.Name | None:
    try:
        return names.check_name(text, one_character_confirmed=confirmed)
    except names.NameNeedsConfirmation as error:
        errors.add(where, str(error), "one_character_name")
    except names.NameRefused as error:
        errors.add(where, str(error))
    return None


def _number(errors: _Errors, given: RealName) -> documents.CheckedNumber | None:
    try:
        return documents.check_number(given.document_type, given.document_number)
    except documents.NumberRefused as error:
        errors.add("document_number", str(error))
        return None


def _birth_date(
    errors: _Errors, given: RealName, number: documents.CheckedNumber | None
) -> date | None:
    if number is None:
        return None
    if number.birth_date is not None:
        if given.birth_date not in (None, number.birth_date):
            errors.add(
                "birth_date", "出生日期与证件号码里的不一致；证件号码已含出生日期，可以不填。"
            )
        return number.birth_date
    if given.birth_date is None:
        # Needed to know whether a guardian must consent (rules 5.3), for nothing else.
        errors.add("birth_date", "这种证件的号码不含出生日期，请照证件填写。")
        return None
    if given.birth_date > clock.today() or age_on(given.birth_date, clock.today()) > 150:
        errors.add("birth_date", "出生日期不对，请核对。")
        return None
    return given.birth_date


def _guardian(errors: _Errors, guardian: Guardian | None) -> tuple[str, str] | None:
    if guardian is None:
        errors.add(
            "guardian",
            "不满十四周岁的，请由父母或其他监护人填写姓名和电话，并同意处理孩子的个人信息。",
            "guardian_needed",
        )
        return None
    name = _name(errors, "guardian.name", guardian.name, confirmed=True)
    phone = phones.normalise_phone(guardian.phone)
    if phone is None:
        errors.add("guardian.phone", "请填写监护人的手机号或固定电话。")
    if not guardian.consent:
        errors.add("guardian.consent", "需要监护人同意后才能继续。", "guardian_needed")
    return None if name is None or phone is None else (name.normal, phone)


@transactional
def send_phone_change_codes(actor: Actor, new_phone: str) -> None:
    """Send one code to the present phone and one to the new one; raises Conflict when they are the same."""
    old = me(actor).phone
    if old is None or old == new_phone:
        raise Conflict("新手机号与现在的相同。", next_step="请填写另一个手机号。")
    sms_codes.send(old, SmsPurpose.PHONE_CHANGE_OLD)
    sms_codes.send(new_phone, SmsPurpose.PHONE_CHANGE_NEW)


def change_phone(actor: Actor, new_phone: str, old_code: str, new_code: str) -> Resident:
    """Move the account to `new_phone`, proved by both codes; all other sessions end. Outside any unit of work.

    Raises CodeWrong naming the field. The new phone may already have an account: phones are not unique (rules 8.5).
    """
    old = me(actor).phone or ""
    old_id = sms_codes.check(old, SmsPurpose.PHONE_CHANGE_OLD, old_code, field="old_code")
    new_id = sms_codes.check(new_phone, SmsPurpose.PHONE_CHANGE_NEW, new_code, field="new_code")
    with unit_of_work():
        resident = me(actor)
        if len(sign_in.accounts_of(new_phone)) >= sign_in.MOST_ACCOUNTS_PER_PHONE:
            raise Conflict("这个手机号下的账号已经满了。", next_step="请换一个手机号。")
        sms_codes.consume(old_id)
        sms_codes.consume(new_id)
        resident.phone, resident.phone_index = new_phone, sms_codes.phone_index(new_phone)
        ended = sessions.end_resident_sessions(
            resident.id, SessionEnd.PHONE_CHANGED, keep=actor.session_id
        )
        audit.record(
            actor, "resident.phone_changed", "resident", resident.id, {"sessions_ended": ended}
        )
    return resident
