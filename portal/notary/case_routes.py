"""Cases over HTTP: acceptance, pauses, ends, reviews and the register for staff; their own case for residents."""

from __future__ import annotations

import uuid
from typing import Any

from flask import Response

from portal.accounts.operations import sessions
from portal.audit import operations as audit
from portal.core.errors import NotFound
from portal.notary import case_presenting as presenting
from portal.notary import case_schemas as schemas
from portal.notary import day_schemas, desk_schemas, loading, policies
from portal.notary.day_routes import dump_booking
from portal.notary.desk_routes import correction
from portal.notary.models import CASE_KIND, NotaryCase
from portal.notary.operations import cases, correcting, handlers, pauses, receipts, reviews, undoing
from portal.notary.parties import Agent, Guardian, Party
from portal.notary.queries import cases as found
from portal.web import conditional
from portal.web.blueprint import RESIDENT, Blueprint, roles
from portal.web.pagination import Page, page_schema
from portal.web.request_context import current_actor

blp = Blueprint(
    "staff-notary-cases",
    __name__,
    url_prefix="/api/v1/staff/notary",
    description="公证办理：受理、暂停和恢复、出证、不予办理、终止、复查、登记簿。",
)
mine = Blueprint(
    "notary-cases",
    __name__,
    url_prefix="/api/v1/notary",
    description="我的公证：办理进度、期限、申请复查。",
)

Dumped = dict[str, Any]
ANY = roles(*policies.STAFF_ROLES)
CLERK = roles(policies.CLERK)
CSV = "text/csv"


def _case(case_id: uuid.UUID, *, lock: bool = False) -> NotaryCase:
    case = found.for_update(case_id) if lock else found.find(case_id)
    if case is None or not policies.can_read_case(current_actor(), case):
        raise NotFound("没有找到这件公证。")
    return case


def _for_step(case_id: uuid.UUID) -> NotaryCase:
    """Load for a step: held, and at the version that the caller saw."""
    case = _case(case_id, lock=True)
    conditional.require_match(case)
    return case


def _dump(case_id: uuid.UUID, hints: list[str] | None = None) -> Dumped:
    case = _case(case_id)
    conditional.tag(case)
    return presenting.for_staff(current_actor(), case, hints or [])


# --- acceptance ------------------------------------------------------------------------------------------------------


@blp.post(
    "/appointments/<uuid:appointment_id>/acceptance",
    audience=CLERK,
    body=schemas.AcceptanceIn,
    returns=schemas.StaffCaseSchema,
    status=201,
    if_match=True,
)
def accept(appointment_id: uuid.UUID, body: Dumped) -> tuple[Dumped, int, dict[str, str]]:
    """受理已签到的预约；办证期限从受理的日期起算（公证法第三十条）"""
    booking = loading.booking_for_step(appointment_id)
    case = cases.accept(current_actor(), booking, **body)
    return _dump(case.id), 201, _location(case)


def _location(case: NotaryCase) -> dict[str, str]:
    return {"Location": f"/api/v1/staff/notary/cases/{case.id}"}


@blp.post(
    "/appointments/<uuid:appointment_id>/non-acceptance",
    audience=CLERK,
    body=day_schemas.NotAcceptedIn,
    returns=day_schemas.StaffAppointmentSchema,
    if_match=True,
)
def not_accept(appointment_id: uuid.UUID, body: Dumped) -> Dumped:
    """不予受理已签到的预约，附书面理由"""
    cases.not_accept(current_actor(), loading.booking_for_step(appointment_id), **body)
    return dump_booking(appointment_id)


