"""Residents' and public routes: parse, load, authorise, act, dump."""

from __future__ import annotations

import uuid
from typing import Any

from flask import Response

from portal.accounts import queries as accounts
from portal.core.errors import NotFound
from portal.notary import calendar_files, policies, presenting, schemas
from portal.notary.checks import details_of
from portal.notary.demand import quotas_for
from portal.notary.models import NotaryBooking, NotaryMatter
from portal.notary.operations import (
    changing,
    confirming,
    correcting,
    feeds,
    holding,
    waiting,
)
from portal.notary.parties import Agent, Guardian
from portal.notary.queries import availability, bookings
from portal.web import conditional
from portal.web.blueprint import PUBLIC, RESIDENT, Blueprint, ready
from portal.web.pagination import Page, PageArgs, page_schema
from portal.web.request_context import current_actor

blp = Blueprint(
    "notary",
    __name__,
    url_prefix="/api/v1/notary",
    description="公证预约：查询时段、保留、确认、改期、取消、排队。预约不等于受理。",
)

Dumped = dict[str, Any]


def _mine(booking_id: uuid.UUID) -> NotaryBooking:
    """Load the caller's own booking; anybody else's is not known to exist."""
    found = bookings.find(booking_id)
    if found is None or not policies.can_speak_for(current_actor(), found):
        raise NotFound("没有找到这个预约。")
    return found


def _dump(booking: NotaryBooking) -> Dumped:
    conditional.tag(booking)
    return presenting.appointment(current_actor(), booking)


def _again(booking: NotaryBooking) -> Dumped:
    """Dump what a step has written, with its line of the history."""
    return _dump(_mine(booking.id))


@blp.get("/offices", audience=PUBLIC, returns=schemas.NotaryOfficesSchema)
def offices() -> Dumped:
    """可以预约的公证机构"""
    return {"items": [presenting.office(office) for office in bookings.offices()]}


@blp.get("/matters", audience=PUBLIC, returns=schemas.NotaryMattersSchema)
def matters() -> Dumped:
    """可以预约的公证事项：要不要本人到场，带什么材料"""
    return {"items": bookings.matters()}


@blp.get(
    "/availability",
    audience=PUBLIC,
    query=schemas.NotaryAvailabilityArgs,
    returns=schemas.NotaryAvailabilitySchema,
    problems=(404,),
)
def show_availability(query: Dumped) -> Response:
    """一段日期里各机构的空闲时段；没有空闲时说明原因和下一个有空的日子"""
    matter = _matter(query["matter_id"])
    found = availability.availability(
        matter,
        first=query["first"],
        last=query["last"],
        parties=query["parties"],
        quotas=quotas_for(query["priority"]),
        office_id=query["office_id"],
    )
    if query["office_id"] is not None and not found:
        raise NotFound("没有找到这个公证机构。")
    return ready({"items": [presenting.availability(each) for each in found]})


def _matter(matter_id: uuid.UUID) -> NotaryMatter:
    found = next((m for m in bookings.matters() if m.id == matter_id), None)
    if found is None:
        raise NotFound("没有找到这个公证事项，或者它目前不能预约。")
    return found


def _look(body: Dumped) -> tuple[holding.Wish, holding.Look]:
    wish = holding.Wish(**body)
    return wish, holding.look(current_actor(), wish)


@blp.post(
    "/holds",
    audience=RESIDENT,
    body=schemas.NotaryHoldIn,
    prepare=_look,
    answers_after_commit=True,
    returns=schemas.NotaryHoldSchema,
    status=201,
    problems=(404,),
)
def hold(body: Dumped, prepared: tuple[holding.Wish, holding.Look]) -> tuple[Response, int]:
    """保留一个时段，几分钟内有效

    同一账号一次保留一个。约满、没有这个时段、当天不办理或者不在可以预约的日期内时答复 409，并附上离所选时间最近的空闲时段。
    """
    actor = current_actor()
    wish, seen = prepared
    booking = holding.hold(actor, wish, seen)
    conditional.tag(booking)
    return ready(presenting.hold(actor, booking)), 201


