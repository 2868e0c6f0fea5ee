"""The desk over HTTP: check-in, numbers, missed appointments and appeals, the sheet of the day."""

from __future__ import annotations

import uuid
from typing import Any

from flask import Response

from portal.audit import operations as audit
from portal.core import clock
from portal.core.errors import NotFound
from portal.notary import day_presenting as presenting
from portal.notary import day_schemas as schemas
from portal.notary import loading, policies, sheet_page
from portal.notary.models import (
    SUBJECT_KIND,
    NotaryTicket,
)
from portal.notary.operations import cases as case_operations
from portal.notary.operations import changing, leaving, no_shows, tickets
from portal.notary.queries import cases as found_cases
from portal.notary.queries import day as found
from portal.notary.queries import lists, queue
from portal.web import conditional
from portal.web.blueprint import Blueprint, roles
from portal.web.pagination import Page, PageArgs, page_schema
from portal.web.request_context import current_actor

blp = Blueprint(
    "staff-notary-day",
    __name__,
    url_prefix="/api/v1/staff/notary",
    description="公证机构的一天：签到、叫号、未到场和申诉、当日预约表。",
)
Dumped = dict[str, Any]
ANY = roles(*policies.STAFF_ROLES)
CLERK = roles(policies.CLERK)


def dump_booking(booking_id: uuid.UUID) -> Dumped:
    """Dump an appointment as it is after the step."""
    booking = loading.booking_of(booking_id)
    conditional.tag(booking)
    is_today = booking.day == clock.today()
    return presenting.appointment(
        current_actor(),
        booking,
        number=found_cases.ticket_of(booking.id),
        rows=found.no_shows(booking.id),
        case=found_cases.of_booking(booking.id),
        desk=queue.desk(booking.office) if is_today else None,
    )


def dump_ticket(ticket: NotaryTicket) -> Dumped:
    """Dump a number with its estimated wait."""
    conditional.tag(ticket)
    desk = queue.desk(loading.office_of(ticket.office_id))
    counters = presenting.counter_names(desk)
    case = found_cases.case_of_ticket(ticket.id)
    return presenting.ticket(
        current_actor(), ticket, counters, desk, accepted=case is not None, whole=True
    )


# --- the sheet -------------------------------------------------------------------------------------------------------


def _sheet(office_id: uuid.UUID, wanted: Any, action: str) -> Dumped:
    office = loading.office_of(office_id)
    shown = found.sheet(office, wanted or clock.today())
    audit.record(
        current_actor(),
        action,
        "notary_office",
        office.id,
        {"day": shown.day, "appointments": len(shown.bookings)},
    )
    return presenting.sheet(current_actor(), shown)


@blp.get(
    "/offices/<uuid:office_id>/sheet",
    audience=ANY,
    query=schemas.DayArgs,
    returns=schemas.DaySheetSchema,
    transaction=True,
)
def sheet(office_id: uuid.UUID, query: Dumped) -> Dumped:
    """当日预约表；姓名、证件号码和电话已隐去一部分，查看会留下记录"""
    return _sheet(office_id, query["day"], "notary_office.sheet_viewed")


@blp.get(
    "/offices/<uuid:office_id>/sheet/page",
    audience=ANY,
    query=schemas.DayArgs,
    produces=("text/html",),
    transaction=True,
)
def sheet_to_print(office_id: uuid.UUID, query: Dumped) -> Response:
    """当日预约表，打印用的网页；查看会留下记录"""
    shown = _sheet(office_id, query["day"], "notary_office.sheet_printed")
    response = Response(sheet_page.page(shown), content_type="text/html; charset=utf-8")
    response.headers["Content-Security-Policy"] = sheet_page.POLICY
    response.headers["Referrer-Policy"] = "no-referrer"
    return response


@blp.get(
    "/appointments/<uuid:appointment_id>",
    audience=ANY,
    returns=schemas.StaffAppointmentSchema,
    transaction=True,
)
def show(appointment_id: uuid.UUID) -> Dumped:
    """一个预约；查看会留下记录"""
    booking = loading.booking_of(appointment_id)
    audit.record(
        current_actor(),
        "notary_booking.viewed",
        SUBJECT_KIND,
        booking.id,
        reference=booking.reference,
    )
    return dump_booking(appointment_id)


# --- arriving --------------------------------------------------------------------------------------------------------


@blp.post(
    "/offices/<uuid:office_id>/check-ins",
    audience=CLERK,
    body=schemas.CheckInIn,
    returns=schemas.StaffAppointmentSchema,
)
def check_in_by_code(office_id: uuid.UUID, body: Dumped) -> Dumped:
    """凭预约编号或者签到码签到，并取得叫号；已经签到的，或者当天离开又回来的，号码不变"""
    office = loading.office_of(office_id)
    booking = found.booking_by_code(office.id, body["code"])
    if booking is None:
        raise NotFound(
            "本机构没有这个预约编号或者签到码。",
            next_step="请核对编号；没有预约的，可以现场取号。",
        )
    leaving.arrive_by_code(current_actor(), booking)
    return dump_booking(booking.id)