@blp.post(
    "/tickets/<uuid:ticket_id>/acceptance",
    audience=CLERK,
    body=schemas.DeskAcceptanceIn,
    returns=schemas.StaffCaseSchema,
    status=201,
    if_match=True,
)
def accept_at_desk(ticket_id: uuid.UUID, body: Dumped) -> tuple[Dumped, int, dict[str, str]]:
    """受理现场取号的申请；办证期限从今天起算"""
    ticket = loading.ticket_for_step(ticket_id)
    parties = tuple(
        Party(**{**each, "guardian": Guardian(**each["guardian"]) if each["guardian"] else None})
        for each in body["parties"]
    )
    agent = Agent(**body["agent"]) if body["agent"] else None
    given = cases.AtDesk(body["matter_id"], parties, agent)
    case = cases.accept_at_desk(current_actor(), ticket, given, body["notary_id"])
    return _dump(case.id, cases.standing_appointments(case)), 201, _location(case)


@blp.post(
    "/cases/<uuid:case_id>/acceptance-reversal",
    audience=CLERK,
    body=desk_schemas.ReasonIn,
    returns=schemas.StaffCaseSchema,
    if_match=True,
)
def revert_accept(case_id: uuid.UUID, body: Dumped) -> Dumped:
    """登记受理的当天作废误登记的受理，附原因：期限取消，预约或者号码恢复原样；会告诉当事人"""
    case = _case(case_id)
    conditional.require_match(case)
    undoing.revert_accept(current_actor(), case, body["reason"])
    return _dump(case_id)


# --- the way of a case -----------------------------------------------------------------------------------------------


@blp.get(
    "/cases",
    audience=ANY,
    query=schemas.CaseArgs,
    returns=page_schema(schemas.StaffCaseSummary),
)
def index(query: Dumped) -> Any:
    """本机构的公证，剩余时间最少的在前；姓名已隐去"""
    loading.own_offices()
    actor = current_actor()
    cursor, size = query.pop("cursor"), query.pop("size")
    page = found.worklist(actor, found.CaseFilter(**query), cursor, size)
    return Page(presenting.summaries(actor, page.items), page.next, page.size)


@blp.get("/cases/<uuid:case_id>", audience=ANY, returns=schemas.StaffCaseSchema, transaction=True)
def show(case_id: uuid.UUID) -> Dumped:
    """一件公证的全部内容；查看会留下记录"""
    case = _case(case_id)
    audit.record(
        current_actor(), "notary_case.viewed", CASE_KIND, case.id, reference=case.reference
    )
    return _dump(case_id)


@blp.post(
    "/cases/<uuid:case_id>/handler",
    audience=ANY,
    body=schemas.HandlerChangeIn,
    returns=schemas.StaffCaseSchema,
    if_match=True,
)
def reassign(case_id: uuid.UUID, body: Dumped) -> Dumped:
    """办结以前变更承办人，复查决定的更正、撤销办完以前变更由谁办理，附原因；期限随之由其办理，两位都会收到消息"""
    handlers.reassign(current_actor(), _for_step(case_id), body["notary_id"], body["reason"])
    return _dump(case_id)


@blp.post(
    "/cases/<uuid:case_id>/pauses",
    audience=CLERK,
    body=schemas.CasePauseIn,
    returns=schemas.StaffCaseSchema,
    status=201,
    if_match=True,
)
def pause(case_id: uuid.UUID, body: Dumped) -> tuple[Dumped, int]:
    """要求补充、核实，或者登记不可抗力；期限从现在起暂停"""
    pauses.pause(current_actor(), _for_step(case_id), body["ground"], body["note"])
    return _dump(case_id), 201


@blp.post(
    "/cases/<uuid:case_id>/pauses/<uuid:pause_id>/end",
    audience=CLERK,
    returns=schemas.StaffCaseSchema,
    if_match=True,
)
def end_pause(case_id: uuid.UUID, pause_id: uuid.UUID) -> Dumped:
    """一项暂停完毕；全部完毕后期限恢复"""
    pauses.end_pause(current_actor(), _for_step(case_id), pause_id)
    return _dump(case_id)


