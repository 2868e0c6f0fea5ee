"""A case from acceptance (受理) to its end. The acceptance starts NO-D1, never the booking (公证法 30)."""

from __future__ import annotations

import re
import uuid
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

from sqlalchemy.exc import IntegrityError

from portal.core import clock
from portal.core.actor import Actor
from portal.core.db import db, new_id
from portal.core.errors import Conflict, Forbidden, Invalid, NotFound, WrongState
from portal.core.references import next_reference
from portal.core.unit_of_work import transactional
from portal.notary import case_settings, checks, deadlines, policies
from portal.notary.models import (
    CASE_KIND,
    CaseState,
    CorrectionReason,
    NotaryBooking,
    NotaryCase,
    NotaryMatter,
    NotaryTicket,
    PauseGround,
    RefusalGround,
    TerminationGround,
    TicketState,
)
from portal.notary.operations import (
    case_steps,
    day,
    handlers,
    pauses,
    persons,
    receipts,
    steps,
    tickets,
)
from portal.notary.parties import Agent, CheckedParty, Party
from portal.notary.queries import cases as found_cases
from portal.supervision import operations as supervision
from portal.supervision import rules
from portal.working_days.counting import add_months

REFERENCE_PREFIX = "GS"
ISSUED_FORM = "出具公证书"
REFUSED_FORM = "不予办理公证"
TERMINATED_FORM = "终止公证"
VOIDED_FORM = "误登记受理，已作废"
# From full-width signs to those of ASCII, and brackets the other way round, as they are printed.
_ONE_FORM = {0xFEE0 + sign: sign for sign in range(0x21, 0x7F)} | str.maketrans(
    "()（）", "（）（）"
)


@dataclass(frozen=True)
class AtDesk:
    """What is written down for somebody who came without an appointment."""

    matter_id: uuid.UUID
    parties: tuple[Party, ...]
    agent: Agent | None = None


@transactional
def accept(
    actor: Actor,
    booking: NotaryBooking,
    notary_id: uuid.UUID | None,
    accepted_on: date | None = None,
) -> NotaryCase:
    """Accept the matter of an appointment that has checked in; its parties are taken over as they were given.

    `notary_id` is who handles the case, the actor when None. `accepted_on` is the day of an acceptance that is written down
    later, today when None: its period has run since then (公证法 30). Of two acceptances at once one succeeds.
    """
    if accepted_on is not None and not booking.day <= accepted_on <= clock.today():
        raise Invalid(errors={"accepted_on": ["应当不早于预约的日期，也不晚于今天。"]})
    handler = handlers.colleague(booking.office_id, notary_id or actor.id, "notary_id")
    day.end_visit(actor, booking, "accept", "受理")
    steps.record(booking, "accept", actor)
    ticket = _out_of_the_queue(actor, booking)
    case = _open(
        actor,
        NotaryCase(
            booking_id=booking.id,
            ticket_id=ticket.id if ticket else None,
            account_id=booking.account_id,
            office_id=booking.office_id,
            matter_id=booking.matter_id,
            parties=[
                {
                    "kind": party.kind.value,
                    "name": party.name,
                    "document_type": party.document_type.value if party.document_type else None,
                    "document_number": party.document_number,
                    "by_agent": party.by_agent,
                    "guardian": party.guardian_on(booking.day),
                }
                for party in booking.parties
            ],
            agent=booking.agent,
            contact_safety=booking.contact_safety,
            notary_id=handler,
        ),
        accepted_on,
    )
    # Last: the case has taken the persons over, and a closed account leaves none behind.
    persons.end_parties(booking.id)
    return case


def _out_of_the_queue(actor: Actor, booking: NotaryBooking) -> NotaryTicket | None:
    """Return the number of an appointment that has been decided, which nobody calls any more."""
    ticket = found_cases.ticket_of(booking.id, lock=True)
    if ticket is not None and tickets.may_be_called(ticket):
        tickets.settle(actor, ticket)
    return ticket


