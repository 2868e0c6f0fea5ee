"""What residents and staff are told about the day and about cases. An SMS names the reference at most."""

from __future__ import annotations

from portal.notary.models import CaseState as C
from portal.notary.notifications import SMS_AT_DESK
from portal.notifications.templates import Template, register

_SMS = "您的公证事项 {reference} 有新进展，请登录{district}法治服务平台查看。"
# Somebody in the waiting room; of no use tomorrow morning.
_SMS_CALLED = "您的预约 {reference} 已叫号，请到窗口办理。"

_TEXTS: dict[str, tuple[str, str, str | None]] = {
    "notary.no_show": (
        "登记为未到场",
        "预约 {reference}（{when}）登记为未到场，到 {until} 为止计入未到场次数。如果记录有误，可以在预约里申诉。",
        None,
    ),
    "notary.no_show_reverted": (
        "未到场登记已撤销",
        "预约 {reference} 的未到场登记已撤销，不计入未到场次数。",
        None,
    ),
    "notary.check_in_reverted": (
        "签到和叫号有误，已撤销",
        "预约 {reference} 的签到和叫号是工作人员操作有误，已经撤销。预约仍然有效：{when}，请按时到场签到。",
        None,
    ),
    "notary.not_accepted_reverted": (
        "不予受理的登记已撤销",
        "预约 {reference} 的不予受理是登记有误，已经撤销，公证机构继续审查。请与窗口的工作人员确认下一步。",
        _SMS,
    ),
    "notary.acceptance_reverted": (
        "受理的登记已作废",
        "预约 {reference} 的受理是登记有误，已经作废，办证期限没有起算。请与窗口的工作人员确认下一步。",
        _SMS,
    ),
    "notary.receipt_corrected": (
        "领取日期已更正",
        "公证事项 {reference} 的领取日期更正为 {day}，申请复查的期限随之计算，请登录查看。",
        None,
    ),
    "notary.appeal_reopened": (
        "申诉重新处理",
        "预约 {reference} 的未到场申诉由公证机构重新处理，处理后会通知您。",
        None,
    ),
    "notary.appeal_granted": (
        "申诉成立",
        "预约 {reference} 的未到场申诉成立，不再计入未到场次数。",
        None,
    ),
    "notary.appeal_denied": (
        "申诉不成立",
        "预约 {reference} 的未到场申诉不成立，请登录查看理由。",
        None,
    ),
    "notary.left": (
        "登记为到场后离开",
        "预约 {reference}（{when}）登记为到场后离开，没有办理，不计入未到场次数。当天回来的请找工作人员，"
        "以后需要时可以重新预约。",
        None,
    ),
    "notary.attended": (
        "已补登到场",
        "预约 {reference}（{when}）已由公证机构补登为到场，不计入未到场次数。",
        None,
    ),
    "notary.not_accepted": (
        "没有受理",
        "预约 {reference} 没有受理，请登录查看理由；条件具备后可以重新预约。",
        _SMS,
    ),
    "notary.accepted": (
        "公证机构已受理",
        "公证事项 {reference} 已受理，办证期限到 {due}；补充材料、核实情况和不可抗力的时间不计算在内。",
        _SMS,
    ),
    "notary.supplement_asked": (
        "请补充材料",
        "公证事项 {reference} 需要补充材料，请登录查看要补充什么；补充完之前办证期限暂停。",
        _SMS,
    ),
    "notary.paused": (
        "办理期限暂停",
        "公证事项 {reference} 因{ground}暂停计算期限，请登录查看说明。",
        None,
    ),
    "notary.resumed": (
        "办理期限恢复",
        "公证事项 {reference} 恢复计算期限，办理到 {due} 为止。",
        None,
    ),
    "notary.issued": (
        "公证书已出具",
        "公证事项 {reference} 的公证书已出具，请带身份证件领取。",
        _SMS,
    ),
    "notary.issued_and_received": (
        "公证书已出具",
        "公证事项 {reference} 的公证书已出具，并已当场领取。",
        _SMS,
    ),
    "notary.refused": (
        "不予办理",
        "公证事项 {reference} 不予办理，请登录查看理由。",
        _SMS,
    ),
    "notary.terminated": (
        "公证已终止",
        "公证事项 {reference} 已终止，请登录查看理由。",
        _SMS,
    ),
    "notary.review_asked": (
        "复查申请已收到",
        "公证事项 {reference} 的复查申请已收到，复查到 {due} 为止。",
        None,
    ),
    "notary.review_asked_by_other": (
        "有人申请复查",
        "有利害关系人对公证事项 {reference} 的公证书申请复查，复查到 {due} 为止，结果会通知您。"
        "您自己申请复查的期限不受影响。",
        None,
    ),
    "notary.review_supplement_asked": (
        "复查需要补充材料",
        "公证事项 {reference} 的复查需要补充材料，请登录查看要补充什么；补充完之前复查期限暂停。",
        _SMS,
    ),
    "notary.review_waits_for_other": (
        "复查期限暂停",
        "公证事项 {reference} 的复查等待补充材料，复查期限暂停，说明请登录查看；其中写明请您补充的，请尽快送到公证机构。",
        _SMS,
    ),
    "notary.review_paused": (
        "复查期限暂停",
        "公证事项 {reference} 的复查因{ground}暂停计算期限，请登录查看说明。",
        None,
    ),
    "notary.review_resumed": (
        "复查期限恢复",
        "公证事项 {reference} 的复查恢复计算期限，复查到 {due} 为止。",
        None,
    ),
    "notary.review_decided": (
        "复查有结果",
        "公证事项 {reference} 的复查结果是：{outcome}。请登录查看说明。",
        _SMS,
    ),
    "notary.review_carried_out": (
        "复查决定已执行",
        "公证事项 {reference}：{outcome}。对内容有争议的，可以向人民法院提起民事诉讼（公证法第四十条）。",
        _SMS,
    ),
}

