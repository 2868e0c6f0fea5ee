"""What goes in and out where the desk looks somebody up and puts right what was written down wrongly."""

from __future__ import annotations

from typing import Any

import marshmallow as ma
from marshmallow import fields

from portal.accounts.models import Role
from portal.notary.day_schemas import StaffAppointmentSummary
from portal.notary.models import BookingState, CorrectionReason
from portal.notary.schemas import NOTHING_CORRECTED, NotaryPartyCorrectionIn
from portal.web.pagination import PageArgs
from portal.web.schemas import Choice, CleanString, Label, Schema, StrictBoolean


class ReasonIn(Schema):
    """Why something is put right."""

    reason = Choice(
        CorrectionReason,
        required=True,
        metadata={"description": "原因，会留在审计记录里，当事人也能看到"},
    )


class PartyCorrectionIn(NotaryPartyCorrectionIn, ReasonIn):
    """What a document at the desk says of a party; what is left out stays."""

    @ma.validates_schema
    def _check(self, data: dict[str, Any], **_kwargs: object) -> None:
        if not data.keys() - {"reason"}:
            raise ma.ValidationError(NOTHING_CORRECTED)


class OfficeStaffMember(Schema):
    """Somebody who may act at the office."""

    id = fields.UUID()
    name = fields.String()
    role = fields.Enum(Role, by_value=True)
    role_label = Label(attribute="role")


class TicketsArgs(PageArgs):
    """Which numbers of which day."""

    day = fields.Date(load_default=None, metadata={"description": "不填为今天"})
    booked = StrictBoolean(
        load_default=None,
        metadata={"description": "false 只看没有预约的，true 只看有预约的；不填都看"},
    )


class ReferenceArgs(Schema):
    """Which appointment."""

    reference = CleanString(
        required=True,
        min_length=1,
        max_length=40,
        metadata={"description": "预约编号，大小写、空格和短横不限"},
    )


class AppointmentFound(StaffAppointmentSummary):
    """An appointment that was looked up; no person is named by it."""

    state = fields.Enum(BookingState, by_value=True)
    state_label = Label(attribute="state")
    office_id = fields.UUID()


class AppointmentsFoundSchema(Schema):
    """None or one."""

    items = fields.List(fields.Nested(AppointmentFound))
