"""Another member of the office takes a case over: who may, until when, who is told, what is left to take over. HTTP."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from sqlalchemy import select

from portal.core.db import db
from portal.notifications.models import Message
from portal.supervision import messages, sweep
from tests.conftest import SettableClock
from tests.factories.notary import make_notary_office
from tests.factories.people import staff_headers
from tests.notary.hall import STAFF, Hall
from tests.notary.test_moved_clerks import listed, move, recipients
from tests.notary.test_reviews import REQUEST, ask, decided
from tests.notary.test_undoing import actions, detail_of, shown, told

ABSENT, RECUSED, NOT_UPHELD = "absent", "recused", "not_upheld"


def given(hall: Hall, to: str, reason: str = ABSENT) -> dict[str, str]:
    return {"notary_id": str(hall.people[to]), "reason": reason}


def hand_over(
    hall: Hall, path: str, to: str = "colleague", who: str = "approver", reason: str = ABSENT
) -> Any:
    return hall.step(path, "handler", given(hall, to, reason), who)


def deactivate(hall: Hall, who: str) -> None:
    """The administrator closes somebody's account."""
    admin, path = staff_headers(roles=["admin"]), f"/staff/accounts/{hall.people[who]}"
    seen = hall.api.get(path, headers=admin)
    headers = {**admin, "If-Match": seen.headers["ETag"]}
    assert hall.api.post(f"{path}/deactivation", headers=headers).status_code == 200


def left(hall: Hall, who: str = "colleague") -> list[str]:
    """The cases that the office's list shows as left by their handlers; the worklist counts as many."""
    page = hall.api.get("/staff/worklist", headers=hall.headers[who]).json
    (counter,) = [each for each in page["counters"] if each["code"] == "notary.without_handler"]
    found = hall.api.get(counter["path"].removeprefix("/api/v1"), headers=hall.headers[who]).json
    assert len(found["items"]) == counter["count"]
    return [case["reference"] for case in found["items"]]


@pytest.mark.parametrize("who", ["clerk", "approver", "supervisor"])
def test_the_office_or_its_supervisor_gives_a_case_to_a_colleague(hall: Hall, who: str) -> None:
    _, path = hall.accepted()
    assert "reassign" in actions(hall.api.get(path, headers=hall.headers[who]).json)
    answer = hand_over(hall, path, who=who)
    assert (answer.status_code, answer.json["notary"]) == (200, "乙公证员")
    step = answer.json["timeline"][-1]
    assert (step["action"], step["label"]) == ("reassign", "变更承办人：承办人暂时不能办理")
    assert answer.json["state"] == "accepted"
    assert detail_of("notary_case.reassign") == {
        "state": "accepted",
        "reason": ABSENT,
        "from": str(hall.people["clerk"]),
        "to": str(hall.people["colleague"]),
    }
    assert shown(hall, path)["notary_id"] == str(hall.people["colleague"])


def test_nobody_else_does(hall: Hall) -> None:
    booking, path = hall.accepted()
    assert hand_over(hall, path, who="stranger").status_code == 404
    headers = {**hall.as_resident(booking), "If-Match": '"1"'}
    answer = hall.api.post(f"{path}/handler", given(hall, "colleague"), headers=headers)
    assert answer.status_code == 403


@pytest.mark.parametrize("to", ["stranger", "supervisor"])
def test_only_who_works_at_the_office_takes_it_over(hall: Hall, to: str) -> None:
    _, path = hall.accepted()
    refused = hand_over(hall, path, to)
    assert (refused.status_code, list(refused.json["errors"])) == (422, ["notary_id"])


def test_who_handles_it_already_does_not_take_it_over(hall: Hall) -> None:
    _, path = hall.accepted()
    refused = hand_over(hall, path, "clerk")
    assert (refused.status_code, refused.json["code"]) == (409, "handles_already")


@pytest.mark.parametrize("reason", [None, "她生病住院了"])
def test_the_reason_is_one_of_a_list(hall: Hall, reason: str | None) -> None:
    _, path = hall.accepted()
    refused = hall.step(path, "handler", {**given(hall, "colleague"), "reason": reason})
    assert (refused.status_code, list(refused.json["errors"])) == (422, ["reason"])


