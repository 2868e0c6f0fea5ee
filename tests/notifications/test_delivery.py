"""From a notification to the SMS: by jobs, after the commit, under every kind of failure."""

from __future__ import annotations

import dataclasses
import json
import logging
import uuid
from datetime import timedelta

import pytest
from sqlalchemy import delete, select, update

from portal.accounts.models import ContactSafety, Resident
from portal.config import ConfigurationError
from portal.core import clock as core_clock
from portal.core.db import db
from portal.core.jobs import Job, JobState, enqueue, queue, worker
from portal.core.unit_of_work import unit_of_work
from portal.notifications import delivery, operations, senders, templates
from portal.notifications.models import Channel, Message, MessageState, Reason
from portal.notifications.senders import CircuitOpen, Permanent, Transient, log
from portal.notifications.senders.http import HttpSender
from portal.notifications.senders.log import LogSender
from portal.observability.health import readiness
from tests.factories import people
from tests.notifications.conftest import ANSWERED, IN_APP, REFERENCE, tell

pytestmark = pytest.mark.usefixtures("clock")


def sms() -> Message:
    """The one SMS in the table, as it stands."""
    db.session.rollback()
    return db.session.scalars(
        select(Message)
        .where(Message.channel == Channel.SMS)
        .execution_options(populate_existing=True)
    ).one()


def test_a_message_is_in_the_app_at_once_and_on_the_phone_after_the_commit(sender, run_jobs):
    phone = people.phone()
    shown = tell(people.make_resident(phone_number=phone), subject_id=uuid.uuid4())
    assert (shown.channel, shown.state) == (Channel.IN_APP, MessageState.SENT)
    assert sms().state is MessageState.QUEUED
    assert sender.sent == []
    run_jobs()
    waiting = sms()
    assert sender.sent == [
        (
            str(waiting.id),
            phone,
            f"【法治大足区】{REFERENCE} 有新进展，请登录查看。咨询电话 12348",
        )
    ]
    assert (waiting.state, waiting.gateway_id, waiting.attempts) == (MessageState.SENT, "gw-1", 1)
    assert waiting.sent_at is not None
    assert waiting.params == {}
    run_jobs()
    assert len(sender.sent) == 1


def test_what_is_rolled_back_is_told_to_nobody(sender, run_jobs):
    resident = people.make_resident()

    def fail() -> None:
        with unit_of_work():
            tell(resident)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    run_jobs()
    assert db.session.scalars(select(Message)).all() == []
    assert sender.sent == []


def test_parameters_are_sealed_in_the_table(sender):
    tell(people.make_resident(), params={"topic": "与邻居张三丰的纠纷", "days": 3})
    with db.engine.connect() as connection:
        raw = connection.exec_driver_sql("SELECT params FROM message").scalars().all()
    assert not any("张三丰".encode() in bytes(value) for value in raw)


@pytest.mark.parametrize(
    ("person", "case", "text", "state", "reason"),
    [
        (ContactSafety.NEUTRAL_SMS, None, templates.NEUTRAL_SMS, "sent", Reason.WISH_NEUTRAL),
        (
            ContactSafety.NORMAL,
            ContactSafety.NEUTRAL_SMS,
            templates.NEUTRAL_SMS,
            "sent",
            Reason.WISH_NEUTRAL,
        ),
        (ContactSafety.IN_APP_ONLY, None, None, "suppressed", Reason.WISH_NO_SMS),
        (
            ContactSafety.NO_CONTACT,
            ContactSafety.NORMAL,
            None,
            "suppressed",
            Reason.WISH_NO_CONTACT,
        ),
    ],
)
def test_wishes_hold(sender, run_jobs, person, case, text, state, reason):
    resident = people.make_resident(contact_safety=person)
    shown = tell(resident, safety=case)
    assert shown.silent is (person is ContactSafety.NO_CONTACT)
    run_jobs()
    assert [sent[2] for sent in sender.sent] == ([text] if text else [])
    assert (sms().state.value, sms().reason) == (state, reason)


def test_a_wish_that_changes_before_the_sms_goes_out_holds(sender, run_jobs):
    resident = people.make_resident()
    tell(resident)
    with unit_of_work():
        db.session.execute(update(Resident).values(contact_safety=ContactSafety.IN_APP_ONLY))
    run_jobs()
    assert sender.sent == []
    assert (sms().state, sms().reason) == (MessageState.SUPPRESSED, Reason.WISH_NO_SMS)