@transactional
def accept_at_desk(
    actor: Actor, ticket: NotaryTicket, given: AtDesk, notary_id: uuid.UUID | None
) -> NotaryCase:
    """Accept the matter of somebody who came without an appointment. `ticket` was loaded for update."""
    _require_at_desk(actor, ticket)
    matter = db.session.get(NotaryMatter, given.matter_id)
    if matter is None or not matter.active:
        raise Invalid(errors={"matter_id": ["没有这个公证事项，或者它目前不办理。"]})
    handler = handlers.colleague(ticket.office_id, notary_id or actor.id, "notary_id")
    parties, agent = checks.check_at_desk(given.parties, given.agent, matter, clock.today())
    _has_come(actor, ticket)
    ticket.matter_id = matter.id
    ticket.updated_at = clock.now()
    return _open(
        actor,
        NotaryCase(
            ticket_id=ticket.id,
            office_id=ticket.office_id,
            matter_id=matter.id,
            parties=[written(party) for party in parties],
            agent=agent,
            notary_id=handler,
        ),
    )


def standing_appointments(case: NotaryCase) -> list[str]:
    """Say which appointments for the matter its parties still have here, of those who came without one, or on another day."""
    indexes = [persons.index_of(party) for party in case.parties]
    return [
        f"当事人在本机构还有同一事项的预约 {booking.reference}（{clock.spoken(booking.starts_at)}），"
        "不再需要的，请应其要求取消，以免记为未到场。"
        for booking in persons.still_booked(case.office_id, case.matter_id, indexes)
    ]


def written(party: CheckedParty) -> dict[str, Any]:
    """Return a party as the register keeps it."""
    values = asdict(party)
    return {
        "kind": party.kind.value,
        "name": party.name,
        "document_type": party.document_type.value if party.document_type else None,
        **{name: values[name] for name in ("document_number", "by_agent", "guardian")},
    }


def _require_at_desk(actor: Actor, ticket: NotaryTicket) -> None:
    if not policies.can_serve(actor, ticket):
        raise Forbidden("您没有在这个公证机构受理的权限。")
    if ticket.booking_id is not None:
        raise Conflict(
            "这个号是预约签到的，请在预约里办理。",
            code="has_appointment",
            next_step="请打开对应的预约，再选择受理或者不予受理。",
        )
    if ticket.state not in (TicketState.CALLED, TicketState.SERVING):
        raise WrongState(f"这个号目前是“{ticket.state.label}”，不能受理。")
    if found_cases.case_of_ticket(ticket.id) is not None:
        raise Conflict("这个号已经受理过。", code="already_accepted")
    if ticket.not_accepted_note is not None:
        raise Conflict("这个号已经登记为不予受理。", code="already_not_accepted")


def _has_come(actor: Actor, ticket: NotaryTicket) -> None:
    """Whoever is decided on has come, whether or not a start was written down: the hall calls the number no more."""
    if ticket.state is TicketState.CALLED:
        tickets.start(actor, ticket)


def _open(actor: Actor, case: NotaryCase, accepted_on: date | None = None) -> NotaryCase:
    case.id = new_id()
    case.reference = next_reference(REFERENCE_PREFIX)
    case.state = CaseState.ACCEPTED
    case.accepted_on = accepted_on or clock.today()
    db.session.add(case)
    db.session.flush()
    case_steps.note(case, "accept", "受理", actor)
    deadline = case_steps.start_clock(
        case,
        deadlines.ISSUE,
        staff_id=case.notary_id,
        starts_at=clock.start_of_day(accepted_on) if accepted_on else None,
    )
    case_steps.tell(case, "notary.accepted", due=case_steps.spoken_end(deadline))
    handlers.tell(actor, case)
    return case


@transactional
def not_accept(
    actor: Actor, booking: NotaryBooking, ground: RefusalGround | None, note: str
) -> NotaryBooking:
    """Do not accept what an appointment came for, with written reasons; the ground of 公证法 31 where one applies."""
    day.end_visit(actor, booking, "not_accept", "不予受理")
    persons.end_parties(booking.id)
    ticket = _out_of_the_queue(actor, booking)
    if ticket is None:  # pragma: no cover - checking in gives a number
        raise NotFound("没有找到这个预约的号。")
    _write_reasons(ticket, ground, note)
    steps.record(booking, "not_accept", actor, {"ground": ground.value if ground else None})
    steps.tell(booking, "notary.not_accepted")
    return booking


@transactional
def not_accept_at_desk(
    actor: Actor, ticket: NotaryTicket, ground: RefusalGround | None, note: str
) -> NotaryTicket:
    """The same for somebody who came without an appointment."""
    _require_at_desk(actor, ticket)
    _has_come(actor, ticket)
    _write_reasons(ticket, ground, note)
    tickets.record(actor, ticket, "not_accept")
    return ticket


