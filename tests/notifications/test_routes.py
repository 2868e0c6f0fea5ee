"""The list of messages, by HTTP, for residents and for staff."""

from __future__ import annotations

import uuid

import pytest
from sqlalchemy import func, select

from portal.accounts.events import ResidentDeletionRequested, ResidentExportRequested
from portal.accounts.models import ContactSafety
from portal.core import events
from portal.core.db import db
from portal.core.jobs import enqueue
from portal.core.unit_of_work import unit_of_work
from portal.notifications import operations, retention
from portal.notifications.models import Channel, Message
from portal.notifications.operations import notify_staff
from tests.factories import people
from tests.notifications.conftest import IN_APP, REFERENCE, tell

MINE = "/me/notifications"
STAFF = "/staff/notifications"


@pytest.fixture
def resident(sender):
    """A resident; the SMS of these tests go to the recording sender."""
    return people.make_resident()


def test_the_newest_comes_first_and_no_sms_is_listed(api, client, resident):
    headers = people.resident_headers(client, resident)
    subject = uuid.uuid4()
    for days in range(1, 6):
        tell(resident, params={"topic": "借款", "days": days}, subject_id=subject)
    tell(people.make_resident())
    first = api.get(f"{MINE}?size=3", headers=headers).json
    assert first["items"][0] == {
        "id": first["items"][0]["id"],
        "template": "test.answered",
        "title": "您的咨询有了答复",
        "body": f"咨询 {REFERENCE}（借款）已经答复，请在 5 天内评价。",
        "subject_kind": "consultation",
        "subject_id": str(subject),
        "reference": REFERENCE,
        "silent": False,
        "created_at": first["items"][0]["created_at"],
        "read_at": None,
    }
    tell(resident)
    rest = api.get(f"{MINE}?size=3&cursor={first['page']['next']}", headers=headers).json
    bodies = [item["body"] for item in first["items"] + rest["items"]]
    assert [body[-7] for body in bodies] == ["5", "4", "3", "2", "1"]
    assert rest["page"]["next"] is None


def test_a_message_is_read_once(api, client, resident, clock):
    headers = people.resident_headers(client, resident)
    message = tell(resident)
    tell(resident)
    assert api.get(f"{MINE}/unread-count", headers=headers).json == {"unread": 2, "badge": 2}
    first = api.post(f"{MINE}/{message.id}/read", headers=headers)
    assert first.status_code == 200
    clock.advance(hours=1)
    again = api.post(f"{MINE}/{message.id}/read", headers=headers)
    assert again.json["read_at"] == first.json["read_at"] == "2026-03-02T09:00:00+08:00"
    assert api.get(f"{MINE}/unread-count", headers=headers).json == {"unread": 1, "badge": 1}
    unread = api.get(f"{MINE}?unread=true", headers=headers).json["items"]
    assert [item["id"] for item in unread] != [str(message.id)]
    assert len(unread) == 1
    assert len(api.get(f"{MINE}?unread=false", headers=headers).json["items"]) == 2
    assert api.get(f"{MINE}?unread=1", headers=headers).status_code == 422


def test_all_are_read_at_once_and_only_mine(api, client, resident):
    headers = people.resident_headers(client, resident)
    other = people.make_resident()
    for person in (resident, resident, other):
        tell(person)
    assert api.post(f"{MINE}/read", headers=headers).json == {"marked": 2}
    assert api.post(f"{MINE}/read", headers=headers).json == {"marked": 0}
    theirs = people.resident_headers(client, other)
    assert api.get(f"{MINE}/unread-count", headers=theirs).json["unread"] == 1


def test_a_silent_message_waits_in_the_app_without_a_badge(api, client, sender):
    resident = people.make_resident(contact_safety=ContactSafety.NO_CONTACT)
    headers = people.resident_headers(client, resident)
    tell(resident)
    assert api.get(f"{MINE}/unread-count", headers=headers).json == {"unread": 1, "badge": 0}
    assert api.get(MINE, headers=headers).json["items"][0]["silent"] is True


