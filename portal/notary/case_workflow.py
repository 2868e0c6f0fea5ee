"""The way of a case: from, to, action, actor, rule."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from portal.core import clock
from portal.core.errors import DomainError, WrongState
from portal.core.workflow import Transition, Workflow
from portal.notary import deadlines, policies
from portal.notary.models import CaseState as C
from portal.notary.models import PauseGround

# A certificate has been issued, whatever became of it.
CERTIFIED = (
    C.ISSUED,
    C.REVIEW,
    C.MAINTAINED,
    C.CORRECTING,
    C.CORRECTED,
    C.REVOKING,
    C.REVOKED,
)

# Somebody of the office has it in hand, up to the certificate or another end.
TO_BE_HANDLED = (C.ACCEPTED, C.SUPPLEMENT)

# What a review has decided is left to do, and somebody has it in hand.
TO_BE_CARRIED_OUT = (C.CORRECTING, C.REVOKING)

# What was entered by mistake is not put right any more.
_REGISTERED: tuple[C, ...] = tuple(state for state in C if state is not C.VOIDED)


def _last_pause(case: Any) -> DomainError | None:
    return None if len(case.lasting) == 1 else WrongState("还有别的暂停原因，期限继续暂停。")


def _one_of_several_pauses(case: Any) -> DomainError | None:
    return None if len(case.lasting) > 1 else WrongState("这是最后一项暂停原因。")


def _a_ground_is_left(case: Any) -> DomainError | None:
    lasting = {pause.ground for pause in case.lasting}
    return WrongState("期限已经因每一项原因暂停。") if lasting == set(PauseGround) else None


def _a_pause_lasts(case: Any) -> DomainError | None:
    return None if case.lasting else WrongState("复查期限没有暂停。")


def _another_receipt_is_possible(case: Any) -> DomainError | None:
    received = case.received_on
    if received is None:
        return WrongState("还没有登记领取日期。")
    today = clock.today()
    before = received - timedelta(days=1)
    earlier = before >= case.issued_on and today <= deadlines.last_day_to_ask(before)
    later = received < (case.to_revoke_since or today) and today <= deadlines.last_day_to_ask(
        received
    )
    if earlier or later:
        return None
    return WrongState(
        "没有别的日期可以更正：不早于出具、不晚于今天，申请复查的期限也没有届满的，只有已经登记的这一天。"
    )


def _not_handed_over(case: Any) -> DomainError | None:
    return None if case.received_on is None else WrongState("已经登记过领取日期。")


def _entered_today_and_untouched(case: Any) -> DomainError | None:
    if clock.local(case.created_at).date() == clock.today() and not case.pauses:
        return None
    return WrongState(
        "只有登记受理的当天、还没有登记补充或者核实的，才能作废。",
        next_step="确实不应受理的，请按实际情况不予办理或者终止。",
    )


CASE: Workflow[C] = Workflow(
    "notary_case",
    "这件公证",
    C,
    [
        Transition(
            "ask_supplement",
            "要求补充、核实，或者登记不可抗力",
            frozenset({C.ACCEPTED, C.SUPPLEMENT}),
            C.SUPPLEMENT,
            "公证机构工作人员；办证期限暂停",
            policies.can_serve,
            "公证法 30；NO-D2",
            _a_ground_is_left,
        ),
        Transition(
            "part_supplemented",
            "其中一项完毕",
            frozenset({C.SUPPLEMENT}),
            C.SUPPLEMENT,
            "公证机构工作人员；还有别的原因，期限继续暂停",
            policies.can_serve,
            "公证法 30；NO-D2",
            _one_of_several_pauses,
        ),
        Transition(
            "supplemented",
            "补充或者核实完毕",
            frozenset({C.SUPPLEMENT}),
            C.ACCEPTED,
            "公证机构工作人员；办证期限恢复",
            policies.can_serve,
            "公证法 30；NO-D2",
            _last_pause,
        ),
        Transition(
            "revert_accept",
            "误登记受理，作废",
            frozenset({C.ACCEPTED}),
            C.VOIDED,
            "公证机构工作人员，登记当天用于撤销误操作，附原因；登记簿里保留编号",
            policies.can_serve,
            "D",
            _entered_today_and_untouched,
        ),
        Transition(
            "issue",
            "出具公证书",
            frozenset({C.ACCEPTED}),
            C.ISSUED,
            "公证机构工作人员",
            policies.can_serve,
            "公证法 30、32；NO-D1、NO-D9",
        ),
        Transition(
            "refuse",
            "不予办理",
            frozenset({C.ACCEPTED, C.SUPPLEMENT}),
            C.REFUSED,
            "公证机构工作人员，附法定理由和书面说明",
            policies.can_serve,
            "公证法 31",
        ),
        Transition(
            "terminate",
            "终止",
            frozenset({C.ACCEPTED, C.SUPPLEMENT}),
            C.TERMINATED,
            "公证机构工作人员，附理由",
            policies.can_serve,
            "公证程序规则 50（待核实）；NO-D7",
        ),
        # Until it ends: the register names who has handled it (公证程序规则 57). A review under way is the whole office's,
        # what it decided is carried out by somebody again.
        *(
            Transition(
                "reassign",
                "变更承办人",
                frozenset({state}),
                state,
                "公证机构工作人员，或者督办人员，附原因",
                policies.can_reassign,
                "D",
            )
            for state in (*TO_BE_HANDLED, *TO_BE_CARRIED_OUT)
        ),
        # Independent of any review: the receipt changes no state.
        *(
            Transition(
                "hand_over",
                "登记领取公证书",
                frozenset({state}),
                state,
                "公证机构工作人员；申请复查的期限从领取起算",
                policies.can_serve,
                "公证程序规则 61(1)；NO-D3",
                _not_handed_over,
            )
            for state in CERTIFIED
        ),
        *(
            Transition(
                "correct_receipt",
                "更正领取日期",
                frozenset({state}),
                state,
                "公证机构工作人员，附原因；申请复查的期限还没有届满的",
                policies.can_serve,
                "公证程序规则 61(1)；NO-D3",
                _another_receipt_is_possible,
            )
            for state in CERTIFIED
        ),
        # The register alone: an error in the certificate itself is put right by a review (公证法 39).
        *(
            Transition(
                "correct_party",
                "更正登记簿里的当事人信息",
                frozenset({state}),
                state,
                "公证机构工作人员，附原因",
                policies.can_serve,
                "公证程序规则 57",
            )
            for state in _REGISTERED
        ),
        Transition(
            "ask_review",
            "申请复查",
            frozenset({C.ISSUED, C.MAINTAINED, C.CORRECTED}),
            C.REVIEW,
            "当事人，或者公证机构替到场的当事人、利害关系人登记",
            policies.speaks_or_serves,
            "公证程序规则 61；NO-D3、NO-D4、NO-D8",
        ),
        Transition(
            "pause_review",
            "复查中要求补充或者核实",
            frozenset({C.REVIEW}),
            C.REVIEW,
            "公证机构工作人员；复查期限暂停，累计有上限",
            policies.can_serve,
            "公证程序规则 62 至 64（条号待核实）；NO-D5",
            _a_ground_is_left,
        ),
        Transition(
            "resume_review",
            "复查的补充或者核实完毕",
            frozenset({C.REVIEW}),
            C.REVIEW,
            "公证机构工作人员，或者暂停满上限时由系统恢复",
            policies.serves_or_system,
            "公证程序规则 62 至 64（条号待核实）；NO-D5",
            _a_pause_lasts,
        ),
        Transition(
            "maintain",
            "复查维持",
            frozenset({C.REVIEW}),
            C.MAINTAINED,
            "公证机构工作人员；由原承办人复查的会提示",
            policies.can_serve,
            "公证程序规则 62 至 64（条号待核实）；NO-D5",
        ),
        Transition(
            "decide_correction",
            "决定更正",
            frozenset({C.REVIEW}),
            C.CORRECTING,
            "公证机构工作人员；由原承办人复查的会提示",
            policies.can_serve,
            "公证法 39；NO-D5",
        ),
        Transition(
            "decide_revocation",
            "决定撤销",
            frozenset({C.REVIEW}),
            C.REVOKING,
            "公证机构工作人员；由原承办人复查的会提示",
            policies.can_serve,
            "公证法 39；NO-D5",
        ),
        Transition(
            "correct",
            "更正",
            frozenset({C.CORRECTING}),
            C.CORRECTED,
            "公证机构工作人员",
            policies.can_serve,
            "公证法 39；NO-D6",
        ),
        Transition(
            "revoke",
            "撤销并公告",
            frozenset({C.REVOKING}),
            C.REVOKED,
            "公证机构工作人员；公证书自始无效",
            policies.can_serve,
            "公证法 39；NO-D6",
        ),
    ],
)