def test_an_account_that_is_gone_gets_nothing(sender, run_jobs, monkeypatch):
    tell(people.make_resident())
    with unit_of_work():
        db.session.execute(update(Message).values(recipient_id=uuid.uuid4()))
    run_jobs()
    assert sender.sent == []
    assert sms().state is MessageState.SUPPRESSED


def test_a_message_removed_before_its_job_is_no_error(sender, run_jobs):
    resident = people.make_resident()
    tell(resident)
    assert operations.forget_resident(resident.id) == 2
    run_jobs()
    assert sender.sent == []
    assert db.session.scalars(select(Job.state)).all() == [JobState.DONE]


def test_a_message_removed_while_the_gateway_is_at_it_is_no_error(sender, run_jobs, monkeypatch):
    resident = people.make_resident()
    tell(resident)
    send = sender.send

    def send_and_close_the_account(*given):
        assert not db.session().in_transaction(), "a transaction is open while the gateway speaks"
        operations.forget_resident(resident.id)
        return send(*given)

    monkeypatch.setattr(sender, "send", send_and_close_the_account)
    run_jobs()
    assert db.session.scalars(select(Job.state)).all() == [JobState.DONE]


def test_only_some_messages_have_an_sms(sender, run_jobs):
    tell(people.make_resident(), IN_APP.code)
    run_jobs()
    assert db.session.scalars(select(Message.channel)).all() == [Channel.IN_APP]


def test_at_night_an_sms_waits_for_the_morning(sender, run_jobs, clock):
    clock.set("2026-03-02 22:30")
    resident = people.make_resident()
    tell(resident)
    run_jobs()
    assert sender.sent == []
    clock.set("2026-03-03 07:59")
    run_jobs()
    assert sender.sent == []
    clock.set("2026-03-03 08:00")
    run_jobs()
    assert len(sender.sent) == 1


def test_urgent_ones_do_not_wait(sender, run_jobs, clock):
    clock.set("2026-03-02 22:30")
    tell(people.make_resident(), "test.urgent")
    run_jobs()
    assert [text for _, _, text in sender.sent] == ["请登录查看。"]


def test_a_worker_that_slept_into_the_night_waits_as_well(sender, run_jobs, clock):
    tell(people.make_resident())
    clock.set("2026-03-02 23:00")
    run_jobs()
    assert (sender.sent, sms().state) == ([], MessageState.QUEUED)
    clock.set("2026-03-03 08:00")
    run_jobs()
    assert len(sender.sent) == 1


def test_a_hint_of_yesterday_is_not_sent_any_more(sender, run_jobs, clock):
    tell(people.make_resident())
    clock.advance(hours=25)
    run_jobs()
    assert sender.sent == []
    assert (sms().state, sms().reason) == (MessageState.FAILED, Reason.TOO_OLD)


def test_a_failure_that_may_pass_is_tried_again_under_the_same_id(sender, run_jobs, clock):
    tell(people.make_resident())
    sender.errors = [Transient("status 500"), Transient("TimeoutError")]
    run_jobs()
    assert (sms().state, sms().attempts) == (MessageState.QUEUED, 1)
    run_jobs()
    assert sms().attempts == 1, "the pause between two tries"
    clock.advance(seconds=6)
    run_jobs()
    clock.advance(seconds=11)
    run_jobs()
    assert (sms().state, sms().attempts) == (MessageState.SENT, 3)
    assert sender.sent[0][0] == str(sms().id)


def test_after_the_last_try_the_message_says_so(sender, run_jobs, clock):
    tell(people.make_resident())
    sender.errors = [Transient("status 500")] * 20
    for _ in range(12):
        run_jobs()
        clock.advance(minutes=15)
    assert (sms().state, sms().reason) == (MessageState.FAILED, Reason.GAVE_UP)
    assert sms().attempts == operations.MOST_ATTEMPTS
    assert db.session.scalars(select(Job.state)).all() == [JobState.DONE]


def test_an_unforeseen_failure_does_not_leave_a_message_waiting_for_ever(
    sender, run_jobs, clock, monkeypatch
):
    tell(people.make_resident())
    monkeypatch.setattr(delivery.gate, "decide", lambda *_args, **_more: 1 / 0)
    for _ in range(10):
        run_jobs()
        clock.advance(minutes=15)
    assert (sms().state, sms().reason) == (MessageState.FAILED, Reason.GAVE_UP)


