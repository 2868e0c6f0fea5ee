"""The jobs that carry SMS out after the commit.

No transaction is open while the gateway is spoken to. What became of a message and the completion
of its job are one commit; a worker killed in between repeats the call under the same id, which the
gateway knows.
"""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta

import structlog

from portal.accounts import queries as accounts
from portal.accounts.models import ContactSafety
from portal.core import clock
from portal.core.db import db
from portal.core.errors import NotFound
from portal.core.events import publish
from portal.core.jobs import Job, JobRun, enqueue, job_handler
from portal.core.unit_of_work import unit_of_work
from portal.notifications import (
    gate,
    queries,
    quiet_hours,
    senders,
    templates,
    without_account,
)
from portal.notifications.events import SmsNotSent
from portal.notifications.models import Channel, Message, MessageState, Reason, Recipient
from portal.notifications.operations import DELIVER, MOST_ATTEMPTS

SMS_CODE = "notifications.sms_code"
# Choices of the platform (D): a day-old hint helps nobody, and a code is good for five minutes.
STALE_AFTER = timedelta(hours=24)
CODE_STALE_AFTER = timedelta(minutes=5)
_log = structlog.get_logger(__name__)


def register() -> None:
    """Register the handlers."""
    job_handler(DELIVER, transactional=False)(deliver)
    job_handler(SMS_CODE, transactional=False)(send_code)


def deliver(run: JobRun) -> None:
    """Carry out one delivery; after its last try the message says that it failed, and waits no more."""
    message_id = uuid.UUID(run.payload["message_id"])
    try:
        _deliver(run, message_id)
    except Exception:
        if run.attempt < MOST_ATTEMPTS:
            raise
        db.session.rollback()
        _log.exception("sms_given_up", message_id=str(message_id), attempts=run.attempt)
        _finish(run, message_id, MessageState.FAILED, Reason.GAVE_UP)


def _deliver(run: JobRun, message_id: uuid.UUID) -> None:
    """Send one queued SMS, if it may still be sent and in the form in which it may.

    The person may have changed their wish since it was written, and the worker may have slept into
    the quiet hours: the gate is asked again.
    """
    message = db.session.get(Message, message_id, populate_existing=True)
    if (
        message is None
        or message.state is not MessageState.QUEUED
        or message.channel is not Channel.SMS
    ):
        return
    now = clock.now()
    contact, neutral = _contact(message), templates.NEUTRAL_SMS
    template = templates.find(message.template)
    if template is not None and message.recipient_kind is Recipient.SUBJECT:
        template, neutral = template.for_nobody_signed_in, templates.NEUTRAL_SMS_WITHOUT_ACCOUNT
    if template is None:
        _finish(run, message_id, MessageState.FAILED, Reason.UNKNOWN_TEMPLATE)
        return
    decision = gate.decide(
        gate.Wishes(
            contact.safety,
            message.safety,
            has_phone=contact.phone is not None,
        ),
        has_sms=template.sms is not None,
        urgent=template.urgent,
        now=now,
        quiet=quiet_hours.current(),
    )
    if decision.sms is gate.Sms.NONE or contact.phone is None:
        _finish(run, message_id, MessageState.SUPPRESSED, decision.reason or Reason.NO_PHONE)
        return
    if now - message.created_at > STALE_AFTER:
        _finish(run, message_id, MessageState.FAILED, Reason.TOO_OLD)
        return
    if decision.not_before is not None:
        _postpone(run, message_id, decision.not_before)
        return
    text = (
        neutral
        if decision.sms is gate.Sms.NEUTRAL
        else templates.render_sms(template, message.reference, queries.common_parameters())
    )
    phone = contact.phone
    db.session.rollback()
    _hand_over(run, message_id, phone, text, decision.reason)


def _hand_over(
    run: JobRun, message_id: uuid.UUID, phone: str, text: str, reason: Reason | None
) -> None:
    try:
        receipt = senders.current().send(str(message_id), phone, text)
    except senders.CircuitOpen as pause:
        # Costs no attempt: the gateway was not asked.
        _postpone(run, message_id, clock.now() + timedelta(seconds=pause.seconds))
    except senders.Permanent as error:
        _log.warning("sms_refused", message_id=str(message_id), cause=str(error))
        _finish(run, message_id, MessageState.FAILED, Reason.REFUSED, attempted=True)
    except senders.Transient:
        _count_attempt(message_id)
        # The job's growing pause decides when it is tried again.
        raise
    else:
        _finish(
            run,
            message_id,
            MessageState.SENT,
            reason,
            gateway_id=receipt.gateway_id,
            attempted=True,
        )


def send_code(run: JobRun) -> None:
    """Send a sign-in code. It has no message row: phone and code live in the sealed job only, and
    vanish with it.

    The person asked for it this minute, on this phone, so wishes and quiet hours do not hold it
    back; its text names no service. A code that could only arrive after it has expired is dropped.
    """
    job = db.session.get(Job, run.id)
    created = job.created_at if job is not None else clock.now()
    last = job is not None and run.attempt >= job.max_attempts
    decision = gate.decide(
        gate.Wishes(ContactSafety.NEUTRAL_SMS),
        has_sms=True,
        urgent=True,
        now=clock.now(),
        quiet=quiet_hours.current(),
    )
    db.session.rollback()
    if clock.now() - created > CODE_STALE_AFTER or decision.sms is gate.Sms.NONE:
        _log.warning("sms_code_dropped", job_id=str(run.id), attempt=run.attempt)
        return
    text = templates.CODE_SMS.format(code=run.payload["code"])
    try:
        senders.current().send(str(run.id), str(run.payload["phone"]), text)
    except senders.Permanent as error:
        _log.warning("sms_code_refused", job_id=str(run.id), cause=str(error))
    except senders.Transient as error:
        if not last:
            raise
        # Completed and not given up: a job that is given up would keep its payload.
        _log.error("sms_code_given_up", job_id=str(run.id), cause=str(error))


def _contact(message: Message) -> without_account.Contact:
    """Return to which phone the message goes, and what its person wishes now."""
    if message.recipient_kind is Recipient.SUBJECT:
        return without_account.of(message.subject_kind, message.subject_id)
    try:
        resident = accounts.resident(message.recipient_id)
    except NotFound:
        return without_account.NOBODY
    return without_account.Contact(resident.phone or None, resident.contact_safety)


def _finish(
    run: JobRun,
    message_id: uuid.UUID,
    state: MessageState,
    reason: Reason | None,
    *,
    gateway_id: str | None = None,
    attempted: bool = False,
) -> None:
    """Write what became of the message and complete the job, in one commit."""
    with unit_of_work():
        message = db.session.get(Message, message_id, populate_existing=True)
        # Gone when the person closed their account while the gateway was at it.
        if message is not None:
            message.state, message.reason, message.gateway_id = state, reason, gateway_id
            message.attempts += attempted
            message.sent_at = clock.now() if state is MessageState.SENT else None
            if state is not MessageState.SENT:
                publish(SmsNotSent.of(message))
        run.complete()


def _postpone(run: JobRun, message_id: uuid.UUID, until: datetime) -> None:
    """Put a new job in the place of this one, in one commit; the message stays queued."""
    with unit_of_work():
        enqueue(DELIVER, {"message_id": str(message_id)}, run_at=until, max_attempts=MOST_ATTEMPTS)
        run.complete()


def _count_attempt(message_id: uuid.UUID) -> None:
    with unit_of_work():
        message = db.session.get(Message, message_id, populate_existing=True)
        if message is not None:
            message.attempts += 1
