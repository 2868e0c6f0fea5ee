"""Whom no message could tell that their time falls away stands on a list until somebody has told them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from typing import Any

import pytest

from portal.accounts import queries as accounts
from portal.accounts.events import ResidentDeletionRequested
from portal.accounts.models import ContactSafety
from portal.core.events import publish
from portal.core.jobs import worker
from portal.core.unit_of_work import unit_of_work
from portal.notary import retention
from portal.notary.operations import schedule
from portal.notary.queries.counts import worklist_counts
from portal.notifications import senders
from tests.conftest import SettableClock
from tests.notary.caller import ASKED, LATER, MOBILE, actions, again_by, audited, booked, shown
from tests.notary.hall import STAFF, Booked, Hall, desk_party
from tests.notary.test_day_races import clerk_of
from tests.notary.test_schedule import clerk, close

TUESDAY = date(2026, 3, 3)
LIST = f"{STAFF}/untold-appointments"
PHONED = {"how": "phone"}


def listed(hall: Hall, who: str = "clerk") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = hall.api.get(LIST, headers=hall.headers[who]).json["items"]
    return found


def waiting(hall: Hall) -> int:
    counts = worklist_counts(clerk_of(hall))
    assert counts is not None
    return counts.untold


@contextmanager
def refusing() -> Iterator[None]:
    """No SMS reaches its phone."""

    class Refusing:
        def send(self, *_: str) -> Any:
            raise senders.Permanent("unknown number")

    senders.use(Refusing())
    try:
        yield
    finally:
        senders.use(None)


def shut(hall: Hall) -> None:
    """A clerk closes the office on Tuesday."""
    day = "2026-03-03"
    body = {"kind": "closed", "first_day": day, "last_day": day, "reason": "设备检修"}
    answer = hall.api.post(f"{hall.office}/exceptions", body, headers=hall.headers["clerk"])
    assert answer.status_code == 201, answer.json


def open_again(hall: Hall) -> None:
    """Take the closure back."""
    path = f"{hall.office}/exceptions"
    (row,) = hall.api.get(path, headers=hall.headers["clerk"]).json["items"]
    headers = {**hall.headers["clerk"], "If-Match": row["version"]}
    answer = hall.api.delete(f"{STAFF}/exceptions/{row['id']}", headers=headers)
    assert answer.status_code == 200, answer.json


class TestWhoIsListed:
    """Nobody reads messages on the portal without an account, so an SMS that cannot go out leaves them without a word."""

    @pytest.mark.parametrize(
        "left",
        [{}, {"contact_phone": "023-43721234"},
         {"contact_phone": MOBILE, "contact_safety": "in_app_only"},
         {"contact_phone": MOBILE, "contact_safety": "no_contact"}],
    )  # fmt: skip
    def test_who_gets_no_sms_is_listed_with_what_to_tell_and_how(
        self, hall: Hall, left: dict[str, str]
    ) -> None:
        path = booked(hall, **left)
        assert listed(hall) == []
        close(hall.desk, TUESDAY)
        (row,) = listed(hall)
        assert row["reference"] == shown(hall, path)["reference"]
        for said in ("2026年3月3日09:00", "设备检修", "已留出"):
            assert said in row["to_tell"]
        assert row["how_to_reach"]
        assert waiting(hall) == 1
        assert "另行告知" in str(shown(hall, path)["hints"])

    def test_whom_an_sms_reaches_is_not(self, hall: Hall) -> None:
        booked(hall, contact_phone=MOBILE)
        close(hall.desk, TUESDAY)
        worker.drain()
        assert listed(hall) == []

    def test_nor_is_who_has_an_account(self, hall: Hall) -> None:
        hall.booked("2026-03-03 09:30")
        close(hall.desk, TUESDAY)
        worker.drain()
        assert listed(hall) == []

    def test_whose_sms_the_gateway_refuses_is_listed_then(self, hall: Hall) -> None:
        path = booked(hall, contact_phone=MOBILE)
        close(hall.desk, TUESDAY)
        assert listed(hall) == []
        with refusing():
            worker.drain()
        (row,) = listed(hall)
        assert row["reference"] == shown(hall, path)["reference"]

    def test_a_closing_office_lists_them_too(self, hall: Hall) -> None:
        booked(hall)
        seen = hall.api.get(hall.office, headers=hall.headers["clerk"])
        headers = {**hall.headers["clerk"], "If-Match": seen.headers["ETag"]}
        hall.api.patch(hall.office, {"closes_on": "2026-03-02"}, headers=headers)
        assert "办理到2026年3月2日为止" in listed(hall)[0]["to_tell"]

    def test_whose_appointment_the_office_cancels_reads_why_on_the_list(self, hall: Hall) -> None:
        path = booked(hall)
        hall.done(path, "cancellation", {"reason": "承办人临时有庭审。"})
        (row,) = listed(hall)
        assert row["state"] == "cancelled"
        assert "原因：承办人临时有庭审。不计入" in row["to_tell"]

    def test_a_preview_lists_nobody(self, hall: Hall) -> None:
        booked(hall)
        with unit_of_work():
            schedule.preview(lambda: close(hall.desk, TUESDAY))
        assert listed(hall) == []

    def test_each_office_sees_its_own_and_supervisors_look_on(self, hall: Hall) -> None:
        path = booked(hall)
        close(hall.desk, TUESDAY)
        assert len(listed(hall, "supervisor")) == 1
        assert listed(hall, "stranger") == []
        assert "told" in actions(hall, path)
        assert "told" not in actions(hall, path, "supervisor")
        assert hall.step(path, "told", PHONED, "supervisor").status_code == 403


class TestWithAnAccount:
    """Their messages wait on the portal, but it is the SMS that calls them there: one that fails leaves them waiting."""

    @pytest.fixture
    def booking(self, hall: Hall) -> Booked:
        """The appointment of somebody whose phone nothing reaches; what was told before it is done."""
        found = hall.booked("2026-03-03 09:30")
        worker.drain()
        return found

    def test_whose_sms_fails_is_listed_and_rung(self, hall: Hall, booking: Booked) -> None:
        shut(hall)
        with refusing():
            worker.drain()
        (row,) = listed(hall)
        assert row["reference"] == booking.reference
        assert "已留出" in row["to_tell"]
        assert row["how_to_reach"] == "打电话告知，号码在预约里查看。"
        assert {"told", "show_phone"} <= actions(hall, hall.at(booking))
        hall.done(hall.at(booking), "told", PHONED)
        assert listed(hall) == []

    def test_so_is_whose_appointment_the_office_cancels(self, hall: Hall, booking: Booked) -> None:
        hall.done(hall.at(booking), "cancellation", {"reason": "承办人临时有庭审"})
        with refusing():
            worker.drain()
        assert [row["state"] for row in listed(hall)] == ["cancelled"]

    def test_not_for_what_changes_nothing(self, hall: Hall) -> None:
        hall.booked("2026-03-03 09:30")
        with refusing():
            worker.drain()
        assert listed(hall) == []

    @pytest.mark.parametrize("wish", [ContactSafety.IN_APP_ONLY, ContactSafety.NO_CONTACT])
    def test_not_who_wants_no_sms(self, hall: Hall, booking: Booked, wish: ContactSafety) -> None:
        with unit_of_work():
            accounts.resident(booking.resident_id).contact_safety = wish
        shut(hall)
        worker.drain()
        assert listed(hall) == []

    def test_not_who_has_read_it_before_the_sms_was_given_up(
        self, hall: Hall, booking: Booked
    ) -> None:
        shut(hall)
        # The message is written down; its SMS waits.
        assert worker.run_one("test")
        headers = hall.as_resident(booking)
        assert hall.api.post("/me/notifications/read", headers=headers).status_code == 200
        with refusing():
            worker.drain()
        assert listed(hall) == []

    def test_who_moves_it_on_the_portal_knows(self, hall: Hall, booking: Booked) -> None:
        shut(hall)
        with refusing():
            worker.drain()
        headers = hall.as_resident(booking)
        path = f"/notary/appointments/{booking.id}"
        seen = hall.api.get(path, headers=headers)
        match = {**headers, "If-Match": seen.headers["ETag"]}
        assert hall.api.post(f"{path}/other-time", headers=match).status_code == 200
        assert listed(hall) == []

    def test_whose_time_stands_again_is_told_that_all_the_same(
        self, hall: Hall, booking: Booked
    ) -> None:
        shut(hall)
        with refusing():
            worker.drain()
        open_again(hall)
        assert listed(hall) == []
        with refusing():
            worker.drain()
        (row,) = listed(hall)
        assert "请按原时间到场" in row["to_tell"]

    def test_nobody_is_looked_for_whose_account_is_closed(
        self, hall: Hall, booking: Booked
    ) -> None:
        hall.done(hall.at(booking), "cancellation", {"reason": "承办人临时有庭审"})
        with refusing():
            worker.drain()
        assert len(listed(hall)) == 1
        with unit_of_work():
            publish(ResidentDeletionRequested(booking.resident_id))
        assert listed(hall) == []


class TestTold:
    """It ends with a clerk's word, or with a step that shows that they know."""

    @pytest.fixture
    def path(self, hall: Hall) -> str:
        """The appointment of somebody without a phone, whose day is closed."""
        found = booked(hall)
        close(hall.desk, TUESDAY)
        return found

    def test_how_and_when_stands_in_the_history_and_the_audit_record(
        self, hall: Hall, path: str
    ) -> None:
        seen = hall.done(path, "told", PHONED)
        assert seen["untold_since"] is None
        assert seen["timeline"][-1]["label"] == "已另行告知当事人：打电话，2026年3月2日"
        assert seen["timeline"][-1]["by"] == "staff"
        (row,) = audited("told")
        assert row.detail["how"] == "phone"
        assert (listed(hall), waiting(hall)) == ([], 0)
        assert hall.step(path, "told", PHONED).json["code"] == "nothing_to_tell"

    @pytest.mark.parametrize("day", ["2026-03-01", "2026-03-03"])
    def test_not_before_it_was_to_be_told_and_not_in_the_future(
        self, hall: Hall, path: str, day: str
    ) -> None:
        answer = hall.step(path, "told", {**PHONED, "told_on": day})
        assert (answer.status_code, list(answer.json["errors"])) == (422, ["told_on"])

    def test_it_is_not_lost_when_the_day_has_passed(
        self, hall: Hall, path: str, clock: SettableClock
    ) -> None:
        clock.set("2026-05-04 09:00")
        assert len(listed(hall)) == 1
        hall.done(path, "told", {"how": "letter", "told_on": "2026-03-06"})
        assert listed(hall) == []

    def test_it_goes_when_nobody_is_known_any_more(
        self, hall: Hall, path: str, clock: SettableClock
    ) -> None:
        hall.done(path, "cancellation", {"reason": "机构停办"})
        clock.set("2027-03-20 09:00")
        retention.forget_persons()
        assert listed(hall) == []

    @pytest.mark.parametrize("step", ["reschedule", "withdrawal", "other-time"])
    def test_who_asks_for_another_time_or_none_knows(
        self, hall: Hall, path: str, step: str
    ) -> None:
        body = {"starts_at": LATER.replace("03-03", "03-04")} if step == "reschedule" else {}
        hall.done(path, step, {**ASKED, **body})
        assert listed(hall) == []

    def test_who_comes_all_the_same_knows(
        self, hall: Hall, path: str, clock: SettableClock
    ) -> None:
        clock.set("2026-03-03 09:00")
        hall.done(path, "check-in")
        assert listed(hall) == []

    def test_a_further_change_lists_them_anew(self, hall: Hall, path: str) -> None:
        hall.done(path, "told", PHONED)
        close(hall.desk, date(2026, 3, 2), date(2026, 4, 30))
        assert "目前没有留出新时段" in listed(hall)[0]["to_tell"]

    def test_who_never_knew_that_it_fell_away_need_not_be_told_that_it_stands(
        self, hall: Hall, path: str
    ) -> None:
        open_again(hall)
        assert listed(hall) == []
        assert not shown(hall, path)["affected_reason"]

    def test_who_was_told_that_it_falls_away_is_told_that_it_stands_before_it_counts_as_missed(
        self, hall: Hall, path: str, clock: SettableClock
    ) -> None:
        hall.done(path, "told", PHONED)
        open_again(hall)
        assert "请按原时间到场" in listed(hall)[0]["to_tell"]
        clock.set("2026-03-03 11:00")
        assert hall.step(path, "no-show").json["code"] == "not_told"
        assert "no_show" not in actions(hall, path)
        assert _marked(hall) == []
        hall.done(path, "cancellation", {"reason": "没有告知到当事人"})
        assert again_by(hall, path).state.value == "cancelled"