def test_a_refusal_is_final(sender, run_jobs, clock):
    tell(people.make_resident())
    sender.errors = [Permanent("status 422")]
    run_jobs()
    clock.advance(hours=1)
    run_jobs()
    assert sender.sent == []
    assert (sms().state, sms().reason, sms().attempts) == (MessageState.FAILED, Reason.REFUSED, 1)


def test_while_the_gateway_is_left_alone_nothing_is_counted_against_the_message(
    sender, run_jobs, clock
):
    tell(people.make_resident())
    sender.errors = [CircuitOpen(60)] * 10
    for _ in range(10):
        run_jobs()
        clock.advance(seconds=61)
    assert (sms().state, sms().attempts) == (MessageState.QUEUED, 0)
    run_jobs()
    assert (sms().state, sms().attempts) == (MessageState.SENT, 1)


def test_a_template_that_went_with_an_update_fails_its_message(sender, run_jobs, monkeypatch):
    tell(people.make_resident())
    monkeypatch.setattr(templates, "_templates", {})
    run_jobs()
    assert (sms().state, sms().reason) == (MessageState.FAILED, Reason.UNKNOWN_TEMPLATE)


def test_outcome_and_completion_are_one_commit(sender, clock):
    """A worker that lost its lease while the gateway spoke writes nothing; the next one repeats the call."""
    tell(people.make_resident())
    run = queue.lease_next("first")
    db.session.remove()
    with unit_of_work():
        db.session.execute(update(Job).values(lease_token="taken-over", leased_until=None))
    worker.carry_out(run)
    assert (len(sender.sent), sms().state) == (1, MessageState.QUEUED)
    assert worker.run_one("second")
    assert (len(sender.sent), sms().state) == (2, MessageState.SENT)
    assert sender.sent[0][0] == sender.sent[1][0]


def test_mistakes_of_a_room_show_in_that_room(sender):
    resident = people.make_resident()
    with pytest.raises(LookupError):
        tell(resident, "test.unknown")
    with pytest.raises(templates.BadTemplate):
        tell(resident, params={"topic": "借款"})
    with pytest.raises(templates.BadTemplate):
        tell(resident, reference="张三的离婚案")
    assert db.session.scalars(select(Message)).all() == []


def test_staff_are_told_one_by_one_or_by_role(sender, run_jobs):
    here, there = people.make_office(), people.make_office()
    one = people.make_staff(["moderator"], here)
    two = people.make_staff(["moderator"], there)
    everywhere = people.make_staff(["moderator"])
    people.make_staff(["lawyer"], here)
    given = {"subject_kind": "consultation", "subject_id": None}

    def told(staff_id=None, **more):
        messages = operations.notify_staff(staff_id, IN_APP.code, {}, **given, **more)
        return {message.recipient_id for message in messages}

    assert told(one.id) == {one.id}
    assert told(role="moderator") == {one.id, two.id, everywhere.id}
    assert told(role="moderator", office_id=here.id) == {one.id, everywhere.id}
    assert told(role="auditor") == set()
    run_jobs()
    assert sender.sent == []
    for wrong in ({}, {"staff_id": one.id, "role": "moderator"}):
        with pytest.raises(ValueError, match="one"):
            told(**wrong)


def ask_code(phone: str = "13912345678", code: str = "246810") -> None:
    """What the accounts room does."""
    with unit_of_work():
        enqueue(delivery.SMS_CODE, {"phone": phone, "code": code}, max_attempts=3)


def test_a_code_goes_out_at_once_at_any_hour(sender, run_jobs, clock):
    clock.set("2026-03-02 23:30")
    ask_code()
    run_jobs()
    ((job_id, phone, text),) = sender.sent
    assert (phone, text) == ("13912345678", "验证码 246810，5 分钟内有效。请勿告诉任何人。")
    assert uuid.UUID(job_id)
    job = db.session.scalars(select(Job)).one()
    assert (job.state, job.payload) == (JobState.DONE, {})


def test_a_code_that_would_come_too_late_is_dropped(sender, run_jobs, clock):
    ask_code()
    clock.advance(minutes=5, seconds=1)
    run_jobs()
    assert sender.sent == []
    assert db.session.scalars(select(Job.payload)).all() == [{}]


