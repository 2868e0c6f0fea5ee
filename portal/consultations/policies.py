"""Who may do what to a consultation. Pure functions of the actor and the subject; truth tables in the tests."""

from __future__ import annotations

from portal.consultations.models import Consultation, ConsultationState, RejectionReason
from portal.core.actor import Actor, ActorKind
from portal.core.errors import Conflict, DomainError

MODERATOR = "moderator"
LAWYER = "lawyer"
REVIEWER = "reviewer"
SUPERVISOR = "supervisor"
STAFF_ROLES = (MODERATOR, LAWYER, REVIEWER, SUPERVISOR)

# Where a person goes when the question is not taken. No telephone number stands here that is not common knowledge.
NEXT_STEPS: dict[RejectionReason, str] = {
    RejectionReason.NOT_LEGAL: "您可以换一种说法重新提问，或者拨打 12348 公共法律服务热线询问。",
    RejectionReason.EMERGENCY: "请立即拨打 110 报警，需要急救请拨打 120；安全之后欢迎再来咨询。",
    RejectionReason.MEDIATION: "您可以向所在村（社区）或者乡镇（街道）的人民调解委员会申请调解，调解不收费。",
    RejectionReason.PETITION: "您可以向有关机关的信访部门提出。",
    RejectionReason.RECONSIDERATION: "请留意申请行政复议和提起诉讼的期限，平台的办事指南里有说明。",
    RejectionReason.LEGAL_AID: "您可以向当地法律援助机构申请法律援助，平台的办事指南里有说明。",
    RejectionReason.ALREADY_ANSWERED: "请用关键词搜索常见问题和已公开的答复；如果情况不同，请说明不同之处再提问。",
    RejectionReason.DUPLICATE: "请在您原来的那条咨询里查看进展或者补充情况。",
    RejectionReason.ABUSIVE: "请只写事情经过和您想问的问题，再重新提交。",
}


def is_system(actor: Actor, consultation: Consultation) -> bool:
    """The portal itself, acting on a deadline."""
    return actor.kind is ActorKind.SYSTEM


def can_read(actor: Actor, consultation: Consultation) -> bool:
    """Its resident; moderators, reviewers and supervisors; a lawyer when it is theirs or waits to be claimed."""
    if actor.is_resident:
        return consultation.resident_id is not None and consultation.resident_id == actor.id
    if not actor.is_staff:
        return False
    if actor.has_role(MODERATOR, REVIEWER, SUPERVISOR):
        return True
    return actor.has_role(LAWYER) and (
        consultation.lawyer_id == actor.id or consultation.state is ConsultationState.QUEUED
    )


def can_speak_for(actor: Actor, consultation: Consultation) -> bool:
    """Only the resident who asked."""
    return (
        actor.is_resident
        and consultation.resident_id is not None
        and consultation.resident_id == actor.id
    )


def can_moderate(actor: Actor, consultation: Consultation) -> bool:
    """Moderators."""
    return actor.is_staff and actor.has_role(MODERATOR)


def can_claim(actor: Actor, consultation: Consultation) -> bool:
    """Lawyers."""
    return actor.is_staff and actor.has_role(LAWYER)


def can_handle(actor: Actor, consultation: Consultation) -> bool:
    """The lawyer who has claimed it."""
    return can_claim(actor, consultation) and consultation.lawyer_id == actor.id


def can_release(actor: Actor, consultation: Consultation) -> bool:
    """The lawyer who has it, a moderator, or the portal after a silence (CO-D3)."""
    return (
        can_handle(actor, consultation)
        or can_moderate(actor, consultation)
        or is_system(actor, consultation)
    )


def can_sign_off(actor: Actor, consultation: Consultation) -> bool:
    """A reviewer other than the lawyer who wrote the answer."""
    return actor.is_staff and actor.has_role(REVIEWER) and consultation.lawyer_id != actor.id


def can_close(actor: Actor, consultation: Consultation) -> bool:
    """The resident, or the portal when the time for a follow-up is over (CO-D6)."""
    return can_speak_for(actor, consultation) or is_system(actor, consultation)


def can_publish(actor: Actor, consultation: Consultation) -> bool:
    """Moderators make the public text."""
    return can_moderate(actor, consultation)


def follow_up_left(consultation: Consultation) -> DomainError | None:
    """A question has one follow-up (platform's promise, D)."""
    if consultation.follow_up_used:
        return Conflict(
            "这条咨询已经追问过一次。",
            code="follow_up_used",
            next_step="如果还有新的问题，请另外提交一条咨询。",
        )
    return None


def not_answered_yet(consultation: Consultation) -> DomainError | None:
    """What has been answered is closed, not withdrawn: the answer may already be public."""
    if consultation.answered_at is not None:
        return Conflict(
            "这条咨询已经有答复，不能撤回。",
            code="already_answered",
            next_step="不再需要追问时可以等待答复后办结；不希望公开可以改变公开意愿。",
        )
    return None
