"""Use cases: tell a resident, tell staff, mark as read.

A message is a row written in the caller's unit of work; an SMS is carried out by a job after the
commit (`delivery`).
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from sqlalchemy import delete, select, update

from portal.accounts import queries as accounts
from portal.accounts.models import ContactSafety
from portal.core import clock
from portal.core.actor import Actor
from portal.core.db import db, rows_changed
from portal.core.errors import NotFound
from portal.core.events import publish
from portal.core.jobs import enqueue
from portal.core.unit_of_work import transactional
from portal.notifications import gate, queries, quiet_hours, templates, without_account
from portal.notifications.events import SmsNotSent
from portal.notifications.models import RECIPIENTS, Channel, Message, MessageState, Recipient

DELIVER = "notifications.deliver"
# Tries of one job; with the house's pauses between them about ten minutes.
MOST_ATTEMPTS = 8


@transactional
def notify_resident(
    resident_id: uuid.UUID,
    template: str,
    params: Mapping[str, Any],
    *,
    subject_kind: str,
    subject_id: uuid.UUID | None,
    reference: str | None = None,
    safety: ContactSafety | None = None,
) -> Message:
    """Tell a resident something about a subject; returns the in-app message.

    `params` are what the template's in-app text names, and nothing else. `safety` is the case's own
    contact wish, if it has one: together with the person's, the more restrictive holds. Raises
    LookupError for an unknown template, BadTemplate for parameters that do not fit it: mistakes of
    the calling room.
    """
    kind = templates.get(template)
    kept = templates.check_parameters(kind, params, reference)
    if kind.sms is not None:
        # A reference that is none shows now, in the room that made it, and not in the worker.
        templates.render_sms(kind, reference, queries.common_parameters())
    resident = accounts.resident(resident_id)
    now = clock.now()
    decision = gate.decide(
        gate.Wishes(resident.contact_safety, safety, has_phone=bool(resident.phone)),
        has_sms=kind.sms is not None,
        urgent=kind.urgent,
        now=now,
        quiet=quiet_hours.current(),
    )
    common = {
        "recipient_kind": Recipient.RESIDENT,
        "recipient_id": resident_id,
        "template": template,
        "subject_kind": subject_kind,
        "subject_id": subject_id,
        "reference": reference,
        "safety": safety,
        "silent": decision.silent,
    }
    shown = Message(
        **common, params=kept, channel=Channel.IN_APP, state=MessageState.SENT, sent_at=now
    )
    db.session.add(shown)
    if kind.sms is not None:
        # Without the parameters: no way leads from them into an SMS.
        _queue(Message(**common, params={}, channel=Channel.SMS), decision)
    db.session.flush()
    return shown


@transactional
def notify_without_account(
    template: str, *, subject_kind: str, subject_id: uuid.UUID, reference: str
) -> Message | None:
    """Tell the person of a subject who has no account, by SMS; returns the message, None where the template says nothing.

    No parameters: no way leads from them into an SMS. Phone and wish are those that the subject's room names
    (`without_account`), now and again when the SMS goes out. Raises LookupError and BadTemplate as `notify_resident` does.
    """
    kind = templates.get(template).for_nobody_signed_in
    if kind.sms is None:
        return None
    templates.render_sms(kind, reference, queries.common_parameters())
    contact = without_account.of(subject_kind, subject_id)
    decision = gate.decide(
        gate.Wishes(contact.safety, has_phone=contact.phone is not None),
        has_sms=True,
        urgent=kind.urgent,
        now=clock.now(),
        quiet=quiet_hours.current(),
    )
    sms = Message(
        recipient_kind=Recipient.SUBJECT,
        recipient_id=subject_id,
        template=template,
        params={},
        channel=Channel.SMS,
        subject_kind=subject_kind,
        subject_id=subject_id,
        reference=reference,
        silent=decision.silent,
    )
    _queue(sms, decision)
    return sms


def _queue(sms: Message, decision: gate.Decision) -> None:
    """Write an SMS down and, where the gate lets it, have it sent."""
    going_out = decision.sms is not gate.Sms.NONE
    sms.state = MessageState.QUEUED if going_out else MessageState.SUPPRESSED
    sms.reason = decision.reason
    db.session.add(sms)
    db.session.flush()
    if not going_out:
        publish(SmsNotSent.of(sms))
        return
    enqueue(
        DELIVER,
        {"message_id": str(sms.id)},
        run_at=decision.not_before,
        max_attempts=MOST_ATTEMPTS,
    )


@transactional
def notify_staff(
    staff_id: uuid.UUID | None,
    template: str,
    params: Mapping[str, Any],
    *,
    subject_kind: str,
    subject_id: uuid.UUID | None,
    reference: str | None = None,
    role: str | None = None,
    office_id: uuid.UUID | None = None,
) -> list[Message]:
    """Tell one member of staff, or with `staff_id` None everyone who holds `role` (in `office_id`,
    when given).

    Staff are told in the app only. Returns the messages, empty when nobody holds the role. Raises
    LookupError or BadTemplate as `notify_resident` does, ValueError unless exactly one of
    `staff_id` and `role` is given.
    """
    if (staff_id is None) == (role is None):
        raise ValueError("name one member of staff or one role")
    kept = templates.check_parameters(templates.get(template), params, reference)
    ids = (
        [staff_id]
        if staff_id is not None
        else [member.id for member in accounts.staff_with_role(str(role), office_id)]
    )
    now = clock.now()
    decision = gate.decide(
        gate.Wishes(ContactSafety.NORMAL, has_phone=False),
        has_sms=False,
        urgent=False,
        now=now,
        quiet=quiet_hours.current(),
    )
    messages = [
        Message(
            recipient_kind=Recipient.STAFF,
            recipient_id=recipient,
            template=template,
            params=kept,
            channel=Channel.IN_APP,
            subject_kind=subject_kind,
            subject_id=subject_id,
            reference=reference,
            silent=decision.silent,
            state=MessageState.SENT,
            sent_at=now,
        )
        for recipient in ids
    ]
    db.session.add_all(messages)
    db.session.flush()
    return messages


@transactional
def mark_read(actor: Actor, message_id: uuid.UUID) -> Message:
    """Mark one of the actor's messages as read; the first reading counts. Raises NotFound for
    another person's.
    """
    message = db.session.get(Message, message_id)
    if (
        message is None
        or message.channel is not Channel.IN_APP
        or message.recipient_id != actor.id
        or message.recipient_kind is not RECIPIENTS.get(actor.kind)
    ):
        raise NotFound("没有找到这条消息。", next_step="请返回消息列表刷新。")
    if message.read_at is None:
        message.read_at = clock.now()
        db.session.flush()
    return message


@transactional
def mark_all_read(actor: Actor) -> int:
    """Mark all of the actor's messages as read; returns how many were not yet."""
    result = db.session.execute(
        update(Message)
        .where(
            Message.recipient_kind == RECIPIENTS[actor.kind],
            Message.recipient_id == actor.id,
            Message.channel == Channel.IN_APP,
            Message.read_at.is_(None),
        )
        .values(read_at=clock.now(), updated_at=clock.now())
    )
    return rows_changed(result)


@transactional
def forget_resident(resident_id: uuid.UUID) -> int:
    """Remove a resident's messages, those not yet sent included; returns how many."""
    result = db.session.execute(
        delete(Message).where(
            Message.recipient_kind == Recipient.RESIDENT, Message.recipient_id == resident_id
        )
    )
    return rows_changed(result)


@transactional
def forget_older_than(age: timedelta, most: int = 500) -> int:
    """Remove up to `most` messages older than `age`; returns how many, 0 when none is left."""
    old = (
        select(Message.id)
        .where(Message.created_at < clock.now() - age)
        .order_by(Message.id)
        .limit(most)
    )
    result = db.session.execute(delete(Message).where(Message.id.in_(old)))
    return rows_changed(result)
