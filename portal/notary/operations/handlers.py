"""Who of the office has a case in hand, or carries out what a review of it decided, and that somebody else takes it over."""

from __future__ import annotations

import uuid

from portal.accounts import queries as accounts
from portal.core.actor import Actor
from portal.core.errors import Conflict, Forbidden, Invalid
from portal.core.unit_of_work import transactional
from portal.notary import deadlines, policies
from portal.notary.models import CASE_KIND, HandlerChange, NotaryCase
from portal.notary.operations import case_steps
from portal.supervision import operations as supervision


def colleague(office_id: uuid.UUID, staff_id: uuid.UUID | None, field: str) -> uuid.UUID:
    """Return the id of somebody who works at the office; raises Invalid for anybody else."""
    working = {each.id for each in accounts.staff_with_role(policies.CLERK, office_id)}
    if staff_id is None or staff_id not in working:
        raise Invalid(errors={field: ["这个公证机构没有这位工作人员。"]})
    return staff_id


def tell(actor: Actor, case: NotaryCase) -> None:
    """Tell who has the case in hand now, unless they have taken it themselves."""
    if case.handler_id != actor.id:
        case_steps.tell_staff(case, "notary.staff.to_handle", staff_id=case.handler_id)


@transactional
def reassign(
    actor: Actor, case: NotaryCase, notary_id: uuid.UUID, reason: HandlerChange
) -> NotaryCase:
    """Give a case that is under way, or what a review decided, to another handler of the office, with its deadline.

    Both are told; `case` was loaded for update. Raises Invalid for somebody who does not work there, Conflict for who has it
    in hand already and for who was taken off it for recusal.
    """
    review, former = case.open_review, case.handler_id
    handler = colleague(case.office_id, notary_id, "notary_id")
    if handler == former:
        raise Conflict("这件公证已经由其承办。", code="handles_already")
    recused = _recused(actor, case, handler, reason)
    case_steps.move(
        case,
        "reassign",
        actor,
        {"reason": reason.value, "from": str(former), "to": str(handler)},
        label=f"变更承办人：{reason.label}",
    )
    case.recused = recused
    if review is None:
        case.notary_id = handler
    else:
        review.handler_id = handler
    supervision.reassign(
        CASE_KIND,
        case.id,
        deadlines.ISSUE if review is None else deadlines.CARRY_OUT,
        responsible_staff_id=handler,
    )
    tell(actor, case)
    if former != actor.id:
        case_steps.tell_staff(case, "notary.staff.handed_on", staff_id=former)
    return case


def _recused(
    actor: Actor, case: NotaryCase, handler: uuid.UUID, reason: HandlerChange
) -> list[str]:
    """Return who is recused from the case after it was handed over for `reason`.

    Raises Conflict where its new handler would be one of them, unless the recusal was not upheld; nobody says that of
    their own.
    """
    theirs = str(handler)
    if reason is HandlerChange.NOT_UPHELD:
        if theirs not in case.recused:
            raise Invalid(errors={"reason": ["没有登记过这位工作人员回避，请选别的原因。"]})
        if handler == actor.id:
            raise Forbidden(
                "回避是否成立，不能由本人登记。", next_step="请由同事或者督办人员登记。"
            )
        return [each for each in case.recused if each != theirs]
    if theirs in case.recused:
        raise Conflict(
            "这位工作人员已经因回避不再承办这件公证，不能再由其承办。",
            code="recused",
            next_step="请换一位承办人；回避不成立的，由别人登记，原因选“回避不成立”。",
        )
    if reason is HandlerChange.RECUSED:
        return [*case.recused, str(case.handler_id)]
    return case.recused
