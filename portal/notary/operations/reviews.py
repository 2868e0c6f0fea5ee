"""Reviews (复查) of a certificate: asked for, decided, carried out (公证法 39; rules NO-D3 to NO-D6, NO-D8).

The periods were read second-hand (P), so a late request is taken and marked as late: what follows is the office's decision.
"""

from __future__ import annotations

import uuid
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

from portal.core import clock
from portal.core.actor import SYSTEM, Actor
from portal.core.db import db, new_id
from portal.core.errors import Conflict, Invalid, NotFound
from portal.core.events import subscribe
from portal.core.unit_of_work import transactional
from portal.notary import case_settings, deadlines
from portal.notary.models import (
    CASE_KIND,
    CaseState,
    NotaryCase,
    NotaryReview,
    ReviewBy,
    ReviewOutcome,
)
from portal.notary.operations import case_steps, pauses, receipts
from portal.notary.queries import cases as found_cases
from portal.supervision import operations as supervision
from portal.supervision.events import DeadlineOverdue

_DECISIONS = {
    ReviewOutcome.MAINTAIN: "maintain",
    ReviewOutcome.CORRECT: "decide_correction",
    ReviewOutcome.REVOKE: "decide_revocation",
}


@dataclass(frozen=True)
class Request:
    """A written request (rules NO-D8). `knew_on`: since when an interested person knew of the certificate."""

    error: str
    reasons: str
    request: str
    proof: str = ""
    by: ReviewBy = ReviewBy.PARTY
    knew_on: date | None = None


@transactional
def ask(actor: Actor, case: NotaryCase, given: Request) -> NotaryReview:
    """Ask for a review; starts NO-D5. `case` was loaded for update. Raises Conflict while another review is open."""
    if given.by is ReviewBy.INTERESTED:
        _require_known_on(case, given.knew_on)
    present = case.open_review
    if present is not None:
        raise Conflict(
            f"{clock.spoken_day(present.asked_on)}申请的复查还没有办结，不能同时再申请一次。",
            code="review_open",
            next_step="有新的理由或者证明材料，请直接交给公证机构；仍在期限内的，这次复查办结后可以再次申请。",
        )
    late = is_late(case, given)
    case_steps.move(case, "ask_review", actor, {"by": given.by.value, "late": late})
    review = NotaryReview(
        id=new_id(), by=given.by, asked_on=clock.today(), late=late, request=_written(given)
    )
    case.reviews.append(review)
    db.session.flush()
    if given.by is ReviewBy.PARTY:
        supervision.meet(CASE_KIND, case.id, deadlines.ASK_REVIEW)
    deadline = case_steps.start_clock(case, deadlines.REVIEW)
    own = given.by is ReviewBy.PARTY
    told = "notary.review_asked" if own else "notary.review_asked_by_other"
    case_steps.tell(case, told, due=case_steps.spoken_end(deadline))
    case_steps.tell_staff(case, "notary.staff.review_asked", by=given.by.label)
    return review


def _require_known_on(case: NotaryCase, knew_on: date | None) -> None:
    if knew_on is None:
        raise Invalid(errors={"knew_on": ["请填写知道或者应当知道这份公证书的日期。"]})
    # NO-D4 counts from this day. Nobody knew of a certificate before it was issued, and an earlier day would make the
    # request late.
    if knew_on > clock.today() or (case.issued_on is not None and knew_on < case.issued_on):
        raise Invalid(errors={"knew_on": ["应当不早于出具的日期，也不晚于今天。"]})


def _written(given: Request) -> dict[str, Any]:
    values = asdict(given)
    values["by"] = given.by.value
    values["knew_on"] = given.knew_on.isoformat() if given.knew_on else None
    return values


def is_late(case: NotaryCase, given: Request) -> bool:
    """True when the period for asking is over: NO-D3 for a party, NO-D4 and its longest span for an interested person."""
    today = clock.today()
    if given.by is ReviewBy.PARTY:
        return case.received_on is not None and today > deadlines.last_day_to_ask(case.received_on)
    ends = []
    if given.knew_on is not None:
        ends.append(deadlines.years_after(given.knew_on, deadlines.INTERESTED_KNEW))
    if case.issued_on is not None:
        ends.append(deadlines.years_after(case.issued_on, deadlines.INTERESTED_AT_MOST))
    return any(today > end for end in ends)


