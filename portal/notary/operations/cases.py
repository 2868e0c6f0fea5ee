"""A case from acceptance (受理) to its end. The acceptance starts NO-D1, never the booking (公证法 30)."""

from __future__ import annotations

import uuid
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

from sqlalchemy.exc import IntegrityError

from portal.accounts import queries as accounts
from portal.core import clock
from portal.core.actor import Actor
from portal.core.db import db, new_id
from portal.core.errors import Conflict, Forbidden, Invalid, NotFound, WrongState
from portal.core.references import next_reference
from portal.core.unit_of_work import transactional
from portal.notary import case_settings, checks, deadlines, policies
from portal.notary.checks import Agent, CheckedParty, Party
from portal.notary.models import (
    CASE_KIND,
    CaseState,
    NotaryBooking,
    NotaryCase,
    NotaryCasePause,
    NotaryMatter,
    NotaryTicket,
    PauseGround,
    RefusalGround,
    TerminationGround,
    TicketState,
)
from portal.notary.operations import case_steps, persons, steps, tickets
from portal.notary.queries import cases as found_cases
from portal.supervision import operations as supervision
from portal.supervision import queries as clocks
from portal.supervision import rules
from portal.supervision.models import Deadline, DeadlineState
from portal.working_days.counting import add_months

REFERENCE_PREFIX = "GS"
ISSUED_FORM = "出具公证书"
REFUSED_FORM = "不予办理公证"
TERMINATED_FORM = "终止公证"


@dataclass(frozen=True)
class AtDesk:
    """What is written down for somebody who came without an appointment."""

    matter_id: uuid.UUID
    parties: tuple[Party, ...]
    agent: Agent | None = None


@transactional
def accept(actor: Actor, booking: NotaryBooking, notary_id: uuid.UUID | None) -> NotaryCase:
    """Accept the matter of an appointment that has checked in; its parties are taken over as they were given.

    `notary_id` is who handles the case, the actor when None. Of two acceptances at once one succeeds.
    """
    handler = _colleague(booking.office_id, notary_id or actor.id, "notary_id")
    if not steps.move(booking, "accept", actor, ended_at=clock.now()):
        raise steps.lost(booking)
    steps.note(booking, "accept", "受理", actor)
    steps.record(booking, "accept", actor)
    ticket = found_cases.ticket_of(booking.id)
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
                    "guardian": party.guardian,
                }
                for party in booking.parties
            ],
            agent=booking.agent,
            contact_safety=booking.contact_safety,
            notary_id=handler,
        ),
    )
    # Last: the case has taken the persons over, and a closed account leaves none behind.
    persons.end_parties(booking.id)
    return case


@transactional
def accept_at_desk(
    actor: Actor, ticket: NotaryTicket, given: AtDesk, notary_id: uuid.UUID | None
) -> NotaryCase:
    """Accept the matter of somebody who came without an appointment. `ticket` was loaded for update."""
    _require_at_desk(actor, ticket)
    matter = db.session.get(NotaryMatter, given.matter_id)
    if matter is None or not matter.active:
        raise Invalid(errors={"matter_id": ["没有这个公证事项，或者它目前不办理。"]})
    handler = _colleague(ticket.office_id, notary_id or actor.id, "notary_id")
    parties, agent = checks.check_at_desk(given.parties, given.agent, matter, clock.today())
    ticket.matter_id = matter.id
    ticket.updated_at = clock.now()
    return _open(
        actor,
        NotaryCase(
            ticket_id=ticket.id,
            office_id=ticket.office_id,
            matter_id=matter.id,
            parties=[_written(party) for party in parties],
            agent=agent,
            notary_id=handler,
        ),
    )


def _written(party: CheckedParty) -> dict[str, Any]:
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


def _open(actor: Actor, case: NotaryCase) -> NotaryCase:
    case.id = new_id()
    case.reference = next_reference(REFERENCE_PREFIX)
    case.state = CaseState.ACCEPTED
    case.accepted_on = clock.today()
    case.review_late = False
    db.session.add(case)
    db.session.flush()
    case_steps.note(case, "accept", "受理", actor)
    deadline = case_steps.start_clock(case, deadlines.ISSUE, staff_id=case.notary_id)
    case_steps.tell(case, "notary.accepted", due=case_steps.spoken_end(deadline))
    return case


