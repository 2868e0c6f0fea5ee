"""What goes in where a clerk acts for somebody who calls or stands at the desk."""

from __future__ import annotations

from marshmallow import ValidationError, fields

from portal.notary.day_schemas import NoShowAppealIn
from portal.notary.models import DeskChannel, Priority
from portal.notary.schemas import MOST_PARTIES, NotaryConfirmationIn, NotaryRescheduleIn
from portal.web.schemas import BoundedInteger, Choice, LocalDateTime, Schema, StrictBoolean


def _was_checked(given: bool) -> None:
    if not given:
        raise ValidationError("请先核对来电或者到场的人是不是当事人，或者代其办理的人。")


class OnRequestIn(Schema):
    """How somebody asked for a step, and that the clerk knows who asks."""

    channel = Choice(
        DeskChannel, required=True, metadata={"description": "怎样提出的，会留在审计记录里"}
    )
    identity_checked = StrictBoolean(
        required=True,
        validate=_was_checked,
        metadata={
            "description": "已经核对提出要求的人：到窗口的看证件，来电的核对姓名、证件号码和预约编号"
        },
    )


class MoveIn(OnRequestIn, NotaryRescheduleIn):
    """Another time at the same office."""


class AppealAtDeskIn(OnRequestIn, NoShowAppealIn):
    """Why somebody disputes that they did not come, as they say it."""


class BookingAtDeskIn(OnRequestIn, NotaryConfirmationIn):
    """A time, and what it is confirmed with (rules 2.9)."""

    matter_id = fields.UUID(required=True)
    starts_at = LocalDateTime(required=True)
    party_count = BoundedInteger(load_default=1, minimum=1, maximum=MOST_PARTIES)
    priority = Choice(Priority, load_default=None, allow_none=True)
