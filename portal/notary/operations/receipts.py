"""Handing a certificate over, and the year in which its party may ask for a review (NO-D3).

The receipt is a fact of its own: it may come, or be written down, before a review is asked for, during one and after it.
"""

from __future__ import annotations

from datetime import date

from portal.core import clock
from portal.core.actor import Actor
from portal.core.db import db
from portal.core.errors import Conflict, Invalid
from portal.core.unit_of_work import transactional
from portal.notary import deadlines
from portal.notary.models import (
    CASE_KIND,
    CaseState,
    CorrectionReason,
    NotaryBooking,
    NotaryCase,
    ReviewBy,
)
from portal.notary.operations import case_steps
from portal.supervision import operations as supervision
from portal.supervision import queries as clocks


@transactional
def hand_over(actor: Actor, case: NotaryCase, received_on: date) -> NotaryCase:
    """Write down when the party received the certificate, from which day they may ask for a review (NO-D3).

    What was decided to be revoked is not handed out any more (公证法 39); that it was received before may still be
    written down.
    """
    _require_possible(case, received_on)
    case_steps.move(case, "hand_over", actor)
    _write(case, received_on)
    run_time_to_ask(case)
    return case


@transactional
def correct(
    actor: Actor, case: NotaryCase, received_on: date, reason: CorrectionReason
) -> NotaryCase:
    """Put a wrong day of receipt right; the time to ask for a review counts from the right one, and the party is told.

    Raises Conflict where that time is over by either day: nobody loses by a correction what they had, nor gets back what has
    run out.
    """
    _require_possible(case, received_on)
    before = case.received_on
    if before == received_on:
        raise Conflict("领取日期与已经登记的相同。", code="same_day")
    if clock.today() > deadlines.last_day_to_ask(min(before or received_on, received_on)):
        raise Conflict(
            "按原来或者更正后的领取日期，申请复查的期限已经届满，不能更正。",
            code="period_over",
            next_step="当事人申请复查的，请登记申请，由公证机构决定是否办理。",
        )
    case_steps.move(
        case,
        "correct_receipt",
        actor,
        {"reason": reason.value, "from": before, "to": received_on},
        label=f"更正领取日期：{reason.label}",
    )
    _write(case, received_on)
    running = clocks.deadlines_of(CASE_KIND, [case.id])[case.id]
    if any(each.rule_id == deadlines.ASK_REVIEW for each in running):
        supervision.restart(
            CASE_KIND, case.id, deadlines.ASK_REVIEW, starts_at=clock.start_of_day(received_on)
        )
    case_steps.tell(case, "notary.receipt_corrected", day=clock.spoken_day(received_on))
    return case


def _require_possible(case: NotaryCase, received_on: date) -> None:
    if case.issued_on is None or not case.issued_on <= received_on <= clock.today():
        raise Invalid(errors={"received_on": ["应当不早于出具的日期，也不晚于今天。"]})
    revoked_on = case.to_revoke_since
    if revoked_on is not None and received_on > revoked_on:
        raise Invalid(errors={"received_on": ["公证书已经决定撤销，只能登记决定以前领取的日期。"]})


def _write(case: NotaryCase, received_on: date) -> None:
    case.received_on = received_on
    for review in case.reviews:
        if review.by is ReviewBy.PARTY:
            review.late = review.asked_on > deadlines.last_day_to_ask(received_on)
    db.session.flush()


def _account_closed(case: NotaryCase) -> bool:
    if case.booking_id is None:
        return False
    return db.session.get_one(NotaryBooking, case.booking_id).account_closed


def run_time_to_ask(case: NotaryCase) -> None:
    """Let the clock of NO-D3 run where the party may ask: after the receipt, and again after a review.

    A request that the party made stops it (it is met); the request of somebody else does not. It runs for those without an
    account too, whom the office tells, and for nobody who has closed theirs (`case_events.forget`).
    """
    if case.received_on is None or case.state in (CaseState.REVOKING, CaseState.REVOKED):
        return
    if _account_closed(case):
        return
    asked = case.open_review is not None and case.open_review.by is ReviewBy.PARTY
    if asked or clock.today() > deadlines.last_day_to_ask(case.received_on):
        return
    running = clocks.deadlines_of(CASE_KIND, [case.id])[case.id]
    if not any(each.rule_id == deadlines.ASK_REVIEW for each in running):
        case_steps.start_clock(
            case, deadlines.ASK_REVIEW, starts_at=clock.start_of_day(case.received_on)
        )