def _colleague(office_id: uuid.UUID, staff_id: uuid.UUID | None, field: str) -> uuid.UUID:
    """Return the id of somebody who works at the office; raises Invalid for anybody else."""
    working = {each.id for each in accounts.staff_with_role(policies.CLERK, office_id)}
    if staff_id is None or staff_id not in working:
        raise Invalid(errors={field: ["这个公证机构没有这位工作人员。"]})
    return staff_id


@transactional
def not_accept(
    actor: Actor, booking: NotaryBooking, ground: RefusalGround | None, note: str
) -> NotaryBooking:
    """Do not accept what an appointment came for, with written reasons; the ground of 公证法 31 where one applies."""
    if not steps.move(booking, "not_accept", actor, ended_at=clock.now()):
        raise steps.lost(booking)
    persons.end_parties(booking.id)
    ticket = found_cases.ticket_of(booking.id)
    if ticket is None:  # pragma: no cover - checking in gives a number
        raise NotFound("没有找到这个预约的号。")
    _write_reasons(ticket, ground, note)
    steps.note(booking, "not_accept", "不予受理", actor)
    steps.record(booking, "not_accept", actor, {"ground": ground.value if ground else None})
    steps.tell(booking, "notary.not_accepted")
    return booking


@transactional
def not_accept_at_desk(
    actor: Actor, ticket: NotaryTicket, ground: RefusalGround | None, note: str
) -> NotaryTicket:
    """The same for somebody who came without an appointment."""
    _require_at_desk(actor, ticket)
    _write_reasons(ticket, ground, note)
    tickets.record(actor, ticket, "not_accept")
    return ticket


def _write_reasons(ticket: NotaryTicket, ground: RefusalGround | None, note: str) -> None:
    ticket.not_accepted_ground, ticket.not_accepted_note = ground, note
    ticket.updated_at = clock.now()
    db.session.flush()


# --- pauses (NO-D2) --------------------------------------------------------------------------------------------------


@transactional
def pause(actor: Actor, case: NotaryCase, ground: PauseGround, note: str) -> NotaryCasePause:
    """Stop the clock from now on, for a lawful ground. Never backdated: what is late stays late.

    Grounds may overlap, each once at a time; the clock runs again when the last of them has ended. In a review the clock of
    NO-D5 stops instead, and the time of all its pauses is limited.
    """
    if any(lasting.ground is ground for lasting in case.lasting):
        raise Conflict(
            f"期限已经因“{ground.label}”暂停。",
            code="already_paused",
            next_step="完毕后再登记新的一次。",
        )
    in_review = case.state is CaseState.REVIEW
    first = not case.lasting
    row = NotaryCasePause(id=new_id(), ground=ground, note=note, from_at=clock.now())
    case_steps.move(
        case,
        "pause_review" if in_review else "ask_supplement",
        actor,
        {"ground": ground.value},
    )
    case.pauses.append(row)
    db.session.flush()
    if first:
        rule_id = deadlines.REVIEW if in_review else deadlines.ISSUE
        basis = deadlines.REVIEW_BASIS if in_review else deadlines.PAUSE_BASIS
        supervision.pause(CASE_KIND, case.id, rule_id, reason=ground.label, basis=basis)
        if in_review:
            _run_limit_of_pauses(case)
    if ground is PauseGround.SUPPLEMENT:
        if not in_review and case_settings.current().watch_party_delay:
            case_steps.start_clock(case, deadlines.PARTY_DELAY)
        case_steps.tell(case, "notary.supplement_asked")
    else:
        case_steps.tell(case, "notary.paused", ground=ground.label)
    return row


def _run_limit_of_pauses(case: NotaryCase) -> None:
    known = _limit_of_pauses(case)
    if known is None:
        case_steps.start_clock(case, deadlines.REVIEW_PAUSES)
    elif known.is_running:
        supervision.resume(CASE_KIND, case.id, deadlines.REVIEW_PAUSES)
    else:
        raise Conflict(
            f"复查的补充和核实累计不得超过{rules.get(deadlines.REVIEW_PAUSES).text}，已经用完。",
            code="pauses_used_up",
            next_step="请在复查期限内作出决定。",
        )


def _limit_of_pauses(case: NotaryCase) -> Deadline | None:
    """Return the clock that limits the pauses of the present review, once one has begun."""
    found = clocks.deadlines_of(CASE_KIND, [case.id], include_ended=True)[case.id]
    begun = next(d for d in found if d.rule_id == deadlines.REVIEW and d.is_running)
    return next(
        (
            deadline
            for deadline in found
            if deadline.rule_id == deadlines.REVIEW_PAUSES and deadline.starts_at >= begun.starts_at
        ),
        None,
    )