@blp.post(
    "/appointments/<uuid:appointment_id>/check-in",
    audience=CLERK,
    returns=schemas.StaffAppointmentSchema,
    if_match=True,
)
def check_in(appointment_id: uuid.UUID) -> Dumped:
    """签到，并取得叫号；当天离开又回来的，号码不变"""
    leaving.arrive(current_actor(), loading.booking_for_step(appointment_id))
    return dump_booking(appointment_id)


@blp.get(
    "/unsettled-appointments",
    audience=ANY,
    query=PageArgs,
    returns=page_schema(schemas.StaffAppointmentSummary),
)
def unsettled(query: Dumped) -> Any:
    """时间已到、还没有签到也没有登记未到场的预约，时间早的在前"""
    loading.own_offices()
    page = found.unsettled(current_actor(), query["cursor"], query["size"])
    return Page([presenting.listed(each) for each in page.items], page.next, page.size)


@blp.get(
    "/unfinished-visits",
    audience=ANY,
    query=PageArgs,
    returns=page_schema(schemas.StaffAppointmentSummary),
)
def unfinished(query: Dumped) -> Any:
    """到场的日子已经过去、还没有登记结果的预约；下一个工作日结束前没有登记的，按到场后离开结束"""
    loading.own_offices()
    page = found.unfinished(current_actor(), query["cursor"], query["size"])
    return Page([presenting.listed(each) for each in page.items], page.next, page.size)


@blp.post(
    "/appointments/<uuid:appointment_id>/attendance",
    audience=CLERK,
    body=schemas.AttendanceIn,
    returns=schemas.StaffAppointmentSchema,
    if_match=True,
)
def attend(appointment_id: uuid.UUID, body: Dumped) -> Dumped:
    """预约当天过后补登到场，附原因；没有立案的随即结束，否则接着登记受理或者不予受理"""
    leaving.attend(current_actor(), loading.booking_for_step(appointment_id), **body)
    return dump_booking(appointment_id)


@blp.post(
    "/appointments/<uuid:appointment_id>/cancellation",
    audience=CLERK,
    body=schemas.CancellationIn,
    returns=schemas.StaffAppointmentSchema,
    if_match=True,
)
def cancel(appointment_id: uuid.UUID, body: Dumped) -> Dumped:
    """由公证机构取消预约，附原因；不计入未到场"""
    booking = loading.booking_for_step(appointment_id)
    changing.cancel_by_office(current_actor(), booking, body["reason"])
    return dump_booking(appointment_id)


@blp.post(
    "/appointments/<uuid:appointment_id>/no-show",
    audience=CLERK,
    returns=schemas.StaffAppointmentSchema,
    if_match=True,
)
def no_show(appointment_id: uuid.UUID) -> Dumped:
    """登记未到场，计入次数；当事人可以申诉。预约时间过后还要等机构设定的分钟数"""
    no_shows.mark(current_actor(), loading.booking_for_step(appointment_id))
    return dump_booking(appointment_id)


@blp.post(
    "/appointments/<uuid:appointment_id>/no-show-reversal",
    audience=CLERK,
    returns=schemas.StaffAppointmentSchema,
    if_match=True,
)
def revert_no_show(appointment_id: uuid.UUID) -> Dumped:
    """在登记的当天撤销未到场登记"""
    no_shows.revert(current_actor(), loading.booking_for_step(appointment_id))
    return dump_booking(appointment_id)


@blp.post(
    "/offices/<uuid:office_id>/no-shows",
    audience=CLERK,
    body=schemas.NoShowsIn,
    returns=schemas.NoShowsSchema,
)
def mark_no_shows(office_id: uuid.UUID, body: Dumped) -> Dumped:
    """把一天里过了时间和等候的分钟数还没有签到的预约都登记为未到场：先预览，再执行"""
    marked = no_shows.mark_all(
        current_actor(),
        loading.office_of(office_id),
        body["day"] or clock.today(),
        preview=body["preview"],
    )
    return {"preview": body["preview"], "references": [each.reference for each in marked]}


@blp.get(
    "/no-show-appeals",
    audience=ANY,
    query=PageArgs,
    returns=page_schema(schemas.StaffAppointmentSummary),
)
def appeals(query: Dumped) -> Any:
    """待处理的未到场申诉，先提出的在前"""
    loading.own_offices()
    page = found.appeals(current_actor(), query["cursor"], query["size"])
    return Page([presenting.listed(each) for each in page.items], page.next, page.size)


@blp.post(
    "/appointments/<uuid:appointment_id>/no-show-appeal-decision",
    audience=CLERK,
    body=schemas.NoShowDecisionIn,
    returns=schemas.StaffAppointmentSchema,
    if_match=True,
)
def decide_appeal(appointment_id: uuid.UUID, body: Dumped) -> Dumped:
    """处理未到场申诉，附理由"""
    no_shows.decide(current_actor(), loading.booking_for_step(appointment_id), **body)
    return dump_booking(appointment_id)


