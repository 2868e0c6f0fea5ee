"""In a review everybody reads what concerns them: who asked for it, whose papers are missing, which clock stands."""

from __future__ import annotations

import pytest

from portal.core.jobs import worker
from tests.notary.hall import Booked, Hall
from tests.notary.test_reviews import INTERESTED, REQUEST, VERIFY, ask, decided
from tests.notary.test_wording import SUPPLEMENT, titles

BY_OTHER = {**INTERESTED, "knew_on": "2026-03-02"}


def next_step(hall: Hall, booking: Booked) -> str:
    said: str = hall.mine(booking, "case")["next_step"]
    return said


def told_to_staff(hall: Hall) -> set[str]:
    worker.drain()
    listed = hall.api.get("/staff/notifications", headers=hall.headers["colleague"]).json["items"]
    return {each["body"] for each in listed}


def test_what_somebody_else_asked_for_is_not_told_as_the_party_s_own_request(hall: Hall) -> None:
    booking, path = hall.issued()
    hall.done(path, "review", BY_OTHER)
    heard = titles(hall, booking)
    assert "复查申请已收到" not in heard
    assert heard["有人申请复查"].startswith("有利害关系人对公证事项 ")
    assert any("有利害关系人的复查申请" in each for each in told_to_staff(hall))


def test_the_party_s_own_request_is_confirmed_to_them(hall: Hall) -> None:
    booking, _ = hall.issued()
    assert ask(hall, booking).status_code == 200
    assert "复查申请已收到" in titles(hall, booking)
    assert any("有当事人的复查申请" in each for each in told_to_staff(hall))


@pytest.mark.parametrize(
    ("given", "title", "asked"),
    [
        ({**REQUEST, "by": "party"}, "复查需要补充材料", "请尽快把材料送到"),
        (BY_OTHER, "复查期限暂停", "其中写明请您补充的，请尽快送到"),
    ],
    ids=["asked for by the party", "asked for by somebody else"],
)
def test_papers_for_a_review_stop_the_review_and_are_asked_of_whom_they_concern(
    hall: Hall, given: dict[str, str], title: str, asked: str
) -> None:
    booking, path = hall.issued()
    hall.done(path, "review", given)
    hall.done(path, "pauses", SUPPLEMENT)
    heard = titles(hall, booking)
    assert "请补充材料" not in heard
    assert "复查期限暂停" in heard[title]
    assert "办证期限" not in heard[title]
    said = next_step(hall, booking)
    assert said.startswith("复查期限暂停")
    assert asked in said


def test_what_the_office_verifies_in_a_review_is_not_for_the_party_to_bring(hall: Hall) -> None:
    booking, path = hall.issued()
    assert ask(hall, booking).status_code == 200
    hall.done(path, "pauses", VERIFY)
    assert "目前不用您补充材料" in next_step(hall, booking)
    assert "也可以直接作出复查决定" in hall.case(path)["next_step"]
    assert "的复查因核实有关情况暂停" in titles(hall, booking)["复查期限暂停"]


def test_the_clock_that_runs_again_is_that_of_the_review(hall: Hall) -> None:
    booking, path = hall.issued()
    assert ask(hall, booking).status_code == 200
    pause = hall.done(path, "pauses", VERIFY)["pauses"][0]["id"]
    etag = hall.api.get(path, headers=hall.headers["clerk"]).headers["ETag"]
    headers = {**hall.headers["clerk"], "If-Match": etag}
    assert hall.api.post(f"{path}/pauses/{pause}/end", headers=headers).status_code == 200
    heard = titles(hall, booking)
    assert "复查到 2026年4月1日" in heard["复查期限恢复"]
    assert "办理期限恢复" not in heard


def test_who_has_not_fetched_the_certificate_is_told_to_after_a_review_too(hall: Hall) -> None:
    booking, path = hall.accepted()
    hall.done(path, "certificate", hall.certificate())
    assert ask(hall, booking).status_code == 200
    decided(hall, path, "maintain")
    assert "请带身份证件领取" in next_step(hall, booking)
    hall.done(path, "receipt", {"received_on": "2026-03-02"})
    assert "领取" not in next_step(hall, booking)


def test_who_has_a_certificate_that_was_put_right_is_told_how_to_get_the_right_one(
    hall: Hall,
) -> None:
    booking, path = hall.issued()
    assert ask(hall, booking).status_code == 200
    decided(hall, path, "correct")
    hall.done(path, "correction")
    said = next_step(hall, booking)
    assert "怎样换取更正后的公证书，请" in said
    assert "{" not in said


def test_no_message_of_a_review_is_left_with_a_gap(hall: Hall) -> None:
    booking, path = hall.issued()
    hall.done(path, "review", BY_OTHER)
    hall.done(path, "pauses", SUPPLEMENT)
    hall.done(path, "pauses", VERIFY)
    decided(hall, path, "revoke")
    hall.done(path, "revocation")
    for body in titles(hall, booking).values():
        assert "{" not in body