@blp.post(
    "/cases/<uuid:case_id>/certificate",
    audience=CLERK,
    body=schemas.IssueIn,
    returns=schemas.StaffCaseSchema,
    if_match=True,
)
def issue(case_id: uuid.UUID, body: Dumped) -> Dumped:
    """出具公证书，自出具之日起生效（公证法第三十二条）"""
    given = cases.Certificate(
        number=body["certificate_number"],
        approver_id=body["approver_id"],
        closing_form=body["closing_form"],
        handed_over=body["handed_over"],
    )
    cases.issue(current_actor(), _for_step(case_id), given)
    return _dump(case_id)


@blp.post(
    "/cases/<uuid:case_id>/receipt",
    audience=CLERK,
    body=schemas.ReceiptIn,
    returns=schemas.StaffCaseSchema,
    if_match=True,
)
def hand_over(case_id: uuid.UUID, body: Dumped) -> Dumped:
    """登记当事人领取公证书的日期"""
    receipts.hand_over(current_actor(), _for_step(case_id), body["received_on"])
    return _dump(case_id)


@blp.post(
    "/cases/<uuid:case_id>/receipt-correction",
    audience=CLERK,
    body=schemas.ReceiptCorrectionIn,
    returns=schemas.StaffCaseSchema,
    if_match=True,
)
def correct_receipt(case_id: uuid.UUID, body: Dumped) -> Dumped:
    """更正写错的领取日期，附原因；申请复查的期限已经届满的不能更正"""
    receipts.correct(current_actor(), _for_step(case_id), **body)
    return _dump(case_id)


@blp.post(
    "/cases/<uuid:case_id>/parties/<int:place>/correction",
    audience=CLERK,
    body=desk_schemas.PartyCorrectionIn,
    returns=schemas.StaffCaseSchema,
    if_match=True,
)
def correct_party(case_id: uuid.UUID, place: int, body: Dumped) -> Dumped:
    """照证件更正登记簿里的一位当事人（从 0 起），附原因；查看和更正都会留下记录

    公证书本身有错误的，按复查更正（公证法第三十九条）。
    """
    case = _for_step(case_id)
    reason, changes = correction(body)
    correcting.correct_register(current_actor(), case, place, changes, reason)
    return _dump(case_id)


@blp.post(
    "/cases/<uuid:case_id>/refusal",
    audience=CLERK,
    body=schemas.RefusalIn,
    returns=schemas.StaffCaseSchema,
    if_match=True,
)
def refuse(case_id: uuid.UUID, body: Dumped) -> Dumped:
    """不予办理，附公证法第三十一条的理由和书面说明"""
    cases.refuse(current_actor(), _for_step(case_id), body["ground"], body["note"])
    return _dump(case_id)


@blp.post(
    "/cases/<uuid:case_id>/termination",
    audience=CLERK,
    body=schemas.TerminationIn,
    returns=schemas.StaffCaseSchema,
    if_match=True,
)
def terminate(case_id: uuid.UUID, body: Dumped) -> Dumped:
    """终止，附理由"""
    _, hints = cases.terminate(current_actor(), _for_step(case_id), body["ground"], body["note"])
    return _dump(case_id, hints)


@blp.post(
    "/cases/<uuid:case_id>/review",
    audience=CLERK,
    body=schemas.StaffReviewIn,
    returns=schemas.StaffCaseSchema,
    if_match=True,
)
def ask_review(case_id: uuid.UUID, body: Dumped) -> Dumped:
    """登记当面提出的复查申请"""
    review = reviews.ask(current_actor(), _for_step(case_id), reviews.Request(**body))
    late = ["申请复查已经超过期限，请决定是否办理。"] if review.late else []
    return _dump(case_id, late)


@blp.post(
    "/cases/<uuid:case_id>/review-decision",
    audience=CLERK,
    body=schemas.ReviewDecisionIn,
    returns=schemas.StaffCaseSchema,
    if_match=True,
)
def decide_review(case_id: uuid.UUID, body: Dumped) -> Dumped:
    """复查决定：维持、更正或者撤销，附理由"""
    _, hints = reviews.decide(current_actor(), _for_step(case_id), body["outcome"], body["note"])
    return _dump(case_id, hints)


