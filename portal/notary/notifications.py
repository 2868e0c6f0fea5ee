"""What residents are told about their bookings. An SMS names the reference at most, never the matter or the office."""

from __future__ import annotations

from portal.notary.models import BookingState as B
from portal.notary.models import TicketState
from portal.notifications.templates import Template, register

_SMS = "您的预约 {reference} 有新进展，请登录{district}法治服务平台查看。"
# Without a reference yet: somebody in the waiting list.
_SMS_OFFER = "您排队等候的预约有消息，请尽快登录{district}法治服务平台查看。"
# Who has no account cannot sign in: the office that booked knows the rest.
SMS_AT_DESK = "您的预约 {reference} 有新进展，请凭编号向预约的单位询问。"
# No day is named: it may be a rest day with extra hours, and an SMS that waits for the end of the quiet hours is read later.
_SMS_REMIND_AT_DESK = "您的预约 {reference} 快到时间了，时间和要带的材料请凭编号向预约的单位询问。"
_SMS_REMIND = "您的预约 {reference} 快到时间了，时间和要带的材料请登录{district}法治服务平台查看。"

_TEXTS: dict[str, tuple[str, str, str | None]] = {
    "notary.confirmed": (
        "预约成功",
        "预约 {reference} 已成功：{when}，{office}。请带上：{checklist}。"
        "预约不等于受理，是否受理由公证机构审查后决定。",
        _SMS,
    ),
    "notary.reminder": (
        "预约提醒",
        "预约 {reference}：{when}，{office}。请带上：{checklist}。来不了请提前取消或者改期，把号留给别人。",
        _SMS_REMIND,
    ),
    "notary.rescheduled": ("预约已改期", "预约 {reference} 已改到 {when}，{office}。", _SMS),
    "notary.cancelled": ("预约已取消", "预约 {reference}（{when}，{office}）已取消。", _SMS),
    "notary.cancelled_by_office": (
        "公证机构取消了预约",
        "预约 {reference}（{when}，{office}）由公证机构取消。原因：{reason}。这不计入您的未到场次数。"
        "请登录重新预约；有疑问请{contact}。",
        _SMS,
    ),
    "notary.affected": (
        "预约时间需要调整",
        "预约 {reference} 原定 {when}，因{reason}不能办理，目前没有可以为您留的新时段，请登录改期。",
        _SMS,
    ),
    "notary.affected_with_offer": (
        "预约时间需要调整",
        "预约 {reference} 原定 {when}，因{reason}不能办理。已为您留出 {other}，请在 {until} 前接受，"
        "也可以自己选别的时间。",
        _SMS,
    ),
    "notary.other_time_replaced": (
        "另为您留了新时段",
        "预约 {reference}：为您留出的 {lost} 也不能办理了，另为您留出 {other}，请在 {until} 前接受，"
        "也可以自己选别的时间。",
        _SMS,
    ),
    "notary.other_time_lost": (
        "留出的新时段不能办理",
        "预约 {reference}：为您留出的 {lost} 也不能办理了，目前没有可以为您留的新时段，请登录改期，"
        "或者直接联系公证机构。",
        _SMS,
    ),
    "notary.other_time_passed": (
        "留出的新时段已过期",
        "预约 {reference}：为您留出的 {other} 没有在时限内接受，不再保留。原时段不能办理，请登录改期。",
        _SMS,
    ),
    "notary.matter_stopped": (
        "公证事项停止办理",
        "预约 {reference}（{when}）的公证事项停止办理，不能按预约办理，也没有别的时段。请登录取消预约，"
        "有疑问请直接联系公证机构。",
        _SMS,
    ),
    "notary.unaffected": (
        "预约时间不变",
        "预约 {reference} 的时间 {when} 恢复办理，请按原时间到场。",
        _SMS,
    ),
    "notary.offered": (
        "排队有号了",
        "您排队等候的预约有号：{when}，{office}。请在 {until} 前登录确认，逾期转给下一位。",
        _SMS_OFFER,
    ),
    "notary.offer_passed": (
        "排队等到的号不再保留",
        "您没有在时限内确认，排队等到的号不再为您保留；需要时可以重新预约或者排队。",
        None,
    ),
    "notary.offer_withdrawn": (
        "排队等到的号收回了",
        "您排队等到的 {when} 因{reason}不能办理，不用再确认；您仍在排队，位置不变。",
        _SMS_OFFER,
    ),
    "notary.waiting_stopped": (
        "排队已结束",
        "您排队的公证事项或者公证机构停止办理，排队结束；有疑问请直接联系公证机构。",
        _SMS_OFFER,
    ),
    "notary.waiting_impossible": (
        "排队已结束",
        "您排队的日期里，公证机构已经没有能为您办理的时段（停办，或者窗口有变化），不会再有空位，排队结束。"
        "请换日期或者换机构，有疑问请直接联系公证机构。",
        _SMS_OFFER,
    ),
    "notary.waiting_closed": (
        "您排队等候的日期停办了",
        "{why}您排队的日期里不会再有空位，排队结束。请选别的日期预约或者重新排队，也可以换一个公证机构。",
        _SMS_OFFER,
    ),
    "notary.waiting_over": (
        "排队已结束",
        "您排队的日期已过，没有等到空位；需要时可以换日期重新排队。",
        None,
    ),
}