def test_a_code_is_tried_again_and_leaves_no_phone_behind_when_given_up(sender, run_jobs, clock):
    ask_code()
    sender.errors = [Transient("status 500"), CircuitOpen(60), Transient("status 500")]
    for _ in range(3):
        run_jobs()
        clock.advance(seconds=30)
    job = db.session.scalars(select(Job)).one()
    assert (job.state, job.attempts, job.payload) == (JobState.DONE, 3, {})
    assert sender.sent == []


def test_a_refused_code_is_not_tried_again(sender, run_jobs, clock):
    ask_code()
    sender.errors = [Permanent("status 422")]
    run_jobs()
    clock.advance(minutes=1)
    run_jobs()
    assert sender.sent == []


def test_a_code_whose_job_row_is_gone_is_judged_fresh(sender):
    ask_code()
    run = queue.lease_next("one")
    with unit_of_work():
        db.session.execute(delete(Job))
    delivery.send_code(run)
    assert len(sender.sent) == 1


def test_no_failure_writes_phone_or_code_into_the_log(sender, run_jobs, clock, caplog):
    caplog.set_level(logging.DEBUG)
    for error in (Transient("status 500"), Permanent("status 422"), CircuitOpen(1)):
        sender.errors = [error]
        ask_code("13987654321", "135790")
        tell(people.make_resident(phone_number="13987654321"))
        run_jobs()
    clock.advance(minutes=6)
    run_jobs()
    assert caplog.records
    assert "13987654321" not in caplog.text
    assert "135790" not in caplog.text


def test_the_stand_in_shows_the_code_and_hides_the_phone(app, database, run_jobs, caplog):
    caplog.set_level(logging.INFO)
    senders.use(None)
    stand_in = senders.current()
    assert isinstance(stand_in, LogSender)
    assert senders.current() is stand_in
    ask_code("13987654321", "135790")
    run_jobs()
    assert "135790" in caplog.text
    assert "13987654321" not in caplog.text
    assert stand_in.sent[-1][1:] == ("13987654321", templates.CODE_SMS.format(code="135790"))


def test_the_stand_in_keeps_a_bounded_file_for_who_plays_a_resident(app, tmp_path, monkeypatch):
    file = tmp_path / "sms.jsonl"
    stand_in = LogSender(production=False, file=file)
    stand_in.send("m-1", "13900000001", "一")
    stand_in.send("m-2", "13900000001", "二")
    lines = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    assert [(line["phone"], line["text"]) for line in lines] == [
        ("13900000001", "一"),
        ("13900000001", "二"),
    ]
    assert file.stat().st_mode & 0o077 == 0
    monkeypatch.setattr(log, "MOST_BYTES", 10)
    stand_in.send("m-3", "13900000001", "三")
    assert len(file.read_text(encoding="utf-8").splitlines()) == 1


def test_the_stand_in_refuses_production():
    with pytest.raises(RuntimeError):
        LogSender(production=True)


def test_the_configured_sender_is_built_or_stops_the_start(app, database, monkeypatch):
    def with_settings(**changes):
        changed = dataclasses.replace(app.extensions["portal_settings"], **changes)
        monkeypatch.setitem(app.extensions, "portal_settings", changed)

    with_settings(sms_sender="http", sms_http_url="https://sms.example/send", sms_http_token="t")
    assert isinstance(senders.build(), HttpSender)
    with_settings(sms_sender="http", sms_http_url="sms.example")
    with pytest.raises(ConfigurationError, match="PORTAL_SMS_HTTP_URL"):
        senders.build()


def test_readiness_tells_of_a_backlog(sender, run_jobs, clock, app, monkeypatch):
    def entry():
        return readiness.run()[1]["sms"]

    assert entry()["ok"] is True
    assert "替身" in entry()["detail"]
    ask_code()
    clock.advance(minutes=11)
    assert (entry()["ok"], entry()["required"]) == (False, False)
    assert "1 条" in entry()["detail"]
    http = dataclasses.replace(app.extensions["portal_settings"], sms_sender="http")
    monkeypatch.setitem(app.extensions, "portal_settings", http)
    assert "网关" in entry()["detail"]


def test_messages_waiting_for_the_morning_are_no_backlog(sender, clock):
    clock.set("2026-03-02 22:00")
    tell(people.make_resident())
    clock.advance(hours=2)
    assert readiness.run()[1]["sms"]["ok"] is True


def test_the_clock_of_a_message_is_the_portals(sender):
    shown = tell(people.make_resident())
    assert core_clock.now() - shown.created_at < timedelta(seconds=1)
    assert shown.template == ANSWERED.code