@blp.post(
    "/cases/<uuid:case_id>/correction",
    audience=CLERK,
    returns=schemas.StaffCaseSchema,
    if_match=True,
)
def correct(case_id: uuid.UUID) -> Dumped:
    """按复查决定更正公证书"""
    reviews.carry_out(current_actor(), _for_step(case_id), "correct")
    return _dump(case_id)


@blp.post(
    "/cases/<uuid:case_id>/revocation",
    audience=CLERK,
    returns=schemas.StaffCaseSchema,
    if_match=True,
)
def revoke(case_id: uuid.UUID) -> Dumped:
    """按复查决定撤销公证书并公告"""
    reviews.carry_out(current_actor(), _for_step(case_id), "revoke")
    return _dump(case_id)


# --- the register ----------------------------------------------------------------------------------------------------


def _viewed_register(office_id: uuid.UUID, query: Dumped, action: str) -> uuid.UUID:
    office = loading.office_of(office_id)
    audit.record(
        current_actor(),
        action,
        "notary_office",
        office.id,
        {"from": query["first"], "to": query["last"]},
    )
    return office.id


@blp.get(
    "/offices/<uuid:office_id>/register",
    audience=ANY,
    query=schemas.RegisterArgs,
    returns=page_schema(schemas.RegisterRow),
    transaction=True,
)
def register(office_id: uuid.UUID, query: Dumped) -> Any:
    """公证登记簿，按受理先后；查看会留下记录"""
    office = _viewed_register(office_id, query, "notary_office.register_viewed")
    page = found.register_page(
        office, query["first"], query["last"], query["cursor"], query["size"]
    )
    return Page(presenting.register(page.items), page.next, page.size)


@blp.get(
    "/offices/<uuid:office_id>/register/file",
    audience=CLERK,
    query=schemas.RegisterFileArgs,
    produces=(CSV,),
    transaction=True,
)
def register_file(office_id: uuid.UUID, query: Dumped) -> Response:
    """导出公证登记簿（CSV）；导出会留下记录"""
    office = _viewed_register(office_id, query, "notary_office.register_exported")
    content = presenting.register_file(found.register_all(office, query["first"], query["last"]))
    response = Response(content, content_type=f"{CSV}; charset=utf-8")
    name = f"register-{query['first']}-{query['last']}.csv"
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


# --- residents -------------------------------------------------------------------------------------------------------


def _mine(booking_id: uuid.UUID, *, lock: bool = False) -> NotaryCase:
    if lock:
        sessions.require_active(current_actor())
    case = found.of_booking(booking_id, lock=lock)
    if case is None or not policies.can_speak_for(current_actor(), case):
        raise NotFound(
            "这个预约没有受理，没有办理进度。",
            next_step="预约不等于受理；公证机构受理后可以在这里查看，没有受理的理由见预约。",
        )
    return case


def _dump_mine(booking_id: uuid.UUID) -> Dumped:
    case = _mine(booking_id)
    conditional.tag(case)
    return presenting.for_resident(current_actor(), case)


@mine.get(
    "/appointments/<uuid:appointment_id>/case", audience=RESIDENT, returns=schemas.MyCaseSchema
)
def show_mine(appointment_id: uuid.UUID) -> Dumped:
    """受理以后的办理进度：状态、期限、可以做的事"""
    return _dump_mine(appointment_id)


@mine.post(
    "/appointments/<uuid:appointment_id>/case/review",
    audience=RESIDENT,
    body=schemas.ReviewIn,
    returns=schemas.MyCaseSchema,
)
def ask_my_review(appointment_id: uuid.UUID, body: Dumped) -> Dumped:
    """认为公证书有错误的，书面申请复查

    写明错在哪里、理由、要求和证明材料（公证程序规则第六十一条第三款）。
    """
    case = _mine(appointment_id, lock=True)
    reviews.ask(current_actor(), case, reviews.Request(**body))
    return _dump_mine(appointment_id)
