"""The ways of a booking, a waiting entry and a number: from, to, action, actor, rule."""

from __future__ import annotations

from portal.core.workflow import Transition, Workflow
from portal.notary import policies
from portal.notary.models import BookingState as B
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
