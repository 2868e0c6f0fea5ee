"""What somebody without an account is told on the phone they left, disputes at the desk, and how long they are known."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from datetime import date

import pytest
from flask import Flask
from sqlalchemy import select

from portal.accounts.models import ContactSafety
from portal.core.db import db
from portal.core.jobs import worker
from portal.core.unit_of_work import unit_of_work
from portal.notary import retention, tasks
from portal.notary.models import (
    NotaryParty,
)
from portal.notifications import senders, templates
from portal.notifications.models import Message
from tests.conftest import SettableClock
from tests.notary.caller import (
    ASKED,
    LATER,
    MOBILE,
    actions,
    again_by,
    audited,
    booked,
    shown,
    told,
)
from tests.notary.conftest import again
from tests.notary.hall import Hall, desk_party
from tests.notary.screen import Counter
from tests.notary.test_schedule import close
from tests.notifications.conftest import Recorder


@pytest.fixture
def sender(database: None) -> Iterator[Recorder]:
    """A gateway that remembers what went out."""
    recorder = Recorder()
    senders.use(recorder)
    yield recorder
    senders.use(None)


class TestTelling:
    """An SMS where a mobile phone was left and the wish allows it; it names the number of the appointment at most."""

    def test_every_step_is_told_on_the_phone_that_was_left(
        self, hall: Hall, sender: Recorder
    ) -> None:
        path = booked(hall, contact_phone=f"+86 {MOBILE}")
        hall.done(path, "reschedule", {**ASKED, "starts_at": LATER})
        hall.done(path, "withdrawal", ASKED)
        worker.drain()
        reference = shown(hall, path)["reference"]
        expected = f"您的预约 {reference} 有新进展，请凭编号向预约的单位询问。"
        assert [(phone, text) for _, phone, text in sender.sent] == [(MOBILE, expected)] * 3
        assert [m.params for m in db.session.scalars(select(Message))] == [{}] * 3

    def test_they_are_reminded_the_working_day_before(self, hall: Hall, sender: Recorder) -> None:
        path = booked(hall, contact_phone=MOBILE)
        worker.drain()
        sender.sent.clear()
        with unit_of_work():
            assert tasks.remind() == 1
        worker.drain()
        ((_, phone, text),) = sender.sent
        assert phone == MOBILE
        assert shown(hall, path)["reference"] in text
        assert "登录" not in text

    def test_the_reminder_names_no_day_that_may_be_another_when_it_is_read(
        self, hall: Hall, sender: Recorder, clock: SettableClock
    ) -> None:
        clock.set("2026-03-02 22:30")
        booked(hall, contact_phone=MOBILE)
        with unit_of_work():
            assert tasks.remind() == 1
        clock.set("2026-03-03 08:30")
        worker.drain()
        texts = [text for *_, text in sender.sent]
        assert [text for text in texts if "快到时间了" in text]
        assert not [text for text in texts if "工作日" in text]

    @pytest.mark.parametrize("phone", [None, "023-43721234"])
    def test_without_a_mobile_phone_nothing_is_sent(
        self, hall: Hall, sender: Recorder, phone: str | None
    ) -> None:
        booked(hall, contact_phone=phone)
        worker.drain()
        assert sender.sent == []
        assert [m.reason.value for m in told("notary.confirmed") if m.reason] == ["no_phone"]

    @pytest.mark.parametrize("wish", [ContactSafety.IN_APP_ONLY, ContactSafety.NO_CONTACT])
    def test_nothing_is_sent_against_their_wish(
        self, hall: Hall, sender: Recorder, wish: ContactSafety
    ) -> None:
        booked(hall, contact_phone=MOBILE, contact_safety=wish.value)
        worker.drain()
        assert sender.sent == []
        assert [m.state.value for m in told("notary.confirmed")] == ["suppressed"]

    def test_who_shares_a_phone_gets_a_text_that_says_nothing(
        self, hall: Hall, sender: Recorder
    ) -> None:
        booked(hall, contact_phone=MOBILE, contact_safety="neutral_sms")
        worker.drain()
        assert [text for *_, text in sender.sent] == [templates.NEUTRAL_SMS_WITHOUT_ACCOUNT]

    def test_the_wish_and_the_phone_are_those_of_the_moment_at_which_it_goes_out(
        self, hall: Hall, sender: Recorder, clock: SettableClock
    ) -> None:
        clock.set("2026-03-02 22:00")
        path = booked(hall, contact_phone=MOBILE)
        worker.drain()
        assert sender.sent == []
        with unit_of_work():
            again_by(hall, path).contact_phone = None
        clock.set("2026-03-03 08:01")
        worker.drain()
        assert sender.sent == []
        assert [m.reason.value for m in told("notary.confirmed") if m.reason] == ["no_phone"]

    def test_nobody_can_cancel_it_by_a_link(self, hall: Hall) -> None:
        path = booked(hall)
        assert again_by(hall, path).link_nonce is None


class TestDisputing:
    """Who has no account disputes a mark at the desk."""

    TEXT = "那天我在窗口等了半小时，没有人叫我。"

    def test_the_clerk_writes_it_down_and_the_office_decides(
        self, hall: Hall, clock: SettableClock
    ) -> None:
        path = booked(hall)
        clock.set("2026-03-03 09:30")
        assert "appeal" not in actions(hall, path)
        hall.done(path, "no-show")
        assert "appeal" in actions(hall, path)
        seen = hall.done(path, "no-show-appeal", {**ASKED, "text": self.TEXT})
        assert (seen["no_show"]["appeal"], seen["no_show"]["appeal_text"]) == ("open", self.TEXT)
        assert audited("appeal")[0].detail["channel"] == "phone"
        assert hall.step(path, "no-show-appeal", {**ASKED, "text": self.TEXT}).status_code == 409
        decided = hall.done(path, "no-show-appeal-decision", {"granted": True, "note": "确有其事"})
        assert decided["no_show"]["counts"] is False

    def test_only_of_what_was_missed(self, hall: Hall) -> None:
        answer = hall.step(booked(hall), "no-show-appeal", {**ASKED, "text": self.TEXT})
        assert (answer.status_code, answer.json["code"]) == (409, "no_no_show")


def test_who_they_were_is_forgotten_after_the_same_time(
    app: Flask, hall: Hall, clock: SettableClock
) -> None:
    before = app.extensions["portal_settings"]
    app.extensions["portal_settings"] = dataclasses.replace(before, notary_days=10)
    path = booked(hall, contact_phone=MOBILE)
    hall.done(path, "withdrawal", ASKED)
    (kept,) = db.session.scalars(select(NotaryParty.name))
    assert kept == "钱测试"
    clock.advance(days=11)
    assert retention.forget_persons() == 1
    app.extensions["portal_settings"] = before
    (gone,) = db.session.scalars(select(NotaryParty.name).execution_options(populate_existing=True))
    assert gone == retention.OUTDATED
    assert again(again_by(hall, path)).contact_phone is None


class TestWhoElseLearnsOfIt:
    """A name and a number prove nothing: who books with them on the portal is not told what the desk has booked."""

    def test_another_account_is_told_no_more_than_of_other_accounts(
        self, hall: Hall, person: Counter
    ) -> None:
        given = desk_party()
        booked(hall, parties=[given])
        refused = person.confirm(person.hold(), status=409, party=given)
        assert refused["code"] == "party_unavailable"

    def test_it_is_in_nobodys_list(self, hall: Hall, person: Counter) -> None:
        path = booked(hall, contact_phone=person.resident.phone)
        assert person.got("/notary/appointments")["items"] == []
        own = path.removeprefix("/staff")
        assert person.api.get(own, headers=person.headers).status_code == 404
        assert person.api.post(f"{own}/cancellation", headers=person.headers).status_code == 404


def test_who_left_no_phone_is_told_when_they_come(hall: Hall) -> None:
    path = booked(hall)
    close(hall.desk, date(2026, 3, 3))
    (row,) = hall.api.get(f"{hall.office}/affected", headers=hall.headers["clerk"]).json["items"]
    assert row["to_be_rung"] is False
    refused = hall.api.post(f"{path}/phone", headers=hall.headers["clerk"])
    assert refused.json["code"] == "no_phone_to_ring"
    assert "没有账号" in refused.json["next_step"]
