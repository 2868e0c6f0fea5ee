"""Staff's routes for offices, counters, hours, exceptions and matters."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

from portal.notary import loading, policies, presenting, staff_schemas
from portal.notary.models import NotaryCounter, NotaryException, NotaryMatter, NotaryOffice
from portal.notary.operations import changing, schedule, slots
from portal.notary.operations import matters as matter_operations
from portal.notary.operations.schedule import Applied, Exceptional, Opening
from portal.notary.queries import lists
from portal.web import conditional
from portal.web.blueprint import Blueprint, roles
from portal.web.pagination import Page, PageArgs, page_schema
from portal.web.request_context import current_actor
from portal.web.schemas import Schema

blp = Blueprint(
    "staff-notary",
    __name__,
    url_prefix="/api/v1/staff/notary",
    description="公证机构的窗口、办理时间、停办和加开、公证事项。",
)

Dumped = dict[str, Any]
ANY = roles(*policies.STAFF_ROLES)
CLERK = roles(policies.CLERK)


def _versioned(row: NotaryCounter | NotaryException | NotaryMatter, schema: type[Schema]) -> Dumped:
    """Return the schema's fields of a row in a list, each with the version that a change has to name."""
    held = schema(exclude=["version"]).fields
    names = {field.attribute or name for name, field in held.items()}
    version = f'"{conditional.etag_of(row)}"'
    return {**{name: getattr(row, name) for name in names}, "version": version}


def _versions(page: Page[Any], schema: type[Schema]) -> Page[Dumped]:
    """Return a page of such rows."""
    return Page([_versioned(row, schema) for row in page.items], page.next, page.size)


def _applied(change: Callable[[], Applied], *, preview: bool) -> Dumped:
    """Carry out a change, or only look at what it would do."""
    found = schedule.preview(change) if preview else change()
    return {
        "preview": preview,
        "id": None if preview else found.id,
        "added": found.added,
        "closed": found.closed,
        "affected": presenting.affected(found.affected, found.kept),
        "hints": list(found.hints),
    }


@blp.get(
    "/offices",
    audience=ANY,
    query=PageArgs,
    returns=page_schema(staff_schemas.NotaryStaffOfficeSchema),
)
def offices(query: Dumped) -> Any:
    """我能管理或查看的公证机构和设置"""
    loading.own_offices()
    return lists.offices(current_actor(), query["cursor"], query["size"])


@blp.get("/offices/<uuid:office_id>", audience=ANY, returns=staff_schemas.NotaryStaffOfficeSchema)
def office(office_id: uuid.UUID) -> NotaryOffice:
    """一个公证机构的设置"""
    found = loading.office_of(office_id)
    conditional.tag(found)
    return found


@blp.patch(
    "/offices/<uuid:office_id>",
    audience=CLERK,
    body=staff_schemas.NotaryOfficeChangeIn,
    returns=staff_schemas.NotaryAppliedSchema,
    if_match=True,
)
def change_office(office_id: uuid.UUID, body: Dumped) -> Dumped:
    """修改设置；填写 closes_on 表示机构停办

    答复里列出受影响的预约，他们会收到通知和留出的新时段。
    """
    found = loading.office_of(office_id)
    conditional.require_match(found)
    preview = body.pop("preview")
    result = _applied(lambda: schedule.change_office(current_actor(), found, body), preview=preview)
    conditional.tag(found)
    return result


@blp.get(
    "/offices/<uuid:office_id>/affected",
    audience=ANY,
    query=PageArgs,
    returns=page_schema(staff_schemas.NotaryAffectedSchema),
)
def affected(office_id: uuid.UUID, query: Dumped) -> Any:
    """原时段不能办理、还没有改期的预约，时间早的在前；to_be_rung 的请打电话告知，号码在预约里查看"""
    page = lists.affected(loading.office_of(office_id).id, query["cursor"], query["size"])
    kept = changing.other_times_of(page.items)
    return Page(presenting.affected(page.items, kept), page.next, page.size)


@blp.get(
    "/offices/<uuid:office_id>/counters",
    audience=ANY,
    query=PageArgs,
    returns=page_schema(staff_schemas.NotaryCounterSchema),
)
def counters(office_id: uuid.UUID, query: Dumped) -> Any:
    """窗口，停用的也在内"""
    office = loading.office_of(office_id)
    page = lists.counters(office.id, query["cursor"], query["size"])
    return _versions(page, staff_schemas.NotaryCounterSchema)


@blp.post(
    "/offices/<uuid:office_id>/counters",
    audience=CLERK,
    body=staff_schemas.NotaryCounterIn,
    returns=staff_schemas.NotaryAppliedSchema,
    status=201,
    previews=True,
)
def add_counter(office_id: uuid.UUID, body: Dumped) -> tuple[Dumped, int]:
    """增加窗口"""
    found, preview = loading.office_of(office_id), body.pop("preview")

    def change() -> Applied:
        return schedule.save_counter(current_actor(), found, None, body)[1]

    # What was only looked at creates nothing.
    return _applied(change, preview=preview), 200 if preview else 201