def test_of_two_who_hand_over_at_once_one_learns_that_the_case_has_changed(hall: Hall) -> None:
    _, path = hall.accepted()
    seen = hall.api.get(path, headers=hall.headers["clerk"]).headers["ETag"]
    answers = [
        hall.api.post(
            f"{path}/handler",
            given(hall, to),
            headers={**hall.headers["clerk"], "If-Match": seen},
        )
        for to in ("colleague", "approver")
    ]
    assert [each.status_code for each in answers] == [200, 412]
    assert shown(hall, path)["notary"] == "乙公证员"
    without = hall.api.post(f"{path}/handler", given(hall, "clerk"), headers=hall.headers["clerk"])
    assert without.status_code == 428


def test_who_gets_no_answer_and_asks_again_hands_over_once(hall: Hall, run_jobs: Any) -> None:
    _, path = hall.accepted()
    seen = hall.api.get(path, headers=hall.headers["clerk"]).headers["ETag"]
    key = {"Idempotency-Key": str(uuid.uuid4()), "If-Match": seen, **hall.headers["clerk"]}
    answers = [
        hall.api.post(f"{path}/handler", given(hall, "colleague"), headers=key) for _ in range(2)
    ]
    assert [each.status_code for each in answers] == [200, 200]
    steps = [step["action"] for step in shown(hall, path)["timeline"]]
    assert steps.count("reassign") == 1
    assert len(told(run_jobs, "notary.staff.to_handle")) == 1


def test_both_handlers_are_told_and_the_party_is_not(hall: Hall, run_jobs: Any) -> None:
    booking, path = hall.accepted()
    run_jobs()
    before = db.session.scalars(
        select(Message.id).where(Message.recipient_id == booking.resident_id)
    ).all()
    assert hand_over(hall, path).status_code == 200
    assert recipients(run_jobs, "notary.staff.to_handle") == {hall.people["colleague"]}
    assert recipients(run_jobs, "notary.staff.handed_on") == {hall.people["clerk"]}
    after = db.session.scalars(
        select(Message.id).where(Message.recipient_id == booking.resident_id)
    ).all()
    assert after == before
    # No step names the handler to the party.
    assert "乙公证员" not in str(hall.mine(booking, "case"))


def test_who_takes_it_over_themselves_need_not_be_told(hall: Hall, run_jobs: Any) -> None:
    _, path = hall.accepted()
    assert hand_over(hall, path, who="colleague").status_code == 200
    assert recipients(run_jobs, "notary.staff.to_handle") == set()
    assert recipients(run_jobs, "notary.staff.handed_on") == {hall.people["clerk"]}


def test_who_is_named_as_handler_at_the_acceptance_is_told_too(hall: Hall, run_jobs: Any) -> None:
    booking = hall.checked_in()
    named = {"notary_id": str(hall.people["colleague"])}
    hall.done(hall.at(booking), "acceptance", named)
    assert recipients(run_jobs, "notary.staff.to_handle") == {hall.people["colleague"]}


def test_warnings_of_the_deadline_go_to_the_new_handler(
    hall: Hall, clock: SettableClock, run_jobs: Any
) -> None:
    _, path = hall.accepted()
    assert hand_over(hall, path).status_code == 200
    clock.set("2026-03-24 08:00")
    sweep.sweep()
    assert recipients(run_jobs, messages.OVERDUE) == {hall.people["colleague"]}


def test_the_deadline_is_handed_over_while_it_stands(
    hall: Hall, clock: SettableClock, run_jobs: Any
) -> None:
    _, path = hall.accepted()
    paused = {"ground": "supplement", "note": "请补充户口簿原件。"}
    case = hall.done(path, "pauses", paused)
    assert hand_over(hall, path).json["state"] == "supplement"
    hall.done(path, f"pauses/{case['pauses'][0]['id']}/end")
    clock.set("2026-03-24 08:00")
    sweep.sweep()
    assert recipients(run_jobs, messages.OVERDUE) == {hall.people["colleague"]}


def test_an_ended_case_keeps_the_handler_that_the_register_names(hall: Hall) -> None:
    _, path = hall.issued()
    assert "reassign" not in actions(shown(hall, path))
    refused = hand_over(hall, path)
    assert (refused.status_code, refused.json["code"]) == (409, "wrong_state")
    span = {"from": "2026-03-02", "to": "2026-03-02"}
    register = hall.api.get(
        f"{hall.office}/register", query_string=span, headers=hall.headers["clerk"]
    )
    assert [row["notary"] for row in register.json["items"]] == ["甲公证员"]


