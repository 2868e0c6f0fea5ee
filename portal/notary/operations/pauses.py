"""Lawful pauses of a case's clock (NO-D2), and of the clock of a review (NO-D5)."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence

from portal.core import clock
from portal.core.actor import Actor
from portal.core.db import db, new_id
from portal.core.errors import Conflict, NotFound
from portal.core.unit_of_work import transactional
from portal.notary import case_settings, deadlines
from portal.notary.models import (
    CASE_KIND,
    CaseState,
    NotaryCase,
    NotaryCasePause,
    PauseGround,
    ReviewBy,
)
from portal.notary.operations import case_steps
from portal.supervision import operations as supervision
from portal.supervision import queries as clocks
from portal.supervision import rules
from portal.supervision.models import Deadline, DeadlineState


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
        label=f"期限暂停：{ground.label}",
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
        case_steps.tell(case, _asked_for_papers(case))
    else:
        case_steps.tell(
            case, "notary.review_paused" if in_review else "notary.paused", ground=ground.label
        )
    return row


def _asked_for_papers(case: NotaryCase) -> str:
    """Return as which message its party hears that papers are missing; in a review somebody else may have to bring them."""
    review = case.open_review
    if review is None:
        return "notary.supplement_asked"
    own = review.by is ReviewBy.PARTY
    return "notary.review_supplement_asked" if own else "notary.review_waits_for_other"


def _run_limit_of_pauses(case: NotaryCase) -> None:
    known = _limit_of_pauses(case)
    if known is None:
        case_steps.start_clock(case, deadlines.REVIEW_PAUSES)
    elif known.is_running:
        supervision.resume(CASE_KIND, case.id, deadlines.REVIEW_PAUSES)
    else:
        raise Conflict(
            f"复查的补充和核实累计不得超过 {rules.get(deadlines.REVIEW_PAUSES).text}，已经用完。",
            code="pauses_used_up",
            next_step="请在复查期限内作出决定。",
        )


def used_up(cases: Iterable[NotaryCase]) -> set[uuid.UUID]:
    """Return the ids of those whose present review has stood still for as long as it may: no pause can begin any more."""
    running = [case.id for case in cases if case.state is CaseState.REVIEW and not case.lasting]
    found = clocks.deadlines_of(CASE_KIND, running, include_ended=True)
    limits = {case_id: _limit_among(rows) for case_id, rows in found.items()}
    return {case_id for case_id, known in limits.items() if known and not known.is_running}


def _limit_of_pauses(case: NotaryCase) -> Deadline | None:
    """Return the clock that limits the pauses of the present review, once one has begun."""
    return _limit_among(clocks.deadlines_of(CASE_KIND, [case.id], include_ended=True)[case.id])


def _limit_among(found: Sequence[Deadline]) -> Deadline | None:
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
    case_steps.move(
        case,
        action,
        actor,
        {"ground": row.ground.value},
        label=f"暂停原因结束：{row.ground.label}",
    )
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
    told = "notary.review_resumed" if in_review else "notary.resumed"
    case_steps.tell(case, told, due=case_steps.spoken_end(deadline))


def end_all(case: NotaryCase) -> None:
    """End what lasts when the case ends, or a review has stood still for as long as it may."""
    for row in case.lasting:
        row.to_at = clock.now()
    db.session.flush()