@blp.patch(
    "/counters/<uuid:counter_id>",
    audience=CLERK,
    body=staff_schemas.NotaryCounterChangeIn,
    returns=staff_schemas.NotaryAppliedSchema,
    if_match=True,
)
def change_counter(counter_id: uuid.UUID, body: Dumped) -> Dumped:
    """修改窗口；人数减少、停用或者不再办理某些事项时列出受影响的预约"""
    counter = loading.counter_of(counter_id)
    found = loading.office_of(counter.office_id)
    conditional.require_match(counter)
    preview = body.pop("preview")

    def change() -> Applied:
        return schedule.save_counter(current_actor(), found, counter, body)[1]

    return _applied(change, preview=preview)


@blp.get("/offices/<uuid:office_id>/hours", audience=ANY, returns=staff_schemas.NotaryHoursSchema)
def hours(office_id: uuid.UUID) -> Dumped:
    """每周办理时间；整体修改，版本是机构的"""
    seen = loading.office_of(office_id)
    conditional.tag(seen)
    found, _ = slots.schedule_of(seen)
    rows = sorted(found.hours, key=lambda row: (row.valid_from, row.weekday, row.opens, row.id))
    return {"items": rows}


@blp.put(
    "/offices/<uuid:office_id>/hours",
    audience=CLERK,
    body=staff_schemas.NotaryHoursIn,
    returns=staff_schemas.NotaryAppliedSchema,
    if_match=True,
)
def set_hours(office_id: uuid.UUID, body: Dumped) -> Dumped:
    """从某天起改用新的每周办理时间；列出受影响的预约"""
    found = loading.office_of(office_id)
    conditional.require_match(found)

    def change() -> Applied:
        return schedule.set_hours(
            current_actor(),
            found,
            body["counter_id"],
            body["valid_from"],
            [Opening(**each) for each in body["hours"]],
        )

    result = _applied(change, preview=body["preview"])
    conditional.tag(found)
    return result


@blp.get(
    "/offices/<uuid:office_id>/exceptions",
    audience=ANY,
    query=PageArgs,
    returns=page_schema(staff_schemas.NotaryExceptionSchema),
)
def exceptions(office_id: uuid.UUID, query: Dumped) -> Any:
    """停办和加开，已经过去的除外"""
    office = loading.office_of(office_id)
    page = lists.exceptions(office.id, query["cursor"], query["size"])
    return _versions(page, staff_schemas.NotaryExceptionSchema)


@blp.post(
    "/offices/<uuid:office_id>/exceptions",
    audience=ANY,
    body=staff_schemas.NotaryExceptionIn,
    returns=staff_schemas.NotaryAppliedSchema,
    status=201,
    previews=True,
)
def add_exception(office_id: uuid.UUID, body: Dumped) -> tuple[Dumped, int]:
    """登记停办或者加开；列出受影响的预约，并通知他们

    整个机构的停办，督办人员也可以登记和撤销（例如遇到紧急情况，机构没有人上班）。
    """
    found, preview = loading.office_of(office_id), body.pop("preview")

    def change() -> Applied:
        return schedule.add_exception(current_actor(), found, Exceptional(**body))[1]

    # What was only looked at creates nothing.
    return _applied(change, preview=preview), 200 if preview else 201


@blp.delete(
    "/exceptions/<uuid:exception_id>",
    audience=ANY,
    query=staff_schemas.NotaryPreviewArgs,
    returns=staff_schemas.NotaryAppliedSchema,
    if_match=True,
)
def remove_exception(exception_id: uuid.UUID, query: Dumped) -> Dumped:
    """撤销停办或者加开；列出受影响的预约，并通知他们"""
    row = loading.exception_of(exception_id)
    found = loading.office_of(row.office_id)
    conditional.require_match(row)

    def change() -> Applied:
        return schedule.remove_exception(current_actor(), found, row)

    return _applied(change, preview=query["preview"])


@blp.get(
    "/matters",
    audience=ANY,
    query=PageArgs,
    returns=page_schema(staff_schemas.NotaryStaffMatterSchema),
)
def matters(query: Dumped) -> Any:
    """公证事项，停用的也在内"""
    loading.own_offices()
    page = lists.matters(query["cursor"], query["size"])
    return _versions(page, staff_schemas.NotaryStaffMatterSchema)


@blp.patch(
    "/matters/<uuid:matter_id>",
    audience=CLERK,
    body=staff_schemas.NotaryMatterChangeIn,
    returns=staff_schemas.NotaryMatterChangedSchema,
    if_match=True,
)
def change_matter(matter_id: uuid.UUID, body: Dumped) -> Dumped:
    """修改公证事项的说明、时长和材料清单，或者停办；改过的不再随内容文件更新

    事项由所有公证机构共用，须由管理所有公证机构的工作人员修改；本机构不再办理的，在窗口里去掉。
    停办时列出受影响的预约，他们随后会收到通知。
    """
    loading.own_offices()
    found = loading.matter_of(matter_id)
    matter_operations.require_editor(current_actor())
    conditional.require_match(found)
    preview = body.pop("preview")
    moving = matter_operations.affected_by(current_actor(), found, body)
    if not preview:
        matter_operations.change(current_actor(), found, body)
    conditional.tag(found)
    return {
        **_versioned(found, staff_schemas.NotaryStaffMatterSchema),
        "preview": preview,
        "affected": presenting.affected(moving, {}),
    }