# Nobody waits in the list without an account.
_AT_DESK: dict[str | None, str] = {_SMS: SMS_AT_DESK, _SMS_REMIND: _SMS_REMIND_AT_DESK}

NEXT_STEP_BY_STATE: dict[B, str] = {
    B.HELD: "请在保留时间内填写并确认。",
    B.OFFERED: "请在时限内确认，逾期转给下一位。",
    B.CONFIRMED: "请按时到场并带齐材料；来不了请提前取消或者改期。",
    B.CHECKED_IN: "您已签到，请留意叫号；过号的，请找窗口的工作人员。",
    B.ACCEPTED: "公证机构已受理，办理进度见“我的公证”。",
    B.NOT_ACCEPTED: "公证机构没有受理，请查看理由；条件具备后可以重新预约。",
    B.CANCELLED: "需要时可以重新预约。",
    B.NO_SHOW: "登记为未到场；能否申诉、申诉的结果，请打开这个预约查看。",
    B.LEFT: "您到场后离开，没有办理，不计入未到场；当天回来的请找工作人员，以后需要时可以重新预约。",
    B.EXPIRED: "这个时段不再为您保留，请重新选择时段。",
    B.RELEASED: "您已放弃这个时段，需要时可以重新预约。",
}
# Who is there and has a number.
NEXT_STEP_BY_NUMBER: dict[TicketState, str] = {
    TicketState.WAITING: "您已签到，请等候叫号。",
    TicketState.CALLED: "已经叫到您的号，请马上到窗口办理。",
    TicketState.SERVING: "窗口正在为您办理。",
    TicketState.DONE: "窗口已经办完，结果由公证机构登记。",
    TicketState.NO_SHOW: "叫到您的号时您不在窗口，已经过号；请找窗口的工作人员，可以再叫。",
}
CANCELLED_BY_OFFICE_NEXT_STEP = (
    "公证机构取消了这个预约，原因见下，不计入您的未到场次数。请重新预约；有疑问请{contact}。"
)
# In lists, where it is not known whether another time is kept.
AFFECTED_NEXT_STEP = "原时段不能办理：有为您留出的新时段的，请接受；也可以自己选择新的时间改期。不再需要的，请取消预约。"
AFFECTED_WITH_OTHER_NEXT_STEP = (
    "原时段不能办理，请接受为您留出的新时段，或者自己选择新的时间改期；不再需要的，请取消预约。"
)
# Of the time that is kept for somebody who has to move, where what is held for one is listed.
OTHER_TIME_NEXT_STEP = (
    "原时段不能办理，这是为您留出的新时段，请在时限内接受；也可以在原来的预约上自己选时间改期。"
)
AFFECTED_WITHOUT_OTHER_NEXT_STEP = (
    "原时段不能办理，目前没有为您留出的新时段；请自己选择新的时间改期，不再需要的，请取消预约。"
)
STOPPED_NEXT_STEP = "这个公证事项停止办理，请取消预约；有疑问请直接联系公证机构。"


def register_templates() -> None:
    """Make the templates known to notifications."""
    for code, (title, text, sms) in _TEXTS.items():
        register(
            Template(
                code=code, title=title, in_app=text, sms=sms, sms_without_account=_AT_DESK.get(sms)
            )
        )
