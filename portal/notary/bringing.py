"""What the people of one appointment have to bring and to know. Pure: from the booking as it stands, the same wherever told.

A matter's checklist is for everybody and a starting list (rules 2.8, U); what only this appointment needs is added here.
"""

from __future__ import annotations

from portal.accounts.identity.documents import OF_CHILDREN, check_number
from portal.notary.checks import DisputeDeclared
from portal.notary.models import ACTIVE_STATES, NotaryBooking, Priority
from portal.notary.parties import without_capacity

# An item of a checklist that begins so is for those who have an agent.
BY_AGENT = "由代理人办的"
AGENT_PAPERS = "授权委托书和代理人身份证件"
# 公证程序规则 12 (rules 2.3). Said to everybody who has an agent: where a party lives is not asked.
FROM_ABROAD = (
    "当事人居住在国外或者港澳台的，办理继承、财产处分、变更人身关系的授权委托书，应当在其居住地公证，"
    "或者经指定的机构、驻外使领馆公证（公证程序规则第十二条）。"
)


def papers(booking: NotaryBooking) -> list[str]:
    """Return what to bring to this appointment, item by item; nothing where nobody is to come any more."""
    if booking.state not in ACTIVE_STATES:
        return []
    found = [item for item in booking.matter.checklist if not item.startswith(BY_AGENT)]
    # Told beside the list's identity card, which they lawfully do not have (rules 8.1).
    found += sorted(
        {
            f"没有居民身份证的，带{party.document_type.label}"
            for party in booking.parties
            if party.document_type in OF_CHILDREN
        }
    )
    if booking.agent is not None:
        # The form is that of 公证法 26; 公证程序规则 12.
        found.append(AGENT_PAPERS)
    if booking.guardians:
        # 公证法 31①.
        found += ["监护人的身份证件", "监护关系证明"]
    if booking.foreign_use:
        # 公证法 33.
        where = booking.foreign_country or "使用地"
        found.append(f"{where}对公证书翻译和认证的要求，有译文的带译文")
    if booking.fee_relief:
        # 公证法 34(2).
        found.append("法律援助的有关文书")
    if booking.priority is Priority.DISABLED:
        found.append("残疾人证")
    return found


def hints(booking: NotaryBooking) -> list[str]:
    """Return what the person should know about this appointment; nothing where nobody is to come any more."""
    if booking.state not in ACTIVE_STATES:
        return []
    texts = []
    if not booking.matter.checklist_confirmed:
        texts.append("材料清单供参考，以公证机构的要求为准。")
    # What is unusual about a number is no reason to refuse it (rules 8.4, U), and is said while it can be corrected.
    texts += [
        f"{party.name}：{warning}"
        for party in booking.parties
        if party.document_type is not None and party.document_number
        for warning in check_number(party.document_type, party.document_number).warnings
    ]
    if booking.foreign_use:
        # 公证法 33.
        texts.append("在国外使用的公证书，按使用国的要求可能需要翻译和认证，请提前向公证机构问清。")
    if booking.fee_relief:
        # 公证法 34(2).
        texts.append("符合法律援助条件的，公证费可以减免；请带上法律援助的有关文书。")
    if booking.dispute:
        texts.append(DisputeDeclared.message)
    if without_capacity(booking.matter, booking.guardians):
        # 民法典 1143(1).
        texts.append(
            "无民事行为能力人或者限制民事行为能力人所立的遗嘱无效（民法典第一千一百四十三条），"
            "监护人也不能代立；公证机构可能不予受理，请先向公证机构咨询。"
        )
    if booking.agent is not None:
        # Not allowed by 公证程序规则 11(2).
        texts.append("公证机构的工作人员不能在本机构做代理人。")
        texts.append(FROM_ABROAD)
    return texts
