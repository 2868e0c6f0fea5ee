"""What the resident is told at each step. An SMS names the reference at most, never the matter."""

from __future__ import annotations

from portal.consultations.models import ConsultationState as S
from portal.notifications.templates import Template, register

_SMS = "您的咨询 {reference} 有新进展，请登录{district}法治服务平台查看。"
# Whoever has just submitted needs no SMS to say so.
_WITHOUT_SMS = frozenset({"consultation.submitted"})

# action -> template code
RESIDENT_TEMPLATES = {
    "submit": "consultation.submitted",
    "accept": "consultation.accepted",
    "reject": "consultation.rejected",
    "return": "consultation.returned",
    "reopen": "consultation.reopened",
    "ask_back": "consultation.asked_back",
    "sign_off": "consultation.answered",
    "lapse": "consultation.lapsed",
    "published": "consultation.published",
}

_TEXTS = {
    "consultation.submitted": ("咨询已提交", "您的咨询 {reference} 已提交，等待审核。"),
    "consultation.accepted": ("咨询已受理", "您的咨询 {reference} 已通过审核，正在等待律师认领。"),
    "consultation.rejected": (
        "咨询未受理",
        "您的咨询 {reference} 没有受理，请登录查看原因和您可以采取的办法。",
    ),
    "consultation.returned": (
        "请补充情况",
        "您的咨询 {reference} 需要补充一些情况，请登录查看并补充。",
    ),
    "consultation.reopened": ("咨询恢复审核", "您的咨询 {reference} 已恢复审核。"),
    "consultation.asked_back": (
        "律师想了解更多",
        "办理您的咨询 {reference} 的律师有问题想问您，请登录回复。",
    ),
    "consultation.answered": (
        "咨询已答复",
        "您的咨询 {reference} 已有答复，请登录查看；您可以评价，也可以追问一次。",
    ),
    "consultation.lapsed": (
        "逾期未补充",
        "您的咨询 {reference} 因逾期未补充已暂停办理；您随时可以补充后继续。",
    ),
    "consultation.published": (
        "答复已公开",
        "您的咨询 {reference} 去掉个人信息后的问答已公开，供遇到同样问题的人参考。",
    ),
}

_STAFF_TEXTS = {
    "consultation.staff.replied": (
        "居民已回复",
        "咨询 {reference} 的居民已回复您的询问，请继续办理。",
    ),
    "consultation.staff.follow_up": ("居民追问", "咨询 {reference} 的居民追问了一次，请答复。"),
    "consultation.staff.released": (
        "咨询已退回待认领",
        "咨询 {reference} 因认领后长时间没有进展，已退回待认领列表。",
    ),
    "consultation.staff.withdrawn": ("居民已撤回", "咨询 {reference} 已由居民撤回，不必继续办理。"),
    "consultation.staff.sent_back": (
        "答复退回修改",
        "咨询 {reference} 的答复被退回，请查看原因并修改。",
    ),
}

NEXT_STEP_BY_STATE: dict[S, str] = {
    S.SUBMITTED: "审核员会在承诺的时限内审核，请留意通知。",
    S.RETURNED: "请按审核员的提示补充情况，补充后继续审核。",
    S.REJECTED: "请查看不予受理的原因和建议的办法。",
    S.QUEUED: "等待律师认领，认领后开始办理。",
    S.CLAIMED: "律师正在办理，答复经第二人核对后发给您。",
    S.ASKED_BACK: "请回复律师的询问，回复后继续办理。",
    S.IN_REVIEW: "答复已写好，正在由第二人核对。",
    S.ANSWERED: "您可以查看答复、作出评价，也可以追问一次。",
    S.CLOSED: "这条咨询已办结；有新的问题请另外提交。",
    S.LAPSED: "您随时可以补充情况，补充后恢复审核。",
    S.WITHDRAWN: "您已撤回这条咨询；需要时可以重新提交。",
}

# The same for the staff who look at it.
STAFF_NEXT_STEP_BY_STATE: dict[S, str] = {
    S.SUBMITTED: "等待审核：受理、不予受理或退回补充。",
    S.RETURNED: "等待居民补充，审核时限已暂停。",
    S.REJECTED: "已告知居民原因；如属误操作，可以恢复审核。",
    S.QUEUED: "等待律师认领。",
    S.CLAIMED: "承办律师写答复，或者询问居民。",
    S.ASKED_BACK: "等待居民回复，答复时限已暂停。",
    S.IN_REVIEW: "等待另一人核对签发。",
    S.ANSWERED: "居民可以评价和追问；可以准备公开稿。",
    S.CLOSED: "已办结；可以准备公开稿。",
    S.LAPSED: "居民逾期未补充；补充后恢复审核。",
    S.WITHDRAWN: "居民已撤回，无需办理。",
}


def register_templates() -> None:
    """Make the templates known to notifications."""
    for code, (title, text) in _TEXTS.items():
        sms = None if code in _WITHOUT_SMS else _SMS
        register(Template(code=code, title=title, in_app=text, sms=sms))
    for code, (title, text) in _STAFF_TEXTS.items():
        register(Template(code=code, title=title, in_app=text, sms=None))