def _marked(hall: Hall) -> list[str]:
    body = {"day": "2026-03-03", "preview": True}
    path = f"{hall.office}/no-shows"
    marked: list[str] = hall.api.post(path, body, headers=hall.headers["clerk"]).json["references"]
    return marked


class TestWhomToRing:
    """Who left no phone is reached through who acts for them; nobody is rung against the person's wish."""

    GUARDIAN = {
        "name": "孙测试", "phone": "13700000000", "relation": "母亲",
        "document_type": "resident_id", "document_number": "11010519491231002X",
    }  # fmt: skip

    def child(self, hall: Hall, **changes: Any) -> str:
        party = desk_party(lacks_capacity=True, guardian=self.GUARDIAN)
        return booked(hall, parties=[party], **changes)

    def asked(self, hall: Hall, path: str) -> Any:
        return hall.api.post(f"{path}/phone", headers=hall.headers["clerk"])

    def test_the_guardian_is_rung_for_who_left_no_phone(self, hall: Hall) -> None:
        path = self.child(hall)
        close(hall.desk, TUESDAY)
        assert "代理人或者监护人" in listed(hall)[0]["how_to_reach"]
        assert "show_phone" in actions(hall, path)
        answer = self.asked(hall, path).json
        assert answer["phone"] is None
        assert answer["representatives"] == [
            {"role": "监护人", "name": "孙测试", "phone": "13700000000"}
        ]
        assert len(audited("phone_shown")) == 1

    def test_nobody_is_rung_against_the_persons_wish(self, hall: Hall) -> None:
        path = self.child(hall, contact_safety="no_contact")
        close(hall.desk, TUESDAY)
        assert "不要打电话" in listed(hall)[0]["how_to_reach"]
        assert "show_phone" not in actions(hall, path)
        assert self.asked(hall, path).status_code == 409

    def test_whose_appointment_was_cancelled_is_rung_on_a_landline(self, hall: Hall) -> None:
        path = booked(hall, contact_phone="023-43721234")
        hall.done(path, "cancellation", {"reason": "设备故障"})
        assert self.asked(hall, path).json["phone"] == "02343721234"
        hall.done(path, "told", PHONED)
        assert self.asked(hall, path).json["code"] == "not_to_be_rung"


def test_it_is_written_down_in_the_same_commit_as_the_closure(hall: Hall) -> None:
    path = booked(hall)
    assert clerk(hall.desk)
    close(hall.desk, TUESDAY)
    labels = [line["label"] for line in shown(hall, path)["timeline"]]
    assert labels[-2:] == ["时段停办，请改期", "没有消息能告知当事人，请另行告知"]