class TestReviews:
    """What a review decided is carried out by who decided it; another one takes it over as they take over a case."""

    @pytest.fixture(params=["correct", "revoke"])
    def path(self, hall: Hall, request: pytest.FixtureRequest) -> str:
        """A case whose certificate is to be put right, or revoked, by the colleague who decided that."""
        booking, found = hall.issued()
        ask(hall, booking)
        decided(hall, found, request.param)
        return found

    def test_it_is_handed_over_with_its_deadline_and_both_are_told(
        self, hall: Hall, path: str, clock: SettableClock, run_jobs: Any
    ) -> None:
        before = hall.case(path)
        assert "reassign" in actions(before)
        assert hand_over(hall, path, "approver", "clerk").status_code == 200
        seen = hall.case(path)
        assert (seen["state"], seen["notary"]) == (before["state"], "甲公证员")
        (review,) = seen["reviews"]
        assert (review["reviewer"], review["handler"]) == ("乙公证员", "丙公证员")
        assert recipients(run_jobs, "notary.staff.to_handle") == {hall.people["approver"]}
        assert recipients(run_jobs, "notary.staff.handed_on") == {hall.people["colleague"]}
        clock.set("2026-03-13 08:00")
        sweep.sweep()
        assert recipients(run_jobs, messages.OVERDUE) == {hall.people["approver"]}

    def test_the_party_reads_no_name(self, hall: Hall) -> None:
        booking, path = hall.issued()
        ask(hall, booking)
        decided(hall, path, "correct")
        assert hand_over(hall, path, "approver", "clerk").status_code == 200
        assert "公证员" not in str(hall.mine(booking, "case")["reviews"])

    def test_whose_handler_has_left_is_counted_until_somebody_takes_it_over(
        self, hall: Hall, path: str
    ) -> None:
        assert left(hall, "clerk") == []
        deactivate(hall, "colleague")
        assert left(hall, "clerk") == left(hall, "supervisor") == [hall.case(path)["reference"]]
        assert "请变更承办人" in str(hall.case(path)["hints"])
        assert hand_over(hall, path, "approver", "supervisor").status_code == 200
        assert left(hall, "clerk") == []

    def test_of_who_has_left_after_the_certificate_nothing_is_counted(
        self, hall: Hall, path: str
    ) -> None:
        deactivate(hall, "clerk")
        assert left(hall) == []

    def test_it_is_listed_with_who_carries_it_out(self, hall: Hall, path: str) -> None:
        reference = hall.case(path)["reference"]
        for who in ("clerk", "colleague"):
            query = f"{STAFF}/cases?notary_id={hall.people[who]}"
            (row,) = hall.api.get(query, headers=hall.headers["approver"]).json["items"]
            assert row["reference"] == reference
            assert row["review_handler_id"] == str(hall.people["colleague"])
            assert row["review_handler"] == "乙公证员"
        query = f"{STAFF}/cases?notary_id={hall.people['approver']}"
        assert hall.api.get(query, headers=hall.headers["approver"]).json["items"] == []

    def test_once_it_is_carried_out_nobody_takes_it_over(self, hall: Hall, path: str) -> None:
        revoking = hall.case(path)["state"] == "revoking"
        done = hall.done(path, "revocation" if revoking else "correction")
        assert "reassign" not in actions(done)
        assert hand_over(hall, path, "approver", "clerk").json["code"] == "wrong_state"

    def test_one_that_is_being_decided_is_the_whole_offices(self, hall: Hall) -> None:
        booking, path = hall.issued()
        ask(hall, booking)
        assert "reassign" not in actions(shown(hall, path))
        assert hand_over(hall, path).json["code"] == "wrong_state"
        deactivate(hall, "clerk")
        assert left(hall) == []


