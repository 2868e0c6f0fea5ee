"""Who comes to an appointment, put right: by its person before its time, by the office from a document, in the register.

The seats stay. Who takes the place of a wrong number is held to what confirming asks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from portal.accounts.models import DocumentType
from portal.accounts.models.residents import ADULT_AGE, age_on
from portal.accounts.operations import sessions
from portal.core import clock
from portal.core.actor import Actor
from portal.core.errors import Conflict, Invalid, NotFound
from portal.core.unit_of_work import transactional
from portal.notary import checks
from portal.notary.checks import Details
from portal.notary.models import (
    BookingState,
    CorrectionReason,
    NotaryBooking,
    NotaryCase,
    NotaryParty,
    PartyKind,
)
from portal.notary.operations import (
    case_steps,
    cases,
    changing,
    confirming,
    holding,
    persons,
    steps,
)
from portal.notary.parties import Agent, CheckedParty, Guardian, Party

# In the history: that somebody's name or number was changed, which the person of an appointment may do once.
CORRECTED_PERSONS = "correct_persons"
Changes = Mapping[str, Any]


@dataclass(frozen=True)
class Correction:
    """What the person of an appointment puts right: fields by name, and those of parties by their place in the list."""

    parties: Mapping[int, Changes]
    details: Changes


@transactional
def correct_details(actor: Actor, booking: NotaryBooking, given: Correction) -> NotaryBooking:
    """Put right what an appointment was confirmed with, before its time, under the same checks.

    A seat is not handed to somebody else: of each party the name or the number stays, and they are changed once. Raises what
    `confirming.confirm` raises, Conflict for another person or once the time has come, ChangedMeanwhile.
    """
    sessions.require_active(actor)
    if booking.state is not BookingState.CONFIRMED:
        raise steps.lost(booking)
    changing.require_before_start(booking)
    holding.require_active(booking.matter)
    if "foreign_country" in given.details and not booking.foreign_use:
        raise Invalid(errors={"foreign_country": ["这个预约没有选择在国外或者境外使用。"]})
    unknown = [place for place in given.parties if place >= len(booking.parties)]
    if unknown:
        raise Invalid(errors={"parties": [f"这个预约只有 {len(booking.parties)} 位当事人。"]})
    details = _details(booking, given)
    checked = checks.check(details, booking.matter, booking.office, booking)
    right = [_stored(*pair) for pair in zip(booking.parties, checked.parties, strict=True)]
    rows = confirming.party_rows(booking, right)
    action = CORRECTED_PERSONS if _changes_persons(booking, rows) else "correct_details"
    steps.move(
        booking,
        "correct_details",
        actor,
        agent=checked.agent,
        contact_phone=checked.contact_phone,
        foreign_country=details.foreign_country,
    )
    if given.parties:
        persons.replace(actor, booking, rows)
    steps.note(booking, action, "更正预约信息", actor)
    steps.record(booking, action, actor, {"parties": len(given.parties)})
    return booking


def _details(booking: NotaryBooking, given: Correction) -> Details:
    """Return what the appointment is confirmed with after the correction; what was understood then still is."""
    basis = booking.connection_basis
    assert basis is not None  # noqa: S101 - written by every confirmation
    known: dict[str, Any] = {
        "agent": _agent(booking.agent),
        "contact_phone": booking.contact_phone,
        "foreign_country": booking.foreign_country,
    }
    return Details(
        connection_basis=basis,
        parties=tuple(
            _changed(_given(party), given.parties.get(place, {}))
            for place, party in enumerate(booking.parties)
        ),
        checklist_read=True,
        immovable=booking.immovable,
        foreign_use=booking.foreign_use,
        dispute=booking.dispute,
        dispute_understood=True,
        in_person_understood=True,
        fee_relief=booking.fee_relief,
        contact_safety=booking.contact_safety,
        **{**known, **given.details},
    )


def _changes_persons(booking: NotaryBooking, rows: Sequence[dict[str, Any]]) -> bool:
    """True when a name or a number changes; raises Conflict for both at once, and for a second time."""
    pairs = list(zip(booking.parties, rows, strict=True))
    renamed = {place for place, (old, new) in enumerate(pairs) if old.name != new["name"]}
    numbered = {
        place for place, (old, new) in enumerate(pairs) if old.person_index != new["person_index"]
    }
    if renamed & numbered:
        raise Conflict(
            "同一位当事人的姓名和证件号码不能一起更正，这等于换人。",
            code="another_person",
            next_step="换人办理的，请取消后重新预约；两项都写错的，请到场时请工作人员照证件更正。",
        )
    if not renamed | numbered:
        return False
    if any(line.action == CORRECTED_PERSONS for line in booking.history):
        raise Conflict(
            "当事人的姓名、证件号码只能自己更正一次。",
            code="already_corrected",
            next_step="还有不对的，请到场时请工作人员照证件更正。",
        )
    return True


def _given(party: NotaryParty) -> Party:
    """Return a party as it would be given."""
    return Party(
        name=party.name,
        document_number=party.document_number,
        kind=party.kind,
        document_type=party.document_type,
        birth_date=party.born,
        one_character_confirmed=True,
        lacks_capacity=party.lacks_capacity,
        by_agent=party.by_agent,
        guardian_before=_guardian(party.guardian),
    )


def _stored(before: NotaryParty, right: CheckedParty) -> CheckedParty:
    """Return a party as it is written: with the guardian of before, who does not act on its day and may on an earlier one.

    That a name was misspelt says nothing of the guardian, who is forgotten with everybody else of the appointment. Of whom
    the right date of birth makes an adult there never was one: what is known of somebody who was named by mistake is of no
    use any more, and goes at once (个人信息保护法 19).
    """
    born = right.birth_date
    never = born is None or (born != before.born and age_on(born, clock.today()) >= ADULT_AGE)
    return right if right.guardian or never else replace(right, guardian=before.guardian)


def _changed(party: Party, changes: Changes) -> Party:
    """Return the party with the changes; another name is confirmed anew, and another number tells its own date of birth."""
    forgotten: dict[str, Any] = {}
    if "name" in changes:
        forgotten["one_character_confirmed"] = False
    if "document_number" in changes or "document_type" in changes:
        forgotten["birth_date"] = None
    return replace(party, **{**forgotten, **changes})


def _agent(known: dict[str, Any] | None) -> Agent | None:
    if known is None:
        return None
    return Agent(**{**known, "document_type": DocumentType(known["document_type"])})


def _guardian(known: dict[str, Any] | None) -> Guardian | None:
    if known is None:
        return None
    return Guardian(**{**known, "document_type": DocumentType(known["document_type"])})


# --- by the office ---------------------------------------------------------------------------------------------------


@transactional
def correct_party(
    actor: Actor, booking: NotaryBooking, place: int, changes: Changes, reason: CorrectionReason
) -> NotaryBooking:
    """Put a party right as the document at the desk says, before acceptance; `place` counts from 0.

    Raises Conflict once its persons are not needed any more, Invalid by field, ChangedMeanwhile; for
    the right person AlreadyBooked, LimitReached, TooManyNoShows and ElsewhereThen.
    """
    if place >= len(booking.parties):
        raise NotFound("这个预约没有这位当事人。")
    if not booking.parties[place].active:
        raise Conflict("这个预约的当事人信息已经清除或者不再使用，不能更正。", code="not_active")
    right = checks.check_correction(
        _changed(_given(booking.parties[place]), changes),
        _agent(booking.agent),
        booking.matter,
        booking.day,
    )
    parties = [_kept(party) for party in booking.parties]
    parties[place] = _stored(booking.parties[place], right)
    _require_each_once(
        [persons.person_index(party.document_type, party.document_number) for party in parties]
    )
    steps.move(booking, "correct_party", actor)
    persons.replace(actor, booking, confirming.party_rows(booking, parties))
    steps.note(booking, "correct_party", f"更正当事人信息：{reason.label}", actor)
    steps.record(booking, "correct_party", actor, {"party": place, "reason": reason.value})
    return booking


def _kept(party: NotaryParty) -> CheckedParty:
    return CheckedParty(
        kind=party.kind,
        name=party.name,
        document_type=party.document_type,
        document_number=party.document_number,
        birth_date=party.born,
        lacks_capacity=party.lacks_capacity,
        by_agent=party.by_agent,
        guardian=party.guardian,
    )


def _require_each_once(indexes: Sequence[str]) -> None:
    """Raise Invalid for the same person twice, also by another document with the same number."""
    if len(set(indexes)) != len(indexes):
        raise Invalid(errors={"document_number": ["同一位当事人填写了两次。"]})


@transactional
def correct_register(
    actor: Actor, case: NotaryCase, place: int, changes: Changes, reason: CorrectionReason
) -> NotaryCase:
    """Put a party right in the register's own copy (公证程序规则 57); `case` was loaded for update, `place` counts from 0.

    The certificate is not changed by it: its errors are put right by a review (公证法 39). Raises Invalid by field.
    """
    if place >= len(case.parties):
        raise NotFound("这件公证没有这位当事人。")
    right = checks.check_correction(
        _changed(_registered(case.parties[place]), changes),
        _agent(case.agent),
        case.matter,
        case.accepted_on,
    )
    parties = [*case.parties]
    parties[place] = cases.written(right)
    _require_each_once([persons.index_of(party) for party in parties])
    case_steps.move(
        case,
        "correct_party",
        actor,
        {"party": place, "reason": reason.value},
        label=f"更正登记簿里的当事人信息：{reason.label}",
    )
    case.parties = parties
    return case


def _registered(party: dict[str, Any]) -> Party:
    """Return a party of the register as it would be given; what it says of capacity is whether a guardian acts.

    The guardian stays, also of whom the right number makes an adult: the register tells who acted on that day.
    """
    kind = party["document_type"]
    return Party(
        name=party["name"],
        document_number=party["document_number"],
        kind=PartyKind(party["kind"]),
        document_type=None if kind is None else DocumentType(kind),
        one_character_confirmed=True,
        lacks_capacity=party["guardian"] is not None,
        by_agent=party["by_agent"],
        guardian=_guardian(party["guardian"]),
    )
