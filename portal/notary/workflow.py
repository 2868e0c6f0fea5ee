"""The ways of a booking, a waiting entry, a number and a case: from, to, action, actor, rule."""

from __future__ import annotations

from typing import Any

from portal.core.errors import DomainError, WrongState
from portal.core.workflow import Transition, Workflow
from portal.notary import policies
from portal.notary.models import BookingState as B
from portal.notary.models import CaseState as C
from portal.notary.models import TicketState as T
from portal.notary.models import WaitingState as W

BOOKING: Workflow[B] = Workflow(
    "notary_booking",
    "这个预约",
    B,
    [
        Transition(
            "confirm",
            "确认预约",
            frozenset({B.HELD, B.OFFERED}),
            B.CONFIRMED,
            "居民本人，保留时间内",
            policies.can_speak_for,
            "公证法 25、26；公证程序规则 11、14、15",
        ),
        Transition(
            "release",
            "放弃",
            frozenset({B.HELD, B.OFFERED}),
            B.RELEASED,
            "居民本人",
            policies.can_speak_for,
            "D",
        ),
        Transition(
            "expire",
            "保留到期",
            frozenset({B.HELD, B.OFFERED}),
            B.EXPIRED,
            "系统",
            policies.is_system,
            "D",
        ),
        Transition(
            "reschedule",
            "改期",
            frozenset({B.CONFIRMED}),
            B.CONFIRMED,
            "居民本人；先占新号，再放旧号",
            policies.can_speak_for,
            "D",
        ),
        Transition(
            "cancel",
            "取消预约",
            frozenset({B.CONFIRMED}),
            B.CANCELLED,
            "居民本人、公证机构，或者凭取消链接",
            policies.can_cancel,
            "D",
        ),
        Transition(
            "check_in",
            "签到",
            frozenset({B.CONFIRMED}),
            B.CHECKED_IN,
            "公证机构工作人员",
            policies.can_serve,
            "D",
        ),
        Transition(
            "no_show",
            "登记未到场",
            frozenset({B.CONFIRMED}),
            B.NO_SHOW,
            "公证机构工作人员",
            policies.can_serve,
            "D",
        ),
        Transition(
            "revert_no_show",
            "撤销未到场登记",
            frozenset({B.NO_SHOW}),
            B.CONFIRMED,
            "公证机构工作人员，当天用于撤销误操作",
            policies.can_serve,
            "D",
        ),
        Transition(
            "accept",
            "受理",
            frozenset({B.CHECKED_IN}),
            B.ACCEPTED,
            "公证机构工作人员；办证期限从受理起算",
            policies.can_serve,
            "公证法 27 至 30；NO-D1",
        ),
        Transition(
            "not_accept",
            "不予受理",
            frozenset({B.CHECKED_IN}),
            B.NOT_ACCEPTED,
            "公证机构工作人员，附理由",
            policies.can_serve,
            "公证法 31",
        ),
    ],
)

WAITING: Workflow[W] = Workflow(
    "notary_waiting",
    "这次排队",
    W,
    [
        Transition(
            "offer",
            "通知有号",
            frozenset({W.WAITING}),
            W.OFFERED,
            "系统，按排队先后",
            policies.is_system,
            "D",
        ),
        Transition(
            "take",
            "接受",
            frozenset({W.OFFERED}),
            W.TAKEN,
            "居民本人，时限内",
            policies.can_speak_for,
            "D",
        ),
        Transition(
            "decline",
            "谢绝",
            frozenset({W.OFFERED}),
            W.DECLINED,
            "居民本人；号源转给下一位",
            policies.can_speak_for,
            "D",
        ),
        Transition(
            "pass",
            "逾期未确认",
            frozenset({W.OFFERED}),
            W.PASSED,
            "系统；号源转给下一位",
            policies.is_system,
            "D",
        ),
        Transition(
            "leave",
            "退出排队",
            frozenset({W.WAITING}),
            W.LEFT,
            "居民本人，或者所选日期已过",
            lambda actor, entry: (
                policies.can_speak_for(actor, entry) or policies.is_system(actor, entry)
            ),
            "D",
        ),
        Transition(
            "requeue",
            "恢复排队",
            frozenset({W.OFFERED}),
            W.WAITING,
            "系统；公证机构撤销了所给的时段，位置不变",
            policies.is_system,
            "D",
        ),
    ],
)

TICKET: Workflow[T] = Workflow(
    "notary_ticket",
    "这个号",
    T,
    [
        Transition(
            "call",
            "叫号",
            frozenset({T.WAITING, T.CALLED, T.NO_SHOW}),
            T.CALLED,
            "公证机构工作人员",
            policies.can_serve,
            "D",
        ),
        Transition(
            "start",
            "开始办理",
            frozenset({T.CALLED}),
            T.SERVING,
            "公证机构工作人员",
            policies.can_serve,
            "D",
        ),
        Transition(
            "done",
            "办完",
            frozenset({T.SERVING}),
            T.DONE,
            "公证机构工作人员",
            policies.can_serve,
            "D",
        ),
        Transition(
            "no_show",
            "过号",
            frozenset({T.CALLED}),
            T.NO_SHOW,
            "公证机构工作人员",
            policies.can_serve,
            "D",
        ),
        Transition(
            "leave",
            "取消取号",
            frozenset({T.WAITING, T.CALLED}),
            T.LEFT,
            "公证机构工作人员",
            policies.can_serve,
            "D",
        ),
    ],
)


def _last_pause(case: Any) -> DomainError | None:
    return None if len(case.lasting) == 1 else WrongState("还有别的暂停原因，期限继续暂停。")


def _one_of_several_pauses(case: Any) -> DomainError | None:
    return None if len(case.lasting) > 1 else WrongState("这是最后一项暂停原因。")


def _a_pause_lasts(case: Any) -> DomainError | None:
    return None if case.lasting else WrongState("复查期限没有暂停。")


def _not_handed_over(case: Any) -> DomainError | None:
    return None if case.received_on is None else WrongState("已经登记过领取日期。")


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
        Transition(
            "hand_over",
            "登记领取公证书",
            frozenset({C.ISSUED}),
            C.ISSUED,
            "公证机构工作人员；申请复查的期限从领取起算",
            policies.can_serve,
            "公证程序规则 61(1)；NO-D3",
            _not_handed_over,
        ),
        Transition(
            "ask_review",
            "申请复查",
            frozenset({C.ISSUED, C.MAINTAINED, C.CORRECTED}),
            C.REVIEW,
            "当事人，或者公证机构替到场的当事人、利害关系人登记",
            policies.can_ask_review,
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
        ),
        Transition(
            "resume_review",
            "复查的补充或者核实完毕",
            frozenset({C.REVIEW}),
            C.REVIEW,
            "公证机构工作人员，或者暂停满上限时由系统恢复",
            policies.can_resume_review,
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
