"""The desk over HTTP: whom it looks up, and what was written down wrongly there."""

from __future__ import annotations

import uuid
from typing import Any

from portal.accounts import queries as accounts
from portal.accounts.models import StaffMember
from portal.core import clock
from portal.notary import day_presenting as presenting
from portal.notary import desk_schemas as schemas
from portal.notary import loading, policies
from portal.notary.day_routes import dump_booking, dump_ticket
from portal.notary.day_schemas import StaffAppointmentSchema, TicketRow, TicketSchema
from portal.notary.models import CorrectionReason
from portal.notary.operations import correcting, no_shows, undoing
from portal.notary.parties import Guardian
from portal.notary.queries import day as found
from portal.notary.queries import lists
from portal.web.blueprint import Blueprint, roles
from portal.web.pagination import Key, Page, PageArgs, page_of, page_schema
from portal.web.request_context import current_actor

blp = Blueprint(
    "staff-notary-desk",
    __name__,
    url_prefix="/api/v1/staff/notary",
    description="公证机构的窗口：按编号查找，更正和撤销登记有误的内容。",
)
Dumped = dict[str, Any]
ANY = roles(*policies.STAFF_ROLES)
CLERK = roles(policies.CLERK)


# --- looking up ------------------------------------------------------------------------------------------------------


@blp.get(
    "/appointments",
    audience=ANY,
    query=schemas.ReferenceArgs,
    returns=schemas.AppointmentsFoundSchema,
)
def look_up(query: Dumped) -> Dumped:
    """按预约编号查找本机构的预约，不显示当事人；内容请打开这个预约查看"""
    loading.own_offices()
    booking = found.by_reference(current_actor(), query["reference"])
    return {"items": [presenting.looked_up(booking)] if booking is not None else []}


@blp.get(
    "/offices/<uuid:office_id>/staff",
    audience=ANY,
    query=PageArgs,
    returns=page_schema(schemas.OfficeStaffMember),
)
def staff(office_id: uuid.UUID, query: Dumped) -> Any:
    """可以在这个公证机构承办、审批的工作人员"""
    office = loading.office_of(office_id)
    people = accounts.staff_with_role(policies.CLERK, office.id)
    page = page_of(people, [Key(StaffMember.id)], query["cursor"], query["size"])
    return Page([presenting.colleague(each) for each in page.items], page.next, page.size)


@blp.get(
    "/offices/<uuid:office_id>/tickets",
    audience=ANY,
    query=schemas.TicketsArgs,
    returns=page_schema(TicketRow),
)
def numbers(office_id: uuid.UUID, query: Dumped) -> Any:
    """一天的号码，按先后；booked=false 只看没有预约、现场取号的。不显示当事人"""
    office = loading.office_of(office_id)
    day = query["day"] or clock.today()
    page = lists.tickets(office.id, day, query["booked"], query["cursor"], query["size"])
    cases = lists.case_references(each.id for each in page.items)
    rows = presenting.numbers(current_actor(), page.items, lists.counter_names(office.id), cases)
    return Page(rows, page.next, page.size)


# --- mistakes taken back ---------------------------------------------------------------------------------------------


@blp.post(
    "/appointments/<uuid:appointment_id>/check-in-reversal",
    audience=CLERK,
    returns=StaffAppointmentSchema,
    if_match=True,
)
def revert_check_in(appointment_id: uuid.UUID) -> Dumped:
    """当天撤销签到：预约和时段不变，号码作废；已经开始办理的不能撤销"""
    undoing.revert_check_in(current_actor(), loading.booking_for_step(appointment_id))
    return dump_booking(appointment_id)


@blp.post(
    "/appointments/<uuid:appointment_id>/non-acceptance-reversal",
    audience=CLERK,
    body=schemas.ReasonIn,
    returns=StaffAppointmentSchema,
    if_match=True,
)
def revert_not_accept(appointment_id: uuid.UUID, body: Dumped) -> Dumped:
    """登记当天撤销不予受理，附原因；会告诉当事人"""
    booking = loading.booking_for_step(appointment_id)
    undoing.revert_not_accept(current_actor(), booking, body["reason"])
    return dump_booking(appointment_id)


@blp.post(
    "/tickets/<uuid:ticket_id>/non-acceptance-reversal",
    audience=CLERK,
    body=schemas.ReasonIn,
    returns=TicketSchema,
    if_match=True,
)
def revert_not_accept_at_desk(ticket_id: uuid.UUID, body: Dumped) -> Dumped:
    """当天撤销对没有预约的人的不予受理，附原因"""
    ticket = loading.ticket_for_step(ticket_id)
    return dump_ticket(undoing.revert_not_accept_at_desk(current_actor(), ticket, body["reason"]))


@blp.post(
    "/tickets/<uuid:ticket_id>/reopening",
    audience=CLERK,
    returns=TicketSchema,
    if_match=True,
)
def reopen(ticket_id: uuid.UUID) -> Dumped:
    """当天撤销“办完”，继续办理；已经受理或者不予受理的不能撤销"""
    return dump_ticket(undoing.reopen(current_actor(), loading.ticket_for_step(ticket_id)))


@blp.post(
    "/appointments/<uuid:appointment_id>/no-show-appeal-reopening",
    audience=CLERK,
    returns=StaffAppointmentSchema,
    if_match=True,
)
def reopen_appeal(appointment_id: uuid.UUID) -> Dumped:
    """重新处理误判为不成立的未到场申诉；会告诉当事人"""
    no_shows.reopen(current_actor(), loading.booking_for_step(appointment_id))
    return dump_booking(appointment_id)


# --- put right -------------------------------------------------------------------------------------------------------


def correction(body: Dumped) -> tuple[CorrectionReason, Dumped]:
    """Return why a party is put right and the fields that change."""
    reason = body.pop("reason")
    if "guardian" in body:
        body["guardian"] = Guardian(**body["guardian"])
    return reason, body


@blp.post(
    "/appointments/<uuid:appointment_id>/parties/<int:place>/correction",
    audience=CLERK,
    body=schemas.PartyCorrectionIn,
    returns=StaffAppointmentSchema,
    if_match=True,
)
def correct_party(appointment_id: uuid.UUID, place: int, body: Dumped) -> Dumped:
    """受理以前照证件更正一位当事人（从 0 起）的姓名、证件，附原因；与确认预约时同样核对"""
    booking = loading.booking_for_step(appointment_id)
    reason, changes = correction(body)
    correcting.correct_party(current_actor(), booking, place, changes, reason)
    return dump_booking(appointment_id)