@blp.get("/holds", audience=RESIDENT, returns=schemas.NotaryHoldsSchema)
def holds() -> Response:
    """正在为我保留的时段：我保留的、排队等到的、因原时段停办而留出的"""
    actor = current_actor()
    found = bookings.pending_of(actor.own_id)
    kept = [booking for booking in found if presenting.may_be_kept(booking)]
    return ready({"items": [presenting.hold(actor, booking) for booking in kept]})


@blp.delete("/holds/<uuid:hold_id>", audience=RESIDENT, problems=(410,))
def release(hold_id: uuid.UUID) -> None:
    """放弃保留的时段，或者谢绝排队等到的时段"""
    holding.release(current_actor(), _mine(hold_id))


@blp.post(
    "/appointments",
    audience=RESIDENT,
    body=schemas.NotaryAppointmentIn,
    returns=schemas.NotaryAppointmentSchema,
    status=201,
    problems=(404, 410),
)
def confirm(body: Dumped) -> tuple[Dumped, int, dict[str, str]]:
    """确认预约

    在保留时间内提交；过期答复 410。当事人的证件号码加密保存。预约不等于受理。
    """
    hold_id = body.pop("hold_id")
    booking = confirming.confirm(current_actor(), hold_id, details_of(body))
    location = {"Location": f"/api/v1/notary/appointments/{booking.id}"}
    return _dump(booking), 201, location


@blp.get(
    "/appointments",
    audience=RESIDENT,
    query=PageArgs,
    returns=page_schema(schemas.NotaryAppointmentSummary),
)
def index(query: Dumped) -> Any:
    """我的预约，新的在前"""
    actor = current_actor()
    page = bookings.of_account(actor.own_id, query["cursor"], query["size"])
    return Page([presenting.summary(actor, each) for each in page.items], page.next, page.size)


@blp.get(
    "/appointments/<uuid:appointment_id>",
    audience=RESIDENT,
    returns=schemas.NotaryAppointmentSchema,
)
def show(appointment_id: uuid.UUID) -> Dumped:
    """一个预约：时间、地点、材料、进展和可以做的事"""
    return _dump(_mine(appointment_id))


@blp.patch(
    "/appointments/<uuid:appointment_id>",
    audience=RESIDENT,
    body=schemas.NotaryCorrectionIn,
    returns=schemas.NotaryAppointmentSchema,
    if_match=True,
    limit="10 per hour",
)
def correct(appointment_id: uuid.UUID, body: Dumped) -> Dumped:
    """更正写错的预约信息：当事人、代理人、监护人、使用国家、联系电话；时段不变

    与确认预约时同样核对。机构、事项和人数不变；不能换人，当事人的姓名或者证件号码只能自己更正一次。
    """
    booking = _mine(appointment_id)
    conditional.require_match(booking)
    return _again(correcting.correct_details(current_actor(), booking, _correction(body)))


def _correction(body: Dumped) -> correcting.Correction:
    parties = {each.pop("position"): each for each in body.pop("parties", [])}
    for each in parties.values():
        if "guardian" in each:
            each["guardian"] = Guardian(**each["guardian"])
    if "agent" in body:
        body["agent"] = Agent(**body["agent"])
    return correcting.Correction(parties, body)


@blp.post(
    "/appointments/<uuid:appointment_id>/reschedule",
    audience=RESIDENT,
    body=schemas.NotaryRescheduleIn,
    returns=schemas.NotaryAppointmentSchema,
)
def reschedule(appointment_id: uuid.UUID, body: Dumped) -> Dumped:
    """改期：先占到新时段才放掉原时段；没有占到的，原预约不变"""
    booking = _mine(appointment_id)
    return _again(changing.reschedule(current_actor(), booking, body["starts_at"]))


@blp.post(
    "/appointments/<uuid:appointment_id>/other-time",
    audience=RESIDENT,
    returns=schemas.NotaryAppointmentSchema,
    problems=(410,),
)
def accept_other_time(appointment_id: uuid.UUID) -> Dumped:
    """接受因原时段停办而留出的新时段"""
    return _again(changing.accept_other_time(current_actor(), _mine(appointment_id)))