def _write_reasons(ticket: NotaryTicket, ground: RefusalGround | None, note: str) -> None:
    ticket.not_accepted_ground, ticket.not_accepted_note = ground, note
    ticket.updated_at = clock.now()
    db.session.flush()


# --- ends ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Certificate:
    """What the register names of an issued certificate (公证程序规则 57)."""

    number: str
    approver_id: uuid.UUID
    closing_form: str = ISSUED_FORM
    handed_over: bool = False


def normal_number(text: str) -> str:
    """Return the number of a certificate in one form: figures and letters in half width, brackets in full, no blanks.

    However it was typed, the same number is taken once.
    """
    return re.sub(r"\s+", "", text).translate(_ONE_FORM)


@transactional
def issue(actor: Actor, case: NotaryCase, given: Certificate) -> NotaryCase:
    """Issue the certificate: it takes effect today (公证法 32), and NO-D1 is met.

    Raises Conflict for a number that the office has used.
    """
    approver = handlers.colleague(case.office_id, given.approver_id, "approver_id")
    try:
        # The unique constraint says whether the number is free; a savepoint, so that the refusal is ours to word.
        with db.session.begin_nested():
            _close(case, given.closing_form)
            case.certificate_number, case.issued_on = normal_number(given.number), clock.today()
            case.approver_id = approver
            db.session.flush()
    except IntegrityError as error:
        raise Conflict(
            "这个公证书编号已经用过。", code="number_taken", next_step="请核对编号后重新提交。"
        ) from error
    case_steps.move(case, "issue", actor)
    supervision.meet(CASE_KIND, case.id, deadlines.ISSUE)
    case_steps.tell(case, "notary.issued_and_received" if given.handed_over else "notary.issued")
    if given.handed_over:
        receipts.hand_over(actor, case, clock.today())
    return case


@transactional
def refuse(actor: Actor, case: NotaryCase, ground: RefusalGround, note: str) -> NotaryCase:
    """Refuse after acceptance, on a ground of 公证法 31, with written reasons."""
    _close(case, REFUSED_FORM)
    case.refusal_ground, case.closing_note = ground, note
    case_steps.move(case, "refuse", actor, {"ground": ground.value})
    _stop_clocks(case, REFUSED_FORM)
    case_steps.tell(case, "notary.refused")
    return case


@transactional
def terminate(
    actor: Actor, case: NotaryCase, ground: TerminationGround, note: str
) -> tuple[NotaryCase, list[str]]:
    """End a case without a certificate (NO-D7, U); returns it with what the clerk should know.

    Which grounds there are is the district's setting; that a delay is not long enough is a warning and no refusal.
    """
    if ground not in case_settings.current().termination_grounds:
        raise Invalid(errors={"ground": ["本机构没有启用这个终止理由。"]})
    warnings = []
    if ground is TerminationGround.DELAY and not _delayed_enough(case):
        rule = rules.get(deadlines.PARTY_DELAY)
        warnings.append(f"等待当事人补充材料还不到 {rule.text}，请核对终止的依据。")
    _close(case, TERMINATED_FORM)
    case.termination_ground, case.closing_note = ground, note
    case_steps.move(case, "terminate", actor, {"ground": ground.value})
    _stop_clocks(case, TERMINATED_FORM)
    case_steps.tell(case, "notary.terminated")
    return case, warnings


def void(actor: Actor, case: NotaryCase, reason: CorrectionReason) -> None:
    """Void an acceptance that was written down by mistake; inside a unit of work, `case` was loaded for update.

    The reference stays in the register and says so. What it was for is no longer tied to it: that may be accepted anew.
    """
    _close(case, VOIDED_FORM)
    label = f"误登记受理，作废：{reason.label}"
    case_steps.move(case, "revert_accept", actor, {"reason": reason.value}, label=label)
    _stop_clocks(case, VOIDED_FORM)
    case.booking_id = case.ticket_id = case.account_id = None
    db.session.flush()


def _delayed_enough(case: NotaryCase) -> bool:
    amount = rules.get(deadlines.PARTY_DELAY).amount
    return any(
        add_months(clock.local(row.from_at).date(), amount).raw <= clock.today()
        for row in case.lasting
        if row.ground is PauseGround.SUPPLEMENT
    )


def _close(case: NotaryCase, form: str) -> None:
    case.closing_form, case.closed_on = form, clock.today()


def _stop_clocks(case: NotaryCase, reason: str) -> None:
    pauses.end_all(case)
    supervision.cancel_all(CASE_KIND, case.id, reason=reason)