# Everything else about a day is told at the desk to who has no account; these were not there.
_NOT_THERE = frozenset(
    {
        "notary.no_show",
        "notary.no_show_reverted",
        "notary.appeal_reopened",
        "notary.appeal_granted",
        "notary.appeal_denied",
    }
)

_STAFF_TEXTS = {
    "notary.staff.review_asked": (
        "有人申请复查",
        "公证事项 {reference} 有{by}的复查申请，请办理。",
    ),
    "notary.staff.to_handle": ("由您承办", "公证事项 {reference} 由您承办，请办理。"),
    "notary.staff.handed_on": ("承办人已变更", "公证事项 {reference} 已变更承办人，不再由您承办。"),
    "notary.staff.appealed": ("有未到场申诉", "预约 {reference} 的当事人对未到场登记提出申诉。"),
    "notary.staff.delayed": (
        "当事人逾期未补充",
        "公证事项 {reference} 等待当事人补充材料的时间已满，可以按规定考虑终止。",
    ),
    "notary.staff.review_runs": (
        "复查恢复计时",
        "公证事项 {reference} 的复查暂停已满上限，期限自动恢复。",
    ),
}

STAFF_RECEIVED_NEXT_STEP = "公证书已经领取。"
CALLED = "notary.called"

NEXT_STEP_BY_STATE: dict[C, str] = {
    C.ACCEPTED: "公证机构正在办理，期限见下。",
    C.SUPPLEMENT: "期限暂停，公证机构处理完毕后恢复，原因见下。目前不用您补充材料。",
    C.ISSUED: "公证书自出具之日起生效；请带身份证件领取。{review}",
    C.REFUSED: "请查看不予办理的理由；情况改变后可以重新申请。",
    C.TERMINATED: "请查看终止的理由；需要时可以重新申请。",
    C.REVIEW: "公证机构正在复查，期限见下。",
    C.MAINTAINED: "公证书维持；对内容有争议的，可以向人民法院提起民事诉讼（公证法第四十条）。",
    C.CORRECTING: "公证机构将按复查决定更正，期限见下。",
    C.REVOKING: "公证机构将按复查决定撤销，期限见下。",
    C.CORRECTED: "公证书已更正；怎样换取更正后的公证书，请{contact}。{review}",
    C.VOIDED: "这次受理是登记有误，已经作废；办理情况见预约。",
    C.REVOKED: "公证书已撤销，自始无效；造成损失的，可以要求公证机构赔偿（公证法第四十三条）。",
}

# Where the party has to supply papers: there is no way to hand them in on the portal.
SUPPLEMENT_NEXT_STEP = "期限暂停；要补充什么见下。请尽快把材料送到{place}，不清楚的请先{contact}。"
# The same in a review, which somebody else may have asked for: what they hand in is not for the party to bring.
REVIEW_SUPPLEMENT_NEXT_STEP = (
    "复查期限暂停；要补充什么见下。请尽快把材料送到{place}，不清楚的请先{contact}。"
)
REVIEW_WAITS_NEXT_STEP = (
    "复查期限暂停，等待补充材料，说明见下；其中写明请您补充的，请尽快送到{place}。"
)
REVIEW_PAUSED_NEXT_STEP = "复查期限暂停，公证机构处理完毕后恢复，原因见下。目前不用您补充材料。"
STAFF_REVIEW_PAUSED_NEXT_STEP = (
    "等待补充或者核实，期限暂停；完毕后恢复计时，也可以直接作出复查决定。"
)
NOT_RECEIVED = "还没有领取的，请带身份证件领取。"
RECEIVED_NEXT_STEP = "公证书自出具之日起生效，已经领取。{review}"

STAFF_NEXT_STEP_BY_STATE: dict[C, str] = {
    C.ACCEPTED: "审查并出具公证书，或者要求补充、不予办理、终止。",
    C.SUPPLEMENT: "等待补充或者核实；完毕后恢复计时。",
    C.ISSUED: "当事人领取后登记领取日期。",
    C.REFUSED: "已告知理由。",
    C.TERMINATED: "已告知理由。",
    C.REVIEW: "复查：维持、更正或者撤销。",
    C.MAINTAINED: "已告知结果。",
    C.CORRECTING: "按决定更正公证书。",
    C.REVOKING: "按决定撤销并公告。",
    C.CORRECTED: "已更正。",
    C.REVOKED: "已撤销并公告。",
    C.VOIDED: "误登记的受理已经作废；当事人的预约或者号码恢复原样，请继续办理。",
}


def register_templates() -> None:
    """Make the templates known to notifications."""
    for code, (title, text, sms) in _TEXTS.items():
        at_desk = SMS_AT_DESK if code in _NOT_THERE else None
        register(
            Template(code=code, title=title, in_app=text, sms=sms, sms_without_account=at_desk)
        )
    for code, (title, text) in _STAFF_TEXTS.items():
        register(Template(code=code, title=title, in_app=text, sms=None))
    register(
        Template(
            code=CALLED,
            title="请到窗口办理",
            in_app="预约 {reference} 的号码 {number} 已叫号，请到“{counter}”办理。",
            sms=_SMS_CALLED,
            sms_without_account=_SMS_CALLED,
            urgent=True,
        )
    )
