"""A limit of a person at the desk, booking or taking a step back: the clerk reads which appointments it is, and a way out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from portal.notary.operations import schedule
from portal.notary.parties import Party
from tests.conftest import SettableClock
from tests.factories.notary import make_counter, make_matter, make_notary_office
from tests.notary.caller import ASKED, LATER, book, booked
from tests.notary.conftest import party
from tests.notary.hall import REASONS, Hall, desk_party
from tests.notary.test_leaving import number_of
from tests.notary.test_undoing import MISTAKEN

# What is said to residents: to ask whom they talk to.
FOR_RESIDENTS = ("联系公证机构", "直接到公证机构", "网上预约", "请在原来的预约上改期")

# Where a step is taken back, which, and with what.
Step = tuple[str, str, Any]


def given(somebody: Party) -> list[dict[str, Any]]:
    return [desk_party(name=somebody.name, document_number=somebody.document_number)]


def refused(hall: Hall, somebody: Party, code: str, when: str = "2026-03-04T09:00:00+08:00") -> str:
    """The clerk books for somebody, and reads why not and what now."""
    answer = book(hall, parties=given(somebody), starts_at=when)
    assert (answer.status_code, answer.json["code"]) == (409, code)
    said = f"{answer.json['detail']} {answer.json['next_step']}"
    assert not [words for words in FOR_RESIDENTS if words in said]
    return said


def missed(hall: Hall, clock: SettableClock, somebody: Party) -> Step:
    booking = hall.booked("2026-03-02 09:30", parties=(somebody,))
    clock.set("2026-03-02 09:30")
    hall.done(hall.at(booking), "no-show")
    return hall.at(booking), "no-show-reversal", None


def gone(hall: Hall, clock: SettableClock, somebody: Party) -> Step:
    number = number_of(hall, hall.checked_in(parties=(somebody,)))
    hall.done(number, "leaving")
    return number, "return", None


def not_accepted(hall: Hall, clock: SettableClock, somebody: Party) -> Step:
    booking = hall.checked_in(parties=(somebody,))
    hall.done(hall.at(booking), "non-acceptance", {"note": REASONS})
    return hall.at(booking), "non-acceptance-reversal", MISTAKEN


def accepted(hall: Hall, clock: SettableClock, somebody: Party) -> Step:
    _, path = hall.accepted(parties=(somebody,))
    return path, "acceptance-reversal", MISTAKEN


class TestTheClerkReads:
    def test_which_appointment_the_matter_is_booked_with_and_cancels_it(self, hall: Hall) -> None:
        somebody = party()
        booking = hall.booked("2026-03-03 10:00", parties=(somebody,))
        said = refused(hall, somebody, "already_booked")
        assert f"{booking.reference}（2026年3月3日10:00）" in said
        assert "应当事人要求在那个预约上改期或者取消" in said
        hall.done(hall.at(booking), "withdrawal", ASKED)
        assert book(hall, parties=given(somebody)).status_code == 201

    def test_which_appointments_fill_the_limit(self, hall: Hall) -> None:
        somebody = party()
        two = [
            hall.booked(f"2026-03-03 {time}", parties=(somebody,), matter_id=make_matter().id)
            for time in ("09:30", "10:30")
        ]
        said = refused(hall, somebody, "person_limit")
        assert [each.reference in said for each in two] == [True, True]
        assert "现场取号" in said

    def test_which_were_missed_and_what_can_be_done_about_a_mark(
        self, hall: Hall, clock: SettableClock
    ) -> None:
        somebody, missed = party(), []
        for day in ("2026-03-03", "2026-03-04"):
            missed.append(hall.booked(f"{day} 09:30", parties=(somebody,)))
            clock.set(f"{day} 09:30")
            hall.done(hall.at(missed[-1]), "no-show")
        said = refused(hall, somebody, "too_many_no_shows", "2026-03-05T09:00:00+08:00")
        assert [each.reference in said for each in missed] == [True, True]
        assert "现场取号" in said
        assert "应当事人要求登记申诉" in said
        assert "撤销" in said
        hall.done(hall.at(missed[-1]), "no-show-reversal")

    def test_at_which_other_time_the_person_is_elsewhere(self, hall: Hall) -> None:
        somebody = party()
        there = hall.booked("2026-03-04 09:00", parties=(somebody,), matter_id=make_matter().id)
        said = refused(hall, somebody, "elsewhere_then")
        assert str(there.reference) in said
        assert "应当事人要求改期、取消" in said

    def test_of_another_office_only_that_there_is_one(self, hall: Hall) -> None:
        office = make_notary_office("邻区公证处")
        make_counter(office)
        schedule.refresh_all()
        somebody = party()
        there = hall.booked("2026-03-03 09:00", parties=(somebody,), office_id=office.id)
        said = refused(hall, somebody, "already_booked")
        assert "在别的公证机构的 1 个" in said
        assert there.reference not in said
        assert "联系那个机构" in said

    def test_a_full_time_for_one_that_is_moved_without_the_waiting_list(self, hall: Hall) -> None:
        path = booked(hall)
        for _ in range(2):
            hall.booked("2026-03-03 10:00")
        answer = hall.step(path, "reschedule", {**ASKED, "starts_at": LATER})
        assert (answer.status_code, answer.json["code"]) == (409, "slot_taken")
        assert answer.json["errors"]["next_free"]
        assert "排队" not in answer.json["next_step"]


class TestAStepCannotBeTakenBack:
    """Somebody has booked the matter anew since then: which appointment that is, and how the clerk goes on."""

    @pytest.mark.parametrize("done", [missed, gone, not_accepted, accepted])
    def test_until_the_other_appointment_is_cancelled_which_the_clerk_is_told(
        self,
        hall: Hall,
        clock: SettableClock,
        done: Callable[[Hall, SettableClock, Party], Step],
    ) -> None:
        somebody = party()
        path, step, body = done(hall, clock, somebody)
        anew = hall.booked("2026-03-03 09:30", parties=(somebody,))
        answer = hall.step(path, step, body)
        assert (answer.status_code, answer.json["code"]) == (409, "already_booked")
        assert "这个预约不能恢复" in answer.json["detail"]
        assert f"{anew.reference}（2026年3月3日09:30）" in answer.json["detail"]
        assert "先应当事人要求取消另外的那个预约" in answer.json["next_step"]
        hall.done(hall.at(anew), "withdrawal", ASKED)
        hall.done(path, step, body)

    def test_of_an_acceptance_the_case_may_end_instead(
        self, hall: Hall, clock: SettableClock
    ) -> None:
        somebody = party()
        path, step, body = accepted(hall, clock, somebody)
        hall.booked("2026-03-03 09:30", parties=(somebody,))
        assert "不予办理或者终止" in hall.step(path, step, body).json["next_step"]
        ended = {"ground": "withdrawn", "note": "当事人另行预约，要求撤回。"}
        assert hall.done(path, "termination", ended)["state"] == "terminated"