@transactional
def decide(
    actor: Actor, case: NotaryCase, outcome: ReviewOutcome, note: str
) -> tuple[NotaryCase, list[str]]:
    """Decide a review, with reasons; NO-D5 is met, and a correction or revocation starts NO-D6.

    Returns the case with what the clerk should know: that the rules may want somebody else than the notary of the case was
    not read in any text (U), so it is said and not forbidden.
    """
    warnings = []
    if actor.id == case.notary_id and case_settings.current().warn_same_reviewer:
        warnings.append("您是这件公证的承办人；复查一般由原承办人以外的公证员办理，请核对。")
    if str(actor.id) in case.recused:
        warnings.append("您已经因回避不再承办这件公证，请核对是否应当由别人复查。")
    review = case.open_review
    case_steps.move(case, _DECISIONS[outcome], actor, {"own_case": actor.id == case.notary_id})
    if review is None:  # pragma: no cover - a case in review has one
        raise NotFound("没有找到要办理的复查。")
    review.outcome, review.note = outcome, note
    review.reviewer_id, review.decided_on = actor.id, clock.today()
    if outcome is not ReviewOutcome.MAINTAIN:
        review.handler_id = actor.id
    pauses.end_all(case)
    supervision.meet(CASE_KIND, case.id, deadlines.REVIEW)
    supervision.cancel(CASE_KIND, case.id, deadlines.REVIEW_PAUSES, reason="复查已决定")
    if outcome is ReviewOutcome.MAINTAIN:
        _close(case, review)
    else:
        case_steps.start_clock(case, deadlines.CARRY_OUT, staff_id=actor.id)
    case_steps.tell(case, "notary.review_decided", outcome=outcome.label)
    return case, warnings


def _close(case: NotaryCase, review: NotaryReview) -> None:
    review.closed_on = clock.today()
    db.session.flush()
    if case.state is CaseState.REVOKED:
        supervision.cancel(CASE_KIND, case.id, deadlines.ASK_REVIEW, reason="公证书已撤销")
    else:
        receipts.run_time_to_ask(case)


@transactional
def carry_out(actor: Actor, case: NotaryCase, action: str) -> NotaryCase:
    """Do what the review decided, `correct` or `revoke`; NO-D6 is met. What is revoked is void from the start (公证法 39)."""
    review = case.open_review
    case_steps.move(case, action, actor)
    if review is None:  # pragma: no cover - a decision to carry out is that of one
        raise NotFound("没有找到要办理的复查。")
    revoking = case.state is CaseState.REVOKED
    supervision.meet(CASE_KIND, case.id, deadlines.CARRY_OUT)
    _close(case, review)
    case_steps.tell(
        case,
        "notary.review_carried_out",
        outcome="公证书已撤销并公告，自始无效" if revoking else "公证书已更正",
    )
    return case


@subscribe(DeadlineOverdue)
def _on_overdue(event: DeadlineOverdue) -> None:
    """What follows when a clock of a case runs out. That the office itself is late, supervision tells."""
    if event.subject_kind != CASE_KIND:
        return
    if event.rule_id == deadlines.ASK_REVIEW:
        # Nothing is late: the party has simply not asked.
        supervision.cancel(CASE_KIND, event.subject_id, event.rule_id, reason="期限届满，没有申请")
    elif event.rule_id == deadlines.REVIEW_PAUSES:
        _run_again(event.subject_id)
    elif event.rule_id == deadlines.PARTY_DELAY:
        case = found_cases.find(event.subject_id)
        if case is not None:
            case_steps.tell_staff(case, "notary.staff.delayed")


def _run_again(case_id: uuid.UUID) -> None:
    """The pauses of a review have lasted as long as they may together: its clock runs again, whoever is waited for."""
    supervision.cancel(CASE_KIND, case_id, deadlines.REVIEW_PAUSES, reason="暂停累计已满上限")
    case = found_cases.for_update(case_id)
    if case is None or case.state is not CaseState.REVIEW or not case.lasting:
        return
    case_steps.move(case, "resume_review", SYSTEM)
    pauses.end_all(case)
    pauses.resume(case)
    db.session.flush()
    case_steps.tell_staff(case, "notary.staff.review_runs")