# --- numbers ---------------------------------------------------------------------------------------------------------


@blp.get("/offices/<uuid:office_id>/queue", audience=ANY, returns=schemas.QueueSchema)
def show_queue(office_id: uuid.UUID) -> Dumped:
    """等候、办理中和过号的号码，按叫号先后"""
    desk = queue.desk(loading.office_of(office_id))
    cases = lists.case_references(ticket.id for ticket in desk.tickets)
    return presenting.queue(current_actor(), desk, cases)


@blp.post(
    "/offices/<uuid:office_id>/tickets",
    audience=CLERK,
    body=schemas.DrawIn,
    returns=schemas.TicketSchema,
    status=201,
)
def draw(office_id: uuid.UUID, body: Dumped) -> tuple[Dumped, int]:
    """给没有预约的人取号，并告诉大约等多久"""
    office = loading.office_of(office_id)
    return dump_ticket(tickets.draw(current_actor(), office, tickets.Draw(**body))), 201


@blp.post(
    "/offices/<uuid:office_id>/queue/next",
    audience=CLERK,
    body=schemas.CounterChoiceIn,
    returns=schemas.TicketSchema,
)
def call_next(office_id: uuid.UUID, body: Dumped) -> Dumped:
    """叫下一个号到窗口；已经叫到这个窗口、还没有开始办理的，答复同一个号"""
    office = loading.office_of(office_id)
    return dump_ticket(
        tickets.call_next(current_actor(), office, loading.counter_of(body["counter_id"]))
    )


@blp.get("/tickets/<uuid:ticket_id>", audience=ANY, returns=schemas.TicketSchema, transaction=True)
def show_ticket(ticket_id: uuid.UUID) -> Dumped:
    """一个号；查看会留下记录"""
    ticket = loading.ticket_of(ticket_id)
    tickets.record(current_actor(), ticket, "viewed")
    return dump_ticket(ticket)


@blp.post(
    "/tickets/<uuid:ticket_id>/call",
    audience=CLERK,
    body=schemas.CounterChoiceIn,
    returns=schemas.TicketSchema,
    if_match=True,
)
def call(ticket_id: uuid.UUID, body: Dumped) -> Dumped:
    """叫这个号；过号的也可以再叫"""
    ticket = loading.ticket_for_step(ticket_id)
    return dump_ticket(
        tickets.call(current_actor(), ticket, loading.counter_of(body["counter_id"]))
    )


@blp.post(
    "/tickets/<uuid:ticket_id>/start",
    audience=CLERK,
    returns=schemas.TicketSchema,
    if_match=True,
)
def start(ticket_id: uuid.UUID) -> Dumped:
    """当事人已到窗口，开始办理"""
    return dump_ticket(tickets.start(current_actor(), loading.ticket_for_step(ticket_id)))


@blp.post(
    "/tickets/<uuid:ticket_id>/completion",
    audience=CLERK,
    returns=schemas.TicketSchema,
    if_match=True,
)
def complete(ticket_id: uuid.UUID) -> Dumped:
    """办完"""
    return dump_ticket(tickets.done(current_actor(), loading.ticket_for_step(ticket_id)))


@blp.post(
    "/tickets/<uuid:ticket_id>/pass",
    audience=CLERK,
    returns=schemas.TicketSchema,
    if_match=True,
)
def pass_over(ticket_id: uuid.UUID) -> Dumped:
    """叫了没有来，过号"""
    return dump_ticket(tickets.pass_over(current_actor(), loading.ticket_for_step(ticket_id)))


@blp.post(
    "/tickets/<uuid:ticket_id>/leaving",
    audience=CLERK,
    returns=schemas.TicketSchema,
    if_match=True,
)
def leave(ticket_id: uuid.UUID) -> Dumped:
    """登记当事人已经离开；有预约的，预约随之结束，不计入未到场"""
    return dump_ticket(leaving.leave(current_actor(), loading.ticket_seen(ticket_id)))


@blp.post(
    "/tickets/<uuid:ticket_id>/return",
    audience=CLERK,
    returns=schemas.TicketSchema,
    if_match=True,
)
def come_back(ticket_id: uuid.UUID) -> Dumped:
    """离开的当事人当天回来，号码不变，继续等候"""
    return dump_ticket(leaving.come_back(current_actor(), loading.ticket_seen(ticket_id)))


@blp.post(
    "/tickets/<uuid:ticket_id>/non-acceptance",
    audience=CLERK,
    body=schemas.NotAcceptedIn,
    returns=schemas.TicketSchema,
    if_match=True,
)
def not_accept_at_desk(ticket_id: uuid.UUID, body: Dumped) -> Dumped:
    """没有预约的人来申请，不予受理，附书面理由"""
    ticket = loading.ticket_for_step(ticket_id)
    return dump_ticket(case_operations.not_accept_at_desk(current_actor(), ticket, **body))