class TestRecusal:
    """Who was taken off a case for recusal (回避) is not given it again, unless it was not upheld."""

    @pytest.fixture
    def path(self, hall: Hall) -> str:
        """A case that was taken from the clerk, and has gone from the colleague to a third since then."""
        _, found = hall.accepted()
        assert hand_over(hall, found, reason=RECUSED).status_code == 200
        assert hand_over(hall, found, "approver").status_code == 200
        return found

    @pytest.mark.parametrize("reason", [ABSENT, RECUSED, "left", "division"])
    def test_it_is_not_given_back(self, hall: Hall, path: str, reason: str) -> None:
        refused = hand_over(hall, path, "clerk", "colleague", reason)
        assert (refused.status_code, refused.json["code"]) == (409, "recused")
        assert "回避" in refused.json["detail"]
        assert "回避不成立" in refused.json["next_step"]
        assert shown(hall, path)["notary"] == "丙公证员"

    def test_nor_is_what_a_review_of_it_decided(self, hall: Hall, path: str) -> None:
        hall.done(path, "certificate", hall.certificate(handed_over=True))
        hall.done(path, "review", {**REQUEST, "by": "party"})
        decided(hall, path, "correct")
        assert hand_over(hall, path, "clerk", "approver").json["code"] == "recused"

    def test_whoever_decides_on_a_review_of_it_all_the_same_is_warned(
        self, hall: Hall, path: str
    ) -> None:
        hall.done(path, "certificate", hall.certificate(handed_over=True))
        hall.done(path, "review", {**REQUEST, "by": "party"})
        assert "回避" in str(decided(hall, path, "maintain", "clerk")["hints"])

    def test_others_take_it_over(self, hall: Hall, path: str) -> None:
        assert hand_over(hall, path, "colleague", "clerk").status_code == 200

    def test_unless_it_was_not_upheld(self, hall: Hall, path: str) -> None:
        back = hand_over(hall, path, "clerk", "supervisor", NOT_UPHELD)
        assert (back.status_code, back.json["notary"]) == (200, "甲公证员")
        assert back.json["timeline"][-1]["label"] == "变更承办人：回避不成立"
        # From then on it is a case as any other.
        assert hand_over(hall, path, "colleague").status_code == 200
        assert hand_over(hall, path, "clerk").status_code == 200

    def test_nobody_says_so_of_themselves(self, hall: Hall, path: str) -> None:
        refused = hand_over(hall, path, "clerk", "clerk", NOT_UPHELD)
        assert refused.status_code == 403
        assert "不能由本人登记" in refused.json["detail"]

    def test_nor_of_who_was_never_recused(self, hall: Hall, path: str) -> None:
        refused = hand_over(hall, path, "colleague", "clerk", NOT_UPHELD)
        assert (refused.status_code, list(refused.json["errors"])) == (422, ["reason"])

    def test_another_case_they_handle(self, hall: Hall, path: str) -> None:
        _, other = hall.accepted(when="2026-03-02 10:00")
        assert hand_over(hall, other).status_code == 200
        assert hand_over(hall, other, "clerk").status_code == 200


class TestLeft:
    """Whose handler is there no more stands in a list of its own until somebody takes the case over."""

    def test_of_a_closed_account(self, hall: Hall) -> None:
        _, path = hall.accepted()
        reference = hall.case(path)["reference"]
        assert left(hall) == []
        deactivate(hall, "clerk")
        assert left(hall) == left(hall, "supervisor") == [reference]
        assert left(hall, "stranger") == []
        seen = hall.api.get(path, headers=hall.headers["colleague"]).json
        assert "请变更承办人" in str(seen["hints"])
        assert hand_over(hall, path).status_code == 200
        assert left(hall) == []
        assert hall.api.get(path, headers=hall.headers["colleague"]).json["hints"] == []

    def test_of_who_works_at_another_office_now(self, hall: Hall) -> None:
        _, path = hall.accepted()
        _, issued = hall.accepted(when="2026-03-02 10:00")
        hall.done(issued, "certificate", hall.certificate())
        reference = hall.case(path)["reference"]
        move(hall, "clerk", make_notary_office(name="新公证处"))
        assert left(hall) == [reference]
        assert left(hall, "clerk") == []
        overview = hall.api.get(f"{STAFF}/overview", headers=hall.headers["colleague"]).json
        assert [each["without_handler"] for each in overview["items"]] == [1]
        assert hand_over(hall, path).status_code == 200
        assert left(hall) == []
        assert listed(hall, "colleague") == [reference]

    def test_of_who_is_ill_the_office_finds_all_by_the_handler(self, hall: Hall) -> None:
        _, mine = hall.accepted()
        _, other = hall.accepted(when="2026-03-02 10:00")
        hand_over(hall, other)
        for who, path in (("clerk", mine), ("colleague", other)):
            found = hall.api.get(
                f"{STAFF}/cases?notary_id={hall.people[who]}", headers=hall.headers["approver"]
            )
            (row,) = found.json["items"]
            assert row["id"] == path.rsplit("/", 1)[1]
            assert row["notary_id"] == str(hall.people[who])