@blp.post(
    "/appointments/<uuid:appointment_id>/cancellation",
    audience=RESIDENT,
    returns=schemas.NotaryAppointmentSchema,
)
def cancel(appointment_id: uuid.UUID) -> Dumped:
    """取消预约"""
    return _again(changing.cancel(current_actor(), _mine(appointment_id)))


@blp.post(
    "/cancellations",
    audience=PUBLIC,
    body=schemas.NotaryLinkCancellationIn,
    returns=schemas.NotaryLinkCancelledSchema,
    limit="20 per minute",
    problems=(404,),
)
def cancel_by_link(body: Dumped) -> Dumped:
    """凭取消链接取消预约，不用登录；已经取消的，再点也一样答复"""
    booking = changing.cancel_by_link(body["appointment_id"], body["token"])
    return {"state": booking.state, "next_step": "预约已取消；需要时可以重新预约。"}


@blp.get(
    "/appointments/<uuid:appointment_id>/calendar",
    audience=RESIDENT,
    produces=(calendar_files.MEDIA_TYPE,),
)
def calendar_file(appointment_id: uuid.UUID) -> Response:
    """一个预约的日历文件（iCalendar）"""
    booking = _mine(appointment_id)
    if booking.reference is None:
        raise NotFound("这个预约还没有确认，没有日历文件。")
    response = _calendar([booking])
    name = f"{booking.reference}.ics"
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _calendar(found: list[NotaryBooking]) -> Response:
    people = accounts.residents(booking.account_id for booking in found if booking.account_id)
    wishes = {known: person.contact_safety for known, person in people.items()}
    return Response(
        calendar_files.calendar(found, wishes),
        content_type=f"{calendar_files.MEDIA_TYPE}; charset=utf-8",
    )


@blp.post(
    "/calendar-feed",
    audience=RESIDENT,
    returns=schemas.NotaryFeedSchema,
    status=201,
    idempotent=False,
    limit="10 per hour",
)
def open_feed() -> tuple[Dumped, int]:
    """生成我的日历订阅地址；以前的地址随即失效

    地址只显示这一次。知道地址的人都能看到预约时间，请不要发给别人。
    """
    token = feeds.open_feed(current_actor())
    return {"url": f"/api/v1/notary/calendar-feeds/{token}"}, 201


@blp.delete("/calendar-feed", audience=RESIDENT)
def close_feed() -> None:
    """收回我的日历订阅地址"""
    feeds.close_feed(current_actor())


@blp.get(
    "/calendar-feeds/<string(length=43):token>",
    audience=PUBLIC,
    produces=(calendar_files.MEDIA_TYPE,),
)
def feed(token: str) -> Response:
    """日历订阅（iCalendar），不写公证事项和姓名"""
    return _calendar(feeds.bookings_of(token))


@blp.post(
    "/waiting-list",
    audience=RESIDENT,
    body=schemas.NotaryWaitingIn,
    returns=schemas.NotaryWaitingSchema,
    status=201,
    problems=(404,),
)
def join(body: Dumped) -> tuple[Dumped, int]:
    """排队：有人退号时按先后通知，逾期不确认转给下一位

    只有约满的日子才能排队；不办理、还没有放号的日子和一个时段容不下的人数，不会等到号。
    """
    actor = current_actor()
    entry = waiting.join(actor, waiting.WaitingWish(**body))
    return presenting.waiting(actor, entry), 201


@blp.get(
    "/waiting-list",
    audience=RESIDENT,
    query=PageArgs,
    returns=page_schema(schemas.NotaryWaitingSchema),
)
def waiting_index(query: Dumped) -> Any:
    """我的排队，新的在前"""
    actor = current_actor()
    page = bookings.waiting_of(actor.own_id, query["cursor"], query["size"])
    return Page([presenting.waiting(actor, each) for each in page.items], page.next, page.size)


@blp.delete("/waiting-list/<uuid:entry_id>", audience=RESIDENT)
def leave(entry_id: uuid.UUID) -> None:
    """退出排队"""
    entry = bookings.waiting_entry(entry_id)
    if entry is None or not policies.can_speak_for(current_actor(), entry):
        raise NotFound("没有找到这次排队。")
    waiting.leave(current_actor(), entry)