def test_another_persons_message_an_sms_and_an_unknown_one_do_not_exist(api, client, resident):
    headers = people.resident_headers(client, resident)
    foreign = tell(people.make_resident())
    tell(resident)
    own_sms = db.session.scalars(
        select(Message.id).where(
            Message.channel == Channel.SMS, Message.recipient_id == resident.id
        )
    ).one()
    for message_id in (foreign.id, own_sms, uuid.uuid4()):
        assert api.post(f"{MINE}/{message_id}/read", headers=headers).status_code == 404
    assert foreign.read_at is None
    assert api.post(f"{MINE}/not-a-uuid/read", headers=headers).status_code == 404


def test_staff_have_the_same_and_their_own(api, client, resident):
    staff = people.make_staff(["lawyer"])
    headers = people.staff_headers(client, staff)
    (message,) = notify_staff(
        staff.id, IN_APP.code, {}, subject_kind="consultation", subject_id=None
    )
    assert api.get(f"{STAFF}/unread-count", headers=headers).json == {"unread": 1, "badge": 1}
    listed = api.get(STAFF, headers=headers).json["items"]
    assert [item["id"] for item in listed] == [str(message.id)]
    assert api.post(f"{STAFF}/{message.id}/read", headers=headers).json["read_at"]
    assert api.post(f"{STAFF}/read", headers=headers).json == {"marked": 0}
    theirs = people.resident_headers(client, resident)
    assert api.post(f"{MINE}/{message.id}/read", headers=theirs).status_code == 404


def test_each_side_has_its_own_door(api, client, resident):
    resident_headers = people.resident_headers(client, resident)
    staff_headers = people.staff_headers(client)
    for path in ("", "/unread-count"):
        assert api.get(MINE + path).status_code == 401
        assert api.get(STAFF + path).status_code == 401
        assert api.get(MINE + path, headers=staff_headers).status_code == 403
        assert api.get(STAFF + path, headers=resident_headers).status_code == 403


def test_the_list_takes_a_bounded_number_of_statements(api, client, resident, statements):
    headers = people.resident_headers(client, resident)
    for _ in range(20):
        tell(resident)
    with statements() as seen:
        api.get(MINE, headers=headers)
    assert len([text for text in seen if "FROM message" in text]) == 1


def test_a_copy_of_ones_data_holds_the_messages(resident):
    tell(resident, params={"topic": "借款", "days": 3})
    tell(people.make_resident())
    sections = {}
    with unit_of_work():
        events.publish(ResidentExportRequested(resident.id, sections.__setitem__))
    in_app, sms = sections["notifications"]
    assert in_app["body"] == f"咨询 {REFERENCE}（借款）已经答复，请在 3 天内评价。"
    assert (in_app["channel"], in_app["state"]) == ("站内消息", "已发送")
    assert (sms["channel"], sms["state"], sms["body"]) == ("短信", "待发送", None)


def test_messages_are_not_kept_for_ever(resident, run_jobs, clock):
    for _ in range(3):
        tell(resident)
    clock.advance(days=700)
    young = tell(resident).id
    with unit_of_work():
        enqueue(retention.EXPIRE)
    run_jobs()
    assert db.session.scalar(select(func.count()).select_from(Message)) == 8
    clock.advance(days=31)
    operations.forget_older_than(retention.KEPT, most=2)
    with unit_of_work():
        enqueue(retention.EXPIRE)
    run_jobs()
    left = db.session.scalars(select(Message).where(Message.channel == Channel.IN_APP)).all()
    assert [message.id for message in left] == [young]


def test_a_closed_account_takes_its_messages_along(resident, sender, run_jobs, clock):
    # At night no text message goes out.
    clock.set("2026-03-02 10:00")
    other = people.make_resident()
    tell(resident)
    tell(other)
    with unit_of_work():
        events.publish(ResidentDeletionRequested(resident.id))
    run_jobs()
    assert [phone for _, phone, _ in sender.sent] == [other.phone]
    assert set(db.session.scalars(select(Message.recipient_id))) == {other.id}