@transactional
def end_pause(actor: Actor, case: NotaryCase, pause_id: uuid.UUID) -> NotaryCase:
    """One of the grounds is over; when none is left the clock runs again with what was left of it."""
    row = next((each for each in case.lasting if each.id == pause_id), None)
    if row is None:
        raise NotFound("没有找到这项暂停，或者它已经结束。")
    last = len(case.lasting) == 1
    in_review = case.state is CaseState.REVIEW
    action = "supplemented" if last else "part_supplemented"
    if in_review:
        action = "resume_review"
    case_steps.move(case, action, actor, {"ground": row.ground.value})
    row.to_at = clock.now()
    db.session.flush()
    if row.ground is PauseGround.SUPPLEMENT:
        supervision.meet(CASE_KIND, case.id, deadlines.PARTY_DELAY)
    if last:
        resume(case)
    return case


def resume(case: NotaryCase) -> None:
    """Let the clock that stood run again, and tell the party its new end."""
    in_review = case.state is CaseState.REVIEW
    rule_id = deadlines.REVIEW if in_review else deadlines.ISSUE
    deadline = supervision.resume(CASE_KIND, case.id, rule_id)
    limit = _limit_of_pauses(case) if in_review else None
    if limit is not None and limit.state is DeadlineState.OPEN:
        supervision.pause(
            CASE_KIND,
            case.id,
            deadlines.REVIEW_PAUSES,
            reason="复查恢复计时",
            basis=deadlines.REVIEW_BASIS,
        )
    case_steps.tell(case, "notary.resumed", due=case_steps.spoken_end(deadline))


def end_all_pauses(case: NotaryCase) -> None:
    """End what lasts when the case ends, or a review has stood still for as long as it may."""
    for row in case.lasting:
        row.to_at = clock.now()
    db.session.flush()


# --- ends ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Certificate:
    """What the register names of an issued certificate (公证程序规则 57)."""

    number: str
    approver_id: uuid.UUID
    closing_form: str = ISSUED_FORM
    handed_over: bool = False


@transactional
def issue(actor: Actor, case: NotaryCase, given: Certificate) -> NotaryCase:
    """Issue the certificate: it takes effect today (公证法 32), and NO-D1 is met.

    Raises Conflict for a number that the office has used.
    """
    approver = _colleague(case.office_id, given.approver_id, "approver_id")
    try:
        # The unique constraint says whether the number is free; a savepoint, so that the refusal is ours to word.
        with db.session.begin_nested():
            _close(case, given.closing_form)
            case.certificate_number, case.issued_on = given.number, clock.today()
            case.approver_id = approver
            db.session.flush()
    except IntegrityError as error:
        raise Conflict(
            "这个公证书编号已经用过。", code="number_taken", next_step="请核对编号后重新提交。"
        ) from error
    case_steps.move(case, "issue", actor)
    supervision.meet(CASE_KIND, case.id, deadlines.ISSUE)
    case_steps.tell(case, "notary.issued")
    if given.handed_over:
        hand_over(actor, case, clock.today())
    return case


@transactional
def hand_over(actor: Actor, case: NotaryCase, received_on: date) -> NotaryCase:
    """Write down when the party received the certificate, from which day they may ask for a review (NO-D3)."""
    if case.issued_on is None or not case.issued_on <= received_on <= clock.today():
        raise Invalid(errors={"received_on": ["应当不早于出具的日期，也不晚于今天。"]})
    case_steps.move(case, "hand_over", actor)
    case.received_on = received_on
    db.session.flush()
    case_steps.start_clock(case, deadlines.ASK_REVIEW, starts_at=clock.start_of_day(received_on))
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
        warnings.append(f"等待当事人补充材料还不到{rule.text}，请核对终止的依据。")
    _close(case, TERMINATED_FORM)
    case.termination_ground, case.closing_note = ground, note
    case_steps.move(case, "terminate", actor, {"ground": ground.value})
    _stop_clocks(case, TERMINATED_FORM)
    case_steps.tell(case, "notary.terminated")
    return case, warnings


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
    end_all_pauses(case)
    supervision.cancel_all(CASE_KIND, case.id, reason=reason)
