"""What goes in and out where staff tell somebody what no message has told them."""

from __future__ import annotations

from marshmallow import fields

from portal.accounts.models import ContactSafety
from portal.notary.models import BookingState, ToldBy
from portal.notary.staff_schemas import NotaryAffectedSchema
from portal.web.pagination import PageArgs
from portal.web.schemas import Choice, Label, LocalDateTime, Schema, StrictBoolean


class RepresentativePhoneSchema(Schema):
    """Somebody who can be rung in a party's place."""

    role = fields.String(metadata={"description": "监护人或者代理人"})
    name = fields.String()
    phone = fields.String()


class NotaryPhoneSchema(Schema):
    """The whole numbers of whom has to be rung."""

    phone = fields.String(
        allow_none=True, metadata={"description": "当事人的电话；空表示没有留下，请打下面的电话"}
    )
    representatives = fields.List(fields.Nested(RepresentativePhoneSchema))
    contact_safety = fields.Enum(ContactSafety, by_value=True)
    contact_safety_label = Label(attribute="contact_safety")
    warning = fields.String(allow_none=True, metadata={"description": "打电话时要注意的"})


class UntoldSchema(Schema):
    """An appointment about which no message could be sent. No name: the reference leads to it."""

    id = fields.UUID()
    reference = fields.String()
    office_id = fields.UUID()
    state = fields.Enum(BookingState, by_value=True)
    state_label = Label(attribute="state")
    matter = fields.String()
    starts_at = LocalDateTime()
    untold_since = LocalDateTime(metadata={"description": "从什么时候起需要另行告知"})
    to_tell = fields.String(metadata={"description": "要告知的内容"})
    how_to_reach = fields.String(metadata={"description": "怎样告知"})
    version = fields.String(metadata={"description": "登记告知时放入 If-Match"})


class AffectedArgs(PageArgs):
    """Which of those who have to move."""

    without_time = StrictBoolean(
        load_default=False, metadata={"description": "填 true 只列没有留出新时段的"}
    )


class AffectedAppointmentSchema(NotaryAffectedSchema):
    """An appointment that has to move, of whichever office. No name: the reference leads to it."""

    office_id = fields.UUID()
    matter = fields.String()
    version = fields.String(metadata={"description": "办理时放入 If-Match"})


class ToldIn(Schema):
    """How and when somebody was told. No text: it stays in the audit record."""

    how = Choice(ToldBy, required=True)
    told_on = fields.Date(load_default=None, metadata={"description": "不填为今天"})
