"""The desk over HTTP for who calls or stands there: book without an account, move, cancel, dispute a missed appointment."""

from __future__ import annotations

import uuid
from typing import Any

from portal.notary import loading, policies
from portal.notary import request_schemas as schemas
from portal.notary.checks import details_of
from portal.notary.day_routes import dump_booking
from portal.notary.day_schemas import StaffAppointmentSchema
from portal.notary.models import DeskChannel
from portal.notary.operations import on_request
from portal.notary.operations.holding import Wish
from portal.web.blueprint import Blueprint, roles
from portal.web.request_context import current_actor

blp = Blueprint(
    "staff-notary-on-request",
    __name__,
    url_prefix="/api/v1/staff/notary",
    description="公证机构应来电或者到窗口的人的要求：代没有账号的人预约，改期，取消，提出未到场申诉。",
)
Dumped = dict[str, Any]
CLERK = roles(policies.CLERK)


def _channel(body: Dumped) -> DeskChannel:
    """Take how it was asked for out of a body; that the identity was checked, the schema has seen to."""
    del body["identity_checked"]
    channel: DeskChannel = body.pop("channel")
    return channel


@blp.post(
    "/offices/<uuid:office_id>/appointments",
    audience=CLERK,
    body=schemas.BookingAtDeskIn,
    returns=StaffAppointmentSchema,
    status=201,
)
def book(office_id: uuid.UUID, body: Dumped) -> tuple[Dumped, int, dict[str, str]]:
    """代没有账号的人预约，一步完成

    与网上预约同样核对：事项、管辖、当事人和身份、次数上限、号源。约满、没有这个时段或者当天不办理时答复 409，
    并附上最近的空闲时间。材料清单请念给当事人听；留了手机号的会收到短信，短信里只有编号。
    """
    office, channel = loading.office_of(office_id), _channel(body)
    wish = Wish(
        office_id=office.id,
        **{name: body.pop(name) for name in ("matter_id", "starts_at", "party_count", "priority")},
    )
    booking = on_request.book(current_actor(), office, wish, details_of(body), channel)
    location = {"Location": f"/api/v1/staff/notary/appointments/{booking.id}"}
    return dump_booking(booking.id), 201, location


@blp.post(
    "/appointments/<uuid:appointment_id>/reschedule",
    audience=CLERK,
    body=schemas.MoveIn,
    returns=StaffAppointmentSchema,
    if_match=True,
)
def move(appointment_id: uuid.UUID, body: Dumped) -> Dumped:
    """应当事人的要求改期：先占到新时段才放掉原时段；没有占到的，原预约不变"""
    booking = loading.booking_for_step(appointment_id)
    on_request.move(current_actor(), booking, body["starts_at"], _channel(body))
    return dump_booking(appointment_id)


@blp.post(
    "/appointments/<uuid:appointment_id>/other-time",
    audience=CLERK,
    body=schemas.OnRequestIn,
    returns=StaffAppointmentSchema,
    if_match=True,
    problems=(410,),
)
def accept_other_time(appointment_id: uuid.UUID, body: Dumped) -> Dumped:
    """应当事人的要求，改到因原时段停办而留出的新时段"""
    booking = loading.booking_for_step(appointment_id)
    on_request.accept_other_time(current_actor(), booking, _channel(body))
    return dump_booking(appointment_id)


@blp.post(
    "/appointments/<uuid:appointment_id>/withdrawal",
    audience=CLERK,
    body=schemas.OnRequestIn,
    returns=StaffAppointmentSchema,
    if_match=True,
)
def withdraw(appointment_id: uuid.UUID, body: Dumped) -> Dumped:
    """应当事人的要求取消预约，与本人取消相同；公证机构自己要取消的，用 cancellation 并写明原因"""
    booking = loading.booking_for_step(appointment_id)
    on_request.withdraw(current_actor(), booking, _channel(body))
    return dump_booking(appointment_id)


@blp.post(
    "/appointments/<uuid:appointment_id>/no-show-appeal",
    audience=CLERK,
    body=schemas.AppealAtDeskIn,
    returns=StaffAppointmentSchema,
    if_match=True,
)
def appeal(appointment_id: uuid.UUID, body: Dumped) -> Dumped:
    """应当事人的要求，对未到场登记提出申诉，一次；处理仍要另外登记"""
    booking = loading.booking_for_step(appointment_id)
    on_request.appeal(current_actor(), booking, body["text"], _channel(body))
    return dump_booking(appointment_id)
