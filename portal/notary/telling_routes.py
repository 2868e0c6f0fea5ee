"""Staff tell in another way what no message has told: the list, the numbers to ring, and that it was done."""

from __future__ import annotations

import uuid
from typing import Any

from portal.core import clock
from portal.notary import day_presenting as presenting
from portal.notary import loading, policies
from portal.notary import presenting as residents_presenting
from portal.notary import telling_schemas as schemas
from portal.notary.day_routes import dump_booking
from portal.notary.day_schemas import StaffAppointmentSchema
from portal.notary.operations import changing, ringing, untold
from portal.notary.queries import contacts
from portal.notary.queries import day as found
from portal.web.blueprint import Blueprint, roles
from portal.web.pagination import Page, PageArgs, page_schema
from portal.web.request_context import current_actor

blp = Blueprint(
    "staff-notary-telling",
    __name__,
    url_prefix="/api/v1/staff/notary",
    description="没有消息能告知的当事人：要告知什么，怎样联系，告知后登记。",
)
Dumped = dict[str, Any]
ANY = roles(*policies.STAFF_ROLES)
CLERK = roles(policies.CLERK)


@blp.get(
    "/untold-appointments",
    audience=ANY,
    query=PageArgs,
    returns=page_schema(schemas.UntoldSchema),
)
def index(query: Dumped) -> Any:
    """时段停办、恢复或者被取消，短信没有发到的当事人，还没有另行告知；预约时间早的在前

    没有账号的都在内；有账号的看得到平台消息，只列短信发送失败、消息也没有读过的，按其意愿不发短信的不列。
    """
    loading.own_offices()
    page = found.untold(current_actor(), query["cursor"], query["size"])
    contact = contacts.of_bookings(page.items)
    kept = changing.other_times_of(page.items)
    rows = [presenting.untold(each, contact[each.id], kept.get(each.id)) for each in page.items]
    return Page(rows, page.next, page.size)


@blp.get(
    "/affected-appointments",
    audience=ANY,
    query=schemas.AffectedArgs,
    returns=page_schema(schemas.AffectedAppointmentSchema),
)
def affected(query: Dumped) -> Any:
    """各机构原时段不能办理、还没有改期的预约，时间早的在前

    没有留出新时段的，问清当事人以后改期或者取消；to_be_rung 的请打电话，号码在预约里查看。
    """
    loading.own_offices()
    page = found.affected(
        current_actor(), query["cursor"], query["size"], lost=query["without_time"]
    )
    kept = changing.other_times_of(page.items)
    moving = residents_presenting.affected(page.items, kept)
    rows = [
        {**presenting.looked_up(booking), **row}
        for booking, row in zip(page.items, moving, strict=True)
    ]
    return Page(rows, page.next, page.size)


@blp.post(
    "/appointments/<uuid:appointment_id>/phone", audience=CLERK, returns=schemas.NotaryPhoneSchema
)
def show_phone(appointment_id: uuid.UUID) -> Dumped:
    """查看当事人的完整电话，查看会留下记录；限需要打电话告知的预约，没有留电话的为其监护人、代理人的电话"""
    numbers = ringing.show_phone(current_actor(), loading.booking_of(appointment_id))
    return {
        "phone": numbers.contact.phone,
        "representatives": list(numbers.representatives),
        "contact_safety": numbers.contact.safety,
        "warning": numbers.contact.warning,
    }


@blp.post(
    "/appointments/<uuid:appointment_id>/told",
    audience=CLERK,
    body=schemas.ToldIn,
    returns=StaffAppointmentSchema,
    if_match=True,
)
def told(appointment_id: uuid.UUID, body: Dumped) -> Dumped:
    """登记已经另行告知当事人：怎样告知，哪一天"""
    booking = loading.booking_for_step(appointment_id)
    untold.told(current_actor(), booking, body["how"], body["told_on"] or clock.today())
    return dump_booking(appointment_id)
